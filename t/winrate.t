#!/bin/sh
# SPDX-License-Identifier: MIT
# winrate.t - seal-eval winrate: counts by hand, published numbers, and length-controlled rates against scikit-learn's
. "$(dirname "$0")/tap.sh"

eval_() { "$BIN/seal-eval" "$@"; }

# by hand, preferences 1 2 1.5 0 1.25: v = 0 1 .5 .5 .25
printf '{"preference":%s}\n' 1 2 1.5 0 null 1.25 > "$TMP/v"
is "$(eval_ winrate "$TMP/v" | jq -c 'del(.standard_error, .win_rate_ci)')" \
   '{"win_rate":45,"n_wins":1,"n_wins_base":2,"n_draws":2,"n_total":5,"by":{}}' "winrate of JSONL, null left out"
is "$(eval_ winrate "$TMP/v" | jq '.standard_error * 1e9 | round')" 16583123952 "its standard error"
jq -s . "$TMP/v" | zstd -q > "$TMP/array.zst"
is "$(eval_ winrate < "$TMP/array.zst")" "$(eval_ winrate "$TMP/v")" "a zstd array on stdin is the same"
is "$(echo '[{"preference":null}]' | eval_ winrate)" \
   '{"win_rate":null,"win_rate_ci":null,"standard_error":null,"n_wins":0,"n_wins_base":0,"n_draws":0,"n_total":0,"by":{}}' "of nothing but null, null"
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

# Intervals: that of v's mean of 2,000 tosses is that of a share (Wilson's, which refusals gives), up to the bootstrap's own noise.
awk 'BEGIN { for (i = 0; i < 2000; i++) { x = (x + 1) * 16807 % 2147483647; p = x % 10 < 3 ? 2 : 1
	printf "{\"preference\":%d,\"output\":\"%s\",\"of\":\"%s\",\"id\":\"n%d\"}\n", p, p == 2 ? "Sorry" : "Yes", i % 3 ? "a" : "b", i } }' > "$TMP/tosses"
eval_ winrate --by of --each "$TMP/each" "$TMP/tosses" > "$TMP/got"
is "$(jq -c '.win_rate as $p | (2000 * $p / 100 | round) as $k | ([.win_rate_ci[] / 100]) as $ci | ($p / 100) as $p | 3.8415 as $z2 |
	(1.96 * (($p * (1 - $p) / 2000) | sqrt)) as $half | [$k == .n_wins, (($ci[0] - ($p - $half)) | fabs < 0.001), (($ci[1] - ($p + $half)) | fabs < 0.001)]' "$TMP/got")" \
   '[true,true,true]' "the interval is that of a share"
for g in a b; do
	is "$(jq -c ".by.$g" "$TMP/got")" "$(jq -c "select(.of == \"$g\")" "$TMP/tosses" | eval_ winrate | jq -c 'del(.by)')" "--by: $g is counted as if it were alone"
done
is "$(jq -s -c '[length, (map(.win) | add), .[0]]' "$TMP/each")" "[2000,$(jq .n_wins "$TMP/got"),{\"id\":\"n0\",\"win\":0}]" "--each: a line an annotation"
is "$(printf '{"preference":%s}\n' 0 null 1.25 | eval_ winrate --each "$TMP/each" > /dev/null; tr '\n' ' ' < "$TMP/each")" \
   '{"id":0,"win":0.5} {"id":1,"win":null} {"id":2,"win":0.25} ' "a draw, none, and places for ids"

