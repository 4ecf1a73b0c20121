#!/bin/sh
# SPDX-License-Identifier: MIT
# The report: a page of hostile and of missing parts is still a page, the same twice, that loads and
# runs nothing; and in a browser nothing overflows, wide and narrow, and all text can be read, light
# and dark.  SHOTS=FOLDER keeps the screenshots, to be looked at.
. "$(dirname "$0")/tap.sh"
P=$T/../pipelines
R=$TMP/run
mkdir "$R"

fails 2 'usage: report.sh FOLDER' "no folder" sh "$P/report.sh"
fails 1 'report.json' "no report.json" sh "$P/report.sh" "$R"
echo '[1]' > "$R/report.json"
fails 1 'report.json is not one JSON object' "a list is no report" sh "$P/report.sh" "$R"
if ! command -v gnuplot > /dev/null; then
	skip "reports" "no gnuplot"; done_testing
fi

# Rows, a score that tells them apart and knows how well, and one that knows nothing.
awk 'BEGIN { for (i = 0; i < 120; i++) printf "{\"id\":\"row %d <b>\",\"label\":\"%s\",\"prompt\":\"p%d\",\"response\":\"r%d\"}\n",
	i, i * 37 % 100 < 25 ? "unsafe" : "safe", i, i }' > "$R/rows.jsonl"
"$BIN/seal-score" -q --method random --plain "$R/rows.jsonl" > "$R/random.jsonl"
jq -c --slurpfile rows "$R/rows.jsonl" 'if .seal then . else .p_bad = (if $rows[.line - 1].label == "unsafe" then 1 - .score * 0.2 else .score * 0.3 end) |
	.score = -.p_bad end' "$R/random.jsonl" > "$R/state.jsonl"

# Text that would break out, run, hide or turn around what stands beside it.
jq -n '("<script>alert(1)</script><img src=x onerror=alert(2)>\"'"'"'&amp;</td></table></style></details>" + ([range(32)] + [127, 133, 8238, 65534, 65535] | implode)) as $evil |
	("w" * 400) as $long | "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 \ud83d\ude00\ud83d\udc69\u200d\ud83d\ude80" as $wide |
	def v(x): {mean: x, ci: [x - 0.1, x + 0.1]};
	{title: ("A run " + $evil), first: ($evil + $wide + $long),
	settings: {($long): $evil, ($evil): [1, {a: $wide}], none: null},
	inputs: [{name: $evil, file: "/home/someone/secret/\($evil | gsub("/"; ""))rows.jsonl", rows: null, hash: ("f" * 300)}, {name: $long}, {}],
	measures: [{key: "margin", name: $evil, unit: $wide, digits: 3, better: "higher"}, {key: "refusals", name: $long, unit: "%", better: "higher"},
		{key: "nll", name: "nll", unit: "nats", better: "lower"}, {key: "absent"}],
	arms: [{name: "base", margin: v(0.4), refusals: v(0.8)},
		{name: $long, what: $evil, rows: 120, unsafe: null, tokens: 1234567, seeds: [1, 2], margin: (v(0.1) + {difference: -0.3, difference_ci: [-0.4, -0.2]})},
		{name: $evil, margin: {mean: null, ci: [null, null], difference: null}, refusals: null, nll: 3},
		{name: $wide, margin: v(-12345678.9), nll: (v(2) + {difference: -0.5, difference_ci: [-0.6, -0.4]})}, {}],
	scores: [{name: "state", what: $evil, auroc: 0.99, kept_unsafe: 0.1, seconds: 12.34, peak_bytes: 4e8, file: "state.jsonl", by: "score", rows: "rows.jsonl"},
		{name: $long, auroc: null, file: "random.jsonl", rows: "rows.jsonl", keep: 0.5}, {name: "no file", seconds: 1e6}],
	sweeps: [{title: $evil, x: $long, measure: "margin", lines: [{arm: $long, points: [{x: 20, mean: 0.1, ci: [0, 0.2]}, {x: 80, mean: null}, {x: 100, mean: 0.3}]},
		{arm: $evil, points: [{x: 20, mean: 0.2, ci: [0.1, 0.3]}]}, {arm: "none"}]}, {title: "nothing", lines: []}],
	calibration: [{name: $evil, file: "state.jsonl", rows: "rows.jsonl"}],
	cost: [{what: $evil, seconds: 12, peak_bytes: 1e10, against: 60}, {what: $long, seconds: null}],
	explained: {what: $evil, worst: "worst.jsonl", borderline: "borderline.jsonl"}}' > "$R/report.json"
