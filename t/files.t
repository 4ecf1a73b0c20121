#!/bin/sh
# SPDX-License-Identifier: MIT
# Rows as files are in the world: JSON that is not a row a line, packed files, remarks, byte order
# marks, and files of others, which are refused by their name.
. "$(dirname "$0")/tap.sh"
cd "$TMP" || exit 1
TOK=$T/gold/tok-tiny
tok() { "$BIN/seal-tokenize" -t "$TOK" "$@"; }
rows() { tok --json -q "$@" | jq -c '[.id, .tokens]' | md5sum; }
random() { "$BIN/seal-score" --method random --seed 1 --plain -q "$@"; }
lines() { random "$@" | tail -n +2 | jq -r .line | tr '\n' ' '; }

cat > rows.jsonl <<'E'
{"id":"a","prompt":"say \"{[,","completion":"h\u00e9\\"}
{"prompt":"p]}","completion":"c","more":[1,{"x":[]},{},"",-1.5,true,null]}
{"id":17,"prompt":"caf\u00e9 é","completion":"日本\n"}
{"prompt":"p","completion":"c"}
{"prompt":"p","completion":"c"}
E
want=$(rows rows.jsonl)

# --- arrays, and objects that span lines, of any layout: the same rows with the same ids
jq -s . rows.jsonl > indented.json
jq -cs . rows.jsonl > line.json
jq -cs . rows.jsonl | tr -d '\n' > unended.json
{ echo; echo '[ '; jq -c . rows.jsonl | sed '$!s/$/,/'; printf '\n\t] \n\n'; } > lines.json
jq --tab -s . rows.jsonl | sed 's/$/\r/' > tabs-crlf.json
python3 -c 'import json
rows = [json.loads(l) for l in open("rows.jsonl", encoding="utf-8")]
for name, indent in (("dump", None), ("zero", 0)):
    json.dump(rows, open(name + ".json", "w", encoding="utf-8"), ensure_ascii=False, indent=indent)'
jq . rows.jsonl > printed.json
jq --tab . rows.jsonl > printed-tabs.json
sed 's/^}$/}\n\n/' printed.json > blank.json
jq -s '.[:2]' rows.jsonl > two.json; jq -s '.[2:]' rows.jsonl | cat two.json - > arrays.json
{ cat two.json; jq -c . rows.jsonl | tail -n +3; } > both.json
{ printf '\357\273\277'; cat indented.json; } > bom.json
n=$(grep -n '^{' printed.json | sed -n '3s/:.*//p')
{ head -n $((n - 1)) printed.json; printf '\357\273\277'; tail -n "+$n" printed.json; } > bom-middle.json
for f in line unended lines tabs-crlf dump zero printed printed-tabs blank arrays both bom bom-middle; do
	is "$(rows $f.json)" "$(rows indented.json)" "$f: the rows of the array"
done
is "$(jq -c . rows.jsonl | tee compact.jsonl | rows -)" "$(rows indented.json)" "with the ids of the compact lines that jq -c prints"
is "$(for f in indented line printed; do zstd -qc $f.json | rows; done | sort -u | wc -l)" 1 "from a pipe, packed"
fails 1 'rows\.jsonl:1: duplicate id: "a" is also the id of two\.json:2$' "one id in an array and in JSONL" tok --json two.json rows.jsonl
is "$(lines indented.json)" "$(grep -n '^  {' indented.json | cut -d: -f1 | tr '\n' ' ')" "a row's line is the one where its object begins"
is "$(lines printed.json)" "$(grep -n '^{' printed.json | cut -d: -f1 | tr '\n' ' ')" "also without an array"
is "$(lines line.json)" "1 1 1 1 1 " "all of one line are in line 1"
is "$(random --limit 2 indented.json | tail -n +2 | wc -l)" 2 "--limit"
{ head -c 300000 /dev/zero | tr '\0' ' '; cat indented.json; } > far.json
is "$(rows far.json)" "$(rows indented.json)" "behind more white space than fits a buffer"
python3 -c 'import json; print(json.dumps([{"id": i, "prompt": "p" * (i * 7 % 5000), "completion": "[{" * (i % 9)} for i in range(1, 3000)], indent=1))' > many.json
is "$(rows many.json)" "$(jq -c '.[]' many.json | rows -)" "3000 rows that cross the ends of buffers"

