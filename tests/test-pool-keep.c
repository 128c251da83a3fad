/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <sched.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crash/inside.h"
#include "pool-fixture.h"
#include "pool-keep.h"
#include "pool-repair.h"
#include "random.h"

/*
 * What a handle keeps of what it released: it gets it back by plain stores, others get it who find
 * nothing else, nobody is told that nothing is free, and nobody gets it twice.
 */

#define PATIENCE 64		/* searches of a handle that was recalled until it keeps again */

static uint64_t word_of(shmreg_pool_ref ref)
{
	return *pool_word(base, &shape, shmreg_pool_ref_index(ref));
}

static shmreg_pool_ref kept(struct shmreg_pool *p)
{
	const shmreg_pool_ref ref = acquire(p);

	ck_assert_int_eq(shmreg_pool_release(p, ref), 0);
	ck_assert(p->kept);
	ck_assert_uint_eq(word_of(ref), shmreg_pool_word_kept(ref, p->handle.seat, p->tag));
	ck_assert_uint_eq(p->keeper->ref, ref);
	return ref;
}

static int count(void *data, const struct shmreg_pool_holder *holder)
{
	(void)holder;
	++*(int *)data;
	return 0;
}

/* It is free for all that is said, and its reference is stale. */
START_TEST(what_is_kept_is_free)
{
	static const uint64_t generations[] = { 0, 1, POOL_GENERATION_MAX - 1, POOL_GENERATION_MAX };
	struct shmreg_pool p, other;
	shmreg_pool_ref ref, again;
	int n = 0;

	setup(3);
	pool_seed(base, &shape, generations[_i]);
	pool_bind(&p, base, &shape, 4095);
	pool_bind(&other, base, &shape, 6);
	ref = kept(&p);
	ck_assert_uint_eq(stat_of(&other).n_free, 3);
	ck_assert_int_eq(shmreg_pool_holders(&other, count, &n), 0);
	ck_assert_int_eq(n, 0);
	ck_assert_ptr_null(shmreg_pool_get(&p, ref));
	ck_assert_int_eq(shmreg_pool_check(&p, ref), -ESTALE);
	ck_assert_int_eq(shmreg_pool_owner(&other, ref), -ESTALE);
	ck_assert_int_eq(shmreg_pool_release(&p, ref), -ESTALE);
	ck_assert_int_eq(shmreg_pool_release_batch(&p, &ref, 1), -ESTALE);
	again = acquire(&p);
	ck_assert_uint_eq(p.keeper->ref, 0);
	ck_assert_uint_eq(word_of(again), shmreg_pool_word_held(again, 4095));
	ck_assert_uint_eq(shmreg_pool_ref_index(again), shmreg_pool_ref_index(ref));
	ck_assert_uint_ne(again >> SHMREG_POOL_GENERATION_SHIFT, 0);
	ck_assert_uint_ne(again, ref);
	ck_assert_int_eq(shmreg_pool_release(&p, again), 0);
	teardown();
}
END_TEST

/* Several are held at a time: whichever is given back first is kept, and one only. */
START_TEST(one_is_kept)
{
	struct shmreg_pool p;
	shmreg_pool_ref refs[3];
	int i;

	setup(3);
	pool_bind(&p, base, &shape, 5);
	for (i = 0; i < 3; i++)
		refs[i] = acquire(&p);
	for (i = 0; i < 3; i++)
		ck_assert_int_eq(shmreg_pool_release(&p, refs[(i + _i) % 3]), 0);
	ck_assert_uint_eq(p.keeper->ref, refs[_i]);
	ck_assert_uint_eq(word_of(refs[(_i + 1) % 3]), shmreg_pool_word_free(refs[(_i + 1) % 3]));
	ck_assert_uint_eq(word_of(refs[(_i + 2) % 3]), shmreg_pool_word_free(refs[(_i + 2) % 3]));
	ck_assert_uint_eq(pool_keep_count(&p, 9), 1);
	ck_assert_int_eq(shmreg_pool_acquire_batch(&p, refs, 3, 3), 3);
	ck_assert_uint_eq(pool_keep_count(&p, 9), 0);
	ck_assert_int_eq(shmreg_pool_release_batch(&p, refs, 3), 0);
	teardown();
}
END_TEST

