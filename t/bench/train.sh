#!/bin/sh
# SPDX-License-Identifier: MIT
# train.sh - LoRA training of SmolLM2-135M against PyTorch + PEFT, bf16 and f32: the same rows a
# step, the same LoRA.  Ours takes the rows as they come; the peer's batches are padded, in
# micro-batches of rows in given order or sorted by length, eager and compiled, each with the size of
# micro-batch that was fastest on a few rows.
#   ROWS_FILE BATCH STEPS DTYPE MICROS WAYS ("eager-sorted eager-given compile-sorted compile-given")
#   LAYERS    set: Llama-3-8B's shape with so many layers, rows of 512 tokens
set -eu
. "$(dirname "$0")/common.sh"
BATCH=${BATCH:-64} STEPS=${STEPS:-3} ROWS_FILE=${ROWS_FILE:-$(redmix hard-2k)}
WAYS=${WAYS:-eager-sorted eager-given compile-sorted compile-given} MICROS=${MICROS:-2 4 8 16}
rows=$((BATCH * STEPS))

if [ -n "${LAYERS:-}" ]; then
	what="Llama-3-8B's shape, $LAYERS layers" DTYPE=bf16
	model=$(shape "$LAYERS") folder=$model
	# Rows that are longer than 512 tokens in full, cut there.
	tokenizer="-t $data/tokenizers/llama3/tokenizer.model --template seal --max-tokens 512"
	"$top/bin/seal-tokenize" -q $tokenizer --json "$(redmix train-10k)" | jq -r 'select(.tokens | length == 512) | .id' |
		head -n $rows > "$out/ids"
	jq -c --rawfile ids "$out/ids" '($ids | split("\n")) as $i | select(.id | IN($i[]))' "$(redmix train-10k)" > "$out/rows.jsonl"
else
	what="SmolLM2-135M" model=$(smollm) tokenizer="-m $(smollm)"
	head -n $rows "$ROWS_FILE" > "$out/rows.jsonl"
fi
"$top/bin/seal-tokenize" -q $tokenizer --json "$out/rows.jsonl" > "$out/rows.json"
"$top/bin/seal-tokenize" -q $tokenizer "$out/rows.jsonl" > "$out/rows.tok"
# For the choice of a micro-batch: rows spread over the first batch's lengths.
head -n "$BATCH" "$out/rows.json" | jq -s -c --argjson few "$((BATCH < 16 ? BATCH : 16))" \
	'sort_by(.tokens | length) | . as $all | range($few) | $all[(. * ($all | length) / $few) | floor]' > "$out/few.json"
cat "$out/few.json" "$out/few.json" > "$out/few2.json"
few=$(wc -l < "$out/few.json")

# ours DTYPE: {"rate","cpu_rate","first","mb","losses"}; the first step is left out of the rates.
ours() {
	set -- "$1" "$top/bin/seal-lora-train" -q --force --no-shuffle -m "$model" -o "$out/adapter" -b "$BATCH" \
		--targets q_proj,v_proj -r 16 --lora-alpha 16 --dtype "$1" -j "$THREADS" "$out/rows.tok"
	type=$1
	shift
	rm -f "$out/log"
	"$tools/took" "$out/one" "$@" --max-steps 1
	"$tools/took" "$out/all" "$@" --log "$out/log"
	jq -s -c --slurpfile one "$out/one" --slurpfile all "$out/all" 'map(select(.step)) | (.[-1].tokens - .[0].tokens) as $n |
		{rate: ($n / (.[-1].seconds - .[0].seconds)), cpu_rate: ($n / ($all[0].cpu - $one[0].cpu)), first: $one[0].seconds,
		 mb: ($all[0].peak_bytes / 1e6), tokens: $n}' "$out/log"
}

# fastest DTYPE: the size of micro-batch, on the few rows; nothing where none fits.
fastest() {
	rm -f "$out/probe"
	for micro in $MICROS; do
		[ "$micro" -gt "$few" ] ||
			peer train "$folder" "$out/few2.json" --dtype "$1" --order sorted --batch "$few" --steps 2 --micro "$micro" |
			jq -c --argjson m "$micro" '{micro: $m, rate: (.tokens / .seconds)}' >> "$out/probe"
	done
	jq -s 'max_by(.rate).micro // empty' "$out/probe"
}

# theirs DTYPE WAY MICRO: as ours
theirs() {
	case $2 in compile-*) compile=--compile ;; *) compile= ;; esac
	peer train "$folder" "$out/rows.json" --dtype "$1" --order "${2#*-}" $compile --batch "$BATCH" --steps "$STEPS" \
		--micro "$3" > "$out/peer.$1.$2"
	jq -c --arg micro "$3" '{rate: (.tokens / .seconds), cpu_rate: (.tokens / .cpu), first, mb: (.peak_bytes / 1e6), micro: $micro,
		tokens}' "$out/peer.$1.$2"
}

line() { # NAME RESULT OURS
	jq -r -n --arg name "$1" --argjson r "$2" --argjson o "$3" '[$name, $r.rate, $r.cpu_rate, $r.first, $r.mb, ($r.micro // "-"),
		$o.rate / $r.rate, $o.cpu_rate / $r.cpu_rate, $o.mb / $r.mb] | @tsv' |
		awk -F '\t' '{printf "%-22s %8.0f %10.0f %9.1f %8.0f %6s %7.2f %9.2f %8.2f\n", $1, $2, $3, $4, $5, $6, $7, $8, $9}'
}

echo "== LoRA training, $what, $rows rows, batch $BATCH, $THREADS threads"
printf '%-22s %8s %10s %9s %8s %6s %7s %9s %8s\n' side tok/s tok/cpu-s "first s" MB micro ratio cpu-ratio MB-ratio
for dtype in ${DTYPE:-bf16 f32}; do
	us=$(ours "$dtype")
	line "seal $dtype" "$us" "$us"
	has_peer "training" || continue
	[ -n "${LAYERS:-}" ] || folder=$(decoded "$model" "$dtype")
	micro=$(fastest "$dtype")
	[ -n "$micro" ] || continue
	for way in $WAYS; do
		them=$(theirs "$dtype" "$way" "$micro")
		[ -z "$them" ] || line "torch $dtype $way" "$them" "$us"
	done
done
