#!/bin/sh
# SPDX-License-Identifier: MIT
# man.t - the manual: mandoc's lint, options equal to -h, examples that run
. "$(dirname "$0")/tap.sh"
MAN=$T/../man

for page in "$MAN"/*.[157]; do
	# STYLE: remarks are of taste; pages of this project are found only once installed.
	is "$(mandoc -T lint -W warning "$page" 2>&1)" "" "${page##*/} passes mandoc's lint"
done

# The long options of -h, one a line.
options() { "$@" -h | grep -oE '^ .{5}--[a-z-]+' | sed 's/.*--/--/' | sort -u; }
# Those that a page documents as list items.
documented() { sed -n 's/^\.It Fl \(. , Fl \)\{0,1\}-\([a-z][a-z-]*\).*/--\2/p' "$1" | sort -u; }

# same NAME PAGE... - what stands in $TMP/a is documented once, on one of these pages, and nothing else is.
same() {
	name=$1; shift
	for page; do documented "$MAN/$page"; done | sort > "$TMP/b"
	is "$(diff "$TMP/a" "$TMP/b")" "" "$name has the options of $*"
}

for p in seal-tokenize seal-select; do
	options "$BIN/$p" > "$TMP/a"
	same "$p -h" $p.1
done
for p in seal-score seal-lora-train; do
	options "$BIN/$p" > "$TMP/a"
	same "$p -h" $p.1 seal-training.7
done
for c in nll margin generate refusals exact judge winrate compare detect audit stability; do options "$BIN/seal-eval" $c; done | sort -u > "$TMP/a"
same "-h of seal-eval's commands" seal-eval.1

# The schemas, as -h has them, in the two pages that list them.
schemas=$("$BIN/seal-tokenize" -h | sed -n 's/^ *--schema //p' | tr '|' '\n' | sort)
is "$(sed -n 's/^\.It Fl -schema Cm //p' "$MAN/seal-tokenize.1" | tr -d ' ' | tr '|' '\n' | sort)" "$schemas" "seal-tokenize.1 has every schema"
is "$(sed -n '/^\.Ss Schemas/,/^\.Ss Identity/s/^\.It Cm //p' "$MAN/seal-rows.5" | sort)" "$schemas" "seal-rows.5 describes every schema"

# Every choice of --method has a section.
for m in $("$BIN/seal-score" -h | sed -n 's/^ .*--method \([^ ]*\).*/\1/p' | tr '|' ' '); do
	is "$(grep -c "^\.Ss The method $m\$" "$MAN/seal-score.1")" 1 "seal-score.1 has a section on --method $m"
done

# Examples: every literal block, in a folder that holds what they name.
mkdir "$TMP/run" && cd "$TMP/run" || exit 1
cp -rL "$T/gold/model" model
for f in train safe; do
	head -40 "$T/../pipelines/demo/$f.jsonl" > $f.jsonl
	zstd -q $f.jsonl
done
grep '"label":"unsafe"' "$T/../pipelines/demo/train.jsonl" | tail -6 > danger.jsonl
head -4 train.jsonl > prompts.jsonl
jq -c '.pair = (.messages[0].content | length % 5)' train.jsonl > pairs.jsonl
cp prompts.jsonl rows.jsonl
jq -c '{preference: 1.5, dataset: .source, output_1: "a", output_2: "b c"}' train.jsonl > judged.jsonl
"$BIN/seal-tokenize" -q -m model safe.jsonl -o safe.tok
"$BIN/seal-tokenize" -q -m model train.jsonl -o train.tok
"$BIN/seal-score" -q -m model --method loss train.tok -o scores.jsonl.zst
examples() { awk '/^\.Sh EXAMPLES/{on=1} /^\.Sh SEE/{on=0} /^\.Ed/{lit=0} on&&lit{gsub(/\\e/,"\\"); gsub(/\\&/,""); gsub(/\\-/,"-"); print} /^\.Bd/{lit=1}' "$1"; }
for page in seal-tokenize.1 seal-score.1 seal-select.1 seal-lora-train.1 seal-eval.1 seal-training.7; do
	examples "$MAN/$page" > ex.sh
	PATH=$BIN:$PATH sh -e ex.sh > out 2> err < /dev/null
	rc=$?
	ok "$rc" "the examples of $page run"
	[ $rc -eq 0 ] || sed 's/^/# /' err
	rm -rf adapter run tuned
done
awk '/^\.Ed/{exit} lit{print} /^\.Bd/{lit=1}' "$MAN/seal.7" | sed 's/generate/generate --max-new 4/' > ex.sh
PATH=$BIN:$PATH sh -e ex.sh > out 2> err < /dev/null
ok $? "the pipeline of seal.7 runs"
is "$(grep -cE '^(0|1|0\.[0-9]+)$' out)" 1 "and ends in a rate"
done_testing
