#!/bin/sh
# SPDX-License-Identifier: MIT
# Every command of shmregctl against a private daemon, and the private daemon itself.
#
# Nothing here depends on how fast it goes: what takes time is waited for.
set -u

# shellcheck source=tests/shell.sh
. "$(dirname "$0")/shell.sh"
prepare "$@"

check_run() {
	want=$1
	shift
	(become_run "$@") >"$out" 2>"$err"
	status=$?
	[ "$status" = "$want" ] || fail "shmregctl run $*: exit status $status, not $want"
	nothing_left || fail "shmregctl run $*: left something behind"
}

# No file in the runtime directory, and no process that was given it.
nothing_left() {
	[ -z "$(ls -A "$scratch/runtime")" ] &&
		! grep -qsaF "XDG_RUNTIME_DIR=$scratch/runtime" /proc/[0-9]*/environ
}

keeper_of() {
	for status in /proc/[0-9]*/status; do
		if grep -qs '^Name:[[:space:]]*shmregctl-keep$' "$status" &&
			grep -qs "^PPid:[[:space:]]*$1\$" "$status"; then
			status=${status#/proc/}
			echo "${status%/status}"
		fi
	done
}

gone() {
	! kill -0 "$1" 2>/dev/null
}

# What those who wait for a segment sleep on: its inode.
root_of() {
	for fd in "/proc/$1/fd/"*; do
		case $(readlink "$fd") in
		*memfd:shmreg:root*) stat -L -c %i "$fd" ;;
		esac
	done
}

lists_as() {
	[ "$("$ctl" ls 2>/dev/null | wc -l)" = $(($1 + 1)) ]
}

ends_with() {
	grep -q "$1" "$scratch/events"
}

# all_move PAIRS: of each (object, rate), something was done while we looked.
all_move() {
	[ -n "$python" ] || return 0
	"$ctl" show a/segment --interval 0.05 --json >"$out" 2>"$err" &&
		"$python" -c "import json, sys
o = {x['name']: x['rates'] for x in json.load(open('$out'))['objects']}
sys.exit(not all(o[name][rate] > 0 for name, rate in $1))" 2>>"$err"
}

nothing_removed() {
	"$ctl" show "$1" >"$scratch/shown" && ! grep -q 'removed$' "$scratch/shown"
}

# Whatever stands in the data area is shown, or is not, but never in the way.
garbled() {
	check 0 '' create garbled --size 256K
	start_peer garbled
	tell_peer hold
	for seed in 1 2 3 4; do
		tell_peer garble $seed
		check 0 'events.*queue' show garbled
		json "[x['name'] for x in j['objects']] == $objects" show garbled
		json "all(all(v >= 0 for v in x['rates'].values()) for x in j['objects'])" \
			show garbled --interval 0.001
	done
	# What it holds it does not find any more, and is not to complain about that.
	kill_peer
	check 0 '' rm garbled
}

