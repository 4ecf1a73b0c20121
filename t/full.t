#!/bin/sh
# SPDX-License-Identifier: MIT
# full.t - all weights trained, adapters merged: the folders, kill and resume, faults
. "$(dirname "$0")/tap.sh"
cd "$TMP" || exit 1
. "$T/tune.sh"
tuning 60 30
full="$BIN/seal-lora-train -q -j 1 -m model --full --lr 1e-3 -b 8"
score="$BIN/seal-score -q -j 1 -m model --method bilevel --safe safe.tok --full --lr 1e-3 -b 8 --plain"
header() { tail -c +9 "$1/model.safetensors" | head -c "$(od -An -tu8 -N8 "$1/model.safetensors")"; }
mean() { "$BIN/seal-eval" nll -q -j 1 "$@" | jq -s 'map(.nll) | add / length'; }

# The folder.
$full -o a1 --dtype f32 --valid safe.tok --log l1 train.tok && $full -o a2 --dtype f32 --valid safe.tok --log l2 train.tok
ok $? "seal-lora-train --full"
diff -r a1 a2 > /dev/null; ok $? "twice the same bytes"
is "$(jq -s '[.[] | select(.loss)] | (.[0].loss - .[7].loss) > 0' l1)" true "the loss falls"
is "$(ls a1 | tr '\n' ' ')" "config.json model.safetensors tokenizer.json tokenizer_config.json " "a model's files, and no others"
is "$(jq -cS 'del(.torch_dtype)' a1/config.json)" "$(jq -cS . model/config.json)" "the configuration is the model's"
is "$(jq -r .torch_dtype a1/config.json)" float32 "but for the type"
is "$(header a1 | jq -c 'map_values(.shape?) | del(.__metadata__) | keys')" \
   "$(header model | jq -c 'map_values(.shape?) | del(.__metadata__) | keys')" "the tensors have the model's names"
is "$(header a1 | jq -r '[.[].dtype?] | unique | del(.[] | nulls) | .[]')" F32 "and are F32"
is "$(header a1 | jq -c '.__metadata__ | [.format, (.["seal.settings"] | fromjson | [.full, has("rank"), has("targets")])]')" \
   '["pt",[true,false,false]]' "format and settings are recorded"
is "$(jq -n --argjson a "$(mean -m a1 --dtype f32 safe.tok)" --argjson b "$(jq .valid l1 | grep -v null)" '($a - $b) | fabs < 1e-6')" true \
   "loaded again it has the losses that it was trained to"
for t in f32 bf16; do $full -o b-$t --dtype $t train.tok || ok 1 "--dtype $t"; done
is "$(jq -n --argjson a "$(mean -m b-f32 safe.tok)" --argjson b "$(mean -m b-bf16 safe.tok)" '(($a - $b) / $a) | fabs < 0.01')" true \
   "bf16 trains as f32 does, within its rounding"

# A model for every program that takes one.
"$BIN/seal-tokenize" -q -m a1 train.jsonl -o again.tok && "$BIN/seal-score" -q -m a1 --method loss again.tok > /dev/null &&
	"$BIN/seal-lora-train" -q -m a1 -o on-top --max-steps 1 again.tok && "$BIN/seal-eval" nll -q -m a1 -a on-top again.tok > /dev/null &&
	head -2 train.jsonl | "$BIN/seal-eval" generate -q -m a1 --max-new 2 > /dev/null
ok $? "every program takes the folder as its model"
$full -o a3 --max-steps 1 -m a1 train.tok; ok $? "and it can be trained further"

"$BIN/seal-tokenize" -q -m model --template alpaca train.jsonl -o alpaca.tok && $full -o alpaca --max-steps 1 alpaca.tok
fails 1 "alpaca was trained with the template alpaca, not" "answers in another form" "$BIN/seal-eval" generate -m alpaca train.jsonl
head -1 train.jsonl | "$BIN/seal-eval" generate -q -m alpaca --template alpaca --max-new 2 > /dev/null; ok $? "and in its own"

