#!/bin/sh
# SPDX-License-Identifier: MIT
# Tests the tests: each bug of the lists, put into a copy of the sources, must turn its test red.
# usage: run.sh [NAME...]	only these bugs
# with top_srcdir, top_builddir (absolute), CC, CHECK_CFLAGS, CHECK_LIBS in the environment, and
# LISTS: names of lists without .list, separated by spaces; default: all
set -eu
# Check's own of 4 s is too short for a busy machine; what a bug makes hang costs as much.
CK_DEFAULT_TIMEOUT=${CK_DEFAULT_TIMEOUT:-30}
export CK_DEFAULT_TIMEOUT
only=" $* "
work=$(mktemp -d)
list=$work/list
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
cp -R "$top_srcdir/libclient" "$top_srcdir/proto" "$top_srcdir/daemon" "$top_srcdir/ctl" "$work/"
mkdir "$work/tests"
cp "$top_srcdir"/tests/*.[ch] "$work/tests/"
cp -R "$top_srcdir/tests/crash" "$work/tests/"
for name in ${LISTS:-$(cd "$top_srcdir/tests/mutants" && ls | sed -n 's/\.list$//p')}; do
	cat "$top_srcdir/tests/mutants/$name.list"
done >"$list"

# From the copy; what is not in it comes from the library that was built. What is in it is whole
# in libshmregd-core.la, or in libstructures.la and librepair.la, whose sources local.mk names.
sources_of() {
	sed -n "/^$1_SOURCES/,/[^\\\\]\$/s/^[[:space:]]*\([a-z]*\/[a-z-]*\.c\).*/\1/p" \
		"$top_srcdir/$2/local.mk" | tr '\n' ' '
}
# parts_of PROGRAM DIRECTORY: what a program has from there, by what Automake made of it
parts_of() {
	make -s --no-print-directory -C "$top_builddir" \
		--eval "parts:;@echo \$(filter $2/%.c,\$($1_SOURCES))" parts | tail -n 1
}
core=$(sources_of libshmregd_core_la daemon)
shell=$(sources_of shmregd daemon)
structures="$(sources_of libstructures_la libclient) $(sources_of librepair_la libclient)"
# Tests with a daemon, of what is not of one structure: with the whole library from the copy.
client="$(sources_of libshmreg_la libclient) $(sources_of libsnapshot_la libclient) $structures
	$(sources_of libharness_la tests)
	tests/actor.c tests/failing.c"
programs="-Ilibclient -DSHMREGD='\"$top_builddir/shmregd\"' -DSHMREG_REAPER='\"$top_builddir/shmreg-reaper\"'
	-DFAILING_REAPER='\"$top_builddir/failing-reaper\"'"
