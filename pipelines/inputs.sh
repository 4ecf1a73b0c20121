#!/bin/sh
# SPDX-License-Identifier: MIT
# inputs.sh FILE... - a line for each file of rows, as a report's inputs have them (report.sh): packed ones are unpacked.
set -eu
for file; do
	jq -cn --arg file "${file##*/}" --argjson rows "$(zstdcat -f "$file" | awk 'NF { n++ } END { print n + 0 }')" \
		--arg hash "$(zstdcat -f "$file" | sha256sum | cut -c1-16)" '{name: $file, $file, $rows, $hash}'
done
