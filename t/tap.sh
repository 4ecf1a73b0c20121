# SPDX-License-Identifier: MIT
# tap.sh - TAP for tests in sh.  Source it first: . "$(dirname "$0")/tap.sh"
# Gives $BIN (the programs), $T (this folder), $TMP (emptied at the end), $SEAL_DATA.

set -u
T=$(cd "$(dirname "$0")" && pwd)
BIN=$T/../bin
SEAL_DATA=${SEAL_DATA:-$T/../../shared/data}
TMP=$(mktemp -d)
trap 'rm -rf "$TMP"' EXIT
tap_n=0 tap_bad=0

# ok STATUS NAME
ok() {
	tap_n=$((tap_n + 1))
	if [ "$1" -eq 0 ]; then echo "ok $tap_n - $2"
	else echo "not ok $tap_n - $2"; tap_bad=1; fi
}

# is GOT WANT NAME
is() {
	if [ "$1" = "$2" ]; then ok 0 "$3"
	else ok 1 "$3"; printf '# got  %s\n# want %s\n' "$1" "$2"; fi
}

# like GOT PATTERN NAME - an extended regular expression
like() {
	if printf '%s\n' "$1" | grep -Eq -e "$2"; then ok 0 "$3"
	else ok 1 "$3"; printf '# got  %s\n# like %s\n' "$1" "$2"; fi
}

# fails STATUS PATTERN NAME COMMAND... - it exits so and says so in one line on stderr
fails() {
	_want=$1 _pat=$2 _name=$3; shift 3
	"$@" > "$TMP/.out" 2> "$TMP/.err" < /dev/null; _rc=$?
	if [ $_rc -eq "$_want" ] && grep -Eq -e "$_pat" "$TMP/.err"; then ok 0 "$_name"
	else ok 1 "$_name"; echo "# exit $_rc, want $_want; stderr:"; sed 's/^/# /' "$TMP/.err"; fi
}

skip() {
	tap_n=$((tap_n + 1)); echo "ok $tap_n - $1 # SKIP $2"
}

done_testing() {
	echo "1..$tap_n"; exit $tap_bad
}
