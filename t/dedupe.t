#!/bin/sh
# SPDX-License-Identifier: MIT
# seal-select --dedupe: which of the rows that say the same are kept, and what is told of the others.
. "$(dirname "$0")/tap.sh"

dedupe() { "$BIN/seal-select" --dedupe "$@"; }
ids() { jq -r .id | tr '\n' ' '; }

long='the quick brown fox jumps over the lazy dog and then it runs through the dark wood until the moon is up'
cat > "$TMP/rows" <<END
{"id":"a","prompt":"tell me","completion":"$long"}
{"id":"b","prompt":"Tell  me","completion":"$long again"}
{"id":"c","completion":"$long","prompt":"tell me","source":"two"}
{"id":"d","prompt":"tell me","completion":"no"}
{"id":"e","prompt":"show me","completion":"$long"}
{"id":"f","messages":[{"role":"user","content":"tell me"},{"role":"assistant","content":"no"}]}
{"prompt":"tell me","completion":"no"}
END
is "$(dedupe exact -q "$TMP/rows" | ids)" "a b d e " "exact: the first of equal turns, whatever the keys"
is "$(dedupe near -q "$TMP/rows" | ids)" "a d e " "near: also the first of those that are alike"
is "$(dedupe near=1 -q "$TMP/rows" | ids)" "a b d e " "near=1: every run of words"
is "$(dedupe near=0.9 -q "$TMP/rows" | ids)$(dedupe near=.96 -q "$TMP/rows" | ids)" "a d e a b d e " "19 of 20 runs of words are 0.95"
dedupe near -q "$TMP/rows" | cmp -s - "$(sed -n '1p;4p;5p' "$TMP/rows" > "$TMP/want"; echo "$TMP/want")"; ok $? "the bytes are the input's"
is "$(dedupe near -q --invert "$TMP/rows" | ids)" "b c f null " "--invert: the others"
is "$(cat "$TMP/rows" | dedupe near -q | ids)" "a d e " "from a pipe"
for j in 1 2 4; do
	is "$(dedupe near -q -j $j "$TMP/rows" | ids)" "a d e " "--threads $j"
done

# Fates
dedupe near --fates "$TMP/fates" "$TMP/rows" -o "$TMP/out" 2> "$TMP/err"
is "$(jq -r '"\(.line):\(.fate):\(.reason)"' "$TMP/fates" | tr '\n' ' ')" \
   "1:kept:null 2:dropped:near duplicate of a 3:dropped:duplicate of a 4:kept:null 5:kept:null 6:dropped:duplicate of d 7:dropped:duplicate of d " "fates name the row that is kept"
is "$(cat "$TMP/err")" "seal-select: 3 rows kept, 4 dropped (1 near duplicate, 3 duplicate)" "the summary counts them"

# Scores: the best of each group, and then what else is picked.
"$BIN/seal-score" -q --method random --plain "$TMP/rows" | jq -c 'if .seal then . else .score = ([1, 3, 2, 5, 6, 5, null][.line - 1]) end' > "$TMP/scores"
scored() { how=$1; shift; dedupe "$how" -q --scores "$TMP/scores" --fates "$TMP/fates" "$@" "$TMP/rows"; }
is "$(scored near | ids)" "b d e " "the best of each group, of equal ones the first"
is "$(jq -r 'select(.reason) | .reason' "$TMP/fates" | tr '\n' ';')" "near duplicate of b;near duplicate of b;duplicate of d;duplicate of d;" "which may come later"
is "$(scored exact | ids)" "b c d e " "exact: the better of two"
is "$(scored near --keep 2 | ids)" "d e " "--keep counts what is left"
is "$(jq -r .reason "$TMP/fates" | tr '\n' ';')" "near duplicate of b;not picked;near duplicate of b;null;null;duplicate of d;duplicate of d;" "fates tell both"
is "$(scored near --keep 34% | ids)" "e " "so does a share: 34 % of three rows"
is "$(scored near --threshold 4 | ids)" "d e " "--threshold"
is "$(scored near --top 2 | ids)" "e d " "--top"
is "$(scored near --bottom 1 | ids)" "b " "--bottom"
is "$(scored near --keep 1 --by-group source | ids)" "e " "--by-group"
is "$(scored near --keep 2 --invert | ids)" "a b c f null " "--invert: duplicates are among the others"
is "$(scored near --annotate | jq -c '[.id, .seal.score, .seal.rank]' | tr '\n' ' ')" '["b",3,3] ["d",5,2] ["e",6,1] ' "--annotate"

