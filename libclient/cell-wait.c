/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>

#include <shmreg/cell.h>

#include "waiter.h"

/*
 * The loop is that of waiter.h. All that wait are woken, so that there is never a wake-up to pass
 * on.
 */

static int begin(struct waiter *w, const struct shmreg_cell *c, const struct timespec *deadline)
{
	const struct shmreg_cell_shm *shm = shmreg_cell_shm_(c);

	if (shm == NULL)
		return -ECHILD;
	waiter_begin(w, &c->handle, &shm->change, deadline);
	return 0;
}

static int try_changed(const struct shmreg_cell *c, uint64_t since)
{
	const int r = shmreg_cell_changed(c, since);

	return r == 0 ? -EAGAIN : r;
}

static int try_read(const struct shmreg_cell *c, uint64_t since, void *elem,
		    uint64_t *ret_version)
{
	int r = try_changed(c, since);

	if (r < 0)
		return r;
	/* Not older than what was seen to differ: versions of one word, and it never goes back. */
	r = shmreg_cell_read(c, elem, ret_version);
	return r == -ENODATA ? -EAGAIN : r;
}

int shmreg_cell_changed_wait(const struct shmreg_cell *c, uint64_t since,
			     const struct timespec *deadline)
{
	struct waiter w;
	int r = begin(&w, c, deadline);

	if (r < 0)
		return r;
	do
		r = try_changed(c, since);
	while (r == -EAGAIN && (r = waiter_next(&w)) == 0);
	return r;
}

int shmreg_cell_read_wait(const struct shmreg_cell *c, uint64_t since, void *elem,
			  uint64_t *ret_version, const struct timespec *deadline)
{
	struct waiter w;
	int r = begin(&w, c, deadline);

	if (r < 0)
		return r;
	do
		r = try_read(c, since, elem, ret_version);
	while (r == -EAGAIN && (r = waiter_next(&w)) == 0);
	return r;
}
