/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "pool-rig.h"

static void note(struct actor *a, int r)
{
	if (r == -EAGAIN)
		shmreg_store_release(&a->log.n_again, a->log.n_again + 1);
	else if (r < 0)
		shmreg_store_release(&a->log.n_bad, a->log.n_bad + 1);
}

static struct item item_of(const struct actor *a, uint64_t ref)
{
	return (struct item){ .owner = a->pool.pool.handle.seat, .ref = ref };
}

/* Becomes one's by an acquisition: filled in and noted. */
static void keep(struct actor *a, unsigned int place, uint64_t ref)
{
	struct item *item = item_pool_get(&a->pool, ref);

	if (item == NULL) {
		note(a, -EINVAL);
		return;
	}
	*item = item_of(a, ref);
	shmreg_store_release(&a->log.ref[place], ref);
}

void actor_get(struct actor *a, unsigned int place)
{
	uint64_t ref = SHMREG_POOL_NONE;
	const int r = item_pool_acquire(&a->pool, &ref);

	note(a, r);
	if (r == 0)
		keep(a, place, ref);
}

void actor_give(struct actor *a, unsigned int place)
{
	const uint64_t ref = a->log.ref[place];

	if (ref == SHMREG_POOL_NONE)
		return;
	/* Before: who dies in the call does not know whether he still has it. */
	shmreg_store_release(&a->log.ref[place], SHMREG_POOL_NONE);
	note(a, item_pool_release(&a->pool, ref));
}

static void run_acquire(void *arg)
{
	actor_get(arg, 1);
}

static void run_make(void *arg)
{
	struct actor *a = arg;
	const struct item item = item_of(a, 0);
	uint64_t ref = SHMREG_POOL_NONE;
	const int r = item_pool_make(&a->pool, &ref, &item);

	note(a, r);
	if (r == 0)
		keep(a, 1, ref);
}

static void run_release(void *arg)
{
	actor_give(arg, 0);
}

static void run_release_acquire(void *arg)
{
	actor_give(arg, 0);
	actor_get(arg, 1);
}

static void run_acquire_release(void *arg)
{
	actor_get(arg, 1);
	actor_give(arg, 1);
	actor_give(arg, 0);
}

/* Of a reference that is not good any more, nothing becomes. */
static void run_release_twice(void *arg)
{
	struct actor *a = arg;
	const uint64_t ref = a->log.ref[0];

	actor_give(a, 0);
	if (item_pool_release(&a->pool, ref) != -ESTALE)
		note(a, -EINVAL);
}

static void batch(struct actor *a, uint32_t min)
{
	uint64_t ref[3];
	int r = item_pool_acquire_batch(&a->pool, ref, 3, min), i;

	note(a, r);
	for (i = 0; i < r; i++)
		keep(a, 1 + (unsigned int)i, ref[i]);
}

static void run_batch(void *arg)
{
	batch(arg, 3);
}

static void run_batches(void *arg)
{
	struct actor *a = arg;
	uint64_t ref[3];

	batch(a, 1);
	memcpy(ref, &a->log.ref[1], sizeof(ref));
	for (unsigned int i = 1; i < KEPT; i++)
		shmreg_store_release(&a->log.ref[i], SHMREG_POOL_NONE);
	if (ref[0] != SHMREG_POOL_NONE && ref[2] != SHMREG_POOL_NONE)
		note(a, item_pool_release_batch(&a->pool, ref, 3));
	else
		for (unsigned int i = 0; i < 3; i++)
			if (ref[i] != SHMREG_POOL_NONE)
				note(a, item_pool_release(&a->pool, ref[i]));
}

/* Through the steps of hints, both ways. */
static void run_search(void *arg)
{
	actor_get(arg, 1);
	actor_get(arg, 2);
	actor_give(arg, 0);
}

static void run_vain(void *arg)
{
	actor_get(arg, 1);
	actor_get(arg, 2);
	actor_get(arg, 3);
}
const struct operation vain = { "acquire three times", run_vain, 0, NULL };

static void run_take_first(void *arg)
{
	struct actor *a = arg;
	struct shmreg_pool *p = &a->pool.pool;
	uint64_t *word = &p->owner[9], w = *word;
	uint64_t next = shmreg_pool_next_(w, SHMREG_POOL_HELD);

	if (shmreg_cas_acq_rel(word, &w, next)) {
		shmreg_store_release(word, shmreg_pool_next_(w, p->claim));
		keep(a, 1, shmreg_pool_ref_of(*word, 9));
	}
}
const struct operation take_first = { "take first", run_take_first, 0, NULL };

const struct operation pool_operations[] = {
	[ACQUIRE] = { "acquire", run_acquire, OPERATION_BOTH, NULL },
	[MAKE] = { "make", run_make, 0, NULL },
	[RELEASE] = { "release", run_release, OPERATION_BOTH, NULL },
	[RELEASE_ACQUIRE] = { "release, acquire", run_release_acquire, 0, NULL },
	[ACQUIRE_RELEASE_RELEASE] = { "acquire, release, release", run_acquire_release, 0, NULL },
	[RELEASE_TWICE] = { "release twice", run_release_twice, 0, NULL },
	[ACQUIRE_BATCH] = { "acquire all or none of 3", run_batch, 0, NULL },
	[BATCHES] = { "acquire 1 to 3, release them", run_batches, 0, NULL },
	[SEARCH] = { "acquire twice, release", run_search, 0, NULL },
};
