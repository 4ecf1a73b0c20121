#!/bin/sh
# SPDX-License-Identifier: MIT
# Adapters between seal and peft: one written there works here, and the other way.
. "$(dirname "$0")/tap.sh"

G=$T/gold
python=${SEAL_PYTHON:-}
export HF_HUB_OFFLINE=1 PYTHONDONTWRITEBYTECODE=1

# losses MODEL [ADAPTER] - l(theta; z) of each row, as a JSON list
losses() {
	"$BIN/seal-eval" nll -q -m "$G/$1" ${2:+-a "$2"} --dtype f32 "$G/rows.tok" | jq -cs 'map(.nll)'
}

# close A B - two JSON lists of numbers agree to 1e-4
close() {
	jq -en --argjson a "$1" --argjson b "$2" \
		'($a | length) == ($b | length) and ($a | length) > 0 and
		 ([range($a | length) | ($a[.] - $b[.]) | fabs < 1e-4] | all)' > "$TMP/.out" 2>&1
}

# by_peft NAME - the losses of t/gold, from an adapter that peft wrote
by_peft() {
	a=$(losses "$1") b=$(jq -c .base.loss "$G/$1.json")
	close "$a" "$b"; ok $? "$1: losses without adapter"
	a=$(losses "$1" "$G/$1-lora") b=$(jq -c .lora.loss "$G/$1.json")
	close "$a" "$b"; ok $? "$1: losses with an adapter that peft wrote"
}

# train MODEL OUT [OPTIONS] - a few steps, large enough to change the losses
train() {
	model=$1 out=$2; shift 2
	"$BIN/seal-lora-train" -q -m "$G/$model" -o "$out" --dtype f32 --batch 4 --epochs 3 --lr 0.05 "$@" "$G/rows.tok"
}

# to_peft MODEL TARGETS - an adapter trained here gives the same losses in peft
to_peft() {
	train "$1" "$TMP/$1" --rank 5 --lora-alpha 7 --targets "$2"; ok $? "$1: train $2"
	a=$(losses "$1" "$TMP/$1")
	[ "$(echo "$a" | jq length)" = 6 ] && ! close "$a" "$(jq -c .base.loss "$G/$1.json")"
	ok $? "$1: training moved the losses"
	if [ -z "$python" ]; then skip "$1: in peft" "SEAL_PYTHON is not set"; return; fi
	b=$("$python" "$G/with_peft.py" losses "$1" "$TMP/$1" 2> "$TMP/err") || tail -n 1 "$TMP/err" | sed 's/^/# /'
	close "$a" "$b"; ok $? "$1: peft loads it unchanged and gives the same losses"
}

# from_peft MODEL - an adapter of all linear layers, as this machine's peft writes it
from_peft() {
	if [ -z "$python" ]; then skip "$1: from peft" "SEAL_PYTHON is not set"; return; fi
	"$python" "$G/with_peft.py" new "$1" "$TMP/new-$1" 2> "$TMP/err" || tail -n 1 "$TMP/err" | sed 's/^/# /'
	b=$("$python" "$G/with_peft.py" losses "$1" "$TMP/new-$1" 2> "$TMP/err") || tail -n 1 "$TMP/err" | sed 's/^/# /'
	close "$(losses "$1" "$TMP/new-$1")" "$b"; ok $? "$1: an adapter of all linear layers, written by peft now"
}

for model in tiny-llama tiny-neox tiny-tied tiny-serial tiny-llama3 tiny-mistral tiny-qwen2 tiny-phi3; do by_peft $model; done
to_peft tiny-llama auto
to_peft tiny-neox dense,dense_4h_to_h
to_peft tiny-tied all-linear
to_peft tiny-serial query_key_value,dense_h_to_4h
to_peft tiny-mistral auto
to_peft tiny-qwen2 auto
to_peft tiny-phi3 auto
from_peft tiny-llama
from_peft tiny-neox
from_peft tiny-qwen2
from_peft tiny-phi3

# trained_on NAME MODEL - an adapter of t/gold/adapters, trained on here, gives the same losses in peft
trained_on() {
	train "$2" "$TMP/$1" --init-adapter "$G/adapters/$1"; ok $? "$1: trained on"
	a=$(losses "$2" "$TMP/$1")
	[ "$(echo "$a" | jq length)" = 6 ] && ! close "$a" "$(jq -c --arg n "$1" '.[] | select(.name == $n).loss' "$G/adapters.json")"
	ok $? "$1: which moved the losses"
	if [ -z "$python" ]; then skip "$1: in peft" "SEAL_PYTHON is not set"; return; fi
	b=$("$python" "$G/with_peft.py" losses "$2" "$TMP/$1" 2> "$TMP/err") || tail -n 1 "$TMP/err" | sed 's/^/# /'
	close "$a" "$b"; ok $? "$1: peft loads it unchanged and gives the same losses"
}

# random_in_peft SEED - an adapter of a random configuration that peft writes now
random_in_peft() {
	if [ -z "$python" ]; then skip "random adapter $1" "SEAL_PYTHON is not set"; return; fi
	model=$("$python" "$G/with_peft.py" random "$1" "$TMP/random-$1" 2> "$TMP/err") || tail -n 1 "$TMP/err" | sed 's/^/# /'
	b=$("$python" "$G/with_peft.py" losses "$model" "$TMP/random-$1" 2> "$TMP/err") || tail -n 1 "$TMP/err" | sed 's/^/# /'
	close "$(losses "$model" "$TMP/random-$1")" "$b"; ok $? "random adapter $1 of $model"
}

for name in $(jq -r '.[] | select(.pairs).name' "$G/adapters.json"); do
	trained_on "$name" "$(jq -r --arg n "$name" '.[] | select(.name == $n).model' "$G/adapters.json")"
done
seed=${SEED:-1}
for i in $(seq "$seed" $((seed + ${ADAPTERS:-6} - 1))); do random_in_peft "$i"; done

# --init-adapter: no step of rate 0 changes what peft wrote
train tiny-llama "$TMP/same" --init-adapter "$G/tiny-llama-lora" --lr 0
ok $? "--init-adapter of an adapter that peft wrote"
close "$(losses tiny-llama "$TMP/same")" "$(jq -c .lora.loss "$G/tiny-llama.json")"; ok $? "and it is where training starts"
is "$(jq -c '[.r, .lora_alpha, (.target_modules | sort)]' "$TMP/same/adapter_config.json")" \
   "$(jq -c '[.r, .lora_alpha, (.target_modules | sort)]' "$G/tiny-llama-lora/adapter_config.json")" \
   "with its rank, alpha and targets"
done_testing
