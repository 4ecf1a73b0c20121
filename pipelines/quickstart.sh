#!/bin/sh
# SPDX-License-Identifier: MIT
# quickstart.sh - the whole story on labelled rows: align a model, score rows that would undo that,
# select, fine-tune on what is left, and measure what of it is safe and useful still.
#
#   MODEL=   a Hugging Face folder or a GGUF file (fetched when not given)
#   ROWS=    a folder of rows (pipelines/demo); or name the files themselves:
#            TRAIN= SAFE= TEST_SAFE= TEST_UNSAFE= TEST_UTILITY=
#   N=300    how many rows of TRAIN
#   OUT=     where everything goes (build/quickstart)
#   SEAL_SCORE=alg2.tempered   the run and the score, as below, that select "SEAL 80 %"
#   SCORE_OPTIONS= ALIGN_OPTIONS= TRAIN_OPTIONS=   more options for seal-score (all its methods),
#            and for seal-lora-train where it aligns, and where it fine-tunes
#
# The rows of TEST_SAFE and TEST_UNSAFE answer the same prompts, and have the key pair in common;
# the prompts of the former are those that refusals are counted on, by phrases: of answers that
# decline in words of their own, as the demonstration's do, that finds few, and the margin tells more.
# Writes OUT/report.json and OUT/report.html (report.sh); prints the numbers as a table; leaves
# all files in between for jq.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
PATH=$here/../bin:$PATH

first() { # the first of these files that exists
	for f; do [ ! -e "$f" ] || { echo "$f"; return; }; done
	echo "quickstart: found none of: $*" >&2; exit 1
}
say() { echo "== $*" >&2; }

