#!/bin/sh
# SPDX-License-Identifier: MIT
# Each fast path takes the instructions that it took before.
set -u
: "${top_builddir:=.}" "${top_srcdir:=.}"
exec "$top_builddir/shmregctl" run --daemon "$top_builddir/shmregd" \
	--reaper "$top_builddir/shmreg-reaper" -- \
	"$top_builddir/instructions" --check "$top_srcdir/bench/instructions.list"
