#!/bin/sh
# SPDX-License-Identifier: MIT
# exact.t - seal-eval exact: what is counted, where the right answers come from, and faults; how answers are read is t/answer.c
. "$(dirname "$0")/tap.sh"
exact() { "$BIN/seal-eval" exact "$@"; }
cd "$TMP" || exit 1

# Rows of four schemas, one without an id, in a file and as generate writes their outputs.
cat > rows.jsonl <<'END'
{"id":"q1","question":"6 x 7?","answer":"6 x 7 = <<6*7=42>>42\n#### 42"}
{"id":2,"messages":[{"role":"user","content":"a thousand and 200?"},{"role":"assistant","content":"#### 1,200"}],"source":"m"}
{"instruction":"half of one?","output":"It is 0.5."}
{"id":"q4","prompt":"5 - 8?","completion":"-3"}
{"id":"q5","prompt":"not asked","completion":"1"}
END
"$BIN/seal-score" -q --method random --plain rows.jsonl | jq -r 'select(.seal | not) | .id' > ids
cat > out.jsonl <<END
{"id":"q1","source":"x","output":"6 x 7 is 42, I think."}
{"id":"2","source":"m","output":"That is \$1200.00"}
{"id":"$(sed -n 3p ids)","source":"x","output":"1/2"}
{"id":"q4","source":"x","output":"5-8 = 3"}
{"id":"q4","source":"x","output":"I cannot tell."}
END
is "$(exact --answers rows.jsonl --by source --each each out.jsonl | jq -c 'del(.. | .rate_ci?)')" \
   '{"n":5,"right":3,"unread":1,"rate":0.6,"by":{"x":{"n":4,"right":2,"unread":1,"rate":0.5},"m":{"n":1,"right":1,"unread":0,"rate":1}}}' "answers from rows, by id"
is "$(cat each | tr '\n' ' ' | sed "s/$(sed -n 3p ids)/HASH/")" '{"id":"q1","right":true,"answer":42,"reference":42} {"id":"2","right":true,"answer":1200,"reference":1200} {"id":"HASH","right":true,"answer":0.5,"reference":0.5} {"id":"q4","right":false,"answer":3,"reference":-3} {"id":"q4","right":false,"answer":null,"reference":-3} ' "--each: a line an output"
# Wilson's interval of 3 of 5: (p + z2/2n -+ z sqrt(p (1 - p)/n + z2/4n2)) / (1 + z2/n)
is "$(exact --answers rows.jsonl out.jsonl | jq -c '.rate_ci | map(. * 1e6 | round)')" '[230724,882379]' "its interval"
is "$(exact --answers rows.jsonl < out.jsonl)" "$(exact --answers rows.jsonl out.jsonl)" "from stdin"
tac rows.jsonl | zstd -q > rows.zst
is "$(exact --answers rows.zst out.jsonl)" "$(exact --answers rows.jsonl out.jsonl)" "packed rows in another order"
printf 'id,q,a\n' > rows.csv; printf '%s\n' 'q1,?,42' '2,?,"1,200"' "$(sed -n 3p ids),?,.5" 'q4,?,-3' >> rows.csv
is "$(exact --answers rows.csv --prompt-key q --answer-key a out.jsonl)" "$(exact --answers rows.jsonl out.jsonl)" "rows of CSV, by their keys"
is "$(head -1 out.jsonl | exact --answers rows.jsonl | jq -c '[.n, .by]')" '[1,{}]' "rows without outputs do not count"
is "$(exact --answers rows.jsonl --kind text --each each out.jsonl | jq .right) $(sed -n 2p each)" '0 {"id":"2","right":false,"answer":"that is $1200.00","reference":"#### 1,200"}' "--kind text"

# A key of the outputs: text, or a number.
cat > keyed.jsonl <<'END'
{"id":"a","output":"so 8","gold":"3 + 5\n#### 8"}
{"id":"b","output":"8.0","gold":8}
{"id":"c","output":"nine","gold":9.5}
END
is "$(exact --answer-key gold keyed.jsonl | jq -c '[.n, .right, .unread]')" '[3,2,1]' "--answer-key: a key of the outputs"
cat > letters.jsonl <<'END'
{"output":"The answer is (B).","answer":1}
{"output":"C. because","answer":"C"}
{"output":"A","answer":"The answer is D"}
{"output":"I do not know","answer":0}
{"output":"E","answer":"A"}
END
is "$(exact --kind choice --answer-key answer letters.jsonl | jq -c '[.n, .right, .unread]')" '[5,2,2]' "--kind choice: letters, and places from 0"
is "$(exact --kind choice --choices ABCDE --answer-key answer --each each letters.jsonl | jq -c '[.n, .right, .unread]')" '[5,2,1]' "--choices: a fifth"
is "$(sed -n 1p each)" '{"id":null,"right":true,"answer":"B","reference":"B"}' "an output without an id"
printf '{"output":"%s","answer":"Not entailed"}\n' ' not  Entailed\n' 'entailed' '  ' > texts.jsonl
is "$(exact --kind text --answer-key answer texts.jsonl | jq -c '[.n, .right, .unread]')" '[3,1,1]' "texts: case and spaces do not count"

