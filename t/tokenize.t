#!/bin/sh
# SPDX-License-Identifier: MIT
# seal-tokenize: ids and masks by template, options, outputs.  tok-tiny: a byte b
# is id 3 + b, "hi" 259, " hi" 260, " y" 261, " yo" 262, <|endoftext|> 0 (the end
# token), <|im_start|> 1, <|im_end|> 2.
. "$(dirname "$0")/tap.sh"
cd "$TMP" || exit 1
TOK=$T/gold/tok-tiny
tok() { "$BIN/seal-tokenize" -t "$TOK" "$@"; }
# "ids / mask" of one row
both() { row=$1; shift; echo "$row" | tok --json "$@" | jq -r '"\(.tokens|join(" ")) / \(.train|join(""))"'; }
show() { row=$1; shift; echo "$row" | tok --show "$@" | sed '1,2d;$d'; }

# --- where the mask falls
pair='{"prompt":"hi","completion":"yo"}'
is "$(both "$pair")" "75 120 112 100 113 61 260 13 68 118 118 108 118 119 100 113 119 61 262 0 / 00000000000000000011" \
  "seal: the space goes to the answer, which the end token closes"
is "$(both "$pair" --template none)" "259 124 114 0 / 0111" "none"
is "$(both "$pair" --template '{}: {}.')" "259 61 262 49 0 / 00111" "a format of one's own closes the answer"
is "$(both "$pair" --template "$T/gold/chat/chatml.jinja")" \
  "1 120 118 104 117 13 259 2 13 1 100 118 118 108 118 119 100 113 119 13 124 114 2 / 00000000000000000000111" \
  "chatml: the answer and its end are trained, no newline after"
two='{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"},{"role":"assistant","content":"d"}]}'
is "$(both "$two" --template '<{}>{}')" "63 100 65 101 0 63 102 65 103 0 / 0000000011" "the last turn is trained"
is "$(both "$two" --template '<{}>{}' --train-turns all)" "63 100 65 101 0 63 102 65 103 0 / 0001100011" "or all"
is "$(show "$two" --template "$T/gold/chat/chatml.jinja" --system S --train-turns all)" "<|im_start|>system
S<|im_end|>
<|im_start|>user
a<|im_end|>
<|im_start|>assistant
«b<|im_end|>»
<|im_start|>user
c<|im_end|>
<|im_start|>assistant
«d<|im_end|>»" "--show marks it, the newline after an answer is not trained"
is "$(both '{"t":"hi yo"}' --text t)" "259 262 / 01" "--text: all but the first token"
is "$(both '{"q":"hi ","r":"yo"}' --template none --prompt-key q --answer-key r)" "259 262 0 / 011" "keys by name; a space moves"
is "$(both '{"prompt":"","completion":"hi"}' --template none)" "259 0 / 01" "an empty prompt"

# --- control tokens come from templates alone
is "$(both '{"prompt":"<|im_end|>","completion":"x"}' --template none)" \
  "63 127 108 112 98 104 113 103 127 65 123 0 / 000000000011" "a row's <|im_end|> is text"
is "$(both '{"prompt":"a","completion":"<|im_end|>"}' --template 'Q<|im_start|>{}:{}')" \
  "84 1 100 61 63 127 108 112 98 104 113 103 127 65 0 / 000011111111111" "a format's <|im_start|> is not"
is "$(both '{"prompt":"im_start|>","completion":"x"}' --template '<|{}<|im_end|>{}')" \
  "63 127 108 112 98 118 119 100 117 119 127 65 2 123 0 / 000000000000011" "nor may the two make one together"
is "$(both '{"prompt":"<|im_end|>","completion":"x<|im_start|>"}' --template none --allow-special)" "2 123 1 0 / 0111" \
  "--allow-special: it is the token"
is "$(both '{"t":"a<|im_end|>b"}' --text t --allow-special)" "100 2 101 / 011" "... in bare text, too"
is "$(both '{"prompt":"im_start|>","completion":"x"}' --template '<|{}<|im_end|>{}' --allow-special)" "1 2 123 0 / 0011" \
  "... and together with the template"

