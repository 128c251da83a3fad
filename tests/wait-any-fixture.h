/* SPDX-License-Identifier: MIT */
#ifndef TEST_WAIT_ANY_FIXTURE_H
#define TEST_WAIT_ANY_FIXTURE_H

/* wait-any-fixture.h - three objects that are waited for, and who makes something happen to each */

#include "actor.h"
#include "asleep.h"

/* What the sleeper waits for; the maker is another process that makes it happen. */
enum { QUEUE, FULL, ATOMIC, N_ITEMS };

static struct harness h;
static struct process maker;
static struct shmreg_connection *c;
static struct shmreg_segment *s;
static struct word_queue *queue, *full;
static const struct word_atomic *atomic;
static struct shmreg_wait_item items[N_ITEMS];

static inline int64_t deed_full_create(struct actor *a, int64_t unused)
{
	uint64_t i;
	int r;

	(void)unused;
	r = word_queue_create(a->segment, &a->queue, "full", 8, 0);
	for (i = 0; r == 0 && i < 8; i++)
		r = word_queue_push(a->queue, &i);
	return r;
}

static inline struct shmreg_wait_item item(const struct shmreg_handle *handle, uint32_t events)
{
	return (struct shmreg_wait_item){ .handle = handle, .events = events };
}

static inline void start(const char *const *options)
{
	harness_start(&h, options);
	actor_start(&maker);
	actor_ok(&maker, deed_create, SHMREG_WHILE_ATTACHED);
	actor_ok(&maker, deed_queue_create, 0);
	actor_ok(&maker, deed_full_create, 0);
	actor_ok(&maker, deed_queue_open, 0);
	actor_ok(&maker, deed_atomic_create, 5);
	c = harness_connect();
	harness_ok(shmreg_segment_open(c, &s, ACTOR_SEGMENT, SHMREG_ACCESS_WRITE));
	harness_ok(word_queue_open(s, &queue, "queue"));
	harness_ok(word_queue_open(s, &full, "full"));
	harness_ok(word_atomic_open_const(s, &atomic, "atomic"));
	items[QUEUE] = item(&queue->queue.handle, SHMREG_WAIT_ITEMS);
	items[FULL] = item(&full->queue.handle, SHMREG_WAIT_SPACE);
	items[ATOMIC] = item(&atomic->atomic.handle, SHMREG_WAIT_ITEMS);
}

static inline void setup(void)
{
	start(NULL);
}

static inline void teardown(void)
{
	c = shmreg_disconnect(c);
	process_finish(&maker);
	harness_stop(&h);
}

static inline void ready_is(uint32_t in_queue, uint32_t in_full, uint32_t in_atomic)
{
	ck_assert_uint_eq(items[QUEUE].ready, in_queue);
	ck_assert_uint_eq(items[FULL].ready, in_full);
	ck_assert_uint_eq(items[ATOMIC].ready, in_atomic);
}

/* The atomic's first value counts as a change: from here on it is known, and nothing is ready. */
static inline void settle(void)
{
	const struct timespec past = shmreg_deadline(0);

	ck_assert_int_eq(shmreg_wait_any(items, N_ITEMS, &past), 1);
	ready_is(0, 0, SHMREG_WAIT_ITEMS);
	harness_result(shmreg_wait_any(items, N_ITEMS, &past), -ETIMEDOUT);
	ready_is(0, 0, 0);
}

static inline int wait_for_items(void *arg)
{
	(void)arg;
	return shmreg_wait_any(items, N_ITEMS, NULL);
}

static inline void fall_asleep(struct sleeper *sleeper)
{
	settle();
	sleeper_spawn(sleeper, wait_for_items, NULL);
	sleeper_await(sleeper);
}

static inline int64_t deed_full_pop(struct actor *a, int64_t unused)
{
	struct word_queue *q = NULL;
	uint64_t word;
	int r;

	(void)unused;
	r = word_queue_open(a->segment, &q, "full");
	if (r == 0)
		r = word_queue_pop(q, &word);
	word_queue_close(q);
	return r;
}

static inline int64_t deed_atomic_change(struct actor *a, int64_t unused)
{
	(void)unused;
	word_atomic_fetch_add(a->atomic, 1);
	word_atomic_notify_all(a->atomic);
	return 0;
}

static inline void make(unsigned int what)
{
	switch (what) {
	case QUEUE:
		actor_ok(&maker, deed_push, 1);
		return;
	case FULL:
		actor_ok(&maker, deed_full_pop, 0);
		return;
	default:
		actor_ok(&maker, deed_atomic_change, 0);
	}
}

static inline int pop(void *arg)
{
	uint64_t word;

	return word_queue_pop_wait(arg, &word, NULL);
}

#endif /* TEST_WAIT_ANY_FIXTURE_H */
