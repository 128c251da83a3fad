/* SPDX-License-Identifier: MIT */
/*
 * crash-attach - kill a client everywhere on its way in and out
 *
 *	SHMREG_CRASH_FULL=1	at every single instruction
 *
 * The victim attaches to a real private daemon through libshmreg, opens, closes,
 * detaches; its connection is made before. What others see of it are its system
 * calls and its stores to shared memory, so two kills with neither between them are one
 * case. By default it is killed before and behind each of them, and at every
 * INSTRUCTION_STRIDE-th instruction besides.
 *
 * After each kill: everything the registry counts, and the directory's seats and
 * participants, are as they were before it came; the queue's element is still
 * there, and another participant's pushes and pops go on. A table and a last line as
 * crash-queue's.
 */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "attach.h"
#include "harness.h"
#include "tally.h"
#include "tracer.h"

#define INSTRUCTION_STRIDE 41
#define MAX_STOPS 200000
#define PATIENCE_SEC 60

/* What the living one does, in this process. */
static struct {
	struct harness harness;
	struct shmreg_connection *connection;
	struct shmreg_segment *segment;
	struct shmreg_queue *queue;
	struct shmreg_stats_reply before;	/* the victim came */
	uint64_t value;
} self;

enum { MODE_CALLS, MODE_STORES, MODE_INSTRUCTIONS };
static const char *const modes[TALLY_MODES] = {
	[MODE_CALLS] = "calls",
	[MODE_STORES] = "stores",
	[MODE_INSTRUCTIONS] = "others",
};

static void look(struct shmreg_stats_reply *ret)
{
	harness_ok(shmreg_stats(self.connection, UINT32_MAX, ret));
}

/* The registry counts what it counted before. */
static bool as_before(const struct shmreg_stats_reply *now)
{
	for (unsigned int i = 0; i < SHMREG_N_RESOURCES; i++)
		if (now->usage[i].used != self.before.usage[i].used)
			return false;
	return true;
}

static const char *difference(const struct shmreg_stats_reply *now)
{
	static const char *const names[SHMREG_N_RESOURCES] = {
		"segments", "bytes", "reserved bytes", "objects",
		"participants", "seats", "connections", "subscriptions",
	};
	static char text[200];

	for (unsigned int i = 0; i < SHMREG_N_RESOURCES; i++)
		if (now->usage[i].used != self.before.usage[i].used)
			snprintf(text, sizeof(text), "%" PRIu64 " %s, before it came %" PRIu64,
				 now->usage[i].used, names[i], self.before.usage[i].used);
	return text;
}

/*
 * Asks until it is so, which is soon: each question goes through the daemon's loop,
 * as the victim's death does. A look-up in between lets our own part of a removal go.
 */
static bool settle(struct shmreg_stats_reply *now)
{
	struct shmreg_queue *none;
	struct timespec start, t;

	clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		look(now);
		if (as_before(now))
			return true;
		harness_result(shmreg_queue_open(self.segment, &none, "no-such-queue", NULL),
			       -ENOENT);
		clock_gettime(CLOCK_MONOTONIC, &t);
	} while (t.tv_sec - start.tv_sec < PATIENCE_SEC);
	return false;
}

/* Only we are in the directory. */
static const char *directory_leaks(void)
{
	const struct shmreg_dir *dir = shmreg_segment_dir(self.segment);
	const struct shmreg_dir_participant *p = shmreg_dir_participants(dir);
	const uint64_t us = shmreg_segment_participant(self.segment);
	const uint64_t *seats = shmreg_dir_seats(dir);
	static char text[100];

	for (uint32_t i = 0; i < SHMREG_SEATS; i++) {
		const uint64_t w = shmreg_load_acquire(&seats[i]);

		if ((w & SHMREG_SEAT_STATE_MASK) != SHMREG_SEAT_FREE &&
		    w >> SHMREG_SEAT_PARTICIPANT_SHIFT != us) {
			snprintf(text, sizeof(text), "seat %u is %#" PRIx64, i, w);
			return text;
		}
	}
	for (uint32_t i = 0; i < dir->max_participants; i++)
		if (shmreg_load_acquire(&p[i].state) != SHMREG_ENTRY_FREE &&
		    shmreg_load_relaxed(&p[i].id) != us) {
			snprintf(text, sizeof(text), "participant %" PRIu64 " is still there",
				 shmreg_load_relaxed(&p[i].id));
			return text;
		}
	return NULL;
}

