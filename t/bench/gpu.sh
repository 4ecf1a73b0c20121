#!/bin/sh
# SPDX-License-Identifier: MIT
# gpu.sh - make bench DEVICE=cuda: LoRA training on a GPU, against PyTorch + PEFT on the same card.
#
# MODEL is a Hugging Face folder; without it, SmolLM2-135M's (common.sh).  Without SEAL_PYTHON (a
# Python with torch for CUDA, transformers and peft) the peer is left out.  BATCH, STEPS, MAX_TOKENS, DTYPE, ROWS_FILE may be set; PEAK is the card's dense bf16
# TFLOP/s where peak.sh does not know it; MICRO rows the peer computes on at a time, WARM times it takes all steps before they count;
# CHECKPOINTING=1 has it recompute activations.
#
# Model FLOP utilisation counts the frozen matrices forwards and for the gradient of their inputs (4
# operations a weight and token, the head at trained tokens only) and attention (6 L^2 times its
# width a layer and row); not what is recomputed, nor LoRA.  Memory is the most that nvidia-smi saw.
set -eu
folder=${MODEL:-}
unset MODEL
. "$(dirname "$0")/common.sh"
. "$here/peak.sh"
DEVICE=${DEVICE:-cuda} BATCH=${BATCH:-64} STEPS=${STEPS:-8} MICRO=${MICRO:-8} WARM=${WARM:-1} MAX_TOKENS=${MAX_TOKENS:-512}
ROWS_FILE=${ROWS_FILE:-$(redmix hard-2k)}

fail() { echo "make bench DEVICE=$DEVICE: $*" >&2; exit 1; }
smi() { nvidia-smi --id="${card:-0}" --query-gpu="$1" --format=csv,noheader,nounits; }

export CUDA_DEVICE_ORDER=PCI_BUS_ID    # nvidia-smi's; CUDA's own has the fastest first
card=${DEVICE#cuda} card=${card#:}
case $DEVICE in
cuda*)
	command -v nvidia-smi > /dev/null || fail "this machine has no NVIDIA driver (no nvidia-smi)"
	ldd "$top/bin/seal-lora-train" | grep -q libcublas || fail "the programs are built without CUDA=1"
	name=$(smi name) || fail "there is no such GPU"
	;;
*) name=$DEVICE ;;
esac
PEAK=${PEAK:-$(peak "$name")}

if [ -n "$folder" ]; then
	[ -f "$folder/config.json" ] || fail "$folder is no Hugging Face folder"
	words=$folder
else
	words=$(smollm) && folder=$(decoded "$words" bf16)
fi

# Rows and order as in run.sh: by length, so that the peer pads least.
"$top/bin/seal-tokenize" -q -m "$words" --max-tokens "$MAX_TOKENS" --limit $((BATCH * STEPS)) --json "$ROWS_FILE" > "$out/rows.json"
jq -s -c 'sort_by(.tokens | length)[] | .id' "$out/rows.json" > "$out/order"
jq -c '. + {id: (.id // empty)}' "$ROWS_FILE" | head -n $((BATCH * STEPS)) |
	jq -s -c --slurpfile order "$out/order" 'INDEX(.id) as $r | $order[] | $r[.]' > "$out/sorted.jsonl"
"$top/bin/seal-tokenize" -q -m "$words" --max-tokens "$MAX_TOKENS" "$out/sorted.jsonl" > "$out/rows.tok"

