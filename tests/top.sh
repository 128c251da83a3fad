#!/bin/sh
# SPDX-License-Identifier: MIT
# shmregctl top at a real terminal, tmux's: at several sizes, every key, while what it shows dies.
#
# The screen is looked at until it shows what it should; nothing here depends on how fast it goes.
set -u

# shellcheck source=tests/shell.sh
. "$(dirname "$0")/shell.sh"
prepare "$@"
command -v tmux >/dev/null || skip "there is no tmux"

# --- the terminal -----------------------------------------------------------------------------

tm() {
	tmux -S "$scratch/tmux" -f /dev/null "$@"
}

# begin WIDTH HEIGHT ENVIRONMENT WORD...: shmregctl top WORD..., in a terminal of its own. What
# it leaves is in before, status and after.
begin() {
	size="-x $1 -y $2" environment=$3
	shift 3
	rm -f "$scratch/status" "$scratch/after" "$scratch/pid"
	# shellcheck disable=SC2086
	tm new-session -d -s top $size "stty -g >$scratch/before
		env $environment sh -c 'echo \$\$ >$scratch/pid; exec $ctl top $*' 2>$scratch/err
		echo \$? >$scratch/status
		stty -g >$scratch/after
		echo over; exec cat" || { fail 'tmux does not start'; exit 1; }
}

end() {
	tm kill-session -t top
}

look() {
	tm capture-pane -t top -p "$@" >"$out" 2>/dev/null
}

shows() {
	look && grep -q -e "$1" "$out"
}

shows_not() {
	look && ! grep -q -e "$1" "$out"
}

see() {
	until_true shows "$1"
}

# row N TEXT: the Nth line of the screen.
is_row() {
	look && sed -n "$1p" "$out" | grep -q -e "$2"
}

row() {
	until_true is_row "$1" "$2"
}

keys() {
	tm send-keys -t top "$@"
}

resize() {
	tm resize-window -t top -x "$1" -y "$2"
}

# Of the kind that top leaves: its status, and the terminal as it was.
ended() {
	[ -s "$scratch/after" ]
}

is_restored() {
	until_true ended || return
	[ "$(cat "$scratch/status")" = "$1" ] || fail "exit status $(cat "$scratch/status"), not $1"
	cmp -s "$scratch/before" "$scratch/after" || fail "the terminal's modes are not restored"
	see '^over'
	[ "$(tm display-message -t top -p '#{alternate_on} #{cursor_flag}')" = '0 1' ] ||
		fail 'the screen or the cursor is not restored'
	[ ! -s "$scratch/err" ] || fail "on standard error: $(cat "$scratch/err")"
	end
}

# --- who is looked at -------------------------------------------------------------------------

is_gone() {
	! "$ctl" ls | grep -q "^$1 "
}

# --- what is seen -----------------------------------------------------------------------------

at_80x24() {
	begin 80 24 "TERM=screen LC_ALL=C" --interval 0.2
	see 'SEGMENT .*USED .*MEMORY .*OPS/s .*DEATHS'
	see '^a/segment .*\[.*\] .*1M '
	see 'shmregd pid .* since'
	row 24 '^q quit  ? help'
	row 6 '^SEGMENT'
	keys Enter
	row 1 '^a/segment: objects .*11 of 11  every 0.2s'
	see '^events .*queue .*\[###     \]  38%'
	see '^news .*lost 3'
	row 24 'p participants  Esc back'

	# By ROOM, the largest first; then the other way.
	keys '>' '>' '>' '>'
	row 7 '^numbers/all .* 1000 '
	keys r
	row 7 '^counter .* 1 '
	keys r '<' '<' '<' '<'
	row 7 '^counter'
	keys s s s s '<' '<' '<' '<'
	row 7 '^counter'

	# To and fro.
	keys Down Down j k End Home PageDown PageUp Down
	keys Enter
	row 1 'object events'
	see 'queue (redeliver) of 8 struct event'
	see '^a "peer" .*reading .*position 1'
	see 'rates: idle'
	see 'waiting: nobody'
	keys Enter
	row 1 'a/segment: participant 1 '
	see "^process $peer_pid (a \"peer\")"
	see '^news .*subscriber .* 3 live'
	keys Escape
	row 1 'object events'
	keys Left
	row 1 'a/segment: objects'
	keys p
	row 1 'a/segment: participants .*1 of 1'
	see "^ *$peer_pid a \"peer\" .*write .*live"
	keys o
	row 1 'a/segment: objects'
	keys Tab
	row 1 'a/segment: participants'
	keys Right
	row 1 'a/segment: participant 1 '
	keys BSpace
	row 1 'a/segment: participants'
	keys Tab

	# Fewer rows, and with what was found.
	keys / q u e x
	see 'nothing has that'
	keys BSpace
	row 1 '3 of 11'
	row 24 '^filter: que_'
	keys Enter
	row 24 '^filter: que  (Esc'
	keys Escape
	row 1 '11 of 11'
	keys / n e w s Escape
	row 1 '11 of 11'
	keys / n e w s Enter Enter
	row 1 'object news'
	see 'topic (lossy)'
	see '^a "peer" .*subscriber .* 2 '
	keys p
	row 1 'a/segment: participants'
	keys Escape Escape
	row 1 'a/segment: objects'

	keys '?'
	see 'Esc, Left *back'
	row 24 '^any key'
	keys x
	row 1 'a/segment: objects'
	keys Space
	row 1 'paused'
	keys Space
	keys + +
	row 1 'every 0.1s'
	keys - -
	row 1 'every 0.4s'
	keys C-l
	row 1 'a/segment: objects'

	tell_peer busy
	see '^jobs .* [1-9][0-9.]* '
	keys / j o b s Enter Enter
	row 1 'object jobs'
	see 'rates: pushed [0-9.]*/s, popped [0-9.]*/s'
	tell_peer idle
	see 'rates: idle'
	keys Escape Escape
	row 1 'shmregctl top: segments'
	keys q
	is_restored 0
}