/* Everybody else goes on: the element that was there, and a lap of others. */
static const char *queue_trouble(struct shmreg_queue *queue, uint64_t expected)
{
	uint64_t value = 0;

	if (shmreg_queue_pop(queue, &value) < 0 || value != expected)
		return "the queue's element is not the one that was pushed";
	for (unsigned int i = 0; i < 2 * attach_queue_params.capacity; i++) {
		const uint64_t mine = expected + 1 + i;

		if (shmreg_queue_push(queue, &mine) < 0)
			return "a push failed";
		if (shmreg_queue_pop(queue, &value) < 0 || value != mine)
			return "a pop failed";
	}
	return NULL;
}

/* An object that it made is one, or there is none; if so, it goes again. */
static const char *fresh_object_trouble(void)
{
	const char *trouble = NULL;
	struct shmreg_queue *fresh;
	const uint64_t value = 7;

	if (shmreg_queue_open(self.segment, &fresh, ATTACH_FRESH_QUEUE, &attach_queue_params) < 0)
		return NULL;
	if (shmreg_queue_push(fresh, &value) < 0)
		trouble = "a push into the queue that it made failed";
	else
		trouble = queue_trouble(fresh, value);
	harness_ok(shmreg_queue_close(fresh));
	harness_ok(shmreg_object_remove(self.segment, ATTACH_FRESH_QUEUE));
	return trouble;
}

static enum outcome judge(const char **ret_why, uint64_t *ret_repairs)
{
	struct shmreg_stats_reply now;
	const char *why;
	bool settled;

	/* It may still be attaching, in the daemon's books; so what it made may still come. */
	for (;;) {
		why = fresh_object_trouble();
		if (why) {
			*ret_why = why;
			return OUTCOME_WEDGED;
		}
		settled = settle(&now);
		/* A request that it had sent is done or will never be once its session has ended. */
		if (settled || now.usage[SHMREG_RESOURCE_OBJECTS].used ==
				       self.before.usage[SHMREG_RESOURCE_OBJECTS].used)
			break;
	}
	*ret_why = "";
	*ret_repairs = now.n_repairs - self.before.n_repairs;
	if (!settled) {
		*ret_why = difference(&now);
		return OUTCOME_LEAKED;
	}
	why = directory_leaks();
	if (why) {
		*ret_why = why;
		return OUTCOME_LEAKED;
	}
	why = queue_trouble(self.queue, self.value);
	if (why) {
		*ret_why = why;
		return OUTCOME_WEDGED;
	}
	return OUTCOME_GOOD;
}

static void start(struct tracee *t, const struct way *way)
{
	uint64_t left;

	/* Nothing, unless the case before this one went wrong. */
	while (shmreg_queue_pop(self.queue, &left) == 0)
		;
	self.value += 100;
	ck_assert_int_eq(shmreg_queue_push(self.queue, &self.value), 0);
	look(&self.before);
	tracee_start(t, way->run, way->prepare, NULL);
}

/* Where to kill it: so many system calls after the start, and so many instructions on. */
struct stop {
	uint32_t n_calls;
	uint32_t n_steps;
	uint8_t mode;
};

static struct stop stops[MAX_STOPS];
static unsigned int n_stops;

static void add_stop(uint32_t n_calls, uint32_t n_steps, uint8_t mode)
{
	if (n_stops > 0 && stops[n_stops - 1].n_calls == n_calls &&
	    stops[n_stops - 1].n_steps == n_steps) {
		if (mode < stops[n_stops - 1].mode)
			stops[n_stops - 1].mode = mode;
		return;
	}
	ck_assert_uint_lt(n_stops, MAX_STOPS);
	stops[n_stops++] = (struct stop){ n_calls, n_steps, mode };
}

