#!/bin/sh
# SPDX-License-Identifier: MIT
# llama.t - adapters written by --lora-gguf, in llama.cpp
#
# SEAL_LLAMA is where llama.cpp is installed: include/llama.h and lib/libllama.so.
. "$(dirname "$0")/../tap.sh"

G=$T/gold
llama=${SEAL_LLAMA:-}
cd "$TMP" || exit 1
if [ -z "$llama" ]; then
	skip "adapters in llama.cpp" "SEAL_LLAMA is not set"
	done_testing
fi

${CC:-gcc} -std=gnu11 -Wall -Wextra -Werror -O2 -I"$llama/include" -o with_llama "$G/with_llama.c" -L"$llama/lib" \
	-Wl,--disable-new-dtags,-rpath,"$llama/lib" -lllama -ljansson -lm
ok $? "with_llama is built"
jq -c '.[]' "$G/rows.json" > rows.jsonl

ours() { "$BIN/seal-eval" nll -q -m "$G/$1" ${2:+-a "$2"} --dtype f32 "$G/rows.tok" | jq -cs 'map(.nll)'; }
theirs() { ./with_llama "$G/$1.gguf" rows.jsonl ${2:+"$2"} | jq -cs .; }

# compare MODEL TOLERANCE ROWS - the losses of these rows without and with an adapter
compare() {
	for targets in auto all-linear; do
		"$BIN/seal-lora-train" -q -m "$G/$1" -o "$1-$targets" --lora-gguf "$1-$targets.gguf" --dtype f32 --batch 4 \
			--epochs 3 --lr 0.05 --rank 5 --lora-alpha 7 --targets $targets "$G/rows.tok"
		said=$(jq -cn --argjson rows "$3" --argjson bare "$(ours "$1")" --argjson their_bare "$(theirs "$1")" \
			--argjson tuned "$(ours "$1" "$1-$targets")" --argjson their_tuned "$(theirs "$1" "$1-$targets.gguf")" '
			def apart(a; b): [$rows[] | a[.] - b[.] | fabs] | max;
			{moved: apart($bare; $tuned), bare: apart($bare; $their_bare), tuned: apart($tuned; $their_tuned)}')
		is "$(echo "$said" | jq "(.moved > 0.8) and ([.bare, .tuned] | max < $2)")" true "$1, $targets: $said"
	done
}

# llama.cpp takes GELU from a table of F16, and rounds what meets a file's F16 to F16.
# It leaves out the windows of Mistral and Phi-3 and turns by longrope's long factors
# whatever the row's length: there, the rows for which that is the same.
compare tiny-llama 1e-5 '[0, 1, 2, 3, 4, 5]'
compare tiny-neox 1e-3 '[0, 1, 2, 3, 4, 5]'
compare tiny-llama3 2e-3 '[0, 1, 2, 3, 4, 5]'
compare tiny-qwen2 2e-3 '[0, 1, 2, 3, 4, 5]'
compare tiny-mistral 5e-3 '[1, 3]'
compare tiny-phi3 2e-3 '[4]'
done_testing
