#!/bin/sh
# SPDX-License-Identifier: MIT
# margin.t - seal-eval margin against seal-eval nll, joined and averaged by jq
. "$(dirname "$0")/tap.sh"
cd "$TMP" || exit 1
cp -rL "$T/gold/model" model

# 40 rows of 16 prompts, some with several answers on a side, some with one side only, some of none.
jq -c 'select(.messages[-1].role == "assistant")' "$T/../pipelines/demo/train.jsonl" | head -40 | jq -nc '[inputs] | to_entries[] |
	.key as $i | .value | .id = "r\($i)" | .label = (if $i * 7 % 5 < 2 then "unsafe" else "safe" end) | .messages[-1].content |= .[:60] |
	if $i % 13 == 5 then . elif $i % 13 == 6 then .pair = null else .pair = (if $i % 3 == 0 then $i % 8 else "p\($i * $i % 9)" end) end' > rows.jsonl
train() { head -20 "$T/../pipelines/demo/train.jsonl" | "$BIN/seal-tokenize" -q -m model | "$BIN/seal-lora-train" -q -j 1 -m model --epochs 2 --lr 0.01 "$@"; }
train -o one --rank 2 --targets q_proj
train -o two --rank 7 --targets v_proj,down_proj --lr 0.03
margin() { "$BIN/seal-eval" margin -q -j 1 -m model "$@"; }
nll() { "$BIN/seal-tokenize" -q -m model rows.jsonl | "$BIN/seal-eval" nll -q -j 1 -m model "$@"; }

# each ROWS NLL - what --each should have without "adapter", by jq
cat > each.jq <<'EOJ'
def mean: add / length;
(reduce $nll[] as $r ({}; .[$r.id] = $r.nll)) as $l |
def text: if type == "string" then . else tojson end;
[$rows[] | select(.pair != null) | {id: .pair | text, bad: (.label == "unsafe"), l: $l[.id]}] |
group_by(.id) | map({id: .[0].id, s: map(select(.bad | not).l), u: map(select(.bad).l)} | select((.s | length) > 0 and (.u | length) > 0)) |
map({key: .id, value: {nll_safe: .s | mean, nll_unsafe: .u | mean, margin: ((.u | mean) - (.s | mean)), pairs: ((.s | length) * (.u | length)),
	in_order: [.s[] as $s | .u[] as $u | if $s < $u then 1 elif $s == $u then 0.5 else 0 end] | mean}}) | from_entries
EOJ
each() { jq -n --slurpfile rows "$1" --slurpfile nll "$2" -f each.jq; }
# alike GOT WANT NAME - files: the same keys, numbers within 1e-6 (nll prints floats)
alike() {
	jq -en --slurpfile a "$1" --slurpfile b "$2" 'def near(a; b): (a | type) == (b | type) and
		if (a | type) == "object" then (a | keys) == (b | keys) and ([a | keys[] as $k | near(a[$k]; b[$k])] | all)
		elif (a | type) == "number" then (a - b | fabs) < 1e-6 else a == b end; ($a[0] | length) > 0 and near($a[0]; $b[0])' > near
	ok $? "$3"; [ "$(cat near)" = true ] || { jq -c . "$1" "$2" | sed 's/^/# /'; }
}
margin --base -a one -a two --each each.jsonl rows.jsonl > got; ok $? "the model alone and two adapters"
is "$(jq -c .adapter got | tr '\n' ' ')" 'null "one" "two" ' "an object for each, in their order"
nll > nll.null; nll -a one > nll.one; nll -a two > nll.two
n=0
for a in null one two; do
	each rows.jsonl nll.$a > want
	jq -n --arg a $a '[inputs | select((.adapter // "null") == $a)] | map({key: .id, value: del(.id, .adapter)}) | from_entries' each.jsonl > found
	jq 'map_values(del(.pairs))' want > prompts
	alike found prompts "$a: each prompt's numbers are those of nll"
	jq '{n: length, pairs: map(.pairs) | add} + (. as $p | reduce ("margin", "in_order", "nll_safe", "nll_unsafe") as $k ({}; .[$k] = ($p | map(.[$k]) | add / length)))' want > means
	jq --arg a $a 'select((.adapter // "null") == $a) | {n, pairs, margin, in_order, nll_safe, nll_unsafe}' got > found
	alike found means "and their means over prompts"
	is "$(jq --arg a $a 'select((.adapter // "null") == $a) | [.margin, .margin_ci[], .in_order, .in_order_ci[], .nll_safe, .nll_safe_ci[], .nll_unsafe, .nll_unsafe_ci[]] |
		[(range(4) * 3) as $i | .[$i + 1] < .[$i] and .[$i] < .[$i + 2]] | all' got)" true "each between the ends of its interval"
	n=$((n + 1))
done
cases $n "thetas"
is "$(jq -s '.[0].n > 5 and .[0].pairs > .[0].n + 2 and .[1].margin != .[0].margin and .[2].margin != .[1].margin' got)" true "of which there are some, and they differ"
jq -s 'map(select(.adapter == "two").margin) as $two | map(select(.adapter == null).margin) as $base | [range($two | length) | $two[.] - $base[.]] | {d: (add / length)}' each.jsonl > want
jq -s '{d: .[2].difference}' got > found
alike found want "the difference is against the first"
is "$(jq -c 'has("difference")' got | tr '\n' ' ')" "false true true " "which has none itself"
jq -c 'select(.adapter == "one") | {id, margin}' each.jsonl > one.each; jq -c 'select(.adapter == "two") | {id, margin}' each.jsonl > two.each
margin -a one -a two rows.jsonl > pair
is "$(jq -c 'select(.difference) | [.difference, .difference_ci]' pair)" "$("$BIN/seal-eval" compare --by margin one.each two.each | jq -c 'select(.difference) | [.difference, .difference_ci]')" \
   "and is what compare finds in --each"
