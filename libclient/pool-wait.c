/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>

#include <shmreg/pool.h>

#include "again.h"
#include "pool-bind.h"
#include "waiter.h"

/* The loop is that of waiter.h; why these tries may be slept upon: shmreg/pool-inline.h. */

static void begin(struct waiter *w, const struct shmreg_pool *p, const struct timespec *deadline)
{
	waiter_begin(w, &p->handle, &shmreg_pool_shm_(p)->space, deadline);
}

static int end(struct waiter *w, struct shmreg_pool *p, int r)
{
	return waiter_end(w, r, r >= 0 && w->slept && pool_has(p, 1));
}

/* A further try: calls are counted, not tries. */
static int try_batch(struct shmreg_pool *p, shmreg_pool_ref *refs, uint32_t n, uint32_t min)
{
	uint32_t got;

	if (min > 1 && !pool_has(p, min))
		return handle_again(&p->handle);
	got = pool_search(p, refs, n);
	if (got >= min)
		return (int)got;
	pool_put_back(p, refs, got, n);
	return handle_again(&p->handle);
}

int shmreg_pool_acquire_asleep(struct shmreg_pool *p, shmreg_pool_ref *ret,
			       const struct timespec *deadline)
{
	shmreg_pool_ref ref;
	struct waiter w;
	int r;

	begin(&w, p, deadline);
	while ((r = waiter_next(&w)) == 0 && (r = try_batch(p, &ref, 1, 1)) == -EAGAIN)
		;
	if (r > 0) {
		*ret = ref;
		r = 0;
	}
	return end(&w, p, r);
}

int shmreg_pool_acquire_batch_wait(struct shmreg_pool *p, shmreg_pool_ref *refs, uint32_t n,
				   uint32_t min, const struct timespec *deadline)
{
	struct waiter w;
	int r;

	begin(&w, p, deadline);
	w.choosy = min > 1;
	if (min == 0)
		min = n > 0;
	r = shmreg_pool_acquire_batch(p, refs, n, min);
	while (r == -EAGAIN && (r = waiter_next(&w)) == 0)
		r = try_batch(p, refs, n, min);
	return end(&w, p, r);
}
