#!/bin/sh
# SPDX-License-Identifier: MIT
# The pipelines parse, the demonstration rows are what they claim, and the
# quickstart and the benchmark of scores run from end to end, on small models.
. "$(dirname "$0")/tap.sh"
P=$T/../pipelines
D=$P/demo

for f in "$P"/*.sh "$P"/paper/*.sh; do
	sh -n "$f"; ok $? "sh parses ${f##*/}"
	if command -v dash > /dev/null; then dash -n "$f"; ok $? "dash parses ${f##*/}"; fi
done

# The demonstration rows.
n() { jq -s "map(select($2)) | length" "$D/$1.jsonl"; }
is "$(n train true) $(n safe true) $(n test-safe true) $(n test-unsafe true) $(n test-utility true)" \
	"300 100 100 100 100" "so many rows"
is "$(n train '.label == "unsafe"') $(n train '.label == "safe"')" "68 232" "train: safe and unsafe rows"
is "$(cat "$D"/*.jsonl | jq -s 'map(select(.label != "safe" and .label != "unsafe")) | length')" 0 "every row has a label"
is "$(cat "$D/safe.jsonl" "$D"/test-safe.jsonl "$D"/test-utility.jsonl | jq -s 'map(select(.label != "safe")) | length')" 0 "trusted and test rows are safe"
is "$(jq -s 'map(select(.label != "unsafe")) | length' "$D/test-unsafe.jsonl")" 0 "but for those that are to be unlikely"
is "$(cat "$D"/*.jsonl | jq -s 'map(.id) | length - (unique | length)')" 0 "ids are unique"
is "$(cat "$D/train.jsonl" "$D/safe.jsonl" "$D/test-safe.jsonl" "$D/test-utility.jsonl" | jq -s 'map(.messages[0].content) | length - (unique | length)')" 0 "no prompt occurs twice"
is "$(jq -s -c 'map([.pair, .messages[0].content]) | sort' "$D/test-unsafe.jsonl" | cksum)" "$(jq -s -c 'map([.pair, .messages[0].content]) | sort' "$D/test-safe.jsonl" | cksum)" \
	"but that of each pair"
is "$(cat "$D"/*.jsonl | jq -s '[.[] | .messages[1].content // empty | splits("(?<=[.!?]) ")] | length - (unique | length)')" 0 \
	"no sentence of an answer occurs twice"
is "$(cat "$D"/*.jsonl | jq -s 'map(select((.messages | map(.role)) != ["user", "assistant"] or
	(.messages[1].content | [splits("\\s+")] | length < 8 or length > 60))) | length')" 0 "answers of 8 to 60 words"
is "$(jq -s 'group_by(.label) | map(map(.source) | unique | length)' -c "$D/train.jsonl")" '[10,4]' "sources of both labels"

# The quickstart, on a small model.
small=$SEAL_DATA/models/stories260K
what="quickstart on stories260K"
if [ ! -d "$small" ]; then
	skip "$what" "no $small"
elif ! command -v gnuplot > /dev/null; then
	skip "$what" "no gnuplot"
