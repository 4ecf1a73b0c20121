#!/bin/sh
# SPDX-License-Identifier: MIT
# quickstart.sh - the whole story on labelled rows: score, select, train, evaluate.
#
#   MODEL=   a Hugging Face folder or a GGUF file (fetched when not given)
#   ROWS=    a folder of rows (pipelines/demo); or name the files themselves:
#            TRAIN= SAFE= TEST_SAFE= TEST_UTILITY= PROMPTS=
#   N=300    how many rows of TRAIN
#   OUT=     where everything goes (build/quickstart)
#   SEAL_SCORE=alg2.tempered   the run and the score, as below, that select "SEAL 80 %"
#   SCORE_OPTIONS= TRAIN_OPTIONS=   more options for seal-score (all its methods) and seal-lora-train
#
# Writes OUT/result.json and OUT/scores.png; prints the table; leaves all files
# in between for jq.
set -eu
here=$(dirname "$0")
PATH=$(cd "$here/../bin" && pwd):$PATH

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
TEST_UTILITY=${TEST_UTILITY:-$(first "$ROWS/test-utility.jsonl" "$ROWS/test-utility.jsonl.zst")}
PROMPTS=${PROMPTS:-$(first "$ROWS/prompts.jsonl" "$ROWS/prompts.jsonl.zst" "$TRAIN")}
mkdir -p "$OUT"
OUT=$(cd "$OUT" && pwd)
rm -rf "$OUT"/adapter.* "$OUT"/*.jsonl "$OUT"/*.tok "$OUT"/*.log

# Rows and tokens.  Prompts, unless there is a file of them, are the last unsafe rows'.
zstdcat -f "$TRAIN" | awk -v n="$N" 'NF && ++k <= n' > "$OUT/train.jsonl"
jq -e -s 'map(.label == "unsafe") | any and (all | not)' "$OUT/train.jsonl" > /dev/null || {
	echo "quickstart: $TRAIN: rows labelled \"safe\" and \"unsafe\" are needed" >&2; exit 1
}
if [ "$PROMPTS" = "$TRAIN" ]; then
	zstdcat -f "$TRAIN" | jq -c 'select(.label == "unsafe")' | tail -n 12 > "$OUT/prompts.jsonl"
	PROMPTS=$OUT/prompts.jsonl
fi
say "tokens"
seal-tokenize -m "$MODEL" -o "$OUT/train.tok" "$OUT/train.jsonl"
seal-tokenize -m "$MODEL" -o "$OUT/safe.tok" "$SAFE"
seal-tokenize -m "$MODEL" --limit 100 -o "$OUT/test-safe.tok" "$TEST_SAFE"
seal-tokenize -m "$MODEL" --limit 100 -o "$OUT/test-utility.tok" "$TEST_UTILITY"

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
ask state "hidden states" --method state
detect random score "random"
detect state score "hidden states (state)"
detect base loss "loss of the base model"
for score in loss gain tempered; do detect safe $score "safe-loss, $score"; done
for score in weight gain tempered; do detect alg2 $score "bilevel Algorithm 2, $score"; done
for score in weight gain gap; do detect alg1 $score "bilevel Algorithm 1, $score"; done

# tune NAME WHAT ROWS: fine-tunes on ROWS (none: the base model) and evaluates
tune() {
	adapter=${3:+$OUT/adapter.$1}
	[ -z "$3" ] || {
		say "fine-tuning on $2"
		seal-tokenize -m "$MODEL" "$3" |
			seal-lora-train -m "$MODEL" --seed 1 ${TRAIN_OPTIONS-} -o "$adapter"
	}
	say "evaluating $2"
	for test in safe utility; do
		seal-eval nll -m "$MODEL" ${adapter:+-a "$adapter"} "$OUT/test-$test.tok" > "$OUT/$1.nll-$test.jsonl"
	done
	seal-eval generate -m "$MODEL" ${adapter:+-a "$adapter"} --limit 12 --max-new 48 "$PROMPTS" > "$OUT/$1.outputs.jsonl"
	seal-eval refusals "$OUT/$1.outputs.jsonl" > "$OUT/$1.refusals"
	jq -c -n --arg name "$1" --arg what "$2" --slurpfile row "${3:-/dev/null}" \
		--slurpfile safe "$OUT/$1.nll-safe.jsonl" --slurpfile utility "$OUT/$1.nll-utility.jsonl" \
		--slurpfile refusals "$OUT/$1.refusals" 'def mean: if length > 0 then add / length else null end;
		{name: $name, what: $what, rows: ($row | length),
		 unsafe: ($row | map(select(.label == "unsafe")) | length),
		 nll_safe: ($safe | map(.nll) | mean), nll_utility: ($utility | map(.nll) | mean),
		 refusals: $refusals[0].rate}' >> "$OUT/tuned.jsonl"
}

for which in random.score state.score "$SEAL_SCORE"; do
	seal-select --keep 80% --scores "$OUT/${which%%.*}.jsonl" --by "${which#*.}" \
		-o "$OUT/kept.$which.jsonl" "$OUT/train.jsonl"
done
tune base "the base model" ""
tune all "all rows" "$OUT/train.jsonl"
tune random "random 80 %" "$OUT/kept.random.score.jsonl"
tune state "state 80 %" "$OUT/kept.state.score.jsonl"
tune seal "SEAL 80 % ($SEAL_SCORE)" "$OUT/kept.$SEAL_SCORE.jsonl"

jq -n --arg model "${MODEL##*/}" --arg train "${TRAIN##*/}" --arg selected_by "$SEAL_SCORE" \
	--slurpfile scores "$OUT/detect.jsonl" --slurpfile tuned "$OUT/tuned.jsonl" \
	'{model: $model, train: $train, rows: $tuned[1].rows, unsafe: $tuned[1].unsafe,
	  selected_by: $selected_by, scores: $scores, tuned: $tuned}' > "$OUT/result.json"
sh "$here/quickstart-plot.sh" "$OUT" base.loss safe.gain "$SEAL_SCORE"
sh "$here/quickstart-table.sh" "$OUT/result.json"
echo
echo "$OUT/result.json has these numbers, $OUT/scores.png the distributions of the scores."
