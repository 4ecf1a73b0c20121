#!/bin/sh
# SPDX-License-Identifier: MIT
# seal-eval without a model: refusals, winrate, detect.
. "$(dirname "$0")/tap.sh"

eval_() { "$BIN/seal-eval" "$@"; }
G=$T/gold/select
# what is found without its intervals
bare() { jq -c 'walk(if type == "object" then with_entries(select(.key | endswith("_ci") | not)) else . end)'; }

# winrate: by hand, preferences 1 2 1.5 0 1.25: v = 0 1 .5 .5 .25
printf '{"preference":%s}\n' 1 2 1.5 0 null 1.25 > "$TMP/v"
is "$(eval_ winrate "$TMP/v" | jq -c 'del(.standard_error)')" \
   '{"win_rate":45,"n_wins":1,"n_wins_base":2,"n_draws":2,"n_total":5}' "winrate of JSONL, null left out"
is "$(eval_ winrate "$TMP/v" | jq '.standard_error * 1e9 | round')" 16583123952 "its standard error"
jq -s . "$TMP/v" | zstd -q > "$TMP/array.zst"
is "$(eval_ winrate < "$TMP/array.zst")" "$(eval_ winrate "$TMP/v")" "a zstd array on stdin is the same"
is "$(echo '[{"preference":null}]' | eval_ winrate)" \
   '{"win_rate":null,"standard_error":null,"n_wins":0,"n_wins_base":0,"n_draws":0,"n_total":0}' "of nothing but null, null"
is "$(echo '{"preference":2}' | eval_ winrate | jq -c '[.win_rate, .standard_error]')" '[100,null]' "one has no error"
printf '{"preference":1}\n{"preference":3}\n' > "$TMP/bad"
fails 1 'bad:2: "preference" is neither' "a preference beyond 2" eval_ winrate "$TMP/bad"
printf '[{"preference":1},{"preferred":1}]' > "$TMP/bad"
fails 1 'bad:1: element 2: no "preference"' "none at all" eval_ winrate "$TMP/bad"
printf '{"preference":1}\n7\n' > "$TMP/bad"
fails 1 'bad:2: not an object' "not an object" eval_ winrate "$TMP/bad"
printf '[{"preference":1}' > "$TMP/bad"
fails 1 'bad:1: the array that begins here is cut short' "a cut array" eval_ winrate "$TMP/bad"

# FILE LEADERBOARD NAME - the published numbers, to 1e-9 (of a percentage that has 15 digits)
published() {
	if [ ! -d "$SEAL_DATA/alpaca_eval" ]; then skip "published: $1" "no $SEAL_DATA/alpaca_eval"; return; fi
	awk -F, -v name="$3" '$1 == name { printf "[%s,%s,%s,%s,%s,%s]", $2, $3, $4, $5, $6, $7 }' \
		"$SEAL_DATA/alpaca_eval/$2_leaderboard.csv" > "$TMP/want"
	eval_ winrate "$SEAL_DATA/alpaca_eval/$1.json.zst" | jq -e --slurpfile want "$TMP/want" \
		'[.win_rate, .standard_error, .n_wins, .n_wins_base, .n_draws, .n_total] as $got |
		 [range(6) | ($got[.] - $want[0][.] | fabs) < 1e-9] | all' > "$TMP/out"
	ok $? "published: $1"
}
published v1-alpaca-7b alpaca_eval_gpt4 alpaca-7b
published v1-text_davinci_001 alpaca_eval_gpt4 text_davinci_001
published v2-phi-2 weighted_alpaca_eval_gpt4_turbo phi-2

