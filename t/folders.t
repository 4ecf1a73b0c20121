#!/bin/sh
# SPDX-License-Identifier: MIT
# folders.t - model folders as people have them: tokens that only some file knows, shards, tensors
# of no use, end tokens, files of other programs.  (peer/folders asks transformers about the tokens.)
. "$(dirname "$0")/tap.sh"
cd "$TMP" || exit 1
G=$T/gold

# --- tokens beside tokenizer.json.  tok-tiny: a byte b is id 3 + b, "hi" 259, 263 is free.
# A folder of it: folder NAME [FILE JSON]...
folder() {
	rm -rf "$1"; mkdir "$1" && cp "$G/tok-tiny/tokenizer.json" "$1"; to=$1; shift
	while [ $# -gt 0 ]; do printf '%s' "$2" > "$to/$1"; shift 2; done
}
ids() { dir=$1 text=$2; shift 2; jq -nc --arg t "$text" '{t:$t}' | "$BIN/seal-tokenize" -q -t "$dir" --text t --allow-special --json "$@" | jq -r '.tokens | join(" ")'; }
# The ids of a prompt "a" and its answer "b".
pair() { dir=$1; shift; echo '{"prompt":"a","completion":"b"}' | "$BIN/seal-tokenize" ${quiet--q} -t "$dir" --template none --json "$@" | jq -r '.tokens | join(" ")'; }
config=tokenizer_config.json map=special_tokens_map.json

folder d $config '{"eos_token":"<|im_end|>","added_tokens_decoder":{
	"900":{"content":"<a>","special":true,"normalized":false},"300":{"content":"<b>","special":false,"normalized":false}}}'
is "$(ids d 'hi<a><b>')" "259 264 263" "added_tokens_decoder: the next free ids, in the order of the numbers there"
is "$(echo '{"t":"<a><b>"}' | "$BIN/seal-tokenize" -q -t d --text t --json | jq -c .tokens)" "[63,100,65,263]" "special ones are text in a row, others never"
folder d $config '{"added_tokens_decoder":{"2":{"content":"<|im_end|>","lstrip":true,"rstrip":false,"special":true,"normalized":false}}}'
is "$(ids d 'hi  <|im_end|> ')" "259 2 35" "... and new properties of tokens that are there"
folder d $config '{"added_tokens_decoder":{"2":{"content":"<z>","special":true}}}'
is "$(ids d '<z><|im_end|>')" "263 2" "... but none takes the id of another"
folder d $config '{"added_tokens_decoder":{"x2":{"content":"<z>"}}}'
fails 1 'd/tokenizer_config.json: added_tokens_decoder: "x2" is no id' "a number that is none" "$BIN/seal-tokenize" -q -t d --json
folder d $config '{"added_tokens_decoder":{"2":{"special":true}}}'
fails 1 'd/tokenizer_config.json: the token "added_tokens_decoder" has no content' "a token without text" "$BIN/seal-tokenize" -q -t d --json
folder d $config '{"extra_special_tokens":{"image_token":"<img>","b":"<bb>"},"audio_token":"<au>","pad_token":"<pad>"}'
is "$(ids d '<pad><au><img><bb>')" "263 264 265 266" "named tokens: the usual ones first, then others, then an object's"
folder d $config '{"extra_special_tokens":["<e>"],"additional_special_tokens":["<d>"]}'
is "$(ids d '<e><d>')" "263 63 103 65" "of two lists the first counts"
folder d $config '{"extra_special_tokens":[],"additional_special_tokens":["<d>","hi","a b"]}'
is "$(ids d 'hia b<d>')" "259 264 263" "additional_special_tokens: new ones, and words of the vocabulary"
folder d $config '{"additional_special_tokens":["<d>"]}' $map '{"additional_special_tokens":["<x>"],"eos_token":{"content":"<|im_end|>","lstrip":false}}'
is "$(ids d '<d><x>') / $(pair d)" "263 63 123 65 / 100 101 2" "special_tokens_map.json: not a second list; the end token, as an object"
folder d $map '{"eos_token":"<new>"}'
is "$(pair d)" "100 101 263" "an end token that stands there alone closes an answer, and is a token"
folder d $config '{"eos_token":"<|im_end|>"}' $map '{"eos_token":"<|im_start|>"}'
is "$(pair d)" "100 101 1" "special_tokens_map.json replaces"
folder d $config '{"eos_token":"<|im_end|>","added_tokens_decoder":{}}' $map '{"eos_token":"<|im_start|>","bos_token":"<|im_start|>","additional_special_tokens":["<x>"]}'
is "$(ids d '<x>') / $(pair d) / $(pair d --bos yes)" "63 123 65 / 100 101 2 / 1 100 101 2" "... not where there is an added_tokens_decoder, but for a name that it alone has"
folder d added_tokens.json '{"<y>":800,"<x>":700,"hi":900,"<c>":1}' $map '{"pad_token":"<y>"}'
is "$(ids d '<x><y>hi<c>')" "263 264 259 63 102 65" "added_tokens.json: by number; not one in the place of another"
is "$(echo '{"t":"<x><y>"}' | "$BIN/seal-tokenize" -q -t d --text t --json | jq -c .tokens)" "[263,63,124,65]" "... special, where it has a name"
folder d added_tokens.json '{"<x>":"7"}'
fails 1 'd/added_tokens.json: "<x>" has no id' "... where ids are numbers" "$BIN/seal-tokenize" -q -t d --json
for bos in '"bos_token":null,' ''; do
	folder d $config "{$bos\"eos_token\":\"<|endoftext|>\",\"add_bos_token\":true}"
	is "$(pair d)" "100 101 0" "a bos_token ${bos:-absent} is none, whatever add_bos_token says"
	fails 1 'has no start token' "... and none is guessed" "$BIN/seal-tokenize" -q -t d --bos yes --json
