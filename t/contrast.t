#!/bin/sh
# SPDX-License-Identifier: MIT
# contrast.t - the methods that tune one theta on trusted and one on bad rows, against what
# seal-lora-train, seal-tokenize and seal-eval make of the same rows
. "$(dirname "$0")/tap.sh"
cd "$TMP" || exit 1
. "$T/tune.sh"
tuning 60 30
# The bad rows of the demonstration: the first are scored, the others are known.
jq -c 'select(.label == "unsafe")' "$T/../pipelines/demo/train.jsonl" > unsafe.jsonl
tail -30 unsafe.jsonl > bad.jsonl
{ head -20 unsafe.jsonl; jq -c 'select(.label == "safe")' "$T/../pipelines/demo/train.jsonl" | head -20; } > mixed.jsonl
for f in bad mixed; do "$BIN/seal-tokenize" -q -m model $f.jsonl -o $f.tok; done

score="$BIN/seal-score -q -j 1 -m model --safe safe.tok --dtype f32 --plain"
lora="$BIN/seal-lora-train -q -j 1 -m model --dtype f32 --targets all-linear --lr 1e-3 -b 4 --epochs 99"
nll="$BIN/seal-eval nll -q -j 1 -m model --dtype f32 --per-token"

# auroc SCORES FORMULA - how well it tells the rows of mixed.jsonl apart
auroc() { "$BIN/seal-eval" detect -q -s "$1" --by "$2" mixed.jsonl | jq .auroc; }

# --- contrast
contrast="$score --method contrast --danger bad.tok --max-steps 20"
$contrast --log log mixed.tok > s1 && $contrast mixed.tok > s2
ok $? "contrast scores rows"
cmp -s s1 s2; ok $? "twice the same bytes"
is "$(jq -s -c 'map(select(.step) | .step) == [range(1; 21), range(1; 21)]' log)" true "the log has the steps of both trainings"
is "$(head -1 s1 | jq -c '[.score, .settings["max-steps"], .settings.batch, .settings.epochs, ([.settings.safe, .settings.danger] | map(length))]')" \
   '["contrast",20,4,null,[16,16]]' "the header tells how theta_s and theta_h were trained"
is "$($score --method contrast --danger bad.tok mixed.tok | head -1 | jq '.settings["max-steps"]')" 50 "50 steps, if nothing is said"

# The same two thetas, trained apart.
$lora -o theta_s --max-steps 20 safe.tok && $lora -o theta_h --max-steps 20 bad.tok
$nll -a theta_s mixed.tok > under_s && $nll -a theta_h mixed.tok > under_h
jq -n -c --slurpfile s under_s --slurpfile h under_h '
	def mean: add / length;
	[$s, $h] | transpose[] | (map([.nlls[] | numbers]) | transpose | map(.[1] - .[0])) as $c |
	{id: .[0].id, loss_safe: .[0].nll, loss_danger: .[1].nll, contrast: ($c | mean), contrast_head: ($c[:10] | mean),
	 contrast_tail: ($c | sort | .[:((length / 10) | ceil)] | mean)}' > want
for column in loss_safe loss_danger contrast contrast_head contrast_tail; do
	is "$(jq -n -c --arg c $column --slurpfile got s1 --slurpfile want want '
		[$got[1:], $want] | transpose | [length, (map(.[0].id == .[1].id and (.[0][$c] - .[1][$c] | fabs) < 1e-5) | all)]')" '[40,true]' \
	   "$column is what two trainings apart give"
done
is "$(jq -s 'map([.nlls[] | numbers] | length) | min > 10 and max > 20' under_s)" true "of answers with a head and a tail"
is "$(jq -s '[.[1:][] | select(.contrast_tail < .contrast and .contrast_head != .contrast)] | length' s1)" 40 "which differ from the mean"
is "$(auroc s1 score | jq '. > 0.6')" true "bad rows are low (area $(auroc s1 score))"
is "$(jq -s -c '.[1:] | map((.score - .contrast_tail | fabs) < 1e-6) | all' s2)" false "the score is no other column"
$contrast --score 'loss_danger - loss_safe' mixed.tok > s3
is "$(jq -n -c --slurpfile a s1 --slurpfile b s3 '[$a[1:], $b[1:]] | transpose | map((.[0].score - .[1].score | fabs) < 1e-5) | all')" true \
   "it is loss_danger - loss_safe"
# With the roles exchanged the sign is the other one.
"$BIN/seal-score" -q -j 1 -m model --dtype f32 --plain --method contrast --max-steps 20 --safe bad.tok --danger safe.tok mixed.tok > s4
is "$(jq -n -c --slurpfile a s1 --slurpfile b s4 '[$a[1:], $b[1:]] | transpose | map((.[0].score + .[1].score | fabs) < 1e-5) | all')" true \
   "trusted rows for bad ones: the scores change their sign"
$contrast --init-adapter theta_s mixed.tok > s5
is "$(jq -n -c --slurpfile a s1 --slurpfile b s5 '[$a[1:], $b[1:]] | transpose | map(.[0].score == .[1].score) | any')" false "both go on from --init-adapter"

# --- faults, of all methods that learn from bad rows
head -4 bad.jsonl | "$BIN/seal-tokenize" -q -m model -o four.tok
head -9 bad.jsonl | "$BIN/seal-tokenize" -q -m model --template 'Q: {} A: {}' -o other.tok
: > none.jsonl; "$BIN/seal-tokenize" -q -m model none.jsonl -o none.tok
n=0
for m in contrast; do
	s="$BIN/seal-score -m model --method $m --max-steps 2"
	fails 2 "method $m needs --danger" "$m without bad rows" $s --safe safe.tok mixed.tok
	fails 2 "method $m needs --safe" "$m without trusted rows" $s --danger bad.tok mixed.tok
	fails 2 "--max-steps, and no --epochs" "$m in epochs" $s --safe safe.tok --danger bad.tok --epochs 2 mixed.tok
	fails 1 "four.tok: 4 bad rows; at least 5" "$m with four bad rows" $s --safe safe.tok --danger four.tok mixed.tok
	fails 1 'other.tok has the template "Q: \{\} A: \{\}", the rows have "seal"' "$m with bad rows of another template" \
		$s --safe safe.tok --danger other.tok mixed.tok
	fails 1 "no safe rows" "$m with trusted rows that are none" $s --safe none.tok --danger bad.tok mixed.tok
	fails 2 "does not train" "$m keeps no theta" $s --safe safe.tok --danger bad.tok --save-adapter x mixed.tok
	fails 2 "does not train" "$m has no checkpoint" $s --safe safe.tok --danger bad.tok --checkpoint x mixed.tok
	n=$((n + 1))
done
cases $n "methods of two thetas"
# A model without a tokenizer cannot tell whose tokens they are, but all are to be of one.
sed 's/"seal.fingerprint":"0000000000000000"/"seal.fingerprint":"00000000000000ff"/' "$G/rows.tok" > alien.tok
fails 1 "alien.tok was made with another tokenizer \(00000000000000ff\) than the rows \(0000000000000000\)" "bad rows of another tokenizer" \
	"$BIN/seal-score" -m "$G/tiny-llama" --method contrast --safe "$G/rows.tok" --danger alien.tok "$G/rows.tok"
done_testing