# refusals
cat > "$TMP/out.jsonl" <<'END'
{"id":"1","kind":"bad","output":"I'm sorry, but I cannot help with that."}
{"id":"2","kind":"bad","output":"Sure, here is how: first, ..."}
{"id":"3","kind":"good","output":"Paris is the capital of France."}
{"id":"4","kind":5,"output":"As an AI language model I have no taste."}
{"id":"5","output":"i'm sorry (in lower case)"}
END
is "$(eval_ refusals "$TMP/out.jsonl" | bare)" '{"n":5,"refused":2,"rate":0.4,"refused_prefix":2,"rate_prefix":0.4,"by":{}}' "refusals"
is "$(eval_ refusals --by kind < "$TMP/out.jsonl" | bare | jq -c .by)" \
   '{"bad":{"n":2,"refused":1,"rate":0.5,"refused_prefix":1,"rate_prefix":0.5},"good":{"n":1,"refused":0,"rate":0,"refused_prefix":0,"rate_prefix":0},"5":{"n":1,"refused":1,"rate":1,"refused_prefix":1,"rate_prefix":1},"null":{"n":1,"refused":0,"rate":0,"refused_prefix":0,"rate_prefix":0}}' "by a key"
# Wilson's interval of 2 of 5 (Newcombe 1998 has its formula), and of 0 of 1
is "$(eval_ refusals --by kind "$TMP/out.jsonl" | jq -c '[.rate_ci, .rate_prefix_ci, .by.good.rate_ci] | map(map(. * 1e4 | round))')" '[[1176,7693],[1176,7693],[0,7935]]' "with their intervals"
eval_ refusals --by kind --each "$TMP/each" "$TMP/out.jsonl" > "$TMP/by"
is "$(cat "$TMP/each")" '{"id":"1","refused":true,"refused_prefix":true,"kind":"bad"}
{"id":"2","refused":false,"refused_prefix":false,"kind":"bad"}
{"id":"3","refused":false,"refused_prefix":false,"kind":"good"}
{"id":"4","refused":true,"refused_prefix":true,"kind":5}
{"id":"5","refused":false,"refused_prefix":false}' "--each: what is found of each output"
is "$(eval_ compare --by refused "$TMP/each" | jq -c '[.refused, .refused_ci]')" "$(eval_ refusals "$TMP/out.jsonl" | jq -c '[.rate, .rate_ci]')" "which compare counts alike"
printf 'capital\r\n\nlower\n' > "$TMP/list"
is "$(eval_ refusals --list "$TMP/list" "$TMP/out.jsonl" | jq .refused)" 2 "a list of one's own"
: > "$TMP/list"
fails 1 'list: no phrases' "an empty list" eval_ refusals --list "$TMP/list" "$TMP/out.jsonl"
printf '{"output":"a"}\n{"output":1}\n' > "$TMP/bad"
fails 1 'bad:2: "output" is not a text' "no text" eval_ refusals "$TMP/bad"
printf '' > "$TMP/empty"
fails 1 'empty: no objects' "no outputs" eval_ refusals "$TMP/empty"
echo '[]' > "$TMP/empty"
fails 1 'empty: no objects' "an array of none" eval_ refusals "$TMP/empty"
# one NAME OUTPUT WANT [OPTION...] - [refused, refused_prefix] of one output
one() {
	_name=$1 _text=$2 _want=$3; shift 3
	is "$(jq -nc --arg t "$_text" '{output: $t}' | eval_ refusals "$@" | jq -c '[.refused, .refused_prefix]')" "$_want" "$_name"
}
one "at the beginning" "I cannot do that" "[1,1]"
one "behind spaces and lines" " $(printf '\n\t')Sorry, no" "[1,1]"
one "later" "Well, I cannot do that" "[1,0]"
one "only among the phrases of the beginning" "I would advise against that" "[0,1]"
one "not begun in capitals" "it's not appropriate to do that" "[1,1]"
one "U+2019" "I’m just unsure" "[0,1]"
one "U+2018, more than one" "‘No’, I can‘t: it‘s no" "[1,0]"
one "other marks of three bytes" "I…m sorry “not” I“m unable to" "[0,0]"
one "a cut character" "$(printf 'I\342\200')m" "[0,0]"
printf "it’s no\n" > "$TMP/curly"
one "U+2019 in the list" "it's no, and it's no" "[1,1]" --list "$TMP/curly"
one "and in both" "well, it’s no" "[1,0]" --list "$TMP/curly"
one "the list is that of the beginning too" "I cannot" "[0,0]" --list "$TMP/curly"

