#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What every command of shmregctl prints with --json is what its schema in ctl/schema says, and has no
# member that is not in it.
set -eu
# shellcheck source=tests/shell.sh
. "$(dirname "$0")/shell.sh"
prepare "$@"

fail() {
	echo "FAIL: $*"
	exit 1
}

if [ "${1-}" != inside ]; then
	"$python" -c 'import jsonschema' 2>/dev/null || skip "no python3-jsonschema"
	mkdir "$scratch/said"

	# Each command has a schema, or has nothing to say in JSON.
	for command in $("$top_builddir/shmregctl" --help | sed -n 's/^  \([a-z]*\)  *.*/\1/p' | sed '/^$/d' | sort -u); do
		case $command in
		push | cas | load | dump | restore | run | metrics) continue ;;
		esac
		[ -e "$top_srcdir/ctl/schema/$command.json" ] || fail "ctl/schema/$command.json is missing"
	done
	inside_private || exit
	"$python" "$top_srcdir/tests/json-schema.py" "$top_srcdir/ctl/schema" "$scratch/said"
	exit 0
fi

cd "$scratch/said"
# say FILE WORD...: what it prints, into a file.
say() {
	file=$1
	shift
	"$ctl" "$@" --json >"$file" || fail "shmregctl $* --json: exit status $?"
}
say create.json create w --size 4M
say create.dry.json create x --size 1M --dry-run
say set.json set w --mode 0660
say ls.none.json ls
peer_pid='' watcher=''
trap 'kill -9 $peer_pid $watcher 2>/dev/null || :' EXIT
start_peer w
"$ctl" watch --json >watch.lines &
watcher=$!
watching() { "$ctl" stats --json | grep -q '"subscriptions": {"used": [1-9]'; }
until_true watching
tell_peer hold

say ls.json ls
say show.json show w
say stats.json stats
say stats.user.json stats --user 0
say limit.json limit 12345 segments=7 bytes=none
say map.json map w
say advise.json advise w
"$ctl" doctor --json >doctor.json || :	# what is wrong with this machine is another matter
say top.json top --once --interval 0.05
say top.objects.json top --once --interval 0.05 w
say top.participants.json top --once --interval 0.05 --participants w
for object in events numbers/all counter samples log state frames shots news orders jobs; do
	say "top.object.$(echo $object | tr / .).json" top --once --interval 0.05 w $object
	say "peek.$(echo $object | tr / .).lines" peek w $object
done
say peek.all.lines peek w frames --all
say get.json get w counter
say get.state.lines get w state
say get.array.lines get w 'numbers/all[0..3]'
say pop.lines pop w jobs
say add.json add w counter 3
"$ctl" add w counter -- -3 >/dev/null

tell_peer busy
say show.interval.json show w --interval 0.1
say top.busy.json top --once --interval 0.1
say top.objects.busy.json top --once --interval 0.1 w
say top.object.busy.json top --once --interval 0.1 w samples
say snapshot.json snapshot w "$scratch/w.snap"
say show.file.json show "$scratch/w.snap"
say map.file.json map "$scratch/w.snap"
say advise.file.json advise "$scratch/w.snap"
say top.file.json top --once "$scratch/w.snap"

kill_peer
repaired() { grep -q '"died"' watch.lines && ! "$ctl" show w --json | grep -q '"state": "dead"'; }
until_true repaired
say show.repaired.json show w
say set.gone.json set w --lifetime while-attached
say create.again.json create y --size 1M
say rm.json rm y
until_true grep -q '"removed".*"y"' watch.lines
