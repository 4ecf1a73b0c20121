#!/bin/sh
# SPDX-License-Identifier: MIT
# seeds.sh TARGET FOLDER - the first corpus of a fuzz target: the broken files of its kind, the small
# samples of t/gold and, for tokenizer.json, real ones of SEAL_DATA cut down to a few hundred words
set -eu
cd "$(dirname "$0")/../.."
target=$1 to=$2 data=${SEAL_DATA:-../shared/data}
mkdir -p "$to"

# one FILE NAME - a file is a seed under this name
one() { cp "$1" "$to/seed-$2"; }
# each FILES... - every file is a seed, named by its path
each() { for _f; do one "$_f" "$(echo "$_f" | tr / -)"; done; }
# lines FILE N - every line of the first N is a seed
lines() {
	head -n "$2" "$1" | awk -v to="$to/seed-$(basename "$1")" '{ printf "%s", $0 > (to "-" NR); close(to "-" NR) }'
}

# header FILE - a blob without its header's length, and a line feed behind the header
header() {
	_n=$(od -An -tu8 -N8 "$1" | tr -d ' ')
	{ tail -c +9 "$1" | head -c "$_n"; echo; tail -c "+$((9 + _n))" "$1"; } > "$1-header"
}

words() {
	for _f in "$data"/tokenizers/*/tokenizer.json; do
		[ -e "$_f" ] || continue
		_name=$(basename "$(dirname "$_f")")
		jq -c '.model.vocab |= with_entries(select(.value < 400)) | .model.vocab as $v | .model.merges |= [.[:2000][]
			| select((if type == "array" then . else split(" ") end) as [$a, $b] | $v[$a] and $v[$b] and $v[$a + $b])]
			| .added_tokens |= (.[:8] | map(if .id >= 400 then .id = 400 else . end) | unique_by(.id))' "$_f" > "$to/seed-$_name"
	done
}

case $target in
answer)
	for f in '#### $1,234.50' '-3/4 of 1e5' '5-3 = 2, (B)' 'The answer is **C**.' 'B. on 3/4/2021' 'Answer: D'; do
		printf '%s' "$f" > "$to/seed-$(echo "$f" | cksum | tr -d ' ')"
	done ;;
config) each t/gold/*/config.json t/broken/config-*.json t/gold/tiny-phi3.gguf t/gold/tiny-gemma[23].gguf t/gold/tiny-granite.gguf ;;
csv) for f in t/fuzz/samples/*.csv; do one "$f" "$(basename "$f")"; done ;;
formula)
	for f in 'loss_base/2 - loss' '-(a + 1.5e3) * b' gain '((((x))))' 'a - -b/.5' 'a +' '(a' '1..2' 'a b'; do
		echo "$f" | tr -d '\n' > "$to/seed-$(echo "$f" | cksum | tr -d ' ')"
	done ;;
gguf) each t/broken/gguf-* t/gold/tok-*.gguf t/gold/tiny-llama3.gguf ;;
json) each t/gold/*/config.json t/gold/*/tokenizer_config.json; lines pipelines/demo/train.jsonl 20 ;;
judge)
	i=0
	for f in '"text":" unsafe\nS1"' '"choice":"safe"' '"choice":null' '"p":{"safe":0.2,"unsafe":3e-1,"a,b":0}' '"p":{}' '"p":1'; do
		i=$((i + 1)); echo "{\"id\":1,$f}" | tr -d '\n' > "$to/seed-$i"
	done ;;
peft) each t/gold/*/adapter_config.json t/gold/adapters/*/adapter_config.json ;;
pt) each t/broken/pt-* t/gold/pt-*.pt ;;
row) lines pipelines/demo/train.jsonl 20; lines t/gold/select/rows.jsonl 20; lines t/fuzz/samples/rows.jsonl 20 ;;
safetensors)
	each t/broken/safetensors-* t/gold/tiny-*-grad.safetensors
	for f in "$to"/seed-t-gold-*-grad.safetensors; do header "$f"; done ;;
scorer) one t/fuzz/samples/scorer scorer; header "$to/seed-scorer" ;;
scores) each t/gold/select/scores.jsonl; lines t/gold/select/scores.jsonl 20 ;;
jinja)
	i=0
	jq -r '.cases[].template | @base64' t/gold/jinja.json | while read -r line; do
		i=$((i + 1))
		echo "$line" | base64 -d > "$to/seed-$i"
	done
	for f in "$data"/templates/*.jinja; do [ ! -e "$f" ] || one "$f" "$(basename "$f")"; done ;;
tokenizer_gguf) each t/gold/tok-*.gguf t/broken/gguf-* ;;
tokenizer_json) each t/gold/tok-*/tokenizer.json; words ;;
tokenizer_rank) each t/gold/tok-llama3/tokenizer.model; tail -n 20 t/gold/tok-llama3/tokenizer.model > "$to/seed-tail" ;;
tokens) zstd -qdcf t/gold/rows.tok > "$to/seed-rows.tok"; header "$to/seed-rows.tok" ;;
unpack)
	each t/broken/rows-*
	for p in gzip xz zstd; do
		for f in t/fuzz/samples/rows.jsonl t/gold/rows.json pipelines/demo/safe.jsonl; do $p -qc "$f" > "$to/seed-$p-$(basename "$f")"; done
		{ $p -qc t/fuzz/samples/rows.jsonl; $p -qc < /dev/null; echo x | $p -qc; } > "$to/seed-$p-several"
		echo x | $p -qc > "$to/seed-$p-short"
	done ;;
values)
	each t/broken/rows-*.json t/gold/rows.json t/gold/select/rows.jsonl; lines t/fuzz/samples/rows.jsonl 20
	jq -s . t/fuzz/samples/rows.jsonl > "$to/seed-array"; jq . t/fuzz/samples/rows.jsonl > "$to/seed-printed"
	printf '\357\273\277[1, "a\\"]", {"b":[]}]\n{ }' > "$to/seed-mixed" ;;
*) echo "seeds.sh: no seeds for $target" >&2; exit 1 ;;
esac
