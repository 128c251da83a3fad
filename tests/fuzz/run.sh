#!/bin/sh
# SPDX-License-Identifier: MIT
#
# run.sh - each of libFuzzer's targets for a while; README here says how to use it
#
# In the build directory. By `make check` for two seconds each, from the same seed every time, so
# that a change is judged by itself; by `make check-fuzz` as its variables say.

set -u

targets=${FUZZ_TARGETS:-}
seconds=${FUZZ_SECONDS:-2}
source=${top_srcdir:?run by make}/tests/fuzz

if [ -z "${FUZZ_CC:-}" ]; then
	FUZZ_CC=$(sed -n 's/^FUZZ_CC = *//p' Makefile)
fi
if [ -z "$FUZZ_CC" ]; then
	echo "skipped: no clang with libFuzzer was found by configure (Debian: clang and" \
		"libclang-rt-VERSION-dev)"
	exit 77
fi
[ -n "$targets" ] || targets=$(MAKEFLAGS= ${MAKE:-make} -s --no-print-directory fuzz-list)
MAKEFLAGS= ${MAKE:-make} -s fuzz-programs >fuzz-build.log 2>&1 || {
	tail -n 40 fuzz-build.log
	echo "the fuzzers do not build"
	exit 1
}

corpora=fuzz/corpus
if [ -z "${FUZZ_KEEP:-}" ]; then
	corpora=$(mktemp -d "${TMPDIR:-/tmp}/shmreg-fuzz-XXXXXX") || exit 1
	trap 'rm -rf "$corpora"' EXIT INT TERM
	set -- -seed="${FUZZ_SEED:-1}"
else
	set -- ${FUZZ_SEED:+-seed="$FUZZ_SEED"}
fi
mkdir -p fuzz/crashes

# Where processes may not trace each other, LeakSanitizer fails whatever the program did.
if ! fuzz/name -runs=0 >fuzz/leaks.log 2>&1 </dev/null && grep -q LeakSanitizer fuzz/leaks.log; then
	echo "LeakSanitizer cannot work here: leaks of memory are not looked for"
	ASAN_OPTIONS=detect_leaks=0
	export ASAN_OPTIONS
fi

failed=
for target in $targets; do
	corpus=$corpora/$target
	mkdir -p "$corpus"
	log=fuzz/$target.log
	"fuzz/$target" --seeds "$corpus" || exit 1
	for found in "$source/found/$target"/*; do
		[ ! -e "$found" ] || cp "$found" "$corpus"
	done
	dictionary=
	[ ! -f "$source/$target.dict" ] || dictionary=-dict=$source/$target.dict
	# A single input takes milliseconds: one of a minute never ends.
	if FUZZ_LAST=fuzz/crashes/$target-last "fuzz/$target" "$@" ${dictionary:+"$dictionary"} -max_total_time="$seconds" -timeout=60 \
		-rss_limit_mb=2048 -max_len=2048 -print_final_stats=1 \
		-artifact_prefix="fuzz/crashes/$target-" "$corpus" >"$log" 2>&1 </dev/null
	then
		rm -f "fuzz/crashes/$target-last"
		awk -v target="$target" '
			/ cov: / { for (i = 1; i < NF; i++) if ($i == "cov:") cov = $(i + 1) }
			/^stat::number_of_executed_units:/ { n = $2 }
			/^stat::average_exec_per_sec:/ { rate = $2 }
			END { printf "%-14s %10d inputs, %7d/s, %6d edges\n", target, n, rate, cov }' "$log"
	else
		failed="$failed $target"
		tail -n 60 "$log"
		echo "$target: FAILED; $log has everything, fuzz/crashes/$target-* is the input:" \
			"fuzz/$target FILE runs it again"
	fi
done
[ -z "$failed" ] || {
	echo "failed:$failed"
	exit 1
}