inside() {
	objects="['events', 'numbers/all', 'counter', 'samples', 'log', 'state', 'frames', 'shots',
		'news', 'orders', 'jobs']"
	moving="[('jobs', 'pushed'), ('jobs', 'popped'), ('samples', 'written'),
		('samples', 'read'), ('log', 'written'), ('log', 'bytes_read'),
		('state', 'versions'), ('frames', 'acquired'), ('orders', 'published')]"
	check 0 'NAME' ls
	json 'j == []' ls
	check 0 '' create a/segment --size 1M --mode 0640 --max-objects 17 --max-participants 5
	check 1 'exists' create a/segment --size 1M
	check 0 'directory.*132K.*256 objects' create dry --size 1M --dry-run
	json 'j["dir_bytes"] == 25464832 and j["max_objects"] == 65536' create dry --size 1M \
		--max-objects 65536 --max-participants 65536 --dry-run
	check 1 'dry' show dry
	json 'j["name"] == "b" and j["data_bytes"] == 4096 and j["mode"] == "0600"' \
		create b --size 4096 --reserve
	check 0 'a/segment.*rw-r-----.*until-removed.*1M' ls
	json 'len(j) == 2 and j[0]["name"] == "a/segment" and j[0]["mode"] == "0640"' ls
	check 1 'nothing/here' show nothing/here
	check 1 'nothing/here' rm nothing/here
	check 1 'nothing/here' set nothing/here --mode 0600

	# Somebody to look at.
	start_peer a/segment
	tell_peer hold
	check 0 'events.*queue (redeliver).*struct event.*3 queued, 37%' show a/segment
	check 0 'counter.*value 42' show a/segment
	check 0 'numbers/all.*array.*std::pair<int, int>.*-$' show a/segment
	check 0 'samples.*ring .*struct event.*2 queued, 12%' show a/segment
	check 0 'log.*ring (records).*32 bytes queued, 12%; in 2 records' show a/segment
	check 0 'state.*cell (4 slots a writer).*version 7; 1 of 3 writers' show a/segment
	check 0 'frames.*pool .*4 in use, 50%; travelling 1; high water' show a/segment
	check 0 'shots.*queue (of frames).*1 queued, 25%' show a/segment
	check 0 'news.*topic (lossy).*6 published; publishers 1 of 1; subscribers 2 of 32; lag ' \
		show a/segment
	check 0 'orders.*topic (reliable, evict at lag 3).*6 published.*evicted 1' show a/segment
	check 0 "$peer_pid.*a \"peer\".*write.*live" show a/segment
	check 0 "events.*reading.*position 0, n 1.*a \"peer\".*$peer_pid" show a/segment
	check 0 "samples.*producer.*a \"peer\".*$peer_pid" show a/segment
	check 0 "state.*writer.*index 0.*a \"peer\".*$peer_pid" show a/segment
	json "[x['name'] for x in j['objects']] == $objects
		and o['counter']['value'] == 42 and len(j['participants']) == 1
		and j['participants'][0]['client'] == 'a \"peer\"'
		and j['participants'][0]['pid'] == $peer_pid
		and j['max_objects'] == 17 and j['max_participants'] == 5
		and all(x['pid'] == $peer_pid and x['seat'] in j['participants'][0]['seats']
			for x in j['holders'] if x['role'] != 'travelling')" show a/segment
	json "o['events']['redeliver'] and o['events']['length'] == 3
		and o['events']['n_claimed'] == 5 and o['events']['n_passed'] == 2
		and [(x['role'], x['position'], x['n']) for x in h('events')] ==
			[('reading', 0, 1), ('reading', 1, 1)]" show a/segment
	json "not o['samples']['records'] and o['samples']['length'] == 2
		and o['samples']['n_written'] == 3 and o['samples']['n_read'] == 1
		and [x['role'] for x in h('samples')] == ['producer', 'consumer']
		and 'n_records_read' not in o['samples']" show a/segment
	json "o['log']['records'] and o['log']['length'] == 32
		and o['log']['n_records_written'] == 3 and o['log']['n_records_read'] == 1
		and [x['role'] for x in h('log')] == ['producer', 'consumer']" show a/segment
	json "o['state']['version'] == 7 and o['state']['n_writers'] == 1
		and o['state']['max_writers'] == 3 and o['state']['slots'] == 4
		and [(x['role'], x['index']) for x in h('state')] == [('writer', 0)]" show a/segment

	json "o['frames']['n_free'] == 4 and o['frames']['n_held'] == 3
		and o['frames']['n_sent'] == 1 and o['frames']['n_acquired'] == 4
		and o['frames']['high_water'] >= 4 and o['shots']['pool'] == 'frames'
		and sorted((x['role'], x['n'], x.get('queue')) for x in h('frames')) ==
			[('holder', 3, None), ('travelling', 1, 'shots')]" show a/segment
	json "not o['news']['reliable'] and o['news']['n_published'] == 6
		and o['news']['lag'] == h('news')[2]['lag'] > 0
		and o['news']['n_lost'] == h('news')[2]['n_lost'] > 1
		and [(x['role'], x['index']) for x in h('news')] ==
			[('publisher', 0), ('subscriber', 0), ('subscriber', 1)]
		and [x['n_read'] for x in h('news')[1:]] == [6, 1]
		and all(x['n_lost'] + x['n_read'] == x['position'] == 6 - x['lag']
			for x in h('news')[1:])" show a/segment
	json "o['orders']['reliable'] and o['orders']['evict_lag'] == 3
		and o['orders']['max_publishers'] == 2 and o['orders']['max_subscribers'] == 3
		and o['orders']['n_evicted'] == 1 and o['orders']['lag'] == 0
		and [x['role'] for x in h('orders')] ==
			['publisher', 'subscriber', 'evicted subscriber']" show a/segment

	# Rates are there only if an interval was asked for, and not of what does not move.
	json "all('rates' not in x for x in j['objects']) and 'interval_ns' not in j" show a/segment
	json "j['interval_ns'] >= 1000000 and o['events']['rates'] == {'pushed': 0, 'popped': 0}
		and o['counter']['rates'] == {} and o['numbers/all']['rates'] == {}" \
		show a/segment --interval 0.001
	tell_peer busy
	until_true all_move "$moving"
	check 0 'jobs.*pushed [0-9.]*/s, popped [0-9.]*/s' show a/segment --interval 0.01
	check 0 'counter.*value 42 *-$' show --interval 0.01 a/segment
	check 0 'events.*idle$' show --interval 0.01 a/segment
	tell_peer idle
	# Removed, while it is held, and so the pool that a queue's objects are of.
	tell_peer remove jobs
	tell_peer remove frames
	check 0 'jobs.*queue .*removed$' show a/segment
	json "o['jobs']['state'] == 'removed' and 'length' not in o['jobs']
		and o['shots']['pool'] == 'frames' and h('frames') == h('jobs') == []
		and o['jobs']['rates'] == {}" show a/segment --interval 0.001
	# Looking has left no trace.
	json "j['n_participants'] == 1 and j['n_deaths'] == 0 and len(j['participants']) == 1" \
		show a/segment

	# It dies, holding two elements; the reaper hands them out again.
	"$ctl" watch --json >"$scratch/events" 2>"$scratch/watch.err" &
	watch_pid=$!
	until_true subscribed
	kill_peer
	until_true ends_with '"event": "repaired"'
	# What it had open of what was removed is given back after that, by another process.
	until_true nothing_removed a/segment
	json "j['participants'] == [] and j['n_deaths'] == 1 and j['n_repairs'] >= 1
		and o['events']['n_redelivered'] == 2
		and [x['role'] for x in h('events')] == ['redelivery'] * 2
		and all(x['seat'] is None for x in h('events'))
		and h('samples') == h('log') == h('state') == h('news') == h('orders') == []
		and o['samples']['length'] == 2 and o['log']['n_records_written'] >= 3
		and o['state']['version'] >= 7 and o['state']['n_writers'] == 0
		and o['shots']['length'] == 1 and o['shots']['pool'] is None and 'frames' not in o
		and o['orders']['n_publishers'] == o['orders']['n_subscribers'] == 0" show a/segment
	json "j['usage']['segments']['used'] == 2 and j['n_deaths'] == 1 and j['n_requeued'] == 2
		and j['n_gave_up'] == 0 and j['n_restarts'] == 0" stats
	json "j['uid'] == $(id -u) and j['usage']['objects']['used'] == len($objects) - 2" stats --user "$(id -u)"
	check 0 'elements of the dead handed out again' stats

	garbled
	json 'j["mode"] == "0600" and j["lifetime"] == "until-removed"' set a/segment --mode 0600
	check 0 '' set a/segment --owner "$(id -u):$(id -g)"
	check 0 '' set a/segment --lifetime until-removed
	check 0 '' create gone --size 1
	json 'j is None' set gone --lifetime while-attached
	check 1 'gone' show gone
	if [ "$(id -u)" = 0 ]; then
		json 'j["owner_uid"] == 12345 and j["owner_gid"] == 0' set a/segment --owner 12345
		json 'j["owner_uid"] == 12345 and j["owner_gid"] == 54321' set a/segment --owner :54321
	fi

	check 0 '' limit 12345 segments=7 bytes=3G seats=none
	json 'j["uid"] == 12345 and j["usage"]["segments"]["limit"] == 8
		and j["usage"]["bytes"]["limit"] == 3 << 30
		and j["usage"]["seats"]["limit"] is None' limit 12345 segments=8
	json 'j["usage"]["bytes"]["limit"] == 256 << 30' limit 12345 bytes=default
	check 0 'segments *0 *8' stats --user 12345
	check 1 'root has no limits' limit 0 segments=1

	# The daemon dies and comes back with everything; watch says that it has a gap.
	daemon=$(daemon_pid)
	root=$(root_of "$daemon")
	[ -n "$root" ] || fail 'the daemon has no root'
	kill -9 "$daemon"
	until_true ends_with reconnected
	[ "$(root_of "$(daemon_pid)")" = "$root" ] || fail 'killed and restarted, it has another root'
	grep -q 'was lost' "$scratch/watch.err" || fail 'watch does not say that it lost the daemon'
	json 'j["n_restarts"] == 1 and j["usage"]["segments"]["used"] == 2' stats
	json 'j["usage"]["segments"]["limit"] == 8' stats --user 12345
	json "len(j['objects']) == len($objects) - 2 and o['events']['length'] == 3" show a/segment
	# And stops in order, and comes back from that.
	daemon=$(daemon_pid)
	kill -TERM "$daemon"
	until_true gone "$daemon"
	[ "$(root_of "$(daemon_pid)")" = "$root" ] || fail 'stopped and restarted, it has another root'
	json 'len(j) == 2 and j[0]["state"] == "live"' ls

	check 1 'nothing/here' rm nothing/here b
	check 0 '' rm a/segment
	check 1 'a/segment' show a/segment
	json 'j == []' ls
	until_true ends_with '"event": "disposed"'
	kill $watch_pid
	wait $watch_pid 2>/dev/null
	for event in died repaired changed reconnected removed; do
		ends_with "\"event\": \"$event\"" || fail "watch did not say '$event'"
	done
	if [ -n "$python" ]; then
		"$python" -c "import json, sys
