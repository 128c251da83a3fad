/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pool-plain.h"
#include "pool-repair.h"
#include "repair.h"
#include "suite.h"

/* What dead processes leave of a pool, planted; then repair. */

#define DEAD 5
#define ALSO_DEAD 4000
#define ALIVE 6

static struct shmreg_shape shape;
static void *base;
static struct shmreg_pool dead, also_dead, alive;
static uint64_t seats[64];

static void setup_of(uint64_t capacity)
{
	shape = pool_shape(capacity, 16, 8);
	base = plain_map(&shape);
	ck_assert_ptr_nonnull(base);
	pool_bind(&dead, base, &shape, DEAD);
	pool_bind(&also_dead, base, &shape, ALSO_DEAD);
	pool_bind(&alive, base, &shape, ALIVE);
	memset(seats, 0, sizeof(seats));
	seats[DEAD / 64] |= UINT64_C(1) << DEAD % 64;
	seats[ALSO_DEAD / 64] |= UINT64_C(1) << ALSO_DEAD % 64;
}

static void teardown(void)
{
	ck_assert(pool_is_clean(base, &shape));
	plain_unmap(base, &shape);
}

static struct shmreg_reaper_report repair(void)
{
	struct shmreg_reaper_report report = { .segment = 77 };

	ck_assert_int_eq(shmreg_repair_object(&shape, base, NULL, seats, &report), 0);
	ck_assert_uint_eq(report.segment, 77);
	ck_assert_uint_eq(report.n_requeued, 0);
	ck_assert_uint_eq(report.n_repaired, report.n_freed);
	return report;
}

static shmreg_pool_ref acquire(struct shmreg_pool *p)
{
	shmreg_pool_ref ref;

	ck_assert_int_eq(shmreg_pool_acquire(p, &ref), 0);
	return ref;
}

static uint64_t word(shmreg_pool_ref ref)
{
	return *pool_word(base, &shape, shmreg_pool_ref_index(ref));
}

/* Two dead hold something, one who lives does, and something travels. */
START_TEST(held_by_the_dead)
{
	shmreg_pool_ref mine[3], sent, kept;
	struct shmreg_reaper_report report;
	uint64_t *at;

	setup_of(100);
	mine[0] = acquire(&dead);
	mine[1] = acquire(&dead);
	mine[2] = acquire(&also_dead);
	sent = acquire(&dead);
	at = pool_word(base, &shape, shmreg_pool_ref_index(sent));
	*at = shmreg_pool_word_sent(sent, DEAD, 9);
	kept = acquire(&alive);

	report = repair();
	ck_assert_int_eq(report.status, 0);
	ck_assert_uint_eq(report.n_seats, 2);
	ck_assert_uint_eq(report.n_repaired, 3);
	ck_assert_uint_eq(report.n_gave_up, 0);
	ck_assert_uint_eq(((struct shmreg_pool_shm *)base)->n_reclaimed, 3);
	ck_assert_uint_eq(word(mine[0]), shmreg_pool_word_free(mine[0]));
	ck_assert_uint_eq(word(mine[2]), shmreg_pool_word_free(mine[2]));
	ck_assert_uint_eq(*at, shmreg_pool_word_sent(sent, DEAD, 9));
	ck_assert_int_eq(shmreg_pool_check(&alive, kept), 0);
	/* References of the dead fit no more, also when the object is held again. */
	ck_assert_int_eq(shmreg_pool_owner(&alive, mine[0]), -ESTALE);

	report = repair();	/* they use it no more */
	ck_assert_uint_eq(report.n_seats, 0);
	ck_assert_uint_eq(report.n_repaired, 0);
	*at = shmreg_pool_word_free(*at);
	ck_assert_int_eq(shmreg_pool_release(&alive, kept), 0);
	teardown();
}
END_TEST

