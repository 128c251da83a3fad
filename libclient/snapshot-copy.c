/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <shmreg/copy.h>

#include "snapshot-copy.h"

/* See the argument in snapshot-copy.h, to which labels refer. */

/* An entry that is being written is free or committed by one of the next looks. */
#define READ_TRIES 100

/* --- what has memory --------------------------------------------------------------------------- */

bool snapshot_next(struct snapshot_copy *c, uint64_t *from, uint64_t to, uint64_t *ret_to)
{
	off_t at, end;

	if (*from < c->there_from || *from >= c->there_to) {
		if (*from >= to)
			return false;
		at = lseek(c->data_fd, (off_t)*from, SEEK_DATA);
		if (at < 0 || (uint64_t)at >= to)
			return false;
		end = lseek(c->data_fd, at, SEEK_HOLE);
		if (end <= at)
			return false;
		c->there_from = (uint64_t)at;
		c->there_to = (uint64_t)end < c->dir->data_bytes ? (uint64_t)end
								 : c->dir->data_bytes;
		if (*from < c->there_from)
			*from = c->there_from;
	}
	if (*from >= to || *from >= c->there_to)
		return false;
	*ret_to = c->there_to < to ? c->there_to : to;
	return true;
}

bool snapshot_is_there(struct snapshot_copy *c, uint64_t offset)
{
	uint64_t from = offset, to;

	return snapshot_next(c, &from, offset + 1, &to);
}

uint64_t snapshot_load(struct snapshot_copy *c, uint64_t offset)
{
	if (!snapshot_is_there(c, offset))
		return 0;
	return shmreg_load_acquire((const uint64_t *)(const void *)(c->data + offset));
}

void snapshot_words(struct snapshot_copy *c, uint64_t offset, uint64_t bytes)
{
	const uint64_t end = offset + bytes;
	uint64_t to;

	while (snapshot_next(c, &offset, end, &to))
		for (; offset < to; offset += sizeof(uint64_t))
			*(uint64_t *)snapshot_at(c, offset) = snapshot_load(c, offset);
}

void snapshot_raw(struct snapshot_copy *c, uint64_t offset, uint64_t bytes)
{
	const uint64_t end = offset + bytes;
	uint64_t to;

	while (snapshot_next(c, &offset, end, &to)) {
		shmreg_copy_from_shared(snapshot_at(c, offset), c->data + offset, to - offset);
		offset = to;
	}
}

void snapshot_bytes(struct snapshot_copy *c, uint64_t to, uint64_t offset, uint64_t bytes)
{
	const uint64_t end = offset + bytes;
	uint64_t at = offset, until;

	while (snapshot_next(c, &at, end, &until)) {
		memset(snapshot_at(c, to), 0, at - offset);
		to += at - offset;
		shmreg_copy_from_shared(snapshot_at(c, to), c->data + at, until - at);
		to += until - at;
		at = offset = until;
	}
	memset(snapshot_at(c, to), 0, end - offset);
}

void snapshot_note(struct snapshot_copy *c, const struct shmreg_dir_object *o, uint32_t what,
		   uint64_t n)
{
	struct shmreg_snapshot_note *notes;

	if (c->n_notes == c->notes_room) {
		notes = reallocarray(c->notes, c->notes_room * 2 + 16, sizeof(*notes));
		if (notes == NULL) {
			c->error = -ENOMEM;
			return;
		}
		c->notes = notes;
		c->notes_room = c->notes_room * 2 + 16;
	}
	c->notes[c->n_notes++] = (struct shmreg_snapshot_note){ .object = o->id, .what = what, .n = n };
}

/* --- the directory ------------------------------------------------------------------------------ */

static void copy_seats(struct snapshot_copy *c)
{
	const uint64_t *from = shmreg_dir_seats(c->dir);
	uint64_t *to = shmreg_dir_seats(c->to_dir);
	uint32_t i;

	for (i = 0; i < SHMREG_SEATS; i++)
		to[i] = shmreg_load_acquire(&from[i]);
}

static void copy_participants(struct snapshot_copy *c)
{
	struct shmreg_dir_participant *to = shmreg_dir_participants(c->to_dir);
	uint32_t i;
	int r, k;

	for (i = 0; i < c->dir->max_participants; i++) {
		for (k = 0, r = -EAGAIN; k < READ_TRIES && r == -EAGAIN; k++)
			r = shmreg_dir_read_participant(c->dir, i, &to[i]);
		if (r < 0 || to[i].id == c->own)
			memset(&to[i], 0, sizeof(to[i]));
	}
}

static struct shmreg_dir_participant *find_participant(struct snapshot_copy *c, uint64_t id)
{
	struct shmreg_dir_participant *to = shmreg_dir_participants(c->to_dir);
	uint32_t i;

	for (i = 0; i < c->dir->max_participants; i++)
		if (to[i].state != SHMREG_ENTRY_FREE && to[i].id == id)
			return &to[i];
	return NULL;
}

