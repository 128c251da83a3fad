#!/bin/bash
# SPDX-License-Identifier: MIT
#
# doctor.sh - shmregctl doctor and advise: each check on something that is broken in just that way, and
# all of them where all is well
#
# Broken installations are directories with --root, programs of our own in $PATH, and sockets with
# something else behind them. The machine that this runs on may have faults of its own, so that
# checks are looked for by their names. tests/system/doctor has a real systemd.
set -u

# shellcheck source=tests/shell.sh
. "$(dirname "$0")/shell.sh"
prepare "$@"
needs failing-reaper .libs/libdoctor-lies.so
lies=$top_builddir/.libs/libdoctor-lies.so
[ -n "$python" ] || skip "needs python3"
# So that nobody else's is met.
export XDG_RUNTIME_DIR="$scratch/runtime"
shmregd="$top_builddir/shmregd"
# A part inside says something while we do.
out="$scratch/out.${1-}" err="$scratch/err.${1-}"
: >"$out"
: >"$err"

# doctor WORD...: looks, and keeps what it says as JSON in $out; one finding a line in $found.
doctor() {
	"$ctl" --json doctor --daemon "$shmregd" "$@" >"$out" 2>"$err"
	status=$?
	found=$(sed 's/}, {/}\n{/g' "$out" | sed -n 's/.*\({"severity": .*}\).*/\1/p')
}

# Lines of $found that have this.
of() {
	grep -F -e "$1" <<<"$found"
}

# finds SEVERITY CHECK [TEXT]: there is this, with something to type if it is no ok.
finds() {
	local line
	line=$(of "\"severity\": \"$1\", \"check\": \"$2\"" | grep -F -e "${3-}") || fail "no $1 $2 ${3-}"
	case $1:$line in
	ok:*) ;;
	*'"type": null'*) fail "there is nothing to type about $2" ;;
	esac
	[ "$1" != error ] || [ "$status" = 1 ] || fail "$2 is an error, and the exit status $status"
}

# No error, no warning; but the machine that this runs on may have what faults it likes.
is_well() {
	! grep -E '"severity": "(warning|error)"' <<<"$found" | grep -v '"check": "machine\.' |
		grep . || fail 'all should be well'
}

lacks() {
	! of "\"check\": \"$1\"" | grep -v '"severity": "ok"' | grep . || fail "there is $1"
}

# lied_to VARIABLE=VALUE WORD...: the same by one that sees what is not so, see doctor-lies.c.
lied_to() {
	export "$1"
	export LD_PRELOAD="$lies" ASAN_OPTIONS="${ASAN_OPTIONS-}:verify_asan_link_order=0"
	doctor "${@:2}"
	unset LD_PRELOAD "${1%%=*}"
}

run() {
	"$ctl" run --daemon "$daemon" --reaper "$reaper" "$@"
}

# --- inside of a private daemon -------------------------------------------------------------------

is_stopped() {
	grep -q '^State:[[:space:]]*T' "/proc/$peer_pid/status"
}

dead() {
	"$ctl" show "$1" | grep -q dead
}

inside_well() {
	"$ctl" create a/segment --size 1M || fail create
	start_peer a/segment
	tell_peer hold
	doctor
	[ "$status" = 0 ] || fail "exit status $status where all is well"
	python3 -m json.tool <"$out" >/dev/null || fail 'not JSON'
	is_well
	for check in socket.mode socket.version socket.library install.version config.file registry.limit \
		registry.quota registry.repairs registry.program machine.kernel machine.files \
		files.directory service segment.contents; do
		finds ok "$check"
	done
	# What it says to people: nothing but errors, warnings and notes, unless asked.
	"$ctl" doctor --daemon "$shmregd" >"$out" 2>"$err" || fail "doctor: exit status $?"
	! grep -q '^ok' "$out" || fail 'it says what is well'
	grep -q '0 errors, .* checks are fine' "$out" || fail 'it does not count'
	"$ctl" doctor --verbose --daemon "$shmregd" a/segment >"$out" 2>"$err" || fail "doctor: exit status $?"
	grep -q '^ok .*a/segment: .*words' "$out" || fail 'it does not say what is well'

	# They work, and nothing is wrong with that.
	tell_peer busy
	for _ in 1 2 3 4 5; do
		doctor a/segment
		is_well
	done
	tell_peer idle

	# They would be wrong if it were otherwise.
	lied_to "DOCTOR_GONE=$peer_pid" a/segment
	finds error segment.ghost "pid $peer_pid"
	lied_to DOCTOR_LIBRARY=9.9.9
	finds warning socket.library 'version 9.9.9'

	# The same of a snapshot, which no daemon is asked about.
	"$ctl" snapshot a/segment "$scratch/snapshot" >/dev/null || fail snapshot
	doctor --socket /nowhere "$scratch/snapshot"
	[ "$status" = 0 ] || fail "a snapshot: exit status $status"
	is_well
	finds ok segment.contents
	"$ctl" --socket /nowhere advise "$scratch/snapshot" >"$out" 2>"$err" || fail 'advise of a snapshot'
	grep -q '^samples ' "$out" || fail 'advise of a snapshot'

	# A topic that lost messages is too small; what was never used says nothing.
	doctor a/segment
	finds note object.small
	"$ctl" show a/segment >"$out" 2>"$err" || fail "show: exit status $?"
	grep -q '^note: news is too small (3 messages lost)' "$out" || fail 'show: no note'
	"$ctl" advise a/segment >"$out" 2>"$err" || fail "advise: exit status $?"
	grep -q '^news .* 3 messages lost .* larger .* 8 ' "$out" || fail 'advise: news'
	grep -q '^	shmregctl create a/segment --size 64K --mode 0600 ' "$out" || fail 'advise: create'
	"$ctl" --json advise a/segment >"$out" 2>"$err" || fail "advise: exit status $?"
	python3 -c "import json, sys
o = {x['name']: x for x in json.load(open('$out'))['objects']}
sys.exit(not (o['numbers/all']['verdict'] == 'none' and o['samples']['high_water'] == 3 and
	'\"samples\", 8' in o['samples']['code'] and o['state']['code'] is None))" || fail 'advise --json'
}

