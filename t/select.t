#!/bin/sh
# SPDX-License-Identifier: MIT
# seal-select: which rows are kept, in what order, to the byte.
. "$(dirname "$0")/tap.sh"

G=$T/gold/select             # ten rows: one with a null score, one with none, blank lines, CR, no last LF
pick() { "$BIN/seal-select" -q --scores "$G/scores.jsonl" "$@"; }
texts() { sed 's/.*"text": *"\([^"]*\).*/\1/' | tr '\n' ';'; }

is "$(pick --keep 50% "$G/rows.jsonl" | texts)" 'dr\u00e9i;vier;no id;tie ü;tie;' "a share counts all ten rows; file order"
is "$(pick --keep 3 "$G/rows.jsonl" | texts)" 'dr\u00e9i;vier;tie;' "a count; the tie goes to the smaller hash"
is "$(pick --keep 25% "$G/rows.jsonl" | texts)" 'dr\u00e9i;vier;tie;' "2.5 rows are 3"
is "$(pick --keep 0% "$G/rows.jsonl" | wc -c)" 0 "nothing may be kept"
is "$(pick --threshold 1 "$G/rows.jsonl" | texts)" 'dr\u00e9i;vier;tie ü;tie;' "a threshold is included"
is "$(pick --threshold -1 "$G/rows.jsonl" | wc -l)" 8 "a null score passes no threshold"
is "$(pick --top 3 "$G/rows.jsonl" | texts)" 'dr\u00e9i;vier;tie;' "--top is best first"
is "$(pick --bottom 3 "$G/rows.jsonl" | texts)" 'zwei;no id;one;' "--bottom is worst first"
is "$(pick --keep 100% < "$G/rows.jsonl" | wc -l)" 8 "neither a null score nor a missing one is ever picked"

# The bytes: kept and inverted rows are the input's lines, untouched, each once.
pick --keep 50% "$G/rows.jsonl" > "$TMP/kept"
pick --keep 50% --invert "$G/rows.jsonl" > "$TMP/rest"
{ cat "$TMP/kept" "$TMP/rest"; echo; } | LC_ALL=C sort > "$TMP/both"
{ cat "$G/rows.jsonl"; echo; } | grep '{' | LC_ALL=C sort > "$TMP/all"
cmp -s "$TMP/both" "$TMP/all"; ok $? "--invert is the complement, byte for byte"
head -n 3 "$G/rows.jsonl" > "$TMP/three"
head -n 4 "$G/scores.jsonl" | sed '1s/9/3/' > "$TMP/three.scores"
"$BIN/seal-select" -q --scores "$TMP/three.scores" --keep 100% "$TMP/three" | cmp -s - "$TMP/three"
ok $? "all rows are the input itself"
printf '%s' "$(cat "$TMP/three")" > "$TMP/open"
"$BIN/seal-select" -q --scores "$TMP/three.scores" --keep 100% "$TMP/open" | cmp -s - "$TMP/open"
ok $? "also when its last line has no line feed"
"$BIN/seal-select" -q --scores "$TMP/three.scores" --keep 100% --add "$TMP/open" "$TMP/open" > "$TMP/out"
{ cat "$TMP/open"; echo; cat "$TMP/open"; } | cmp -s - "$TMP/out"
ok $? "--add's rows follow on a line of their own"
tail -n +4 "$G/rows.jsonl" > "$TMP/tail"
pick --keep 50% "$TMP/three" "$TMP/tail" | cmp -s - "$TMP/kept"
ok $? "files are read one after another"

# Groups: the share of each.
for i in 1 2 3 4 5 6 7 8 9; do
	echo "{\"id\":$i,\"of\":\"$([ $i -le 6 ] && echo a || echo b)\"}"
