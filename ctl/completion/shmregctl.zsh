
_shmregctl() {
	local -a found before

	before=("${(@)words[2,CURRENT-1]}")
	found=(${(f)"$(emulate -R sh; _shmregctl_words "${before[@]}")"})
	compadd -- ${found:#/}
	(( ! ${found[(Ie)/]} )) || _files
}
_shmregctl "$@"
