/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <sched.h>
#include <stdio.h>
#include <string.h>

#include <shmreg/wait.h>

#include "ring-torture.h"

#define BULK 6

struct oracle *o;
struct shmreg_shape shape;
struct shmreg_ring_shm *shm;
uint64_t start;
bool waits;

/* @call, or the same that waits. */
#define CALL(call, ...) (waits ? call##_wait(__VA_ARGS__, NULL) : call(__VA_ARGS__))

bool of_records(void)
{
	return (shape.flags & SHMREG_RING_RECORDS) != 0;
}

static void wrong(const char *what, uint64_t number)
{
	if (shmreg_fetch_add_relaxed(&o->n_wrong, 1) == 0)
		snprintf(o->what, sizeof(o->what), "%s, number %llu", what,
			 (unsigned long long)number);
}

/* Some words follow from the number: the copy shall take the time. */
static void fill(uint64_t *words, uint64_t number, size_t n)
{
	if (n > 0) {
		words[0] = ~number;
		words[n / 2] = number * 3;
		words[n - 1] = number * 5;
	}
}

static void verify(const uint64_t *words, uint64_t number, size_t n)
{
	const bool good = n < 3 || (words[0] == ~number && words[n / 2] == number * 3);

	if (!good || (n > 0 && words[n - 1] != number * 5))
		wrong("torn, or another", number);
}

/* Words of record @number. */
static size_t length_of(uint64_t number)
{
	const uint64_t max = (shape.capacity / 2 - 8) / 8;

	return (size_t)(mix(seed, number) % ((max < WORDS ? max : WORDS) + 1));
}

void took_over(struct account *a, uint64_t number)
{
	const uint64_t done = number - a->sure;

	if (done != 0 && (done < a->min || done > a->max))
		wrong("a call was done in part, or undone", number);
	a->n_taken++;
	a->n_in_doubt += a->max > 0;
	a->n_done_in_doubt += done > 0;
	shmreg_store_release(&a->sure, number);
	shmreg_store_release(&a->max, 0);
}

static void begins(struct account *a, uint64_t min, uint64_t max)
{
	shmreg_store_release(&a->min, min);
	shmreg_store_release(&a->max, max);
}

static void returns(struct account *a, int64_t done)
{
	if (done > 0)
		shmreg_store_release(&a->sure, a->sure + (uint64_t)done);
	shmreg_store_release(&a->max, 0);
	a->n_calls++;
	if (done < 0 && done != (waits ? -EINTR : -EAGAIN))
		wrong("an error", (uint64_t)-done);
	/* Not after each: one who yields is never found half-way. */
	if (a->n_calls % (done <= 0 ? 256 : 1024) == 0)
		sched_yield();
}

static void push_some(struct shmreg_ring_producer *p, struct account *a, struct random_state *r)
{
	static uint64_t words[BULK][WORDS];
	const uint64_t cap = shape.capacity < BULK ? shape.capacity : BULK;
	uint64_t n = 1 + random_below(r, cap), min = random_below(r, n + 1), i;
	int64_t got;
	void *place;

	for (i = 0; i < n; i++)
		fill(words[i], a->sure + i, WORDS);
	switch (random_below(r, 3)) {
	case 0:
		begins(a, 1, 1);
		got = CALL(shmreg_ring_push, p, words);
		if (got == 0)
			got = 1;
		break;
	case 1:
		begins(a, min ? min : 1, n);
		got = CALL(shmreg_ring_push_bulk, p, words, n, min);
		break;
	default:
		got = CALL(shmreg_ring_reserve, p, &place, n);
		if (got < 0)
			break;
		memcpy(place, words, (size_t)got * sizeof(words[0]));
		begins(a, (uint64_t)got, (uint64_t)got);
		if (shmreg_ring_commit(p, (uint64_t)got) != 0)
			got = -EINVAL;
	}
	returns(a, got);
}

static void pop_some(struct shmreg_ring_consumer *c, struct account *a, struct random_state *r)
{
	static uint64_t words[BULK][WORDS];
	uint64_t n = 1 + random_below(r, BULK), i;
	const void *view;
	int64_t got;

	switch (random_below(r, 4)) {
	case 0:
		begins(a, 1, 1);
		got = CALL(shmreg_ring_pop, c, words);
		if (got == 0)
			got = 1;
		for (i = 0; got > 0 && i < 1; i++)
			verify(words[i], a->sure + i, WORDS);
		break;
	case 1:
		begins(a, 1, n);
		got = CALL(shmreg_ring_pop_bulk, c, words, n);
		for (i = 0; got > 0 && i < (uint64_t)got; i++)
			verify(words[i], a->sure + i, WORDS);
		break;
	case 2:
		got = CALL(shmreg_ring_view, c, &view, n);
		if (got < 0)
			break;
		for (i = 0; i < (uint64_t)got; i++)
			verify((const uint64_t *)view + i * WORDS, a->sure + i, WORDS);
		begins(a, (uint64_t)got, (uint64_t)got);
		if (shmreg_ring_consume(c, (uint64_t)got) != 0)
			got = -EINVAL;
		break;
	default:
		begins(a, 1, n);
		got = CALL(shmreg_ring_skip, c, n);
	}
	returns(a, got);
}

