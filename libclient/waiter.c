/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "deadline.h"
#include "futex.h"
#include "probe.h"
#include "relax.h"
#include "segment.h"
#include "waiter.h"

/* Lost races, after which nobody but a peer that garbles can be the cause. */
#define TRIES 1024
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

/* Cannot fail: the process has registered, or is a test that registers. */
void waiter_fence(void)
{
	syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0);
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

void waiter_begin(struct waiter *w, const struct shmreg_handle *handle,
		  const union shmreg_eventcount *event, const struct timespec *deadline)
{
	waiter_begin_several(w, &w->one, deadline);
	waiter_add(w, handle, event);
}

void waiter_begin_several(struct waiter *w, struct waiter_source *sources,
			  const struct timespec *deadline)
{
	w->deadline = deadline;
	w->spin_until = 0;
	w->spin_ns = 0;
	w->flags = 0;
	w->state = WAITER_SPINNING;
	w->slept = false;
	w->choosy = false;
	w->sources = sources;
	w->n = 0;
}

void waiter_add(struct waiter *w, const struct shmreg_handle *handle,
		const union shmreg_eventcount *event)
{
	struct waiter_source *const source = &w->sources[w->n++];

	source->handle = handle;
	/* Written to only if the mapping allows it. */
	source->event = (union shmreg_eventcount *)(uintptr_t)event;
	if (handle->spin_ns > w->spin_ns)
		w->spin_ns = handle->spin_ns;
	w->flags |= handle->wait_flags;
}

/* SHMREG_WAIT_...: what the source waits for. */
static uint32_t event_of(const struct waiter_source *source)
{
	const size_t offset = (size_t)((const unsigned char *)source->event - source->handle->base);

	return offset == shmreg_kind_eventcount(source->handle->shape.kind, SHMREG_WAIT_ITEMS) ?
		       SHMREG_WAIT_ITEMS : SHMREG_WAIT_SPACE;
}

static uint64_t segment_of(const struct waiter_source *source)
{
	return source->handle->segment != NULL ? source->handle->segment->id : 0;
}

/* The first try has found nothing, or no room. */
static void probe_found_none(const struct waiter *w)
{
	const struct waiter_source *const source = &w->sources[0];
	const uint32_t event = event_of(source);

	if (event == SHMREG_WAIT_ITEMS)
		PROBE4(empty, segment_of(source), source->handle->object, event, w->n);
	else
		PROBE4(full, segment_of(source), source->handle->object, event, w->n);
}

