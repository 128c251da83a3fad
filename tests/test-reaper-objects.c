/* SPDX-License-Identifier: MIT */
#include <config.h>

/* shmreg-reaper on pools, and on queues of their objects. */

#include <stdio.h>

#include "reaper-world.h"
#include "suite.h"

static void put_entry(struct world *w, uint32_t index, uint32_t state, struct shmreg_shape shape)
{
	struct shmreg_dir_object *o = &shmreg_dir_objects(w->dir)[index];
	uint64_t align;

	o->id = index + 1;
	o->shape = shape;
	ck_assert_int_eq(shmreg_shape_bytes(&o->shape, &o->bytes, &align, NULL), 0);
	o->offset = index * 8192;
	o->removed_epoch = state == SHMREG_ENTRY_REMOVED ? 5 : 0;
	snprintf(o->name, sizeof(o->name), "object/%u", index);
	o->state = state;
}

static uint64_t *owner(struct world *w, uint64_t object)
{
	const struct shmreg_dir_object *o = &shmreg_dir_objects(w->dir)[POOL];

	return (uint64_t *)(void *)(w->data + o->offset + shmreg_pool_geometry(&o->shape).owner_offset) +
	       object;
}

#define GENERATION (7 * SHMREG_POOL_GENERATION_ONE)

/*
 * Object 0 was sent by the dead and is not yet ready, 1 is ready, 2 was being received by the
 * other dead, 3 is held by the dead, 4 and 5 travel through a queue that was removed, 6 is
 * held by the living.
 */
static void put_transfer(struct world *w, uint32_t pool_index)
{
	const struct shmreg_shape queue_shape = {
		.kind = SHMREG_KIND_QUEUE, .layout = SHMREG_QUEUE_LAYOUT,
		.flags = SHMREG_QUEUE_OBJECTS, .elem_align = 8, .elem_bytes = 8,
		.capacity = CAPACITY, .param = { POOL + 1, 0, pool_index },
	};
	struct shmreg_pool_shm *pool;
	struct shmreg_queue_shm *q;

	put_entry(w, POOL, SHMREG_ENTRY_LIVE, (struct shmreg_shape){
		.kind = SHMREG_KIND_POOL, .layout = SHMREG_POOL_LAYOUT, .elem_align = 8,
		.elem_bytes = 8, .capacity = 16 });
	put_entry(w, OBJECTS, SHMREG_ENTRY_LIVE, queue_shape);
	put_entry(w, GONE, SHMREG_ENTRY_REMOVED, queue_shape);
	pool = (void *)queue(w, POOL);
	q = queue(w, OBJECTS);
	pool->users[DEAD / 64] |= UINT64_C(1) << (DEAD % 64);
	pool->users[DEAD_TOO / 64] |= UINT64_C(1) << (DEAD_TOO % 64);
	q->users[DEAD / 64] |= UINT64_C(1) << (DEAD % 64);
	q->users[DEAD_TOO / 64] |= UINT64_C(1) << (DEAD_TOO % 64);
	*slot(w, OBJECTS, 0) = word(0, 1, DEAD_TOO, SHMREG_QUEUE_READING);
	*slot(w, OBJECTS, 1) = word(0, 0, 0, SHMREG_QUEUE_READY);
	for (uint32_t i = 0; i < 3; i++)
		slot(w, OBJECTS, i)[1] = shmreg_pool_ref_of(GENERATION, 2 - i);
	q->head = word(1, 1, DEAD_TOO, 0);
	q->tail = word(3, 1, DEAD, 0);
	for (uint32_t i = 0; i < 3; i++)
		*owner(w, i) = shmreg_pool_word_sent(GENERATION, OBJECTS, 2 - i);
	*owner(w, 3) = shmreg_pool_word_held(GENERATION, DEAD);
	*owner(w, 4) = shmreg_pool_word_sent(GENERATION, GONE, 1);
	*owner(w, 5) = shmreg_pool_word_sent(GENERATION, GONE, 7);
	*owner(w, 6) = shmreg_pool_word_held(GENERATION, ALIVE);
}

/* Return: the sum of the reports about the pool. */
static struct shmreg_reaper_report repair_transfer(struct world *w, uint64_t quiesced)
{
	struct shmreg_reaper_report reports[N_OBJECTS], pool = { 0 };
	struct shmreg_reaper_job job = world_job(w);
	struct reaper r = reaper_spawn();
	size_t n;

