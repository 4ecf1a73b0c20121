#!/bin/sh
# SPDX-License-Identifier: MIT
# compare.t - seal-eval compare: means with their intervals, and differences paired by id
. "$(dirname "$0")/tap.sh"
cd "$TMP" || exit 1
compare() { "$BIN/seal-eval" compare "$@"; }

# Three arms of 60 prompts, b and c against a: in other orders, with prompts of their own, some null.
arm() { jq -nc --argjson k "$1" '[range(60) | {id: "q\(.)", x: ((. * 7919 % 101 / 25) + (. * $k * 31 % 17 / 40) + $k / 5)}][]'; }
arm 0 > a; arm 1 | tac > b; { arm 2 | tail -n 50 | jq -c 'if .id | endswith("5") then .x = null else . end'; echo '{"id":"new","x":9}'; } > c
compare --by x a b c > got; ok $? "three files"
# want FILE - its line by jq, without the intervals
want() {
	jq -n --arg name "$1" --slurpfile a a --slurpfile b "$1" 'def mean: add / length;
		def by: group_by(.id) | map({key: .[0].id | tostring, value: (map(.x | if type == "boolean" then (if . then 1 else 0 end) else . end) | map(select(. != null)) | if length > 0 then mean else null end)}) | from_entries;
		($a | by) as $a | ($b | by) as $b | {file: $name, n: ($b | map(select(. != null)) | length), left_out: ($b | map(select(. == null)) | length), x: ($b | map(select(. != null)) | mean)} +
		if $name == "a" then {} else [$a | keys[] | select($a[.] != null and $b[.] != null) | $b[.] - $a[.]] | {n_both: length, difference: mean} end'
}
# alike NAME FILE GOT - the same keys, numbers within 1e-12
alike() {
	want "$2" > want
	jq -en --slurpfile got "$3" --slurpfile want want 'def near(a; b): (a | type) == (b | type) and
		if (a | type) == "object" then (a | keys) == (b | keys) and ([a | keys[] as $k | near(a[$k]; b[$k])] | all)
		elif (a | type) == "number" then (a - b | fabs) < 1e-12 else a == b end;
		near($got[] | select(.file == $want[0].file) | del(.x_ci, .difference_ci); $want[0])' > near
	ok $? "$1"; [ "$(cat near)" = true ] || { jq -c . "$3" want | sed 's/^/# /'; }
}
alike "the first: its mean" a got
alike "another order" b got
alike "missing and new ids, and nulls" c got
is "$(jq -c '[.n, .left_out, .n_both]' got | tr '\n' ' ')" '[60,0,null] [60,0,60] [46,5,45] ' "counted"
is "$(jq -c '[.x_ci[0] < .x and .x < .x_ci[1], (.difference == null or (.difference_ci[0] < .difference and .difference < .difference_ci[1]))]' got | sort -u)" '[true,true]' "each is between its ends"
is "$(jq -s '.[1] | (.difference_ci[1] - .difference_ci[0]) * 5 < .x_ci[1] - .x_ci[0]' got)" true "paired, a difference is known better than the means"
# the normal interval, to which the bootstrap's is near
is "$(jq -s --slurpfile a a --slurpfile b b '($b | map({key: .id, value: .x}) | from_entries) as $b | ($a | map($b[.id] - .x)) as $d | ($d | add / length) as $m |
	($d | map(pow(. - $m; 2)) | add / length / length | sqrt * 1.96) as $half | .[1].difference_ci | [.[0] - ($m - $half), .[1] - ($m + $half)] | map(fabs < 0.08 * $half) | all' got)" true "which the normal interval agrees with"
is "$(compare --by x a b c)" "$(cat got)" "the same twice"
is "$(compare --by x a)" "$(head -n 1 got)" "one file alone"
is "$(compare --by x < a | jq -c 'del(.file)')" "$(head -n 1 got | jq -c 'del(.file)')" "or stdin"
is "$(compare --by x - b < a | jq -c 'del(.file)')" "$(head -n 2 got | jq -c 'del(.file)')" "which may be the first"
is "$(jq -s . b | zstd -q > b.zst; compare --by x a b.zst | jq -c 'del(.file)')" "$(head -n 2 got | jq -c 'del(.file)')" "an array, packed"
jq -c '{name: .id, y: .x}' a > names
is "$(compare --by y --id name names | jq '[.y, .y_ci]' -c)" "$(head -n 1 got | jq -c '[.x, .x_ci]')" "other keys"

# Several seeds: a prompt counts once.
{ cat b; arm 5; arm 7 | head -n 30; } > seeds
compare --by x a seeds > repeats
alike "an id that comes several times counts with its mean" seeds repeats
is "$(compare --by x a a | jq -sc '.[1] | [.difference, .difference_ci]')" '[0,[0,0]]' "a file is like itself"

# Booleans, and whatever is 0 or 1: Wilson's interval.
awk 'BEGIN { for (i = 0; i < 40; i++) printf "{\"id\":%d,\"x\":%s}\n", i, i % 4 ? "false" : "true" }' > flags
sed 's/false/0/; s/true/1/' flags > bits
is "$(compare --by x flags | jq -c 'del(.file)')" "$(compare --by x bits | jq -c 'del(.file)')" "true is 1"
is "$(compare --by x flags | jq -c '[.x, (.x_ci | map(. * 1e4 | round))]')" '[0.25,[1419,4019]]' "a share has Wilson's interval"
is "$(sed 's/true/false/' flags | compare --by x | jq -c '[.x, .x_ci[0], (.x_ci[1] * 1e4 | round)]')" '[0,0,876]' "also where none is"
is "$(sed 's/"x":.*/"x":0.5}/' flags | compare --by x | jq -c '[.x, .x_ci]')" '[0.5,[0.5,0.5]]' "but a constant is no share"
cat flags flags > twice; is "$(compare --by x twice | jq -c .x_ci)" "$(compare --by x flags | jq -c .x_ci)" "two seeds that agree know no more than one"
printf '{"id":1,"x":null}\n' > none
is "$(compare --by x none)" '{"file":"none","n":0,"left_out":1,"x":null,"x_ci":null}' "of nothing, null"
is "$(printf '{"id":1,"x":3}\n' > one; compare --by x one none | jq -sc '.[1] | [.n_both, .difference, .difference_ci]')" '[0,null,null]' "nor is nothing compared"
is "$(printf '{"id":"1","x":3}\n' | compare --by x one - | jq -sc '.[1].n_both')" 1 "an id that is a number is the text of it"

printf '{"id":2,"x":3}\n' > other
fails 1 'one and other have no "id" in common' "other prompts" compare --by x one other
fails 1 'one:1: no "y"' "no value" compare --by y one
fails 1 'one:1: no "name"' "no id" compare --by x --id name one
printf '{"id":1,"x":1}\n{"id":2,"x":"1"}\n' > bad
fails 1 'bad:2: "x" is neither a number, true, false nor null' "a text" compare --by x bad
printf '{"id":1,"x":NaN}\n' > bad
fails 1 'bad:1: "x" is neither a number' "what is no number" compare --by x bad
fails 1 'empty: no objects' "an empty file" sh -c ": > empty; '$BIN/seal-eval' compare --by x one empty"
fails 2 'by is missing' "no key" compare one
done_testing
