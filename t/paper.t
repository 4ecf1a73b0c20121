#!/bin/sh
# SPDX-License-Identifier: MIT
# The paper's experiments: what would be run, with each of its settings; all of it run on a small model, killed and
# run again, to the same tables; and on models of the paper's families.
. "$(dirname "$0")/tap.sh"
P=$T/../pipelines/paper/Makefile
D=$T/../pipelines/demo
G=$T/gold
unset MAKEFLAGS MAKELEVEL MODEL
export OMP_NUM_THREADS=1

paper() { # MAKE'S WORDS...
	make -f "$P" TRAIN="$D/train.jsonl" SAFE="$D/safe.jsonl" PAIRS="$D/test-safe.jsonl $D/test-unsafe.jsonl" \
		UTILITY="$D/test-utility.jsonl" PROMPTS="$D/test-unsafe.jsonl" PROMPTS_READ='--limit 10' MAX_NEW=4 "$@"
}

# What the paper prescribes.
for paper in llama2 llama3 merlinite pythia phi3; do
	out=$(paper -n OUT="$TMP/none" PAPER=$paper MODEL=m table1 2>&1)
	like "$out" '--method bilevel .*--selector-lr [45]e-3 .*--gamma-step 0\.0[23] .*--epochs [23] ' "$paper: how rows are chosen"
	case $paper in pythia | phi3) theta=--full ;; *) theta='--targets q_proj,v_proj' ;; esac
	like "$out" "seal-lora-train .*--lr 1e-5 --batch 64 .*--seed 3 .*$theta" "$paper: how models are tuned"
done
like "$(make -n -f "$P" 2>&1)" 'MODEL= is not given|TRAIN= is not given' "no rows"
like "$(make -n -f "$P" PAPER=none 2>&1)" 'PAPER=none: llama2' "no such setting"
like "$(paper -n PAPER=phi3 MODEL=m ALIGN="$D/safe.jsonl" 2>&1)" 'ALIGN= makes an adapter' "an adapter is no start for all weights"

# All of it, in small.
jq -c 'select(.label == "unsafe") | .id = "bad-" + .id' "$D/train.jsonl" | tail -20 > "$TMP/bad.jsonl"
printf '{instruction}\n{output}\nGood?' > "$TMP/ask"
printf '{instruction}\n1: {output_1}\n2: {output_2}\nBetter:' > "$TMP/compare"
all() { # OUT MAKE'S WORDS...
	out=$1; shift
	paper PAPER=small MODEL="$G/model" BAD="$TMP/bad.jsonl" ALIGN="$D/safe.jsonl" ALIGN_ROWS=16 ALIGN_WITH='--batch 8' \
		GUARD="$G/model" GUARD_ASK="--prompt $TMP/ask --choices yes,no --unsafe yes" GUARD_UNSAFE=yes \
		JUDGE="--cmd \"jq -c '{id, choice: .choices[0]}'\" --prompt $TMP/compare --choices 1,2" INSTRUCTIONS="$TMP/instructions.jsonl" EXACT="$TMP/instructions.jsonl" EXACT_NEW=4 \
		ROWS=24 MAX_TOKENS=256 SEEDS='1 2' POISONS=40 FIGURE3_CHOICES=state-bad \
		OURS='state-bad+safe20 state-bad+project state-bad+pull state-bad+rehearse' OUT="$out" "$@" all
}
printf '{"id":"%s","messages":[{"role":"user","content":"%s"},{"role":"assistant","content":"%s"}]}\n' \
	sum 'What is 2 + 2?' 4 days 'How many days has a week?' 7 > "$TMP/instructions.jsonl"
