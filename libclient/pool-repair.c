/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>

#include <shmreg/abi/directory.h>

#include "pool-hints.h"
#include "pool-repair.h"
#include "repair-report.h"

/*
 * Labels are those of shmreg/pool-inline.h.
 *
 * A dead seat takes no object any more, and nobody but the reaper changes a word that
 * names it, but who recalls what it kept: what is to be freed is among what is found when
 * the repair begins, and one pass finds it. What was kept is free for others all the time, but
 * for the moment between R and C, so its C comes at once. Then all hints are cleared: the dead may
 * have freed an object and not come to C; which one it was, nothing says. `full` before `fuller`,
 * as in C, because live processes set hints meanwhile.
 */

struct repair {
	unsigned char *base;
	struct shmreg_pool_shm *shm;
	const struct shmreg_pool_geometry *geometry;
	const struct repair_memory *memory;
	const uint64_t *dead;
	const uint64_t *gone;
	struct shmreg_reaper_report *report;
};

/* C, behind R of object @index. */
static void clear_hints_of(unsigned char *base, const struct shmreg_pool_geometry *g, uint64_t index)
{
	pool_clear_hints((uint64_t *)(void *)(base + g->full_offset),
			 (uint64_t *)(void *)(base + sizeof(struct shmreg_pool_shm)), index);
}

static void repair_owner(const struct repair *r, uint64_t *word)
{
	/* relaxed: the dead have stored it long ago, and the daemon has told us since */
	uint64_t w = shmreg_load_relaxed(word);
	const uint64_t state = w & SHMREG_POOL_STATE_MASK;
	const uint32_t seat = shmreg_pool_word_seat(w);

	if (state == SHMREG_POOL_FREE || state == SHMREG_POOL_SENT)
		return;
	if (seat == 0 || (state == SHMREG_POOL_HELD && w != shmreg_pool_word_held(w, seat))) {
		r->report->n_gave_up++;
		return;
	}
	if ((r->dead[seat / 64] >> seat % 64 & 1) == 0 ||
	    !shmreg_cas_seq_cst(word, &w, shmreg_pool_word_free(w)))			/* R */
		return;
	/* Nobody held what was kept. */
	if (state == SHMREG_POOL_KEPT) {
		clear_hints_of(r->base, r->geometry,
			       (uint64_t)(word - (uint64_t *)(void *)(r->base +
								      r->geometry->owner_offset)));
		return;
	}
	r->report->n_repaired++;
	r->report->n_freed++;
	shmreg_fetch_add_relaxed(&r->shm->n_reclaimed, 1);	/* a number to look at */
}

/* Keepers of the dead become nobody's, in the order of pool_keep_end(). */
static void repair_keepers(const struct repair *r, const struct shmreg_pool_geometry *g)
{
	struct shmreg_pool_keeper *keeper;
	uint64_t at, start = 0, end = 0, seat;
	uint32_t i;

	for (i = 0; i < g->n_keepers; i++) {
		at = g->keepers_offset + i * sizeof(*keeper);
		keeper = (struct shmreg_pool_keeper *)(void *)(r->base + at);
		/* None lies in two pages. */
		if (at >= end && !repair_memory_next(r->memory, at, &start, &end))
			return;
		if (at < start)
			continue;
		seat = shmreg_load_acquire(&keeper->seat);
		if (seat >= SHMREG_SEATS || (r->dead[seat / 64] >> seat % 64 & 1) == 0)
			continue;
		shmreg_store_release(&keeper->ref, 0);
		shmreg_fetch_and_acq_rel(&r->shm->keepers, ~(UINT64_C(1) << i));
		shmreg_cas_acq_rel(&keeper->seat, &seat, 0);
	}
}

static void clear_hint(const struct repair *r, uint64_t *word)
{
	(void)r;
	if ((shmreg_load_seq_cst(word) & SHMREG_POOL_HINT_MASK) != 0)			/* C */
		shmreg_fetch_and_seq_cst(word, ~SHMREG_POOL_HINT_MASK);
}

/* All words from @offset on that are not in holes: a hole names no seat, and says nothing. */
static void each_word(const struct repair *r, uint64_t offset, uint64_t n,
		      void (*visit)(const struct repair *r, uint64_t *word))
{
	const uint64_t behind = offset + n * sizeof(uint64_t);
	uint64_t at = offset, end = 0;

	for (;;) {
		if (at >= end) {
			/* Pages begin and end between words. */
			if (!repair_memory_next(r->memory, at, &at, &end))
				return;
		}
		if (at >= behind)
			return;
		visit(r, (uint64_t *)(void *)(r->base + at));
		at += sizeof(uint64_t);
	}
}

