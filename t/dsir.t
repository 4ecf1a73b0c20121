#!/bin/sh
# SPDX-License-Identifier: MIT
# seal-score --method dsir: log-weights as Python computes them, and what cannot be.
. "$(dirname "$0")/tap.sh"
cd "$TMP" || exit 1
dsir() { "$BIN/seal-score" --plain --method dsir "$@"; }
ROWS=$T/gold/dsir-rows.jsonl TARGET=$T/gold/dsir-target.jsonl

dsir --target "$TARGET" "$ROWS" > scores
is "$(tail -n +2 scores | jq -s --slurpfile gold "$T/gold/dsir.json" \
	'[map(.score), $gold[0].scores] | (.[0] | length) == (.[1] | length) and (transpose | map(.[0] - .[1] | fabs) | max) < 1e-9')" \
  true "log-weights are those of t/gold/dsir.py"
is "$(head -1 scores | jq -c '[.seal, .rows, .method, .settings.gumbel]')" '["scores",34,"dsir",false]' "the header"
is "$(tail -n +2 scores | jq -r .id)" "$(jq -r .id "$ROWS")" "the rows' ids, in their order"
dsir -j 1 --target "$TARGET" "$ROWS" | cmp -s - scores; ok $? "one thread gives the same bytes"
dsir -j 7 --target "$TARGET" < "$ROWS" | cmp -s - scores; ok $? "so do seven, from stdin"
i=0; while [ $i -lt 60 ]; do i=$((i + 1)); sed 's/"id":/"was":/' "$ROWS"; done > many
dsir -j 1 --target "$TARGET" many | cksum > one; dsir -j 3 --target "$TARGET" many | cksum | cmp -s - one
ok $? "2040 rows, more than are hashed at once: the same bytes with one thread and three"
is "$(dsir --target "$TARGET" many | tail -n +2 | jq .score | awk '{d = $1 - a[NR % 34]; if (NR > 34 && d * d > 1e-12) bad++; a[NR % 34] = $1} END {print NR, bad + 0}')" \
  "2040 0" "equal rows have equal scores"

# --- the text of a row
jq -c '{id, all: ([.messages[].content] | join("\n"))}' "$ROWS" > text
jq -c '{all: ([.messages[].content] | join("\n"))}' "$TARGET" > text.target
is "$(dsir --text all --target text.target text | tail -n +2 | jq .score)" "$(tail -n +2 scores | jq .score)" "--text: one key's text"
jq -c '{id, q: .messages[0].content, a: .messages[1].content}' "$ROWS" > pair
jq -c '{q: .messages[0].content, a: .messages[1].content}' "$TARGET" > pair.target
is "$(dsir --prompt-key q --answer-key a --target pair.target pair | tail -n +2 | jq .score)" \
   "$(tail -n +2 scores | jq .score)" "--prompt-key, --answer-key"

jq -c '.messages[].content |= [{type: "text", text: .}]' "$ROWS" > parts
is "$(dsir --target "$TARGET" parts | tail -n +2 | jq .score)" "$(tail -n +2 scores | jq .score)" "content in parts"
jq -c '.messages += [{role: "user", content: "And then?"}]' "$ROWS" > ends
is "$(dsir --target "$TARGET" ends 2> err | tail -n +2 | jq .score)" "$(tail -n +2 scores | jq .score)" "a last turn of the user is left out"
like "$(cat err)" "34 rows kept \\(34 last turn of the user left out\\), 0 dropped" "which is told"

sed 's/^{/{"prompt":"of another schema","completion":"","chosen":"too",/' "$ROWS" > mixed
is "$(dsir --schema messages --target "$TARGET" mixed | tail -n +2 | jq .score)" "$(tail -n +2 scores | jq .score)" "--schema"
fails 1 'bad row' "which the rows must have" dsir --schema orca --target "$TARGET" "$ROWS"

