#!/bin/sh
# SPDX-License-Identifier: MIT
# shard.t - --shard I/N: whatever N is, the outputs of all shares joined are those of one process
. "$(dirname "$0")/tap.sh"
cd "$TMP" || exit 1
cp -rL "$T/gold/model" model
demo=$T/../pipelines/demo

# shares N PROGRAM... - the outputs of the N shares, joined
shares() {
	of=$1; shift
	i=0
	while [ $i -lt "$of" ]; do i=$((i + 1)); "$@" --shard $i/"$of" || return; done
}

# alike WHAT "N..." PROGRAM... - its output, for each of these N
alike() {
	what=$1 all=$2
	shift 2
	"$@" > one || { ok 1 "$what"; return; }
	for n in $all; do
		shares "$n" "$@" > joined
		cmp -s joined one; ok $? "$what, $n shares"
	done
}

# --- rows: some are broken, twice there, or too long
{ head -70 "$demo/train.jsonl"; echo '{"id":'; head -3 "$demo/train.jsonl"; echo '{"id":"empty","messages":[]}'
	tail -80 "$demo/train.jsonl"; echo broken; } > rows.jsonl
tok="$BIN/seal-tokenize -q -m model --on-error skip --dedupe --max-tokens 200"
alike "tokenize --json" "1 2 3 7 400" $tok --json rows.jsonl
alike "tokenize --show" "2" $tok --show rows.jsonl
alike "tokenize --json, several files" "3" $tok --json "$demo/safe.jsonl" rows.jsonl
alike "tokenize --limit" "3" $tok --json --limit 20 rows.jsonl
$tok rows.jsonl --fates f1 > rows.tok
for n in 1 2 5 300; do
	shares $n $tok rows.jsonl > joined.tok
	is "$("$BIN/seal-tokenize" -m model --decode --json < joined.tok | cksum)" "$("$BIN/seal-tokenize" -m model --decode --json < rows.tok | cksum)" \
	   "token streams of $n shares"
done
: > f; for i in 1 2 3; do $tok rows.jsonl --shard $i/3 --fates f.$i > out.$i; cat f.$i >> f; done
cmp -s f f1; ok $? "the fates of the shares' rows are those of all, each once"
$tok rows.jsonl --shard 2/3 | cmp -s - out.2; ok $? "the same bytes again"
is "$(grep -c . f.2)" "$(($(wc -l < rows.jsonl) / 3))" "a share is its part of the rows"
"$BIN/seal-tokenize" -q -m model --dedupe --shard 1/3 rows.jsonl > part; ok $? "a broken row is told by the share that it is in"
fails 1 'rows.jsonl:71: bad JSON' "which ends" "$BIN/seal-tokenize" -q -m model --dedupe --shard 2/3 rows.jsonl
fails 2 'read twice' "no stdin" sh -c "$tok --shard 1/2 < rows.jsonl"
mkfifo pipe; fails 2 'pipe is no file' "no pipe" $tok --shard 1/2 pipe
fails 2 'not for --decode' "no --decode" $tok --decode --shard 1/2 rows.tok
for bad in 0/2 3/2 1 1/0 /2 1/ x/2 1/2x -1/2 1/2/3 1/99999999 ''; do fails 2 '--shard .*: I/N, a share' "--shard '$bad'" $tok --shard "$bad" rows.jsonl; done

# --- tokens
nll="$BIN/seal-eval nll -q -j 2 -m model"
alike "nll" "1 2 3 9" $nll rows.tok
alike "nll --per-token --dtype bf16" "2" $nll --per-token --dtype bf16 rows.tok
$nll rows.tok > all
for i in 1 2; do $nll --shard $i/2 < joined.tok; done | cmp -s - all; ok $? "nll of shares that were joined, from stdin"

# --- answers: rows without a prompt are between them, and belong to one share
{ head -9 "$demo/test-safe.jsonl"; echo '{"id":"none","messages":[{"role":"assistant","content":"x"}]}'; sed -n 10,23p "$demo/test-safe.jsonl"
	echo '{"id":"last","messages":[]}'; } > prompts.jsonl
gen="$BIN/seal-eval generate -q -j 1 -m model --max-new 6 -b 4 --on-error skip"
alike "generate" "1 2 3 5 40" $gen prompts.jsonl
alike "generate, drawn" "2" $gen --temperature 1 --seed 3 prompts.jsonl
$gen prompts.jsonl --fates f1 > all
: > f; for i in 1 2 3; do $gen prompts.jsonl --shard $i/3 --fates f.$i > out.$i; cat f.$i >> f; done
cmp -s f f1; ok $? "fates of answers"
fails 2 'read twice' "no stdin for answers" sh -c "$gen --shard 1/2 < prompts.jsonl"

# --- scores
head -12 "$demo/safe.jsonl" > safe.jsonl
grep '"label":"unsafe"' "$demo/train.jsonl" | tail -8 > bad.jsonl
for f in safe bad; do "$BIN/seal-tokenize" -q -m model --max-tokens 200 $f.jsonl -o $f.tok; done
score="$BIN/seal-score -q -j 2 -m model --plain"
train="--safe safe.tok --max-steps 3 -b 4"
alike "loss" "1 2 3" $score --method loss rows.tok
alike "safe-loss" "2" $score --method safe-loss $train rows.tok
alike "contrast" "3" $score --method contrast $train --danger bad.tok rows.tok
alike "gradient" "2" $score --method gradient $train --danger bad.tok rows.tok
alike "refusal" "2" $score --method refusal $train rows.tok
alike "dsir" "1 2 4" "$BIN/seal-score" -q --plain --on-error skip --method dsir --target safe.jsonl --gumbel "$demo/train.jsonl"
alike "random" "3" "$BIN/seal-score" -q --plain --method random "$demo/train.jsonl"
# Joined, also where they are packed, they are a scores file.
i=0; while [ $i -lt 3 ]; do i=$((i + 1)); "$BIN/seal-score" -q -m model --method loss --shard $i/3 rows.tok -o part.$i.zst; done
cat part.1.zst part.2.zst part.3.zst > scores.zst
"$BIN/seal-select" -q --scores scores.zst --keep 50% --on-error skip rows.jsonl > kept 2> err
"$BIN/seal-score" -q -m model --method loss rows.tok -o whole.zst
"$BIN/seal-select" -q --scores whole.zst --keep 50% --on-error skip rows.jsonl > wanted 2> want; rc=$?
cmp -s kept wanted && cmp -s err want; ok $? "packed shares of scores, joined, select the same rows (status $rc)"
zstd -qdc scores.zst | head -1 | jq -e --argjson n "$(($(zstd -qdc scores.zst | wc -l) - 1))" '.rows == $n' > out; ok $? "and have a header, of all their rows"
for m in state words bilevel combine import; do
	fails 2 "--method $m (looks at all rows|needs|does)" "no --shard for $m" $score --method $m --shard 1/2 $train rows.tok
done
done_testing
