#!/bin/sh
# SPDX-License-Identifier: MIT
# plan.t - the plan of a run's memory against the peak that it then has: within 10 % or 30 MB, on
# both sides.  With SEAL_MODEL, a real model of some size, also there.
. "$(dirname "$0")/../tap.sh"
cd "$TMP" || exit 1
. "$T/tune.sh"
tuning 300 60 --plain

planned() { sed -n 's/.*: memory \([0-9.]*\) \([MG]\)B of .*/\1 \2/p' err | awk '{print $1 * ($2 == "G" ? 1000 : 1)}'; }
# held WHAT COMMAND... - runs it; is its peak what it planned?
held() {
	what=$1; shift
	peak=$(python3 -c 'import resource, subprocess, sys
r = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=open("err", "w"))
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e6 if not r.returncode else 0)' "$@")
	plan=$(planned)
	echo "# $what: planned $plan MB, peak $peak MB"
	[ "$(jq -n "($peak - $plan) as \$d | (\$d | fabs) <= ([0.1 * $plan, 30] | max)")" = true ]
	ok $? "$what: planned $plan MB, peak $peak MB"
}

on() { # NAME MODEL, with train.tok, safe.tok
	name=$1; m=$2; shift 2
	for b in 4 64 300; do held "$name: LoRA, batches of $b" "$BIN/seal-lora-train" -m "$m" -b $b --max-steps 2 -o "lora$b" --force train.tok; done
	held "$name: f32" "$BIN/seal-lora-train" -m "$m" -b 16 --dtype f32 --max-steps 2 -o f32 --force train.tok
	held "$name: short passes" "$BIN/seal-lora-train" -m "$m" -b 16 --pass-tokens 512 --max-steps 2 -o short --force train.tok
	held "$name: likelihoods" "$BIN/seal-eval" nll -m "$m" train.tok
	held "$name: scores, Algorithm 1" "$BIN/seal-score" -m "$m" --method bilevel --algorithm 1 --max-steps 2 --safe safe.tok -o scores train.tok
}

if [ "${SAN:-}" ]; then skip "the plan and the peak" "sanitizers take memory of their own"
else
	on "tiny" model
	held "tiny: all weights" "$BIN/seal-lora-train" -m model --full -b 16 --max-steps 2 -o full --force train.tok
	held "tiny: answers" "$BIN/seal-eval" generate -m model --max-new 8 --batch 4 --limit 20 train.jsonl
	if [ "${SEAL_MODEL:-}" ]; then
		for f in train safe; do "$BIN/seal-tokenize" -q --plain -m "$SEAL_MODEL" $f.jsonl -o $f.tok; done
		on "$(basename "$SEAL_MODEL")" "$SEAL_MODEL"
	else skip "a real model" "SEAL_MODEL is not set"; fi
fi
done_testing
