/* SPDX-License-Identifier: MIT */

/*
 * reply - the library, while a daemon answers what it likes
 *
 * The target is the daemon, too: reply-daemon.h. Calls must return, clean up, and say why they failed.
 */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include <shmreg.h>

#include "fuzz.h"
#include "reply-daemon.h"

#define STEPS_MAX 24

/* What the library says of a failure is a sentence. */
static int result(int r)
{
	if (r < 0)
		MUST(r >= -4095);
	return r;
}

static int visit(void *data, const struct shmreg_segment_info *info)
{
	unsigned int *n = data;

	MUST(strlen(info->name) <= SHMREG_SEGMENT_NAME_MAX);
	return ++*n == 20;
}

static void open_object(struct shmreg_segment *s, struct fuzz_input *in)
{
	const uint32_t how = 1 + (uint32_t)fuzz_below(in, 3);
	const unsigned int which = (unsigned int)fuzz_below(in, 9);
	struct shmreg_cell_params cell = { .size = sizeof(cell), .elem_bytes = 64, .elem_align = 8 };
	struct shmreg_queue_params queue = { .size = sizeof(queue), .capacity = 8, .elem_bytes = 8,
					     .elem_align = 8 };
	struct shmreg_array_params array = { .size = sizeof(array) };
	struct shmreg_ring_params ring = { .size = sizeof(ring) };
	struct shmreg_topic_params topic = { .size = sizeof(topic) };
	struct shmreg_pool_params pool = { .size = sizeof(pool) };
	struct shmreg_atomic_params atomic = { .size = sizeof(atomic) };
	char name[8];
	union {
		struct shmreg_array *array;
		struct shmreg_atomic *atomic;
		struct shmreg_queue *queue;
		struct shmreg_ring_producer *ring;
		struct shmreg_publisher *pub;
		struct shmreg_subscriber *sub;
		struct shmreg_pool *pool;
		struct shmreg_cell_writer *writer;
		const struct shmreg_cell *cell;
	} h = { 0 };
	uint64_t value = 1;

	snprintf(name, sizeof(name), "o%u", (unsigned int)fuzz_below(in, 10));
	switch (which) {
	case 0:
		/* Of any length and size: the object's own. */
		if (result(shmreg_array_open(s, &h.array, name, &array)) == 0 &&
		    shmreg_array_length(h.array))
			memset(shmreg_array_data(h.array), 1, 1);
		break;
	case 1:
		result(shmreg_atomic_open(s, &h.atomic, name, &atomic));
		break;
	case 2:
		if (result(shmreg_queue_open_layout(s, &h.queue, how, name, &queue, SHMREG_QUEUE_LAYOUT,
						    sizeof(struct shmreg_queue))) == 0)
			result(shmreg_queue_push(h.queue, &value));
		break;
	case 3:
		result(shmreg_ring_producer_open(s, &h.ring, name, &ring));
		break;
	case 4:
		result(shmreg_publisher_open(s, &h.pub, name, &topic));
		break;
	case 5:
		result(shmreg_subscriber_open(s, &h.sub, name, &topic));
		break;
	case 6:
		result(shmreg_pool_open(s, &h.pool, name, &pool));
		break;
	case 7:
		result(shmreg_cell_writer_open_or_create(s, &h.writer, name, &cell));
		break;
	default:
		result(shmreg_cell_open(s, &h.cell, name, &cell));
	}
}

static void call(struct shmreg_connection *c, struct shmreg_segment **s, struct fuzz_input *in)
{
	struct shmreg_segment_params params = { .size = sizeof(params), .bytes = REPLY_DATA_BYTES };
	const struct shmreg_dir *described = NULL;
	struct shmreg_segment_info info;
	struct shmreg_stats_reply stats;
	struct shmreg_set set = { .what = SHMREG_SET_MODE, .mode = 0600 };
	unsigned int n = 0;

	switch (fuzz_u8(in) % 16) {
	case 0:
		*s = shmreg_segment_close(*s);
		result(shmreg_segment_create(c, s, "s0", &params));
		break;
	case 1:
		*s = shmreg_segment_close(*s);
		result(shmreg_segment_open(c, s, "s0", 1 + (uint32_t)fuzz_below(in, 3)));
		break;
	case 2:
		result(shmreg_segment_list(c, visit, &n));
		break;
	case 3:
		if (result(shmreg_segment_describe(c, "s0", &info, &described)) == 0 && described) {
			struct shmreg_dir_object o;

			for (uint32_t i = 0; i < described->max_objects; i++)
				(void)shmreg_dir_read_object(described, i, &o);
		}
		shmreg_dir_unmap(described);
		break;
	case 4:
		result(shmreg_stats(c, UINT32_MAX, &stats));
		break;
	case 5:
		result(shmreg_segment_set(c, "s0", &set));
		break;
	case 6:
		result(shmreg_segment_remove(c, "s0"));
		break;
	case 7:
		reply_daemon_poke(in, *s != NULL);
		break;
	case 8:
		if (*s)
			result(shmreg_object_remove(*s, "o3"));
		break;
	default:
		if (*s)
			open_object(*s, in);
	}
}

static void stream(struct shmreg_connection *c)
{
	struct shmreg_event event;

	if (result(shmreg_subscribe(c, "s0", 0)) < 0)
		return;
	for (unsigned int i = 0; i < 3; i++)
		if (result(shmreg_next_event(c, &event, 1)) == 0)
			MUST(strlen(event.segment_name) <= SHMREG_SEGMENT_NAME_MAX);
}

static void run(struct fuzz_input *in)
{
	struct shmreg_connect_params params = {
		.size = sizeof(params), .socket = "/nonexistent/fuzz", .name = "fuzz",
	};
	struct shmreg_connection *c = NULL;
	struct shmreg_segment *s = NULL;

	reply_daemon_begin(in);
	if (fuzz_u8(in) % 8 == 1)
		params.flags = SHMREG_CONNECT_OBSERVER;
	if (result(shmreg_connect(&c, &params)) == 0) {
		for (unsigned int i = 0; i < STEPS_MAX && !fuzz_ended(in); i++)
			call(c, &s, in);
		if (!s && fuzz_u8(in) % 4 == 1)
			stream(c);
		s = shmreg_segment_close(s);
	}
	c = shmreg_disconnect(c);
	reply_daemon_end();
}

static void seeds(void)
{
	/* observer?; HELLO's answer; call, its answers' spoiling */
	static const uint8_t life[] = { 0, 0, 0, 0, 9, 1, 0, 0, 9, 1, 1, 1, 9, 1, 2, 2, 9, 1, 3, 3,
					9, 1, 4, 4, 9, 1, 5, 4, 9, 1, 6, 5, 9, 1, 7, 6, 8, 0, 6, 0 };
	uint8_t bytes[32];

	fuzz_seed(life, sizeof(life));
	for (uint8_t which = 0; which < 9; which++)
		for (uint8_t how = 0; how < 8; how++) {
			memset(bytes, 2, sizeof(bytes));
			memcpy(bytes, (const uint8_t[]){ 0, 0, which, (uint8_t)(128 + how) }, 4);
			fuzz_seed(bytes, sizeof(bytes));
		}
	memcpy(bytes, (const uint8_t[]){ 0, 0, 0, 0, 7, 1, 3, 16, 9, 1, 2, 2 }, 12);
	fuzz_seed(bytes, sizeof(bytes));
	fuzz_seed((const uint8_t[]){ 1, 0, 4, 0 }, 4);
}

const struct fuzz_target fuzz_target = { reply_daemon_setup, run, seeds };