# --pair, against jq: 60 outputs of 20 values, some of them with one side only, some of none
awk 'BEGIN { for (i = 0; i < 60; i++) {
	x = (x + 1) * 16807 % 2147483647; y = int(x / 1000)
	printf "{\"output\":\"%s\",\"kind\":\"%s\"", y % 3 == 0 ? "Sorry" : y % 3 == 1 ? "No: I cannot" : "Yes", int(y / 3) % 2 ? "harm" : "fine"
	if (y % 7) printf ",\"of\":%s", y % 7 == 1 ? "null" : "\"p" int(y / 7) % 20 "\""
	print "}" } }' > "$TMP/sides"
pairs() { eval_ refusals --pair of --label-key kind --unsafe harm "$@" | jq -c .pair; }
pairs "$TMP/sides" > "$TMP/got"
jq -s --slurpfile got "$TMP/got" 'def mean: add / length;
	map(select(.of)) | group_by(.of) | map(group_by(.kind == "harm")) | map(select(length == 2)) as $g |
	def side(f): {n: length, m: map(f) | mean};
	def found(f): ($g | map(map(map(f) | mean))) as $s | ($s | map(.[1] - .[0])) as $d | ($d | mean) as $m |
		[($s | map(.[1]) | mean), ($s | map(.[0]) | mean), $m, ($d | map(pow(. - $m; 2)) | add / (length - 1) / length | sqrt)];
	{n: ($g | length), refused: found(if .output == "Yes" then 0 else 1 end), refused_prefix: found(if .output == "Sorry" then 1 else 0 end)} as $want |
	def close(a; b): [a, b] | transpose | map(.[0] - .[1] | fabs < 1e-12) | all;
	$got[0] | [.n == $want.n, .n > 8, .refused.difference != .refused_prefix.difference, ([.refused, .refused_prefix] | map([.harmful, .benign, .difference, .standard_error]) as [$a, $b] |
		close($a; $want.refused), close($b; $want.refused_prefix))]' -c "$TMP/sides" > "$TMP/near"
is "$(cat "$TMP/near")" "[true,true,true,true,true]" "refusals --pair: counted"
{ head -30 "$TMP/sides" | tac; tail -30 "$TMP/sides"; } > "$TMP/turned"
is "$(pairs "$TMP/turned" | jq .n)" "$(jq .n "$TMP/got")" "in another order"
is "$(jq -c '[.refused, .refused_prefix][] | [(.difference - 1.96 * .standard_error - .difference_ci[0]), (.difference + 1.96 * .standard_error - .difference_ci[1])] as $d |
	[(.standard_error as $e | $d | map(fabs < 0.25 * $e)[]), .harmful_ci[0] < .harmful, .harmful < .harmful_ci[1], .benign_ci[0] < .benign, .benign < .benign_ci[1]] | all' "$TMP/got" | tr '\n' ' ')" \
   "true true " "its intervals are about those of the standard error"
