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

# Ranks with a card each: NCCL carries gradients from card to card, or the hosts do.
. "$T/several.sh"
cards="$sim/seal-lora-train -j 1 -m model -b 4 --epochs 3 --force --device cuda --dtype f32 --lr 1e-3"
CUDASIM_DEVICES=4; export CUDASIM_DEVICES
$cards -q --log log.1 -o one train.tok
for n in 2 4; do
	np $n $cards --log log.$n -o cards.$n train.tok > said 2>&1; ok $? "$n ranks, each with a card"
	near log.1 log.$n 1e-5 '["step", "loss", "norm"]'; ok $? "$n cards: losses and norms of one"
	for k in 0 2; do
		CUDASIM_NCCL=$k np $n $cards --log log -o hosts.$k train.tok > said 2>&1; ok $? "through the hosts' memory (NCCL $k)"
		near log log.1 1e-5 '["step", "loss", "norm"]'; ok $? "the same losses"
	done
	like "$(cat said)" "the ranks' gradients go through the hosts' memory \(NCCL: " "which is said where NCCL refuses"
	np $n $cards -q -o again.$n train.tok; cmp -s again.$n/adapter_model.safetensors cards.$n/adapter_model.safetensors; ok $? "$n cards: equal bytes"
done
np 2 $cards -q --full --log log.2 -o full.2 train.tok && $cards -q --full --log log.1 -o full.1 train.tok && near log.1 log.2 1e-4 '["step", "loss", "norm"]'
ok $? "--full on two cards"
few="--pass-tokens 64 --valid 30%"
np 2 $cards -q $few -o joint train.tok && np 2 $cards $few --shard-weights -o divided train.tok > said 2>&1 && cmp -s joint/adapter_model.safetensors divided/adapter_model.safetensors
ok $? "weights divided among two cards: equal bytes"
CUDASIM_NCCL=0 np 4 $cards -q --shard-weights -o hosts train.tok && CUDASIM_NCCL=0 np 4 $cards -q -o joint train.tok && cmp -s joint/adapter_model.safetensors hosts/adapter_model.safetensors
ok $? "among four, by way of the hosts"
np 2 $cards --max-steps 1 -o which train.tok > said 2>&1
like "$(cat said)" "computing on cuda:0" "rank 0 takes the first card"
np 2 sh -c "[ \$RANK = 0 ] || exec 2> rank1; exec $sim/seal-eval nll -j 1 -m model --device cuda:\$RANK train.tok" > nll; ok $? "a card that is named"
unset CUDASIM_DEVICES

# Cards of 32 MiB, which is cuBLAS's scratch, and so much more.
card() { extra=$1; shift; env CUDASIM_MEMORY=$(((32 << 20) + extra)) $lora --device cuda --dtype f32 --rank 4 -o card "$@" train.tok; }
both="needs at least [0-9.]+ MB of memory, and may take 0.3 MB .most of what there is"
fails 1 "$both" "too small a card: both numbers" card 300000
fails 1 "$both" "also when it may take more than there is" card 300000 --max-memory 1G
[ ! -e card ]; ok $? "and nothing is written"
card 900000 2> err; ok $? "where there is little"
like "$(cat err)" "of 0.8 MB, .*activations of 1 of 2 blocks" "one block keeps its activations"
done_testing
