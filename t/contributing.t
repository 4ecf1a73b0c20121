#!/bin/sh
# SPDX-License-Identifier: MIT
# contributing.t - the examples of CONTRIBUTING.md, followed to the letter in a copy of the tree
. "$(dirname "$0")/tap.sh"
cd "$T/.." || exit 1
[ -z "${SAN:-}${CUDA:-}" ] || { skip "the examples of CONTRIBUTING.md" "they are followed in the plain build"; done_testing; }
command -v git > /dev/null || { skip "the examples of CONTRIBUTING.md" "git is not installed"; done_testing; }

# What was built is as new as it was, so that only what an example touches is compiled again.
tree=$TMP/tree
mkdir -p "$tree/t" "$tree/build"
cp -Rp Makefile lib kernels bin man pipelines "$tree"
cp -p t/*.[ch] "$tree/t"
for f in lib kernels bin libseal.a flags headers linked; do cp -Rp "build/$f" "$tree/build"; done
ln -s "$T/gold" "$T/broken" "$tree/t"

section() { awk -v want="### $1" '/^###? /{on = $0 == want} on' CONTRIBUTING.md; }
# blocks KIND - those that begin with ```KIND, of a section on stdin
blocks() { awk -v from="\`\`\`$1" '$0 == "```" {on = 0} on; $0 == from {on = 1}'; }
plural() { if [ "$1" = 1 ]; then echo "1 $2"; else echo "$1 $2s"; fi; }

# follow TITLE - its diff is applied and its commands are run, in the copy
follow() {
	section "$1" > "$TMP/section"
	blocks diff < "$TMP/section" > "$TMP/diff"
	blocks sh < "$TMP/section" > "$TMP/sh"
	touched=$(sed -n 's/^+++ b\///p' "$TMP/diff")
	pages=$(echo "$touched" | grep -c '^man/')
	sources=$(echo "$touched" | grep -vc '^man/')
	is "$(tr '\n' ' ' < "$TMP/section" | grep -oE 'touches [0-9]+ sources? and [0-9]+ pages?')" \
	   "touches $(plural "$sources" source) and $(plural "$pages" page)" "$1: as many files as it says"
	(cd "$tree" && GIT_CEILING_DIRECTORIES=$TMP git apply --whitespace=nowarn "$TMP/diff") > "$TMP/said" 2>&1
	ok $? "$1: the diff is of this tree"
	(cd "$tree" && [ -s "$TMP/sh" ] && sh -e "$TMP/sh") >> "$TMP/said" 2>&1; rc=$?
	ok $rc "$1: and what it says comes out"
	[ $rc = 0 ] || tail -20 "$TMP/said" | sed 's/^/# /'
	is "$(grep -E 'warning:|error:' "$TMP/said")" "" "$1: without a warning"
	for page in $(echo "$touched" | grep '^man/'); do
		is "$(mandoc -T lint -W warning "$tree/$page" 2>&1)" "" "$1: $page passes mandoc's lint"
	done
	if command -v clang-format-14 > /dev/null; then
		is "$(cd "$tree" && echo "$touched" | grep '\.[ch]$' | xargs -r clang-format-14 --style=file:"$T/../.clang-format" --dry-run 2>&1)" "" "$1: in the style of the house"
	else
		skip "$1: in the style of the house" "clang-format 14 is not installed"
	fi
}

n=0
for what in "model family" score "row schema" device; do follow "To add a $what"; n=$((n + 1)); done
cases $n "additions"
is "$(section "To add a" | wc -l)" 0 "a section that is not there is empty"

# The row of the family is on the map too.
section "To add a model family" | blocks diff | sed -n '/family\.c/,/^--- a\/man/s/^+\t*//p' | grep -v '^+' | while IFS= read -r line; do
	tr -d '\t' < lib/README.md | grep -qxF -- "$line" || echo "$line"
done > "$TMP/lacks"
is "$(cat "$TMP/lacks")" "" "lib/README.md has the row of the family"

# What the score is of the embeddings, from the file that has them.
"$tree/bin/seal-score" -q -m t/gold/tiny-llama --method state-norm --dtype f32 --plain t/gold/rows.tok |
	jq -c 'select(.id) | .state_norm * 1e4 | round' > "$TMP/got"
python3 - t/gold > "$TMP/want" <<'END'
import json, math, struct, sys
with open(sys.argv[1] + "/tiny-llama/model.safetensors", "rb") as f:
    n = struct.unpack("<Q", f.read(8))[0]
    e = json.loads(f.read(n))["model.embed_tokens.weight"]
    assert e["dtype"] == "F32"
    f.seek(8 + n + e["data_offsets"][0])
    rows, dim = e["shape"]
    x = struct.unpack("<%df" % (rows * dim), f.read(4 * rows * dim))
norm = [math.sqrt(sum(v * v for v in x[i * dim:(i + 1) * dim])) for i in range(rows)]
for row in json.load(open(sys.argv[1] + "/rows.json")):
    print(round(1e4 * sum(norm[t] for t in row["tokens"]) / len(row["tokens"])))
END
is "$(cat "$TMP/got")" "$(cat "$TMP/want")" "the score of hidden states, before the first block"
done_testing
