#!/bin/sh
# SPDX-License-Identifier: MIT
# train.t - seal-lora-train and seal-score as programs: equal bytes, kill and resume, faults
. "$(dirname "$0")/tap.sh"
cd "$TMP" || exit 1
. "$T/tune.sh"
tuning 60 30

lora="$BIN/seal-lora-train -q -j 1 -m model --lr 1e-3 -b 8"
score="$BIN/seal-score -q -j 1 -m model --method bilevel --safe safe.tok --lr 1e-3 -b 8 --plain"

steps="--epochs 5"    # of 8 steps each

# The same command twice.
$lora -o a1 --log l1 train.tok && $lora -o a2 --log l2 train.tok
cmp -s a1/adapter_model.safetensors a2/adapter_model.safetensors
ok $? "the same training twice writes the same adapter"
is "$(timeless l1)" "$(timeless l2)" "and the same log, timings apart"
is "$(jq -s 'map(select(.step)) | length' l1)" 8 "a step for every batch"
is "$(jq -s '(.[0].loss - .[7].loss) > 0' l1)" true "the loss falls"
for s in "--algorithm 1" "--algorithm 2 --activation sigmoid --selector-optim adam" "--method safe-loss"; do
	$score $s train.tok > s1 && $score $s train.tok > s2
	ok $? "seal-score $s"
	cmp -s s1 s2; ok $? "twice the same bytes"
done
$score --algorithm 1 train.tok > s1
is "$(jq -c 'select(.id) | [.weight, .visits, .last, .loss_base, .loss, .loss_hat] | map(type == "number") | all' s1 | sort | uniq -c | tr -s ' ')" \
   " 60 true" "Algorithm 1 gives every number for every row"
is "$(jq -s '[.[1:][] | .weight] | add / length * 1000 | round' s1)" 1000 "softmax weights have mean 1"
is "$(jq -s '[.[1:][] | .visits] | unique' -c s1)" "[1]" "every row is visited once an epoch"
is "$(jq -s -c '[.[1:][] | .last] | sort == [range(60)]' s1)" true "at a position of its own"
for by in loss gain tempered gap; do
	$score --algorithm 1 --score $by train.tok > s2
	is "$(jq -c 'select(.id) | del(.score)' s2 | md5sum)" "$(jq -c 'select(.id) | del(.score)' s1 | md5sum)" \
	   "--score $by changes the score alone"
done
is "$(jq -c 'select(.id) | (.score - (.loss_hat - .loss) | fabs) < 1e-7' s2 | sort -u)" true "gap is loss_hat - loss"
for by in gap 'loss_hat - loss'; do
	is "$("$BIN/seal-select" -q --scores s1 --by "$by" --keep 50% train.jsonl | cksum)" \
	   "$("$BIN/seal-select" -q --scores s2 --keep 50% train.jsonl | cksum)" "seal-select --by '$by' picks what --score gap does"
done
$score --algorithm 1 --score '(loss_hat - loss) * 2' train.tok > s3
is "$(jq -s -c '[.[0:61], .[61:122]] | transpose[1:] | map((.[0].score * 2 - .[1].score | fabs) < 1e-6) | all' s2 s3)" true "--score takes a formula"
is "$(jq -s -c '.[0] | [.method, .score, .settings.score, [.columns[].name]]' s3)" \
   '["bilevel","(loss_hat - loss) * 2","(loss_hat - loss) * 2",["loss_hat","weight","visits","last","loss_base","loss"]]' "the header tells it, and the columns"

