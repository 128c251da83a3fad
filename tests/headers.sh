#!/bin/sh
# SPDX-License-Identifier: MIT
# The installed headers are C11 and C++17, each by itself, without a warning, for gcc and
# clang; two files that use all of them link with the library, inlined or not.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
warnings="-Wall -Wextra -Wpedantic -Wconversion -Werror"
paths="-I$top_srcdir/libclient -I$top_srcdir/proto"
lib=$top_builddir/.libs/libshmreg.so

cat >"$work/use.h" <<'EOF'
#include <shmreg.h>
struct event { int a; double b; };
SHMREG_DEFINE_ARRAY(event_array, struct event);
SHMREG_DEFINE_ARRAY(byte_array, uint8_t);
SHMREG_DEFINE_ATOMIC(counter, uint64_t);
SHMREG_DEFINE_ATOMIC(small, int8_t);
SHMREG_DEFINE_QUEUE(event_queue, struct event);
SHMREG_DEFINE_CELL(event_cell, struct event);
SHMREG_DEFINE_CELL(byte_cell, uint8_t);
SHMREG_DEFINE_RING(event_ring, struct event);
SHMREG_DEFINE_RING(byte_ring, uint8_t);
SHMREG_DEFINE_POOL(event_pool, struct event);
SHMREG_DEFINE_POOL(byte_pool, uint8_t);
SHMREG_DEFINE_TOPIC(event_topic, struct event);
SHMREG_DEFINE_TOPIC(byte_topic, uint8_t);
SHMREG_DEFINE_OBJECT_QUEUE(event_objects, event_pool);
SHMREG_DEFINE_OBJECT_QUEUE(byte_objects, byte_pool);
EOF
cat >"$work/one.c" <<'EOF'
#include "use.h"
int two(struct counter *c, struct event_array *a);
int main(int argc, char **argv)
{
	struct counter *c = 0;
	struct event_array *a = 0;
	struct event e;
	(void)argv;
	if (argc < 2)
		return 0; /* linked: that is all */
	e = event_array_get(a, 1);
	e.a += (int)counter_fetch_add(c, 1) + (int)shmreg_array_length(&a->array);
	event_array_set(a, 2, e);
	return two(c, a);
}
EOF
cat >"$work/two.c" <<'EOF'
#include "use.h"
int two(struct counter *c, struct event_array *a);
int two(struct counter *c, struct event_array *a)
{
	uint64_t expected = 1, *cell = shmreg_atomic64_cell(&c->atomic);
	(void)shmreg_atomic64_fetch_or(cell, 4);
	(void)shmreg_atomic64_compare_exchange_acq_rel(cell, &expected, 2);
	return event_array_at(a, 3)->a + (shmreg_array_at(&a->array, 1) != 0) +
	       counter_compare_exchange(c, &expected, shmreg_atomic64_load(cell));
}
EOF

compilers=0
for cc in gcc clang g++ clang++; do
	command -v $cc >/dev/null 2>&1 || continue
	echo 'int main(void) { return 0; }' >"$work/probe.c"
	case $cc in
	*++) std="-std=c++17 -x c++" ;;
	*) std="-std=c11 -x c" ;;
	esac
	# a compiler without its language's library (clang++ without libstdc++) proves nothing
	$cc $std "$work/probe.c" -o "$work/probe" 2>/dev/null || continue
	compilers=$((compilers + 1))
	for header in $(cd "$top_srcdir/libclient" && find shmreg.h shmreg -name '*.h' | sort) \
		      $(cd "$top_srcdir/proto" && find shmreg -name '*.h' ! -name reaper.h | sort); do
		printf '#include <%s>\n#include <%s>\n' "$header" "$header" >"$work/alone.c"
		$cc $std $warnings $paths -fsyntax-only "$work/alone.c" || {
			echo "$cc: <$header> does not compile by itself"
			exit 1
		}
	done
	for optimize in "-O0" "-O2" "-O2 -DNDEBUG" "-O0 -DSHMREG_DEBUG=1"; do
		for file in one two; do
			$cc $std $warnings $paths $optimize -c "$work/$file.c" -o "$work/$file.o"
		done
		nm -D "$lib" | grep -q -e __asan_ -e __tsan_ && continue
		$cc "$work/one.o" "$work/two.o" -o "$work/linked" "$lib"
		LD_LIBRARY_PATH=$top_builddir/.libs "$work/linked"
	done
done
[ $compilers -gt 0 ] || { echo "no compiler found under its usual name"; exit 77; }

