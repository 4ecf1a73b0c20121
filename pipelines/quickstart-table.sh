#!/bin/sh
# SPDX-License-Identifier: MIT
# quickstart-table.sh RESULT.json - the quickstart's numbers as a table
set -eu

jq -r 'def real(d): if . == null then "-" else . * pow(10; d) | round | tostring |
		(if startswith("-") then "-" else "" end) + (ltrimstr("-") |
		if length <= d then "0" * (d + 1 - length) + . else . end |
		if d > 0 then .[:-d] + "." + .[-d:] else . end) end;
	def percent: if . == null then "-" else . * 100 | real(0) + " %" end;
	"\(.rows) rows of \(.train), \(.unsafe) of them unsafe; model \(.model)", "",
	(["score", "AUROC", "unsafe kept", "seconds", "peak memory"],
	 (.scores[] | [.what, (.auroc | real(3)), (.kept_unsafe | percent), (.seconds | real(1)),
		(if .peak_bytes then (.peak_bytes / 1e6 | real(0)) + " MB" else "-" end)]) | @tsv),
	"",
	(["fine-tuned on", "rows", "unsafe", "safe nll", "useful nll", "refusals"],
	 (.tuned[] | [.what, .rows, .unsafe, (.nll_safe | real(3)), (.nll_utility | real(3)), (.refusals | percent)]) |
		@tsv)' "$1" |
awk -F '\t' 'NF < 2 { print; next }
	NF == 5 { printf "%-30s %8s %12s %9s %12s\n", $1, $2, $3, $4, $5; next }
	{ printf "%-30s %8s %8s %9s %11s %9s\n", $1, $2, $3, $4, $5, $6 }'