# SIGKILL in mid-run: what resumes writes the same bytes.
# resumed NAME OUTPUT-TO-COMPARE COMMAND...
resumed() {
	name=$1 out=$2; shift 2
	"$@" --log whole.log > whole.out; cp -r "$out" whole.kept 2> /dev/null
	rm -rf "$out" ck
	(kill_at fflush:25:9 "$@" --checkpoint ck --every 10 --log part.log > part.out) 2> /dev/null
	is "$? $(ls ck | xargs)" "137 step-10 step-20" "$name: killed after checkpoints"
	[ ! -e "$out" ]; ok $? "$name: nothing half-written"
	"$@" --checkpoint ck --every 10 --resume --log part.log > part.out
	ok $? "$name: resumes"
	cmp -s whole.out part.out && diff -r "$out" whole.kept > /dev/null; ok $? "$name: the same bytes"
	is "$(timeless part.log | md5sum)" "$(timeless whole.log | md5sum)" "$name: the same log"
	is "$(ls ck | wc -l)" 2 "$name: two checkpoints stay"
	fails 1 "holds a checkpoint" "$name: refused without --resume" "$@" --checkpoint ck
	rm -rf whole.kept
}
resumed "seal-lora-train" tuned $lora -o tuned --force $steps --schedule cosine --warmup 9 train.tok
resumed "seal-lora-train --safe --pull" tuned $lora -o tuned --force $steps --safe safe.tok --safe-share 0.2 --project --pull 20 --init-adapter a1 train.tok
fails 1 "pull was 20, and is 30 now" "a checkpoint of another pull" \
	$lora -o tuned --force $steps --safe safe.tok --safe-share 0.2 --project --pull 30 --init-adapter a1 --checkpoint ck --resume train.tok
fails 1 "safe was .*, and is .* now" "a checkpoint of other safe rows" \
	$lora -o tuned --force $steps --safe train.tok --safe-share 0.2 --project --pull 20 --init-adapter a1 --checkpoint ck --resume train.tok
resumed "seal-score" theta $score --algorithm 1 $steps --force --save-adapter theta train.tok
fails 1 "lr was 0.001, and is 0.002 now" "a checkpoint of other settings" \
	$score --algorithm 1 $steps --lr 2e-3 --checkpoint ck --resume train.tok
cp -r model twin && printf '\001' | dd of=twin/model.safetensors bs=1 seek=9000 conv=notrunc 2> /dev/null
fails 1 "model was" "a checkpoint of another model of its shape" \
	$score --algorithm 1 $steps -m twin --checkpoint ck --resume train.tok
fails 1 "data was" "a checkpoint of other data" $score --algorithm 1 $steps --checkpoint ck --resume safe.tok

# SIGTERM and SIGINT: a checkpoint after the current step, and equal bytes from there on.
stopped() {
	name=$1 sig=$2 out=$3; shift 3
	rm -rf whole.kept "$out" ck; : > part.log
	"$@" --log whole.log > whole.out; cp -r "$out" whole.kept
	rm -rf "$out"
	kill_at "fflush:5:$sig" "$@" --checkpoint ck --every 1000 --log part.log > part.out 2> err
	is $? $((sig + 128)) "$name: signal $sig ends it with 128 + signal"
	at=$(sed -n 's/.*stopped after step \([0-9]*\) of .* is in ck\/step-\1 .*/\1/p' err)
	[ -n "$at" ] && [ -e "ck/step-$at" ] && [ ! -e "$out" ] && [ ! -s part.out ]; ok $? "$name: a checkpoint and nothing else"
	"$@" --checkpoint ck --every 1000 --resume --log part.log > part.out
	cmp -s whole.out part.out && diff -r "$out" whole.kept > /dev/null; ok $? "$name: resumed to the same bytes"
	is "$(timeless part.log | md5sum)" "$(timeless whole.log | md5sum)" "$name: and the same log"
}
stopped "seal-lora-train" 15 tuned $lora -o tuned --force $steps --schedule cosine train.tok
stopped "seal-score" 2 theta $score --algorithm 1 $steps --force --save-adapter theta train.tok
rm -rf tuned part.log
(kill_at fflush:2:15 $lora -o tuned --log part.log train.tok) 2> /dev/null
is "$? $(wc -l < part.log)" "143 1" "without --checkpoint SIGTERM ends it at once"