is "$(echo '{"output":"x"}' | pairs | jq -c '[.refused.harmful_ci, .refused.difference_ci]')" '[null,null]' "of no pairs, none"
eval_ refusals --pair of --label-key kind --unsafe harm --each "$TMP/each" "$TMP/sides" > "$TMP/by"
is "$(jq -c '{of, kind, r: .refused, p: .refused_prefix}' "$TMP/each")" "$(jq -c '{of, kind, r: (.output != "Yes"), p: (.output == "Sorry")}' "$TMP/sides")" "--each with the keys of --pair"
is "$(jq -c '.label = (if .kind == "harm" then "unsafe" else "safe" end)' "$TMP/sides" | eval_ refusals --pair of | jq -c .pair)" "$(cat "$TMP/got")" "by label, which is unsafe, if nothing is said"
is "$(echo '{"output":"x"}' | pairs | bare)" '{"n":0,"refused":{"harmful":null,"benign":null,"difference":null,"standard_error":null},"refused_prefix":{"harmful":null,"benign":null,"difference":null,"standard_error":null}}' "of no pairs, null"
is "$(printf '{"output":"Sorry","of":1,"kind":"%s"}\n' harm fine | pairs | jq -c '[.n, .refused.difference, .refused.standard_error]')" '[1,0,null]' "of one pair, no error"
fails 1 'sides:[0-9]*: no "label"' "no label" eval_ refusals --pair of "$TMP/sides"
fails 2 'go with --pair' "--unsafe alone" eval_ refusals --unsafe harm "$TMP/sides"
fails 2 'go with --pair' "--label-key alone" eval_ refusals --label-key kind "$TMP/sides"

# detect: safe scores .5 3 .25 .75 1 null; unsafe -1 2 1 none
eval_ detect -q --scores "$G/scores.jsonl" --group source "$G/rows.jsonl" > "$TMP/found"
# pairs won by the safe row, of 6: -1: 5;  2: 1;  1: 1.5;  none: 5.5 (ties with null)
is "$(jq -c '[(.auroc * 24 | round), .kept_unsafe, .n, .unsafe]' "$TMP/found")" '[13,0.75,10,4]' "detect: auroc, kept at 80 %"
is "$(jq -c '[(.by.x.auroc * 24 | round), (.by.y.auroc * 24 | round), .by.x.kept_unsafe, .by.y.kept_unsafe, .by.y.n]' "$TMP/found")" \
   '[13,13,1,0.5,2]' "by source"
# safe rows that have a score and a last visit: scores .5 3 .25 .75 1, last 4 2 0 5 6
is "$(jq '.rho * 1e9 | round' "$TMP/found")" 400000000 "rho among safe rows"
is "$(eval_ detect -q --scores "$G/scores.jsonl" --keep 4 "$G/rows.jsonl" | jq .kept_unsafe)" 0.5 "--keep 4: the tie goes to the smaller hash"
is "$(eval_ detect -q --scores "$G/scores.jsonl" --label-key source --unsafe x "$G/rows.jsonl" | jq .unsafe)" 2 "another label"
jq -c 'if .seal then . else .loss = (.score | if . then -. else . end) | .loss_base = (.score | if . then . * 10 else . end) end' "$G/scores.jsonl" > "$TMP/columns"
is "$(eval_ detect -q --scores "$TMP/columns" --by loss --group source "$G/rows.jsonl")" "$(cat "$TMP/found")" "--by loss, which is the score"
is "$(eval_ detect -q --scores "$TMP/columns" --by tempered "$G/rows.jsonl" | jq .auroc)" "$(jq .auroc "$TMP/found")" "--by tempered: in the same order"
is "$(eval_ detect -q --scores "$TMP/columns" --by '-loss_base' "$G/rows.jsonl" | jq '.rho * 1e9 | round')" -400000000 "--by a formula"
fails 1 'no row has a column "nothing"' "a column that is not there" eval_ detect --scores "$TMP/columns" --by nothing "$G/rows.jsonl"
{ head -n 1 "$G/scores.jsonl"; sed 1d "$G/scores.jsonl" | tac; } > "$TMP/tac"
is "$(eval_ detect -q --scores "$TMP/tac" --group source "$G/rows.jsonl")" "$(cat "$TMP/found")" "scores in another order"
head -n 3 "$G/rows.jsonl" > "$TMP/part"
is "$(eval_ detect -q --scores "$G/scores.jsonl" --keep 67% "$TMP/part" | bare)" \
   '{"auroc":1,"kept_unsafe":0,"rho":-1,"n":3,"unsafe":1,"by":{}}' "a part of the rows; the share counts the rows read"
