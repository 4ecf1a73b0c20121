#!/bin/sh
# SPDX-License-Identifier: MIT
# bench-scores-table.sh OUT - the results of bench-scores.mk as tables in Markdown: means over the seeds, and the range
# of the first column
set -eu
PATH=$(cd "$(dirname "$0")/../bin" && pwd):$PATH
out=$1
cat "$out"/*.json | jq -rs '
	def mean: map(select(. != null)) | if length == 0 then null else add / length end;
	def r(d): if . == null then "-" else (. * pow(10; d) | round / pow(10; d) | tostring) end;
	def cell(f): map(f) | mean | r(3);
	def line: "| " + (map(tostring) | join(" | ")) + " |";
	def rows: [.[0].method + (if .[0].bad == "0" then "" else ", " + .[0].bad + " bad" end),
		(map(.auroc) | (mean | r(3)) + (if length > 1 then " (" + (min | r(3)) + "-" + (max | r(3)) + ")" else "" end)),
		cell(.against["harmful-safe"].auroc), cell(.against["borderline-safe"].auroc), cell(.pairs),
		cell(.cells.macro), (min_by(.cells.worst) | (.cells.worst | r(2)) + " " + (.cells.worst_unsafe // "") + "/" + (.cells.worst_safe // "")),
		cell(.kept75), cell(.kept_unsafe), (map(.seconds) | mean | r(0))] | line;
	map((.key | split(".")) as $k | . + {mix: $k[0], trusted: $k[1], seed: $k[2], method: $k[3], bad: $k[4]}) |
	group_by([.mix, .trusted])[] |
	"", "\(.[0].mix), trusted rows of \(.[0].trusted), seeds \(map(.seed) | unique | join(", "))", "",
	(["score", "overall", "harmful", "borderline", "pairs", "macro", "worst cell", "kept 75 %", "kept 80 %", "seconds"] | line),
	(["---", "---", "---", "---", "---", "---", "---", "---", "---", "---"] | line),
	(map(select(.bad | startswith("no-") | not)) | group_by([.method, (.bad | tonumber)])[] | rows),
	(map(select(.bad | startswith("no-"))) | select(length > 0) | "", "A source that no bad row shows, found alone:", "",
		(["score", "source", "overall", "least", "rows"] | line), (["---", "---", "---", "---", "---"] | line),
		(group_by([.method, .bad])[] | [.[0].method, (.[0].bad | .[3:]), cell(.auroc), (map(.auroc) | min | r(3)), .[0].unsafe] | line))'
for m in state.0 state.10 state.100 words.100; do
	for mix in pairs-2k paper-4k; do
		set -- "$out/$mix".safe-2k.[0-9]*."$m".scores
		[ -e "$1" ] && [ $# -gt 1 ] || continue
		# The same rows in other orders: stability joins them by id.
		seal-eval stability --keep 80% "$@" | jq -r --arg m "$m" --arg mix "$mix" \
			'"\($mix), \($m): of the rows that are dropped two seeds agree on \(.overlap * 1000 | round / 10) % (least \(.overlap_least * 1000 | round / 10) %), rho \(.rho * 1000 | round / 1000)"'
	done
done