/* Steps through it once, and notes where something happens. */
static void record(struct tally *t, const struct way *way, bool full)
{
	const unsigned char *queue = self.queue->handle.base;
	unsigned char image[sizeof(struct shmreg_queue_shm)];
	uint32_t n_calls = 0, n_steps = 0;
	struct shmreg_stats_reply now;
	enum outcome outcome;
	struct tracee tracee;
	const char *why = "";
	uint64_t repairs = 0;

	n_stops = 0;
	start(&tracee, way);
	add_stop(0, 0, MODE_CALLS);
	memcpy(image, queue, sizeof(image));
	for (;;) {
		const bool call = tracee_at_syscall(&tracee);

		if (call)
			add_stop(n_calls, n_steps, MODE_CALLS);
		if (!tracee_step(&tracee) || tracee.finished)
			break;
		if (call) {
			n_calls++;
			n_steps = 0;
			add_stop(n_calls, 0, MODE_CALLS);
		} else {
			n_steps++;
		}
		if (memcmp(image, queue, sizeof(image)) != 0) {
			memcpy(image, queue, sizeof(image));
			if (n_steps > 0)
				add_stop(n_calls, n_steps - 1, MODE_STORES);
			add_stop(n_calls, n_steps, MODE_STORES);
		} else if (full || tracee.n_steps % INSTRUCTION_STRIDE == 0) {
			add_stop(n_calls, n_steps, MODE_INSTRUCTIONS);
		}
	}
	t->n_instructions = tracee.n_steps;
	/* The test's own test: of one who lives, something must be seen. */
	look(&now);
	ck_assert_msg(!way->stays || !as_before(&now),
		      "%s: a victim that lives was not seen in what the registry counts",
		      way->name);
	tracee_kill(&tracee);
	outcome = judge(&why, &repairs);
	tally_case(t, MODE_CALLS, outcome, "%s; killed behind its end: %s", way->name, why);
	t->n_repaired += repairs > 0;
}

static void sweep(struct tally *t, const struct way *way, bool full)
{
	record(t, way, full);
	for (unsigned int i = 0; i < n_stops; i++) {
		struct tracee tracee;
		uint64_t repairs = 0;
		const char *why = "";
		enum outcome outcome;

		start(&tracee, way);
		if (tracee_syscalls(&tracee, stops[i].n_calls))
			for (uint32_t j = 0; j < stops[i].n_steps && tracee_step(&tracee); j++)
				;
		tracee_kill(&tracee);
		outcome = judge(&why, &repairs);
		t->n_repaired += repairs > 0;
		tally_case(t, stops[i].mode, outcome,
			   "%s; killed %u instructions behind system call %u: %s", way->name,
			   stops[i].n_steps, stops[i].n_calls, why);
		/* What has leaked would be found again and again. */
		if (outcome != OUTCOME_GOOD)
			break;
	}
}

START_TEST(attach_and_detach)
{
	const char *const full = getenv("SHMREG_CRASH_FULL"), *const only = getenv("SHMREG_CRASH_ONLY");
	struct tally sum = { 0 };

	harness_start(&self.harness, NULL);
	self.connection = harness_connect();
	harness_ok(shmreg_segment_create(self.connection, &self.segment, ATTACH_SEGMENT,
					 &attach_segment_params));
	harness_ok(shmreg_queue_create(self.segment, &self.queue, ATTACH_QUEUE, &attach_queue_params));

	tally_print_head("attach and detach", modes);
	for (unsigned int i = 0; i < attach_n_ways; i++) {
		struct tally t = { 0 };

		if (only && *only && strcmp(only, attach_ways[i].name) != 0)
			continue;
		sweep(&t, &attach_ways[i], full && *full);
		tally_print(attach_ways[i].name, &t);
		tally_add(&sum, &t);
	}
	printf("(calls: before and behind each system call; stores: each store to shared memory;\n"
	       "others: %s)\n", full && *full ? "every other instruction"
					    : "some instructions between; all with SHMREG_CRASH_FULL=1");
	tally_print_sum(&sum);

	harness_ok(shmreg_queue_close(self.queue));
	shmreg_segment_close(self.segment);
	shmreg_disconnect(self.connection);
	harness_stop(&self.harness);
	ck_assert_uint_eq(tally_bad(&sum), 0);
}
END_TEST

int main(int argc, char **argv)
{
	const char *const unusable = tracer_unusable();
	Suite *suite = suite_create("crash-attach");
	TCase *tc = tcase_create("attach and detach");

	if (unusable) {
		printf("skipped: %s\n", unusable);
		return 77;
	}
	/* No symbol is to be looked up between two steps, in the library neither. */
	if (argc > 0 && !getenv("LD_BIND_NOW")) {
		setenv("LD_BIND_NOW", "1", 1);
		execv("/proc/self/exe", argv);
	}
	tcase_set_timeout(tc, 0);	/* with SHMREG_CRASH_FULL it takes what it takes */
	tcase_add_test(tc, attach_and_detach);
	suite_add_tcase(suite, tc);
	return harness_main(suite);
}

