/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "memfd.h"
#include "placement.h"
#include "refuse.h"
#include "segment.h"

static int segment_load_participants(struct segment *s)
{
	const struct shmreg_dir *m = s->directory.map;

	for (uint32_t i = 0; i < m->max_participants; i++) {
		const struct shmreg_dir_participant *e = &shmreg_dir_participants(m)[i];
		struct participant *p;

		if (e->id >= s->next_participant)
			s->next_participant = e->id + 1;
		if (e->state == SHMREG_ENTRY_FREE)
			continue;
		p = calloc(1, sizeof(*p));
		if (!p)
			return -ENOMEM;
		p->segment = s;
		p->id = e->id;
		p->index = i;
		p->uid = e->uid;
		p->read_only = e->flags & SHMREG_PARTICIPANT_READ_ONLY;
		p->watches = e->flags & SHMREG_PARTICIPANT_WATCHES;
		s->n_watching += p->watches;
		LIST_INSERT_HEAD(&s->participants, p, of_segment);
		bitmap_set(&s->participant_entries, i);
		if (e->state == SHMREG_ENTRY_LIVE)
			s->n_live++;
	}
	return 0;
}

static int compare_participants(const void *a, const void *b)
{
	const struct participant *x = *(struct participant *const *)a;
	const struct participant *y = *(struct participant *const *)b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static struct participant *participant_search(struct participant **sorted, size_t n, uint64_t id)
{
	struct participant key = { .id = id }, *pkey = &key, **found;

	found = bsearch(&pkey, sorted, n, sizeof(*sorted), compare_participants);
	return found ? *found : NULL;
}

static int segment_load_seats(struct segment *s)
{
	const uint64_t *seats = shmreg_dir_seats(s->directory.map);
	struct participant **sorted, *p;
	size_t n = 0;

	sorted = calloc(s->participant_entries.n_set + 1, sizeof(struct participant *));
	if (!sorted)
		return -ENOMEM;
	LIST_FOREACH(p, &s->participants, of_segment)
		sorted[n++] = p;
	qsort(sorted, n, sizeof(*sorted), compare_participants);
	for (uint32_t i = 1; i < SHMREG_SEATS; i++) {
		if (seats[i] == SHMREG_SEAT_FREE)
			continue;
		bitmap_set(&s->seats, i);
		p = participant_search(sorted, n, directory_seat_participant(seats[i]));
		assert(p);
		p->n_seats++;
		if (directory_seat_state(seats[i]) == SHMREG_SEAT_DEAD)
			s->n_dead_seats++;
	}
	free(sorted);
	return 0;
}

static int segment_load_objects(struct segment *s, char *error)
{
	const struct shmreg_dir *m = s->directory.map;
	int r;

	for (uint32_t i = 0; i < m->max_objects; i++) {
		const struct shmreg_dir_object *o = &shmreg_dir_objects(m)[i];

		if (o->id >= s->next_object)
			s->next_object = o->id + 1;
		if (o->state == SHMREG_ENTRY_FREE)
			continue;
		r = extents_take(&s->extents, o->offset, o->bytes);
		if (r == -EEXIST)
			return refuse(error, EBADMSG, "object \"%s\" overlaps another", o->name);
		if (r < 0)
			return r;
		bitmap_set(&s->object_entries, i);
		s->object_ids[i] = o->id;
		if (o->state == SHMREG_ENTRY_REMOVED)
			s->n_removed++;
	}
	return 0;
}

static int segment_load(struct segment *s, char *error)
{
	const struct shmreg_dir *m = s->directory.map;
	int r;

	s->object_ids = calloc(m->max_objects, sizeof(*s->object_ids));
	if (!s->object_ids)
		return -ENOMEM;
	r = bitmap_init(&s->participant_entries, m->max_participants);
	if (r == 0)
		r = bitmap_init(&s->object_entries, m->max_objects);
	if (r == 0)
		r = bitmap_init(&s->seats, SHMREG_SEATS);
	if (r == 0)
		r = bitmap_init(&s->repair_seats, SHMREG_SEATS);
	if (r == 0)
		r = extents_init(&s->extents, m->data_bytes);
	if (r < 0)
		return r;
	bitmap_set(&s->seats, 0);
	/* In a new one there is nothing yet, and reading would allocate the pages of all tables. */
	if (m->state == SHMREG_DIR_CREATING)
		return 0;
	r = segment_load_participants(s);
	if (r == 0)
		r = segment_load_seats(s);
	if (r == 0)
		r = segment_load_objects(s, error);
	return r;
}

int segment_new(struct segment **ret, struct directory *directory, int data_fd, char *error)
{
	struct segment *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return refuse(error, ENOMEM, "shmregd is out of memory");
	s->directory = *directory;
	s->data_fd = data_fd;
	s->dir_ro_fd = -1;
	s->next_participant = 1;
	s->next_object = 1;
	s->reserved_bytes = placement_kept_bytes(directory->map);
	LIST_INIT(&s->participants);
	r = segment_load(s, error);
	if (r == -ENOMEM)
		refuse(error, ENOMEM, "shmregd is out of memory");
	if (r < 0) {
		struct participant *p;

		while ((p = LIST_FIRST(&s->participants))) {
			LIST_REMOVE(p, of_segment);
			free(p);
		}
		s->directory = (struct directory)DIRECTORY_INIT;
		s->data_fd = -1;
		segment_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

struct segment *segment_free(struct segment *s)
{
	if (!s)
		return NULL;
	assert(LIST_EMPTY(&s->participants) && !s->named && !s->unsettled);
	extents_deinit(&s->extents);
	bitmap_deinit(&s->repair_seats);
	bitmap_deinit(&s->seats);
	bitmap_deinit(&s->object_entries);
	bitmap_deinit(&s->participant_entries);
	free(s->object_ids);
	segment_close_ro(s);
	directory_deinit(&s->directory);
	if (s->data_fd >= 0)
		close(s->data_fd);
	free(s);
	return NULL;
}

uint64_t segment_bytes(const struct segment *s)
{
	return s->directory.map->data_bytes + s->directory.map->dir_bytes;
}

uint64_t segment_used_bytes(const struct segment *s)
{
	return s->extents.total - s->extents.free_bytes;
}

uint64_t segment_freeing_bytes(const struct segment *s)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < s->n_freeing; i++)
		n += segment_object(s, s->freeing[i])->bytes;
	return n;
}

uint32_t segment_n_seats(const struct segment *s)
{
	return s->seats.n_set - 1;
}

uint32_t segment_n_objects(const struct segment *s)
{
	return s->object_entries.n_set - s->n_removed;
}

uint32_t segment_pick_seats(struct segment *s, uint16_t *ret, uint32_t max)
{
	int64_t i = 0;
	uint32_t n = 0;

	while (n < max && (i = bitmap_find_clear(&s->seats, (uint32_t)i)) >= 0)
		ret[n++] = (uint16_t)i++;
	return n;
}

int64_t segment_pick_participant(struct segment *s)
{
	return bitmap_find_clear(&s->participant_entries, 0);
}

int64_t segment_pick_object(struct segment *s)
{
	return bitmap_find_clear(&s->object_entries, 0);
}

uint32_t segment_seats_of(const struct segment *s, const struct participant *p, uint16_t *ret,
			  uint32_t max)
{
	const uint64_t *seats = shmreg_dir_seats(s->directory.map);
	uint32_t n = 0;

	for (uint32_t i = 1; i < SHMREG_SEATS && n < max && n < p->n_seats; i++)
		if (directory_seat_participant(seats[i]) == p->id)
			ret[n++] = (uint16_t)i;
	return n;
}

void segment_attach(struct segment *s, struct participant *p,
		    const struct shmreg_dir_participant *entry, const uint16_t *seats)
{
	p->segment = s;
	p->id = entry->id;
	p->uid = entry->uid;
	p->read_only = entry->flags & SHMREG_PARTICIPANT_READ_ONLY;
	assert(p->id == s->next_participant);
	s->next_participant++;
	LIST_INSERT_HEAD(&s->participants, p, of_segment);
	bitmap_set(&s->participant_entries, p->index);
	for (uint32_t i = 0; i < p->n_seats; i++)
		bitmap_set(&s->seats, seats[i]);
	s->n_live++;
	directory_attach(&s->directory, p->index, entry, seats, p->n_seats);
}

void segment_grant(struct segment *s, struct participant *p, const uint16_t *seats, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		bitmap_set(&s->seats, seats[i]);
		directory_grant_seat(&s->directory, seats[i], p->id);
	}
	p->n_seats += n;
}

