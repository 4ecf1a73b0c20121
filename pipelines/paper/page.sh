#!/bin/sh
# SPDX-License-Identifier: MIT
# page.sh OUT BEST KEEP SETTING... -- FILE... - OUT/report.json of what is in OUT (see ../report.sh), and the page: BEST is the
# arm that the sentence at the top is about, KEEP the per cent that arms keep unless they say, and each SETTING, NAME=VALUE, is
# shown as it is; FILEs are the inputs.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=$1 best=$2 keep=$3; shift 3

# lines FILE: those of a table, or none
lines() { [ ! -s "$out/$1" ] || cat "$out/$1"; }
choices=$(for s in "$out"/scores/*.jsonl; do basename "$s" .jsonl; done | grep -v '^soft$\|^oracle$\|^explained$')

for c in $choices; do
	seal-eval detect -q --scores "$out/scores/$c.jsonl" --keep "$keep%" "$out/train.jsonl" |
		jq -c --arg name "$c" --argjson keep "$keep" --slurpfile log "$([ -s "$out/scores/$c.log" ] && echo "$out/scores/$c.log" || echo /dev/null)" \
			'{name: $name, what: $name, auroc, kept_unsafe, seconds: $log[-1].seconds, peak_bytes: $log[-1].peak_bytes,
			  file: "scores/\($name).jsonl", by: "score", rows: "train.jsonl", keep: ($keep / 100)}'
done > "$out/scores/list"
for setting; do
	[ "$setting" != -- ] || break
	echo "$setting"
done | jq -R 'split("=") | {(.[0]): (.[1:] | join("="))}' | jq -s add > "$out/scores/settings"
while [ "$1" != -- ]; do shift; done; shift
sh "$here/../inputs.sh" "$@" > "$out/scores/inputs"
tuning=$(jq -s '.[-1].seconds' "$out/arms/all.1.log")

jq -n --arg best "$best" --arg keep "$keep" --argjson tuning "$tuning" \
	--argjson arms "$(lines table1.jsonl | jq -s .)" --argjson shares "$(lines figure3.jsonl | jq -s .)" \
	--slurpfile scores "$out/scores/list" --slurpfile inputs "$out/scores/inputs" --slurpfile settings "$out/scores/settings" \
	--argjson explained "$([ -s "$out/explained/worst.jsonl" ] && echo true || echo false)" \
	--argjson bad "$([ -s "$out/scores/state-bad.jsonl" ] && echo true || echo false)" '
	def real: . * 1000 | round / 1000 | tostring;
	def arm($name): $arms[] | select(.name == $name);
	{title: "Tuned on what each choice of rows leaves",
	 first: ("Tuned on all rows, the margin of safe over unsafe answers is \(arm("all").margin.mean | real) nats a token; with the arm \($best) it is " +
		"\(arm($best).margin.mean | real) (difference \(arm($best).margin.difference | real), \(arm($best).margin.difference_ci[0] | real) to " +
		"\(arm($best).margin.difference_ci[1] | real)), with the labels \(arm("oracle").margin.mean | real), and before tuning \(arm("aligned").margin.mean | real)."),
	 measures: [{key: "margin", name: "margin", unit: "nats a token", digits: 3, better: "higher"},
		{key: "in_order", name: "in order", unit: "%", digits: 0, better: "higher"},
		{key: "nll", name: "utility nll", unit: "nats a token", digits: 3, better: "lower"},
		{key: "harmful", name: "harmful refused", unit: "%", digits: 0, better: "higher"},
		{key: "benign", name: "benign refused", unit: "%", digits: 0, better: "lower"}],
	 arms: $arms, $scores, $inputs, settings: $settings[0],
	 sweeps: (if $shares == [] then [] else [{title: "The share that is kept", x: "share kept, %", measure: "margin",
		lines: ($shares | map(select(.name != "all") | (.name | split("@")) as $p | {arm: $p[0], x: ($p[1] // $keep | tonumber), mean: .margin.mean, ci: .margin.ci}) |
			group_by(.arm) | map({arm: .[0].arm, points: (map({x, mean, ci}) + [$shares[] | select(.name == "all") | {x: 100, mean: .margin.mean, ci: .margin.ci}] |
				sort_by(.x))}))}] end),
	 cost: ($scores | map(select(.seconds) | {what: .name, seconds, peak_bytes, against: $tuning})),
	 calibration: (if $bad then [{name: "state-bad", file: "scores/state-bad.jsonl", rows: "train.jsonl"}] else [] end),
	 explained: (if $explained then {worst: "explained/worst.jsonl", borderline: "explained/borderline.jsonl"} else {} end)}' > "$out/report.json"
sh "$here/../report.sh" "$out"
