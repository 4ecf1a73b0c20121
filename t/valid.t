#!/bin/sh
# SPDX-License-Identifier: MIT
# valid.t - seal-lora-train --valid: the best theta is kept, patience ends a run, a share of the rows
# is held out; and a resumed run may be a longer one.
. "$(dirname "$0")/tap.sh"
cd "$TMP" || exit 1
. "$T/tune.sh"
tuning 60 30

train="$BIN/seal-lora-train -q -j 1 -m model -b 8 --force"     # 8 steps an epoch
lora="$train --lr 2"
tensors() { for f in "$1"/*.safetensors; do tail -c +$((9 + $(od -An -tu8 -N8 "$f"))) "$f" | md5sum; done; }
same() { diff -r "$1" "$2" > /dev/null; }

# The best: at this rate the first step goes too far, and what follows is worse.
$lora -o best --valid safe.tok --valid-every 1 --max-steps 6 --log l1 train.tok
is "$(jq -c 'select(.valid) | .step' l1 | xargs)" "1 2 3 4 5 6" "--valid-every 1: after every step"
kept=$(jq -s 'map(select(.valid)) | min_by(.valid).step' l1)
[ "$kept" -lt 6 ]; ok $? "the last is not the best here"
is "$(jq -c 'select(.event == "kept") | [.kept, .least]' l1)" "$(jq -s -c 'map(select(.valid)) | min_by(.valid) | [.step, .valid]' l1)" \
   "the log tells which is kept, of the least loss"
$lora -o upto --max-steps "$kept" train.tok
is "$(tensors best)" "$(tensors upto)" "which is what so many steps give"
"$BIN/seal-eval" nll -q -j 1 -m model -a best safe.tok | jq -s --argjson want "$(jq 'select(.least) | .least' l1)" \
	'map(.nll) | add / length - $want | fabs < 1e-5' > near
is "$(cat near)" true "and its loss is that of seal-eval nll"
$lora -o last --valid safe.tok --valid-every 1 --max-steps 6 --keep last --log l2 train.tok
$lora -o six --max-steps 6 train.tok
is "$(tensors last)" "$(tensors six)" "--keep last: all steps"
is "$(jq -c 'select(.event) | .event' l2 | xargs)" end "of which nothing is told"
is "$(timeless l2 | grep -v event)" "$(timeless l1 | grep -v event)" "else the logs are the same"
$lora -o full --full --lr 1 --valid safe.tok --valid-every 1 --max-steps 6 --log l3 train.tok
$lora -o fullupto --full --lr 1 --max-steps "$(jq 'select(.kept) | .kept' l3)" train.tok
is "$(tensors full) $(jq 'select(.kept) | .kept < 6' l3)" "$(tensors fullupto) true" "--full: the best of all weights"
$lora -o best2 --merge merged --lora-gguf best.gguf --valid safe.tok --valid-every 1 --max-steps 6 train.tok > apart
is "$(tensors best2) $(jq '.largest < 0.05' apart)" "$(tensors best) true" "--merge and --lora-gguf write the best too"
$lora -o again --valid safe.tok --max-steps 6 --valid-every 4 --log l4 train.tok
is "$(jq -c 'select(.valid) | [.step, .event]' l4 | xargs)" "[4,null] [6,valid]" "the last step is validated whatever the interval"
$lora -o again --valid safe.tok --epochs 2 --log l4 train.tok
is "$(jq -c 'select(.valid) | [.step, .event]' l4 | xargs)" "[8,null] [16,null]" "without an interval after every epoch"

# Patience.
for n in 1 2; do
	$lora -o patient --valid safe.tok --valid-every 1 --epochs 4 --patience $n --log l5 train.tok
	is "$(jq -s 'map(select(.loss)) | length' l5)" $((kept + n)) "--patience $n: so many steps more"
	is "$(tensors patient)" "$(tensors best)" "and the best until then"
done
$lora -o patient2 --valid safe.tok --valid-every 1 --epochs 4 --patience 2 --keep last train.tok
$lora -o upto --max-steps $((kept + 2)) train.tok
is "$(tensors patient2)" "$(tensors upto)" "--patience with --keep last"
for o in "--keep best" "--patience 2" "--valid-every 3"; do
	fails 2 "need --valid" "$o without --valid" $lora -o x $o train.tok
done

# Killed and resumed, at each step, by SIGKILL and by SIGTERM: the same adapter, the same log.  Every line of the log is an fflush.
lora="$train --lr 1e-1"
patient="--valid safe.tok --valid-every 1 --epochs 2 --patience 2"
$lora -o whole $patient --log whole.log train.tok
for sig in 9 15; do
	bad='' n=0
	for at in 2 3 5 7 8 9 10 11 12; do
		rm -rf ck part part.log
		(kill_at fflush:$at:$sig $lora -o part $patient --checkpoint ck --every 1 --log part.log train.tok) 2> err && continue
		n=$((n + 1))
		[ ! -e part ] && $lora -o part $patient --checkpoint ck --every 1 --resume --log part.log train.tok && same part whole &&
			[ "$(timeless part.log)" = "$(timeless whole.log)" ] || bad="$bad $at"
	done
	cases $n "killed by signal $sig"
	is "$bad" "" "each time the same bytes and the same log"
done
$lora -o part $patient --checkpoint ck --resume --log part.log train.tok; same part whole && is "$(timeless part.log)" "$(timeless whole.log)" "resumed when all is done: the same again"
fails 1 'keep was "best", and is "last" now' "resumed to keep another" $lora -o x $patient --keep last --checkpoint ck --resume train.tok
fails 1 "valid was .*, and is .* now" "resumed with other validation rows" $lora -o x $patient --valid train.tok --checkpoint ck --resume train.tok
fails 1 "valid-every was 1, and is 2 now" "or another interval" $lora -o x $patient --valid-every 2 --checkpoint ck --resume train.tok

# longer NAME FIRST THEN - a run with the options FIRST that goes on with THEN is one that had THEN from the start
longer() {
	rm -rf ck one part part.log
	$lora -o one $3 --log one.log train.tok
	$lora -o part $2 --checkpoint ck --every 3 --log part.log train.tok
	$lora -o part $3 --checkpoint ck --every 3 --resume --log part.log train.tok
	same one part; ok $? "$1: the same bytes"
	is "$(timeless part.log)" "$(timeless one.log)" "$1: the same log"
}
longer "more steps" "--max-steps 2" "--max-steps 5"
longer "more steps than an epoch has" "--max-steps 7" "--epochs 3 --max-steps 19"
longer "more epochs" "--epochs 1" "--epochs 2"
longer "all steps" "--epochs 2 --max-steps 5" "--epochs 2"
longer "as many steps by other options" "--epochs 2 --max-steps 8 --schedule cosine" "--epochs 1 --schedule cosine"
longer "within the warm-up" "--max-steps 3 --warmup 4 --schedule cosine" "--max-steps 9 --warmup 4 --schedule cosine"
longer "at the end of the warm-up" "--max-steps 3 --warmup 2 --schedule cosine" "--max-steps 9 --warmup 2 --schedule cosine"
longer "a warm-up" "--max-steps 6 --warmup 3" "--max-steps 9 --warmup 3"
longer "weights that decay, a clip" "--max-steps 3 --weight-decay 0.1 --clip 0.1" "--max-steps 6 --weight-decay 0.1 --clip 0.1"
longer "validated" "--max-steps 5 --valid safe.tok --valid-every 2" "--max-steps 9 --valid safe.tok --valid-every 2"
longer "validated after epochs" "--max-steps 5 --valid 20%" "--epochs 2 --valid 20%"
longer "more patience" "--epochs 2 --valid safe.tok --valid-every 1 --patience 1" "--epochs 2 --valid safe.tok --valid-every 1 --patience 3"
longer "no end of patience" "--epochs 2 --valid safe.tok --valid-every 1 --patience 1" "--epochs 2 --valid safe.tok --valid-every 1"
longer "stopped whatever the epochs" "--epochs 2 --valid safe.tok --valid-every 1 --patience 2" "--epochs 3 --valid safe.tok --valid-every 1 --patience 2"
score="$BIN/seal-score -q -j 1 -m model --method bilevel --algorithm 1 --safe safe.tok -b 8 --plain"
rm -rf ck; $score --epochs 1 --checkpoint ck train.tok > s1; $score --epochs 2 --checkpoint ck --resume train.tok > s2; $score --epochs 2 train.tok | cmp -s - s2
ok $? "seal-score: more epochs"

# What would not have come of the longer, or shorter, run.
rm -rf ck; $lora -o x --max-steps 6 --checkpoint ck train.tok
fails 1 "ck holds a checkpoint of step 6, and this run ends after step 4" "fewer steps than were taken" $lora -o x --max-steps 4 --checkpoint ck --resume train.tok
fails 1 "lr was 0.1, and is 0.2 now" "other settings" $lora -o x --max-steps 9 --lr 0.2 --checkpoint ck --resume train.tok
rm -rf ck; $lora -o x --max-steps 6 --schedule cosine --checkpoint ck train.tok
fails 1 "ck is of a run of 6 steps, and this one has 8: with --schedule cosine" "more steps of a cosine" $lora -o x --schedule cosine --checkpoint ck --resume train.tok
rm -rf ck; $lora -o x --max-steps 6 --warmup 4 --schedule cosine --checkpoint ck train.tok
fails 1 "with --schedule cosine" "also behind a warm-up" $lora -o x --warmup 4 --schedule cosine --checkpoint ck --resume train.tok
rm -rf ck; $lora -o x $patient --lr 2 --checkpoint ck --patience 3 train.tok
fails 1 "with --patience 1 this run ends before" "less patience than there was need of" $lora -o x $patient --lr 2 --patience 1 --checkpoint ck --resume train.tok

# A share of the rows.
held() { "$BIN/seal-lora-train" -j 1 -m model -b 8 --max-steps 1 --force -o x "$@" 2>&1 | sed -n 's/.*: \([0-9]* of [0-9]* rows\) are held out.*/\1/p'; }
losses() { $lora -o x --max-steps 8 --keep last --log l "$@"; jq -s 'map(select(.valid)) | last.valid * 1e4 | round' l; }
[ "$(held --valid 30% train.tok | cut -d' ' -f1)" -gt 8 ] && [ "$(held --valid 30% train.tok | cut -d' ' -f1)" -lt 30 ]; ok $? "30 %, roughly"
is "$(held --valid 0.30 train.tok)" "$(held --valid 30% train.tok)" "a share as a number"
tac train.jsonl | "$BIN/seal-tokenize" -q -m model > turned.tok
zstd -qdc train.tok > plain.tok
is "$(held --valid 30% turned.tok) $(held --valid 30% plain.tok)" "$(held --valid 30% train.tok) $(held --valid 30% train.tok)" "in whatever order, packed or mapped"
is "$(losses --no-shuffle --valid 30% -b 60 turned.tok)" "$(losses --no-shuffle --valid 30% -b 60 train.tok)" "the same rows"
sed 's/"id":"/&again-/' train.jsonl | cat train.jsonl - | "$BIN/seal-tokenize" -q -m model > twice.tok
is "$(held --valid 30% twice.tok)" "$(held --valid 30% train.tok | awk '{print 2 * $1, "of", 2 * $3, "rows"}')" "rows that differ by their id stay together"
cp safe.tok 0.05; cp safe.tok 5%
is "$(losses --valid ./0.05 train.tok) $(losses --valid ./5% train.tok)" "$(losses --valid safe.tok train.tok) $(losses --valid safe.tok train.tok)" "files of such names"
is "$(losses --valid safe.tok train.tok | wc -w) $(held --valid ./0.05 train.tok)" "1 " "of which no row is held out"
$lora -o share --valid 30% --max-steps 3 train.tok
fails 1 "valid was 0.3, and is 0.2 now" "resumed with another share" sh -c "rm -rf ck; $lora -o x --valid 30% --max-steps 3 --checkpoint ck train.tok; $lora -o x --valid 20% --checkpoint ck --resume train.tok"
"$BIN/seal-score" -q -m model --method loss --plain train.tok | jq -c 'if .seal then . else .weight = 1 end' > ones
$lora -o weighed --valid 30% --max-steps 3 --weights ones train.tok
is "$(tensors weighed)" "$(tensors share)" "with weights"
for s in 0% 100% 0.0 1.0 250% 1.5; do fails 2 "a share lies between 0 and 1" "--valid $s" $lora -o x --valid $s train.tok; done
for s in 1 5 1.2.3 ... %; do fails 1 "open $s" "--valid $s is a file" $lora -o x --valid $s train.tok; done
fails 1 "0 of the 60 rows are held out" "a share of no rows" $lora -o x --valid 0.0001% train.tok
fails 2 "all rows are scored" "a share of scored rows" $score --valid 5% train.tok
done_testing
