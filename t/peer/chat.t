#!/bin/sh
# SPDX-License-Identifier: MIT
# chat.t - random conversations in chat templates: text, mask and refusals against transformers.
# ROWS of each template (default 30) and SEED may be set.
. "$(dirname "$0")/../tap.sh"
cd "$TMP" || exit 1
python=${SEAL_PYTHON:-}
export TOKENIZERS_PARALLELISM=false PYTHONDONTWRITEBYTECODE=1

if [ -z "$python" ] || ! "$python" -c 'import transformers' 2> /dev/null; then
	skip "chat templates against transformers'" "SEAL_PYTHON names no Python with transformers"
	done_testing
fi
for templates in "$T/gold/chat" "$SEAL_DATA/templates"; do
	[ -d "$templates" ] || { skip "published templates" "no $SEAL_DATA"; continue; }
	got=$("$python" "$T/peer/chat.py" "$BIN/seal-tokenize" "$templates" "$T/gold/tok-llama3/tokenizer.json" "${ROWS:-30}" "${SEED:-1}")
	like "$(echo "$got" | tail -n 1)" '^([0-9]+) of \1 rows agree$' "${templates##*/}: $got"
done
done_testing
