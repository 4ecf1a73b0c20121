#!/bin/sh
# SPDX-License-Identifier: MIT
# full.t - models of all families written by --full and --merge, in transformers
. "$(dirname "$0")/../tap.sh"
cd "$TMP" || exit 1
. "$T/families.sh"
export HF_HUB_OFFLINE=1 PYTHONDONTWRITEBYTECODE=1

if [ -z "${SEAL_PYTHON:-}" ]; then
	skip "written models in transformers" "SEAL_PYTHON is not set"
	done_testing
fi
set --
for m in $models; do
	write_models "$m"; ok $? "$m: --full and --merge"
	set -- "$@" "full-$m" "$m" "merged-$m" "$m"
done
"$SEAL_PYTHON" "$G/with_peft.py" whole "$@" > said 2> err || tail -n 3 err | sed 's/^/# /'
for m in $models; do
	for f in full merged; do
		read -r theirs
		close "$(losses "$f-$m")" "${theirs:-[]}" 1e-4
		ok $? "$m: transformers loads the $f one unchanged and gives the same losses"
	done
done < said
done_testing
