#!/bin/sh
# SPDX-License-Identifier: MIT
# The commands that look into objects and feed them, against a private daemon: each kind in both
# directions, formats, pipes, what is bad, who waits, who is killed.
#
# Nothing here depends on how fast it goes: what takes time is waited for.
set -u

# shellcheck source=tests/shell.sh
. "$(dirname "$0")/shell.sh"
prepare "$@"
if [ "${1-}" != inside ]; then
	inside_private
	exit
fi
want="$scratch/want"

# is WANT WORD...: shmregctl WORD... succeeds, and prints WANT (printf's escapes) and nothing else.
# What is on standard input, it gets.
is() {
	# shellcheck disable=SC2059
	printf -- "$1" >"$want"
	shift
	"$ctl" "$@" >"$out" 2>"$err" || fail "shmregctl $*: exit status $?"
	cmp -s "$out" "$want" || { fail "shmregctl $*: not what was wanted:"; sed 's/^/  want: /' "$want"; }
	[ ! -s "$err" ] || fail "shmregctl $*: says something"
}

# bad STATUS TEXT WORD...: it exits so, and says TEXT (a pattern of grep -e) on standard error.
bad() {
	status=$1 text=$2
	shift 2
	"$ctl" "$@" >"$out" 2>"$err"
	got=$?
	[ "$got" = "$status" ] || fail "shmregctl $*: exit status $got, not $status"
	grep -q -e "$text" "$err" || fail "shmregctl $*: does not say '$text'"
}

# object NAME KIND TYPE ELEM_BYTES ELEM_ALIGN CAPACITY FLAGS PARAM [POOL]: the line of a dump.
object() {
	printf '{"object": "%s", "kind": "%s", "type": "%s", "elem_bytes": %s, "elem_align": %s, ' \
		"$1" "$2" "$3" "$4" "$5"
	printf '"capacity": %s, "flags": %s, "param": [%s], "pool": "%s", "byte_order": "%s"}\n' \
		"$6" "$7" "$8" "${9-}" "$order"
}

order=little
[ "$(printf '\001\000' | od -An -tu2 | tr -d ' ')" = 1 ] || order=big
none=0,0,0,0

# One of each kind; "big" are for who is to be stuck in a pipe.
{
	echo 'shmreg-dump 1'
	object numbers array int 4 4 10 0 $none
	object counter atomic '' 8 8 1 0 $none
	object level atomic int32_t 4 4 1 0 $none
	object jobs queue int 4 4 8 0 $none
	object quotes queue 'struct quote' 48 8 8 1 $none
	object samples ring double 8 8 8 0 $none
	object log ring '' 1 1 1024 1 $none
	object news topic '' 64 8 8 0 2,8,0,0
	object orders topic '' 64 8 4 1 1,2,0,0
	object frames pool '' 16 8 4 0 $none
	object shots queue '' 8 8 4 2 $none frames
	object state cell double 8 8 1 0 4,0,0,0
	object big/queue queue '' 4096 8 64 1 $none
	object big/ring ring '' 4096 8 64 0 $none
	object big/drop queue '' 4096 8 64 0 $none
	echo 'end 0'
} >"$scratch/objects"
is '' create s --size 2M
is '' restore s "$scratch/objects"
quote='u32 id; f64 bid, ask; char name[16]; pad[4]'

