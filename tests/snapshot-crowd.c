/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "snapshot-crowd.h"

struct item {
	uint64_t maker, n;
	uint64_t fill[9];
	uint64_t sum;
};

static const struct shmreg_queue_params queue_params = {
	.size = sizeof(queue_params), .capacity = 256, .elem_bytes = sizeof(struct item),
	.elem_align = 8,
};
static const struct shmreg_ring_params ring_params = {
	.size = sizeof(ring_params), .capacity = 256, .elem_bytes = sizeof(struct item),
	.elem_align = 8,
};
static const struct shmreg_record_params record_params = {
	.size = sizeof(record_params), .capacity = 16384,
};
static const struct shmreg_topic_params lossy_params = {
	.size = sizeof(lossy_params), .capacity = 64, .message_bytes = sizeof(struct item),
	.message_align = 8, .publishers = 2, .subscribers = 4, .history = 64,
};
static const struct shmreg_topic_params reliable_params = {
	.size = sizeof(reliable_params), .capacity = 64, .message_bytes = sizeof(struct item),
	.message_align = 8, .flags = SHMREG_TOPIC_RELIABLE, .publishers = 2, .subscribers = 4,
	.history = 64,
};
static const struct shmreg_cell_params cell_params = {
	.size = sizeof(cell_params), .elem_bytes = sizeof(struct item), .elem_align = 8,
	.writers = 2, .slots = 4,
};
static const struct shmreg_pool_params pool_params = {
	.size = sizeof(pool_params), .capacity = 500, .elem_bytes = 64, .elem_align = 8,
};
#define N_PROCESSES 8

static struct process processes[N_PROCESSES];

static struct item make(uint64_t maker, uint64_t n)
{
	struct item item = { .maker = maker, .n = n };
	size_t i;

	for (i = 0; i < 9; i++)
		item.fill[i] = n * 31 + i;
	item.sum = maker ^ n * 7919;
	return item;
}

static bool is_whole(const struct item *item)
{
	const struct item should = make(item->maker, item->n);

	return memcmp(item, &should, sizeof(should)) == 0;
}

/* Nothing here may fail: the process ends, and the test finds that it did not speak. */
#define MUST(x) do { if ((x) < 0) { fprintf(stderr, "%s: %s\n", #x, shmreg_error()); _exit(1); } } while (0)

static struct shmreg_segment *join(struct shmreg_connection **c)
{
	struct shmreg_segment *s;

	MUST(shmreg_connect(c, NULL));
	MUST(shmreg_segment_open(*c, &s, "crowd", SHMREG_ACCESS_WRITE));
	return s;
}

static void speak(const struct mouth *mouth, uint64_t n)
{
	const int64_t word = 1;

	if (n == 300 && write(mouth->fd, &word, sizeof(word)) != (ssize_t)sizeof(word))
		_exit(1);
}

static void produce(const struct mouth *mouth, void *arg)
{
	const uint64_t maker = (uint64_t)(uintptr_t)arg;
	struct shmreg_connection *c;
	struct shmreg_segment *s = join(&c);
	struct shmreg_queue *q;
	struct shmreg_publisher *pub;
	struct shmreg_cell_writer *w;
	struct shmreg_pool *pool;
	shmreg_pool_ref refs[16] = { 0 };
	uint64_t n = 0, at_queue = 0;

	MUST(shmreg_queue_open(s, &q, "queue", &queue_params));
	MUST(shmreg_publisher_open(s, &pub, "lossy", &lossy_params));
	MUST(shmreg_cell_writer_open(s, &w, "cell", &cell_params));
	MUST(shmreg_pool_open(s, &pool, "pool", &pool_params));
	for (;; n++) {
		struct item item = make(maker, at_queue);

		if (shmreg_queue_push(q, &item) == 0)
			at_queue++;
		else
			sched_yield();
		item = make(maker, n);
		MUST(shmreg_publisher_publish(pub, &item, sizeof(item)));
		MUST(shmreg_cell_write(w, &item));
		if (refs[n % 16] != 0)
			MUST(shmreg_pool_release(pool, refs[n % 16]));
		MUST(shmreg_pool_acquire(pool, &refs[n % 16]));
		speak(mouth, n);
	}
}