/* Who is recalled loses it, has another tag, and does not keep for some time. */
START_TEST(others_take_it)
{
	struct shmreg_pool p, other;
	shmreg_pool_ref ref;
	uint64_t tag;
	int i;

	setup(1);
	pool_bind(&p, base, &shape, 5);
	pool_bind(&other, base, &shape, 6);
	kept(&p);
	tag = p.tag;
	ref = acquire(&other);
	expect_exhausted(&other);
	expect_exhausted(&p);
	ck_assert_uint_ne(p.tag, tag);
	ck_assert_uint_eq(p.keeper->recall, p.tag);
	ck_assert_int_eq(shmreg_pool_release(&other, ref), 0);
	/* The other is no keeper: there is one for so few objects. */
	ck_assert_uint_eq(word_of(ref), shmreg_pool_word_free(ref));
	for (i = 0; i < PATIENCE; i++) {
		ref = acquire(&p);
		ck_assert_int_eq(shmreg_pool_release(&p, ref), 0);
		ck_assert_uint_eq(word_of(ref), shmreg_pool_word_free(ref));
	}
	kept(&p);
	teardown();
}
END_TEST

/* A batch takes its own, what is free, and what others keep; all or none. */
START_TEST(batches_take_all)
{
	struct shmreg_pool p[4];
	shmreg_pool_ref refs[32], ref;
	int i;

	setup(32);
	for (i = 0; i < 4; i++) {
		pool_bind(&p[i], base, &shape, 5 + (uint32_t)i);
		kept(&p[i]);
	}
	ck_assert_uint_eq(pool_keep_count(&p[0], 9), 4);
	ck_assert_uint_eq(pool_keep_count(&p[0], 2), 2);
	ck_assert_int_eq(shmreg_pool_acquire_batch(&p[0], refs, 32, 32), 32);
	ck_assert_uint_eq(stat_of(&p[0]).n_held, 32);
	for (i = 0; i < 4; i++)
		expect_exhausted(&p[i]);
	ck_assert_int_eq(shmreg_pool_release_batch(&p[0], refs, 32), 0);
	/* What is put back, because it was too little, can be had. */
	ref = acquire(&p[1]);
	ck_assert_int_eq(shmreg_pool_acquire_batch(&p[0], refs, 32, 32), -EAGAIN);
	ck_assert_uint_eq(stat_of(&p[0]).n_free, 31);
	ck_assert_int_eq(shmreg_pool_release(&p[1], ref), 0);
	ck_assert_int_eq(shmreg_pool_acquire_batch(&p[0], refs, 32, 32), 32);
	ck_assert_int_eq(shmreg_pool_release_batch(&p[0], refs, 32), 0);
	teardown();
}
END_TEST

/* Those who are sent objects by others give them all back. */
START_TEST(who_does_not_acquire_keeps_nothing)
{
	struct shmreg_pool from, to;
	shmreg_pool_ref ref;
	int i;

	setup(64);
	pool_bind(&from, base, &shape, 5);
	pool_bind(&to, base, &shape, 6);
	for (i = 0; i < 3; i++) {
		ref = acquire(&from);
		*pool_word(base, &shape, shmreg_pool_ref_index(ref)) = shmreg_pool_word_held(ref, 6);
		ck_assert_int_eq(shmreg_pool_release(&to, ref), 0);
		ck_assert_uint_eq(word_of(ref), shmreg_pool_word_free(ref));
	}
	ck_assert_ptr_null(to.keeper);
	teardown();
}
END_TEST

