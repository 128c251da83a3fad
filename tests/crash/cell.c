/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <shmreg/cell.h>

#include "cell-bind.h"
#include "rig.h"
#include "role.h"

/*
 * cell.c - a cell: the value before or the value after, whole, whoever dies
 *
 * Each value says whose it is and which of his. What was finished was published, or was
 * superseded by somebody's; what was not may have been either, or nothing.
 */

#define WRITERS_MAX 3
#define SLOTS_MAX 3
#define LAST_VERSION ((UINT64_C(1) << 52) - 1)
#define SETUP_ID 1000
#define NOBODYS_ID 9999		/* filled in, and never to be seen */

struct item {
	uint64_t id;
	uint64_t rest[4];
};
SHMREG_DEFINE_CELL(item_cell, struct item);

struct actor {
	struct item_cell_writer cell;
	uint64_t first_id;
	uint32_t has_place;
	struct {
		uint32_t begun, done;		/* values */
		uint32_t n_read, n_bad;
		uint64_t read_id, read_version;
	} log;
};

struct image {
	struct actor actor[N_ACTORS];
	struct shmreg_shape shape;
	SHMREG_ALIGNAS(SHMREG_BLOCK)
	unsigned char cell[sizeof(struct shmreg_cell_shm) + (WRITERS_MAX * SLOTS_MAX + 1) * 64];
};

struct start {
	uint32_t writers, slots;
	uint64_t version;	/* 0: never written */
	uint32_t slot;		/* of writer 0, in which it is */
	uint32_t places;	/* mask of the actors that have one */
};

static struct item item_of(uint64_t id)
{
	struct item item = { .id = id };

	for (uint64_t i = 0; i < 4; i++)
		item.rest[i] = id * (i + 3);
	return item;
}

static bool is_whole(const struct item *item)
{
	for (uint64_t i = 0; i < 4; i++)
		if (item->rest[i] != item->id * (i + 3))
			return false;
	return true;
}

static void took_place(struct actor *a)
{
	shmreg_store_release(&a->has_place, 1);
}

static struct item next_item(struct actor *a)
{
	const struct item item = item_of(a->first_id + a->log.begun);

	shmreg_store_release(&a->log.begun, a->log.begun + 1);
	return item;
}

static void done(struct actor *a, int r)
{
	shmreg_store_release(&a->log.n_bad, a->log.n_bad + (r != 0));
	shmreg_store_release(&a->log.done, a->log.done + 1);
}

static void put(struct actor *a)
{
	const struct item item = next_item(a);

	done(a, shmreg_cell_write(&a->cell.writer, &item));
}

/* Those who have no place do nothing. */
static void run_write(void *arg)
{
	struct actor *a = arg;

	if (a->has_place)
		put(a);
}

static void run_write_typed(void *arg)
{
	struct actor *a = arg;
	struct item item;

	if (!a->has_place)
		return;
	item = next_item(a);
	done(a, item_cell_write(&a->cell, &item));
}

static void run_write_twice(void *arg)
{
	run_write(arg);
	run_write(arg);
}

static void run_in_place(void *arg)
{
	struct actor *a = arg;
	struct item *elem = NULL;
	struct item item;

	if (!a->has_place)
		return;
	item = next_item(a);
	if (item_cell_begin(&a->cell, &elem) != 0)
		done(a, -1);
	*elem = item;
	done(a, item_cell_commit(&a->cell));
}

static void run_abort(void *arg)
{
	struct actor *a = arg;
	struct item *elem = NULL;

	if (!a->has_place || item_cell_begin(&a->cell, &elem) != 0)
		return;
	*elem = item_of(NOBODYS_ID);
	if (item_cell_abort(&a->cell) != 0)
		shmreg_store_release(&a->log.n_bad, 1);
	put(a);
}

/* As shmreg_cell_writer_open(), but that it does not wait for a place. */
static void take(struct actor *a)
{
	struct shmreg_cell_writer *w = &a->cell.writer;

	for (uint32_t i = 0; i < w->cell.writers; i++)
		if (role_try(&shmreg_cell_shm_(&w->cell)->writer[i], w->cell.handle.seat)) {
			cell_writer_prepare(w, i);
			took_place(a);
			return;
		}
}

static void leave(struct actor *a)
{
	struct shmreg_cell_writer *w = &a->cell.writer;

	shmreg_store_release(&a->has_place, 0);
	role_leave(&shmreg_cell_shm_(&w->cell)->writer[w->writer], w->cell.handle.seat);
}

