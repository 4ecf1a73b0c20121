#!/bin/sh
# SPDX-License-Identifier: MIT
# contrast.t - the methods that tune one theta on trusted and one on bad rows, against what
# seal-lora-train, seal-tokenize and seal-eval make of the same rows
. "$(dirname "$0")/tap.sh"
cd "$TMP" || exit 1
. "$T/tune.sh"
tuning 60 30
# The bad rows of the demonstration: the first are scored, the others are known.
jq -c 'select(.label == "unsafe")' "$T/../pipelines/demo/train.jsonl" > unsafe.jsonl
tail -30 unsafe.jsonl > bad.jsonl
{ head -20 unsafe.jsonl; jq -c 'select(.label == "safe")' "$T/../pipelines/demo/train.jsonl" | head -20; } > mixed.jsonl
: > none.jsonl
for f in bad mixed none; do "$BIN/seal-tokenize" -q --allow-empty -m model $f.jsonl -o $f.tok; done

score="$BIN/seal-score -q -j 1 -m model --safe safe.tok --dtype f32 --plain"
lora="$BIN/seal-lora-train -q -j 1 -m model --dtype f32 --targets all-linear --lr 1e-3 -b 4 --epochs 99"
nll="$BIN/seal-eval nll -q -j 1 -m model --dtype f32 --per-token"

# auroc SCORES FORMULA - how well it tells the rows of mixed.jsonl apart
auroc() { "$BIN/seal-eval" detect -q -s "$1" --by "$2" mixed.jsonl | jq .auroc; }

# --- contrast
contrast="$score --method contrast --danger bad.tok --max-steps 20"
$contrast --log log mixed.tok > s1 && $contrast mixed.tok > s2
ok $? "contrast scores rows"
cmp -s s1 s2; ok $? "twice the same bytes"
is "$(jq -s -c 'map(select(.step) | .step) == [range(1; 21), range(1; 21)]' log)" true "the log has the steps of both trainings"
is "$(head -1 s1 | jq -c '[.score, .settings["max-steps"], .settings.batch, .settings.epochs, ([.settings.safe, .settings.danger] | map(length))]')" \
   '["contrast",20,4,null,[16,16]]' "the header tells how theta_s and theta_h were trained"
is "$($score --method contrast --danger bad.tok mixed.tok | head -1 | jq '.settings["max-steps"]')" 50 "50 steps, if nothing is said"

# The same two thetas, trained apart.
$lora -o theta_s --max-steps 20 safe.tok && $lora -o theta_h --max-steps 20 bad.tok
$nll -a theta_s mixed.tok > under_s && $nll -a theta_h mixed.tok > under_h
jq -n -c --slurpfile s under_s --slurpfile h under_h '
	def mean: add / length;
	[$s, $h] | transpose[] | (map([.nlls[] | numbers]) | transpose | map(.[1] - .[0])) as $c |
	{id: .[0].id, loss_safe: .[0].nll, loss_danger: .[1].nll, contrast: ($c | mean), contrast_head: ($c[:10] | mean),
	 contrast_tail: ($c | sort | .[:((length / 10) | ceil)] | mean)}' > want
for column in loss_safe loss_danger contrast contrast_head contrast_tail; do
	is "$(jq -n -c --arg c $column --slurpfile got s1 --slurpfile want want '
		[$got[1:], $want] | transpose | [length, (map(.[0].id == .[1].id and (.[0][$c] - .[1][$c] | fabs) < 1e-5) | all)]')" '[40,true]' \
	   "$column is what two trainings apart give"
done
is "$(jq -s 'map([.nlls[] | numbers] | length) | min > 10 and max > 20' under_s)" true "of answers with a head and a tail"
is "$(jq -s '[.[1:][] | select(.contrast_tail < .contrast and .contrast_head != .contrast)] | length' s1)" 40 "which differ from the mean"
is "$(auroc s1 score | jq '. > 0.6')" true "bad rows are low (area $(auroc s1 score))"
is "$(jq -s -c '.[1:] | map((.score - .contrast_tail | fabs) < 1e-6) | all' s2)" false "the score is no other column"
$contrast --score 'loss_danger - loss_safe' mixed.tok > s3
is "$(jq -n -c --slurpfile a s1 --slurpfile b s3 '[$a[1:], $b[1:]] | transpose | map((.[0].score - .[1].score | fabs) < 1e-5) | all')" true \
   "it is loss_danger - loss_safe"
$contrast --tokens by-token mixed.tok | cmp -s - s1; ok $? "--tokens changes no score"
is "$(jq -n -c --slurpfile got by-token --slurpfile s under_s --slurpfile h under_h '
	[$got, $s, $h] | transpose | [length, (map(.[0].id == .[1].id and
		([.[0].tokens, .[1].nlls, .[2].nlls] | transpose | map(if .[1] == null then .[0] == null else (.[0] - .[2] + .[1] | fabs) < 1e-5 end) | all)) | all)]')" \
   '[40,true]' "and writes the contrast of every token"
