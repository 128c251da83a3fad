/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>

#include <shmreg/object-queue.h>

#include "waiter.h"

/* The loop is that of waiter.h; what is left for others is asked only by who took something. */

static void begin(struct waiter *w, const struct shmreg_object_queue *q, bool items,
		 const struct timespec *deadline)
{
	const struct shmreg_queue_shm *shm = shmreg_queue_shm_(&q->queue);

	waiter_begin(w, &q->queue.handle, items ? &shm->items : &shm->space, deadline);
}

static int end_receive(struct waiter *w, const struct shmreg_object_queue *q, int r)
{
	return waiter_end(w, r, r >= 0 && shmreg_queue_length(&q->queue) > 0);
}

int shmreg_object_queue_send_wait(struct shmreg_object_queue *q, shmreg_pool_ref ref,
				  const struct timespec *deadline)
{
	struct waiter w;
	int r;

	begin(&w, q, false, deadline);
	do
		r = shmreg_object_queue_send(q, ref);
	while (r == -EAGAIN && (r = waiter_next(&w)) == 0);
	return waiter_end(&w, r, r >= 0 && shmreg_queue_length(&q->queue) <= q->queue.mask);
}

int shmreg_object_queue_receive_wait(struct shmreg_object_queue *q, shmreg_pool_ref *ret,
				     const struct timespec *deadline)
{
	struct waiter w;
	int r;

	begin(&w, q, true, deadline);
	do
		r = shmreg_object_queue_receive(q, ret);
	while (r == -EAGAIN && (r = waiter_next(&w)) == 0);
	return end_receive(&w, q, r);
}

int shmreg_object_queue_acquire_wait(struct shmreg_object_queue *q,
				     struct shmreg_object_lease *ret,
				     const struct timespec *deadline)
{
	struct waiter w;
	int r;

	begin(&w, q, true, deadline);
	do
		r = shmreg_object_queue_acquire(q, ret);
	while (r == -EAGAIN && (r = waiter_next(&w)) == 0);
	return end_receive(&w, q, r);
}
