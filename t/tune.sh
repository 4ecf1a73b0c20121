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

# await COMMAND... - until it succeeds, but not for ever; under the sanitizers a step takes ten times as long
patience=20
[ -z "${SAN:-}" ] || patience=400
await() {
	left=$((patience * 50))
	while ! "$@" && [ $((left -= 1)) -gt 0 ]; do sleep 0.02; done
}
