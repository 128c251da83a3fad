/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <shmreg/abi/queue.h>

#include "pool-repair.h"
#include "queue-repair.h"
#include "repair-report.h"

/*
 * Labels are those of shmreg/queue-inline.h. Why one pass is enough:
 *
 * A dead seat makes no new claim, and live processes change its unfinished ones in
 * one way only: by recording. So the claims to be found are fixed when the repair
 * begins. Each is named by a counter or by its leader's slot word; it moves from the
 * one to the other, never back. Reading the counter first, and then the slots, with C'
 * in between, therefore misses none: a claim that the counter no longer names had been
 * recorded before the counter changed.
 *
 * Why it harms nobody: every change is a compare-and-swap from exactly the word that
 * the dead one's unfinished claim has, and no word recurs in a slot (I2); a claim of a
 * live process has another seat in its word, or the counter names that seat.
 *
 * Why the seats are judged together: when D's claim was recorded by E and both are
 * dead, one pass finds both, in whatever order.
 */

struct repair {
	unsigned char *base;
	struct shmreg_queue_shm *shm;
	const uint64_t *dead;
	uint64_t mask, lap, lap_mask, stride;
	uint64_t n_max;
	bool redeliver;
	const struct queue_repair_pool *pool;	/* NULL: elements are nobody's but the queue's */
	struct shmreg_reaper_report *report;
};

static uint64_t *word_at(const struct repair *r, uint64_t pos)
{
	return (uint64_t *)(void *)(r->base + sizeof(struct shmreg_queue_shm) +
				    (pos >> SHMREG_QUEUE_POS_SHIFT & r->mask) * r->stride);
}

static bool is_dead(const struct repair *r, uint64_t w)
{
	const uint64_t seat = (w & SHMREG_QUEUE_OWNER_MASK) >> SHMREG_QUEUE_OWNER_SHIFT;

	return seat != 0 && (r->dead[seat / 64] >> seat % 64 & 1) != 0;
}

static bool change(struct repair *r, uint64_t pos, uint64_t from, uint64_t to)
{
	if (!shmreg_cas_acq_rel(word_at(r, pos), &from, to))				/* S, S' */
		return false;
	r->report->n_repaired++;
	return true;
}

/* The reference in a slot, of which only an index within the pool is used. */
static uint64_t ref_at(const struct repair *r, uint64_t pos)
{
	/* relaxed: see T of shmreg/object-queue-inline.h */
	return shmreg_load_relaxed(word_at(r, pos) + 1);
}

static uint64_t sent_word(const struct repair *r, uint64_t ref, uint64_t pos)
{
	return shmreg_pool_word_sent(ref, r->pool->queue,
				     (uint32_t)(pos >> SHMREG_QUEUE_POS_SHIFT & r->mask));
}

/* Is the object that a slot names on its way through it? See there, (I3) and (I4). */
static bool is_sent(const struct repair *r, uint64_t pos)
{
	const uint64_t ref = ref_at(r, pos);

	return pool_repair_read(r->pool->shape, r->pool->base, r->pool->memory,
				shmreg_pool_ref_index(ref)) == sent_word(r, ref, pos);
}

/*
 * Free what a slot names, if it is on its way; if it is free, whoever did that may not have
 * finished. Return: whether it was on its way.
 */
static bool free_object(const struct repair *r, uint64_t pos)
{
	const uint64_t ref = ref_at(r, pos), index = shmreg_pool_ref_index(ref);
	const uint64_t free = shmreg_pool_word_free(ref);
	const uint64_t w = pool_repair_read(r->pool->shape, r->pool->base, r->pool->memory, index);

	if (w != sent_word(r, ref, pos) && (w != free || w == 0))
		return false;
	return pool_repair_word(r->pool->shape, r->pool->base, index, w, free) && w != free; /* U */
}

static void count_dropped(struct repair *r)
{
	r->report->n_freed++;
	shmreg_fetch_add_relaxed(&r->shm->n_dropped, 1);
}

/* One element of a dead producer, in state @from, will not be; or is already, if it was sent. */
static bool abort_one(struct repair *r, uint64_t pos, uint64_t from)
{
	const uint64_t lap = pos & r->lap_mask;

	if (r->pool != NULL && is_sent(r, pos))
		return change(r, pos, lap | from, lap | SHMREG_QUEUE_READY);
	if (!change(r, pos, lap | from, lap | SHMREG_QUEUE_TOMB))
		return false;
	r->report->n_freed++;
	shmreg_fetch_add_relaxed(&r->shm->n_aborted, 1);	/* a number to look at */
	return true;
}

