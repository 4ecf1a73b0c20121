#!/bin/sh
# SPDX-License-Identifier: MIT
# seal-select --mix: exact counts, which rows they are, and what is refused.
. "$(dirname "$0")/tap.sh"

rows() { # NAME N
	i=0
	while [ $i -lt "$2" ]; do echo "{\"id\":\"${1##*/}$i\",\"prompt\":\"p$i\",\"completion\":\"$1\"}"; i=$((i + 1)); done
}
mkdir "$TMP/d:0.5"
rows a 100 > "$TMP/a"
rows b 100 > "$TMP/b"
rows c 20 > "$TMP/d:0.5/c:1"
C=$TMP/d:0.5/c:1
mix() { "$BIN/seal-select" --mix "$@"; }
count() { jq -r .completion | sort | uniq -c | tr -s ' \n' ' '; }

is "$(mix -q "$TMP/a:0.7" "$TMP/b:0.3" | count)" " 100 a 43 b " "as many as there are: the first file is used up"
is "$(mix -q "$TMP/a:0.7" "$TMP/b:0.3" --keep 10 | count)" " 7 a 3 b " "so many"
is "$(mix -q --keep 3 "$TMP/a:0.5" "$TMP/b:0.25" "$C:0.25" | count)" " 1 a 1 b 1 c " "1.5, 0.75 and 0.75 rows are one each"
is "$(mix -q --keep 101 "$TMP/a:0.5" "$TMP/b:0.5" | count)" " 51 a 50 b " "an equal remainder is the first file's"
is "$(mix -q "$TMP/a:0.3" "$TMP/b:0.3" "$C:0.4" | count)" " 15 a 15 b 20 c " "a path with colons: the last one counts"
is "$(mix -q "$TMP/a:1" | wc -l)" 100 "one file"
is "$(mix -q --keep 0 "$TMP/a:0.5" "$TMP/b:0.5" | wc -c)" 0 "no row"
is "$(cat "$TMP/b" | mix -q --keep 10 "$TMP/a:0.5" /dev/stdin:0.5 | count)" " 5 a 5 b " "standard input by its name"
is "$(cat "$TMP/b" | mix -q --keep 10 -- "$TMP/a:0.5" -:0.5 | count)" " 5 a 5 b " "standard input is a file"
is "$(mix --keep 10 "$TMP/a:0.7" "$TMP/b:0.3" 2>&1 > /dev/null | sed "s|$TMP/||")" "seal-select: a: 7 of 100 rows, a share of 0.7 where 0.7 was asked
seal-select: b: 3 of 100 rows, a share of 0.3 where 0.3 was asked
seal-select: 10 rows kept, 190 dropped (190 not picked)" "what is told"

# Which rows: in their order and with their bytes, none twice, by the seed and the id alone.
mix -q "$TMP/a:0.5" "$TMP/b:0.5" --keep 60 --fates "$TMP/fates" > "$TMP/out"
cat "$TMP/a" "$TMP/b" | grep -Fxf "$TMP/out" | cmp -s - "$TMP/out"; ok $? "rows keep their order and bytes"
is "$(sort -u "$TMP/out" | wc -l) $(jq -r .fate "$TMP/fates" | sort | uniq -c | tr -s ' \n' ' ')" "60  140 dropped 60 kept " "none is there twice, and all have a fate"
mix -q "$TMP/a:0.5" "$TMP/b:0.5" --keep 60 -j 1 | cmp -s - "$TMP/out"; ok $? "the same command, the same rows"
is "$(mix -q "$TMP/a:0.5" "$TMP/b:0.5" --keep 60 --seed 0 | cksum)" "$(cksum < "$TMP/out")" "--seed 0 is the default"
mix -q "$TMP/a:0.5" "$TMP/b:0.5" --keep 60 --seed 1 > "$TMP/other"
both=$(grep -cFxf "$TMP/out" "$TMP/other")
[ "$both" -gt 5 ] && [ "$both" -lt 32 ]; ok $? "another seed, other rows: $both of 60 in common"
tac "$TMP/a" > "$TMP/a.tac"
is "$(mix -q "$C:0.1" "$TMP/a.tac:0.5" "$TMP/b:0.4" --keep 60 | grep '"a"' | sort | cksum)" "$(grep '"a"' "$TMP/out" | sort | cksum)" "neither the order nor the other files matter"
is "$(mix -q "$TMP/a:0.5" "$TMP/b:0.5" --keep 60 --invert | sort | cksum)" "$(cat "$TMP/a" "$TMP/b" | grep -vFxf "$TMP/out" | sort | cksum)" "--invert: the others"
# Each row has the same chances: of 200 seeds 10 of 20 rows, a row is in 100 of them, within 4 deviations of 7.1.
i=0; while [ $i -lt 200 ]; do mix -q "$C:1" --keep 10 --seed $i; i=$((i + 1)); done | sort | uniq -c | awk '{ n++; if ($1 < 72 || $1 > 128) bad = 1 } END { exit bad || n != 20 }'
ok $? "all rows have the same chances"

