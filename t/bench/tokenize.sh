#!/bin/sh
# SPDX-License-Identifier: MIT
# tokenize.sh - encoding English rows with 1 and 2 threads, against Hugging Face's
# tokenizers where SEAL_PYTHON has them.  ROWS_FILE and SEAL_DATA may be set.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$here/../..
out=$top/build/bench
data=${SEAL_DATA:-$top/../shared/data}
mkdir -p "$out"
ROWS_FILE=${ROWS_FILE:-$data/redmix/train-10k.jsonl}
[ -f "$ROWS_FILE" ] || ROWS_FILE=$top/pipelines/demo/train.jsonl
jq -cs '[.[] | [.. | strings] | join("\n")]' "$ROWS_FILE" > "$out/texts.json"

echo "== tokenizing $(basename "$ROWS_FILE"), $(wc -c < "$out/texts.json") bytes"
printf '%-14s %7s %10s %10s %7s\n' tokenizer threads "seal MB/s" "peer MB/s" ratio
for path in "$data"/tokenizers/smollm/tokenizer.json "$data"/tokenizers/llama3/tokenizer.model \
		"$data"/tokenizers/llama2/tokenizer.json "$data"/tokenizers/pythia/tokenizer.json "$here"/../gold/tok-qwen2/tokenizer.json; do
	[ -f "$path" ] || continue
	for threads in 1 2; do
		"$top/build/t/bench/tokenize" "$path" "$out/texts.json" $threads > "$out/seal.rate"
		echo "- -" > "$out/peer.rate"
		[ -z "${SEAL_PYTHON:-}" ] ||
			"$SEAL_PYTHON" -B "$here/peer_tokenize.py" "$path" "$out/texts.json" $threads > "$out/peer.rate"
		paste -d ' ' "$out/seal.rate" "$out/peer.rate" | awk -v name="$(basename "$(dirname "$path")")" -v threads=$threads '
			$3 != "-" && $2 != $4 { print name ": " $2 " tokens, the peer has " $4; exit 1 }
			{ printf "%-14s %7d %10.1f %10s %7s\n", name, threads, $1, $3, $3 == "-" ? "-" : sprintf("%.1f", $1 / $3) }'
	done
done