static void push_records(struct shmreg_record_producer *p, struct account *a,
			 struct random_state *r)
{
	static uint64_t words[3][WORDS];
	struct shmreg_record records[3];
	uint64_t i;
	int64_t got;
	void *place;

	for (i = 0; i < 3; i++) {
		records[i] = (struct shmreg_record){ words[i], 8 * length_of(a->sure + i) };
		fill(words[i], a->sure + i, records[i].bytes / 8);
	}
	switch (random_below(r, 3)) {
	case 0:
		begins(a, 1, 1);
		got = CALL(shmreg_record_push, p, words, records[0].bytes);
		if (got == 0)
			got = 1;
		break;
	case 1:
		begins(a, 1, 3);
		got = CALL(shmreg_record_push_bulk, p, records, 3, 1);
		break;
	default:
		got = CALL(shmreg_record_reserve, p, &place, (size_t)shmreg_record_max(&p->ring));
		if (got < 0)
			break;
		memcpy(place, words, records[0].bytes);
		begins(a, 1, 1);
		got = shmreg_record_commit(p, records[0].bytes) == 0 ? 1 : -EINVAL;
	}
	returns(a, got);
}

static void pop_records(struct shmreg_record_consumer *c, struct account *a, struct random_state *r)
{
	static uint64_t words[WORDS];
	const void *view;
	size_t bytes;
	int64_t got;

	switch (random_below(r, 3)) {
	case 0:
		begins(a, 1, 1);
		got = CALL(shmreg_record_pop, c, words, sizeof(words), &bytes);
		if (got < 0)
			break;
		if (bytes != 8 * length_of(a->sure))
			wrong("a length", a->sure);
		verify(words, a->sure, bytes / 8);
		got = 1;
		break;
	case 1:
		got = CALL(shmreg_record_view, c, &view, &bytes);
		if (got < 0)
			break;
		if (bytes != 8 * length_of(a->sure))
			wrong("a length", a->sure);
		verify(view, a->sure, bytes / 8);
		begins(a, 1, 1);
		got = shmreg_record_consume(c) == 0 ? 1 : -EINVAL;
		break;
	default:
		begins(a, 1, 2);
		got = CALL(shmreg_record_skip, c, 2);
	}
	returns(a, got);
}

static bool keeps_it(struct random_state *r)
{
	return random_below(r, 32768) != 0 && !shmreg_load_acquire(&o->stop);
}

static void set_waiting(struct shmreg_ring *ring)
{
	ring->handle.wait_flags = SHMREG_WAIT_INTERRUPTIBLE;
}

bool work_once(unsigned int role, uint32_t seat, struct random_state *r)
{
	struct account *a = &o->account[role];
	struct shmreg_record_producer rp;
	struct shmreg_record_consumer rc;
	struct shmreg_ring_producer p;
	struct shmreg_ring_consumer c;
	uint64_t mine = seat;

	if (role == PRODUCING && of_records()) {
		if (!record_producer_bind(&rp, shm, &shape, seat))
			return false;
		set_waiting(&rp.ring);
		for (took_over(a, rp.n_written); keeps_it(r);)
			push_records(&rp, a, r);
	} else if (role == PRODUCING) {
		if (!ring_producer_bind(&p, shm, &shape, seat))
			return false;
		set_waiting(&p.ring);
		for (took_over(a, p.tail - start); keeps_it(r);)
			push_some(&p, a, r);
	} else if (of_records()) {
		if (!record_consumer_bind(&rc, shm, &shape, seat))
			return false;
		set_waiting(&rc.ring);
		for (took_over(a, rc.n_read); keeps_it(r);)
			pop_records(&rc, a, r);
	} else {
		if (!ring_consumer_bind(&c, shm, &shape, seat))
			return false;
		set_waiting(&c.ring);
		for (took_over(a, shmreg_ring_head_(&c) - start); keeps_it(r);)
			pop_some(&c, a, r);
	}
	shmreg_cas_acq_rel(role == PRODUCING ? &shm->producer : &shm->consumer, &mine, 0);
	return true;
}
