#!/bin/sh
# SPDX-License-Identifier: MIT
# families.t - models of all families, written by --full and by --merge (t/peer/full.t loads them elsewhere)
. "$(dirname "$0")/tap.sh"
cd "$TMP" || exit 1
. "$T/families.sh"

for m in $models; do
	write_models "$m"; ok $? "$m: --full and --merge"
	! close "$(losses "full-$m")" "$(jq -c .base.loss "$G/$m.json")" 0.05; ok $? "$m: --full moves the losses"
	is "$(jq '.rows == 6 and .largest < 0.02' "said-$m")" true "$m: --merge reports how far the losses are"
	close "$(losses "merged-$m")" "$(jq -c .lora.loss "$G/$m.json")" 0.02; ok $? "$m: which are those of model and adapter in peft"
done
cases "$(echo $models | wc -w)" "families"
done_testing
