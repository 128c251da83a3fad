/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <shmreg/abi/verify.h>

#include "directory-internal.h"
#include "memfd.h"
#include "refuse.h"

/*
 * Who pairs with whom:
 *  E	release store of an entry's state, of a seat or of the segment's state:
 *	what was stored before is visible to whoever loads it with acquire
 *	(shmreg_dir_read_object(), ..._participant(), the library's look at a seat).
 *  D	release increment of `death`: a reader that saw it move and loads a seat
 *	afterwards sees what it became.
 *  G	release increment of `objects_generation`: a reader that saw it move
 *	sees the index as it is after the change.
 *  Q	release store of `removal_epoch`: see there, in <shmreg/abi/directory.h>.
 *  N	release increment of `watch_generation`: who watches an object learns so from
 *	our answer, arms, and whoever finds that armed sees the generation moved.
 * The daemon is the only writer, so its own loads are relaxed.
 */

void directory_copy_name(char *ret, const char *name, size_t size)
{
	const size_t n = strnlen(name, size - 1);

	memcpy(ret, name, n);
	memset(ret + n, 0, size - n);
}

static void directory_wake(const uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

int directory_create(struct directory *ret, const struct shmreg_dir *head)
{
	struct directory d = DIRECTORY_INIT;
	struct shmreg_dir h = *head;
	void *map;
	int r;

	r = shmreg_dir_layout(&h, h.max_participants, h.max_objects);
	if (r < 0)
		return r;
	h.magic = SHMREG_DIR_MAGIC;
	h.layout = SHMREG_DIR_LAYOUT;
	h.state = SHMREG_DIR_CREATING;
	d.bytes = (size_t)h.dir_bytes;
	d.fd = memfd_new("shmreg:directory", h.dir_bytes);
	if (d.fd < 0)
		return d.fd;
	map = mmap(NULL, d.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, d.fd, 0);
	if (map == MAP_FAILED) {
		r = -errno;
		directory_deinit(&d);
		return r;
	}
	d.map = map;
	*d.map = h;
	*ret = d;
	return 0;
}

int directory_open(struct directory *ret, int fd, char *error)
{
	struct directory d = { .fd = fd };
	uint64_t bytes;
	void *map;
	int r;

	r = memfd_check(fd, &bytes);
	if (r < 0)
		return refuse(error, r, "the directory is not a sealed memfd");
	if (bytes < sizeof(struct shmreg_dir))
		return refuse(error, EBADMSG, "the directory is too short to be one");
	d.bytes = (size_t)bytes;
	map = mmap(NULL, d.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return refuse(error, errno, "the directory cannot be mapped: %s", strerror(errno));
	d.map = map;
	if (d.map->magic == 0 || (d.map->magic == SHMREG_DIR_MAGIC &&
				  shmreg_load_relaxed(&d.map->state) == SHMREG_DIR_CREATING))
		r = refuse(error, ENOENT, "the segment was never finished");
	else
		r = shmreg_dir_check(d.map, d.bytes);
	if (r == -EPROTONOSUPPORT)
		refuse(error, EPROTONOSUPPORT, "the directory has layout %u, this shmregd knows %u",
		       d.map->layout, SHMREG_DIR_LAYOUT);
	else if (r < 0 && r != -ENOENT)
		refuse(error, r, "the directory's head is not one that shmregd wrote");
	if (r < 0) {
		munmap(map, d.bytes);
		return r;
	}
	*ret = d;
	return 0;
}

void directory_deinit(struct directory *d)
{
	if (!d)
		return;
	if (d->map)
		munmap(d->map, d->bytes);
	if (d->fd >= 0)
		close(d->fd);
	*d = (struct directory)DIRECTORY_INIT;
}

void directory_publish(struct directory *d)
{
	shmreg_store_release(&d->map->state, SHMREG_DIR_LIVE);	/* E */
}

void directory_remove(struct directory *d)
{
	shmreg_store_release(&d->map->state, SHMREG_DIR_REMOVED);	/* E */
}

void directory_raise_death(struct directory *d)
{
	shmreg_fetch_add_release(&d->map->death, 1);	/* D */
	directory_wake(&d->map->death);
}

void directory_set_flag(struct directory *d, uint32_t flag)
{
	shmreg_store_release(&d->map->flags, shmreg_load_relaxed(&d->map->flags) | flag);
	directory_raise_death(d);
}

void directory_clear_flag(struct directory *d, uint32_t flag)
{
	shmreg_store_release(&d->map->flags, shmreg_load_relaxed(&d->map->flags) & ~flag);
}

void directory_apply_set(struct directory *d)
{
	struct shmreg_dir *m = d->map;

	/* Relaxed: nobody draws conclusions from one about the other. */
	shmreg_store_relaxed(&m->owner, m->set_owner);
	shmreg_store_relaxed(&m->mode_lifetime, m->set_mode_lifetime);
	shmreg_store_release(&m->set_pending, 0);	/* E, with a restarted daemon */
}

void directory_set(struct directory *d, uint64_t owner, uint32_t mode, uint32_t lifetime)
{
	struct shmreg_dir *m = d->map;

	shmreg_store_relaxed(&m->set_owner, owner);
	shmreg_store_relaxed(&m->set_mode_lifetime, mode | lifetime << 16);
	shmreg_store_release(&m->set_pending, 1);	/* E, with a restarted daemon */
	directory_apply_set(d);
}

void directory_set_last_segment(struct directory *d, uint64_t id)
{
	shmreg_store_relaxed(&d->map->last_segment, id);
}

void directory_count_death(struct directory *d)
{
	shmreg_fetch_add_relaxed(&d->map->n_deaths, 1);	/* a statistic */
}

void directory_count_repair(struct directory *d)
{
	shmreg_fetch_add_relaxed(&d->map->n_repairs, 1);	/* a statistic */
}

/*
 * Behind state, flags or next, and id, which both kinds of entries begin with. A reader
 * that copies an entry while it is written anew must notice by its state or id: so the
 * id is stored first, and each word after it with release, which pairs with the
 * acquire of the reader's copy of that word.
 */
#define ENTRY_HEAD 16
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_dir_participant, id) == ENTRY_HEAD - 8, "id is before it");
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_dir_object, id) == ENTRY_HEAD - 8, "id is before it");