# --- seal-select writes them as compact lines, whose ids and hashes stay
random indented.json > scores
"$BIN/seal-select" -q -s scores --keep 100% indented.json > kept.jsonl
is "$(jq -c . kept.jsonl | cmp - compact.jsonl && wc -l < kept.jsonl)" 5 "seal-select writes JSONL"
is "$("$BIN/seal-select" -q -s scores --keep 100% kept.jsonl | md5sum)" "$(md5sum < kept.jsonl)" "to which the scores belong as well"
"$BIN/seal-select" -q -s scores --keep 100% unended.json | cmp -s - kept.jsonl; ok $? "the last row has its line feed"
printf '[{"id":"x", "p":0.10, "q" : "\\u00e9 \\/ x", "r": 1e2, "z": [1 , 2]}]' > exact.json
random exact.json > exact.scores
is "$("$BIN/seal-select" -q -s exact.scores --keep 1 exact.json)" '{"id":"x","p":0.10,"q":"\u00e9 \/ x","r":1e2,"z":[1,2]}' \
  "numbers and texts are spelled as they were"

# --- what is wrong with arrays
bad() { # PATTERN TEXT
	printf "$2" > bad.json
	fails 1 "^seal-score: bad\.json:$1\$" "$1" random bad.json
}
bad '2: element 1: not an object' '[\n1,{"a":1}]'
bad '2: element 2: not an object' '[{"a":1},\n"x"]'
bad '1: element 2: not an object' '[{"a":1},[{"a":2}]]'
bad '1: element 3: bad JSON: column [0-9]*: .*' '[{"a":1},{"a":2},{"a":1 2}]'
bad '3: element 2: bad JSON: column [0-9]*: duplicate.*' '[{"a":1},\n\n{"a":1,"a":1}]'
bad '1: element 1: bad UTF-8: .*' '[{"a":"\377"}]'
bad '1: element 2: bad id: "id" is empty' '[{"id":"x"},{"id":""}]'
bad '1: element 2: duplicate id: "x" is also the id of bad\.json:1' '[{"id":"x"},{"id":"x"}]'
bad '2: the array that begins here is cut short' '\n[{"a":1},{"a":2}\n\n'
bad '3: the value that begins here is cut short' '[{"a":1},\n\n{"a":2,\n"b":['
bad '2: an element of the array has no comma behind it' '[{"a":1}\n{"a":2}]'
bad '1: an element of the array is missing' '[{"a":1},]'
bad '1: an element of the array is missing' '[,{"a":1}]'
bad '2: what stands here is neither an object nor an array' '[{"a":1}]\nx'
bad '2: what stands here is neither an object nor an array' '[{"a":1}\n]]'
bad '1: a \] closes what \{ has opened' '[{"a":1]'
bad '2: a text is not closed in its line' '[\n{"a":"x\n"}]'
bad '1: bad JSON: .*' '{"a":\n'
bad '1: bad JSON: .*' '{"a":\n{"a":1}\n'
echo '[{"prompt":"p","completion":"c"},{"x":1}]' > schema.json
fails 1 'schema.json:1: element 2: bad row: no known schema' "a row of no schema has its element" tok --json schema.json
is "$(printf '[{"id":1},2,{"id":"","x":1},{"id":3,"x":1 1}, {"id":4}]' > skip.json; random --on-error skip skip.json 2>&1 | tail -n +2 | jq -r .id | tr '\n' ' ')" "1 4 " \
  "--on-error skip goes on with the next element"
printf '{"a":\n{"id":"b"}\n' > first.jsonl
is "$(random --on-error skip first.jsonl 2>&1 | tail -n +2 | jq -r .id)" b "also behind a broken first line of JSONL"
printf '[{"id":1},{"id":2}\n' > cut.json
fails 1 'cut short' "but a file that is cut short is none that can be skipped" random --on-error skip cut.json

