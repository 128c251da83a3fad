#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Section 3: each function that libshmreg exports and each SHMREG_DEFINE_...() is in a page, under its
# own name, and what the pages' synopses declare is what the headers declare.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
fail() {
	echo "FAIL: $*"
	failed=1
}
headers=$(cd "$top_srcdir" && echo libclient/shmreg/*.h proto/shmreg/*.h proto/shmreg/abi/*.h)
pages=$(echo "$top_builddir"/man/*.3)

# shellcheck disable=SC2086
sed -n '/^\.Sh NAME/,/^\.Nd/s/^\.Nm \([a-z0-9_]*\).*/\1/p' $pages | sort -u >"$work/named"
grep -v '^#' "$top_srcdir/tests/symbols.list" | sort -u >"$work/exported"
[ "$(wc -l <"$work/named")" -gt 200 ] || fail "the pages name only $(wc -l <"$work/named") functions"

# Those that no page names are for the headers' own inline functions, and the headers say so.
comm -23 "$work/exported" "$work/named" >"$work/unnamed"
while read -r symbol; do
	for header in $headers; do
		case $header in *-inline.h | */wake.h) continue ;; esac
		awk -v symbol="$symbol" '
			/^\/\*/ { internal = 0; comment = 1 }
			comment && /Not for applications/ { internal = 1 }
			/\*\// { comment = 0 }
			!comment && !/^[ \t#]/ && $0 ~ "(^|[ *])" symbol "\\(" { bad = !internal }
			END { exit bad }' "$top_srcdir/$header" ||
			fail "$symbol() is in $header for applications, and in no page"
	done
done <"$work/unnamed"

for macro in $(cd "$top_srcdir" && sed -n 's/^#define \(SHMREG_DEFINE_[A-Z_]*\)(.*/\1/p' libclient/shmreg/*.h); do
	# shellcheck disable=SC2086
	grep -q "^\.Fn $macro " $pages || fail "$macro() is in no page's synopsis"
done

# Each name leads to the page that has it.
while read -r link page; do
	[ -s "$top_builddir/man/$page" ] || [ -s "$top_srcdir/man/$page" ] || fail "$link leads to $page, which is not there"
done <"$top_builddir/man/links"
for page in $pages; do
	sed -n '/^\.Sh NAME/,/^\.Nd/s/^\.Nm \([a-z0-9_]*\).*/\1/p' "$page" | while read -r name; do
		[ "$name.3" = "${page##*/}" ] || grep -q "^$name\.3 ${page##*/}\$" "$top_builddir/man/links" ||
			echo "$name"
	done
done >"$work/unlinked"
[ ! -s "$work/unlinked" ] || fail "man does not find: $(tr '\n' ' ' <"$work/unlinked")"

# A declaration that contradicts one before it does not compile.
for page in $pages; do
	name=${page##*/}
	macro=$(sed -n 's/^\.Fn \(SHMREG_DEFINE_[A-Z_]*\) .*/\1/p' "$page")
	{
		echo '#include <shmreg.h>'
		echo '#include <shmreg/abi/directory.h>'
		case $macro in
		'') ;;
		SHMREG_DEFINE_OBJECT_QUEUE)
			echo 'SHMREG_DEFINE_POOL(POOL, int);'
			echo 'SHMREG_DEFINE_OBJECT_QUEUE(NAME, POOL);'
			;;
		*)
			echo 'typedef uint64_t TYPE;'
			echo "$macro(NAME, TYPE);"
			;;
		esac
		sed -n '/^\.Sh SYNOPSIS/,/^\.Sh DESC/p' "$page" | awk '
			/^\.Ft / { sub(/^\.Ft /, ""); gsub(/"/, ""); type = $0 }
			/^\.Fo / { text = type " " $2 "("; comma = "" }
			/^\.Fa / { sub(/^\.Fa /, ""); gsub(/"/, ""); text = text comma $0; comma = ", " }
			/^\.Fc/ { print text ");" }'
	} >"$work/$name.c"
	${CC:-cc} -std=gnu11 -Werror -I"$top_srcdir/libclient" -I"$top_srcdir/proto" -fsyntax-only \
		"$work/$name.c" || fail "$name declares something else than the headers"
	[ "$(grep -c ');$' "$work/$name.c")" -gt 1 ] || fail "$name declares nothing"
done
exit $failed
