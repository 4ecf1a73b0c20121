#!/bin/sh
# SPDX-License-Identifier: MIT
# large.sh - two selector steps of batch 1 on Llama-3-8B's whole shape, random bf16 weights (16 GB on
# disk, written first and removed after), rows of 512 tokens: what it takes, and that nothing was
# swapped.       LAYERS (32) KEEP (1: the weights stay)
set -eu
. "$(dirname "$0")/common.sh"
LAYERS=${LAYERS:-32}
need=$(((LAYERS * 436 + 2102) / 1000 + 2))
free=$(df -Pk "$out" | awk 'NR == 2 {print int($4 / 1e6)}')
[ "$free" -gt "$need" ] || { echo "large: $need GB of disk needed, $free are free"; exit 1; }
model=$(shape "$LAYERS")
[ -n "${KEEP:-}" ] || trap 'rm -rf "$model"' EXIT
tokenizer="-t $data/tokenizers/llama3/tokenizer.model --template seal --max-tokens 512"
for name in safe-mixed train-10k; do
	"$top/bin/seal-tokenize" -q $tokenizer --json "$(redmix $name)" | jq -r 'select(.tokens | length == 512) | .id' | head -n 2 > "$out/ids"
	jq -c --rawfile ids "$out/ids" '($ids | split("\n")) as $i | select(.id | IN($i[]))' "$(redmix $name)" |
		"$top/bin/seal-tokenize" -q $tokenizer > "$out/$name.512.tok"
done
swapped() { awk '/^pswpin|^pswpout/ {n += $2} END {print n}' /proc/vmstat; }
before=$(swapped)
rm -f "$out/log"
"$tools/took" "$out/took" "$top/bin/seal-score" -q -m "$model" --method bilevel --safe "$out/safe-mixed.512.tok" --algorithm 2 --gamma 0.3 -b 1 \
	--max-steps 2 --targets q_proj,v_proj --dtype bf16 -j "$THREADS" --log "$out/log" --plain -o "$out/scores.jsonl" "$out/train-10k.512.tok"
echo "== Llama-3-8B's shape, $LAYERS layers, bf16, selector, batch 1, rows of 512 tokens, $THREADS threads"
jq -s -r --slurpfile t "$out/took" 'map(select(.step)) | (.[1].seconds - .[0].seconds) as $s | [.[0].seconds, $s,
	(.[1].tokens - .[0].tokens) / $s, $t[0].seconds, $t[0].cpu, $t[0].peak_bytes / 1e9] | @tsv' "$out/log" |
	awk '{printf "first step %.1f s, second %.1f s (%.1f tokens/s); the whole run %.0f s (%.0f s of processor), peak %.2f GB (mapped weights included)\n", $1, $2, $3, $4, $5, $6}'
echo "pages swapped meanwhile: $(($(swapped) - before))"
