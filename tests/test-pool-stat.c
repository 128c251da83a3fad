/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <sys/mman.h>
#include <unistd.h>

#include "pool-fixture.h"

/* Where a handle looks, and what those who only look are told. */

START_TEST(homes)
{
	static const struct {
		uint64_t capacity;
		unsigned int distinct;
	} pools[] = { { 16, 1 }, { 32, 2 }, { 48, 3 }, { 64, 4 }, { 128, 8 }, { 1024, 64 } };
	struct shmreg_pool p[64];
	uint64_t seen = 0;
	unsigned int i;

	setup(pools[_i].capacity);
	for (i = 0; i < pools[_i].distinct; i++) {
		pool_bind(&p[i], base, &shape, 3 + i * 64 % 4090);
		ck_assert_uint_lt(p[i].home, p[i].n_groups);
		ck_assert_uint_eq(seen >> p[i].home & 1, 0);
		seen |= UINT64_C(1) << p[i].home;
	}
	/* Far apart where there is room: then others' groups are not the next ones. */
	if (pools[_i].distinct >= 8)
		ck_assert_uint_eq(p[1].home, POOL_SPREAD);
	teardown();
}
END_TEST

/* Who finds others at work in his group looks where his home is by now. */
START_TEST(home_moves)
{
	struct shmreg_pool early, late;
	shmreg_pool_ref ref, stale;

	setup(1024);
	pool_bind(&late, base, &shape, 9);
	ck_assert_uint_eq(late.home, 0);
	pool_bind(&early, base, &shape, 2);
	ck_assert_uint_eq(early.home, 0);
	ref = acquire(&late);
	/* Batches are not kept. */
	ck_assert_int_eq(shmreg_pool_release_batch(&late, &ref, 1), 0);
	stale = acquire(&early);
	ck_assert_uint_eq(shmreg_pool_ref_index(ref), shmreg_pool_ref_index(stale));
	ref = acquire(&late);
	ck_assert_int_eq(shmreg_pool_release(&late, ref), 0);
	ck_assert_uint_eq(late.home, POOL_SPREAD);
	ck_assert_int_eq(shmreg_pool_release(&early, stale), 0);
	teardown();
}
END_TEST

START_TEST(high_water)
{
	shmreg_pool_ref refs[100];
	struct shmreg_pool p, other;
	unsigned int round;

	setup(4096);
	pool_seed(base, &shape, 0);
	pool_bind(&p, base, &shape, 5);
	pool_bind(&other, base, &shape, 6);
	ck_assert_uint_eq(stat_of(&p).n_touched, 0);
	for (round = 0; round < 50; round++)
		ck_assert_int_eq(shmreg_pool_release(&p, acquire(&p)), 0);
	ck_assert_uint_eq(stat_of(&p).n_touched, 1);
	ck_assert_uint_eq(stat_of(&p).n_acquired, 50);
	for (round = 0; round < 50; round++) {
		ck_assert_int_eq(shmreg_pool_acquire_batch(&p, refs, 100, 100), 100);
		ck_assert_int_eq(shmreg_pool_release_batch(&p, refs, 100), 0);
	}
	/* As many as it ever held, in whole groups. */
	ck_assert_uint_le(stat_of(&p).n_touched, 112);
	for (round = 0; round < 50; round++) {
		ck_assert_int_eq(shmreg_pool_acquire_batch(&other, refs, 9, 9), 9);
		ck_assert_int_eq(shmreg_pool_release_batch(&other, refs, 9), 0);
	}
	ck_assert_uint_le(stat_of(&p).n_touched, 112 + 16);
	teardown();
}
END_TEST

struct visit {
	struct shmreg_pool_holder last;
	int n, stop_at;
};

static int visit(void *data, const struct shmreg_pool_holder *holder)
{
	struct visit *const v = data;

	v->last = *holder;
	return ++v->n == v->stop_at ? 42 : 0;
}

