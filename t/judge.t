#!/bin/sh
# SPDX-License-Identifier: MIT
# judge.t - seal-eval judge: models as judges against gold, commands that behave and that do not, the cache, pairs
. "$(dirname "$0")/tap.sh"
cd "$TMP" || exit 1
G=$T/gold
judge() { "$BIN/seal-eval" judge -q -j 1 "$@"; }
case_() { jq -r ".cases[$k].$1" "$G/judge.json"; }
jq -c '.outputs[]' "$G/judge.json" > outs.jsonl

# By a model
n=0
for k in $(jq -r '.cases | keys[]' "$G/judge.json"); do
	set -- --dtype f32 -m "$G/$(case_ model)" --choices "$(case_ choices)" --unsafe "$(case_ unsafe)"
	[ "$(case_ prompt)" = null ] || { case_ prompt > prompt; set -- "$@" --prompt prompt; }
	[ "$(case_ after)" = null ] || set -- "$@" --after "$(case_ after)" --max-new 12
	judge "$@" outs.jsonl > got
	is "$(jq -cs --argjson k "$k" --slurpfile g "$G/judge.json" '$g[0].cases[$k] as $c | length == ($c.rows | length) and
	     (. as $got | [range(length) | $got[.] as $r | $c.rows[.] as $w | $r.verdict == $w.verdict and
	       $r.unsafe == (if $w.verdict then $w.verdict == $c.unsafe else null end) and
	       (if $w.p then ($r.mass / $w.mass - 1 | fabs) < 1e-4 and ([$w.p | to_entries[] | (.value - $r.p[.key] | fabs) < 1e-5] | all)
	        else $r.p == null and $r.mass == null end)] | all)' got)" true \
	   "$(case_ model), case $k: verdicts, chances and their sum"
	n=$((n + 1))
done
cases $n "judges with gold"
is "$(jq -s '[.[].verdict] | (index("A") and index(null)) != null' got)" true "of which some are choices, and some are none"
is "$(jq -c keys_unsorted got | sort -u)" '["id","instruction","output","verdict","p","mass","unsafe"]' "the keys, in order"

lone() { judge -m "$G/judge-llama3" "$@"; }
lone outs.jsonl > a; lone outs.jsonl > b; cmp -s a b; ok $? "the same twice"
tail -2 outs.jsonl | lone > b; is "$(cat b)" "$(tail -2 a)" "a verdict does not depend on the outputs beside it"
jq -c '.instruction = ([range(300) | "w\(.) "] | add) + .instruction' outs.jsonl > long; lone --choices yes,no long > b
while read -r line; do printf '%s\n' "$line" | lone --choices yes,no; done < long > c; cmp -s b c
ok $? "nor where long prompts begin alike"
is "$(jq -c '. + {source: "x", p: 1}' outs.jsonl | lone | jq -c 'del(.source)' | cmp - a && echo same)" same "other keys stay, those of an earlier judge do not"
jq -c '.output += "<|eot_id|>"' outs.jsonl | lone > b
! cmp -s b a; ok $? "a special token in an output is text"
is "$(lone --choices yes,no outs.jsonl | jq -c 'has("unsafe")' | sort -u)" false "without a choice that is bad no \"unsafe\""
like "$("$BIN/seal-eval" judge -j 1 -m "$G/judge-llama3" outs.jsonl 2>&1 > got)" \
     '6 outputs judged: [0-6] safe, [0-6] unsafe, [0-6] none of these; unsafe [0-9.]* % \([0-9.]* to [0-9.]*\) of [0-6]$' "a summary with an interval"

# Against seal-eval nll: the chance of a choice's first token, from another pass
printf 'Q: {instruction} A: {output} V:\n' > ask
judge --dtype f32 -m "$G/model" --prompt ask --choices ' yes, no' outs.jsonl > got
for c in yes no; do
	jq -c --arg c " $c" '{prompt: "Q: \(.instruction) A: \(.output) V:", completion: $c}' outs.jsonl |
		"$BIN/seal-tokenize" -q -m "$G/model" --template '{}{}' |
		"$BIN/seal-eval" nll -q -j 1 --dtype f32 -m "$G/model" --per-token | jq -c '[.nlls[] | numbers]' > $c
done
is "$(jq -s --slurpfile y yes --slurpfile n no '. as $g | [range(length) | $g[.] as $r |
      (if $y[.][0] == $n[.][0] then 1 else 0 end) as $d | ([$y[.][:$d + 1] | add | -. | exp] | add) as $py | ([$n[.][:$d + 1] | add | -. | exp] | add) as $pn |
      ($r.p.yes - $py / ($py + $pn) | fabs) < 1e-5 and ($r.mass / ($py + $pn) - 1 | fabs) < 1e-4] | all' got)" true "chances are those of seal-eval nll"

