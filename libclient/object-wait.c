/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>

#include <shmreg/wait.h>

#include "deadline.h"
#include "error.h"
#include "futex.h"
#include "object.h"
#include "segment.h"
#include "wait-check.h"
#include "waiter.h"

/*
 * No wake-up is lost, and nothing is to be announced: the daemon links the entry, raises
 * objects_generation and wakes, always. Who reads the generation, looks the name up in vain
 * and sleeps while the generation is what it was, either read it after it was raised, with
 * acquire, and then the look-up had seen the link; or does not fall asleep, or is woken. A
 * daemon that dies between link and wake raises and wakes when it is started again.
 */

static int check(struct shmreg_segment *s, const char *name, uint32_t flags,
		 const struct timespec *deadline)
{
	const int r = object_check_name(s, name);

	return r < 0 ? r : wait_check(flags, deadline);
}

static int hopeless(const struct shmreg_segment *s, int error)
{
	/* acquire, pairs with segment_lost(): lost_why was written before */
	const int lost = shmreg_load_acquire(&s->lost);

	if (lost < 0)
		return error_set(lost, "segment '%s' is not known to shmregd any more (%s), so that "
				 "nobody can create an object in it", s->name, s->lost_why);
	if (error == -ENOTRECOVERABLE)
		return error_set(error, "segment '%s' is quarantined: nobody can create an object in "
				 "it", s->name);
	if (error == -EHOSTDOWN)
		return error_set(error, "shmregd was stopped, so that nobody can create an object in "
				 "segment '%s'", s->name);
	return error;
}

int shmreg_object_wait(struct shmreg_segment *segment, const char *name, uint32_t flags,
		       const struct timespec *deadline)
{
	struct shmreg_dir_object entry;
	struct futex_word words[2];
	bool expired = false;
	int trouble, r;

	r = check(segment, name, flags, deadline);
	if (r < 0)
		return r;
	words[0].word = &segment->dir->death;
	words[1].word = shmreg_dir_objects_futex(segment->dir);
	for (;;) {
		trouble = waiter_death(segment, &words[0].value);
		words[1].value = shmreg_load_acquire(words[1].word);
		r = shmreg_dir_find(segment->dir, name, &entry, NULL);
		if (r == 0)
			return 0;
		if (segment->apart)
			return error_set(-EROFS, "there is no object '%s' in snapshot '%s', and "
					 "none will come", name, segment->name);
		trouble = hopeless(segment, trouble);
		if (trouble < 0)
			return trouble;
		if (expired || deadline_is_past(deadline))
			return error_set(-ETIMEDOUT, "there was no object '%s' in segment '%s' before "
					 "the deadline", name, segment->name);
		/* -EAGAIN: the index changes faster than it can be read; not asleep, then. */
		if (r == -EAGAIN)
			continue;
		r = futex_wait_any(words, 2, deadline);
		if (r == -ETIMEDOUT)
			expired = true; /* one more look */
		else if (r < 0 && (r != -EINTR || (flags & SHMREG_WAIT_INTERRUPTIBLE) != 0))
			return wait_interrupted(r);
	}
}