done
folder d $config '{"bos_token":"<|im_start|>","eos_token":null}'
like "$(quiet=; pair d 2>&1)" 'no end token, so nothing closes an answer' "eos_token null is none, and that is said"
is "$(pair d 2> /dev/null)" "100 101" "... and done"
folder d $config '{"tokenizer_class":"GPT2TokenizerFast"}'
is "$(pair d)" "100 101 0" "a class of transformers that has its own end token"
folder d $config '{"eos_token":"<|im_end|>","eos_token":"<|im_start|>","x\u0000":"\u0000"}'
is "$(pair d)" "100 101 1" "of two equal keys the last counts, as in Python; a NUL where nobody looks is nothing"
folder d $config '{"eos_token":{"content":"<|im_end|>\u0000"}}'
fails 1 'd/tokenizer_config.json: the token "eos_token" "content" is not text without a NUL' "... but where it is used" "$BIN/seal-tokenize" -q -t d --json

# --- what a post-processor puts around a text: around NAME BEFORE BEHIND, lists of tokens of tok-tiny
around() {
	folder "$1" $config '{"bos_token":"<|im_start|>","eos_token":"<|endoftext|>"}'
	jq --arg before "$2" --arg behind "$3" '
		{"<|endoftext|>":0,"<|im_start|>":1,"<|im_end|>":2} as $id
		| def specials($list): $list | split(" ") | map({SpecialToken:{id:.,type_id:0}});
		.post_processor = {type:"Sequence",processors:[{type:"ByteLevel"},{type:"TemplateProcessing",
			single:(specials($before) + [{Sequence:{id:"A",type_id:0}}] + specials($behind)),pair:[],
			special_tokens:($id | with_entries(.value = {id:.key,ids:[.value],tokens:[.key]}))}]}' \
		"$G/tok-tiny/tokenizer.json" > "$1/tokenizer.json"
}
around d '<|im_start|> <|im_end|>' ''
is "$(pair d) / $(pair d --bos no) / $(pair d --bos yes)" "1 2 100 101 0 / 100 101 0 / 1 2 100 101 0" "all tokens before a text go before a row"
is "$(pair d --template '<|im_start|><|im_end|>{}{}') / $(pair d --template '<|im_start|>{}{}')" "1 2 100 101 0 / 1 2 1 100 101 0" \
   "... once, where a template has them all"