/* Return: whether to try again without more ado. */
static bool spin(struct waiter *w)
{
	const uint64_t now = w->spin_ns != 0 ? now_ns() : 0;
	unsigned int i;

	if (w->spin_until == 0)
		w->spin_until = now + w->spin_ns;
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

uint32_t waiter_set_bits(uint32_t *word, uint32_t bits)
{
	uint32_t count = shmreg_load_acquire(word), set;
	int i;

	for (i = 0; i < TRIES; i++) {
		set = count | bits;
		if ((count & SHMREG_EVENTCOUNT_ASLEEP) == 0)
			set = shmreg_eventcount_raised(set);
		if (shmreg_cas_acq_rel(word, &count, set))
			return set;
	}
	return shmreg_fetch_or_acq_rel(word, bits) | bits;
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

static int announce_at(struct waiter_source *source, bool choosy)
{
	const struct shmreg_segment *s = source->handle->segment;
	uint32_t *const word = &source->event->half[SHMREG_EVENTCOUNT_COUNT];
	uint32_t bits;
	int r;

	if (s != NULL) {
		r = waiter_death(s, &source->death);
		if (r < 0)
			return r;
	}
	if (can_write(source->handle)) {
		bits = SHMREG_EVENTCOUNT_ASLEEP | (choosy ? SHMREG_EVENTCOUNT_MIXED : 0);
		source->count = waiter_set_bits(word, bits);				/* W */
	} else {
		r = s->watch(source->handle, source->event);				/* (N8) */
		if (r < 0)
			return r;
		source->count = shmreg_load_acquire(word);
	}
	return 0;
}

static int announce(struct waiter *w)
{
	unsigned int i;
	int r;

	for (i = 0; i < w->n; i++) {
		r = announce_at(&w->sources[i], w->choosy);
		if (r < 0)
			return r;
	}
	waiter_fence();									/* F */
	w->state = WAITER_ANNOUNCED;
	return 0;
}

/* Does source @i share its segment (its object) with one before? */
static bool same_segment(const struct waiter *w, unsigned int i)
{
	unsigned int j = 0;

	while (w->sources[j].handle->segment != w->sources[i].handle->segment)
		j++;
	return j < i;
}

static bool same_entry(const struct waiter *w, unsigned int i)
{
	unsigned int j = 0;

	while (w->sources[j].handle->entry != w->sources[i].handle->entry)
		j++;
	return j < i;
}

static int sleep_until_something(struct waiter *w)
{
	const struct waiter_source *source;
	struct futex_word words[FUTEX_WAIT_MAX];
	unsigned int i, n = 0;
	int r;

	for (i = 0; i < w->n; i++) {
		source = &w->sources[i];
		/* The first is the oldest, which was before all tries. */
		if (source->handle->segment != NULL && !same_segment(w, i))
			words[n++] = (struct futex_word){ &source->handle->segment->dir->death,
							  source->death };
		if (source->handle->segment != NULL && !same_entry(w, i))
			words[n++] = (struct futex_word){ &source->handle->entry->state,
							  SHMREG_ENTRY_LIVE };
		words[n++] = (struct futex_word){ &source->event->half[SHMREG_EVENTCOUNT_COUNT],
						  source->count };
	}
	PROBE4(sleep, segment_of(w->sources), w->sources->handle->object, event_of(w->sources), w->n);
	r = futex_wait_any(words, n, w->deadline);
	PROBE4(awake, segment_of(w->sources), w->sources->handle->object, event_of(w->sources), r);
	w->slept = true;
	w->state = WAITER_WOKEN;
	if (r == -ETIMEDOUT)
		w->state = WAITER_EXPIRED;
	else if (r == -EINTR && (w->flags & SHMREG_WAIT_INTERRUPTIBLE) != 0)
		return r;
	else if (r < 0 && r != -EINTR)
		return r;
	return 0;
}

int waiter_next(struct waiter *w)
{
	switch (w->state) {
	case WAITER_SPINNING:
		/* Only now: who need not wait is not to pay for it, nor typed calls for two tries. */
		if (!deadline_is_one(w->deadline))
			return -EINVAL;
		if (w->spin_until == 0)
			probe_found_none(w);
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

static void pass_on(const struct waiter_source *source)				/* (N4) */
{
	if (can_write(source->handle))
		shmreg_wake_(source->handle, source->handle->base,
			     (size_t)((unsigned char *)source->event - source->handle->base), 1);
}

int waiter_end(struct waiter *w, int r, bool more)
{
	/* Who gave up because others were faster (-EBUSY) does not know what they left. */
	if (w->slept && (r == -EBUSY || (r >= 0 && more)))
		pass_on(&w->sources[0]);
	else if (r < 0)
		waiter_leave(w);
	return r;
}

void waiter_leave(struct waiter *w)
{
	const struct waiter_source *source;
	uint32_t moved;
	unsigned int i;

	for (i = 0; w->slept && i < w->n; i++) {
		source = &w->sources[i];
		/* relaxed: only whether it moved; what it says is for whoever is woken to see */
		moved = shmreg_load_relaxed(&source->event->half[SHMREG_EVENTCOUNT_COUNT]) ^
			source->count;
		if ((moved & SHMREG_EVENTCOUNT_SEQUENCE) != 0)
			pass_on(source);
	}
}
