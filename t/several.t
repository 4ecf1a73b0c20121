#!/bin/sh
# SPDX-License-Identifier: MIT
# several.t - several processes that are one run, over TCP: results are those of one process, equal
# sizes give equal bytes, any size goes on from any checkpoint, and all end when one does
. "$(dirname "$0")/tap.sh"
cd "$TMP" || exit 1
. "$T/tune.sh"
. "$T/families.sh"
. "$T/several.sh"
export OMP_NUM_THREADS=1
tuning 90 16
grep '"label":"unsafe"' "$T/../pipelines/demo/train.jsonl" | tail -8 > bad.jsonl
"$BIN/seal-tokenize" -q -m model bad.jsonl -o bad.tok
host=$(uname -n)

# numbers FILE... - of each line of a log, or of scores, those that training decides
numbers() { jq -r 'select(.step or .id) | [.loss, .loss_safe, .loss_hat, .norm, .weight, .score, .cosine] | map(numbers) | .[]' "$@"; }

# near A B TOLERANCE - as many numbers, and none is further from the other
near() {
	numbers "$1" > .a; numbers "$2" > .b
	[ -s .a ] && [ "$(wc -l < .a)" -eq "$(wc -l < .b)" ] &&
		paste .a .b | awk -v t="$3" '{d = $1 - $2; s = $1 < 0 ? -$1 : $1; if (d < 0) d = -d; if (d > t * (s > 1 ? s : 1)) {print "# " $0; bad = 1}} END {exit bad}'
}

# --- training: the curve of one process
tune="$BIN/seal-lora-train -q -m model -j 1 --dtype f32 -b 8"
alike() { # NAME OPTION...
	name=$1; shift
	rm -rf first; $tune "$@" --log log.1 -o first train.tok || { ok 1 "$name"; return; }
	for n in 2 3 4; do
		rm -rf joint; np $n $tune "$@" --log log.$n -o joint train.tok && near log.1 log.$n 2e-6
		ok $? "$name, $n ranks: losses and norms"
	done
}
alike "LoRA"
alike "projected, and pulled" --safe safe.tok --project --pull 0.5
alike "safe rows' share, and validation" --safe safe.tok --safe-share 0.3 --valid 20% --valid-every 4
alike "all weights" --full --lr 1e-4
"$BIN/seal-score" -q -m model -j 1 --method loss --plain train.tok | jq -c 'if .id then .weight = (.line % 3) else . end' > weights
alike "weighted rows" --weights weights
score="$BIN/seal-score -q -m model -j 1 --dtype f32 --plain --safe safe.tok"
for a in 1 2; do
	how="$score --method bilevel --algorithm $a --gamma 0.3 -b 4 --max-steps 12 --selector-lr 0.5"
	$how train.tok > one
	for n in 2 3 4; do np $n $how train.tok > many && near one many 2e-6; ok $? "Algorithm $a, $n ranks: weights and losses"; done
	np 4 $how train.tok | cmp -s - many; ok $? "Algorithm $a: equal size, equal bytes"
done
$score --method bilevel --selector-optim adam -b 4 --max-steps 6 train.tok > one
np 2 $score --method bilevel --selector-optim adam -b 4 --max-steps 6 train.tok > many && near one many 2e-6; ok $? "the selector's Adam"
for m in $models; do
	rm -rf first joint
	"$BIN/seal-lora-train" -q -m "$G/$m" -j 1 --dtype f32 -b 4 --lr 0.01 --log log.1 -o first "$G/rows.tok"
	np 2 "$BIN/seal-lora-train" -q -m "$G/$m" -j 1 --dtype f32 -b 4 --lr 0.01 --log log.2 -o joint "$G/rows.tok" && near log.1 log.2 2e-6
	ok $? "$m, 2 ranks: losses and norms"
done
cases "$(echo $models | wc -w)" "families"

# --- frozen weights that are divided; ranks have other numbers of passes.  In f32 they are converted,
# else they would be mapped
for n in 2 3; do
	rm -rf joint divided
	np $n $tune --pass-tokens 256 --valid 10% -o joint train.tok && np $n $tune --pass-tokens 256 --valid 10% --shard-weights -o divided train.tok &&
		cmp -s joint/adapter_model.safetensors divided/adapter_model.safetensors
	ok $? "--shard-weights, $n ranks: equal bytes"
done
how="$score --method bilevel --algorithm 1 --selector-states --pass-tokens 256 -b 4 --max-steps 4"
np 3 $how train.tok > many && np 3 $how --shard-weights train.tok | cmp -s - many; ok $? "and bilevel's scores"
fails 2 'no --shard-weights' "a merged model needs it whole" $tune --shard-weights --merge merged -o never train.tok
fails 2 'no frozen weights' "all weights are not frozen" $tune --shard-weights --full -o never train.tok
fails 2 'shard-weights' "for those that train" $score --method loss --shard-weights train.tok

