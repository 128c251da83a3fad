/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"
#include "hostile.h"
#include "segment.h"

/*
 * The same through the real thing: one participant writes anything over the whole data area of a
 * segment, the others use all that is in it, are killed, and repaired by the real reaper.
 * Daemon, reaper and others live, and what is created afterwards works.
 *
 * SHMREG_TEST_SEED is printed, SHMREG_TEST_SCALE is a factor for the number of kills.
 */

#define SEGMENT "hostile"
#define N_VICTIMS 3
#define N_KILLS 15
#define MAX_OBJECTS 64

static struct harness h;
static struct random_state rnd;

static void attach(struct shmreg_connection **connection, struct shmreg_segment **segment)
{
	int r;

	EXPECT(shmreg_connect(connection, NULL) == 0);
	/* The dead have their places until they are repaired. */
	while ((r = shmreg_segment_open(*connection, segment, SEGMENT, SHMREG_ACCESS_WRITE)) == -ENOSPC)
		usleep(1000);
	EXPECT(r == 0);
}

static unsigned int open_all(struct hostile_object *objects, struct shmreg_segment *segment)
{
	unsigned int n = 0;
	char name[64];

	for (unsigned int i = 0; i < n_hostile_rows; i++)
		for (unsigned int j = 0; j < hostile_rows[i]->n_shapes; j++) {
			struct hostile_object *o = &objects[n];

			EXPECT(n < MAX_OBJECTS);
			o->row = hostile_rows[i];
			o->shape = &o->row->shapes[j];
			o->state = calloc(1, o->row->state_bytes);
			EXPECT(o->state != NULL);
			snprintf(name, sizeof(name), "object-%u", n++);
			o->row->open(o->state, segment, name, o->shape);
		}
	return n;
}

/* Says when it has done what it was to do first, and goes on until it is killed. */
static void victim(const struct mouth *mouth, void *seed)
{
	struct random_state r = *(struct random_state *)seed;
	struct hostile_object objects[MAX_OBJECTS];
	struct shmreg_connection *connection;
	struct shmreg_segment *segment;
	unsigned int n;

	attach(&connection, &segment);
	n = open_all(objects, segment);
	for (uint64_t i = 0, first = random_below(&r, 20000);; i++) {
		struct hostile_object *o = &objects[random_below(&r, n)];

		if (i == first)
			tell(mouth, 0);
		o->row->act(o->state, &r);
	}
}

/* All objects that the directory names, whoever made them. */
static void scribbler(const struct mouth *mouth, void *seed)
{
	struct random_state r = *(struct random_state *)seed;
	struct shmreg_connection *connection;
	struct shmreg_segment *segment;

	attach(&connection, &segment);
	tell(mouth, 0);
	for (;;)
		for (uint32_t i = 0; i < segment->dir->max_objects; i++) {
			const struct shmreg_dir_object *entry = &shmreg_dir_objects(segment->dir)[i];
			struct shmreg_shape shape;
			struct hostile_object o = { .shape = &shape };
			uint64_t align;

			if (shmreg_load_acquire(&entry->state) != SHMREG_ENTRY_LIVE)
				continue;
			shape = entry->shape;
			if (shmreg_shape_bytes(&shape, &o.bytes, &align, NULL) < 0)
				continue;
			o.base = segment->data + entry->offset;
			hostile_scribble(&o, &r);
		}
}

static void start(struct process *p, process_fn run)
{
	/* What it is given must be its own from the fork on. */
	static struct random_state seed;

	seed.x = random_next(&rnd);
	process_start(p, run, &seed);
}

/* It must not have ended by itself before. */
static void kill_one(struct process *p)
{
	int status;

	ck_assert_int_eq(kill(p->pid, SIGKILL), 0);
	status = process_wait(p);
	ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
		      "a participant ended by itself, with status %#x", (unsigned int)status);
}

static void use_afterwards(struct shmreg_segment *segment)
{
	const struct shmreg_queue_params params = {
		.size = sizeof(params), .capacity = 4, .elem_bytes = 8, .elem_align = 8
	};
	struct shmreg_queue *queue;
	uint64_t in = 5, out = 0;

	harness_ok(shmreg_queue_create(segment, &queue, "afterwards", &params));
	harness_ok(shmreg_queue_push(queue, &in));
	harness_ok(shmreg_queue_pop(queue, &out));
	ck_assert_uint_eq(out, in);
}

START_TEST(test_hostile_participant)
{
	const struct shmreg_segment_params params = {
		.size = sizeof(params),
		.bytes = 4 << 20,
		.max_participants = 2 * N_VICTIMS + 4,
		.max_objects = MAX_OBJECTS,
		.lifetime = SHMREG_UNTIL_REMOVED,
	};
	const uint64_t n_kills = random_scaled(N_KILLS);
	struct process victims[N_VICTIMS], peer;
	struct shmreg_connection *connection = harness_connect();
	struct shmreg_stats_reply stats;
	struct shmreg_segment *segment;

	harness_ok(shmreg_segment_create(connection, &segment, SEGMENT, &params));
	start(&peer, scribbler);
	process_hear(&peer);
	for (unsigned int i = 0; i < N_VICTIMS; i++)
		start(&victims[i], victim);
	for (uint64_t i = 0; i < n_kills; i++) {
		struct process *p = &victims[i % N_VICTIMS];

		process_hear(p);
		kill_one(p);
		start(p, victim);
	}
	for (unsigned int i = 0; i < N_VICTIMS; i++) {
		process_hear(&victims[i]);
		kill_one(&victims[i]);
	}
	kill_one(&peer);
	use_afterwards(segment);
	harness_ok(shmreg_stats(connection, UINT32_MAX, &stats));
	printf("%llu killed; so far %llu repairs, %llu words put right, %llu not\n",
	       (unsigned long long)(n_kills + N_VICTIMS + 1), (unsigned long long)stats.n_repairs,
	       (unsigned long long)stats.n_repaired, (unsigned long long)stats.n_gave_up);
	ck_assert_uint_gt(stats.n_repairs, 0);
	ck_assert_uint_eq(stats.n_reaper_failures, 0);
	ck_assert_uint_eq(stats.n_quarantined, 0);
	harness_ok(shmreg_segment_remove(connection, SEGMENT));
	segment = shmreg_segment_close(segment);
	connection = shmreg_disconnect(connection);
}
END_TEST

static void setup(void)
{
	harness_start(&h, NULL);
}

static void teardown(void)
{
	harness_stop(&h);
}

static Suite *suite(void)
{
	Suite *s = suite_create("hostile-daemon");
	TCase *tc = harness_case(s, "hostile-daemon");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_hostile_participant);
	return s;
}

int main(void)
{
	const char *given = getenv("SHMREG_TEST_SEED");
	char seed[32];

	snprintf(seed, sizeof(seed), "%llu",
		 given ? strtoull(given, NULL, 0) : (unsigned long long)time(NULL));
	setenv("SHMREG_TEST_SEED", seed, 1);
	printf("SHMREG_TEST_SEED=%s\n", seed);
	fflush(stdout);
	random_seed(&rnd);
	return harness_main(suite());
}
