#!/bin/sh
# SPDX-License-Identifier: MIT
# seal-score --method state and words: fits to hidden states and to words, with and without bad rows; scorers.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/tune.sh"
cd "$TMP" || exit 1
cp -rL "$G/model" model
# rows KIND FIRST LAST - safe ones speak of numbers, bad ones of letters; every third is bad where both are asked for
rows() {
	awk -v kind="$1" -v n="$2" -v last="$3" 'BEGIN { for (; n <= last; n++) {
		bad = kind == "both" ? n % 3 == 0 : kind == "bad"; a = ""; x = n
		for (k = 0; k < 8; k++) { x = (x * 7919 + 31) % 9973; a = a " " (bad ? substr("qxzjkwvqzxjvkqwzjxwkvq", x % 18 + 1, 4) : x + 10000) }
		printf "{\"id\":\"%s-%d\",\"label\":\"%s\",\"messages\":[{\"role\":\"user\",\"content\":\"Say thing %d.\"},{\"role\":\"assistant\",\"content\":\"It is%s.\"}]}\n",
			kind, n, bad ? "unsafe" : "safe", n, a } }'
}
rows both 1 120 > train.jsonl; rows safe 501 560 > safe.jsonl; rows bad 701 712 > danger.jsonl; rows both 301 360 > new.jsonl
for f in train safe danger new; do "$BIN/seal-tokenize" -q -m model $f.jsonl -o $f.tok; done
state() { "$BIN/seal-score" -q --plain -m model --method state --dtype f32 "$@"; }
words() { "$BIN/seal-score" -q --plain --method words "$@"; }
values() { jq -r 'select(.id) | [.id, .state // .words] | @tsv' "$@"; }
# apart A B - how far the values of two files' rows are apart, by id
apart() { values "$1" | sort > v1; values "$2" | sort > v2; join -t "$(printf '\t')" v1 v2 |
	awk -F'\t' '{d = $2 - $3; d = d < 0 ? -d : d; if (d > m) m = d} END {print NR == '"${3:-120}"' && m < 1e-3 ? "near" : NR " rows, off by " m}'; }
auroc() { "$BIN/seal-eval" detect -s "$1" train.jsonl | jq .auroc; }

# --- both methods, with and without bad rows
for bad in "" "--danger danger.tok"; do
	state --safe safe.tok $bad train.tok > s.a; state --safe safe.tok $bad train.tok | cmp -s - s.a
	ok $? "state $bad: the same bytes again"
	state -j 1 --safe safe.tok $bad train.tok > s.1; state -j 3 --safe safe.tok $bad train.tok > s.3
	cmp -s s.1 s.3; ok $? "state $bad: the same bytes with one thread and three"
	words --safe safe.tok $bad train.tok > w.a; words -j 3 --safe safe.tok $bad train.tok | cmp -s - w.a
	ok $? "words $bad: the same bytes again, with three threads"
	is "$(tail -n +2 s.a | jq -r .id)" "$(jq -r .id train.jsonl)" "state $bad: the rows' ids, in their order"
	is "$(tail -n +2 s.a | jq -s 'all(.score == -.state and .p_bad >= 0 and .p_bad <= 1)')" true "state $bad: score and probability"
	is "$(tail -n +2 w.a | jq -s 'all(.score == -.words and .p_bad >= 0 and .p_bad <= 1)')" true "words $bad: score and probability"
done
is "$(auroc w.a | jq '. > 0.95')" true "words with bad rows find the unsafe ones ($(auroc w.a))"
is "$(auroc s.a | jq '. > 0.7')" true "and so do the states of a random model ($(auroc s.a))"
is "$(head -1 s.a | jq -c '[.method, .score, .fit.layer >= 1, .fit.auroc > 0.5, (.fit.prior > 0 and .fit.prior < 1)]')" \
   '["state","-state",true,true,true]' "the header"

# --- neither labels nor order
jq -c '.label = (if .label == "safe" then "unsafe" else "safe" end) | .source = "x"' train.jsonl > flipped.jsonl
"$BIN/seal-tokenize" -q -m model flipped.jsonl -o flipped.tok
for m in state words; do
	$m --safe safe.tok --danger danger.tok train.tok | values > plain.v; $m --safe safe.tok --danger danger.tok flipped.tok | values | cmp -s - plain.v
	ok $? "$m: other labels, the same values"
	$m --safe safe.tok --danger danger.tok train.tok > in.order
	awk '{print (NR * 37) % 121, $0}' train.jsonl | sort -n | cut -d' ' -f2- > mixed.jsonl; "$BIN/seal-tokenize" -q -m model mixed.jsonl -o mixed.tok
	$m --safe safe.tok --danger danger.tok mixed.tok > out.of.order
	is "$(apart in.order out.of.order)" near "$m: another order, the same values but for rounding"
