/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <string.h>

#include "queue-wreck.h"
#include "repair.h"

struct shmreg_shape shape;
struct shmreg_queue d, e, l, m;
struct shmreg_queue_shm *shm;
uint64_t dead[64], start;
struct shmreg_reaper_report report;

void setup(uint64_t at, uint32_t flags, uint64_t capacity)
{
	shape = (struct shmreg_shape){
		.kind = SHMREG_KIND_QUEUE,
		.layout = SHMREG_QUEUE_LAYOUT,
		.flags = flags,
		.elem_align = 8,
		.elem_bytes = 8,
		.capacity = capacity,
	};
	shm = plain_map(&shape);
	ck_assert_ptr_nonnull(shm);
	start = at;
	if (at != 0)
		queue_seed(shm, &shape, at);
	queue_bind(&d, shm, &shape, D);
	queue_bind(&e, shm, &shape, E);
	queue_bind(&l, shm, &shape, L);
	queue_bind(&m, shm, &shape, M);
	memset(dead, 0, sizeof(dead));
	dead[D / 64] |= UINT64_C(1) << D % 64;
	dead[E / 64] |= UINT64_C(1) << E % 64;
	memset(&report, 0x55, sizeof(report));
}

void teardown(void)
{
	plain_unmap(shm, &shape);
}

void push(struct shmreg_queue *q, uint64_t n)
{
	ck_assert_int_eq(shmreg_queue_push(q, &n), 0);
}

void expect(struct shmreg_queue *q, uint64_t n)
{
	uint64_t got = ~n;

	ck_assert_int_eq(shmreg_queue_pop(q, &got), 0);
	ck_assert_uint_eq(got, n);
}

/* The word of the slot of the @i-th position since the start. */
uint64_t *word(uint64_t i)
{
	return shmreg_queue_word_(
		shmreg_queue_slot_(&l, (start + i) << SHMREG_QUEUE_POS_SHIFT, l.stride));
}

uint64_t value(uint64_t i, uint64_t n, uint64_t seat, uint64_t state)
{
	return ((start + i) << SHMREG_QUEUE_POS_SHIFT & l.lap_mask) | n << SHMREG_QUEUE_N_SHIFT |
	       seat << SHMREG_QUEUE_OWNER_SHIFT | state;
}

/* What a claim does and nothing else: the counter moves. */
void claim(uint64_t *counter, uint64_t n, uint64_t seat)
{
	*counter = (*counter & ~SHMREG_QUEUE_LOW_MASK) + (n << SHMREG_QUEUE_POS_SHIFT |
		   n << SHMREG_QUEUE_N_SHIFT | seat << SHMREG_QUEUE_OWNER_SHIFT);
}

/* Repair: what it says, what it counts; and that doing it again finds nothing. */
void repair(uint64_t repaired, uint64_t freed, uint64_t requeued)
{
	const uint64_t aborted = shm->n_aborted + shm->n_dropped, redelivered = shm->n_redelivered;
	struct shmreg_reaper_report second;

	shm->users[D / 64] |= dead[D / 64];
	shm->users[E / 64] |= dead[E / 64];
	ck_assert_int_eq(shmreg_repair_object(&shape, shm, NULL, dead, &report), 0);
	ck_assert_int_eq(report.status, 0);
	ck_assert_uint_eq(report.n_seats, 2);
	ck_assert_uint_eq(report.n_repaired, repaired);
	ck_assert_uint_eq(report.n_freed, freed);
	ck_assert_uint_eq(report.n_requeued, requeued);
	ck_assert_uint_eq(report.n_gave_up, 0);
	ck_assert_uint_eq(shm->n_aborted + shm->n_dropped, aborted + freed);
	ck_assert_uint_eq(shm->n_redelivered, redelivered + requeued);

	ck_assert_int_eq(queue_repair(&shape, shm, dead, &second), 0);
	ck_assert_uint_eq(second.n_seats, 0);	/* the dead have left the queue */
	shm->users[D / 64] |= dead[D / 64];
	ck_assert_int_eq(queue_repair(&shape, shm, dead, &second), 0);
	ck_assert_uint_eq(second.n_seats, 1);
	ck_assert_uint_eq(second.n_repaired, 0);
	ck_assert_uint_eq(second.n_gave_up, 0);
}

/* The queue holds what @list says, in that order, ends empty and clean, and works. */
void drain(const uint64_t *list, size_t n)
{
	uint64_t i, x;

	for (i = 0; i < n; i++)
		expect(i & 1 ? &l : &m, list[i]);
	ck_assert_int_eq(shmreg_queue_pop(&l, &x), -EAGAIN);
	ck_assert(queue_is_clean(shm, &shape));
	for (i = 0; i < shape.capacity; i++)
		push(&m, i);
	ck_assert_int_eq(shmreg_queue_push(&m, &i), -EAGAIN);
	for (i = 0; i < shape.capacity; i++)
		expect(&l, i);
	ck_assert(queue_is_clean(shm, &shape));
}

/* The next @n to come are those, in any order. */
void expect_any(const uint64_t *list, size_t n)
{
	uint64_t i, j, x, seen = 0;

	for (i = 0; i < n; i++) {
		ck_assert_int_eq(shmreg_queue_pop(i & 1 ? &l : &m, &x), 0);
		for (j = 0; j < n && list[j] != x; j++)
			;
		ck_assert_uint_lt(j, n);
		ck_assert_uint_eq(seen >> j & 1, 0);
		seen |= UINT64_C(1) << j;
	}
}
