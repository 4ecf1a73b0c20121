#!/bin/sh
# SPDX-License-Identifier: MIT
# layers.t - the form of the sources: how they look and begin, the direction of every include,
# where stderr is written, names of structs, how long files and lines of comments are
. "$(dirname "$0")/tap.sh"
cd "$T/.." || exit 1

format=$(MAKEFLAGS='' make -s format-check 2>&1); rc=$?
case $format in
*skipped*) skip "sources have the style of .clang-format" "clang-format 14 is not installed" ;;
*) ok $rc "sources have the style of .clang-format"; [ $rc -eq 0 ] || echo "$format" | grep error: | head -5 | sed 's/^/# /' ;;
esac

# The first line of a source is its licence, the second its name and what it is (make map).
bad=
for f in lib/*/*.[ch] kernels/*.[ch] kernels/*.c[cu] bin/*.c; do
	name=${f##*/}
	head -2 "$f" | tr '\n' ' ' | grep -qE "^/\* SPDX-License-Identifier: MIT \*/ /\* (${name%.c}|$name) - " || bad="$bad $f"
done
is "$bad" "" "every source begins with its licence, its name and what it is"
bad=
for f in t/*.c t/*.t t/slow/*.[ct] t/peer/*.t; do
	name=${f##*/}; name=${name%.[ct]}
	grep -qwE "$name" t/README.md || bad="$bad $f"
done
is "$bad" "" "every test is in t/README.md"

# What no other test builds goes with the library all the same.
bad=
for f in t/fuzz/*.c t/bench/*.c t/slow/*.c; do
	${CC:-gcc} -std=gnu11 -D_GNU_SOURCE -fopenmp -fsyntax-only -Wall -Werror "$f" 2> "$TMP/err" && continue
	bad="$bad $f"
	grep -m 2 error: "$TMP/err" | sed 's/^/# /'
done
is "$bad" "" "fuzzers and benchmarks compile"

floors='base format text rows model train score eval'
rank() { # the place of a floor, the lowest first
	n=0
	for f in $floors; do [ "$f" = "$1" ] && break; n=$((n + 1)); done
	echo $n
}

# Files of one floor that include a floor above it, or bin, or another's private kernels.
for floor in $floors; do
	bad=
	for f in lib/$floor/*.[ch]; do
		for inc in $(sed -n 's/^#include "\(.*\)"/\1/p' "$f"); do
			case $inc in
			../../kernels/ops.h | ../../kernels/dtype.h) [ "$(rank $floor)" -ge 1 ] || bad="$bad $f:$inc" ;;
			../*/*) to=${inc#../}; [ "$(rank "${to%%/*}")" -lt "$(rank $floor)" ] || bad="$bad $f:$inc" ;;
			*/*) bad="$bad $f:$inc" ;;
			esac
		done
	done
	is "$bad" "" "lib/$floor includes only what lies below it"
done

is "$(grep -nE '#include ".*/[a-z_]*_in\.h"' lib/*/*.[ch] kernels/*.[ch] kernels/*.c[cu] bin/*.c)" "" "private headers (*_in.h) stay in their folder"
is "$(grep -h '#include "\.\./' kernels/*.[ch] kernels/*.c[cu] | grep -v '"\.\./lib/base/')" "" "kernels include nothing of lib but its base"
is "$(grep -lE '\((.*, )?stderr\b|perror\(' lib/*/*.c kernels/*.c kernels/*.c[cu] bin/*.c | tr '\n' ' ')" "lib/base/die.c lib/base/progress.c " \
   "only die.c and progress.c write to stderr"

# header, the files that may include it
while read -r header files; do
	is "$(grep -lE "#include <($header)>" lib/*/*.[ch] kernels/*.[ch] kernels/*.c[cu] bin/*.c | tr '\n' ' ')" "$files " "$header enters in $files alone"
done <<'END'
zstd.h lib/format/zio_out.c lib/format/zio_unpack.c
zlib.h lib/format/zio_unpack.c
lzma.h lib/format/zio_unpack.c
csv.h lib/format/csv.c
jansson.h lib/format/jsonl.h
oniguruma.h lib/format/pattern.c lib/text/tokenizer_split.c
utf8proc.h lib/text/unicode.c
xxhash.h lib/base/hash.c
nettle/sha2.h lib/base/hash.c
nettle/base64.h lib/text/tokenizer_rank.c
oneapi/dnnl/.* kernels/gemm.c
cuda.* kernels/cuda.h
cublas.* kernels/cuda.h
mpi.h lib/base/world_mpi.c
nccl.h kernels/exchange.cu
END

is "$(grep -hoE '^[[:space:]]*(static )?(const )?(struct|enum) [a-z_0-9]+ \{' lib/*/*.[ch] kernels/*.[ch] kernels/*.c[cu] bin/*.c |
	grep -oE '(struct|enum) [a-z_0-9]+' | cut -d' ' -f2 | sort | uniq -d)" "" "no two structs or enums have one name"
