#!/bin/sh
# SPDX-License-Identifier: MIT
# hosts.t - ranks on three hosts, which are network namespaces with a bridge between them (needs
# root and ip): a run across them, and what the rest does when some are cut off in mid-run
. "$(dirname "$0")/../tap.sh"
cd "$TMP" || exit 1
. "$T/tune.sh"
tag=s$$
hosts() { for h in 0 1 2; do "$@" $h; done; }
undo() {
	for h in 0 1 2; do ip netns del $tag-$h 2> /dev/null; done
	ip link del $tag-b 2> /dev/null
	rm -rf "$TMP"
}
if ! ip netns add $tag-0 2> /dev/null; then
	skip "three hosts" "network namespaces cannot be made here"
	done_testing
fi
trap undo EXIT
ip link add $tag-b type bridge && ip link set $tag-b up
add() {
	[ "$1" = 0 ] || ip netns add $tag-$1
	ip link add $tag-$1 type veth peer name eth0 netns $tag-$1 && ip link set $tag-$1 master $tag-b up &&
		ip -n $tag-$1 addr add 10.99.7.$((1 + $1))/24 dev eth0 && ip -n $tag-$1 addr add fd99:7::$((1 + $1))/64 dev eth0 nodad &&
		ip -n $tag-$1 link set eth0 up && ip -n $tag-$1 link set lo up
}
hosts add || { skip "three hosts" "no bridge or veth"; done_testing; }
tuning 60 12
tune="$BIN/seal-lora-train -q -m model -j 1 --dtype f32 -b 8"
port=23456

# start ADDRESS COMMAND... - a rank on each host
start() {
	at=$1 pids=''; shift
	port=$((port + 1))
	for r in 0 1 2; do
		RANK=$r WORLD_SIZE=3 MASTER_ADDR=$at MASTER_PORT=$port ip netns exec $tag-$r "$@" > out.$r 2> err.$r < /dev/null &
		pids="$pids $!"
	done
}
finish() { codes=''; for p in $pids; do wait $p; codes="$codes$? "; done; }

for at in 10.99.7.1 fd99:7::1; do
	start $at $tune --log log -o "over$at" train.tok; finish
	is "$codes" "0 0 0 " "three hosts, $at"
done
cmp -s over10.99.7.1/adapter_model.safetensors overfd99:7::1/adapter_model.safetensors; ok $? "equal bytes by either way"
cut() { ip link set $tag-$1 down; }
join() { ip link set $tag-$1 up; }
hosts join
# Two of three are cut off.  All end: those that are cut off have lost the others too.
for gone in "1 2" "0 2" "0 1"; do
	: > log; start 10.99.7.1 $tune --epochs 999 --log log -o never train.tok
	left=300
	while [ "$(wc -l < log)" -lt 3 ] && [ $((left -= 1)) -gt 0 ]; do sleep 0.1; done
	for h in $gone; do cut $h; done
	began=$(date +%s); finish; took=$(($(date +%s) - began))
	[ $took -le 10 ]; ok $? "hosts $gone are cut off: all end in ten seconds ($took)"
	is "$(echo "$codes" | grep -c '\b0 ')" 0 "with a failure each"
	like "$(cat err.?)" 'rank [012] on .* ended without a word' "and it is said which was lost"
	sed 's/^/# /' err.?
	hosts join
done
[ ! -e never ]; ok $? "nothing was written"
done_testing