"$BIN/seal-tokenize" -q -m "$G/model" "$T/../pipelines/demo/train.jsonl" --limit 20 -o t.tok
"$BIN/seal-lora-train" -q -j 1 -m "$G/model" -o ad --epochs 2 --lr 0.01 t.tok
judge -m "$G/model" -a ad --prompt ask --choices ' yes, no' --cache ca outs.jsonl > b
! cmp -s b got; ok $? "an adapter judges otherwise"
judge -m "$G/model" --prompt ask --choices ' yes, no' --cache ca outs.jsonl > c
is "$(ls ca | wc -l)" 12 "and has answers of its own in the cache"
judge -m "$G/model" --prompt ask --choices ' yes, no' --cache ca outs.jsonl > d; cmp -s c d; ok $? "answers from the cache are the same bytes"
sed 's/"p":{[^}]*}/"p":{"yes":1,"no":0}/' "ca/$(ls ca | head -1)" > x && cp x "ca/$(ls ca | head -1)"
judge -m "$G/model" -a ad --prompt ask --choices ' yes, no' --cache ca outs.jsonl > d1
judge -m "$G/model" --prompt ask --choices ' yes, no' --cache ca outs.jsonl > d2
is "$(cat d1 d2 | grep -c '"p":{"yes":1,"no":0}')" 1 "and are taken"

fails 2 'no chat template that asks about an answer' "a judge without a template" judge -m "$G/model" outs.jsonl
fails 2 'there must be two' "one choice" lone --choices 'safe, safe' outs.jsonl
fails 2 'one of them is empty' "an empty choice" lone --choices 'safe,' outs.jsonl
fails 2 'a backslash stands before' "an escape that is none" lone --choices 'safe,\x' outs.jsonl
fails 2 'none of --choices' "a bad choice that is none" lone --unsafe yes outs.jsonl
fails 2 'one of -m JUDGE and --cmd' "no judge" judge outs.jsonl
fails 2 'one of -m JUDGE and --cmd' "two judges" lone --cmd cat outs.jsonl
fails 2 'go with -m' "--after of a command" judge --cmd cat --after x outs.jsonl
fails 1 'no-out:1: "output" is not a text' "no output" sh -c "echo '{\"id\":\"1\",\"instruction\":\"x\"}' > no-out; '$BIN/seal-eval' judge --cmd cat no-out"
printf 'Is {foo} bad? { {}\n' > bad
fails 1 'outs.jsonl:1: "foo", which bad names, is not a text' "a prompt with a key that is not there" lone --prompt bad outs.jsonl
printf '{%% for m in messages %%}{{ raise_exception("no") }}{%% endfor %%}' > no.jinja
fails 1 'outs.jsonl:1: the chat template refuses the row: no' "a template that refuses" lone --template no.jinja outs.jsonl

# By a command
cat > good <<'E2'
echo run >> starts
jq -c --unbuffered '{id, p: {safe: (if (.messages[1].content | length) > 9 then 3 else 1 end), unsafe: 1}}'
E2
by() { judge --cmd "$@"; }
by 'sh good' outs.jsonl > a
is "$(jq -c '[.verdict, .p.safe, .mass, .unsafe]' a | sort -u | tr '\n' ' ')" '["safe",0.5,2,false] ["safe",0.75,4,false] ' "chances of a command, made 1"
by 'tee asked | sh good' outs.jsonl > b
is "$(head -1 asked)" '{"id":1,"messages":[{"role":"user","content":"Name a fruit."},{"role":"assistant","content":"An apple."}],"choices":["safe","unsafe"]}' "what is asked"
by 'tee asked | sh good' --prompt ask outs.jsonl > b 2> err
is "$(head -1 asked)" '{"id":1,"prompt":"Q: Name a fruit. A: An apple. V:","choices":["safe","unsafe"]}' "by a prompt"
by "tac | jq -c '{id, text: \" unsafe\\nS1\"}'" outs.jsonl > b
is "$(jq -c '[.id, .verdict, .p, .unsafe]' b | tail -1)" '["o5","unsafe",null,true]' "texts, in any order"
by "jq -c '{id, text: \"unsafely\"}'" outs.jsonl > b; is "$(jq -c .verdict b | sort -u)" null "a text that begins with no choice"
by "jq -c '{id, choice: \"maybe\"}'" outs.jsonl > b; is "$(jq -c .verdict b | sort -u)" null "a choice that is none"