[json.loads(line) for line in open('$scratch/events')]" || fail 'watch --json: a line is not JSON'
	fi
	conclude
}

subscribed() {
	"$ctl" stats | grep -q '^subscriptions  *1 '
}

[ "${1-}" = inside ] && inside

nobody="--socket=$scratch/nobody"

# Asked wrongly: status 2, and what would be right.
check 2 'command is missing' "$nobody"
check 2 'is not a command; there are ls' "$nobody" lss
[ "$(tr ' ' '\n' <"$err" | grep -c '^set,$')" = 1 ] || fail 'a command is named twice'
check 2 'unknown' --nonsense
check 2 'needs a value' --socket
check 2 'takes no arguments' "$nobody" ls x
check 2 "option '-x' is unknown" "$nobody" ls -x
check 2 'name is missing' "$nobody" show
check 2 "got 'b' too" "$nobody" show a b
check 2 'not an interval' "$nobody" show a --interval 0
check 2 'not an interval' "$nobody" show a --interval 1s
check 2 'not an interval' "$nobody" show a --interval 86401
check 2 '"\.\."' "$nobody" show a/../b
check 1 'cannot be opened' "$nobody" show ../a
check 2 'empty component' "$nobody" show a//b
check 2 'name is missing' "$nobody" create
check 2 'size is missing' "$nobody" create a
check 2 'not a size' "$nobody" create a --size 1X
check 2 'too large' "$nobody" create a --size 65T
check 2 'too large' "$nobody" create a --size 99999999999999999999
check 2 'too small' "$nobody" create a --size 0
check 2 'not a mode' "$nobody" create a --size 1M --mode 0755
check 2 'nobody attach' "$nobody" create a --size 1M --mode 0
check 2 'not a lifetime' "$nobody" create a --size 1M --lifetime always
check 2 'gone at once' "$nobody" create a --size 1M --lifetime while-attached
check 2 '1 to 65536' "$nobody" create a --size 1M --max-objects 0
check 2 '1 to 65536' "$nobody" create a --size 1M --max-participants 65537
check 2 'at most 127' "$nobody" create "$(printf 'x%.0s' $(seq 128))" --size 1M
check 2 'name is missing' "$nobody" rm
check 2 'character' "$nobody" rm 'a b'
check 2 'nothing is to be changed' "$nobody" set a
check 2 'neither a user' "$nobody" set a --owner no-such-user
check 2 'owners look like' "$nobody" set a --owner :
check 2 'neither a user' "$nobody" stats --user -1
check 2 'user is missing' "$nobody" limit
check 2 'neither a user' "$nobody" limit -- -1 segments=1
check 2 'RESOURCE=LIMIT is missing' "$nobody" limit 12345
check 2 'resources are segments, bytes' "$nobody" limit 12345 segment=1
check 2 'not of the form' "$nobody" limit 12345 segments
check 2 'sets again' "$nobody" limit 12345 segments=1 segments=2
check 2 'no number such as' "$nobody" limit 12345 segments=4K
check 2 'no number such as' "$nobody" limit 12345 segments=
check 2 'no size such as' "$nobody" limit 12345 bytes=4X
check 2 'is not an event' "$nobody" watch --events born
check 2 "got 'b' too" "$nobody" watch a b
check 2 'command is missing' run
check 2 'SHMREG_SOCKET' "$nobody" run true
check 0 'Usage' --help
check 0 '^shmregctl [0-9]' --version