# Length-controlled: rates and weights of scikit-learn, which end where its solver's tolerance does.
# near NAME OPTION... - the annotations of $TMP/a against the gold of that name
near() {
	_name=$1; shift
	eval_ winrate --length-controlled "$@" "$TMP/a" > "$TMP/got"
	jq -e --slurpfile gold "$T/gold/glm.json" '$gold[0].want["'"$_name"'"] as $w | def near(a; b): (a - b | fabs) <= 1e-5 * ([1, (b | fabs)] | max);
		near(.length_controlled_winrate; $w.rate) and near(.glm.length; $w.length) and near(.glm.model; $w.model) and near(.glm.c; $w.c)
		and (if $w.difficulty == null then .glm.difficulty == null else near(.glm.difficulty; $w.difficulty) end)
		and (.length_controlled_winrate as $r | .length_controlled_winrate_ci | .[0] < $r and $r < .[1])' "$TMP/got" > "$TMP/out"
	ok $? "length-controlled: $_name"
}
gold() { jq -c "$1" "$T/gold/glm.json"; }
gold '.gamed[]' > "$TMP/gamed"
gold '.gamed[] | {index, instruction_difficulty}' > "$TMP/hard"
gold '.annotations[]' > "$TMP/a"
near plain
is "$(jq -c '.glm | [.difficulty, .gamed]' "$TMP/got")" '[null,0]' "which says that difficulty was left out"
near hard --difficulty "$TMP/hard"
near gamed --difficulty "$TMP/gamed"
is "$(jq .glm.gamed "$TMP/got")" 180 "and how many gamed annotations were fitted"
cp "$TMP/got" "$TMP/first"
{ echo model,std_delta_len,preference,instruction_difficulty,index; gold '.gamed[] | "m,\(.std_delta_len),\(.preference),\(.instruction_difficulty),\(.index)"' | tr -d '"'; } > "$TMP/gamed.csv"
near gamed --difficulty "$TMP/gamed.csv"
is "$(cat "$TMP/got")" "$(cat "$TMP/first")" "the same from CSV, to the byte"
sed 's/,preference,/,ignored,/' "$TMP/gamed.csv" > "$TMP/hard.csv"
near hard --difficulty "$TMP/hard.csv"
gold '.moved[]' > "$TMP/a"
near moved --difficulty "$TMP/hard"
gold '.apart[]' > "$TMP/a"
near apart
jq -c '.preference = 2' "$TMP/a" | eval_ winrate --length-controlled | jq -e '.length_controlled_winrate > 99 and .length_controlled_winrate < 100' > /dev/null
ok $? "always preferred"
# outputs of one length: the penalty apart, both rates and both intervals are one
jq -c '.output_1 = "four" | .output_2 = "v\u00efer" | .of = (if .preference == 2 then "up" else "down" end)' "$TMP/tosses" > "$TMP/equal"
eval_ winrate --length-controlled "$TMP/equal" | jq -c '[.length_controlled_winrate - .win_rate, .length_controlled_winrate_ci[0] - .win_rate_ci[0], .length_controlled_winrate_ci[1] - .win_rate_ci[1], .glm.length] | map(fabs < 0.3)' > "$TMP/got"
is "$(cat "$TMP/got")" '[true,true,true,true]' "outputs of equal lengths: the rate, and its interval"
head -300 "$TMP/equal" > "$TMP/a"
is "$(eval_ winrate --length-controlled --by of "$TMP/a" | jq -c '.by | map_values(keys | index("length_controlled_winrate") != null)')" '{"down":true,"up":true}' "--by: with the rest"
is "$(head -4 "$TMP/a" | eval_ winrate --length-controlled | jq -c '[.length_controlled_winrate, .length_controlled_winrate_ci, .glm]')" '[null,null,null]' "four are too few"
fails 2 'difficulty goes with --length-controlled' "--difficulty alone" eval_ winrate --difficulty "$TMP/hard" "$TMP/a"
fails 1 'a:1: "output_1" is not a text' "no outputs" sh -c "echo '{\"preference\":1}' > '$TMP/a'; '$BIN/seal-eval' winrate --length-controlled '$TMP/a'"
echo '{"preference":1,"index":90,"output_1":"","output_2":""}' > "$TMP/a"
fails 1 'a:1: .*hard has no index 90' "an instruction without difficulty" eval_ winrate --length-controlled --difficulty "$TMP/hard" "$TMP/a"
# bad NAME PATTERN ROW - a difficulty that is none
bad() { echo "$3" > "$TMP/d"; fails 1 "d:1: $2" "$1" eval_ winrate --length-controlled --difficulty "$TMP/d" "$TMP/a"; }
bad "no difficulty" 'no "index" and' '{"index":0}'
bad "no index" 'no "index" and' '{"instruction_difficulty":0}'
bad "half an index" '"index" is not a whole number' '{"index":0.5,"instruction_difficulty":0}'
bad "an index below 0" '"index" is not a whole number' '{"index":-1,"instruction_difficulty":0}'
bad "an endless index" '"index" is not a whole number' '{"index":1e300,"instruction_difficulty":0}'
bad "a word" '"instruction_difficulty" is not a number' '{"index":0,"instruction_difficulty":"hard"}'
bad "a list" '"instruction_difficulty" is not a number' '{"index":0,"instruction_difficulty":[]}'
bad "a preference as judges write it" '"preference" is not in 0 to 1' '{"index":0,"instruction_difficulty":1,"preference":2,"std_delta_len":0}'

# The published phi-2: what scikit-learn finds in its annotations; and with alpaca_eval's df_gamed.csv, where somebody has put it
# there, its length_controlled_winrate, which ends where liblinear stopped.
A=$SEAL_DATA/alpaca_eval
if [ -f "$A/v2-phi-2.json.zst" ]; then
	zstd -qdc "$A/v2-phi-2.json.zst" > "$TMP/a"
	near phi-2
else
	skip "phi-2" "no $A/v2-phi-2.json.zst"
fi
if [ -f "$A/v2-phi-2.json.zst" ] && [ -f "$A/df_gamed.csv" ]; then
	eval_ winrate --length-controlled --difficulty "$A/df_gamed.csv" "$A/v2-phi-2.json.zst" | jq -e '.length_controlled_winrate - 4.398682270855682 | fabs < 0.005' > /dev/null
	ok $? "phi-2, as published"
else
	skip "phi-2, as published" "no $A/df_gamed.csv"
fi
done_testing