sizes() {
	begin 120 40 "TERM=tmux-256color LC_ALL=C.UTF-8" a/segment --interval 0.2
	see '^OBJECT .*RATES .*TROUBLE'
	see "^events .*$(printf '\342\226\210\342\226\210\342\226\210')"
	row 40 '^q quit'
	resize 80 24
	row 24 '^q quit'
	see '^OBJECT .*OPS/s'
	resize 40 10
	row 10 '^q quit'
	see '^OBJECT .*OPS/s'
	see '^counter'
	keys End
	row 9 '^state'
	resize 20 5
	row 1 '20x5 is too small'
	resize 1 1
	resize 30 8
	row 8 '^q quit'
	see '^state'
	resize 200 50
	see '^OBJECT .*TYPE .*RATES .*TROUBLE'
	see '^numbers/all .*std::pair<int, int>'
	keys q
	is_restored 0
}

colours() {
	red=$(printf '\033\[[0-9;]*3[1-6]')
	begin 80 24 "TERM=tmux-256color" a/segment
	see '^events'
	look -e
	grep -q "$red" "$out" || fail 'there is no colour'
	keys q
	is_restored 0
	begin 80 24 "TERM=tmux-256color NO_COLOR=1" a/segment
	see '^events'
	look -e
	grep -q "$red" "$out" && fail 'there is colour'
	keys q
	is_restored 0
	begin 80 24 "TERM=vt100" a/segment
	see '^events'
	keys q
	is_restored 0
}

signals() {
	for signal in INT TERM HUP QUIT; do
		begin 80 24 "TERM=screen" a/segment
		see '^events'
		kill -$signal "$(cat "$scratch/pid")"
		is_restored 0
	done
	begin 80 24 "TERM=screen" a/segment
	see '^events'
	keys C-c
	is_restored 0
}

# It is killed while one looks at it, and at what it holds.
deaths() {
	begin 80 24 "TERM=screen" a/segment --interval 0.2
	see 'participants 1 of 5, seats [1-9][0-9]* .*deaths 0'
	keys p
	see "^ *$peer_pid "
	keys Enter
	see '^events .*reading'
	kill_peer
	see 'gone since .*: participant 1 has gone'
	see '^events .*reading'		# what was seen last
	keys Escape
	see 'participants 0 of 5, seats 0 .*deaths 1, repairs [1-9]'
	row 1 '0 of 0'
	keys o
	see '^events .*redelivered 2'
	keys q
	is_restored 0
}

restarts() {
	begin 80 24 "TERM=screen" a/segment events --interval 0.2
	see 'queue (redeliver)'
	# One that does not answer is away, and keys work all the same.
	daemon=$(daemon_pid)
	kill -STOP "$daemon"
	see 'shmregd is away since .*: it does not answer'
	see 'queue (redeliver)'
	keys '?'
	see '^shmregctl top: keys'
	keys x
	kill -CONT "$daemon"
	until_true shows_not 'is away'
	kill -9 "$daemon"
	until_true answers_other "$daemon"
	keys Escape Escape
	see 'restarts outlived'
	see '^a/segment '
	until_true shows_not 'is away'
	keys q
	is_restored 0
}

answers_other() {
	pid=$(daemon_pid)
	[ -n "$pid" ] && [ "$pid" != "$1" ]
}

