#!/bin/sh
# SPDX-License-Identifier: MIT
# check.sh - what a machine with one NVIDIA card tells while it is at hand for some minutes.
#
#   t/gpu/check.sh prepare [--model MODEL]
#           in a checkout, with nvcc and jq: builds for one kind of card, and packs programs, tests,
#           rows and this script into .gpu/, which is all that has to go there
#   sh .gpu/check.sh run
#           there: with the driver, cuBLAS (of CUDA's toolkit, or of a Python that has torch) and,
#           for the peer, torch, transformers and peft; writes summary.txt and logs.tar.gz
#
# Of prepare:
#   SM      the card's compute capability (90a, a Hopper card)
#   CUDNN_FRONTEND   as of make: attention by cuDNN
#   JOBS    make's -j (as many as there are processors)
#   ROWS    JSONL with rows (pipelines/demo/train.jsonl)
#   MODEL   whose tokenizer makes tokens of them, a folder (t/gold/model)
# Of run:
#   BUDGET  seconds in all (540).  Every stage has its own limit and stops no other.
#   STAGES  which, in this order, one part of a stage as train-llama3
#           (env tests ops train right generate eager compiled kernels sanitize)
#   OUT     the folder to write to (.)
#   PEAK    the card's dense bf16 TFLOP/s, where t/bench/peak.sh does not know it
#   PYTHON  of the peer (python3)
#   KEEP    1: the models' random weights stay in memory for the next run
#   DEVICE  (cuda)
#
# Models are random weights in the shapes of t/bench/folder.c.  How MFU counts: t/bench/gpu.sh.
set -u
stages="env tests ops train right generate eager compiled kernels sanitize"
models="smollm2 llama3 pythia"
short=1536 long=32 some=64 # rows of at most 512 tokens, of 4096, and the first of the short ones
least=49152                # tokens in the smallest vocabulary of the models
most=61440                 # KB in .gpu

fail() { echo "check.sh: $*" >&2; exit 1; }

# ---- in a checkout

# tokens NAME LENGTH - rows/NAME.jsonl as JSON for the peer, and its sums: tokens, trained ones,
# squares of the rows' lengths
tokens() {
	bin/seal-tokenize -q -m "$model" --max-tokens "$2" --json "$pack/rows/$1.jsonl" > "$pack/rows/$1.json"
	jq -n -r '[inputs | {n: (.tokens | length), trained: (.train | add)}] |
		[(map(.n) | add), (map(.trained) | add), (map(.n * .n) | add)] | @tsv' "$pack/rows/$1.json" > "$pack/rows/$1.sums"
}

# Short rows are ROWS again and again, each with an id of its own; a long one is the JSON of many.
rows() {
	mkdir "$pack/rows"
	jq -n -c --argjson n $short '[inputs] as $r | range($n) | . as $i | $r[$i % ($r | length)] + {id: "\($i)"}' \
		"$rows" > "$pack/rows/short.jsonl"
	jq -n -c --argjson n $long '[inputs] as $r |
		def text($from; $n): [range($from; $from + $n) | $r[. % ($r | length)] | tojson] | join(" ");
		range($n) | {id: "\(.)", messages: [{role: "user", content: text(7 * .; 12)},
			{role: "assistant", content: text(7 * . + 12; 140)}]}' "$rows" > "$pack/rows/long.jsonl"
	head -n $some "$pack/rows/short.jsonl" > "$pack/rows/some.jsonl"
	tokens short 512
	tokens long 4096
	tokens some 512
	[ "$(jq '.tokens | max' "$pack/rows/short.json" "$pack/rows/long.json" | sort -n | tail -n 1)" -lt $least ] ||
		fail "$model has tokens that a model here has not (it has $least)"
}