is "$(echo '{"prompt":"a","completion":"bcdef"}' | "$BIN/seal-tokenize" -q -t d --template '<|im_start|><|im_end|>{}{}' --max-tokens 5 --json | jq -c .tokens)" "[1,2,100,101,102]" \
   "... and no row is cut for them"
around d '<|im_start|>' '<|endoftext|>'
is "$(pair d) / $(ids d a) / $(ids d 'a<|endoftext|>')" "1 100 101 0 / 1 100 0 / 1 100 0" "an end token behind a text: once behind a row, and behind bare text"
is "$(echo '{"t":"a"}' | "$BIN/seal-tokenize" -q -t d --text t --json | jq -c .train)" "[0,1,1]" "... where it is trained"
around d '' '<|im_end|>'
fails 1 'd/tokenizer.json: post_processor: puts "<|im_end|>" behind a text, which is not its end token' "another token behind a text" "$BIN/seal-tokenize" -q -t d --json
around d '' '<|endoftext|> <|im_end|>'
fails 1 'puts "<\|im_end\|>" behind' "two tokens behind a text" "$BIN/seal-tokenize" -q -t d --json
around d '<x>' ''
fails 1 'post_processor: unknown token "<x>"' "a token that it does not say" "$BIN/seal-tokenize" -q -t d --json
around d '' ''
jq '.post_processor.processors |= . + .' d/tokenizer.json > two.json && cp two.json d/tokenizer.json
is "$(pair d)" "100 101 0" "two templates that do nothing"
jq '.post_processor.processors[1].single |= . + .' d/tokenizer.json > two.json && cp two.json d/tokenizer.json
fails 1 'post_processor: a template without one text' "a template that has the text twice" "$BIN/seal-tokenize" -q -t d --json
for add in true false; do
	around d "$([ $add = true ] || echo '<|im_start|>')" ''
	printf '{"bos_token":"<|im_start|>","eos_token":"<|endoftext|>","add_bos_token":%s}' $add > d/$config
	like "$(quiet=; pair d 2>&1 > d/out)" "add_bos_token $add, but tokenizer.json's post_processor puts" "add_bos_token $add against it is said"
	is "$(jq -n --arg a "$(cat d/out)" '$a')" "\"$([ $add = true ] || echo '1 ')100 101 0\"" "... and done as transformers 5 does"
	is "$(pair d --bos no 2>&1) $(pair d --bos yes 2>&1)" "100 101 0 1 100 101 0" "... unless --bos decides"
done

# The model's tokenizer and the rows' have to agree in this.
cp -rL "$G/model" m && chmod -R u+w m && cp -r m m-bos
jq '.post_processor = {type:"TemplateProcessing",single:[{SpecialToken:{id:"<|endoftext|>",type_id:0}},{Sequence:{id:"A",type_id:0}}],pair:[],
	special_tokens:{"<|endoftext|>":{id:"<|endoftext|>",ids:[0],tokens:["<|endoftext|>"]}}}' m/tokenizer.json > m-bos/tokenizer.json
echo '{"eos_token":"<|endoftext|>"}' > m-bos/$config
echo '{"prompt":"a","completion":"b"}' > row.jsonl
for d in m m-bos; do "$BIN/seal-tokenize" -q -m $d row.jsonl -o $d.tok || ok 1 "$d"; done
fails 1 'm.tok was made with another tokenizer' "rows without a start token, for a model whose tokenizer adds one" "$BIN/seal-eval" nll -q -m m-bos m.tok
fails 1 'm-bos.tok was made with another tokenizer' "and the other way round" "$BIN/seal-eval" nll -q -m m m-bos.tok

# --- weights.  st.py FROM TO [keep RE | drop RE | as OLD NEW | zero RE | type RE TYPE | copy OLD NEW]...
cat > st.py <<'EOF'
import json, re, struct, sys
b = open(sys.argv[1], "rb").read()
n = struct.unpack("<Q", b[:8])[0]
t = {k: [v["dtype"], v["shape"], b[8 + n + v["data_offsets"][0]:8 + n + v["data_offsets"][1]]]
     for k, v in json.loads(b[8:8 + n]).items() if k != "__metadata__"}
