#!/bin/sh
# SPDX-License-Identifier: MIT
# detect.sh - how well each score tells unsafe rows from safe ones, over seeds.
#
#   MODEL= TRAIN=rows.jsonl SAFE=rows.jsonl N=800 SEEDS="1 2 3" OUT=folder detect.sh [seal-score options]
#
# One run of Algorithm 1 and one of Algorithm 2 a seed give every score but DSIR's.  Prints
# a table of means (and the range over the seeds); OUT/detect.json has all
# numbers: auroc, kept_unsafe at 80 %, rho, auroc by source, and within harmful
# prompts (unsafe rows against the safe answers of hh-chosen and safeinstr).
set -eu
here=$(dirname "$0")
PATH=$(cd "$here/../bin" && pwd):$PATH
N=${N:-800} SEEDS=${SEEDS:-1 2 3} MAX_TOKENS=${MAX_TOKENS:-512}
MODEL=${MODEL:-$(sh "$here/fetch-model.sh")}
mkdir -p "$OUT"
zstdcat -f "$TRAIN" | head -n "$N" > "$OUT/train.jsonl"
seal-tokenize -q -m "$MODEL" --max-tokens "$MAX_TOKENS" -o "$OUT/train.tok" "$OUT/train.jsonl"
seal-tokenize -q -m "$MODEL" --max-tokens "$MAX_TOKENS" -o "$OUT/safe.tok" "$SAFE"
# grep, not jq: the bytes of a row are its identity.
grep -E '"label": ?"unsafe"|"source": ?"(hh-chosen|safeinstr)"' "$OUT/train.jsonl" > "$OUT/harmful.jsonl"

# measure SEED RUN NAME FORMULA: a score over the columns of a run
measure() {
	within=$(seal-eval detect -q --scores "$OUT/$2.$1.jsonl" --by="$4" "$OUT/harmful.jsonl" | jq .auroc)
	seal-eval detect -q --scores "$OUT/$2.$1.jsonl" --by="$4" --group source --keep 80% "$OUT/train.jsonl" |
		jq -c --arg name "$3" --argjson seed "$1" --argjson within "$within" \
			'{name: $name, seed: $seed, auroc, within: $within, kept_unsafe, rho, by: (.by | map_values(.auroc))}'
}

for seed in $SEEDS; do
	for a in 1 2; do
		[ -s "$OUT/alg$a.$seed.jsonl" ] || seal-score -m "$MODEL" --method bilevel --safe "$OUT/safe.tok" --seed "$seed" \
			--algorithm $a --plain -o "$OUT/alg$a.$seed.jsonl" --log "$OUT/alg$a.$seed.log" "$@" "$OUT/train.tok"
	done
	[ -s "$OUT/dsir.$seed.jsonl" ] ||
		seal-score -q --method dsir --target "$SAFE" --plain -o "$OUT/dsir.$seed.jsonl" "$OUT/train.jsonl"
	measure "$seed" dsir "DSIR" score
	measure "$seed" alg1 "loss of the base model" -loss_base
	measure "$seed" alg1 "loss" loss
	measure "$seed" alg1 "gain" gain
	measure "$seed" alg1 "tempered" tempered
	measure "$seed" alg2 "Algorithm 2, weight" weight
	measure "$seed" alg1 "Algorithm 1, weight" weight
	measure "$seed" alg1 "Algorithm 1, gap" gap
done > "$OUT/detect.jsonl"
jq -s . "$OUT/detect.jsonl" > "$OUT/detect.json"
jq -r 'def mean: add / length; def r: . * 1000 | round / 1000;
	["score", "AUROC", "range", "within harmful", "kept at 80 %", "|rho|"],
	(group_by(.name) | sort_by(.[0].name)[] |
	 [.[0].name, (map(.auroc) | mean | r), (map(.auroc) | "\(min | r) to \(max | r)"), (map(.within) | mean | r),
	  (map(.kept_unsafe) | mean | r), (map(.rho // 0 | fabs) | max | r)]) | "| " + (map(tostring) | join(" | ")) + " |"' \
	"$OUT/detect.json"
