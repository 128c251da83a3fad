/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>

#include <shmreg/atomic.h>

#include "again.h"
#include "waiter.h"

/* P of shmreg/wake.h is the caller's change, of any order: membarrier makes the fence, (N1). */

static uint64_t load(const struct shmreg_atomic *a)
{
	const unsigned char *const base = a->handle.base;

	switch (a->handle.shape.elem_bytes) {
	case 1:
		return shmreg_load_acquire(base);
	case 2:
		return shmreg_load_acquire((const uint16_t *)(const void *)base);
	case 4:
		return shmreg_load_acquire((const uint32_t *)(const void *)base);
	default:
		return shmreg_load_acquire((const uint64_t *)(const void *)base);
	}
}

static int try_once(const struct shmreg_atomic *a, uint64_t expected, uint64_t *ret)
{
	const uint64_t value = load(a);

	if (value == expected)
		return handle_again(&a->handle);
	*ret = value;
	return 0;
}

int shmreg_atomic_wait_sized(const struct shmreg_atomic *a, size_t bytes, uint64_t expected,
			     uint64_t *ret, const struct timespec *deadline)
{
	const struct shmreg_atomic_shm *const shm =
		(const struct shmreg_atomic_shm *)(const void *)a->handle.base;
	struct waiter w;
	int r;

	if (shm == NULL)
		return -ECHILD;
	if (a->handle.shape.elem_bytes != bytes)
		return -EINVAL;
	waiter_begin(&w, &a->handle, &shm->change, deadline);
	expected &= UINT64_MAX >> (64 - 8 * bytes);
	do
		r = try_once(a, expected, ret);
	while (r == -EAGAIN && (r = waiter_next(&w)) == 0);
	/* Who has seen the change has taken nothing from others, who were notified or not. */
	return waiter_end(&w, r, false);
}

extern inline void shmreg_atomic_notify_one(struct shmreg_atomic *atomic);
extern inline void shmreg_atomic_notify_all(struct shmreg_atomic *atomic);
