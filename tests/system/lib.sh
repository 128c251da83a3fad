# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# lib.sh - what the topics share; sourced, with "set -eu"

topic_began=$(date +%s)
service=shmregd.service
dropin=/etc/systemd/system/$service.d
conf=/usr/local/etc/shmregd.conf

# What fails without a sentence of its own is at least named.
set -E
trap 'echo "FAILED: $BASH_COMMAND (line $LINENO of ${BASH_SOURCE[0]})"' ERR

fail() {
	echo "FAILED: $*"
	systemctl status --no-pager shmregd.socket $service || :
	journalctl --no-pager -u $service -u shmregd.socket --since "@$topic_began" | tail -n 30
	exit 1
}

step() {
	echo "* $*"
}

# Until a command succeeds. What has not come after so long will not come.
until_true() {
	local end=$((SECONDS + 60))
	until "$@"; do
		[ $SECONDS -lt $end ] || fail "this did not come true: $*"
		sleep 0.05
	done
}

property() {
	systemctl show -P "$1" $service
}

main_pid() {
	property MainPID
}

n_stored() {
	property NFileDescriptorStore
}

stored() {
	[ "$(n_stored)" -eq "$1" ]
}

active() {
	[ "$(property ActiveState)" = active ]
}

status_has() {
	property StatusText | grep -q -e "$1"
}

# So many entries of the journal match, at least.
journal_has() {
	local n=$1
	shift
	journalctl --sync
	[ "$(journalctl -q -o cat "$@" | wc -l)" -ge "$n" ]
}

# Another daemon than this one is ready.
replaced() {
	local now
	now=$(main_pid)
	[ "$now" -ne 0 ] && [ "$now" -ne "$1" ] && active
}

# The reapers of the daemon, one of which waits for its job.
reapers() {
	local child
	for child in $(cat "/proc/$1/task/$1/children"); do
		[ "$(cat "/proc/$child/comm")" != shmreg-reaper ] || echo "$child"
	done
}

# A drop-in for the unit: its lines, in [Service].
drop_in() {
	mkdir -p "$dropin"
	printf '[Service]\n%s\n' "$1" >"$dropin/test.conf"
	systemctl daemon-reload
}

no_drop_in() {
	rm -rf "$dropin"
	systemctl daemon-reload
}

# The service as it was installed, with its socket listening and nothing kept.
fresh() {
	systemctl stop shmregd.socket $service 2>/dev/null || :
	systemctl reset-failed shmregd.socket $service 2>/dev/null || :
	rm -f "$conf"
	no_drop_in
	systemctl enable --quiet --now shmregd.socket || fail "enable --now shmregd.socket"
}

# A segment without what a restart or time changes by itself: memory that was touched.
state() {
	shmregctl --json show "$1" | sed 's/"resident_bytes": [0-9]*, //'
}

# Without its repairs, too: who detaches in order is a visit of the reaper's.
contents() {
	state "$1" | sed 's/"n_repairs": [0-9]*, //'
}

# What root has used up, but for connections: those are made anew when they are needed.
usage() {
	shmregctl --json stats | sed 's/.*"usage": {\(.*\), "connections".*/\1/'
}

n_participants() {
	shmregctl --json show "$1" | sed 's/.*"n_participants": \([0-9]*\).*/\1/'
}

has_participants() {
	[ "$(n_participants "$1")" -eq "$2" ]
}

# Refused, with this in the sentence.
refused() {
	local text=$1
	shift
	if "$@" >/tmp/refused 2>&1; then
		fail "it was not refused: $*"
	fi
	grep -q -e "$text" /tmp/refused || fail "the refusal does not say '$text': $(cat /tmp/refused)"
}
