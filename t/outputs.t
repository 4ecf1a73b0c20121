#!/bin/sh
# SPDX-License-Identifier: MIT
# outputs.t - every program's outputs: a file that is replaced leaves its mode, standard output is one output, -q is quiet
. "$(dirname "$0")/tap.sh"
cd "$TMP" || exit 1
. "$T/tune.sh"
tuning 30 12
umask 022
score="$BIN/seal-score -q --plain" eval_="$BIN/seal-eval"
$score --method random train.jsonl > scores
$score --method random --seed 1 train.jsonl > scores1
"$eval_" generate -q -j 1 -m model --max-new 2 safe.jsonl -o answers
printf '{"preference":1}\n' > judged

# every program with -o: NAME|COMMAND
programs() {
	cat <<-END
	tokens|$BIN/seal-tokenize -q -j 1 -m model train.jsonl
	tokens as JSON|$BIN/seal-tokenize -q -j 1 -m model --json train.jsonl
	text|$BIN/seal-tokenize -q -m model --decode train.tok
	scores|$score -j 1 -m model --method loss train.tok
	scores without a model|$score --method random train.jsonl
	combined scores|$score --method combine scores scores1
	a selection|$BIN/seal-select -q -s scores --keep 5 train.jsonl
	likelihoods|$eval_ nll -q -j 1 -m model safe.tok
	answers|$eval_ generate -q -j 1 -m model --max-new 2 safe.jsonl
	refusals|$eval_ refusals answers
	a win rate|$eval_ winrate judged
	right answers|$eval_ exact --kind text --answers safe.jsonl answers
	detection|$eval_ detect -s scores train.jsonl
	stability|$eval_ stability scores scores1
	END
}
programs > list
while IFS='|' read -r name command; do
	for mode in 600 640 666; do
		echo old > "o$mode"; chmod $mode "o$mode"
		$command -o "o$mode" 2> err < /dev/null
		is "$? $(stat -c %a "o$mode") $(head -c 4 "o$mode" | grep -c '^old$')" "0 $mode 0" "$name: mode $mode stays"
	done
	rm -f new; $command -o new 2> err < /dev/null; cmp -s new o600 && is "$(stat -c %a new)" 644 "$name: a new file's is umask's"
done < list
# Other outputs: a file that exists with mode 600, OPTION|COMMAND
others() {
	cat <<-END
	--fates|$BIN/seal-tokenize -q -j 1 -m model train.jsonl -o new
	--each|$eval_ winrate judged -o new
	--each|$eval_ exact --kind text --answers safe.jsonl answers -o new
	--fates|$BIN/seal-select -q -s scores --keep 5 train.jsonl -o new
	--lora-gguf|$BIN/seal-lora-train -q -j 1 -m model --max-steps 1 --force -o adapter train.tok
	--log|$BIN/seal-lora-train -q -j 1 -m model --max-steps 1 --force -o adapter train.tok
	--save-scorer|$score -j 1 -m model --method state --safe safe.tok train.tok -o new
	--tokens|$score -j 1 -m model --method contrast --safe safe.tok --danger safe.tok --max-steps 1 train.tok -o new
	END
}
others > list
while IFS='|' read -r option command; do
	echo old > p; chmod 600 p
	$command $option p 2> err < /dev/null
	is "$? $(stat -c %a p) $(head -c 4 p | grep -c '^old$')" "0 600 0" "$option of ${command#*bin/}: mode 600 stays" || cat err
done < list

# Folders.
tune() { "$BIN/seal-lora-train" -q -j 1 -m model --max-steps 1 "$@" train.tok; }
rm -rf adapter; tune -o adapter; is "$(stat -c %a adapter adapter/adapter_config.json | xargs)" "755 644" "a new folder"
for mode in 700 750 775; do
	chmod $mode adapter; tune -o adapter --force; is "$(stat -c %a adapter)" $mode "a folder of mode $mode that is replaced"
done
(umask 077; tune -o mine --checkpoint ck --merge whole) > out
is "$(stat -c %a mine mine/* whole whole/model.safetensors ck ck/step-1 ck/step-1/* | xargs)" "700 600 600 700 600 700 700 600" "umask 077: nobody else reads them"

