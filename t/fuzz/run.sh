#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh FUZZER SECONDS - runs build/fuzz/TARGET from its seeds; what it finds stays in build/fuzz/TARGET.found
set -eu
target=${1##*/} here=$(dirname "$0")
case $target in
gguf | tokenizer_gguf) words=gguf ;;
pt | csv | jinja) words=$target ;;
tokenizer_rank) words=rank ;;
*) words=json ;;
esac
sh "$here/seeds.sh" "$target" "$1.corpus"
mkdir -p "$1.found"
echo "== $target: $(ls "$1.corpus" | wc -l) inputs to begin with, $2 s"
exec "$1" -max_total_time="$2" -rss_limit_mb=4096 -timeout=20 -dict="$here/$words.dict" -artifact_prefix="$1.found/" \
	-print_final_stats=1 -verbosity=0 "$1.corpus"
