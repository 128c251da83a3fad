/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <time.h>

#include <shmreg/wait.h>

#include "error.h"
#include "futex.h"
#include "role.h"
#include "segment.h"

/*
 * A death that somebody knows of is in the pidfd already, but the daemon may not have looked
 * yet. Each answer is of another turn of its loop. The first may have begun before the
 * death, in the second the request may come up before the pidfd does.
 */
#define SETTLING_TURNS 3

/* What stands in the way of a role. */
enum obstacle { NONE, FREED, LIVE, DYING, NONSENSE };

static enum obstacle obstacle(const struct shmreg_segment *s, const struct role_words *words,
			      uint64_t *role, uint64_t *ret_owner)
{
	const uint64_t is = shmreg_load_acquire(role);
	const uint64_t owner = (is & words->owner_mask) >> words->owner_shift;
	uint64_t word;

	*ret_owner = owner;
	if (is == ROLE_FREE)
		return NONE;
	if (owner == 0 || owner >= SHMREG_SEATS)
		return NONSENSE;
	/* acquire: a seat that is FREE again was repaired before, which the role then shows */
	word = shmreg_load_acquire(&shmreg_dir_seats(s->dir)[owner]);
	switch (word & SHMREG_SEAT_STATE_MASK) {
	case SHMREG_SEAT_LIVE:
		return LIVE;
	case SHMREG_SEAT_DEAD:
		return DYING;
	default:
		return shmreg_load_acquire(role) == is ? NONSENSE : NONE;
	}
}

/*
 * If the daemon was killed the next one answers: until then nobody hears of a death. One that was stopped
 * in order is not started again for this.
 */
static void settle(struct shmreg_segment *s)
{
	struct connection_call call = {
		.request.header.type = SHMREG_PACKET_QUIESCE,
		.only_connected =
			(shmreg_load_acquire(&s->dir->flags) & SHMREG_DIR_ORPHANED) != 0,
	};

	if (segment_call(s, &call) == 0)
		connection_call_done(&call);
}

/* Until the death word moves, or for a second. */
static void await_repair(const struct shmreg_segment *s, uint32_t death)
{
	const struct futex_word word = { &s->dir->death, death };
	const struct timespec second = shmreg_deadline(1000000000);

	futex_wait_any(&word, 1, &second);
}

static int64_t now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

static int busy(const struct shmreg_handle *handle, const char *what, uint32_t n, uint64_t owner)
{
	const struct shmreg_segment *s = handle->segment;
	const uint64_t word = shmreg_load_relaxed(&shmreg_dir_seats(s->dir)[owner]);
	const uint64_t id = word >> SHMREG_SEAT_PARTICIPANT_SHIFT;
	struct shmreg_dir_participant p;
	uint32_t i;

	for (i = 0; i < s->dir->max_participants; i++)
		if (shmreg_dir_read_participant(s->dir, i, &p) == 0 && p.id == id)
			return error_set(-EBUSY, "%s '%s' in segment '%s' has %s%s%s already: %sprocess "
					 "%u ('%s', participant %" PRIu64 ", seat %" PRIu64 "); it must "
					 "close its handle or end", shmreg_kind_name(handle->shape.kind),
					 handle->entry->name, s->name, n == 1 ? "a " : "all its ", what,
					 n == 1 ? "" : "s", n == 1 ? "" : "one is ", p.pid, p.name, p.id,
					 owner);
	return error_set(-EBUSY, "%s '%s' in segment '%s': the %s is taken, by seat %" PRIu64,
			 shmreg_kind_name(handle->shape.kind), handle->entry->name, s->name, what,
			 owner);
}

/* One look at all of them. Return: the worst that is in the way, NONE if one is ours now. */
static enum obstacle try_all(struct shmreg_handle *handle, const struct role_words *words,
			     uint32_t *ret, uint64_t *ret_owner)
{
	unsigned char *const first = (unsigned char *)words->first;
	enum obstacle worst = NONSENSE;
	uint64_t owner;
	uint32_t i;

	*ret_owner = 0;
	for (i = 0; i < words->n; i++) {
		uint64_t *role = (uint64_t *)(void *)(first + i * words->stride);
		enum obstacle o;

		if (role_try(role, words->mine)) {
			*ret = i;
			return NONE;
		}
		o = obstacle(handle->segment, words, role, &owner);
		/*
		 * What is free since comes first, then what can be waited for, and what nobody
		 * can do anything about last.
		 */
		if (o == NONE)
			worst = FREED;
		else if (o == DYING && worst != FREED)
			worst = DYING;
		else if (o == LIVE && worst == NONSENSE)
			worst = LIVE;
		if (o == LIVE)
			*ret_owner = owner;
	}
	return worst;
}

int role_take(struct shmreg_handle *handle, uint64_t *first, size_t stride, uint32_t n,
	      const char *what, uint32_t *ret)
{
	const struct role_words words = {
		.first = first,
		.stride = stride,
		.n = n,
		.mine = handle->seat,
		.owner_mask = UINT64_MAX,
	};

	return role_take_word(handle, &words, what, ret);
}

int role_take_word(struct shmreg_handle *handle, const struct role_words *words, const char *what,
		   uint32_t *ret)
{
	struct shmreg_segment *s = handle->segment;
	const int64_t until = now_s() + ROLE_PATIENCE_S;
	unsigned int turns = 0;
	uint64_t owner;

	for (;;) {
		/* Before the look, so that a change behind it is not slept through. */
		const uint32_t death = shmreg_load_acquire(&s->dir->death);

		switch (try_all(handle, words, ret, &owner)) {
		case NONE:
			return 0;
		case FREED:
			/* Somebody gave it back while we looked, and may have taken it again. */
			if (now_s() >= until)
				return error_set(-EBUSY, "%s '%s' in segment '%s': its %s changes faster "
						 "than one can become it",
						 shmreg_kind_name(handle->shape.kind),
						 handle->entry->name, s->name, what);
			break;
		case LIVE:
			if (turns++ == SETTLING_TURNS)
				return busy(handle, what, words->n, owner);
			settle(s);
			break;
		case DYING:
			if ((shmreg_load_acquire(&s->dir->flags) & SHMREG_DIR_QUARANTINED) != 0)
				return error_set(-ENOTRECOVERABLE, "segment '%s' is quarantined, so the "
						 "%s of '%s' who died is not replaced: remove the segment "
						 "and create it again", s->name, what,
						 handle->entry->name);
			if (now_s() >= until)
				return error_set(-EBUSY, "the %s of '%s' in segment '%s' has died and was "
						 "not repaired for %d seconds: is shmregd running?", what,
						 handle->entry->name, s->name, ROLE_PATIENCE_S);
			await_repair(s, death);
			break;
		case NONSENSE:
			return error_set(-EUCLEAN, "%s '%s' in segment '%s' names seats that there are not "
					 "as its %s: somebody wrote over it; remove it and create it again",
					 shmreg_kind_name(handle->shape.kind), handle->entry->name,
					 s->name, what);
		}
	}
}