# seal-score.
$score --algorithm 1 --epochs 2 --save-adapter theta train.tok > s1
ok $? "seal-score --full --algorithm 1"
is "$(jq -c 'select(.id) | [.weight, .loss_base, .loss, .loss_hat] | map(type == "number") | all' s1 | sort | uniq -c | tr -s ' ')" \
   " 60 true" "every number for every row"
is "$(jq .loss_base s1)" "$("$BIN/seal-score" -q -j 1 -m model --method loss --plain train.tok | jq .loss_base)" \
	"loss_base is the model's"
is "$(jq -sc '[.[1:][] | .loss] | add / length' s1 | cut -c 1-6)" "$(mean -m theta train.tok | cut -c 1-6)" "--save-adapter writes theta as a model"
is "$(jq -s '[.[1:][] | (.loss - .loss_hat | fabs) > 1e-4] | any' s1)" true "theta and theta-hat part"

# Kill and resume.
# resumed NAME SIGNAL OUTPUT COMMAND...
resumed() {
	name=$1 sig=$2 out=$3; shift 3
	"$@" --log whole.log > whole.out; rm -rf whole.kept; mv "$out" whole.kept
	rm -rf ck; : > part.log
	(kill_at "fflush:25:$sig" "$@" --checkpoint ck --every 10 --log part.log > part.out 2> err) 2> /dev/null
	is $? $((128 + sig)) "$name: signal $sig"
	[ -e ck/step-20 ] && [ ! -e "$out" ]; ok $? "$name: a checkpoint and nothing half-written"
	"$@" --checkpoint ck --every 10 --resume --log part.log > part.out
	cmp -s whole.out part.out && diff -r "$out" whole.kept > /dev/null; ok $? "$name: resumed to the same bytes"
	is "$(timeless part.log | md5sum)" "$(timeless whole.log | md5sum)" "$name: and the same log"
}
"$BIN/seal-score" -q -m model --method loss train.tok --plain | jq -c 'if .seal then . else .weight = .line end' > w
resumed "seal-lora-train --full --weights" 15 tuned $full -o tuned --epochs 5 --weights w --schedule cosine train.tok
rm -rf tuned
resumed "seal-lora-train --full" 9 tuned $full -o tuned --epochs 5 train.tok
resumed "seal-score --full" 15 theta2 $score --algorithm 1 --epochs 5 --save-adapter theta2 train.tok
fails 1 "rank was null, and is 16 now" "a checkpoint of other weights" \
	"$BIN/seal-score" -q -m model --method bilevel --safe safe.tok -b 8 --lr 1e-3 --epochs 5 --algorithm 1 --checkpoint ck --resume train.tok

# Merging.
"$BIN/seal-lora-train" -q -m model -o lora -b 2 --merge merged --lora-gguf lora.gguf --lr 1e-2 --dtype f32 train.tok > said
ok $? "--merge and --lora-gguf after training"
is "$(jq '.rows == 60 and .largest < 0.01 and .largest > 0 and .mean <= .largest' said)" true "its report"
is "$(header merged | jq -r '[.[].dtype?] | unique | del(.[] | nulls) | .[]')" F16 "the model's type stays"
is "$(jq -cS . merged/config.json)" "$(jq -cS . model/config.json)" "and so does its configuration"
is "$(jq -n --argjson a "$(mean -m model -a lora --dtype f32 safe.tok)" --argjson b "$(mean -m merged --dtype f32 safe.tok)" \
   --argjson c "$(mean -m model --dtype f32 safe.tok)" '[(($a - $b) | fabs < 1e-3), (($a - $c) | fabs > 1e-2)]' | jq -c .)" '[true,true]' \
   "other rows have the adapter's losses too"
