/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "hostile.h"
#include "queue-plain.h"
#include "queue-repair.h"
#include "random.h"
#include "suite.h"

/*
 * A peer that writes anything anywhere. Whatever it does, each call returns, with one of the
 * values that its contract lists, and touches nothing outside: unreadable pages lie on both sides
 * of the queue, and guards around the buffers. Which elements come does not matter here.
 */

#define MAX_BATCH 63
#define MAX_ELEM 200

static struct shmreg_shape shape;
static unsigned char *base;
static uint64_t bytes;
static unsigned char buffer[MAX_BATCH * MAX_ELEM + 2 * GUARD_BYTES];

static void map(uint64_t capacity, uint64_t elem_bytes, uint32_t elem_align, uint32_t flags)
{
	uint64_t align;

	shape = (struct shmreg_shape){
		.kind = SHMREG_KIND_QUEUE,
		.layout = SHMREG_QUEUE_LAYOUT,
		.flags = flags,
		.elem_align = elem_align,
		.elem_bytes = elem_bytes,
		.capacity = capacity,
	};
	base = plain_map(&shape);
	ck_assert_ptr_nonnull(base);
	ck_assert_int_eq(shmreg_shape_bytes(&shape, &bytes, &align, NULL), 0);
}

static uint64_t *slot_word(uint64_t index)
{
	return (uint64_t *)(void *)(base + sizeof(struct shmreg_queue_shm) +
				    index *
					shmreg_queue_stride(shape.elem_bytes, shape.elem_align));
}

/* A word as a queue might have it, or nearly; near position @near. */
static uint64_t plausible(struct random_state *r, uint64_t near)
{
	const uint64_t lap = shape.capacity << SHMREG_QUEUE_POS_SHIFT;
	uint64_t w = near + (random_below(r, 5) - 2) * lap;

	if (random_below(r, 4) != 0)
		w &= ~(lap - 1);
	else
		w = (w & ~SHMREG_QUEUE_LOW_MASK) +
		    ((random_below(r, 9) - 4) << SHMREG_QUEUE_POS_SHIFT);
	w |= random_below(r, 8);
	if (random_below(r, 2))
		w |= random_below(r, 5) << SHMREG_QUEUE_OWNER_SHIFT;
	if (random_below(r, 2))
		w |= (random_below(r, 3) ? random_below(r, 4) : random_below(r, 64))
		     << SHMREG_QUEUE_N_SHIFT;
	return w;
}

static uint64_t nonsense(struct random_state *r, uint64_t near)
{
	switch (random_below(r, 8)) {
	case 0:
		return random_next(r);
	case 1:
		return random_below(r, 2) ? 0 : UINT64_MAX;
	default:
		return plausible(r, near);
	}
}

/* One act of a hostile peer. By atomic stores, as it would be seen by the processor. */
static void scribble(struct random_state *r)
{
	struct shmreg_queue_shm *shm = (struct shmreg_queue_shm *)(void *)base;
	const uint64_t near = shmreg_load_relaxed(random_below(r, 2) ? &shm->tail : &shm->head);

	switch (random_below(r, 12)) {
	case 0:
		shmreg_store_relaxed(&shm->tail, nonsense(r, near));
		break;
	case 1:
		shmreg_store_relaxed(&shm->head, nonsense(r, near));
		break;
	case 2:
		shmreg_store_relaxed(&shm->redel, random_next(r));
		break;
	case 3:
		shmreg_store_relaxed(&shm->lapped, random_below(r, 2));
		break;
	case 4:
		shmreg_store_relaxed((uint64_t *)(void *)base + random_below(r, bytes / 8),
				     random_next(r));
		break;
	default:
		shmreg_store_relaxed(slot_word(random_below(r, shape.capacity)), nonsense(r, near));
	}
}

static void guard(size_t used)
{
	guard_buffer(buffer, sizeof(buffer), used);
}

static void check_guard(size_t used)
{
	guard_check(buffer, used);
}

static void check_error(int r)
{
	ck_assert_msg(r == -EAGAIN || r == -EBUSY || r == -EUCLEAN, "returned %d", r);
}

