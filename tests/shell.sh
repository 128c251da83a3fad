# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2034 # some are for who sources this
#
# shell.sh - what the tests of programs have in common that are in shell; sourced
#
# Most of them run twice: as `make check' calls them, and, called by themselves with "inside", with
# a private daemon around them: see prepare and inside_private.

skip() {
	echo "skipped: $*"
	exit 77
}

# needs PROGRAM...: of the build directory.
needs() {
	for program in "$@"; do
		[ -x "$top_builddir/$program" ] || skip "$program was not built"
	done
}

# prepare "$@": the variables of all that is below. The directory $scratch, where the runtime
# directory of private daemons is, is removed when the test ends that is not inside.
prepare() {
	top_builddir=$(cd "${top_builddir:-.}" && pwd)
	top_srcdir=$(cd "${top_srcdir:-$(dirname "$0")/..}" && pwd)
	export top_builddir top_srcdir
	needs shmregd shmreg-reaper shmregctl ctl-peer
	if [ "${1-}" != inside ]; then
		scratch=$(mktemp -d) || exit 99
		mkdir -m 0700 "$scratch/runtime"
		export scratch
		trap 'rm -rf "$scratch"' EXIT
		trap 'exit 99' INT TERM HUP
		unset SHMREG_SOCKET
	fi
	ctl=${SHMREG_TEST_CTL:-$top_builddir/shmregctl}
	out="$scratch/out" err="$scratch/err"
	: >"$out"
	: >"$err"
	n_failed=0
	python=$(command -v python3 || true)
}

# The end of a test, and its exit status.
conclude() {
	[ "$n_failed" -eq 0 ] || { echo "$n_failed failed"; exit 1; }
	exit 0
}

fail() {
	echo "FAIL: $*"
	sed 's/^/  out: /' "$out"
	sed 's/^/  err: /' "$err"
	n_failed=$((n_failed + 1))
}

# until_true WORD...: waits for the command to succeed; gives up after a time that only a hang takes.
until_true() {
	patience=1200
	until "$@"; do
		patience=$((patience - 1))
		[ $patience -gt 0 ] || { fail "waited in vain for: $*"; return 1; }
		sleep 0.05
	done
}

# --- shmregctl ----------------------------------------------------------------------------------

# For a subshell, or the background: becomes shmregctl run WORD..., so that $! is its process.
become_run() {
	XDG_RUNTIME_DIR="$scratch/runtime"
	export XDG_RUNTIME_DIR
	exec "$ctl" run --daemon "$top_builddir/shmregd" --reaper "$top_builddir/shmreg-reaper" "$@"
}

# With TRACE set it tells what it does.
inside_private() {
	(become_run -- sh ${TRACE:+-x} "$0" inside)
}

# check STATUS TEXT WORD...: shmregctl WORD... exits so, and says TEXT (a pattern of grep -e),
# or nothing.
check() {
	want=$1 text=$2
	shift 2
	"$ctl" "$@" >"$out" 2>"$err"
	status=$?
	if [ "$status" != "$want" ]; then
		fail "shmregctl $*: exit status $status, not $want"
	elif [ -z "$text" ] && [ -n "$(cat "$out" "$err")" ]; then
		fail "shmregctl $*: says something"
	elif [ -n "$text" ] && ! cat "$out" "$err" | grep -q -e "$text"; then
		fail "shmregctl $*: does not say '$text'"
	elif [ "$want" != 0 ] && ! [ -s "$err" ]; then
		fail "shmregctl $*: no sentence on standard error"
	fi
}

# json EXPRESSION WORD...: what shmregctl WORD... --json prints is JSON, and in it (j) this is
# true; there, o['x'] is the object x, h('x') are its holders, and r the rows by their first member.
json() {
	expression=$1
	shift
	"$ctl" "$@" --json >"$out" 2>"$err" || fail "shmregctl $* --json: exit status $?"
	[ -n "$python" ] || return 0
	"$python" -m json.tool <"$out" >/dev/null 2>&1 || fail "shmregctl $* --json: not JSON"
	"$python" -c "import json, sys
j = json.load(open('$out'))
has = lambda member: isinstance(j, dict) and member in j
o = {x['name']: x for x in j['objects']} if has('objects') else {}
h = lambda name: [x for x in j['holders'] if x['object'] == name]
r = {list(x.values())[0]: x for x in j['rows']} if has('rows') else {}
sys.exit(not ($expression))" 2>>"$err" || fail "shmregctl $* --json: not so: $expression"
}

daemon_pid() {
	"$ctl" stats | sed -n 's/.* has pid \([0-9]*\) .*/\1/p'
}

# --- a participant that does what it is told, see ctl-peer.c ------------------------------------

# start_peer SEGMENT
start_peer() {
	rm -f "$scratch/stdin" "$scratch/stdout"
	mkfifo "$scratch/stdin" "$scratch/stdout"
	"$top_builddir/ctl-peer" "$1" <"$scratch/stdin" >"$scratch/stdout" &
	peer_pid=$!
	exec 8>"$scratch/stdin" 9<"$scratch/stdout"
}

tell_peer() {
	echo "$*" >&8
	read -r word <&9
	[ "$word" = "$*" ] || fail "the peer says '$word' instead of '$*'"
}

kill_peer() {
	kill -9 "$peer_pid"
	wait "$peer_pid" 2>/dev/null || :
	exec 8>&- 9<&-
}

# It closes what it has open, and ends.
dismiss_peer() {
	exec 8>&- 9<&-
	wait "$peer_pid"
}
