/* SPDX-License-Identifier: MIT */
#ifndef SHMREGD_SEGMENT_H
#define SHMREGD_SEGMENT_H

/*
 * segment.h - one segment: its two memfds, and what the daemon remembers of it
 *
 * Everything here can be rebuilt from the directory. Functions of this header
 * keep directory and memory in step; quotas, processes, the index of all
 * segments and lifetimes are the registry's, which is in registry-internal.h.
 */

#include <sys/queue.h>

#include "bitmap.h"
#include "directory.h"
#include "extents.h"
#include "hash.h"
#include "registry.h"

/* A process with attachments that are LIVE. */
struct process {
	struct hash_node node;			/* by pid */
	struct process_id id;
	LIST_HEAD(, participant) participants;
};

/* One entry of a directory that is LIVE or DEAD. */
struct participant {
	struct hash_node node;			/* by id and segment, see participant_key() */
	LIST_ENTRY(participant) of_segment;
	LIST_ENTRY(participant) of_process;	/* while LIVE */
	struct segment *segment;
	struct process *process;		/* while LIVE */
	uint64_t id;
	uint32_t index;				/* of its entry */
	uint32_t uid;				/* charged */
	uint32_t n_seats;			/* LIVE or DEAD, charged */
	bool read_only;
	bool watches;				/* SHMREG_PARTICIPANT_WATCHES */
	bool charged;
};

enum end { END_DIED, END_LEFT, END_IDLE };	/* the last two: DETACH */

struct segment {
	TAILQ_ENTRY(segment) of_registry;	/* by id */
	struct hash_node by_id;
	struct hash_node by_name;		/* while named */
	LIST_ENTRY(segment) unsettled_list;	/* after registry_dispose(): of those being discarded */
	bool named;
	bool charged;
	bool unsettled;		/* participants or objects changed: see registry_settle() */

	struct directory directory;
	int data_fd;
	int dir_ro_fd;				/* -1: not kept, see segment_dir_ro() */
	TAILQ_ENTRY(segment) of_ro;		/* while it is */
	uint64_t reserved_bytes;		/* charged; 0 without RESERVE and huge pages of a pool */
	struct extents extents;

	LIST_HEAD(, participant) participants;
	struct bitmap participant_entries;
	struct bitmap object_entries;
	struct bitmap seats;			/* LIVE or DEAD; seat 0 is set */
	uint64_t *object_ids;			/* by entry; 0 if FREE */
	uint32_t n_live;			/* participants */
	uint32_t n_watching;			/* participants that have asked to be woken */
	uint32_t n_removed;			/* objects whose range is not yet free */
	/* Those of them, by entry, whose memory is being given back. */
	uint32_t n_freeing;
	uint32_t freeing[SEGMENT_FREEING_MAX];
	bool free_failed;			/* so not again at once */
	uint32_t n_dead_seats;
	uint32_t n_idle_seats;			/* of those: END_IDLE, and no repair begun since */
	uint64_t next_participant;
	uint64_t next_object;

	enum { REST_NONE = 0, REST_BEGUN, REST_OVER } rest;	/* rest() before repair() */
	bool repair_wanted;			/* repair() was called, and nothing ended it */
	bool repairing;				/* between registry_repair_begin() and _end() */
	struct bitmap repair_seats;		/* that were DEAD at its begin */
	/*
	 * Removals that are over for every participant: when the repair under way, and the
	 * last that succeeded, began. What travelled through an object queue that was removed
	 * up to then has been given back to its pool. See segment_reclaim().
	 */
	uint64_t sweeping_epoch, swept_epoch;
	bool sweep_wanted;			/* such a queue waits for a repair */

	void *userdata;
};

/*
 * segment_new() - take over what is given and build memory's half
 *
 * The directory's entries are read; of what it needs nothing is looked up. Participants
 * are made, without a process. Consumes nothing on failure.
 *
 * Return: 0; -ENOMEM; -EBADMSG two objects overlap.
 */
int segment_new(struct segment **ret, struct directory *directory, int data_fd, char *error);
/* Closes the descriptors; asserts that no participant is left. NULL is fine. */
struct segment *segment_free(struct segment *s);

static inline bool segment_has_flag(const struct segment *s, uint32_t flag)
{
	return shmreg_load_relaxed(&s->directory.map->flags) & flag;
}

