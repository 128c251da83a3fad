/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "queue-fixture.h"
#include "queue-repair.h"
#include "stepper.h"
#include "suite.h"

/*
 * Batches of elements whose size the compiler knows: what is in line for them differs with size and
 * alignment, and with how many there are. And what is left of one by who is killed at any
 * instruction of it: all or nothing of a push, each element of a pop in one place at least.
 */

#define N_MAX 63
#define VICTIM 7	/* seats */
#define HEIR 8

#define DEFINE(name, bytes, align)                                                                \
	struct name {                                                                             \
		SHMREG_ALIGNAS(align) unsigned char b[bytes];                                     \
	};                                                                                        \
	SHMREG_DEFINE_QUEUE(name##_queue, struct name);                                           \
	static int name##_push_some(struct shmreg_queue *q, const void *elems, uint32_t n)        \
	{                                                                                         \
		return name##_queue_push_batch((struct name##_queue *)q, elems, n, n);            \
	}                                                                                         \
	static int name##_push_any(struct shmreg_queue *q, const void *elems, uint32_t n)         \
	{                                                                                         \
		return name##_queue_push_batch((struct name##_queue *)q, elems, n, 1);            \
	}                                                                                         \
	static int name##_pop_some(struct shmreg_queue *q, void *elems, uint32_t n)               \
	{                                                                                         \
		return name##_queue_pop_batch((struct name##_queue *)q, elems, n);                \
	}
DEFINE(one, 1, 1)
DEFINE(three, 3, 1)
DEFINE(word, 8, 8)
DEFINE(eight, 8, 1)
DEFINE(twelve, 12, 4)
DEFINE(sixteen, 16, 16)
DEFINE(item, 24, 8)
DEFINE(line, 64, 8)
DEFINE(lines, 64, 64)
DEFINE(block, 128, 128)
DEFINE(page, 4096, 128)

#define OF(name) name##_push_some, name##_push_any, name##_pop_some
static const struct kind {
	uint64_t bytes;
	uint32_t align;
	int (*push)(struct shmreg_queue *q, const void *elems, uint32_t n);	/* all or none */
	int (*push_any)(struct shmreg_queue *q, const void *elems, uint32_t n);
	int (*pop)(struct shmreg_queue *q, void *elems, uint32_t n);
} kinds[] = {
	{ 8, 8, OF(word) },
	{ 24, 8, OF(item) },
	{ 1, 1, OF(one) },
	{ 3, 1, OF(three) },
	{ 8, 1, OF(eight) },
	{ 12, 4, OF(twelve) },
	{ 16, 16, OF(sixteen) },
	{ 64, 8, OF(line) },
	{ 64, 64, OF(lines) },
	{ 128, 128, OF(block) },
	{ 4096, 128, OF(page) },
};
#define N_KINDS ((int)(sizeof(kinds) / sizeof(*kinds)))

/* Byte @k of all elements that were ever made, from number @first on. */
static unsigned char byte_of(uint64_t first, size_t bytes, size_t k)
{
	return (unsigned char)(1 + (first * bytes + k) % 251);
}

static void make(unsigned char *elems, uint64_t first, uint32_t n, size_t bytes)
{
	for (size_t k = 0; k < n * bytes; k++)
		elems[k] = byte_of(first, bytes, k);
}

static bool made(const unsigned char *elems, uint64_t first, uint32_t n, size_t bytes)
{
	for (size_t k = 0; k < n * bytes; k++)
		if (elems[k] != byte_of(first, bytes, k))
			return false;
	return true;
}

/* Every number of them, over and over the wrap; by one handle, and with another in between. */
START_TEST(every_number)
{
	const struct kind *kind = &kinds[_i];
	const struct shmreg_shape shape = shape_of(64, kind->bytes, kind->align);
	const size_t bytes = (size_t)kind->bytes;
	unsigned char *in = aligned_alloc(128, 128 * bytes);
	unsigned char *out = aligned_alloc(128, 128 * bytes);
	struct shmreg_queue q, other;
	void *base = map(&shape);
	uint64_t first = 0;

	ck_assert(in != NULL && out != NULL);
	queue_seed(base, &shape, (UINT64_C(1) << 43) - 3000);
	queue_bind(&q, base, &shape, 1);
	queue_bind(&other, base, &shape, 2);
	for (uint32_t turn = 0; turn < 4; turn++)
		for (uint32_t n = 1; n <= N_MAX; n++, first += n) {
			struct shmreg_queue *by = turn == 3 && n % 5 == 0 ? &other : &q;

			make(in, first, n, bytes);
			out[n * bytes] = 0;
			ck_assert_int_eq(kind->push(by, in, n), (int)n);
			ck_assert_uint_eq(shmreg_queue_length(&q), n);
			/* no room for so many, and nothing is done; all there are; none */
			if (n > 32)
				ck_assert_int_eq(kind->push(&q, in, n), -EAGAIN);
			ck_assert_int_eq(kind->pop(&q, out, turn % 2 ? n : N_MAX), (int)n);
			ck_assert(made(out, first, n, bytes));
			ck_assert_uint_eq(out[n * bytes], 0);
			ck_assert_int_eq(kind->pop(&q, out, n), -EAGAIN);
		}
	/* as many as there is room for, and as there are */
	for (uint32_t room = 1; room <= 20; room++) {
		make(in, 0, 40, bytes);
		ck_assert_int_eq(kind->push(&q, in, 32), 32);
		ck_assert_int_eq(kind->push(&q, in, 32 - room), 32 - (int)room);
		ck_assert_int_eq(kind->push_any(&q, in, 40), (int)room);
		ck_assert_int_eq(kind->push_any(&q, in, 40), -EAGAIN);
		ck_assert_int_eq(kind->pop(&q, out, 32), 32);
		ck_assert(made(out, 0, 32, bytes));
		ck_assert_int_eq(kind->pop(&q, out, 32 - room), 32 - (int)room);
		ck_assert_int_eq(kind->pop(&q, out, 40), (int)room);
		ck_assert(made(out, 0, room, bytes));
	}
	ck_assert(queue_is_clean(base, &shape));
	plain_unmap(base, &shape);
	free(in);
	free(out);
}
END_TEST

/* Singles in between, by the same handle: its batches name the right number, and so do they. */
START_TEST(mixed)
{
	const struct shmreg_shape shape = shape_of(64, 8, 8);
	struct word in[16], out[16];
	struct shmreg_queue q;
	void *base = map(&shape);

	queue_bind(&q, base, &shape, 1);
	for (uint64_t first = 0; first < 10000; first += 16) {
		const struct shmreg_queue_shm *shm = base;

		make((unsigned char *)in, first, 16, 8);
		ck_assert_int_eq(shmreg_queue_push(&q, in), 0);
		ck_assert_int_eq(word_push_some(&q, in + 1, 14), 14);
		ck_assert_uint_eq((shm->tail & SHMREG_QUEUE_N_MASK) >> SHMREG_QUEUE_N_SHIFT, 14);
		ck_assert_int_eq(shmreg_queue_push(&q, in + 15), 0);
		ck_assert_uint_eq((shm->tail & SHMREG_QUEUE_N_MASK) >> SHMREG_QUEUE_N_SHIFT, 1);
		ck_assert_int_eq(word_pop_some(&q, out, 3), 3);
		ck_assert_uint_eq((shm->head & SHMREG_QUEUE_N_MASK) >> SHMREG_QUEUE_N_SHIFT, 3);
		ck_assert_int_eq(shmreg_queue_pop(&q, out + 3), 0);
		ck_assert_uint_eq((shm->head & SHMREG_QUEUE_N_MASK) >> SHMREG_QUEUE_N_SHIFT, 1);
		ck_assert_int_eq(word_pop_some(&q, out + 4, 12), 12);
		ck_assert(made((unsigned char *)out, first, 16, 8));
	}
	ck_assert(queue_is_clean(base, &shape));
	plain_unmap(base, &shape);
}
END_TEST

/* Who pushes nothing but batches says it, too, before a small tail can be taken for a young one. */
START_TEST(lapped_is_set_in_time)
{
	const struct shmreg_shape shape = shape_of(64, 8, 8);
	struct shmreg_queue_shm *shm;
	struct word elems[32];
	struct shmreg_queue q;
	void *base = map(&shape);

	shm = base;
	queue_seed(base, &shape, 2048);
	queue_bind(&q, base, &shape, 1);
	memset(elems, 0, sizeof(elems));
	for (uint32_t i = 0; i < 4096 / 32; i++) {
		ck_assert_int_eq(word_push_some(&q, elems, 32), 32);
		/* its first claim was not by the fast path */
		if (i == 0)
			shm->lapped = 0;
		ck_assert_int_eq(word_pop_some(&q, elems, 32), 32);
	}
	ck_assert_uint_eq(shm->lapped, 1);
	plain_unmap(base, &shape);
}
END_TEST

/* Somebody who dies: in memory that both see, and what he has before the batch. */
#define N_STEPPED 16
struct scene {
	const struct kind *kind;
	struct shmreg_shape shape;
	struct shmreg_queue *q;
	void *base, *copy;
	size_t queue_bytes;
	unsigned char *elems;	/* what is pushed, or where it is popped to; shared */
	bool pops;
	uint64_t n_all, n_nothing;	/* how often it was found so */
};

static int run(void *data)
{
	struct scene *s = data;
	const int r = s->pops ? s->kind->pop(s->q, s->elems, N_STEPPED) :
				s->kind->push(s->q, s->elems, N_STEPPED);

	return r == N_STEPPED ? 0 : 1;
}

static void stepped(void *data, pid_t child)
{
	struct scene *s = data;
	const size_t bytes = (size_t)s->kind->bytes;
	const uint64_t dead[64] = { 1 << VICTIM };
	struct shmreg_reaper_report report;
	unsigned char elem[64];
	struct shmreg_queue heir;
	uint32_t n, i;

	(void)child;
	memcpy(s->copy, s->base, s->queue_bytes);
	ck_assert_int_eq(queue_repair(&s->shape, s->copy, dead, &report), 0);
	queue_bind(&heir, s->copy, &s->shape, HEIR);
	for (n = 0; shmreg_queue_pop(&heir, elem) == 0; n++) {
		/* which: of a push all from the first on, of a pop those that are left */
		for (i = 0; i < N_STEPPED && !made(elem, i, 1, bytes); i++)
			;
		ck_assert_uint_lt(i, N_STEPPED);
		if (!s->pops)
			ck_assert_uint_eq(i, n);
	}
	ck_assert(queue_is_clean(s->copy, &s->shape));
	if (!s->pops)
		ck_assert(n == 0 || n == N_STEPPED);
	else if (n < N_STEPPED)
		ck_assert(made(s->elems, 0, N_STEPPED, bytes));
	s->n_all += n == N_STEPPED;
	s->n_nothing += n == 0;
}

/* @_i: which kind, push or pop, over the wrap or not, the last claim another's or not. */
START_TEST(killed_anywhere)
{
	struct scene s = { .kind = &kinds[_i / 8], .pops = (_i & 1) != 0 };
	struct shmreg_shape elems_shape = shape_of(64, 64, 64);
	const struct stepper stepper = { run, stepped, &s };
	const size_t bytes = (size_t)s.kind->bytes;
	struct shmreg_queue victim, other;
	uint64_t ret_bytes, align;
	long r;

	s.shape = shape_of(32, s.kind->bytes, s.kind->align);
	s.shape.flags = SHMREG_QUEUE_REDELIVER;
	ck_assert_int_eq(shmreg_shape_bytes(&s.shape, &ret_bytes, &align, NULL), 0);
	s.queue_bytes = (size_t)ret_bytes;
	s.base = map(&s.shape);
	s.copy = map(&s.shape);
	s.elems = map(&elems_shape);
	queue_seed(s.base, &s.shape, (_i & 2) != 0 ? 64 - 5 - 2 : 64);
	queue_bind(&victim, s.base, &s.shape, VICTIM);
	queue_bind(&other, s.base, &s.shape, HEIR);
	s.q = &victim;
	/* once before, so that it is not its first claim */
	make(s.elems, 500, 2, bytes);
	ck_assert_int_eq(shmreg_queue_push_batch(&victim, s.elems, 1, 1), 1);
	ck_assert_int_eq(shmreg_queue_push_batch((_i & 4) != 0 ? &other : &victim, s.elems, 1, 1), 1);
	ck_assert_int_eq(shmreg_queue_pop_batch(&victim, s.elems, 1), 1);
	ck_assert_int_eq(shmreg_queue_pop_batch((_i & 4) != 0 ? &other : &victim, s.elems, 1), 1);
	make(s.elems, 0, N_STEPPED, bytes);
	if (s.pops) {
		ck_assert_int_eq(s.kind->push(&victim, s.elems, N_STEPPED), N_STEPPED);
		memset(s.elems, 0, N_STEPPED * bytes);
	}
	r = stepper_run(&stepper);
	if (r == -EPERM) {
		puts("skipped: ptrace is not allowed here");
	} else {
		ck_assert_int_gt(r, 0);
		ck_assert_uint_gt(s.n_all, 0);
		ck_assert_uint_gt(s.n_nothing, 0);
	}
	plain_unmap(s.base, &s.shape);
	plain_unmap(s.copy, &s.shape);
	plain_unmap(s.elems, &elems_shape);
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("queue-batch");

	tcase_set_timeout(c, 0);
	tcase_add_loop_test(c, every_number, 0, N_KINDS);
	tcase_add_test(c, mixed);
	tcase_add_test(c, lapped_is_set_in_time);
	/* ThreadSanitizer's own instructions would be stepped, too: thousands for each of these. */
	if (!SHMREG_TSAN)
		tcase_add_loop_test(c, killed_anywhere, 0, 2 * 8);
	return run_case("queue-batch", c);
}