# With scores: the best of each file; with --dedupe: what is left.
cat "$TMP/a" "$TMP/b" | "$BIN/seal-score" -q --method random --plain | jq -c 'if .seal then . else .score = (if .line % 2 == 0 then null else .line end) end' > "$TMP/scores"
is "$(mix -q --scores "$TMP/scores" "$TMP/a:0.5" "$TMP/b:0.5" --keep 6 | jq -r .id | tr '\n' ' ')" "a94 a96 a98 b94 b96 b98 " "the best-scored rows"
is "$(mix -q --scores "$TMP/scores" "$TMP/a:0.5" "$TMP/b:0.5" | count)" " 50 a 50 b " "of those that have a score"
sed 's/"p[0-9]*"/"p"/; s/"completion":".*"/"completion":"c"/' "$C" > "$TMP/same"
is "$(mix -q --dedupe exact "$TMP/a:0.9" "$TMP/same:0.1" | count)" " 14 a 1 c " "duplicates are dropped first"

# What is refused, by name
refused() { fails 2 "^seal-select: --mix: $1" "$2" "$BIN/seal-select" --mix --keep 5 "$TMP/a:0.5" "$3"; }
refused "'.*/b' is not FILE:SHARE" "no share" "$TMP/b"
refused "':0.5' is not FILE:SHARE" "no file" ":0.5"
for share in 0 -0.5 nan inf 1.5 0.5x '' half; do
	refused "'.*/b:$share': a share is a number above 0" "a share of '$share'" "$TMP/b:$share"
done
refused "the shares' sum is 0.9, not 1" "shares that are too little" "$TMP/b:0.4"
refused "the shares' sum is 1.1, not 1" "or too much" "$TMP/b:0.6"
refused "'.*/a' is named twice" "a file twice" "$TMP/a:0.5"
ln -s a "$TMP/link"
refused "'.*/link' is named twice" "also by another name" "$TMP/link:0.5"
fails 2 'needs files' "no files" mix
fails 1 '10 rows need 5 of .*b, which has 3$' "fewer rows than are asked" sh -c "head -n 3 '$TMP/b' > '$TMP/3b'; '$BIN/seal-select' --mix --keep 10 '$TMP/a:0.5' '$TMP/3b:0.5'"
: > "$TMP/none"
fails 1 'none: no rows' "a file without rows" mix "$TMP/a:0.5" "$TMP/none:0.5"
fails 1 'absent: ' "a file that is not there" mix "$TMP/a:0.5" "$TMP/absent:0.5"
fails 1 'twice:1: duplicate id: "a0" is also the id of .*a:1$' "an id in two files" sh -c "sed 1q '$TMP/a' > '$TMP/twice'; '$BIN/seal-select' --mix '$TMP/a:0.5' '$TMP/twice:0.5'"
fails 1 'another CSV header|do not mix' "CSV with JSONL" sh -c "printf 'prompt,completion\nx,y\n' > '$TMP/csv'; '$BIN/seal-select' --mix '$TMP/a:0.5' '$TMP/csv:0.5'"
for option in '--keep 50%' '--keep auto' '--keep 5 --by-group id' '--threshold 1' '--top 3' '--bottom 3'; do
	fails 2 'goes with --keep of a count|scores is missing|goes with' "with $option" mix --scores "$TMP/scores" $option "$TMP/a:0.5" "$TMP/b:0.5"
done
fails 2 'limit makes no sense' "--limit" mix --limit 5 "$TMP/a:0.5" "$TMP/b:0.5"
fails 2 'scores is missing' "--annotate" mix --annotate "$TMP/a:0.5" "$TMP/b:0.5"
done_testing
