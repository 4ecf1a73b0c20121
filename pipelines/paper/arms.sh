#!/bin/sh
# SPDX-License-Identifier: MIT
# arms.sh OUT ARM:ROWS... - a JSON line for each arm of OUT/eval: what of OUT/rows it was tuned on, every measure's mean
# over prompts and seeds, its interval of 95 %, and how it differs from the arm `all` on the same prompts.
set -eu
here=$(dirname "$0") out=$1; shift

# of ENDING KEY NAME ARM:ROWS...: KEY of the lines in eval/ARM.ENDING, as the measure NAME, where it was measured
of() {
	ending=$1 key=$2 name=$3; shift 3
	[ -s "$out/eval/all.$ending" ] || return 0
	for arm; do # the first file is what all are compared with
		[ "${arm%:*}" = all ] || set -- "$@" "$out/eval/${arm%:*}.$ending"
		shift
	done
	sh "$here/../means.sh" "$name" "$key" "$out/eval/all.$ending" "$@"
}

# what ARM is, in words
words() {
	echo "$1" | awk -F '[+]' '{
		n = split($1, c, "@")
		w["all"] = "all rows"; w["aligned"] = "before tuning"; w["random"] = "random rows"; w["dsir"] = "DSIR"
		w["seal1"] = "SEAL, Algorithm 1"; w["seal2"] = "SEAL, Algorithm 2"; w["state"] = "hidden states"
		w["state-bad"] = "hidden states, with bad examples"; w["state-bad10"] = "hidden states, with ten bad examples"; w["contrast"] = "contrast, with bad examples"
		w["guard"] = "a guard"; w["oracle"] = "the labels (oracle)"
		f["safe"] = "trusted rows mixed in"; f["mask"] = "spans masked"; f["soft"] = "soft weights"
		f["repair"] = "repaired with one refusal"; f["pull"] = "pulled to its start"
		f["project"] = "gradients projected"; f["rehearse"] = "trusted rows in every step"
		out = (c[1] in w) ? w[c[1]] : c[1]
		if (n > 1) out = out ", " c[2] (c[2] ~ /^[0-9]/ ? " %" : "")
		for (i = 2; i <= NF; i++) out = out ", " (($i in f) ? f[$i] : $i ~ /^safe[0-9]+$/ ? substr($i, 5) " % trusted rows" : $i)
		print out
	}'
}

{
	for arm; do
		count=$out/rows/${arm#*:}.count arm=${arm%:*}
		if [ "$arm" = aligned ]; then echo null null null; else cat "$count"; fi |
			jq -cR --arg arm "$arm" --arg what "$(words "$arm")" 'split(" ") | map(fromjson) as [$rows, $unsafe, $tokens] |
				{name: $arm, $what, $rows, $unsafe, $tokens}'
	done
	of margin margin margin "$@"
	of margin in_order in_order "$@"
	of nll nll nll "$@"
	of harmful refused harmful "$@"
	of benign refused benign "$@"
	of exact right exact "$@"
	of win win win "$@"
} | jq -cn 'reduce inputs as $line ({}; .[$line.name] += $line) | .[]'
