/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include <shmreg/abi/topic.h>

#include "repair-report.h"
#include "role.h"
#include "topic-repair.h"

/*
 * Labels are those of shmreg/topic-inline.h. A dead publisher has at most one
 * publication that is not settled, and it is still in its slot, (I4), which `want` names. If
 * it is not there, then either it was never made, or somebody has settled it before
 * he displaced it; in both cases the spare is as it must be. If it is there, its header
 * is the dead one's, and stays so as long as the spare does not change: so the
 * comparison with the spare decides, whatever happens meanwhile.
 */

struct repair {
	unsigned char *base;
	const struct repair_memory *memory;
	const uint64_t *dead;
	struct shmreg_topic_geometry g;
	uint64_t capacity;
	uint64_t seen[64];	/* dead seats that were found here */
	struct shmreg_reaper_report *report;
};

static bool is_dead(const struct repair *r, uint64_t seat)
{
	return seat != 0 && seat < SHMREG_SEATS && (r->dead[seat / 64] >> seat % 64 & 1) != 0;
}

static bool is_hole(const struct repair *r, uint64_t at)
{
	uint64_t start, end;

	return !repair_memory_next(r->memory, at, &start, &end) || start > at;
}

static void settle(struct repair *r, struct shmreg_topic_publisher *role, uint64_t index)
{
	uint64_t spare = shmreg_load_acquire(&role->spare);				/* S' */
	/* relaxed: the dead one's last, which nobody else writes */
	const uint64_t want = shmreg_load_relaxed(&role->want);
	const uint64_t at = want & (r->capacity - 1);
	const uint64_t home = r->capacity + index;
	const uint64_t chunk = shmreg_topic_chunk_number(spare, home);
	const struct shmreg_topic_chunk *header;
	uint64_t displaced, w, sequence, publisher;

	if (chunk >= r->g.n_chunks) {
		r->report->n_gave_up++;
		return;
	}
	if (is_hole(r, r->g.slots_offset + at * 8))
		return;
	w = shmreg_load_acquire((uint64_t *)(void *)(r->base + r->g.slots_offset) + at);	/* P' */
	if (w >> SHMREG_TOPIC_TURN_SHIFT !=
		    ((want / r->capacity + 1) & (UINT64_MAX >> SHMREG_TOPIC_TURN_SHIFT)) ||
	    shmreg_topic_chunk_number(w, at) != chunk)
		return;
	if (is_hole(r, r->g.chunks_offset + chunk * r->g.stride))
		return;
	header = (struct shmreg_topic_chunk *)(void *)(r->base + r->g.chunks_offset +
						       chunk * r->g.stride);
	/* relaxed: P' has shown them */
	sequence = shmreg_load_relaxed(&header->sequence);
	displaced = shmreg_load_relaxed(&header->displaced);
	publisher = shmreg_load_relaxed(&header->publisher);
	/* W': if somebody has written there since, the spare below is seen settled. */
	shmreg_fence_acquire();
	if (publisher != index ||
	    sequence != spare >> SHMREG_TOPIC_SEQUENCE_SHIFT || (displaced ^ home) >= r->g.n_chunks) {
		/* Displaced since, and in use again: then it was settled. */
		if (shmreg_load_acquire(&role->spare) == spare)				/* S' */
			r->report->n_gave_up++;
		return;
	}
	if (shmreg_cas_acq_rel(&role->spare, &spare,					/* S */
			       (sequence + 1) << SHMREG_TOPIC_SEQUENCE_SHIFT | displaced)) {
		r->report->n_repaired++;
		shmreg_fetch_add_relaxed(&((struct shmreg_topic_shm *)(void *)r->base)->n_settled,
					 1);	/* a number to look at */
	}
}

static void repair_role(struct repair *r, uint64_t index)
{
	struct shmreg_topic_publisher *role =
		(struct shmreg_topic_publisher *)(void *)(r->base + r->g.publishers_offset) + index;
	/* acquire: nothing hangs on it, the dead one took it long ago */
	const uint64_t owner = shmreg_load_acquire(&role->owner);

	if (!is_dead(r, owner))
		return;
	r->seen[owner / 64] |= UINT64_C(1) << owner % 64;
	settle(r, role, index);
	/* Last: who takes the role finds the spare settled, and a repair that died here comes again. */
	if (role_repair(&role->owner, r->dead))
		r->report->n_repaired++;
}

static void repair_cursor(struct repair *r, uint64_t index)
{
	uint64_t *word = &((struct shmreg_topic_cursor *)(void *)(r->base + r->g.cursors_offset) +
			   index)->word;
	uint64_t w = shmreg_load_acquire(word);						/* R' */
	uint64_t seat;
	int i;

	/* Twice: it may be evicted in between, once. */
	for (i = 0; i < 2; i++) {
		seat = (w & SHMREG_TOPIC_SEAT_MASK) >> SHMREG_TOPIC_SEAT_SHIFT;
		if (!is_dead(r, seat))
			return;
		r->seen[seat / 64] |= UINT64_C(1) << seat % 64;
		if (shmreg_cas_acq_rel(word, &w, SHMREG_TOPIC_EMPTY)) {			/* R */
			r->report->n_repaired++;
			return;
		}
	}
}

/* @n things of @stride bytes each from @at on, except those that lie in holes. */
static void repair_each(struct repair *r, uint64_t at, uint64_t n, uint64_t stride,
			void (*repair)(struct repair *r, uint64_t index))
{
	uint64_t start, end = 0, i;

	for (i = 0; i < n; i++) {
		if (at + i * stride >= end) {
			if (!repair_memory_next(r->memory, at + i * stride, &start, &end))
				return;
			if (start > at + i * stride) {
				/* Holes end at pages, and objects and these things are aligned to 128. */
				i = (start - at) / stride;
				if (i >= n)
					return;
			}
		}
		repair(r, i);
	}
}

int topic_repair_sparse(const struct shmreg_shape *shape, void *base,
			const struct repair_memory *memory, const uint64_t dead[64],
			struct shmreg_reaper_report *ret)
{
	struct shmreg_reaper_report report = *ret;
	struct repair r = { .base = base, .memory = memory, .dead = dead, .report = &report };
	uint64_t bytes, align;
	int i;

	if (shape->kind != SHMREG_KIND_TOPIC || shmreg_shape_bytes(shape, &bytes, &align, NULL) < 0)
		return -EINVAL;
	repair_report_reset(&report);
	r.g = shmreg_topic_geometry(shape);
	r.capacity = shape->capacity;
	repair_each(&r, r.g.publishers_offset, shape->param[0],
		    sizeof(struct shmreg_topic_publisher), repair_role);
	repair_each(&r, r.g.cursors_offset, shape->param[1], sizeof(struct shmreg_topic_cursor),
		    repair_cursor);
	for (i = 0; i < 64; i++)
		report.n_seats += (uint32_t)__builtin_popcountll(r.seen[i]);
	if (report.n_gave_up > 0)
		report.status = -EUCLEAN;
	*ret = report;
	return 0;
}
