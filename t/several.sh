# SPDX-License-Identifier: MIT
# several.sh - what the tests of several processes share.  Source it after tap.sh, in $TMP.

# below the ports that systems give away by themselves
several_port=$((10000 + $$ * 17 % 20000))

# begin N COMMAND... - starts N ranks of one run; rank R's output goes to out.R, its stderr to err.R
begin() {
	several_n=$1 several_pids='' _r=0
	shift
	several_port=$((several_port + 1))
	while [ $_r -lt "$several_n" ]; do
		RANK=$_r WORLD_SIZE=$several_n MASTER_ADDR=127.0.0.1 MASTER_PORT=$several_port "$@" > out.$_r 2> err.$_r < /dev/null &
		several_pids="$several_pids $!"
		_r=$((_r + 1))
	done
}

# finish - waits for all ranks: 0 when all ended well; ./codes has each one's exit status
finish() {
	: > codes
	for _p in $several_pids; do wait "$_p"; echo $? >> codes; done
	! grep -qv '^0$' codes
}

# np N COMMAND... - runs N ranks; output and stderr are those of all
np() {
	begin "$@"
	finish; _rc=$?
	_r=0
	while [ $_r -lt "$several_n" ]; do
		cat out.$_r; cat err.$_r >&2
		_r=$((_r + 1))
	done
	return $_rc
}

# all_fail PATTERN NAME N COMMAND... - all ranks end badly within ten seconds, and one line says why
all_fail() {
	_pat=$1 _name=$2; shift 2
	_began=$(date +%s)
	np "$@" > said 2>&1
	_took=$(($(date +%s) - _began))
	! grep -q '^0$' codes && [ $_took -le 10 ] && [ "$(grep -vc "^Try '" said)" -eq 1 ] && grep -Eq -e "$_pat" said
	_rc=$?
	ok $_rc "$_name"
	[ $_rc -eq 0 ] || { echo "# $(tr '\n' ' ' < codes), in $_took s"; sed 's/^/# /' said; }
}