# --- arrays ---
is '' set s 'numbers[0]' -5 7 0x10
is '-5\n7\n16\n0\n' get s 'numbers[..3]'
is '[1]: 7\n[2]: 16\n' peek s 'numbers[1..2]'
is '{"index": 1, "value": 7}\n' peek s 'numbers[1]' --json
is '7\n' get s 'numbers[1]' --json
is 'value\n7\n16\n' get s 'numbers[1..2]' --csv
is '' set s 'numbers[3..5]' 9
is '' set s 'numbers[8..]' 1 2
is '16\n9\n9\n9\n0\n0\n1\n2\n' get s 'numbers[2..]'
is '0x00000007\n' get s 'numbers[1]' --format x32
is '[7, 0]\n' get s 'numbers[1]' --format u16 --json
bad 1 '10 elements, \[0\] to \[9\]' get s 'numbers[10]'
bad 1 '10 elements' set s 'numbers[8..10]' 1
bad 1 '2 values for 3 elements' set s 'numbers[3..5]' 1 2
bad 1 'room for 10 values' set s numbers 1 2 3 4 5 6 7 8 9 10 11
bad 2 "'x', and that is not an integer" set s 'numbers[0]' 1 x
bad 2 'from -2147483648 to 2147483647' set s 'numbers[0]' 3000000000
bad 2 'more than one element' set s 'numbers[0]' '1 2'
is '7\n' get s 'numbers[1]'
bad 2 'no index such as' get s 'numbers[x]'
bad 2 'no index such as' get s 'numbers[5..3]'
bad 2 'no index such as' get s 'numbers[1'
bad 1 'no object .nothing. in .s.; shmregctl show s' get s nothing
bad 1 'no multiple of the number' get s numbers --format f64
bad 1 'described 8' get s numbers --struct 'u64 a'
bad 2 'not a format; there are hex' get s numbers --format i33
bad 2 'not a type; there are' get s numbers --struct 'u33 a'
bad 2 'one format is enough' get s numbers --format u32 --struct 'u32 a'
bad 2 'two styles' get s numbers --csv --json
bad 2 'neither JSON nor CSV' get s numbers --format raw --json
bad 2 'not for this command' get s numbers --wait
bad 2 "object's name is missing" get s
bad 2 'got .x. too' get s numbers x
bad 1 'no array' get s 'state[0]'
bad 1 'peek shows them' get s jobs
bad 1 'push puts elements' set s jobs 1
bad 2 'nothing is to be changed' set s
bad 2 'something is missing' set s numbers

printf '1,2,3\n4 5\n' >"$scratch/csv"
is '' load s 'numbers[5..9]' "$scratch/csv"
is '1\n2\n3\n4\n5\n' get s 'numbers[5..]'
bad 1 'room for 4 elements from there on' load s 'numbers[6..]' "$scratch/csv"
bad 1 '5 elements, and 2 were to be set\|more than 2 elements, and 2' load s 'numbers[0..1]' "$scratch/csv"
is '1\n' get s 'numbers[5]'
"$ctl" get s numbers --format raw >"$scratch/raw"
[ "$(wc -c <"$scratch/raw")" = 40 ] || fail 'raw: not 40 bytes'
is '' set s 'numbers[0..9]' 0
is '' load s numbers "$scratch/raw" --format raw
is '5\n' get s 'numbers[9]'
head -c 39 "$scratch/raw" >"$scratch/cut"
bad 1 'middle of an element: 3 of 4 bytes' load s numbers "$scratch/cut" --format raw
printf '1\nx\n' >"$scratch/bad"
bad 1 'line 2, the value is .x.' load s numbers "$scratch/bad"
bad 1 'has no elements' load s numbers /dev/null
bad 1 'cannot be read' load s numbers "$scratch/nothing"

# --- atomics and cells ---
is '5\n' add s counter 5
is '3\n' add s counter -- -2
is '1\n' add s counter -2
is '' cas s counter 1 77
bad 1 'is not 1 but 77' cas s counter 1 78
is '77\n' get s counter
is '' set s level -3
is '-3\n' get s level
check 0 'value -3$' show s
bad 2 'not an integer' add s counter x
bad 1 'no atomic but a queue' add s jobs 1
bad 1 'as an integer of 8 bytes' add s counter 1 --format f64
bad 1 'never written' get s state
is '' peek s state
is '' set s state 1.25
is '1.25\n' get s state
is '1: 1.25\n' peek s state
is '' load s state - <<END
-2.5
END
is '-2.5\n' get s state
bad 1 'set and load change it' push s state </dev/null

# --- queues ---
seq 3 | is '' push s jobs
is '0: 1\n1: 2\n2: 3\n' peek s jobs
is '1\n' pop s jobs -n 1
seq 9 >"$scratch/nine"
bad 1 'full; 6 elements were put into it. --wait' push s jobs <"$scratch/nine"
bad 1 'room for 0 elements' load s jobs "$scratch/nine"
is '2\n3\n1\n2\n3\n4\n5\n6\n' pop s jobs
is '' pop s jobs
bad 1 'empty; 0 of 1 elements' pop s jobs -n 1
bad 1 'empty; 0 of 1 elements' pop s jobs -n 1 --timeout 0.01
is '' pop s jobs --timeout 0.01
printf '4\nfive\n6\n' >"$scratch/bad"
bad 1 'line 2, the value is .five.*; 1 elements were put' push s jobs <"$scratch/bad"
bad 1 'ended after 1 of 2 elements' push s jobs -n 2 </dev/stdin <<END
7
END
is '4\n7\n' pop s jobs
bad 1 'peek look at it' pop s numbers
bad 1 'history is for topics' pop s jobs --history 1

