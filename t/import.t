#!/bin/sh
# SPDX-License-Identifier: MIT
# seal-score --method import, seal-eval audit: scores from elsewhere, and scores that know the order.
. "$(dirname "$0")/tap.sh"
cd "$TMP" || exit 1
score() { "$BIN/seal-score" "$@"; }
import() { score --method import --plain --selector "$@"; }
audit() { "$BIN/seal-eval" audit "$@"; }

# --- import
seq 5 | sed 's/.*/{"id":"r&","prompt":"p","completion":"c"}/' > rows
for f in tensor param; do
	is "$(import "$T/gold/pt-$f.pt" | tail -n +2 | jq -c '[.id, .hash, .line, .score]' | tr '\n' ' ')" \
	   '["1","0000000000000000",1,0] ["2","0000000000000000",2,1.5] ["3","0000000000000000",3,3] ["4","0000000000000000",4,4.5] ["5","0000000000000000",5,6] ' \
	   "$f: line numbers without rows"
	is "$(import "$T/gold/pt-$f.pt" rows 2>&1 | tail -n +2 | jq -c '[.id, .score]' | tr '\n' ' ')" \
	   '["r1",0] ["r2",1.5] ["r3",3] ["r4",4.5] ["r5",6] ' "$f: the rows' ids, and no warning"
done
is "$(score --method import --selector "$T/gold/pt-state.pt" rows | "$BIN/seal-select" -q --scores - --keep 2 rows | jq -r .id | tr '\n' ' ')" "r4 r5 " \
   "seal-select takes them"
is "$(import "$T/gold/pt-dict.pt" | head -1 | jq -c '[.seal, .rows, .method, (.selector | length)]')" '["scores",5,"import",16]' "the header"
head -3 rows > few
(cat rows; echo '{"id":"r6","prompt":"p","completion":"c"}') > more
for f in few more; do
	like "$(import "$T/gold/pt-param.pt" $f 2>&1 > /dev/null)" "^seal-score: .*pt-param.pt has 5 values, $f has [36] rows" "$f rows: a warning"
done
is "$(import "$T/gold/pt-param.pt" more 2> /dev/null | jq -c '.score' | tail -1)" null "a row beyond the last value has none"
fails 1 '^seal-score: .*pt-system\.pt: data\.pkl: byte 2: not the one float32 vector' "a pickle that would run a command" \
  import "$T/broken/pt-system.pt" -o out
[ ! -e out ]; ok $? "and nothing is written"
is "$(import "$T/gold/pt-param.pt" - < rows | tail -n +2 | jq -r .id | tr '\n' ' ')" "r1 r2 r3 r4 r5 " "rows from stdin"
fails 2 '^seal-score: --selector is for --method import' "--selector alone" score --method random --selector x.pt rows
fails 2 '^seal-score: --method import needs --selector' "no selector" score --method import rows
fails 2 'does not train' "an adapter" import "$T/gold/pt-param.pt" --save-adapter x

# --- audit: 1000 rows, visited in the order of (i * 389) mod 1000
scores() { # the score as an awk expression of i, from 0, and of last
	awk "BEGIN { srand(1); print \"{\\\"seal\\\":\\\"scores\\\",\\\"rows\\\":1000}\"
		for (i = 0; i < 1000; i++) { last = i * 389 % 1000
			printf \"{\\\"id\\\":\\\"%d\\\",\\\"hash\\\":\\\"%016d\\\",\\\"score\\\":%g,\\\"last\\\":%s}\\n\", i, i, $1, $2 } }"
}
scores last last > known
is "$(audit known | jq -c '[.n, .rho, (.chance * 1e6 | round), [.tenths[].n], [.tenths[].mean], [.tenths[].kept]]')" \
   '[1000,1,94868,[100,100,100,100,100,100,100,100,100,100],[49.5,149.5,249.5,349.5,449.5,549.5,649.5,749.5,849.5,949.5],[0,0,1,1,1,1,1,1,1,1]]' \
   "scores that are the order"
scores -last last > falling; is "$(audit falling | jq .rho)" -1 "and against it"
scores 'rand()' last > blind
is "$(audit blind | jq '(.rho | fabs) < .chance and ([.tenths[].kept] | min) > 0.6 and ([.tenths[].kept] | add / 10) == 0.8')" true "scores by chance"
scores 1 last > equal; is "$(audit equal | jq .rho)" null "equal scores have no rho"
scores last '"null"' > unordered
fails 1 '^seal-eval audit: unordered: no row has a score and a last visit \(--order' "no visits" audit unordered
awk 'BEGIN { for (k = 0; k < 1000; k++) at[k * 389 % 1000] = k; print 7; print 13; for (l = 0; l < 1000; l++) print at[l] }' > order
is "$(audit unordered --order order | jq -c '[.n, .rho]')" "[1000,1]" "--order: the ids, the last mention counts"
tail -n 11 order > some; is "$(audit unordered --order some | jq -c '[.n, .rho, [.tenths[].n]]')" "[11,1,[1,1,1,1,1,1,1,1,1,2]]" "rows that were not visited do not count"
echo nobody >> some
fails 1 '^seal-eval audit: some:12: unordered has no row nobody' "an id of no row" audit unordered --order some
is "$(audit < known | jq .rho)" 1 "from stdin"
is "$(audit --by '-last' known | jq .rho)" -1 "of another formula"
{ sed '1s/1000/1001/' known; tail -n 1 known; } > twice
fails 1 '^seal-eval audit: twice:1002: the row 999 is scored twice' "an id scored twice" audit twice
fails 2 'one file of scores' "two files" audit known known

# --- what SEAL's authors published
for m in llama3:111900 pyt:111887; do
	f=$SEAL_DATA/selectors/seal_selector_${m%:*}.pt
	if [ -r "$f" ]; then
		is "$(import "$f" | jq -s -c '[.[0].rows, (.[1:] | length), ([.[1:][].score] | all(isnormal))]')" "[${m#*:},${m#*:},true]" "${f##*/}"
	else
		skip "seal_selector_${m%:*}.pt" "no selectors in SEAL_DATA"
	fi
done
done_testing
