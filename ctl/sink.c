/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include <shmreg/object-queue.h>
#include <shmreg/queue.h>
#include <shmreg/records.h>
#include <shmreg/ring.h>
#include <shmreg/topic.h>
#include <shmreg/wait.h>

#include "form.h"
#include "look.h"
#include "sink.h"

static int opened(struct sink *s, int r, void *handle)
{
	if (r < 0)
		return r;
	s->handle = handle;
	/* Each kind's handle begins with it. */
	return shmreg_handle_set_waiting(handle, SHMREG_SPIN_DEFAULT_NS, SHMREG_WAIT_INTERRUPTIBLE);
}

static uint64_t any_room(const struct sink *s)
{
	(void)s;
	return UINT64_MAX;
}

/* --- queue ------------------------------------------------------------------------------------------ */

static int open_queue(struct sink *s)
{
	const struct shmreg_queue_params params = { .size = sizeof(params) };
	struct shmreg_queue *q = NULL;
	const int r = shmreg_queue_open(s->segment, &q, s->entry.name, &params);

	return opened(s, r, q);
}

static int put_queue(struct sink *s, const void *data, uint64_t bytes, const struct timespec *deadline)
{
	(void)bytes;
	return shmreg_queue_push_wait(s->handle, data, deadline);
}

static uint64_t room_of_queue(const struct sink *s)
{
	return shmreg_queue_capacity(s->handle) - shmreg_queue_length(s->handle);
}

static int close_queue(struct sink *s)
{
	return shmreg_queue_close(s->handle);
}

static const struct sink_kind sink_queue = { false, open_queue, put_queue, room_of_queue, close_queue };

/* --- queue of objects -------------------------------------------------------------------------------- */

static int open_objects(struct sink *s)
{
	const struct shmreg_object_queue_params params = { .size = sizeof(params) };
	struct shmreg_object_queue *q = NULL;
	struct shmreg_pool *pool;
	int r;

	r = look_open_pool(s->segment, &s->entry.shape, &pool);
	if (r < 0)
		return r;
	s->pool = pool;
	s->bytes = pool->elem_bytes;
	r = shmreg_object_queue_open(s->segment, &q, s->entry.name, pool, &params);
	if (r == 0)
		r = shmreg_handle_set_waiting(&pool->handle, SHMREG_SPIN_DEFAULT_NS,
					      SHMREG_WAIT_INTERRUPTIBLE);
	return opened(s, r, q);
}

/* One that was acquired is kept for the next try: it is filled in already. */
static int put_object(struct sink *s, const void *data, uint64_t bytes, const struct timespec *deadline)
{
	int r = 0;

	(void)bytes;
	if (!s->ref)
		r = shmreg_pool_acquire_init_wait(s->pool, &s->ref, data, deadline);
	if (r == 0)
		r = shmreg_object_queue_send_wait(s->handle, s->ref, deadline);
	if (r == 0)
		s->ref = SHMREG_POOL_NONE;
	return r;
}

static uint64_t room_of_objects(const struct sink *s)
{
	const struct shmreg_queue *q = shmreg_object_queue_untyped(s->handle);

	return shmreg_queue_capacity(q) - shmreg_queue_length(q);
}

static int close_objects(struct sink *s)
{
	if (s->ref)
		shmreg_pool_release(s->pool, s->ref);
	return shmreg_object_queue_close(s->handle);
}

static const struct sink_kind sink_objects = {
	false, open_objects, put_object, room_of_objects, close_objects,
};

/* --- ring ------------------------------------------------------------------------------------------- */

static int open_ring(struct sink *s)
{
	const struct shmreg_ring_params params = { .size = sizeof(params) };
	struct shmreg_ring_producer *p = NULL;
	const int r = shmreg_ring_producer_open(s->segment, &p, s->entry.name, &params);

	return opened(s, r, p);
}