done | sed 's/,"of":"b"}$/}/' > "$TMP/groups"
"$BIN/seal-score" -q --method random --seed 3 "$TMP/groups" -o "$TMP/groups.scores"
grouped() { "$BIN/seal-select" -q --scores "$TMP/groups.scores" --by-group of "$@" "$TMP/groups"; }
of() { jq -r .of | sort | uniq -c | tr -s ' \n' ' '; }
is "$(grouped --keep 50% | of)" " 3 a 2 null " "--by-group keeps the share of each group, rounded half up"
is "$(grouped --keep 50% --invert | of)" " 3 a 1 null " "and its complement"
is "$(grouped --keep 2 | of)" " 2 a 2 null " "or as many of each"
best() { zstd -dcf "$TMP/groups.scores" | sed 1d | jq -rs "map(select(.id | tonumber | $1)) | sort_by(-.score) | .[0:2][].id" | sort; }
is "$(grouped --keep 2 | jq -r .id | sort)" "$({ best '. <= 6'; best '. > 6'; } | sort)" "the best of each"
fails 2 'goes with --keep' "--by-group without --keep" grouped --threshold 0

# Compression is the input's, or as told.
zstd -q "$G/rows.jsonl" -o "$TMP/rows.zst" && zstd -q "$G/scores.jsonl" -o "$TMP/scores.zst"
pick --keep 50% --scores "$TMP/scores.zst" "$TMP/rows.zst" > "$TMP/kept.zst"
zstd -dcq "$TMP/kept.zst" | cmp -s - "$TMP/kept"; ok $? "zstd in, zstd out"
pick --keep 50% --plain < "$TMP/rows.zst" | cmp -s - "$TMP/kept"; ok $? "--plain"
pick --keep 50% --zstd "$G/rows.jsonl" | zstd -dcq | cmp -s - "$TMP/kept"; ok $? "--zstd"

is "$(pick --keep 3 --annotate "$G/rows.jsonl" | jq -c '[.id, .seal.score, .seal.weight, .seal.rank]' | tr '\n' ' ')" \
   '["r3",3,1.25,1] ["r4",2,1.375,2] ["r8",1,1.875,3] ' "--annotate gives score, weight, rank"
is "$(pick --keep 8 --invert --annotate "$G/rows.jsonl" | jq -c '[.id, .seal.score, .seal.rank]' | tr '\n' ' ')" \
   '["r9",null,null] ["r10",null,null] ' "of a row without a number, null"
is "$(pick --top 5 --annotate "$G/rows.jsonl" | tail -n 1 | jq -r .id)" ee99927a3b9e5d85.2 "and an id to a row without one"
pick --keep 3 --annotate "$G/rows.jsonl" | head -n 1 > "$TMP/again"
head -n 1 "$G/scores.jsonl" | sed 's/9/0/' > "$TMP/none.scores"
is "$("$BIN/seal-select" -q --annotate --invert --keep 0 --scores "$TMP/none.scores" "$TMP/again" | jq -c .seal)" \
   '{"score":null,"weight":null,"rank":null}' "an annotation replaces an older one"

# Fates
"$BIN/seal-select" --scores "$G/scores.jsonl" --keep 5 --fates "$TMP/fates" "$G/rows.jsonl" 2> "$TMP/err" > "$TMP/out"
is "$(jq -r '"\(.line):\(.fate):\(.reason)"' "$TMP/fates" | tr '\n' ' ')" \
   "1:dropped:not picked 2:dropped:not picked 3:kept:null 4:kept:null 6:dropped:not picked 10:kept:null 11:kept:null 12:kept:null 13:dropped:null score 14:dropped:no score " "every row has a fate"
is "$(cat "$TMP/err")" "seal-select: 5 rows kept, 5 dropped (3 not picked, 1 null score, 1 no score)" "one summary line"

# Another data set, broken files, wrong use
sed 's/"one"/"two"/' "$G/rows.jsonl" > "$TMP/other"
fails 1 'scores.jsonl:2: .*r1.*another hash' "another hash names the id" pick --keep 5 "$TMP/other"
fails 1 'scores.jsonl:6: .*ee99927a3b9e5d85 .*not there' "a scored row that is missing names the id" \
	sh -c "head -n 4 '$G/rows.jsonl' | '$BIN/seal-select' --scores '$G/scores.jsonl' --keep 5 -o '$TMP/absent'"
