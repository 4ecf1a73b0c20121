#!/bin/sh
# SPDX-License-Identifier: MIT
# quickstart-table.sh REPORT.json - the quickstart's numbers as a table
set -eu

jq -r 'def real(d): if . == null then "-" else . * pow(10; d) | round | tostring |
		(if startswith("-") then "-" else "" end) + (ltrimstr("-") |
		if length <= d then "0" * (d + 1 - length) + . else . end |
		if d > 0 then .[:-d] + "." + .[-d:] else . end) end;
	def percent: if . == null then "-" else . * 100 | real(0) + " %" end;
	def ends(d): if . == null then "" else map(real(d)) | " [\(.[0]), \(.[1])]" end;
	.title, "",
	(["score", "AUROC", "unsafe kept", "seconds", "peak memory"],
	 (.scores[] | [.name, (.auroc | real(3)), (.kept_unsafe | percent), (.seconds | real(1)),
		(if .peak_bytes then (.peak_bytes / 1e6 | real(0)) + " MB" else "-" end)]) | @tsv),
	"",
	(["fine-tuned on", "rows", "unsafe", "margin, and its interval", "useful nll", "refusals"],
	 (.arms[] | [.name, .rows, .unsafe, ((.margin.mean | real(3)) + (.margin.ci | ends(3))), (.nll.mean | real(3)), (.refused.mean | percent)]) |
		@tsv)' "$1" |
awk -F '\t' 'NF < 2 { print; next }
	NF == 5 { printf "%-30s %8s %12s %9s %12s\n", $1, $2, $3, $4, $5; next }
	{ printf "%-30s %6s %8s %25s %11s %9s\n", $1, $2, $3, $4, $5, $6 }'