static inline uint32_t segment_state(const struct segment *s)
{
	return shmreg_load_relaxed(&s->directory.map->state);
}

static inline uint64_t segment_owner(const struct segment *s)
{
	return shmreg_load_relaxed(&s->directory.map->owner);
}

static inline struct shmreg_dir_participant *participant_entry(const struct participant *p)
{
	return &shmreg_dir_participants(p->segment->directory.map)[p->index];
}

static inline struct shmreg_dir_object *segment_object(const struct segment *s, uint32_t index)
{
	return &shmreg_dir_objects(s->directory.map)[index];
}

/* Bytes of both memfds: what is charged. */
uint64_t segment_bytes(const struct segment *s);
/* Bytes taken by objects, also by removed ones whose range is not yet free. */
uint64_t segment_used_bytes(const struct segment *s);
uint64_t segment_freeing_bytes(const struct segment *s);	/* of those, about to be free */
uint32_t segment_n_seats(const struct segment *s);	/* LIVE or DEAD */
uint32_t segment_n_objects(const struct segment *s);	/* LIVE */

/* Seats that are FREE; at most @max. Return: how many were put into @ret. */
uint32_t segment_pick_seats(struct segment *s, uint16_t *ret, uint32_t max);
/* The entry's index for a new participant or object, or -1. */
int64_t segment_pick_participant(struct segment *s);
int64_t segment_pick_object(struct segment *s);
/* Seats of a participant, ascending, at most @max. */
uint32_t segment_seats_of(const struct segment *s, const struct participant *p, uint16_t *ret,
			  uint32_t max);

/* @p->index and n_seats were picked; @entry says the rest. */
void segment_attach(struct segment *s, struct participant *p,
		    const struct shmreg_dir_participant *entry, const uint16_t *seats);
void segment_grant(struct segment *s, struct participant *p, const uint16_t *seats, uint32_t n);
/* LIVE becomes DEAD, its seats too. */
void segment_end_participant(struct segment *s, struct participant *p, enum end how);
/* A seat that is DEAD becomes FREE. */
void segment_free_seat(struct segment *s, struct participant *p, uint32_t seat);
/* DEAD and without seats, or LIVE and without seats: the entry becomes FREE. */
void segment_free_participant(struct segment *s, struct participant *p);

/* The range was allocated in s->extents; @o says all but id. */
void segment_add_object(struct segment *s, uint32_t index, struct shmreg_dir_object *o);
void segment_remove_object(struct segment *s, uint32_t index);
/*
 * segment_begin_free() - look for removed objects that nobody can have open any more
 * segment_end_free() - the memory of those was given back and is zero: use it again
 *
 * A queue of a pool's objects stays until a repair that began after that has succeeded: the
 * pool's words name its entry, which must not be another object's before the reaper has freed
 * what was on its way. Both sets sweep_wanted.
 * None is chosen if there is a repair under way, or to come first: a reaper may write to any
 * range, and one that was zero must stay so. While some are chosen none may begin.
 */
void segment_begin_free(struct segment *s);
/* A repair of dead seats, or for sweep_wanted; not if quarantined. */
bool segment_needs_repair(const struct segment *s);
/*
 * May the repair that it needs wait? All dead seats were left idle, no object's memory is to be
 * free after it, and so few seats and entries are in use that nobody who comes meanwhile wants these.
 */
bool segment_may_rest(const struct segment *s);
/* Return: how many objects are gone; 0 if @success is false. */
uint32_t segment_end_free(struct segment *s, bool success);

/* The entry of object @id, LIVE or REMOVED; -1: it has gone, is about to, or never was. */
int64_t segment_find_object(const struct segment *s, uint64_t id);

/*
 * segment_watch() - @p, which cannot write, is to be woken by an object's events
 *
 * From then until the last such participant of the segment ends, the watch halves of the
 * object's event counts are 1.
 *
 * Return: 0; -ENOMEM, -ENOSPC no memory for the object's first page.
 */
int segment_watch(struct segment *s, struct participant *p, uint32_t index, uint32_t events);
/* The halves become what they should be: after a restart, and after the last one's end. */
void segment_recover_watch(struct segment *s);

/* What segment_dir_ro() kept. */
void segment_close_ro(struct segment *s);

/* Does everything here agree with the directory? Asserts. */
void segment_verify(const struct segment *s);

#endif /* SHMREGD_SEGMENT_H */