is "$(margin -a two -a one rows.jsonl | jq -sc '[.[1].margin, .[0].margin_ci]')" "$(jq -sc '[.[0].margin, .[1].margin_ci]' pair)" "an adapter does not know of those before it"
is "$(margin rows.jsonl)" "$(jq -c 'select(.adapter == null)' got)" "without -a the model alone"
is "$(margin --base rows.jsonl)" "$(margin rows.jsonl)" "which --base need not ask for"
margin --base -a one -a two rows.jsonl | cmp -s - got; ok $? "the same twice"
jq -c '.of = .pair | .kind = (if .label == "unsafe" then 1 else 0 end) | del(.pair, .label)' rows.jsonl > keys.jsonl
is "$(margin --pair of --label-key kind --unsafe 1 keys.jsonl)" "$(margin rows.jsonl)" "other keys"
head -20 rows.jsonl | zstd -q > a.zst; tail -n 20 rows.jsonl > b.jsonl
is "$(margin a.zst b.jsonl)" "$(margin < rows.jsonl)" "a prompt's answers may be in several files"

# fates: all rows are told
margin --fates fates rows.jsonl > out
is "$(jq -c '[.fate, .reason]' fates | sort | uniq -c | awk '{ n += $1 } END { print n }')" 40 "every row has a fate"
is "$(jq -r 'select(.fate == "kept").id' fates | wc -l)" "$(jq -n --slurpfile rows rows.jsonl '[$rows[] | select(.pair != null)] | group_by(.pair) | map(select(map(.label) | unique | length == 2)) | map(length) | add')" \
   "kept are those of prompts with both sides"
is "$(jq -r 'select(.fate == "dropped").reason' fates | sort -u | tr '\n' ,)" "in no pair,without a safe answer to compare with,without an unsafe answer to compare with," "the others are told why not"
like "$("$BIN/seal-eval" margin -j 1 -m model rows.jsonl 2>&1 > out)" '[0-9]+ rows kept, [0-9]+ dropped \(.*[0-9]+ in no pair.*\)$' "and summed up"
cat > two.jsonl <<'E'
{"id":"a","label":"safe","pair":1,"prompt":"Hi","response":"I would rather not say."}
{"id":"b","label":"unsafe","pair":1,"prompt":"Hi","response":"A very long answer that goes on and on and on, and on."}
E
fails 1 'nothing is left: 0 rows kept, 2 dropped \(1 longer than 60 tokens, 1 without an unsafe answer to compare with\)' "a row too long leaves the other alone" \
	margin --max-tokens 60 --overlong drop two.jsonl
margin --max-tokens 60 --fates fates two.jsonl > out
is "$(jq -c '[.id, .fate, .reason]' fates | tr '\n' ' ')" '["a","kept",null] ["b","truncated","cut to 60 tokens"] ' "one that is cut is told"
is "$(margin --on-error skip --allow-empty --pair none two.jsonl)" '{"adapter":null,"n":0,"pairs":0,"margin":null,"margin_ci":null,"in_order":null,"in_order_ci":null,"nll_safe":null,"nll_safe_ci":null,"nll_unsafe":null,"nll_unsafe_ci":null}' \
   "of nothing, null"
sed 's/"unsafe"/"safe"/' two.jsonl > same; fails 1 'nothing is left: .*2 without an unsafe answer' "no unsafe answer" margin same
sed 's/"label"/"of"/' two.jsonl > same; fails 1 'same:1: no "label"' "no label" margin same
jq -c '.response = "Just so."' two.jsonl > same
is "$(margin same | jq -c '[.margin, .in_order]')" '[0,0.5]' "equal answers are half in order"
fails 1 'both input and output' "no input is overwritten by --each" margin --each two.jsonl two.jsonl
fails 2 'MODEL' "no model" "$BIN/seal-eval" margin two.jsonl
fails 1 'nowhere' "no such adapter" margin -a one -a nowhere two.jsonl

# An adapter that changes the model itself: a final norm of zeros makes all tokens equally likely.
mkdir zero; head='{"base_model.model.model.norm.weight":{"dtype":"F32","shape":[32],"data_offsets":[0,128]}}'
{ printf "\\$(printf %o ${#head})\\0\\0\\0\\0\\0\\0\\0%s" "$head"; head -c 128 /dev/zero; } > zero/adapter_model.safetensors
echo '{"peft_type":"LORA","r":1,"lora_alpha":1,"target_modules":"none","modules_to_save":["model.norm"]}' > zero/adapter_config.json
is "$(margin -a zero two.jsonl | jq -c '[.adapter, (.nll_safe * 1000 | round), (.nll_unsafe - (263 | log) | fabs < 1e-4), .margin]')" '["zero",5572,true,0]' "one that changes the model, alone"
fails 1 'zero changes model.norm.weight of the model itself' "not beside another" margin -a one -a zero two.jsonl
fails 1 'zero changes model.norm.weight of the model itself' "nor before one" margin -a zero -a one two.jsonl
fails 1 'zero changes model.norm.weight of the model itself' "nor beside the model alone" margin --base -a zero two.jsonl
mkdir other; cp model/* other; cp "$T/gold/chat/chatml.jinja" other/chat_template.jinja
fails 1 "two was trained with the template seal, not jinja" "another template than an adapter's" "$BIN/seal-eval" margin -m other -a two two.jsonl
done_testing
