/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_TESTS_POOL_KEEP_FIXTURE_H
#define SHMREG_TESTS_POOL_KEEP_FIXTURE_H

/* pool-keep-fixture.h - handles that keep what they released, in the pool of pool-fixture.h */

#include "pool-fixture.h"
#include "pool-keep.h"
#include "pool-repair.h"

static inline uint64_t word_of(shmreg_pool_ref ref)
{
	return *pool_word(base, &shape, shmreg_pool_ref_index(ref));
}

static inline shmreg_pool_ref kept(struct shmreg_pool *p)
{
	const shmreg_pool_ref ref = acquire(p);

	ck_assert_int_eq(shmreg_pool_release(p, ref), 0);
	ck_assert(p->kept);
	ck_assert_uint_eq(word_of(ref), shmreg_pool_word_kept(ref, p->handle.seat, p->tag));
	ck_assert_uint_eq(p->keeper->ref, ref);
	return ref;
}

static inline struct shmreg_reaper_report repaired(uint32_t seat)
{
	struct shmreg_reaper_report report = { 0 };
	uint64_t dead[64] = { 0 };

	dead[seat / 64] |= UINT64_C(1) << seat % 64;
	ck_assert_int_eq(pool_repair(&shape, base, NULL, dead, &report), 0);
	return report;
}

#endif /* SHMREG_TESTS_POOL_KEEP_FIXTURE_H */
