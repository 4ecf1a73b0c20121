#!/bin/sh
# SPDX-License-Identifier: MIT
# completion.sh PROGRAM - bash completion for it, made from what its -h prints
set -eu
program=$1 name=$(basename "$1")
function=_$(echo "$name" | tr - _)

# "name choices" an option, "-" for a free value, nothing for a flag
options() {
	"$@" -h | sed -nE 's/^ (.{5})--([a-z0-9-]+)( ([^ ]+))?( .*)?$/\1 \2 \4/p' |
		while read -r a b c; do
			case $a in -?,) short=${a%,} long=$b arg=$c ;; *) short='' long=$a arg=$b ;; esac
			case $arg in '' ) ;; *[!a-z0-9\|.-]* ) arg=- ;; esac
			echo "--$long $arg"
			[ -z "$short" ] || echo "$short $arg"
		done
}

# The values that follow $prev, and the options there are; indented by $1.
body() {
	indent=$1; shift
	options "$@" > "$tmp"
	echo "${indent}case \$prev in"
	awk -v t="$indent" '$2 ~ /[a-z]/ { o = $1; $1 = ""; gsub(/\|/, " ")
		print t o ") COMPREPLY=($(compgen -W \"" substr($0, 2) "\" -- \"$cur\")); return ;;" }' "$tmp"
	awk -v t="$indent" '$2 == "-" { o = o "|" $1 } END { if (o) print t substr(o, 2) ") return ;;" }' "$tmp"
	echo "${indent}esac"
	awk -v t="$indent" '{ o = o " " $1 } END { print t "words=\"" substr(o, 2) "\"" }' "$tmp"
}

tmp=$(mktemp)
trap 'rm -f "$tmp"' EXIT
commands=$("$program" -h | sed -n '/^Commands/,/^$/s/^  \([a-z]*\) .*/\1/p' | tr '\n' ' ')
cat <<E
# bash completion of $name, made by completion.sh
$function() {
	local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} words=
	[[ \$cur == = ]] && cur=
	[[ \$prev == = ]] && prev=\${COMP_WORDS[COMP_CWORD-2]}
	COMPREPLY=()
E
if [ -n "$commands" ]; then
	echo "	case \${COMP_WORDS[1]} in"
	for c in $commands; do
		echo "	$c)"
		body "		" "$program" "$c"
		echo "		;;"
	done
	echo "	esac"
	echo "	[[ \$COMP_CWORD == 1 ]] && { COMPREPLY=(\$(compgen -W '$commands-h --help --version' -- \"\$cur\")); return; }"
else
	body "	" "$program"
fi
cat <<E
	[[ \$cur != -* ]] || COMPREPLY=(\$(compgen -W "\$words" -- "\$cur"))
}
complete -o default -F $function $name
E
