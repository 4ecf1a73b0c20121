# SPDX-License-Identifier: MIT
# quickstart.jq - the report.json (report.sh) of a quickstart.
def real: (. * 1000 | round | fabs | tostring | if length < 4 then "0" * (4 - length) + . else . end | .[:-3] + "." + .[-3:]) as $digits |
	if . < -0.0005 then "−" + $digits else $digits end;
def ci: "[\(.[0] | real), \(.[1] | real)]";

($arms | map(. as $arm | reduce ($measured[] | select(.name == $arm.name)) as $m ($arm; . + $m))) as $all |
def arm($name): $all[] | select(.name == $name);
{
	title: "\($model), \(arm("all").rows) rows of which \(arm("all").unsafe) are unsafe",
	first: ("The aligned model’s margin between safe and unsafe answers is \(arm("aligned").margin.mean | real) nats a token; fine-tuned on all rows it is " +
		"\(arm("all").margin.mean | real), on the 80 % that hidden states keep \(arm("state").margin.mean | real) (difference to all rows " +
		"\(arm("state").margin | .difference | real) \(arm("state").margin.difference_ci | ci)), on those that SEAL keeps \(arm("seal").margin.mean | real) " +
		"(\(arm("seal").margin | .difference | real) \(arm("seal").margin.difference_ci | ci)), and on the safe rows alone \(arm("oracle").margin.mean | real)."),
	measures: [
		{key: "margin", name: "margin", unit: "nats a token", digits: 3, better: "higher"},
		{key: "in_order", name: "pairs in order", unit: "%", digits: 0, better: "higher"},
		{key: "nll", name: "utility nll", unit: "nats a token", digits: 3, better: "lower"},
		{key: "refused", name: "refusals by phrase", unit: "%", digits: 0, better: "higher"}
	],
	arms: ($all | map({name: .what} + (. | del(.name, .what)))),
	scores: ($scores | map(. as $s | {name: .what, auroc, kept_unsafe, seconds, peak_bytes} +
		if $s.name == "state.score" or $s.name == $selected_by or $s.name == "safe.gain" or $s.name == "base.loss" then
			($s.name | split(".")) as [$run, $by] | {file: "\($run).jsonl", $by, rows: "train.jsonl", keep: 0.8} else {} end)),
	calibration: [{name: "hidden states (state)", file: "state.jsonl", rows: "train.jsonl"}],
	cost: ([$tuning[-1].seconds] as [$against] | ["base.loss", "state.score", "safe.gain", "alg2.gain", "alg1.gain"] |
		map(. as $name | $scores[] | select(.name == $name) | {what: (.what | sub(", .*"; "")), seconds, peak_bytes, against: $against}) +
		[{what: "fine-tuning on all rows", seconds: $against, peak_bytes: $tuning[-1].peak_bytes, against: $against}]),
	explained: {what: "hidden states (state)", worst: "explained/worst.jsonl", borderline: "explained/borderline.jsonl"},
	settings: ({"SEAL selects by": $selected_by, "alignment": $align, "fine-tuning": ("--batch 8 --lr 1e-3 " + $options), seed: 1} +
		($header[0].settings | {rank, targets, dtype, template})),
	inputs: ([{name: "model", file: $model, rows: null, hash: $header[0].settings.model}] + $inputs)
}
