#!/bin/sh
# SPDX-License-Identifier: MIT
# Operations on a cell compile to what C11's operations on an _Atomic compile to, byte for
# byte; those of a typed wrapper to one load more.
set -eu
command -v objdump >/dev/null 2>&1 || { echo "no objdump"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/code.c" <<'EOF'
#include <stdatomic.h>
#include <shmreg/atomic.h>
#define BOTH(n, type, op, ours, theirs) \
	type ours_##n##_##op(type *a, type *e, type v); \
	type ours_##n##_##op(type *a, type *e, type v) { (void)e; (void)v; return (type)ours; } \
	type c11_##n##_##op(_Atomic type *a, type *e, type v); \
	type c11_##n##_##op(_Atomic type *a, type *e, type v) { (void)e; (void)v; return (type)theirs; }
#define WIDTH(n, type) \
	BOTH(n, type, load, shmreg_atomic##n##_load(a), atomic_load(a)) \
	BOTH(n, type, load_acquire, shmreg_atomic##n##_load_acquire(a), atomic_load_explicit(a, memory_order_acquire)) \
	BOTH(n, type, load_relaxed, shmreg_atomic##n##_load_relaxed(a), atomic_load_explicit(a, memory_order_relaxed)) \
	BOTH(n, type, store, (shmreg_atomic##n##_store(a, v), 0), (atomic_store(a, v), 0)) \
	BOTH(n, type, store_release, (shmreg_atomic##n##_store_release(a, v), 0), (atomic_store_explicit(a, v, memory_order_release), 0)) \
	BOTH(n, type, exchange, shmreg_atomic##n##_exchange(a, v), atomic_exchange(a, v)) \
	BOTH(n, type, cas, shmreg_atomic##n##_compare_exchange(a, e, v), atomic_compare_exchange_strong(a, e, v)) \
	BOTH(n, type, cas_acq_rel, shmreg_atomic##n##_compare_exchange_acq_rel(a, e, v), \
	     atomic_compare_exchange_strong_explicit(a, e, v, memory_order_acq_rel, memory_order_acquire)) \
	BOTH(n, type, add, shmreg_atomic##n##_fetch_add(a, v), atomic_fetch_add(a, v)) \
	BOTH(n, type, add_relaxed, shmreg_atomic##n##_fetch_add_relaxed(a, v), atomic_fetch_add_explicit(a, v, memory_order_relaxed)) \
	BOTH(n, type, sub, shmreg_atomic##n##_fetch_sub(a, v), atomic_fetch_sub(a, v)) \
	BOTH(n, type, and, shmreg_atomic##n##_fetch_and(a, v), atomic_fetch_and(a, v)) \
	BOTH(n, type, or, shmreg_atomic##n##_fetch_or(a, v), atomic_fetch_or(a, v)) \
	BOTH(n, type, xor, shmreg_atomic##n##_fetch_xor(a, v), atomic_fetch_xor(a, v))
WIDTH(8, uint8_t)
WIDTH(16, uint16_t)
WIDTH(32, uint32_t)
WIDTH(64, uint64_t)
SHMREG_DEFINE_ATOMIC(counter, uint64_t);
uint64_t wrapped(struct counter *c);
uint64_t wrapped(struct counter *c) { return counter_fetch_add(c, 1); }
uint64_t plain(_Atomic uint64_t *c);
uint64_t plain(_Atomic uint64_t *c) { return atomic_fetch_add(c, 1); }
EOF
${CC:-cc} -std=gnu11 -O2 -I"$top_srcdir/libclient" -I"$top_srcdir/proto" -c "$work/code.c" -o "$work/code.o"
# One line a function: its name, then its instructions without addresses.
objdump -d --no-show-raw-insn "$work/code.o" | awk '
	/^[0-9a-f]+ <.*>:$/ { name = $2; gsub(/[<>:]/, "", name); next }
	/^ +[0-9a-f]+:/ {
		sub(/^ +[0-9a-f]+:[ \t]*/, ""); gsub(/<[^>]*>/, ""); gsub(/[ \t]+/, " ");
		# a jump within the function: its target differs only by where the function lies
		if ($1 ~ /^(j|b|cb|tb)/) $NF = "";
		# padding between functions
		if ($0 !~ /nop/ && $0 != "xchg %ax,%ax") code[name] = code[name] $0 ";" }
	END { for (name in code) print name, code[name] }' >"$work/functions"
differ=$(awk '{ name = $1; $1 = ""; code[name] = $0 }
	END { for (name in code) if (name ~ /^ours_/) {
		other = name; sub(/^ours_/, "c11_", other); n++
		if (code[name] != code[other]) print name ":" code[name] " |" code[other] }
	      if (n != 56) print n " functions compared instead of 56" }' "$work/functions")
[ -z "$differ" ] || { echo "$differ"; exit 1; }
# instructions that touch memory
count() { sed -n "s/^$1 //p" "$work/functions" | tr ';' '\n' | grep -c '[[(]'; }
[ "$(count wrapped)" -le "$(($(count plain) + 1))" ] || {
	grep -e '^wrapped' -e '^plain' "$work/functions"
	exit 1
}
echo "56 operations, the same code"
