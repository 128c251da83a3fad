/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <shmreg/records.h>

#include "ring-wait.h"

/* As ring-wait.c. */

int shmreg_record_push_wait(struct shmreg_record_producer *p, const void *data, size_t bytes,
			    const struct timespec *deadline)
{
	struct waiter w;
	int r = ring_wait_begin(&w, &p->ring, RING_SPACE, deadline);

	if (r < 0)
		return r;
	do
		r = shmreg_record_push(p, data, bytes);
	while (r == -EAGAIN && (r = waiter_next(&w)) == 0);
	return r;
}

int64_t shmreg_record_push_bulk_wait(struct shmreg_record_producer *p,
				     const struct shmreg_record *records, uint64_t n, uint64_t min,
				     const struct timespec *deadline)
{
	struct waiter w;
	int64_t r = ring_wait_begin(&w, &p->ring, RING_SPACE, deadline);

	if (r < 0)
		return r;
	do
		r = shmreg_record_push_bulk(p, records, n, min);
	while (r == -EAGAIN && (r = waiter_next(&w)) == 0);
	return r;
}

int shmreg_record_reserve_wait(struct shmreg_record_producer *p, void **ret, size_t bytes,
			       const struct timespec *deadline)
{
	struct waiter w;
	int r = ring_wait_begin(&w, &p->ring, RING_SPACE, deadline);

	if (r < 0)
		return r;
	do
		r = shmreg_record_reserve(p, ret, bytes);
	while (r == -EAGAIN && (r = waiter_next(&w)) == 0);
	return r;
}

int shmreg_record_pop_wait(struct shmreg_record_consumer *c, void *data, size_t size,
			   size_t *ret_bytes, const struct timespec *deadline)
{
	struct waiter w;
	int r = ring_wait_begin(&w, &c->ring, RING_ITEMS, deadline);

	if (r < 0)
		return r;
	do
		r = shmreg_record_pop(c, data, size, ret_bytes);
	while (r == -EAGAIN && (r = waiter_next(&w)) == 0);
	return r;
}

int shmreg_record_peek_wait(struct shmreg_record_consumer *c, uint64_t offset, void *data,
			    size_t size, size_t *ret_bytes, const struct timespec *deadline)
{
	struct waiter w;
	int r = ring_wait_begin(&w, &c->ring, RING_ITEMS, deadline);

	if (r < 0)
		return r;
	if (offset > c->mask / sizeof(struct shmreg_ring_record))
		return -EINVAL;
	do
		r = shmreg_record_peek(c, offset, data, size, ret_bytes);
	while (r == -EAGAIN && (r = waiter_next(&w)) == 0);
	return r;
}

int shmreg_record_view_wait(struct shmreg_record_consumer *c, const void **ret, size_t *ret_bytes,
			    const struct timespec *deadline)
{
	struct waiter w;
	int r = ring_wait_begin(&w, &c->ring, RING_ITEMS, deadline);

	if (r < 0)
		return r;
	do
		r = shmreg_record_view(c, ret, ret_bytes);
	while (r == -EAGAIN && (r = waiter_next(&w)) == 0);
	return r;
}

int64_t shmreg_record_skip_wait(struct shmreg_record_consumer *c, uint64_t n,
				const struct timespec *deadline)
{
	struct waiter w;
	int64_t r = ring_wait_begin(&w, &c->ring, RING_ITEMS, deadline);

	if (r < 0)
		return r;
	do
		r = shmreg_record_skip(c, n);
	while (r == -EAGAIN && (r = waiter_next(&w)) == 0);
	return r;
}
