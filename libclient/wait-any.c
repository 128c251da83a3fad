/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <inttypes.h>

#include <shmreg/wait.h>

#include "again.h"
#include "error.h"
#include "ready.h"
#include "segment.h"
#include "wait-check.h"
#include "waiter.h"

SHMREG_STATIC_ASSERT(2 * SHMREG_WAIT_ANY_MAX <= WAITER_SOURCES_MAX, "each may have two events");

/*
 * Passing on (N4): who returns from here was woken for something and takes nothing, and nobody
 * can promise that the caller will. So one wake-up is passed on for each event count whose sequence
 * has moved, also for what is reported as ready: whoever is woken looks, and sleeps again if the
 * caller was faster. So it goes on from one to the next of those who wait here, until there is
 * nothing left to report: that is why several may be woken for one element.
 */

static const uint32_t every_event[] = { SHMREG_WAIT_ITEMS, SHMREG_WAIT_SPACE };

static int check_item(const struct shmreg_wait_item *item, uint32_t index)
{
	uint32_t known = 0, i;

	if (item->handle == NULL)
		return error_set(-EINVAL, "the handle of item %" PRIu32 " to wait for is NULL", index);
	if (item->handle->base == NULL)
		return error_set(-ECHILD, "the handle of item %" PRIu32 " to wait for was inherited by "
				 "fork(), or is closed already", index);
	for (i = 0; i < 2; i++)
		if (shmreg_kind_eventcount(item->handle->shape.kind, every_event[i]) != 0)
			known |= every_event[i];
	if (item->events == 0 || (item->events & ~known) != 0)
		return error_set(-EINVAL, "item %" PRIu32 " is to be waited for with events %#" PRIx32
				 "; what its kind, %s, knows is %#" PRIx32, index, item->events,
				 shmreg_kind_name(item->handle->shape.kind), known);
	return 0;
}

static int check(const struct shmreg_wait_item *items, uint32_t n, const struct timespec *deadline)
{
	uint32_t i;
	int r = 0;

	if (items == NULL || n == 0)
		return error_set(-EINVAL, "there is no item to wait for");
	if (n > SHMREG_WAIT_ANY_MAX)
		return error_set(-E2BIG, "%" PRIu32 " items are to be waited for; at most %d are "
				 "possible", n, SHMREG_WAIT_ANY_MAX);
	for (i = 0; r == 0 && i < n; i++)
		r = check_item(&items[i], i);
	return r == 0 ? wait_check(0, deadline) : r;
}

static void add_sources(struct waiter *w, const struct shmreg_wait_item *items, uint32_t n)
{
	const struct shmreg_handle *handle;
	uint32_t i, j;

	for (i = 0; i < n; i++)
		for (j = 0; j < 2; j++) {
			if ((items[i].events & every_event[j]) == 0)
				continue;
			handle = items[i].handle;
			waiter_add(w, handle,
				   (const union shmreg_eventcount *)(const void *)(handle->base +
					shmreg_kind_eventcount(handle->shape.kind, every_event[j])));
		}
}

static void look_at(struct shmreg_wait_item *item)
{
	struct ready_seen seen = { .value = item->seen, .any = item->has_seen != 0 };
	int r;

	item->error = 0;
	item->ready = ready_look(item->handle, item->events, &seen);
	item->seen = seen.value;
	item->has_seen = seen.any;
	/* What is left in an object that was removed comes first. */
	r = item->ready == 0 ? handle_again(item->handle) : -EAGAIN;
	if (r != -EAGAIN) {
		item->ready = SHMREG_WAIT_ERROR;
		item->error = r;
	}
}

/* Return: how many there is something to say about; -EAGAIN none. */
static int look(struct shmreg_wait_item *items, uint32_t n)
{
	int found = 0;
	uint32_t i;

	for (i = 0; i < n; i++) {
		look_at(&items[i]);
		found += items[i].ready != 0;
	}
	return found > 0 ? found : -EAGAIN;
}

static int why_not(const struct shmreg_segment *s)
{
	uint32_t death;
	int r;

	if (s == NULL)
		return 0;
	r = waiter_death(s, &death);
	/* Who can write needs no daemon. */
	return r == 0 && s->read_only ? shmreg_load_acquire(&s->lost) : r;
}

/*
 * One of the items cannot be slept on: @error says why, but not which.
 *
 * Return: how many there is something to say about; 0: it is over, look again.
 */
static int blame(struct shmreg_wait_item *items, uint32_t n, int error)
{
	int found = 0, r;
	uint32_t i;

	if (error != -EHOSTDOWN && error != -ENOTRECOVERABLE && error != -ESTALE)
		return error;
	for (i = 0; i < n; i++) {
		r = why_not(items[i].handle->segment);
		if (r == 0)
			continue;
		items[i].ready = SHMREG_WAIT_ERROR;
		items[i].error = r;
		found++;
	}
	if (found > 0 || error != -ESTALE)
		return found;
	/* Attached read-only: removed between the look and the request. */
	r = look(items, n);
	return r == -EAGAIN ? error : r;
}

int shmreg_wait_any(struct shmreg_wait_item *items, uint32_t n, const struct timespec *deadline)
{
	struct waiter_source sources[WAITER_SOURCES_MAX];
	struct waiter w;
	int r;

	r = check(items, n, deadline);
	if (r < 0)
		return r;
	waiter_begin_several(&w, sources, deadline);
	add_sources(&w, items, n);
	do {
		r = look(items, n);
		if (r == -EAGAIN)
			r = waiter_next(&w);
		if (r < 0)
			r = blame(items, n, r);
	} while (r == 0);
	waiter_leave(&w);
	return r;
}
