# SPDX-License-Identifier: MIT
# report.jq - the page of a report.json (report.sh): $css, $drawn the figures, $worst and
# $borderline the explained rows.  All that comes from outside goes through text.

# Characters that no page may hold are shown as their pictures; the rest is escaped, and set apart
# so that text from right to left turns nothing around it.
def clean: explode | map(if . == 9 or . == 10 then . elif . < 32 then . + 9216 elif . == 127 then 9249
	elif . > 127 and . < 160 or . == 65534 or . == 65535 then 65533 else . end) | implode | @html;
def text: if type == "string" then . else tojson end | "<bdi>\(clean)</bdi>";
def quoted: "“" + text + "”";
def file: sub("^/.*/"; "") | "<code>\(clean)</code>";

def none: "<span class=\"none\">–</span>";
def real(d): if type != "number" then none else (. * pow(10; d) | round) as $x | ($x | fabs | tostring) |
	(if length <= d then "0" * (d + 1 - length) + . else . end) | (if d > 0 then .[:-d] + "." + .[-d:] else . end) |
	if $x < 0 then "−" + . else . end end;
def signed(d): real(d) as $s | if type == "number" and . > 0 then "+" + $s else $s end;
def whole: if type != "number" then none else round | tostring | explode | reverse | . as $d |
	[range(length)] | map(if . > 0 and . % 3 == 0 then 8239, $d[.] else $d[.] end) | reverse | implode end;
def seconds: if type != "number" then none elif . < 120 then real(1) + " s" elif . < 7200 then . / 60 | real(1) + " min" else . / 3600 | real(1) + " h" end;
def bytes: if type != "number" then none elif . < 1e9 then . / 1e6 | real(0) + " MB" else . / 1e9 | real(1) + " GB" end;
def percent: if type != "number" then none else . * 100 | real(0) + " %" end;

# A measure's numbers: shares are shown in per cent.
def factor: if .unit == "%" then 100 else 1 end;
def digits: .digits // (if .unit == "%" then 1 else 3 end);
def unit: .unit // "" | if . == "" then "" else ", " + text end;
def range_of($m): if type == "array" and (map(numbers) | length) == 2 then map(. * ($m | factor) | real($m | digits)) | "[\(.[0]), \(.[1])]" else "" end;

def td(class): "<td class=\"\(class)\">\(.)</td>";
def th: "<th scope=\"col\">\(.)</th>";
# A table that scrolls in its own frame: heads, and rows of finished cells.
def table($name; $heads; $rows): "<div class=\"frame\" role=\"region\" tabindex=\"0\" aria-label=\"\($name)\"><table><thead><tr>\($heads | map(th) | add)</tr></thead>\n<tbody>",
	($rows[] | "<tr>\(.)</tr>"), "</tbody></table></div>";
def section($id; $name; body): "<section id=\"\($id)\"><h2>\($name)</h2>", body, "</section>";
def says: "<p class=\"says\">\(.)</p>";
def row_name: "<th scope=\"row\">\(.name // .what // "" | text)\(if .name and .what and .what != .name then "<small>\(.what | text)</small>" else "" end)</th>";
def figure($part; $i; $name): [$drawn[] | select(.part == $part and .at == $i)][0].svg // "" |
	sub("<svg"; "<svg role=\"img\" aria-label=\"\($name)\"");

# Where numbers lie between two: round steps, about five of them.
def ticks($low; $high): (($high - $low) / 4 | if . > 0 then . else 1 end) as $raw | ($raw | log10 | floor | pow(10; .)) as $ten |
	([1, 2, 5, 10] | map(. * $ten) | map(select(. >= $raw * 0.75))[0]) as $step |
	{$step, at: [range(($low / $step | ceil); ($high / $step | floor) + 1)] | map(. * $step),
	 digits: ([0, -($step | log10 + 1e-9 | floor)] | max)};

