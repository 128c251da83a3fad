/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "cell-bind.h"
#include "cell-rig.h"
#include "role.h"

/* cell.c - a cell: what is killed, and how it begins; cell-oracle.c says what must hold then */

#define NOBODYS_ID 9999		/* filled in, and never to be seen */

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

void cell_put(struct actor *a)
{
	const struct item item = next_item(a);

	done(a, shmreg_cell_write(&a->cell.writer, &item));
}

/* Those who have no place do nothing. */
static void run_write(void *arg)
{
	struct actor *a = arg;

	if (a->has_place)
		cell_put(a);
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
	cell_put(a);
}

/* As shmreg_cell_writer_open(), but that it does not wait for a place. */
void cell_take(struct actor *a)
{
	struct shmreg_cell_writer *w = &a->cell.writer;

	for (uint32_t i = 0; i < w->cell.writers; i++)
		if (role_try(&shmreg_cell_shm_(&w->cell)->writer[i], w->cell.handle.seat)) {
			cell_writer_prepare(w, i);
			took_place(a);
			return;
		}
}

void cell_leave(struct actor *a)
{
	struct shmreg_cell_writer *w = &a->cell.writer;

	shmreg_store_release(&a->has_place, 0);
	role_leave(&shmreg_cell_shm_(&w->cell)->writer[w->writer], w->cell.handle.seat);
}

static void run_join(void *arg)
{
	struct actor *a = arg;

	if (!a->has_place)
		cell_take(a);
	if (a->has_place)
		cell_put(a);
}

static void run_leave(void *arg)
{
	struct actor *a = arg;

	if (a->has_place)
		cell_leave(a);
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
	{ "one writer", SETTING_KILL | SETTING_PAIR,
	  &(const struct start){ 1, 2, 7, 1, 1u << VICTIM, false } },
	{ "one writer, 3 slots", 0, &(const struct start){ 1, 3, 7, 2, 1u << VICTIM, false } },
	{ "one writer, never written", 0,
	  &(const struct start){ 1, 2, 0, 0, 1u << VICTIM, false } },
	{ "one writer, about to wrap", 0,
	  &(const struct start){ 1, 2, LAST_VERSION - 1, 0, 1u << VICTIM, false } },
	{ "three writers", SETTING_PAIR | SETTING_RACE,
	  &(const struct start){ 3, 2, 7, 1, ALL, false } },
	{ "three writers, never written", 0, &(const struct start){ 3, 3, 0, 0, ALL, false } },
	{ "three writers, about to wrap", 0,
	  &(const struct start){ 3, 2, LAST_VERSION - 1, 0, ALL, false } },
	{ "two of three writers", 0,
	  &(const struct start){ 3, 2, 7, 1, 1u << VICTIM | 1u << PEER, false } },
	{ "all asleep", SETTING_KILL, &(const struct start){ 1, 2, 7, 1, 1u << VICTIM, true } },
	{ "three writers, all asleep", 0, &(const struct start){ 3, 2, 7, 1, ALL, true } },
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

		word = shmreg_cell_word(start->version, start->slot);
		slot = shmreg_cell_slot_at_(c, 0, start->slot, c->stride);
		memcpy(slot, &item, sizeof(item));
		*shmreg_cell_word_(slot, c->word_offset) = word;
		shmreg_cell_shm_(c)->latest = word;
	}
	for (unsigned int i = 0; i < N_ACTORS; i++)
		if (start->places >> i & 1)
			cell_take(&image->actor[i]);
	if (start->asleep)
		shmreg_cell_shm_(&image->actor[0].cell.writer.cell)
			->change.half[SHMREG_EVENTCOUNT_COUNT] = COUNT_ASLEEP;
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

/* Planted: published before it is whole. */
static void run_publish_first(void *arg)
{
	struct actor *a = arg;
	struct shmreg_cell_writer *w = &a->cell.writer;
	const struct item item = next_item(a);
	unsigned char *slot = w->next;

	shmreg_cell_publish_(w, slot, w->cell.word_offset, w->cell.stride);
	memcpy(slot, &item, sizeof(item));
	done(a, 0);
}
static const struct operation publish_first = { "publish first", run_publish_first, 0, NULL };

/* Over the latest value, as a cell of one slot would. */
static void run_write_over(void *arg)
{
	struct actor *a = arg;
	struct shmreg_cell_writer *w = &a->cell.writer;
	uint64_t latest = shmreg_cell_shm_(&w->cell)->latest;

	w->slot = (uint32_t)shmreg_cell_slot_number(latest, w->cell.writers * w->cell.slots) %
		  w->cell.slots;
	w->next = shmreg_cell_slot_at_(&w->cell, w->writer, w->slot, w->cell.stride);
	cell_put(a);
}
static const struct operation write_over = { "write over", run_write_over, 0, NULL };

/* As the only writer does, beside others. */
static void run_write_alone(void *arg)
{
	struct actor *a = arg;
	struct shmreg_cell_writer *w = &a->cell.writer;

	w->cell.writers = 1;
	w->last = shmreg_load_relaxed(&shmreg_cell_shm_(&w->cell)->latest);
	cell_put(a);
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
	.judge = cell_judge,
};
