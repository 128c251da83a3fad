/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <shmreg.h>

#include "control.h"
#include "death.h"
#include "families.h"

/* control.c - what goes through the daemon, and the look-up by name, which does not */

#define OBJECTS 1000
/* With the row's own two: 500, which is what a daemon has room for if nobody says otherwise. */
#define MANY 498

#define ROW(name, measure, title, param, n_max, ...)                                               \
	{                                                                                          \
		name, measure, title, 0, 1, 0, BENCH_NS, { __VA_ARGS__ }, 8, n_max, param          \
	}
static const struct bench_row rows[] = {
	{ "lookup-1000", "lookup/find", "an object by its name, of 1,000", 0, 1, 0, BENCH_NS,
	  { { NULL, 0, 50, 0 } }, 1000, 0, 0 },
	{ "lookup-open", "lookup/open", "open and close an atomic, of 1,000 objects", 0, 1, 0, BENCH_NS,
	  { { NULL, 0, 0, 0 } }, 1000, 0, 0 },
	ROW("connect", "control/connect", "connect and disconnect", 0, 256, { NULL, 0, 0, 0 }),
	ROW("create-1", "control/create", "create and store a segment, the first", 0, 64,
	    { NULL, 0, 0, 0 }),
	ROW("create-500", "control/create", "create and store a segment, the 500th", MANY, 64,
	    { NULL, 0, 0, 0 }),
	ROW("open-1", "control/open", "open, map, first push; of 1 segment", 0, 64,
	    { NULL, 0, 60000, 0.5 }),
	ROW("open-500", "control/open", "open, map, first push; of 500 segments", MANY, 64,
	    { NULL, 0, 60000, 0.5 }),
	ROW("death", "control/death", "from SIGKILL to repaired", 0, 8, { NULL, 0, 300000, 0.5 },
	    { NULL, 0, 1000000, 0.99 }),
};
const struct bench_family bench_control = { "control", rows, BENCH_N(rows) };

SHMREG_DEFINE_QUEUE(numbers_queue, uint64_t);
SHMREG_DEFINE_ATOMIC(number, uint64_t);

void control_name(const struct bench_worker *w, const char *what, uint64_t n, char ret[64])
{
	snprintf(ret, 64, "bench.%d.%" PRIu64 ".%s.%" PRIu64, (int)getppid(), w->crew, what, n);
}

struct shmreg_connection *control_connection(void)
{
	struct shmreg_connection *c;

	bench_ok(shmreg_connect(&c, NULL), "no daemon (shmregctl run -- starts one)");
	return c;
}

static const struct shmreg_segment_params small = { .size = sizeof(small), .bytes = 1 << 16,
						   .max_participants = 4095 };

/* --- look-up ---------------------------------------------------------------------------------- */

static char object_names[OBJECTS][24];

static int open_objects(struct bench_worker *w)
{
	const struct shmreg_segment_params params = { .size = sizeof(params), .bytes = 1 << 20,
						      .max_objects = OBJECTS };
	struct shmreg_segment *s;
	struct number *a;
	char name[64];
	int i;

	control_name(w, w->row->name, 0, name);
	bench_ok(shmreg_segment_create(control_connection(), &s, name, &params), "the segment");
	for (i = 0; i < OBJECTS; i++) {
		/* In no order that the index could profit from. */
		snprintf(object_names[i], sizeof(object_names[i]), "sensor-%08d", i * 7919 % OBJECTS);
		bench_ok(number_create(s, &a, object_names[i]), "an atomic");
		number_close(a);
	}
	w->own = s;
	return 0;
}

static uint64_t find(struct bench_worker *w, uint64_t n)
{
	const struct shmreg_dir *const dir = shmreg_segment_dir(w->own);
	struct shmreg_dir_object found;
	uint64_t i;

	for (i = 0; i < n; i++) {
		bench_check(shmreg_dir_find(dir, object_names[i % OBJECTS], &found, NULL) == 0,
			    "it is not found");
		bench_escape(&found);
	}
	return 0;
}