# Structs, in each style; and from one to another through a pipe.
cat >"$scratch/quotes" <<'END'
id=1 bid=1.5 ask=-2 name="a \"b\""
id=2 bid=0.1 ask=1e+100 name=""
END
is '' push s quotes --struct "$quote" <"$scratch/quotes"
"$ctl" peek s quotes --struct "$quote" --bare >"$out" 2>"$err"
cmp -s "$out" "$scratch/quotes" || fail 'peek quotes'
printf '%s\n' "$quote" >"$scratch/quote.struct"
for style in '' --json --csv; do
	# shellcheck disable=SC2086
	"$ctl" pop s quotes -n 2 --struct "@$scratch/quote.struct" $style 2>"$err" |
		tee "$scratch/styled" | "$ctl" push s quotes --struct "$quote" $style 2>>"$err"
	"$ctl" peek s quotes --struct "$quote" --bare >"$out" 2>>"$err"
	cmp -s "$out" "$scratch/quotes" || fail "quotes through a pipe, $style"
	[ -z "$python" ] || case $style in
	--json) "$python" -c "import json, sys
rows = [json.loads(line) for line in sys.stdin]
assert rows[0] == {'id': 1, 'bid': 1.5, 'ask': -2, 'name': 'a \"b\"'}, rows" \
		<"$scratch/styled" 2>"$err" || fail 'JSON lines' ;;
	--csv) "$python" -c "import csv, sys
rows = list(csv.DictReader(sys.stdin))
assert rows[0] == {'id': '1', 'bid': '1.5', 'ask': '-2', 'name': 'a \"b\"'}, rows" \
		<"$scratch/styled" 2>"$err" || fail 'CSV' ;;
	esac
done
bad 1 'has 48 bytes, and the struct that is described 40' peek s quotes \
	--struct 'u32 id; f64 bid, ask; char name[16]'
bad 1 "has no 'bid'" push s quotes --struct "$quote" <<'END'
id=1
END
"$ctl" pop s quotes --format raw >"$scratch/raw" 2>"$err" || fail 'pop raw'
[ "$(wc -c <"$scratch/raw")" = 96 ] || fail 'raw: not 96 bytes'
is '' push s quotes --format raw <"$scratch/raw"
"$ctl" pop s quotes >"$scratch/hex" 2>"$err" || fail 'pop hex'
is '' push s quotes <"$scratch/hex"
"$ctl" pop s quotes --struct "$quote" >"$out" 2>"$err"
cmp -s "$out" "$scratch/quotes" || fail 'through raw and hex, they are others'

# --- rings, of elements and of records ---
printf '1.5 2.5\n-3\n' | is '' push s samples
is '0: 1.5\n1: 2.5\n2: -3\n' peek s samples
is '1.5\n2.5\n' pop s samples -n 2
is '2: -3\n' peek s samples
printf 'hello\n\na\\x00b\n' >"$scratch/lines"
is '' push s log <"$scratch/lines"
is 'hello\n\na\\x00b\n' peek s log --bare
for format in text raw hex; do
	"$ctl" pop s log -n 3 --format $format 2>"$err" | "$ctl" push s log --format $format 2>>"$err"
	"$ctl" dump s log | sed -n 's/^[0-9] //p' >"$out"
	sort "$out" >"$scratch/sorted"
	printf -- '-\n610062\n68656c6c6f\n' | sort | cmp -s - "$scratch/sorted" ||
		fail "records as $format, through a pipe"
done
"$ctl" pop s log >/dev/null
printf '1 2 3\n4\n' | is '' push s log --format u16
is '[1, 2, 3]\n[4]\n' pop s log --format u16 --json
printf '\377\377\377\377' >"$scratch/raw"
bad 1 '4294967295 bytes; 504 are the most' push s log --format raw <"$scratch/raw"

# A role that somebody has.
"$ctl" pop s samples --wait >"$scratch/popped" 2>"$scratch/popped.err" &
popper=$!
has_consumer() { "$ctl" show s | grep -q '^samples *consumer'; }
until_true has_consumer
bad 1 'consumer' pop s samples
echo 8.5 | is '' push s samples
until_true grep -qx 8.5 "$scratch/popped"
kill -TERM $popper
wait $popper
[ $? = 143 ] || fail 'who is interrupted does not end as by the signal'
grep -q 'interrupted; 2 elements' "$scratch/popped.err" || fail 'who is interrupted does not say so'

