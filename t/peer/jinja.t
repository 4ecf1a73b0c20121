#!/bin/sh
# SPDX-License-Identifier: MIT
# jinja.t - random templates against transformers: the same text, or both refuse; what is refused
# here alone is refused by its name.  TEMPLATES (default 3000) and SEED may be set.
. "$(dirname "$0")/../tap.sh"
cd "$T/.." || exit 1
python=${SEAL_PYTHON:-}
export PYTHONDONTWRITEBYTECODE=1

if [ -z "$python" ] || ! "$python" -c 'import transformers, jinja2' 2> /dev/null; then
	skip "chat templates against transformers" "SEAL_PYTHON names no Python with transformers and jinja2"
	done_testing
fi
[ -x build/t/jinja.t ] || make -s build/t/jinja.t || exit 1
"$python" t/peer/jinja.py "${SEED:-1}" "${TEMPLATES:-3000}" > "$TMP/cases.json"
got=$(build/t/jinja.t "$TMP/cases.json"); rc=$?
ok $rc "$(echo "$got" | grep -a 'ok 1' | sed 's/.*json: //')"
[ $rc -eq 0 ] || echo "$got" | grep -a '^#' | head -30
done_testing
