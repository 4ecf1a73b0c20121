#!/bin/sh
# SPDX-License-Identifier: MIT
# quickstart.sh - the whole story on labelled rows: score, select, train, evaluate.
#
#   MODEL=   a Hugging Face folder or a GGUF file (fetched when not given)
#   ROWS=    a folder of rows (pipelines/demo); or name the files themselves:
#            TRAIN= SAFE= TEST_SAFE= TEST_UTILITY= PROMPTS=
#   N=300    how many rows of TRAIN
#   OUT=     where everything goes (build/quickstart)
#   SEAL_SCORE=alg2.tempered   the score that selects "SEAL 80 %", by its file's name below
#   SCORE_OPTIONS= TRAIN_OPTIONS=   more options for seal-score and seal-lora-train
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

# detect RUN SCORE WHAT: how RUN.SCORE.jsonl tells the labels, and what the run cost
detect() {
	seal-eval detect --scores "$OUT/$1.$2.jsonl" --label-key label --keep 80% --by source \
		"$OUT/train.jsonl" > "$OUT/$1.$2.detect"
	jq -c -n --arg name "$1.$2" --arg what "$3" --slurpfile found "$OUT/$1.$2.detect" \
		--slurpfile log "$OUT/$1.log" '{name: $name, what: $what} + $found[0] +
			($log[-1] // {} | {seconds, peak_bytes})' \
		>> "$OUT/detect.jsonl"
}
# score RUN SCORE WHAT OPTIONS...: one run of seal-score, and its score against the labels
score() {
	run=$1 by=$2 what=$3; shift 3
	say "$what"
	seal-score "$@" --plain --log "$OUT/$run.log" -o "$OUT/$run.$by.jsonl"
	detect "$run" "$by" "$what"
}
# model_score: the same with the model and the settings that all methods share
model_score() {
	run=$1 by=$2 what=$3; shift 3
	score "$run" "$by" "$what" -m "$MODEL" --safe "$OUT/safe.tok" --seed 1 "$@" --score "$by" \
		${SCORE_OPTIONS-} "$OUT/train.tok"
}
# another SCORE WHAT: another score of the last run, out of the losses that it left
another() {
	jq -c --arg score "$1" 'if .seal then .score = $score else
		.score = try ({gain: .loss_base, tempered: (.loss_base / 2), gap: .loss_hat}[$score] - .loss) catch null end' \
		"$OUT/$run.$by.jsonl" > "$OUT/$run.$1.jsonl"
	detect "$run" "$1" "$2"
}

score random random "random" --method random --seed 1 "$OUT/train.jsonl"
model_score base loss "loss of the base model" --method loss
model_score safe loss "safe-loss, loss" --method safe-loss
another gain "safe-loss, gain"
another tempered "safe-loss, tempered"
model_score alg2 weight "bilevel Algorithm 2, weight" --method bilevel --algorithm 2
another gain "bilevel Algorithm 2, gain"
another tempered "bilevel Algorithm 2, tempered"
model_score alg1 weight "bilevel Algorithm 1, weight" --method bilevel --algorithm 1
another gain "bilevel Algorithm 1, gain"
another gap "bilevel Algorithm 1, gap"

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

for which in random.random "$SEAL_SCORE"; do
	seal-select --keep 80% --scores "$OUT/$which.jsonl" -o "$OUT/kept.$which.jsonl" "$OUT/train.jsonl"
done
tune base "the base model" ""
tune all "all rows" "$OUT/train.jsonl"
tune random "random 80 %" "$OUT/kept.random.random.jsonl"
tune seal "SEAL 80 % ($SEAL_SCORE)" "$OUT/kept.$SEAL_SCORE.jsonl"

jq -n --arg model "${MODEL##*/}" --arg train "${TRAIN##*/}" --arg selected_by "$SEAL_SCORE" \
	--slurpfile scores "$OUT/detect.jsonl" --slurpfile tuned "$OUT/tuned.jsonl" \
	'{model: $model, train: $train, rows: $tuned[1].rows, unsafe: $tuned[1].unsafe,
	  selected_by: $selected_by, scores: $scores, tuned: $tuned}' > "$OUT/result.json"
sh "$here/quickstart-plot.sh" "$OUT" base.loss safe.gain "$SEAL_SCORE"
sh "$here/quickstart-table.sh" "$OUT/result.json"
echo
echo "$OUT/result.json has these numbers, $OUT/scores.png the distributions of the scores."