static void run_join(void *arg)
{
	struct actor *a = arg;

	if (!a->has_place)
		take(a);
	if (a->has_place)
		put(a);
}

static void run_leave(void *arg)
{
	struct actor *a = arg;

	if (a->has_place)
		leave(a);
}

static void run_rejoin(void *arg)
{
	run_leave(arg);
	run_join(arg);
}

static void note_read(struct actor *a, int r, const struct item *item, uint64_t version)
{
	const bool empty = r == -ENODATA;

	shmreg_store_release(&a->log.read_id, empty ? 0 : item->id);
	shmreg_store_release(&a->log.read_version, empty ? 0 : version);
	shmreg_store_release(&a->log.n_bad,
			     a->log.n_bad + (!empty && (r != 0 || !is_whole(item))));
	shmreg_store_release(&a->log.n_read, a->log.n_read + 1);
}

static void run_read(void *arg)
{
	struct actor *a = arg;
	struct item item = { 0 };
	uint64_t version = 0;
	const int r = item_cell_read(item_cell_of(&a->cell), &item, &version);

	note_read(a, r, &item, version);
}

/* What is overtaken is not looked at. */
static void run_peek(void *arg)
{
	struct actor *a = arg;
	struct item_cell_view view;
	struct item item = { 0 };
	int r = item_cell_peek(item_cell_of(&a->cell), &view);

	if (r == 0) {
		item = *view.elem;
		r = item_cell_validate(item_cell_of(&a->cell), &view);
		if (r == -EAGAIN)
			return;
	}
	note_read(a, r, &item, r == 0 ? view.version : 0);
}

static const struct operation operations[] = {
	{ "write", run_write, OPERATION_BOTH, NULL },
	{ "write typed", run_write_typed, 0, NULL },
	{ "write twice", run_write_twice, 0, NULL },
	{ "begin, commit", run_in_place, OPERATION_PAIR, NULL },
	{ "begin, abort, write", run_abort, 0, NULL },
	{ "join, write", run_join, OPERATION_PAIR, NULL },
	{ "leave", run_leave, OPERATION_PAIR, NULL },
	{ "leave, join, write", run_rejoin, OPERATION_BOTH, NULL },
	{ "read", run_read, 0, NULL },
	{ "peek, validate", run_peek, 0, NULL },
};
static const struct operation *const peers[] = { &operations[2], &operations[7] };

#define ALL (1u << VICTIM | 1u << SECOND | 1u << PEER)
static const struct setting settings[] = {
	{ "one writer", SETTING_KILL | SETTING_PAIR, &(const struct start){ 1, 2, 7, 1, 1u << VICTIM } },
	{ "one writer, 3 slots", 0, &(const struct start){ 1, 3, 7, 2, 1u << VICTIM } },
	{ "one writer, never written", 0, &(const struct start){ 1, 2, 0, 0, 1u << VICTIM } },
	{ "one writer, about to wrap", 0,
	  &(const struct start){ 1, 2, LAST_VERSION - 1, 0, 1u << VICTIM } },
	{ "three writers", SETTING_PAIR | SETTING_RACE, &(const struct start){ 3, 2, 7, 1, ALL } },
	{ "three writers, never written", 0, &(const struct start){ 3, 3, 0, 0, ALL } },
	{ "three writers, about to wrap", 0,
	  &(const struct start){ 3, 2, LAST_VERSION - 1, 0, ALL } },
	{ "two of three writers", 0, &(const struct start){ 3, 2, 7, 1, 1u << VICTIM | 1u << PEER } },
};

static void setup(void *memory, const struct setting *setting)
{
	const struct start *start = setting->data;
	struct image *image = memory;
	uint64_t word;
	struct item item = item_of(SETUP_ID);
	unsigned char *slot;

	image->shape = (struct shmreg_shape){ .kind = SHMREG_KIND_CELL,
					      .layout = SHMREG_CELL_LAYOUT,
					      .elem_align = 8,
					      .elem_bytes = sizeof(struct item),
					      .capacity = start->writers,
					      .param = { start->slots } };
	must_fit(&image->shape, sizeof(image->cell));
	for (unsigned int i = 0; i < N_ACTORS; i++) {
		struct shmreg_cell *c = &image->actor[i].cell.writer.cell;

		cell_bind(c, image->cell, &image->shape);
		c->handle.seat = actor_seat(i);
		image->actor[i].first_id = 100 * (i + 1);
	}
	if (start->version != 0) {
		const struct shmreg_cell *c = &image->actor[0].cell.writer.cell;

		word = start->version << SHMREG_CELL_VERSION_SHIFT | start->slot;
		slot = shmreg_cell_slot_at_(c, 0, start->slot, c->stride);
		memcpy(slot + c->elem_offset, &item, sizeof(item));
		*shmreg_cell_word_(slot) = word;
		shmreg_cell_shm_(c)->latest = word;
	}
	for (unsigned int i = 0; i < N_ACTORS; i++)
		if (start->places >> i & 1)
			take(&image->actor[i]);
}

