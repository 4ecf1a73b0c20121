#!/bin/sh
# SPDX-License-Identifier: MIT
# gguf.t - GGUF files in several parts, with weights of types that are not read, and with vocabularies whose
# words are not known, through the programs
. "$(dirname "$0")/tap.sh"

G=$T/gold
nll() { "$BIN/seal-eval" nll -q --dtype f32 -m "$1" "$G/rows.tok"; }

# with FILE NAME SKIP BYTES - the file with these bytes (for printf) so far behind a name of its header
with() {
	cp "$1" "$TMP/with.gguf"
	at=$(LC_ALL=C grep -abo "$2" "$1" | head -n 1 | cut -d : -f 1)
	printf "$4" | dd of="$TMP/with.gguf" bs=1 seek=$((at + ${#2} + $3)) conv=notrunc 2> "$TMP/.dd"
}

# A model in parts.
whole=$(nll "$G/tiny-llama3.gguf")
like "$whole" '"nll":' "the losses of a model in one file"
is "$(nll "$G/parts-tiny-llama3-00001-of-00003.gguf")" "$whole" "... are those of the same in three"
fails 1 'parts-tiny-llama3-00002-of-00003.gguf: is part 2 of 3: give the first, whose name ends in -00001-of-00003.gguf' \
	"the second part" nll "$G/parts-tiny-llama3-00002-of-00003.gguf"
fails 1 'is part 3 of 3' "the last part as a tokenizer" \
	"$BIN/seal-tokenize" -t "$G/parts-tiny-llama3-00003-of-00003.gguf" --template none
cp "$G"/parts-tiny-llama3-* "$TMP"
mv "$TMP/parts-tiny-llama3-00003-of-00003.gguf" "$TMP/last"
fails 1 'is part 1 of 3, and part 3 is not beside it: open .*-00003-of-00003.gguf: No such file' "a missing part" \
	nll "$TMP/parts-tiny-llama3-00001-of-00003.gguf"
cp "$TMP/parts-tiny-llama3-00002-of-00003.gguf" "$TMP/parts-tiny-llama3-00003-of-00003.gguf"
fails 1 '00003-of-00003.gguf is part 2 of 3, not 3 of 3' "another part in its place" \
	nll "$TMP/parts-tiny-llama3-00001-of-00003.gguf"
cp "$G/tiny-llama3.gguf" "$TMP/parts-tiny-llama3-00003-of-00003.gguf"
fails 1 '00003-of-00003.gguf is part 1 of 1, not 3 of 3' "another model in its place" \
	nll "$TMP/parts-tiny-llama3-00001-of-00003.gguf"
cp "$TMP/parts-tiny-llama3-00001-of-00003.gguf" "$TMP/renamed.gguf"
fails 1 'renamed.gguf is part 1 of 3, and its name does not end in -00001-of-00003.gguf' "a name that says no others" \
	nll "$TMP/renamed.gguf"
LC_ALL=C sed 's/attn_q/attn_k/' "$TMP/last" > "$TMP/parts-tiny-llama3-00003-of-00003.gguf"
fails 1 'blk.0.attn_k.weight is in two parts' "a tensor in two parts" nll "$TMP/parts-tiny-llama3-00001-of-00003.gguf"
with "$G/parts-tiny-llama3-00001-of-00003.gguf" split.tensors.count 4 '\016'
for i in 2 3; do cp "$G/parts-tiny-llama3-0000$i-of-00003.gguf" "$TMP"; done
mv "$TMP/with.gguf" "$TMP/parts-tiny-llama3-00001-of-00003.gguf"
fails 1 'its 3 parts hold 13 tensors, not the 14 of split.tensors.count' "a tensor less" \
	nll "$TMP/parts-tiny-llama3-00001-of-00003.gguf"

# Types that are not read, of tensors that are.
with "$G/tiny-llama3.gguf" blk.0.ffn_up.weight 20 '\032\000\000\000'
fails 1 'with.gguf: blk.0.ffn_up.weight is of type I32, which is not supported' "a type that is no weight's" \
	nll "$TMP/with.gguf"
with "$G/tiny-llama3.gguf" blk.0.ffn_up.weight 20 '\143\000\000\000'
fails 1 'tensor blk.0.ffn_up.weight: type 99 is not known' "a type that ggml does not have" nll "$TMP/with.gguf"
printf 'tjgg\003\000\000\000' > "$TMP/old.bin"
fails 1 'old.bin: "tjgg" is the mark of a format that llama.cpp had before GGUF' "an old model" nll "$TMP/old.bin"
fails 1 'old.bin: "tjgg" is the mark of a format that llama.cpp had before GGUF' "its vocabulary" \
	"$BIN/seal-tokenize" -t "$TMP/old.bin" --template none

# A vocabulary without the name of its words is still one.
echo '{"prompt":"Hi there","completion":"Hello, friend."}' > "$TMP/rows"
"$BIN/seal-tokenize" -q -t "$G/tok-qwen2.gguf" --template none "$TMP/rows" > "$TMP/rows.tok"
LC_ALL=C sed 's/tokenizer\.ggml\.pre/tokenizer.ggml.prx/' "$G/tok-qwen2.gguf" > "$TMP/nopre.gguf"
fails 1 'nopre.gguf: tokenizer.ggml.pre is missing, .*seal-tokenize -t.*gguf-new-metadata' "words that are not known" \
	"$BIN/seal-tokenize" -t "$TMP/nopre.gguf" --template none "$TMP/rows"
is "$("$BIN/seal-tokenize" -q -t "$TMP/nopre.gguf" --decode "$TMP/rows.tok")" \
	"$("$BIN/seal-tokenize" -q -t "$G/tok-qwen2.gguf" --decode "$TMP/rows.tok")" "... but tokens are decoded"
cp "$TMP/rows.tok" "$TMP/qwen.tok"
LC_ALL=C sed 's/tokenizer\.ggml\.\(pre\|add_bos_token\)/tokenizer.xxxx.\1/' "$G/tok-llama3.gguf" > "$TMP/nopre.gguf"
for bos in auto no; do
	"$BIN/seal-tokenize" -q -t "$G/tok-llama3/tokenizer.json" --bos $bos --template none "$TMP/rows" > "$TMP/rows.tok"
	is "$("$BIN/seal-tokenize" -q -t "$TMP/nopre.gguf" --decode "$TMP/rows.tok" | jq -r .text)" \
		"$([ $bos = no ] || echo '<|begin_of_text|>')Hi thereHello, friend.<|end_of_text|>" \
		"... of a tokenizer.json that begins texts with a token, too (--bos $bos)"
done

"$BIN/seal-tokenize" -q -t "$G/tok-llama3.gguf" --template none "$TMP/rows" > "$TMP/l3.tok"
LC_ALL=C sed 's/tokenizer\.ggml\.pre/tokenizer.ggml.prx/; s/tokenizer\.ggml\.add_bos_token/tokenizer.ggml.add_xxx_token/' \
	"$G/tok-llama3.gguf" > "$TMP/nopre3.gguf"
is "$("$BIN/seal-tokenize" -q -t "$TMP/nopre3.gguf" --decode "$TMP/l3.tok")" \
	"$("$BIN/seal-tokenize" -q -t "$G/tok-llama3.gguf" --decode "$TMP/l3.tok")" "... also where texts begin with a token"
fails 1 'the tokens are of another tokenizer' "... but not those of another vocabulary" \
	"$BIN/seal-tokenize" -q -t "$TMP/nopre3.gguf" --decode "$TMP/qwen.tok"

# Texts begin as the kind of words has it, where no key says so.
LC_ALL=C sed 's/tokenizer\.ggml\.add_bos_token/tokenizer.ggml.add_xxx_token/' "$G/tok-llama3.gguf" > "$TMP/bos.gguf"
first() { "$BIN/seal-tokenize" -q -t "$1" --template "$2" --json "$TMP/rows" | jq '.tokens[0]'; }
is "$(first "$TMP/bos.gguf" none)" 479 "llama-bpe begins with the start token"
is "$(first "$TMP/bos.gguf" 'Q: {} A: {}')" 479 "... in a form of one's own too"
done_testing
