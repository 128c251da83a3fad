#!/bin/sh
# SPDX-License-Identifier: MIT
# The library exports what symbols.list says, all of it and nothing else, under one version.
set -eu
lib=$top_builddir/.libs/libshmreg.so
have=$(mktemp)
want=$(mktemp)
trap 'rm -f "$have" "$want"' EXIT
nm -D --defined-only --with-symbol-versions "$lib" | awk '{ print $3 }' | grep '@' |
	sed 's/@@*/ /' | LC_ALL=C sort >"$have"
unversioned=$(awk '$2 != "SHMREG_0.1" && $1 != $2 { print $1 }' "$have")
[ -z "$unversioned" ] || { echo "not of version SHMREG_0.1: $unversioned"; exit 1; }
awk '$1 != $2 { print $1 }' "$have" | grep -v '^SHMREG_' >"$have.names"
mv "$have.names" "$have"
grep -v '^#' "$srcdir/tests/symbols.list" | LC_ALL=C sort >"$want"
if ! cmp -s "$have" "$want"; then
	echo "exported but not in tests/symbols.list (make it hidden, or add it):"
	LC_ALL=C comm -23 "$have" "$want"
	echo "in tests/symbols.list but not exported (the ABI has lost it):"
	LC_ALL=C comm -13 "$have" "$want"
	exit 1
fi
