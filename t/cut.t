#!/bin/sh
# SPDX-License-Identifier: MIT
# cut.t - a producer that is killed at any byte is noticed by whoever reads from it
. "$(dirname "$0")/tap.sh"
cd "$TMP" || exit 1
cp -rL "$T/gold/model" model
head -20 "$T/../pipelines/demo/train.jsonl" > rows.jsonl
zstd -q rows.jsonl -o rows.zst
"$BIN/seal-tokenize" -q -j 1 -m model rows.jsonl -o zstd.tok
"$BIN/seal-tokenize" -q -j 1 -m model --plain rows.jsonl -o plain.tok
"$BIN/seal-score" -q --method random --seed 1 rows.jsonl -o zstd.scores
"$BIN/seal-score" -q --method random --seed 1 --plain rows.jsonl -o plain.scores

# The reader's status alone counts in a pipe of sh: there is no pipefail here.
die_after() { sh -c 'head -c "$1" "$2"; kill -9 $$' sh "$1" "$2" 2> killed; }

# The first bytes, the last ones, and a hundred in between; the first argument: how many
# bytes at the end carry nothing.
points() {
	awk -v n=$(($(wc -c < "$2") - $1)) -v seed="${SEAL_SEED:-1}" 'BEGIN {
		srand(seed); for (i = 1; i < 10; i++) print i, n - i;
		for (i = 0; i < 100; i++) print int(1 + rand() * (n - 1)) }' | tr ' ' '\n' | awk -v not="${joint:-0}" '$1 > 0 && $1 != not' | sort -nu
}

# cut_anywhere NAME FILE SPARE COMMAND... - it reads stdin, writes -o out
cut_anywhere() {
	_name=$1 _file=$2 _spare=$3; shift 3
	"$@" -o out < "$_file" 2> err && [ -s out ]; ok $? "$_name: read whole"
	rm -f out
	_survived=
	for _at in $(points "$_spare" "$_file"); do
		die_after "$_at" "$_file" | "$@" -o out 2> err
		[ $? -eq 1 ] && [ "$(wc -l < err)" -eq 1 ] && [ ! -e out ] || _survived="$_survived $_at"
		rm -f out
	done
	is "$_survived" "" "$_name: cut anywhere is an error in one line, and no output"
}

cut_anywhere "zstd rows into tokens" rows.zst 0 "$BIN/seal-tokenize" -q -j 1 -m model
cut_anywhere "zstd rows into a selection" rows.zst 0 "$BIN/seal-select" -q --scores zstd.scores --keep 50%
cut_anywhere "zstd rows into random scores" rows.zst 0 "$BIN/seal-score" -q --method random
cut_anywhere "a token stream" zstd.tok 0 "$BIN/seal-tokenize" -q --decode -m model
cut_anywhere "a plain token stream" plain.tok 0 "$BIN/seal-tokenize" -q --decode -m model
cut_anywhere "scores" zstd.scores 0 "$BIN/seal-select" -q --scores - --keep 50% rows.jsonl
cut_anywhere "plain scores" plain.scores 1 "$BIN/seal-select" -q --scores - --keep 50% rows.jsonl     # the last line feed
cut_anywhere "a token stream, to be scored" zstd.tok 0 "$BIN/seal-score" -q -j 1 -m model --method loss

# Packed and plain streams join to one, in any order, and a cut of that is noticed too.
head -7 rows.jsonl | "$BIN/seal-tokenize" -q -j 1 -m model -o a.tok
sed -n 8,14p rows.jsonl | "$BIN/seal-tokenize" -q -j 1 -m model --plain -o b.tok
tail -6 rows.jsonl | "$BIN/seal-tokenize" -q -j 1 -m model -o c.tok
decode() { cat "$@" | "$BIN/seal-tokenize" -q --decode -m model | sort; }
decode zstd.tok > want
for order in "a b c" "b a c" "a c b" "b c a"; do
	is "$(decode $(echo "$order" | sed 's/[abc]/&.tok/g') | cmp - want)" "" "segments in the order $order"
