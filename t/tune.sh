# SPDX-License-Identifier: MIT
# tune.sh - what the tests of tuning share.  Source it after tap.sh, in $TMP.
G=$T/gold

# tuning TRAIN SAFE [OPTION] - ./model, train.jsonl and safe.jsonl of so many rows, and their tokens
tuning() {
	cp -rL "$G/model" model
	head -"$1" "$T/../pipelines/demo/train.jsonl" > train.jsonl
	head -"$2" "$T/../pipelines/demo/safe.jsonl" > safe.jsonl
	for f in train safe; do "$BIN/seal-tokenize" -q ${3:-} -m model $f.jsonl -o $f.tok; done
}

# timeless LOG - without what depends on the clock and the machine
timeless() { jq -c 'del(.seconds, .tokens_per_second, .peak_bytes)' "$1"; }

# kill_at CALL:N:SIGNAL COMMAND... - runs it and sends it the signal at its N-th CALL, the same
# moment in every run (preload/kill_at.c); fflush:N is the end of step N.
kill_at() {
	[ -e "$TMP/kill_at.so" ] || ${CC:-gcc} -std=gnu11 -D_GNU_SOURCE -shared -fPIC -o "$TMP/kill_at.so" "$T/preload/kill_at.c"
	_at=$1; shift
	# The sanitizers want to be the first library; a background shell may have SIGINT ignored.
	env --default-signal=INT LD_PRELOAD="$TMP/kill_at.so" KILL_AT="$_at" \
		ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0" "$@"
}
