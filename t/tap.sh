# SPDX-License-Identifier: MIT
# tap.sh - TAP for tests in sh.  Source it first: . "$(dirname "$0")/tap.sh", or from a
# folder of t: . "$(dirname "$0")/../tap.sh".
# Gives $BIN (the programs), $T (the folder t), $TMP (its own to each test, removed at the
# end), and $SEAL_DATA (models and data sets that are not part of the project).

set -u
T=$(cd "$(dirname "$0")" && pwd)
case $T in */t) ;; *) T=${T%/*} ;; esac
BIN=$T/../bin
SEAL_DATA=${SEAL_DATA:-$T/../../shared/data}
# Where a test is not about GPUs (tap_gpu=1 before), programs do not see any: what they should say
# and take is the processor's.
[ "${tap_gpu:-}" ] || export CUDA_VISIBLE_DEVICES=
TMP=$(mktemp -d)
trap 'rm -rf "$TMP"' EXIT
# A test that starts ranks of one run says so itself.
unset RANK WORLD_SIZE
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

# skip NAME REASON
skip() {
	tap_n=$((tap_n + 1)); echo "ok $tap_n - $1 # SKIP $2"
}

# cases NUMBER NAME - that a list of cases, which a loop went through, was not empty
cases() {
	if [ "${1:-0}" -gt 0 ]; then ok 0 "$2: $1 cases"; else ok 1 "$2: no case at all"; fi
}

# done_testing - ends the test; one that has tested nothing has failed.
done_testing() {
	[ $tap_n -gt 0 ] || { echo "# no test was run"; tap_bad=1; }
	echo "1..$tap_n"; exit $tap_bad
}
