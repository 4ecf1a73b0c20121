#!/bin/sh
# SPDX-License-Identifier: MIT
# tokenizer.t - ids of random strings against Hugging Face's tokenizers, as text and with control
# tokens.  STRINGS a tokenizer (default 1000) and SEED may be set.
. "$(dirname "$0")/../tap.sh"
cd "$TMP" || exit 1
peer=$T/gold/with_tokenizers.py
python=${SEAL_PYTHON:-}
n=${STRINGS:-1000}
export TOKENIZERS_PARALLELISM=false PYTHONDONTWRITEBYTECODE=1

if [ -z "$python" ] || ! "$python" -c 'import tokenizers' 2> /dev/null; then
	skip "tokenizers against Hugging Face's" "SEAL_PYTHON names no Python with tokenizers"
	done_testing
fi

# compare NAME FILE PEER'S-FILE [special] - FILE is ours
compare() {
	"$BIN/seal-tokenize" -q -t "$2" ${4:+--allow-special} --json --template none --text t --bos no --max-tokens 1000000 rows.jsonl > ours
	got=$("$python" "$peer" check "$3" rows.jsonl ${4:+special} < ours)
	like "$got" "^$n strings, 0 differ" "$1${4:+, control tokens}: $(echo "$got" | tail -n 1)"
}

"$python" "$peer" make "$n" "${SEED:-1}" > rows.jsonl
for name in tok-bytelevel tok-added tok-neox tok-spm tok-llama3 tok-qwen2 tok-phi3; do
	for special in '' special; do
		compare $name "$T/gold/$name" "$T/gold/$name/tokenizer.json" $special
		[ $name = tok-added ] || [ $name = tok-neox ] || compare $name.gguf "$T/gold/$name.gguf" "$T/gold/$name/tokenizer.json" $special
	done
done
D=$SEAL_DATA/tokenizers
if [ -d "$D" ]; then
	for name in gpt2 smollm pythia llama2 mistral; do
		for special in '' special; do
			compare $name "$D/$name/tokenizer.json" "$D/$name/tokenizer.json" $special
		done
	done
	for special in '' special; do
		compare llama3 "$D/llama3/tokenizer.model" "$D/llama3/tokenizer.model" $special
	done
else
	skip "tokenizers of models" "no tokenizers in SEAL_DATA"
fi
done_testing
