/* SPDX-License-Identifier: MIT */

/*
 * instructions-ops.c - every fast path of libshmreg once
 *
 * Compiled as users compile: against the installed headers, typed wrappers where there are any.
 * Each operation leaves what the next one of its kind needs to find it in the same state.
 */

#include <err.h>
#include <stddef.h>
#include <stdint.h>

#include <shmreg.h>

#include "instructions.h"

#define ROOM 256	/* more than is ever counted at once */
#define BULK 32
#define LINE 64

struct line {
	uint64_t word[LINE / 8];
};

SHMREG_DEFINE_ARRAY(array8, uint64_t);
SHMREG_DEFINE_ATOMIC(atomic8, uint64_t);
SHMREG_DEFINE_QUEUE(queue8, uint64_t);
SHMREG_DEFINE_QUEUE(queue64, struct line);
SHMREG_DEFINE_RING(ring8, uint64_t);
SHMREG_DEFINE_RING(ring64, struct line);
SHMREG_DEFINE_TOPIC(topic8, uint64_t);
SHMREG_DEFINE_TOPIC(topic64, struct line);
SHMREG_DEFINE_POOL(pool64, struct line);
SHMREG_DEFINE_OBJECT_QUEUE(shots, pool64);
SHMREG_DEFINE_CELL(cell8, uint64_t);
SHMREG_DEFINE_CELL(cell64, struct line);

static struct shmreg_connection *connection;
static struct shmreg_segment *segment;
static struct array8 *array;
static struct atomic8 *atomic;
static struct queue8 *q8;
static struct queue64 *q64;
static struct ring8_producer *r8p;
static struct ring8_consumer *r8c;
static struct ring64_producer *r64p;
static struct ring64_consumer *r64c;
static struct shmreg_record_producer *records_p;
static struct shmreg_record_consumer *records_c;
static struct topic8_publisher *t8p;
static struct topic8_subscriber *t8s;
static struct topic64_publisher *t64p;
static struct topic64_subscriber *t64s;
static struct topic8_publisher *reliable_p;
static struct topic8_subscriber *reliable_s;
static struct pool64 *pool;
static struct shots *shots;
static struct cell8_writer *c8w;
static const struct cell8 *c8;
static struct cell64_writer *c64w;
static const struct cell64 *c64;

static uint64_t value = 7, values[BULK];
static struct line line;
static shmreg_pool_ref refs[ROOM];
static unsigned int n_refs;

static void must(int r)
{
	if (r < 0)
		errx(1, "%s", shmreg_error());
}

static void open_topics(void)
{
	struct shmreg_topic_params params = { .size = sizeof(params), .capacity = 4 * ROOM,
					      .publishers = 1, .subscribers = 1 };

	must(topic8_publisher_open_or_create(segment, &t8p, "t8", &params));
	must(topic8_subscriber_open(segment, &t8s, "t8", 0));
	must(topic64_publisher_open_or_create(segment, &t64p, "t64", &params));
	must(topic64_subscriber_open(segment, &t64s, "t64", 0));
	params.flags = SHMREG_TOPIC_RELIABLE;
	must(topic8_publisher_open_or_create(segment, &reliable_p, "reliable", &params));
	must(topic8_subscriber_open(segment, &reliable_s, "reliable", 0));
}

