/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>

#include "cell-rig.h"

/*
 * cell-oracle.c - the value before or the value after, whole, whoever dies
 *
 * What was finished was published, or was superseded by somebody's; what was not may have
 * been either, or nothing. Who has finished one has woken those who slept.
 */

/* How many values were published when this was the version. */
static uint64_t published(const struct start *start, uint64_t version)
{
	return version >= start->version ? version - start->version
					 : version + LAST_VERSION - start->version;
}

/* Is it one that somebody began, or the first? Return: whose, N_ACTORS: the first, -1: nobody's. */
static int whose(const struct image *image, const struct start *start, uint64_t id)
{
	if (id == (start->version != 0 ? SETUP_ID : 0))
		return N_ACTORS;
	for (int i = 0; i < N_ACTORS; i++)
		if (id >= image->actor[i].first_id &&
		    id < image->actor[i].first_id + image->actor[i].log.begun)
			return i;
	return -1;
}

static enum outcome judge_value(struct image *image, const struct start *start,
				struct judgement *ret)
{
	const struct item_cell *c = item_cell_of(&image->actor[CHECKER].cell);
	const struct shmreg_cell_shm *shm = shmreg_cell_shm_(&c->cell);
	uint64_t version = 0, n, begun = 0, finished = 0;
	struct item item = { 0 };
	int r, who;

	r = item_cell_read(c, &item, &version);
	if (r != 0 && !(r == -ENODATA && start->version == 0))
		return judgement_bad(ret, OUTCOME_LOST, "read says %d", r);
	if (!is_whole(&item))
		return judgement_bad(ret, OUTCOME_LOST, "value %" PRIu64 " is torn", item.id);
	who = whose(image, start, item.id);
	if (who < 0)
		return judgement_bad(ret, OUTCOME_LOST, "value %" PRIu64 " is nobody's", item.id);
	for (int i = 0; i < N_ACTORS; i++) {
		const struct actor *a = &image->actor[i];

		begun += a->log.begun;
		finished += a->log.done;
		if (who == N_ACTORS && a->log.done > 0)
			return judgement_bad(ret, OUTCOME_LOST, "a finished value is not there");
		if (who == i && item.id + 1 < a->first_id + a->log.done)
			return judgement_bad(ret, OUTCOME_LOST, "an older value of actor %d's", i);
		if (a->log.n_bad != 0)
			return judgement_bad(ret, OUTCOME_LOST, "a call of actor %d's failed", i);
		if (a->log.n_read > 0 && (whose(image, start, a->log.read_id) < 0 ||
					  published(start, a->log.read_version) >
						  published(start, version)))
			return judgement_bad(ret, OUTCOME_LOST, "actor %d read %" PRIu64
					     ", version %" PRIu64, i, a->log.read_id,
					     a->log.read_version);
	}
	n = published(start, version);
	for (uint32_t i = 0; i < start->writers; i++)
		n += shm->n_superseded[i];
	if (n > begun || n < finished)
		return judgement_bad(ret, OUTCOME_LOST, "%" PRIu64 " published or superseded, of %"
				     PRIu64 " begun and %" PRIu64 " finished", n, begun, finished);
	return OUTCOME_GOOD;
}

static enum outcome judge_wakes(struct image *image, const struct start *start,
				struct judgement *ret)
{
	const struct shmreg_cell_shm *shm = shmreg_cell_shm_(&image->actor[0].cell.writer.cell);
	bool done = false;

	if (!start->asleep)
		return OUTCOME_GOOD;
	for (int i = 0; i < N_ACTORS; i++)
		done |= image->actor[i].log.done > 0;
	return judge_woken(ret, "readers", &shm->change, done);
}

static enum outcome judge_places(struct image *image, const struct cast *cast,
				 struct judgement *ret)
{
	const struct start *start = cast->setting->data;
	const struct shmreg_cell_shm *shm = shmreg_cell_shm_(&image->actor[0].cell.writer.cell);

	for (uint32_t w = 0; w < SHMREG_CELL_WRITERS_MAX; w++) {
		const uint64_t seat = shm->writer[w];
		int who = -1;

		for (int i = 0; i < N_ACTORS; i++)
			if (seat == actor_seat(i))
				who = i;
		if (seat == 0)
			continue;
		if (w >= start->writers || who < 0)
			return judgement_bad(ret, OUTCOME_LOST, "place %u is seat %" PRIu64 "'s", w,
					     seat);
		if (cast->dead >> who & 1)
			return judgement_bad(ret, OUTCOME_LEAKED, "place %u is a dead one's", w);
	}
	for (int i = 0; i < N_ACTORS; i++)
		if (!(cast->dead >> i & 1) && image->actor[i].has_place &&
		    shm->writer[image->actor[i].cell.writer.writer] != actor_seat(i))
			return judgement_bad(ret, OUTCOME_LOST, "actor %d has lost its place", i);
	return OUTCOME_GOOD;
}

/* Its next values come, and the latest is never touched. */
static enum outcome use(struct image *image, struct actor *a, const struct start *start,
			struct judgement *ret)
{
	const struct item_cell *c = item_cell_of(&image->actor[CHECKER].cell);
	struct item_cell_view view;
	struct item item = { 0 };
	uint64_t version, n;

	for (uint32_t i = 0; i < 2 * start->slots; i++) {
		n = published(start, item_cell_version(c));
		if (item_cell_peek(c, &view) != 0)
			view.elem = NULL;
		cell_put(a);
		if (view.elem != NULL && item_cell_validate(c, &view) != 0)
			return judgement_bad(ret, OUTCOME_WEDGED, "the latest was overwritten");
		if (item_cell_read(c, &item, &version) != 0 || !is_whole(&item) ||
		    item.id != a->first_id + a->log.begun - 1)
			return judgement_bad(ret, OUTCOME_WEDGED, "a new value is not the latest");
		if (published(start, version) != n + 1)
			return judgement_bad(ret, OUTCOME_WEDGED, "version %" PRIu64 " came next",
					     version);
	}
	return OUTCOME_GOOD;
}

void cell_judge(void *memory, const struct cast *cast, struct judgement *ret)
{
	const struct start *start = cast->setting->data;
	struct image *image = memory;

	if (judge_value(image, start, ret) != OUTCOME_GOOD ||
	    judge_wakes(image, start, ret) != OUTCOME_GOOD ||
	    judge_places(image, cast, ret) != OUTCOME_GOOD)
		return;
	for (int i = 0; i < CHECKER; i++)
		if (!(cast->dead >> i & 1) && image->actor[i].has_place &&
		    use(image, &image->actor[i], start, ret) != OUTCOME_GOOD)
			return;
	/* Every place that nobody alive has can be had. */
	for (int i = 0; i < CHECKER; i++)
		if (!(cast->dead >> i & 1) && image->actor[i].has_place)
			cell_leave(&image->actor[i]);
	for (uint32_t w = 0; w < start->writers; w++) {
		struct actor *a = &image->actor[CHECKER];

		cell_take(a);
		if (!a->has_place || a->cell.writer.writer != w) {
			judgement_bad(ret, OUTCOME_LEAKED, "place %u cannot be had", w);
			return;
		}
		if (use(image, a, start, ret) != OUTCOME_GOOD)
			return;
		a->has_place = 0;
	}
}
