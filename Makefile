# SPDX-License-Identifier: MIT
# seal - safe fine-tuning data, as Unix filters
#
# Build
#   make                 the programs, bin/seal-*                  [CUDA=1] [MPI=1] [SAN=1] [WERROR=1]
#   make deps            install the Debian packages that are missing (as root, or with sudo)
#   make install         programs, man pages, bash completion             [PREFIX=] [DESTDIR=]
#   make uninstall       remove them again                                [PREFIX=] [DESTDIR=]
#   make dist            build/seal-VERSION.tar.gz, of what is committed
#   make clean           remove all that was built
#
# Test                   (t/README.md says what is in which tier)
#   make check-fast      the C tests of the library: seconds
#   make check           all that is deterministic: minutes               [CUDA=1] [SAN=1]
#   make check-slow      kills at random, memory, time                    [SEED=]
#   make check-peers     against transformers, peft and llama.cpp         [SEAL_PYTHON=] [SEAL_LLAMA=]
#   make t/NAME          build and run one test, in C or sh: make t/places
#   make fuzz            a libFuzzer run of every parser                  [FUZZ_SECONDS=]
#
# Try and measure
#   make quickstart      deps, then build, fetch a model, run the whole story  [MODEL=] [ROWS=] [N=]
#   make report RUN=DIR  DIR/report.html, a page to look at, from DIR/report.json
#   make bench           tables of speed                                  [SEAL_PYTHON=]
#   make bench DEVICE=cuda   training on a GPU, see t/bench/gpu.sh        [MODEL=] [SEAL_PYTHON=]
#
# Develop
#   make format          clang-format 14 over lib, kernels and bin
#   make format-check    say which files it would change
#   make analyze         clang's static analyser over lib and kernels
#   make compile_commands.json   for clangd and editors
#   make map             a line for each file of the library, out of its own head
#   make help            print this
#
# Knobs, on the command line (make V=1) or in the environment
#   V=1            show whole commands, not a short line a file
#   WERROR=1       a warning is an error: for CI and for those who change the code
#   CUDA=1         also compute on NVIDIA GPUs of compute capability 8.0 and later;
#                  needs NVIDIA's CUDA toolkit (nvcc, cuBLAS), and nothing else does
#   GPUS           compute capabilities to compile for (80 86 90a); the last one's PTX is for later cards
#   CUDNN_FRONTEND folder of cudnn_frontend.h, of NVIDIA's cudnn-frontend, if CUDA's has it not: then
#                  attention is left to cuDNN where that is installed
#   MPI=1          also be one run of several processes under mpirun and srun (seal-cluster(7)); MPICC
#                  (mpicc) compiles the one file that is concerned, and links
#   SAN=1          AddressSanitizer and UndefinedBehaviorSanitizer, in build/san
#   CC, CFLAGS     the C compiler (gcc) and its optimisation (-O3 -g)
#   NVCC, NVCCFLAGS   likewise for CUDA
#   LDLIBS         further libraries; those of the project are in LIBS, below
#   PREFIX, DESTDIR   where to install: DESTDIR/PREFIX (/usr/local)
#   JOBS           how many tests run at once (as many as there are processors)
#   SEED           of check-slow's random kills; each run prints its own
#   SEAL_DATA      a folder of models, tokenizers and data sets; tests that need one skip without
#   SEAL_PYTHON    a Python with torch, transformers and peft: for peers and benchmarks only
#   SEAL_LLAMA     where llama.cpp is installed (include/llama.h, lib/libllama.so): a peer only
#   DEVICE         of make bench: cuda or cuda:N; builds with CUDA=1
#   MODEL, ROWS, N make quickstart: a model folder or GGUF, a folder of rows, how many rows (300)
#   FUZZ_SECONDS   for each parser (60)