is "$(for f in lib/*/*.[ch] kernels/*.[ch] kernels/*.c[cu] bin/*.c t/cudasim/*.*; do [ "$(wc -l < "$f")" -le 500 ] || echo "$f"; done)" "" \
   "no file is over 500 lines"
is "$(awk 'FNR==1{n=0; name=""} /^[a-zA-Z_].*\)$/ || /^[ \t]+.*\)$/ && prev ~ /^[a-zA-Z_]/ {name=$0} /^{/ {n=FNR} /^}/ {if (n && FNR-n>60) print FILENAME ": " name; n=0} {prev=$0}' lib/*/*.c kernels/*.c kernels/*.c[cu] bin/*.c t/cudasim/*.c*)" "" \
   "no function is over 60 lines"
# What the documents name is there: files, targets of make, functions.  A diff's own new files are not.
named() { grep -v '^[-+]' "$1" | grep -oE "$2" | sort -u; }
bad= n=0
for doc in *.md lib/README.md t/README.md t/bench/*.md; do
	for path in $(named "$doc" '\b(lib|kernels|t|man|pipelines|bin)/[A-Za-z0-9_./*-]*[A-Za-z0-9_*/]'); do
		n=$((n + 1))
		case $path in t/NAME) continue ;; t/*.t) set -- "$path" "${path%.t}.c" ;; t/*) set -- "$path" "$path.c" "$path.t" ;; *) set -- "$path" ;; esac
		ls -d "$@" 2> /dev/null | grep -q . || bad="$bad $doc:$path"
	done
	for name in $(named "$doc" '`[a-z0-9_]+\.(c|h|cu|t|sh|py)`' | tr -d '`'); do
		n=$((n + 1))
		case $name in _in.h | stem_part.c) continue ;; esac # what names end in
		set -- lib/*/"$name" kernels/"$name" bin/"$name" pipelines/"$name" t/"$name" t/*/"$name"
		ls -d "$@" 2> /dev/null | grep -q . || bad="$bad $doc:$name"
	done
	for name in $(named "$doc" '`[a-z0-9]+_[a-z0-9_]+`' | tr -d '`'); do
		n=$((n + 1))
		grep -rqwE "$name" lib/*/*.[ch] kernels t/*.[ch] t/*.sh t/*/*.c Makefile || bad="$bad $doc:$name"
	done
done
for doc in *.md lib/README.md t/README.md man/*.[157]; do
	for target in $(grep -oE '(`|^ *|Dl )make [^`#|]*' "$doc" | sed 's/"[^"]*"//g; s/^[` ]*\(Dl \)*make //; s/2*>.*//' | tr ' ' '\n' | grep -E '^[a-z][a-z/_-]*$' | sort -u); do
		n=$((n + 1))
		case $target in t/*) ls "$target".[ct] > /dev/null 2>&1 ;; bin/*) [ -f "$target.c" ] ;; *) grep -qE "^([a-z-]+ )*$target( [a-z-]+)*:" Makefile pipelines/paper/Makefile pipelines/*.mk ;; esac || bad="$bad $doc:make-$target"
	done
done
is "$bad" "" "what the documents name is there"
cases $n "names in the documents"
is "$(awk 'length > 100 && /^[ \t]*(\/\*| \*|\/\/)/ { print FILENAME ":" FNR }' lib/*/*.[ch] kernels/*.[ch] kernels/*.c[cu] bin/*.c)" "" \
   "no line of a comment is over 100 columns"
is "$(git ls-files -z 2>/dev/null | xargs -0 -r du -k 2>/dev/null | awk '$1 > 600')" "" "no large file is committed"
done_testing
