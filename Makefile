# SPDX-License-Identifier: MIT
# seal - safe fine-tuning data, as Unix filters
#
#   make             build the programs (bin/seal-*) and libseal.a     [CUDA=1]
#   make check       install what is missing, build, run every test    [SAN=1] [CUDA=1]
#   make quickstart  install, build, fetch a model, run the whole story  [MODEL= ROWS= N=]
#   make install     programs, man pages, bash completion              [PREFIX= DESTDIR=]
#   make bench       tables of speed                                   [SEAL_PYTHON=]
#   make bench DEVICE=cuda  training on a GPU, see t/bench/gpu.sh      [MODEL= SEAL_PYTHON=]
#   make fuzz        a libFuzzer run of every parser                   [FUZZ_SECONDS=]
#   make clean
#
# Knobs
ifeq ($(origin CC),default)
CC := gcc
endif
CFLAGS ?= -O3 -g
SAN ?=
# CUDA=1: the programs can also compute on NVIDIA GPUs, from compute capability 8.0 on.
# Needs NVIDIA's CUDA toolkit (nvcc, cuBLAS); nothing else does.
CUDA ?= $(if $(filter cuda%,$(DEVICE)),1)
# make bench: cuda or cuda:N; builds with CUDA=1.
DEVICE ?=
NVCC ?= $(or $(shell command -v nvcc),/usr/local/cuda/bin/nvcc)
NVCCFLAGS ?= -O3 -lineinfo
PREFIX ?= /usr/local
DESTDIR ?=
# A Python with torch, transformers and peft: for peer tests and benchmarks only.
SEAL_PYTHON ?=
# Where llama.cpp is installed (include/llama.h, lib/libllama.so): for a peer test only.
SEAL_LLAMA ?=
FUZZ_SECONDS ?= 60
# make quickstart: a model folder or GGUF, a data folder, how many rows.
MODEL ?=
ROWS ?=
N ?= 300

B := build$(if $(CUDA),/cuda)$(if $(SAN),/san)
ALL_CFLAGS := -std=gnu11 -D_GNU_SOURCE $(CFLAGS) -fopenmp -fno-math-errno -fno-trapping-math \
              -Wall -Wextra -Werror -MMD -MP
ifneq ($(SAN),)
ALL_CFLAGS += -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -DSEAL_SAN
endif
FUZZ_CFLAGS := -std=gnu11 -D_GNU_SOURCE -g -O1 -fopenmp -Wno-pass-failed -DSEAL_SAN \
               -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
LIBS := -lzstd -lcsv -ljansson -lonig -lutf8proc -lxxhash -lnettle -ldnnl -lm

ifneq ($(CUDA),)
CUDA_LIB := $(abspath $(dir $(NVCC))../lib64)
ALL_CFLAGS += -DSEAL_CUDA
ALL_NVCCFLAGS := -std=c++17 $(NVCCFLAGS) -Xcompiler -Wall,-Wextra,-Werror -Werror all-warnings -Xptxas -v \
                 -gencode arch=compute_80,code=sm_80 -gencode arch=compute_86,code=sm_86 \
                 -gencode arch=compute_90,code=sm_90 -gencode arch=compute_90,code=compute_90
LIBS += -Wl,--as-needed -L$(CUDA_LIB) -Wl,-rpath,$(CUDA_LIB) -lcublas -lcudart -lstdc++
endif