# What the programs need that a bare system lacks: all but libc, the compiler's, and CUDA's.
libraries() {
	mkdir "$pack/lib"
	ldd "$pack"/bin/* "$pack"/t/*.t | awk '$2 == "=>" && $3 ~ /^\// {print $3}' | sort -u |
		grep -vE '/lib(c|m|dl|rt|pthread|gcc_s|stdc\+\+|cuda|cudart|cublas|cublasLt)\.so' |
		while read -r lib; do cp -L "$lib" "$pack/lib/"; done
}

prepare() {
	[ "${1:-}" != --model ] || MODEL=${2:-}
	model=$(realpath "${MODEL:-$top/t/gold/model}")
	rows=$(realpath "${ROWS:-$top/pipelines/demo/train.jsonl}")
	pack=.gpu/pack
	cd "$top" || exit 1
	set -e
	make ${JOBS:+-j"$JOBS"} CUDA=1 GPUS="${SM:-90a}" for-gpu
	rm -rf .gpu
	mkdir -p $pack/bin $pack/t/bench $pack/tokenizer
	for f in bin/*.c; do cp "${f%.c}" $pack/bin/; done
	cp build/cuda/gpu/t/bench/ops build/cuda/t/bench/folder $pack/bin/
	for t in $(sed -n 's/^DEVICE_TESTS := //p' Makefile); do cp "build/cuda/gpu/t/$t.t" $pack/t/; done
	strip $pack/bin/* $pack/t/*.t
	libraries
	cp -R t/gold $pack/t/
	rm -f $pack/t/gold/*.py
	cp t/bench/peak.sh t/bench/peer.py $pack/t/bench/
	for f in "$model"/tokenizer* "$model"/special_tokens_map.json "$model"/chat_template.jinja; do
		[ ! -f "$f" ] || cp -L "$f" $pack/tokenizer/
	done
	rows
	echo "seal $(git describe --always --dirty 2> /dev/null || echo '?'), sm_${SM:-90a}, tokens of $(basename "$model")" > $pack/what
	# Every program has the kernels in it; with a dictionary this large they are packed once.
	tar -C .gpu -cf - pack | xz --lzma2=preset=1,dict=192MiB > .gpu/pack.tar.xz
	rm -r $pack
	cp t/gpu/check.sh .gpu/
	ls -l .gpu
	[ "$(du -sk .gpu | cut -f 1)" -le $most ] || fail ".gpu has more than $most KB"
}

# ---- on the machine with the card

say() { echo "= $*"; } # what a stage has found, to the summary too
ours() { env LD_LIBRARY_PATH="$W/pack/lib$CUDA_LIBS" "$@"; }
smi() { nvidia-smi --query-gpu="$1" --format=csv,noheader,nounits; }
have() { [ -d "$FOLDERS/$1" ] || { say "$1: no weights (log/weights)"; return 1; }; }

# Where cuBLAS may lie, each with a colon before it.
cuda_libs() {
	nvcc=$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)
	for d in "${nvcc%/bin/*}/lib64" /usr/local/cuda*/lib64 /usr/local/nvidia/lib64 $("$PYTHON" -c '
import glob, nvidia
print(*[lib for d in nvidia.__path__ for lib in glob.glob(d + "/*/lib")])' 2> /dev/null); do
		[ ! -d "$d" ] || printf ':%s' "$d"
	done
}

# Does a program compute on the card?
probe() { ours "$W/pack/bin/seal-eval" nll --device "$DEVICE" -m t/gold/tiny-llama t/gold/rows.tok; }

stage_env() {
	say "$(cat "$W/pack/what")"
	say "card: $(smi name,driver_version,memory.total,clocks.max.sm,power.limit 2>&1 | head -n 1)"
	say "machine: $(uname -sr), $(nproc) processors, $(ldd --version | head -n 1), nvcc $(nvcc --version 2> /dev/null | sed -n 's/.*release //p')"
	say "peer: $("$PYTHON" -c 'import torch, transformers, peft; print("torch", torch.__version__, "transformers", transformers.__version__, "peft", peft.__version__)' 2>&1 | tail -n 1)"
	for tool in ncu nsys compute-sanitizer; do say "$tool: $(command -v $tool || echo none)"; done
	nvidia-smi
	free -g
	df -h /tmp /dev/shm
	ours ldd "$W/pack/bin/seal-lora-train" | grep 'not found' | while read -r lib; do say "$lib"; done
	probe > "$W/probe" 2>&1
	rc=$?
	cat "$W/probe"
	say "a program $([ $rc = 0 ] && echo starts || echo 'does not start'): $(grep -v '^{' "$W/probe" | head -n 1)"
	return $rc
}

# All at once: they need little of the card.
stage_tests() {
	for f in t/*.t; do
		name=$(basename "$f" .t)
		{ ours timeout --foreground -k 3 100 "$f" > "$W/log/test-$name" 2>&1; echo $? > "$W/rc-$name"; } &
	done
	wait
	bad=0
	for f in t/*.t; do
		name=$(basename "$f" .t) log=$W/log/test-$(basename "$f" .t) rc=$(cat "$W/rc-$(basename "$f" .t)")
		say "$name: $(grep -c '^ok' "$log") ok, $(grep -c '^not ok' "$log") not ok, exit $rc"
		grep -A 2 '^not ok' "$log" | head -n 12 | sed 's/^/=   /'
		[ "$rc" = 0 ] || { bad=1; tail -n 1 "$log" | cut -c 1-150 | sed 's/^/=   /'; }
	done
	return $bad
}

stage_ops() {
	ours "$W/pack/bin/ops" > "$W/ops" 2>&1 &
	pid=$!
	trap 'kill $pid 2> /dev/null; sed "s/^/= /" "$W/ops"; exit 124' TERM
	wait $pid
	rc=$?
	sed 's/^/= /' "$W/ops"
	return $rc
}

# shape MODEL: layers, width, MLP's width, keys' width, vocabulary, matrices of the MLP
shape() {
	case $1 in
	smollm2) echo 30 576 1536 192 49152 3 ;;
	llama3) echo 32 4096 14336 1024 128256 3 ;;
	pythia) echo 32 2560 10240 2560 50304 2 ;;
	esac
}

# rated MODEL ROWS TOKENS SECONDS - tokens a second, and MFU
rated() {
	awk -v shape="$(shape "$1")" -v sums="$(cat "$W/pack/rows/$2.sums")" -v n="$3" -v s="$4" -v peak="${PEAK:-0}" 'BEGIN {
		split(shape, m, " "); split(sums, r, /[ \t]/)
		body = m[1] * (2 * m[2] * m[2] + 2 * m[2] * m[4] + m[6] * m[2] * m[3])
		ops = (4 * body * r[1] + 4 * m[5] * m[2] * r[2] + 6 * m[1] * m[2] * r[3]) / r[1]
		printf "%.0f tokens/s, MFU %s", n / s, peak ? sprintf("%.1f %%", n / s * ops / peak / 1e10) : "-" }'
}

# number KEY FILE - its number in each line of JSON that has it
number() { sed -n 's/.*"'"$1"'": *\(-\{0,1\}[0-9][-+.0-9e]*\).*/\1/p' "$2"; }

# batch MODEL ROWS: rows a step, and at a time for the peer
batch() {
	case $1-$2 in
	smollm2-short) echo 256 128 ;; llama3-short) echo 256 32 ;; pythia-short) echo 256 64 ;;
	smollm2-long) echo 8 4 ;; llama3-long) echo 8 1 ;; pythia-long) echo 8 2 ;;
	esac
}