# --- rows one by one: the bytes of one process
same() { # NAME COMMAND...
	name=$1; shift
	"$@" > one || { ok 1 "$name"; return; }
	for n in 2 3; do np $n "$@" > many && cmp -s one many; ok $? "$name, $n ranks: equal bytes"; done
}
same "nll" "$BIN/seal-eval" nll -q -j 1 -m model train.tok
same "generate" "$BIN/seal-eval" generate -q -j 1 -m model --max-new 4 -b 4 bad.jsonl
same "tokenize --json" "$BIN/seal-tokenize" -q -m model --json train.jsonl
same "loss" $score --method loss train.tok
same "random" "$BIN/seal-score" -q --plain --method random train.jsonl
np 3 "$BIN/seal-score" -q --zstd --method random train.jsonl | zstd -dcq | cmp -s - many; ok $? "and packed: a frame for each rank"
same "state" $score --method state train.tok
same "state, with bad rows" $score --method state --danger bad.tok train.tok
same "dsir" "$BIN/seal-score" -q --plain --method dsir --target safe.jsonl train.jsonl
same "words" $score --method words --danger bad.tok train.tok
cp many scores.jsonl
same "selection" "$BIN/seal-select" -q --scores scores.jsonl --keep 50% train.jsonl
$score --method state --danger bad.tok --save-scorer scorer train.tok > many
same "a fit that was found before" "$BIN/seal-score" -q -m model -j 1 --plain --method state --scorer scorer --explain why train.tok
for n in 1 3; do np $n "$BIN/seal-score" -q -m model -j 1 --method state --scorer scorer --explain why.$n -o scores.$n train.tok; done
cmp -s why.1 why.3; ok $? "and what explains it"
$score --method state --danger bad.tok train.tok > known
np 2 $score --method state --cache cache train.tok > many0 && np 3 $score --method state --cache cache --danger bad.tok train.tok | cmp -s - known
ok $? "states from a cache that another size filled"
for n in 1 2; do np $n "$BIN/seal-tokenize" -q -m model train.jsonl --fates fates.$n -o rows.tok; "$BIN/seal-tokenize" --decode --json -m model rows.tok > rows.$n; done
cmp -s rows.1 rows.2 && cmp -s fates.1 fates.2; ok $? "tokens, and the fates of rows"
for m in contrast gradient refusal; do
	danger="--danger bad.tok"; [ $m != refusal ] || danger=
	how="$score --method $m $danger -b 4 --max-steps 3"
	$how train.tok > one; np 2 $how train.tok > many && near one many 1e-4; ok $? "$m: scores"
done

printf '{"id":"a"}\n{"id":"b"}\n' > broken.jsonl
np 3 "$BIN/seal-eval" generate -q -j 1 -m model --on-error skip --allow-empty --fates fates broken.jsonl; is $?-"$(wc -l < fates)" 0-2 "rows without a prompt are told once"
np 3 "$BIN/seal-tokenize" -m model --on-error skip train.jsonl broken.jsonl --fates fates -o rows.tok 2> said
like "$(cat said)" "seal-tokenize: 90 rows kept, 2 dropped \(2 " "counts are of all ranks"
np 2 $score --method state --cache cache --danger bad.tok train.tok | cmp -s - known; ok $? "all features from the cache"
np 2 sh -c "exec $score --method state --cache cache.\$RANK train.tok" | cmp -s - many0; ok $? "a cache for each rank"
all_fail "rank 1 on $host: the features that are there already differ" "caches that differ" 2 sh -c "exec $score --method state --cache cache.\$RANK train.tok"
np 3 $tune --max-steps 2 -o with --merge merged train.tok > said; is $?-"$(jq '.largest < 0.01' said)" 0-true "a merged model, by rank 0"
all_fail "seal-eval margin: rank 0 on $host: .*-m MODEL is needed" "a wrong usage of what rank 0 does alone ends all" 2 "$BIN/seal-eval" margin -q rows.jsonl

# --- checkpoints do not know the size
ck="$tune --epochs 2 --every 3"
rm -rf whole; np 2 $ck --log log -o whole train.tok
rm -rf ck; np 2 $ck --checkpoint ck --max-steps 7 -o part train.tok > /dev/null; cp -r ck ck.1
np 2 $ck --checkpoint ck --resume --log log.2 -o rest train.tok
cmp -s whole/adapter_model.safetensors rest/adapter_model.safetensors; ok $? "2 ranks go on: equal bytes"
np 1 $ck --checkpoint ck.1 --resume --max-steps 13 -o rest.1 train.tok && np 3 $ck --checkpoint ck.1 --resume --log log.3 -o rest.3 train.tok
jq -c 'select(.step > 13)' log > tail.1; jq -c 'select(.step > 13)' log.3 > tail.3
near tail.1 tail.3 2e-6; ok $? "and 1, and then 3: the same curve"
$tune --checkpoint ck.f --full --lr 1e-4 --max-steps 4 -o full.1 train.tok
np 3 $tune --checkpoint ck.f --resume --full --lr 1e-4 --max-steps 8 --log log.f -o full.3 train.tok
$tune --full --lr 1e-4 --max-steps 8 --log log.1 -o full.8 train.tok
jq -c 'select(.step > 4)' log.1 > tail.1; near tail.1 log.f 2e-6; ok $? "all weights: from one process's checkpoint"

