/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <shmreg/copy.h>
#include <shmreg/object-queue.h>
#include <shmreg/queue.h>
#include <shmreg/records.h>
#include <shmreg/ring.h>
#include <shmreg/topic.h>
#include <shmreg/wait.h>

#include "form.h"
#include "look.h"
#include "tap.h"

struct tap_kind {
	int (*open)(struct tap *t, uint64_t history);
	int (*take)(struct tap *t, uint64_t *ret_bytes, const struct timespec *deadline);
	int (*done)(struct tap *t);
	void (*give_back)(struct tap *t);
	int (*close)(struct tap *t);
};

union tap_lease {
	struct shmreg_queue_lease queue;
	struct shmreg_object_lease object;
};

static int opened(struct tap *t, int r, void *handle)
{
	if (r < 0)
		return r;
	t->handle = handle;
	/* Each kind's handle begins with it. */
	return shmreg_handle_set_waiting(handle, SHMREG_SPIN_DEFAULT_NS, SHMREG_WAIT_INTERRUPTIBLE);
}

/* What was only looked at is still there. */
static void leave(struct tap *t)
{
	(void)t;
}

/* --- queue ------------------------------------------------------------------------------------------ */

static int open_queue(struct tap *t, uint64_t history)
{
	const struct shmreg_queue_params params = { .size = sizeof(params) };
	struct shmreg_queue *q = NULL;
	const int r = shmreg_queue_open(t->segment, &q, t->entry.name, &params);

	(void)history;
	return opened(t, r, q);
}

static int take_queue(struct tap *t, uint64_t *ret_bytes, const struct timespec *deadline)
{
	const int r = shmreg_queue_acquire_wait(t->handle, &t->lease->queue, deadline);

	if (r < 0)
		return r;
	shmreg_copy_from_shared(t->copy, t->lease->queue.elem, t->bytes);
	*ret_bytes = t->bytes;
	return 0;
}

static int done_queue(struct tap *t)
{
	return shmreg_queue_release(t->handle, &t->lease->queue);
}

static void refuse_queue(struct tap *t)
{
	shmreg_queue_refuse(t->handle, &t->lease->queue);
}

static int close_queue(struct tap *t)
{
	return shmreg_queue_close(t->handle);
}

static const struct tap_kind tap_queue = {
	open_queue, take_queue, done_queue, refuse_queue, close_queue,
};

/* --- queue of objects -------------------------------------------------------------------------------- */

static int open_objects(struct tap *t, uint64_t history)
{
	const struct shmreg_object_queue_params params = { .size = sizeof(params) };
	struct shmreg_object_queue *q = NULL;
	struct shmreg_pool *pool;
	int r;

	(void)history;
	r = look_open_pool(t->segment, &t->entry.shape, &pool);
	if (r < 0)
		return r;
	t->pool = pool;
	t->bytes = pool->elem_bytes;
	r = shmreg_object_queue_open(t->segment, &q, t->entry.name, pool, &params);
	return opened(t, r, q);
}

static int take_object(struct tap *t, uint64_t *ret_bytes, const struct timespec *deadline)
{
	const int r = shmreg_object_queue_acquire_wait(t->handle, &t->lease->object, deadline);

	if (r < 0)
		return r;
	shmreg_copy_from_shared(t->copy, t->lease->object.object, t->bytes);
	*ret_bytes = t->bytes;
	return 0;
}

static int done_object(struct tap *t)
{
	return shmreg_object_queue_release(t->handle, &t->lease->object);
}

static void refuse_object(struct tap *t)
{
	shmreg_object_queue_refuse(t->handle, &t->lease->object);
}

static int close_objects(struct tap *t)
{
	return shmreg_object_queue_close(t->handle);
}

static const struct tap_kind tap_objects = {
	open_objects, take_object, done_object, refuse_object, close_objects,
};

/* --- ring ------------------------------------------------------------------------------------------- */

static int open_ring(struct tap *t, uint64_t history)
{
	const struct shmreg_ring_params params = { .size = sizeof(params) };
	struct shmreg_ring_consumer *c = NULL;
	const int r = shmreg_ring_consumer_open(t->segment, &c, t->entry.name, &params);

	(void)history;
	return opened(t, r, c);
}

static int take_ring(struct tap *t, uint64_t *ret_bytes, const struct timespec *deadline)
{
	const void *data;
	const int64_t r = shmreg_ring_view_wait(t->handle, &data, 1, deadline);

	if (r < 0)
		return (int)r;
	shmreg_copy_from_shared(t->copy, data, t->bytes);
	*ret_bytes = t->bytes;
	return 0;
}