do = sys.argv[3:]
while do:
    what, a = do.pop(0), do.pop(0)
    hit = [k for k in t if re.search(a, k)]
    if what in ("keep", "drop"): t = {k: v for k, v in t.items() if (k in hit) == (what == "keep")}
    elif what == "zero":
        for k in hit: t[k][2] = bytes(len(t[k][2]))
    elif what == "type":
        to = do.pop(0)
        for k in hit: t[k][0] = to
    else:
        new = do.pop(0)
        t[new] = list(t[a])
        if what == "as": del t[a]
head, data = {}, b""
for k, v in t.items():
    head[k] = {"dtype": v[0], "shape": v[1], "data_offsets": [len(data), len(data) + len(v[2])]}
    data += v[2]
head = json.dumps(head).encode()
open(sys.argv[2], "wb").write(struct.pack("<Q", len(head)) + head + data)
EOF
# The index of FOLDER that gives each tensor to the last of these FILEs that has it.
index() { python3 - "$@" <<'EOF'
import json, struct, sys
m = {}
for f in sys.argv[2:]:
    b = open(sys.argv[1] + "/" + f, "rb").read()
    m.update({k: f for k in json.loads(b[8:8 + struct.unpack("<Q", b[:8])[0]]) if k != "__metadata__"})
json.dump({"weight_map": m}, open(sys.argv[1] + "/model.safetensors.index.json", "w"))
EOF
}
L=$G/tiny-llama/model.safetensors
llama() { rm -rf w; mkdir w; cp "$G/tiny-llama/config.json" w; chmod u+w w/config.json; }
# st.py with L, to a file of w
st() { to=w/$1; shift; python3 st.py "$L" "$to" "$@"; }
nll() { "$BIN/seal-eval" nll -q -j 1 --dtype f32 -m "${1:-w}" "$G/rows.tok" | jq -c .nll; }
refused() { name=$1 pattern=$2; fails 1 "$pattern" "$name" "$BIN/seal-eval" nll -q -j 1 -m w "$G/rows.tok"; }
nll "$G/tiny-llama" > want
same_as_gold() { nll > got; cmp -s got want; ok $? "$1"; }

llama; st a.safetensors; st b.safetensors keep layers.1 zero .; index w b.safetensors a.safetensors
same_as_gold "an older copy in the shard before it, of all of a block"
llama; st a.safetensors zero up_proj; st b.safetensors keep up_proj; index w a.safetensors b.safetensors
same_as_gold "and in the shard behind it"
st b.safetensors keep up_proj drop layers.1
refused "a tensor that is not where the index says" 'w/b.safetensors: has no tensor model.layers.1.mlp.up_proj.weight, which w/model.safetensors.index.json says'
st b.safetensors keep up_proj copy model.layers.0.mlp.up_proj.weight model.new.weight
refused "a tensor that the index does not know" 'w/b.safetensors: has the tensor model.new.weight, which w/model.safetensors.index.json does not know'
rm w/b.safetensors
refused "a shard that is not there" 'w/b.safetensors: No such file'
st b.safetensors keep up_proj; echo '{"weight_map":{"x":"../w/b.safetensors"}}' > w/model.safetensors.index.json
refused "a shard elsewhere" 'index.json: "x" names no file of the folder'
llama; st a.safetensors drop up_proj; index w a.safetensors
refused "a tensor that no shard has" 'w: the tensor model.layers.0.mlp.up_proj.weight is missing'