/* One element that a dead consumer took, in state @from, is handed out again, or lost. */
static bool return_one(struct repair *r, uint64_t pos, uint64_t from)
{
	const uint64_t lap = pos & r->lap_mask;

	if (r->pool != NULL && !is_sent(r, pos)) {
		/* He had it. */
		free_object(r, pos);
		return change(r, pos, lap | from, lap + r->lap);
	}
	if (r->pool != NULL && !r->redeliver) {
		/* It is lost here; the slot may be recorded before it is changed, and come again. */
		if (shmreg_load_acquire(word_at(r, pos)) == (lap | from) && free_object(r, pos))
			count_dropped(r);
		return change(r, pos, lap | from, lap + r->lap);
	}
	if (!change(r, pos, lap | from, r->redeliver ? lap | SHMREG_QUEUE_REDEL : lap + r->lap))
		return false;
	if (r->redeliver) {
		r->report->n_requeued++;
		shmreg_fetch_add_relaxed(&r->shm->n_redelivered, 1);
	} else {
		count_dropped(r);
	}
	return true;
}

static uint64_t count_of(uint64_t w)
{
	return (w & SHMREG_QUEUE_N_MASK) >> SHMREG_QUEUE_N_SHIFT;
}

/* The claim of @n positions from @pos by a dead producer, @mark: as its leader's word names it. */
static void kill_claim(struct repair *r, uint64_t pos, uint64_t n, uint64_t mark)
{
	uint64_t j, p;

	for (j = n - 1; j > 0; j--) {
		p = pos + (j << SHMREG_QUEUE_POS_SHIFT);
		if (!abort_one(r, p, SHMREG_QUEUE_FREE))
			abort_one(r, p, SHMREG_QUEUE_READY);
	}
	/* Last, so that a repair that died before this finds the claim again: (I5). */
	if (!abort_one(r, pos, SHMREG_QUEUE_FREE))
		abort_one(r, pos, mark | SHMREG_QUEUE_WRITING);
}

/* The claim of @n positions from @pos by a dead consumer. */
static void reap_claim(struct repair *r, uint64_t pos, uint64_t n, uint64_t mark)
{
	uint64_t j;

	for (j = n - 1; j > 0; j--)
		return_one(r, pos + (j << SHMREG_QUEUE_POS_SHIFT), SHMREG_QUEUE_READY);
	if (!return_one(r, pos, SHMREG_QUEUE_READY))
		return_one(r, pos, mark | SHMREG_QUEUE_READING);
}

/* Return: the claim that a counter names, if a dead one's and well-formed, in @ret_pos; else 0. */
static uint64_t last_claim(struct repair *r, uint64_t c, uint64_t *ret_pos)
{
	const uint64_t n = count_of(c);

	if (!is_dead(r, c))
		return 0;
	if (n == 0 || n > r->n_max) {
		r->report->n_gave_up++;
		return 0;
	}
	*ret_pos = (c & ~SHMREG_QUEUE_LOW_MASK) - (n << SHMREG_QUEUE_POS_SHIFT);
	return n;
}

static void repair_tail(struct repair *r, uint64_t c)
{
	uint64_t pos, n;

	n = last_claim(r, c, &pos);
	/* Another word: it was recorded, and is found among the slots; or it is finished. */
	if (n != 0 && shmreg_load_acquire(word_at(r, pos)) == (pos & r->lap_mask))	/* S' */
		kill_claim(r, pos, n, c & (SHMREG_QUEUE_N_MASK | SHMREG_QUEUE_OWNER_MASK));
}

static void repair_head(struct repair *r)
{
	const uint64_t c = shmreg_load_acquire(&r->shm->head);				/* C' */
	uint64_t pos, lap, n, w;

	n = last_claim(r, c, &pos);
	if (n == 0)
		return;
	lap = pos & r->lap_mask;
	w = shmreg_load_acquire(word_at(r, pos));					/* S' */
	if (w == (lap | SHMREG_QUEUE_READY))
		reap_claim(r, pos, n, c & (SHMREG_QUEUE_N_MASK | SHMREG_QUEUE_OWNER_MASK));
	else if (w == (lap | SHMREG_QUEUE_TOMB))
		change(r, pos, w, lap + r->lap);
}