# --- the end of one is the end of all
rm -rf ck; begin 3 $ck --checkpoint ck --epochs 99 --log log.t -o never train.tok
while [ ! -s log.t ]; do sleep 0.1; done
kill -TERM "$(echo $several_pids | cut -d' ' -f3)"; finish
is "$(tr '\n' ' ' < codes)" "143 143 143 " "SIGTERM at one rank: all stop behind the same step"
like "$(cat err.0 err.1 err.2)" 'signal 15: stopped after step [0-9]+ of' "and rank 0 tells which"
[ -d ck/step-"$(jq -s 'map(.step // 0) | max' log.t)" ]; ok $? "of which there is a checkpoint"
for victim in 0 1 2; do
	rm -rf ck; : > log.t; begin 3 $ck --checkpoint ck --epochs 99 --log log.t -o never train.tok
	while [ "$(wc -l < log.t)" -lt 5 ]; do sleep 0.05; done
	began=$(date +%s)
	kill -KILL "$(echo $several_pids | cut -d' ' -f$((victim + 1)))"; finish
	[ $(($(date +%s) - began)) -le 10 ] && ! grep -q '^0$' codes; ok $? "rank $victim is killed: all end"
	like "$(cat err.?)" "rank $victim on $host ended without a word" "which is said"
	[ "$(cat err.? | wc -l)" -eq 1 ]; ok $? "once"
	rm -rf rest; np 3 $ck --checkpoint ck --resume --log log.t --max-steps 20 -o rest train.tok &&
		np 3 $ck --max-steps 20 --log log.u -o fresh --force train.tok && cmp -s rest/adapter_model.safetensors fresh/adapter_model.safetensors
	ok $? "and the run goes on from a whole checkpoint, to equal bytes"
done
jq -c 'if .id then .weight = 1e38 else . end' weights > huge
all_fail "rank . on $host: step .*: the (loss|gradient) is not finite" "numbers that overflow" 2 $tune --weights weights --lr 1e30 --epochs 9 -o never train.tok
[ -w /dev/full ] && all_fail "rank 0 on $host: write .*No space" "rank 0's disk is full" 3 sh -c "exec $score --method loss train.tok > /dev/full"
[ -w /dev/full ] && all_fail "rank 0 on $host: write .*No space" "or its log's" 3 $tune --log /dev/full -o never train.tok
all_fail "stdin is no file that" "a pipe as input" 2 sh -c "cat train.tok | $tune -o never"
all_fail "stdin is no file that" "a file as standard input, which is one for all" 2 sh -c "exec $BIN/seal-tokenize -q -m model < train.jsonl"
mkfifo pipe
all_fail "pipe is no file that" "a named pipe" 2 $tune -o never pipe
all_fail "rank . on $host: open none.tok" "an input that is missing" 3 $tune -o never none.tok
all_fail "rank 1 on $host: the rows differ from those of rank 0 on $host" "other rows" 2 sh -c "[ \$RANK = 0 ] && exec $tune -o never train.tok; exec $tune -o never safe.tok"
all_fail "rank 1 on $host: the rows differ" "other rows to answer" 2 sh -c "[ \$RANK = 0 ] && exec $BIN/seal-eval generate -q -m model --max-new 2 bad.jsonl; exec $BIN/seal-eval generate -q -m model --max-new 2 safe.jsonl"
all_fail "rank 1 on $host: the options differ" "another temperature" 2 sh -c "exec $BIN/seal-eval generate -q -m model --max-new 2 --temperature 0.\$RANK bad.jsonl"
all_fail "nothing is left: 0 rows kept, 2 dropped" "no row that can be tokenized" 3 "$BIN/seal-tokenize" -q -m model --on-error skip broken.jsonl -o never
all_fail "rank 1 on $host: the model's files differ" "another model" 2 sh -c "[ \$RANK = 0 ] && exec $tune -o never train.tok; cp -r model other; echo '{}' > other/x; printf 1 | dd of=other/model.safetensors bs=1 seek=5000 conv=notrunc 2> /dev/null; exec $BIN/seal-lora-train -q -m other -j 1 --dtype f32 -b 8 -o never train.tok"
all_fail "rank 1 on $host: the options, or what they name, differ" "other options" 2 sh -c "exec $tune --seed \$RANK -o never train.tok"
cp "$BIN/seal-lora-train" older && printf x >> older
all_fail "rank 1 on $host: is of another build" "another build" 2 sh -c "[ \$RANK = 0 ] && exec $tune -o never train.tok; exec ./older -q -m model -o never train.tok"
all_fail "wrong usage|--shard is for processes that know nothing" "--shard beside ranks" 2 "$BIN/seal-eval" nll -m model --shard 1/2 train.tok
[ ! -e never ]; ok $? "nothing was written"
done_testing
