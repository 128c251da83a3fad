/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "crash/inside.h"
#include "queue-plain.h"
#include "suite.h"

/*
 * Who has found nothing behind his own claim looks again, and is stopped before each instruction
 * that loads or stores in the queue. Before one of them an element comes, before another somebody
 * else wants it: one of the two gets it, wherever that is. So a claim asks whether another was
 * faster, also where all that was looked at a moment ago says that nobody was.
 */

#define CAPACITY 4
#define FIRST 5		/* position of what all have claimed and given back before */
#define ELEMENT 77
#define BYTES 4096

enum seat { LOOKS = 3, COMES, TAKES };

/* Mapped twice: who uses the second mapping is stopped. */
static void *memory, *alias;
static const struct shmreg_shape shape = { .kind = SHMREG_KIND_QUEUE, .layout = SHMREG_QUEUE_LAYOUT,
					   .elem_align = 8, .elem_bytes = 8, .capacity = CAPACITY };
static struct shmreg_queue looks, comes, takes;

static struct {
	unsigned int come, take;	/* before which access */
	unsigned int n;			/* so far */
	int looked, came, took;
	uint64_t got, taken;
} now;

static void look(void *arg)
{
	(void)arg;
	now.looked = shmreg_queue_pop(&looks, &now.got);
}

static bool at_access(void *arg)
{
	const uint64_t element = ELEMENT;

	(void)arg;
	if (now.n == now.come)
		now.came = shmreg_queue_push(&comes, &element);
	if (now.n == now.take)
		now.took = shmreg_queue_pop(&takes, &now.taken);
	return now.n++ < now.take;
}

static void prepare(void)
{
	uint64_t element = 1;

	queue_seed(memory, &shape, FIRST);
	queue_bind(&looks, alias, &shape, LOOKS);
	queue_bind(&comes, memory, &shape, COMES);
	queue_bind(&takes, memory, &shape, TAKES);
	/* The last to claim, and there is nothing behind it. */
	ck_assert_int_eq(shmreg_queue_push(&comes, &element), 0);
	ck_assert_int_eq(shmreg_queue_pop(&looks, &element), 0);
	ck_assert_int_eq(shmreg_queue_pop(&looks, &element), -EAGAIN);
}

/* Return: it came as far as that. */
static bool meet(unsigned int come, unsigned int take)
{
	uint64_t rest;

	prepare();
	memset(&now, 0, sizeof(now));
	now.come = come;
	now.take = take;
	inside_accesses(alias, BYTES, look, NULL, at_access, NULL);
	if (now.n <= take)
		return false;
	ck_assert_int_eq(now.came, 0);
	ck_assert(now.looked == 0 || now.looked == -EAGAIN);
	ck_assert(now.took == 0 || now.took == -EAGAIN);
	ck_assert_msg((now.looked == 0) != (now.took == 0), "comes at %u, is wanted at %u: %d and %d",
		      come, take, now.looked, now.took);
	ck_assert_uint_eq(now.looked == 0 ? now.got : now.taken, ELEMENT);
	ck_assert_int_eq(shmreg_queue_pop(&comes, &rest), -EAGAIN);
	ck_assert(queue_is_clean(memory, &shape));
	return true;
}

START_TEST(one_gets_it)
{
	unsigned int come, take, n = 0, n_got = 0;

	if (inside_unusable())
		return;
	ck_assert_uint_le(sizeof(struct shmreg_queue_shm) + CAPACITY * 16, BYTES);
	memory = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(memory, MAP_FAILED);
	alias = mremap(memory, 0, BYTES, MREMAP_MAYMOVE);
	ck_assert_ptr_ne(alias, MAP_FAILED);
	for (come = 0; meet(come, come); come++)
		for (take = come + 1; meet(come, take); take++, n++)
			n_got += now.looked == 0;
	printf("%u accesses, %u times in between, taken %u times\n", come, n, n_got);
	/* Who looks gets it as long as he is not too late, and he can be. */
	ck_assert_uint_gt(n_got, 0);
	ck_assert_uint_lt(n_got, n);
	munmap(alias, BYTES);
	munmap(memory, BYTES);
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("queue-look-again");

	tcase_set_timeout(c, 0);
	tcase_add_test(c, one_gets_it);
	return run_case("queue-look-again", c);
}
