/* SPDX-License-Identifier: MIT */
#ifndef LIBSHMREG_POOL_KEEP_H
#define LIBSHMREG_POOL_KEEP_H

/*
 * pool-keep.h - what handles keep for themselves, and how others get it even so
 *
 * Labels are those of shmreg/pool-inline.h.
 */

#include <stdbool.h>

#include <shmreg/pool.h>

/*
 * pool_keep_acquired() - @ref was acquired by a search: may it be kept when it is released?
 *
 * Who never acquires, because what he releases others have sent, is not to keep; nor, for some time,
 * who was recalled. Makes the handle a keeper when it first comes to that. Nothing is kept now.
 */
void pool_keep_acquired(struct shmreg_pool *pool, shmreg_pool_ref ref);

/* pool_keep_may() - may this handle keep what it is about to release? */
static inline bool pool_keep_may(const struct shmreg_pool *pool)
{
	return pool->mine != SHMREG_POOL_NONE && !pool->kept;
}

/* pool_keep_set() - it is to be @ref, which this handle holds */
static inline void pool_keep_set(struct shmreg_pool *pool, shmreg_pool_ref ref)
{
	pool->mine = ref;
	pool->mine_word = &pool->owner[shmreg_pool_ref_index(ref)];
}

/* pool_keep_own() - acquire what the handle keeps. Return: whether it was still there. */
bool pool_keep_own(struct shmreg_pool *pool, shmreg_pool_ref *ret);

/* pool_keep_others() - acquire up to @n objects that others keep. Return: how many */
uint32_t pool_keep_others(struct shmreg_pool *pool, shmreg_pool_ref *refs, uint32_t n);

/* pool_keep_end() - the handle is about to be closed: what it keeps becomes free, and it is no keeper */
void pool_keep_end(struct shmreg_pool *pool);

/* pool_keep_count() - objects that are kept, by whomever; stops at @most */
uint32_t pool_keep_count(const struct shmreg_pool *pool, uint32_t most);

#endif /* LIBSHMREG_POOL_KEEP_H */