static void repair(void *memory, uint32_t dead, struct shmreg_reaper_report *ret)
{
	struct image *image = memory;

	repair_object(&image->shape, image->cell, dead, ret);
}

/* What it does before it looks at the first place changes nothing. */
static const void *repair_begins(void *memory)
{
	struct image *image = memory;

	return &((struct shmreg_cell_shm *)(void *)image->cell)->writer[0];
}

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
		put(a);
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

static void judge(void *memory, const struct cast *cast, struct judgement *ret)
{
	const struct start *start = cast->setting->data;
	struct image *image = memory;

	if (judge_value(image, start, ret) != OUTCOME_GOOD ||
	    judge_places(image, cast, ret) != OUTCOME_GOOD)
		return;
	for (int i = 0; i < CHECKER; i++)
		if (!(cast->dead >> i & 1) && image->actor[i].has_place &&
		    use(image, &image->actor[i], start, ret) != OUTCOME_GOOD)
			return;
	/* Every place that nobody alive has can be had. */
	for (int i = 0; i < CHECKER; i++)
		if (!(cast->dead >> i & 1) && image->actor[i].has_place)
			leave(&image->actor[i]);
	for (uint32_t w = 0; w < start->writers; w++) {
		struct actor *a = &image->actor[CHECKER];

		take(a);
		if (!a->has_place || a->cell.writer.writer != w) {
			judgement_bad(ret, OUTCOME_LEAKED, "place %u cannot be had", w);
			return;
		}
		if (use(image, a, start, ret) != OUTCOME_GOOD)
			return;
		a->has_place = 0;
	}
}

/* Planted: published before it is whole. */
static void run_publish_first(void *arg)
{
	struct actor *a = arg;
	struct shmreg_cell_writer *w = &a->cell.writer;
	const struct item item = next_item(a);
	unsigned char *slot = w->next;

	shmreg_cell_publish_(w, slot, w->cell.stride);
	memcpy(slot + w->cell.elem_offset, &item, sizeof(item));
	done(a, 0);
}
static const struct operation publish_first = { "publish first", run_publish_first, 0, NULL };

/* Over the latest value, as a cell of one slot would. */
static void run_write_over(void *arg)
{
	struct actor *a = arg;
	struct shmreg_cell_writer *w = &a->cell.writer;
	uint64_t latest = shmreg_cell_shm_(&w->cell)->latest;

	w->slot = (uint32_t)(latest & SHMREG_CELL_SLOT_MASK);
	w->next = shmreg_cell_slot_at_(&w->cell, w->writer, w->slot, w->cell.stride);
	put(a);
}
static const struct operation write_over = { "write over", run_write_over, 0, NULL };

/* As the only writer does, beside others. */
static void run_write_alone(void *arg)
{
	struct actor *a = arg;
	struct shmreg_cell_writer *w = &a->cell.writer;

	w->cell.writers = 1;
	w->last = shmreg_load_relaxed(&shmreg_cell_shm_(&w->cell)->latest);
	put(a);
	w->cell.writers = 3;
}
static const struct operation write_alone = { "write alone", run_write_alone, 0, NULL };

static void repair_everybody(void *memory, uint32_t dead, struct shmreg_reaper_report *ret)
{
	(void)dead;
	repair(memory, ALL, ret);
}

static const struct planted planted[] = {
	{ "repair does nothing", repair_nothing, MODE_ALONE, &settings[0], &operations[0], NULL,
	  NULL },
	{ "repair takes the living", repair_everybody, MODE_ALONE, &settings[4], &operations[0],
	  NULL, NULL },
	{ "published before it is whole", NULL, MODE_ALONE, &settings[0], &publish_first, NULL,
	  NULL },
	{ "the latest is written over", NULL, MODE_ALONE, &settings[0], &write_over, NULL, NULL },
	{ "published by a store beside others", NULL, MODE_RESUME, &settings[4], &write_alone, NULL,
	  &operations[2] },
};

const struct subject subject = {
	.name = "cell",
	SUBJECT_PARTS,
	SUBJECT_TABLE(operations, operations),
	.judge = judge,
};