# Misuse does not compile: writing through what was opened for reading, roles and types mixed up.
cat >"$work/misuse.h" <<'EOF'
#include "use.h"
extern const struct event_array *a;
extern const struct counter *c;
extern struct event e;
extern const struct event_cell *cell;
extern struct event_cell_writer *cell_writer;
extern struct event_ring_producer *producer;
extern struct event_ring_consumer *consumer;
extern struct byte_ring_producer *byte_producer;
extern struct shmreg_record_producer *record_producer;
extern struct event_topic_publisher *publisher;
extern struct event_topic_subscriber *subscriber;
extern struct byte_topic_subscriber *byte_subscriber;
extern const struct shmreg_topic *topic;
extern const struct event *place;
extern struct event *writable;
extern struct event_pool *pool;
extern const struct shmreg_pool *pool_const;
extern struct byte_pool *byte_pool;
extern struct event_objects *objects;
extern struct event_objects_lease *lease;
extern shmreg_pool_ref ref;
extern int i;
EOF
while read -r call; do
	printf '#include "misuse.h"\nvoid f(void);\nvoid f(void)\n{\n\t(void)(%s);\n}\n' "$call" \
		>"$work/misuse.c"
	if ${CC:-cc} -std=gnu11 -Werror -Wno-unused-result $paths -fsyntax-only "$work/misuse.c" 2>/dev/null; then
		echo "'$call' compiles"
		exit 1
	fi
done <<'EOF'
event_array_set(a, 1, e)
event_array_data(a)->a = 1
event_array_at(a, 1)->a = 1
event_array_data_const(a)->a = 1
shmreg_array_data(&a->array)
counter_store(c, 1)
counter_fetch_add(c, 1)
shmreg_atomic64_cell(&c->atomic)
event_cell_write(cell, &e)
event_cell_write(cell_writer, &i)
event_cell_read(cell_writer, &e, NULL)
event_cell_writer_close(cell)
event_ring_push(consumer, &e)
event_ring_pop(producer, &e)
event_ring_push(byte_producer, &e)
event_ring_push(producer, &i)
event_ring_consumer_close(producer)
shmreg_ring_push(&producer->producer.ring, &e)
shmreg_record_consume(record_producer)
event_topic_publisher_publish(subscriber, &e)
event_topic_publisher_publish(publisher, &i)
event_topic_subscriber_read(publisher, &e, NULL)
event_topic_subscriber_read(byte_subscriber, &e, NULL)
event_topic_subscriber_peek(subscriber, &writable, NULL)
shmreg_publisher_publish(topic, &e, sizeof(e))
shmreg_subscriber_read(topic, &e, sizeof(e), NULL)
event_pool_release(byte_pool, ref)
event_pool_make(pool, &ref, &i)
event_pool_release(pool, &ref)
event_pool_get(pool, ref)->c
shmreg_pool_acquire(pool_const, &ref)
shmreg_pool_release(pool_const, ref)
shmreg_pool_get(pool_const, ref)
shmreg_queue_push(objects, &ref)
shmreg_queue_push(&objects->queue, &ref)
event_queue_push(objects, &e)
event_objects_send(objects, &ref)
event_objects_send(pool, ref)
event_objects_open(0, &objects, "objects", byte_pool)
byte_objects_release(objects, lease)
lease->object->c
EOF
# And among what a compiler may say of an atomic bool, one line says what would be right.
printf '#include <shmreg.h>\nSHMREG_DEFINE_ATOMIC(event_atomic, _Bool);\n' >"$work/misuse.c"
! said=$(${CC:-cc} -std=gnu11 $paths -fsyntax-only "$work/misuse.c" 2>&1) ||
	{ echo "an atomic bool compiles"; exit 1; }
case $said in
*"an atomic is an integer; in place of bool"*) ;;
*) echo "an atomic bool: $said"; exit 1 ;;
esac
# What differs from those only in being right does.
printf '#include "misuse.h"\nint f(void);\nint f(void)\n{\n\treturn %s;\n}\n' \
	'event_cell_write(cell_writer, &e) + event_cell_read(cell, &e, NULL) + event_array_data_const(a)->a +
	 event_ring_push(producer, &e) + event_ring_pop(consumer, &e) +
	 event_topic_publisher_publish(publisher, &e) + event_topic_subscriber_read(subscriber, &e, NULL) +
	 event_topic_subscriber_peek(subscriber, &place, NULL) + (int)shmreg_topic_capacity(topic) +
	 event_pool_make(pool, &ref, &e) + event_pool_get(pool, ref)->a + event_pool_release(pool, ref) +
	 shmreg_pool_owner(pool_const, ref) + event_objects_send(objects, ref) + event_objects_open(0, &objects, "objects", pool) +
	 event_objects_release(objects, lease) + lease->object->a' \
	>"$work/use.c"
${CC:-cc} -std=gnu11 -Werror $paths -fsyntax-only "$work/use.c"
echo "$compilers compilers"
