#!/bin/sh
# SPDX-License-Identifier: MIT
# endurance.t - a run that is killed again and again, also while it writes a checkpoint,
# ends in the bytes of one that was not.  The kills come at random moments: SEED repeats
# the waits before them, as far as the machine lets it.
. "$(dirname "$0")/../tap.sh"
cd "$TMP" || exit 1
. "$T/tune.sh"
tuning 24 12
SEED=${SEED:-$(od -An -tu2 -N2 /dev/urandom | tr -d ' ')}
echo "# SEED=$SEED"
state=$SEED
# roll - sets $pause to a while from 0 to 65 ms, as a fraction of a second
roll() {
	state=$(((state * 1103515245 + 12345) % 2147483648))
	pause=$(printf '0.%03d' $((state / 65536 % 66)))
}

# killed NAME KILLS FOLDER COMMAND... - a checkpoint a step, and a kill when the next one is
# being written or at any other moment
killed() {
	name=$1 kills=$2 out=$3 writing=0 broken=0 early=0; shift 3
	"$@" --log whole.log > whole.out; mv "$out" whole.kept
	rm -rf ck
	for k in $(seq "$kills"); do
		have=$(ls ck 2> /dev/null | wc -l)
		"$@" --checkpoint ck --every 1 --resume --log part.log > part.out 2> err &
		pid=$!
		# once it runs
		left=500
		while [ "$(ls ck 2> /dev/null | wc -l)" -le "$((have < 2 ? have : 0))" ] && [ $((left -= 1)) -gt 0 ]; do sleep 0.01; done
		roll
		sleep "$pause"
		[ $((k % 2)) = 0 ] && { left=500; while [ -z "$(ls -d ck/.step-* 2> /dev/null)" ] && [ $((left -= 1)) -gt 0 ] && kill -0 $pid 2> /dev/null; do :; done; }
		kill -9 $pid 2> /dev/null; wait $pid 2> /dev/null
		[ $? = 137 ] && early=$((early + 1))
		[ -n "$(ls -d ck/.step-* 2> /dev/null)" ] && writing=$((writing + 1))
		[ ! -s err ] || { broken=1; sed 's/^/# /' err; }
	done
	echo "# $early kills before the end, $writing while a checkpoint was being written"
	[ $early -gt $((kills / 2)) ]; ok $? "$name: killed in mid-run"
	[ $writing -gt 0 ]; ok $? "$name: also while it wrote a checkpoint"
	is $broken 0 "$name: every resumption goes on"
	"$@" --checkpoint ck --every 1 --resume --log part.log > part.out
	cmp -s whole.out part.out && diff -r "$out" whole.kept > /dev/null; ok $? "$name: the same bytes in the end"
	is "$(timeless part.log | md5sum)" "$(timeless whole.log | md5sum)" "$name: and the same log"
	is "$(ls -A ck | wc -l)" 2 "$name: two checkpoints stay, and nothing unfinished"
	rm -rf whole.kept
}
killed seal-lora-train 12 tuned "$BIN/seal-lora-train" -q -j 1 -m model --lr 1e-3 -b 8 -o tuned --force --epochs 100 \
	--schedule cosine --warmup 9 train.tok
killed seal-score 8 theta "$BIN/seal-score" -q -j 1 -m model --method bilevel --safe safe.tok --lr 1e-3 -b 8 --plain --algorithm 1 \
	--selector-optim adam --epochs 60 --gamma-step 0.005 --force --save-adapter theta train.tok

# --force: at no moment is there neither the old folder nor the new one.
"$BIN/seal-lora-train" -q -j 1 -m model -b 8 --max-steps 1 -o there train.tok
(gone=0; while [ ! -e stop ]; do [ -e there ] || gone=$((gone + 1)); done; echo $gone > gone) &
watcher=$!
for i in 1 2 3 4 5 6; do "$BIN/seal-lora-train" -q -j 1 -m model -b 8 --max-steps 1 --seed $i --force -o there train.tok; done
: > stop; wait $watcher
is "$(cat gone)" 0 "--force leaves no moment without the folder"
is "$(ls -A | grep -c '^\.there')" 0 "and nothing beside it"
done_testing
