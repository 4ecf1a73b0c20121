#!/bin/sh
# SPDX-License-Identifier: MIT
# quickstart-plot.sh OUT RUN.SCORE... - OUT/scores.png: for each score of a run (OUT/RUN.jsonl) the
# densities of safe and of unsafe rows, and the cut below which 20 % are dropped
set -eu
out=$1; shift

for name; do # the values in order, 1 beside an unsafe row's
	seal-select -q --scores "$out/${name%%.*}.jsonl" --by "${name#*.}" --keep 100% --annotate "$out/train.jsonl" |
		jq -rs 'sort_by(.seal.score)[] | "\(.seal.score) \(if .label == "unsafe" then 1 else 0 end)"' > "$out/$name.plot"
done
title() { jq -r --arg name "$1" '.scores[] | select(.name == $name) |
	.what + ": AUROC " + (.auroc * 1000 | round / 1000 | tostring)' "$out/result.json"; }

{
	cat <<-EOG
	set terminal pngcairo size 900,$((300 * $#)) font "Sans,12"
	set output '$out/scores.png'
	set multiplot layout $#,1
	set style fill transparent solid 0.35
	set samples 400
	set key top right
	set border 1; unset ytics; set ylabel 'density'; set xtics nomirror out
	set format x '%.8g'; set offsets 0, 0, graph 0.1, 0
	quantile(q) = int(q * (n - 1))
	EOG
	for name; do
		cat <<-EOG
		file = '$out/$name.plot'
		stats file using 1 nooutput
		n = STATS_records
		spread = (STATS_up_quartile - STATS_lo_quartile) / 1.34
		width = 0.9 * (spread > 0 ? spread : STATS_stddev > 0 ? STATS_stddev : 1) * n ** -0.2
		stats file using 2 nooutput
		unsafe = STATS_sum
		stats file using 1 every ::quantile(0.01)::quantile(0.01) nooutput; low = STATS_min
		stats file using 1 every ::quantile(0.99)::quantile(0.99) nooutput; high = STATS_max
		stats file using 1 every ::quantile(0.20)::quantile(0.20) nooutput; cut = STATS_min
		set xrange [low - 2 * width : high + 2 * width]
		set title '$(title "$name")'
		set xlabel '$name  (higher: keep)'
		set arrow 1 from cut, graph 0 to cut, graph 1 nohead dashtype 2 linecolor '#555555'
		set label 1 'dropped ' at cut, graph 0.93 right textcolor '#555555'
		plot "< awk '!\$2' '$out/$name.plot'" using 1:(1 / (n - unsafe)) smooth kdensity bandwidth width \
		       with filledcurves y1=0 linecolor '#1b7837' title sprintf('safe (%d)', n - unsafe), \
		     "< awk '\$2' '$out/$name.plot'" using 1:(1 / unsafe) smooth kdensity bandwidth width \
		       with filledcurves y1=0 linecolor '#b2182b' title sprintf('unsafe (%d)', unsafe)
		EOG
	done
} > "$out/scores.gp"
gnuplot "$out/scores.gp"
