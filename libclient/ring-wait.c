/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <shmreg/ring.h>

#include "ring-wait.h"

/*
 * The loop is that of waiter.h. Each try loads the peer's counter: (I5) in shmreg/ring-inline.h.
 * There is no waiter_end(), since there is nobody to whom anything could be passed on: (I6).
 */

int shmreg_ring_push_wait(struct shmreg_ring_producer *p, const void *elem,
			  const struct timespec *deadline)
{
	struct waiter w;
	int r = ring_wait_begin(&w, &p->ring, RING_SPACE, deadline);

	if (r < 0)
		return r;
	do
		r = shmreg_ring_push(p, elem);
	while (r == -EAGAIN && (r = waiter_next(&w)) == 0);
	return r;
}

int64_t shmreg_ring_push_bulk_wait(struct shmreg_ring_producer *p, const void *elems, uint64_t n,
				   uint64_t min, const struct timespec *deadline)
{
	struct waiter w;
	int64_t r = ring_wait_begin(&w, &p->ring, RING_SPACE, deadline);

	if (r < 0)
		return r;
	do
		r = shmreg_ring_push_bulk(p, elems, n, min);
	while (r == -EAGAIN && (r = waiter_next(&w)) == 0);
	return r;
}

int64_t shmreg_ring_reserve_wait(struct shmreg_ring_producer *p, void **ret, uint64_t n,
				 const struct timespec *deadline)
{
	struct waiter w;
	int64_t r = ring_wait_begin(&w, &p->ring, RING_SPACE, deadline);

	if (r < 0)
		return r;
	do
		r = shmreg_ring_reserve(p, ret, n);
	while (r == -EAGAIN && (r = waiter_next(&w)) == 0);
	return r;
}

int shmreg_ring_pop_wait(struct shmreg_ring_consumer *c, void *elem,
			 const struct timespec *deadline)
{
	struct waiter w;
	int r = ring_wait_begin(&w, &c->ring, RING_ITEMS, deadline);

	if (r < 0)
		return r;
	do
		r = shmreg_ring_pop(c, elem);
	while (r == -EAGAIN && (r = waiter_next(&w)) == 0);
	return r;
}

int64_t shmreg_ring_pop_bulk_wait(struct shmreg_ring_consumer *c, void *elems, uint64_t n,
				  const struct timespec *deadline)
{
	struct waiter w;
	int64_t r = ring_wait_begin(&w, &c->ring, RING_ITEMS, deadline);

	if (r < 0)
		return r;
	do
		r = shmreg_ring_pop_bulk(c, elems, n);
	while (r == -EAGAIN && (r = waiter_next(&w)) == 0);
	return r;
}

int shmreg_ring_peek_wait(struct shmreg_ring_consumer *c, uint64_t offset, void *elem,
			  const struct timespec *deadline)
{
	struct waiter w;
	int r = ring_wait_begin(&w, &c->ring, RING_ITEMS, deadline);

	if (r < 0)
		return r;
	if (offset > c->mask)
		return -EINVAL;
	do
		r = shmreg_ring_peek(c, offset, elem);
	while (r == -EAGAIN && (r = waiter_next(&w)) == 0);
	return r;
}

int64_t shmreg_ring_view_wait(struct shmreg_ring_consumer *c, const void **ret, uint64_t n,
			      const struct timespec *deadline)
{
	struct waiter w;
	int64_t r = ring_wait_begin(&w, &c->ring, RING_ITEMS, deadline);

	if (r < 0)
		return r;
	do
		r = shmreg_ring_view(c, ret, n);
	while (r == -EAGAIN && (r = waiter_next(&w)) == 0);
	return r;
}

int64_t shmreg_ring_skip_wait(struct shmreg_ring_consumer *c, uint64_t n,
			      const struct timespec *deadline)
{
	struct waiter w;
	int64_t r = ring_wait_begin(&w, &c->ring, RING_ITEMS, deadline);

	if (r < 0)
		return r;
	do
		r = shmreg_ring_skip(c, n);
	while (r == -EAGAIN && (r = waiter_next(&w)) == 0);
	return r;
}
