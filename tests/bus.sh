#!/bin/bash
# SPDX-License-Identifier: MIT
#
# bus.sh - administration over D-Bus, by busctl, at a bus of its own
#
# As root the bus has the policy that is installed, the daemon is the system's instance, and
# another user calls, too; else it is a session's.
set -u

build=$(cd "${top_builddir:?run by make check}" && pwd)
source=$(cd "${top_srcdir:?run by make check}" && pwd)

# shellcheck source=tests/shell.sh
. "$(dirname "$0")/shell.sh"

for program in dbus-daemon busctl; do
	command -v "$program" >/dev/null || skip "needs $program (Debian: dbus, systemd)"
done
needs shmregd shmreg-reaper shmregctl bus-peer

scratch=$(mktemp -d) || exit 99
chmod 755 "$scratch"
children=()
finish() {
	# Some may be stopped.
	for pid in "${children[@]}"; do
		kill -KILL "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 99' INT TERM HUP

address=unix:path=$scratch/bus
export SHMREG_SOCKET=$scratch/socket
ctl=$build/shmregctl
peer=$build/bus-peer
log=$scratch/daemon.log

fail() {
	echo "FAILED: $*"
	tail -n 20 "$log" | sed 's/^/  daemon: /'
	[ ! -s "$scratch/said" ] || tail -n 20 "$scratch/said" | sed 's/^/  said: /'
	exit 1
}

step() {
	echo "* $*"
}

# --- the bus ------------------------------------------------------------------------------------
if [ "$(id -u)" -eq 0 ]; then
	system=yes
	cat >"$scratch/bus.conf" <<-END
	<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
	 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
	<busconfig>
	  <type>system</type>
	  <listen>$address</listen>
	  <auth>EXTERNAL</auth>
	  <policy context="default">
	    <allow user="*"/>
	    <deny own="*"/>
	    <deny send_type="method_call"/>
	    <allow send_type="signal"/>
	    <allow send_requested_reply="true" send_type="method_return"/>
	    <allow send_requested_reply="true" send_type="error"/>
	    <allow receive_type="method_call"/>
	    <allow receive_type="method_return"/>
	    <allow receive_type="error"/>
	    <allow receive_type="signal"/>
	    <allow send_destination="org.freedesktop.DBus"/>
	  </policy>
	  <include>$scratch/org.shmreg.Registry1.conf</include>
	</busconfig>
	END
	# The user may not be there, where the service is not installed.
	sed '/<policy user="shmreg">/,/<\/policy>/d' "$source/systemd/org.shmreg.Registry1.conf" \
		>"$scratch/org.shmreg.Registry1.conf"
	instance=(--system "--socket=$SHMREG_SOCKET" --bus=yes)
	export DBUS_SYSTEM_BUS_ADDRESS=$address
else
	system=
	cat >"$scratch/bus.conf" <<-END
	<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
	 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
	<busconfig>
	  <type>session</type>
	  <listen>$address</listen>
	  <policy context="default">
	    <allow send_destination="*" eavesdrop="true"/>
	    <allow eavesdrop="true"/>
	    <allow own="*"/>
	  </policy>
	</busconfig>
	END
	instance=("--socket=$SHMREG_SOCKET" --bus=yes)
	export DBUS_SESSION_BUS_ADDRESS=$address
fi

start_bus() {
	rm -f "$scratch/bus"
	dbus-daemon --config-file="$scratch/bus.conf" --nofork --nopidfile --nosyslog \
		>>"$scratch/bus.log" 2>&1 &
	bus_pid=$!
	children+=("$bus_pid")
	until_true test -S "$scratch/bus"
}

kill_child() {
	kill -KILL "$1"
	wait "$1" 2>/dev/null
}

start_daemon() {
	"$build/shmregd" --config=/dev/null --reaper="$build/shmreg-reaper" --log-level=debug \
		"${instance[@]}" "$@" >>"$log" 2>&1 &
	daemon_pid=$!
	children+=("$daemon_pid")
	until_true served
}

served() {
	"$ctl" ls >/dev/null 2>&1
}

on_bus() {
	busctl --address="$address" "$@"
}

named() {
	on_bus get-property org.shmreg.Registry1 /org/shmreg/Registry1 org.shmreg.Registry1 Version \
		>/dev/null 2>&1
}

call() {
	on_bus call org.shmreg.Registry1 /org/shmreg/Registry1 org.shmreg.Registry1 "$@" \
		>"$scratch/said" 2>&1
}

# good TEXT WORD...: the call succeeds, and says TEXT (a pattern of grep).
good() {
	local text=$1
	shift
	call "$@" || fail "the call $* was refused"
	[ -z "$text" ] || grep -q -e "$text" "$scratch/said" ||
		fail "the call $* does not say '$text'"
}

bad() {
	local text=$1
	shift
	! call "$@" || fail "the call $* was not refused"
	grep -q -e "$text" "$scratch/said" || fail "the refusal of $* does not say '$text'"
}

property() {
	on_bus get-property org.shmreg.Registry1 /org/shmreg/Registry1 org.shmreg.Registry1 "$1"
}

private=(org.shmreg.Registry1 /org/shmreg/Registry1/Private org.shmreg.Registry1.Private)
private_property_is() {
	[ "$(on_bus get-property "${private[@]}" "$1")" = "$2" ]
}

property_is() {
	[ "$(property "$1")" = "$2" ]
}

# The most that it has ever had.
peak_kib() {
	sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$daemon_pid/status"
}

heard() {
	grep -qx -e "$1" "$scratch/${2:-signals}"
}

# --- the tests ----------------------------------------------------------------------------------
step "no bus at all: the socket is served"
start_daemon
"$ctl" create early --size 64K || fail "create"
grep -q 'cannot reach the .* bus' "$log" || fail "the daemon does not say that there is no bus"

step "a bus comes, and the registry appears"
start_bus
until_true named
"$peer" listen "$address" >"$scratch/signals" &
children+=($!)
until_true heard listening

step "what it says of itself is what proto/ has"
for object in /org/shmreg/Registry1 /org/shmreg/Registry1/Private; do
	on_bus introspect --xml-interface org.shmreg.Registry1 $object || fail "introspect"
done >"$scratch/said"
interface() {
	sed -n "/<interface name=\"${1//./\\.}\">/,/<\/interface>/p" "$2"
}
for name in org.shmreg.Registry1 org.shmreg.Registry1.Private; do
	diff <(interface $name "$scratch/said") \
		<(interface $name "$source/proto/org.shmreg.Registry1.xml") ||
		fail "$name and proto/org.shmreg.Registry1.xml differ"
done
[ "$(interface org.shmreg.Registry1 "$scratch/said" | grep -c '<method name')" -eq 7 ] ||
	fail "there are not seven methods"
[ "$(interface org.shmreg.Registry1.Private "$scratch/said" | grep -c '<signal name')" -eq 9 ] ||
	fail "there are not nine signals for root"
: >"$scratch/said"

step "each method"
"$ctl" create dir/open --size 64K --mode 0644 || fail "create"
"$ctl" create closed --size 64K --mode 0600 || fail "create"
good '^a(tsa{sv}) 3 1 "early" .*"dir/open" .*"closed" ' List
good '"Name" s "dir/open" .*"Mode" u 420 .*"DataBytes" t 65536' Describe s dir/open
good '"Name" s "dir/open"' Describe s '#2'
good "\"PageBytes\" t $(getconf PAGESIZE) \"Huge\" s \"none\" \"HugeErrno\" u 0 \"Numa\" s \"default\" \"NumaNodes\" t 0 \"Reserve\" b false" \
	Describe s dir/open
# Hardly anybody has pages of 1 GiB to spare.
"$ctl" create placed --size 64K --huge 1G --numa interleave:0 --mlock 2>/dev/null &&
	good '"Huge" s "1G" "HugeErrno" u [0-9]* "Numa" s "interleave" "NumaNodes" t 1 "Reserve" b true "Prefault" b false "Lock" b true' \
		Describe s placed && "$ctl" rm placed
good '' Set 'sa{sv}' dir/open 2 Mode u 432 Lifetime s until-removed
good '"Mode" u 432 ' Describe s dir/open
good '' Set 'sa{sv}' dir/open 3 Group u "$(id -g)" Owner u "$(id -u)" Mode u 420
good "\"Owner\" u $(id -u) \"Group\" u $(id -g) \"Mode\" u 420" Describe s '#2'
good '^a{s(tt)} 8 "segments" 3 500 ' Limits u 4294967295
good '^a{s(tt)} 8 "segments" 3 ' Limits u "$(id -u)"
good '' Remove s closed
! "$ctl" ls | grep -q closed || fail "what was removed is listed"

step "each refusal says what is wrong"
bad 'there is no segment "nobody/here"' Describe s nobody/here
bad 'there is no segment 99' Describe s '#99'
bad '"#0" is no segment.s id' Describe s '#0'
bad '"#1x" is no segment.s id' Remove s '#1x'
bad 'is no segment.s name, it ' Describe s 'a//b'
bad 'is no segment.s name, it ' Describe s ''
bad 'is no segment.s name, it ' Describe s "$(printf '%0200d' 0)"
bad 'there is no "Colour" to set' Set 'sa{sv}' early 1 Colour u 3
bad "Mode has the type 's', but must be a number 'u'" Set 'sa{sv}' early 1 Mode s 0644
bad "Lifetime has the type 'u', but must be a string 's'" Set 'sa{sv}' early 1 Lifetime u 1
bad '"long" is no lifetime' Set 'sa{sv}' early 1 Lifetime s long
bad 'mode 1000 is none' Set 'sa{sv}' early 1 Mode u 512
bad 'nothing is to be changed' Set 'sa{sv}' early 0
bad 'Mode is given twice' Set 'sa{sv}' early 2 Mode u 1 Mode u 2
bad 'Owner is given twice' Set 'sa{sv}' early 3 Owner u 1 Group u 1 Owner u 1
bad '"colours" is no resource' SetLimit ust 4294967295 colours 3
bad 'nvalid argument' Describe u 3
bad 'nknown method' Frobnicate
good '"Mode" u 384 ' Describe s early

step "limits are set, and hold"
good '' SetLimit ust 4294967295 segments 7
grep -q "set each uid's limit of segments to 7" "$log" || fail "the log does not say so"
bad 'root has no limits' SetLimit ust 0 segments 3
bad 'one uid.s can be unset' UnsetLimit us 4294967295 segments
good '' SetLimit ust 12345 segments 3
if [ "$system" ]; then
	good '"segments" 0 3 ' Limits u 12345
	good '' UnsetLimit us 12345 segments
	good '"segments" 0 7 ' Limits u 12345
	good '"segments" 0 7 ' Limits u 65534
else
	good '"segments" 2 7 ' Limits u "$(id -u)"
fi

step "properties, and a signal when they have changed"
private_property_is Segments 't 2' || fail "Segments is not 2"
private_property_is Deaths 't 0' || fail "Deaths is not 0"
property_is Pid "u $daemon_pid" || fail "Pid is $(property Pid)"
property_is MaxSegments 't 500' || fail "MaxSegments is $(property MaxSegments)"
until_true heard 'org.freedesktop.DBus.Properties PropertiesChanged /org/shmreg/Registry1'
until_true heard 'org.freedesktop.DBus.Properties PropertiesChanged /org/shmreg/Registry1/Private'

step "signals"
"$peer" hold held >"$scratch/held" &
holder=$!
children+=("$holder")
until_true heard held held
for signal in Created Attached ObjectCreated; do
	until_true heard "org.shmreg.Registry1 $signal held"
done
kill_child "$holder"
for signal in Died Repaired; do
	until_true heard "org.shmreg.Registry1 $signal held"
done
"$ctl" rm held || fail "rm"
for signal in Removed Disposed; do
	until_true heard "org.shmreg.Registry1 $signal held"
done
"$ctl" set dir/open --mode 0664 || fail "set"
until_true heard 'org.shmreg.Registry1 Changed dir/open'
# Of those that not everybody may read, the name alone.
heard 'org.shmreg.Registry1 Created closed' || fail "Created closed"
until_true heard 'org.shmreg.Registry1.Private Disposed closed'
! heard 'org.shmreg.Registry1 Disposed closed' || fail "everybody hears of 'closed'"

if [ "$system" ]; then
	step "another user is let in as at the socket, and hears no more than he may"
	as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	# What is ours may lie where he may not look, in root's home, for example.
	there=()
	"${as[@]}" sh -c '[ -x "$0" ]' "$peer" ||
		there=(--inh-caps=-all,+dac_read_search --ambient-caps=-all,+dac_read_search)
	"${as[@]}" "${there[@]}" "$peer" listen "$address" >"$scratch/signals-other" &
	children+=($!)
	until_true heard listening signals-other
	other() {
		"${as[@]}" busctl --address="$address" call org.shmreg.Registry1 \
			/org/shmreg/Registry1 org.shmreg.Registry1 "$@" >"$scratch/said" 2>&1
	}
	refused() {
		local text=$1
		shift
		! other "$@" || fail "another user's $* was not refused"
		grep -q -e "$text" "$scratch/said" || fail "his refusal of $* does not say '$text'"
	}
	other List || fail "another user cannot list"
	grep -q '"early" 3 "Id" t 1 "Name" s "early" "Access" s "none" 2 "dir/open" 25 .*"Access" s "read" ' \
		"$scratch/said" || fail "another user sees something else"
	other Describe s early || fail "another user cannot describe"
	! grep -q Owner "$scratch/said" || fail "another user sees whose a closed segment is"
	refused 'may remove it' Remove s dir/open
	refused 'may change it' Set 'sa{sv}' dir/open 1 Mode u 0
	refused 'only its owner and root may change' Set 'sa{sv}' early 1 Owner u 65534
	refused 'only root may set limits' SetLimit ust 4294967295 segments 0
	refused 'only root may set limits' SetLimit ust 65534 segments 9
	refused 'only root may set limits' UnsetLimit us 65534 segments
	refused 'not that of uid 0' Limits u 0
	other Limits u 65534 || fail "another user cannot see his own account"
	other Limits u 4294967295 || fail "another user cannot see the whole registry's limits"
	grep -q '"segments" 18446744073709551615 500 ' "$scratch/said" ||
		fail "another user sees the sums of all: $(cat "$scratch/said")"
	"${as[@]}" busctl --address="$address" get-property org.shmreg.Registry1 \
		/org/shmreg/Registry1 org.shmreg.Registry1 MaxSegments >"$scratch/said" ||
		fail "another user cannot see a property"
	! "${as[@]}" busctl --address="$address" get-property "${private[@]}" Segments \
		>"$scratch/said" 2>&1 || fail "another user sees the sums of all"
	grep -q 'Access denied' "$scratch/said" || fail "another user's get-property"
	! "${as[@]}" busctl --address="$address" set-property org.shmreg.Registry1 \
		/org/shmreg/Registry1 org.shmreg.Registry1 Requests t 5 2>/dev/null ||
		fail "a statistic can be set"
	[ "$("${as[@]}" "${there[@]}" "$peer" own "$address")" = EACCES ] || fail "another user may have the name"
	# What is his, he administers; groups count, too.
	good '' Set 'sa{sv}' early 1 Owner u 65534
	other Set 'sa{sv}' early 1 Mode u 0 || fail "an owner cannot change his segment"
	refused 'only root may give' Set 'sa{sv}' early 1 Owner u 0
	good '' Set 'sa{sv}' dir/open 2 Group u 7 Mode u 416
	other Describe s dir/open || fail "Describe"
	grep -q '"Access" s "none"' "$scratch/said" || fail "others have access: $(cat "$scratch/said")"
	as=(setpriv --reuid 65534 --regid 65534 --groups 7)
	other Describe s dir/open || fail "Describe"
	grep -q '"Access" s "read"' "$scratch/said" || fail "a supplementary group counts for nothing"
	other Remove s early || fail "an owner cannot remove his segment"
	"$ctl" create early --size 64K || fail "create"

	"$ctl" create quiet --size 64K --mode 0600 || fail "create"
	"$ctl" set quiet --mode 0640 || fail "set"
	"$ctl" rm quiet || fail "rm"
	until_true heard 'org.shmreg.Registry1 Removed quiet' signals-other
	until_true heard 'org.shmreg.Registry1.Private Disposed quiet'
	until_true heard 'org.shmreg.Registry1.Private Changed quiet'
	"$ctl" create loud --size 64K --mode 0644 || fail "create"
	"$ctl" rm loud || fail "rm"
	until_true heard 'org.shmreg.Registry1 Disposed loud' signals-other
	! grep -q Private "$scratch/signals-other" || fail "another user hears what is not for him"
fi

if [ "$system" ]; then
	step "a daemon to which the bus does not give the name serves its socket"
	mkdir "$scratch/other"
	chown 65534 "$scratch/other"
	"${as[@]}" "${there[@]}" "$build/shmregd" --config=/dev/null --reaper="$build/shmreg-reaper" --system \
		--bus=yes --socket="$scratch/other/socket" >"$scratch/other.log" 2>&1 &
	nameless=$!
	children+=("$nameless")
	until_true grep -q 'the system bus does not give the name org.shmreg.Registry1: ' \
		"$scratch/other.log"
	SHMREG_SOCKET=$scratch/other/socket "$ctl" ls >/dev/null || fail "its socket is not served"
	kill -TERM "$nameless"
	wait "$nameless" || fail "it did not end well"
	property_is Pid "u $daemon_pid" || fail "Pid is $(property Pid)"
fi

step "more happens than a bus should be bothered with: some is counted only"
"$peer" churn 700 || fail "churn"
until_true heard 'org.shmreg.Registry1 Lost '
# Until that was said, what comes later is not told of either.
heard_again() {
	"$ctl" create after --size 64K --mode 0644 && "$ctl" rm after || fail "create and rm"
	heard 'org.shmreg.Registry1 Created after'
}
until_true heard_again

step "a client floods and does not read; others are served over bus and socket"
before=$(peak_kib)
"$peer" flood "$address" 2000 >"$scratch/flood" &
flooder=$!
children+=("$flooder")
for _ in 1 2 3 4 5; do
	served || fail "the socket is not served"
	until_true call List
done
until_true heard flooded flood
echo "  $(property Requests) requests, $(property Refused) of them refused"
until_true named
good '"early"' List
echo "  peak of memory before $before KiB, after $(peak_kib) KiB"
[ "$(peak_kib)" -lt $((before + 32768)) ] || fail "the daemon has grown from $before to $(peak_kib) KiB"
kill_child "$flooder"
good '"early"' List

step "a bus that does not read: the socket is served, and memory stays"
before=$(peak_kib)
kill -STOP "$bus_pid"
"$peer" churn 1500 || fail "churn"
"$ctl" create meanwhile --size 64K || fail "create"
echo "  peak of memory before $before KiB, after $(peak_kib) KiB"
[ "$(peak_kib)" -lt $((before + 16384)) ] || fail "the daemon has grown from $before to $(peak_kib) KiB"
kill -CONT "$bus_pid"
until_true named
good '"meanwhile"' List
until_true served

step "the bus is killed, and another one comes: the registry is back"
for _ in 1 2; do
	kill_child "$bus_pid"
	until_true grep -q 'lost the .* bus' "$log"
	served || fail "the socket is not served"
	: >"$log"
	start_bus
	until_true named
	good '"early"' List
done

step "the daemon is killed: the next has the name"
kill_child "$daemon_pid"
start_daemon
until_true named
property_is Pid "u $daemon_pid" || fail "Pid is $(property Pid)"
good '^a(tsa{sv}) 0' List

step "a daemon that starts while the bus does not answer serves its socket, and is named later"
kill_child "$daemon_pid"
kill -STOP "$bus_pid"
start_daemon
"$ctl" create early --size 64K || fail "create"
kill -CONT "$bus_pid"
until_true named
good '"early"' List

step "two instances: the second has the name when the first ends"
first=$daemon_pid
SHMREG_SOCKET=$scratch/second
start_second() {
	local arguments=("${instance[@]/#--socket=*/--socket=$scratch/second}")

	instance=("${arguments[@]}")
	start_daemon
}
start_second
until_true grep -q 'another instance is' "$log"
kill -TERM "$first"
wait "$first" || fail "the first did not end well"
until_true named
property_is Pid "u $daemon_pid" || fail "Pid is $(property Pid)"

step "bus = no, by a reload: it leaves the bus and goes on"
kill -TERM "$daemon_pid"
wait "$daemon_pid" || fail "it did not end well"
echo 'bus = yes' >"$scratch/config"
"$build/shmregd" --config="$scratch/config" --reaper="$build/shmreg-reaper" \
	"${instance[@]/--bus=yes/--log-level=debug}" >>"$log" 2>&1 &
daemon_pid=$!
children+=("$daemon_pid")
until_true named
echo 'bus = no' >"$scratch/config"
kill -HUP "$daemon_pid"
not_named() {
	! named
}
until_true not_named
served || fail "the socket is not served"
echo 'bus = yes' >"$scratch/config"
kill -HUP "$daemon_pid"
until_true named

step "an end in order"
kill -TERM "$daemon_pid"
wait "$daemon_pid" || fail "it did not end well"
echo "all well"