PROGRAMS := $(patsubst bin/%.c,bin/%,$(wildcard bin/seal-*.c))
OBJECTS := $(patsubst %.c,$B/%.o,$(wildcard lib/*/*.c kernels/*.c)) \
           $(if $(CUDA),$(patsubst %.cu,$B/%.cu.o,$(wildcard kernels/*.cu)))
C_TESTS := $(patsubst t/%.c,$B/t/%.t,$(wildcard t/*.c))
C_BENCH := $(patsubst t/bench/%.c,$B/t/bench/%,$(wildcard t/bench/*.c))
# The GPU's code on a simulated GPU (t/cudasim): a library with it, tests of the simulator,
# the tests of what computes, again, on device "cuda", and programs for t/cudasim.t.
S := $B/cudasim
DEVICE_TESTS := ops_attn ops_gemm ops_mem ops_rows ops_threads model steps bilevel cache adapter shared
SIM_TESTS := $(if $(SAN),,$S/words.t $S/faults.t $S/host_faults.t $S/devices.t $(patsubst %,$S/t/%.t,$(DEVICE_TESTS)))
SIM_PROGRAMS := $(if $(SAN),,$(patsubst %,$S/bin/seal-%,score lora-train eval))
# On a machine with a GPU they run there as well.
GPU_TESTS := $(if $(CUDA),$(if $(wildcard /dev/nvidiactl),$(patsubst %,$B/gpu/t/%.t,$(DEVICE_TESTS))))
SIM_OBJECTS := $(patsubst %.c,$B/%.o,$(filter-out kernels/dev.c,$(wildcard lib/*/*.c kernels/*.c))) \
               $S/kernels/dev.o $(patsubst %,$S/%.o,$(wildcard kernels/*.cu t/cudasim/*.cc))
SIM_CXXFLAGS := -std=c++17 -O2 -g -Wall -Wextra -Werror -MMD -MP
# Each access of a kernel calls the simulator.
SIM_CUFLAGS := $(SIM_CXXFLAGS) -x c++ -It/cudasim -Wno-unknown-pragmas -fsanitize=thread,alignment,bounds \
               -fno-tree-vectorize -fno-tree-loop-distribute-patterns
FUZZERS := $(patsubst t/fuzz/%.c,build/fuzz/%,$(wildcard t/fuzz/*.c))

all: $(PROGRAMS)

# A program is linked beside its source; the stamps notice a change of flags, and
# that the programs there are from the other of the two builds.
$(PROGRAMS): bin/%: $B/bin/%.o $B/libseal.a $B/flags build/linked
	$(CC) $(ALL_CFLAGS) -o $@ $< $B/libseal.a $(LIBS)
$B/libseal.a: $(OBJECTS)
	rm -f $@ && ar rcs $@ $^
$B/%.o: %.c $B/flags | $B/headers
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<
# What ptxas says of registers and spills is kept for t/cuda.t.
$B/%.cu.o: %.cu $B/flags
	@mkdir -p $(@D)
	$(NVCC) $(ALL_NVCCFLAGS) -MMD -MP -MF $(@:.o=.d) -c -o $@ $< > $@.ptxas 2>&1 || { cat $@.ptxas; exit 1; }
$B/t/%.t: $B/t/%.o $B/libseal.a
	$(CC) $(ALL_CFLAGS) -o $@ $< $B/libseal.a $(LIBS)
$B/t/bench/%: $B/t/bench/%.o $B/libseal.a
	$(CC) $(ALL_CFLAGS) -o $@ $< $B/libseal.a $(LIBS)
$S/libseal.a: $(SIM_OBJECTS)
	rm -f $@ && ar rcs $@ $^
$S/%.cc.o: %.cc $B/flags
	@mkdir -p $(@D)
	$(CXX) $(SIM_CXXFLAGS) -c -o $@ $<
$S/%.cu.o: %.cu $B/flags
	@mkdir -p $(@D)
	$(CXX) $(SIM_CUFLAGS) -c -o $@ $<
	objcopy --redefine-sym memcpy=cudasim_memcpy --redefine-sym memmove=cudasim_memmove \
	  --redefine-sym memset=cudasim_memset $@
$S/%.o: %.c $B/flags
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -DSEAL_CUDA -DTEST_DEVICE='"cuda"' -c -o $@ $<
$S/words.t $S/faults.t $S/host_faults.t: $S/%.t: $S/t/cudasim/%.cu.o $S/libseal.a
	$(CC) $(ALL_CFLAGS) -o $@ $< $S/libseal.a $(LIBS) -lstdc++
$S/devices.t: $S/t/cudasim/devices.o $S/libseal.a
	$(CC) $(ALL_CFLAGS) -o $@ $< $S/libseal.a $(LIBS) -lstdc++
$S/t/%.t: $S/t/%.o $S/libseal.a
	$(CC) $(ALL_CFLAGS) -o $@ $< $S/libseal.a $(LIBS) -lstdc++
$(SIM_PROGRAMS): %: %.o $S/libseal.a
	$(CC) $(ALL_CFLAGS) -o $@ $< $S/libseal.a $(LIBS) -lstdc++
$B/gpu/t/%.o: t/%.c $B/flags
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -DTEST_DEVICE='"cuda"' -c -o $@ $<
$B/gpu/t/%.t: $B/gpu/t/%.o $B/libseal.a
	$(CC) $(ALL_CFLAGS) -o $@ $< $B/libseal.a $(LIBS)
build/linked: FORCE
	@mkdir -p build
	@echo '$B' | cmp -s - $@ || echo '$B' > $@
$B/flags: FORCE
	@mkdir -p $B
	@echo '$(CC) $(ALL_CFLAGS) $(ALL_NVCCFLAGS)' | cmp -s - $@ || echo '$(CC) $(ALL_CFLAGS) $(ALL_NVCCFLAGS)' > $@
.PRECIOUS: $B/%.o $S/%.cu.o

# Names the Debian package of a header that is missing.
$B/headers: pipelines/need.sh
	@mkdir -p $B
	sh pipelines/need.sh check
	@touch $@

deps:
	sh pipelines/need.sh install

check: deps
	$(MAKE) all tests
	SAN=$(SAN) CUDA=$(CUDA) OMP_WAIT_POLICY=passive prove --timer -e '' $(C_TESTS) $(SIM_TESTS) $(GPU_TESTS) t/*.t
tests: $(C_TESTS) $(SIM_TESTS) $(SIM_PROGRAMS) $(GPU_TESTS)

quickstart: deps
	$(MAKE) all
	MODEL='$(MODEL)' ROWS='$(ROWS)' N='$(N)' sh pipelines/quickstart.sh

bench: all $(C_BENCH)
	SEAL_PYTHON='$(SEAL_PYTHON)' DEVICE='$(DEVICE)' MODEL='$(MODEL)' sh t/bench/run.sh

# The library is compiled once for all fuzzers.
fuzz: $(FUZZERS)
	@for f in $(FUZZERS); do sh t/fuzz/run.sh $$f $(FUZZ_SECONDS) || exit 1; done
fuzzers: $(FUZZERS)
build/fuzz/%: t/fuzz/%.c build/fuzz/libseal.a
	clang $(FUZZ_CFLAGS) -fsanitize=fuzzer -o $@ $^ $(LIBS)
build/fuzz/libseal.a: $(patsubst %.c,build/fuzz/obj/%.o,$(wildcard lib/*/*.c kernels/*.c))
	rm -f $@ && ar rcs $@ $^
build/fuzz/obj/%.o: %.c
	@mkdir -p $(@D)
	clang $(FUZZ_CFLAGS) -MMD -MP -c -o $@ $<

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 \
	  $(DESTDIR)$(PREFIX)/share/man/man5 $(DESTDIR)$(PREFIX)/share/man/man7
	install -m 755 $(PROGRAMS) $(DESTDIR)$(PREFIX)/bin
	install -m 644 man/*.1 $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 644 man/*.5 $(DESTDIR)$(PREFIX)/share/man/man5
	install -m 644 man/*.7 $(DESTDIR)$(PREFIX)/share/man/man7
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	for p in $(PROGRAMS); do \
	  sh pipelines/completion.sh $$p > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/$${p##*/} || exit 1; done

clean:
	rm -rf build $(PROGRAMS)

-include $(shell find build -name '*.d' 2>/dev/null)
.PHONY: all deps check tests quickstart bench fuzz fuzzers install clean FORCE
