#!/bin/sh
# SPDX-License-Identifier: MIT
#
# crash.sh - all crash sweeps, one table each; last line: wedged N, leaked N, lost N, cases N
#
#	SHMREG_CRASH_FULL=1	leave nothing out
#
# Exit 0: nothing wedged, leaked, or lost beyond the contract; 77: cannot be run here.
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

echo 'Planted bugs, which must be found:'
./crash-queue --self-test
status=$?
[ $status != 77 ] || exit 77
[ $status = 0 ] || failed=1
echo
sweep crash-queue $full
echo
if [ -x crash-attach ]; then sweep crash-attach; fi
awk '
	/^wedged / {
		gsub(",", "")
		wedged += $2; leaked += $4; lost += $6; cases += $8
	}
	END {
		printf "wedged %d, leaked %d, lost %d, cases %d\n", wedged, leaked, lost, cases
		exit wedged + leaked + lost > 0 || cases == 0
	}' "$out" || failed=1
exit $failed