/* One call of whatever there is, by the victim. */
static void act(struct shmreg_queue *q, struct random_state *r, const uint64_t dead[64])
{
	static struct shmreg_queue_lease leases[4];
	const size_t size = (size_t)shape.elem_bytes;
	const uint32_t n = (uint32_t)random_below(r, MAX_BATCH + 1);
	const uint32_t min = (uint32_t)random_below(r, n + 2);
	struct shmreg_queue_lease *l = &leases[random_below(r, 4)];
	struct shmreg_reaper_report report = { 0 };
	struct shmreg_queue_stats stats = { .size = sizeof(stats) };
	int got;

	switch (random_below(r, 12)) {
	case 0:
	case 1:
		guard(size);
		got = shmreg_queue_push(q, buffer + GUARD_BYTES);
		if (got != 0)
			check_error(got);
		check_guard(size);
		break;
	case 2:
	case 3:
		guard(size);
		got = shmreg_queue_pop(q, buffer + GUARD_BYTES);
		if (got != 0)
			check_error(got);
		check_guard(size);
		break;
	case 4:
		guard(n * size);
		got = shmreg_queue_push_batch(q, buffer + GUARD_BYTES, n, min);
		if (got >= 0)
			ck_assert_uint_le((unsigned int)got, n < q->batch_max ? n : q->batch_max);
		else if (got == -EINVAL)
			ck_assert(min > n || min > q->batch_max);
		else
			check_error(got);
		check_guard(n * size);
		break;
	case 5:
		guard(n * size);
		got = shmreg_queue_pop_batch(q, buffer + GUARD_BYTES, n);
		if (got >= 0)
			ck_assert_uint_le((unsigned int)got, n < q->batch_max ? n : q->batch_max);
		else
			check_error(got);
		check_guard(n * size);
		break;
	case 6:
	case 7:
		got = random_below(r, 2) ? shmreg_queue_reserve(q, l) : shmreg_queue_acquire(q, l);
		if (got != 0) {
			check_error(got);
			break;
		}
		/* Inside, whole, aligned: it may be filled. */
		ck_assert_uint_ge((uintptr_t)l->elem,
				  (uintptr_t)base + sizeof(struct shmreg_queue_shm));
		ck_assert_uint_le((uintptr_t)l->elem + size, (uintptr_t)base + bytes);
		ck_assert_uint_eq((uintptr_t)l->elem % shape.elem_align, 0);
		memset(l->elem, (int)n, size);
		break;
	case 8:
		if (random_below(r, 8) == 0)
			l->position = random_next(r);
		got = random_below(r, 2) ? (random_below(r, 2) ? shmreg_queue_commit(q, l)
							       : shmreg_queue_abort(q, l))
					 : (random_below(r, 2) ? shmreg_queue_release(q, l)
							       : shmreg_queue_refuse(q, l));
		if (got != 0)
			ck_assert(got == -EINVAL || got == -EPERM);
		break;
	case 9:
		ck_assert_uint_le(shmreg_queue_length(q), shape.capacity);
		ck_assert_int_eq(shmreg_queue_stat(q, &stats), 0);
		ck_assert_uint_le(stats.length, shape.capacity);
		break;
	default:
		ck_assert_int_eq(queue_repair(&shape, base, dead, &report), 0);
		ck_assert_uint_le(report.n_seats, 3);
		/* bounded: each leader among the slots, and two counters, at most 63 words each */
		ck_assert_uint_le(report.n_repaired, 63 * (shape.capacity + 2));
		((struct shmreg_queue_shm *)(void *)base)->users[0] |= dead[0];
	}
}

static const struct {
	uint64_t capacity, elem_bytes;
	uint32_t elem_align, flags;
} shapes[] = {
	{ 2, 8, 8, 0 },
	{ 2, 1, 1, SHMREG_QUEUE_REDELIVER },
	{ 4, 100, 4, SHMREG_QUEUE_REDELIVER },
	{ 8, 128, 128, 0 },
	{ 64, 24, 8, SHMREG_QUEUE_REDELIVER },
	{ 128, 200, 8, 0 },
	{ 1024, 8, 8, SHMREG_QUEUE_REDELIVER },
};
#define N_SHAPES ((int)(sizeof(shapes) / sizeof(*shapes)))

static void begin(int i, struct random_state *r, uint64_t dead[64])
{
	random_seed(r);
	r->x += (uint64_t)i * 77;
	map(shapes[i % N_SHAPES].capacity, shapes[i % N_SHAPES].elem_bytes,
	    shapes[i % N_SHAPES].elem_align, shapes[i % N_SHAPES].flags);
	memset(dead, 0, 64 * sizeof(*dead));
	dead[0] = 1 << 2 | 1 << 3 | 1 << 4;
}

/* The victim's calls and the hostile ones take turns: can be had again by the seed. */
START_TEST(in_turns)
{
	const unsigned long rounds = random_rounds(20000);
	struct shmreg_queue q;
	struct random_state r;
	uint64_t dead[64];
	unsigned long i;
	uint64_t k;

	begin(_i, &r, dead);
	queue_bind(&q, base, &shape, 1);
	((struct shmreg_queue_shm *)(void *)base)->users[0] |= dead[0];
	for (i = 0; i < rounds; i++) {
		if (i % 1000 == 999)
			random_fill(&r, base, (size_t)bytes);
		if (i % 1000 == 499)
			memset(base, 0, (size_t)bytes);
		for (k = random_below(&r, 4); k > 0; k--)
			scribble(&r);
		((struct shmreg_queue_shm *)(void *)base)->users[0] |= dead[0];
		act(&q, &r, dead);
	}
	plain_unmap(base, &shape);
}
END_TEST