void instructions_open(void)
{
	const struct shmreg_segment_params params = { .size = sizeof(params), .bytes = 1 << 20 };
	const struct shmreg_record_params records = { .size = sizeof(records),
						      .capacity = 64 * 1024 };

	must(shmreg_connect(&connection, NULL));
	must(shmreg_segment_create(connection, &segment, "instructions", &params));
	must(array8_open_or_create(segment, &array, "array", ROOM));
	must(atomic8_open_or_create(segment, &atomic, "atomic"));
	must(queue8_open_or_create(segment, &q8, "q8", 4 * ROOM, 0));
	must(queue64_open_or_create(segment, &q64, "q64", 4 * ROOM, 0));
	must(ring8_producer_open_or_create(segment, &r8p, "r8", 64 * ROOM));
	must(ring8_consumer_open(segment, &r8c, "r8"));
	must(ring64_producer_open_or_create(segment, &r64p, "r64", 4 * ROOM));
	must(ring64_consumer_open(segment, &r64c, "r64"));
	must(shmreg_record_producer_create(segment, &records_p, "records", &records));
	must(shmreg_record_consumer_open(segment, &records_c, "records", NULL));
	open_topics();
	must(pool64_open_or_create(segment, &pool, "pool", 2 * ROOM));
	must(shots_open_or_create(segment, &shots, "shots", pool, 2 * ROOM, 0));
	must(cell8_writer_open_or_create(segment, &c8w, "c8", 1, 0));
	must(cell8_open(segment, &c8, "c8"));
	must(cell64_writer_open_or_create(segment, &c64w, "c64", 1, 0));
	must(cell64_open(segment, &c64, "c64"));
	must(cell8_write(c8w, &value));
	must(cell64_write(c64w, &line));
}

void instructions_close(void)
{
	shmreg_segment_close(segment);
	shmreg_disconnect(connection);
}

/* one() of an operation that is one call. */
#define CALL(name, call)                                                                           \
	static __attribute__((noinline)) int name(void)                                            \
	{                                                                                          \
		return call;                                                                       \
	}

CALL(nothing, 0)

/* Look-up by name among all the objects here, check of its shape, and a handle. */
static __attribute__((noinline)) int open_close(void)
{
	struct queue64 *q;
	const int r = queue64_open(segment, &q, "q64");

	return r < 0 ? r : queue64_close(q);
}

CALL(array_load, (int)(array8_data(array)[value] != 0))
CALL(array_store, (array8_data(array)[value] = value, 0))
CALL(atomic_load, (int)(atomic8_load_acquire(atomic) == UINT64_MAX))
CALL(atomic_add, (int)(atomic8_fetch_add_relaxed(atomic, 1) == UINT64_MAX))

static void prepare_q8(unsigned int n)
{
	while (queue8_pop(q8, &value) == 0)
		;
	for (unsigned int i = 0; i < n; i++)
		must(queue8_push(q8, &value));
}

static void empty_q8(unsigned int n)
{
	(void)n;
	prepare_q8(0);
}

static void prepare_q8_batches(unsigned int n)
{
	prepare_q8(n * BULK);
}

static void prepare_q64(unsigned int n)
{
	while (queue64_pop(q64, &line) == 0)
		;
	for (unsigned int i = 0; i < n; i++)
		must(queue64_push(q64, &line));
}

static void empty_q64(unsigned int n)
{
	(void)n;
	prepare_q64(0);
}

CALL(push_q8, queue8_push(q8, &value))
CALL(pop_q8, queue8_pop(q8, &value))
CALL(push_wait_q8, queue8_push_wait(q8, &value, NULL))
CALL(pop_wait_q8, queue8_pop_wait(q8, &value, NULL))
CALL(push_batch_q8, queue8_push_batch(q8, values, BULK, BULK) - BULK)
CALL(pop_batch_q8, queue8_pop_batch(q8, values, BULK) - BULK)
CALL(push_q64, queue64_push(q64, &line))
CALL(pop_q64, queue64_pop(q64, &line))
CALL(push_q8_untyped, shmreg_queue_push(queue8_untyped(q8), &value))
CALL(pop_q8_untyped, shmreg_queue_pop(queue8_untyped(q8), &value))

static void prepare_r8(unsigned int n)
{
	ring8_clear(r8c);
	for (unsigned int i = 0; i < n; i++)
		must(ring8_push(r8p, &value));
}

static void prepare_r8_bulk(unsigned int n)
{
	prepare_r8(n * BULK);
}

static void empty_r8(unsigned int n)
{
	(void)n;
	prepare_r8(0);
}

