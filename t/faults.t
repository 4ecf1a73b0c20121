#!/bin/sh
# SPDX-License-Identifier: MIT
# faults.t - what no careless command line may do: destroy an input, lose an output, run long in vain
. "$(dirname "$0")/tap.sh"
cd "$TMP" || exit 1
cp -rL "$T/gold/model" model
head -4 "$T/../pipelines/demo/train.jsonl" > rows.jsonl
"$BIN/seal-tokenize" -q -m model rows.jsonl -o rows.tok
"$BIN/seal-score" -q --method random --plain rows.jsonl > scores.jsonl
tok="$BIN/seal-tokenize -j 1 -m model" lora="$BIN/seal-lora-train -q -j 1 -m model"
score="$BIN/seal-score -q -j 1 -m model --method loss" pick="$BIN/seal-select --scores scores.jsonl --keep 2"
md5sum rows.jsonl rows.tok scores.jsonl model/* > sums

# --- an input is never overwritten
fails 1 'both input and output' "the tokenizer as output" $tok rows.jsonl -o model/tokenizer.json
fails 1 'both input and output' "the tokenizer as fates" $tok rows.jsonl --fates model/tokenizer.json
fails 1 'both input and output' "the tokenizer as fates of answers" "$BIN/seal-eval" generate -q -j 1 -m model rows.jsonl --fates model/tokenizer.json
fails 1 'both input and output' "the model as fates of answers" "$BIN/seal-eval" generate -q -j 1 -m model rows.jsonl --fates model/model.safetensors
fails 1 'both input and output' "the rows as fates of themselves" "$BIN/seal-eval" generate -q -j 1 -m model rows.jsonl --fates rows.jsonl
fails 1 'both input and output' "a model's file as output" $score rows.tok -o model/config.json
fails 1 'both input and output' "the tokens as a score's log" $score rows.tok --log rows.tok
fails 1 'both input and output' "the rows as a random score's log" "$BIN/seal-score" --method random rows.jsonl --log rows.jsonl
fails 1 'both input and output' "the tokens as a training's log" $lora -o x rows.tok --log rows.tok
fails 1 'both input and output' "the weights as a training's log" $lora -o x rows.tok --log model/model.safetensors
fails 1 'both input and output' "the fates on the scores" $pick rows.jsonl --fates scores.jsonl
fails 1 'both input and output' "the list of refusals as output" "$BIN/seal-eval" refusals --list rows.jsonl -o rows.jsonl rows.tok
md5sum -c sums > /dev/null 2>&1; ok $? "and all of them are untouched"
[ ! -e x ]; ok $? "and nothing was written"

# --- nor are two outputs one
fails 1 'two outputs at once' "fates on the output" $pick rows.jsonl -o new --fates new
[ ! -e new ]; ok $? "of which nothing is left"
echo old > old
fails 1 'two outputs at once' "fates on an old output" $pick rows.jsonl -o old --fates ./old
is "$(cat old)" old "that stays"
fails 1 'two outputs at once' "a log on the output" $score rows.tok -o new --log new
is "$(ls -A | grep -c seal-)" 0 "no temporary file is left"

# --- what cannot be written is known at once
fails 2 'name of an output is empty' "an empty output" $tok rows.jsonl -o ''
fails 2 'is empty' "an empty folder name" $lora -o '' rows.tok
fails 1 'create nowhere/x' "a folder in a missing one" $lora -o nowhere/x none.tok
fails 1 'create nowhere/x' "a saved adapter in a missing one" "$BIN/seal-score" -m model --method bilevel --safe none.tok --save-adapter nowhere/x none.tok
fails 1 'create nowhere/x' "checkpoints in a missing one" $lora -o x --checkpoint nowhere/x none.tok
fails 1 'open rows.jsonl/' "checkpoints in a file" $lora -o x --checkpoint rows.jsonl/ none.tok
$lora -o adapter --max-steps 1 rows.tok && ln -s adapter link
$lora -o link --force --max-steps 1 --lr 0.5 rows.tok; ok $? "--force through a link"
is "$(readlink link) $(ls -A | grep -cE "^\.(adapter|link)")" "adapter 0" "replaces what it points to"

fails 1 'both input and output' "--force on the adapter to begin with" $lora -o adapter --force --init-adapter adapter rows.tok
cp -r model both && cp adapter/adapter_config.json both
fails 1 'both input and output' "--force on the model" "$BIN/seal-lora-train" -q -j 1 -m both -o both --force rows.tok
is "$(ls both | wc -l) $(ls adapter | wc -l)" "$(($(ls model | wc -l) + 1)) 2" "and nothing of them is gone"

# --- a log may be something else than a file
is "$($lora -o a1 --max-steps 1 --log /dev/stderr rows.tok 2>&1 | jq -c 'has("step")' | tr '\n' ' ')" "true false " "a log in a pipe"
if [ -w /dev/full ]; then
	fails 1 'write /dev/full: No space' "a log on a full disk" $lora -o x --log /dev/full rows.tok
	fails 1 'write stdout: No space' "--version on a full disk" sh -c '"$0" --version > /dev/full' "$BIN/seal-select"
fi
echo '{"step":1}' > log; $lora -o a2 --max-steps 1 --log log rows.tok
is "$(jq -r '.loss // .event | type' log | tr '\n' ' ')" "number string " "an old log is replaced"

# --- numbers
fails 2 "max-new: '9223372036854775807' is too large" "--max-new" "$BIN/seal-eval" generate -m model --max-new 9223372036854775807 rows.jsonl
fails 2 "'99999999999999999999' is too large" "beyond a long" $tok --max-tokens 99999999999999999999 rows.jsonl
fails 2 "limit: '4294967296' is too large" "--limit" $tok --limit 4294967296 rows.jsonl
$lora -o a3 --max-steps 1 --seed 9223372036854775807 rows.tok; ok $? "a seed may be as large as it likes"

# --- messages quote ids of others' files without their control characters
printf '{"id":"x\\u001b[2J\\ny","prompt":"a","completion":"b"}\n' > odd.jsonl
"$BIN/seal-score" -q --method random --plain odd.jsonl > odd.scores
is "$("$BIN/seal-select" --scores odd.scores --keep 1 rows.jsonl 2>&1 | grep -c 'x?\[2J?y that was scored is not there')" 1 "a control character in an id"

# --- a null id is none, also for --annotate
echo '{"id":null,"prompt":"a","completion":"b"}' > null.jsonl
"$BIN/seal-score" -q --method random --plain null.jsonl > null.scores
is "$("$BIN/seal-select" -q --scores null.scores --keep 1 --annotate null.jsonl | jq -r '.id | length')" 16 "an annotated row without an id gets its hash"

# --- what goes on, but not silently; what does not go on
"$BIN/seal-tokenize" -q -m model --template none rows.jsonl -o none.tok
like "$("$BIN/seal-score" -j 1 -m model --method loss rows.tok --safe none.tok 2>&1 > odd.scores)" 'none.tok has the template "none", the rows have "seal"' "safe rows in another template"
fails 1 'weight of row .* is not finite' "weights beyond numbers" "$BIN/seal-score" -q -j 1 -m model --method bilevel --safe rows.tok --selector-lr 1e300 rows.tok

# --- an adapter with a rank from nowhere
cp -r adapter wild && sed -i 's/"r": [0-9]*/"r": 4611686018427387904/' wild/adapter_config.json
fails 1 'makes no sense' "a rank beyond sense" "$BIN/seal-eval" nll -m model -a wild rows.tok