all "$TMP/one" -j2 > "$TMP/log" 2>&1
rc=$?
ok $rc "all of it, on a small model"
[ $rc -eq 0 ] || tail -n 5 "$TMP/log" | cut -c1-300 | sed 's/^/# /'
measures() { jq -cs "map([.$1 | .mean, .ci[0], .ci[1] | numbers] | length) | unique" "$TMP/one/table1.jsonl"; }
is "$(jq -s length "$TMP/one/table1.jsonl")" 18 "table 1 has its arms"
for m in margin in_order nll harmful exact win; do is "$(measures $m)" '[3]' "each with $m and its interval"; done
is "$(jq -rs 'map(select(.name == "oracle").unsafe)[0]' "$TMP/one/table1.jsonl")" 0 "the oracle keeps no unsafe row"
is "$(jq -s 'map(select(.name | test("@")) | .rows) | .[0] < .[1] and .[1] < .[2]' "$TMP/one/figure3.jsonl")" true "figure 3 keeps more and more"
is "$(jq -s 'map(.unsafe) | max' "$TMP/one/benign/table1.jsonl") $(jq -s 'map(.unsafe) | max' "$TMP/one/poison-40/table1.jsonl")" \
	"0 10" "harmless rows alone; two fifths unsafe"
is "$(jq -s 'map(select(.name == "all" or .name == "all+mask") | .tokens) | .[0] > .[1]' "$TMP/one/beyond.jsonl")" true "masked spans are not trained"
like "$(PATH=$BIN:$PATH sh "$T/../pipelines/paper/results.sh" "$TMP/one" state-bad)" '^. `state-bad` is .* `dsir`' "results in words"
ok "$([ -s "$TMP/one/report.html" ]; echo $?)" "and a page"

# With selectors of another run, and on a second model.  Killed with all that it runs, time and again, it goes on, to the same tables.
cp -rL "$G/judge-mistral" "$TMP/second"
jq 'del(.chat_template)' "$G/judge-mistral/tokenizer_config.json" > "$TMP/second/tokenizer_config.json"
again() { all "$TMP/two" TEACHER="$TMP/one" MODELS="$TMP/second"; }
for seconds in 2 5 9; do
	again > "$TMP/log" 2>&1 &
	sleep $seconds
	while pkill -KILL -f "OUT=$TMP/two|$TMP/two/"; do sleep 0.1; done
	wait
done
again > "$TMP/log" 2>&1
rc=$?
ok $rc "killed three times, it goes on"
[ $rc -eq 0 ] || tail -n 5 "$TMP/log" | cut -c1-300 | sed 's/^/# /'
tables() { (cd "$TMP/$1" && cat table1.jsonl figure3.jsonl beyond.jsonl benign/table1.jsonl poison-40/table1.jsonl); }
is "$(tables two | sha256sum)" "$(tables one | sha256sum)" "to the same bytes"
rows_of() { jq -cs --arg arm "$1" '.[] | select(.name == $arm) | [.rows, .unsafe, .tokens]' "$TMP/two/figure4.jsonl"; }
is "$(rows_of teacher-seal2)" "$(rows_of seal2)" "figure 4: the same selector of another run chooses the same rows"
is "$(jq -s length "$TMP/two/second/table1.jsonl")" 18 "table 2: a second model"

# The paper's families, at small size.
for name in llama2:judge-llama2 llama3:judge-llama3 merlinite:judge-mistral pythia:paper-neox phi3:paper-phi3; do
	model=$TMP/${name#*:}
	cp -rL "$G/${name#*:}" "$model"
	jq 'del(.chat_template)' "$G/${name#*:}/tokenizer_config.json" > "$model/tokenizer_config.json"
	paper PAPER="${name%%:*}" MODEL="$model" ROWS=16 MAX_TOKENS=256 SEEDS=1 TABLE1='all seal2 state oracle all+repair' BEST=state \
		OUT="$TMP/${name%%:*}" table1 > "$TMP/log" 2>&1
	rc=$?
	ok $rc "${name%%:*}: table 1 on a model of its family"
	[ $rc -eq 0 ] || tail -n 5 "$TMP/log" | cut -c1-300 | sed 's/^/# /'
	is "$(jq -cs 'map(.margin.mean | type)' "$TMP/${name%%:*}/table1.jsonl")" '["number","number","number","number","number"]' "${name%%:*}: margins"
done
done_testing