static void prepare_r64(unsigned int n)
{
	ring64_clear(r64c);
	for (unsigned int i = 0; i < n; i++)
		must(ring64_push(r64p, &line));
}

static void empty_r64(unsigned int n)
{
	(void)n;
	prepare_r64(0);
}

CALL(push_r8, ring8_push(r8p, &value))
CALL(pop_r8, ring8_pop(r8c, &value))
CALL(push_bulk_r8, (int)ring8_push_bulk(r8p, values, BULK, BULK) - BULK)
CALL(pop_bulk_r8, (int)ring8_pop_bulk(r8c, values, BULK) - BULK)
CALL(push_r64, ring64_push(r64p, &line))
CALL(pop_r64, ring64_pop(r64c, &line))

static void prepare_records(unsigned int n)
{
	shmreg_record_clear(records_c);
	for (unsigned int i = 0; i < n; i++)
		must(shmreg_record_push(records_p, &line, sizeof(line)));
}

static void empty_records(unsigned int n)
{
	(void)n;
	prepare_records(0);
}

static __attribute__((noinline)) int reserve_records(void)
{
	void *data;
	const int r = shmreg_record_reserve(records_p, &data, sizeof(line));

	if (r < 0)
		return r;
	*(uint64_t *)data = value;
	return shmreg_record_commit(records_p, sizeof(line));
}

static __attribute__((noinline)) int view_records(void)
{
	const void *data;
	size_t bytes;
	const int r = shmreg_record_view(records_c, &data, &bytes);

	if (r < 0)
		return r;
	value = *(const uint64_t *)data;
	return shmreg_record_consume(records_c);
}

CALL(push_records, shmreg_record_push(records_p, &line, sizeof(line)))

static __attribute__((noinline)) int pop_records(void)
{
	size_t bytes;

	return shmreg_record_pop(records_c, &line, sizeof(line), &bytes);
}

static void empty_t8(unsigned int n)
{
	(void)n;
	while (topic8_subscriber_read(t8s, &value, NULL) == 0)
		;
}

static void prepare_t8(unsigned int n)
{
	empty_t8(n);
	for (unsigned int i = 0; i < n; i++)
		must(topic8_publisher_publish(t8p, &value));
}

static void prepare_t64(unsigned int n)
{
	while (topic64_subscriber_read(t64s, &line, NULL) == 0)
		;
	for (unsigned int i = 0; i < n; i++)
		must(topic64_publisher_publish(t64p, &line));
}

static void empty_reliable(unsigned int n)
{
	(void)n;
	while (topic8_subscriber_read(reliable_s, &value, NULL) == 0)
		;
}

static void prepare_reliable(unsigned int n)
{
	empty_reliable(n);
	for (unsigned int i = 0; i < n; i++)
		must(topic8_publisher_publish(reliable_p, &value));
}

CALL(publish_t8, topic8_publisher_publish(t8p, &value))
CALL(read_t8, topic8_subscriber_read(t8s, &value, NULL))
CALL(publish_t64, topic64_publisher_publish(t64p, &line))
CALL(read_t64, topic64_subscriber_read(t64s, &line, NULL))
CALL(publish_reliable, topic8_publisher_publish(reliable_p, &value))
CALL(read_reliable, topic8_subscriber_read(reliable_s, &value, NULL))

static void empty_pool(unsigned int n)
{
	(void)n;
	while (n_refs > 0)
		must(pool64_release(pool, refs[--n_refs]));
}

static void prepare_pool(unsigned int n)
{
	empty_pool(n);
	while (n_refs < n)
		must(pool64_acquire(pool, &refs[n_refs++]));
}

CALL(acquire_pool, pool64_acquire(pool, &refs[n_refs++]))
CALL(get_pool, (int)(pool64_get(pool, refs[0]) == NULL))
CALL(release_pool, pool64_release(pool, refs[--n_refs]))