static uint64_t open_close(struct bench_worker *w, uint64_t n)
{
	struct number *a;
	uint64_t i;

	for (i = 0; i < n; i++) {
		bench_ok(number_open(w->own, &a, object_names[i % OBJECTS]), "open");
		number_close(a);
	}
	return 0;
}

/* --- the daemon ------------------------------------------------------------------------------- */

int control_open(struct bench_worker *w, uint64_t n_fillers)
{
	const struct shmreg_segment_params stays = { .size = sizeof(stays), .bytes = 4096,
						     .lifetime = SHMREG_UNTIL_REMOVED };
	static struct control d;
	struct numbers_queue *q;
	char name[64];
	uint64_t i;

	d.owner = control_connection();
	d.other = control_connection();
	for (i = 0; i < n_fillers; i++) {
		control_name(w, "filler", i, name);
		bench_ok(shmreg_segment_create(d.owner, NULL, name, &stays), "a segment");
	}
	control_name(w, "target", 0, name);
	bench_ok(shmreg_segment_create(d.owner, &d.segment, name, &small), "the segment");
	bench_ok(numbers_queue_create(d.segment, &q, "queue", 1024, 0), "a queue");
	w->own = &d;
	return 0;
}

static int open_control(struct bench_worker *w)
{
	return control_open(w, w->row->param);
}

void control_close(struct bench_worker *w, uint64_t n_fillers)
{
	struct control *const d = w->own;
	char name[64];
	uint64_t i;

	for (i = 0; i < n_fillers; i++) {
		control_name(w, "filler", i, name);
		bench_ok(shmreg_segment_remove(d->owner, name), "remove");
	}
	shmreg_disconnect(d->owner);
	shmreg_disconnect(d->other);
}

static void close_control(struct bench_worker *w)
{
	control_close(w, w->row->param);
}

uint64_t control_connect(struct bench_worker *w, uint64_t n)
{
	uint64_t i, begin;

	for (i = 0; i < n; i++) {
		begin = bench_now();
		shmreg_disconnect(control_connection());
		bench_record(w, (double)(bench_now() - begin));
	}
	return 0;
}

uint64_t control_create(struct bench_worker *w, uint64_t n)
{
	struct control *const d = w->own;
	struct shmreg_segment *s;
	uint64_t i, begin;
	char name[64];

	for (i = 0; i < n; i++) {
		control_name(w, "new", d->serial++, name);
		begin = bench_now();
		bench_ok(shmreg_segment_create(d->other, &s, name, &small), "create");
		bench_record(w, (double)(bench_now() - begin));
		shmreg_segment_close(s);
	}
	return 0;
}

uint64_t control_open_first(struct bench_worker *w, uint64_t n)
{
	struct control *const d = w->own;
	struct numbers_queue *q;
	struct shmreg_segment *s;
	uint64_t i, begin, got = 0;
	char name[64];

	control_name(w, "target", 0, name);
	for (i = 0; i < n; i++) {
		begin = bench_now();
		bench_ok(shmreg_segment_open(d->other, &s, name, SHMREG_ACCESS_WRITE), "open");
		bench_ok(numbers_queue_open(s, &q, "queue"), "open");
		bench_ok(numbers_queue_push(q, &i), "push");
		bench_record(w, (double)(bench_now() - begin));
		bench_ok(numbers_queue_pop(q, &got), "pop");
		bench_check(got == i, "another number");
		shmreg_segment_close(s);
	}
	return 0;
}

static const struct bench_contestant contestants[] = {
	CONTROL_OURS("lookup/find", open_objects, find, NULL),
	CONTROL_OURS("lookup/open", open_objects, open_close, NULL),
	CONTROL_OURS("control/connect", open_control, control_connect, close_control),
	CONTROL_OURS("control/create", open_control, control_create, close_control),
	CONTROL_OURS("control/open", open_control, control_open_first, close_control),
	CONTROL_OURS("control/death", death_open, death_repaired, NULL),
	DEATH_LIMIT("control/death", death_open, NULL),
};
const struct bench_peer bench_shmreg_control = { "shmreg", contestants, BENCH_N(contestants) };
