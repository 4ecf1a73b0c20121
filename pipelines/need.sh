#!/bin/sh
# SPDX-License-Identifier: MIT
# need.sh check    says which Debian packages the build lacks; exit 1 if any
# need.sh install  installs what build, tests and quickstart lack (root or sudo)
set -eu

# header or command, package
build="zstd.h libzstd-dev
csv.h libcsv-dev
jansson.h libjansson-dev
oniguruma.h libonig-dev
utf8proc.h libutf8proc-dev
xxhash.h libxxhash-dev
nettle/sha2.h nettle-dev
oneapi/dnnl/dnnl.h libdnnl-dev"
tools="gcc gcc
g++ g++
prove perl
zstd zstd
jq jq
gnuplot gnuplot-nox
mandoc mandoc
unzip unzip
python3 python3
pip3 python3-pip"

lacks() { # the packages of $1's lines that are not there
	echo "$1" | while read -r what package; do
		case $what in
		*.h) printf '#include <%s>\n' "$what" | sed '1i #include <stdio.h>' |
			${CC:-gcc} -E - > /dev/null 2>&1 || echo "$package" ;;
		*) command -v "$what" > /dev/null 2>&1 || echo "$package" ;;
		esac
	done
}

case ${1:-check} in
check)
	missing=$(lacks "$build")
	[ -z "$missing" ] && exit 0
	echo "seal needs these Debian packages:" $missing >&2
	echo "  apt-get install" $missing "   (or: make check, which installs them)" >&2
	exit 1 ;;
install)
	missing=$(lacks "$tools"; lacks "$build")
	[ -z "$missing" ] && exit 0
	sudo=
	[ "$(id -u)" = 0 ] || sudo=sudo
	$sudo apt-get update -qq
	$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $missing > /dev/null ;;
*)
	echo "usage: need.sh check|install" >&2; exit 2 ;;
esac