ifeq ($(origin CC),default)
CC := gcc
endif
CFLAGS ?= -O3 -g
CUDA ?= $(if $(filter cuda%,$(DEVICE)),1)
NVCC ?= $(or $(shell command -v nvcc),/usr/local/cuda/bin/nvcc)
NVCCFLAGS ?= -O3 -lineinfo
GPUS ?= 80 86 90a
# A Hopper card's own instructions go by 90a.
override GPUS := $(if $(filter 90a,$(GPUS)),$(filter-out 90,$(GPUS)),$(patsubst 90,90a,$(GPUS)))
CUDNN_FRONTEND ?= $(patsubst %/,%,$(dir $(firstword $(wildcard $(patsubst %,%/include/cudnn_frontend.h,/usr/local/cuda /usr /usr/local)))))
MPICC ?= mpicc
PREFIX ?= /usr/local
JOBS ?= $(shell nproc)
N ?= 300
FUZZ_SECONDS ?= 60

# No built-in rules; as many jobs as processors, unless make was told how many or another make runs it.
MAKEFLAGS += -r
ifeq ($(MAKELEVEL)$(filter -j%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(shell nproc)
endif

B := build$(if $(CUDA),/cuda)$(if $(MPI),/mpi)$(if $(SAN),/san)
WARNINGS := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wvla -Wundef -Wnull-dereference
STANDARD := -std=gnu11 -D_GNU_SOURCE -fopenmp
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=undefined
ALL_CFLAGS := $(STANDARD) $(CFLAGS) -fno-math-errno -fno-trapping-math $(WARNINGS) $(if $(WERROR),-Werror) \
              $(if $(SAN),$(SANITIZE) -fno-omit-frame-pointer -DSEAL_SAN) $(if $(CUDA),-DSEAL_CUDA) -MMD -MP
FUZZ_CFLAGS := $(STANDARD) -g -O1 -Wno-pass-failed -DSEAL_SAN $(SANITIZE) -fsanitize=fuzzer-no-link -MMD -MP
# From Debian packages; pipelines/need.sh has their names.
LIBS := -lzstd -lz -llzma -lcsv -ljansson -lonig -lutf8proc -lxxhash -lnettle -ldnnl -lm $(LDLIBS)

ifneq ($(CUDA),)
CUDA_LIB := $(abspath $(dir $(NVCC))../lib64)
ALL_NVCCFLAGS := -std=c++17 $(NVCCFLAGS) -Xcompiler -Wall,-Wextra -Xptxas -v \
                 $(if $(WERROR),-Xcompiler -Werror -Werror all-warnings) \
                 $(foreach g,$(GPUS),-gencode arch=compute_$g,code=sm_$g) \
                 $(foreach g,$(patsubst %a,%,$(lastword $(GPUS))),-gencode arch=compute_$g,code=compute_$g) \
                 -DSEAL_HOPPER=$(if $(filter 90a,$(GPUS)),1,0)
# t/cuda.t asks for these.
export GPUS
ifneq ($(CUDNN_FRONTEND),)
ALL_NVCCFLAGS += -DSEAL_CUDNN
endif
LIBS += -Wl,--as-needed -L$(CUDA_LIB) -Wl,-rpath,$(CUDA_LIB) -lcublas -lcudart -lstdc++
endif

PROGRAMS := $(patsubst bin/%.c,bin/%,$(wildcard bin/seal-*.c))
SOURCES := $(wildcard lib/*/*.c kernels/*.c)
KERNELS := $(wildcard kernels/*.cu)
OBJECTS := $(SOURCES:%.c=$B/%.o) $(if $(CUDA),$(KERNELS:%=$B/%.o) $(if $(CUDNN_FRONTEND),$B/kernels/attn_cudnn.cc.o))
# The tiers: C tests of the library, tests of the programs in sh, and two folders.
C_TESTS := $(patsubst t/%.c,$B/t/%.t,$(wildcard t/*.c))
SH_TESTS := $(wildcard t/*.t)
SLOW_TESTS := $(patsubst t/%.c,$B/t/%.t,$(wildcard t/slow/*.c)) $(wildcard t/slow/*.t)
PEER_TESTS := $(wildcard t/peer/*.t) t/peft.t
# The GPU's code on a simulated GPU (t/cudasim): a library with it, tests of the simulator,
# the tests of what computes, again, on device "cuda", and programs for t/cudasim.t.
S := $B/cudasim
DEVICE_TESTS := model ops_attn bilevel finetune cache steps ops_gemm adapter ops_mem ops_rows ops_threads shared
SIM_OWN_TESTS := $(patsubst %,$S/%.t,words faults host_faults devices)
# Products and attention by AMX, whose tiles are in C (t/amxsim.h): the tests of these once more.
X := $B/amxsim
AMX_TESTS := $(patsubst %,$X/t/%.t,ops_gemm ops_attn model)
SIM_TESTS := $(if $(SAN),,$(DEVICE_TESTS:%=$S/t/%.t) $(SIM_OWN_TESTS)) $(AMX_TESTS)
SIM_PROGRAMS := $(if $(SAN),,$(patsubst %,$S/bin/seal-%,score lora-train eval))
# For a GPU they can be built anywhere; on a machine that has one they run there as well.
FOR_GPU := $(if $(CUDA),$(DEVICE_TESTS:%=$B/gpu/t/%.t))
GPU_TESTS := $(if $(wildcard /dev/nvidiactl),$(FOR_GPU))
SIM_OBJECTS := $(patsubst %.c,$B/%.o,$(filter-out kernels/dev.c,$(SOURCES))) \
               $S/kernels/dev.o $(patsubst %,$S/%.o,$(KERNELS) $(wildcard t/cudasim/*.cc))
SIM_CXXFLAGS := -std=c++17 -O2 -g -DSEAL_HOPPER=1 -Wall -Wextra $(if $(WERROR),-Werror) -MMD -MP
# Each access of a kernel calls the simulator.
SIM_CUFLAGS := $(SIM_CXXFLAGS) -x c++ -It/cudasim -Wno-unknown-pragmas -fsanitize=thread,alignment,bounds \
               -fno-tree-vectorize -fno-tree-loop-distribute-patterns
C_BENCH := $(patsubst t/bench/%.c,$B/t/bench/%,$(wildcard t/bench/*.c))
# Operations timed on a GPU.
GPU_BENCH := $(if $(CUDA),$B/gpu/t/bench/ops)
# cuDNN is opened at run time.  Its headers are CUDA's neighbours, cudnn-frontend's wherever they are.
CUDNN_CXXFLAGS := -std=c++17 -O1 -g -DSEAL_CUDNN -Wall -Wextra -MMD -MP -isystem $(CUDNN_FRONTEND) -isystem $(CUDA_LIB)/../include
FUZZERS := $(patsubst t/fuzz/%.c,build/fuzz/%,$(wildcard t/fuzz/*.c))

all: $(PROGRAMS)
help:
	@sed -n '2,/^$$/s/^# \{0,1\}//p' Makefile

# $(call run,WORD,NAME) before a command: with V=1 make shows the command, else WORD and NAME are printed.
run = $(if $(V),,@printf '  %-5s %s\n' '$1' '$2';)
# $(call compile,TARGET,SOURCE,COMMAND): objects of a kind; a change of flags makes them anew.
define compile
$1: $2 $$B/flags | $$B/headers
	@mkdir -p $$(@D)
	$$(call run,CC,$$<)$3 -c -o $$@ $$<
endef
# $(call link,TARGETS,PATTERN,OBJECT,LIBRARY,FURTHER LIBRARIES)
define link
$1: $2: $3 $4
	@mkdir -p $$(@D)
	$$(call run,LINK,$$@)$$(if $$(MPI),$$(MPICC),$$(CC)) $$(ALL_CFLAGS) -o $$@ $$< $4 $$(LIBS) $5
endef
archive = $(call run,AR,$@)rm -f $@ && ar rcs $@ $^

$(eval $(call compile,$$B/%.o,%.c,$$(CC) $$(ALL_CFLAGS)))
$(eval $(call compile,$$B/gpu/t/%.o,t/%.c,$$(CC) $$(ALL_CFLAGS) -DTEST_DEVICE='"cuda"'))
$(eval $(call compile,$$S/%.o,%.c,$$(CC) $$(ALL_CFLAGS) -DSEAL_CUDA -DTEST_DEVICE='"cuda"'))
$(eval $(call compile,$$X/%.o,%.c,$$(CC) $$(ALL_CFLAGS) $$(AMXSIM)))
$X/kernels/gemm.o: AMXSIM = -Damx_is_there=amx_of_processor
$X/kernels/tile_amx.o: AMXSIM = -include t/amxsim.h
$(eval $(call compile,$$B/%.cc.o,%.cc,$$(CXX) $$(CUDNN_CXXFLAGS)))
$(eval $(call compile,$$S/%.cc.o,%.cc,$$(CXX) $$(SIM_CXXFLAGS)))
ifneq ($(MPI),)
$(eval $(call compile,$$B/lib/base/world_mpi.o,lib/base/world_mpi.c,$$(MPICC) $$(ALL_CFLAGS) -DSEAL_MPI))
endif
$S/%.cu.o: %.cu $B/flags | $B/headers
	@mkdir -p $(@D)
	$(call run,CXX,$<)$(CXX) $(SIM_CUFLAGS) -c -o $@ $< && \
	  objcopy --redefine-sym memcpy=cudasim_memcpy --redefine-sym memmove=cudasim_memmove \
	    --redefine-sym memset=cudasim_memset $@
# The bits of the CPU's decoding: it rounds products before they are added.
$B/kernels/dtype.cu.o: NVCCFLAGS += -fmad=false
# What ptxas says of registers and spills is kept for t/cuda.t.
$B/%.cu.o: %.cu $B/flags
	@mkdir -p $(@D)
	$(call run,NVCC,$<)$(NVCC) $(ALL_NVCCFLAGS) -MMD -MP -MF $(@:.o=.d) -c -o $@ $< > $@.ptxas 2>&1 || \
	  { cat $@.ptxas; exit 1; }

$B/libseal.a: $(OBJECTS)
	$(archive)
$S/libseal.a: $(SIM_OBJECTS)
	$(archive)

# A program is linked beside its source: build/linked notices that the one there is from another build.
$(PROGRAMS): $B/flags build/linked
$(eval $(call link,$$(PROGRAMS),bin/%,$$B/bin/%.o,$$B/libseal.a))
$(eval $(call link,$$(C_TESTS) $$(filter $$B/%,$$(SLOW_TESTS)) $$(FOR_GPU),%.t,%.o,$$B/libseal.a))
$(eval $(call link,$$(C_BENCH),%,%.o,$$B/libseal.a))
$(eval $(call link,$$(GPU_BENCH),%,%.o,$$B/libseal.a))
$(eval $(call link,$$(filter $$S/t/%,$$(SIM_TESTS)),%.t,%.o,$$S/libseal.a,-lstdc++))
$(eval $(call link,$$(SIM_PROGRAMS),%,%.o,$$S/libseal.a,-lstdc++))
$(eval $(call link,$$(AMX_TESTS),$$X/%.t,$$B/%.o,$$X/kernels/gemm.o $$X/kernels/tile_amx.o $$B/libseal.a))
$(eval $(call link,$$S/devices.t,$$S/%.t,$$S/t/cudasim/%.o,$$S/libseal.a,-lstdc++))
$(eval $(call link,$$(patsubst %,$$S/%.t,words faults host_faults),$$S/%.t,$$S/t/cudasim/%.cu.o,$$S/libseal.a,-lstdc++))

# $(call stamp,TEXT): a file that is newer only when what it says has changed.
stamp = @mkdir -p $(@D); echo '$1' | cmp -s - $@ || echo '$1' > $@
build/linked: FORCE
	$(call stamp,$B)
$B/flags: FORCE
	$(call stamp,$(CC) $(ALL_CFLAGS) $(ALL_NVCCFLAGS))
# Names the Debian packages of headers that are missing; `make deps check` installs them first.
$B/headers: pipelines/need.sh | $(filter deps,$(MAKECMDGOALS))
	@mkdir -p $(@D)
	@sh pipelines/need.sh check && touch $@
deps:
	@sh pipelines/need.sh install
need-tools: | $(filter deps,$(MAKECMDGOALS))
	@sh pipelines/need.sh check tests

# Timing and memory are measured one test at a time.
check-slow check-peers: JOBS = 1
# Waiting threads give their processor to the other tests.
PROVE = SAN='$(SAN)' CUDA='$(CUDA)' MAKEFLAGS= OMP_WAIT_POLICY=passive prove --timer -e '' -j$(JOBS)
tests: all $(C_TESTS) $(SIM_TESTS) $(SIM_PROGRAMS) $(GPU_TESTS)
check-fast: need-tools $(C_TESTS)
	$(PROVE) $(C_TESTS)
# The longest come first, so that none is left alone at the end.
check: need-tools tests
	$(PROVE) $(SIM_TESTS) $(GPU_TESTS) $(SH_TESTS) $(C_TESTS)
check-slow: need-tools all $(SLOW_TESTS)
	$(PROVE) $(SLOW_TESTS)
check-peers: need-tools all $B/t/jinja.t
	@[ '$(SEAL_PYTHON)$(SEAL_LLAMA)' ] || { echo 'make check-peers needs SEAL_PYTHON= or SEAL_LLAMA=: see make help' >&2; exit 1; }
	SEAL_PYTHON='$(SEAL_PYTHON)' SEAL_LLAMA='$(SEAL_LLAMA)' $(PROVE) $(PEER_TESTS)

# t/NAME: t/NAME.c, t/NAME.t, or both where a subject has both.
NAMED := $(basename $(wildcard t/*.c t/*.t t/slow/*.c t/slow/*.t t/peer/*.t))
define named
$1: $$(if $$(wildcard $1.c),$$B/$1.t) $$(if $$(wildcard $1.t),all)
	$$(PROVE) -v $$(if $$(wildcard $1.c),$$B/$1.t) $$(wildcard $1.t)
endef
$(foreach name,$(sort $(NAMED)),$(eval $(call named,$(name))))
t/cudasim: $(SIM_PROGRAMS)

report: all
	sh pipelines/report.sh $(if $(RUN),'$(RUN)')
quickstart: deps
	$(MAKE) all
	MODEL='$(MODEL)' ROWS='$(ROWS)' N='$(N)' sh pipelines/quickstart.sh
# What t/gpu/check.sh takes to a machine that has a GPU.
for-gpu: all $(FOR_GPU) $(GPU_BENCH) $B/t/bench/folder
bench: all $(C_BENCH)
	SEAL_PYTHON='$(SEAL_PYTHON)' DEVICE='$(DEVICE)' MODEL='$(MODEL)' sh t/bench/run.sh

# The library is compiled once for all fuzzers.
fuzz: $(FUZZERS)
	@for f in $(FUZZERS); do sh t/fuzz/run.sh $$f $(FUZZ_SECONDS) || exit 1; done
fuzzers: $(FUZZERS)
build/fuzz/%: t/fuzz/%.c build/fuzz/libseal.a
	$(call run,LINK,$@)clang $(FUZZ_CFLAGS) -fsanitize=fuzzer -o $@ $(filter %.c %.a,$^) $(LIBS)
build/fuzz/libseal.a: $(SOURCES:%.c=build/fuzz/obj/%.o)
	$(archive)
build/fuzz/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call run,CLANG,$<)clang $(FUZZ_CFLAGS) -c -o $@ $<

FORMATTED := $(wildcard lib/*/*.[ch] kernels/*.[ch] kernels/*.c[cu] bin/*.c)
FORMAT := $(firstword $(foreach f,clang-format-14 clang-format,$(if $(findstring version 14,$(shell $f --version 2>&1)),$f)))
format:
	$(or $(FORMAT),$(error needs clang-format 14: apt-get install clang-format-14)) -i $(FORMATTED)
format-check:
	@$(if $(FORMAT),$(FORMAT) --dry-run -Werror $(FORMATTED),echo 'format-check: skipped, clang-format 14 is not installed')
analyze: $(SOURCES:%.c=build/analyze/%.ok)
build/analyze/%.ok: %.c
	@mkdir -p $(@D)
	$(call run,CHECK,$<)clang --analyze --analyzer-output text -Xclang -analyzer-werror $(STANDARD) -MMD -MP -MF $(@:.ok=.d) -MT $@ $< && touch $@
# The second line of a source is "name - what it is", perhaps going on to the first full stop.
map:
	@for d in kernels $(patsubst %,lib/%,base format text rows model train score eval); do \
	  printf '\n%s\n' $$d; \
	  awk 'FNR == 2 { sub(/^\/\* /, ""); text = ""; on = 1 } \
	    on { sub(/^ \* ?/, ""); text = text (text == "" ? "" : " ") $$0 } \
	    on && (/[.;:] *(\*\/)?$$/ || /\*\// || $$0 == "") { on = 0; sub(/ *\*\/.*/, "", text); if (text !~ / - see /) print "  " text }' \
	    $$d/*.[ch]; \
	done
compile_commands.json: FORCE
	@for f in $(SOURCES) $(wildcard bin/*.c t/*.c t/slow/*.c t/bench/*.c); do \
	  printf '{"directory":"%s","file":"%s","command":"%s"}\n' '$(CURDIR)' $$f "$(CC) $(STANDARD) $(CFLAGS) $(WARNINGS) -c $$f"; \
	done | sed '1s/^/[/; $$!s/$$/,/; $$s/$$/]/' > $@

D := $(DESTDIR)$(PREFIX)
COMPLETIONS := $D/share/bash-completion/completions
install: all
	install -d $D/bin $(foreach s,1 5 7,$D/share/man/man$s) $(COMPLETIONS)
	install -m 755 $(PROGRAMS) $D/bin
	for s in 1 5 7; do install -m 644 man/*.$$s $D/share/man/man$$s || exit 1; done
	for p in $(PROGRAMS); do sh pipelines/completion.sh $$p > $(COMPLETIONS)/$${p#bin/} || exit 1; done
uninstall:
	rm -f $(PROGRAMS:bin/%=$D/bin/%) $(PROGRAMS:bin/%=$(COMPLETIONS)/%) \
	  $(foreach s,1 5 7,$(patsubst man/%,$D/share/man/man$s/%,$(wildcard man/*.$s)))
VERSION = $(shell sed -n 's/^#define SEAL_VERSION "\(.*\)"/\1/p' lib/base/opt.h)
dist:
	@mkdir -p build
	git archive --prefix=seal-$(VERSION)/ -o build/seal-$(VERSION).tar.gz HEAD
clean:
	rm -rf build $(PROGRAMS) compile_commands.json

-include $(shell find build -name '*.d' 2>/dev/null)
.PRECIOUS: $B/%.o $S/%.o $S/%.cu.o
.PHONY: all for-gpu help deps need-tools tests check check-fast check-slow check-peers $(NAMED) quickstart report bench fuzz \
        fuzzers format format-check analyze map install uninstall dist clean FORCE
