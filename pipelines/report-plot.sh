#!/bin/sh
# SPDX-License-Identifier: MIT
# report-plot.sh FOLDER TMP - the figures of FOLDER/report.json (report.sh), for each a line of
# TMP/drawn.jsonl: {"part","at","svg"} and what was counted for it.
#
# gnuplot sees numbers only; names, units and legends are the page's.  It draws in colours that
# nobody would choose, #0100NN, each of which the page has a variable for: so one figure is fit
# for light and dark.
set -eu
in=$1/report.json dir=$1 tmp=$2
: > "$tmp/drawn.jsonl"

head='set terminal svg size 440,230 dynamic font "sans-serif,12"
set border 1 linecolor "#010001"
set tics nomirror out scale 0.5 textcolor "#010001"
set lmargin 7; set rmargin 2; set tmargin 0.6; set bmargin 1.8
set format "%.8g"; set samples 300; unset key
set style fill transparent solid 0.25 noborder
set encoding utf8; set minussign
set grid linecolor "#010002" linetype 1 linewidth 0.7
'

# draw PART I FACTS < SCRIPT: what gnuplot made, without its name, its fonts and ids
draw() {
	command -v gnuplot > /dev/null || { echo "report: gnuplot draws the figures (make deps installs it)" >&2; exit 1; }
	{ echo "$head"; cat; } > "$tmp/figure.gp"
	(cd "$tmp" && gnuplot figure.gp) > "$tmp/figure.raw"
	sed -e '/^<?xml/d' -e '/^<desc>/d' -e '/^<title>/d' -e '/<defs>/,/<\/defs>/d' -e 's/<title>[^<]*<\/title>//g' \
		-e 's/ id=["'\''][^"'\'']*["'\'']//g' -e 's/ *font-\(family\|size\)="[^"]*"//g' -e 's/ xmlns:xlink="[^"]*"//' \
		-e '/^ xmlns:xlink/d' \
		-e 's/rgb( *1, *0, *1)/currentColor/g' -e 's/"black"/"currentColor"/g' \
		-e 's/rgb( *1, *0, *\([0-9]*\))/var(--c\1)/g' \
		-e "s|<use xlink:href='[^']*' transform='translate(\([^,]*\),\([^)]*\)) scale([^)]*)' color='\([^']*\)'/>|<circle cx='\1' cy='\2' r='2.8' fill='\3' stroke='none'/>|" \
		"$tmp/figure.raw" | sed -z -e 's/<g [^>]*>\n*<\/g>\n*//g' -e 's/\n\n*/\n/g' > "$tmp/figure.svg"
	jq -c -n --arg part "$1" --argjson at "$2" --argjson facts "$3" --rawfile svg "$tmp/figure.svg" \
		'{$part, $at, $svg} + $facts' >> "$tmp/drawn.jsonl"
}
get() { jq -r "(.$1)[$2] | $3 // empty" "$in"; }
count() { jq "(.$1 // []) | length" "$in"; }

# labelled FILE FORMULA ROWS: the score of each row, and 1 where it is unsafe, lowest first
labelled() {
	seal-select -q --scores "$dir/$1" --by "$2" --keep 100% --plain --annotate "$dir/$3" |
		jq -r '"\(.seal.score) \(if .label == "unsafe" then 1 else 0 end)"' | sort -g
}