/* Who lives is left alone, and so is a pool that no dead seat used. */
START_TEST(others_are_left_alone)
{
	struct shmreg_reaper_report report;
	shmreg_pool_ref ref;

	setup_of(17);
	((struct shmreg_pool_shm *)base)->users[DEAD / 64] &= ~(UINT64_C(1) << DEAD % 64);
	((struct shmreg_pool_shm *)base)->users[ALSO_DEAD / 64] = 0;
	ref = acquire(&dead);
	report = repair();
	ck_assert_uint_eq(report.n_seats, 0);
	ck_assert_int_eq(shmreg_pool_check(&dead, ref), 0);
	ck_assert_int_eq(shmreg_pool_release(&dead, ref), 0);
	teardown();
}
END_TEST

/* Killed in a release: the word is free, and the hints still say that there is nothing. */
START_TEST(dead_in_release)
{
	const uint64_t n = 5000;
	struct shmreg_reaper_report report;
	shmreg_pool_ref refs[5000], ref;
	uint64_t i;

	setup_of(n);
	ck_assert_int_eq(shmreg_pool_acquire_batch(&alive, refs, 5000, 5000), 5000);
	for (i = 0; i < 4; i++)
		ck_assert_int_eq(shmreg_pool_acquire(&alive, &ref), -EAGAIN);
	ck_assert_uint_gt(pool_count_hints(base, &shape), 5000 / 256);
	*pool_word(base, &shape, 4321) = shmreg_pool_word_free(*pool_word(base, &shape, 4321));
	ck_assert_int_eq(shmreg_pool_acquire(&alive, &ref), -EAGAIN);
	report = repair();
	ck_assert_uint_eq(report.n_seats, 2);
	ck_assert_uint_eq(report.n_repaired, 0);
	ck_assert_uint_eq(pool_count_hints(base, &shape), 0);
	ck_assert_int_eq(shmreg_pool_acquire(&alive, &ref), 0);
	ck_assert_uint_eq(shmreg_pool_ref_index(ref), 4321);
	for (i = 0; i < n; i++)
		if (shmreg_pool_ref_index(refs[i]) == 4321)
			refs[i] = ref;
	ck_assert_int_eq(shmreg_pool_release_batch(&alive, refs, 5000), 0);
	teardown();
}
END_TEST

/* The same, killed between the two levels. */
static void die_between_levels(uint32_t n, uint64_t full)
{
	shmreg_pool_ref refs[256], ref, anothers;
	unsigned int i;

	setup_of(n);
	ck_assert_int_eq(shmreg_pool_acquire_batch(&dead, refs, n, n), n);
	for (i = 0; i < 4; i++)
		ck_assert_int_eq(shmreg_pool_acquire(&alive, &ref), -EAGAIN);
	ck_assert_uint_eq(*alive.full & SHMREG_POOL_HINT_MASK, full);
	ck_assert_uint_eq(*alive.fuller & SHMREG_POOL_HINT_MASK, SHMREG_POOL_FULL);
	*pool_word(base, &shape, 0) = shmreg_pool_word_free(*pool_word(base, &shape, 0));
	*alive.full &= ~shmreg_pool_hint_(0);
	ck_assert_int_eq(shmreg_pool_acquire(&alive, &ref), -EAGAIN);
	/* Another's release makes both visible: it does not rely on the first one. */
	anothers = shmreg_pool_ref_of(*pool_word(base, &shape, 1), 1);
	ck_assert_int_eq(shmreg_pool_release_batch(&dead, &anothers, 1), 0);
	ck_assert_int_eq(shmreg_pool_acquire(&alive, &ref), 0);
	ck_assert_int_eq(shmreg_pool_release(&alive, ref), 0);
	ck_assert_uint_eq(repair().n_repaired, n - 2);
	teardown();
}

START_TEST(dead_between_levels)
{
	die_between_levels(256, SHMREG_POOL_FULL_MASK);
	/* Then `full` has no bit at all any more. */
	die_between_levels(SHMREG_POOL_FANOUT, SHMREG_POOL_FULL);
}
END_TEST