# A segment goes, and comes back; an object, too.
vanishing() {
	"$ctl" create gone --size 64K
	begin 80 24 "TERM=screen" gone --interval 0.2
	row 1 'gone: objects .*0 of 0'
	see '^none'
	"$ctl" rm gone
	see 'gone since .*"gone"'
	row 1 'gone: objects'
	"$ctl" create gone --size 64K
	until_true shows_not 'gone since'
	start_peer gone
	tell_peer hold
	row 1 'gone: objects .*11 of 11'
	keys / j o b s Enter Enter
	row 1 'object jobs'
	see 'queue of 8'
	tell_peer remove jobs
	see "object 'jobs' was removed"
	# We do not keep what lives while it is attached.
	"$ctl" set gone --lifetime while-attached
	see 'waiting: nobody\|was removed'
	dismiss_peer
	until_true is_gone gone
	see 'gone since'
	keys q
	is_restored 0
}

# The daemon that is no more: it is looked for until it is there again.
no_daemon() {
	XDG_RUNTIME_DIR="$scratch/runtime" "$top_builddir/shmregd" --config=/dev/null --reaper \
		"$top_builddir/shmreg-reaper" --socket "$scratch/own" 2>"$scratch/log" &
	own_pid=$!
	until_true "$ctl" --socket "$scratch/own" create own --size 4K
	begin 80 24 "TERM=screen" --socket "$scratch/own" --interval 0.2
	see '^own '
	kill -9 $own_pid
	wait $own_pid 2>/dev/null
	see 'shmregd is away since'
	see '^own '
	XDG_RUNTIME_DIR="$scratch/runtime" "$top_builddir/shmregd" --config=/dev/null --reaper \
		"$top_builddir/shmreg-reaper" --socket "$scratch/own" 2>"$scratch/log" &
	own_pid=$!
	until_true shows_not 'is away'
	until_true shows_not '^own '
	keys q
	is_restored 0
	kill $own_pid
	wait $own_pid
}

# A hundred of them: only those on the screen are looked into, all if they are sorted so.
many() {
	i=0
	while [ $i -lt 60 ]; do
		"$ctl" create "many/$i" --size 4K
		i=$((i + 1))
	done
	begin 80 24 "TERM=screen" --interval 0.2
	row 1 '61 of 61'
	keys End
	see '^many/9'
	keys Home
	see '^a/segment'
	until_true is_attached a/segment
	! is_attached many/30 || fail 'it looks into what is not on the screen'
	keys '>' '>' '>' '>' '>' '>'
	until_true is_attached many/30
	keys q
	is_restored 0
}

is_attached() {
	[ "$("$ctl" ls --json | tr '{' '\n' | sed -n "s|.*\"name\": \"$1\".*\"n_participants\": \([0-9]*\).*|\1|p")" = 1 ]
}

# --- what is not there ------------------------------------------------------------------------

# A snapshot's file, of which there is no daemon to be asked.
snapshots() {
	rm -f "$scratch/snapshot"
	"$ctl" snapshot a/segment "$scratch/snapshot" >"$out" 2>&1 || fail 'no snapshot was taken'
	begin 80 24 "TERM=screen" --socket "$scratch/nobody" "$scratch/snapshot" news --interval 0.2
	see 'topic (lossy)'
	see 'a snapshot, taken'
	see '^a "peer" .*subscriber'
	keys Escape
	row 1 'snapshot: objects'
	see '^events .*queue'
	keys Escape
	see 'shmregd is away since'
	keys q
	is_restored 0
}

not_at_all() {
	begin 80 24 "TERM=no-such-terminal" a/segment
	until_true ended
	grep -q "terminal 'no-such-terminal' is unknown" "$scratch/err" || fail 'an unknown terminal'
	[ "$(cat "$scratch/status")" = 1 ] || fail 'an unknown terminal: exit status'
	end
	begin 80 24 "TERM=screen" nothing/here
	until_true ended
	grep -q 'nothing/here' "$scratch/err" || fail 'a segment that is not there'
	[ "$(cat "$scratch/status")" = 1 ] || fail 'a segment that is not there: exit status'
	end
}

inside() {
	trap 'tm kill-server 2>/dev/null' EXIT
	tm new-session -d -s keep cat
	"$ctl" create a/segment --size 1M --mode 0640 --max-objects 17 --max-participants 5
	start_peer a/segment
	tell_peer hold
	not_at_all
	snapshots
	at_80x24
	sizes
	colours
	signals
	deaths
	restarts
	vanishing
	no_daemon
	many
	conclude
}

[ "${1-}" = inside ] && inside

inside_private
status=$?
[ -z "$(ls -A "$scratch/runtime")" ] || { echo 'FAIL: something is left'; status=1; }
exit $status