# Nobody there: status 1, and how to start one.
for command in 'ls' 'show a' 'create a --size 1M' 'rm a' 'set a --mode 0600' 'limit 1 seats=1' stats watch; do
	# shellcheck disable=SC2086
	check 1 'shmregctl run' "$nobody" $command
done

# A private daemon: the command's status is ours, and nothing is left.
check_run 0 -- true
check_run 7 -- sh -c 'exit 7'
check_run 143 -- sh -c 'kill -TERM $$'
check_run 127 -- "$scratch/no-such-command"
check_run 126 -- "$scratch"
check_run 0 -- sh -c 'test -S "$SHMREG_SOCKET"'
check_run 1 --daemon-option=--nonsense -- true
XDG_RUNTIME_DIR="$scratch/runtime" check 1 'daemon PATH' run --daemon "$scratch/no" -- true
nothing_left || fail 'a daemon that could not be started left something'

inside_private || n_failed=$((n_failed + 1))
nothing_left || fail 'the commands left something behind'

# One that never is ready, and what it has started, end with it.
cat >"$scratch/never" <<'EOF'
#!/bin/sh
sh -c 'trap "" TERM INT; (trap "" TERM INT; sleep 1000) & sleep 1000' &
echo started >&2
wait
EOF
chmod +x "$scratch/never"
for signal in TERM INT; do
	: >"$err"
	become_run --daemon "$scratch/never" -- true >"$out" 2>"$err" &
	pid=$!
	until_true grep -q started "$err"
	kill -$signal $pid
	wait $pid
	status=$?
	case $signal:$status in
	TERM:143 | INT:130) ;;
	*) fail "SIG$signal before the daemon is ready: exit status $status" ;;
	esac
	nothing_left || fail "SIG$signal before the daemon is ready: something is left"
