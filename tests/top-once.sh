#!/bin/sh
# SPDX-License-Identifier: MIT
# shmregctl top without a terminal: printed once, as text and as JSON, of a daemon and of a file.
set -u

# shellcheck source=tests/shell.sh
. "$(dirname "$0")/shell.sh"
prepare "$@"
if [ "${1-}" != inside ]; then
	inside_private
	exit
fi

# rows EXPRESSION WORD...: as json, of what top prints once.
rows() {
	expression=$1
	shift
	json "$expression" top --once --interval 0.15 "$@"
}

"$ctl" create a/segment --size 1M --mode 0640 --max-objects 17 --max-participants 5
start_peer a/segment
tell_peer hold

check 2 'no terminal; --once' top
check 2 'printed --once' top --json
check 2 'segment and an object at most' top --once a b c
check 2 "no column of this table" top --once --sort nonsense
check 2 'interval' top --once --interval 0
check 2 'needs a segment' top --participants
check 2 "segment's name" top --once a//b
check 2 "object's name" top --once a a//b
check 2 'unknown' top --nonsense
check 1 'nothing/here' top --once nothing/here
check 1 "no object 'nothing'" top --once a/segment nothing
check 0 '^a/segment .*1M ' top --once --interval 0.15
check 0 '^news .*topic .*lost 3' top --once --interval 0.15 a/segment
check 0 'peer.*subscriber' top --once --interval 0.15 a/segment news
check 0 "$peer_pid.*peer" top --once --interval 0.15 a/segment --participants
rows "j['page'] == 'segments' and j['segment'] is None and j['interval_ns'] >= 150000000
	and r['a/segment']['n_objects'] == 11 and r['a/segment']['fullest'] == 'frames'
	and r['a/segment']['fullest_percent'] == 50
	and r['a/segment']['operations_per_second'] == 0
	and r['a/segment']['n_participants'] == 1 and r['a/segment']['state'] == 'live'"
rows "j['page'] == 'objects' and list(r)[0] == 'numbers/all' and j['note'] is None
	and r['events']['level'] == 3 and r['events']['full_percent'] == 37.5
	and r['frames']['high_water'] >= 4 and r['counter']['full_percent'] is None
	and r['news']['trouble'] == 'lost 3'" a/segment --sort room
rows "set(r) == {'events', 'jobs', 'shots'}" a/segment --filter QUEUE
rows "j['page'] == 'object' and j['object'] == 'orders'
	and [x['lag'] for x in j['rows'] if x['role'] == 'subscriber'] == [0]
	and all(x['pid'] == $peer_pid for x in j['rows'])" a/segment orders
rows "j['page'] == 'participants' and r[$peer_pid]['client'] == 'a \"peer\"'
	and r[$peer_pid]['n_holds'] == 14 and r[$peer_pid]['lag'] == 2" a/segment --participants

# A file, of which there is no daemon to be asked.
"$ctl" snapshot a/segment "$scratch/snapshot" >"$out" 2>"$err" || fail 'no snapshot was taken'
rows "j['page'] == 'objects' and 'a snapshot' in j['note'] and j['interval_ns'] is None
	and r['events']['level'] == 3 and r['events']['operations_per_second'] is None" \
	--socket "$scratch/nobody" "$scratch/snapshot"
check 1 'cannot be opened\|no snapshot' top --once "$scratch/nothing"
dismiss_peer
conclude