[ ! -e "$TMP/absent" ]; ok $? "and leaves no output"
is "$(pick --keep 50% --limit 4 "$G/rows.jsonl" | texts)" 'dr\u00e9i;vier;' "--limit: the share counts the rows read, the rest may be missing"
printf '{"id":"n%d"}\n' 1 2 3 > "$TMP/strange"
fails 1 'scores.jsonl: none of the 3 rows read was scored: another data set' "nor with --limit may all rows be strange" pick --keep 5 --limit 3 "$TMP/strange"
is "$(pick --keep 5 --limit 1 --invert "$G/rows.jsonl" | wc -l)" 0 "one row that was scored is enough"
head -n 8 "$G/scores.jsonl" > "$TMP/cut"
fails 1 'cut: cut short: 7 of 9 rows' "cut scores" pick --keep 5 --scores "$TMP/cut" "$G/rows.jsonl"
{ cat "$G/scores.jsonl"; tail -n 1 "$G/scores.jsonl"; } > "$TMP/long"
fails 1 'long:11: more rows' "too many scores" pick --keep 5 --scores "$TMP/long" "$G/rows.jsonl"
sed '1s/9/10/' "$TMP/long" > "$TMP/twice"
fails 1 'twice:11: the row r9 is scored twice' "an id scored twice" pick --keep 5 --scores "$TMP/twice" "$G/rows.jsonl"
sed '3s/-1/"-1"/' "$G/scores.jsonl" > "$TMP/typed"
fails 1 'typed:3: "score" is neither' "a score that is a text" pick --keep 5 --scores "$TMP/typed" "$G/rows.jsonl"
fails 1 'rows.jsonl:1: not a scores file' "rows for scores" pick --keep 5 --scores "$G/rows.jsonl" "$G/rows.jsonl"
: > "$TMP/empty"
fails 1 'empty: empty' "an empty scores file" pick --keep 5 --scores "$TMP/empty" "$G/rows.jsonl"
fails 1 'empty: no rows' "no rows at all" pick --keep 5 "$TMP/empty"
fails 1 'another data set' "not even with --allow-empty, when some were scored" pick --allow-empty --keep 5 "$TMP/empty"
cp "$G/rows.jsonl" "$TMP/rows"; cp "$G/scores.jsonl" "$TMP/scores"
fails 1 'both input and output' "an input is never overwritten" pick --keep 5 -o "$TMP/rows" "$TMP/rows"
fails 1 'both input and output' "nor are the scores" pick --keep 5 -o "$TMP/scores" --scores "$TMP/scores" "$TMP/rows"
fails 1 'both input and output' "nor what is added" pick --keep 5 -o "$TMP/rows" --add "$TMP/rows" "$G/rows.jsonl"
fails 2 'scores is missing' "no scores" "$BIN/seal-select" --keep 5
fails 2 'one of --keep' "no criterion" pick "$G/rows.jsonl"
fails 2 'one of --keep' "two criteria" pick --keep 5 --threshold 1 "$G/rows.jsonl"
fails 2 'neither a count' "a bad share" pick --keep 80p "$G/rows.jsonl"
fails 2 'not a number' "a bad threshold" pick --threshold high "$G/rows.jsonl"
fails 2 'exclude' "both compressions" pick --keep 5 --zstd --plain "$G/rows.jsonl"
{ cat "$TMP/three"; head -n 1 "$TMP/three"; } > "$TMP/dup"
fails 1 'dup:4: .*r1' "an id twice in the rows" "$BIN/seal-select" --scores "$TMP/three.scores" --keep 3 "$TMP/dup"
is "$("$BIN/seal-select" -q --scores "$TMP/three.scores" --keep 3 --dedupe id "$TMP/dup" | wc -l)" 3 "--dedupe id keeps the first"

# A row is recognised by its hash or by its JSON (which --by-group needs): the outcome is one.
cat > "$TMP/odd" <<'END'
{"id":"a","n":1}
{"n":2}
{"n":2}
{"n":2}
{"meta":{"id":"a"},"id":"b"}
{"text":"\"id\":\"c\"","id" : "c"}
{"text":"so \"id\" is a word"}
{"meta":{"id":"d"}}
{"id":7}
{"n":1, "id":	12 }
{"id":"u\u0308 \\ \" \t"}
{"\u0069d":"escaped"}
{"id":null}
{"id":"e.2"}
 {"id":"f"} 