Q=model.layers.0.self_attn.q_proj.weight N=model.norm.weight
llama; st model.safetensors copy $N model.layers.0.self_attn.q_norm.weight copy $N model.layers.1.self_attn.q_norm.weight
refused "norms that the family does not have" 'w: 2 tensors that the family llama, as it is configured, does not use: model.layers.0.self_attn.q_norm.weight \(F32\), ...'
llama; st model.safetensors copy $N model.layers.2.input_layernorm.weight
refused "a layer more than config.json says" 'w: 1 tensor that .* does not use: model.layers.2.input_layernorm.weight \(F32\)$'
llama; st model.safetensors copy $N score.weight
refused "a head of another kind" 'does not use: score.weight'
llama; st model.safetensors copy $N model.layers.0.self_attn.rotary_emb.inv_freq copy $N model.layers.1.self_attn.rotary_emb.inv_freq
same_as_gold "rates of rotation are passed over"
rm -rf w; cp -rL "$G/tiny-neox" w; chmod -R u+w w; L0=$L; L=$G/tiny-neox/model.safetensors
st model.safetensors copy gpt_neox.final_layer_norm.bias gpt_neox.layers.0.attention.bias type attention.bias U8 \
	copy gpt_neox.final_layer_norm.bias gpt_neox.layers.0.attention.masked_bias 2> /dev/null
python3 - <<'EOF'
import json, struct
b = open("w/model.safetensors", "rb").read(); n = struct.unpack("<Q", b[:8])[0]; h = json.loads(b[8:8 + n])
t = h["gpt_neox.layers.0.attention.bias"]; t["shape"] = [t["data_offsets"][1] - t["data_offsets"][0]]
h = json.dumps(h).encode(); open("w/model.safetensors", "wb").write(struct.pack("<Q", len(h)) + h + b[8 + n:])
EOF
nll w > got; nll "$G/tiny-neox" > neox; cmp -s got neox; ok $? "and so are causal masks, of whatever type"
L=$L0
sed 's/qwen3/qwen2/g' "$G/tiny-qwen3.gguf" > w.gguf
fails 1 'w.gguf: 4 tensors that the family qwen2, as it is configured, does not use: blk.0.attn_[qk]_norm.weight \(F32\), ...' "the same of GGUF" \
	"$BIN/seal-eval" nll -q -j 1 -m w.gguf "$G/rows.tok"

# --- quantised weights
for how in '{"quant_method":"gptq","bits":4}' '{"quant_method":"bitsandbytes","load_in_8bit":true}' '{"quant_method":"fp8"}' '{"quant_method":"compressed-tensors"}' '{"quant_method":"awq"}'; do
	llama; st model.safetensors; jq --argjson q "$how" '.quantization_config = $q' "$G/tiny-llama/config.json" > w/config.json
	refused "quantization_config: $how" "w/config.json: quantization_config: quantised weights \\($(echo "$how" | jq -r .quant_method)\\)"
done
for form in "qweight GPTQ" "weight.absmax bitsandbytes, 4" "weight_scale FP8" "SCB bitsandbytes, 8" "weight_packed compressed"; do
	llama; st model.safetensors copy $N model.layers.0.self_attn.q_proj.${form%% *}
	refused "a tensor .${form%% *}" "w: quantised weights \\(${form#* }.*: model.layers.0.self_attn.q_proj.${form%% *}\\)"
done
llama; st model.safetensors as $Q x.weight type x.weight F8_E4M3 as x.weight $Q
refused "values of 8 bits" "w/model.safetensors: tensor $Q: dtype F8_E4M3: quantised weights"

