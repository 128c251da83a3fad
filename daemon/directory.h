/* SPDX-License-Identifier: MIT */
#ifndef SHMREGD_DIRECTORY_H
#define SHMREGD_DIRECTORY_H

/*
 * directory.h - the one writer of a segment's directory
 *
 * Every store into a directory is made in directory.c and directory-recover.c.
 * The writer may be killed between any two of them, and readers look on:
 * each function below has one store that decides (its *commit*); what comes
 * before it means nothing without it, and what comes after it is completed by
 * directory_recover().
 *
 *	function		before		commit			after
 *	create, publish		everything	state LIVE
 *	attach			id, seats, rest	entry LIVE
 *	grant_seat				seat LIVE
 *	end_participant		LEFT		entry DEAD		seats DEAD, death
 *	  without seats				entry FREE
 *	free_seat				seat FREE
 *	free_participant	(no seats)	entry FREE
 *	add_object		id, rest	entry LIVE		link, generation
 *	remove_object		removed_epoch	entry REMOVED		unlink, generation,
 *									removal_epoch, wake-up
 *	free_object		(range punched)	entry FREE
 *	set			set_owner, ...	set_pending 1		owner, mode_lifetime,
 *									set_pending 0
 *	all others				one store
 *
 * An id is stored before anything else of an entry and is larger than any
 * before, so the largest id in the table is never lost, and the next one is
 * computed from it after a restart.
 *
 * Counts (n_deaths, n_repairs) are for people: they may be off by one after a
 * death of the writer.
 */

#include <stdbool.h>

#include <shmreg/abi/directory.h>

struct directory {
	int fd;
	size_t bytes;
	struct shmreg_dir *map;
};
#define DIRECTORY_INIT { .fd = -1 }

/*
 * directory_create() - a new one, in state CREATING
 * @head:	what is constant, owner, mode_lifetime, last_segment;
 *		the geometry and bytes are computed
 *
 * Return: 0; -EINVAL max_participants, max_objects; as memfd_create(2), mmap(2).
 */
int directory_create(struct directory *ret, const struct shmreg_dir *head);
/*
 * directory_open() - map one that exists; takes @fd only on success
 *
 * Return: 0; -EBADMSG not sealed as ours are; -ENOENT never published;
 * -EPROTONOSUPPORT layout; as mmap(2).
 */
int directory_open(struct directory *ret, int fd, char *error);
/* Unmaps and closes. NULL and half-built are fine. */
void directory_deinit(struct directory *d);

void directory_publish(struct directory *d);
/* LIVE becomes REMOVED. */
void directory_remove(struct directory *d);
void directory_set_flag(struct directory *d, uint32_t flag);	/* and raises death */
void directory_clear_flag(struct directory *d, uint32_t flag);
void directory_set(struct directory *d, uint64_t owner, uint32_t mode, uint32_t lifetime);
void directory_set_last_segment(struct directory *d, uint64_t id);
void directory_count_death(struct directory *d);
void directory_count_repair(struct directory *d);
/* Raise the death word and wake all who sleep on it. */
void directory_raise_death(struct directory *d);

/* @p->state is ignored. */
void directory_attach(struct directory *d, uint32_t index, const struct shmreg_dir_participant *p,
		      const uint16_t *seats, uint32_t n_seats);
void directory_grant_seat(struct directory *d, uint32_t seat, uint64_t participant);
/* Of a participant that has seats: it and they are DEAD afterwards. */
void directory_end_participant(struct directory *d, uint32_t index, bool left);
void directory_free_participant(struct directory *d, uint32_t index);
/* It has asked to be woken. */
void directory_set_watches(struct directory *d, uint32_t index);
void directory_free_seat(struct directory *d, uint32_t seat);
void directory_set_epoch(struct directory *d, uint32_t index, uint64_t epoch);

/* @o->state and next are ignored, removed_epoch is 0. */
void directory_add_object(struct directory *d, uint32_t index, const struct shmreg_dir_object *o);
void directory_remove_object(struct directory *d, uint32_t index);
void directory_free_object(struct directory *d, uint32_t index);
void directory_set_watch_events(struct directory *d, uint32_t index, uint32_t events);
void directory_raise_watch_generation(struct directory *d, uint32_t index);
/* Index of the entry that is LIVE and has this name; -1 there is none. */
int64_t directory_find_object(const struct directory *d, const char *name);

/*
 * directory_check() - could it have been left behind by our own writer?
 *
 * Complete: a directory that passes cannot lead the daemon astray. Stores nothing.
 *
 * Return: 0; -EBADMSG; -ENOMEM.
 */
int directory_check(const struct directory *d, char *error);
/*
 * directory_recover() - finish or undo what a dead writer left half-done
 *
 * After directory_check(). Ranges of REMOVED objects are the caller's business.
 * Clears ORPHANED and raises the death word.
 *
 * Return: 0; -ENOMEM, nothing was changed.
 */
int directory_recover(struct directory *d);

/* Zeros behind the name, as readers that compare by words expect. */
void directory_copy_name(char *ret, const char *name, size_t size);

/* The bucket of a name; the readers' half is in proto/directory.c. */
static inline uint32_t directory_bucket(const struct shmreg_dir *dir, const char *name)
{
	return shmreg_name_hash(name) & (dir->n_buckets - 1);
}

static inline uint64_t directory_seat_state(uint64_t word)
{
	return word & SHMREG_SEAT_STATE_MASK;
}

static inline uint64_t directory_seat_participant(uint64_t word)
{
	return word >> SHMREG_SEAT_PARTICIPANT_SHIFT;
}

static inline uint64_t directory_seat_word(uint64_t participant, uint64_t state)
{
	return participant << SHMREG_SEAT_PARTICIPANT_SHIFT | state;
}

static inline uint32_t directory_mode(const struct directory *d)
{
	return shmreg_load_relaxed(&d->map->mode_lifetime) & 0xffff;
}

static inline uint32_t directory_lifetime(const struct directory *d)
{
	return shmreg_load_relaxed(&d->map->mode_lifetime) >> 16;
}

#endif /* SHMREGD_DIRECTORY_H */
