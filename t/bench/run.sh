#!/bin/sh
# run.sh - make bench: operations, tokenizers, DSIR, and LoRA training against PyTorch + PEFT.
# SEAL_PYTHON names a Python with torch, transformers and peft; without it the
# peer is left out.  BENCH names some of the parts; ROWS_FILE, BATCH, STEPS, DTYPE, THREADS may be set.
# DEVICE=cuda: training on a GPU instead (gpu.sh).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$here/../..
out=$top/build/bench
mkdir -p "$out"
case ${DEVICE:-cpu} in cpu) ;; *) exec sh "$here/gpu.sh" ;; esac
THREADS=${THREADS:-$(nproc)} BATCH=${BATCH:-64} STEPS=${STEPS:-4}
data=$top/../shared/data/redmix/hard-2k.jsonl
[ -f "$data" ] || data=$top/pipelines/demo/train.jsonl
ROWS_FILE=${ROWS_FILE:-$data}

want() { case " ${BENCH:-ops tokenize dsir train} " in *" $1 "*) ;; *) return 1 ;; esac; }
if want ops; then echo "== operations"; "$top/build/t/bench/ops" "$THREADS"; fi
if want tokenize; then sh "$here/tokenize.sh"; fi
if want dsir; then sh "$here/dsir.sh"; fi
want train || exit 0

if [ -z "${SEAL_PYTHON:-}" ]; then
	echo "== training: set SEAL_PYTHON to a Python with torch, transformers and peft"
	exit 0
fi
gguf=$(sh "$top/pipelines/fetch-model.sh")
[ -d "$out/model" ] || HF_HUB_OFFLINE=1 "$SEAL_PYTHON" "$here/peer_train.py" model "$out/model"
rows=$((BATCH * STEPS))
"$top/bin/seal-tokenize" -q -m "$gguf" --limit $rows --json "$ROWS_FILE" > "$out/rows.json"
# The same rows in the same order: sorted by length, as the peer's batches are.
jq -s -c 'sort_by(.tokens | length)[] | .id' "$out/rows.json" > "$out/order"
jq -c '. + {id: (.id // empty)}' "$ROWS_FILE" | head -n $rows |
	jq -s -c --slurpfile order "$out/order" 'INDEX(.id) as $r | $order[] | $r[.]' > "$out/sorted.jsonl"
"$top/bin/seal-tokenize" -q -m "$gguf" "$out/sorted.jsonl" > "$out/rows.tok"

echo "== LoRA training, SmolLM2-135M's shape, $rows rows, batch $BATCH, $THREADS threads"
printf '%-6s %14s %14s %7s %12s %12s %7s\n' type "seal tok/s" "torch tok/s" ratio "seal MB" "torch MB" ratio
for dtype in ${DTYPE:-bf16 f32}; do
	"$top/bin/seal-lora-train" -q --force --no-shuffle -m "$out/model" -o "$out/adapter" -b "$BATCH" \
		--dtype "$dtype" -j "$THREADS" --log "$out/log.$dtype" "$out/rows.tok"
	HF_HUB_OFFLINE=1 "$SEAL_PYTHON" "$here/peer_train.py" train "$out/model" "$out/rows.json" "$BATCH" "$STEPS" \
		"$dtype" "$THREADS" 2> /dev/null > "$out/peer.$dtype"
	# Both without the first step, which prepares.
	jq -s -r --arg t "$dtype" --slurpfile peer "$out/peer.$dtype" '
		map(select(.step)) | ((.[-1].tokens - .[0].tokens) / (.[-1].seconds - .[0].seconds)) as $rate
		| (.[-1].peak_bytes / 1e6) as $mb | ($peer[0].peak_bytes / 1e6) as $pmb
		| [$t, $rate, $peer[0].tokens_per_second, $rate / $peer[0].tokens_per_second, $mb, $pmb, $mb / $pmb] | @tsv' \
		"$out/log.$dtype" |
		awk '{printf "%-6s %14.0f %14.0f %7.2f %12.0f %12.0f %7.2f\n", $1, $2, $3, $4, $5, $6, $7}'
done
