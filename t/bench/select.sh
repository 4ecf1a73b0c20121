#!/bin/sh
# SPDX-License-Identifier: MIT
# select.sh - seal-select against `zstd -dc | cat` on one file of SELECT_ROWS rows
# (default 400,000, of some 700 bytes), in turn, ROUNDS times: the medians and their ratio.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$here/../..
out=$top/build/bench
mkdir -p "$out"
n=${SELECT_ROWS:-400000} rounds=${ROUNDS:-5}
data=${SEAL_DATA:-$top/../shared/data}/redmix/train-10k.jsonl
[ -f "$data" ] || data=$top/pipelines/demo/train.jsonl
rows=$out/select-$n.jsonl.zst scores=$out/select-$n.scores.zst

# Texts of random spans of real ones, which zstd can shorten as it does those.
[ -f "$scores" ] || {
	jq -r '.messages[].content' "$data" | tr -d '"\\\001-\011\013-\037' | awk -v n="$n" '
		{ for (i = 1; i <= NF; i++) w[m++] = $i }
		function text(k, s, c, a) {
			for (s = ""; k > 0; k -= 24) {
				a = int((m - 30) * rand())
				for (c = 4 + int(20 * rand()); c; c--)
					s = s w[a++] " "
			}
			return s
		}
		END {
			srand(1)
			for (i = 0; i < n; i++)
				printf "{\"id\":\"r%d\",\"prompt\":\"%s\",\"completion\":\"%s\"}\n", i, text(100 * rand()), text(200 * rand())
		}' | zstd -q -3 -f -o "$rows"
	"$top/bin/seal-score" -q --method random "$rows" -o "$scores"
}

seconds() { /usr/bin/time -f %e -o "$out/seconds" sh -c "$1" && cat "$out/seconds"; }
median() { sort -n | sed -n "$(((rounds + 1) / 2))p"; }
: > "$out/zstd.s"; : > "$out/select.s"
for i in $(seq "$rounds"); do
	seconds "zstd -dcq '$rows' | cat > /dev/null" >> "$out/zstd.s"
	seconds "'$top/bin/seal-select' -q --keep 80% --plain --scores '$scores' '$rows' | cat > /dev/null" >> "$out/select.s"
done
a=$(median < "$out/zstd.s") b=$(median < "$out/select.s")
/usr/bin/time -f %M -o "$out/kb" "$top/bin/seal-select" -q --keep 80% --plain --scores "$scores" "$rows" > /dev/null
echo "== seal-select, $n rows: zstd -dc | cat $a s, seal-select $b s, ratio $(echo "$a $b" | awk '{printf "%.2f", $2 / $1}'); $(awk -v n="$n" '{printf "%.0f MB, %.0f bytes a row", $1 / 1e3, $1 * 1024 / n}' "$out/kb")"
