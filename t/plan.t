#!/bin/sh
# SPDX-License-Identifier: MIT
# plan.t - the plan of a run's memory, --max-memory, long rows, threads
. "$(dirname "$0")/tap.sh"
cd "$TMP" || exit 1
. "$T/tune.sh"
tuning 24 12 --plain
lora="$BIN/seal-lora-train -j 1 -m model -b 4"
score="$BIN/seal-score -j 1 -m model --method bilevel --safe safe.tok -b 8 --plain --algorithm 1"

# What the plan says, in bytes: total, activations.
planned() { sed -n 's/.*: memory \([0-9.]*\) MB of .*/\1/p' "$1"; }
kept() { sed -n 's/.*activations of \([0-9]*\) of \([0-9]*\) blocks.*/\1 \2/p' "$1"; }

$lora -o whole --log log train.tok 2> err
like "$(cat err)" "memory [0-9.]+ MB of [0-9.]+ .B, in passes of at most [0-9]+ tokens: .*theta .*logits" \
	"the plan is printed"
is "$(kept err)" "2 2" "all blocks keep their activations"
all=$(planned err)
$lora -q -o quiet train.tok 2> err; is "$(cat err)" "" "-q does not print it"

fails 1 "needs at least [0-9.]+ MB of memory, and may take 1.0 MB .--max-memory" "with too little, both numbers" \
	$lora -o none --max-memory 1M train.tok
[ ! -e none ]; ok $? "and nothing is written"
least=$(sed -n 's/.*needs at least \([0-9.]*\) MB.*/\1/p' "$TMP/.err")

# Memory decides how many blocks keep their activations, and no bit; the length of a pass decides
# the rounding, and is recorded.  What was printed is rounded to 1 MB.
bytes() { echo "$1 $2" | awk '{printf "%d", ($1 + $2) * 1e6}'; }
for more in $(seq -0.5 0.1 1.5); do
	if $lora -o "at$more" --max-memory "$(bytes "$least" "$more")" train.tok 2> err; then
		kept err
		cmp -s "at$more/adapter_model.safetensors" whole/adapter_model.safetensors || echo "differs with $more"
	else grep -o "needs at least" err
	fi
done | sort -u | tr '\n' ',' > kept
is "$(cat kept)" "1 2,2 2,needs at least," "around the edge: refused, or one block's activations, or all, and the same adapter"
$lora -q -o short --pass-tokens 128 train.tok
cmp -s short/adapter_model.safetensors whole/adapter_model.safetensors; [ $? = 1 ]; ok $? "shorter passes round otherwise"
$lora -q -o again --pass-tokens 128 --max-memory "$(bytes "$least" 1)" train.tok
cmp -s short/adapter_model.safetensors again/adapter_model.safetensors; ok $? "but in the same way each time"
$lora -q -o half --max-steps 3 --checkpoint ck train.tok
fails 1 '"?pass-tokens"? was 2560, and is 128 now' "a run resumes only with the same length" \
	$lora -o other --max-steps 3 --checkpoint ck --resume --pass-tokens 128 train.tok
for i in 1 2 3 4; do jq -c --arg i $i '.id += $i' train.jsonl; done | "$BIN/seal-tokenize" -q -m model > many.tok
fails 1 "needs at least .* --pass-tokens [0-9]+ would do" "advice where shorter passes are enough" \
	$lora -o none -b 400 --max-memory "$(bytes "$least" 0.1)" many.tok
fails 2 "is not a size" "no size" $lora -o x --max-memory lots train.tok
fails 2 "is not a size" "nor this" $lora -o x --max-memory 5X train.tok
fails 2 "is not a size" "nor a space for its unit" $lora -o x --max-memory "5 " train.tok
$score train.tok 2> err > whole.scores; like "$(cat err)" "memory .*theta" "seal-score plans too"
fails 1 "needs at least" "and refuses" $score --max-memory 2M train.tok
"$BIN/seal-eval" nll -m model train.tok 2> err > nll; like "$(cat err)" "memory .*activations" "seal-eval nll"
fails 1 "needs at least" "refuses likewise" "$BIN/seal-eval" nll -m model --max-memory 2M train.tok
"$BIN/seal-eval" generate -m model --max-new 4 --limit 3 train.jsonl 2> err > out
like "$(cat err)" "memory .*cache" "seal-eval generate"
is "$(wc -l < out)" 3 "which answers"
fails 1 "needs at least" "or refuses" "$BIN/seal-eval" generate -m model --max-new 4 --max-memory 2M train.jsonl
if [ "${SAN:-}${CUDA:-}" ]; then skip "a limit of the address space counts" "sanitizers and CUDA take more of it"
else (ulimit -v 600000; $lora -o limited train.tok 2> err); like "$(cat err)" "memory .* of 4[0-9][0-9] MB" "a limit of the address space counts"; fi

# A row of 8,192 tokens.
jq -s -c '{id: "long", prompt: "Go on.", completion: ([.[].messages[].content] | join(" ") | . + . + . + . + .)}' \
	train.jsonl > long.jsonl
"$BIN/seal-tokenize" -q -m model --max-tokens 8192 long.jsonl -o long.tok 2> err
$lora -o long --log log long.tok 2> err; ok $? "a row of 8,192 tokens trains"
is "$(jq -c 'select(.step) | [.step, .tokens, (.norm > 0)]' log)" "[1,8192,true]" "all of it"
like "$(cat err)" "passes of at most 8192 tokens" "in one pass"

# Threads: with as many, the same bytes; with others, the same but for rounding.
many() { "$BIN/seal-score" -q -m model --method bilevel --safe safe.tok -b 8 --lr 1e-3 --plain --algorithm 1 --save-adapter "$2" --force -j "$1" train.tok; }
for j in 1 2 3; do many $j a$j > s$j; many $j b$j > r$j; cmp -s s$j r$j && diff -r a$j b$j > /dev/null
	ok $? "-j $j twice: the same bytes"; done
apart() { jq -n --slurpfile a s1 --slurpfile b "$1" '[range(1; $a | length) as $i | $a[$i], $b[$i] |
	[.loss_base, .loss, .loss_hat]] | [range(0; length; 2) as $i | range(3) as $k |
	(.[$i][$k] - .[$i + 1][$k]) / .[$i][$k] | fabs] | max'; }
for j in 2 3; do
	echo "# -j 1 and -j $j: losses differ by $(apart s$j) at most"
	is "$(jq -n "$(apart s$j) < 1e-2")" true "-j $j agrees with -j 1"
done
done_testing
