# SPDX-License-Identifier: MIT
#
# What may come next: for bash and zsh, each of which has this before its own lines.
#
# _shmregctl_words WORD...: the words behind "shmregctl" that are complete; prints what may stand in the
# place of the next one, a line each, whatever it begins with. A line "/" stands for names of files.

_shmregctl_commands="ls show create rm set peek get add cas push pop load dump restore limit stats top
watch map snapshot doctor advise metrics run"

_shmregctl_options() {
	echo --json
	echo --socket
	case $1 in
	show) echo --interval ;;
	create) printf '%s\n' --size --mode --lifetime --max-objects --max-participants --reserve --dry-run \
		--huge --numa --prefault --mlock ;;
	set) printf '%s\n' --owner --mode --lifetime --format --struct ;;
	peek) printf '%s\n' --format --struct --csv --count --bare --all --follow --interval ;;
	get) printf '%s\n' --format --struct --csv ;;
	push) printf '%s\n' --format --struct --csv --count --wait --timeout ;;
	pop) printf '%s\n' --format --struct --csv --count --wait --timeout --history ;;
	load) printf '%s\n' --format --struct --csv --wait --timeout ;;
	restore) echo --existing ;;
	stats) echo --user ;;
	top) printf '%s\n' --once --interval --participants --sort --filter ;;
	map) echo --columns ;;
	snapshot) echo --force ;;
	watch) echo --events ;;
	metrics) printf '%s\n' --format --output --http --objects --no-objects --max-objects ;;
	doctor) printf '%s\n' --verbose --root --daemon ;;
	run) printf '%s\n' --daemon --reaper --daemon-option --verbose -- ;;
	'') printf '%s\n' --help --version ;;
	esac
}

# Of the daemon that the words name.
_shmregctl_ask() {
	command shmregctl ${_shmregctl_socket:+--socket "$_shmregctl_socket"} "$@" --json 2>/dev/null
}

_shmregctl_segments() {
	_shmregctl_ask ls | grep -o '"name": "[^"]*"' | sed 's/.*: "\(.*\)"/\1/'
}

_shmregctl_objects() {
	_shmregctl_ask show "$1" | grep -o '{"name": "[^"]*", "object"' | sed 's/.*: "\(.*\)", .*/\1/'
}

# The value of option $2 of command $1; fails if it has none.
_shmregctl_value() {
	case $2 in
	--socket | --daemon | --reaper | --root | --output) echo / ;;
	--lifetime)
		[ "$1" = create ] || printf '%s\n' while-attached with-creator
		echo until-removed
		;;
	--huge) printf '%s\n' thp 2M 1G ;;
	--numa) printf '%s\n' bind: interleave:all interleave: ;;
	--mode) printf '%s\n' 0600 0640 0644 0660 0664 0666 ;;
	--owner | --user) command getent passwd | cut -d: -f1 ;;
	--format)
		[ "$1" != metrics ] || { printf '%s\n' openmetrics prometheus; return; }
		printf '%s\n' hex text raw u8 u16 u32 u64 i8 i16 i32 i64 x8 x16 x32 x64 f32 f64 bool
		;;
	--history) echo all ;;
	--events)
		printf '%s\n' created removed disposed attached detached died repaired quarantined \
			object-created object-removed changed lost
		;;
	--sort) printf '%s\n' OPS/s FULL MEMORY SIZE OBJECTS DEATHS ;;
	--size | --objects | --max-objects | --max-participants | --count | --struct | --interval | --timeout | \
		--filter | --columns | --daemon-option) ;;
	*) return 1 ;;
	esac
}

_shmregctl_words() {
	local command='' n=0 previous='' segment='' word

	_shmregctl_socket=
	for word; do
		if [ "$previous" = --socket ]; then
			_shmregctl_socket=$word
			previous=
		elif [ -n "$previous" ] && _shmregctl_value "$command" "$previous" >/dev/null; then
			previous=
		else
			previous=$word
			case $word in
			-*) ;;
			*)
				n=$((n + 1))
				[ $n -ne 1 ] || command=$word
				[ $n -ne 2 ] || segment=$word
				;;
			esac
		fi
	done
	if [ -n "$previous" ] && _shmregctl_value "$command" "$previous"; then
		return
	fi
	_shmregctl_options "$command"
	case $command in
	'') printf '%s\n' $_shmregctl_commands ;;
	show | rm | set | peek | get | add | cas | push | pop | load | dump | restore | top | watch | map | \
		snapshot | doctor | advise | metrics)
		case $command:$n in
		rm:* | metrics:*) _shmregctl_segments ;;
		show:1 | peek:1 | get:1 | dump:1 | map:1 | top:1 | advise:1 | doctor:1)
			_shmregctl_segments
			echo /
			;;
		*:1) _shmregctl_segments ;;
		set:2 | peek:2 | get:2 | add:2 | cas:2 | push:2 | pop:2 | load:2 | top:2 | dump:*)
			_shmregctl_objects "$segment"
			;;
		load:3 | restore:2 | snapshot:2) echo / ;;
		esac
		;;
	limit)
		if [ $n -eq 1 ]; then
			command getent passwd | cut -d: -f1
		else
			printf '%s\n' segments= bytes= reserved_bytes= objects= participants= seats= \
				connections= subscriptions=
		fi
		;;
	run) echo / ;;
	esac
}
