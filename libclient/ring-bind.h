/* SPDX-License-Identifier: MIT */
#ifndef LIBSHMREG_RING_BIND_H
#define LIBSHMREG_RING_BIND_H

/* ring-bind.h - a ring's handles without segment and daemon; for the library and its tests */

#include <stdbool.h>

#include <shmreg/records.h>
#include <shmreg/ring.h>

/*
 * What the hot path wants precomputed, and the counters that the predecessor left.
 * handle.base, shape and seat are set, and the seat has the role.
 */
void ring_producer_prepare(struct shmreg_ring_producer *p);
void ring_consumer_prepare(struct shmreg_ring_consumer *c);
void record_producer_prepare(struct shmreg_record_producer *p);
void record_consumer_prepare(struct shmreg_record_consumer *c);

/*
 * ring_..._bind() - take the role and fill in a handle
 * @base:	SHMREG_BLOCK-aligned, shmreg_shape_bytes() long; zeros are an empty ring
 * @seat:	not 0
 *
 * Return: whether the role was free; else the handle is as one wiped by fork().
 */
bool ring_producer_bind(struct shmreg_ring_producer *p, void *base,
			const struct shmreg_shape *shape, uint32_t seat);
bool ring_consumer_bind(struct shmreg_ring_consumer *c, void *base,
			const struct shmreg_shape *shape, uint32_t seat);
bool record_producer_bind(struct shmreg_record_producer *p, void *base,
			  const struct shmreg_shape *shape, uint32_t seat);
bool record_consumer_bind(struct shmreg_record_consumer *c, void *base,
			  const struct shmreg_shape *shape, uint32_t seat);

/* To look only. */
void ring_bind_const(struct shmreg_ring *ring, void *base, const struct shmreg_shape *shape);

#endif /* LIBSHMREG_RING_BIND_H */