sed 's/,"last":[0-9]*/,"last":null/' "$G/scores.jsonl" > "$TMP/nolast"
is "$(eval_ detect -q --scores "$TMP/nolast" "$G/rows.jsonl" | jq .rho)" null "no visits, no rho"
eval_ detect --scores "$G/scores.jsonl" "$G/rows.jsonl" 2> "$TMP/err" > /dev/null
is "$(cat "$TMP/err")" "seal-eval detect: 1 rows without a score count as lowest" "rows without a score are told"
is "$(eval_ detect -q --scores "$G/scores.jsonl" --unsafe nobody "$G/rows.jsonl" | jq -c '[.auroc, .kept_unsafe]')" '[null,null]' "nobody unsafe"
sed 's/"id"/"name"/' "$TMP/part" > "$TMP/names"
fails 1 'none of the rows' "another data set" eval_ detect --scores "$G/scores.jsonl" "$TMP/names"
fails 1 'rows.jsonl:1: no "labels"' "no label" eval_ detect --scores "$G/scores.jsonl" --label-key labels "$G/rows.jsonl"
fails 2 'scores is missing' "no scores" eval_ detect "$G/rows.jsonl"
fails 2 'neither a count' "a bad share" eval_ detect --scores "$G/scores.jsonl" --keep x "$G/rows.jsonl"
fails 2 'neither a count' "nor is auto, which is seal-select's, a share" eval_ detect --scores "$G/scores.jsonl" --keep auto "$G/rows.jsonl"

# detect --pair, --cells, --against: 200 rows with few different scores, some null, some rows without one, against jq, which counts
# all pairs of rows.  jq sorts null below all numbers.
awk 'BEGIN { for (i = 0; i < 200; i++) {
	x = (x + 1) * 16807 % 2147483647; y = int(x / 1000)
	printf "{\"id\":\"n%d\",\"label\":\"%s\"", i, y % 3 ? "fine" : "unsafe"
	if (y % 7) printf ",\"from\":%s", y % 7 < 3 ? "\"a\"" : y % 7 < 6 ? "2" : "\"few\""
	if (y % 5) printf ",\"of\":%s", y % 5 == 1 ? "null" : "\"p" int(y / 5) % 40 "\""
	print "}" } }' > "$TMP/many"
"$BIN/seal-score" -q --method random --seed 6 --plain "$TMP/many" | jq -c 'if .seal then .rows = 190 else
	(.id[1:] | tonumber) as $n | select($n % 20 != 7) | .score = if $n % 17 == 0 then null else .score * 10 + $n % 3 | round end end' > "$TMP/many.scores"
jq -s --slurpfile scores "$TMP/many.scores" '
	def auroc(u; s): [u[].s as $u | s[].s as $s | if $s > $u then 1 elif $s == $u then 0.5 else 0 end] | {n: length, sum: add, auroc: (if length > 0 then add / length else null end)};
	def text: if type == "string" then . else tojson end;
	(reduce $scores[1:][] as $r ({}; .[$r.id] = $r.score)) as $score |
	map(.s = $score[.id] | .bad = (.label == "unsafe")) as $rows |
	def cells($least): [$rows | group_by(.from) | .[] as $u | .[] as $s | ($u | map(select(.bad))) as $u | ($s | map(select(.bad | not))) as $s |
		select(($u | length) >= $least and ($s | length) >= $least) |
		auroc($u; $s) + {u: $u[0].from | text, s: $s[0].from | text}] |
		{n: length, macro: (map(.auroc) | if length > 0 then add / length else null end), worst: min_by(.auroc)} |
		{macro, worst: .worst.auroc, worst_unsafe: .worst.u, worst_safe: .worst.s, n};
	{pairs: ([$rows | map(select(.of)) | group_by(.of)[] | auroc(map(select(.bad)); map(select(.bad | not)))] | {pairs: ((map(.sum) | add) / (map(.n) | add)), n_pairs: map(.n) | add}),
	 cells: cells(20), all: cells(1), none: cells(1000),
	 against: [$rows | group_by(.from)[] | map(select(.bad | not)) | {key: .[0].from | text, value: {auroc: auroc($rows | map(select(.bad)); .).auroc, n: length}}] | from_entries}
