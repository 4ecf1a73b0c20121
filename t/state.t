#!/bin/sh
# SPDX-License-Identifier: MIT
# seal-score --method state: fits to hidden states, with and without bad rows; scorers for rows to come.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/tune.sh"
cd "$TMP" || exit 1
tuning 60 40
grep '"label": *"unsafe"' "$T/../pipelines/demo/train.jsonl" | tail -12 > danger.jsonl
"$BIN/seal-tokenize" -q -m model danger.jsonl -o danger.tok
state() { "$BIN/seal-score" -q --plain -m model --method state "$@"; }