void segment_end_participant(struct segment *s, struct participant *p, enum end how)
{
	s->n_live--;
	if (p->n_seats == 0)
		return;		/* nothing to repair: the caller frees it */
	s->n_dead_seats += p->n_seats;
	if (how == END_IDLE)
		s->n_idle_seats += p->n_seats;
	directory_end_participant(&s->directory, p->index, how != END_DIED);
}

void segment_free_seat(struct segment *s, struct participant *p, uint32_t seat)
{
	assert(p->n_seats > 0 && s->n_dead_seats > 0);
	directory_free_seat(&s->directory, seat);
	bitmap_clear(&s->seats, seat);
	p->n_seats--;
	s->n_dead_seats--;
}

void segment_free_participant(struct segment *s, struct participant *p)
{
	assert(p->n_seats == 0);
	directory_free_participant(&s->directory, p->index);
	bitmap_clear(&s->participant_entries, p->index);
	LIST_REMOVE(p, of_segment);
	if (p->watches && --s->n_watching == 0)
		segment_recover_watch(s);
}

static bool is_being_freed(const struct segment *s, uint32_t index)
{
	for (uint32_t i = 0; i < s->n_freeing; i++)
		if (s->freeing[i] == index)
			return true;
	return false;
}

int64_t segment_find_object(const struct segment *s, uint64_t id)
{
	for (uint32_t i = 0; id && i < s->directory.map->max_objects; i++)
		if (s->object_ids[i] == id)
			return is_being_freed(s, i) ? -1 : (int64_t)i;
	return -1;
}

