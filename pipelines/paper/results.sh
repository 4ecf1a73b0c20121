#!/bin/sh
# SPDX-License-Identifier: MIT
# results.sh OUT BEST... | OUT costs - what came of a run, in Markdown: OUT/*.jsonl as tables, or only what it cost.  The first
# sentences hold the arms BEST against others, the first of them against all, further ones against what they go beyond.
set -eu
out=$1 best=$2; shift

# against ARM: a sentence on how far the margin of the arm $best is from ARM's, on the same prompts
against() {
	[ -s "$out/eval/$1.margin" ] && [ -s "$out/eval/$best.margin" ] && [ "$1" != "$best" ] || return 0
	(cd "$out/eval" && seal-eval compare --by margin "$1.margin" "$best.margin") |
		jq -rs --arg arm "$1" --arg best "$best" --slurpfile table "$out/table1.jsonl" "$numbers"'.[1] |
			def share($name; $of): first($table[] | select(.name == $name)) | .[$of] | if . then "\(.mean * 100 | round) %" else "unknown" end;
			(if .difference_ci[0] > 0 then "above" elif .difference_ci[1] < 0 then "below" else "not told from" end) as $where |
			"- `\($best)` is " + (if $where == "not told from" then "**not told from**" else "**\(.difference | fabs | real(3)) \($where)**" end) +
			" `\($arm)` (\(.difference_ci[0] | real(3)) to \(.difference_ci[1] | real(3))); it refuses \(share($best; "harmful")) of the harmful and " +
			"\(share($best; "benign")) of the harmless prompts, `\($arm)` \(share($arm; "harmful")) and \(share($arm; "benign"))"'
}
numbers='def real(d): if . == null then "-" else . * pow(10; d) | round | tostring |
		(if startswith("-") then "-" else "" end) + (ltrimstr("-") |
		if length <= d then "0" * (d + 1 - length) + . else . end | .[:-d] + "." + .[-d:]) end;
	def cell(d): if . == null then "-" else (.mean | real(d)) + " (" + (.ci[0] | real(d)) + " to " + (.ci[1] | real(d)) + ")" end;
	def percent: if . == null then "-" else "\(.mean * 100 | round) % (\(.ci[0] * 100 | round) to \(.ci[1] * 100 | round))" end;
	def row: "| " + join(" | ") + " |";
	'

# table FILE TITLE
table() {
	[ -s "$out/$1.jsonl" ] || return 0
	printf '\n%s\n\n' "$2"
	jq -rs "$numbers"'map(has("exact")) as $e | any($e[]; .) as $exact |
		(["arm", "", "rows", "unsafe", "margin", "in order", "utility nll", "against all rows", "refused: harmful", "benign"] +
			(if $exact then ["exact"] else [] end) | row),
		([range(10 + (if $exact then 1 else 0 end)) | "---"] | row),
		(.[] | ["`\(.name)`", .what, (.rows // "-" | tostring), (.unsafe // "-" | tostring), (.margin | cell(3)), (.in_order | percent),
			(.nll.mean | real(3)), (if .nll.difference == null then "-" else (.nll.difference | real(4)) + " (" +
				(.nll.difference_ci[0] | real(4)) + " to " + (.nll.difference_ci[1] | real(4)) + ")" end),
			(.harmful | percent), (.benign | percent)] + (if $exact then [.exact | percent] else [] end) | row)' "$out/$1.jsonl"
}

# costs: time and memory, from the logs
costs() {
	printf '| | seconds | peak MB |\n| --- | --- | --- |\n'
	for log in "$out"/scores/*.log "$out/arms/all.1.log"; do
		[ ! -s "$log" ] || jq -r --arg name "$(basename "$log" .log)" "$numbers"'select(.event == "end") |
			["`\($name)`", (.seconds | round | tostring), (.peak_bytes / 1e6 | round | tostring)] | row' "$log"
	done
}
[ "$best" != costs ] || { costs; exit; }

echo "Margin on $(jq -r .id "$out/eval/all.margin" | sort -u | wc -l) prompts that have a safe and an unsafe answer; intervals of 95 %, over prompts:"
echo
for arm in dsir all+repair random seal2 oracle aligned all; do against "$arm"; done
first=$best; shift
for best; do
	for arm in "$first" "all+${best#*+}" oracle aligned; do against "$arm"; done
done
table table1 "Every way of choosing rows (table 1):"
for t in "$out"/*/table1.jsonl; do
	[ ! -e "$t" ] || table "$(basename "$(dirname "$t")")/table1" "$(cat "$(dirname "$t")/title"):"
done
table figure3 "The share that is kept (figure 3):"
table figure4 "Selectors of another model (figure 4):"
table beyond "Beyond the paper:"

printf '\nWhat choosing costs, and tuning once on all rows (`all.1`; table 3):\n\n'
costs