# Standard output twice: COMMAND.  Into a pipe, a file, and nowhere.
twice() {
	cat <<-END
	$BIN/seal-tokenize -q -j 1 -m model --fates - train.jsonl
	$BIN/seal-tokenize -q -j 1 -m model --json --fates - train.jsonl
	$BIN/seal-tokenize -q -j 1 -m model --json --fates - -o - train.jsonl
	$BIN/seal-tokenize -q -j 1 -m model --json --fates /dev/stdout train.jsonl
	$BIN/seal-tokenize -q -j 1 -m model --json --fates - -o /dev/stdout train.jsonl
	$score --method random --fates - train.jsonl
	$BIN/seal-select -q -s scores --keep 1 --fates - train.jsonl
	$eval_ generate -q -j 1 -m model --max-new 1 --fates - safe.jsonl
	$score -j 1 -m model --method safe-loss --safe safe.tok --log - train.tok
	$score -j 1 -m model --method state --safe safe.tok --save-scorer - train.tok
	$score -j 1 -m model --method contrast --safe safe.tok --danger safe.tok --max-steps 1 --tokens - train.tok
	$BIN/seal-lora-train -q -j 1 -m model --max-steps 1 -o x --merge y --log - train.tok
	$BIN/seal-lora-train -q -j 1 -m model --max-steps 1 -o x --merge y --lora-gguf - train.tok
	$BIN/seal-lora-train -q -j 1 -m model --max-steps 1 -o x --log - --lora-gguf - train.tok
	END
}
twice > list
cases "$(wc -l < list)" "standard output twice"
while read -r command; do
	for to in '| cat > out' '> out'; do
		command -v bash > err || { skip "$command $to" "no bash"; continue; }
		bash -o pipefail -c "$command $to" 2> err < /dev/null; rc=$?
		{ [ $rc = 1 ] || [ $rc = 2 ]; } && grep -Eq 'two outputs' err && [ ! -s out ]; ok $? "refused: ${command#*bin/} $to"
	done
	case $command in */dev/stdout*) continue ;; esac
	sh -c "$command > /dev/null" 2> err < /dev/null; is $? 2 "refused: ${command#*bin/} > /dev/null"
done < list
[ ! -e x ] && [ ! -e y ]; ok $? "before the work"
is "$("$BIN/seal-tokenize" -q -j 1 -m model --fates - -o new safe.jsonl | jq -r .fate | sort | uniq -c | xargs)" "12 kept" "fates alone on standard output"
is "$(tune -o adapter --force --log - | jq -c '.step // .event' | xargs)" "1 end" "a log on standard output"
fails 2 "folder cannot be written to standard output" "an adapter on standard output" tune -o -
fails 2 "folder cannot be written to standard output" "checkpoints on standard output" tune -o x --checkpoint -

# -q: nothing remarkable is told; without it something is.  NAME|COMMAND
cp -rL model short && jq '.max_position_embeddings = 16' model/config.json > short/config.json
"$BIN/seal-tokenize" -q -m short train.jsonl -o short.tok
"$BIN/seal-tokenize" -q -m model --template none safe.jsonl -o none.tok
head -7 train.jsonl | "$BIN/seal-tokenize" -q -m model -o seven.tok
remarkable() {
	cat <<-END
	rows cut|$BIN/seal-tokenize -j 1 -m model --max-tokens 20 --allow-empty train.jsonl
	rows dropped|$BIN/seal-tokenize -j 1 -m model --max-tokens 20 --overlong drop --allow-empty train.jsonl
	a selection|$BIN/seal-select -s scores --keep 5 train.jsonl
	long rows|$eval_ nll -j 1 -m short short.tok
	long rows, scored|$BIN/seal-score -j 1 -m short --method loss --plain short.tok
	long rows, trained|$BIN/seal-lora-train -j 1 -m short --max-steps 1 --force -o x short.tok
	long rows, validated|$BIN/seal-lora-train -j 1 -m short --max-steps 1 --force -o x --valid short.tok short.tok
	long answers|$eval_ generate -j 1 -m short --max-new 40 safe.jsonl
	held out|$BIN/seal-lora-train -j 1 -m model --max-steps 1 --force -o x --valid 30% train.tok
	another template|$BIN/seal-score -j 1 -m model --method safe-loss --max-steps 1 --safe none.tok --plain train.tok
	rows on both sides|$BIN/seal-score -j 1 -m model --method state --safe seven.tok --plain train.tok
	the same words|$BIN/seal-score -j 1 -m model --method words --safe safe.tok --danger train.tok --plain train.tok
	rows without a score|$eval_ detect -s few train.jsonl
	END
}
{ head -1 scores | jq -c '.rows = 9'; sed -n 2,10p scores; } > few
remarkable > list
while IFS='|' read -r name command; do
	$command > out 2> loud < /dev/null
	is "$? $(grep -c . loud | sed 's/^[1-9].*/some/')" "0 some" "$name: told"
	$command -q > out2 2> quiet < /dev/null
	is "$? $(cat quiet)" "0 " "$name: not with -q"
	cmp -s out out2; ok $? "$name: the same output"
done < list
fails 1 "open nowhere" "errors are told" "$eval_" nll -q -m model nowhere
done_testing