# train MODEL ROWS BATCH STEPS NAME: LoRA; the steps but the first are timed, also each by itself
train() {
	smi memory.used > /dev/null 2>&1 &&
		{ nvidia-smi --query-gpu=memory.used --format=csv,noheader,nounits -lms 200 > "$W/used" & watcher=$!; }
	ours "$W/pack/bin/seal-lora-train" --force --no-shuffle --device "$DEVICE" --dtype bf16 -m "$FOLDERS/$1" -r 16 --lora-alpha 16 \
		-b "$3" --max-steps "$4" --log "$W/$5.log" -o "$W/$5" "$W/pack/rows/$1-$2.tok"
	rc=$?
	[ -z "${watcher:-}" ] || { kill "$watcher"; wait "$watcher"; } 2> /dev/null
	[ $rc = 0 ] || { say "$5: failed"; return $rc; }
	grep '"step"' "$W/$5.log" > "$W/$5.steps"
	cat "$W/$5.steps"
	number tokens "$W/$5.steps" > "$W/at"
	number seconds "$W/$5.steps" > "$W/when"
	paste "$W/at" "$W/when" > "$W/progress"
	set -- "$@" $(awk 'NR == 1 {n = $1; t = $2} END {print $1 - n, $2 - t}' "$W/progress") \
		"$(awk 'NR > 1 {print ($1 - n) / ($2 - t)} {n = $1; t = $2}' "$W/progress" | sort -n |
			awk '{x[NR] = $1} END {print x[int((NR + 1) / 2)]}')"
	say "$5: $(rated "$1" "$2" "$6" "$7"), median step $(rated "$1" "$2" "$8" 1); $(printf 'loss %.4f, gradient %.4f' "$(number loss "$W/$5.steps" | head -n 1)" "$(number norm "$W/$5.steps" | head -n 1)"), at most $(sort -n "$W/used" 2> /dev/null | tail -n 1) MB"
}