void segment_add_object(struct segment *s, uint32_t index, struct shmreg_dir_object *o)
{
	o->id = s->next_object++;
	bitmap_set(&s->object_entries, index);
	s->object_ids[index] = o->id;
	directory_add_object(&s->directory, index, o);
}

void segment_remove_object(struct segment *s, uint32_t index)
{
	s->n_removed++;
	directory_remove_object(&s->directory, index);
}

/* The newest removal of which no participant, read-only or DEAD, holds a handle. */
static uint64_t segment_epoch(const struct segment *s)
{
	uint64_t epoch = UINT64_MAX;
	struct participant *p;

	LIST_FOREACH(p, &s->participants, of_segment)
		if (participant_entry(p)->epoch < epoch)
			epoch = participant_entry(p)->epoch;
	return epoch;
}

/* Not beyond the newest: that is what it is if there are no participants. */
uint64_t segment_quiesced_epoch(const struct segment *s)
{
	const uint64_t epoch = segment_epoch(s), newest = s->directory.map->removal_epoch;

	return epoch < newest ? epoch : newest;
}

void segment_begin_free(struct segment *s)
{
	uint64_t epoch;

	s->sweep_wanted = false;
	if (s->n_removed == 0 || s->repair_wanted || s->n_freeing > 0)
		return;
	epoch = segment_epoch(s);
	for (int64_t i = bitmap_find_set(&s->object_entries, 0); i >= 0;
	     i = bitmap_find_set(&s->object_entries, (uint32_t)i + 1)) {
		const struct shmreg_dir_object *o = segment_object(s, (uint32_t)i);

		if (o->state != SHMREG_ENTRY_REMOVED || o->removed_epoch > epoch)
			continue;
		if (shmreg_shape_is_object_queue(&o->shape) && o->removed_epoch > s->swept_epoch)
			s->sweep_wanted = true;
		else if (s->n_freeing < SEGMENT_FREEING_MAX && !s->free_failed)
			s->freeing[s->n_freeing++] = (uint32_t)i;
	}
	s->free_failed = false;
	if (segment_needs_repair(s))
		s->n_freeing = 0;
}

uint32_t segment_end_free(struct segment *s, bool success)
{
	const uint32_t n = success ? s->n_freeing : 0;

	assert(!s->repair_wanted);
	for (uint32_t i = 0; i < n; i++) {
		const uint32_t index = s->freeing[i];
		const struct shmreg_dir_object *o = segment_object(s, index);

		directory_free_object(&s->directory, index);
		extents_free(&s->extents, o->offset, o->bytes);
		bitmap_clear(&s->object_entries, index);
		s->object_ids[index] = 0;
	}
	s->n_removed -= n;
	s->n_freeing = 0;
	s->free_failed = !success;
	return n;
}

bool segment_needs_repair(const struct segment *s)
{
	return (s->n_dead_seats > 0 || s->sweep_wanted) && !segment_has_flag(s, SHMREG_DIR_QUARANTINED);
}

bool segment_may_rest(const struct segment *s)
{
	return s->n_idle_seats == s->n_dead_seats && s->n_removed == 0 &&
	       s->seats.n_set <= SHMREG_SEATS / 4 &&
	       s->participant_entries.n_set <= s->directory.map->max_participants / 2;
}

uint32_t segment_freeing(const struct segment *s, struct segment_range *ret)
{
	for (uint32_t i = 0; i < s->n_freeing; i++) {
		const struct shmreg_dir_object *o = segment_object(s, s->freeing[i]);

		ret[i] = (struct segment_range){ .offset = o->offset, .bytes = o->bytes };
	}
	return s->n_freeing;
}

bool segment_keeps_memory(const struct segment *s)
{
	return s->reserved_bytes > 0;
}

int segment_give_data_away(struct segment *s)
{
	const int fd = s->data_fd;

	s->data_fd = -1;
	return fd;
}

uint64_t segment_id(const struct segment *s)
{
	return s->directory.map->segment;
}

const char *segment_name(const struct segment *s)
{
	return s->directory.map->name;
}

int segment_dir_fd(const struct segment *s)
{
	return s->directory.fd;
}

int segment_data_fd(const struct segment *s)
{
	return s->data_fd;
}

int segment_open_dir_ro(const struct segment *s)
{
	return memfd_reopen_ro(s->directory.fd);
}

int segment_open_data_ro(const struct segment *s)
{
	return memfd_reopen_ro(s->data_fd);
}

const struct shmreg_dir *segment_dir(const struct segment *s)
{
	return s->directory.map;
}

void segment_set_userdata(struct segment *s, void *userdata)
{
	s->userdata = userdata;
}

void *segment_userdata(const struct segment *s)
{
	return s->userdata;
}