jq -c '([range(32)] | implode) as $low | {id: .title, score: -1.5, rank: 1, label: "unsafe", tokens: [["<|user|>", null], [.first, 0.5], [$low + "</p>", -0.25], ["", 0], ["x", null]]},
	{id: ("i" * 300), score: null, tokens: []}, {}' "$R/report.json" > "$R/worst.jsonl"
jq -c -n '{id: "empty", label: "safe", tokens: [["a", 0], [null, null]]}' > "$R/borderline.jsonl"

sh "$P/report.sh" "$R" > "$TMP/out" 2>&1; ok $? "a report of hostile text"
is "$(cat "$TMP/out")" "" "nothing is printed"
page=$R/report.html
cp "$page" "$TMP/first.html"
cp -r "$R" "$TMP/elsewhere"
(cd "$TMP/elsewhere" && rm report.html && LC_ALL=C TZ=Asia/Tokyo sh "$P/report.sh" .)
is "$(cmp "$TMP/first.html" "$TMP/elsewhere/report.html" 2>&1)" "" "equal inputs give equal bytes, in another folder too"
is "$(grep -Eic '<(script|img|link|iframe|object|embed|base|form|style[^>]*src)|[^a-z]on[a-z]+="|javascript:|@import|url\(' "$page")" 0 "no element that loads or runs"
is "$(grep -Eo '(https?:)?//[a-z][^"]*' "$page" | sort -u)" 'http://www.w3.org/2000/svg' "no address but SVG's name"
is "$(grep -c 'someone\|gnuplot\|GNUPLOT\|'"$TMP" "$page")" 0 "no folders, and no name of the program that drew"
is "$(grep -c '&lt;script&gt;alert(1)&lt;/script&gt;' "$page" | sed 's/^[1-9][0-9]*$/many/')" many "hostile text is there, as text"
is "$(LC_ALL=C tr -d '\12\11\40-\176\200-\377' < "$page" | wc -c)" 0 "no control characters"
is "$(grep -c '<svg' "$page") $(grep -c '<svg role' "$page")" "6 4" "figures: two distributions, a sweep, a reliability; and two strips of tokens"
is "$(grep -c 'rgb( ' "$page")" 0 "every colour is the page's"
is "$(grep -o '<details' "$page" | wc -l) $(grep -c '<details open' "$page")" "4 0" "rows are folded"
what="the page is well-formed"
if command -v xmllint > /dev/null; then
	is "$(xmllint --noout "$page" 2>&1)" "" "$what"
else skip "$what" "no xmllint"; fi
like "$(grep -A1 'arm bad' "$page")" 'class="arm bad"' "an arm is worse, its interval says"
like "$(cat "$page")" '−0\.300<br/>\[−0\.400, −0\.200\]' "differences stand with their intervals"
like "$(cat "$page")" '>80\.0<small>\[70\.0, 90\.0\]' "shares are in per cent"

# Expectation and truth of the same rows, counted here by jq alone.
want=$(jq -s --slurpfile rows "$R/rows.jsonl" '[.[1:] | map(.p_bad) | add * 10 | round / 10, ($rows | map(select(.label == "unsafe")) | length)]' -c "$R/state.jsonl")
got=$(tr -d '\n' < "$page" | grep -o 'aria-label="calibration".*' | sed 's/<\/table>.*//; s/.*<\/thead>//' | grep -o '"n">[0-9.]*' | head -2 | cut -c5- | jq -s -c .)
is "$got" "$want" "expected and true unsafe rows"

echo '{}' > "$R/report.json"
sh "$P/report.sh" "$R"; ok $? "a report of nothing"
like "$(cat "$page")" '<h1><bdi>seal report' "is a page with a name"
is "$(grep -c '<section' "$page")" 0 "and without parts"
echo '{"explained":{"worst":"gone.jsonl"}}' > "$R/report.json"
fails 1 'gone.jsonl' "a file that is missing is named" sh "$P/report.sh" "$R"
cp "$TMP/first.html" "$page"

