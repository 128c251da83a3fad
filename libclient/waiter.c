/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "deadline.h"
#include "futex.h"
#include "segment.h"
#include "waiter.h"

#define TRIES_A_LOOK 16		/* at the clock, while spinning: a look costs as much as these */

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

int waiter_register(void)
{
	return syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0) == 0 ? 0 :
											      -errno;
}

uint32_t waiter_default_spin(void)
{
	static uint32_t cached = UINT32_MAX;
	uint32_t spin = shmreg_load_relaxed(&cached); /* relaxed: whoever finds out finds the same */

	if (spin == UINT32_MAX) {
		spin = sysconf(_SC_NPROCESSORS_ONLN) > 1 ? SHMREG_SPIN_DEFAULT_NS : 0;
		shmreg_store_relaxed(&cached, spin);
	}
	return spin;
}

int waiter_begin(struct waiter *w, const struct shmreg_handle *handle,
		 const union shmreg_eventcount *event, const struct timespec *deadline)
{
	if (!deadline_is_one(deadline))
		return -EINVAL;
	w->handle = handle;
	/* Written to only if the mapping allows it. */
	w->event = (union shmreg_eventcount *)(uintptr_t)event;
	w->deadline = deadline;
	w->spin_until = 0;
	w->state = WAITER_SPINNING;
	w->slept = false;
	w->choosy = false;
	return 0;
}

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ __volatile__("isb");
#else
	__asm__ __volatile__("");
#endif
}

/* Return: whether to try again without more ado. */
static bool spin(struct waiter *w)
{
	const uint64_t now = w->handle->spin_ns != 0 ? now_ns() : 0;
	unsigned int i;

	if (w->spin_until == 0)
		w->spin_until = now + w->handle->spin_ns;
	if (now >= w->spin_until || deadline_is_past(w->deadline))
		return false;
	for (i = 0; i < TRIES_A_LOOK; i++)
		relax();
	return true;
}

static bool can_write(const struct shmreg_handle *handle)
{
	/* Without a segment: bound by a test. */
	return handle->segment == NULL || !handle->segment->read_only;
}

int waiter_death(const struct shmreg_segment *s, uint32_t *ret)
{
	uint32_t flags;

	/* Before the flags: they are set before it is raised, so what comes later ends the sleep. */
	*ret = shmreg_load_acquire(&s->dir->death);					/* D' */
	flags = shmreg_load_acquire(&s->dir->flags);
	if ((flags & SHMREG_DIR_QUARANTINED) != 0)
		return -ENOTRECOVERABLE;
	if ((flags & SHMREG_DIR_ORPHANED) != 0)
		return -EHOSTDOWN;
	return 0;
}

static int announce(struct waiter *w)
{
	const struct shmreg_segment *s = w->handle->segment;
	uint32_t *const word = &w->event->half[SHMREG_EVENTCOUNT_COUNT];
	uint32_t bits;
	int r;

	if (s != NULL) {
		r = waiter_death(s, &w->death);
		if (r < 0)
			return r;
	}
	if (can_write(w->handle)) {
		bits = SHMREG_EVENTCOUNT_ASLEEP | (w->choosy ? SHMREG_EVENTCOUNT_MIXED : 0);
		w->count = shmreg_fetch_or_acq_rel(word, bits) | bits;			/* W */
	} else {
		r = s->watch(w->handle, w->event);					/* (N8) */
		if (r < 0)
			return r;
		w->count = shmreg_load_acquire(word);
	}
	/* Cannot fail: the process has registered, or is a test that registers. */
	syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0);			/* F */
	w->state = WAITER_ANNOUNCED;
	return 0;
}

static int sleep_until_something(struct waiter *w)
{
	const struct shmreg_handle *h = w->handle;
	struct futex_word words[3];
	unsigned int n = 0;
	int r;

	if (h->segment != NULL) {
		words[n++] = (struct futex_word){ &h->segment->dir->death, w->death };
		words[n++] = (struct futex_word){ &h->entry->state, SHMREG_ENTRY_LIVE };
	}
	words[n++] = (struct futex_word){ &w->event->half[SHMREG_EVENTCOUNT_COUNT], w->count };
	r = futex_wait_any(words, n, w->deadline);
	w->slept = true;
	w->state = WAITER_WOKEN;
	if (r == -ETIMEDOUT)
		w->state = WAITER_EXPIRED;
	else if (r == -EINTR && (h->wait_flags & SHMREG_WAIT_INTERRUPTIBLE) != 0)
		return r;
	else if (r < 0 && r != -EINTR)
		return r;
	return 0;
}

int waiter_next(struct waiter *w)
{
	switch (w->state) {
	case WAITER_SPINNING:
		if (spin(w))
			return 0;
		break;
	case WAITER_ANNOUNCED:
		return sleep_until_something(w);
	case WAITER_WOKEN:
		break;
	case WAITER_EXPIRED:
		return -ETIMEDOUT;
	}
	return deadline_is_past(w->deadline) ? -ETIMEDOUT : announce(w);
}

int waiter_end(struct waiter *w, int r, bool more)
{
	uint32_t moved;

	if (!w->slept || !can_write(w->handle))
		return r;
	if (r < 0) {
		/* relaxed: only whether it moved; what it says is for whoever is woken to see */
		moved = shmreg_load_relaxed(&w->event->half[SHMREG_EVENTCOUNT_COUNT]) ^ w->count;
		more = (moved & SHMREG_EVENTCOUNT_SEQUENCE) != 0;
	}
	if (more)
		shmreg_wake_(w->handle, w->handle->base,
			     (size_t)((unsigned char *)w->event - w->handle->base), 1);					/* (N4) */
	return r;
}
