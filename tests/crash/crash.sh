#!/bin/sh
# SPDX-License-Identifier: MIT
#
# crash.sh - all crash sweeps that were built, one table each; last line: wedged N, leaked N, lost N,
# duplicated N, cases N
#
#	SHMREG_CRASH_FULL=1	leave nothing out
#
# Exit 0: nothing wedged, leaked, or lost or duplicated beyond the contract; 77: cannot be run here.
set -u
cd "${top_builddir:-.}" || exit 99
full=
[ -z "${SHMREG_CRASH_FULL:-}" ] || full=--full
out=$(mktemp "${TMPDIR:-/tmp}/crash.XXXXXX") || exit 99
trap 'rm -f "$out" "$out.status"' EXIT
trap 'exit 1' HUP INT TERM

failed=0
# Each program's own sum goes into ours.
sweep() {
	{ ./"$@"; echo $? >"$out.status"; } | tee -a "$out" | grep -v '^wedged '
	read -r status <"$out.status"
	[ "$status" = 0 ] || [ "$status" = 77 ] || failed=1
}

programs=
for program in crash-*; do
	[ -f "$program" ] && [ -x "$program" ] && [ "$program" != crash-attach ] || continue
	programs="$programs $program"
done
[ -n "$programs" ] || { echo 'crash.sh: no crash-... was built here'; exit 99; }

echo 'Planted bugs, which must be found:'
for program in $programs; do
	echo "$program:"
	"./$program" --self-test
	status=$?
	[ $status != 77 ] || exit 77
	[ $status = 0 ] || failed=1
done
echo
for program in $programs; do
	sweep "$program" $full
	echo
done
if [ -x crash-attach ]; then sweep crash-attach; fi
awk '
	/^wedged / {
		gsub(",", "")
		wedged += $2; leaked += $4; lost += $6; duplicated += $8; cases += $10
	}
	END {
		printf "wedged %d, leaked %d, lost %d, duplicated %d, cases %d\n", \
			wedged, leaked, lost, duplicated, cases
		exit wedged + leaked + lost + duplicated > 0 || cases == 0
	}' "$out" || failed=1
exit $failed