# --- packed by others
gzip -c rows.jsonl > rows.gz; xz -c rows.jsonl > rows.xz; zstd -qc rows.jsonl > rows.zst
head -2 rows.jsonl > head; tail -n +3 rows.jsonl > tail
for p in gzip xz zstd; do
	is "$($p -qc rows.jsonl | rows -)" "$want" "$p"
	{ $p -qc head; $p -qc < /dev/null; $p -qc tail; } > several
	is "$(rows several)" "$want" "$p: several, one of them empty"
	is "$($p -qc many.json | rows -)" "$(rows many.json)" "$p: an array"
	for n in 1 2 7 30 $(($($p -qc rows.jsonl | wc -c) - 1)); do
		$p -qc rows.jsonl | head -c $n > cut
		fails 1 "cut: the $p stream is cut short|cut:1: neither JSON" "$p: cut to $n bytes" random cut
	done
	{ $p -qc head; $p -qc tail | head -c 9; } > cut
	fails 1 "cut: the $p stream is cut short" "$p: the second is cut" random cut
	{ $p -qc rows.jsonl; cat rows.jsonl; } > mixed
	fails 1 "mixed: broken $p stream: what follows it is not packed" "$p: plain bytes behind it" random mixed
	$p -qc many.json > broken; printf 'XXXX' | dd of=broken bs=1 seek=2000 conv=notrunc 2> /dev/null
	fails 1 "broken: broken $p stream: " "$p: broken bytes" random broken
done
{ gzip -c head; xz -c tail; } > mixed
is "$(rows mixed)" "$want" "one packing may follow another"
{ cat rows.gz; head -c 1000 /dev/zero; } > padded
is "$(rows padded)" "$want" "zero bytes behind gzip are passed over"
{ xz -c head; head -c 8 /dev/zero; xz -c tail; head -c 4 /dev/zero; } > padded
is "$(rows padded)" "$want" "and behind xz, in fours"
{ cat rows.xz; head -c 3 /dev/zero; } > padded
fails 1 'padded: broken xz stream: 3 bytes of padding' "else not" random padded
python3 -c 'import gzip, sys; sys.stdout.buffer.write(gzip.compress(open("rows.jsonl", "rb").read())[:-8] + bytes(8))' > sum
fails 1 'sum: broken gzip stream: incorrect data check' "gzip: a wrong checksum" random sum
# Headers that ask for more: the byte of a frame of zstd that names the window, and that of a block of xz
# that names the dictionary, which has a checksum.
window() { zstd -qc < rows.jsonl | python3 -c 'import sys; b = bytearray(sys.stdin.buffer.read()); b[5] = int(sys.argv[1]); sys.stdout.buffer.write(b)' "$1"; }
dictionary() {
	xz -qc rows.jsonl | python3 -c 'import sys, zlib
b = bytearray(sys.stdin.buffer.read())
end = 12 + 4 * b[12]
b[16] = int(sys.argv[1])
b[end : end + 4] = zlib.crc32(b[12:end]).to_bytes(4, "little")
sys.stdout.buffer.write(b)' "$1"
}
is "$(for n in 136 144 160 168; do window $n | rows; done | sort -u)" "$want" "zstd: windows of 128 MiB to 2 GiB"
window 169 > wide; fails 1 'wide: broken zstd stream: it asks for a window of more than 2 GiB' "and no more" random wide
is "$(for n in 30 36 37; do dictionary $n | rows; done | sort -u)" "$want" "xz: dictionaries to 1.5 GiB"
dictionary 39 > wide; fails 1 'wide: broken xz stream: it asks for 3.0 GiB of memory' "and not of 3" random wide
if [ -z "${SAN:-}" ]; then
	dictionary 37 > wide; fails 1 'wide: broken xz stream: there is no memory' "where there is no memory, that is said" sh -c 'ulimit -v 1000000; "$@"' - "$BIN/seal-score" --method random wide
	window 168 > wide; fails 1 'wide: broken zstd stream: there is no memory' "by zstd too" sh -c 'ulimit -v 1000000; "$@"' - "$BIN/seal-score" --method random wide
else skip "where there is no memory, that is said" "the sanitizers take all addresses"; fi
is "$(gzip -c scores | "$BIN/seal-select" -q -s - --keep 100% indented.json | md5sum)" "$(md5sum < kept.jsonl)" "scores may be packed as well"
tok -q --plain rows.jsonl | gzip | "$BIN/seal-tokenize" -t "$TOK" --decode -q > decoded; tok -q rows.jsonl | "$BIN/seal-tokenize" -t "$TOK" --decode -q | cmp -s - decoded
ok $? "and tokens"
is "$("$BIN/seal-select" -q -s scores --keep 2 indented.json | gzip -c > g; random g | wc -l)" 3 "what comes of gzip"
random rows.gz > scores.gz
is "$("$BIN/seal-select" -q -s scores.gz --keep 100% rows.gz | md5sum)" "$(md5sum < rows.jsonl)" "is written plain"