stage_train() {
	have "$1" || return
	bad=0
	rows=$(batch "$1" short) rows=${rows% *}
	train "$1" short "$rows" 6 "$1-short" || return
	train "$1" long 8 4 "$1-long" || bad=1
	train "$1" short "$rows" 6 "$1-short-again" || return
	if cmp "$W/$1-short/adapter_model.safetensors" "$W/$1-short-again/adapter_model.safetensors"; then
		say "$1: the same command writes the same bytes"
	else
		say "$1: NOT the same bytes again"
		bad=1
	fi
	return $bad
}

# nll MODEL DEVICE TYPE FILE: losses of some rows
nll() { ours "$W/pack/bin/seal-eval" nll --device "$2" --dtype "$3" -m "$FOLDERS/$1" "$W/pack/rows/$1-some.tok" > "$W/nll"; rc=$?; number nll "$W/nll" > "$4"; return $rc; }

# apart WHAT A B - how far two files of numbers are apart
apart() {
	say "$1: $(paste "$2" "$3" | awk '{d = $1 > $2 ? $1 - $2 : $2 - $1; all += d; if (d > most) most = d; a += $1; b += $2}
		END {if (NR) printf "%d losses, %.5f and %.5f on average, apart by at most %.1e, on average %.1e", NR, a / NR, b / NR, most, all / NR}')"
}

stage_right() {
	have "$1" || return
	nll "$1" "$DEVICE" f32 "$W/f32" && nll "$1" "$DEVICE" bf16 "$W/bf16" || return
	apart "$1, f32 and bf16" "$W/f32" "$W/bf16"
	[ "$1" != smollm2 ] || { nll "$1" cpu f32 "$W/cpu" && apart "$1, f32, card and processor" "$W/f32" "$W/cpu"; }
}

# What 256 tokens more take.
stage_generate() {
	have "$1" || return
	for new in 1 257; do
		began=$(date +%s%N)
		ours "$W/pack/bin/seal-eval" generate --device "$DEVICE" --dtype bf16 -m "$FOLDERS/$1" -b $some --max-new $new \
			"$W/pack/rows/some.jsonl" > "$W/answers" || return
		took=$((($(date +%s%N) - began) / 1000))
		[ $new != 1 ] || first=$took
	done
	n=$(wc -l < "$W/answers")
	say "$1: $(awk "BEGIN {t = ($took - $first) * 1e-6; printf \"$n answers at a time: %.0f tokens/s, %.2f ms a step; start and prompts %.1f s\", $n * 256 / t, t / 256 * 1e3, $first * 1e-6}")"
}

