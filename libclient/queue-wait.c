/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>

#include <shmreg/queue.h>

#include "waiter.h"

/* The loop is that of waiter.h; what is left for others is asked only by who took something. */

static int begin(struct waiter *w, const struct shmreg_queue *q, bool items,
		 const struct timespec *deadline)
{
	const struct shmreg_queue_shm *shm = shmreg_queue_shm_(q);

	if (q->claim == 0)
		return shmreg_queue_unusable(q);
	waiter_begin(w, &q->handle, items ? &shm->items : &shm->space, deadline);
	return 0;
}

static int end_push(struct waiter *w, const struct shmreg_queue *q, int r)
{
	return waiter_end(w, r, r >= 0 && shmreg_queue_length(q) <= q->mask);
}

static int end_pop(struct waiter *w, const struct shmreg_queue *q, int r)
{
	return waiter_end(w, r, r >= 0 && shmreg_queue_length(q) > 0);
}

int shmreg_queue_push_wait(struct shmreg_queue *q, const void *elem,
			   const struct timespec *deadline)
{
	struct waiter w;
	int r = begin(&w, q, false, deadline);

	if (r < 0)
		return r;
	do
		r = shmreg_queue_push(q, elem);
	while (r == -EAGAIN && (r = waiter_next(&w)) == 0);
	return end_push(&w, q, r);
}

int shmreg_queue_push_batch_wait(struct shmreg_queue *q, const void *elems, uint32_t n,
				 uint32_t min, const struct timespec *deadline)
{
	struct waiter w;
	int r = begin(&w, q, false, deadline);

	if (r < 0)
		return r;
	w.choosy = min > 1;
	do
		r = shmreg_queue_push_batch(q, elems, n, min);
	while (r == -EAGAIN && (r = waiter_next(&w)) == 0);
	return end_push(&w, q, r);
}

int shmreg_queue_reserve_wait(struct shmreg_queue *q, struct shmreg_queue_lease *ret,
			      const struct timespec *deadline)
{
	struct waiter w;
	int r = begin(&w, q, false, deadline);

	if (r < 0)
		return r;
	do
		r = shmreg_queue_reserve(q, ret);
	while (r == -EAGAIN && (r = waiter_next(&w)) == 0);
	return end_push(&w, q, r);
}

int shmreg_queue_pop_wait(struct shmreg_queue *q, void *elem, const struct timespec *deadline)
{
	struct waiter w;
	int r = begin(&w, q, true, deadline);

	if (r < 0)
		return r;
	do
		r = shmreg_queue_pop(q, elem);
	while (r == -EAGAIN && (r = waiter_next(&w)) == 0);
	return end_pop(&w, q, r);
}

int shmreg_queue_pop_batch_wait(struct shmreg_queue *q, void *elems, uint32_t n,
				const struct timespec *deadline)
{
	struct waiter w;
	int r = begin(&w, q, true, deadline);

	if (r < 0)
		return r;
	do
		r = shmreg_queue_pop_batch(q, elems, n);
	while (r == -EAGAIN && (r = waiter_next(&w)) == 0);
	return end_pop(&w, q, r);
}

int shmreg_queue_acquire_wait(struct shmreg_queue *q, struct shmreg_queue_lease *ret,
			      const struct timespec *deadline)
{
	struct waiter w;
	int r = begin(&w, q, true, deadline);

	if (r < 0)
		return r;
	do
		r = shmreg_queue_acquire(q, ret);
	while (r == -EAGAIN && (r = waiter_next(&w)) == 0);
	return end_pop(&w, q, r);
}
