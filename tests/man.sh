#!/bin/sh
# SPDX-License-Identifier: MIT
# The man pages: well-formed, and with every option and command that there is.
set -u

man="$top_srcdir/man"
failed=0

fail() {
	echo "FAIL: $*"
	failed=1
}

# Those with paths or prototypes in them are built.
pages=$(ls "$man"/*.[1-9] "$top_builddir"/man/*.[1-9] | sort -u)
# Lines as long as the longest prototype, which cannot be broken, nor stretched (AD).
for page in $pages; do
	! command -v mandoc >/dev/null || mandoc -Tlint -Wwarning "$page" || fail "mandoc does not like $page"
	! command -v groff >/dev/null ||
		[ -z "$(groff -mandoc -Tascii -rLL=130n -dAD=l -ww -z "$page" 2>&1)" ] || fail "groff does not like $page"
done
command -v mandoc >/dev/null || echo "not linted: no mandoc"
command -v groff >/dev/null || echo "not formatted: no groff"

# A reference to a page of ours is to one that there is.
for page in $pages; do
	sed -n 's/^\.Xr \(shmreg[a-z_.-]*\) \([1-9]\).*/\1.\2/p' "$page" | while read -r reference; do
		[ -e "$man/$reference" ] || [ -e "$top_builddir/man/$reference" ] ||
			grep -q "^$reference " "$top_builddir/man/links" || echo "${page##*/} refers to $reference"
	done
done >man-references.tmp
[ ! -s man-references.tmp ] || fail "$(cat man-references.tmp)"
rm -f man-references.tmp

# What the daemon prints as its configuration is what the page lists, in this order.
"$top_builddir/shmregd" --config=/dev/null --print-config |
	sed -n 's/^\(# \)\{0,1\}\([a-z-]*\) =.*/\2/p' >man-options.tmp
sed -n 's/^\.It Ic \([a-z-]*\) .*/\1/p' "$man/shmregd.conf.5.in" >man-page.tmp
[ -s man-options.tmp ] || fail 'shmregd --print-config says nothing'
diff man-options.tmp man-page.tmp || fail 'shmregd.conf(5) lists other options than shmregd has'
rm -f man-options.tmp man-page.tmp

# Each kind of message of the journal, in the same order.
sed -n 's/.*X([A-Z_]*, "\([0-9a-f]*\)").*/\1/p' "$top_srcdir/daemon/message-ids.h" >man-header.tmp
sed -n 's/^\.It Li \([0-9a-f]*\)$/\1/p' "$man/shmregd.8.in" >man-page.tmp
[ -s man-header.tmp ] || fail 'daemon/message-ids.h has no ids'
diff man-header.tmp man-page.tmp || fail 'shmregd(8) lists other messages than there are'
rm -f man-header.tmp man-page.tmp

# A page, or a name of one, for each command; and in it the command's options.
help=$("$top_builddir/shmregctl" --help)
for command in $(echo "$help" | sed -n 's/^  \([a-z]*\)  *.*/\1/p' | sed '/^$/d' | sort -u); do
	[ -e "$man/shmregctl-$command.1" ] || grep -q "^shmregctl-$command\.1 " "$top_builddir/man/links" ||
		fail "there is no page shmregctl-$command(1)"
	grep -q "Cm $command\( \|\$\)" "$man/shmregctl.1" || fail "shmregctl(1) does not have $command"
done
for option in $(echo "$help" | grep -o -e '--[a-z-]*' | sort -u); do
	[ "$option" = -- ] || cat "$man"/shmregctl*.1 | grep -q -e "Fl -${option#--}\( \|\$\)" ||
		fail "no page of shmregctl has $option"
done
exit $failed