static void consume(const struct mouth *mouth, void *unused)
{
	struct shmreg_connection *c;
	struct shmreg_segment *s = join(&c);
	struct shmreg_subscriber *sub;
	struct shmreg_queue *q;
	struct item item;
	uint64_t n;

	(void)unused;
	MUST(shmreg_queue_open(s, &q, "queue", &queue_params));
	MUST(shmreg_subscriber_open(s, &sub, "reliable", &reliable_params));
	for (n = 0;; n++) {
		if (shmreg_queue_pop(q, &item) < 0)
			sched_yield();
		else if (!is_whole(&item))
			_exit(1);
		if (shmreg_subscriber_read(sub, &item, sizeof(item), NULL) == 0 && !is_whole(&item))
			_exit(1);
		speak(mouth, n);
	}
}

static void write_rings(const struct mouth *mouth, void *unused)
{
	struct shmreg_connection *c;
	struct shmreg_segment *s = join(&c);
	struct shmreg_ring_producer *ring;
	struct shmreg_record_producer *records;
	struct shmreg_publisher *pub;
	uint64_t n = 0, n_records = 0, n_published = 0, turns;
	struct item item;

	(void)unused;
	MUST(shmreg_ring_producer_open(s, &ring, "ring", &ring_params));
	MUST(shmreg_record_producer_open(s, &records, "records", &record_params));
	MUST(shmreg_publisher_open(s, &pub, "reliable", &reliable_params));
	for (turns = 0;; turns++) {
		item = make(9, n);
		if (shmreg_ring_push(ring, &item) == 0)
			n++;
		else
			sched_yield();
		item = make(9, n_records);
		n_records += shmreg_record_push(records, &item,
						sizeof(item) - (n_records % 3) * 8) == 0;
		item = make(9, n_published);
		n_published += shmreg_publisher_publish(pub, &item, sizeof(item)) == 0;
		speak(mouth, turns);
	}
}

static void read_rings(const struct mouth *mouth, void *unused)
{
	struct shmreg_connection *c;
	struct shmreg_segment *s = join(&c);
	struct shmreg_ring_consumer *ring;
	struct shmreg_record_consumer *records;
	struct item item;
	size_t bytes;
	uint64_t n;

	(void)unused;
	MUST(shmreg_ring_consumer_open(s, &ring, "ring", &ring_params));
	MUST(shmreg_record_consumer_open(s, &records, "records", &record_params));
	for (n = 0;; n++) {
		if (shmreg_ring_pop(ring, &item) < 0)
			sched_yield();
		if (shmreg_record_pop(records, &item, sizeof(item), &bytes) == -EUCLEAN)
			_exit(1);
		speak(mouth, n);
	}
}

void crowd_create(struct shmreg_connection *connection)
{
	const struct shmreg_segment_params params = {
		.size = sizeof(params), .bytes = 256 << 10, .lifetime = SHMREG_UNTIL_REMOVED,
	};
	struct shmreg_segment *s;
	struct shmreg_queue *q;
	struct shmreg_ring_producer *ring;
	struct shmreg_record_producer *records;
	struct shmreg_publisher *pub;
	const struct shmreg_cell *cell;
	struct shmreg_pool *pool;

	harness_ok(shmreg_segment_create(connection, &s, "crowd", &params));
	harness_ok(shmreg_queue_create(s, &q, "queue", &queue_params));
	harness_ok(shmreg_ring_producer_create(s, &ring, "ring", &ring_params));
	harness_ok(shmreg_record_producer_create(s, &records, "records", &record_params));
	harness_ok(shmreg_publisher_create(s, &pub, "lossy", &lossy_params));
	harness_ok(shmreg_publisher_create(s, &pub, "reliable", &reliable_params));
	harness_ok(shmreg_cell_create(s, &cell, "cell", &cell_params));
	harness_ok(shmreg_pool_create(s, &pool, "pool", &pool_params));
	shmreg_segment_close(s);
}

void crowd_start(void)
{
	size_t i;

	process_start(&processes[0], produce, (void *)(uintptr_t)1);
	process_start(&processes[1], produce, (void *)(uintptr_t)2);
	process_start(&processes[2], consume, NULL);
	process_start(&processes[3], write_rings, NULL);
	process_start(&processes[4], read_rings, NULL);
	for (i = 0; i < 5; i++)
		process_expect(&processes[i], 1);
}

