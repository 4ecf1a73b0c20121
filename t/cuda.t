#!/bin/sh
# SPDX-License-Identifier: MIT
# cuda.t - the build for GPUs: what its kernels take of a multiprocessor, and what the programs do
# on a machine with a GPU and on one without
tap_gpu=1
. "$(dirname "$0")/tap.sh"
cd "$T/.." || exit 1

if [ -z "${CUDA:-}" ]; then
	skip "the build for GPUs" "make check CUDA=1 tests it; it needs nvcc"
	done_testing
fi
B=build/cuda${SAN:+/san}

# kernel, target, registers, stack, spills (bytes): a line for each kernel and target, as ptxas said
for f in kernels/*.cu; do
	awk -v file="$f" '
		/Compiling entry function/ { split($0, part, "\047"); kernel = part[2]; target = part[4] }
		/bytes stack frame/ { stack = $1; spill = $5 + $9 }
		/Used [0-9]+ registers/ { match($0, /Used [0-9]+/)
			print file, kernel, target, substr($0, RSTART + 5, RLENGTH - 5), stack, spill }' "$B/$f.o.ptxas"
done > "$TMP/kernels"
c++filt < "$TMP/kernels" | sed 's/^/# /'

is "$(cut -d' ' -f1 "$TMP/kernels" | sort -u)" "$(grep -l __global__ kernels/*.cu)" "kernels of every file"
GPUS=${GPUS:-80 86 90a} first=sm_${GPUS%% *}
is "$(cut -d' ' -f3 "$TMP/kernels" | sort -u)" "$(printf 'sm_%s\n' $GPUS | sort)" "kernels for all targets"
for t in $GPUS; do
	is "$(grep " sm_$t " "$TMP/kernels" | cut -d' ' -f1,2)" "$(grep " $first " "$TMP/kernels" | cut -d' ' -f1,2)" \
	   "the same ones for sm_$t as for $first"
done
is "$(awk '$6 > 0 || $5 > 0' "$TMP/kernels")" "" "no kernel spills or keeps arrays in memory"
# A multiprocessor has 65536, for blocks of at most 256 threads, or of 384 in attn_hopper.cu (of keys 256)
# and of 512 in norm.cu and xent.cu.
is "$(awk '$4 < 1 || $4 > ($1 ~ /norm|xent/ ? 128 : $1 ~ /hopper/ && $2 !~ /keys/ ? 168 : 255)' "$TMP/kernels")" \
   "" "a block's registers are there"

ldd bin/seal-score > "$TMP/ldd"
like "$(cat "$TMP/ldd")" 'libcublas' "seal-score is linked to cuBLAS"
is "$(ldd bin/seal-select | grep -c 'libcu')" 0 "seal-select is not"

model=$T/gold/model
head -4 pipelines/demo/train.jsonl | "$BIN/seal-tokenize" -q -m "$model" -o "$TMP/rows.tok"
nll() { "$BIN/seal-eval" nll -m "$model" --dtype f32 "$@" "$TMP/rows.tok"; }
fails 1 '--device cuda:x: a GPU is cuda or cuda:N' "no number" nll --device cuda:x
fails 1 '--device cuda:1x: a GPU is cuda or cuda:N' "a number and more" nll --device cuda:1x
nll --device cpu > "$TMP/cpu" 2> "$TMP/err"
like "$(cat "$TMP/err")" 'computing on cpu' "the processor is named"
nll --device auto > "$TMP/auto" 2> "$TMP/err"
ok $? "auto computes"
if [ -e /dev/nvidiactl ]; then
	like "$(cat "$TMP/err")" 'computing on cuda:[0-9]+ \(.*\)' "auto takes the GPU and names it"
	nll --device cuda > "$TMP/cuda"
	ok $? "cuda computes"
	jq -e -s --slurpfile want "$TMP/cpu" \
		'[range(length) as $i | (.[$i].nll - $want[$i].nll) | fabs < 1e-4] | all' "$TMP/cuda" > "$TMP/out"
	ok $? "the GPU's losses are the processor's"
	nll --device cuda > "$TMP/again"
	ok $(! cmp -s "$TMP/cuda" "$TMP/again"; echo $?) "the same bytes again"
	fails 1 'there is no cuda:99' "a GPU beyond the last" nll --device cuda:99
	CUDA_VISIBLE_DEVICES='' nll --device auto > "$TMP/hidden" 2> "$TMP/err"
	like "$(cat "$TMP/err")" 'computing on cpu \(no cuda: CUDA_VISIBLE_DEVICES names no GPU' "auto says why it passes over a GPU"
	is "$(cat "$TMP/hidden")" "$(cat "$TMP/cpu")" "and computes on the processor"
else
	like "$(cat "$TMP/err")" 'computing on cpu' "auto falls back to the processor and says so"
	is "$(cat "$TMP/auto")" "$(cat "$TMP/cpu")" "with the same results"
	fails 1 '--device cuda: this machine has no NVIDIA (driver|GPU)' "cuda says what is missing" nll --device cuda
	fails 1 '--device cuda:3: this machine has no NVIDIA (driver|GPU)' "cuda:3 too" nll --device cuda:3
fi
done_testing