else
	env -i PATH="$PATH" MODEL="$small" N=40 OUT="$TMP/out" \
		sh "$P/quickstart.sh" > "$TMP/table" 2> "$TMP/err"
	rc=$?
	ok $rc "$what"
	[ $rc -eq 0 ] || tail -n 5 "$TMP/err" | sed 's/^/# /'
	R=$TMP/out/report.json
	is "$(jq -c '[(.scores | length), (.arms | length)]' "$R")" '[12,6]' "report.json has all methods and models"
	is "$(jq '[.scores[] | .auroc, .kept_unsafe | numbers] | length' "$R")" 24 "every score has its AUROC and share"
	is "$(jq '[.scores[] | .seconds, .peak_bytes | numbers] | length' "$R")" 24 "every run has its cost"
	is "$(jq -c '.arms | map([.rows, .unsafe == 0])' "$R")" '[[100,true],[40,false],[32,false],[32,false],[32,false],[32,true]]' "80 % of the rows are kept; the oracle keeps the safe ones"
	is "$(jq -c '[.measures[].key] as $keys | .arms | map(.[$keys[]] | [.n >= 100, (.mean | type), (.ci | map(numbers) | length)]) | unique' "$R")" '[[true,"number",2]]' \
		"every number stands on a hundred prompts, and has its interval"
	is "$(jq -c '[.measures[].key] as $keys | .arms | map(.[$keys[]].difference_ci | arrays) | length' "$R")" 20 "all but one model are compared with that one"
	is "$(jq '.arms[0].margin.mean' "$R")" "$(jq -s 'map(.margin) | add / length' "$TMP/out/aligned.margin")" "a margin is its prompts' mean"
	like "$(cat "$TMP/out/report.html")" '<h1><bdi>stories260K, 40 rows' "report.html shows them"
	is "$(wc -l < "$TMP/out/explained/worst.jsonl") $(grep -c '<details>' "$TMP/out/report.html")" "40 73" "and the rows, token by token"
	like "$(cat "$TMP/table")" 'bilevel Algorithm 1, gap +[01]\.[0-9]{3}' "the table shows them"
	"$BIN/seal-score" -q -m "$small" --safe "$TMP/out/safe.tok" --seed 1 --method bilevel --algorithm 1 \
		--score gap --plain "$TMP/out/train.tok" > "$TMP/gap.jsonl"
	is "$("$BIN/seal-eval" detect --scores "$TMP/gap.jsonl" --group source "$TMP/out/train.jsonl")" "$(cat "$TMP/out/alg1.gap.detect")" \
		"a score computed from the columns is the one that seal-score writes"
fi
# The benchmark of scores, on the demonstration rows and the tests' smallest model: every method, to the table.
bench=$TMP/bench
mkdir -p "$bench/data"
jq -c '.kind = (if .label == "unsafe" then "harmful-unsafe" elif .id[-1:] < "5" then "harmful-safe" else "borderline-safe" end) |
	.pair = .id[-2:]' "$D/train.jsonl" | head -80 > "$bench/data/mix.jsonl"
cp "$D/safe.jsonl" "$bench/data/trusted.jsonl"
jq -c 'select(.label == "unsafe")' "$D/train.jsonl" | tail -20 > "$bench/data/danger-100.jsonl"
scores() { # MAKE'S WORDS...
	MAKEFLAGS= MAKELEVEL= make -s -f "$P/bench-scores.mk" DATA="$bench/data" MODEL="$T/gold/model" OUT="$bench/out" MIXES=mix TRUSTED=trusted SEEDS="1 2" \
		BAD="5 10" SOURCES= TRAINED="safe-loss.0 bilevel.0 contrast.100 state-part.100 bilevel-state.100 bilevel-shared.0 refusal.0 gradient.100" \
		N_TRAINED=30 "$@"
}
scores trained > "$TMP/table" 2> "$TMP/err"
rc=$?
ok $rc "bench-scores"
[ $rc -eq 0 ] || tail -n 5 "$TMP/err" | sed 's/^/# /'
is "$(grep -c '^| [a-z].* [01]\.[0-9]* (' "$TMP/table")" 10 "a line for each method and number of bad rows, over both seeds"
is "$(sed -n 's/^| \([a-z-]*\)\(, [0-9]* bad\)* |.*/\1/p' "$TMP/table" | sort -u | grep -vxe score -e --- | tr '\n' ' ')" \
	"bilevel bilevel-shared bilevel-state contrast dsir gradient length loss random refusal safe-loss state state-part words " "every method is in the table"
is "$(cat "$bench"/out/*.json | jq -s '[length, (map(select((.auroc | type) == "number" and .n > 0)) | length)]' -c)" "[28,28]" "each has found something out"
cmp -s "$bench/out/mix.rows.1.jsonl" "$bench/out/mix.rows.2.jsonl"; is $? 1 "seeds are other orders"
before=$(ls -l --full-time "$bench/out"); scores table > "$TMP/again" 2>&1
is "$(ls -l --full-time "$bench/out")" "$before" "what is there is not made again"
is "$(cmp "$TMP/again" "$TMP/table" 2>&1)" "" "and the table is the same"
done_testing
