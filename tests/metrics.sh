#!/bin/sh
# SPDX-License-Identifier: MIT
# shmregctl metrics: its text, by a checker that knows only the specification and, if it is
# installed, by Prometheus' own parser; what is chosen; to a file, and to a scraper.
set -u

# shellcheck source=tests/shell.sh
. "$(dirname "$0")/shell.sh"
prepare "$@"

# Debian's module is seen by Debian's interpreter.
python=
for candidate in python3 /usr/bin/python3; do
	"$candidate" -c 'import prometheus_client.openmetrics.parser' 2>/dev/null && python=$candidate
done

# has PATTERN, has_not PATTERN: a line of the last output, as a whole.
has() {
	grep -q -x -e "$1" "$out" || fail "there is no line $1"
}
has_not() {
	! grep -q -e "$1" "$out" || fail "there is a line $1"
}

# parses FILE [MODULE]
parses() {
	[ -n "$python" ] || return 0
	"$python" -c "from prometheus_client.${2-openmetrics.parser} import text_string_to_metric_families as parse
assert len(list(parse(open('$1').read()))) > 1" 2>"$err" || fail "prometheus_client does not like $1"
}
is_openmetrics() {
	awk -f "$top_srcdir/tests/openmetrics.awk" "$1" >"$err" || fail "$1 is not OpenMetrics"
	parses "$1"
}

# Counters, without those that begin again by themselves.
counters() {
	grep '_total[ {]' "$1" | grep -v 'shmreg_\(queue_pu\|queue_po\|pool_acq\|cell_ver\)' | LC_ALL=C sort
}

if [ "${1-}" != inside ]; then
	inside_private || exit
	[ -n "$python" ] || echo "prometheus_client is not installed: its parser was not asked"
	# Nobody is there, and it is told so.
	check 1 '/nowhere' --socket /nowhere metrics
	has 'shmreg_up 0'
	is_openmetrics "$out"
	check 1 /nowhere --socket /nowhere metrics --output "$scratch/down.prom" --format prometheus
	grep -q -x 'shmreg_up 0' "$scratch/down.prom" || fail "the file does not say that it is down"
	conclude
fi

# The checker finds what is wrong.
for text in 'x 1' '# TYPE x counter\nx 1\n# EOF' '# TYPE x gauge\nx{a="1} 1\n# EOF' '# TYPE x gauge\nx 1\nx 1\n# EOF' \
	'# TYPE x gauge\n# UNIT x bytes\nx 1\n# EOF' '# TYPE x gauge\nx 1\n# TYPE y gauge\ny 1\nx{a="1"} 1\n# EOF' \
	'# TYPE x gauge\nx 1,5\n# EOF' '# TYPE x gauge\nx{a="\\t"} 1\n# EOF' '# TYPE x gauge\nx 1\n# EOF\ny 1'; do
	printf "$text\n" | awk -f "$top_srcdir/tests/openmetrics.awk" >"$out" &&
		fail "the checker takes this for OpenMetrics: $text"
done

check 0 'shmreg_up 1' metrics
is_openmetrics "$out"
has_not segment_size
check 0 '' create demo --size 8M
check 0 '' create other/one --size 64K
start_peer demo
tell_peer hold