# --- files of others
named() { # NAME PATTERN, of the file `foreign`; in no pipe, which would forget its results
	fails 1 "^seal-tokenize: foreign: is $2" "$1" tok --json foreign
	fails 1 "^seal-score: foreign: is $2" "$1: for any program" random foreign
	gzip -c foreign > foreign.gz
	fails 1 "^seal-eval refusals: foreign.gz: is $2" "$1: in gzip, too" "$BIN/seal-eval" refusals foreign.gz
}
printf 'PAR1\025\004\025\000' > foreign; named Parquet 'a Parquet file'
printf 'ARROW1\000\000\377\377\377\377\170\001\000\000' > foreign; named Arrow 'an Arrow file'
printf '\377\377\377\377\170\001\000\000\020\000\000\000' > foreign; named "Arrow's stream" 'an Arrow stream'
printf 'FEA1\000\000\000\000' > foreign; named Feather 'a Feather file'
python3 -c 'import zipfile; z = zipfile.ZipFile("z.zip", "w"); z.write("rows.jsonl"); z.close()'; mv z.zip foreign; named zip 'a zip archive'
python3 -c 'import bz2, sys; sys.stdout.buffer.write(bz2.compress(open("rows.jsonl", "rb").read()))' > foreign; named bzip2 'packed by bzip2 \(bunzip2 it first\)'
printf '7z\274\257\047\034\000\004' > foreign; named 7z 'a 7z archive'
tar -cf - rows.jsonl > foreign; named tar 'a tar archive'
for e in UTF-16 UTF-16LE UTF-16BE UTF-32 UTF-32LE UTF-32BE; do
	iconv -f UTF-8 -t $e rows.jsonl > foreign; named $e "text in ${e%[LB]E} "
	printf 'id,prompt\n1,x\n' | iconv -f UTF-8 -t $e > foreign; named "$e: CSV" "text in ${e%[LB]E} "
done
printf 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n' > foreign; named 'Git LFS' 'a Git LFS pointer, not the file itself'
printf '\n <!DocType HTML>\n<html>\n' > foreign; named HTML 'a web page'
printf '\357\273\277<html lang="en"><head>' > foreign; named 'HTML with a byte order mark' 'a web page'
printf '%%PDF-1.7\n' > foreign; named PDF 'a PDF file'
printf 'SQLite format 3\000\020\000' > foreign; named SQLite 'an SQLite database'
python3 -c 'import pickle, sys; pickle.dump([{"a": 1}], sys.stdout.buffer)' > foreign; named pickle 'a pickle of Python'
printf '\223NUMPY\001\000' > foreign; named NumPy 'an array of NumPy'
printf '{\\rtf1\\ansi {"a":1}}' > foreign; named RTF 'a text in RTF'
gzip -c rows.gz > foreign; named 'gzip' 'packed by gzip'

# --- no rows
for f in 'Not Found' 'Not Found\n' '"hello"\n' '\n\nEntry not found\n\n' '7'; do
	printf "$f" > text
	fails 1 'text:[13]: neither JSON nor CSV: it is one line of text' "a line of text is no file of rows: $f" random text
	fails 1 'text:[13]: neither JSON' "not with --allow-empty either" random --allow-empty text
	fails 1 'text:[13]: neither JSON' "nor beside rows" random rows.jsonl text
done
printf 'id,prompt,completion\n' > header.csv
for f in /dev/null header.csv; do
	fails 1 "^seal-tokenize: $f: no rows" "$f: no rows" tok --json $f
	fails 1 "^seal-score: $f: no rows" "for any program" random $f
	fails 1 "^seal-select: $f: no rows" "for seal-select" "$BIN/seal-select" -s scores --keep 1 $f
	is "$(random --allow-empty $f | jq .rows)" 0 "but with --allow-empty"