# --- topics ---
printf 'a\nb\nc\n' | is '' push s news
is '0: a\n1: b\n2: c\n' peek s news
is '2: c\n' peek s news -n 1
bad 1 'a subscription begins now' pop s news
is 'b\nc\n' pop s news --history 2
is 'a\nb\nc\n' pop s news --history all
"$ctl" pop s orders --wait -n 2 >"$scratch/popped" 2>"$scratch/popped.err" &
popper=$!
has_subscriber() { "$ctl" show s | grep -q '^orders *subscriber'; }
until_true has_subscriber
printf 'one\ntwo\n' | is '' push s orders
wait $popper || fail 'pop --wait -n 2'
printf 'one\ntwo\n' | cmp -s - "$scratch/popped" || fail 'a subscriber got something else'
# Who stood still while more came than there is room for.
"$ctl" pop s news --wait -n 1 >"$scratch/popped" 2>"$scratch/popped.err" &
popper=$!
is_subscribed() { "$ctl" show s | grep -q '^news *subscriber'; }
until_true is_subscribed
kill -STOP $popper
seq 20 | is '' push s news
kill -CONT $popper
wait $popper || fail 'pop of what is left'
lost=$(sed -n 's/.*: \([0-9]*\) messages were lost here$/\1/p' "$scratch/popped.err")
[ "${lost:-0}" -ge 12 ] || fail 'it is not said what was lost'
[ "$(cat "$scratch/popped")" = "$((lost + 1))" ] || fail 'more or less was lost than is said'

# --- objects ---
printf '00112233445566778899aabbccddeeff\n' | is '' push s shots
is '"00112233445566778899aabbccddeeff"\n' peek s shots --json --bare
is '{"index": 0, "state": "travelling", "value": "00112233445566778899aabbccddeeff"}\n' \
	peek s frames --json
seq 4 | sed 's/.*/000000000000000000000000000000000&/; s/.*\(.\{32\}\)$/\1/' >"$scratch/five"
bad 1 'full, or no object of its pool is free; 3 elements' push s shots <"$scratch/five"
"$ctl" pop s shots >"$out" 2>"$err" || fail 'pop objects'
[ "$(wc -l <"$out")" = 4 ] || fail 'not 4 objects'
is '' peek s frames
bad 1 'held only by who lives' push s frames </dev/null
bad 1 'of which nothing is taken' pop s frames

# --- who waits ---
seq 20 | "$ctl" push s jobs --wait 2>"$scratch/push.err" &
pusher=$!
"$ctl" pop s jobs --wait -n 20 >"$scratch/popped" 2>"$err" || fail 'pop --wait -n 20'
wait $pusher || fail 'push --wait'
seq 20 | cmp -s - "$scratch/popped" || fail 'a queue of 8 has not let 20 through, in order'
seq 9 >"$scratch/nine"
bad 1 'full; 8 elements' push s jobs --timeout 0.01 <"$scratch/nine"
"$ctl" pop s jobs >/dev/null

# --- --follow sees what comes ---
"$ctl" peek s jobs --follow --interval 0.01 --bare -n 3 >"$scratch/followed" 2>"$scratch/follow.err" &
follower=$!
for i in 11 12 13; do
	echo $i | "$ctl" push s jobs
	until_true grep -qx $i "$scratch/followed"
	"$ctl" pop s jobs -n 1 >/dev/null
done
wait $follower || fail 'peek --follow -n 3'
bad 1 'no new elements' peek s numbers --follow

# --- who is killed, with an element in its hands ---
#
# A pipe that nobody reads takes 64K, 16 elements: the 17th was taken and is not out.
mkfifo "$scratch/pipe"
head -c 262144 /dev/urandom >"$scratch/big"
is_stuck() {
	[ "$("$ctl" dump s "$1" | grep -c '^[0-9]')" = 48 ] &&
		{ [ "$1" = big/ring ] || "$ctl" peek s "$1" | grep -q "being read by process $stuck"; }
}
has_left() { [ "$("$ctl" dump s "$1" | grep -c '^[0-9]')" = "$2" ]; }
nobody_there() { ! "$ctl" show s | grep -q "^$1 .*\(reading\|consumer\)"; }
for object in big/queue big/ring big/drop; do
	for signal in KILL TERM; do
		is '' push s $object --format raw <"$scratch/big"
		exec 7<>"$scratch/pipe"
		"$ctl" pop s $object --format raw >"$scratch/pipe" 7>&- 2>"$err" &
		stuck=$!
		until_true is_stuck $object
		kill -$signal $stuck
		wait $stuck 2>/dev/null
		until_true nobody_there $object
		left=48
		# Killed, a queue without redelivery loses what was taken: so it was made.
		[ $object.$signal != big/drop.KILL ] || left=47
		until_true has_left $object $left
		# The pipe has 16 whole ones; the one that was given back comes first, or at the end.
		head -c 65536 <&7 >"$scratch/got"
		exec 7>&-
		"$ctl" pop s $object --format raw >>"$scratch/got" 2>"$err" || fail "pop the rest of $object"
		if [ $left = 48 ]; then
			sum() { od -An -v -tx1 -w4096 "$1" | sort | cksum; }
			[ "$(sum "$scratch/got")" = "$(sum "$scratch/big")" ] ||
				fail "$object, SIG$signal: something was lost, or came twice"
		fi
	done