# The same row twice, an id twice, rows that say nothing
{ cat "$TMP/rows"; head -n 2 "$TMP/rows"; } > "$TMP/twice"
is "$(dedupe exact --fates "$TMP/fates" -q "$TMP/twice" | ids)" "a b d e " "a row that is repeated with its id"
is "$(jq -r 'select(.reason == "repeated row") | .line' "$TMP/fates" | tr '\n' ' ')" "8 9 " "has that fate"
is "$(dedupe near --scores "$TMP/scores" -q "$TMP/twice" | ids)" "b d e " "with scores too"
jq -cs . "$TMP/twice" > "$TMP/array"
is "$(dedupe exact --fates "$TMP/fates" -q "$TMP/array" | ids)" "a b d e " "in an array of one line as well"
is "$(jq -r 'select(.reason == "repeated row") | .line' "$TMP/fates" | tr '\n' ' ')" "1 1 " "has that fate"
{ cat "$TMP/rows"; echo '{"id":"a","prompt":"x","completion":"y"}'; } > "$TMP/other"
fails 1 'other:8: duplicate id: "a" is also the id of .*other:1$' "an id twice is an error" dedupe exact "$TMP/other"
is "$(dedupe id -q "$TMP/other" | wc -l)" 7 "but for --dedupe id, which needs no scores either"
printf '%s\n' '{"id":"s","n":1}' '{"id":"t","text":"x"}' '{"id":"u","text":"x"}' > "$TMP/strange"
fails 1 'strange:1: bad row: no known schema \(keys: id, n\)' "a row of no schema is an error" dedupe near "$TMP/strange"
is "$(dedupe near -q --text text --on-error skip "$TMP/strange" | ids)" "t " "--text names the key, --on-error skip goes on"
"$BIN/seal-score" -q --method random --plain "$TMP/strange" > "$TMP/strange.scores"
is "$(dedupe near -q --text text --on-error skip --scores "$TMP/strange.scores" "$TMP/strange" | wc -l)" 1 "where the row had a score, too"
printf 'id,ask,say\n1,how,so\n2,how,so\n3,how,not\n' > "$TMP/csv"
is "$(dedupe exact -q --prompt-key ask --answer-key say "$TMP/csv" | tr '\n' ' ')" "id,ask,say 1,how,so 3,how,not " "CSV, and keys by name"
is "$(dedupe near -q "$TMP/rows" --add "$TMP/rows" | wc -l)" 10 "rows of --add are written as they are"
: > "$TMP/none"
is "$(dedupe near --allow-empty "$TMP/none" 2>&1)" "seal-select: 0 rows kept, 0 dropped" "no rows"

fails 2 "'same' is not one of id" "a word" dedupe same "$TMP/rows"
for j in near= near=0 near=0.05 near=1.01 near=nan near=0.8x near=inf nearly; do
	fails 2 "^seal-select: --dedupe: '$j'" "--dedupe $j" dedupe $j "$TMP/rows"
done
fails 2 'scores is missing' "--keep needs scores" dedupe near --keep 3 "$TMP/rows"
fails 2 'scores is missing' "--annotate too" dedupe near --annotate "$TMP/rows"
fails 2 'counts for --dedupe' "a schema for nothing" dedupe id --text text "$TMP/rows"
done_testing