# --- --against: the same as the scores of those rows' own kind, since only shares count
dsir --target "$TARGET" --against "$ROWS" "$ROWS" | tail -n +2 | jq .score > against; tail -n +2 scores | jq .score | cmp -s - against
ok $? "--against the rows themselves changes nothing"
cp against against.all; head -5 "$ROWS" > part; dsir --target "$TARGET" --against "$ROWS" part | tail -n +2 | jq .score > against; tail -n +2 scores | jq .score | head -5 | cmp -s - against
ok $? "a row's score depends on the target and those rows alone"
dsir --target "$ROWS" --against "$TARGET" "$ROWS" | tail -n +2 | jq .score | paste - against.all | awk '{d = $1 + $2; if (d * d > 1e-18) bad++} END {print NR, bad + 0}' > turned
is "$(cat turned)" "34 0" "target and --against exchanged: the same with another sign"
echo '{"id":"x","prompt":"  ","completion":"\u3000"}' > blank
fails 1 'blank: no words' "--against rows without words" dsir --target "$TARGET" --against blank "$ROWS"
fails 1 'null: no rows' "--against no rows" dsir --target "$TARGET" --against /dev/null "$ROWS"

# --- Gumbel noise: the mean of -log(-log(u)) is 0.5772, its deviation 1.2825
dsir --gumbel --seed 1 --target "$TARGET" many > g1; dsir --gumbel --seed 1 -j 3 --target "$TARGET" many | cmp -s - g1
ok $? "--gumbel with one seed gives the same bytes"
dsir --gumbel --seed 2 --target "$TARGET" many > g2; ! cmp -s g1 g2; ok $? "another seed, other scores"
dsir --target "$TARGET" many | tail -n +2 | jq .score > plain
is "$(tail -n +2 g1 | jq .score | paste - plain | awk '{d = $1 - $2; s += d; q += d * d} END {m = s / NR; v = sqrt(q / NR - m * m); print (m > .48 && m < .68 && v > 1.15 && v < 1.42)}')" \
   1 "its noise has the mean and the deviation of Gumbel's distribution"

# --- wrong use and wrong rows
fails 2 'needs --target' "no target" dsir "$ROWS"
fails 2 'are for --method dsir' "--gumbel with another method" "$BIN/seal-score" --method random --gumbel "$ROWS"
fails 2 'are for --method dsir' "--target with another method" "$BIN/seal-score" --method random --target "$ROWS" "$ROWS"
fails 2 'only one of' "--text and --prompt-key" dsir --target "$ROWS" --text a --prompt-key b --answer-key c "$ROWS"
fails 2 'needs --answer-key' "--prompt-key alone" dsir --target "$ROWS" --prompt-key b "$ROWS"
: > empty
fails 1 'empty: no rows' "a target without rows" dsir --target empty "$ROWS"
fails 1 'empty: no rows' "no rows" dsir --target "$TARGET" empty
fails 1 'blank: no words' "a target without words" dsir --target blank "$ROWS"
fails 1 'no words in the rows' "rows without words" dsir --target "$TARGET" blank
is "$(dsir --allow-empty --target "$TARGET" empty | jq -c .rows)" 0 "--allow-empty: no rows, no scores"
(cat "$ROWS"; echo '{"x":1}') > bad
fails 1 '^seal-score: bad:35: bad row: no known schema' "a row of no schema" dsir --target "$TARGET" bad
fails 1 '^seal-score: bad:35: bad row: no known schema' "in the target too" dsir --target bad "$ROWS"
dsir -q --on-error skip --fates fates --target "$TARGET" bad | tail -n +2 | jq -c "[.id, .score]" > left
tail -n +2 scores | jq -c "[.id, .score]" | cmp -s - left; ok $? "--on-error skip: the scores without it"
is "$(jq -r .fate fates | sort | uniq -c | tr -s ' \n' ' ')" " 1 dropped 34 kept " "and its fate"

# --- the toy data of p-lambda/dsir, whose tests draw row 0 twice of all 1000 rows doubled
if [ -d "$SEAL_DATA/dsir" ]; then
	for i in 1 2; do sed 's/"id"/"was"/' "$SEAL_DATA/dsir/toy_pile_data.jsonl"; done > pile
	sed 's/"id"/"was"/' "$SEAL_DATA/dsir/toy_target_data.jsonl" > toy
	for seed in 1 2 3; do
		dsir --gumbel --seed $seed --text contents --target toy pile > toy.scores
		is "$("$BIN/seal-select" -q --keep 2 --scores toy.scores pile | jq -c .was | tr '\n' ' ')" \
		   "$(sed -n 1p pile | jq -c .was) $(sed -n 1p pile | jq -c .was) " "toy data, seed $seed: the target's own row, twice"
	done
else
	skip "toy data" "no dsir in SEAL_DATA"
fi
done_testing