void crowd_kill(void)
{
	size_t i;

	for (i = 0; i < N_PROCESSES; i++)
		if (processes[i].pid != 0)
			process_kill(&processes[i]);
}

/* --- what may be seen ---------------------------------------------------------------------------- */

static const unsigned char *find(struct shmreg_segment *file, const char *name,
				 struct shmreg_dir_object *entry)
{
	harness_ok(shmreg_dir_find(shmreg_segment_dir(file), name, entry, NULL));
	return (const unsigned char *)shmreg_segment_data(file) + entry->offset;
}

static void check_queue(struct shmreg_segment *file, struct crowd_seen *seen)
{
	struct shmreg_dir_object entry;
	const unsigned char *base = find(file, "queue", &entry), *slot;
	const struct shmreg_queue_shm *shm = (const void *)base;
	const uint64_t head = shm->head >> SHMREG_QUEUE_POS_SHIFT;
	const uint64_t tail = shm->tail >> SHMREG_QUEUE_POS_SHIFT;
	const uint64_t stride = shmreg_queue_stride(sizeof(struct item), 8);
	uint64_t last[3] = { 0 }, p, word;
	struct item item;

	ck_assert_uint_le(tail - head, entry.shape.capacity);
	for (p = head; p < tail; p++) {
		slot = base + sizeof(*shm) + p % entry.shape.capacity * stride;
		memcpy(&word, slot, sizeof(word));
		ck_assert_uint_eq(word >> SHMREG_QUEUE_POS_SHIFT,
				  p / entry.shape.capacity * entry.shape.capacity);
		/* Being written: nobody's element yet. */
		if ((word & SHMREG_QUEUE_STATE_MASK) != SHMREG_QUEUE_READY) {
			ck_assert_uint_ne(word & SHMREG_QUEUE_STATE_MASK, SHMREG_QUEUE_READING);
			continue;
		}
		memcpy(&item, slot + 8, sizeof(item));
		ck_assert_msg(is_whole(&item), "position %llu of %llu .. %llu is torn",
			      (unsigned long long)p, (unsigned long long)head,
			      (unsigned long long)tail);
		ck_assert_uint_le(item.maker, 2);
		ck_assert_uint_ge(item.n + 1, last[item.maker] + 1);
		last[item.maker] = item.n + 1;
		seen->n_queue++;
	}
	for (p = tail; p < head + entry.shape.capacity; p++) {
		slot = base + sizeof(*shm) + p % entry.shape.capacity * stride;
		memcpy(&word, slot, sizeof(word));
		/* Free for that position, or in the hands of who took what was there before. */
		if (word == p / entry.shape.capacity * entry.shape.capacity << SHMREG_QUEUE_POS_SHIFT)
			continue;
		ck_assert_uint_eq(word >> SHMREG_QUEUE_POS_SHIFT,
				  p / entry.shape.capacity * entry.shape.capacity -
					  entry.shape.capacity);
		ck_assert_uint_ge(word & SHMREG_QUEUE_STATE_MASK, SHMREG_QUEUE_READY);
	}
}

static void check_ring(struct shmreg_segment *file, struct crowd_seen *seen)
{
	struct shmreg_dir_object entry;
	const unsigned char *base = find(file, "ring", &entry);
	const struct shmreg_ring_shm *shm = (const void *)base;
	struct item item;
	uint64_t p;

	ck_assert_uint_le(shm->tail - shm->head, entry.shape.capacity);
	for (p = shm->head; p < shm->tail; p++) {
		memcpy(&item, base + sizeof(*shm) + p % entry.shape.capacity * sizeof(item),
		       sizeof(item));
		ck_assert(is_whole(&item));
		ck_assert_uint_eq(item.n, p);
		seen->n_ring++;
	}
}