/* Return: whether the slot is REDEL afterwards. */
static bool repair_slot(struct repair *r, uint64_t index)
{
	uint64_t *const word = word_at(r, index << SHMREG_QUEUE_POS_SHIFT);
	const uint64_t w = shmreg_load_acquire(word);					/* S' */
	const uint64_t mark = w & (SHMREG_QUEUE_N_MASK | SHMREG_QUEUE_OWNER_MASK);
	const uint64_t state = w & SHMREG_QUEUE_STATE_MASK;
	const uint64_t pos = (w & r->lap_mask) | index << SHMREG_QUEUE_POS_SHIFT;
	const uint64_t n = count_of(w);

	if (!is_dead(r, w))
		return (w & ~r->lap_mask) == SHMREG_QUEUE_REDEL;
	if (n == 0 || n > r->n_max || (w & ~r->lap_mask) != (mark | state) ||
	    (state != SHMREG_QUEUE_WRITING && state != SHMREG_QUEUE_READING)) {
		r->report->n_gave_up++;
		return false;
	}
	if (state == SHMREG_QUEUE_WRITING) {
		kill_claim(r, pos, n, mark);
		return false;
	}
	reap_claim(r, pos, n, mark);
	return r->redeliver;
}

/*
 * All slots below @used. Those in holes are passed over: a claim's word is not there,
 * and one that is recorded while we look had been named by the counter that was read
 * before, or is a live one's.
 */
static bool repair_slots(struct repair *r, uint64_t used, const struct repair_memory *memory)
{
	uint64_t i = 0, at, start, end = 0;
	bool redel = false;

	while (i < used) {
		at = sizeof(struct shmreg_queue_shm) + i * r->stride;
		if (at >= end) {
			if (!repair_memory_next(memory, at, &start, &end))
				break;
			if (start > at) {
				/* The first slot whose word is not before the data. */
				i += (start - at + r->stride - 1) / r->stride;
				continue;
			}
		}
		redel |= repair_slot(r, i);
		i++;
	}
	return redel;
}

int queue_repair_objects(const struct shmreg_shape *shape, void *base,
			 const struct repair_memory *memory, const struct queue_repair_pool *pool,
			 const uint64_t dead[QUEUE_REPAIR_SEATS], struct shmreg_reaper_report *ret)
{
	struct shmreg_reaper_report report = *ret;
	uint64_t seats[QUEUE_REPAIR_SEATS];
	struct repair r = { .base = base, .shm = base, .dead = seats, .report = &report };
	uint64_t bytes, align, tail, used, i;
	bool redel;

	if (shape->kind != SHMREG_KIND_QUEUE || shmreg_shape_bytes(shape, &bytes, &align, NULL) < 0)
		return -EINVAL;
	repair_report_reset(&report);
	/* acquire: nothing hangs on it, the dead have set their bits long ago */
	for (i = 0; i < QUEUE_REPAIR_SEATS; i++) {
		seats[i] = dead[i] & shmreg_load_acquire(&r.shm->users[i]);
		report.n_seats += (uint32_t)__builtin_popcountll(seats[i]);
	}
	if (report.n_seats == 0) {
		*ret = report;
		return 0;
	}

	r.mask = shape->capacity - 1;
	r.lap = shape->capacity << SHMREG_QUEUE_POS_SHIFT;
	r.lap_mask = ~(r.lap - 1);
	r.stride = shmreg_queue_stride(shape->elem_bytes, shape->elem_align);
	r.n_max = shape->capacity < SHMREG_QUEUE_BATCH_MAX ? shape->capacity
							   : SHMREG_QUEUE_BATCH_MAX;
	if (shmreg_shape_is_object_queue(shape))
		r.n_max = 1;
	r.pool = shmreg_shape_is_object_queue(shape) ? pool : NULL;
	r.redeliver = (shape->flags & SHMREG_QUEUE_REDELIVER) != 0;

	/* Counters first, slots second. */
	tail = shmreg_load_acquire(&r.shm->tail);					/* C' */
	repair_tail(&r, tail);
	repair_head(&r);
	/* What the dead claimed lies below the tail. relaxed: see slots_used() of the library */
	used = tail >> SHMREG_QUEUE_POS_SHIFT;
	if (used > r.mask || shmreg_load_relaxed(&r.shm->lapped) != 0)
		used = shape->capacity;
	redel = repair_slots(&r, used, memory);

	/* Also for what an earlier run, or one who died in refuse(), did not announce. */
	if (redel)
		shmreg_fetch_add_release(&r.shm->redel, 1);				/* D */
	/* The dead use it no more; should this be lost, the next visit is in vain. */
	for (i = 0; i < QUEUE_REPAIR_SEATS; i++)
		if (seats[i] != 0)
			shmreg_fetch_and_acq_rel(&r.shm->users[i], ~seats[i]);
	if (report.n_gave_up > 0)
		report.status = -EUCLEAN;
	*ret = report;
	return 0;
}
