#!/bin/sh
# SPDX-License-Identifier: MIT
# families.t - models of all families, written by --full and by --merge (t/peer/full.t loads them
# elsewhere), and their adapters as GGUF; what can be done with a folder whose model also sees images
. "$(dirname "$0")/tap.sh"
cd "$TMP" || exit 1
. "$T/families.sh"

for m in $models; do
	write_models "$m"; ok $? "$m: --full and --merge"
	! close "$(losses "full-$m")" "$(jq -c .base.loss "$G/$m.json")" 0.05; ok $? "$m: --full moves the losses"
	is "$(jq '.rows == 6 and .largest < 0.02' "said-$m")" true "$m: --merge reports how far the losses are"
	close "$(losses "merged-$m")" "$(jq -c .lora.loss "$G/$m.json")" 0.02; ok $? "$m: which are those of model and adapter in peft"
done
cases "$(echo $models | wc -w)" "families"

n=0
for f in "$G"/tiny-*.gguf; do
	m=$(basename "$f" .gguf) n=$((n + 1))
	for model in "$f" "$G/$m"; do
		"$BIN/seal-lora-train" -q -m "$model" --init-adapter "$G/$m-lora" --lora-gguf - < /dev/null > "as-$(basename "$model")"
	done
	[ -s "as-$m" ] && cmp -s "as-$m" "as-$m.gguf"
	ok $? "$m.gguf takes the folder's adapter, and makes the same of it"
done
cases $n "GGUF files"

# A folder whose model also sees images: its text model is that of tiny-gemma3-layers.
image=$G/tiny-gemma3-image
close "$(losses "$image")" "$(jq -c .base.loss "$G/tiny-gemma3-layers.json")" 1e-5; ok $? "gemma3 with images: the text model's losses"
"$BIN/seal-lora-train" -q -m "$image" -o image --dtype f32 --batch 4 --lr 0.01 "$G/rows.tok" &&
	! close "$(losses "$image" -a image)" "$(losses "$image")" 0.01
ok $? "and tuned"
is "$(tail -c +9 image/adapter_model.safetensors | grep -ao 'base_model[a-z0-9_.]*layers.0.self_attn.q_proj.lora_A.weight' | head -1)" \
	base_model.model.model.language_model.layers.0.self_attn.q_proj.lora_A.weight "by PEFT's names"
fails 1 "adapters only: the folder's image tensors would be lost" "--full is refused" \
	"$BIN/seal-lora-train" -q -m "$image" -o whole --full "$G/rows.tok"
fails 1 "adapters only: the folder's image tensors would be lost" "and --merge" \
	"$BIN/seal-lora-train" -q -m "$image" --init-adapter image --merge whole "$G/rows.tok"
done_testing