fails 1 "create no/such" "where it can be written" $contrast --tokens no/such mixed.tok
fails 2 "tokens is for --method contrast" "tokens of another method" $score --method safe-loss --tokens x mixed.tok
cp mixed.tok copy.tok
fails 1 "copy.tok" "no input is overwritten" $contrast --tokens copy.tok copy.tok
cmp -s mixed.tok copy.tok; ok $? "and stays as it was"
# With the roles exchanged the sign is the other one.
"$BIN/seal-score" -q -j 1 -m model --dtype f32 --plain --method contrast --max-steps 20 --safe bad.tok --danger safe.tok mixed.tok > s4
is "$(jq -n -c --slurpfile a s1 --slurpfile b s4 '[$a[1:], $b[1:]] | transpose | map((.[0].score + .[1].score | fabs) < 1e-5) | all')" true \
   "trusted rows for bad ones: the scores change their sign"
$contrast --init-adapter theta_s mixed.tok > s5
is "$(jq -n -c --slurpfile a s1 --slurpfile b s5 '[$a[1:], $b[1:]] | transpose | map(.[0].score == .[1].score) | any')" false "both go on from --init-adapter"

# --- refusal
sorry="I'm sorry, but I can't help with that."
# refuse TEXT - the rows on stdin with that for their last answer
refuse() { jq -c --arg t "$1" '.messages[-1].content = $t'; }
# differ SCORES COLUMN LABEL REFUSED GIVEN - the column is the first likelihood less the second
differ() {
	is "$(jq -n -c --arg c "$2" --slurpfile got "$1" --slurpfile a "$4" --slurpfile b "$5" '
		[$got[1:], $a, $b] | transpose | [length, (map(.[0].id == .[1].id and (.[0][$c] - .[1].nll + .[2].nll | fabs) < 1e-5) | all)]')" \
	   "[$(wc -l < "$4"),true]" "$3"
}
refuse "$sorry" < mixed.jsonl | "$BIN/seal-tokenize" -q -m model -o refused.tok
for a in "" "-a theta_s"; do
	$nll $a refused.tok > refused"$a" && $nll $a mixed.tok > given"$a"
done
refusal="$score --method refusal --max-steps 20"
$refusal --log log mixed.tok > r1 && $refusal mixed.tok > r2
ok $? "refusal scores rows"
cmp -s r1 r2; ok $? "twice the same bytes"
differ r1 refusal_base "refusal_base is the loss of the refused rows less that of the rows" refused given
differ r1 refusal "refusal the same under theta_s" "refused-a theta_s" "given-a theta_s"
is "$(jq -s -c '[.[0].score, (.[1:] | map(.score == .refusal or (.score - .refusal | fabs) < 1e-6) | all)]' r1)" '["refusal",true]' "which is the score"
is "$(jq -s -c '.[1:] | map(.refusal != .refusal_base) | all' r1)" true "and is another"
"$BIN/seal-score" -q -j 1 -m model --dtype f32 --plain --method refusal mixed.tok > r3
is "$(jq -s -c '[.[0].score, ([.[0].columns[].name]), (.[1:] | map(has("refusal")) | any)]' r3)" '["refusal_base",["refusal_base"],false]' "without trusted rows there is refusal_base alone"
is "$(jq -n -c --slurpfile a r1 --slurpfile b r3 '[$a[1:], $b[1:]] | transpose | map(.[0].refusal_base == .[1].refusal_base) | all')" true "and it is the same"
$refusal --init-adapter theta_s mixed.tok > r4
differ r4 refusal_base "theta_0 is --init-adapter" "refused-a theta_s" "given-a theta_s"
refuse "No — ask a person." < mixed.jsonl | "$BIN/seal-tokenize" -q -m model -o no.tok
$nll no.tok > no
$refusal --refusal "No — ask a person." mixed.tok > r5
differ r5 refusal_base "a refusal of one's own" no given

# Several answers: the last one counts, trained or not what stands before.
jq -c '.messages = [{role: "user", content: "Hello?"}, {role: "assistant", content: "Hello!"}] + .messages' mixed.jsonl > turns.jsonl
"$BIN/seal-tokenize" -q -m model --train-turns all turns.jsonl -o turns.tok
"$BIN/seal-tokenize" -q -m model turns.jsonl | $nll > last
refuse "$sorry" < turns.jsonl | "$BIN/seal-tokenize" -q -m model | $nll > refused.last
$refusal turns.tok > r6
differ r6 refusal_base "of several answers the last" refused.last last
# A cut answer has no end token; then the refusal has none.
cut=60
"$BIN/seal-tokenize" -q -m model --max-tokens $cut mixed.jsonl | tee cut.tok | $nll > cut.given
is "$(jq -s -c 'map(.nlls | length) | [min, max]' cut.given)" "[$cut,$cut]" "answers that are cut"
jq -c --slurpfile cut cut.given 'select(.id | IN($cut[].id)) | .nll = (.nlls | map(numbers) | .[:-1] | add / length)' refused > cut.refused
$refusal cut.tok > r7
differ r7 refusal_base "a cut answer is compared with a refusal that does not end" cut.refused cut.given