inside_stopped() {
	kill -STOP "$peer_pid"
	until_true is_stopped
	doctor a/segment
	finds note segment.stopped "$peer_pid"
	of segment.stopped | grep -q "\"type\": \"kill -CONT $peer_pid\"" || fail 'it does not say what to type'
	kill -CONT "$peer_pid"
}

inside_garbled() {
	local seed
	for seed in 1 2 3 4; do
		tell_peer garble $seed
		"$ctl" snapshot --force a/segment "$scratch/snapshot" >/dev/null || fail snapshot
		doctor "$scratch/snapshot"
		finds error object.seat
		doctor
		of '"check": "queue.' | grep -q '"severity": "error"' || fail 'no queue is garbled'
		finds error object.seat
		[ "$status" = 1 ] || fail "garbled, and exit status $status"
		"$ctl" advise a/segment >"$out" 2>"$err" || fail "advise: exit status $?"
	done
	kill_peer
}

# Who dies held something, and has written over everything: in one segment or another it cannot be told.
inside_senseless() {
	local seed
	for seed in 1 2 3 4 5 6; do
		"$ctl" create "senseless/$seed" --size 64K || fail create
		start_peer "senseless/$seed"
		tell_peer hold
		tell_peer garble $seed
		kill_peer
	done
	until_true gave_up
	doctor
	finds warning registry.gave-up
}

gave_up() {
	"$ctl" stats --json | grep -q '"n_gave_up": [1-9]'
}

# What the directory of a registry whose daemon has a limit, and whose program was replaced, says.
inside_limit() {
	"$ctl" create one --size 4K && "$ctl" create two --size 4K || fail create
	rm "$scratch/old-shmregd"
	doctor
	finds warning registry.limit 'segments'
	finds warning registry.program 'old-shmregd'
}

# Its reaper takes its time, and then fails until it is given up.
inside_reaper() {
	"$ctl" create q --size 64K || fail create
	start_peer q
	tell_peer hold
	kill_peer
	until_true dead q
	doctor q
	finds warning segment.unrepaired
	: >"$scratch/held"
	until_true quarantined q
	doctor
	finds error segment.quarantined
	finds warning registry.reaper
	finds note segment.access
}

quarantined() {
	"$ctl" ls | grep -q "^$1 .*quarantined"
}

if [ "${1-}" = inside ]; then
	shift
	for part in "$@"; do
		"inside_$part"
	done
	conclude
fi

daemon=$shmregd reaper=$top_builddir/shmreg-reaper
part() {
	run "${options[@]}" -- "$0" inside "$@" || n_failed=$((n_failed + 1))
}
options=()
part well stopped garbled senseless
cp "$shmregd" "$scratch/old-shmregd" 2>/dev/null
if file "$shmregd" 2>/dev/null | grep -q script || head -c 2 "$shmregd" | grep -q '#!'; then
	cp "$top_builddir/.libs/shmregd" "$scratch/old-shmregd"