# Answers that cannot be read, and other faults.
sed '4s/-3/minus three/' rows.jsonl > broken.jsonl
fails 1 'broken.jsonl:4: no answer: the answer has no number' "a row without a number" exact --answers broken.jsonl out.jsonl
is "$(exact --answers broken.jsonl --on-error skip --fates fates out.jsonl 2> err | jq -c '[.n, .right]') $(cat err)" \
   '[3,3] seal-eval exact: 4 rows kept, 1 dropped (1 no answer)' "--on-error skip: its outputs are left out"
is "$(jq -c 'select(.fate == "dropped") | [.id, .line]' fates)" '["q4",4]' "--fates tells which"
echo '{"id":"q6","prompt":"no answer"}' > broken.jsonl
fails 1 'broken.jsonl:1: no answer' "a row without an answer" exact --answers broken.jsonl out.jsonl
echo '{"id":"q9","output":"1"}' > other
fails 1 'other:1: no row of rows.jsonl has the id "q9"' "an output of other rows" exact --answers rows.jsonl other
echo '{"id":"a","output":"1","gold":"none"}' > other
fails 1 'other:1: "gold" has no number' "a key without a number" exact --answer-key gold other
fails 1 'other:1: "silver" has no number' "no such key" exact --answer-key silver other
is "$(cat keyed.jsonl other | exact --answer-key gold --on-error skip -q | jq -c '[.n, .right]')" '[3,2]' "--on-error skip: that output is left out"
fails 1 'nothing is left' "no output is left" exact --answer-key gold --on-error skip other
is "$(exact --answer-key gold --on-error skip --allow-empty -q other)" '{"n":0,"right":0,"unread":0,"rate":null,"rate_ci":null,"by":{}}' "--allow-empty: of nothing, null"
for k in 4 -1 1.5 null '[]'; do
	echo "{\"output\":\"A\",\"answer\":$k}" > other
	fails 1 'other:1: "answer" has no choice' "a choice that is $k" exact --kind choice --answer-key answer other
done
echo '{"id":"q1"}' > other
fails 1 'other:1: "output" is not a text' "no output" exact --answers rows.jsonl other
fails 2 'neither --answers nor --answer-key' "nothing to compare with" exact out.jsonl
fails 2 'goes with --kind choice' "--choices of numbers" exact --choices AB --answers rows.jsonl out.jsonl
fails 2 'not capital letters' "--choices ab" exact --kind choice --choices ab --answers rows.jsonl out.jsonl
fails 2 'goes with --answers' "--schema of outputs" exact --schema orca --answer-key gold keyed.jsonl
fails 2 'goes with --answers' "--limit of outputs" exact --limit 1 --answer-key gold keyed.jsonl
fails 2 'answer-key needs --prompt-key' "half of a schema" exact --answers rows.jsonl --answer-key a out.jsonl

# What a model answers to rows: generate keeps ids.
"$BIN/seal-eval" generate -q -j 1 -m "$T/gold/model" --max-new 4 --limit 4 rows.jsonl > generated
is "$(exact --answers rows.jsonl generated | jq .n)" 4 "outputs of seal-eval generate"

# gsm8k's own answers are right answers to themselves, in any form that keeps the number.
D=$SEAL_DATA/redmix/train-10k.jsonl
if [ -f "$D" ]; then
	jq -c 'select(.source == "gsm8k")' "$D" > gsm8k
	cases "$(wc -l < gsm8k)" "gsm8k"
	# what jq finds behind ####, without commas and what follows
	jq -c '{id, output: (.messages[-1].content | capture("#### (?<n>[-0-9.,]+)").n | gsub(","; "") | "so it is $" + . + ".00!")}' gsm8k > told
	is "$(exact --answers gsm8k told | jq -c '[.n == .right, .unread]')" '[true,0]' "gsm8k: all are read, and right"
	jq -c '{id, output: (.messages[-1].content | capture("#### (?<n>[-0-9.,]+)").n | gsub(","; "") | tonumber + 1 | tostring)}' gsm8k > told
	is "$(exact --answers gsm8k told | jq -c '[.right, .unread]')" '[0,0]' "gsm8k: one more is wrong"
else
	skip "gsm8k" "no $D"
fi
done_testing
