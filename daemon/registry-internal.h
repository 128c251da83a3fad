/* SPDX-License-Identifier: MIT */
#ifndef SHMREGD_REGISTRY_INTERNAL_H
#define SHMREGD_REGISTRY_INTERNAL_H

/* registry-internal.h - what the registry-*.c files share */

#include "policy.h"
#include "quota.h"
#include "refuse.h"
#include "segment.h"

struct registry {
	struct registry_config config;
	struct registry_ops ops;
	void *data;

	uint64_t id;
	uint64_t last_segment;		/* the largest id ever given */
	struct quota quota;
	struct hash by_id;		/* segments */
	struct hash by_name;		/* segments that have one */
	struct hash processes;
	struct hash participants;	/* of all segments */
	TAILQ_HEAD(segment_queue, segment) segments;	/* by id */
	uint32_t n_segments;
	LIST_HEAD(, segment) unsettled;
	LIST_HEAD(, segment) discarding;	/* disposed of, but still charged: not in by_id, segments */
	uint32_t n_discarding;
};

uint64_t now_ns(void);		/* CLOCK_REALTIME */

/* The index. */
void registry_insert(struct registry *r, struct segment *s);
struct segment *registry_find_name(const struct registry *r, const char *name);
/*
 * Of what @c knows. By id, or by name if target->segment is 0. Return: 0; -ENOENT.
 */
int registry_find_target(struct registry *r, const struct caller *c,
			 const struct shmreg_target *target, struct segment **ret, char *error);
/* SHMREG_ACCESS_... that @c has now. */
uint32_t registry_access(const struct caller *c, const struct segment *s);
/* Names are public, of what has none only those know who may read or administer it. */
bool registry_knows(const struct caller *c, const struct segment *s);
/* The owner is named to those only who may read. Return: 0; -EACCES. */
int registry_check_admin(const struct caller *c, const struct segment *s, const char *what,
			 char *error);
struct participant *registry_find_participant(const struct registry *r, uint64_t segment,
					      uint64_t id);
void registry_add_participant(struct registry *r, struct participant *p);
/* All that it and its participants hold, without limits. Return: 0; -ENOMEM, -EOVERFLOW. */
int registry_charge_segment(struct registry *r, struct segment *s);
void registry_uncharge_segment(struct registry *r, struct segment *s);
void registry_uncharge_participant(struct registry *r, struct participant *p);
/* See that the largest id survives a restart if @without goes; NULL = nobody does. */
void registry_keep_last_segment(struct registry *r, const struct segment *without);

/*
 * Processes. registry_join() makes @p, which is LIVE, an attachment of the process;
 * registry_leave() undoes it. A new process is watched by registry_join().
 */
struct process *registry_find_process(const struct registry *r, const struct process_id *id);
struct process *process_new(const struct process_id *id);
/* Consumes @spare if it is used; NULL only if the process is known. */
void registry_join(struct registry *r, struct participant *p, const struct process_id *id,
		   struct process *spare);
void registry_leave(struct registry *r, struct participant *p);

/*
 * Life-cycle. After a change that may end something, a segment is marked
 * unsettled; registry_settle(), last in each entry point, frees ranges, applies
 * lifetimes, disposes, and asks for repair. Segments may be gone afterwards.
 */
void registry_unsettle(struct registry *r, struct segment *s);
void registry_settle(struct registry *r);
/* Somebody came, and took of what those that wait for a repair hold: may it still wait? */
void registry_hurry(struct registry *r, struct segment *s);
/* LIVE becomes DEAD or, with no seats, nothing. */
void registry_end_participant(struct registry *r, struct participant *p, enum end how);
/* Its entry is FREE afterwards, @p gone. */
void registry_drop_participant(struct registry *r, struct participant *p);
/* Take its name away. */
void registry_unname(struct registry *r, struct segment *s);
/* The same and everything else. */
void registry_dispose(struct registry *r, struct segment *s);

/* Give its memory back, then free it; nobody knows it any more. */
void registry_discard(struct registry *r, struct segment *s);
/* registry_freed() without registry_settle(). */
void registry_end_free(struct registry *r, struct segment *s, bool success);

/* @p may be NULL: DETACHED. */
void registry_fill_attach_reply(struct segment *s, const struct participant *p, bool created,
				struct shmreg_attach_reply *ret);
/* Is this a copy of a request that was carried out? Then the answer is the same. */
bool registry_repeated(const struct registry *r, const struct caller *c, const char *name,
		       uint64_t nonce, uint32_t access, struct shmreg_attach_reply *ret,
		       struct segment **ret_segment);
/* Index and seats were picked and charged. Return: 0; -ENOMEM. */
int registry_attach(struct registry *r, const struct caller *c, struct segment *s, uint32_t index,
		    const uint16_t *seats, uint32_t n_seats, uint64_t nonce, bool read_only,
		    struct participant **ret);
/* Attach @c, if it may. Return: 0; -EACCES, -ENOTRECOVERABLE, -ENOSPC, -EUSERS, -EDQUOT, -ENOMEM. */
int registry_open_segment(struct registry *r, const struct caller *c, struct segment *s,
			  uint32_t access, uint32_t n_seats, uint64_t nonce,
			  struct shmreg_attach_reply *ret, char *error);

/* Authenticate an attachment and take in its epoch. Return: 0; -ESTALE; -EPERM. */
int registry_attached(struct registry *r, const struct caller *c,
		      const struct shmreg_attachment *at, struct participant **ret, char *error);
/* With participant 0: only for who may administer, *ret is NULL. Else writers only. -EROFS, -EACCES. */
int registry_writer(struct registry *r, const struct caller *c,
		    const struct shmreg_attachment *at, struct segment **ret_segment,
		    struct participant **ret, char *error);

/* Events: @p and @o may be NULL. */
void registry_emit(struct registry *r, enum shmreg_event_kind kind, const struct segment *s,
		   const struct participant *p, const struct shmreg_dir_object *o);
void registry_emit_event(struct registry *r, struct shmreg_event *event);

/*
 * Seats that may be granted to @c in @s at once, at most @want.
 *
 * Return: their number; -EUSERS, -EDQUOT none.
 */
int registry_pick_seats(struct registry *r, const struct caller *c, struct segment *s,
			const struct participant *p, uint16_t *ret, uint32_t want, char *error);

/* In debug builds registry_verify(), else nothing. */
static inline void registry_debug_verify(const struct registry *r)
{
#ifdef SHMREG_DEBUG
	registry_verify(r);
#else
	(void)r;
#endif
}

#endif /* SHMREGD_REGISTRY_INTERNAL_H */
