#!/bin/sh
# SPDX-License-Identifier: MIT
# report.sh FOLDER - a run's numbers as a page to look at: reads FOLDER/report.json, writes
# FOLDER/report.html, one file that needs no network and no script.
#
# Every part of report.json is optional; files are named as seen from FOLDER.  A number that was
# not measured is null.
#
#   title, first    what was run, and a sentence that says what came out
#   measures        [{"key","name","unit","digits","better":"higher"|"lower"}], the chief one
#                   first; of unit "%" are shares from 0 to 1
#   arms            [{"name","what","rows","unsafe","tokens","seeds",KEY:{"mean","ci":[low,high],
#                   "difference","difference_ci"},...}], differences to the first arm that
#                   has none itself
#   scores          [{"name","what","auroc","kept_unsafe","seconds","peak_bytes","file","by",
#                   "rows","keep"}]: file are scores (seal-scores(5)), by a formula over them,
#                   rows the labelled rows, keep the share that is kept (0.8); without
#                   file and rows there is no figure
#   sweeps          [{"title","x","measure":KEY,"lines":[{"arm","points":[{"x","mean","ci"}]}]}]
#   calibration     [{"name","file","rows"}]: scores that have p_bad, and the labelled rows
#   cost            [{"what","seconds","peak_bytes","against"}], against: seconds of fine-tuning
#   settings        {NAME: VALUE}
#   inputs          [{"name","file","rows","hash"}]
#   explained       {"what","worst","borderline"}: a score, and files of explain.sh
#
# report.jq writes the page, report.css is how it looks, report-plot.sh draws the figures.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
PATH=$here/../bin:$PATH
LC_ALL=C.UTF-8; export LC_ALL

[ $# -eq 1 ] || { echo "usage: report.sh FOLDER" >&2; exit 2; }
in=$1/report.json
jq -e -s 'length == 1 and (.[0] | type == "object")' "$in" > /dev/null || {
	echo "report: $in is not one JSON object" >&2; exit 1
}
jq -r '(.scores, .calibration | .[]? | .file, .rows), (.explained | .worst?, .borderline?) | strings' "$in" |
	while IFS= read -r file; do
		[ -r "$1/$file" ] || { echo "report: $in names $file, which cannot be read" >&2; exit 1; }
	done
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT; trap 'exit 1' HUP INT TERM

sh "$here/report-plot.sh" "$1" "$tmp"
for list in worst borderline; do
	file=$(jq -r --arg list "$list" '.explained[$list] // empty' "$in")
	if [ "$file" ]; then jq -c . "$1/$file"; fi > "$tmp/$list.jsonl"
done
jq -r -f "$here/report.jq" --rawfile css "$here/report.css" --slurpfile drawn "$tmp/drawn.jsonl" \
	--slurpfile worst "$tmp/worst.jsonl" --slurpfile borderline "$tmp/borderline.jsonl" "$in" > "$tmp/report.html"
cp "$tmp/report.html" "$1/report.html.new"
mv "$1/report.html.new" "$1/report.html"