# Densities of safe and unsafe rows.  The width is Silverman's rule; the figure spans all but the
# outermost hundredths of the scores.
distribution() { # I FILE FORMULA ROWS KEEP
	labelled "$2" "$3" "$4" > "$tmp/labelled"
	facts=$(jq -c -n --argjson keep "$5" --rawfile all "$tmp/labelled" '[$all | splits("\n") | select(. != "") | split(" ") | map(tonumber)] |
		map(.[0]) as $x | ($x | length) as $n | if $n < 2 then null else
		def at(q): $x[[(q * $n | floor), $n - 1] | min];
		($x | add / $n) as $mean | ((at(0.75) - at(0.25)) / 1.34) as $spread |
		($x | map((. - $mean) * (. - $mean)) | add / $n | sqrt) as $deviation |
		{low: at(0.01), high: at(0.99), cut: at(1 - $keep), n: $n, unsafe: (map(.[1]) | add), keep: $keep,
		 width: (0.9 * ([$spread, $deviation, 1] | map(select(. > 0)) | .[0]) * pow($n; -0.2))} end')
	[ "$facts" != null ] || return 0
	awk -v tmp="$tmp" '{ print $1 > (tmp "/" ($2 ? "unsafe" : "safe")) }' "$tmp/labelled"
	{
		echo "$facts" | jq -r 'def color: {safe: "#010003", unsafe: "#010004"}[.];
			"set xrange [\(.low - 2 * .width) : \(.high + 2 * .width)]; set yrange [0:*]",
			"unset ytics; unset grid; set lmargin 1.5; set offsets 0, 0, graph 0.16, 0",
			"set arrow from \(.cut), graph 0 to \(.cut), graph 1 nohead dashtype \"-\" linecolor \"#010001\"",
			"set label \"dropped \" at \(.cut), graph 0.95 right textcolor \"#010001\"",
			"plot " + ([{name: "safe", n: (.n - .unsafe)}, {name: "unsafe", n: .unsafe}] as $both | .width as $w |
				$both | map(select(.n > 0) | "\"\(.name)\" using 1:(1.0 / \(.n)) smooth kdensity bandwidth \($w) with filledcurves y1=0 linecolor \"\(.name | color)\", " +
				"\"\(.name)\" using 1:(1.0 / \(.n)) smooth kdensity bandwidth \($w) with lines linewidth 1.6 linecolor \"\(.name | color)\"") | join(", "))'
	} | draw scores "$1" "$facts"
	rm -f "$tmp/safe" "$tmp/unsafe"
}
i=0
while [ $i -lt "$(count scores)" ]; do
	file=$(get scores $i .file) rows=$(get scores $i .rows) by=$(get scores $i .by) keep=$(get scores $i .keep)
	[ -z "$file" ] || [ -z "$rows" ] || distribution $i "$file" "${by:-score}" "$rows" "${keep:-0.8}"
	i=$((i + 1))
done

# A measure over the share kept, or whatever x is: a block of points for each line, which are set
# apart a little, so that intervals do not hide each other.
i=0
while [ $i -lt "$(count sweeps)" ]; do
	jq -c --argjson i $i '[.sweeps[$i].lines // [] | to_entries[] | {line: .key, points: [.value.points[]? |
		select((.x | numbers) and (.mean | numbers)) | [.x, .mean, (.ci[0]? // .mean), (.ci[1]? // .mean)]] | sort} |
		select(.points != [])]' "$in" > "$tmp/lines.json"
	jq -r 'map(.points | map(map(tostring) | join(" ")) | join("\n")) | join("\n\n\n")' "$tmp/lines.json" > "$tmp/points"
	if [ "$(cat "$tmp/lines.json")" != "[]" ]; then
		jq -r '(map(.points[][0]) | [min, max]) as [$low, $high] | ($high - $low | if . > 0 then . else 1 end) as $wide |
			"set xrange [\($low - 0.05 * $wide) : \($high + 0.05 * $wide)]; set offsets 0, 0, graph 0.06, graph 0.06",
			"plot " + (length as $n | to_entries | map(.key as $k | (.value.line % 6) as $c | "\"points\" index \($k) using ($1 + \(0.008 * $wide * ($k - ($n - 1) / 2)))" as $x |
				"linecolor \"#0100\(["11", "12", "13", "14", "15", "16"][$c])\"" as $color |
				"\($x):3:(0):($4 - $3) with vectors nohead linewidth 1.2 \($color), \($x):2 with lines linewidth 1.8 dashtype \(.value.line / 6 | floor + 1) \($color), " +
				"\($x):2 with points pointtype 7 \($color)") | join(", "))' "$tmp/lines.json" |
			draw sweeps $i '{}'
	fi
	i=$((i + 1))
done

# Reliability: in ten bins of p_bad, the rows' mean p_bad and the share of them that is unsafe,
# with Wilson's interval.  Beside it what seal-select --keep auto expects of the rows that it
# keeps, and what is true of them, where the scores show two groups.
i=0
while [ $i -lt "$(count calibration)" ]; do
	file=$(get calibration $i .file) rows=$(get calibration $i .rows)
	labelled "$file" p_bad "$rows" > "$tmp/labelled"
	seal-select --scores "$dir/$file" --keep auto --plain "$dir/$rows" 2> "$tmp/told" |
		jq -n '[inputs | .label == "unsafe"] | {kept: length, kept_unsafe: (map(select(.)) | length)}' > "$tmp/kept"
	facts=$(jq -c -n --rawfile all "$tmp/labelled" --rawfile told "$tmp/told" --slurpfile kept "$tmp/kept" '
		[$all | splits("\n") | select(. != "") | split(" ") | map(tonumber)] as $all |
		def wilson: .n as $n | (.unsafe / $n) as $p | 3.8416 as $z2 | ($p + $z2 / (2 * $n)) as $mid |
			(1.96 * ($p * (1 - $p) / $n + $z2 / (4 * $n * $n) | sqrt)) as $half | [$mid - $half, $mid + $half] | map(. / (1 + $z2 / $n));
		{n: ($all | length), unsafe: ($all | map(.[1]) | add // 0), expected: ($all | map(.[0]) | add // 0),
		 auto: ([$told | capture("are (?<pure>[0-9.]+)% of the rows kept, and kept are (?<whole>[0-9.]+)%") | map_values(tonumber / 100)][0]),
		 bins: ($all | group_by([.[0] * 10 | floor, 9] | min) | map({n: length, p: (map(.[0]) | add / length), unsafe: (map(.[1]) | add)} |
			. + {rate: (.unsafe / .n), ci: wilson}))} + $kept[0]')
	echo "$facts" | jq -r '.bins[] | [.p, .rate, .ci[0], .ci[1]] | map(tostring) | join(" ")' > "$tmp/points"
	if [ -s "$tmp/points" ]; then
		draw calibration $i "$facts" <<-'EOG'
		set xrange [-0.03:1.03]; set yrange [-0.03:1.03]; set tics 0.25
		plot [0:1] x with lines dashtype 2 linecolor "#010001", \
		     "points" using 1:3:(0):($4 - $3) with vectors nohead linewidth 1.2 linecolor "#010011", \
		     "points" using 1:2 with points pointtype 7 linecolor "#010011"
		EOG
	fi
	i=$((i + 1))
done
