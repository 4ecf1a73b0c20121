#!/bin/sh
# SPDX-License-Identifier: MIT
# explain.sh WHY SCORES ROWS OUT [KEEP] - the rows that a report shows token by token.
#
# WHY is what seal-score --explain wrote, SCORES the scores of that run, ROWS the rows, KEEP the
# share of them that is kept (0.8).  Writes OUT/worst.jsonl, the 50 rows that scored lowest, worst
# first, and OUT/borderline.jsonl, the 25 worst that are kept and the 25 best that are not, best
# first: {"id","score","rank","label","tokens":[[TEXT,SHARE],...]} a row.  A share above 0 pulls
# the row's score down; it is null where a token was not trained, so has no part in the score.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
PATH=$here/../bin:$PATH

[ $# -ge 4 ] || { echo "usage: explain.sh WHY SCORES ROWS OUT [KEEP]" >&2; exit 2; }
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT; trap 'exit 1' HUP INT TERM

seal-select -q --scores "$2" --keep 100% --plain --annotate "$3" |
	jq -c -s --argjson keep "${5:-0.8}" 'length as $n | ($n * $keep + 0.5 | floor) as $kept |
		map({id, score: .seal.score, rank: .seal.rank, label: (.label // null)} |
		.worst = (.rank > $n - 50) | .borderline = (.rank > $kept - 25 and .rank <= $kept + 25) |
		select(.worst or .borderline) | {key: .id, value: .}) | from_entries' > "$tmp/picked.json"
jq -c --slurpfile picked "$tmp/picked.json" '$picked[0][.id] as $row | select($row) |
	$row + {tokens: [.text, .tokens] | transpose}' "$1" > "$tmp/rows.jsonl"
mkdir -p "$4"
jq -c -s 'sort_by(.rank)[] | select(.borderline) | del(.worst, .borderline)' "$tmp/rows.jsonl" > "$4/borderline.jsonl"
jq -c -s 'sort_by(-.rank)[] | select(.worst) | del(.worst, .borderline)' "$tmp/rows.jsonl" > "$4/worst.part"
mv "$4/worst.part" "$4/worst.jsonl" # last, and whole: where it is, both are
