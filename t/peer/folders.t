#!/bin/sh
# SPDX-License-Identifier: MIT
# folders.t - random folders of a tokenizer, with tokens that stand in several files, against
# transformers' AutoTokenizer.  FOLDERS (default 300) and SEED may be set.
. "$(dirname "$0")/../tap.sh"
cd "$TMP" || exit 1
python=${SEAL_PYTHON:-}
n=${FOLDERS:-300}
export TOKENIZERS_PARALLELISM=false PYTHONDONTWRITEBYTECODE=1 HF_HUB_OFFLINE=1 TRANSFORMERS_VERBOSITY=error

if [ -z "$python" ] || ! "$python" -c 'import transformers' 2> /dev/null; then
	skip "folders against transformers" "SEAL_PYTHON names no Python with transformers"
	done_testing
fi
for tok in tok-tiny tok-spm; do
	got=$("$python" "$T/peer/folders.py" "$T/gold/$tok/tokenizer.json" "$BIN" "$n" "${SEED:-1}")
	like "$got" "^$n folders, 0 differ" "$tok: $(echo "$got" | tail -n 1)"
done
done_testing
