/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <sched.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crash/inside.h"
#include "pool-keep-fixture.h"
#include "random.h"
#include "syscalls.h"

/*
 * A handle acquires what it keeps, while others want that or repair it: at each step, and in a
 * race.
 */

/* What the dead kept was free for others, so the hints must not hide it while the rest is repaired. */
static bool hidden;

static void repair_of_five(void *data)
{
	(void)data;
	repaired(5);
}

static void look_for_hidden(void *data)
{
	const uint64_t *full = data;

	if ((*pool_word(base, &shape, 31) & SHMREG_POOL_STATE_MASK) == SHMREG_POOL_FREE)
		hidden |= (*full & (SHMREG_POOL_FULL | SHMREG_POOL_LOOK)) != 0;
}

START_TEST(kept_is_not_hidden)
{
	struct shmreg_pool p;
	shmreg_pool_ref refs[32];
	uint64_t *full;

	if (inside_unusable())
		return;
	setup(32);
	full = (uint64_t *)(void *)((unsigned char *)base + shmreg_pool_geometry(&shape).full_offset);
	pool_bind(&p, base, &shape, 5);
	ck_assert_int_eq(shmreg_pool_acquire_batch(&p, refs, 32, 32), 32);
	ck_assert_int_eq(shmreg_pool_release(&p, refs[0]), 0);
	refs[0] = acquire(&p);
	ck_assert_int_eq(shmreg_pool_release(&p, refs[0]), 0);
	ck_assert(p.kept);
	ck_assert_uint_lt(shmreg_pool_ref_index(refs[0]), SHMREG_POOL_FANOUT);
	*full |= SHMREG_POOL_FULL;
	hidden = false;
	inside_step(repair_of_five, NULL, look_for_hidden, full);
	ck_assert_uint_eq(word_of(refs[0]), shmreg_pool_word_free(refs[0]));
	ck_assert(!hidden);
	teardown();
}
END_TEST

/*
 * Two keep something, and somebody wants one. Before each of his accesses the first one may begin to
 * acquire its own: if it does not see yet that it is recalled, it has it, and he must not take that,
 * but what the other keeps. That it begins he sees at once, or not before the next membarrier.
 */
#define STEP_BYTES 16384

