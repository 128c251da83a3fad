#!/bin/sh
# SPDX-License-Identifier: MIT
# The daemon makes as many system calls for each request as before.
set -u
: "${top_builddir:=.}" "${top_srcdir:=.}"
exec "$top_builddir/shmregctl" run --daemon "$top_builddir/shmregd" \
	--reaper "$top_builddir/shmreg-reaper" -- \
	"$top_builddir/requests" --check "$top_srcdir/bench/requests.list"
