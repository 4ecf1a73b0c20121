#!/bin/sh
# SPDX-License-Identifier: MIT
# configs.t - random configurations of all families (MODELS=, SEED=) against transformers
. "$(dirname "$0")/../tap.sh"
export HF_HUB_OFFLINE=1 PYTHONDONTWRITEBYTECODE=1

if [ -z "${SEAL_PYTHON:-}" ]; then
	skip "random models in transformers" "SEAL_PYTHON is not set"
	done_testing
fi
said=$("$SEAL_PYTHON" "$T/peer/configs.py" "$BIN/seal-eval" "${MODELS:-150}" "${SEED:-1}" 2> "$TMP/err") ||
	tail -n 3 "$TMP/err" | sed 's/^/# /'
last=$(echo "$said" | tail -n 1)
like "$last" " 0 differ$" "losses as transformers, or refused: ${last% 0 differ}"
[ "${last%% *}" -gt $((${MODELS:-150} / 3)) ]; ok $? "and most were compared"
echo "$said" | sed '$d; s/^/# /'
done_testing
