/* SPDX-License-Identifier: MIT */
#ifndef LIBSHMREG_POOL_BIND_H
#define LIBSHMREG_POOL_BIND_H

/* pool-bind.h - a pool's handle without segment and daemon; for the library and its tests */

#include <stdbool.h>

#include <shmreg/pool.h>

/*
 * pool_bind() - fill in what the hot path wants precomputed
 * @pool:	its handle.base, shape and seat are set here
 * @base:	SHMREG_BLOCK-aligned, shmreg_shape_bytes() long; zeros are a pool of free objects
 * @seat:	0: reads only
 */
void pool_bind(struct shmreg_pool *pool, void *base, const struct shmreg_shape *shape,
	       uint32_t seat);

/* The same for a handle whose base, shape and seat are set, and the seat's bit in users. */
void pool_prepare(struct shmreg_pool *pool);

/*
 * pool_home() - the group in which a handle's searches begin
 *
 * Users have neighbouring ranks, in the order of their seats, so that in a small pool no two
 * begin in the same place as long as there are enough groups. In a large one
 * there are POOL_SPREAD groups from one home to the next, so that a handle has
 * room before it comes to another's.
 */
#define POOL_SPREAD 4
uint64_t pool_home(const struct shmreg_pool *pool);

/*
 * pool_judge_ours() - is an object held by this participant, and by which of its seats?
 *
 * Return: 0, *ret_w is the object's word; as shmreg_pool_check().
 */
int pool_judge_ours(const struct shmreg_pool *pool, shmreg_pool_ref ref, uint64_t *ret_w);

/* pool_search() - take up to @n objects, and say nothing if there are none. Return: how many */
uint32_t pool_search(struct shmreg_pool *pool, shmreg_pool_ref *refs, uint32_t n);

/* pool_put_back() - release what a search took, because it was too little; @refs of @n are NONE then */
void pool_put_back(struct shmreg_pool *pool, shmreg_pool_ref *refs, uint32_t got, uint32_t n);

/*
 * pool_has() - would a search find @n objects, which is at least 1?
 *
 * After one that was in vain: reads words that it touched.
 */
bool pool_has(struct shmreg_pool *pool, uint32_t n);

#endif /* LIBSHMREG_POOL_BIND_H */