END
"$BIN/seal-score" -q --method random --seed 5 --plain "$TMP/odd" -o "$TMP/odd.scores"
both() {
	"$BIN/seal-select" -q --scores "$1" --keep 50% --fates "$TMP/f1" "$2" > "$TMP/o1" 2> "$TMP/e1"; r1=$?
	"$BIN/seal-select" -q --scores "$1" --keep 50% --fates "$TMP/f2" --by-group no "$2" > "$TMP/o2" 2> "$TMP/e2"; r2=$?
	[ "$r1" -eq $r2 ] && cmp -s "$TMP/o1" "$TMP/o2" && cmp -s "$TMP/e1" "$TMP/e2" && { [ $r1 -ne 0 ] || cmp -s "$TMP/f1" "$TMP/f2"; }
}
both "$TMP/odd.scores" "$TMP/odd" && [ "$r1" -eq 0 ]; ok $? "odd ids, by hash and by JSON"
is "$(jq -r .id "$TMP/f1" | wc -l) $(jq -r .id "$TMP/f1" | tr '\n' ' ' | grep -c '\.2 .*\.3 ')" "15 1" "every row, repeats numbered"
"$BIN/seal-select" -q --scores "$TMP/odd.scores" --keep 50% < "$TMP/odd" | cmp -s - "$TMP/o1"; ok $? "from a file as stdin"
cat "$TMP/odd" | "$BIN/seal-select" -q --scores "$TMP/odd.scores" --keep 50% | cmp -s - "$TMP/o1"; ok $? "from a pipe"
cat "$TMP/odd.scores" | "$BIN/seal-select" -q --scores - --keep 50% "$TMP/odd" | cmp -s - "$TMP/o1"; ok $? "scores from a pipe"
for edit in 's/"id":"a"/"id":"z"/' 's/"id":"b"/"id":"a0"/' 's/"id":"7"/"id":"8"/' '3s/"id":"[^"]*"/"id":"other"/' \
	'3s/"hash":"./"hash":"g/' '3s/"hash":"..../"hash":"0000/' '5s/\.3"/.4"/'; do
	sed "$edit" "$TMP/odd.scores" > "$TMP/edited"
	both "$TMP/edited" "$TMP/odd" && [ "$r1" -eq 1 ]; ok $? "edited scores are another data set, by hash and by JSON: $edit"
done
echo '{"id":7}' > "$TMP/odd7"
{ cat "$TMP/odd"; head -n 1 "$TMP/odd"; } > "$TMP/odd2"
both "$TMP/odd.scores" "$TMP/odd2" && grep -q 'odd2:16: duplicate id' "$TMP/e1"; ok $? "a duplicate id, by hash and by JSON"
{ cat "$TMP/odd"; echo '{"id":"a","n":99}'; } > "$TMP/odd5"
both "$TMP/odd.scores" "$TMP/odd5" && grep -q 'odd5:16: duplicate id: "a" is also the id of .*odd5:1$' "$TMP/e1"; ok $? "also of a row that was never scored"
"$BIN/seal-select" -q --scores "$TMP/odd.scores" --keep 5 "$TMP/odd" "$TMP/odd7" 2> "$TMP/e1" > /dev/null
grep -q 'odd7:1: duplicate id: "7" is also the id of .*odd:9$' "$TMP/e1"; ok $? "each line with its file"
{ cat "$TMP/odd"; echo '{"n":2}'; echo '{"id":"new"}'; } > "$TMP/odd3"
both "$TMP/odd.scores" "$TMP/odd3" && [ "$r1" -eq 0 ]; ok $? "rows without a score, by hash and by JSON"

# Hashes of any pattern find their rows: 3000 that count from 0, which no XXH64 would.
awk 'BEGIN { print "{\"seal\":\"scores\",\"rows\":3000}"; for (i = 0; i < 3000; i++) printf "{\"id\":\"%d\",\"hash\":\"%016x\",\"score\":%d}\n", i, i, i }' > "$TMP/counted"
fails 1 'counted:2: the row 0 that was scored is not there' "hashes that were numbered" pick --allow-empty --keep 5 --scores "$TMP/counted" "$TMP/empty"
echo '{"id":0}' > "$TMP/odd0"
fails 1 'counted:2: the row 0 that was scored has another hash' "and are another data set" pick --keep 5 --scores "$TMP/counted" "$TMP/odd0"
head -n 4 "$TMP/odd" > "$TMP/odd4"
fails 1 'stdin:6: the row b that was scored is not there' "which still name the row that is missing" \
	sh -c "cat '$TMP/odd.scores' | '$BIN/seal-select' --scores - --keep 5 '$TMP/odd4'"
