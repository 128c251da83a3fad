/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "attach.h"

/* What the victim has; set in the child. */
static struct {
	struct shmreg_connection *connection;
	struct shmreg_segment *segment;
	struct shmreg_queue *queue;
	int result;
} victim;

const struct shmreg_segment_params attach_segment_params = {
	.size = sizeof(attach_segment_params),
	.bytes = 1 << 20,
	.max_participants = 8,
	.max_objects = 8,
};
const struct shmreg_queue_params attach_queue_params = {
	.size = sizeof(attach_queue_params),
	.capacity = 4,
	.elem_bytes = sizeof(uint64_t),
	.elem_align = 8,
};

static void must(int result, const char *what)
{
	if (result == 0)
		return;
	fprintf(stderr, "crash-attach: %s: %s: %s\n", what, strerror(-result), shmreg_error());
	_exit(98);
}

static void prepare_connection(void *arg)
{
	(void)arg;
	must(shmreg_connect(&victim.connection, NULL), "connect");
}

static void prepare_segment(void *arg)
{
	prepare_connection(arg);
	must(shmreg_segment_open(victim.connection, &victim.segment, ATTACH_SEGMENT, SHMREG_ACCESS_WRITE),
	     "open");
}

static void prepare_queue(void *arg)
{
	prepare_segment(arg);
	must(shmreg_queue_open(victim.segment, &victim.queue, ATTACH_QUEUE, NULL), "queue_open");
}

static void run_connect(void *arg)
{
	(void)arg;
	victim.result = shmreg_connect(&victim.connection, NULL);
}

static void run_open(void *arg)
{
	(void)arg;
	victim.result = shmreg_segment_open(victim.connection, &victim.segment, ATTACH_SEGMENT,
					    SHMREG_ACCESS_WRITE);
}

static void run_open_read_only(void *arg)
{
	(void)arg;
	victim.result = shmreg_segment_open(victim.connection, &victim.segment, ATTACH_SEGMENT,
					    SHMREG_ACCESS_READ);
}

static void run_create(void *arg)
{
	(void)arg;
	victim.result = shmreg_segment_create(victim.connection, &victim.segment, ATTACH_FRESH_SEGMENT,
					      &attach_segment_params);
}

static void run_open_or_create(void *arg)
{
	(void)arg;
	victim.result = shmreg_segment_open_or_create(victim.connection, &victim.segment,
						      ATTACH_FRESH_SEGMENT, &attach_segment_params, NULL);
}

static void run_queue_create(void *arg)
{
	(void)arg;
	victim.result = shmreg_queue_create(victim.segment, &victim.queue, ATTACH_FRESH_QUEUE,
					    &attach_queue_params);
}

static void run_queue_open(void *arg)
{
	(void)arg;
	victim.result = shmreg_queue_open(victim.segment, &victim.queue, ATTACH_QUEUE, NULL);
}

static void run_queue_close(void *arg)
{
	(void)arg;
	victim.result = shmreg_queue_close(victim.queue);
}

static void run_close(void *arg)
{
	(void)arg;
	shmreg_segment_close(victim.segment);
}

static void run_disconnect(void *arg)
{
	(void)arg;
	shmreg_disconnect(victim.connection);
}

const struct way attach_ways[] = {
	{ "connect", NULL, run_connect, true },
	{ "segment_open", prepare_connection, run_open, true },
	{ "segment_open, read-only", prepare_connection, run_open_read_only, true },
	{ "segment_create", prepare_connection, run_create, true },
	{ "segment_open_or_create", prepare_connection, run_open_or_create, true },
	{ "queue_create", prepare_segment, run_queue_create, true },
	{ "queue_open", prepare_segment, run_queue_open, true },
	{ "queue_close", prepare_queue, run_queue_close, true },
	{ "segment_close", prepare_queue, run_close, true },
	{ "disconnect", prepare_queue, run_disconnect, false },
};
const unsigned int attach_n_ways = sizeof(attach_ways) / sizeof(attach_ways[0]);
