#!/bin/sh
# SPDX-License-Identifier: MIT
# selector.sh - a selector step against its two supervised passes, Algorithm 1 against Algorithm 2,
# and the share of a step that is spent in matrix products, and which of oneDNN's ways these take.
#   BATCH ROUNDS DTYPE
#   PART      steps, share or paths: that alone
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
	if [ "${PART:-paths}" = paths ]; then
		echo "== oneDNN's ways of the products of a step, GFLOP/s a thread; products of our own are not there"
		# A line ends in the shapes of a, b (and c in oneDNN 2) and the milliseconds.
		ONEDNN_VERBOSE=1 "$top/bin/seal-lora-train" -q --force -m "$model" -o "$out/adapter" -b "$BATCH" --max-steps 1 \
			--dtype "$dtype" -j "$THREADS" "$out/data.tok" |
			awk -F, '/,exec,/ { for (i = 1; $i != "matmul"; i++) if (i == NF) next
				split($(NF - 1), shape, ":"); split(shape[1], a, "x"); split(shape[2], b, "x")
				way = $(i + 1); calls[way]++; work[way] += 2e-6 * a[1] * a[2] * b[2]; took[way] += $NF; all += $NF }
				END { for (way in calls) printf "%-28s %7d calls  %4.1f %% of their time  %6.1f\n", way, calls[way],
					100 * took[way] / all, work[way] / took[way] }'
	fi
done
