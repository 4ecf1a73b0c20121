#!/bin/sh
# SPDX-License-Identifier: MIT
# arms.sh OUT [exact] -- ARM... - a JSON line for each arm of OUT/eval: every measure's mean over prompts and
# seeds, its interval of 95 %, and how it differs from the arm `all` on the same prompts.
set -eu
out=$1; shift
exact=
[ "$1" = -- ] || { exact=exact; shift; }
shift

# of FILE KEY NAME ARM...: KEY of the lines in eval/ARM.FILE, as the measure NAME
of() {
	file=$1 key=$2 name=$3; shift 3
	(
		cd "$out/eval"
		for arm; do # the first file is what all are compared with
			[ "$arm" = all ] || set -- "$@" "$arm.$file"
			shift
		done
		seal-eval compare --by "$key" "all.$file" "$@"
	) | jq -c --arg key "$key" --arg name "$name" --arg file ".$file" '{arm: (.file | rtrimstr($file)), ($name):
		{mean: .[$key], ci: .[$key + "_ci"], n, difference, difference_ci}}'
}

# what ARM is, in words
words() {
	echo "$1" | awk -F '[+]' '{
		n = split($1, c, "@")
		w["all"] = "all rows"; w["aligned"] = "before tuning"; w["random"] = "random rows"; w["dsir"] = "DSIR"
		w["seal1"] = "SEAL, Algorithm 1"; w["seal2"] = "SEAL, Algorithm 2"; w["state"] = "hidden states"
		w["state-bad"] = "hidden states, with bad examples"; w["contrast"] = "contrast, with bad examples"
		w["guard"] = "a guard"; w["oracle"] = "the labels (oracle)"
		f["safe"] = "trusted rows mixed in"; f["repair"] = "repaired with one refusal"; f["pull"] = "pulled to its start"
		f["project"] = "gradients projected"; f["rehearse"] = "trusted rows in every step"
		out = (c[1] in w) ? w[c[1]] : c[1]
		if (n > 1) out = out ", " c[2]
		for (i = 2; i <= NF; i++) out = out ", " (($i in f) ? f[$i] : $i)
		print out
	}'
}

{
	for arm; do
		count="$out/rows/$arm.count"
		jq -cn --arg arm "$arm" --arg what "$(words "$arm")" '{arm: $arm, name: $arm, what: $what}'
	done
	of margin margin margin "$@"
	of margin in_order in_order "$@"
	of nll nll nll "$@"
	of harmful refused harmful "$@"
	of benign refused benign "$@"
	[ -z "$exact" ] || of exact right exact "$@"
} | jq -cn 'reduce inputs as $line ({}; .[$line.arm] += $line) | .[] | del(.arm)'