/* There are as many keepers as there are, and all others work as well. */
START_TEST(keepers_run_out)
{
	struct shmreg_pool p[4];
	shmreg_pool_ref ref;
	uint64_t tag;
	int i;

	setup(3 * SHMREG_POOL_PER_KEEPER);
	for (i = 0; i < 4; i++) {
		pool_bind(&p[i], base, &shape, 500 + (uint32_t)i);
		if (i < 3)
			kept(&p[i]);
	}
	ref = acquire(&p[3]);
	ck_assert_ptr_null(p[3].keeper);
	ck_assert_int_eq(shmreg_pool_release(&p[3], ref), 0);
	ck_assert_uint_eq(word_of(ref), shmreg_pool_word_free(ref));
	/* Whose place is given up, another has it, with another tag. */
	tag = p[1].tag;
	ref = p[1].mine;
	pool_keep_end(&p[1]);
	ck_assert_uint_eq(word_of(ref), shmreg_pool_word_free(word_of(ref)));
	ck_assert_uint_eq(pool_keep_count(&p[0], 9), 2);
	for (i = 0; i <= PATIENCE; i++) {
		ref = acquire(&p[3]);
		ck_assert_int_eq(shmreg_pool_release(&p[3], ref), 0);
	}
	ck_assert_ptr_nonnull(p[3].keeper);
	ck_assert_uint_ne(p[3].tag, tag);
	ck_assert(p[3].kept);
	teardown();
}
END_TEST

static struct shmreg_reaper_report repaired(uint32_t seat)
{
	struct shmreg_reaper_report report = { 0 };
	uint64_t dead[64] = { 0 };

	dead[seat / 64] |= UINT64_C(1) << seat % 64;
	ck_assert_int_eq(pool_repair(&shape, base, NULL, dead, &report), 0);
	return report;
}

/* What the dead kept is free; they held nothing. Those who live keep what they keep. */
START_TEST(keepers_die)
{
	struct shmreg_pool_shm *shm;
	struct shmreg_pool p, other, next;
	struct shmreg_reaper_report report;
	shmreg_pool_ref ref, others;
	uint64_t tag;

	setup(16);
	shm = base;
	pool_bind(&p, base, &shape, 5);
	pool_bind(&other, base, &shape, 6);
	ref = kept(&p);
	others = kept(&other);
	tag = p.tag;
	switch (_i) {
	case 0:		/* between two calls */
		break;
	case 1:		/* it was released, and not yet said to be kept */
		p.keeper->ref = 0;
		break;
	case 2:		/* about to be closed */
		shm->keepers &= ~(UINT64_C(1) << (p.keeper - p.keepers));
		break;
	case 3:		/* recalled */
		p.keeper->recall |= SHMREG_POOL_WANTED;
	}
	report = repaired(5);
	ck_assert_int_eq(report.status, 0);
	ck_assert_uint_eq(report.n_freed + report.n_repaired + report.n_gave_up, 0);
	ck_assert_uint_eq(shm->n_reclaimed, 0);
	ck_assert_uint_eq(word_of(ref), shmreg_pool_word_free(ref));
	ck_assert_uint_eq(p.keeper->seat, 0);
	ck_assert_uint_eq(p.keeper->ref, 0);
	ck_assert_uint_eq((uint64_t)__builtin_popcountll(shm->keepers), 1);
	ck_assert_uint_eq(other.keeper->ref, others);
	ck_assert_uint_eq(other.keeper->seat, 6);
	/* The seat's next owner, in the same place. */
	pool_bind(&next, base, &shape, 5);
	kept(&next);
	ck_assert_ptr_eq(next.keeper, p.keeper);
	ck_assert_uint_ne(next.tag, tag);
	ck_assert_uint_eq(next.keeper->recall, next.tag);
	teardown();
}
END_TEST

/* Killed having become keeper, before it was said in the bitmap: the place is free again. */
START_TEST(dead_before_the_bit)
{
	struct shmreg_pool p, next;

	setup(8);
	pool_bind(&p, base, &shape, 5);
	p.keepers[0].seat = 5;
	repaired(5);
	ck_assert_uint_eq(p.keepers[0].seat, 0);
	pool_bind(&next, base, &shape, 6);
	kept(&next);
	teardown();
}
END_TEST

