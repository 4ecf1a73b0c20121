#!/bin/sh
# SPDX-License-Identifier: MIT
# Bash completion, made from what the programs' -h prints.
. "$(dirname "$0")/tap.sh"
if ! command -v bash > /dev/null; then
	skip "completion" "no bash"; done_testing
fi
# complete PROGRAM WORD... - what is offered for the last word
complete() {
	sh "$T/../pipelines/completion.sh" "$BIN/$1" > "$TMP/$1.bash"
	bash -c '. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _'"$(echo "$1" | tr - _)"'; echo "${COMPREPLY[*]}"' "$TMP/$1.bash" "$@"
}
for p in seal-tokenize seal-score seal-select seal-lora-train; do
	is "$(complete $p --| tr ' ' '\n' | sort)" "$("$BIN/$p" -h | grep -oE '^ .{5}--[a-z-]+' | sed 's/.*--/--/' | sort)" \
	  "$p: all of its long options"
	is "$(complete $p --on-error '')" "$("$BIN/$p" -h | sed -n 's/.*--on-error \([a-z|]*\) .*/\1/p' | tr '|' ' ')" "$p: the choices of one"
done
is "$(complete seal-tokenize --sch)" "--schema" "a beginning"
is "$(complete seal-lora-train --keep '')" "best last" "the choices of another"
is "$(complete seal-tokenize --bos = y)" "yes" "--bos=y"
is "$(complete seal-tokenize --fates -)" "" "a free value is left to bash"
is "$(complete seal-eval '')" "nll margin generate refusals exact judge winrate compare detect audit stability -h --help --version" "seal-eval: its commands"
is "$(complete seal-eval detect --u)" "--unsafe" "and their options"
is "$(complete seal-eval stability --k)" "--keep" "of each"
is "$(complete seal-eval nll --dtype b)" "bf16" "and choices"
done_testing