# peer MODEL ROWS WHAT [--compile=layers]
peer() {
	have "$1" || return
	model=$1 of=$2 what=$3
	shift 3
	set -- $(batch "$model" "$of") "$@"
	env HF_HUB_OFFLINE=1 PYTHONDONTWRITEBYTECODE=1 "$PYTHON" "$W/pack/t/bench/peer.py" train "$FOLDERS/$model" "$W/pack/rows/$of.json" \
		--batch "$1" --micro "$2" ${3:+"$3"} --steps 2 --warm 1 --device "$DEVICE" --dtype bf16 > "$W/peer" || return
	cat "$W/peer"
	say "torch $model $of $what: $(rated "$model" "$of" "$(number tokens "$W/peer")" "$(number seconds "$W/peer")"), $(($(number card_bytes "$W/peer") / 1000000)) MB"
}

stage_eager() { peer "$1" short eager; }
stage_compiled() { peer "$1" short compiled --compile=layers && peer "$1" long compiled --compile=layers; }

# Of the second step, by about the launches of one pass.
stage_kernels() {
	have smollm2 || return
	set -- "$W/pack/bin/seal-lora-train" -q --force --no-shuffle --device "$DEVICE" --dtype bf16 -m "$FOLDERS/smollm2" -r 16 -b 48 --max-steps 3 \
		-o "$W/kernels" "$W/pack/rows/smollm2-short.tok"
	if command -v ncu > /dev/null; then
		ours ncu --clock-control none --metrics gpu__time_duration.sum --launch-skip 1500 --launch-count 1500 --csv --page raw \
			--print-units base --print-kernel-base function "$@" > "$W/log/ncu.csv"
		awk -F '","' '/^"ID"/ {for (i = 1; i <= NF; i++) {if ($i == "Kernel Name") k = i; if ($i ~ /gpu__time_duration/) t = i} next}
			t && /^"[0-9]/ {x = $t; gsub(/[",]/, "", x); sum[$k] += x; n[$k]++; all += x; launches++}
			END {for (k in sum) printf "%5.1f %% %5d x %8.2f us %s\n", 100 * sum[k] / all, n[k], sum[k] / n[k] / 1000, k
				if (!all) exit 1; printf "%5.1f %% %5d in %.1f ms\n", 100, launches, all / 1e6}' "$W/log/ncu.csv" > "$W/sums" || return
		sort -rn "$W/sums" | head -n 30 | sed 's/^/= /'
	elif command -v nsys > /dev/null; then
		ours nsys profile -t cuda -o "$W/nsys" --force-overwrite true "$@" &&
			nsys stats -q --report cuda_gpu_kern_sum --format table "$W/nsys.nsys-rep" | head -n 30 | sed 's/^/= /'
	else
		say "neither ncu nor nsys is here"
		return 1
	fi
}

stage_sanitize() {
	command -v compute-sanitizer > /dev/null || { say "compute-sanitizer is not here"; return 1; }
	bad=0
	for tool in memcheck racecheck; do
		for t in ops_mem ops_rows ops_gemm ops_attn; do
			ours timeout --foreground -k 3 60 compute-sanitizer --tool $tool --error-exitcode 9 "t/$t.t" > "$W/log/$tool-$t" 2>&1
			rc=$?
			[ $rc = 0 ] || bad=1
			say "$tool, $t: exit $rc, $(grep -c '^ok' "$W/log/$tool-$t") ok; $(tail -n 1 "$W/log/$tool-$t" | cut -c 1-100)"
		done
	done
	return $bad
}

# ---- the run

spent() { echo $(($(date +%s) - BEGAN)); }
note() { echo "$*" | tee -a "$W/summary.txt"; }
save() { cp "$W/summary.txt" "$OUT/"; tar -C "$W" -czf "$OUT/logs.tar.gz" log; }
finish() {
	kill $maker $job 2> /dev/null
	save
	[ -n "${KEEP:-}" ] || rm -rf "$FOLDERS"
	rm -rf "$W"
}

