#!/bin/sh
# SPDX-License-Identifier: MIT
# several.t - a run of several processes, of which any is killed again and again at random moments:
# each time all end, and the next goes on, with as many processes or others.  SEED repeats it.
. "$(dirname "$0")/../tap.sh"
cd "$TMP" || exit 1
. "$T/tune.sh"
. "$T/several.sh"
export OMP_NUM_THREADS=1 SEAL_WORLD_WAIT=5 # a rank may be killed before it comes
tuning 48 12
state=${SEED:-$(od -An -tu2 -N2 /dev/urandom | tr -d ' ')}
echo "# SEED=$state"
roll() { # N - sets $rolled to a number below it
	state=$(((state * 1103515245 + 12345) % 2147483648))
	rolled=$((state / 65536 % $1))
}

# killed NAME KILLS SIZES COMMAND... - a checkpoint a step; sizes are taken in turn
killed() {
	name=$1 kills=$2 sizes=$3 early=0 late=0 spoke=0; shift 3
	rm -rf ck
	for k in $(seq "$kills"); do
		size=$(echo $sizes | cut -d' ' -f$(((k - 1) % $(echo $sizes | wc -w) + 1)))
		begin "$size" "$@" --checkpoint ck --every 1 --resume --log part.log
		roll 1000; sleep "$(printf '0.%03d' $rolled)"
		roll "$size"
		began=$(date +%s)
		kill -9 "$(echo $several_pids | cut -d' ' -f$((rolled + 1)))" 2> /dev/null
		finish && { echo "# the run was over"; continue; }
		early=$((early + 1))
		[ $(($(date +%s) - began)) -le 10 ] && ! grep -q '^0$' codes || late=$((late + 1))
		[ "$(cat err.? | grep -vc 'ended while the others were awaited')" -le 1 ] || { spoke=$((spoke + 1)); sed 's/^/# /' err.?; }
	done
	[ $early -gt $((kills / 2)) ]; ok $? "$name: $early times killed in mid-run"
	is $late 0 "$name: all ended, in time"
	is $spoke 0 "$name: one line said it"
}
tune="$BIN/seal-lora-train -q -m model -j 1 -b 8 --lr 1e-3 --epochs 400 --force"
killed "three ranks" 20 3 $tune -o tuned train.tok
np 3 $tune -o tuned --checkpoint ck --resume --log part.log train.tok && np 3 $tune -o whole --log whole.log train.tok
cmp -s tuned/adapter_model.safetensors whole/adapter_model.safetensors; ok $? "equal bytes in the end"
is "$(timeless part.log | md5sum)" "$(timeless whole.log | md5sum)" "and the same log"
killed "other sizes" 8 "1 4 2 3" $tune --dtype f32 -o tuned train.tok
np 2 $tune --dtype f32 -o tuned --checkpoint ck --resume --log part.log train.tok && $tune --dtype f32 -o whole --log whole.log train.tok
is "$(jq -s 'map(select(.loss)) | length' part.log)" 2400 "all steps are there"
jq -r 'select(.loss) | .loss' part.log > a; jq -r 'select(.loss) | .loss' whole.log > b
paste a b | awk '{d = $1 - $2; if (d < 0) d = -d; if (d > m) m = d} END {print "# largest difference of a loss: " m; exit !(m < 1e-3)}'
ok $? "and the curve is one process's"
done_testing