fails 2 'can be read only once' "stdin named twice" pick --keep 5 - -
fails 1 'create a file in' "a pipe, and no place for it" sh -c "cat '$TMP/odd' | TMPDIR=$TMP/nowhere '$BIN/seal-select' --scores '$TMP/odd.scores' --keep 5"

# Formulas: three runs' worth of columns, in one file.
jq -c 'if .seal then . else .loss_base = .line / 2 | .loss = 1 / .line | .odd = -.line end' "$G/scores.jsonl" > "$TMP/columns"
by() { "$BIN/seal-select" -q --scores "$TMP/columns" --by "$@" "$G/rows.jsonl"; }
# asked FORMULA JQ: the three best rows are those of jq's formula
asked() {
	is "$(by "$1" --top 3 --annotate | jq -r .id | tr '\n' ' ')" \
	   "$(jq -rs "[.[1:][] | {id, x: ($2)}] | sort_by(-.x) | .[:3][].id" "$TMP/columns" | tr '\n' ' ')" "--by $1"
}
asked weight .weight
asked loss '-.loss'
asked gain '.loss_base - .loss'
asked tempered '.loss_base / 2 - .loss'
asked 'loss_base/2 - loss' '.loss_base / 2 - .loss'
asked odd .odd
asked '-(odd + 3) * odd' '-(.odd + 3) * .odd'
is "$(by gain --keep 3 --annotate | jq -s 'map(.seal.score == .seal.score and .seal.weight > 0) | all')" true "--annotate with it"
is "$(by score --keep 50% | cksum)" "$(pick --keep 50% "$G/rows.jsonl" | cksum)" "--by score is the default"
is "$(by gap --threshold -1e9 2> "$TMP/err" | wc -c) $(cat "$TMP/err")" "0 " "a row whose column is null has a null score"
fails 1 'columns: no row has a column "lost"' "a column that no row has" by 'lost - loss' --keep 5
fails 1 'no row has a column "loss_hat"' "nor a named one's" sh -c "sed 's/,\"loss_hat\":null//' '$TMP/columns' | '$BIN/seal-select' --scores - --by gap --keep 5 '$G/rows.jsonl'"
fails 1 'columns:2: "hash" is neither a number nor null' "a column of texts" by hash --keep 5
fails 2 "^seal-select: --by: 'loss -': column 7: " "no formula" by 'loss -' --keep 5

# Columns and rows in another order; a file of today's form, of columns that are told.
jq -c 'if .seal then . else {odd, score, hash, id, more: {x: [1]}} end' "$TMP/columns" > "$TMP/turned"
{ head -n 1 "$TMP/turned"; sed 1d "$TMP/turned" | tac; } > "$TMP/tac"
for f in turned tac; do
	is "$("$BIN/seal-select" -q --scores "$TMP/$f" --keep 50% --fates "$TMP/f1" "$G/rows.jsonl" | cksum)" "$(cksum < "$TMP/kept")" "scores of another order: $f"
done
is "$("$BIN/seal-select" -q --scores "$TMP/tac" --by odd --keep 4 "$G/rows.jsonl" | texts)" "$(by odd --keep 4 | texts)" "and of another column"
fails 1 'tac:10: the row r1 that was scored has another hash' "another order, another hash" \
	"$BIN/seal-select" -q --scores "$TMP/tac" --keep 5 "$TMP/other"

