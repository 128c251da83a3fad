#!/bin/sh
# SPDX-License-Identifier: MIT
# shmregctl snapshot and map, and commands that look, on files.
set -u

# shellcheck source=tests/shell.sh
. "$(dirname "$0")/shell.sh"
prepare "$@"

# What a file and its segment have in common.
contents() {
	"$ctl" show "$1" --json >"$scratch/json" 2>"$err" || fail "show $1"
	[ -n "$python" ] || return 0
	"$python" -c "import json
j = json.load(open('$scratch/json'))
for k in 'snapshot', 'resident_bytes', 'access':
	j.pop(k, None)
# of a mapping, which a file has not
j['placement'].pop('transparent_bytes')
print(json.dumps(j, indent=1, sort_keys=True))"
}

# No line is wider; in bytes, which are columns where there is only ASCII.
is_narrow() {
	[ "$(awk -v n="$1" 'length > n' "$out" | wc -l)" -eq 0 ]
}

if [ "${1-}" != inside ]; then
	# Files outlive the daemon: looked at when it has gone.
	inside_private || exit
	SHMREG_SOCKET=/nowhere
	export SHMREG_SOCKET
	check 0 'segment   demo' show "$scratch/demo.shmsnap"
	check 0 'Each mark is' map "$scratch/demo.shmsnap"
	json 'j["snapshot"]["reason"] == "asked"' show "$scratch/demo.shmsnap"
	cd "$scratch" || exit 99
	check 0 'segment   demo' show ./demo.shmsnap
	check 0 'holder\|queued' show "$scratch/runtime/../demo.shmsnap"
	conclude
fi

check 0 '' create demo --size 8M
start_peer demo 2>/dev/null
tell_peer hold

check 0 'snapshot  taken' snapshot demo "$scratch/demo.shmsnap"
[ "$(stat -c %a "$scratch/demo.shmsnap")" = 600 ] || fail "the file is not mode 0600"
check 1 'is there already' snapshot demo "$scratch/demo.shmsnap"
json 'j["name"] == "demo" and j["file_bytes"] > 8 << 20 and j["file_resident_bytes"] < 4 << 20 and
	not j["snapshot"]["notes"]' snapshot demo "$scratch/demo.shmsnap" --force
[ "$(ls "$scratch" | grep -c '^demo.shmsnap')" = 1 ] || fail "something is left beside the file"
contents demo >"$scratch/segment.json"
contents "$scratch/demo.shmsnap" >"$scratch/file.json"
diff "$scratch/segment.json" "$scratch/file.json" >"$out" || fail "file and segment differ"

# Too large for a file is an error, and nothing is left. Its words go through a pipe.
said=$( (ulimit -f 1; exec "$ctl" snapshot demo "$scratch/large.shmsnap") 2>&1)
case $said in
*'File too large'*) ;;
*) fail "a snapshot that is too large: '$said'" ;;
esac
[ "$(ls -A "$scratch" | grep -c large)" = 0 ] || fail "something is left of a snapshot that is too large"

check 2 'does not change' show --interval 1 "$scratch/demo.shmsnap"
check 2 'needed' snapshot demo
check 1 'no such\|no segment' snapshot nothing "$scratch/nothing"
check 1 'no file can be made' snapshot demo /nowhere/file
check 1 'cannot be opened' show /nowhere/file
check 1 'no regular file' show /dev/null
check 1 'no snapshot' show "$ctl"
: >"$scratch/empty"
check 1 'no snapshot' show "$scratch/empty"
head -c 100000 "$scratch/demo.shmsnap" >"$scratch/cut"
check 1 'damaged' map "$scratch/cut"
cp "$scratch/demo.shmsnap" "$scratch/spoilt"
printf X | dd of="$scratch/spoilt" bs=1 seek=70000 conv=notrunc 2>/dev/null
check 1 'damaged' show "$scratch/spoilt"
# Not sparse any more, it is the same.
cat "$scratch/demo.shmsnap" >"$scratch/full"
check 0 'segment   demo' show "$scratch/full"

COLUMNS=80
export COLUMNS
LC_ALL=C
export LC_ALL
check 0 'Each mark is' map demo
is_narrow 110 || fail "map is too wide"
sed -n '/^Each/,/^MARK/p' "$out" >"$scratch/picture"
[ "$(awk 'length > 80 && !/^Each/' "$scratch/picture" | wc -l)" -eq 0 ] || fail "the picture is too wide"
grep -q ' A*[A-Za-z*.]*$' "$scratch/picture" || fail "no picture"
check 0 'free' map demo --columns 120
[ "$(awk 'length > 80 && !/^Each/' "$out" | wc -l)" -gt 0 ] || fail "the picture is not as wide as it may be"
check 2 'too narrow' map demo --columns 10
check 2 'needed' map
LC_ALL=C.UTF-8
check 0 '[▁▂▃▄▅▆▇█]' map "$scratch/demo.shmsnap"
check 0 '[▁▂▃▄▅▆▇█]' map demo
parts='sum(p["bytes"] for p in j["parts"]) == j["data_bytes"] == 8 << 20 and
	all(p["offset"] + p["bytes"] == q["offset"] for p, q in zip(j["parts"], j["parts"][1:])) and
	sum(p["resident_bytes"] for p in j["parts"]) == j["resident_bytes"] > 0 and
	j["used_bytes"] + j["free_bytes"] == j["data_bytes"] and
	max(p["bytes"] for p in j["parts"] if p["state"] == "free") == j["largest_free_bytes"]'
json "$parts and j['page_bytes'] >= 4096" map demo
json "$parts and j['page_bytes'] is None" map "$scratch/demo.shmsnap"

# Bytes that no correct program wrote are copied and looked at all the same.
for seed in 1 2 3; do
	tell_peer garble $seed
	check 0 'snapshot  taken' snapshot demo "$scratch/garbled" --force
	check 0 'segment   demo' show "$scratch/garbled"
	check 0 'Each mark is' map "$scratch/garbled"
done
dismiss_peer
conclude
