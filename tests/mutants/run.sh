#!/bin/sh
# SPDX-License-Identifier: MIT
# Tests the tests: each bug of a list, put into a copy of the sources, must turn its test red.
# usage: run.sh LIST [NAME...]	(from the build tree; top_srcdir, top_builddir, CC, CHECK_CFLAGS, CHECK_LIBS)
set -eu
list=$1
shift
only=" $* "
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -R "$top_srcdir/libclient" "$top_srcdir/proto" "$work/"
mkdir "$work/tests"
cp "$top_srcdir"/tests/*.[ch] "$work/tests/"
lib=$(cd "$top_builddir/.libs" && pwd)

# build TEST OUT: from the copy; what is not in it comes from the library that was built.
build() {
	case $1 in
	tsan:*) sanitize=-fsanitize=thread test=${1#tsan:} ;;
	*) sanitize= test=$1 ;;
	esac
	(cd "$work" && $CC -std=gnu11 -O2 -g -w $sanitize -fno-strict-aliasing $CHECK_CFLAGS \
		-I"$config" -Itests -Ilibclient -Iproto \
		tests/$test.c tests/queue-plain.c libclient/queue-claim.c libclient/queue-stat.c \
		libclient/queue-bind.c libclient/*repair*.c proto/*.c \
		-L"$lib" -lshmreg -Wl,-rpath,"$lib" $CHECK_LIBS -lpthread -o "$2")
}
config=$(cd "$top_builddir" && pwd)

# One that hangs is as red as one that fails.
run() {
	SHMREG_TEST_PATIENCE=2 SHMREG_TEST_SCALE=0.5 TSAN_OPTIONS=halt_on_error=1 timeout -k 1 120 "$1" >"$work/log" 2>&1
}

tab=$(printf '\t')
tests=$(awk -F'\t' '!/^#/ && NF { print $3 }' "$list" | sort -u)
for t in $tests; do
	build "$t" "$work/green"
	run "$work/green" || { cat "$work/log"; echo "$t is red without a bug"; exit 1; }
done

killed=0 total=0 survivors=
while IFS=$tab read -r name file test sed; do
	case $name in '' | \#*) continue ;; esac
	[ "$only" = "  " ] || case $only in *" $name "*) ;; *) continue ;; esac
	total=$((total + 1))
	cp "$work/$file" "$work/original"
	sed -e "$sed" "$work/original" >"$work/$file"
	if cmp -s "$work/$file" "$work/original"; then
		result="SURVIVED: the bug is not in $file any more, its line has changed"
		survivors="$survivors $name"
	elif ! build "$test" "$work/mutant" 2>"$work/log"; then
		result="SURVIVED: does not compile: $(head -n 1 "$work/log")"
		survivors="$survivors $name"
	elif run "$work/mutant"; then
		result="SURVIVED $test"
		survivors="$survivors $name"
	else
		result="killed by $test"
		killed=$((killed + 1))
	fi
	cp "$work/original" "$work/$file"
	printf '%-34s %s\n' "$name" "$result"
done <"$list"
echo "mutants: $killed of $total killed${survivors:+, survivors:$survivors}"
[ -z "$survivors" ]
