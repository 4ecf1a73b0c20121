#!/bin/sh
# SPDX-License-Identifier: MIT
# CSV as rows: header or --columns, line ends, identity, and what seal-select writes of it.
. "$(dirname "$0")/tap.sh"
cd "$TMP" || exit 1
TOK=$T/gold/tok-tiny
tok() { "$BIN/seal-tokenize" -t "$TOK" "$@"; }
ids() { tok --json "$@" | jq -r .id | tr '\n' ' '; }
shown() { tok --show "$@" | sed '/^==/d;/^$/d'; }

cat > a.csv <<'E'
id,prompt,completion
1,"Say ""hi"", please","hi
there"

2,What?,yo
E
is "$(ids a.csv)" "1 2 " "the id is that of the column"
is "$(shown --template '{}>{}' a.csv)" 'Say "hi", please>«hi
there<|endoftext|>»
What?>«yo<|endoftext|>»' "quotes, an embedded line end, an empty line between"
is "$(tok --json --fates f a.csv > /dev/null; jq -c '[.id, .line]' f | tr '\n' ' ')" '["1",2] ["2",5] ' "a row's line is its first"
{ cat a.csv; echo '1,p,c'; } > same.csv
fails 1 'same.csv:6: duplicate id: "1" is also the id of same.csv:2$' "also where a later one has its id" tok --json same.csv
sed 's/$/\r/' a.csv > crlf.csv; { printf '\357\273\277'; cat a.csv; } > bom.csv
is "$(ids crlf.csv)" "1 2 " "CR LF"
is "$(ids bom.csv)" "1 2 " "a byte order mark"
is "$(zstd -qc a.csv | ids)" "1 2 " "zstd on stdin"
is "$(shown --template '{}>{}' --prompt-key completion --answer-key prompt --limit 1 a.csv)" 'hi
there>«Say "hi", please<|endoftext|>»' "keys by name; the header is no row"

cut -d, -f2- > b.csv <<'E'
id,prompt,completion
1,p,c
2,p,c
E
is "$(ids b.csv)" "bcb047128a867adf bcb047128a867adf.2 " "without an id, the hash of the fields"
printf '"p","c"\r\np,c' > c.csv
is "$(ids --columns prompt,completion c.csv)" "$(ids b.csv)" "quoted or not, by header or --columns, it is one row"
printf '{"a" and b,\nplain\n' > one.csv
fails 1 'one.csv:1: bad CSV: a quote inside' "--columns forces CSV" tok --columns text --text text one.csv
printf '"{""a"" and, b"\nplain\n' > one.csv
is "$(shown --columns text --text text one.csv | tr -d '\n')" '{«"a" and, b»p«lain»' "a headerless file of one column"
echo '{"prompt":"p","completion":"c"}' > d.jsonl
is "$(ids d.jsonl b.csv | wc -w)" 3 "every file is what its own first line says"

# --- what is wrong
printf 'prompt,completion\np,c\np\np,"c\n' > bad.csv
fails 1 'bad.csv:3: bad CSV: 1 fields where there are 2 columns' "a field too few" tok --json bad.csv
tok --json --on-error skip --fates f bad.csv > out 2> err
is "$(jq -r .reason f)" "null
bad CSV: 1 fields where there are 2 columns
bad CSV: a quote is not closed before the end" "broken rows are fates"
printf 'a,a\nb,c\n' > twice.csv
fails 1 'twice.csv:1: neither JSON nor CSV: two columns have one name' "a column twice" tok twice.csv
printf '\350\003\000\n' > binary
fails 1 'binary:1: neither JSON nor CSV' "bytes that are neither" tok binary
fails 2 'columns: ' "bad --columns" tok --columns '"a' b.csv

# --- seal-select: the very lines
"$BIN/seal-score" -q --method random --seed 1 a.csv -o a.scores 2> /dev/null
pick() { "$BIN/seal-select" -q --scores a.scores --plain "$@"; }
pick --keep 100% a.csv > out
sed '/^$/d' a.csv | cmp -s - out; ok $? "the header, and every row as it was read"
pick --keep 1 a.csv > kept; pick --keep 1 --invert a.csv > rest
is "$( { cat kept; sed 1d rest; } | sort)" "$(sort out)" "parts under one header each"
is "$(ids kept rest | wc -w)" 2 "which are rows again"
pick --keep 100% --add kept a.csv > /dev/null; ok $? "--add of the same header"
fails 1 'annotate' "--annotate has no place" pick --keep 1 --annotate a.csv
fails 1 'do not mix' "JSONL added to CSV" pick --keep 1 --add d.jsonl a.csv
fails 1 'another CSV header' "another header" pick --keep 1 --add b.csv a.csv

if [ -d "$SEAL_DATA/prompts" ]; then
	is "$(tok --json --prompt-key target --answer-key goal "$SEAL_DATA/prompts/harmful_behaviors.csv" | jq -r .id | sort -u | wc -l)" \
	  "$(python3 -c 'import csv,sys; print(sum(1 for r in csv.DictReader(open(sys.argv[1], newline=""))))' "$SEAL_DATA/prompts/harmful_behaviors.csv")" \
	  "AdvBench: as many rows as Python's csv reads"
	is "$(tok --json --text Behavior "$SEAL_DATA/prompts/harmbench_behaviors_text_val.csv" | wc -l)" \
	  "$(python3 -c 'import csv,sys; print(sum(1 for r in csv.DictReader(open(sys.argv[1], newline=""))))' "$SEAL_DATA/prompts/harmbench_behaviors_text_val.csv")" \
	  "HarmBench too"
	is "$(ids --text prompt --limit 3 "$SEAL_DATA/prompts/xstest_prompts.csv")" "1 2 3 " "XSTest has ids"
else skip "AdvBench, HarmBench, XSTest" "no $SEAL_DATA"; fi
done_testing
