#!/bin/sh
# SPDX-License-Identifier: MIT
# kills.t - a run that is killed at any of the calls which write its checkpoints and its
# output goes on to the bytes of one that was not (t/slow/endurance.t: at random moments)
. "$(dirname "$0")/tap.sh"
cd "$TMP" || exit 1
. "$T/tune.sh"
tuning 24 12

# killed NAME FOLDER COMMAND...
killed() {
	name=$1 out=$2 n=0 bad=; shift 2
	"$@" --log whole.log > whole.out; mv "$out" whole.kept
	for call in mkdir fsync rename; do
		i=0
		while :; do
			i=$((i + 1))
			rm -rf ck "$out" part.log
			(kill_at $call:$i:9 "$@" --checkpoint ck --every 1 --log part.log > part.out) 2> /dev/null
			[ $? = 137 ] || break
			n=$((n + 1))
			"$@" --checkpoint ck --every 1 --resume --log part.log > part.out &&
				cmp -s whole.out part.out && diff -r "$out" whole.kept > /dev/null &&
				[ "$(timeless part.log)" = "$(timeless whole.log)" ] && [ "$(ls -A ck | tr '\n' ' ')" = "step-2 step-3 " ] || bad="$bad $call:$i"
		done
	done
	cases $n "$name: killed at calls"
	is "$bad" "" "$name: each time the same bytes in the end, the same log, the two newest checkpoints and nothing unfinished"
	rm -rf whole.kept
}
killed seal-lora-train tuned "$BIN/seal-lora-train" -q -j 1 -m model --lr 1e-3 -b 8 -o tuned --force train.tok
killed "seal-lora-train --safe --pull" tuned "$BIN/seal-lora-train" -q -j 1 -m model --lr 1e-2 -b 8 --safe safe.tok --safe-share 0.2 --project --pull 20 -o tuned --force train.tok
# 3 steps, of which the last is validated as the last: nobody asked for it there.
killed "seal-lora-train --valid" tuned "$BIN/seal-lora-train" -q -j 1 -m model --lr 1e-1 -b 8 --valid safe.tok --valid-every 2 --patience 2 -o tuned --force train.tok
killed seal-score theta "$BIN/seal-score" -q -j 1 -m model --method bilevel --safe safe.tok --lr 1e-3 -b 8 --plain --algorithm 1 \
	--selector-optim adam --force --save-adapter theta train.tok
done_testing
