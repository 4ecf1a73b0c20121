#!/bin/sh
# SPDX-License-Identifier: MIT
# generate.t - seal-eval generate and nll as programs
. "$(dirname "$0")/tap.sh"
cd "$TMP" || exit 1
cp -rL "$T/gold/model" model
head -5 "$T/../pipelines/demo/test-safe.jsonl" | jq -c "{id, messages: .messages[:1]}" > p.jsonl
gen() { "$BIN/seal-eval" generate -q -j 1 -m model --max-new 12 "$@"; }

gen p.jsonl > a && gen p.jsonl > b; cmp -s a b; ok $? "greedy answers are the same twice"
is "$(jq -c keys_unsorted a | sort -u | head -1 | jq -c '.[0:4]')" '["id","instruction","output","generator"]' "the keys, in order"
is "$(jq -r .id a)" "$(jq -r .id p.jsonl)" "the rows' ids in their order"
is "$(jq -r .instruction a)" "$(jq -r '.messages[-1].content' p.jsonl)" "the instruction is the user's last text"
is "$(jq -c 'has("messages")' a | sort -u)" false "messages are not repeated"
gen --temperature 1 --seed 1 p.jsonl > s1; gen --temperature 1 --seed 1 p.jsonl > s2; gen --temperature 1 --seed 2 p.jsonl > s3
cmp -s s1 s2; ok $? "sampling with one seed gives the same"
! cmp -s s1 s3; ok $? "with another seed another"
! cmp -s s1 a; ok $? "and not the greedy answer"
tail -3 p.jsonl | gen --temperature 1 --seed 1 > s4
is "$(cat s4)" "$(tail -3 s1)" "an answer does not depend on the rows beside it"
gen --temperature 1 --top-p 1e-9 p.jsonl > s5; cmp -s s5 a; ok $? "top-p near 0 is greedy"
gen --repetition-penalty 1e9 p.jsonl > s6
! cmp -s s6 a; ok $? "a repetition penalty changes answers"
fails 2 "too small" "no new tokens" "$BIN/seal-eval" generate -m model --max-new 0 p.jsonl
gen "$T/../pipelines/demo/train.jsonl" --limit 20 > many; is "$(wc -l < many)" 20 "more rows than a group"
fails 1 "no prompt" "a row without a prompt" sh -c "echo '{\"messages\":[{\"role\":\"assistant\",\"content\":\"x\"}]}' | '$BIN/seal-eval' generate -m model"
fails 1 'stdin:1: bad row: "score" is a number beyond .*, and cannot be written$' "a key that cannot be written" \
	sh -c "echo '{\"prompt\":\"x\",\"score\":[NaN]}' | '$BIN/seal-eval' generate -m model"
printf 'goal,kind\n"Say ""hi"".",a\nStop.,b\n' > p.csv
is "$(gen --prompt-key goal p.csv | jq -c '[.instruction, .kind]' | tr '\n' ' ')" '["Say \"hi\".","a"] ["Stop.","b"] ' "prompts from CSV"
cat > shapes.jsonl <<'E'
{"messages":[{"role":"user","content":[{"type":"text","text":"Say "},{"type":"text","text":"hi."}]},{"role":"assistant","content":"x"}]}
{"conversation":[{"from":"Human","content":"Say hi."}]}
{"prompt":[{"role":"user","content":"Say hi."}],"chosen":[{"role":"assistant","content":"x"}]}
{"prompt":"Say hi.","chosen":[{"role":"user","content":"Say hi."},{"role":"assistant","content":"x"}]}
{"query":"Say hi.","history":[]}
E
is "$(gen shapes.jsonl | jq -c '[.instruction, .output, has("conversation")]' | uniq -c | awk '{print $1}')" 5 "a prompt in five shapes has one answer"
printf 'Say hi.\n' | gen --columns goal --text goal > one; is "$(jq -r .instruction one)" "Say hi." "and from a column without a header"

head -20 "$T/../pipelines/demo/train.jsonl" > t.jsonl
"$BIN/seal-tokenize" -q -m model t.jsonl -o t.tok
"$BIN/seal-lora-train" -q -j 1 -m model -o ad --epochs 4 --lr 0.01 t.tok
gen -a ad p.jsonl > c; ! cmp -s a c; ok $? "an adapter changes answers"
fails 1 "trained with the template seal, not jinja:[0-9a-f]{16}" "another template than the adapter's" \
	sh -c "mkdir other; cp model/* other; cp '$T/gold/chat/chatml.jinja' other/chat_template.jinja; '$BIN/seal-eval' generate -m other -a ad p.jsonl"
gen -a ad --template "$T/gold/chat/chatml.jinja" p.jsonl > d; ok $? "--template insists"

cp -r model short && sed -i 's/"max_position_embeddings": *[0-9]*/"max_position_embeddings": 40/' short/config.json
like "$("$BIN/seal-eval" nll -j 1 -m short t.tok 2>&1 > n3)" '^seal-eval nll: t.tok: [0-9]+ of 20 rows are longer than the 40 positions that the model was made for \(up to [0-9]+ tokens\)$' \
     "rows beyond the context are counted, once"
is "$("$BIN/seal-eval" nll -q -j 1 -m model t.tok 2>&1 > n4)$(cmp n3 n4)" "" "but computed all the same"
like "$("$BIN/seal-eval" generate -j 1 -m short --max-new 40 p.jsonl 2>&1 > out)" '^seal-eval generate: answers beyond the 40 positions that the model was made for: [1-5]$' "and so are answers"
nll() { "$BIN/seal-eval" nll -q -j 1 -m model "$@" t.tok; }
nll > n1; nll -a ad > n2
is "$(jq -s -c --slurpfile b n2 '[range(20) as $i | .[$i].nll > $b[$i].nll] | all' n1)" true "training lowers the nll of every row"
is "$(nll --per-token | jq -c '(.nlls | map(select(. != null)) | add / length * 1e4 | round) == (.nll * 1e4 | round)' | sort -u)" true \
   "nll is the mean of nlls"
is "$(jq .tokens n1 | jq -s add)" "$("$BIN/seal-tokenize" -q -m model --json t.jsonl | jq -s '[.[].train | add] | add')" "and counts the trained tokens"

if [ -d "$SEAL_DATA/models/stories260K" ]; then
	like "$(echo '{"text":""}' | "$BIN/seal-eval" generate -q -j 1 -m "$SEAL_DATA/models/stories260K" --dtype f32 --text text --max-new 60 | jq -r .output)" \
	     "^ ?Once upon a time, there was a little girl named Lily. She loved to play outside in the park. One day, she saw a big, red ball. She wanted to play with it, but it was too high" \
	     "stories260K's greedy text is the published one"
else
	skip "stories260K" "no data folder"
fi
done_testing