static void directory_write_entry(void *entry, const void *from, size_t bytes)
{
	uint64_t *to_words = entry;
	const uint64_t *words = from;

	for (size_t i = ENTRY_HEAD / sizeof(*words); i < bytes / sizeof(*words); i++)
		shmreg_store_release(&to_words[i], words[i]);
}

void directory_attach(struct directory *d, uint32_t index, const struct shmreg_dir_participant *p,
		      const uint16_t *seats, uint32_t n_seats)
{
	struct shmreg_dir_participant *e = &shmreg_dir_participants(d->map)[index];

	shmreg_store_relaxed(&e->id, p->id);
	for (uint32_t i = 0; i < n_seats; i++)
		directory_grant_seat(d, seats[i], p->id);
	shmreg_store_release(&e->flags, p->flags);
	directory_write_entry(e, p, sizeof(*p));
	shmreg_store_release(&e->state, SHMREG_ENTRY_LIVE);	/* E */
}

void directory_grant_seat(struct directory *d, uint32_t seat, uint64_t participant)
{
	shmreg_store_release(&shmreg_dir_seats(d->map)[seat],
			     directory_seat_word(participant, SHMREG_SEAT_LIVE));	/* E */
}

void directory_end_participant(struct directory *d, uint32_t index, bool left)
{
	struct shmreg_dir_participant *e = &shmreg_dir_participants(d->map)[index];
	uint64_t *seats = shmreg_dir_seats(d->map);

	if (left)
		shmreg_store_relaxed(&e->flags, e->flags | SHMREG_PARTICIPANT_LEFT);
	shmreg_store_release(&e->state, SHMREG_ENTRY_DEAD);	/* E */
	for (uint32_t i = 1; i < SHMREG_SEATS; i++)
		if (seats[i] == directory_seat_word(e->id, SHMREG_SEAT_LIVE))
			shmreg_store_release(&seats[i],
					     directory_seat_word(e->id, SHMREG_SEAT_DEAD)); /* E */
	directory_raise_death(d);
}

void directory_free_participant(struct directory *d, uint32_t index)
{
	shmreg_store_release(&shmreg_dir_participants(d->map)[index].state,
			     SHMREG_ENTRY_FREE);	/* E */
}