static int put_ring(struct sink *s, const void *data, uint64_t bytes, const struct timespec *deadline)
{
	(void)bytes;
	return shmreg_ring_push_wait(s->handle, data, deadline);
}

static uint64_t room_of_ring(const struct sink *s)
{
	const struct shmreg_ring_producer *p = s->handle;

	return shmreg_ring_space(&p->ring);
}

static int close_ring(struct sink *s)
{
	return shmreg_ring_producer_close(s->handle);
}

static const struct sink_kind sink_ring = { false, open_ring, put_ring, room_of_ring, close_ring };

/* --- records ---------------------------------------------------------------------------------------- */

static int open_records(struct sink *s)
{
	const struct shmreg_record_params params = { .size = sizeof(params) };
	struct shmreg_record_producer *p = NULL;
	const int r = shmreg_record_producer_open(s->segment, &p, s->entry.name, &params);

	s->vary = true;
	if (r == 0)
		s->bytes = shmreg_record_max(&p->ring);
	return opened(s, r, p);
}

static int put_record(struct sink *s, const void *data, uint64_t bytes, const struct timespec *deadline)
{
	return shmreg_record_push_wait(s->handle, data, bytes, deadline);
}

static int close_records(struct sink *s)
{
	return shmreg_record_producer_close(s->handle);
}

static const struct sink_kind sink_records = {
	false, open_records, put_record, any_room, close_records,
};

/* --- topic ------------------------------------------------------------------------------------------ */

static int open_topic(struct sink *s)
{
	const struct shmreg_topic_params params = { .size = sizeof(params) };
	struct shmreg_publisher *p = NULL;
	const int r = shmreg_publisher_open(s->segment, &p, s->entry.name, &params);

	s->vary = true;
	return opened(s, r, p);
}

static int put_message(struct sink *s, const void *data, uint64_t bytes, const struct timespec *deadline)
{
	return shmreg_publisher_publish_wait(s->handle, data, bytes, deadline);
}

static int close_topic(struct sink *s)
{
	return shmreg_publisher_close(s->handle);
}

static const struct sink_kind sink_topic = { false, open_topic, put_message, any_room, close_topic };

/* --- all -------------------------------------------------------------------------------------------- */

static const struct sink_kind *const kinds[N_FORMS] = {
	[FORM_ARRAY] = &sink_array,
	[FORM_ATOMIC] = &sink_atomic,
	[FORM_CELL] = &sink_cell,
	[FORM_OBJECTS] = &sink_objects,
	[FORM_QUEUE] = &sink_queue,
	[FORM_RECORDS] = &sink_records,
	[FORM_RING] = &sink_ring,
	[FORM_TOPIC] = &sink_topic,
};

int sink_open(struct shmreg_segment *segment, const struct shmreg_dir_object *entry, struct sink **ret)
{
	struct sink *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->segment = segment;
	s->entry = *entry;
	s->bytes = entry->shape.elem_bytes;
	s->kind = kinds[form_of(&entry->shape)];
	s->places = s->kind && s->kind->places;
	r = s->kind ? s->kind->open(s) : -EOPNOTSUPP;
	if (r < 0) {
		sink_close(s);
		return r;
	}
	*ret = s;
	return 0;
}

struct sink *sink_close(struct sink *sink)
{
	if (!sink)
		return NULL;
	if (sink->handle)
		sink->kind->close(sink);
	if (sink->pool)
		shmreg_pool_close(sink->pool);
	free(sink);
	return NULL;
}

int sink_put(struct sink *sink, const void *data, uint64_t bytes, uint64_t timeout_ns)
{
	const struct patience patience = patience_begin(timeout_ns);
	struct timespec deadline;
	int r;

	do {
		deadline = patience_deadline(&patience);
		r = sink->kind->put(sink, data, bytes, &deadline);
	} while (patience_lasts(&patience, r));
	return r;
}

uint64_t sink_room(const struct sink *sink)
{
	return sink->kind->room(sink);
}