fi
daemon=$scratch/old-shmregd options=(--daemon-option --max-segments=2)
part limit
echo held >"$scratch/held"
daemon=$shmregd options=()
printf 'xxxxxx' >"$scratch/failures"
cat >"$scratch/reaper" <<END
#!/bin/sh
exec $top_builddir/failing-reaper hold $scratch/failures $scratch/held $reaper
END
chmod +x "$scratch/reaper"
reaper=$scratch/reaper
part reaper

# --- nobody, or somebody else, at the socket -------------------------------------------------------

export SHMREG_SOCKET="$scratch/socket"
# Behind it is what python makes of $1: a listening socket s.
behind() {
	rm -f "$SHMREG_SOCKET" "$scratch/ready"
	python3 -c "
import socket, struct, sys, time
def packet(protocol, version=b'9.9.9'):
    head = struct.pack('=IHHQiI', 0x50474d53, protocol, 0x8001, 1, 0, 0)
    return (head + struct.pack('=QII32s', 7, 0, 1, version)).ljust(1024, b'\0')
$1
open('$scratch/ready', 'w').close()
$2
" &
	server=$!
	until_true [ -e "$scratch/ready" ]
}
gone() {
	kill $server 2>/dev/null
	wait $server 2>/dev/null
}
packets='s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.bind("'$SHMREG_SOCKET'")
s.listen()'
serve='
while True:
    c = s.accept()[0]
    c.recv(1024)
    c.send('

doctor
finds error socket.file 'there is no socket'
echo >"$SHMREG_SOCKET"
doctor
finds error socket.file 'no socket'
behind 's = socket.socket(socket.AF_UNIX); s.bind("'"$SHMREG_SOCKET"'"); s.listen()' 'time.sleep(999)'
doctor
finds error socket.connect 'another program'
gone
doctor
finds error socket.connect 'nobody listens'
behind "$packets" "${serve}b'hello')"
doctor
finds error socket.answer 'does not answer as'
gone
behind "$packets" "${serve}packet(99))"
doctor
finds error socket.protocol 'protocol 99'
gone
behind "$packets" "${serve}packet(1))"
doctor
finds warning socket.version '9.9.9'
gone
behind "$packets" 'time.sleep(999)'
doctor
finds error socket.answer '10 seconds'
gone
# Nobody accepts those who wait, and more may not.
behind "${packets%)}0)
c = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
c.connect('$SHMREG_SOCKET')" 'time.sleep(999)'
doctor
finds error socket.connect 'does not accept'
gone
if [ "$(id -u)" -ne 0 ]; then
	mkdir -m 0 "$scratch/closed"
	doctor --socket "$scratch/closed/socket"
	finds error socket.file 'cannot be reached'
	chmod 0700 "$scratch/closed"
fi

# --- another root ---------------------------------------------------------------------------------

root=$scratch/root
system() {
	PATH="$scratch/bin:$PATH" doctor --socket /run/shmregd/control --root "$root" "$@"
}
conf=$root$(sed -n 's/^sysconfdir = //p' "$top_builddir/Makefile" | sed "s|\${prefix}|$(sed -n 's/^prefix = //p' "$top_builddir/Makefile")|")/shmregd.conf
reaper=$("$shmregd" --config=/dev/null --print-config | sed -n 's/^reaper = //p')
mkdir -p "$scratch/bin" "$root/run/shmregd" "$root/run/systemd/system" "$root/dev/shm" "$root/tmp" \
	"$(dirname "$conf")" "$(dirname "$root$reaper")" "$root/proc/sys/vm" "$root/proc/sys/fs" \
	"$root/proc/self" "$root/sys/fs/cgroup/a" "$root/sys/kernel/mm/transparent_hugepage"
chmod 0755 "$root/run/shmregd"
echo '# nothing' >"$conf"
chmod 0644 "$conf"
cp /bin/true "$root$reaper"
printf '#!/bin/sh\nfor unit; do :; done\ncat "%s/units/$unit"\n' "$scratch" >"$scratch/bin/systemctl"
printf '#!/bin/sh\necho "no such name"; exit 1\n' >"$scratch/bin/busctl"
chmod +x "$scratch/bin/"*
mkdir "$scratch/units"
cat >"$scratch/units/shmregd.service" <<END
LoadState=loaded
ActiveState=inactive
Restart=always
RuntimeDirectoryPreserve=yes
User=shmreg
FileDescriptorStoreMax=4096
LimitNOFILESoft=131072
NRestarts=0
WatchdogUSec=30s
NeedDaemonReload=no
END
printf 'LoadState=loaded\nActiveState=active\nUnitFileState=enabled\nSocketMode=0666\n' \
	>"$scratch/units/shmregd.socket"
printf 'MemTotal: 16000000 kB\nMemAvailable: 9000000 kB\nHugePages_Total: 0\nHugePages_Free: 0\n' \
	>"$root/proc/meminfo"
echo 65530 >"$root/proc/sys/vm/max_map_count"
echo 0 >"$root/proc/sys/vm/overcommit_memory"
printf '100\t0\t100000\n' >"$root/proc/sys/fs/file-nr"
echo '0::/a' >"$root/proc/self/cgroup"
echo max >"$root/sys/fs/cgroup/a/memory.max"
echo 1000 >"$root/sys/fs/cgroup/a/memory.current"
echo 'always within_size advise [never] deny force' \
	>"$root/sys/kernel/mm/transparent_hugepage/shmem_enabled"

system
finds ok config.file 'is well'
finds ok install.reaper
for check in files.directory service.socket service.enabled service.state service.fd-store service.watchdog \
	machine.memory machine.cgroup machine.hugetlb machine.huge-pages machine.max-map-count files.shm; do
	lacks "$check"
done

# It answers, and is not on the bus.
mkdir -m 0755 "$XDG_RUNTIME_DIR/shmregd"
own=$XDG_RUNTIME_DIR/shmregd/control
"$shmregd" --config=/dev/null --socket "$own" --reaper "$top_builddir/shmreg-reaper" --log-level=warning &
server=$!
until_true [ -S "$own" ]
system --socket "$own"
finds note bus.name 'no such name'
of bus.name | grep -q 'systemctl --user status dbus' || fail 'it is not said how to look at the bus'
gone

echo 'max-segmnts = 7' >"$conf"
system
finds error config.file "max-segments"
echo 'max-segments = 2000' >"$conf"
chmod 0666 "$conf"
sed -i 's/StoreMax=4096/StoreMax=1000/' "$scratch/units/shmregd.service"
system
finds error config.mode
finds warning service.fd-store '499 segments; max-segments is 2000'
chmod 0644 "$conf"
rm "$root$reaper"
system
finds error install.reaper
doctor --daemon /bin/false
finds error install.daemon
printf '#!/bin/sh\necho shmregd 9.9.9\n' >"$scratch/bin/shmregd"
chmod +x "$scratch/bin/shmregd"
doctor --daemon "$scratch/bin/shmregd"
finds warning install.version '9.9.9'

sed -i 's/ActiveState=inactive/ActiveState=failed/; s/Reload=no/Reload=yes/' "$scratch/units/shmregd.service"
sed -i 's/=enabled/=disabled/; s/=active/=inactive/' "$scratch/units/shmregd.socket"
system
finds error service.state
finds warning service.reload
finds error service.socket
finds warning service.enabled
printf '#!/bin/sh\nexit 1\n' >"$scratch/bin/systemctl"
system
finds warning service 'cannot be asked'
rm -r "$root/run/systemd"
system
finds note service 'not run by systemd'

chmod 0777 "$root/run/shmregd"
touch "$root/run/shmregd/control.old"
mkdir "$root/tmp/shmreg-run.AbCdEf"
head -c 100000 /dev/zero >"$root/dev/shm/psm_old"
touch -d '3 days ago' "$root/dev/shm/psm_old"
system
finds error files.directory
finds note files.stranger 'control.old'
finds note files.run 'shmreg-run.AbCdEf'
if [ "$(id -u)" -eq 0 ]; then
	finds note files.shm 'psm_old'
	# Somebody has it open; or it is young.
	exec 7<"$root/dev/shm/psm_old"
	system
	lacks files.shm
	exec 7<&-
	touch "$root/dev/shm/psm_old"
	system
	lacks files.shm
fi
exec 7>"$root/tmp/shmreg-run.AbCdEf/control.lock"
flock -x 7
system
lacks files.run
exec 7>&-

echo 100 >"$root/proc/sys/vm/max_map_count"
printf '99999\t0\t100000\n' >"$root/proc/sys/fs/file-nr"
printf 'MemTotal: 16000000 kB\nMemAvailable: 9000 kB\nHugePages_Total: 9\nHugePages_Free: 8\n' \
	>"$root/proc/meminfo"
echo 1010 >"$root/sys/fs/cgroup/a/memory.max"
system
finds warning machine.max-map-count
finds error machine.file-max
finds warning machine.memory
finds note machine.hugetlb
finds warning machine.cgroup

# --- asked wrongly ---------------------------------------------------------------------------------

for words in 'doctor a b' 'doctor --nonsense' 'doctor a//b' 'advise' 'advise a b' 'advise --nonsense'; do
	# shellcheck disable=SC2086
	"$ctl" $words >"$out" 2>"$err"
	status=$?
	[ "$status" = 2 ] && [ -s "$err" ] || fail "shmregctl $words: exit status $status"
done
conclude