void directory_set_watches(struct directory *d, uint32_t index)
{
	struct shmreg_dir_participant *e = &shmreg_dir_participants(d->map)[index];

	/* Relaxed: the daemon alone reads it. */
	shmreg_store_relaxed(&e->flags, e->flags | SHMREG_PARTICIPANT_WATCHES);
}

void directory_free_seat(struct directory *d, uint32_t seat)
{
	shmreg_store_release(&shmreg_dir_seats(d->map)[seat], SHMREG_SEAT_FREE);	/* E */
}

void directory_set_epoch(struct directory *d, uint32_t index, uint64_t epoch)
{
	/* Relaxed: the daemon alone reads it. */
	shmreg_store_relaxed(&shmreg_dir_participants(d->map)[index].epoch, epoch);
}

void directory_raise_generation(struct directory *d)
{
	shmreg_fetch_add_release(&d->map->objects_generation, 1);	/* G */
	directory_wake(shmreg_dir_objects_futex(d->map));
}

void directory_link(struct directory *d, uint32_t index)
{
	struct shmreg_dir_object *e = &shmreg_dir_objects(d->map)[index];
	uint32_t *bucket = &shmreg_dir_buckets(d->map)[directory_bucket(d->map, e->name)];

	shmreg_store_relaxed(&e->next, *bucket);
	shmreg_store_release(bucket, index + 1);	/* E */
}

void directory_unlink(struct directory *d, uint32_t index)
{
	struct shmreg_dir_object *objects = shmreg_dir_objects(d->map);
	uint32_t *p = &shmreg_dir_buckets(d->map)[directory_bucket(d->map, objects[index].name)];

	while (*p && *p != index + 1)
		p = &objects[*p - 1].next;
	/* The entry keeps its own next, for readers that stand on it. */
	if (*p)
		shmreg_store_release(p, objects[index].next);	/* E */
}

void directory_add_object(struct directory *d, uint32_t index, const struct shmreg_dir_object *o)
{
	struct shmreg_dir_object *e = &shmreg_dir_objects(d->map)[index];

	shmreg_store_relaxed(&e->id, o->id);
	directory_write_entry(e, o, sizeof(*o));
	shmreg_store_release(&e->state, SHMREG_ENTRY_LIVE);	/* E */
	directory_link(d, index);
	directory_raise_generation(d);
}

void directory_remove_object(struct directory *d, uint32_t index)
{
	struct shmreg_dir_object *e = &shmreg_dir_objects(d->map)[index];
	const uint64_t epoch = d->map->removal_epoch + 1;

	shmreg_store_relaxed(&e->removed_epoch, epoch);
	shmreg_store_release(&e->state, SHMREG_ENTRY_REMOVED);	/* E */
	directory_unlink(d, index);
	directory_raise_generation(d);
	shmreg_store_release(&d->map->removal_epoch, epoch);	/* Q */
	/* If we die before this, the next daemon raises the death word, which they sleep on, too. */
	directory_wake(&e->state);
}

void directory_free_object(struct directory *d, uint32_t index)
{
	shmreg_store_release(&shmreg_dir_objects(d->map)[index].state, SHMREG_ENTRY_FREE); /* E */
}

void directory_set_watch_events(struct directory *d, uint32_t index, uint32_t events)
{
	/* Relaxed: the daemon alone draws conclusions from it. */
	shmreg_store_relaxed(&shmreg_dir_objects(d->map)[index].watch_events, events);
}

void directory_raise_watch_generation(struct directory *d, uint32_t index)
{
	shmreg_fetch_add_release(&shmreg_dir_objects(d->map)[index].watch_generation, 1); /* N */
}

int64_t directory_find_object(const struct directory *d, const char *name)
{
	const struct shmreg_dir_object *objects = shmreg_dir_objects(d->map);
	uint32_t link = shmreg_dir_buckets(d->map)[directory_bucket(d->map, name)];

	for (; link; link = objects[link - 1].next)
		if (objects[link - 1].state == SHMREG_ENTRY_LIVE &&
		    strcmp(objects[link - 1].name, name) == 0)
			return link - 1;
	return -1;
}

int directory_check(const struct directory *d, char *error)
{
	return shmreg_dir_verify(d->map, error);
}
