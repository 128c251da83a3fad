#!/bin/sh
# SPDX-License-Identifier: MIT
# libshmreg needs libc and nothing else.
set -eu
lib=$top_builddir/.libs/libshmreg.so
if nm -D "$lib" | grep -q -e __asan_ -e __tsan_; then
	echo "built with a sanitizer, which brings libraries of its own"
	exit 77
fi
needed=$(readelf -d "$lib" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
for name in $needed; do
	case $name in
	libc.so.* | ld-linux*) ;;
	*) echo "libshmreg needs $name"; exit 1 ;;
	esac
done
[ -n "$needed" ] || { echo "readelf shows nothing"; exit 1; }
! grep -q '^Requires' "$top_builddir/libclient/shmreg.pc" || { echo "shmreg.pc requires something"; exit 1; }
