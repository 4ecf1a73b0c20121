#!/bin/sh
# SPDX-License-Identifier: MIT
# seal-score --method combine: ranks of several files of scores, against a count in jq.
. "$(dirname "$0")/tap.sh"
cd "$TMP" || exit 1
rows() { head -60 "$T/../pipelines/demo/train.jsonl"; }
rows > rows.jsonl
for seed in 1 2 3; do "$BIN/seal-score" -q --plain --method random --seed $seed rows.jsonl > r$seed; done
# Ties, a null, and another order.
jq -c 'if .id then .score = (.score * 8 | floor) else . end' r2 > tied
jq -c 'if .line == 5 then .score = null else . end' r3 | (read -r head; echo "$head"; sort -r) > mixed
combine() { "$BIN/seal-score" -q --plain --method combine "$@"; }
combine r1 tied mixed > all
is "$(head -1 all | jq -c '[.method, .rows, .settings.files]')" '["combine",60,3]' "the header"
is "$(tail -n +2 all | jq -c '[.id, .hash, .line]')" "$(tail -n +2 r1 | jq -c '[.id, .hash, .line]')" "the rows of the first file, in its order"
rank='def rank: . as $x | length as $n | map(. as $v | ($x | map(select(. < $v)) | length) as $less |
	($x | map(select(. == $v)) | length) as $same | ($less + ($same + 1) / 2 - 0.5) / $n);'
for f in r1 tied mixed; do
	jq -s "$rank"'[.[] | select(.id and .score != null)] | (map(.score) | rank) as $r | [map(.id), $r] | transpose | map({(.[0]): .[1]}) | add' $f
done > ranks
is "$(tail -n +2 all | jq -s --slurpfile r ranks 'map(.id as $id | if .score == null then (if $r[2][$id] == null then 0 else 1 end)
	else .score - ($r | map(.[$id]) | add / 3) | fabs end) | max < 1e-12')" true "ranks as jq counts them"
is "$(tail -n +2 all | jq -c 'select(.score == null) | .line')" 5 "null where one file has none"
near() { jq -c '[.id, (.score | if . then . * 1e9 | round else . end)]' | sort; }
combine mixed r1 tied | tail -n +2 | near > other; tail -n +2 all | near > these
is "$(paste other these | awk '$1 != $2' | head -3)" "" "whichever file comes first"
fails 2 'at least two' "one file" combine r1
head -59 rows.jsonl > fewer.jsonl; "$BIN/seal-score" -q --plain --method random fewer.jsonl > fewer
fails 1 'fewer: lacks the row' "a row that one file lacks" combine r1 fewer
fails 1 'fewer: lacks the row .* of r1' "whichever comes first" combine fewer r1
sed 's/"hash":"./"hash":"x/; s/"hash":"x/"hash":"0/' r2 > changed
fails 1 'another hash' "scores of other rows" combine r1 changed
fails 1 'no scores|not' "rows in place of scores" combine r1 rows.jsonl
done_testing