# --- files of other programs, and pointers in the place of files
pointer='version https://git-lfs.github.com/spec/v1
oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393
size 12345'
llama; echo "$pointer" > w/model.safetensors; refused "a pointer for weights" 'w/model.safetensors: is a Git LFS pointer'
llama; st model.safetensors; echo "$pointer" > w/config.json; refused "... for config.json" 'w/config.json: is a Git LFS pointer'
echo "$pointer" > p.gguf; fails 1 'p.gguf: is a Git LFS pointer' "... for a GGUF file" "$BIN/seal-eval" nll -q -m p.gguf "$G/rows.tok"
folder d; echo "$pointer" > d/tokenizer.json; fails 1 'd/tokenizer.json: is a Git LFS pointer' "... for tokenizer.json" "$BIN/seal-tokenize" -q -t d --json
folder d $config "$pointer"; fails 1 'd/tokenizer_config.json: is a Git LFS pointer' "... for tokenizer_config.json" "$BIN/seal-tokenize" -q -t d --json
folder d chat_template.jinja "$pointer"; fails 1 'd/chat_template.jinja: is a Git LFS pointer' "... for a chat template" "$BIN/seal-tokenize" -q -t d --json
cp -rL "$G/tiny-llama-lora" ad; chmod -R u+w ad; echo "$pointer" > ad/adapter_model.safetensors
llama; st model.safetensors
adapter() { fails 1 "$2" "$1" "$BIN/seal-eval" nll -q -j 1 -m w -a ad "$G/rows.tok"; }
adapter "... for an adapter" 'ad/adapter_model.safetensors: is a Git LFS pointer'
rm ad/adapter_model.safetensors; adapter "an adapter's folder without tensors" 'ad: has no adapter_model.safetensors$'
: > ad/adapter_model.bin; adapter "or with those of another format" 'ad: has no adapter_model.safetensors, but adapter_model.bin: it is not read; PeftModel'
for other in "pytorch_model.bin AutoModelForCausalLM" "pytorch_model-00001-of-00002.bin AutoModel" "consolidated.00.pth maker's own form" "tf_model.h5 not read" \
	"flax_model.msgpack not read" "model.onnx ONNX" "model-00001-of-00002.safetensors without the index" "x.gguf name that"; do
	llama; : > "w/${other%% *}"
	refused "${other%% *} alone" "w: has no model.safetensors \\(or model.safetensors.index.json\\), but ${other%% *}: .*${other#* }"
done
llama; refused "no weights at all" 'w: has no model.safetensors \(or model.safetensors.index.json\)$'
for other in "tokenizer.model SentencePiece" "spiece.model SentencePiece" "tekken.json Mistral" "vocab.json not read" "vocab.txt WordPiece"; do
	rm -rf d; mkdir d; printf '\n\016\n\005<unk>' > "d/${other%% *}"
	fails 1 "d: has no tokenizer.json, but ${other%% *}: .*${other#* }" "${other%% *} alone" "$BIN/seal-tokenize" -q -t d --json
done
rm -rf d; mkdir d; printf '\n\016\n\005<unk>' > d/tokenizer.model
fails 1 'd/tokenizer.model: a SentencePiece model is not read' "a SentencePiece model by its name" "$BIN/seal-tokenize" -q -t d/tokenizer.model --json
cp "$G/tok-llama3/tokenizer.model" d
is "$(ids d 'a b')" "$(ids "$G/tok-llama3/tokenizer.model" 'a b')" "a tiktoken rank file of that name is read"

# --- what ends an answer.  The first tokens of the model's answer, one after the other, become ends.
cp -rL "$G/model" end; chmod -R u+w end
gen() { echo '{"prompt":"Say hi."}' | "$BIN/seal-eval" generate -q -j 1 -m end --dtype f32 --template none --max-new "${1:-8}" | jq -r .output; }
answer=$(gen); first=$(gen 1); two=$(gen 2)
id() { jq -nc --arg t "$1" '{prompt:"",completion:$t}' | "$BIN/seal-tokenize" -q -t end --template none --json | jq '.tokens[-2]'; }
one=$(id "$first") second=$(id "$two")
ends() { rm -f end/generation_config.json; jq "$2" "$G/model/config.json" > end/config.json; [ -z "$1" ] || printf '%s' "$1" > end/generation_config.json; gen; }
is "$(ends '' ".eos_token_id = $one")" "" "an id of config.json"
is "$(ends '' ".eos_token_id = [0, $second]")" "$first" "a list"
is "$(ends '' ".text_config = {eos_token_id: [$second]} | del(.eos_token_id)")" "$first" "... of the text model"
is "$(ends "{\"eos_token_id\":[0,$second]}" ".eos_token_id = $one")" "$first" "generation_config.json before it"
is "$(ends "{\"eos_token_id\":$second}" ".")" "$first" "... as one id"
is "$(ends '{}' ".eos_token_id = $second")" "$first" "... unless it is silent"
is "$(ends '{"eos_token_id":[]}' ".eos_token_id = null")" "$answer" "none: the tokenizer's alone"
ends '{"eos_token_id":"</s>"}' . > out 2> err
is "$(cat err)" 'seal-eval generate: end/generation_config.json: "eos_token_id" is neither an id nor a list of ids' "a text is no id"
done_testing