# --- a model whose tensors are not those that its configuration speaks of
cp -r "$T/gold/tiny-llama" tied && sed -i 's/"tie_word_embeddings": false/"tie_word_embeddings": true/' tied/config.json
fails 1 'tie_word_embeddings is true, but lm_head.weight is not model.embed_tokens.weight' "a head that is tied and is not" \
	"$BIN/seal-eval" nll -m tied "$T/gold/rows.tok"
cp -r "$T/gold/tiny-qwen2" plain && sed -i 's/"model_type": "qwen2"/"model_type": "llama"/' plain/config.json
fails 1 'has the tensor model.layers.0.self_attn.q_proj.bias, which the configuration does not ask for' "biases of a llama" \
	"$BIN/seal-eval" nll -m plain "$T/gold/rows.tok"

# --- rows where tokens belong, and the other way round
fails 1 'rows.jsonl: rows, not tokens' "rows for a reader of tokens" "$BIN/seal-eval" nll -m model rows.jsonl
zstd -q rows.jsonl -o rows.zst
fails 1 'rows.zst: rows, not tokens' "packed ones" $score rows.zst
fails 1 'rows.tok: tokens, not rows' "tokens for a reader of rows" "$BIN/seal-tokenize" -m model rows.tok
fails 1 'rows.tok: tokens, not rows' "for a method that reads rows" "$BIN/seal-score" --method random rows.tok

# --- a program that began anew for its threads is still called by its name
mkfifo never
$score never > named.scores 2> named.err &
for i in 1 2 3 4 5 6 7 8 9; do
	name=$(cat /proc/$!/comm); [ "$name" = sh ] || [ "$name" = faults.t ] || break
	sleep 0.1
done
is "$name" seal-score "ps and top show the name"
kill -TERM $!; wait $! 2> /dev/null
is $? 143 "and SIGTERM ends it while it waits for its input"

# --- a GGUF file without a vocabulary fits any tokens, as a folder without tokenizer.json does
is "$("$BIN/seal-eval" nll -q --dtype f32 -m "$T/gold/tiny-llama.gguf" "$T/gold/rows.tok" | jq -c '.nll * 1e4 | round')" \
   "$(jq '.base.loss[] * 1e4 | round' "$T/gold/tiny-llama.json")" "a GGUF file that brings no tokenizer"
done_testing
