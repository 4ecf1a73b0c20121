#!/bin/sh
# SPDX-License-Identifier: MIT
# ranks.sh - LoRA training of SmolLM2-135M by one process with THREADS threads, and by as many ranks
# with one thread each, in turns: tokens a second and their ratio, all and with weights divided.
#   ROWS_FILE BATCH (64) STEPS (5) TURNS (3)
set -eu
. "$(dirname "$0")/common.sh"
BATCH=${BATCH:-64} STEPS=${STEPS:-5} TURNS=${TURNS:-3} ROWS_FILE=${ROWS_FILE:-$(redmix train-10k)}
model=$(smollm)
cd "$out"
head -n $((BATCH * STEPS)) "$ROWS_FILE" | "$top/bin/seal-tokenize" -q -m "$model" --max-tokens 512 -o ranks.tok
port=$((10000 + $$ % 20000))

# tuned RANKS OPTION... - adds a line to ranks.N: tokens a second behind the first step
tuned() {
	n=$1 pids='' r=0; shift
	port=$((port + 1))
	rm -f ranks.log
	while [ $r -lt "$n" ]; do
		RANK=$r WORLD_SIZE=$n MASTER_ADDR=127.0.0.1 MASTER_PORT=$port "$top/bin/seal-lora-train" -q --force -m "$model" -j $((THREADS / n)) \
			-b "$BATCH" --max-steps "$STEPS" --dtype bf16 --log ranks.log -o ranks.adapter "$@" ranks.tok &
		pids="$pids $!" r=$((r + 1))
	done
	for p in $pids; do wait "$p"; done
	jq -s 'map(select(.loss)) | (.[-1].tokens - .[0].tokens) / (.[-1].seconds - .[0].seconds)' ranks.log
}
rm -f ranks.one ranks.many ranks.divided
i=0
while [ $i -lt "$TURNS" ]; do
	tuned 1 >> ranks.one
	tuned "$THREADS" >> ranks.many
	tuned "$THREADS" --shard-weights >> ranks.divided
	i=$((i + 1))
done
median() { sort -n "$1" | awk '{x[NR] = $1} END {print x[int((NR + 1) / 2)]}'; }
ratios() { paste "$1" ranks.one | awk '{print $1 / $2}' | sort -n | awk '{x[NR] = $1} END {printf "%.2f (%.2f to %.2f)", x[int((NR + 1) / 2)], x[1], x[NR]}'; }
echo "== ranks: SmolLM2-135M, LoRA, bf16, batch $BATCH, $THREADS threads in all; median of $TURNS, and of the ratios to one process"
printf 'one process        %6.0f tokens/s\n' "$(median ranks.one)"
printf '%s ranks            %6.0f tokens/s  %s\n' "$THREADS" "$(median ranks.many)" "$(ratios ranks.many)"
printf '  --shard-weights  %6.0f tokens/s  %s\n' "$(median ranks.divided)" "$(ratios ranks.divided)"
