#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Completion in bash, and in zsh if it is there: as if somebody had typed the words and a tab. Every
# command and every option that there is is offered, and the names of what is in the registry.
set -u
if [ "${1-}" != inside ]; then
	top_builddir=$(cd "$top_builddir" && pwd)
	export top_builddir
	PATH=$top_builddir:$PATH exec "$top_builddir/shmregctl" run --daemon "$top_builddir/shmregd" \
		--reaper "$top_builddir/shmreg-reaper" -- bash "$0" inside </dev/null
fi
failed=0
fail() {
	echo "FAIL: $*"
	failed=1
}
shmregctl create sensors/wind --size 1M >/dev/null && shmregctl create sensors/rain --size 1M >/dev/null &&
	shmregctl restore sensors/wind <<'END' >/dev/null || exit 1
shmreg-dump 1
{"object": "gusts", "kind": "queue", "type": "double", "elem_bytes": 8, "elem_align": 8, "capacity": 16, "flags": 0, "param": [0, 0, 0, 0], "pool": "", "byte_order": "little"}
{"object": "count", "kind": "atomic", "type": "uint64_t", "elem_bytes": 8, "elem_align": 8, "capacity": 1, "flags": 0, "param": [0, 0, 0, 0], "pool": "", "byte_order": "little"}
0 0000000000000000
end 1
END

# shellcheck source=/dev/null
. "$top_builddir/ctl/completion/shmregctl" || exit 1
# in_bash WORD...: what is offered in place of the last word, a line each.
in_bash() {
	COMP_WORDS=(shmregctl "$@")
	COMP_CWORD=$#
	COMPREPLY=()
	_shmregctl
	printf '%s\n' "${COMPREPLY[@]}"
}
# As zsh calls it; compadd and _files are the only things that it needs of zsh's own.
in_zsh() {
	zsh -fc 'compadd() { shift; print -l -- "$@" }
		_files() { print / }
		words=(shmregctl "$@") CURRENT=$(($# + 1))
		. "$0"' "$top_builddir/ctl/completion/_shmregctl" "$@"
}
shells=in_bash
! command -v zsh >/dev/null && echo "not tried: no zsh" || shells="in_bash in_zsh"

# offers WORD WORD...: the first one is offered in place of the last.
offers() {
	local want=$1
	shift
	for shell in $shells; do
		$shell "$@" | grep -qx -e "$want" || fail "$shell does not offer $want behind: shmregctl ${*:1:$#-1}"
	done
}
refuses() {
	local want=$1
	shift
	for shell in $shells; do
		! $shell "$@" | grep -qx -e "$want" || fail "$shell offers $want behind: shmregctl ${*:1:$#-1}"
	done
}

help=$(shmregctl --help)
commands=$(sed -n 's/^  \([a-z]*\)  *.*/\1/p' <<<"$help" | sed '/^$/d' | sort -u)
[ "$(wc -w <<<"$commands")" -gt 20 ] || fail "there are no commands"
everything=$(_shmregctl_words)
for command in $commands; do
	grep -qx "$command" <<<"$everything" || fail "$command is not offered"
	everything+=$'\n'$(_shmregctl_options "$command")
	# And what is offered is there. The command itself is never run: another option is unknown.
	for option in $(_shmregctl_options "$command"); do
		[ "$option" != -- ] || continue
		object=
		[ "$command$option" != set--format ] && [ "$command$option" != set--struct ] || object="w object 1"
		# shellcheck disable=SC2086
		! shmregctl "$command" $object "$option" --no-such --no-such 2>&1 </dev/null |
			grep -q "option '$option' is unknown" || fail "$command is offered $option, which it does not have"
	done
done
for option in $(grep -o -e '--[a-z-]*' <<<"$help" | sort -u); do
	[ "$option" = -- ] || grep -qx -e "$option" <<<"$everything" || fail "$option is offered nowhere"
done

offers show sh
offers --lifetime create x --l
offers until-removed create x --lifetime ''
refuses with-creator create x --lifetime ''
offers with-creator set x --lifetime ''
offers sensors/wind show ''
offers sensors/rain rm sensors/wind ''
offers gusts peek sensors/wind ''
offers count get --format u64 sensors/wind ''
refuses gusts peek sensors/rain ''
offers prometheus metrics --format ''
offers f64 peek sensors/wind gusts --format ''
offers died watch --events ''
offers bytes= limit root ''
offers sensors/wind --socket "$SHMREG_SOCKET" show ''
refuses sensors/wind --socket /nowhere show ''
refuses show show ''
# A zsh at a terminal, in which somebody types: a read ends when it has got what it waits for.
if [ "$shells" != in_bash ]; then
	timeout 120 zsh -f <<-'END' || fail "zsh at a terminal does not make advise of advi"
		zmodload zsh/zpty
		zpty w zsh -f -i
		zpty -w w "fpath=($top_builddir/ctl/completion \$fpath); autoload -Uz compinit; compinit -u -D"
		zpty -w w "PS1='> '; bindkey '^I' complete-word; echo 'REA''DY'"
		zpty -r w text '*READY*'
		zpty -w -n w $'shmregctl advi\t'
		zpty -r w text '*advise*'
		zpty -d w
	END
fi
[ "$(in_bash show sensors/w)" = sensors/wind ] || fail "bash offers what was not begun: $(in_bash show sensors/w)"
exit $failed