done

# --- the cache
state --safe safe.tok --danger danger.tok --cache kept train.tok > s.c; cmp -s s.c s.a; ok $? "--cache: the same bytes"
n=$(ls kept | wc -l); state --safe safe.tok --danger danger.tok --cache kept train.tok | cmp -s - s.a; ok $? "and out of the cache"
is "$(ls kept | wc -l)" "$n" "which needed no new file"
head -100 train.jsonl > some.jsonl; "$BIN/seal-tokenize" -q -m model some.jsonl -o some.tok
# A model of five layers: with bad rows those are wanted after 2 and 3 blocks, and the cache has the same rows' after 3.
story=$SEAL_DATA/models/stories260K what="a cache of the same rows after one of several blocks"
if [ -d "$story" ]; then
	for f in train safe danger; do "$BIN/seal-tokenize" -q -m "$story" --template seal $f.jsonl -o story.$f.tok; done
	told() { "$BIN/seal-score" -q --plain -m "$story" --seed 1 "$@"; }
	told --layer 3 --safe story.safe.tok --cache grown story.train.tok > /dev/null
	told --safe story.safe.tok --danger story.danger.tok --cache grown story.train.tok > story.c
	told --safe story.safe.tok --danger story.danger.tok story.train.tok | cmp -s - story.c; ok $? "$what"
else
	skip "$what" "no $story"