START_TEST(holders_and_stat)
{
	unsigned char larger[sizeof(struct shmreg_pool_stats) + 8];
	struct shmreg_pool_stats stat = { .size = 2 * sizeof(size_t) };
	struct visit v = { .stop_at = -1 };
	struct shmreg_pool p, other;
	shmreg_pool_ref a, b;

	setup(300);
	pool_bind(&p, base, &shape, 5);
	pool_bind(&other, base, &shape, 6);
	a = acquire(&p);
	b = acquire(&other);
	ck_assert_int_eq(shmreg_pool_holders(&p, visit, &v), 0);
	ck_assert_int_eq(v.n, 2);
	v = (struct visit){ .stop_at = 1 };
	ck_assert_int_eq(shmreg_pool_holders(&p, visit, &v), 42);
	ck_assert_uint_eq(v.last.ref, a);
	ck_assert_uint_eq(v.last.index, shmreg_pool_ref_index(a));
	ck_assert_uint_eq(v.last.generation, 1);
	ck_assert_uint_eq(v.last.state, SHMREG_POOL_HELD);
	ck_assert_uint_eq(v.last.seat, 5);
	*pool_word(base, &shape, shmreg_pool_ref_index(b)) = shmreg_pool_word_sent(b, 3, 9);
	v = (struct visit){ .stop_at = 2 };
	ck_assert_int_eq(shmreg_pool_holders(&p, visit, &v), 42);
	ck_assert_uint_eq(v.last.ref, b);
	ck_assert_uint_eq(v.last.state, SHMREG_POOL_SENT);
	ck_assert_uint_eq(v.last.queue, 3);
	ck_assert_uint_eq(v.last.slot, 9);
	ck_assert_uint_eq(v.last.seat, 0);

	stat.n_free = 99;
	ck_assert_int_eq(shmreg_pool_stat(&p, &stat), 0);
	ck_assert_uint_eq(stat.capacity, 300);
	ck_assert_uint_eq(stat.n_free, 99);	/* beyond the size that was given */
	stat.size = 0;
	ck_assert_int_eq(shmreg_pool_stat(&p, &stat), -EINVAL);
	memset(larger, 0xff, sizeof(larger));
	stat.size = sizeof(larger);
	memcpy(larger, &stat.size, sizeof(stat.size));
	ck_assert_int_eq(shmreg_pool_stat(&p, (struct shmreg_pool_stats *)(void *)larger), 0);
	ck_assert_uint_eq(larger[sizeof(larger) - 1], 0);

	*pool_word(base, &shape, shmreg_pool_ref_index(b)) = shmreg_pool_word_held(b, 6);
	ck_assert_int_eq(shmreg_pool_release(&p, a), 0);
	ck_assert_int_eq(shmreg_pool_release(&other, b), 0);
	teardown();
}
END_TEST

static uint64_t resident_pages(void)
{
	static unsigned char map[1 << 20];
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	unsigned char *const start = (unsigned char *)((uintptr_t)base & ~(uintptr_t)(page - 1));
	uint64_t bytes, align, n = 0, i;

	ck_assert_int_eq(shmreg_shape_bytes(&shape, &bytes, &align, NULL), 0);
	ck_assert_uint_lt(bytes / page, sizeof(map));
	ck_assert_int_eq(mincore(start, bytes, map), 0);
	for (i = 0; i < bytes / page; i++)
		n += map[i] & 1;
	return n;
}

/* A large pool that is little used takes little memory, also when one looks at it. */
START_TEST(sparse)
{
	struct shmreg_pool p, other;
	struct visit v = { .stop_at = -1 };
	shmreg_pool_ref a, b;
	uint64_t before;

	setup_of(UINT64_C(1) << 22, 1, 1);
	pool_bind(&p, base, &shape, 5);
	pool_bind(&other, base, &shape, 4000);
	a = acquire(&p);
	b = acquire(&other);
	*(char *)shmreg_pool_get(&p, a) = 1;
	before = resident_pages();
	ck_assert_uint_lt(before, 16);
	ck_assert_uint_eq(stat_of(&p).n_held, 2);
	ck_assert_int_eq(shmreg_pool_holders(&p, visit, &v), 0);
	ck_assert_int_eq(v.n, 2);
	/* Looking makes memory of the chunks that were searched, and of no others. */
	ck_assert_uint_le(resident_pages(), before + 2 * (4096 * 8 / 4096));
	ck_assert_int_eq(shmreg_pool_release(&p, a), 0);
	ck_assert_int_eq(shmreg_pool_release(&other, b), 0);
	plain_unmap(base, &shape);
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("pool-stat");

	tcase_set_timeout(c, 0);
	tcase_add_loop_test(c, homes, 0, 6);
	tcase_add_test(c, home_moves);
	tcase_add_test(c, high_water);
	tcase_add_test(c, holders_and_stat);
	tcase_add_test(c, sparse);
	return run_case("pool-stat", c);
}