	job.quiesced_epoch = quiesced;
	send_job(&r, &job, (const int[]){ w->dir_ro_fd, w->data_fd }, 2);
	ck_assert_int_eq(reaper_collect(&r, reports, &n).status, 0);
	while (n-- > 0)
		if (reports[n].object == POOL + 1)
			pool = reports[n];
	return pool;
}

START_TEST(test_object_queue)
{
	struct world w;

	world_new(&w);
	put_transfer(&w, POOL);
	ck_assert_uint_eq(repair_transfer(&w, 0).n_freed, 1);
	/* what was sent is there, what was not received is free, and so is what the dead held */
	ck_assert_uint_eq(*slot(&w, OBJECTS, 2), word(0, 0, 0, SHMREG_QUEUE_READY));
	ck_assert_uint_eq(*owner(&w, 0), shmreg_pool_word_sent(GENERATION, OBJECTS, 2));
	ck_assert_uint_eq(*slot(&w, OBJECTS, 0), word(CAPACITY, 0, 0, SHMREG_QUEUE_FREE));
	ck_assert_uint_eq(*owner(&w, 2), shmreg_pool_word_free(GENERATION));
	ck_assert_uint_eq(queue(&w, OBJECTS)->n_dropped, 1);
	ck_assert_uint_eq(queue(&w, OBJECTS)->n_aborted, 0);
	ck_assert_uint_eq(*owner(&w, 1), shmreg_pool_word_sent(GENERATION, OBJECTS, 1));
	ck_assert_uint_eq(*owner(&w, 3), shmreg_pool_word_free(GENERATION));
	ck_assert_uint_eq(*owner(&w, 4), shmreg_pool_word_sent(GENERATION, GONE, 1));
	ck_assert_uint_eq(*owner(&w, 6), shmreg_pool_word_held(GENERATION, ALIVE));
	world_free(&w);
}
END_TEST

START_TEST(test_sweep)
{
	struct world w;

	world_new(&w);
	put_transfer(&w, POOL);
	/* Nobody is dead. */
	for (uint32_t i = 1; i < SHMREG_SEATS; i++)
		shmreg_dir_seats(w.dir)[i] &= ~SHMREG_SEAT_STATE_MASK;
	/* Somebody may have it open yet. */
	ck_assert_uint_eq(repair_transfer(&w, 4).n_freed, 0);
	ck_assert_uint_eq(*owner(&w, 4), shmreg_pool_word_sent(GENERATION, GONE, 1));
	ck_assert_uint_eq(repair_transfer(&w, 5).n_freed, 2);
	ck_assert_uint_eq(*owner(&w, 4), shmreg_pool_word_free(GENERATION));
	ck_assert_uint_eq(*owner(&w, 5), shmreg_pool_word_free(GENERATION));
	ck_assert_uint_eq(*owner(&w, 1), shmreg_pool_word_sent(GENERATION, OBJECTS, 1));
	ck_assert_uint_eq(*owner(&w, 3), shmreg_pool_word_held(GENERATION, DEAD));
	/* Again, and later. */
	ck_assert_uint_eq(repair_transfer(&w, UINT64_MAX).n_freed, 0);
	world_free(&w);
}
END_TEST

/* The pool that a queue names is no more, or was never one: then it is a queue of words. */
START_TEST(test_object_queue_alone)
{
	struct world w;

	for (uint32_t other = 0; other < 3; other++) {
		world_new(&w);
		put_transfer(&w, other == 0 ? ARRAY : other == 1 ? 65535 : POOL);
		if (other == 2)
			shmreg_dir_objects(w.dir)[POOL].id = 99;
		repair_transfer(&w, 0);
		ck_assert_uint_eq(*slot(&w, OBJECTS, 2), word(0, 0, 0, SHMREG_QUEUE_TOMB));
		ck_assert_uint_eq(*slot(&w, OBJECTS, 0), word(CAPACITY, 0, 0, SHMREG_QUEUE_FREE));
		ck_assert_uint_eq(*owner(&w, 2), shmreg_pool_word_sent(GENERATION, OBJECTS, 0));
		world_free(&w);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		test_object_queue,
		test_sweep,
		test_object_queue_alone,
	};

	return RUN_SUITE("reaper-objects", tests, NULL, NULL, 600);
}