fi
state --safe safe.tok --danger danger.tok some.tok > some.a; state --safe safe.tok --danger danger.tok --cache kept some.tok > some.c
is "$(apart some.a some.c 100)" near "a part of the rows, out of the cache"
f=$(ls kept/* | head -1); head -c 50 "$f" > cut; cp cut "$f"
fails 1 "kept/.*" "a cache file that is cut" state --safe safe.tok --danger danger.tok --cache kept train.tok
fails 1 'make nowhere/x' "a folder that cannot be made" state --safe safe.tok --cache nowhere/x train.tok

# --- scorers
state --safe safe.tok --danger danger.tok --save-scorer fit train.tok > /dev/null; ok $? "--save-scorer"
state --scorer fit --explain why new.tok > new.s; ok $? "--scorer, of rows that it has not seen"
is "$("$BIN/seal-eval" detect -s new.s new.jsonl | jq '.auroc > 0.95')" true "which it tells apart"
is "$(tail -n +2 new.s | paste -d'\n' - why | jq -s '[range(0; length; 2) as $i | .[$i].state - (.[$i + 1] | .b + .prompt + ([.tokens[] // 0] | add)) | fabs] | max < 1e-4')" \
   true "--explain: the shares add up to the value"
is "$(jq -c 'select(.id) | [.tokens | length, (map(select(. != null)) | length)]' why)" \
   "$("$BIN/seal-tokenize" -q -m model --json new.jsonl | jq -c '[(.tokens | length), (.train | add)]')" "with a share for each trained token"
is "$(jq -c '[.id, (.text | add), ((.text | length) == (.tokens | length))]' why)" "$("$BIN/seal-tokenize" -q -m model --decode new.tok | jq -c '[.id, .text, true]')" \
   "and a text for each token, joined the row's"
echo '{"id":"odd","prompt":"\u00e9\u4e16\ud83d\ude00?","response":"\ud83d\udc69\u200d\ud83d\ude80 \u00fc<b>"}' > odd.jsonl
"$BIN/seal-tokenize" -q -m model odd.jsonl -o odd.tok; state --scorer fit --explain odd.why odd.tok > /dev/null
is "$(jq -c '[(.text | add), (.text | map(contains("\ufffd")) | any), (.text | length > 20)]' odd.why)" "$("$BIN/seal-tokenize" -q -m model --decode odd.tok | jq -c "[.text, false, true]")" \
   "of characters that several tokens spell too"
# --- the rows that a report shows
sh "$T/../pipelines/explain.sh" why new.s new.jsonl shown 0.7; ok $? "explain.sh"
is "$(jq -s -c '[length, .[0].rank, .[49].rank, (map(.label) | unique), (map(.tokens | map(.[0]) | add) | map(test("^Say thing|Say thing")) | all)]' shown/worst.jsonl)" \
   '[50,60,11,["safe","unsafe"],true]' "the worst rows, with label and text"
is "$(jq -s -c '[length, .[0].rank, .[-1].rank]' shown/borderline.jsonl)" '[43,18,60]' "the rows on both sides of the cut"
is "$(jq -c '[.id, (.tokens | map(.[1]))]' shown/worst.jsonl | sort)" "$(jq -c --slurpfile worst shown/worst.jsonl 'select([.id] | inside($worst | map(.id))) | [.id, .tokens]' why | sort)" "and the shares that were written"
# --- tokens that are read but not trained
"$BIN/seal-tokenize" -q -m model --json new.jsonl > before
"$BIN/seal-tokenize" -q -m model --json --mask-tokens why --mask-above 0.01 new.jsonl > after
is "$(paste -d'\n' before after why | jq -cs '[range(0; length; 3) as $i | [.[$i], .[$i + 1], .[$i + 2]] | . as [$b, $a, $w] |
	($a.train == [range(0; $b.train | length) | if $w.tokens[.] != null and $w.tokens[.] > 0.01 then 0 else $b.train[.] end])] | all')" true "--mask-above"
is "$(jq -s 'map(.train | add) | add' before)" "$("$BIN/seal-tokenize" -q -m model --json --mask-tokens why --mask-below -1e9 new.jsonl | jq -s 'map(.train | add) | add')" "--mask-below a bound that nothing is under"
tail -20 new.jsonl > last.jsonl; "$BIN/seal-tokenize" -q -m model --json --mask-tokens why --mask-above 0.01 last.jsonl > masked; tail -20 after | cmp -s - masked
ok $? "some of the rows"
"$BIN/seal-tokenize" -q -m model --json --mask-tokens why --mask-above -1e9 --allow-empty --fates fates new.jsonl > none; is "$(jq -r .reason fates | sort | uniq -c | tr -s ' ')" " 60 all masked" "rows of which nothing is left are dropped"
head -5 why > some; fails 1 'some: has no numbers for the row' "a row without numbers" "$BIN/seal-tokenize" -q -m model --mask-tokens some --mask-above 0 -o x.tok new.jsonl
fails 1 'other options, or another tokenizer' "numbers of other tokens" "$BIN/seal-tokenize" -q -m model --template alpaca --mask-tokens why --mask-above 0 -o x.tok new.jsonl
fails 1 'why.bad:1: ' "no JSON" sh -c 'echo "{" > why.bad; "$0" -q -m model --mask-tokens why.bad --mask-above 0 -o x.tok new.jsonl' "$BIN/seal-tokenize"
fails 2 'goes with' "numbers without a bound" "$BIN/seal-tokenize" -q -m model --mask-tokens why -o x.tok new.jsonl
# Of the file's numbers, or of means of five of them, a share is masked, whatever the rows at hand.
mask() { "$BIN/seal-tokenize" -q -m model --json --mask-tokens why "$@" new.jsonl; }
masked() { jq -n --slurpfile w why --slurpfile b before --slurpfile a "$1" '[range($w | length) as $i | range($w[$i].tokens | length) as $t |
	select($b[$i].train[$t] == 1) | {x: ([$w[$i].tokens[([0, $t - '$2'] | max):($t + '$2' + 1)][] | values] | add / length), out: ($a[$i].train[$t] == 0)}] |
	{n: length, out: map(select(.out) | .x), in: map(select(.out | not) | .x)}'; }
mask --mask-above 10% > high; mask --mask-below 10% > low; mask --mask-above 10% --mask-window 5 > spans
is "$(masked high 0 | jq '(.out | length) == (.n / 10 | floor) and (.out | min) > (.in | max)')" true "--mask-above 10%: the highest tenth"
is "$(masked low 0 | jq '(.out | length) == (.n / 10 | floor) and (.out | max) < (.in | min)')" true "--mask-below 10%: the lowest tenth"
is "$(masked spans 2 | jq '(.out | length) == (.n / 10 | floor) and (.out | min) + 1e-12 > (.in | max)')" true "--mask-window 5: of means of five"
runs() { jq '.train | [foreach .[] as $x (0; $x; .)] | . as $t | [range(1; length) | select($t[.] != $t[. - 1])] | length' "$1" | jq -s add; }
[ "$(runs spans)" -lt "$(runs high)" ]; ok $? "which leaves out spans: the mask changes $(runs spans) times instead of $(runs high)"
is "$(mask --mask-above 10% --mask-window 1 | cksum)" "$(cksum < high)" "a window of one is none"
fails 2 "not between 0% and 100%" "a share of all" "$BIN/seal-tokenize" -q -m model --mask-tokens why --mask-above 100% -o x.tok new.jsonl
fails 2 "mask-window goes with" "a window of nothing" "$BIN/seal-tokenize" -q -m model --mask-window 5 -o x.tok new.jsonl
echo '{"id":"x","tokens":[null]}' > nothing; fails 1 "nothing: no numbers" "a share of no numbers" "$BIN/seal-tokenize" -q -m model --mask-tokens nothing --mask-above 5% -o x.tok new.jsonl
fails 2 "'much' is not a number" "a bound that is none" "$BIN/seal-tokenize" -q -m model --mask-tokens why --mask-above much -o x.tok new.jsonl
[ ! -e x.tok ]; ok $? "and no output"
head -30 new.jsonl > few.jsonl; "$BIN/seal-tokenize" -q -m model few.jsonl -o few.tok; state --scorer fit few.tok > few.s
is "$(apart new.s few.s 30)" near "a row's value does not depend on the rows beside it"

cp -r model other; sed -i 's/"rope_theta": 10000.0/"rope_theta": 20000.0/' other/config.json
cat > turn.py << 'EOF'
import sys
b = bytearray(open(sys.argv[1], "rb").read()); b[-1] ^= 1; open(sys.argv[1], "wb").write(b)
EOF
python3 turn.py other/model.safetensors
fails 1 'fit was fitted to another model' "a scorer of other weights" "$BIN/seal-score" -q -m other --method state --scorer fit new.tok
"$BIN/seal-tokenize" -q -m model --template alpaca new.jsonl -o alpaca.tok
fails 1 'template "[^"]*"; these have "alpaca"' "a scorer for another template" state --scorer fit alpaca.tok
head -c 300 fit > cut; fails 1 '^seal-score: cut: ' "a scorer that is cut" state --scorer cut new.tok
fails 1 'is no scorer' "a file of something else" state --scorer "$G/bilevel.safetensors" new.tok

# --- what cannot be
cp -r model nan; cat > spoil.py << 'EOF'
import json, struct, sys
b = bytearray(open(sys.argv[1], "rb").read()); n = struct.unpack("<Q", b[:8])[0]
at = 8 + n + json.loads(b[8:8 + n])["model.layers.0.mlp.down_proj.weight"]["data_offsets"][0]
b[at:at + 4] = b"\xff\xff\xff\x7f"; open(sys.argv[1], "wb").write(b)
EOF
python3 spoil.py nan/model.safetensors
fails 1 'a hidden state is not finite on row safe-501' "a feature that is no number: the row is named" "$BIN/seal-score" -q -m nan --method state --dtype f32 --safe safe.tok train.tok
fails 1 'create nowhere/fit' "a scorer in a missing folder: told before the work" state --safe safe.tok --save-scorer nowhere/fit no-such.tok
fails 1 'create nowhere/why' "shares in one" state --scorer fit --explain nowhere/why no-such.tok
fails 2 'needs --safe, or --scorer' "no trusted rows" state train.tok
fails 2 '--scorer is a fit' "a scorer and trusted rows" state --scorer fit --safe safe.tok train.tok
fails 2 'needs --scorer' "--explain alone" state --safe safe.tok --explain why2 train.tok
fails 2 'are for --method state' "--layer with another method" words --layer 1 --safe safe.tok train.tok
fails 2 'are for --method state or words' "--rounds with another method" "$BIN/seal-score" --method random --rounds 1 train.jsonl
fails 2 'does not know bad rows' "--danger with another method" "$BIN/seal-score" --method random --danger danger.tok train.jsonl
fails 2 'is over 50' "--share 60" state --share 60 --safe safe.tok train.tok
fails 1 'the model has 2 blocks' "a layer too many" state --layer 3 --safe safe.tok train.tok
head -4 danger.jsonl > four.jsonl; "$BIN/seal-tokenize" -q -m model four.jsonl -o four.tok
for m in state words; do
	fails 1 'four.tok: 4 bad rows; at least 5' "$m: four bad rows" $m --safe safe.tok --danger four.tok train.tok
	fails 1 'alpaca.tok has the template "alpaca", the rows have' "$m: bad rows of another template" $m --safe safe.tok --danger alpaca.tok train.tok
done
told() { "$BIN/seal-score" --plain --method words "$@"; }
head -7 train.jsonl > seven.jsonl; "$BIN/seal-tokenize" -q -m model seven.jsonl -o seven.tok
like "$(told --safe safe.tok --danger seven.tok train.tok 2>&1 > /dev/null)" '7 of 7 bad rows are also among the rows to be scored' "bad rows among the rows: a warning"
like "$(told --safe seven.tok train.tok 2>&1 > /dev/null)" '7 of 120 rows to be scored are also trusted rows' "trusted rows among the rows: a warning"
jq -c '.messages[1].content += " Good."' seven.jsonl > nearly.jsonl; "$BIN/seal-tokenize" -q -m model nearly.jsonl -o nearly.tok
like "$(told --safe safe.tok --danger nearly.tok train.tok 2>&1 > /dev/null)" '[1-7] of 7 bad rows are nearly one of the rows' "nearly the same: a warning"
done_testing