# In a browser: the report stands in a frame of each width.  A copy, without the policy that forbids
# scripts, opens all rows and tells what sticks out, and what text is too faint (WCAG's 4.5).
# A browser's own window is never as narrow as a phone.
browse() { # WIDTH SCHEME (0 dark, 1 light) PAGE OPTIONS...
	printf '<!DOCTYPE html><meta charset="utf-8"><body style="margin:0"><iframe src="file://%s" style="border:0;width:%dpx;height:4000px"></iframe><pre></pre>
<script>onmessage = e => document.querySelector("pre").textContent = e.data</script>' "$3" "$1" > "$TMP/frame.html"
	_width=$1 _scheme=$2; shift 3
	timeout 120 chromium --headless=new --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$TMP/profile" --virtual-time-budget=5000 \
		--blink-settings=preferredColorScheme=$_scheme --window-size=$_width,4000 "$@" "file://$TMP/frame.html" 2> /dev/null
}
cat > "$TMP/measure" <<'EOF'
<script>
const scrolls = e => e && (getComputedStyle(e).overflowX == "auto" || scrolls(e.parentElement));
const light = c => c.match(/[\d.]+/g).slice(0, 3).map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
	.reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
const page = getComputedStyle(document.documentElement).backgroundColor;
const contrast = c => { const a = light(c) + 0.05, b = light(page) + 0.05; return Math.max(a, b) / Math.min(a, b); };
onload = () => {
	document.querySelectorAll("details").forEach(d => d.open = true);
	const all = [...document.body.querySelectorAll("*")], root = document.documentElement;
	const out = all.filter(e => !e.closest("svg") && !scrolls(e) && e.getBoundingClientRect().right > innerWidth + 0.5).map(e => e.tagName + "." + e.className);
	const cut = [...document.querySelectorAll("svg text")].filter(e => { const a = e.getBoundingClientRect(), b = e.closest("svg").getBoundingClientRect();
		return a.left < b.left - 1 || a.right > b.right + 1 || a.bottom > b.bottom + 1; }).map(e => e.textContent);
	const small = [...document.querySelectorAll("svg text")].filter(e => e.getBoundingClientRect().height < 9).length;
	const faint = all.filter(e => [...e.childNodes].some(n => n.nodeType == 3 && n.data.trim()) && contrast(getComputedStyle(e).color) < 4.5).map(e => e.tagName + "." + e.className);
	parent.postMessage("found " + JSON.stringify({width: innerWidth, over: root.scrollWidth - innerWidth, out: [...new Set(out)], cut, small, faint: [...new Set(faint)],
		dark: light(page) < 0.2, ran: typeof alerted}) + " end", "*");
};
window.alert = () => window.alerted = 1;
</script>
EOF
sed -e '/Content-Security-Policy/d' -e "/<\/main><\/body>/{
r $TMP/measure
}" "$page" > "$TMP/measured.html"
if ! command -v chromium > /dev/null; then
	skip "in a browser" "no chromium"
else
	for width in 1280 390; do
		for scheme in 1 0; do
			name=$width.$([ $scheme = 1 ] && echo light || echo dark)
			is "$(browse $width $scheme "$TMP/measured.html" --dump-dom | sed -n 's/.*found \(.*\) end.*/\1/p')" \
				"{\"width\":$width,\"over\":0,\"out\":[],\"cut\":[],\"small\":0,\"faint\":[],\"dark\":$([ $scheme = 0 ] && echo true || echo false),\"ran\":\"undefined\"}" \
				"$name: nothing sticks out, is cut, too small or too faint; no script of the rows ran"
			browse $width $scheme "$page" --screenshot="$TMP/$name.png" > /dev/null
			is "$(od -A n -t u1 -j 16 -N 8 "$TMP/$name.png" | awk '{ print $3 * 256 + $4, $7 * 256 + $8 }')" "$width 4000" "$name: a screenshot"
			[ "$(wc -c < "$TMP/$name.png")" -gt 60000 ]; ok $? "$name: that is not blank"
			[ -z "${SHOTS-}" ] || cp "$TMP/$name.png" "$SHOTS"
		done
	done
	is "$(cmp -s "$TMP/390.light.png" "$TMP/390.dark.png"; echo $?)" 1 "light and dark differ"
fi
done_testing
