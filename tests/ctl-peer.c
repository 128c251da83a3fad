/* SPDX-License-Identifier: MIT */
/*
 * ctl-peer.c - a participant for tests/ctl.sh to look at
 *
 * Attaches to the segment argv[1] and does what it is told by lines on standard input:
 *
 *	hold		makes an object of each kind, puts something into each, and keeps
 *			some of it in its hands
 *	busy		works with all of them, until the next line comes
 *	remove OBJECT	removes it, and goes on holding it
 *	garble SEED	writes random bytes over the whole data area
 *
 * It says the word when it has done so (busy: when it has begun), and ends when its input ends,
 * giving back what it holds.
 */
#include <config.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <shmreg.h>

#include "random.h"

struct event {
	uint64_t a, b;
};

SHMREG_DEFINE_QUEUE(event_queue, struct event);
SHMREG_DEFINE_RING(event_ring, struct event);
SHMREG_DEFINE_CELL(event_cell, struct event);
SHMREG_DEFINE_POOL(event_pool, struct event);
SHMREG_DEFINE_OBJECT_QUEUE(event_objects, event_pool);
SHMREG_DEFINE_TOPIC(event_topic, struct event);

static struct shmreg_segment *segment;
static struct event_queue *queue, *jobs;
static struct event_queue_lease lease[2];
static struct event_ring_producer *ring_producer;
static struct event_ring_consumer *ring_consumer;
static struct shmreg_record_producer *record_producer;
static struct shmreg_record_consumer *record_consumer;
static struct event_cell_writer *cell;
static struct event_pool *pool;
static struct event_objects *objects;
static struct event_topic_publisher *news, *orders;
static struct event_topic_subscriber *reader, *slow_reader, *clerk, *lazy_clerk;

static void ok(int r)
{
	if (r == 0)
		return;
	fprintf(stderr, "ctl-peer: %d, %s\n", r, shmreg_error());
	exit(1);
}

static void hold_plain(void)
{
	const struct shmreg_array_params array_params = {
		.size = sizeof(array_params),
		.length = 1000,
		.elem_bytes = 4,
		.elem_align = 4,
		.type_name = "std::pair<int, int>",
	};
	const struct shmreg_atomic_params atomic_params = { .size = sizeof(atomic_params), .bytes = 8 };
	struct shmreg_array *array;
	struct shmreg_atomic *atomic;

	ok(shmreg_array_create(segment, &array, "numbers/all", &array_params));
	ok(shmreg_atomic_create(segment, &atomic, "counter", &atomic_params));
	shmreg_atomic64_store(shmreg_atomic64_cell(atomic), 42);
}

/* 5 elements, of which two are borrowed. */
static void hold_queue(void)
{
	ok(event_queue_create(segment, &queue, "events", 8, SHMREG_QUEUE_REDELIVER));
	for (uint64_t i = 0; i < 5; i++)
		ok(event_queue_push(queue, &(struct event){ i, i }));
	ok(event_queue_acquire(queue, &lease[0]));
	ok(event_queue_acquire(queue, &lease[1]));
}

/* Both roles; 3 written and 1 read, and the same of records. */
static void hold_rings(void)
{
	const struct shmreg_record_params params = { .size = sizeof(params), .capacity = 256 };
	struct event event;
	size_t bytes;

	ok(event_ring_producer_create(segment, &ring_producer, "samples", 16));
	ok(event_ring_consumer_open(segment, &ring_consumer, "samples"));
	ok(shmreg_record_producer_create(segment, &record_producer, "log", &params));
	ok(shmreg_record_consumer_open(segment, &record_consumer, "log", &params));
	for (uint64_t i = 0; i < 3; i++) {
		ok(event_ring_push(ring_producer, &(struct event){ i, i }));
		ok(shmreg_record_push(record_producer, "record", 6));
	}
	ok(event_ring_pop(ring_consumer, &event));
	ok(shmreg_record_pop(record_consumer, &event, sizeof(event), &bytes));
}

static void hold_cell(void)
{
	ok(event_cell_writer_create(segment, &cell, "state", 3, 0));
	for (uint64_t i = 0; i < 7; i++)
		ok(event_cell_write(cell, &(struct event){ i, i }));
}

/* 4 acquired, of which one is sent. */
static void hold_pool(void)
{
	shmreg_pool_ref refs[4];

	ok(event_pool_create(segment, &pool, "frames", 8));
	ok(event_objects_create(segment, &objects, "shots", pool, 4, 0));
	ok(event_pool_acquire_batch(pool, refs, 4, 4) - 4);
	ok(event_objects_send(objects, refs[0]));
}