rm starts; by 'sh good' --cache c1 outs.jsonl > b; by 'sh good' --cache c1 outs.jsonl > d
is "$(wc -l < starts)" 1 "what is in the cache starts no command"
cmp -s a b && cmp -s b d; ok $? "and is the same bytes"
(cat outs.jsonl; tail -1 outs.jsonl | jq -c '.output = "more"') > more; by 'sh good ' --cache c1 more > b
by 'tee asked | sh good' --cache c2 outs.jsonl > b; by 'tee asked | sh good' --cache c2 more > b
is "$(wc -l < asked)" 1 "only what is not there is asked"
echo '{' > "c2/$(ls c2 | head -1)"; fails 1 'c2/[0-9a-f]{16}.json: ' "a broken file of the cache" by 'tee asked | sh good' --cache c2 outs.jsonl
# Commands that misbehave.  half answers 3 and ends; a new run gets the others.
cat > half <<'E2'
jq -c '{id, choice: "safe"}' | tee -a seen | head -n 3
E2
by 'sh half' outs.jsonl > b 2> err; is "$(jq -c .verdict b | sort | uniq -c | tr -s ' ')" ' 6 "safe"' "a command that answers the half, twice"
like "$(cat err)" '^seal-eval judge: --cmd: it ended before all was answered \(3 of 6 are answered; it is run again\)$' "which is told"
fails 1 '3 of 6 are not answered, outs.jsonl:4 the first' "and is an error without retries" by 'sh half' --retries 0 outs.jsonl
by 'sh half' --retries 0 --on-error skip outs.jsonl > b 2> err
is "$(jq -c '[.verdict, .unsafe]' b | tr '\n' ' ')" '["safe",false] ["safe",false] ["safe",false] [null,null] [null,null] [null,null] ' "or null"
is "$(by 'sh half' --retries 0 --on-error skip --cache c3 outs.jsonl 2> err | jq -s length)$(ls c3 | wc -l)" 63 "what was not answered is not in the cache"
f=$(ls c3 | head -1); cp "c1/$(ls c1 | tail -1)" "c3/$f"
fails 1 "c3/$f: is not the answer that its name says" "another's answer" by 'sh half' --cache c3 outs.jsonl
n=0
while IFS='|' read -r why what command; do
	fails 1 "^seal-eval judge: --cmd: $why" "$what" by "$command" --retries 0 outs.jsonl
	n=$((n + 1))
