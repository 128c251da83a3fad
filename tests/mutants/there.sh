#!/bin/sh
# SPDX-License-Identifier: MIT
# Each bug of the lists changes its file as that is now, and has a name of its own. Whether its test
# finds it takes a build each: make check-mutants.
set -u
: "${top_srcdir:=.}"
tab=$(printf '\t')
status=0

complain() {
	echo "$*"
	status=1
}

names=$(sed 's/[#\t].*//; /^$/d' "$top_srcdir"/tests/mutants/*.list | sort | uniq -d)
[ -z "$names" ] || complain "more than one bug each:" $names
for list in "$top_srcdir"/tests/mutants/*.list; do
	while IFS=$tab read -r name file test sed; do
		case $name in '' | \#*) continue ;; esac
		{ sed -e "$sed" "$top_srcdir/$file" || echo; } | cmp -s - "$top_srcdir/$file" &&
			complain "${list##*/}: $name is not in $file any more: its line has changed"
		[ -n "$sed" ] && [ -r "$top_srcdir/$file" ] || complain "${list##*/}: $name: $file, $test, $sed"
	done <"$list"
done
exit $status
