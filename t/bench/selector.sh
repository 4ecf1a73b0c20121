#!/bin/sh
# SPDX-License-Identifier: MIT
# selector.sh - a selector step against its two supervised passes, Algorithm 1 against Algorithm 2,
# and the share of a step that is spent in matrix products.
#   BATCH ROUNDS DTYPE
set -eu
. "$(dirname "$0")/common.sh"
BATCH=${BATCH:-64} ROUNDS=${ROUNDS:-3}
model=$(smollm)
"$top/bin/seal-tokenize" -q -m "$model" --limit "$BATCH" "$(redmix hard-2k)" > "$out/data.tok"
"$top/bin/seal-tokenize" -q -m "$model" --limit "$BATCH" "$(redmix safe-mixed)" > "$out/safe.tok"
for dtype in ${DTYPE:-bf16 f32}; do
	if [ "${PART:-steps}" = steps ]; then
		echo "== a selector step, SmolLM2-135M $dtype, batch $BATCH, $THREADS threads, median of $ROUNDS"
		"$tools/steps" "$model" "$out/safe.tok" "$out/data.tok" "$dtype" "$THREADS" "$BATCH" "$ROUNDS"
	fi
	if [ "${PART:-share}" = share ]; then
		echo "== matrix products, SmolLM2-135M $dtype, batch $BATCH"
		"$tools/share" "$model" "$out/data.tok" "$dtype" "$THREADS" "$BATCH" "$ROUNDS"
	fi
done