# The arm that the others are compared with: the first that has the measure, and no difference.
def base($m; $arms): [$arms[] | select((.[$m.key]?.mean? | type) == "number" and (.[$m.key].difference? == null))][0] // $arms[0];
# Better or worse than that one, where the interval of the difference says so.
def verdict($m): (.difference_ci // []) as $d | if ($d | map(numbers) | length) < 2 or ($d[0] <= 0 and $d[1] >= 0) then "even"
	elif ($d[0] > 0) == ($m.better != "lower") then "good" else "bad" end;

# Dots and whiskers of the chief measure, in HTML, so that names wrap and text stays as large as it is.
def forest($m; $arms): [$arms[] | .[$m.key]? // {} | .mean, .ci[]? | numbers | . * ($m | factor)] | if length == 0 then empty else
	(min) as $a | (max) as $b | (($b - $a) * 0.04 | if . > 0 then . else 0.5 end) as $pad | ($a - $pad) as $low | ($b + $pad) as $high |
	def at: (. - $low) / ($high - $low) * 100 | . * 100 | round / 100 | tostring + "%";
	base($m; $arms) as $base_arm | ticks($low; $high) as $t | ($t.at | map("<i class=\"tick\" style=\"left:\(at)\"></i>") | add // "") as $lines |
	"<figure class=\"forest\"><figcaption>Each dot is an arm’s \($m.name | text)\($m | unit), \(if $m.better == "lower" then "lower" else "higher" end) is better; the line is its 95 % interval. <span class=\"key good\">Blue</span> and <span class=\"key bad\">orange</span>: better and worse than \($base_arm.name // "" | quoted), which is dashed, the interval of the difference excluding zero.</figcaption>",
	($base_arm[$m.key]?.mean? | if type == "number" then "<i class=\"base\" style=\"left:\(. * ($m | factor) | at)\"></i>" else "" end) as $base |
	($arms[] | (.[$m.key]? // {}) as $v | "<div class=\"arm \($v | verdict($m))\"><span class=\"who\">\(.name // "" | text)</span><span class=\"track\">\($lines)\($base)" +
		(if ($v.ci? // [] | map(numbers) | length) == 2 then ($v.ci | map(. * ($m | factor))) as [$l, $h] | "<i class=\"line\" style=\"left:\($l | at);right:\(($low + $high - $h) | at)\"></i>" else "" end) +
		(if ($v.mean? | type) == "number" then "<i class=\"dot\" style=\"left:\($v.mean * ($m | factor) | at)\"></i>" else "" end) +
		"</span><span class=\"value\">\($v.mean? | if type == "number" then . * ($m | factor) else null end | real($m | digits))</span></div>"),
	"<div class=\"arm axis\"><span class=\"who\"></span><span class=\"track\">\($t.at | map("<i class=\"mark\" style=\"left:\(at)\">\(real($t.digits))</i>") | add // "")</span><span class=\"value\"></span></div></figure>" end;

def cell($m): (.[$m.key]? // {}) as $v | ($v.mean? | if type == "number" then . * ($m | factor) else null end | real($m | digits)) +
	($v.ci? | range_of($m) | if . == "" then "" else "<small>\(.)</small>" end) +
	(if ($v.difference? | type) == "number" then "<small class=\"\($v | verdict($m))\">\($v.difference * ($m | factor) | signed($m | digits))\($v.difference_ci | range_of($m) | if . == "" then "" else "<br/>" + . end)</small>" else "" end) | td("n");
def arms: .arms as $arms | (.measures // []) as $ms | [{key: "rows", name: "rows"}, {key: "unsafe", name: "unsafe"}, {key: "tokens", name: "tokens"}, {key: "seeds", name: "seeds"}] |
	map(select(.key as $k | any($arms[]; .[$k] != null))) as $counts |
	section("arms"; "Arms";
		(if $ms[0] then forest($ms[0]; $arms) else empty end),
		("What was trained, and what came of it: under each mean its 95 % interval, then the difference to \(if $ms[0] then base($ms[0]; $arms).name // "" | quoted else "the first arm" end) with its own." | says),
		table("arms"; ["arm"] + ($counts | map(.name)) + ($ms | map("\(.name // .key | text)<small>\(.unit // "" | if . == "" then "" else text + "<br/>" end)\(if .better == "lower" then "lower" else "higher" end) is better</small>"));
			[$arms[] | . as $arm | row_name + ($counts | map(.key as $k | $arm[$k] | (if type == "array" then length else . end) | whole | td("n")) | add // "") + ($ms | map(. as $m | $arm | cell($m)) | add // "")]));

def legend(class): "<span class=\"key \(class)\">\(.)</span>";
def scores: .scores as $scores | section("scores"; "Scores";
	("How scores lie, of rows with a safe answer (blue) and an unsafe one (orange): each an area of one, and the further apart the better. Rows left of the dashed line are dropped." | says),
	"<div class=\"figures\">",
	($scores | to_entries[] | .key as $i | .value | [$drawn[] | select(.part == "scores" and .at == $i)][0] | if . then . as $d | $scores[$i] |
		"<figure><figcaption><b>\(.what // .name // "" | text)</b> <small>AUROC \(.auroc | real(3)), kept \($d.keep | percent)</small><br/>\("safe \($d.n - $d.unsafe | whole)" | legend("good")) \("unsafe \($d.unsafe | whole)" | legend("bad"))</figcaption>",
		figure("scores"; $i; "densities of the scores of safe and unsafe rows"), "<p class=\"x\">score, higher: keep</p></figure>" else empty end),
	"</div>",
	("AUROC is the chance that a safe row scores above an unsafe one, 0.5 where a score knows nothing; unsafe kept is the share of the unsafe rows that is left among the rows kept." | says),
	table("scores"; ["score", "AUROC", "unsafe kept", "time", "peak memory"];
		[$scores[] | row_name + (.auroc | real(3) | td("n")) + (.kept_unsafe | percent | td("n")) + (.seconds | seconds | td("n")) + (.peak_bytes | bytes | td("n"))]));

def sweeps: . as $all | section("sweeps"; "Share kept";
	("Each dot is a trained model, the line its 95 % interval; lines of one colour join one way of choosing rows." | says), "<div class=\"figures\">",
	(.sweeps | to_entries[] | .key as $i | .value | . as $s | ([$all.measures[]? | select(.key == $s.measure)][0] // {name: $s.measure}) as $m |
		"<figure><figcaption><b>\(.title // "" | text)</b><br/>\([.lines | to_entries[]? | .key as $j | .value.arm // "" | text | legend("c\($j % 6)")] | join(" "))</figcaption><p class=\"y\">\($m.name // "" | text)\($m | if .unit == "%" then ", share" else unit end)</p>",
		figure("sweeps"; $i; "a measure over the share kept"), "<p class=\"x\">\(.x // "" | text)</p></figure>"), "</div>");

def calibration: . as $all | section("calibration"; "Calibration";
	("Rows in ten bins by p_bad, the probability of being unsafe that the score gives them; each dot the share of a bin that is unsafe in truth, with its 95 % interval. On the dashed line a probability means what it says." | says),
	"<div class=\"figures\">",
	(.calibration | to_entries[] | .key as $i | "<figure><figcaption><b>\(.value.name // "" | text)</b></figcaption><p class=\"y\">unsafe in truth</p>", figure("calibration"; $i; "reliability of p_bad"), "<p class=\"x\">p_bad</p></figure>"), "</div>",
	([$drawn[] | select(.part == "calibration")] | if length > 0 then . as $d |
		("What the probabilities expect, and what is true: of unsafe rows among all, and of the rows that seal-select keeps by itself (<span class=\"nobr\">--keep auto</span>; its two groups stand for safe and unsafe; a dash where it sees no two groups)." | says),
		table("calibration"; ["score", "unsafe rows<small>expected</small>", "<small>true</small>", "kept by auto", "safe among them<small>expected</small>", "<small>true</small>", "of safe rows kept<small>expected</small>", "<small>true</small>"];
			[$d[] | . as $d | $all.calibration[$d.at] | row_name + ($d | (.expected | real(1) | td("n")) + (.unsafe | whole | td("n")) + (.kept | whole | td("n")) +
			(.auto.pure? | percent | td("n")) + ((if .kept > 0 then 1 - .kept_unsafe / .kept else null end) | percent | td("n")) +
			(.auto.whole? | percent | td("n")) + ((if .n > .unsafe then (.kept - .kept_unsafe) / (.n - .unsafe) else null end) | percent | td("n")))]) else empty end));

def cost: .cost as $cost | ([$cost[].seconds | numbers] | max // 1) as $most | section("cost"; "Cost";
	("Time and memory as logged; the bar is the time beside the longest, and the last column the time as a multiple of the fine-tuning it serves." | says),
	table("cost"; ["what", "time", "", "peak memory", "of fine-tuning"];
		[$cost[] | row_name + (.seconds | seconds | td("n")) + ("<span class=\"bar\" style=\"width:\(if .seconds then .seconds / (if $most > 0 then $most else 1 end) * 100 | round else 0 end)%\"></span>" | td("bars")) + (.peak_bytes | bytes | td("n")) +
			((if .seconds and (.against // 0) > 0 then .seconds / .against else null end) | (if . then real(2) + " ×" else none end) | td("n"))]));

# A token's colour: its share in the score against the list's 95th percentile, in five steps.
def scale: [.[].tokens[]?[1] | numbers | fabs] | sort | if length > 0 then .[(length * 0.95 | floor)] else 0 end;
def shade($most): if type != "number" then "q" elif $most <= 0 then "z" else ([(fabs / $most * 5 | round), 5] | min) as $k |
	if $k == 0 then "z" elif . > 0 then "b\($k)" else "g\($k)" end end;
def strip($shades): ($shades | length) as $n | if $n == 0 then "" else "<svg class=\"strip\" viewBox=\"0 0 \($n) 1\" preserveAspectRatio=\"none\" aria-hidden=\"true\">" +
	([$shades | to_entries | map(select(.value != "q" and .value != "z")) | group_by(.value)[] | "<path class=\"\(.[0].value)\" d=\"\(map("M\(.key) 0h1v1h-1z") | add)\"/>"] | add // "") + "</svg>" end;
def runs: reduce .[] as $t ([]; if length > 0 and .[-1][1] == $t[1] and ($t[1] == "q" or $t[1] == "z") then .[-1][0] += $t[0] else . + [$t] end);
def explained($id; $name; $rows; $what): if ($rows | length) == 0 then empty else ($rows | scale) as $most | section($id; $name; ($what | says),
	"<ol class=\"rows\">",
	($rows[] | [.tokens[]? | [(.[0] // "" | if type == "string" then . else tojson end), (.[1] | shade($most))]] as $t |
		"<li><details><summary><span class=\"rank\">\(.rank | if . == null then "" else whole end)</span><span class=\"score\">\(.score | signed(2))</span>" +
		"<span class=\"label \(if .label == "unsafe" then "bad" elif .label == "safe" then "good" else "" end)\">\(.label | if . == null then "" else text end)</span><span class=\"id\">\(.id // "" | text)</span>\(strip($t | map(.[1])))</summary>" +
		"<p class=\"tokens\" dir=\"auto\">\($t | runs | map(.[1] as $c | .[0] | clean | if $c == "z" then . else "<span class=\"\($c)\">\(.)</span>" end) | add // "")</p></details></li>"),
	"</ol>") end;

def settings: section("settings"; "Settings"; (if .settings then "<dl>", (.settings | to_entries[] | "<div><dt>\(.key | text)</dt><dd>\(.value | text)</dd></div>"), "</dl>" else empty end));
def inputs: .inputs as $in | section("inputs"; "Inputs"; ("Equal fingerprints and settings give an equal report, byte for byte." | says),
	table("inputs"; ["input", "file", "rows", "fingerprint"]; [$in[] | row_name + (.file // "" | file | td("")) + (.rows | whole | td("n")) + (.hash // "" | "<code>\(tostring | clean)</code>" | td("hash"))]));

def some($key): (.[$key] // [] | length) > 0;
def by: .explained.what? | if type == "string" then " by " + text else "" end;
def coloured: "Tokens coloured by their share in the score: <span class=\"key bad\">orange</span> pulls it down, <span class=\"key good\">blue</span> lifts it, grey is the prompt, which was not scored. Text may be harmful; it opens at a click.";
"<!DOCTYPE html>",
"<html lang=\"en\"><head><meta charset=\"utf-8\"/>",
"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/><meta name=\"color-scheme\" content=\"light dark\"/>",
"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"/>",
"<title>\(.title // "seal report" | tostring | clean)</title>",
"<style>\n\($css)</style></head>", "<body><main>",
"<header><h1>\(.title // "seal report" | text)</h1>", (if .first then "<p class=\"lead\">\(.first | text)</p>" else empty end),
("<nav aria-label=\"contents\">" + ([(["arms", "Arms"], ["scores", "Scores"], ["sweeps", "Share kept"], ["calibration", "Calibration"], ["cost", "Cost"]) as [$k, $n] | select(some($k)) | "<a href=\"#\($k)\">\($n)</a>"] +
	[if ($worst | length) > 0 then "<a href=\"#worst\">Worst rows</a>" else empty end, if ($borderline | length) > 0 then "<a href=\"#borderline\">Borderline rows</a>" else empty end,
	 if some("settings") then "<a href=\"#settings\">Settings</a>" else empty end, if some("inputs") then "<a href=\"#inputs\">Inputs</a>" else empty end] | add // "") + "</nav></header>"),
(if some("arms") then arms else empty end),
(if some("scores") then scores else empty end),
(if some("sweeps") then sweeps else empty end),
(if some("calibration") then calibration else empty end),
(if some("cost") then cost else empty end),
explained("worst"; "Worst rows"; $worst; "The \($worst | length) rows that scored lowest\(by), worst first: rank, score, label and id. " + coloured),
explained("borderline"; "Borderline rows"; $borderline; "The \($borderline | length) rows nearest to the cut\(by), on either side of it. " + coloured),
(if some("settings") then settings else empty end),
(if some("inputs") then inputs else empty end),
"</main></body></html>"
