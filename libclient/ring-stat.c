/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <shmreg/ring.h>

/* ring-stat.c - looking at a ring, of elements or of records; nothing here writes to it */

static bool of_records(const struct shmreg_ring *ring)
{
	return (ring->handle.shape.flags & SHMREG_RING_RECORDS) != 0;
}

/* Elements or bytes that a counter says. */
static uint64_t position(const struct shmreg_ring *ring, uint64_t word)
{
	return of_records(ring) ? word & ~SHMREG_RING_LOW_MASK : word;
}

uint64_t shmreg_ring_length(const struct shmreg_ring *ring)
{
	const struct shmreg_ring_shm *shm = shmreg_ring_shm_(ring);
	uint64_t head, tail;

	if (shm == NULL)
		return 0;
	/*
	 * The head first, acquire (C'): the tail is not older, so never behind it. The tail
	 * acquire (P'): what the consumer is told of is there.
	 */
	head = position(ring, shmreg_load_acquire(&shm->head));
	tail = position(ring, shmreg_load_acquire(&shm->tail));
	/* More only if the consumer went on in between, or somebody wrote nonsense. */
	return tail - head > ring->handle.shape.capacity ? ring->handle.shape.capacity
							 : tail - head;
}

uint64_t shmreg_ring_space(const struct shmreg_ring *ring)
{
	return ring->handle.base == NULL ? 0
					 : ring->handle.shape.capacity - shmreg_ring_length(ring);
}

uint64_t shmreg_ring_capacity(const struct shmreg_ring *ring)
{
	return ring->handle.shape.capacity;
}

/* Looks at a counter that changes all the time, before one is content with any of its values. */
#define COUNT_TRIES 64

/* A counter and the count of records that belongs to it: (M3) in shmreg/records-inline.h. */
static void read_counter(const struct shmreg_ring *ring, const uint64_t *counter,
			 const uint64_t count[2], uint64_t *ret_position, uint64_t *ret_count)
{
	uint64_t w = shmreg_load_acquire(counter), again;				/* P', C' */
	int i;

	*ret_position = position(ring, w);
	*ret_count = 0;
	if (!of_records(ring))
		return;
	for (i = 0; i < COUNT_TRIES; i++) {
		*ret_position = position(ring, w);
		*ret_count = shmreg_load_acquire(&count[w & SHMREG_RING_FLIP]);		/* N' */
		/* relaxed: N' has shown the counter that was there before that count */
		again = shmreg_load_relaxed(counter);
		if (again == w)
			return;
		w = shmreg_load_acquire(counter);
	}
}

/* Of who has a role; whatever else somebody wrote there is nobody. */
static uint32_t seat_of(const uint64_t *role)
{
	const uint64_t seat = shmreg_load_relaxed(role);

	return seat < SHMREG_SEATS ? (uint32_t)seat : 0;
}

static uint64_t max_of(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

int shmreg_ring_stat(const struct shmreg_ring *ring, struct shmreg_ring_stats *ret)
{
	const struct shmreg_ring_shm *shm = shmreg_ring_shm_(ring);
	struct shmreg_ring_stats stat;
	const size_t size = ret->size;

	if (size < sizeof(size) || size > 4096)
		return -EINVAL;
	if (shm == NULL)
		return -ECHILD;
	memset(&stat, 0, sizeof(stat));
	stat.size = size;
	stat.capacity = ring->handle.shape.capacity;
	stat.length = shmreg_ring_length(ring);
	read_counter(ring, &shm->tail, shm->n_written, &stat.n_written, &stat.n_records_written);
	read_counter(ring, &shm->head, shm->n_read, &stat.n_read, &stat.n_records_read);
	/* relaxed: numbers to look at, by which nobody finds anything */
	stat.n_skipped = shmreg_load_relaxed(&shm->n_skipped);
	stat.n_full = shmreg_load_relaxed(&shm->n_full);
	stat.high = max_of(shmreg_load_relaxed(&shm->producer_high),
			   shmreg_load_relaxed(&shm->consumer_high));
	stat.producer = seat_of(&shm->producer);
	stat.consumer = seat_of(&shm->consumer);
	if (size > sizeof(stat))
		memset(ret, 0, size);
	memcpy(ret, &stat, size < sizeof(stat) ? size : sizeof(stat));
	return 0;
}