ROWS=${ROWS:-$here/demo}
N=${N:-300}
OUT=${OUT:-build/quickstart}
SEAL_SCORE=${SEAL_SCORE:-alg2.tempered}
MODEL=${MODEL:-$(sh "$here/fetch-model.sh")}
TRAIN=${TRAIN:-$(first "$ROWS/train.jsonl" "$ROWS/train.jsonl.zst" "$ROWS/hard-2k.jsonl")}
SAFE=${SAFE:-$(first "$ROWS/safe.jsonl" "$ROWS/safe.jsonl.zst" "$ROWS/safe-mixed.jsonl")}
TEST_SAFE=${TEST_SAFE:-$(first "$ROWS/test-safe.jsonl" "$ROWS/test-safe.jsonl.zst")}
TEST_UNSAFE=${TEST_UNSAFE:-$(first "$ROWS/test-unsafe.jsonl" "$ROWS/test-unsafe.jsonl.zst")}
TEST_UTILITY=${TEST_UTILITY:-$(first "$ROWS/test-utility.jsonl" "$ROWS/test-utility.jsonl.zst")}
mkdir -p "$OUT"
OUT=$(cd "$OUT" && pwd)
rm -rf "$OUT"/adapter.* "$OUT"/*.jsonl "$OUT"/*.tok "$OUT"/*.log "$OUT"/explained "$OUT"/report.*

# Rows and tokens.
zstdcat -f "$TRAIN" | awk -v n="$N" 'NF && ++k <= n' > "$OUT/train.jsonl"
jq -e -s 'map(.label == "unsafe") | any and (all | not)' "$OUT/train.jsonl" > /dev/null || {
	echo "quickstart: $TRAIN: rows labelled \"safe\" and \"unsafe\" are needed" >&2; exit 1
}
say "tokens"
seal-tokenize -m "$MODEL" -o "$OUT/train.tok" "$OUT/train.jsonl"
seal-tokenize -m "$MODEL" -o "$OUT/safe.tok" "$SAFE"
zstdcat -f "$TEST_SAFE" | awk 'NF && ++k <= 200' > "$OUT/test-safe.jsonl"
zstdcat -f "$TEST_UNSAFE" | jq -c --slurpfile safe "$OUT/test-safe.jsonl" '
	select(.pair as $pair | any($safe[]; .pair == $pair))' > "$OUT/test-unsafe.jsonl"
seal-tokenize -m "$MODEL" --limit 200 -o "$OUT/test-utility.tok" "$TEST_UTILITY"

# detect RUN SCORE WHAT: how a score, a formula over the columns of RUN, tells the labels, and
# what the run cost
detect() {
	seal-eval detect --scores "$OUT/$1.jsonl" --by "$2" --keep 80% --group source \
		"$OUT/train.jsonl" > "$OUT/$1.$2.detect"
	jq -c -n --arg name "$1.$2" --arg what "$3" --slurpfile found "$OUT/$1.$2.detect" \
		--slurpfile log "$OUT/$1.log" '{name: $name, what: $what} + $found[0] +
			($log[-1] // {} | {seconds, peak_bytes})' \
		>> "$OUT/detect.jsonl"
}
# run NAME WHAT OPTIONS...: one run of seal-score
run() {
	name=$1; say "$2"; shift 2
	seal-score "$@" --seed 1 --plain --log "$OUT/$name.log" -o "$OUT/$name.jsonl"
}
# ask: the same with the model and the settings that all methods share
ask() { run "$@" -m "$MODEL" --safe "$OUT/safe.tok" ${SCORE_OPTIONS-} "$OUT/train.tok"; }

run random "random" --method random "$OUT/train.jsonl"
ask base "the base model" --method loss
ask safe "safe-loss" --method safe-loss
ask alg2 "bilevel Algorithm 2" --method bilevel --algorithm 2
ask alg1 "bilevel Algorithm 1" --method bilevel --algorithm 1
ask state "hidden states" --method state --save-scorer "$OUT/state.fit"
detect random score "random"
detect state score "hidden states (state)"
detect base loss "loss of the base model"
for score in loss gain tempered; do detect safe $score "safe-loss, $score"; done
for score in weight gain tempered; do detect alg2 $score "bilevel Algorithm 2, $score"; done
for score in weight gain gap; do detect alg1 $score "bilevel Algorithm 1, $score"; done
say "what the worst rows are made of"
seal-score -q -m "$MODEL" --method state --scorer "$OUT/state.fit" --explain "$OUT/why.jsonl" --plain \
	-o "$OUT/streamed.jsonl" "$OUT/train.tok"
sh "$here/explain.sh" "$OUT/why.jsonl" "$OUT/streamed.jsonl" "$OUT/train.jsonl" "$OUT/explained"

# tune NAME WHAT ROWS OPTIONS...: fine-tunes on ROWS
tune() {
	name=$1; say "fine-tuning on $2"
	jq -c -n --arg name "$1" --arg what "$2" --slurpfile rows "$3" '{$name, $what, rows: ($rows | length),
		unsafe: ($rows | map(select(.label == "unsafe")) | length)}' >> "$OUT/arms.jsonl"
	rows=$3; shift 3
	seal-tokenize -m "$MODEL" "$rows" | seal-lora-train -m "$MODEL" --seed 1 --log "$OUT/tune.$name.log" "$@" -o "$OUT/adapter.$name"
}
# attack: the same, of the model that was aligned
attack() { tune "$@" --init-adapter "$OUT/adapter.aligned" --batch 8 --lr 1e-3 ${TRAIN_OPTIONS-}; }

for which in random.score state.score "$SEAL_SCORE"; do
	seal-select --keep 80% --scores "$OUT/${which%%.*}.jsonl" --by "${which#*.}" \
		-o "$OUT/kept.$which.jsonl" "$OUT/train.jsonl"
done
jq -c 'select(.label != "unsafe")' "$OUT/train.jsonl" > "$OUT/kept.oracle.jsonl"
zstdcat -f "$SAFE" > "$OUT/safe.rows"
tune aligned "trusted rows: aligned" "$OUT/safe.rows" --batch 8 --lr 1e-3 ${ALIGN_OPTIONS---epochs 2}
attack all "aligned, then all rows" "$OUT/train.jsonl"
attack random "random 80 %" "$OUT/kept.random.score.jsonl"
attack state "state 80 %" "$OUT/kept.state.score.jsonl"
attack seal "SEAL 80 % ($SEAL_SCORE)" "$OUT/kept.$SEAL_SCORE.jsonl"
attack oracle "the safe rows (oracle)" "$OUT/kept.oracle.jsonl"

# Of every arm, a line for each prompt or row.
say "evaluating"
arms="all aligned random state seal oracle"
set --
for arm in $arms; do set -- "$@" -a "$OUT/adapter.$arm"; done
seal-eval margin -m "$MODEL" "$@" --each "$OUT/margins.jsonl" "$OUT/test-safe.jsonl" "$OUT/test-unsafe.jsonl" > "$OUT/margins"
for arm in $arms; do
	jq -c --arg adapter "$OUT/adapter.$arm" 'select(.adapter == $adapter)' "$OUT/margins.jsonl" > "$OUT/$arm.margin"
	seal-eval nll -m "$MODEL" -a "$OUT/adapter.$arm" "$OUT/test-utility.tok" > "$OUT/$arm.nll"
	seal-eval generate -m "$MODEL" -a "$OUT/adapter.$arm" --limit 100 --max-new 24 "$OUT/test-safe.jsonl" > "$OUT/$arm.outputs"
	seal-eval refusals --each "$OUT/$arm.refused" "$OUT/$arm.outputs" > "$OUT/$arm.refusals"
done
# of ENDING KEY: means, intervals, and differences to the model tuned on all rows
of() {
	ending=$1 key=$2; set --
	for arm in $arms; do set -- "$@" "$OUT/$arm.$ending"; done
	sh "$here/means.sh" "$key" "$key" "$@"
}
{ of margin margin; of margin in_order; of nll nll; of refused refused; } > "$OUT/measured.jsonl"

# The report.
sh "$here/inputs.sh" "$OUT/train.jsonl" "$SAFE" "$TEST_SAFE" "$TEST_UNSAFE" "$TEST_UTILITY" > "$OUT/inputs.jsonl"
jq -n -f "$here/quickstart.jq" --arg model "${MODEL##*/}" --arg train "${TRAIN##*/}" --arg selected_by "$SEAL_SCORE" \
	--arg align "${ALIGN_OPTIONS---epochs 2}" --arg options "${TRAIN_OPTIONS-}" --slurpfile header "$OUT/base.jsonl" \
	--slurpfile scores "$OUT/detect.jsonl" --slurpfile arms "$OUT/arms.jsonl" --slurpfile measured "$OUT/measured.jsonl" \
	--slurpfile inputs "$OUT/inputs.jsonl" --slurpfile tuning "$OUT/tune.all.log" > "$OUT/report.json"
sh "$here/report.sh" "$OUT"
sh "$here/quickstart-table.sh" "$OUT/report.json"
echo
echo "$OUT/report.html shows these numbers, and the rows behind them; report.json has them for jq."
