#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What every command of shmregctl prints with --json is what its schema in ctl/schema says, and has no
# member that is not in it.
set -eu
if [ "${1-}" != inside ]; then
	python=$(command -v python3) && "$python" -c 'import jsonschema' 2>/dev/null ||
		{ echo "skipped: no python3-jsonschema"; exit 77; }
	top_builddir=$(cd "$top_builddir" && pwd)
	top_srcdir=$(cd "$top_srcdir" && pwd)
	work=$(mktemp -d)
	export top_builddir top_srcdir work
	trap 'rm -rf "$work"' EXIT
	mkdir "$work/out"

	# Each command has a schema, or has nothing to say in JSON.
	for command in $("$top_builddir/shmregctl" --help | sed -n 's/^  \([a-z]*\)  *.*/\1/p' | sed '/^$/d' | sort -u); do
		case $command in
		push | cas | load | dump | restore | run | metrics) continue ;;
		esac
		[ -e "$top_srcdir/ctl/schema/$command.json" ] ||
			{ echo "FAIL: ctl/schema/$command.json is missing"; exit 1; }
	done
	"$top_builddir/shmregctl" run --daemon "$top_builddir/shmregd" \
		--reaper "$top_builddir/shmreg-reaper" -- sh ${TRACE:+-x} "$0" inside || exit 1
	"$python" "$top_srcdir/tests/json-schema.py" "$top_srcdir/ctl/schema" "$work/out"
	exit 0
fi

cd "$work/out"
ctl=$top_builddir/shmregctl
# say FILE WORD...: what it prints, into a file.
say() {
	file=$1
	shift
	"$ctl" "$@" --json >"$file" || { echo "FAIL: shmregctl $* --json: exit status $?"; exit 1; }
}
# until_true COMMAND...: gives up after a time that only a hang takes.
until_true() {
	patience=1200
	until "$@"; do
		patience=$((patience - 1))
		[ $patience -gt 0 ] || { echo "FAIL: waited in vain for: $*"; exit 1; }
		sleep 0.05
	done
}

say create.json create w --size 4M
say create.dry.json create x --size 1M --dry-run
say set.json set w --mode 0660
say ls.none.json ls
peer='' watcher=''
trap 'kill -9 $peer $watcher 2>/dev/null || :' EXIT
mkfifo "$work/in"
exec 3<>"$work/in"
"$top_builddir/ctl-peer" w <&3 >"$work/peer" &
peer=$!
"$ctl" watch --json >watch.lines &
watcher=$!
watching() { "$ctl" stats --json | grep -q '"subscriptions": {"used": [1-9]'; }
until_true watching
echo hold >&3
until_true grep -q hold "$work/peer"

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

echo busy >&3
until_true grep -q busy "$work/peer"
say show.interval.json show w --interval 0.1
say top.busy.json top --once --interval 0.1
say top.objects.busy.json top --once --interval 0.1 w
say top.object.busy.json top --once --interval 0.1 w samples
say snapshot.json snapshot w "$work/w.snap"
say show.file.json show "$work/w.snap"
say map.file.json map "$work/w.snap"
say advise.file.json advise "$work/w.snap"
say top.file.json top --once "$work/w.snap"

kill -9 $peer
repaired() { grep -q '"died"' watch.lines && ! "$ctl" show w --json | grep -q '"state": "dead"'; }
until_true repaired
say show.repaired.json show w
say set.gone.json set w --lifetime while-attached
say create.again.json create y --size 1M
say rm.json rm y
until_true grep -q '"removed".*"y"' watch.lines
