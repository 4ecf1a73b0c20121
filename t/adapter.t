#!/bin/sh
# SPDX-License-Identifier: MIT
# Adapters that peft wrote, with all that a configuration can say: what they give, and what can be made of them.
. "$(dirname "$0")/tap.sh"

G=$T/gold
A=$G/adapters

# nll MODEL [OPTIONS] - the losses, as a JSON list
nll() {
	model=$1; shift
	"$BIN/seal-eval" nll -q -m "$model" --dtype f32 --device cpu "$@" "$G/rows.tok" | jq -cs 'map(.nll)'
}

# close A B - two JSON lists of numbers agree to 1e-5
close() {
	jq -en --argjson a "${1:-[]}" --argjson b "$2" \
		'($a | length) == ($b | length) and ($a | length) > 0 and
		 ([range($a | length) | ($a[.] - $b[.]) | fabs < 1e-5] | all)' > "$TMP/.out" 2>&1
}

said() { jq -r --arg n "$1" ".[] | select(.name == \$n) | $2" "$G/adapters.json"; }

n=0
for name in $(jq -r '.[].name' "$G/adapters.json"); do
	n=$((n + 1)) model=$(said "$name" .model) want=$(said "$name" '.loss | tojson')
	close "$(nll "$G/$model" -a "$A/$name")" "$want"; ok $? "$name: losses as peft's"
	[ -f "$G/$model.gguf" ] || continue
	close "$(nll "$G/$model.gguf" -a "$A/$name")" "$want"; ok $? "$name: beside a GGUF file"
done
cases $n adapters

# train NAME OUT [OPTIONS]
train() {
	name=$1 out=$2; shift 2
	"$BIN/seal-lora-train" -q -m "$G/$(said "$name" .model)" --init-adapter "$A/$name" -o "$out" --dtype f32 --device cpu \
		--batch 3 --max-steps 2 "$@" "$G/rows.tok"
}

n=0
for name in $(jq -r '.[] | select(.pairs).name' "$G/adapters.json"); do
	n=$((n + 1)) model=$G/$(said "$name" .model) want=$(said "$name" '.loss | tojson')
	train "$name" "$TMP/$name" --lr 0; ok $? "$name: trained on"
	close "$(nll "$model" -a "$TMP/$name")" "$want"; ok $? "$name: at no rate it stays"
	is "$(jq -cS 'del(.base_model_name_or_path, .init_lora_weights, .inference_mode)' "$TMP/$name/adapter_config.json")" \
	   "$(jq -cS 'del(.base_model_name_or_path, .init_lora_weights, .inference_mode)' "$A/$name/adapter_config.json")" "$name: its configuration too"
	train "$name" "$TMP/$name.2" --lr 0.05
	! close "$(nll "$model" -a "$TMP/$name.2")" "$want"; ok $? "$name: at another it moves"
done
cases $n "adapters that can be trained on"

for name in $(jq -r '.[] | select(.pairs | not).name' "$G/adapters.json"); do
	fails 1 "adapters/$name (changes|has no pairs)" "$name: refused to be trained on" train "$name" "$TMP/none"
	[ ! -e "$TMP/none" ]; ok $? "$name: nothing is written"
done

# merged NAME - what --merge makes of it gives the same losses
merged() {
	"$BIN/seal-lora-train" -q -m "$G/$(said "$1" .model)" --init-adapter "$A/$1" --merge "$TMP/merged-$1" --dtype f32 \
		--device cpu "$G/rows.tok" > "$TMP/report"
	ok $? "$1: merged"
	jq -e '.largest < 0.01' "$TMP/report" > "$TMP/.out"; ok $? "$1: the losses are within what the weights' type rounds"
}
merged llama-patterns
merged llama-exclude
merged qwen2-saved
merged mistral-head
merged neox-lora-only
merge() { "$BIN/seal-lora-train" -q -m "$G/$(said "$1" .model)" --init-adapter "$A/$1" --merge "$TMP/m" "$G/rows.tok"; }
fails 1 lora_bias 'no biases of pairs in a merged model' merge neox-bias
fails 1 'embed_tokens.weight, which is tied' 'no embedding apart from the head in a model that ties them' merge tied-saved
fails 1 'which is tied' 'no head apart from the embedding' merge tied-head
as_gguf() { "$BIN/seal-lora-train" -q -m "$G/$(said "$1" .model)" --init-adapter "$A/$1" --lora-gguf "$TMP/a.gguf"; }
fails 1 lora_bias 'no biases of pairs in a GGUF adapter' as_gguf neox-bias
fails 1 'tokens.weight of the model' 'no pairs of the head either' as_gguf mistral-head

mkdir "$TMP/pickled" && cp "$A/llama-exclude/adapter_config.json" "$TMP/pickled" && printf 'PK\003\004' > "$TMP/pickled/adapter_model.bin"
fails 1 "adapter_model.bin: it is not read" "a pickled adapter" "$BIN/seal-eval" nll -q -m "$G/tiny-llama" -a "$TMP/pickled" "$G/rows.tok"
done_testing