/* Empty, for who is stepped and for the others. */
static void map_twice(unsigned char **ret, unsigned char **ret_alias)
{
	*ret = mmap(NULL, STEP_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(*ret, MAP_FAILED);
	*ret_alias = mremap(*ret, 0, STEP_BYTES, MREMAP_MAYMOVE);
	ck_assert_ptr_ne(*ret_alias, MAP_FAILED);
}

static void unmap(unsigned char *memory, unsigned char *alias)
{
	munmap(memory, STEP_BYTES);
	munmap(alias, STEP_BYTES);
}

struct step {
	struct shmreg_pool p[2], wants;
	long at, n;
	bool has;
	bool late, begun;	/* is what it stores first seen late? and if so, not yet */
	int result;
	shmreg_pool_ref ref;
};

static bool first_acquires(void *data)
{
	struct step *s = data;

	if (s->n++ != s->at)
		return true;
	s->begun = s->late;
	if (!s->late)
		shmreg_store_release(&s->p[0].keeper->ref, SHMREG_POOL_NONE);
	s->has = shmreg_load_acquire(&s->p[0].keeper->recall) == s->p[0].tag;
	return false;
}

static struct step *stepping;

static void let_see(long number)
{
	if (number == SYS_membarrier && stepping->begun)
		shmreg_store_release(&stepping->p[0].keeper->ref, SHMREG_POOL_NONE);
}

static void want_one(void *data)
{
	struct step *s = data;

	s->result = shmreg_pool_acquire(&s->wants, &s->ref);
}

START_TEST(who_is_faster)
{
	unsigned char *memory, *alias;
	shmreg_pool_ref refs[16];
	struct step s;
	long at;
	int i;

	if (inside_unusable())
		return;
	setup(16);
	for (at = 0;; at++) {
		map_twice(&memory, &alias);
		s = (struct step){ .at = at, .late = _i != 0 };
		pool_bind(&s.p[0], memory, &shape, 16);
		pool_bind(&s.p[1], memory, &shape, 17);
		pool_bind(&s.wants, alias, &shape, 18);
		for (i = 0; i < 16; i++)
			ck_assert_int_eq(shmreg_pool_acquire(&s.p[i % 2], &refs[i]), 0);
		for (i = 0; i < 2; i++)
			ck_assert_int_eq(shmreg_pool_release(&s.p[i], refs[i]), 0);
		ck_assert(s.p[0].kept && s.p[1].kept);
		stepping = &s;
		syscalls_before = let_see;
		inside_accesses(alias, STEP_BYTES, want_one, &s, first_acquires, &s);
		syscalls_before = NULL;
		ck_assert_int_eq(s.result, 0);
		if (s.has)
			ck_assert_uint_eq(shmreg_pool_ref_index(s.ref), shmreg_pool_ref_index(refs[1]));
		unmap(memory, alias);
		if (s.n <= at)
			break;
	}
	ck_assert_int_gt(at, 16);
	teardown();
}
END_TEST

/* The other way round: before each access of one who acquires what it keeps another wants that. */
static bool another_wants(void *data)
{
	struct step *s = data;

	if (s->n++ != s->at)
		return true;
	s->has = shmreg_pool_acquire(&s->p[0], &s->ref) == 0;
	return false;
}

START_TEST(keeper_is_stopped)
{
	unsigned char *memory, *alias;
	struct step s;
	long at;

	if (inside_unusable())
		return;
	setup(1);
	for (at = 0;; at++) {
		map_twice(&memory, &alias);
		s = (struct step){ .at = at };
		pool_bind(&s.wants, alias, &shape, 16);
		pool_bind(&s.p[0], memory, &shape, 17);
		ck_assert_int_eq(shmreg_pool_acquire(&s.wants, &s.ref), 0);
		ck_assert_int_eq(shmreg_pool_release(&s.wants, s.ref), 0);
		ck_assert(s.wants.kept);
		inside_accesses(alias, STEP_BYTES, want_one, &s, another_wants, &s);
		ck_assert_int_eq(s.result, s.has ? -EAGAIN : 0);
		unmap(memory, alias);
		if (s.n <= at)
			break;
	}
	ck_assert_int_ge(at, 3);
	teardown();
}
END_TEST

/*
 * Two processes and one object: each writes into it whose it is, and finds that until it gives
 * it back. One of them keeps it, and the other takes it away.
 */
static bool use(struct shmreg_pool *p, uint64_t me, unsigned int times)
{
	volatile uint64_t *object;
	shmreg_pool_ref ref;
	unsigned int i;
	int r;

	r = shmreg_pool_acquire(p, &ref);
	if (r == -EAGAIN)
		return true;
	object = shmreg_pool_get(p, ref);
	if (r < 0 || object == NULL)
		return false;
	object[0] = me;
	for (i = 0; i < times; i++)
		if (object[0] != me)
			return false;
	return shmreg_pool_release(p, ref) == 0;
}

/*
 * Stores to lines that no cache has: what is stored next stays in the processor for as long, while
 * loads go ahead of it. So what only a fence prevents happens often.
 */
#define FAR_BYTES (UINT64_C(64) << 20)
static void store_far(unsigned char *far, struct random_state *r)
{
	int i;

	for (i = 0; i < 12; i++)
		shmreg_store_relaxed(far + random_below(r, FAR_BYTES / 128) * 128, (unsigned char)i);
}

START_TEST(never_two)
{
	const unsigned long rounds = random_rounds(600);
	struct random_state random;
	struct shmreg_pool p;
	unsigned char *far;
	uint64_t *n_tags;
	unsigned long i;
	int status;
	pid_t pid;

	setup(1);
	random_seed(&random);
	far = mmap(NULL, FAR_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(far, MAP_FAILED);
	pool_bind(&p, base, &shape, 5);
	kept(&p);
	n_tags = &((struct shmreg_pool_shm *)base)->n_tags;
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		struct shmreg_pool other;

		pool_bind(&other, base, &shape, 6);
		for (i = 1; shmreg_load_relaxed(n_tags) < rounds; i++) {
			if (i % 1024 == 0)
				sched_yield();
			if ((word_of(1) & SHMREG_POOL_STATE_MASK) == SHMREG_POOL_KEPT && !use(&other, 6, 8))
				_exit(1);
		}
		_exit(0);
	}
	do
		for (i = 0; i < 64; i++) {
			if (p.kept)
				store_far(far, &random);
			ck_assert(use(&p, 5, 1));
		}
	while (waitpid(pid, &status, WNOHANG) == 0);
	ck_assert_int_eq(status, 0);
	munmap(far, FAR_BYTES);
	teardown();
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("pool-recall");

	tcase_set_timeout(c, 300);
	tcase_add_test(c, kept_is_not_hidden);
	tcase_add_loop_test(c, who_is_faster, 0, 2);
	tcase_add_test(c, keeper_is_stopped);
	tcase_add_test(c, never_two);
	return run_case("pool-recall", c);
}
