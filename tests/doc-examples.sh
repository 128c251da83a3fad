#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The programs in the manual pages and in the README compile, in C and in C++, and do what is said.
#
# In a page: what is between .Bd -literal and .Ed behind .Sh EXAMPLES and begins with #include; if the
# next such block is behind a line "prints", it is what the program prints. The README's code is one
# program from top to bottom: definitions at file scope, all else in main().
#
# What shmregctl's pages say to type is typed, too, where sensors/wind has objects of every kind.
set -eu
source=$(cd "$top_srcdir" && pwd)
build=$(cd "$top_builddir" && pwd)
grep -q '^SHMREG_LDFLAGS = .*-fsanitize' "$build/Makefile" && { echo "skipped: the library is built with a sanitizer"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
fail() {
	echo "FAIL: $*"
	failed=1
}

for page in "$build"/man/*.3 "$source"/man/*.7; do
	name=${page##*/}
	sed -n '/^\.Sh EXAMPLES/,/^\.Sh SEE/p' "$page" |
		sed -e 's/\\-/-/g' -e 's/^\\&//' -e 's/\\e/\\/g' | awk -v at="$work/$name" '
		/^\.Bd -literal/ { block = ""; inside = 1; next }
		/^\.Ed/ && block ~ /^#include/ { file = at "." ++n ".c"; printf "%s", block >file; close(file) }
		/^\.Ed/ && block !~ /^#include/ && prints {
			file = at "." n ".out"; printf "%s", block >file; close(file)
		}
		/^\.Ed/ { inside = prints = 0; next }
		inside { block = block $0 "\n"; next }
		/^prints$/ { prints = 1 }'
done
{
	# awk may not have [[:...:]]: what is indented by a tab is code, from "Use it" to "What happens".
	sed -n '/^Use it$/,/^What happens/p' "$source/README" | sed -n 's/^\t//p' >"$work/readme.txt"
	printf '#include <err.h>\n#include <inttypes.h>\n#include <stdio.h>\n'
	sed -n -e '/^#include/p' -e '/^SHMREG_DEFINE_/p' -e '/^struct [a-z]* {.*};/p' "$work/readme.txt"
	printf 'int main(void)\n{\n'
	sed -e '/^#include/d' -e '/^SHMREG_DEFINE_/d' -e '/^struct [a-z]* {.*};/d' "$work/readme.txt"
	printf 'return shmreg_disconnect(c) != NULL;\n}\n'
} >"$work/README.1.c"

n=0
for program in "$work"/*.c; do
	name=${program##*/}
	name=${name%.c}
	for language in "c gnu11 ${CC:-cc}" "c++ gnu++20 ${CXX:-g++}"; do
		# A language, a standard, and a compiler that may be several words.
		# shellcheck disable=SC2086
		set -- $language
		lang=$1 std=$2
		shift 2
		command -v "${1}" >/dev/null || continue
		# shellcheck disable=SC2068
		$@ -x "$lang" -std="$std" -Wall -Werror -Wno-misleading-indentation -Wno-missing-field-initializers -fmax-errors=3 \
			-I"$source/libclient" -I"$source/proto" -o "$work/program" "$program" \
			-x none "$build/.libs/libshmreg.so" || {
			fail "the example in ${name%.*} does not compile as $lang"
			continue
		}
		LD_LIBRARY_PATH=$build/.libs "$build/shmregctl" run --daemon "$build/shmregd" \
			--reaper "$build/shmreg-reaper" -- "$work/program" >"$work/said" || {
			cat "$work/said"
			fail "the example in ${name%.*} fails as $lang"
		}
		[ ! -e "$work/$name.out" ] || diff "$work/$name.out" "$work/said" ||
			fail "the example in ${name%.*} prints something else than the page says"
		[ -s "$work/said" ] || fail "the example in ${name%.*} prints nothing"
		n=$((n + 1))
	done
done
# An example that is not for here has a comment before it, .\" and why.
cat >"$work/world" <<'END'
shmreg-dump 1
{"object": "gusts", "kind": "queue", "type": "double", "elem_bytes": 8, "elem_align": 8, "capacity": 16, "flags": 0, "param": [0, 0, 0, 0], "pool": "", "byte_order": "little"}
0 000000000000f83f
{"object": "jobs", "kind": "queue", "type": "double", "elem_bytes": 8, "elem_align": 8, "capacity": 16, "flags": 0, "param": [0, 0, 0, 0], "pool": "", "byte_order": "little"}
0 000000000000f83f
{"object": "table", "kind": "array", "type": "double", "elem_bytes": 8, "elem_align": 8, "capacity": 16, "flags": 0, "param": [0, 0, 0, 0], "pool": "", "byte_order": "little"}
{"object": "count", "kind": "atomic", "type": "uint64_t", "elem_bytes": 8, "elem_align": 8, "capacity": 1, "flags": 0, "param": [0, 0, 0, 0], "pool": "", "byte_order": "little"}
0 0000000000000000
end 3
END
n_typed=0
for page in "$source"/man/shmregctl*.1; do
	sed -n '/^\.Sh EXAMPLES/,/^\.Sh SEE/p' "$page" | sed -e 's/\\-/-/g' -e 's/\\e/\\/g' | awk '
		/^\.\\"/ { skip = 1; next }
		/^\.Dl / { if (!skip) { sub(/^\.Dl /, ""); print } skip = 0; next }
		/^\.Bd/ { inside = 1; next }
		/^\.Ed/ { inside = skip = 0; next }
		inside && !skip { print }' >"$work/typed"
	[ -s "$work/typed" ] || continue
	n_typed=$((n_typed + $(wc -l <"$work/typed")))
	{
		# What a page makes is not made for it.
		for segment in sensors/wind sensors/copy a b; do
			grep -q "create $segment" "$work/typed" ||
				echo "shmregctl create $segment --size 1M >/dev/null"
		done
		for segment in sensors/wind a b; do
			grep -q "create $segment" "$work/typed" || echo "shmregctl restore $segment ../world >/dev/null"
		done
		cat "$work/typed"
	} >"$work/script"
	rm -rf "$work/cwd"
	mkdir "$work/cwd"
	(cd "$work/cwd" && PATH=$build:$PATH shmregctl run --daemon "$build/shmregd" \
		--reaper "$build/shmreg-reaper" -- sh -e ../script) >"$work/said" 2>&1 </dev/null || {
		cat "$work/script" "$work/said"
		fail "what ${page##*/} says to type does not work"
	}
done
[ $n_typed -ge 16 ] || fail "only $n_typed commands were found"
[ $n -ge 16 ] || fail "only $n examples were found"
[ $failed -ne 0 ] || echo "$n programs, $n_typed commands"
exit $failed
