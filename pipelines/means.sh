#!/bin/sh
# SPDX-License-Identifier: MIT
# means.sh NAME KEY FILE... - a line for each file, as a report's arms have them (report.sh): "name", the file's own without
# its ending, and NAME, the mean of KEY over its lines with interval and difference to the first file.
set -eu
name=$1 key=$2; shift 2
seal-eval compare --by "$key" "$@" | jq -c --arg name "$name" --arg key "$key" '{name: (.file | sub(".*/"; "") | sub("\\.[^.]*$"; "")),
	($name): {mean: .[$key], ci: .[$key + "_ci"], n, difference, difference_ci}}'
