#!/bin/sh
# SPDX-License-Identifier: MIT
# Rows: who they are, what is wrong with them, and what becomes of each.
. "$(dirname "$0")/tap.sh"
cd "$TMP" || exit 1
TOK=$T/gold/tok-tiny
tok() { "$BIN/seal-tokenize" -t "$TOK" "$@"; }
ids() { tok --json "$@" | jq -r .id | tr '\n' ' '; }

# --- identity
cat > rows.jsonl <<'E'
{"id":"a","prompt":"p","completion":"c"}
{"id":17,"prompt":"p","completion":"c"}

{"prompt":"p","completion":"c"}
{"prompt":"p","completion":"c"}
{"id":null,"prompt":"p","completion":"c"}
{"prompt":"p","completion":"c"}
E
is "$(ids rows.jsonl)" "a 17 3d1016a5dd8aae8f 3d1016a5dd8aae8f.2 4a90e66b0bed5db1 3d1016a5dd8aae8f.3 " "explicit ids, hashes, repeats"
if command -v xxhsum > /dev/null; then
	is "$(sed -n 4p rows.jsonl | tr -d '\n' | xxhsum -H64 | cut -c1-16)" "$(ids --limit 3 rows.jsonl | cut -d' ' -f3)" \
	  "the hash is xxhsum's"
else skip "the hash is xxhsum's" "no xxhsum"; fi
sed 's/$/\r/' rows.jsonl > crlf.jsonl
is "$(ids crlf.jsonl)" "$(ids rows.jsonl)" "CR LF makes no other row"
printf %s "$(cat rows.jsonl)" > unended.jsonl
is "$(ids unended.jsonl)" "$(ids rows.jsonl)" "nor does a missing last LF"
printf %s "$(cat crlf.jsonl)" > unended.jsonl
is "$(ids unended.jsonl)" "$(ids rows.jsonl)" "nor a last CR without LF"
echo '{"id":"3d1016a5dd8aae8f.2","prompt":"p","completion":"c"}' | cat - rows.jsonl > taken.jsonl
is "$(ids taken.jsonl)" "3d1016a5dd8aae8f.2 a 17 3d1016a5dd8aae8f 3d1016a5dd8aae8f.3 4a90e66b0bed5db1 3d1016a5dd8aae8f.4 " \
  "a number that an explicit id has taken is passed over"
seq 3000 | sed 's/.*/{"prompt":"p","completion":"c"}/' > same.jsonl
is "$(tok --json same.jsonl | jq -r .id | sort -u | wc -l)" 3000 "3000 equal rows, 3000 ids"
seq 3000 | sed 's/.*/{"id":&,"prompt":"p","completion":"c"}/' > many.jsonl
is "$(tok --json many.jsonl | jq -r .id | cksum)" "$(seq 3000 | cksum)" "3000 explicit ids"

# --- files and stdin
sed -n 1,3p rows.jsonl > one.jsonl; sed -n '4,$p' rows.jsonl > two.jsonl; zstd -q two.jsonl
is "$(ids one.jsonl two.jsonl.zst)" "$(ids rows.jsonl)" "plain and zstd files are read as one"
is "$(cat rows.jsonl | ids)" "$(ids rows.jsonl)" "stdin"
is "$(zstd -qc rows.jsonl | ids -)" "$(ids rows.jsonl)" "stdin as -, zstd"
fails 1 '^seal-tokenize: open none\.jsonl: No such file' "a file that is not there" tok none.jsonl

# --- what is wrong
row() {
	printf '\n%s\n' "$2" > bad.jsonl
	fails 1 "^seal-tokenize: bad\.jsonl:2: $1\$" "$1" tok --plain -o out bad.jsonl
}
row 'bad JSON: column [0-9]+: .*' '{"prompt":"p","completion":}'
row 'bad JSON: column [0-9]+: .*' '{"prompt":"p","prompt":"q"}'
row 'bad UTF-8: column [0-9]+: .*' "$(printf '{"prompt":"\377"}')"
row 'element 1: not an object' '[1]'
row 'bad id: "id" is empty' '{"id":"","prompt":"p","completion":"c"}'
row 'bad id: "id" is neither text nor an integer' '{"id":1.5,"prompt":"p","completion":"c"}'
row 'bad id: "id" is neither text nor an integer' '{"id":{},"prompt":"p","completion":"c"}'
row 'bad row: no known schema \(keys: x, y\)' '{"x":1,"y":2}'
row 'bad row: messages\[1\]: "content" is missing' '{"messages":[{"role":"user","content":"a"},{"role":"assistant"}]}'
row 'bad row: no known schema \(keys: \?\[2J\)' '{"\u001b[2J":1}'
row 'empty answer' '{"prompt":"p","completion":""}'
is "$(ls | grep '^\.*out')" "" "and nothing is left behind"
printf '{"id":"a","prompt":"p","completion":"c"}\n' > dup.jsonl
fails 1 '^seal-tokenize: dup.jsonl:1: duplicate id: "a" is also the id of rows.jsonl:1$' "a duplicate id names both lines" \
  tok --json rows.jsonl dup.jsonl
{ seq 100 | sed 's/.*/{"prompt":"p","completion":"c"}/'; echo '{"x":1}'; echo '{"x":'; } > order.jsonl
fails 1 'order.jsonl:101: bad row' "the first broken row is the one that is told" tok --json order.jsonl