done <<'E2'
exit status 3 \(0 of 6|dies at once|exit 3
exit status 127|is not there|/nonexistent/judge
it was ended by signal 9|is killed|kill -9 $$
it ended before all was answered|says nothing|cat > /dev/null
a line that is no JSON object: hello|no JSON|echo hello
a line that is no JSON object: \[1\]|no object|echo '[1]'; cat > /dev/null
a line whose "id" was not asked: \{"id":7,|an id that was not asked|echo '{"id":7,"choice":"safe"}'
a line whose "id" was not asked: \{"id":"1",|an id that is a text|echo '{"id":"1","choice":"safe"}'
a second answer to "id" 1|two answers|jq -c '{id: 1, choice: "safe"}'
of the line .*has not one of|an answer that is none|echo '{"id":1}'
of the line .*has not one of|two in one|echo '{"id":1,"choice":"safe","text":"safe"}'
of the line .*is none of the choices|chances of something else|echo '{"id":1,"p":{"good":1}}'
of the line .*not a number from 0|a chance below 0|echo '{"id":1,"p":{"safe":-1}}'
of the line .*no number above 0|no chance|echo '{"id":1,"p":{"safe":0}}'
of the line .*is no text|a number|echo '{"id":1,"choice":1}'
a line of more than 16777216 bytes|a line that does not end|tr '\0' x < /dev/zero
it ended before all was answered|closes its input|exec <&-; sleep 0.1
E2
cases $n "commands that fail"
fails 1 '^seal-eval judge: --cmd: it says nothing for 1 seconds' "a command that hangs" by 'sleep 100; echo' --timeout 1 --retries 0 outs.jsonl
fails 1 '^seal-eval judge: --cmd: it ended its output, but not itself' "or does so behind its output" by 'exec >&-; sleep 100' --retries 0 outs.jsonl
by 'cat > all; jq -c "{id, choice: \"safe\"}" all; exit 5' outs.jsonl > b 2> err
is "$?$(jq -c .verdict b | sort -u)$(grep -c 'exit status 5 (6 of 6 are answered)' err)" '0"safe"1' "a status after all answers is told"
jq -nc '[range(3000)] | .[] | {id: "\(.)", instruction: "i", output: ("o" * 500)}' > many
by 'jq -c --unbuffered "{id, choice: \"safe\", pad: (.messages[1].content * 3)} | del(.pad), {} | select(.id)"' many > b
is "$(jq -s '[length, ([.[].verdict] | unique)] | tostring' b)" '"[3000,[\"safe\"]]"' "more than a pipe holds, both ways"
by 'jq -c "{id, text: (\"safe \" + \"x\" * 100000)}"' outs.jsonl > b; is "$(jq -s '[.[].verdict] | unique | tostring' b)" '"[\"safe\"]"' "long lines"

# Pairs
jq -c '.generator = "base"' outs.jsonl > base; jq -c '.output += " and more" | .generator = "model"' outs.jsonl > model
printf 'Which of the answers to {instruction} is better, m: {output_1} or M: {output_2} ?\n' > which
pair() { judge --pairwise --prompt which --choices m,M "$@"; }
pair --cmd "jq -c '{id, p: (if (.prompt | endswith(\" and more ?\")) then {m: 1, M: 3} else {m: 2, M: 2} end)}'" base model > b
is "$(jq -c '[.preference, .verdicts, .place]' b | sort -u)" '[1.625,["M","m"],null]' "preferences of both orders"
is "$(jq -c 'keys_unsorted' b | sort -u)" '["id","instruction","output_1","output_2","generator_1","generator_2","verdicts","p","mass","place","preference"]' "the keys, in order"
is "$(jq -c '[.output_1, .output_2, .generator_1, .generator_2]' b | head -1)" '["An apple.","An apple. and more","base","model"]' "whose output is whose"
is "$("$BIN/seal-eval" winrate b | jq .win_rate)" 62.5 "which winrate counts"
is "$(pair --hard --cmd "jq -c '{id, text: \"m\"}'" base model | jq -c '[.preference, .place]' | sort -u)" '[1.5,"first"]' "a judge that prefers the first place"
is "$(pair --hard --cmd "jq -c '{id, p: {m: 0.4, M: 0.6}}'" base model | jq -c '[.preference, .place]' | sort -u)" '[1.5,"second"]' "or the second"
longer='jq -c "{id, text: (if (.prompt | contains(\" and more or M: \")) then \"m\" else \"M\" end)}"'
is "$(pair --hard --cmd "$longer" base model | jq -c '[.preference, .place]' | sort -u)" '[2,null]' "one that prefers the model"
is "$(pair --hard --cmd "$longer" model base | jq -c '[.preference, .place]' | sort -u)" '[1,null]' "as the baseline"
is "$(pair --cmd "jq -c '{id, text: \"none\"}'" base model | jq -c '[.preference, .place]' | sort -u)" '[null,null]' "no preference"
is "$(judge --pairwise --prompt which --choices m,M,tie --hard --cmd "jq -c '{id, text: \"tie\"}'" base model | jq -c .preference | sort -u)" 1.5 "a tie"
head -4 base > base4; tail -5 model > model5
like "$("$BIN/seal-eval" judge --pairwise --prompt which --choices m,M --cmd "jq -c '{id, text: \"m\"}'" base4 model5 2>&1 > b | tr '\n' ' ')" \
     '3 prompts judged in both orders, 0 without a preference; the output shown first won in both for 100.0 % of the others \([0-9.]* to 100.0\), .*base4: 1 of 4 ids are not in model5.*model5: 2 of 5 ids are not in base4' "position bias, and what is not on both sides"
is "$(wc -l < b)" 3 "is left out"
pair -m "$G/judge-llama2" base model > b
is "$(jq -s '[.[] | if (.verdicts | index(null)) != null then .preference == null else (.p[0].M + 1 - .p[1].M) / 2 + 1 - .preference | fabs < 1e-9 end] | all' b)" true "by a model"
fails 2 'two files' "one file" pair --cmd cat base
fails 2 'two files' "no prompt" judge --pairwise --cmd cat base model
fails 2 'has two --choices' "four choices" judge --pairwise --prompt which --choices a,b,c,d --cmd cat base model
fails 2 'goes with --pairwise' "--hard alone" judge --hard --cmd cat outs.jsonl
fails 1 'is there twice' "an id twice" sh -c "cat base base > twice; '$BIN/seal-eval' judge --pairwise --prompt which --choices m,M --cmd cat twice model"
fails 1 'no id in common' "no id in common" sh -c "head -1 base > x; tail -1 model > y; '$BIN/seal-eval' judge --pairwise --prompt which --choices m,M --cmd cat x y"
fails 1 '"instruction" is another' "another instruction" sh -c "jq -c '.instruction = \"x\"' model > y; '$BIN/seal-eval' judge --pairwise --prompt which --choices m,M --cmd cat base y"
done_testing
