/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "hostile.h"
#include "plain.h"

/*
 * All operations of all structures, and their repair, while a peer writes anything over all
 * that is shared. First in turns, which can be had again by the seed; then at once.
 * SHMREG_TEST_SEED is printed, SHMREG_TEST_SCALE is a factor for the number of calls.
 *
 * Compiled with AddressSanitizer and UndefinedBehaviorSanitizer where the compiler has them.
 */

#define N_CALLS 400000		/* in turns; at once the same */
#define EPOCH 64			/* calls of one object, attacked as much */
#define MAX_OBJECTS 64
/* Only against a call that never returns. */
#define PATIENCE_SEC 600

static struct hostile_object objects[MAX_OBJECTS];
static struct hostile_count counts[MAX_OBJECTS];
static unsigned int n_objects;

static void make_objects(void)
{
	uint64_t align;

	for (unsigned int i = 0; i < n_hostile_rows; i++)
		for (unsigned int j = 0; j < hostile_rows[i]->n_shapes; j++) {
			struct hostile_object *o = &objects[n_objects++];

			EXPECT(n_objects <= MAX_OBJECTS);
			o->row = hostile_rows[i];
			o->shape = &o->row->shapes[j];
			EXPECT(shmreg_shape_bytes(o->shape, &o->bytes, &align, NULL) == 0);
			o->base = plain_map(o->shape);
			EXPECT(o->base != NULL);
			o->state = calloc(1, o->row->state_bytes);
			EXPECT(o->state != NULL);
			o->row->bind(o->state, o->base, o->shape);
		}
}

/* The second object of one, if it has one. */
static const struct hostile_object *companion(const struct hostile_object *o)
{
	return o->row->companion != NULL ? o->row->companion(o->state) : NULL;
}

static void attack(const struct hostile_object *o, struct random_state *r)
{
	const struct hostile_object *second = companion(o);

	hostile_scribble(second != NULL && random_below(r, 2) ? second : o, r);
}

static void free_objects(void)
{
	while (n_objects > 0) {
		struct hostile_object *o = &objects[--n_objects];

		if (companion(o) != NULL)
			plain_unmap(companion(o)->base, companion(o)->shape);
		plain_unmap(o->base, o->shape);
		free(o->state);
	}
	hostile_free_buffers();
}

static void call(struct hostile_object *o, struct random_state *r)
{
	const struct hostile_object *second = companion(o);

	if (random_below(r, 32) == 0) {
		hostile_repair(second != NULL && random_below(r, 2) ? second : o);
		return;
	}
	hostile_count = counts[o - objects];
	o->row->act(o->state, r);
	counts[o - objects] = hostile_count;
}

/*
 * Most of what is written over an object makes it useless for good. So from time to time it is
 * as new, and the next attack finds it in order; or the handles come to what is left.
 */
static struct hostile_object *next_object(struct random_state *r)
{
	struct hostile_object *o = &objects[random_below(r, n_objects)];
	const struct hostile_object *second = companion(o);

	if (random_below(r, 4) != 0)
		memset(o->base, 0, (size_t)o->bytes);
	if (second != NULL && random_below(r, 4) != 0)
		memset(second->base, 0, (size_t)second->bytes);
	if (random_below(r, 8) != 0)
		o->row->bind(o->state, o->base, o->shape);
	return o;
}

static void in_turns(uint64_t n, struct random_state *r)
{
	static const unsigned int one_in[] = { 2, 8, 32, 128 };

	for (uint64_t i = 0; i < n; i += EPOCH) {
		struct hostile_object *o = next_object(r);
		const unsigned int rarely = one_in[random_below(r, 4)];

		for (unsigned int j = 0; j < EPOCH; j++) {
			while (random_below(r, rarely) == 0)
				attack(o, r);
			call(o, r);
		}
	}
}

static pid_t start_scribbler(struct random_state *r)
{
	const pid_t pid = fork();
	struct random_state own = { random_next(r) };

	EXPECT(pid >= 0);
	if (pid > 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		const uint64_t pause = random_below(&own, 4) * random_below(&own, 2000);

		for (unsigned int i = 0; i < n_objects; i++)
			attack(&objects[i], &own);
		for (uint64_t i = 0; i < pause; i++)
			random_next(&own);
	}
}

static void at_once(uint64_t n, struct random_state *r)
{
	const pid_t pid = start_scribbler(r);
	int status;

	for (uint64_t i = 0; i < n; i += EPOCH) {
		struct hostile_object *o = next_object(r);

		for (unsigned int j = 0; j < EPOCH; j++)
			call(o, r);
	}
	kill(pid, SIGKILL);
	EXPECT(waitpid(pid, &status, 0) == pid);
	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* Where no call says anything (arrays, atomics) there is nothing to count. */
static void print_counts(void)
{
	for (unsigned int i = 0; i < n_objects; i++) {
		const struct hostile_object *o = &objects[i];
		const struct hostile_count *c = &counts[i];

		if (c->n_done + c->n_refused == 0)
			continue;
		printf("  %-12s of %4llu x %3llu bytes: %9llu calls done, %9llu refused\n",
		       o->row->name, (unsigned long long)o->shape->capacity,
		       (unsigned long long)o->shape->elem_bytes, (unsigned long long)c->n_done,
		       (unsigned long long)c->n_refused);
		EXPECT(c->n_done > c->n_refused / 20);
	}
}

int main(void)
{
	const uint64_t n = random_scaled(N_CALLS);
	const char *given = getenv("SHMREG_TEST_SEED");
	struct random_state r;
	char seed[32];

	snprintf(seed, sizeof(seed), "%llu",
		 given ? strtoull(given, NULL, 0) : (unsigned long long)time(NULL));
	setenv("SHMREG_TEST_SEED", seed, 1);
	random_seed(&r);
	alarm(PATIENCE_SEC);
	make_objects();
	printf("SHMREG_TEST_SEED=%s: %u kinds, %u objects, %llu calls in turns and at once%s\n", seed,
	       n_hostile_rows, n_objects, (unsigned long long)n,
#ifdef __SANITIZE_ADDRESS__
	       ""
#else
	       ", without sanitizers: this compiler has none"
#endif
	);
	fflush(stdout);
	in_turns(n, &r);
	at_once(n, &r);
	print_counts();
	free_objects();
	return 0;
}