int pool_repair(const struct shmreg_shape *shape, void *base, const struct repair_memory *memory,
		const uint64_t dead[64], struct shmreg_reaper_report *ret)
{
	struct shmreg_reaper_report report = *ret;
	uint64_t seats[64];
	struct repair r = {
		.base = base, .shm = base, .memory = memory, .dead = seats, .report = &report,
	};
	struct shmreg_pool_geometry g;
	uint64_t bytes, align;
	unsigned int i;

	if (shape->kind != SHMREG_KIND_POOL || shmreg_shape_bytes(shape, &bytes, &align, NULL) < 0)
		return -EINVAL;
	repair_report_reset(&report);
	/* acquire: nothing hangs on it, the dead have set their bits long ago */
	for (i = 0; i < 64; i++) {
		seats[i] = dead[i] & shmreg_load_acquire(&r.shm->users[i]);
		report.n_seats += (uint32_t)__builtin_popcountll(seats[i]);
	}
	if (report.n_seats == 0) {
		*ret = report;
		return 0;
	}

	g = shmreg_pool_geometry(shape);
	r.geometry = &g;
	each_word(&r, g.owner_offset, shape->capacity, repair_owner);
	repair_keepers(&r, &g);
	each_word(&r, g.full_offset, g.n_full, clear_hint);
	each_word(&r, sizeof(struct shmreg_pool_shm), g.n_fuller, clear_hint);

	/* The dead use it no more; should this be lost, the next visit is in vain. */
	for (i = 0; i < 64; i++)
		if (seats[i] != 0)
			shmreg_fetch_and_acq_rel(&r.shm->users[i], ~seats[i]);
	if (report.n_gave_up > 0)
		report.status = -EUCLEAN;
	*ret = report;
	return 0;
}

bool pool_repair_word(const struct shmreg_shape *shape, void *base, uint64_t index, uint64_t from,
		      uint64_t to)
{
	const struct shmreg_pool_geometry g = shmreg_pool_geometry(shape);
	unsigned char *const bytes = base;

	if (!shmreg_cas_seq_cst((uint64_t *)(void *)(bytes + g.owner_offset) + index, &from, to)) /* R */
		return false;
	if ((to & SHMREG_POOL_STATE_MASK) == SHMREG_POOL_FREE)
		clear_hints_of(bytes, &g, index);
	return true;
}

uint64_t pool_repair_read(const struct shmreg_shape *shape, void *base,
			  const struct repair_memory *memory, uint64_t index)
{
	const struct shmreg_pool_geometry g = shmreg_pool_geometry(shape);
	uint64_t at, start, end;

	if (index >= shape->capacity)
		return 0;
	at = g.owner_offset + index * sizeof(uint64_t);
	if (!repair_memory_next(memory, at, &start, &end) || start != at)
		return 0;
	return shmreg_load_acquire((uint64_t *)(void *)((unsigned char *)base + at));	/* A */
}

static void sweep_owner(const struct repair *r, uint64_t *word)
{
	/* relaxed: nobody can have one of those queues open, and the daemon has told us since */
	uint64_t w = shmreg_load_relaxed(word);
	const uint32_t queue = shmreg_pool_word_queue(w);

	if ((w & SHMREG_POOL_STATE_MASK) != SHMREG_POOL_SENT ||
	    (r->gone[queue / 64] >> queue % 64 & 1) == 0 ||
	    !shmreg_cas_seq_cst(word, &w, shmreg_pool_word_free(w)))			/* R */
		return;
	r->report->n_repaired++;
	r->report->n_freed++;
	shmreg_fetch_add_relaxed(&r->shm->n_reclaimed, 1);	/* a number to look at */
}

int pool_sweep(const struct shmreg_shape *shape, void *base, const struct repair_memory *memory,
	       const uint64_t gone[POOL_SWEEP_QUEUES], struct shmreg_reaper_report *ret)
{
	struct repair r = {
		.base = base, .shm = base, .memory = memory, .gone = gone, .report = ret,
	};
	struct shmreg_pool_geometry g;
	uint64_t bytes, align;

	if (shape->kind != SHMREG_KIND_POOL || shmreg_shape_bytes(shape, &bytes, &align, NULL) < 0)
		return -EINVAL;
	g = shmreg_pool_geometry(shape);
	each_word(&r, g.owner_offset, shape->capacity, sweep_owner);
	/* Also for what an earlier run freed. */
	each_word(&r, g.full_offset, g.n_full, clear_hint);
	each_word(&r, sizeof(struct shmreg_pool_shm), g.n_fuller, clear_hint);
	return 0;
}