/* 6 messages each. Who is slow loses some, or is evicted. */
static void hold_topics(void)
{
	const struct shmreg_topic_params lossy = { .capacity = 4 };
	const struct shmreg_topic_params reliable = {
		.capacity = 4,
		.flags = SHMREG_TOPIC_RELIABLE,
		.publishers = 2,
		.subscribers = 3,
		.lag_max = 3,
	};
	struct event event;

	ok(event_topic_publisher_create(segment, &news, "news", &lossy));
	ok(event_topic_subscriber_open(segment, &reader, "news", 0));
	ok(event_topic_subscriber_open(segment, &slow_reader, "news", 0));
	ok(event_topic_publisher_create(segment, &orders, "orders", &reliable));
	ok(event_topic_subscriber_open(segment, &clerk, "orders", 0));
	ok(event_topic_subscriber_open(segment, &lazy_clerk, "orders", 0));
	for (uint64_t i = 0; i < 6; i++) {
		ok(event_topic_publisher_publish(news, &(struct event){ i, i }));
		ok(event_topic_subscriber_read(reader, &event, NULL));
		ok(event_topic_publisher_publish(orders, &(struct event){ i, i }));
		ok(event_topic_subscriber_read(clerk, &event, NULL));
	}
	/* Who finds that it has read all shows it. */
	if (event_topic_subscriber_read(reader, &event, NULL) != -EAGAIN)
		exit(1);	/* a message too many */
	ok(event_topic_subscriber_read(slow_reader, &event, NULL));
}

static void hold(void)
{
	hold_queue();
	hold_plain();
	hold_rings();
	hold_cell();
	hold_pool();
	hold_topics();
	/* What is held above is in the way of working with it. */
	ok(event_queue_create(segment, &jobs, "jobs", 8, 0));
}

static void work(void)
{
	struct event event = { 0, 0 };
	shmreg_pool_ref ref;
	size_t bytes;

	ok(event_queue_push(jobs, &event));
	ok(event_queue_pop(jobs, &event));
	ok(event_ring_push(ring_producer, &event));
	ok(event_ring_pop(ring_consumer, &event));
	ok(shmreg_record_push(record_producer, "record", 6));
	ok(shmreg_record_pop(record_consumer, &event, sizeof(event), &bytes));
	ok(event_cell_write(cell, &event));
	ok(event_pool_acquire(pool, &ref));
	ok(event_pool_release(pool, ref));
	ok(event_topic_publisher_publish(orders, &event));
	ok(event_topic_subscriber_read(clerk, &event, NULL));
}

static void busy(void)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };

	while (poll(&input, 1, 1) == 0)
		work();
}

/* As any participant with write access could. */
static void garble(const char *seed)
{
	unsigned char *data = (unsigned char *)(uintptr_t)shmreg_segment_data(segment);
	struct random_state random = { .x = strtoull(seed, NULL, 0) };

	random_fill(&random, data, shmreg_segment_dir(segment)->data_bytes);
	/* Half the time most of it is zero, or the words are small, which goes further. */
	for (uint64_t i = 0; i < shmreg_segment_dir(segment)->data_bytes; i += 8)
		if (random.x & 1)
			memset(data + i + random_below(&random, 8), 0, 1);
		else if (random_below(&random, 4) != 0)
			memset(data + i, 0, 8);
}

/* Without a buffer of stdio's, which would hide from poll() that there is a line. */
static int get_line(char *line, size_t size)
{
	size_t n = 0;
	char c;

	while (n + 1 < size && read(STDIN_FILENO, &c, 1) == 1 && c != '\n')
		line[n++] = c;
	line[n] = '\0';
	return n > 0;
}

static void give_back(void)
{
	if (!queue)
		return;
	ok(event_queue_release(queue, &lease[0]));
	ok(event_queue_refuse(queue, &lease[1]));
}

static void say(const char *word)
{
	puts(word);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	const struct shmreg_connect_params connect = { .size = sizeof(connect), .name = "a \"peer\"" };
	struct shmreg_connection *c;
	char line[64];

	if (argc != 2)
		return 2;
	ok(shmreg_connect(&c, &connect));
	ok(shmreg_segment_open(c, &segment, argv[1], SHMREG_ACCESS_WRITE));
	while (get_line(line, sizeof(line))) {
		if (strcmp(line, "hold") == 0) {
			hold();
		} else if (strcmp(line, "busy") == 0) {
			say("busy");
			busy();
			continue;
		} else if (strncmp(line, "remove ", 7) == 0) {
			ok(shmreg_object_remove(segment, line + 7));
		} else if (strncmp(line, "garble ", 7) == 0) {
			garble(line + 7);
		} else if (strcmp(line, "idle") != 0) {
			return 2;
		}
		say(line);
	}
	give_back();
	shmreg_disconnect(c);
	return 0;
}
