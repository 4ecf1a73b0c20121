#!/bin/sh
# SPDX-License-Identifier: MIT
# answer.sh - seal-eval generate and nll against transformers: the same prompts and rows, greedy,
# whole programs on our side, the work without loading on the peer's, at its best batch; nll eager
# and compiled.
#   PROMPTS MAX_NEW ROWS DTYPE BATCHES
set -eu
. "$(dirname "$0")/common.sh"
PROMPTS=${PROMPTS:-64} MAX_NEW=${MAX_NEW:-128} ROWS=${ROWS:-256}
model=$(smollm)

tokens() { head -n "$1" "$(redmix hard-2k)" > "$out/$2.jsonl" && "$top/bin/seal-tokenize" -q -m "$model" --json "$out/$2.jsonl" > "$out/$2.json"; }
tokens "$PROMPTS" prompts
tokens "$ROWS" nll
"$top/bin/seal-tokenize" -q -m "$model" "$out/nll.jsonl" > "$out/nll.tok"

line() { # NAME TOKENS TOOK OURS-TOKENS OURS-TOOK
	jq -r -n --arg name "$1" --argjson n "$2" --argjson t "$3" --argjson n0 "$4" --argjson t0 "$5" '($n / $t.seconds) as $r |
		[$name, $n, $t.seconds, $r, $n / $t.cpu, $t.peak_bytes / 1e6, $n0 / $t0.seconds / $r, $n0 / $t0.cpu / ($n / $t.cpu)] | @tsv' |
		awk -F '\t' '{printf "%-26s %7d %8.1f %8.0f %10.0f %8.0f %7.2f %9.2f\n", $1, $2, $3, $4, $5, $6, $7, $8}'
}

compare() { # WHAT DTYPE OURS-TOKENS BATCHES ROWS WAYS, when ours is in $out/took
	us=$(cat "$out/took")
	line "seal $1 $2" "$3" "$us" "$3" "$us"
	has_peer "$1" || return 0
	for batch in ${BATCHES:-$4}; do
		for way in $6; do
			[ $way = compile ] && compile=--compile || compile=
			them=$(peer "$1" "$(decoded "$model" "$2")" "$out/$5.json" --dtype "$2" --batch "$batch" --max-new "$MAX_NEW" $compile)
			[ -z "$them" ] || line "torch $1 $2 $way, $batch" "$(echo "$them" | jq .tokens)" "$them" "$3" "$us"
		done
	done
}

echo "== answers, SmolLM2-135M, $THREADS threads: $PROMPTS prompts, $MAX_NEW new tokens; nll of $ROWS rows"
printf '%-26s %7s %8s %8s %10s %8s %7s %9s\n' side tokens seconds tok/s tok/cpu-s MB ratio cpu-ratio
for dtype in ${DTYPE:-bf16 f32}; do
	"$tools/took" "$out/took" "$top/bin/seal-eval" generate -q -m "$model" -j "$THREADS" --dtype "$dtype" --max-new "$MAX_NEW" \
		"$out/prompts.jsonl" -o "$out/answers.jsonl"
	n=$("$top/bin/seal-tokenize" -q -m "$model" --text output --bos no --json "$out/answers.jsonl" | jq -s 'map(.tokens | length) | add')
	compare generate "$dtype" "$n" "16 32 64" prompts eager
	"$tools/took" "$out/took" "$top/bin/seal-eval" nll -q -m "$model" -j "$THREADS" --dtype "$dtype" "$out/nll.tok" -o "$out/nlls"
	compare nll "$dtype" "$(jq -s 'map(.tokens | length) | add' "$out/nll.json")" "4 8 16" nll "eager compile"
done