/* As programs mostly do: what was freed last is taken again. */
static __attribute__((noinline)) int acquire_release_pool(void)
{
	shmreg_pool_ref ref;
	const int r = pool64_acquire(pool, &ref);

	return r < 0 ? r : pool64_release(pool, ref);
}

static void empty_shots(unsigned int n)
{
	shmreg_pool_ref ref;

	while (shots_receive(shots, &ref) == 0)
		must(pool64_release(pool, ref));
	prepare_pool(n);
}

static void prepare_shots(unsigned int n)
{
	empty_shots(n);
	while (n_refs > 0)
		must(shots_send(shots, refs[--n_refs]));
}

CALL(send_shots, shots_send(shots, refs[--n_refs]))
CALL(receive_shots, shots_receive(shots, &refs[n_refs++]))

CALL(write_c8, cell8_write(c8w, &value))
CALL(read_c8, cell8_read(c8, &value, NULL))
CALL(changed_c8, (int)(cell8_changed(c8, 0) == 0))
CALL(write_c64, cell64_write(c64w, &line))
CALL(read_c64, cell64_read(c64, &line, NULL))

const struct instructions_op instructions_ops[] = {
	{ "nothing", NULL, nothing },
	{ "queue.open-close", NULL, open_close },
	{ "array.load.8", NULL, array_load },
	{ "array.store.8", NULL, array_store },
	{ "atomic.load.8", NULL, atomic_load },
	{ "atomic.add.8", NULL, atomic_add },
	{ "queue.push.8", empty_q8, push_q8 },
	{ "queue.pop.8", prepare_q8, pop_q8 },
	{ "queue.push-wait.8", empty_q8, push_wait_q8 },
	{ "queue.pop-wait.8", prepare_q8, pop_wait_q8 },
	{ "queue.push-batch-32.8", empty_q8, push_batch_q8 },
	{ "queue.pop-batch-32.8", prepare_q8_batches, pop_batch_q8 },
	{ "queue.push.64", empty_q64, push_q64 },
	{ "queue.pop.64", prepare_q64, pop_q64 },
	{ "queue.push-untyped.8", empty_q8, push_q8_untyped },
	{ "queue.pop-untyped.8", prepare_q8, pop_q8_untyped },
	{ "ring.push.8", empty_r8, push_r8 },
	{ "ring.pop.8", prepare_r8, pop_r8 },
	{ "ring.push-bulk-32.8", empty_r8, push_bulk_r8 },
	{ "ring.pop-bulk-32.8", prepare_r8_bulk, pop_bulk_r8 },
	{ "ring.push.64", empty_r64, push_r64 },
	{ "ring.pop.64", prepare_r64, pop_r64 },
	{ "records.push.64", empty_records, push_records },
	{ "records.pop.64", prepare_records, pop_records },
	{ "records.reserve-commit.64", empty_records, reserve_records },
	{ "records.view-consume.64", prepare_records, view_records },
	{ "topic.publish.8", empty_t8, publish_t8 },
	{ "topic.read.8", prepare_t8, read_t8 },
	{ "topic.publish.64", NULL, publish_t64 },
	{ "topic.read.64", prepare_t64, read_t64 },
	{ "topic.publish-reliable.8", empty_reliable, publish_reliable },
	{ "topic.read-reliable.8", prepare_reliable, read_reliable },
	{ "pool.acquire.64", empty_pool, acquire_pool },
	{ "pool.acquire-release.64", empty_pool, acquire_release_pool },
	{ "pool.get.64", prepare_pool, get_pool },
	{ "pool.release.64", prepare_pool, release_pool },
	{ "object-queue.send.64", empty_shots, send_shots },
	{ "object-queue.receive.64", prepare_shots, receive_shots },
	{ "cell.write.8", NULL, write_c8 },
	{ "cell.read.8", NULL, read_c8 },
	{ "cell.changed.8", NULL, changed_c8 },
	{ "cell.write.64", NULL, write_c64 },
	{ "cell.read.64", NULL, read_c64 },
	{ NULL, NULL, NULL },
};