static int done_ring(struct tap *t)
{
	return shmreg_ring_consume(t->handle, 1);
}

static int close_ring(struct tap *t)
{
	return shmreg_ring_consumer_close(t->handle);
}

static const struct tap_kind tap_ring = { open_ring, take_ring, done_ring, leave, close_ring };

/* --- records ---------------------------------------------------------------------------------------- */

static int open_records(struct tap *t, uint64_t history)
{
	const struct shmreg_record_params params = { .size = sizeof(params) };
	struct shmreg_record_consumer *c = NULL;
	const int r = shmreg_record_consumer_open(t->segment, &c, t->entry.name, &params);

	(void)history;
	t->vary = true;
	if (r == 0)
		t->bytes = shmreg_record_max(&c->ring);
	return opened(t, r, c);
}

static int take_record(struct tap *t, uint64_t *ret_bytes, const struct timespec *deadline)
{
	const void *data;
	size_t bytes;
	const int r = shmreg_record_view_wait(t->handle, &data, &bytes, deadline);

	if (r < 0)
		return r;
	shmreg_copy_from_shared(t->copy, data, bytes);
	*ret_bytes = bytes;
	return 0;
}

static int done_record(struct tap *t)
{
	return shmreg_record_consume(t->handle);
}

static int close_records(struct tap *t)
{
	return shmreg_record_consumer_close(t->handle);
}

static const struct tap_kind tap_records = {
	open_records, take_record, done_record, leave, close_records,
};

/* --- topic ------------------------------------------------------------------------------------------ */

static int open_topic(struct tap *t, uint64_t history)
{
	const struct shmreg_topic_params params = { .size = sizeof(params), .history = history };
	struct shmreg_subscriber *sub = NULL;
	const int r = shmreg_subscriber_open(t->segment, &sub, t->entry.name, &params);

	t->vary = true;
	return opened(t, r, sub);
}

static int take_message(struct tap *t, uint64_t *ret_bytes, const struct timespec *deadline)
{
	struct shmreg_topic_message message;
	const int r = shmreg_subscriber_read_wait(t->handle, t->copy, t->bytes, &message, deadline);

	if (r < 0)
		return r;
	*ret_bytes = message.bytes;
	t->n_lost = message.n_lost;
	return 0;
}

static int done_message(struct tap *t)
{
	(void)t;
	return 0;
}

static int close_topic(struct tap *t)
{
	return shmreg_subscriber_close(t->handle);
}

static const struct tap_kind tap_topic = { open_topic, take_message, done_message, leave, close_topic };

/* --- all -------------------------------------------------------------------------------------------- */

static const struct tap_kind *const kinds[N_FORMS] = {
	[FORM_OBJECTS] = &tap_objects,
	[FORM_QUEUE] = &tap_queue,
	[FORM_RECORDS] = &tap_records,
	[FORM_RING] = &tap_ring,
	[FORM_TOPIC] = &tap_topic,
};

int tap_open(struct shmreg_segment *segment, const struct shmreg_dir_object *entry, uint64_t history,
	     struct tap **ret)
{
	struct tap *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return -ENOMEM;
	t->segment = segment;
	t->entry = *entry;
	t->bytes = entry->shape.elem_bytes;
	t->kind = kinds[form_of(&entry->shape)];
	r = t->kind ? t->kind->open(t, history) : -EOPNOTSUPP;
	if (r == 0) {
		t->copy = malloc(t->bytes ? t->bytes : 1);
		t->lease = calloc(1, sizeof(*t->lease));
		r = t->copy && t->lease ? 0 : -ENOMEM;
	}
	if (r < 0) {
		tap_close(t);
		return r;
	}
	*ret = t;
	return 0;
}

struct tap *tap_close(struct tap *tap)
{
	if (!tap)
		return NULL;
	if (tap->handle)
		tap->kind->close(tap);
	if (tap->pool)
		shmreg_pool_close(tap->pool);
	free(tap->lease);
	free(tap->copy);
	free(tap);
	return NULL;
}

int tap_take(struct tap *tap, const void **ret, uint64_t *ret_bytes, uint64_t timeout_ns)
{
	const struct patience patience = patience_begin(timeout_ns);
	struct timespec deadline;
	int r;

	tap->n_lost = 0;
	do {
		deadline = patience_deadline(&patience);
		r = tap->kind->take(tap, ret_bytes, &deadline);
	} while (patience_lasts(&patience, r));
	*ret = tap->copy;
	return r;
}

int tap_done(struct tap *tap)
{
	return tap->kind->done(tap);
}

void tap_give_back(struct tap *tap)
{
	tap->kind->give_back(tap);
}