done

# --- dump and restore ---
seq 3 | "$ctl" push s jobs
printf 'x\ny\n' | "$ctl" push s log
"$ctl" push s shots <"$scratch/five" 2>/dev/null
"$ctl" dump s >"$scratch/dump" 2>"$err" || fail dump
is '' create t --size 2M
is '' restore t "$scratch/dump"
"$ctl" dump t >"$scratch/again"
# Records that are queued behind each other; the pool's free objects are nobody's.
cmp "$scratch/dump" "$scratch/again" >>"$err" 2>&1 || fail 'restored, it is another'
bad 1 '.frames. is in .t. already; --existing' restore t "$scratch/dump"
is '' set t 'numbers[0..9]' 9
"$ctl" dump s numbers >"$scratch/numbers"
is '' restore t --existing "$scratch/numbers"
"$ctl" get s numbers >"$want"
"$ctl" get t numbers | cmp -s - "$want" || fail 'restored into an array that was there, it is another'
is '' create u --size 2M
"$ctl" dump s jobs shots frames | is '' restore u
is '1\n2\n3\n' pop u jobs
bad 1 'no object .nothing.' dump s nothing
is '' create v --size 2M
"$ctl" dump s shots >"$scratch/shots"
bad 1 'pool .frames., and that is not in' restore v "$scratch/shots"
# Nothing is made of a file that is not sound.
sed '$d' "$scratch/dump" >"$scratch/bad"
bad 1 'has no end' restore v "$scratch/bad"
sed '/^1 /d' "$scratch/dump" >"$scratch/bad"
bad 1 'number that is too large\|other elements' restore v "$scratch/bad"
sed 's/"capacity": 8/"capacity": 7/' "$scratch/dump" >"$scratch/bad"
bad 1 'describes an object that' restore v "$scratch/bad"
sed 's/^0 ./0 x/' "$scratch/dump" >"$scratch/bad"
bad 1 'pairs of hexadecimal' restore v "$scratch/bad"
sed 's/^0 /0 00/' "$scratch/dump" >"$scratch/bad"
bad 1 'more bytes than an element' restore v "$scratch/bad"
sed 's/"little"/"big"/; t; s/"big"/"little"/' "$scratch/dump" >"$scratch/bad"
bad 1 'another byte order' restore v "$scratch/bad"
sed 1d "$scratch/dump" >"$scratch/bad"
bad 1 'no dump' restore v "$scratch/bad"
"$ctl" show v | grep -q ' 0 of 256 objects' || fail 'of a file that is not sound, something was made'

# --- a snapshot is looked at in the same way, and stays as it is ---
if "$ctl" snapshot s "$scratch/file.shmsnap" >"$out" 2>"$err"; then
	for object in numbers counter jobs samples log news shots state; do
		"$ctl" peek s $object >"$want" 2>"$err"
		"$ctl" peek "$scratch/file.shmsnap" $object >"$out" 2>>"$err" || fail "peek a snapshot's $object"
		cmp -s "$out" "$want" || fail "a snapshot's $object is another"
	done
	"$ctl" dump "$scratch/file.shmsnap" >"$out" 2>"$err" || fail 'dump a snapshot'
	cmp -s "$out" "$scratch/dump" || fail 'the dump of a snapshot is another'
	bad 1 'does not change' peek "$scratch/file.shmsnap" jobs --follow
	bad 2 'snapshot, and that does not change' pop "$scratch/file.shmsnap" jobs
	bad 2 'snapshot, and that does not change' set "$scratch/file.shmsnap" counter 1
else
	fail snapshot
fi

# --- nobody who looked or fed has left anything ---
"$ctl" show s | grep -q ', 0 of 256 participants' || fail 'somebody is still attached'
conclude