/* Killed having recalled: the handle finds out, and gets what it keeps nevertheless. */
START_TEST(dead_in_recall)
{
	struct shmreg_pool p;
	shmreg_pool_ref ref;
	uint64_t tag;

	setup(1);
	pool_bind(&p, base, &shape, 5);
	kept(&p);
	tag = p.tag;
	p.keeper->recall |= SHMREG_POOL_WANTED;
	ref = acquire(&p);
	ck_assert_uint_eq(p.keeper->recall, p.tag);
	ck_assert_uint_ne(p.tag, tag);
	ck_assert_int_eq(shmreg_pool_release(&p, ref), 0);
	ck_assert_uint_eq(word_of(ref), shmreg_pool_word_free(ref));
	teardown();
}
END_TEST

/*
 * A keeper that was recalled and then did nothing has a ref left. When the generations have gone
 * round, it names what another keeps, who does not see that this one is recalled; of another
 * participant or of the same.
 */
START_TEST(ref_stays_behind)
{
	struct shmreg_pool x, y, z;
	shmreg_pool_ref ref, refs[32];
	int i;

	setup(32);
	pool_bind(&x, base, &shape, 5);
	pool_bind(&y, base, &shape, _i == 0 ? 6 : 5);
	pool_bind(&z, base, &shape, 7);
	ref = kept(&x);
	ck_assert_int_eq(shmreg_pool_acquire_batch(&z, refs, 32, 32), 32);
	ck_assert_uint_eq(x.keeper->ref, ref);
	x.keeper->recall = x.tag;
	*pool_word(base, &shape, shmreg_pool_ref_index(ref)) =
		shmreg_pool_word_free(ref - SHMREG_POOL_GENERATION_ONE);
	ck_assert_uint_eq(kept(&y), ref);
	/* It is about to acquire, and has seen nothing of a recall. */
	y.keeper->ref = SHMREG_POOL_NONE;
	expect_exhausted(&z);
	ck_assert_uint_eq(word_of(ref), shmreg_pool_word_kept(ref, y.handle.seat, y.tag));
	ck_assert_uint_eq(y.keeper->recall, y.tag);
	if (_i == 0)
		ck_assert_uint_eq(x.keeper->recall, x.tag);
	y.keeper->ref = ref;
	for (i = 0; shmreg_pool_ref_index(refs[i]) != shmreg_pool_ref_index(ref); i++)
		;
	refs[i] = acquire(&z);
	ck_assert_uint_eq(shmreg_pool_ref_index(refs[i]), shmreg_pool_ref_index(ref));
	ck_assert_int_eq(shmreg_pool_release_batch(&z, refs, 32), 0);
	teardown();
}
END_TEST

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

/* Bytes that no correct process writes: others find nothing there, and touch nothing. */
START_TEST(nonsense_in_keepers)
{
	const uint64_t g = SHMREG_POOL_GENERATION_ONE;
	const uint64_t bad[] = { g, g | 2, g | 9, UINT64_MAX, g | UINT64_C(1) << 37, 1, 2 };
	struct shmreg_pool p, other;
	shmreg_pool_ref refs[8];
	size_t i;

	setup(8);
	pool_bind(&p, base, &shape, 5);
	pool_bind(&other, base, &shape, 6);
	ck_assert_int_eq(shmreg_pool_acquire_batch(&p, refs, 8, 8), 8);
	((struct shmreg_pool_shm *)base)->keepers = UINT64_MAX;
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		p.keepers[0].ref = bad[i];
		expect_exhausted(&other);
		ck_assert_uint_eq(pool_keep_count(&other, 9), 0);
		ck_assert_uint_eq(p.keepers[0].recall, p.tag);
	}
	ck_assert_int_eq(shmreg_pool_release_batch(&p, refs, 8), 0);
	teardown();
}
END_TEST

/*
 * Two keep something, and somebody wants one. Before each of his accesses the first one may begin to
 * acquire its own: if it does not see yet that it is recalled, it has it, and he must not take that,
 * but what the other keeps.
 */
