#!/bin/sh
# SPDX-License-Identifier: MIT
# dsir.sh - seal-score --method dsir against PyPI's data-selection: the same rows, the
# same target, the same threads, whole programs.  SEAL_PYTHON names a Python that has
# data-selection and an nltk before 3.10, whose words are those of Python's re.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$here/../..
out=$top/build/bench
mkdir -p "$out"
data=${SEAL_DATA:-$top/../shared/data}/redmix
ROWS_FILE=${ROWS_FILE:-$data/train-10k.jsonl} TARGET=${TARGET:-$data/safe-orca.jsonl} THREADS=${THREADS:-$(nproc)}
now() { date +%s.%N; }

"${SEAL_PYTHON:-python3}" -c 'import data_selection' 2> /dev/null || { echo "== DSIR: SEAL_PYTHON has no data-selection"; exit 0; }
echo "== DSIR, $(($(cat "$ROWS_FILE" "$TARGET" | wc -c) / 1000)) kB of rows"
printf '%-8s %10s %10s %7s %12s\n' threads "seal s" "peer s" ratio "difference"
for j in 1 "$THREADS"; do
	a=$(now)
	"$top/bin/seal-score" -q -j "$j" --plain --method dsir --target "$TARGET" "$ROWS_FILE" -o "$out/dsir"
	b=$(now)
	most=$("$SEAL_PYTHON" "$here/peer_dsir.py" "$ROWS_FILE" "$TARGET" "$j" "$out/dsir" 2> /dev/null)
	c=$(now)
	echo "$j $a $b $c $most" | awk '{printf "%-8d %10.2f %10.2f %7.1f %12.1e\n", $1, $3 - $2, $4 - $3, ($4 - $3) / ($3 - $2), $5}'
done