static void check_records(struct shmreg_segment *file, struct crowd_seen *seen)
{
	struct shmreg_dir_object entry;
	const unsigned char *base = find(file, "records", &entry);
	const struct shmreg_ring_shm *shm = (const void *)base;
	const uint64_t tail = shm->tail & ~SHMREG_RING_LOW_MASK, capacity = entry.shape.capacity;
	const uint64_t n_read = shm->n_read[shm->head & SHMREG_RING_FLIP];
	uint64_t p = shm->head & ~SHMREG_RING_LOW_MASK, n = 0, bytes;
	struct shmreg_ring_record header;
	struct item item;

	ck_assert_uint_le(tail - p, capacity);
	while (p < tail) {
		memcpy(&header, base + sizeof(*shm) + p % capacity, sizeof(header));
		if (header.bytes == SHMREG_RING_PADDING) {
			p += capacity - p % capacity;
			continue;
		}
		bytes = sizeof(item) - ((n_read + n) % 3) * 8;
		ck_assert_uint_eq(header.bytes, bytes);
		item = make(9, n_read + n);
		ck_assert_int_eq(memcmp(&item, base + sizeof(*shm) + p % capacity + 8, bytes), 0);
		p += 8 + (bytes + 7) / 8 * 8;
		n++;
	}
	ck_assert_uint_eq(p, tail);
	ck_assert_uint_eq(shm->n_written[shm->tail & SHMREG_RING_FLIP] - n_read, n);
	seen->n_records += n;
}

static void check_topic(struct shmreg_segment *file, const char *name,
			const struct shmreg_topic_params *params, struct crowd_seen *seen)
{
	struct shmreg_topic_stats stats = { .size = sizeof(stats) };
	uint64_t newest, p, last[10] = { 0 };
	struct shmreg_topic_message message;
	const struct shmreg_topic *topic;
	struct item item;

	harness_ok(shmreg_topic_open_const(file, &topic, name, params));
	harness_ok(shmreg_topic_newest(topic, &newest));
	harness_ok(shmreg_topic_stat(topic, &stats));
	/* All that there can be are there. */
	for (p = newest < params->capacity ? 0 : newest - params->capacity; p < newest; p++) {
		harness_ok(shmreg_topic_read_at(topic, p, &item, sizeof(item), &message));
		if (message.bytes == 0)
			continue;
		ck_assert(is_whole(&item));
		ck_assert_uint_ge(item.n + 1, last[item.maker] + 1);
		last[item.maker] = item.n + 1;
		seen->n_topic++;
	}
	ck_assert_int_eq(shmreg_topic_read_at(topic, newest, &item, sizeof(item), NULL), -EAGAIN);
	shmreg_topic_close(topic);
}

/* Who is dead and not repaired yet has a cursor still, and holds up nobody. */
static int visit_subscriber(void *data, const struct shmreg_topic_subscriber_info *info)
{
	const uint64_t *seats = data;

	if ((seats[info->seat] & SHMREG_SEAT_STATE_MASK) == SHMREG_SEAT_LIVE)
		ck_assert_uint_le(info->lag, reliable_params.capacity);
	return 0;
}

static void check_cursors(struct shmreg_segment *file)
{
	uint64_t *const seats = shmreg_dir_seats(shmreg_segment_dir(file));
	const struct shmreg_topic *topic;

	harness_ok(shmreg_topic_open_const(file, &topic, "reliable", &reliable_params));
	harness_ok(shmreg_topic_subscribers(topic, visit_subscriber, seats));
	shmreg_topic_close(topic);
}

static void check_cell(struct shmreg_segment *file, struct crowd_seen *seen)
{
	const struct shmreg_cell *cell;
	struct item item;
	int r;

	harness_ok(shmreg_cell_open(file, &cell, "cell", &cell_params));
	r = shmreg_cell_read(cell, &item, NULL);
	if (r != -ENODATA) {
		harness_ok(r);
		ck_assert(is_whole(&item));
		seen->n_cell++;
	}
	shmreg_cell_close(cell);
}

static void check_pool(struct shmreg_segment *file)
{
	struct shmreg_pool_stats stats = { .size = sizeof(stats) };
	const struct shmreg_pool *pool;

	harness_ok(shmreg_pool_open_const(file, &pool, "pool", &pool_params));
	harness_ok(shmreg_pool_stat(pool, &stats));
	ck_assert_uint_eq(stats.n_free + stats.n_held + stats.n_sent, pool_params.capacity);
	ck_assert_uint_le(stats.n_held, 34);
	shmreg_pool_close(pool);
}

void crowd_check(struct shmreg_segment *file, struct crowd_seen *seen)
{
	check_queue(file, seen);
	check_ring(file, seen);
	check_records(file, seen);
	check_topic(file, "lossy", &lossy_params, seen);
	check_topic(file, "reliable", &reliable_params, seen);
	check_cursors(file);
	check_cell(file, seen);
	check_pool(file);
}