cat >"$work/Makefile" <<'EOF'
helpers = $(wildcard tests/plain.c tests/*-plain.c) tests/asleep.c
sources = $(if $(core),$(core),$(structures) $(helpers)) $(wildcard proto/*.c) $(main) $(more)
objects = $(sources:%.c=$(out)/%.o)
$(out)/$(test): $(objects)
	$(CC) $(flags) $^ -L$(top_builddir)/.libs -lshmreg -Wl,-rpath,$(top_builddir)/.libs \
		-Wl,-z,now $(CHECK_LIBS) $(libs) -lpthread -o $@
$(out)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O2 -g -w $(flags) -fno-strict-aliasing $(CHECK_CFLAGS) -MMD \
		-I$(top_builddir) -Itests $(if $(filter daemon/%,$(core)),-Idaemon,-Ilibclient -Itests/crash) -Iproto -c $< -o $@
-include $(objects:.o=.d)
EOF

# build TEST: sets program
build() {
	case $1 in
	# gcc's sanitizer does not see a memcpy() that became moves
	tsan:*) flags="-fsanitize=thread -fno-builtin-memcpy" out=tsan ;;
	*) flags= out=plain ;;
	esac
	test=${1#tsan:} more= sources= arguments= libs= limit=300
	main=tests/$test.c
	case $test in
	crash-*)
		arguments=${test#*:} test=${test%%:*}
		subject=${test#crash-}
		main=$(cd "$work/tests/crash" && ls case.c crash-main.c image.c inside.c rig.c sweep-race.c sweep.c \
			tally.c tracer.c "$subject.c" \
			"$subject"-*.c 2>/dev/null | sed 's,^,tests/crash/,' | tr '\n' ' ')
		[ "$subject" != queue ] ||
			libs=-Wl,--wrap=futex_wait_any,--wrap=futex_wake,--wrap=futex_clear_and_wake
		;;
	# What is built is the daemon, for a test that is there.
	test-daemon-* | test-death)
		make -s -C "$top_builddir" "$test" shmreg-reaper >"$work/log" 2>&1 || return 1
		main= sources="$core $shell" out=daemon libs="-lsystemd -linih -lev"
		flags='-DPKGLIBEXECDIR=\"/nonexistent\" -DSYSCONFDIR=\"/nonexistent\"'
		;;
	# What is built is shmregctl, for a test that is a script. It has what it needs from the library.
	*.sh)
		main= sources=$(parts_of shmregctl ctl) out=ctl libs=-lncursesw
		flags='-DBINDIR=\"/nonexistent\" -DSYSCONFDIR=\"/nonexistent\"'
		flags="$flags "'-DDBUSPOLICYDIR=\"/nonexistent\"'
		;;
	test-advice | test-doctor | test-fdstore | test-format | test-json | test-openmetrics | test-rate | \
		test-show-json | test-text | test-top)
		sources=$(parts_of "$(echo "$test" | tr - _)" ctl)
		flags=-Ictl out=parts libs="-lsystemd -lm"
		;;
	test-inspect*)
		sources="$(parts_of test_inspect ctl) $structures tests/inspect-world.c
			$(cd "$work" && echo tests/plain.c tests/*-plain.c)"
		flags=-Ictl out=inspect
		;;
	test-log) sources=daemon/log.c out=lines ;;
	test-token) more=daemon/token.c sources=$core out=core ;;
	test-registry-kill) more="tests/kill-operations.c tests/stepper.c tests/registry-fixture.c" sources=$core out=core ;;
	test-registry-model)
		more="tests/registry-model.c tests/registry-model-object.c tests/registry-model-segment.c
			tests/registry-fixture.c"
		sources=$core out=core ;;
	test-registry* | test-directory*) more=tests/registry-fixture.c sources=$core out=core ;;
	test-pool-recall) more="tests/crash/inside.c tests/syscalls.c" ;;
	test-pool-wait-steps | test-queue-look-again) more=tests/crash/inside.c ;;
	test-queue-batch) more=tests/stepper.c ;;
	test-queue-wreckage*) more=tests/queue-wreck.c ;;
	test-queue-torture) more="tests/queue-torture.c tests/torture.c" ;;
	test-object-wait* | test-segment-wait | test-wait-any* | test-wake-kill | test-many-sleepers | test-event | test-watch* | test-placement-nodes)
		more="tests/asleep.c tests/alone.c" sources=$(echo $client) flags=$(echo $flags $programs) out=client-$out limit=30 ;;
	test-ring-torture) more="tests/ring-torture.c tests/torture.c" ;;
	test-ring-wait | test-records-wait) more=tests/ring-waits.c ;;
	test-wake-order) more="tests/crash/inside.c tests/syscalls.c tests/torture.c" ;;
	test-wait-stress) more="tests/syscalls.c tests/torture.c" ;;
	test-*-torture) more=tests/torture.c ;;
	esac
	program=$work/$out/$test
	make -s -C "$work" -f Makefile "test=$test" "main=$main" "more=$more" \
		"core=$sources" "structures=$structures" "flags=$flags" "libs=$libs" \
		"out=$out" \
		>"$work/log" 2>&1
}

# One that hangs is as red as one that fails.
run() {
	case $test in
	test-daemon-* | test-death)
		SHMREG_TEST_HARNESS_PATIENCE=10 SHMREG_TEST_DAEMON=$program timeout -k 1 300 \
			"$top_builddir/$test" >"$work/log" 2>&1
		return
		;;
	*.sh)
		SHMREG_TEST_CTL=$program timeout -k 1 300 sh "$top_srcdir/tests/$test" >"$work/log" 2>&1
		return
		;;
	esac
	SHMREG_TEST_PATIENCE=2 SHMREG_TEST_SCALE=0.5 TSAN_OPTIONS=halt_on_error=1 \
		timeout -k 1 "$limit" "$program" ${arguments:+--only "$arguments"} >"$work/log" 2>&1
}

tab=$(printf '\t')
while IFS=$tab read -r name file test sed; do
	case $name in '' | \#*) continue ;; esac
	[ "$only" = "  " ] || case $only in *" $name "*) ;; *) continue ;; esac
	echo "$test"
done <"$list" | sort -u >"$work/tests.list"
while read -r test; do
	build "$test" && run || { cat "$work/log"; echo "$test is red without a bug"; exit 1; }
done <"$work/tests.list"

killed=0 total=0 survivors=
while IFS=$tab read -r name file test sed; do
	case $name in '' | \#*) continue ;; esac
	[ "$only" = "  " ] || case $only in *" $name "*) ;; *) continue ;; esac
	total=$((total + 1))
	cp "$work/$file" "$work/original"
	sed -e "$sed" "$work/original" >"$work/$file"
	if cmp -s "$work/$file" "$work/original"; then
		result="SURVIVED: the bug is not in $file any more, its line has changed"
	elif ! build "$test"; then
		result="SURVIVED: does not compile: $(grep -m 1 error "$work/log")"
	elif run; then
		result="SURVIVED $test"
	else
		result="killed by $test"
	fi
	cp "$work/original" "$work/$file"
	case $result in
	killed*) killed=$((killed + 1)) ;;
	*) survivors="$survivors $name" ;;
	esac
	printf '%-34s %s\n' "$name" "$result"
done <"$list"
echo "mutants: $killed of $total killed${survivors:+, survivors:$survivors}"
[ -z "$survivors" ]