done

# It fails to become ready, and has started others: they end, too.
cat >"$scratch/fails" <<'EOF'
#!/bin/sh
sleep 1000 &
exit 3
EOF
chmod +x "$scratch/fails"
check_run 1 --daemon "$scratch/fails" -- true
grep -q 'status 3 before' "$err" || fail 'a daemon that exits at once: not said'

# Signals are the command's.
: >"$out"
become_run -- sh -c 'trap "exit 9" TERM; echo up; while :; do sleep 0.05; done' >"$out" 2>"$err" &
pid=$!
until_true grep -q up "$out"
kill -TERM $pid
wait $pid
status=$?
[ $status = 9 ] || fail "a forwarded signal: exit status $status, not 9"
until_true nothing_left

# Killed itself: all go with it.
: >"$out"
become_run -- sh -c 'echo up; exec sleep 1000' >"$out" 2>"$err" &
pid=$!
until_true grep -q up "$out"
kill -9 $pid
wait $pid 2>/dev/null
until_true nothing_left

# Its keeper killed: said, and nothing stays.
: >"$out"
become_run -- sh -c 'echo up; exec sleep 1000' >"$out" 2>"$err" &
pid=$!
until_true grep -q up "$out"
keeper=$(keeper_of $pid)
kill -9 "${keeper:-$pid}"
wait $pid
status=$?
[ $status = 1 ] || fail "its keeper was killed: exit status $status, not 1"
grep -q 'keeper' "$err" || fail 'its keeper was killed: not said'
until_true nothing_left

conclude