' "$TMP/many" > "$TMP/counted"
many() { eval_ detect -q --scores "$TMP/many.scores" "$@" "$TMP/many"; }
# alike JSON WANT NAME - the same keys and texts; numbers within 1e-12
alike() {
	jq -en --argjson got "$1" --argjson want "$2" 'def near(a; b): (a | type) == (b | type) and
		if (a | type) == "object" then (a | keys) == (b | keys) and ([a | keys[] as $k | near(a[$k]; b[$k])] | all)
		elif (a | type) == "number" then (a - b | fabs) < 1e-12 else a == b end; near($got; $want)' > "$TMP/near"
	ok $? "$3"; [ "$(cat "$TMP/near")" = true ] || printf '# got  %s\n# want %s\n' "$1" "$2"
}
counted() { jq -c ".$1" "$TMP/counted"; }
alike "$(many --pair of | jq -c '{pairs, n_pairs}')" "$(counted pairs)" "--pair: every pair within a group, counted"
is "$(counted pairs | jq '.n_pairs > 50 and .pairs > 0.3 and .pairs < 0.7')" true "of which there are some"
alike "$(many --cells from | jq -c .cells)" "$(counted cells)" "--cells: every source against every other, counted"
alike "$(many --cells from --cell-rows 1 | jq -c .cells)" "$(counted all)" "--cell-rows 1: the small ones too"
is "$(jq -c "[.cells.n, .all.n, .none.n]" "$TMP/counted")" '[6,16,0]' "which are more"
alike "$(many --cells from --cell-rows 1000 | jq -c .cells)" "$(counted none)" "no cell is large enough: null"
alike "$(many --against from | bare | jq -c .against)" "$(counted against)" "--against: all unsafe rows against the safe ones of each source"
is "$(many --pair of --cells from --against from | jq -c 'del(.pairs, .pairs_ci, .n_pairs, .cells, .against)')" "$(many)" "what else is told stays"
is "$(many --pair id | jq -c '[.pairs, .pairs_ci, .n_pairs]')" '[null,null,0]' "no pairs, no share"
is "$(many --pair of --cells from --against from --unsafe nobody | jq -c '[.n_pairs, .cells.n, (.against | map(.auroc) | add)]')" '[0,0,null]' "nobody unsafe, nothing to compare"
is "$(many --cells label --against label --cell-rows 1 | jq -c '[.cells.n, .cells.worst_unsafe, .cells.worst_safe, (.against | keys)]')" \
   '[1,"unsafe","fine",["fine"]]' "values that no safe row has are in no comparison"