# Weights of the layers and of the head, from the files' headers.
for f in "$folder"/*.safetensors; do
	n=$(od -An -tu8 -N8 "$f" | tr -d ' ')
	tail -c +9 "$f" | head -c "$n"
done | jq -s --slurpfile config "$folder/config.json" '
	$config[0] as $c | map(to_entries[] | select(.value.shape | length == 2) | {key, n: (.value.shape | .[0] * .[1])})
	| (map(select(.key | test("lm_head|embed_out")) | .n) | add // ($c.vocab_size * $c.hidden_size)) as $head
	| {head: $head, body: (map(select(.key | test("embed|lm_head|wte") | not) | .n) | add),
	   wide: ($c.hidden_size * $c.num_hidden_layers)}' > "$out/size.json"
jq -s --slurpfile size "$out/size.json" '
	$size[0] as $s | (map(.tokens | length) | {tokens: add, squares: (map(. * .) | add)})
	+ {trained: (map(.train | add) | add)}
	| (4 * $s.body * .tokens + 4 * $s.head * .trained + 6 * $s.wide * .squares) / .tokens' "$out/rows.json" > "$out/ops"

# Runs a command; the most memory of the card in use meanwhile, less what was before, goes to $out/mb.
watched() {
	case $DEVICE in cuda*) ;; *) echo 0 > "$out/mb"; "$@"; return ;; esac
	before=$(smi memory.used)
	nvidia-smi --id="${card:-0}" --query-gpu=memory.used --format=csv,noheader,nounits -lms 100 > "$out/used" &
	watcher=$! status=0
	"$@" || status=$?
	kill $watcher
	wait $watcher 2> /dev/null || :
	sort -n "$out/used" | tail -n 1 | awk -v b="$before" '{print $1 - b}' > "$out/mb"
	return $status
}

# A line of the table from {"step_seconds","tokens_per_second"} on stdin.
line() {
	jq -r --arg who "$1" --arg mb "$(cat "$out/mb")" --arg peak "${PEAK:-}" --slurpfile ops "$out/ops" '
		[$who, (.step_seconds * 1000 | round / 1000), (.tokens_per_second | round),
		 (if $peak == "" then "-" else (.tokens_per_second * $ops[0] / ($peak | tonumber) / 1e9 | round / 10) end), $mb] | @tsv' |
		awk -F '\t' '{printf "%-12s %10s %12s %8s %10s\n", $1, $2, $3, $4, $5}'
}

seal() {
	"$top/bin/seal-lora-train" -q --force --no-shuffle --device "$DEVICE" --rank 16 --lora-alpha 16 -m "$folder" \
		-o "$out/adapter" -b "$BATCH" --dtype "$1" --log "$out/log.$1" "$out/rows.tok"
}

peer() {
	"$SEAL_PYTHON" "$here/peer.py" train "$folder" "$out/rows.json" --batch "$BATCH" --steps "$STEPS" --micro "$MICRO" --warm "$WARM" --dtype "$1" \
		--threads "$THREADS" --device "$DEVICE" ${CHECKPOINTING:+--checkpointing} 2> "$out/peer.err" |
		jq '{step_seconds: (.seconds / .steps), tokens_per_second: (.tokens / .seconds)}' > "$out/peer.$1"
	[ -s "$out/peer.$1" ]
}

{
	echo "seal $(git -C "$top" rev-parse --short HEAD 2> /dev/null || echo '?'), $(date -u +%F), $name"
	case $DEVICE in cuda*) nvidia-smi --query-gpu=driver_version,clocks.max.sm,power.limit,memory.total --format=csv --id="${card:-0}" ;; esac
	echo "model $(basename "$folder"): $(jq -c . "$out/size.json"); $((BATCH * STEPS)) rows in batches of $BATCH, at most $MAX_TOKENS tokens"
	printf '%-12s %10s %12s %8s %10s\n' "" "s a step" "tokens/s" "MFU %" "MB"
	for dtype in ${DTYPE:-bf16 f32}; do
		if watched seal "$dtype"; then
			jq -s 'map(select(.step)) | {step_seconds: ((.[-1].seconds - .[0].seconds) / (length - 1)),
				tokens_per_second: ((.[-1].tokens - .[0].tokens) / (.[-1].seconds - .[0].seconds))}' "$out/log.$dtype" |
				line "seal $dtype"
		else
			echo "seal $dtype failed"
		fi
		[ -n "${SEAL_PYTHON:-}" ] || continue
		if watched peer "$dtype"; then
			line "torch $dtype" < "$out/peer.$dtype"
		else
			echo "torch $dtype failed: $(tail -n 1 "$out/peer.err")"
		fi
	done
} | tee "$out/gpu.txt"