/* Seats were read first: whose is repaired meanwhile, is; who died meanwhile, did. */
static void settle_seats(struct snapshot_copy *c)
{
	uint64_t *seats = shmreg_dir_seats(c->to_dir);
	struct shmreg_dir_participant *p;
	uint32_t i;

	for (i = 0; i < SHMREG_SEATS; i++) {
		if ((seats[i] & SHMREG_SEAT_STATE_MASK) != SHMREG_SEAT_DEAD)
			continue;
		p = find_participant(c, seats[i] >> SHMREG_SEAT_PARTICIPANT_SHIFT);
		if (p == NULL)
			seats[i] = SHMREG_SEAT_FREE;
		else
			p->state = SHMREG_ENTRY_DEAD;
	}
}

static void copy_objects(struct snapshot_copy *c)
{
	struct shmreg_dir_object *to = shmreg_dir_objects(c->to_dir);
	uint32_t i;
	int r, k;

	for (i = 0; i < c->dir->max_objects; i++) {
		for (k = 0, r = -EAGAIN; k < READ_TRIES && r == -EAGAIN; k++)
			r = shmreg_dir_read_object(c->dir, i, &to[i]);
		if (r < 0)
			memset(&to[i], 0, sizeof(to[i]));
		to[i].next = 0;
	}
}

/* One name may be there twice, if it was removed and made again meanwhile: the younger is right. */
static void link_object(struct snapshot_copy *c, uint32_t index)
{
	struct shmreg_dir_object *objects = shmreg_dir_objects(c->to_dir);
	uint32_t *const bucket = &shmreg_dir_buckets(
		c->to_dir)[shmreg_name_hash(objects[index].name) & (c->to_dir->n_buckets - 1)];
	uint32_t *link;

	for (link = bucket; *link != 0; link = &objects[*link - 1].next) {
		if (strcmp(objects[*link - 1].name, objects[index].name) != 0)
			continue;
		if (objects[*link - 1].id > objects[index].id) {
			memset(&objects[index], 0, sizeof(objects[index]));
			return;
		}
		objects[index].next = objects[*link - 1].next;
		memset(&objects[*link - 1], 0, sizeof(objects[index]));
		*link = index + 1;
		return;
	}
	objects[index].next = *bucket;
	*bucket = index + 1;
}

static void link_objects(struct snapshot_copy *c)
{
	uint32_t i;

	for (i = 0; i < c->to_dir->max_objects; i++)
		if (shmreg_dir_objects(c->to_dir)[i].state == SHMREG_ENTRY_LIVE)
			link_object(c, i);
}

static void copy_head(struct snapshot_copy *c)
{
	struct shmreg_dir *to = c->to_dir;

	memcpy(to, c->dir, offsetof(struct shmreg_dir, state));
	/* relaxed: words to look at; after the entries, whose epochs are not beyond this one */
	to->state = shmreg_load_relaxed(&c->dir->state);
	to->death = shmreg_load_relaxed(&c->dir->death);
	to->flags = shmreg_load_relaxed(&c->dir->flags);
	to->mode_lifetime = shmreg_load_relaxed(&c->dir->mode_lifetime);
	to->owner = shmreg_load_relaxed(&c->dir->owner);
	to->removal_epoch = shmreg_load_relaxed(&c->dir->removal_epoch);
	to->objects_generation = shmreg_load_relaxed(&c->dir->objects_generation);
	to->n_deaths = shmreg_load_relaxed(&c->dir->n_deaths);
	to->n_repairs = shmreg_load_relaxed(&c->dir->n_repairs);
	to->last_segment = shmreg_load_relaxed(&c->dir->last_segment);
	to->n_restarts = shmreg_load_relaxed(&c->dir->n_restarts);
	to->placement = c->dir->placement;
	to->page_bytes = c->dir->page_bytes;
	to->huge_error = c->dir->huge_error;
}

static void copy_dir(struct snapshot_copy *c)
{
	memcpy(c->to_dir, c->dir, offsetof(struct shmreg_dir, state));
	copy_seats(c);
	copy_participants(c);
	settle_seats(c);
	copy_objects(c);
	copy_head(c);
}

/* --- the data area ------------------------------------------------------------------------------ */

static void copy_object(struct snapshot_copy *c, const struct shmreg_dir_object *o)
{
	switch (o->shape.kind) {
	case SHMREG_KIND_QUEUE:
		snapshot_queue(c, o);
		break;
	case SHMREG_KIND_RING:
		snapshot_ring(c, o);
		break;
	case SHMREG_KIND_TOPIC:
		snapshot_topic(c, o);
		break;
	case SHMREG_KIND_POOL:
		snapshot_pool(c, o);
		break;
	case SHMREG_KIND_CELL:
		snapshot_cell(c, o);
		break;
	case SHMREG_KIND_ATOMIC:
		snapshot_words(c, o->offset, o->bytes);
		break;
	default:
		snapshot_raw(c, o->offset, o->bytes);
	}
}