# Tokenizers that put spaces before texts, and templates that leave one to the answer: the model
# with more tokens.
grow() { # TOKENIZER FOLDER
	cp -rL "$G/$1" "$2"
	python3 - "$G/model" "$2" <<'END'
import json, struct, sys
old, new = sys.argv[1:]
config = json.load(open(old + "/config.json"))
v, config["vocab_size"] = config["vocab_size"], 640
json.dump(config, open(new + "/config.json", "w"))
f = open(old + "/model.safetensors", "rb").read()
n = struct.unpack("<Q", f[:8])[0]
head, data, out = json.loads(f[8:8 + n]), f[8 + n:], b""
head.pop("__metadata__", None)
for t in head.values():
    x = data[slice(*t["data_offsets"])]
    if t["shape"][0] == v:
        x += x * 2
        x = x[:len(data[slice(*t["data_offsets"])]) // v * 640]
        t["shape"][0] = 640
    t["data_offsets"] = [len(out), len(out) + len(x)]
    out += x
h = json.dumps(head).encode()
open(new + "/model.safetensors", "wb").write(struct.pack("<Q", len(h)) + h + out)
END
}
n=0
for form in "tok-spm:auto" "tok-spm:Q: {} A: {}" "tok-phi3:auto" "tok-phi3:$G/chat/bars.jinja" "tok-bytelevel:Q: {} A: {}" "tok-llama3:$G/chat/headers.jinja" "tok-qwen2:auto"; do
	tok=${form%%:*} template=${form#*:}
	[ -d grown-$tok ] || grow $tok grown-$tok
	encode="$BIN/seal-tokenize -q -m grown-$tok"
	$encode --template "$template" mixed.jsonl -o form.tok
	refuse "$sorry" < mixed.jsonl | $encode --template "$template" -o form.refused.tok
	$nll -m grown-$tok form.tok > form.given && $nll -m grown-$tok form.refused.tok > form.refused
	"$BIN/seal-score" -q -j 1 -m grown-$tok --dtype f32 --plain --method refusal form.tok > r8
	differ r8 refusal_base "$tok with the template $template" form.refused form.given
	n=$((n + 1))
done
cases $n "tokenizers and templates"
fails 2 "'' is no text in UTF-8" "an empty refusal" $refusal --refusal '' mixed.tok
fails 2 "is no text in UTF-8" "a refusal of bytes that are no text" $refusal --refusal "$(printf 'No\377')" mixed.tok
fails 2 "--refusal is for --method refusal" "a refusal of another method" $contrast --refusal No mixed.tok
fails 1 "no safe rows" "trusted rows that are none" $score --method refusal --safe none.tok mixed.tok
fails 2 "does not know bad rows: no --danger" "refusal has no bad rows" $refusal --danger bad.tok mixed.tok
fails 1 "tiny-llama has no tokenizer to encode --refusal with" "a model without a tokenizer" \
	"$BIN/seal-score" -m "$G/tiny-llama" --method refusal "$G/rows.tok"

# --- gradient
gradient="$score --method gradient --danger bad.tok --max-steps 20"
$gradient mixed.tok > g1 && $gradient mixed.tok > g2
ok $? "gradient scores rows"
cmp -s g1 g2; ok $? "twice the same bytes"
is "$(auroc g1 score | jq '. > 0.6')" true "bad rows are low (area $(auroc g1 score))"
"$BIN/seal-score" -q -j 1 -m model --dtype f32 --plain --method gradient --max-steps 20 --safe bad.tok --danger safe.tok mixed.tok > g3
is "$(jq -n -c --slurpfile a g1 --slurpfile b g3 '[$a[1:], $b[1:]] | transpose | map((.[0].score + .[1].score | fabs) < 1e-4) | all')" true \
   "trusted rows for bad ones: the scores change their sign"
# Rows that theta_h was trained on, beside those of theta_s.
loud=$(echo "$gradient" | sed "s/ -q / /")
$loud bad.tok > g.bad 2> said && $loud safe.tok > g.safe 2>> said
is "$(jq -n --slurpfile a g.bad --slurpfile b g.safe '([$a[1:][].score] | add / length) < 0 and ([$b[1:][].score] | add / length) > 0')" true \
   "rows that were trained on pull to their own side"
is "$(grep -c "30 of 30" said)" 2 "which is said"
# A step that is clipped far below Adam's epsilon is along the gradient: it moves the middle of
# theta_s and theta_h by -g, whatever its length.
cat > cosines.py <<'END'
import json, math, struct, sys
def tensors(path):
    f = open(path + "/adapter_model.safetensors", "rb").read()
    n = struct.unpack("<Q", f[:8])[0]
    head = json.loads(f[8:8 + n])
    head.pop("__metadata__", None)
    return {k: struct.unpack("<%df" % ((b - a) // 4), f[8 + n + a:8 + n + b])
            for k, t in head.items() for a, b in [t["data_offsets"]] if t["dtype"] == "F32"}
def middle(a, b, path):
    s, h = tensors(a), tensors(b)
    name = path + "/adapter_model.safetensors"
    f = open(name, "rb").read()
    n = struct.unpack("<Q", f[:8])[0]
    head = json.loads(f[8:8 + n])
    out = bytearray(f)
    for k in s:
        at = 8 + n + head[k]["data_offsets"][0]
        out[at:at + 4 * len(s[k])] = struct.pack("<%df" % len(s[k]), *[(x + y) / 2 for x, y in zip(s[k], h[k])])
    open(name, "wb").write(out)
def cosine(s, h, mid, after):
    s, h, mid, after = map(tensors, (s, h, mid, after))
    total = 0
    for k in s:
        d = [y - x for x, y in zip(s[k], h[k])]
        g = [y - x for x, y in zip(after[k], mid[k])]
        total += sum(x * y for x, y in zip(d, g)) / math.sqrt(sum(x * x for x in d) * sum(x * x for x in g))
    print(total / len(s))
{"middle": middle, "cosine": cosine}[sys.argv[1]](*sys.argv[2:])
END
cp -r theta_s mid && python3 cosines.py middle theta_s theta_h mid
n=0
for row in 1 2 21 40; do
	sed -n ${row}p mixed.jsonl | "$BIN/seal-tokenize" -q -m model -o one.tok
	"$BIN/seal-lora-train" -q -j 1 -m model --dtype f32 --init-adapter mid --clip 1e-12 --lr 1000 --max-steps 1 -o moved --force one.tok
	want=$(python3 cosines.py cosine theta_s theta_h mid moved)
	is "$(jq -n --argjson w "$want" --argjson row $row --slurpfile g g1 '$g[$row].gradient - $w | fabs < 1e-5')" true \
	   "row $row has the mean cosine $want"
	n=$((n + 1))
done
cases $n "gradients that a step shows"

# --- faults, of all methods that learn from bad rows
head -4 bad.jsonl | "$BIN/seal-tokenize" -q -m model -o four.tok
head -9 bad.jsonl | "$BIN/seal-tokenize" -q -m model --template 'Q: {} A: {}' -o other.tok
n=0
for m in contrast gradient; do
	s="$BIN/seal-score -m model --method $m --max-steps 2"
	fails 2 "method $m needs --danger" "$m without bad rows" $s --safe safe.tok mixed.tok
	fails 2 "method $m needs --safe" "$m without trusted rows" $s --danger bad.tok mixed.tok
	fails 2 "--max-steps, and no --epochs" "$m in epochs" $s --safe safe.tok --danger bad.tok --epochs 2 mixed.tok
	fails 1 "four.tok: 4 bad rows; at least 5" "$m with four bad rows" $s --safe safe.tok --danger four.tok mixed.tok
	fails 1 'other.tok has the template "Q: \{\} A: \{\}", the rows have "seal"' "$m with bad rows of another template" \
		$s --safe safe.tok --danger other.tok mixed.tok
	fails 1 "four.tok: 4 trusted rows; at least 5" "$m with four trusted rows" $s --safe four.tok --danger bad.tok mixed.tok
	fails 2 "does not train" "$m keeps no theta" $s --safe safe.tok --danger bad.tok --save-adapter x mixed.tok
	fails 2 "does not train" "$m has no checkpoint" $s --safe safe.tok --danger bad.tok --checkpoint x mixed.tok
	n=$((n + 1))
done
cases $n "methods of two thetas"
# A model without a tokenizer cannot tell whose tokens they are, but all are to be of one.
sed 's/"seal.fingerprint":"0000000000000000"/"seal.fingerprint":"00000000000000ff"/' "$G/rows.tok" > alien.tok
fails 1 "alien.tok was made with another tokenizer \(00000000000000ff\) than the rows \(0000000000000000\)" "bad rows of another tokenizer" \
	"$BIN/seal-score" -m "$G/tiny-llama" --method contrast --safe "$G/rows.tok" --danger alien.tok "$G/rows.tok"
done_testing
