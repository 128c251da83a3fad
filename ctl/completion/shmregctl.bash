
_shmregctl() {
	local words IFS=$'\n' current=${COMP_WORDS[COMP_CWORD]}

	words=$(IFS=$' \t\n'; _shmregctl_words "${COMP_WORDS[@]:1:COMP_CWORD-1}")
	# Names have no characters that the shell would take for its own.
	COMPREPLY=($(compgen -W "$(grep -vx / <<<"$words")" -- "$current"))
	if grep -qx / <<<"$words"; then
		compopt -o filenames 2>/dev/null
		COMPREPLY+=($(compgen -f -- "$current"))
	fi
	[[ ${#COMPREPLY[@]} -ne 1 || ${COMPREPLY[0]} != *= ]] || compopt -o nospace 2>/dev/null
}
complete -F _shmregctl shmregctl
