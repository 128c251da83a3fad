/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>

#include <shmreg/wait.h>

#include "connection.h"
#include "deadline.h"
#include "error.h"
#include "futex.h"
#include "root.h"
#include "segment.h"
#include "wait-check.h"

/*
 * No wake-up is lost: the daemon raises and wakes the bucket of a name after a segment of that
 * name can be opened, always. Who reads the bucket, asks in vain and sleeps while it is what it
 * was, either read it after it was raised, and then asked after it could be opened; or does not
 * fall asleep, or is woken.
 *
 * A registry that lost everything has another root, and nobody raises the old one's words.
 * Whichever call of the process notices wakes those who sleep on n_registries.
 */

enum { REGISTRY, FLAGS, BUCKET, N_WORDS };	/* the last is slept on where only one can be */
struct look {
	const struct shmreg_root *root;
	struct futex_word words[N_WORDS];
};

static int look_begin(struct look *l, struct shmreg_connection *c, const char *name)
{
	struct futex_word *w;
	unsigned int i;
	int r;

	l->words[REGISTRY].word = &c->n_registries;
	l->words[REGISTRY].value = shmreg_load_acquire(l->words[REGISTRY].word);
	r = root_get(c, &l->root);
	if (r < 0)
		return r;
	l->words[FLAGS].word = &l->root->flags;
	l->words[BUCKET].word = &l->root->created[shmreg_name_hash(name) % SHMREG_ROOT_BUCKETS];
	for (i = FLAGS; i <= BUCKET; i++) {
		w = &l->words[i];
		w->value = shmreg_load_acquire(w->word);
	}
	return 0;
}

/* Return: 0 there is sense in a sleep; -EHOSTDOWN; -EAGAIN not on this root. */
static int judge(const struct look *l, struct shmreg_connection *c)
{
	if (!root_is_current(c, l->root))
		return -EAGAIN;
	return (shmreg_load_acquire(&l->root->flags) & SHMREG_ROOT_ORPHANED) != 0 ? -EHOSTDOWN : 0;
}

static int timed_out(const char *name)
{
	return error_set(-ETIMEDOUT, "there was no segment '%s' before the deadline", name);
}

int shmreg_segment_open_wait(struct shmreg_connection *connection, struct shmreg_segment **ret,
			     const char *name, uint32_t access, uint32_t flags,
			     const struct timespec *deadline)
{
	bool expired = false;
	struct look l;
	int r;

	r = wait_check(flags, deadline);
	if (r == 0)
		r = shmreg_segment_open(connection, ret, name, access);
	if (r != -ENOENT)
		return r;
	if (deadline_is_past(deadline))
		return timed_out(name);
	for (;;) {
		r = look_begin(&l, connection, name);
		if (r == 0)
			r = shmreg_segment_open(connection, ret, name, access);
		if (r != -ENOENT)
			return r;
		if (expired)
			return timed_out(name);
		r = judge(&l, connection);
		if (r == 0) {
			r = futex_wait_any(l.words, N_WORDS, deadline);
			if (r == -EINTR && (flags & SHMREG_WAIT_INTERRUPTIBLE) != 0)
				return wait_interrupted(r);
			/* Before the next request: it would start a daemon again that was stopped. */
			r = judge(&l, connection);
		}
		if (r == -EHOSTDOWN)
			return error_set(r, "shmregd was stopped, so that nobody can create segment "
					 "'%s'", name);
		expired = deadline_is_past(deadline); /* one more look */
	}
}