# stage NAME: within its limit and what is left
stage() {
	case ${1%%-*} in
	env) limit=40 ;;
	tests | train | eager) limit=120 ;;
	compiled) limit=200 ;;
	sanitize) limit=240 ;;
	*) limit=80 ;;
	esac
	case $1 in env | tests) ;; *) [ -z "$maker" ] || wait "$maker" ;; esac # nothing is measured beside it
	at=$(spent) left=$((BUDGET - $(spent)))
	[ $limit -le $left ] || limit=$left
	[ $limit -ge 5 ] || { note "-- $1: no time left"; return; }
	timeout -k 5 $limit sh "$self" stage "$1" > "$W/log/$1" 2>&1 < /dev/null &
	job=$!
	wait $job
	rc=$?
	sed -n 's/^= //p' "$W/log/$1" | tee -a "$W/summary.txt"
	[ $rc = 0 ] || grep -v '^= ' "$W/log/$1" | tail -n 3 | cut -c 1-200 | tee -a "$W/summary.txt"
	note "-- $1: exit $rc, $(($(spent) - at)) s"
	save
}

# The stages by their parts.
parts() {
	for s in ${STAGES:-$stages}; do
		case $s in
		train | right | generate | eager | compiled) for m in $models; do echo "$s-$m"; done ;;
		*) echo "$s" ;;
		esac
	done
}

weights() {
	for m in $models; do
		case " $(parts | tr '\n' ' ') " in *"-$m "* | *" kernels "*) ;; *) continue ;; esac
		[ -d "$FOLDERS/$m" ] || made "$m" || continue
		stream "$m" short 512
		stream "$m" long 4096
		stream "$m" some 512
	done
}

made() {
	rm -rf "$FOLDERS/$1.part"
	ours timeout 150 "$W/pack/bin/folder" "$1" "$FOLDERS/$1.part" && cp "$W"/pack/tokenizer/* "$FOLDERS/$1.part/" &&
		mv "$FOLDERS/$1.part" "$FOLDERS/$1"
}

# The same tokens for each model, whose stream names its vocabulary.
stream() { ours "$W/pack/bin/seal-tokenize" -q -m "$FOLDERS/$1" --max-tokens "$3" "$W/pack/rows/$2.jsonl" > "$W/pack/rows/$1-$2.tok"; }

run() {
	self=$(realpath "$0") pack=$(dirname "$(realpath "$0")")/pack.tar.xz
	BEGAN=$(date +%s) BUDGET=${BUDGET:-540} W=$(mktemp -d) DEVICE=${DEVICE:-cuda} PYTHON=${PYTHON:-python3}
	mkdir -p "${OUT:-.}" "$W/log" && OUT=$(realpath "${OUT:-.}") || exit 1
	FOLDERS=$W/models maker='' job=''
	[ ! -w /dev/shm ] || FOLDERS=/dev/shm/seal-models
	mkdir -p "$FOLDERS"
	: > "$W/summary.txt"
	trap finish EXIT
	trap 'exit 130' INT TERM
	tar -C "$W" -xJf "$pack" 2> /dev/null || # there may be no xz
		"$PYTHON" -c 'import sys, tarfile; tarfile.open(sys.argv[1]).extractall(sys.argv[2])' "$pack" "$W" || exit 1
	cd "$W/pack" || exit 1 # tests read t/gold
	. t/bench/peak.sh
	PEAK=${PEAK:-$(peak "$(smi name 2> /dev/null | head -n 1)")} CUDA_LIBS=$(cuda_libs)
	# As the programs set it for themselves by beginning anew, which tools beside them need not see.
	OMP_WAIT_POLICY=passive GOMP_SPINCOUNT=20000
	export W OUT FOLDERS DEVICE PYTHON PEAK CUDA_LIBS OMP_WAIT_POLICY GOMP_SPINCOUNT
	if probe > /dev/null 2>&1; then weights > "$W/log/weights" 2>&1 & maker=$!
	else echo "no program starts here" > "$W/log/weights"; fi
	for s in $(parts); do stage "$s"; done
	printf '\n==== summary\n'
	cat "$W/summary.txt"
}

top=$(dirname "$(dirname "$(dirname "$(realpath "$0")")")")
case ${1:-} in
prepare) shift; prepare "$@" ;;
run) run ;;
stage) # one of run's, in a process that can be stopped
	model=${2#*-}
	"stage_${2%%-*}" "$model" ;;
*) sed -n '3,/^set/{/^set/d; s/^# \{0,1\}//; p;}' "$0" >&2; exit 2 ;;
esac
