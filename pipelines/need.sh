#!/bin/sh
# SPDX-License-Identifier: MIT
# need.sh check        says which Debian packages the build lacks; exit 1 if any
# need.sh check tests  likewise what build and tests lack
# need.sh install      installs what build, tests and quickstart lack (as root, or with sudo)
set -eu

# header or command, package
build="gcc gcc
zstd.h libzstd-dev
zlib.h zlib1g-dev
lzma.h liblzma-dev
csv.h libcsv-dev
jansson.h libjansson-dev
oniguruma.h libonig-dev
utf8proc.h libutf8proc-dev
xxhash.h libxxhash-dev
nettle/sha2.h nettle-dev
oneapi/dnnl/dnnl.h libdnnl-dev"
tests="g++ g++
prove perl
zstd zstd
xz xz-utils
jq jq
mandoc mandoc
python3 python3
mpirun openmpi-bin
mpicc libopenmpi-dev"
quickstart="gnuplot gnuplot-nox
unzip unzip
pip3 python3-pip"

lacks() { # the packages of $1's lines that are not there
	echo "$1" | while read -r what package; do
		case $what in
		gcc) command -v "${CC:-gcc}" > /dev/null 2>&1 || echo "$package" ;;
		*.h) printf '#include <stdio.h>\n#include <%s>\n' "$what" | ${CC:-gcc} -E - > /dev/null 2>&1 || echo "$package" ;;
		*) command -v "$what" > /dev/null 2>&1 || echo "$package" ;;
		esac
	done
}

case ${1:-}-${2:-} in
check- | check-tests)
	missing=$(lacks "$build"; [ "${2:-}" != tests ] || lacks "$tests")
	[ -n "$missing" ] || exit 0
	echo "seal needs these Debian packages:" $missing >&2
	echo "  apt-get install" $missing "   (or: make deps, which does it)" >&2
	exit 1 ;;
install-)
	missing=$(lacks "$build"; lacks "$tests"; lacks "$quickstart")
	[ -n "$missing" ] || exit 0
	sudo=
	[ "$(id -u)" = 0 ] || sudo=sudo
	$sudo apt-get update -qq
	$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $missing > /dev/null ;;
*)
	echo "usage: need.sh check [tests] | install" >&2; exit 2 ;;
esac