/* Is what the entry says inside of the data area? What leaves it is not used even so. */
static bool fits(const struct snapshot_copy *c, const struct shmreg_dir_object *o)
{
	uint64_t bytes, align;

	return shmreg_shape_bytes(&o->shape, &bytes, &align, NULL) == 0 && o->bytes == bytes &&
	       o->offset % align == 0 && o->offset <= c->dir->data_bytes &&
	       bytes <= c->dir->data_bytes - o->offset;
}

static int by_offset(const void *a, const void *b)
{
	const struct shmreg_dir_object *x = *(struct shmreg_dir_object *const *)a;
	const struct shmreg_dir_object *y = *(struct shmreg_dir_object *const *)b;

	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* Where there is something: the rest is zero, and need not become memory. */
static void clear(struct snapshot_copy *c, uint64_t from, uint64_t to)
{
	off_t at, end;

	while (from < to) {
		at = lseek(c->to_fd, (off_t)from, SEEK_DATA);
		end = at >= 0 ? lseek(c->to_fd, at, SEEK_HOLE) : -1;
		if (end <= at || (uint64_t)at >= to)
			break;
		if ((uint64_t)end > to)
			end = (off_t)to;
		memset(snapshot_at(c, (uint64_t)at), 0, (size_t)(end - at));
		from = (uint64_t)end;
	}
}

/* (S7) */
static void keep_or_drop(struct snapshot_copy *c, struct shmreg_dir_object *o)
{
	const struct shmreg_dir_object *entry =
		&shmreg_dir_objects(c->dir)[o - shmreg_dir_objects(c->to_dir)];

	shmreg_fence_acquire();	/* what was copied, before the entry is looked at */
	if (shmreg_load_relaxed(&entry->state) == SHMREG_ENTRY_LIVE &&
	    shmreg_load_relaxed(&entry->id) == o->id)
		return;
	snapshot_note(c, o, SHMREG_SNAPSHOT_GONE, 0);
	clear(c, o->offset, o->offset + o->bytes);
	memset(o, 0, sizeof(*o));
}

/* The objects, and what lies between them: people may have structures of their own there. */
static int copy_data(struct snapshot_copy *c)
{
	struct shmreg_dir_object *objects = shmreg_dir_objects(c->to_dir), **sorted;
	uint64_t at = 0;
	uint32_t i, n = 0;

	sorted = calloc((size_t)c->dir->max_objects + 1, sizeof(struct shmreg_dir_object *));
	if (sorted == NULL)
		return -ENOMEM;
	for (i = 0; i < c->dir->max_objects; i++) {
		if (objects[i].state == SHMREG_ENTRY_LIVE && fits(c, &objects[i]))
			sorted[n++] = &objects[i];
		else if (objects[i].state == SHMREG_ENTRY_LIVE)
			memset(&objects[i], 0, sizeof(objects[i]));
	}
	qsort(sorted, n, sizeof(struct shmreg_dir_object *), by_offset);
	for (i = 0; i < n; i++) {
		const uint64_t end = sorted[i]->offset + sorted[i]->bytes;

		if (sorted[i]->offset > at)
			snapshot_raw(c, at, sorted[i]->offset - at);
		copy_object(c, sorted[i]);
		keep_or_drop(c, sorted[i]);
		at = end > at ? end : at;
	}
	if (at < c->dir->data_bytes)
		snapshot_raw(c, at, c->dir->data_bytes - at);
	free(sorted);
	return c->error;
}

int snapshot_copy(struct snapshot_copy *ret, const struct shmreg_dir *dir, const void *data,
		  int data_fd, uint64_t own)
{
	struct snapshot_copy c = {
		.dir = dir, .data = data, .data_fd = data_fd, .own = own, .to_fd = -1,
	};
	void *to;
	int r;

	c.to_dir = mmap(NULL, dir->dir_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0);
	if (c.to_dir == MAP_FAILED)
		return -ENOMEM;
	/* Of a memfd it is known where it has memory. */
	c.to_fd = memfd_create("shmreg-snapshot", MFD_CLOEXEC);
	to = MAP_FAILED;
	if (c.to_fd >= 0 && ftruncate(c.to_fd, (off_t)dir->data_bytes) == 0)
		to = mmap(NULL, dir->data_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
			  c.to_fd, 0);
	if (to == MAP_FAILED) {
		r = -errno;
		snapshot_copy_free(&c);
		return r;
	}
	c.to = to;
	copy_dir(&c);
	r = copy_data(&c);
	if (r < 0) {
		snapshot_copy_free(&c);
		return r;
	}
	link_objects(&c);
	*ret = c;
	return 0;
}

void snapshot_copy_free(struct snapshot_copy *c)
{
	if (c->to != NULL)
		munmap(c->to, c->dir->data_bytes);
	if (c->to_fd >= 0)
		close(c->to_fd);
	munmap(c->to_dir, c->dir->dir_bytes);
	free(c->notes);
}