/* All at once, by another process. */
START_TEST(at_once)
{
	const unsigned long rounds = random_rounds(20000) / 2;
	struct shmreg_queue q;
	struct random_state r;
	uint64_t dead[64];
	unsigned long i;
	pid_t pid;

	begin(_i, &r, dead);
	queue_bind(&q, base, &shape, 1);
	pid = hostile_start(scribble, r);
	for (i = 0; i < rounds; i++) {
		shmreg_fetch_or_acq_rel(&((struct shmreg_queue_shm *)(void *)base)->users[0],
					dead[0]);
		act(&q, &r, dead);
	}
	hostile_end(pid);
	plain_unmap(base, &shape);
}
END_TEST

/* What is impossible is called so at once, and not tried again and again. */
START_TEST(impossible_is_unclean)
{
	struct shmreg_queue_shm *shm;
	struct shmreg_queue q;
	unsigned int state;
	uint64_t x = 0;

	map(4, 8, 8, 0);
	shm = (struct shmreg_queue_shm *)(void *)base;
	queue_bind(&q, base, &shape, 1);
	for (state = 1; state < 8; state++) {
		/* at the tail, a slot that says it was claimed */
		memset(base, 0, (size_t)bytes);
		*slot_word(0) = state;
		ck_assert_int_eq(shmreg_queue_push(&q, &x), -EUCLEAN);
		ck_assert_int_eq(shmreg_queue_push_batch(&q, &x, 1, 1), -EUCLEAN);
		/* at the head, one that says it was taken */
		if (state == SHMREG_QUEUE_WRITING || state == SHMREG_QUEUE_READY ||
		    state == SHMREG_QUEUE_TOMB)
			continue;
		ck_assert_int_eq(shmreg_queue_pop(&q, &x), -EUCLEAN);
	}
	memset(base, 0, (size_t)bytes);
	*slot_word(0) = UINT64_C(4) << SHMREG_QUEUE_POS_SHIFT;
	ck_assert_int_eq(shmreg_queue_pop(&q, &x), -EUCLEAN);
	*slot_word(0) = SHMREG_QUEUE_READY | UINT64_C(3) << SHMREG_QUEUE_OWNER_SHIFT;
	ck_assert_int_eq(shmreg_queue_pop(&q, &x), -EUCLEAN);
	/* an older lap is none of those: the slot is still in use, or never will be free */
	*slot_word(0) = UINT64_MAX << SHMREG_QUEUE_POS_SHIFT & ~(UINT64_C(3) << 21);
	ck_assert_int_eq(shmreg_queue_pop(&q, &x), -EAGAIN);
	ck_assert_int_eq(shmreg_queue_push(&q, &x), -EAGAIN);
	/* a counter that names no possible claim */
	memset(base, 0, (size_t)bytes);
	shm->tail = UINT64_C(5) << SHMREG_QUEUE_N_SHIFT | UINT64_C(2) << SHMREG_QUEUE_OWNER_SHIFT;
	ck_assert_int_eq(shmreg_queue_push(&q, &x), -EUCLEAN);
	shm->tail = UINT64_C(2) << SHMREG_QUEUE_OWNER_SHIFT;
	ck_assert_int_eq(shmreg_queue_push(&q, &x), -EUCLEAN);
	shm->head = UINT64_C(2) << SHMREG_QUEUE_OWNER_SHIFT;
	*slot_word(0) = SHMREG_QUEUE_READY;
	ck_assert_int_eq(shmreg_queue_pop(&q, &x), -EUCLEAN);
	plain_unmap(base, &shape);
}
END_TEST

/* A lease whose word somebody overwrote is refused, and the word stays as it is. */
START_TEST(overwritten_lease)
{
	struct shmreg_queue_lease l;
	struct shmreg_queue q;

	map(4, 8, 8, 0);
	queue_bind(&q, base, &shape, 1);
	ck_assert_int_eq(shmreg_queue_reserve(&q, &l), 0);
	*slot_word(0) = 99;
	ck_assert_int_eq(shmreg_queue_commit(&q, &l), -EINVAL);
	ck_assert_int_eq(shmreg_queue_abort(&q, &l), -EINVAL);
	ck_assert_uint_eq(*slot_word(0), 99);
	plain_unmap(base, &shape);
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("queue-hostile");

	/* Only against a call that never returns. */
	tcase_set_timeout(c, 600);
	tcase_add_loop_test(c, in_turns, 0, 2 * N_SHAPES);
	tcase_add_loop_test(c, at_once, 0, N_SHAPES);
	tcase_add_test(c, impossible_is_unclean);
	tcase_add_test(c, overwritten_lease);
	return run_case("queue-hostile", c);
}