/* Killed while it looked whether a group is full: LOOK stays, and misleads nobody. */
START_TEST(dead_in_search)
{
	shmreg_pool_ref refs[16], ref;

	setup_of(16);
	ck_assert_int_eq(shmreg_pool_acquire_batch(&alive, refs, 16, 16), 16);
	*alive.full = SHMREG_POOL_LOOK | SHMREG_POOL_LOOK_ONE;
	ck_assert_int_eq(shmreg_pool_release_batch(&alive, &refs[3], 1), 0);
	ck_assert_uint_eq(*alive.full, SHMREG_POOL_LOOK_ONE);
	*alive.full |= SHMREG_POOL_LOOK;
	ck_assert_int_eq(shmreg_pool_acquire(&alive, &refs[3]), 0);
	ck_assert_int_eq(shmreg_pool_acquire(&alive, &ref), -EAGAIN);
	ck_assert_uint_eq(*alive.full & SHMREG_POOL_HINT_MASK, SHMREG_POOL_FULL);
	*alive.fuller = SHMREG_POOL_LOOK;
	ck_assert_int_eq(shmreg_pool_acquire(&alive, &ref), -EAGAIN);
	ck_assert_uint_eq(*alive.fuller & SHMREG_POOL_HINT_MASK, SHMREG_POOL_FULL);
	ck_assert_int_eq(shmreg_pool_release_batch(&alive, refs, 16), 0);
	ck_assert_uint_eq(pool_count_hints(base, &shape), 0);
	teardown();
}
END_TEST

/* One looks, found all held, and was stopped there: no later look has the same word. */
START_TEST(looks_are_told_apart)
{
	const uint64_t h = SHMREG_POOL_LOOK | SHMREG_POOL_LOOK_ONE;
	shmreg_pool_ref refs[16], ref;

	setup_of(16);
	ck_assert_int_eq(shmreg_pool_acquire_batch(&alive, refs, 16, 16), 16);
	*alive.full = h;
	ck_assert_int_eq(shmreg_pool_release_batch(&alive, refs, 1), 0);
	ck_assert_int_eq(shmreg_pool_acquire(&alive, &refs[0]), 0);
	ck_assert_int_eq(shmreg_pool_acquire(&alive, &ref), -EAGAIN);
	ck_assert_uint_eq(*alive.full & SHMREG_POOL_HINT_MASK, SHMREG_POOL_FULL);
	ck_assert_uint_gt(*alive.full >> 32, h >> 32);
	ck_assert_int_eq(shmreg_pool_release_batch(&alive, refs, 16), 0);
	teardown();
}
END_TEST

/* Bytes that no correct process writes are left alone, and said. */
START_TEST(nonsense)
{
	struct shmreg_reaper_report report;
	uint64_t g = SHMREG_POOL_GENERATION_ONE;

	setup_of(40);
	*pool_word(base, &shape, 3) = shmreg_pool_word_held(g, 0);
	*pool_word(base, &shape, 4) = shmreg_pool_word_kept(g, 0, 0);
	*pool_word(base, &shape, 5) = shmreg_pool_word_held(g, DEAD) | UINT64_C(1) << 37;
	*pool_word(base, &shape, 39) = shmreg_pool_word_held(g, DEAD);
	report = repair();
	ck_assert_int_eq(report.status, -EUCLEAN);
	ck_assert_uint_eq(report.n_gave_up, 3);
	ck_assert_uint_eq(report.n_repaired, 1);
	*pool_word(base, &shape, 3) = *pool_word(base, &shape, 4) = *pool_word(base, &shape, 5) = 0;
	shape.kind = SHMREG_KIND_QUEUE;
	ck_assert_int_eq(pool_repair(&shape, base, NULL, seats, &report), -EINVAL);
	ck_assert_uint_eq(report.n_gave_up, 3);
	shape.kind = SHMREG_KIND_POOL;
	teardown();
}
END_TEST