# --- the start token
mkdir bos no-bos
jq '.post_processor = {"type":"TemplateProcessing","pair":[],"special_tokens":{"<|im_start|>":{"id":"<|im_start|>","ids":[1],"tokens":["<|im_start|>"]}},
    "single":[{"SpecialToken":{"id":"<|im_start|>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}]}' "$TOK/tokenizer.json" > bos/tokenizer.json
echo '{"bos_token":"<|im_start|>","eos_token":"<|endoftext|>","add_bos_token":true}' | tee bos/tokenizer_config.json > no-bos/tokenizer_config.json
cp "$TOK/tokenizer.json" no-bos
is "$(both "$pair" --template none -t bos)" "1 259 124 114 0 / 00111" "--bos auto, where the tokenizer adds one"
is "$(both "$pair" --template none -t bos --bos no)" "259 124 114 0 / 0111" "--bos no"
is "$(both '{"t":"hi"}' -t bos --text t)" "1 259 / 01" "--text after a start token"
is "$(both "$pair" --template '<|im_start|>{}{}' -t bos)" "1 259 124 114 0 / 00111" "not twice where the template has it"
mkdir plain && sed 's/<|endoftext|>/<x>/g' "$TOK/tokenizer.json" > plain/tokenizer.json
fails 1 'has no start token' "--bos yes without one" tok -t plain --bos yes
is "$(both "$pair" --template none -t plain)" "259 124 114 / 011" "without an end token nothing closes an answer"

# --- the templates of models, with their tokenizers: the ids of transformers' text
if [ -d "$SEAL_DATA/tokenizers" ]; then
	jq -c ".[] | select(.by.llama2.ids) | {messages, by}" "$T/gold/template.json" > gold.jsonl
	jq '.added_tokens[].normalized = false' "$SEAL_DATA/tokenizers/llama2/tokenizer.json" > gold-tok.json
	is "$("$BIN/seal-tokenize" -t gold-tok.json --template llama2 --json gold.jsonl | jq -c .tokens)" \
	  "$(jq -c .by.llama2.ids gold.jsonl)" "llama2: ids of transformers"
else skip "llama2: ids of transformers" "no $SEAL_DATA"; fi

# --- chat templates that are not read
mkdir chats && cp "$TOK/tokenizer.json" chats
echo '{% wish %}' > chats/chat_template.jinja
fails 1 "the chat template: line 1: .*wish" "a chat template of unknown words" sh -c "echo '$pair' | '$BIN/seal-tokenize' -t chats"
rm chats/chat_template.jinja
echo '{"chat_template":[{"name":"one","template":"x"},{"name":"tool_use","template":"y"}]}' > chats/tokenizer_config.json
fails 1 "none named default" "chat templates without a default" sh -c "echo '$pair' | '$BIN/seal-tokenize' -t chats"
mkdir chats/additional_chat_templates && cp "$T/gold/chat/chatml.jinja" chats/additional_chat_templates/default.jinja
is "$(show "$pair" -t chats | tail -n 1)" "«yo<|im_end|>»" "a file of a chat template wins over tokenizer_config.json"
fails 2 "is no date like" "a date that is none" tok -t chats --date 2023-02-29
fails 1 "No such file" "a template's file that is not there" tok --template none.jinja
for t in none "$T/gold/chat/chatml.jinja"; do
	fails 2 '^seal-tokenize: --system: the value is not UTF-8' "--system in Latin-1, $t" tok --template "$t" --system "$(printf 'caf\351')"
done
fails 2 '^seal-tokenize: --template: the value is not UTF-8' "and a format" tok --template "$(printf '{} \351 {}')"
echo 'version https://git-lfs.github.com/spec/v1' > pointer.jinja
fails 1 "^seal-tokenize: pointer.jinja: is a Git LFS pointer" "... or is a pointer to it" tok --template pointer.jinja

# --- length
is "$(both '{"prompt":"hi","completion":"abcd"}' --template none --max-tokens 3 2> err)" "259 100 101 / 011" "a cut answer has no end token"
is "$(cat err)" "seal-tokenize: 1 rows kept (1 cut to 3 tokens), 0 dropped" "and is a fate"
is "$(both '{"prompt":"hi","completion":"abcd"}' --template none --max-tokens 6)" "259 100 101 102 103 0 / 011111" "one that just fits has"

# --- the stream
seq 9000 | awk '{ printf "{\"prompt\":\"hi %d\",\"completion\":\"", $1; for (i = 0; i < $1 % 40; i++) printf "yo "; print "x\"}" }' > many.jsonl
tok -j1 many.jsonl > one.tok; tok -j2 many.jsonl > two.tok; tok -o three.tok < many.jsonl
cmp -s one.tok two.tok; ok $? "-j1 and -j2 write the same bytes"
cmp -s one.tok three.tok; ok $? "stdin and a file, stdout and -o too"
[ "$(head -c 4 one.tok | od -An -tx1)" = " 28 b5 2f fd" ]; ok $? "tokens are zstd by default"
tok --plain many.jsonl > plain.tok; zstd -dqc one.tok | cmp -s - plain.tok; ok $? "--plain is what is inside"
header() { n=$(od -An -tu8 -N8 "$1" | tr -d ' '); tail -c +9 "$1" | head -c "$n"; }
header plain.tok > header.json
is "$(jq -r '.__metadata__["seal.kind"], .__metadata__["seal.template"], .hash.shape[0], .tokens.dtype, .offsets.dtype, .train.dtype, .ids.dtype, .id_offsets.dtype, .hash.dtype, .line.dtype' header.json | tr '\n' ' ')" \
  "tokens seal 4096 I32 I64 U8 U8 I64 U64 I64 " "the first blob's header"
is "$(jq -r '.__metadata__["seal.settings"] | fromjson | .template, .["max-tokens"], has("output")' header.json | tr '\n' ' ')" \
  "seal 2048 false " "settings are recorded, resolved; paths are not"
: > none.jsonl; tok --allow-empty --plain none.jsonl > none.tok; header none.tok > header.json
is "$(jq -r '.__metadata__["seal.end"] | fromjson | .rows, .input, .history[0].program' header.json | tr '\n' ' ')" \
  "0 ef46db3751d8e999 seal-tokenize " "--allow-empty: no rows are a stream of no rows"
is "$(($(wc -c < plain.tok) % 8))" 0 "blobs are multiples of 8"

# --- and back
cat > back.jsonl <<'E'
{"id":"a","prompt":"grün \u0001\"","completion":"hi 你好"}
{"id":"b","messages":[{"role":"user","content":"x"},{"role":"assistant","content":"€"},{"role":"user","content":"y"},{"role":"assistant","content":"z"}]}
E
tok --template 'Q{}:{}' --train-turns all back.jsonl > back.tok
is "$(tok --decode back.tok | jq -c .)" '{"id":"a","text":"Qgrün \u0001\":hi 你好<|endoftext|>","train":[[9,27]]}
{"id":"b","text":"Qx:€<|endoftext|>Qy:z<|endoftext|>","train":[[3,17],[20,34]]}' "--decode"
is "$(tok --decode back.tok | jq -c '[.text[.train[][0]:.train[][1]]] | .[0]')" '"hi 你好<|endoftext|>"
"€<|endoftext|>"' "its ranges are jq's"
is "$(tok --decode --show back.tok)" "$(tok --show --template 'Q{}:{}' --train-turns all back.jsonl)" "--decode --show is --show"
is "$(tok --decode --json --limit 1 < back.tok)" "$(tok --json --template 'Q{}:{}' --limit 1 back.jsonl)" "--decode --json is --json"
seq 300 | sed 's/.*/{"prompt":"€&","completion":"ü你😀"}/' | tok --text prompt > cut.tok
is "$(tok --decode cut.tok | jq -r .text | tr -d '\n' | cksum)" "$(seq 300 | sed 's/.*/€&/' | tr -d '\n' | cksum)" "a character may be cut by the mask"
is "$(tok --decode cut.tok | jq -c .train | head -1)" "[[0,2]]" "and counts to where it ends"
fails 1 'of another tokenizer' "--decode with another tokenizer" tok -t plain --decode back.tok

# --- ids that a model does not have: its vocabulary is 96
printf '%s\n' '{"id":"a","prompt":"A","completion":"B"}' '{"id":"b","prompt":"A","completion":"hi"}' |
	tok --template '{}{}' -o beyond.tok
fails 1 "^seal-lora-train: beyond\.tok: row b: token 259 is not among the model's 96" "an id beyond the model's vocabulary" \
  "$BIN/seal-lora-train" --log log -b 1 --no-shuffle -m "$T/gold/tiny-llama" -o adapter beyond.tok
[ ! -s log ]; ok $? "is told before the first step"

# --- refusals
fails 2 'needs -m MODEL or -t TOKENIZER' "neither -m nor -t" "$BIN/seal-tokenize"
fails 2 "unknown template 'x'" "an unknown template" tok --template x
fails 2 'exclude each other' "--show --json" tok --show --json
fails 2 'exclude each other' "--zstd --plain" tok --zstd --plain
fails 2 'needs --answer-key' "--prompt-key alone" tok --prompt-key x
fails 2 'needs --prompt-key' "--answer-key alone" tok --answer-key x
fails 2 'only one of' "--text with --schema" tok --text x --schema hh
fails 2 'is too small' "--max-tokens 1" tok --max-tokens 1
cp many.jsonl copy.jsonl
fails 1 'copy.jsonl: is both input and output' "the input as output" tok -o copy.jsonl copy.jsonl
cmp -s many.jsonl copy.jsonl; ok $? "and it is untouched"
fails 1 'write .*No space left' "a full disk" sh -c '"$0" -t "$1" many.jsonl > /dev/full' "$BIN/seal-tokenize" "$TOK"
fails 1 'write .*No space left' "a full disk, as -o" tok -o /dev/full many.jsonl
echo old > kept.tok; echo '{' > bad.jsonl
fails 1 'bad.jsonl:1: bad JSON' "a failure" tok -o kept.tok many.jsonl bad.jsonl
is "$(cat kept.tok)" old "leaves the old output"
is "$(ls -A | grep -c 'kept')" 1 "and nothing beside it"
is "$(tok --json many.jsonl 2>&1 | head -n 1 | jq .tokens[0])" 75 "a closed pipe is quiet"
if command -v script > /dev/null; then
	like "$(script -qec "$BIN/seal-tokenize -t $TOK many.jsonl" /dev/null < /dev/null 2>&1)" 'refusing to write binary data to a terminal' \
	  "a terminal is refused"
	like "$(echo "$pair" > pair.jsonl; script -qec "$BIN/seal-tokenize -t $TOK --show pair.jsonl" /dev/null < /dev/null)" \
	  "$(printf '\033\\[1;32m yo<')" "--show on a terminal is coloured"
else skip "a terminal is refused" "no script(1)"; fi
is "$(show '{"prompt":"a\u001b[2J","completion":"b\u009b"}' --template none)" 'a\x1b[2J«b\x9b<|endoftext|>»' \
  "--show keeps a row's control characters from the terminal"

# --- Python's numbers, which JSON does not have, in the files of a model
cp -rL "$T/gold/model" llama2 && chmod -R u+w llama2
config='{"eos_token":"<|endoftext|>","add_bos_token":false,"model_max_length":1000000000000000019884624838656,"x":[NaN,{"y":-Infinity}]}'
echo "$config" > llama2/tokenizer_config.json
sed -i 's/{/{"time_step_limit":[0.0,Infinity],/' llama2/config.json
echo '{"prompt":"hi","completion":"yo"}' > hi.jsonl
"$BIN/seal-tokenize" -q -m "$T/gold/model" --json hi.jsonl > want; "$BIN/seal-tokenize" -q -m llama2 --json hi.jsonl > got
cmp -s want got; ok $? "in keys that nobody asks for they change nothing"
"$BIN/seal-tokenize" -q -m llama2 hi.jsonl | "$BIN/seal-eval" nll -q -j 1 -m llama2 > nll; ok $? "not even to the model"
echo "$config" | sed 's/"add_bos_token":false/"add_bos_token":NaN/' > llama2/tokenizer_config.json
fails 1 'llama2/tokenizer_config.json: "add_bos_token" is not true or false' "but a key that is used" "$BIN/seal-tokenize" -q -m llama2 hi.jsonl
echo "$config" | sed 's/"<|endoftext|>"/NaN/' > llama2/tokenizer_config.json
fails 1 'llama2/tokenizer_config.json: "eos_token" is not a token' "or a token" "$BIN/seal-tokenize" -q -m llama2 hi.jsonl
echo "$config" > llama2/tokenizer_config.json
sed -i 's/"vocab_size": *[0-9]*/"vocab_size": 18446744073709551616/' llama2/config.json
fails 1 'llama2/config.json: "vocab_size" is not a whole number of 64 bits' "or a count" "$BIN/seal-tokenize" -q -m llama2 hi.jsonl
sed -i 's/"vocab_size": *[0-9]*/"vocab_size": NaN/' llama2/config.json
fails 1 'llama2/config.json: "vocab_size" is not a finite number' "is refused by its name" "$BIN/seal-eval" nll -q -j 1 -m llama2 rows.tok
done_testing
