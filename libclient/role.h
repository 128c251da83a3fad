/* SPDX-License-Identifier: MIT */
#ifndef LIBSHMREG_ROLE_H
#define LIBSHMREG_ROLE_H

/*
 * role.h - words that say which seat has a role: a ring's producer, a cell's writer, ...
 *
 * A role is 0 or the seat of the handle that has it. A seat is in circulation again
 * only after the reaper has repaired what it left, and so has cleared its roles:
 * a word that names a seat means the present owner of that seat, and no word recurs
 * wrongly. Only the reaper takes a role from a dead one; who wants it waits for that.
 */

#include <stdbool.h>

#include <shmreg/handle.h>

#define ROLE_FREE UINT64_C(0)

/*
 * R: a role changes by compare-and-swap, acq_rel, which pairs with the next one's: what
 * the last holder did before it left, or died and was repaired, is visible to the next.
 */

/* role_try() - take the role if it is free. Return: whether it is this seat's now. */
static inline bool role_try(uint64_t *role, uint64_t seat)
{
	uint64_t none = ROLE_FREE;

	/* relaxed: only whether to try */
	return shmreg_load_relaxed(role) == ROLE_FREE && shmreg_cas_acq_rel(role, &none, seat); /* R */
}

/* role_leave() - give it back, if it is this seat's. */
static inline void role_leave(uint64_t *role, uint32_t seat)
{
	uint64_t mine = seat;

	/* Not a store: what a peer wrote over it is not ours to give away. */
	if (seat != 0)
		shmreg_cas_acq_rel(role, &mine, ROLE_FREE);				/* R */
}

/* role_repair() - the reaper's part. Return: whether a dead seat had it. */
static inline bool role_repair(uint64_t *role, const uint64_t dead[64])
{
	uint64_t owner = shmreg_load_relaxed(role);

	return owner != ROLE_FREE && owner < SHMREG_SEATS &&
	       (dead[owner / 64] >> owner % 64 & 1) != 0 &&
	       shmreg_cas_acq_rel(role, &owner, ROLE_FREE);				/* R */
}

/*
 * role_take() - take one of several equal roles of an open object
 * @handle:	its seat is not 0
 * @first:	the first role's word; @stride bytes on is the next, @n in all
 * @what:	of the role, for sentences: "producer"
 * @ret:	which one it is
 *
 * A holder that has died, and that the caller may know to have died (by waitpid(),
 * say), has lost the role: it is waited for the daemon to hear of the death and for the
 * reaper, for ROLE_PATIENCE_S seconds at most. May exchange packets with the daemon.
 *
 * Return: 0; with a sentence: -EBUSY all have live holders, or a dead one was not
 * repaired in time; -ENOTRECOVERABLE quarantined; -EUCLEAN a role names a seat that
 * there is not.
 */
#define ROLE_PATIENCE_S 10
int role_take(struct shmreg_handle *handle, uint64_t *first, size_t stride, uint32_t n,
	      const char *what, uint32_t *ret);

/*
 * role_take_word() - the same for words in which the seat is not alone: a topic's cursors
 *
 * A word is free if it is 0, whatever its parts mean.
 */
struct role_words {
	uint64_t *first;
	size_t stride;
	uint32_t n;
	uint64_t mine;		/* what it becomes */
	uint64_t owner_mask;	/* where the seat is in it */
	unsigned int owner_shift;
};
int role_take_word(struct shmreg_handle *handle, const struct role_words *words, const char *what,
		   uint32_t *ret);

#endif /* LIBSHMREG_ROLE_H */