/* For the repair of queues: one word, exactly, and then it can be found. */
START_TEST(one_word)
{
	shmreg_pool_ref refs[300], ref;
	uint64_t sent, held;
	unsigned int i;

	setup_of(300);
	ck_assert_int_eq(shmreg_pool_acquire_batch(&alive, refs, 300, 300), 300);
	for (i = 0; i < 4; i++)
		ck_assert_int_eq(shmreg_pool_acquire(&alive, &ref), -EAGAIN);
	ref = shmreg_pool_ref_of(*pool_word(base, &shape, 299), 299);
	sent = shmreg_pool_word_sent(ref, 1, 2);
	held = shmreg_pool_word_held(ref, ALIVE);
	ck_assert(!pool_repair_word(&shape, base, 299, sent, shmreg_pool_word_free(ref)));
	ck_assert(pool_repair_word(&shape, base, 299, held, sent));
	ck_assert_int_eq(shmreg_pool_acquire(&alive, &ref), -EAGAIN);
	ck_assert(pool_repair_word(&shape, base, 299, sent, shmreg_pool_word_free(sent)));
	ck_assert_int_eq(shmreg_pool_acquire(&alive, &ref), 0);
	ck_assert_uint_eq(shmreg_pool_ref_index(ref), 299);
	seats[0] |= UINT64_C(1) << ALIVE;
	ck_assert_uint_eq(repair().n_repaired, 300);
	teardown();
}
END_TEST

/* Holes stay holes, wherever in them the words of the dead are. */
START_TEST(holes)
{
	static const uint64_t indices[] = { 0, 511, 512, 100000, (UINT64_C(1) << 20) - 1 };
	const struct shmreg_shape large = pool_shape(UINT64_C(1) << 20, 8, 8);
	const uint64_t g = SHMREG_POOL_GENERATION_ONE;
	struct shmreg_reaper_report report;
	struct repair_memory memory = { .offset = 4096 };
	uint64_t bytes, align, blocks;
	off_t start, end = 0;
	unsigned char *map;
	size_t i;

	setup_of(1);
	ck_assert_int_eq(shmreg_shape_bytes(&large, &bytes, &align, NULL), 0);
	memory.fd = memfd_create("holes", MFD_CLOEXEC);
	ck_assert_int_ge(memory.fd, 0);
	ck_assert_int_eq(ftruncate(memory.fd, (off_t)bytes + 4096), 0);
	map = mmap(NULL, bytes + 4096, PROT_READ | PROT_WRITE, MAP_SHARED, memory.fd, 0);
	ck_assert_ptr_ne(map, MAP_FAILED);
	pool_bind(&dead, map + 4096, &large, DEAD);
	for (i = 0; i < sizeof(indices) / sizeof(*indices); i++)
		*pool_word(map + 4096, &large, indices[i]) = shmreg_pool_word_held(g, DEAD);
	blocks = 0;
	while ((start = lseek(memory.fd, end, SEEK_DATA)) >= 0) {
		end = lseek(memory.fd, start, SEEK_HOLE);
		blocks += (uint64_t)(end - start) / 4096;
	}
	ck_assert_int_eq(shmreg_repair_object(&large, map + 4096, &memory, seats, &report), 0);
	ck_assert_uint_eq(report.n_repaired, sizeof(indices) / sizeof(*indices));
	end = 0;
	while ((start = lseek(memory.fd, end, SEEK_DATA)) >= 0) {
		end = lseek(memory.fd, start, SEEK_HOLE);
		blocks -= (uint64_t)(end - start) / 4096;
	}
	ck_assert_uint_eq(blocks, 0);
	for (i = 0; i < sizeof(indices) / sizeof(*indices); i++)
		ck_assert_uint_eq(*pool_word(map + 4096, &large, indices[i]), g);
	munmap(map, bytes + 4096);
	close(memory.fd);
	teardown();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		held_by_the_dead, others_are_left_alone, dead_in_release, dead_between_levels,
		dead_in_search, looks_are_told_apart, nonsense, one_word, holes,
	};

	return RUN_SUITE("pool-wreckage", tests, NULL, NULL, 0);
}