# --- fates
cat > fates.jsonl <<'E'
{"id":"a","prompt":"p","completion":"c"}
{"id":
{"id":"b","prompt":"p","completion":"ccccccccccccccccccccccccc"}
{"id":"a","prompt":"p","completion":"c"}
{"id":"c","prompt":"ppppppppppppppppppppppppp","completion":"c"}
{"id":"d","prompt":"p","completion":""}
{"id":"e","prompt":"p"}
{"id":"f","prompt":"p","completion":"c"}
E
out=$(tok --json --template none --max-tokens 20 --dedupe --on-error skip --fates fates.out fates.jsonl 2> err)
is "$(echo "$out" | jq -r .id | tr -d '\n')" "abf" "kept rows come through"
is "$(cat err)" "seal-tokenize: 3 rows kept (1 cut to 20 tokens), 5 dropped (1 bad JSON, 1 duplicate id, \
1 no trained token left, 1 empty answer, 1 bad row)" "the summary adds up"
sed 's/bad JSON: .*"/bad JSON"/' fates.out > fates.got
cat > fates.want <<'E'
{"id":"a","line":1,"fate":"kept","reason":null}
{"id":null,"line":2,"fate":"dropped","reason":"bad JSON"}
{"id":"b","line":3,"fate":"truncated","reason":"cut to 20 tokens"}
{"id":"a","line":4,"fate":"dropped","reason":"duplicate id"}
{"id":"c","line":5,"fate":"dropped","reason":"no trained token left"}
{"id":"d","line":6,"fate":"dropped","reason":"empty answer"}
{"id":"e","line":7,"fate":"dropped","reason":"bad row: \"completion\" is missing"}
{"id":"f","line":8,"fate":"kept","reason":null}
E
is "$(cat fates.got)" "$(cat fates.want)" "--fates tells of every row, in order"
is "$(tok -q --json --template none --max-tokens 20 --dedupe --on-error skip fates.jsonl 2>&1 > /dev/null)" "" "-q says nothing"
tok --json --template none --max-tokens 20 --overlong drop --limit 3 --on-error skip fates.jsonl > out 2> err
is "$(jq -r .id out) $(cat err)" "a seal-tokenize: 1 rows kept, 2 dropped (1 bad JSON, 1 longer than 20 tokens)" \
  "--overlong drop, --limit"
cat > ends.jsonl <<'E'
{"id":"u","messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"}]}
{"id":"k","messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}
{"id":"w","messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b","weight":0}]}
{"id":"c","messages":[{"role":"user","content":"a"},{"role":"assistant","content":"bbbbbbbbbbbbbbbbbbbbbb"},{"role":"tool","content":"c"}]}
E
tok --json --template none --max-tokens 20 --fates ends.out ends.jsonl > out 2> err
is "$(jq -c .tokens out | head -2 | uniq | wc -l) $(jq -r .id out | tr -d '\n') $(cat err)" "1 ukc seal-tokenize: 3 rows kept \
(1 last turn of the user left out, 1 last turn of a tool left out, cut to 20 tokens), 1 dropped (1 no trained token left)" \
  "turns behind the last answer are left out, and told"
is "$(jq -c '[.id, .fate, .reason]' ends.out | tr '\n' ' ')" '["u","truncated","last turn of the user left out"] ["k","kept",null] '\
'["w","dropped","no trained token left"] ["c","truncated","last turn of a tool left out, cut to 20 tokens"] ' "--fates tells it"
tok --json --fates fates.out order.jsonl > /dev/null 2>&1
is "$(wc -l < fates.out)" 8 "a failed run leaves the fates of before"
done_testing