#define STEP_BYTES 16384

struct step {
	struct shmreg_pool p[2], wants;
	long at, n;
	bool has;
	int result;
	shmreg_pool_ref ref;
};

static bool first_acquires(void *data)
{
	struct step *s = data;

	if (s->n++ != s->at)
		return true;
	shmreg_store_release(&s->p[0].keeper->ref, SHMREG_POOL_NONE);
	s->has = shmreg_load_acquire(&s->p[0].keeper->recall) == s->p[0].tag;
	return false;
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

	setup(16);
	for (at = 0;; at++) {
		memory = mmap(NULL, STEP_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
			      0);
		ck_assert_ptr_ne(memory, MAP_FAILED);
		alias = mremap(memory, 0, STEP_BYTES, MREMAP_MAYMOVE);
		ck_assert_ptr_ne(alias, MAP_FAILED);
		s = (struct step){ .at = at };
		pool_bind(&s.p[0], memory, &shape, 16);
		pool_bind(&s.p[1], memory, &shape, 17);
		pool_bind(&s.wants, alias, &shape, 18);
		for (i = 0; i < 16; i++)
			ck_assert_int_eq(shmreg_pool_acquire(&s.p[i % 2], &refs[i]), 0);
		for (i = 0; i < 2; i++)
			ck_assert_int_eq(shmreg_pool_release(&s.p[i], refs[i]), 0);
		ck_assert(s.p[0].kept && s.p[1].kept);
		inside_accesses(alias, STEP_BYTES, want_one, &s, first_acquires, &s);
		ck_assert_int_eq(s.result, 0);
		if (s.has)
			ck_assert_uint_eq(shmreg_pool_ref_index(s.ref), shmreg_pool_ref_index(refs[1]));
		munmap(memory, STEP_BYTES);
		munmap(alias, STEP_BYTES);
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

	setup(1);
	for (at = 0;; at++) {
		memory = mmap(NULL, STEP_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
			      0);
		ck_assert_ptr_ne(memory, MAP_FAILED);
		alias = mremap(memory, 0, STEP_BYTES, MREMAP_MAYMOVE);
		ck_assert_ptr_ne(alias, MAP_FAILED);
		s = (struct step){ .at = at };
		pool_bind(&s.wants, alias, &shape, 16);
		pool_bind(&s.p[0], memory, &shape, 17);
		ck_assert_int_eq(shmreg_pool_acquire(&s.wants, &s.ref), 0);
		ck_assert_int_eq(shmreg_pool_release(&s.wants, s.ref), 0);
		ck_assert(s.wants.kept);
		inside_accesses(alias, STEP_BYTES, want_one, &s, another_wants, &s);
		ck_assert_int_eq(s.result, s.has ? -EAGAIN : 0);
		munmap(memory, STEP_BYTES);
		munmap(alias, STEP_BYTES);
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
	TCase *c = tcase_create("pool-keep");

	tcase_set_timeout(c, 120);
	tcase_add_loop_test(c, what_is_kept_is_free, 0, 4);
	tcase_add_loop_test(c, one_is_kept, 0, 3);
	tcase_add_test(c, others_take_it);
	tcase_add_test(c, batches_take_all);
	tcase_add_test(c, who_does_not_acquire_keeps_nothing);
	tcase_add_test(c, keepers_run_out);
	tcase_add_loop_test(c, keepers_die, 0, 4);
	tcase_add_test(c, dead_before_the_bit);
	tcase_add_test(c, dead_in_recall);
	tcase_add_loop_test(c, ref_stays_behind, 0, 2);
	tcase_add_test(c, kept_is_not_hidden);
	tcase_add_test(c, nonsense_in_keepers);
#ifdef __x86_64__
	tcase_add_test(c, who_is_faster);
	tcase_add_test(c, keeper_is_stopped);
#endif
	tcase_add_test(c, never_two);
	return run_case("pool-keep", c);
}
