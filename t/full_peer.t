#!/bin/sh
# SPDX-License-Identifier: MIT
# full_peer.t - models of all families written by --full and --merge, in transformers
. "$(dirname "$0")/tap.sh"

G=$T/gold
python=${SEAL_PYTHON:-}
export HF_HUB_OFFLINE=1 PYTHONDONTWRITEBYTECODE=1
cd "$TMP" || exit 1

losses() { "$BIN/seal-eval" nll -q -m "$1" --dtype f32 "$G/rows.tok" | jq -cs 'map(.nll)'; }
# close A B TOLERANCE - two JSON lists of numbers agree
close() {
	jq -en --argjson a "$1" --argjson b "$2" --argjson t "$3" \
		'($a | length) == ($b | length) and ($a | length) > 0 and ([range($a | length) | ($a[.] - $b[.]) | fabs < $t] | all)' > .out 2>&1
}

models="tiny-llama tiny-neox tiny-tied tiny-serial tiny-llama3 tiny-mistral tiny-qwen2 tiny-phi3"
set --
for m in $models; do
	"$BIN/seal-lora-train" -q -m "$G/$m" -o "full-$m" --full --dtype f32 --batch 4 --lr 0.01 "$G/rows.tok"
	ok $? "$m: --full"
	! close "$(losses "full-$m")" "$(jq -c .base.loss "$G/$m.json")" 0.05; ok $? "$m: which moves the losses"
	said=$("$BIN/seal-lora-train" -q -m "$G/$m" --init-adapter "$G/$m-lora" --merge "merged-$m" --dtype f32 "$G/rows.tok")
	ok $? "$m: --merge"
	is "$(echo "$said" | jq '.rows == 6 and .largest < 0.02')" true "$m: it reports how far the losses are"
	close "$(losses "merged-$m")" "$(jq -c .lora.loss "$G/$m.json")" 0.02; ok $? "$m: which are those of model and adapter in peft"
	set -- "$@" "full-$m" "$m" "merged-$m" "$m"
done
if [ -z "$python" ]; then
	skip "the same models in transformers" "SEAL_PYTHON is not set"
	done_testing
fi
"$python" "$G/with_peft.py" whole "$@" > said 2> err || tail -n 3 err | sed 's/^/# /'
for m in $models; do
	for f in full merged; do
		read -r b
		close "$(losses "$f-$m")" "${b:-[]}" 1e-4; ok $? "$m: transformers loads the $f one unchanged and gives the same losses"
	done
done < said
done_testing