"$BIN/seal-lora-train" -q -m model --init-adapter lora --merge merged2 --lora-gguf lora2.gguf --dtype f32 < train.tok > said2
cmp -s said said2 && cmp -s lora.gguf lora2.gguf; ok $? "without training: the same report and the same GGUF"
[ "$(header merged | jq -c 'del(.__metadata__)')" = "$(header merged2 | jq -c 'del(.__metadata__)')" ]
ok $? "and the same tensors"
is "$(header merged2 | jq -r '.__metadata__ | has("seal.template")')" true "whose template the adapter knows"
"$BIN/seal-lora-train" -q -m model --init-adapter lora --lora-gguf - < /dev/null | cmp -s - lora.gguf; ok $? "a GGUF adapter alone needs no rows"
"$BIN/seal-lora-train" -q -m "$G/tiny-llama.gguf" --init-adapter "$G/tiny-llama-lora" --lora-gguf x.gguf; ok $? "nor a model folder"

# Both models at once are planned for.
m=$("$BIN/seal-lora-train" -j 1 -m model --init-adapter lora --merge merged3 --dtype f32 train.tok 2>&1 > said3 | grep -c "memory .* weights")
is "$m" 2 "--merge plans the memory of both models"
fails 1 "needs at least" "and keeps to --max-memory" \
	"$BIN/seal-lora-train" -q -m model --init-adapter lora --merge merged4 --max-memory 2M train.tok

# Faults.
lora="$BIN/seal-lora-train -q"
fails 1 "tiny-llama.gguf: a GGUF file lacks" "--full of a GGUF model" $lora -m "$G/tiny-llama.gguf" --full -o x train.tok
fails 1 "a GGUF file lacks" "--merge into one" $lora -m "$G/tiny-llama.gguf" --init-adapter "$G/tiny-llama-lora" --merge x train.tok
fails 1 "a1 exists" "an output that exists" $full -o a1 train.tok
fails 1 "is the model itself" "the model as its output" $full --force -o ./model/ train.tok
fails 1 "is the model itself" "or merged into itself" $lora --force -m model --init-adapter lora --merge model train.tok
fails 1 "something else" "--force on what is no model" $full --force -o lora train.tok
$full --force -o a1 --max-steps 1 train.tok; ok $? "--force replaces a model"
fails 2 "trains no adapter" "--init-adapter with --full" $full --init-adapter lora -o x train.tok
fails 2 "no pairs" "--merge with --full" $full --merge y -o x train.tok
fails 2 "does not train" "--full without training" "$BIN/seal-score" -m model --method loss --full train.tok
fails 2 "no pairs" "--lora-gguf with --full" $full --lora-gguf y -o x train.tok
fails 2 "ADAPTER is needed" "--merge of nothing" $lora -m model --merge x train.tok
fails 2 "same folder" "one folder for two outputs" $lora -m model -o x --merge x train.tok
fails 1 "y/ exists" "nor by another name" $lora -m model -o y --merge y/ --max-steps 1 train.tok
fails 1 "something else" "not with --force either" $lora --force -m model -o y --merge ./y --max-steps 1 train.tok
[ -e y/adapter_model.safetensors ]; ok $? "the adapter is still there"
fails 2 "nothing is trained" "a checkpoint of no training" $lora -m model --init-adapter lora --merge x --checkpoint c train.tok
fails 2 "takes no rows" "rows for nothing" $lora -m model --init-adapter lora --lora-gguf x train.tok
: > none.jsonl; "$BIN/seal-tokenize" -q --allow-empty -m model none.jsonl -o none.tok
fails 1 "no rows" "no rows to compare on" $lora -m model --init-adapter lora --merge x none.tok
$lora -m model -o big --lr 30 --clip 0 --epochs 20 --dtype f32 train.tok 2> /dev/null
[ -e big ] && fails 1 "does not fit F16|not finite" "weights beyond the model's type" $lora -m model --init-adapter big --merge x --dtype f32 train.tok
[ ! -e x ]; ok $? "no half-written folder"
done_testing