check 0 . metrics
is_openmetrics "$out"
has 'shmreg_registry_segments 2'
has 'shmreg_registry_limit_seats +Inf'
has 'shmreg_daemon_deaths_total 0\|shmreg_registry_limit_segments .*'
has "shmreg_user_segments{uid=\"$(id -u)\",user=\"[^\"]*\"} 2"
has 'shmreg_segment_size_bytes{segment="demo"} 8388608'
has 'shmreg_segment_participants{segment="demo"} 1'
has 'shmreg_segment_participants{segment="other/one"} 0'
has 'shmreg_segment_quarantined{segment="demo"} 0'
has "shmreg_segment_page_bytes{segment=\"demo\"} $(getconf PAGESIZE)"
has 'shmreg_segment_huge_missing{segment="demo"} 0'
has 'shmreg_object_info{segment="demo",object="events",kind="queue",type="struct event"} 1'
has 'shmreg_queue_length{segment="demo",object="events"} [0-9]*'
has 'shmreg_ring_written_total{segment="demo",object="samples"} [1-9][0-9]*'
has 'shmreg_records_written_bytes_total{segment="demo",object="log"} [1-9][0-9]*'
has 'shmreg_cell_versions_total{segment="demo",object="state"} [1-9][0-9]*'
has 'shmreg_pool_held{segment="demo",object="frames"} [1-9]'
has 'shmreg_topic_subscriber_lag{segment="demo",object="news",subscriber="1",process="a \\"peer\\""} [0-9]*'
has 'shmreg_atomic_value{segment="demo",object="counter"} 42'
# Looked at and left, nobody is there but the peer.
check 0 . metrics
has 'shmreg_segment_participants{segment="demo"} 1'
# Every family is described in the manual, by its name or by what it begins with.
page="$top_srcdir/man/shmreg-metrics.7"
for family in $(sed -n 's/^# TYPE shmreg_\([^ ]*\) .*/\1/p' "$out"); do
	case $family in
	registry_* | user_*) family=${family#*_} ;;
	esac
	grep -q -e "^\.It .*Va $family\( \|$\)" "$page" || fail "shmreg-metrics(7) does not have $family"
done

# What is chosen.
check 0 . metrics 'other/*'
is_openmetrics "$out"
has 'shmreg_segment_size_bytes{segment="other/one"} 65536'
has_not 'segment="demo"'
check 0 . metrics --no-objects
is_openmetrics "$out"
has 'shmreg_segment_objects{segment="demo"} [1-9][0-9]*'
has_not '{segment="demo",object='
check 0 . metrics --objects 'e*s' demo
is_openmetrics "$out"
has 'shmreg_queue_length{segment="demo",object="events"} [0-9]*'
has_not 'object="news"'
check 0 . metrics --max-objects 2
is_openmetrics "$out"
[ "$(grep -c '^shmreg_object_info' "$out")" = 2 ] || fail "--max-objects 2: there are more, or fewer"
has 'shmreg_scrape_omitted_objects [1-9][0-9]*'
# The busiest: of records each byte counts.
has 'shmreg_records_read_total{.*} [0-9]*'
check 0 . metrics absent
has_not 'segment="absent"'

check 2 'not openmetrics or prometheus' metrics --format json
check 2 'not printed as JSON' metrics --json
check 2 'exclude each other' metrics --objects a --no-objects
check 2 'has no --output' metrics --http --output x
check 2 'max-objects' metrics --max-objects 0
check 2 'name' metrics 'no name'
check 2 'names no file' metrics --output "$scratch/"
check 1 'no file can be made' metrics --output /nowhere/file
check 1 'cannot be written' metrics --output "$scratch/runtime"
[ -z "$(find "$scratch" -name '.runtime.*')" ] || fail "something is left beside the file"

# A file is replaced at once: whoever has the old one open still reads all of it.
(umask 022 && "$ctl" metrics --format prometheus --output "$scratch/shmreg.prom") || fail "--output"
[ "$(stat -c %a "$scratch/shmreg.prom")" = 644 ] || fail "others may not read the file"
exec 7<"$scratch/shmreg.prom"
size=$(stat -c %s "$scratch/shmreg.prom")
"$ctl" metrics --no-objects --format prometheus --output "$scratch/shmreg.prom" || fail "--output again"
[ "$(wc -c <&7)" = "$size" ] || fail "the old file was changed"
exec 7<&-
grep -q -x '# TYPE shmreg_daemon_requests_total counter' "$scratch/shmreg.prom" || fail "no counter in $scratch/shmreg.prom"
! grep -q '_created\|EOF\|UNIT\| info$' "$scratch/shmreg.prom" || fail "that is not the older format"
parses "$scratch/shmreg.prom" parser

# Counters do not fall while there is work.
tell_peer busy
check 0 . metrics
counters "$out" >"$scratch/before"
check 0 . metrics
is_openmetrics "$out"
counters "$out" >"$scratch/after"
paste -d '\n' "$scratch/before" "$scratch/after" | awk '
	NR % 2 { name = $0; sub(/ [^ ]*$/, "", name); value = $NF; next }
	{ n = $0; sub(/ [^ ]*$/, "", n) }
	n != name || $NF + 0 < value + 0 { print "fell:", name, value, $0; bad = 1 }
	END { exit bad || NR < 20 }' >"$err" || fail "a counter fell"

# scrape STATUS REQUEST: is answered so; the answer's body is in $out.
scrape() {
	printf "$2" | "$ctl" metrics --http --no-objects >"$scratch/answer" 2>"$err" || fail "--http: exit status $?"
	head -n 1 "$scratch/answer" | grep -q "^HTTP/1.1 $1 " || fail "$2: not answered with $1 but $(head -n 1 "$scratch/answer")"
	sed '1,/^\r*$/d' "$scratch/answer" >"$out"
	length=$(sed -n 's/^Content-Length: \([0-9]*\)\r$/\1/p' "$scratch/answer")
	case $2 in
	HEAD*) [ "$(wc -c <"$out")" = 0 ] || fail "HEAD has a body" ;;
	*) [ "$(wc -c <"$out")" = "$length" ] || fail "$2: Content-Length is not so" ;;
	esac
}
openmetrics='Accept: text/plain;q=0.5,application/openmetrics-text;version=1.0.0'
scrape 200 "GET /metrics HTTP/1.1\r\nHost: a\r\n$openmetrics\r\n\r\n"
is_openmetrics "$out"
grep -q '^Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8' "$scratch/answer" || fail "type"
scrape 200 "GET /metrics?a=b HTTP/1.0\n\n"
parses "$out" parser
grep -q '^Content-Type: text/plain; version=0.0.4; charset=utf-8' "$scratch/answer" || fail "type"
scrape 200 "HEAD / HTTP/1.1\r\n\r\n"
scrape 404 "GET /etc/passwd HTTP/1.1\r\n\r\n"
scrape 405 "POST /metrics HTTP/1.1\r\nContent-Length: 0\r\n\r\n"
scrape 400 "hello\r\n\r\n"
scrape 400 "GET metrics HTTP/1.1\r\n\r\n"
scrape 505 "GET /metrics HTTP/2.0\r\n\r\n"
scrape 431 "GET /metrics HTTP/1.1\r\nX: $(printf '%020000d' 0)\r\n\r\n"
"$ctl" metrics --http </dev/null >"$out" 2>"$err" || fail "who says nothing is a failure"
[ ! -s "$out" ] || fail "who says nothing is answered"

dismiss_peer
conclude
