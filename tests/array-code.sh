#!/bin/sh
# SPDX-License-Identifier: MIT
# Loops over an array compile to what the same loops over memory of one's own compile to: instruction
# by instruction, whatever the registers are. With the checks of debug builds they do not, which
# shows that what is compared are the loops.
set -eu
command -v objdump >/dev/null 2>&1 || { echo "no objdump"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/code.c" <<'EOF'
#include <shmreg/array.h>
struct line { uint64_t word[8]; };
SHMREG_DEFINE_ARRAY(words, uint64_t);
SHMREG_DEFINE_ARRAY(lines, struct line);
#define NEXT(x) (x * UINT64_C(6364136223846793005) + 1442695040888963407)
/* Elements of @type of @self: BEGIN(s) is said before the loop, AT(a, i) in it; WORD(e) is a word of one. */
#define LOOPS(who, what, self, type, BEGIN, AT, WORD) \
	uint64_t who##_read_##what(self *s, uint64_t n); \
	uint64_t who##_read_##what(self *s, uint64_t n) \
	{ BEGIN(s); uint64_t sum = 0; for (uint64_t i = 0; i < n; i++) sum += WORD(AT(a, i)); return sum; } \
	void who##_write_##what(self *s, uint64_t n, type v); \
	void who##_write_##what(self *s, uint64_t n, type v) \
	{ BEGIN(s); for (uint64_t i = 0; i < n; i++) { WORD(v) = i; AT(a, i) = v; } } \
	uint64_t who##_read_random_##what(self *s, uint64_t n); \
	uint64_t who##_read_random_##what(self *s, uint64_t n) \
	{ BEGIN(s); uint64_t x = 1, sum = 0; \
	  for (uint64_t i = 0; i < n; i++) { x = NEXT(x); sum += WORD(AT(a, x >> 50)); } return sum; } \
	void who##_write_random_##what(self *s, uint64_t n, type v); \
	void who##_write_random_##what(self *s, uint64_t n, type v) \
	{ BEGIN(s); uint64_t x = 1; \
	  for (uint64_t i = 0; i < n; i++) { x = NEXT(x); WORD(v) = i; AT(a, x >> 50) = v; } }
#define ITSELF(e) (e)
#define FIRST(e) ((e).word[0])
#define HEAP(s) __auto_type const a = s
#define INDEX(a, i) ((a)[i])
#define HANDLE HEAP
#define WORDS_AT(a, i) (*words_at(a, i))
#define LINES_AT(a, i) (*lines_at(a, i))
#define WORDS_DATA(s) uint64_t *const a = words_data(s)
#define LINES_DATA(s) struct line *const a = lines_data(s)
LOOPS(at, 8, struct words, uint64_t, HANDLE, WORDS_AT, ITSELF)
LOOPS(data, 8, struct words, uint64_t, WORDS_DATA, INDEX, ITSELF)
LOOPS(heap, 8, uint64_t, uint64_t, HEAP, INDEX, ITSELF)
#ifndef __clang__	/* which thinks that a copied struct may lie in the handle */
LOOPS(at, 64, struct lines, struct line, HANDLE, LINES_AT, FIRST)
#endif
LOOPS(data, 64, struct lines, struct line, LINES_DATA, INDEX, FIRST)
LOOPS(heap, 64, struct line, struct line, HEAP, INDEX, FIRST)
EOF
# One line a function: its name, then the instructions of its loops (from the target of a jump back
# to the jump), without addresses and with all registers alike.
loops() {
	${CC:-cc} -std=gnu11 -O2 "$@" -I"$top_srcdir/libclient" -I"$top_srcdir/proto" \
		-c "$work/code.c" -o "$work/code.o"
	objdump -d --no-show-raw-insn "$work/code.o" | awk '
		function end(  i, j, code) {
			for (j = 1; j <= n; j++)
				if (j in to && to[j] in line && line[to[j]] <= j)
					for (i = line[to[j]]; i <= j; i++)
						if (insn[i] !~ /^(nop|data16|cs )/) code = code insn[i] ";"
			if (name != "") print name, code
			n = 0; split("", line); split("", to); split("", insn)
		}
		/^[0-9a-f]+ <.*>:$/ { end(); name = $2; gsub(/[<>:]/, "", name); next }
		/^ +[0-9a-f]+:/ {
			at = $1; sub(/:$/, "", at); line[at] = ++n
			sub(/^ +[0-9a-f]+:[ \t]*/, "")
			gsub(/[ \t]*<[^>]*>/, ""); gsub(/[ \t]+/, " "); sub(/ $/, "")
			if ($1 ~ /^(j|b$|b\.|cb|tb)/) { to[n] = $NF; $NF = "" }
			gsub(/%[a-z0-9]+/, "R")					# x86
			while (match($0, /[ ,[{][wxqdvbhs]([0-9]+|zr)/))	# ARM
				$0 = substr($0, 1, RSTART) "R" substr($0, RSTART + RLENGTH)
			insn[n] = $0
		}
		END { end() }'
}
# Those whose loops differ from those of the heap's, with both; in the end how many were compared.
compare() {
	awk -v kind="$1" '{ name = $1; $1 = ""; code[name] = $0 }
	END { for (name in code) if (name ~ kind "_") {
		heap = name; sub(kind, "heap", heap); n++
		if (code[name] != code[heap] || code[name] ~ /^ *$/)
			print name ":" code[name] " |" code[heap] }
	      print n + 0 }'
}
loops -DNDEBUG >"$work/loops"
for kind in at data; do
	compare $kind <"$work/loops" >"$work/$kind"
	n=$(tail -n 1 "$work/$kind")
	[ "$(wc -l <"$work/$kind")" -eq 1 ] && [ "$n" -ge 4 ] || { cat "$work/$kind"; exit 1; }
	echo "$n loops over what $kind() gives, the same code"
done
loops -DSHMREG_DEBUG=1 | compare at >"$work/at"
[ "$(($(wc -l <"$work/at") - 1))" -eq "$(tail -n 1 "$work/at")" ] || {
	echo "with a check of the index in them, not all loops are found to differ"
	exit 1
}