done
printf '[]' > none.json; printf ' \n\n' > blank
fails 1 'none.json: no rows' "an empty array" random none.json
fails 1 'blank: no rows' "blank lines" random blank
fails 1 'null: no rows' "one among others" random rows.jsonl /dev/null indented.json
is "$(random --allow-empty none.json rows.jsonl blank | wc -l)" 6 "--allow-empty"
fails 1 'no rows' "--add of no rows" "$BIN/seal-select" -s scores --keep 1 --add none.json indented.json
is "$("$BIN/seal-select" -q -s scores --threshold 2 indented.json | wc -c)" 0 "to keep no row is another thing"
printf '{"id":1}\n{"id":\n' > bad.jsonl
fails 1 'nothing is left: 0 rows kept, 2 dropped \(1 bad row, 1 bad JSON\)' "--on-error skip that leaves nothing" tok --on-error skip bad.jsonl -o none.tok
[ ! -e none.tok ]; ok $? "and no output"
printf '{"id":\n' > bad.jsonl
fails 1 'no row is left of 1' "also where rows alone are read" random --on-error skip bad.jsonl
fails 1 'nothing is left: 0 rows kept, 5 dropped' "--overlong drop, too" tok --max-tokens 2 --overlong drop rows.jsonl

# --- remarks and byte order marks
for c in '# made by hand' '// made by hand' 'made, by hand' '/* a;b */' '"quoted"'; do
	printf '%s\n\n{"id":1,"prompt":"p","completion":"c"}\n' "$c" > remark
	fails 1 'remark:1: neither JSON nor CSV: JSON begins in line 3' "$c before JSON" random remark
done
printf '# made\n[\n { "id": 1}]' > remark
fails 1 'remark:1: neither JSON nor CSV: JSON begins in line 2' "before an array" random remark
{ printf '\357\273\277'; sed -n 1,2p rows.jsonl; printf '\357\273\277'; tail -n +3 rows.jsonl; } > joined.jsonl
is "$(rows joined.jsonl)" "$want" "a byte order mark before any line of JSONL is passed over"
printf '{"id":"a"}\n \357\273\277{"id":"b"}\n' > inner
fails 1 'inner:2: bad JSON' "but not within one" random inner

# --- values that nobody asks for
odd() { printf '{"prompt":"p","completion":"c",%s}\n' "$1"; }
is "$(for v in 18446744073709551615 -99999999999999999999 NaN Infinity -Infinity 1e400 '[1,{"b":NaN}]' '"x\u0000y"' '["\u0000"]' '{"b":{"c":-1e999}}'; do odd "\"a\":$v"; done > odd.jsonl
	tok --json -q odd.jsonl | jq -c .tokens | sort -u | wc -l)" 1 "numbers that JSON has not, and NUL, in keys of no use"
random odd.jsonl > odd.scores
"$BIN/seal-select" -q -s odd.scores --keep 100% odd.jsonl | cmp -s - odd.jsonl; ok $? "and seal-select writes them as they were"
{ echo '['; sed '$!s/$/,/' odd.jsonl; echo ']'; } > odd.json
is "$(rows odd.json)" "$(rows odd.jsonl)" "also in an array"
odd '"id":NaN' > bad.jsonl; fails 1 'bad id: "id" is a number beyond 64 bits or a double' "as an id" tok bad.jsonl
odd '"id":18446744073709551616' > bad.jsonl; fails 1 'bad id: "id" is a number beyond' "a long id" tok bad.jsonl
odd '"id":"a\u0000"' > bad.jsonl; fails 1 'bad id: "id" holds a NUL' "an id with NUL" tok bad.jsonl
echo '{"prompt":NaN,"completion":"c"}' > bad.jsonl; fails 1 '"prompt" is a number beyond' "as a prompt" tok bad.jsonl
echo '{"prompt":"p","completion":"c\u0000d"}' > bad.jsonl; fails 1 '"completion" holds a NUL character' "NUL in an answer" tok bad.jsonl
echo '{"prompt":"p\u0000","completion":"c"}' > bad.jsonl; fails 1 '"prompt" holds a NUL character' "NUL in a prompt" tok bad.jsonl
echo '{"prompt":"p","chosen":"c\u0000d"}' > bad.jsonl; fails 1 '"chosen" holds a NUL character' "NUL in what is chosen" tok bad.jsonl
echo '{"messages":["\u0000"]}' > bad.jsonl; fails 1 'messages\[0\]: it holds a NUL character' "NUL where a turn belongs" tok bad.jsonl
echo '{"messages":[{"role":"user","content":"a\u0000"}]}' > bad.jsonl; fails 1 'messages\[0\]: "content" holds a NUL character' "NUL in a turn" tok bad.jsonl
odd '"a\u0000":1' > bad.jsonl; fails 1 'NUL' "NUL in the name of a key" tok bad.jsonl
odd '"a":NaN,"b":' > bad.jsonl; fails 1 'bad JSON: column' "what is broken besides is broken" tok bad.jsonl
for v in nan NAN +1 01 1. .5 --1 0x10 Infinityx; do
	odd "\"a\":$v" > bad.jsonl; fails 1 'bad JSON: column' "no number at all: $v" tok bad.jsonl
