#!/bin/sh
# SPDX-License-Identifier: MIT
# The probes: they are in the files, with the arguments of shmreg-probes(7); and, where bpftrace
# can be used, the example shows deaths, repairs and sleep.
set -u

# shellcheck source=tests/shell.sh
. "$(dirname "$0")/shell.sh"
prepare "$@"
library="$top_builddir/.libs/libshmreg.so.0"
daemon="$top_builddir/shmregd"
[ ! -x "$top_builddir/.libs/shmregd" ] || daemon="$top_builddir/.libs/shmregd"

grep -q '^USDT_CPPFLAGS = .' "$top_builddir/Makefile" ||
	skip "configured without probes (systemtap-sdt-dev)"
command -v readelf >/dev/null || skip "there is no readelf (binutils)"

# "name n" a line: each probe of a file, and how many arguments it has.
probes() {
	readelf -n "$1" | awk '$1 == "Provider:" { ours = $2 == "shmreg" }
		ours && $1 == "Name:" { name = $2 }
		ours && $1 == "Arguments:" { print name, NF - 1 }' | LC_ALL=C sort -u
}

if [ "${1-}" != inside ]; then
	{ probes "$library"; probes "$daemon"; } | LC_ALL=C sort >"$scratch/have"
	sed -n 's/^\.It Va \([a-z_]*\) Pq \(.*\)/\1 \2/p' "$top_srcdir/man/shmreg-probes.7" |
		awk '{ print $1, gsub(/ , /, "") + 1 }' | LC_ALL=C sort >"$scratch/want"
	diff "$scratch/want" "$scratch/have" || { echo "FAIL: these are not the probes of the page"; exit 1; }
	for probe in create attach detach death repair remove full empty sleep wake; do
		grep -q "^$probe " "$scratch/have" || { echo "FAIL: there is no $probe"; exit 1; }
	done

	command -v bpftrace >/dev/null || { echo "not traced: no bpftrace"; exit 0; }
	timeout 30 bpftrace -e "BEGIN { exit(); } usdt:$library:shmreg:wake { exit(); }" >"$scratch/bpftrace" 2>&1 ||
		{ echo "not traced: bpftrace cannot be used here: $(tail -n 1 "$scratch/bpftrace")"; exit 0; }
	XDG_RUNTIME_DIR="$scratch/runtime" timeout 100 "$top_builddir/shmregctl" run --daemon "$daemon" \
		--reaper "$top_builddir/shmreg-reaper" -- sh "$0" inside
	status=$?
	# bpftrace compiles, and attaches one probe after the other.
	[ "$status" -ne 124 ] || skip "bpftrace is too slow here"
	exit "$status"
fi

sed "s#/usr/local/lib/libshmreg.so.0#$library#; s#/usr/local/bin/shmregd#$daemon#" \
	"$top_srcdir/examples/sleepers.bt" >"$scratch/sleepers.bt"
timeout 90 bpftrace -B line "$scratch/sleepers.bt" >"$scratch/trace" 2>"$scratch/err" &
tracer=$!

fail() {
	echo "FAIL: $*"
	sed 's/^/  /' "$scratch/trace" "$scratch/err"
	kill "$tracer" 2>/dev/null
	exit 1
}

# Somebody dies with something in its hands; looked for until it is seen, for nobody says when
# all probes are attached.
mkfifo "$scratch/stdin" "$scratch/stdout"
die() {
	sh -c 'echo $$ >"$scratch/pid"; exec "$top_builddir/ctl-peer" demo' <"$scratch/stdin" >"$scratch/stdout" 2>/dev/null &
	exec 8>"$scratch/stdin" 9<"$scratch/stdout"
	echo hold >&8
	read -r _ <&9
	# libtool's wrapper may have been replaced by the program.
	kill -9 "$(cat "$scratch/pid")"
	exec 8>&- 9<&-
	wait $! 2>/dev/null
}
n=0
until grep -q ': repaired' "$scratch/trace"; do
	n=$((n + 1))
	[ "$n" -le 100 ] || fail "no death and repair was seen"
	kill -0 "$tracer" 2>/dev/null || fail "bpftrace has ended"
	[ "$n" -eq 1 ] || "$ctl" rm demo || fail "rm"
	"$ctl" create demo --size 8M || fail "create"
	die
	sleep 0.3
done
grep -q "segment [0-9]*: pid [0-9]* (.*) of uid $(id -u) died" "$scratch/trace" || fail "no death"
# And somebody sleeps until its deadline: "jobs" is empty.
"$ctl" pop demo jobs --timeout 0.05 >/dev/null 2>&1
kill -TERM "$tracer"
wait "$tracer"
grep -q '^@asleep_us\[.*, items\]' "$scratch/trace" || fail "nobody has slept"
grep -q '^@empty\[' "$scratch/trace" || fail "nothing was empty"
grep -q '^@repair_us' "$scratch/trace" || fail "no repair"
exit 0