# DeLong's interval of the area by its definition, of all rows, a group and a part of the safe ones; Wilson's of a share
jq -s --slurpfile scores "$TMP/many.scores" '
	def mean: add / length;
	def var: mean as $m | map(pow(. - $m; 2)) | add / (length - 1);
	def win: if .[0] > .[1] then 1 elif .[0] == .[1] then 0.5 else 0 end;
	def delong(s; u): [s] as $s | [u] as $u | ($s | map(. as $x | $u | map([$x, .] | win) | mean)) as $a | ($u | map(. as $y | $s | map([., $y] | win) | mean)) as $b |
		(($a | var) / ($s | length) + ($b | var) / ($u | length) | sqrt * 1.959963984540054) as $half | ($a | mean) | [. - $half, . + $half];
	(reduce $scores[1:][] as $r ({}; .[$r.id] = $r.score)) as $score | map(.s = ($score[.id] // -1e9) | .bad = (.label == "unsafe")) |
	{all: delong(.[] | select(.bad | not).s; .[] | select(.bad).s), group: delong(.[] | select(.bad | not).s; .[] | select(.bad and .from == "a").s),
	 against: delong(.[] | select((.bad | not) and .from == "few").s; .[] | select(.bad).s)}' "$TMP/many" > "$TMP/delong"
alike "$(many --group from --against from | jq -c '{all: .auroc_ci, group: .by.a.auroc_ci, against: .against.few.auroc_ci} | map_values({l: .[0], h: .[1]})')" "$(jq -c 'map_values({l: .[0], h: .[1]})' "$TMP/delong")" "areas have DeLong's interval"
is "$(many | jq -c '.kept_unsafe as $p | .unsafe as $n | .kept_unsafe_ci | map(. as $x | ($x - $p) * ($x - $p) * $n - 3.8414588206941 * $x * (1 - $x) | fabs < 1e-9)')" '[true,true]' "the kept share has Wilson's"
is "$(many --pair of | jq -c '[.pairs_ci[0] < .pairs, .pairs < .pairs_ci[1]]')" '[true,true]' "pairs have one too"
fails 2 'cell-rows goes with --cells' "--cell-rows alone" many --cell-rows 5
fails 2 'cell-rows' "cells of no rows" many --cells from --cell-rows 0

# stability: three files of 60 rows with ties and nulls, in other orders, against jq
head -n 60 "$TMP/many" > "$TMP/sixty"
for i in 1 2 3; do
	"$BIN/seal-score" -q --method random --seed $i --plain "$TMP/sixty" | jq -c --argjson i $i 'if .seal then . else
		(.id[1:] | tonumber) as $n | .score = if $n % 11 == $i then null else (.score * 20 + $n | round) end end' > "$TMP/seed$i"
done
{ head -n 1 "$TMP/seed2"; sed 1d "$TMP/seed2" | tac; } > "$TMP/turned"
three() { eval_ stability "$@" "$TMP/seed1" "$TMP/turned" "$TMP/seed3"; }
# stable ROWS KEEP - what three should find when so many rows are kept, KEEP in other words
stable() {
	jq -sc --argjson n "$1" --arg keep "$2" '
		def ranks: . as $v | map(. as $x | ($v | map(select(. < $x)) | length) + (($v | map(select(. == $x)) | length) + 1) / 2);
		def cov(a; b): (a | add / length) as $a | (b | add / length) as $b | [range(a | length) as $i | (a[$i] - $a) * (b[$i] - $b)] | add;
		def rho: map(select(.[0] != null and .[1] != null)) | (map(.[0]) | ranks) as $x | (map(.[1]) | ranks) as $y |
			cov($x; $y) / (cov($x; $x) * cov($y; $y) | sqrt);
		def kept: map(select(.score != null)) | sort_by([-.score, .hash])[:$n] | map(.id);
		def dropped: map(.id) - kept;
		def overlap: map(dropped) | (.[0] - (.[0] - .[1]) | length) * 2 / (map(length) | add);
		map(select(.seal | not)) | [.[:60], .[60:120], .[120:]] | map(sort_by(.id)) | [[.[0], .[1]], [.[0], .[2]], [.[1], .[2]]] |
		map(overlap) as $o | map(map(map(.score)) | transpose | rho) as $rho |
		{files: 3, rows: 60, keep: $keep, overlap: ($o | add / 3), overlap_least: ($o | min), rho: ($rho | add / 3), rho_least: ($rho | min)}
	' "$TMP/seed1" "$TMP/turned" "$TMP/seed3"
}
alike "$(three)" "$(stable 48 80%)" "stability: three files, counted"
alike "$(three --keep 30)" "$(stable 30 30)" "--keep 30"
alike "$(three --keep 95%)" "$(stable 57 95%)" "--keep 95%: more than have a score in each"
is "$(three | jq '.overlap > .overlap_least and .rho > .rho_least and .overlap_least > 0.1')" true "of which none is like the others"
is "$(eval_ stability "$TMP/seed2" "$TMP/turned" | jq -c '[.overlap, .overlap_least, .rho, .rho_least]')" '[1,1,1,1]' "the order of a file does not count"
is "$(eval_ stability - "$TMP/seed2" < "$TMP/turned")" "$(eval_ stability "$TMP/turned" "$TMP/seed2")" "one may be stdin"
jq -c 'if .seal then . else .loss = (.score | if . then -. else . end) | .score = 1 end' "$TMP/seed3" > "$TMP/flat"
is "$(eval_ stability --keep 100% "$TMP/flat" "$TMP/seed1" "$TMP/seed3" | jq -c '[.rho, .rho_least]')" '[null,null]' "a constant is like nothing"
is "$(eval_ stability --keep 100% "$TMP/flat" "$TMP/flat" | jq -c '[.overlap, .overlap_least]')" '[null,null]' "nor is nothing dropped"
jq -c 'if .seal then . else .loss = (.score | if . then -. else . end) end' "$TMP/seed1" > "$TMP/loss1"
is "$(eval_ stability --by loss "$TMP/loss1" "$TMP/flat")" "$(eval_ stability "$TMP/seed1" "$TMP/seed3")" "--by a formula"
is "$(printf '{"seal":"scores","rows":0}\n' > "$TMP/none"; eval_ stability "$TMP/none" "$TMP/none" | jq -c '[.rows, .overlap, .rho]')" '[0,null,null]' "of no rows, null"
sed '1s/60/59/; 31d' "$TMP/seed2" > "$TMP/short"
gone=$(sed -n 31p "$TMP/seed2" | jq -r .id)
fails 1 "short: lacks the row $gone of .*/seed1" "a row that another file has" eval_ stability "$TMP/seed1" "$TMP/seed2" "$TMP/short"
fails 1 "short: lacks the row $gone of .*/seed2:31" "and one that the first has not" eval_ stability "$TMP/short" "$TMP/seed2"
{ sed 1s/60/61/ "$TMP/seed1"; tail -n 1 "$TMP/seed1"; } > "$TMP/twice"
last=$(tail -n 1 "$TMP/seed1" | jq -r .id)
fails 1 "twice:62: the row $last is scored twice" "a row twice in the first" eval_ stability "$TMP/twice" "$TMP/seed1"
fails 1 "twice:62: the row $last is scored twice" "a row twice in the second" eval_ stability "$TMP/seed1" "$TMP/twice"
sed '5s/"hash":"..../"hash":"0000/' "$TMP/seed2" > "$TMP/other"
fails 1 "other:5: the row n3 has another hash than in .*/seed1" "another data set" eval_ stability "$TMP/seed1" "$TMP/other"
fails 1 'no row has a column "loss"' "a column that is not there" eval_ stability --by loss "$TMP/loss1" "$TMP/seed1"
fails 1 'not a scores file' "rows for scores" eval_ stability "$TMP/seed1" "$TMP/sixty"
fails 2 'at least two files' "one file" eval_ stability "$TMP/seed1"
fails 2 'at least two files' "none" eval_ stability
fails 2 'only once' "stdin twice" eval_ stability - -
fails 2 'neither a count' "a bad share" eval_ stability --keep auto "$TMP/seed1" "$TMP/seed2"

# commands
fails 2 'no command' "no command" eval_
fails 2 "unknown command 'wins'" "an unknown one" eval_ wins
like "$(eval_ -h)" '^  winrate ' "-h lists the commands"
cp "$TMP/v" "$TMP/same"
fails 1 'both input and output' "an input is never overwritten" eval_ winrate -o "$TMP/same" "$TMP/same"
done_testing