done
odd '"chat_template_kwargs":{"unread":"yes"}' > bad.jsonl
is "$("$BIN/seal-tokenize" -q -m "$T/gold/model" --template "$T/gold/chat/chatml.jinja" --json bad.jsonl | wc -l)" 1 "a key of that name is one"
fails 1 'annotate: row .* cannot be written anew' "--annotate cannot write such a row" "$BIN/seal-select" -s odd.scores --keep 100% --annotate odd.jsonl
for v in 18446744073709551615 18446744073709551614 NaN; do printf '{"output":"Sorry","k":%s}\n' $v; done > groups
is "$("$BIN/seal-eval" refusals --by k groups | jq '.by | length')" 3 "as groups each is one of its own"

# --- t/broken: each file, and what is said of it
n=0
while read -r name pattern; do
	n=$((n + 1))
	cp "$T/broken/rows-$name" broken
	fails 1 "^seal-score: broken ?$pattern\$" "$name" random broken
	out=$(random < broken 2>&1 > /dev/null)
	like "$out" "^seal-score: stdin ?$pattern\$" "... on a pipe, too"
done <<'E'
array-bracket.json :2: a } closes what \[ has opened
array-cut.json :3: the value that begins here is cut short
array-last-comma.json :3: an element of the array is missing
array-no-comma.json :2: an element of the array has no comma behind it
array-number.json :2: element 2: not an object
array-open.json :2: the array that begins here is cut short
array-quote.json :2: a text is not closed in its line
array-text-behind.json :2: what stands here is neither an object nor an array
array-twelve.json :1: element 2: bad JSON: column [0-9]*: .*
arrow-stream.jsonl : is an Arrow stream .*
arrow.jsonl : is an Arrow file .*
bzip2.jsonl : is packed by bzip2 .*
checksum.gz : broken gzip stream: incorrect data check
corrupt.xz : broken xz stream: the data is corrupt
cut.gz : the gzip stream is cut short
cut.xz : the xz stream is cut short
header-only.csv : no rows
header-twice.csv :1: neither JSON nor CSV: two columns have one name \(the second is column 3)
length.gz : broken gzip stream: incorrect length check
lfs.jsonl : is a Git LFS pointer, not the file itself .*
memory.xz : broken xz stream: it asks for 3.0 GiB of memory, and 2 GiB are the most
object-cut.json :2: bad JSON: column [0-9]*: .*
object-open.json :1: the value that begins here is cut short
padding.xz : broken xz stream: 5 bytes of padding
page.jsonl : is a web page \(HTML), not the file that was to be saved
parquet.jsonl : is a Parquet file .*
remark.jsonl :1: neither JSON nor CSV: JSON begins in line 3
second-cut.gz : the gzip stream is cut short
separators.csv :1: neither JSON nor CSV: fields may be separated by commas or semicolons; a line sep=; before it says so
text-behind.gz : broken gzip stream: what follows it is not packed
text-behind.xz : broken xz stream: what follows it is not packed
text.jsonl :1: neither JSON nor CSV: it is one line of text
utf16-bom.csv : is text in UTF-16 .*
utf16.jsonl : is text in UTF-16 .*
utf32.jsonl : is text in UTF-32 .*
zip.jsonl : is a zip archive, as .xlsx, .npz and .pt are too .*
E
is "$n" "$(ls "$T"/broken/rows-* | wc -l)" "all broken files of rows"
done_testing