done
cat b.tok a.tok > ba.tok; cat a.tok b.tok > ab.tok
joint=$(wc -c < b.tok)     # cut there, it is a whole stream of one segment
cut_anywhere "a plain segment, then a packed one" ba.tok 0 "$BIN/seal-tokenize" -q --decode -m model
joint=$(wc -c < a.tok)
cut_anywhere "a packed segment, then a plain one" ab.tok 0 "$BIN/seal-tokenize" -q --decode -m model
joint=
fails 1 'stray bytes' "a packed segment, then rubbish" sh -c "(cat a.tok; echo x) | $BIN/seal-tokenize -q --decode -m model"
fails 1 'a header of' "a plain segment, then rubbish" sh -c "(cat b.tok; echo rubbish) | $BIN/seal-tokenize -q --decode -m model"

# Nothing at all: a set of no rows is one, but nothing is trained on it.
die_after 0 rows.zst | "$BIN/seal-tokenize" -q -j 1 -m model 2> err | "$BIN/seal-lora-train" -q -j 1 -m model -o adapter 2> err
[ $? -eq 1 ] && [ ! -e adapter ]; ok $? "no byte of rows: nothing is trained"
for f in zstd.tok plain.tok; do
	die_after 0 $f | "$BIN/seal-lora-train" -q -j 1 -m model -o adapter 2> err
	[ $? -eq 1 ] && [ ! -e adapter ]; ok $? "no byte of $f: nor on that"
done
die_after 0 zstd.scores | "$BIN/seal-select" -q --scores - --keep 50% rows.jsonl > out 2> err
[ $? -eq 1 ] && [ ! -s out ]; ok $? "no byte of scores: nothing is kept"

# The whole way, its first program killed: the last one's status tells.
die_after 1000 rows.zst | "$BIN/seal-select" -q --scores zstd.scores --keep 50% 2> err |
	"$BIN/seal-tokenize" -q -j 1 -m model 2> err2 | "$BIN/seal-lora-train" -q -j 1 -m model -o adapter 2> err3
[ $? -eq 1 ] && [ ! -e adapter ]; ok $? "three programs on, it still fails"

# What was chosen is checked before the first byte goes out, so that a reader gets nothing rather than a part.
head -n 19 rows.jsonl | "$BIN/seal-select" -q --scores zstd.scores --keep 50% > out 2> err
[ $? -eq 1 ] && [ ! -s out ]; ok $? "plain rows that lack a scored one: no row comes out"

# Two runs with one output at once: each has a file of its own until it is done.
mkfifo a b
for p in a b; do "$BIN/seal-tokenize" -q -j 1 -m model -o both.tok $p & eval "$p=\$!"; done
exec 3> a 4> b
head -n 5 rows.jsonl >&3; head -n 5 rows.jsonl >&4
tries=0
while [ "$(ls -A | grep -c '^\.seal-.*tmp$')" -ne 2 ] && [ $tries -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
is "$(ls -A | grep -c '^\.seal-.*tmp$')" 2 "two runs at once have two temporary names"
[ ! -e both.tok ]; ok $? "and neither is the output's"
exec 3>&-; wait "$a"; ok $? "one ends"
"$BIN/seal-tokenize" -q --decode -m model both.tok > one.jsonl; ok $? "and its output is whole"
sed -n 6p rows.jsonl >&4
exec 4>&-; wait "$b"; ok $? "the other ends"
is "$("$BIN/seal-tokenize" -q --decode -m model both.tok | wc -l) $(wc -l < one.jsonl)" "6 5" "and its output takes the place"
is "$(ls -A | grep -c '^\.seal-')" 0 "no temporary file is left"

# One that a killed run left is in nobody's way, even of a run with the same number.
(exec sh -c 'echo mine > ".seal-$$-0.tmp"; echo $$ > pid; exec "$0" -q -j 1 -m model rows.jsonl -o again.tok' "$BIN/seal-tokenize")
ok $? "a stale temporary file of the same process number"
is "$(cat ".seal-$(cat pid)-0.tmp")" mine "is left as it is"
done_testing
