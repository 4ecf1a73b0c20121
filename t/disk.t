#!/bin/sh
# SPDX-License-Identifier: MIT
# disk.t - a full disk, a failing one and a closed stdout are errors of every program, and leave no output
. "$(dirname "$0")/tap.sh"
cd "$TMP" || exit 1
cp -rL "$T/gold/model" model
# enough that no buffer holds all of it
for i in 1 2 3 4 5; do sed "s/\"id\":\"/&$i-/" "$T/../pipelines/demo/train.jsonl"; done > many.jsonl
head -12 many.jsonl > rows.jsonl
printf '{"preference":1}\n{"preference":2}\n' > judged.jsonl
"$BIN/seal-tokenize" -q -j 1 -m model rows.jsonl -o rows.tok
"$BIN/seal-score" -q --method random --plain rows.jsonl -o scores.jsonl
"$BIN/seal-score" -q --method random --plain many.jsonl -o many.scores
jq -r .id rows.jsonl > ids
"$BIN/seal-eval" generate -q -j 1 -m model --max-new 2 rows.jsonl -o out.jsonl

# every program that writes to stdout: NAME|COMMAND
programs() {
	cat <<-END
	tokens|$BIN/seal-tokenize -q -j 1 -m model rows.jsonl
	plain tokens|$BIN/seal-tokenize -q -j 1 -m model --plain many.jsonl
	tokens as JSON|$BIN/seal-tokenize -q -j 1 -m model --json many.jsonl
	tokens as text|$BIN/seal-tokenize -q -m model --decode rows.tok
	scores|$BIN/seal-score -q -j 1 -m model --method loss rows.tok
	random scores|$BIN/seal-score -q --method random --plain many.jsonl
	an audit|$BIN/seal-eval audit scores.jsonl --order ids
	a selection|$BIN/seal-select -q --scores many.scores --keep 90% many.jsonl
	a small selection|$BIN/seal-select -q --scores scores.jsonl --keep 2 rows.jsonl
	likelihoods|$BIN/seal-eval nll -q -j 1 -m model rows.tok
	answers|$BIN/seal-eval generate -q -j 1 -m model --max-new 2 rows.jsonl
	refusals|$BIN/seal-eval refusals out.jsonl
	a win rate|$BIN/seal-eval winrate judged.jsonl
	detection|$BIN/seal-eval detect --scores scores.jsonl --label-key label rows.jsonl
	help|$BIN/seal-select -h
	a version|$BIN/seal-lora-train --version
	END
}

# one NAME PATTERN COMMAND... - it exits 1, saying so in one line
one() {
	_what=$1 _said=$2; shift 2
	"$@" 2> err; _rc=$?
	[ $_rc -eq 1 ] && [ "$(wc -l < err)" -eq 1 ] && grep -q "$_said" err; ok $? "$_what"
	[ $_rc -eq 1 ] || sed "s/^/# exit $_rc: /" err
}

programs > list
while IFS='|' read -r name command; do
	$command > whole 2> err < /dev/null && [ -s whole ]; ok $? "$name: written"
	[ -w /dev/full ] && one "$name: a full disk" 'write stdout: No space left on device' sh -c "$command > /dev/full"
	one "$name: a closed stdout" 'write stdout: Bad file descriptor' sh -c "$command >&-"
done < list
[ -w /dev/full ] || skip "full disks" "no /dev/full"

# A file that may not grow is a full disk that leaves something to look at.
cramped() { (ulimit -f 2; exec "$@"); }
if (trap '' XFSZ; cramped sh -c 'head -c 9999 /dev/zero > big' 2> err); then
	skip "files that may not grow" "ulimit -f does nothing here"
else
	rm -f big; ls -A > before
	one "tokens into a full file" 'File too large' cramped "$BIN/seal-tokenize" -q -j 1 -m model --plain rows.jsonl -o new
	one "scores into a full file" 'File too large' cramped "$BIN/seal-score" -q --method random --plain many.jsonl -o new
	one "a selection into a full file" 'File too large' cramped "$BIN/seal-select" -q --scores many.scores --keep 90% many.jsonl -o new
	one "fates into a full file" 'File too large' cramped "$BIN/seal-tokenize" -q -j 1 -m model --fates new many.jsonl -o /dev/null
	one "an adapter into a full file" 'File too large' cramped "$BIN/seal-lora-train" -q -j 1 -m model --max-steps 1 rows.tok -o new
	one "a checkpoint into a full file" 'File too large' cramped "$BIN/seal-lora-train" -q -j 1 -m model --max-steps 2 --every 1 --checkpoint state rows.tok -o new
	one "a log into a full file" 'File too large' cramped "$BIN/seal-lora-train" -q -j 1 -m model --epochs 30 --log steps rows.tok -o new
	one "tokens into a full stdout" 'write stdout: File too large' cramped sh -c "$BIN/seal-tokenize -q -j 1 -m model --plain many.jsonl > new"
	one "fates into a full stdout" 'write stdout: File too large' cramped sh -c "$BIN/seal-tokenize -q -j 1 -m model --fates - many.jsonl -o /dev/null > new"
	one "a log into a full stdout" 'write stdout: File too large' cramped sh -c "$BIN/seal-lora-train -q -j 1 -m model --epochs 30 --log - rows.tok -o other > new"
	rm -rf steps state new
	is "$(ls -A | sed '/^err$/d')" "$(sed '/^err$/d' before)" "none of them left anything"
fi

# /proc/self/mem fails with EIO where nothing is mapped, as at its start
if [ -r /proc/self/mem ] && ! head -c 1 /proc/self/mem > err 2>&1; then
	eio='/proc/self/mem: Input/output error'
	fails 1 "$eio" "rows that cannot be read" "$BIN/seal-tokenize" -q -m model /proc/self/mem
	fails 1 "$eio" "rows that cannot be read, to be selected" "$BIN/seal-select" -q --scores scores.jsonl --keep 1 /proc/self/mem
	fails 1 "$eio" "tokens that cannot be read" "$BIN/seal-score" -q -m model --method loss /proc/self/mem
	fails 1 "$eio" "scores that cannot be read" "$BIN/seal-select" -q --scores /proc/self/mem --keep 1 rows.jsonl
	fails 1 'write stdout: Input/output error' "an output that takes nothing" \
		sh -c 'exec timeout 20 "$0" -q --scores many.scores --keep 90% many.jsonl > /proc/self/mem' "$BIN/seal-select"
	fails 1 "$eio" "outputs that cannot be read" "$BIN/seal-eval" refusals /proc/self/mem
else
	skip "a failing disk" "no /proc/self/mem"
fi

# with pipefail, the first program that failed tells too
if command -v bash > /dev/null; then
	awk 'BEGIN {while (i++ < 20000) print "{\"id\":" i ",\"prompt\":\"What is this?\",\"completion\":\"A row of words.\"}"}' > large.jsonl
	bash -c 'set -o pipefail; "$0" -q -j 1 -m model --json large.jsonl | head -c 100 > part; exit $?' "$BIN/seal-tokenize"; is $? 141 "a reader that left: SIGPIPE, with pipefail"
	bash -c 'set -o pipefail; (head -c 1000 many.jsonl; kill -9 $BASHPID) | "$0" -q -j 1 -m model -o new 2> err; exit $?' "$BIN/seal-tokenize" 2> killed
	is "$? $(ls new 2> err)" "1 " "plain rows cut within a line"
fi
done_testing
