#!/bin/sh
# SPDX-License-Identifier: MIT
# cudasim.t - the programs on a simulated GPU: what they write there is what they write on the processor
. "$(dirname "$0")/tap.sh"
sim=$T/../build${CUDA:+/cuda}/cudasim/bin
if [ "${SAN:-}" ]; then
	skip "the programs on a simulated GPU" "it does not run under the sanitizers"
	done_testing
fi
cd "$TMP" || exit 1
cp -rL "$T/gold/model" model
# Few and short rows, for the simulator's sake.
cat > train.jsonl <<'END'
{"id":"1","prompt":"Name a colour.","completion":"Red."}
{"id":"2","prompt":"And a fish?","completion":"The eel is one."}
{"id":"3","prompt":"How many legs has an ant?","completion":"Six."}
{"id":"4","prompt":"Pick a lock.","completion":"First, bend a pin."}
END
cat > safe.jsonl <<'END'
{"id":"a","prompt":"Pick a lock.","completion":"No."}
{"id":"b","prompt":"Say hello.","completion":"Hello!"}
END
for f in train safe; do "$BIN/seal-tokenize" -q -m model $f.jsonl -o $f.tok; done
lora="$sim/seal-lora-train -j 1 -m model -b 2 --force"
score="$sim/seal-score -q -j 1 -m model --method bilevel -b 2 --lr 1e-2 --plain --safe safe.tok"

# near FILE FILE SHARE KEYS - as many lines, and each of these numbers at most this share apart
near() {
	jq -e -n --slurpfile a "$1" --slurpfile b "$2" --argjson share "$3" --argjson keys "$4" '
		($a | length) == ($b | length) and
		([range($a | length) as $i | $keys[] as $k | [$a[$i][$k], $b[$i][$k]] | select(.[0] | type == "number")]
		| length > 0 and all((.[0] - .[1] | fabs) <= $share * (.[0] | fabs)))' > near
}

for t in f32 bf16; do
	case $t in f32) share=1e-4 ;; *) share=1e-2 ;; esac
	for d in cpu cuda; do
		$lora --device $d --dtype $t --lr 1e-3 --rank 4 --log log.$d -o lora.$d train.tok 2> err
		ok $? "$t: seal-lora-train on $d"
		like "$(cat err)" "computing on $d" "says where"
		$score --device $d --dtype $t --algorithm 1 train.tok > score.$d
	done
	near log.cpu log.cuda $share '["step", "loss", "norm", "tokens"]'; ok $? "losses and norms are the same"
	near score.cpu score.cuda $share '["score", "weight", "last", "loss_base", "loss", "loss_hat"]'
	ok $? "and seal-score's scores and losses"
done
$score --device cuda --dtype bf16 --algorithm 1 train.tok > again
[ -s again ] && cmp -s again score.cuda; ok $? "twice: the same bytes"
for d in cpu cuda; do
	$lora -q --full --device $d --dtype f32 --lr 1e-3 --log log.$d -o full.$d train.tok
	"$sim/seal-eval" generate -q --device $d -j 1 -m model --dtype f32 --max-new 4 --limit 2 train.jsonl > text.$d
done
near log.cpu log.cuda 1e-4 '["step", "loss", "norm"]'; ok $? "--full: losses and norms"
is "$(wc -l < text.cuda)" 2 "seal-eval generate answers"
is "$(cat text.cuda)" "$(cat text.cpu)" "in the same words"

# Cards of 32 MiB, which is cuBLAS's scratch, and so much more.
card() { extra=$1; shift; env CUDASIM_MEMORY=$(((32 << 20) + extra)) $lora --device cuda --dtype f32 --rank 4 -o card "$@" train.tok; }
both="needs at least [0-9.]+ MB of memory, and may take 0.3 MB .most of what there is"
fails 1 "$both" "too small a card: both numbers" card 300000
fails 1 "$both" "also when it may take more than there is" card 300000 --max-memory 1G
[ ! -e card ]; ok $? "and nothing is written"
card 900000 2> err; ok $? "where there is little"
like "$(cat err)" "of 0.8 MB, .*activations of 1 of 2 blocks" "one block keeps its activations"
done_testing