# Weights.
$lora -o once --force --seed 3 --epochs 2 train.tok
"$BIN/seal-score" -q -m model --method loss --plain train.tok > none.scores
weigh() { jq -c "if .seal then . else .weight = ($1) end" none.scores; }
tensors() { tail -c +$((9 + $(od -An -tu8 -N8 "$1/adapter_model.safetensors"))) "$1/adapter_model.safetensors" | md5sum; }
for w in 1 0.3; do
	weigh $w | zstd -q > w.zst && $lora -o w1 --force --seed 3 --epochs 2 --weights w.zst train.tok
	is "$(tensors w1)" "$(tensors once)" "weights of $w give the tensors of plain training"
done
weigh 'if .line % 3 == 0 then -0.5 else .line end' > mixed
"$BIN/seal-eval" nll -q -j 1 -m model train.tok > nll
want=$(jq -n --slurpfile s mixed --slurpfile l nll '[$s[1:] | .[].weight] as $w | [$l[].nll] as $l |
	([range(60) | $w[.] * $l[.]] | add) / ($w | map(fabs) | add)')
$lora -o w2 --force -b 60 --no-shuffle --weights mixed --log l2 train.tok
is "$(jq --argjson w "$want" 'select(.step == 1) | (.loss - $w | fabs) < 1e-4 * ($w | fabs)' l2)" true \
   "a step's loss is sum w l / sum |w|"
weigh 'if .line <= 20 then 2 else 0 end' > some
$lora -o w3 --force -b 60 --no-shuffle --weights some --log l3 train.tok
head -20 train.jsonl | "$BIN/seal-tokenize" -q -m model > few.tok
$lora -o w4 --force -b 20 --no-shuffle --log l4 few.tok
is "$(jq -s '[.[] | select(.step == 1)] | (.[0].norm / .[1].norm - 1 | fabs) < 0.01' l3 l4)" true \
   "its gradient is that of the rows that weigh"
weigh 0 > zero; $lora -o w3 --force --weights zero --log l3 train.tok
is "$(jq -s 'map(select(.step) | .norm == 0) | all' l3)" true "rows of no weight move nothing"
$lora -o w3 --force --weights some few.tok; ok $? "the scores may have more rows"
weigh 'if .line == 7 then null else 1 end' > gap; seventh=$(jq -r 'select(.line == 7) | .id' gap)
fails 1 "gap: the weight of row $seventh is null" "a null weight" $lora -o x --weights gap train.tok
grep -v "\"id\":\"$seventh\"" mixed | sed '1s/60/59/' > less
fails 1 "less: the row $seventh has no score" "a row without a score" $lora -o x --weights less train.tok
sed '/"line":7,/s/"hash":"[0-9a-f]*"/"hash":"0123456789abcdef"/' mixed > twisted
fails 1 "another data set" "scores of other rows" $lora -o x --weights twisted train.tok
rm -rf ck; $lora -o w3 --force --weights mixed --checkpoint ck train.tok
fails 1 "weights was .*, and is .* now" "a checkpoint of other weights" \
	$lora -o w3 --force --weights some --checkpoint ck --resume train.tok
fails 1 "weights was .*, and is null now" "a checkpoint of weights" $lora -o w3 --force --checkpoint ck --resume train.tok

# What keeps a model safe (t/finetune.c compares steps with torch's).
safer() { out=$1; shift; $lora -o "$out" --force --seed 3 --epochs 2 --log "$out.log" "$@" train.tok; }
safer k0
for none in "--pull 0" "--safe-share 0"; do
	safer k1 $none; is "$(tensors k1) $(timeless k1.log | md5sum)" "$(tensors k0) $(timeless k0.log | md5sum)" "$none is none"
done
# A share is bilevel's penalty, where all weights stay equal; both go through the safe rows alike.
safer k1 --safe safe.tok --safe-share 0.25
"$BIN/seal-score" -q -j 1 -m model --method bilevel --safe safe.tok --lr 1e-3 -b 8 --plain --seed 3 --epochs 2 --targets auto \
	--gamma 0.75 --gamma-step 0 --selector-lr 0 --save-adapter k2 --force train.tok > k2.scores
is "$(tensors k1)" "$(tensors k2)" "--safe-share 0.25 is bilevel with a gamma of 0.75 and equal weights, to the bit"
# And it is the weighted mean of both kinds of rows.
cat train.tok safe.tok > both.tok; "$BIN/seal-score" -q -m model --method loss --plain both.tok |
	jq -s -c '.[0], (.[1:] | to_entries[] | .value + {weight: (if .key < 60 then 0.75 / 60 else 0.25 / 30 end)})' > both.scores
$lora -o w3 --force -b 60 --safe safe.tok --safe-share 0.25 --log l3 train.tok
$lora -o w4 --force -b 90 --weights both.scores --log l4 both.tok
is "$(jq -s 'map(select(.step)) | length == 2 and (.[0].norm / .[1].norm - 1 | fabs) < 1e-4' l3 l4)" true "and the gradient of all rows, so weighted"
safer k3 --safe safe.tok --project
is "$(jq -s 'map(select(.step)) | length > 0 and all(.projected == (.cosine < 0))' k3.log)" true "--project says where it did"
safer k4 --safe safe.tok --project; is "$(tensors k3)" "$(tensors k4)" "--project: twice the same bytes"
# Pulled all the way, theta is never further than a step from where it began: here a1.
safer far --init-adapter a1; safer near --init-adapter a1 --pull 1000
apart() { "$BIN/seal-eval" nll -q -m model -a "$1" safe.tok | jq -s 'map(.nll) | add / length'; }
is "$(jq -n --argjson a "$(apart a1)" --argjson far "$(apart far)" --argjson near "$(apart near)" '(($near - $a) | fabs) < (($far - $a) | fabs) / 2')" true \
   "lr X = 1 leaves theta near the adapter that it began as"
"$BIN/seal-lora-train" -q -j 1 -m model --full --lr 1e-3 -b 8 --max-steps 3 --pull 20 --safe safe.tok --project --safe-share 0.1 --log full.log -o whole --force train.tok
is "$? $(jq -s 'map(select(.step) | .loss_safe, .cosine | type) | unique' -c full.log)" '0 ["number"]' "with --full too"
fails 2 "goes with --safe-share, --project" "safe rows for nothing" $lora -o x --safe safe.tok train.tok
fails 2 "goes with --safe-share, --project" "--project without safe rows" $lora -o x --project train.tok
fails 2 "must be below 1" "nothing but safe rows" $lora -o x --safe safe.tok --safe-share 1 train.tok
fails 2 "must not be above 1" "a pull beyond theta_0" $lora -o x --pull 1001 train.tok
fails 2 "nothing is trained" "--pull without training" "$BIN/seal-lora-train" -q -m model --init-adapter a1 --merge x --pull 1 train.tok
"$BIN/seal-tokenize" -q -m model --allow-empty /dev/null > no.tok
fails 1 "no safe rows" "an empty file of safe rows" $lora -o x --safe no.tok --project train.tok

# Faults.
fails 1 "a1 exists" "an output that exists" $lora -o a1 train.tok
fails 1 "something else" "--force on what is no adapter" $lora --force -o model train.tok
fails 2 "needed" "no output named" "$BIN/seal-lora-train" -m model train.tok
fails 1 "another tokenizer" "a token stream of another tokenizer" $lora -o x "$G/rows.tok"
fails 1 "cut short|ends" "a cut stream" sh -c "head -c 3000 train.tok | '$BIN/seal-lora-train' -m model -o x"
fails 1 "no linear layer" "an unknown target" $lora -o x --targets nonsense train.tok
# omega begins at the scores of another run, and with a rate of 0 it stays there.
jq -c 'if .id then .score = (.line % 7 - 3) / 2 else . end' s1 > begin
$score --activation sigmoid --init-scores begin --selector-lr 0 train.tok > s3
is "$(jq -s '[.[1:][] | .weight - 2 / (1 + ((-(.line % 7 - 3) / 2) | exp)) | fabs] | max < 1e-6' s3)" true "--init-scores: where omega begins"
$score --activation sigmoid --init-scores begin train.tok > s4; ! cmp -s s3 s4; ok $? "from where it learns on"
for act in softmax sigmoid; do
	$score --activation $act --selector-states train.tok > s5; $score --activation $act --selector-states train.tok | cmp -s - s5; ok $? "--selector-states, $act: twice the same bytes"
done
$score --activation sigmoid train.tok > s6; ! cmp -s s5 s6; ok $? "which are not those of free logits"
fails 2 "goes with --selector-optim sgd" "--selector-states with Adam" $score --selector-states --selector-optim adam train.tok
{ head -1 begin | jq -c ".rows = 19"; sed -n 2,20p begin; } > few
fails 1 "the row .* has no score" "scores of some rows" $score --init-scores few train.tok
fails 2 "are for --method bilevel" "another method's" $score --method safe-loss --init-scores begin train.tok

fails 1 "gradient is not finite" "a gradient that is no number" $lora -o x --lr 1e30 --clip 0 --epochs 20 train.tok
cp -r model nan && printf '\377\377\377\377' |
	dd of=nan/model.safetensors bs=1 seek=$(($(wc -c < nan/model.safetensors) - 4)) conv=notrunc 2> /dev/null
fails 1 "step 1: the loss is not finite on row" "a loss that is no number" $lora -m nan -o x train.tok
fails 1 "base losses: not finite on row" "nor when scoring" $score -m nan --method loss train.tok
first=$(head -1 train.jsonl | jq -r .id)
fails 1 "the likelihood of row $first is not a number" "nor seal-eval nll's" "$BIN/seal-eval" nll -q -m nan train.tok
fails 1 "the likelihood of row $first is not a number" "nor those of tokens" "$BIN/seal-eval" nll -q --per-token -m nan train.tok
fails 1 "row $first: the model's logits are not finite" "nor logits of answers" "$BIN/seal-eval" generate -q -m nan train.jsonl
: > none.jsonl; "$BIN/seal-tokenize" -q -m model --allow-empty none.jsonl -o none.tok
fails 1 "no safe rows" "safe rows that are none" "$BIN/seal-score" -m model --method bilevel --safe none.tok train.tok
fails 1 "no rows to validate" "validation rows that are none" $lora -o x --valid none.tok train.tok
fails 1 "no linear layer" "no target" $lora -o x --targets "" train.tok
fails 2 "has no column loss_hat" "gap of Algorithm 2" "$BIN/seal-score" -m model --method bilevel --safe train.tok --score gap train.tok
fails 2 "has no column weight" "a weight that nobody learns" "$BIN/seal-score" -m model --method loss --score weight train.tok
fails 2 "'loss loss': column 6: an operator is missing" "no formula" "$BIN/seal-score" -m model --method loss --score 'loss loss' train.tok
fails 2 "needs --safe" "bilevel without safe rows" "$BIN/seal-score" -m model --method bilevel train.tok
fails 2 "does not train" "a checkpoint of no training" $score --method loss --checkpoint ck2 train.tok
fails 2 "scales the pairs by nothing" "an alpha of 0" $lora -o x --lora-alpha 0 train.tok
fails 2 "resume needs" "nothing to resume from" $lora -o x --resume train.tok
fails 2 "gamma-step are for --method bilevel" "options of another method" $score --method safe-loss --gamma-step 0.1 train.tok
fails 2 "gamma reaches 1" "gamma of 1" $score --gamma 0.9 --gamma-step 0.2 --epochs 2 train.tok
fails 1 "open nowhere" "no such model" "$BIN/seal-lora-train" -m nowhere -o x train.tok
[ ! -e x ]; ok $? "no half-written adapter"
[ -w /dev/full ] && { "$BIN/seal-score" -q -m model --method loss --plain train.tok > /dev/full 2> err; is $? 1 "a full disk"; }
mkdir other && sed 's/"llama"/"mamba"/' model/config.json > other/config.json && cp model/model.safetensors other
fails 1 'mamba.*not a model family' "an unknown family" "$BIN/seal-eval" nll -m other train.tok
done_testing
