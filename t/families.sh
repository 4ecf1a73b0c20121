# SPDX-License-Identifier: MIT
# families.sh - a small model of each family, tuned by --full and merged with an adapter.
# Source it after tap.sh, in $TMP.
G=$T/gold
models="tiny-llama tiny-neox tiny-tied tiny-serial tiny-llama3 tiny-mistral tiny-qwen2 tiny-phi3
tiny-qwen3 tiny-qwen3-window tiny-olmo2 tiny-olmo2-biased tiny-gemma2 tiny-gemma2-layers tiny-gemma3 tiny-gemma3-layers
tiny-granite tiny-granite-plain"

# write_models NAME - ./full-NAME and ./merged-NAME, and what --merge said in ./said-NAME
write_models() {
	"$BIN/seal-lora-train" -q -m "$G/$1" -o "full-$1" --full --dtype f32 --batch 4 --lr 0.01 "$G/rows.tok" &&
	"$BIN/seal-lora-train" -q -m "$G/$1" --init-adapter "$G/$1-lora" --merge "merged-$1" --dtype f32 "$G/rows.tok" > "said-$1"
}

# losses MODEL [OPTION...] - of the gold rows, as a JSON list
losses() { "$BIN/seal-eval" nll -q --dtype f32 -m "$@" "$G/rows.tok" | jq -cs 'map(.nll)'; }

# close A B TOLERANCE - two JSON lists of numbers agree
close() {
	jq -en --argjson a "$1" --argjson b "$2" --argjson t "$3" \
		'($a | length) == ($b | length) and ($a | length) > 0 and ([range($a | length) | ($a[.] - $b[.]) | fabs < $t] | all)' > .out 2>&1
}