# --keep auto: 400 rows, a fifth of them around -2, the others around 2, every 40th without a number.
numbers() { # MEAN DEVIATION - of the fifth
	awk -v m="$1" -v s="$2" 'BEGIN { for (i = 0; i < 400; i++) {
		x = (x + 1) * 16807 % 2147483647; u = x / 2147483647; x = (x + 1) * 16807 % 2147483647; v = x / 2147483647
		print i % 40 == 7 ? "null" : (i % 5 ? 2 : m) + (i % 5 ? 1 : s) * sqrt(-2 * log(u)) * cos(6.283185307179586 * v) } }'
}
scored() { "$BIN/seal-score" -q --method random --plain "$TMP/400" | jq -c --slurpfile x "$1" 'if .seal then . else .score = $x[.line - 1] end'; }
numbers -2 0.7 > "$TMP/numbers"
awk '{ printf "{\"id\":%d}\n", NR }' "$TMP/numbers" > "$TMP/400"
scored "$TMP/numbers" > "$TMP/400.scores"
auto() { "$BIN/seal-select" --scores "$TMP/400.scores" --keep auto "$@" "$TMP/400"; }
# EM written out anew, from one start, to the end; then what is told, and the rows that are kept.
awk '$1 != "null" { id[++n] = NR; x[n] = $1 }
	function density(k, x) { return w[k] / s[k] * exp(-(x - m[k]) ^ 2 / (2 * s[k] ^ 2)) }
	END {
		w[0] = w[1] = 0.5; m[0] = -1; m[1] = 1; s[0] = s[1] = 1
		for (r = 0; r < 500; r++) {
			for (k = 0; k < 2; k++) { W = M = S = 0
				for (i = 1; i <= n; i++) { q = density(k, x[i]) / (density(0, x[i]) + density(1, x[i])); W += q; M += q * x[i]; S += q * x[i] ^ 2 }
				ww[k] = W / n; mm[k] = M / W; ss[k] = sqrt(S / W - (M / W) ^ 2) }
			for (k = 0; k < 2; k++) { w[k] = ww[k]; m[k] = mm[k]; s[k] = ss[k] } }
		for (i = 1; i <= n; i++) { q = density(1, x[i]) / (density(0, x[i]) + density(1, x[i])); all += q
			if (q >= 0.5) { kept++; pure += q; print id[i] > "/dev/stderr" } }
		printf "seal-select: the scores show two groups, of about %.0f rows around %.4g and %.0f around %.4g\n", w[0] * n, m[0], w[1] * n, m[1]
		printf "seal-select: of the upper group are %.1f%% of the rows kept, and kept are %.1f%% of that group (expected)\n", 100 * pure / kept, 100 * pure / all
		printf "seal-select: %d rows kept, %d dropped (%d not picked, 10 null score)\n", kept, 400 - kept, n - kept
	}' "$TMP/numbers" > "$TMP/want" 2> "$TMP/ids"
is "$(auto 2>&1 > "$TMP/out")" "$(cat "$TMP/want")" "--keep auto tells of two groups what EM finds"
is "$(jq .id "$TMP/out")" "$(cat "$TMP/ids")" "and keeps the rows of the upper"
like "$(wc -l < "$TMP/out")" '^ *3[0-9][0-9]$' "of which there are about 312"
is "$(auto -q --invert | jq .id | sort)" "$(jq .id "$TMP/400" | grep -vxFf "$TMP/ids" | sort)" "--invert: all others"
is "$(auto -q 2>&1 | cksum)" "$(cksum < "$TMP/out")" "-q says nothing"
numbers 2 1 > "$TMP/numbers"
scored "$TMP/numbers" > "$TMP/one.scores"
auto --scores "$TMP/one.scores" > "$TMP/out" 2> "$TMP/err"
is "$(cat "$TMP/err")" "seal-select: the scores show no second group: all rows that have one are kept
seal-select: 390 rows kept, 10 dropped (10 null score)" "scores of one group"
is "$(jq .id "$TMP/out")" "$(awk '$1 != "null" { print NR }' "$TMP/numbers")" "all that have one are kept"
jq -c 'if .seal then . else .score = (if .line > 390 then null else 1 end) end' "$TMP/400.scores" > "$TMP/one.scores"
is "$(auto -q --scores "$TMP/one.scores" | wc -l)" 390 "so are equal scores"
fails 2 'goes with --keep of a count' "--by-group with it" auto --by-group id
fails 2 'one of --keep' "a threshold with it" auto --threshold 1
fails 2 'neither a count.*nor auto' "automatic" pick --keep automatic "$G/rows.jsonl"
done_testing
