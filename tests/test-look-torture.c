/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * What peek and dump look through, and both themselves, while writers hammer every kind of object
 * and are killed at it: a look never says that nothing could be so, and shows no element of which
 * only a part is there. All words of an element are the same number.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "look.h"
#include "look-writer.h"
#include "torture.h"

#define LOOKS_A_KILL 40
#define KILLS 25
#define PROGRAM_RUNS 4

static struct harness h;
static pid_t writers[LOOK_WRITERS];

/* --- looks --------------------------------------------------------------------------- */

enum { ARRAY, ATOMIC, CELL, KEPT, OBJECTS, POOL, QUEUE, RECORDS, RING, TOPIC, N_OBJECTS };
static const char *const names[N_OBJECTS] = {
	[ARRAY] = "array", [ATOMIC] = "atomic", [CELL] = "cell", [KEPT] = "kept",
	[OBJECTS] = "objects", [POOL] = "pool", [QUEUE] = "queue", [RECORDS] = "records",
	[RING] = "ring", [TOPIC] = "topic",
};

/* Whoever writes these meanwhile may be half done. */
static bool may_be_torn(unsigned int object)
{
	return object == ARRAY || object == POOL;
}

struct visitor {
	unsigned int object;
	bool follows;
	uint64_t last;		/* number */
	uint64_t n;
};

static int visit(void *context, const struct look_item *item)
{
	struct visitor *v = context;
	uint64_t word, first;

	/* An atomic has none. */
	if (v->follows && v->object != ATOMIC) {
		ck_assert_msg(v->n == 0 || item->number > v->last, "%s: %llu after %llu", names[v->object],
			      (unsigned long long)item->number, (unsigned long long)v->last);
		v->last = item->number;
	}
	if (!item->data)
		return 0;
	v->n++;
	ck_assert_uint_gt(item->bytes, 0);
	ck_assert_uint_eq(item->bytes % sizeof(word), 0);
	memcpy(&first, item->data, sizeof(first));
	for (uint64_t at = 0; at < item->bytes && !may_be_torn(v->object); at += sizeof(word)) {
		memcpy(&word, (const char *)item->data + at, sizeof(word));
		ck_assert_msg(word == first, "%s: element %llu, %s, is torn: %llu and %llu at %llu",
			      names[v->object], (unsigned long long)item->number,
			      item->state ? item->state : "there", (unsigned long long)first,
			      (unsigned long long)word, (unsigned long long)at);
	}
	return 0;
}

static struct look *following[N_OBJECTS];
static struct visitor visitors[N_OBJECTS];
static uint64_t n_seen[N_OBJECTS];

static void look_at_all(struct shmreg_segment *s)
{
	for (unsigned int i = 0; i < N_OBJECTS; i++) {
		struct visitor fresh = { .object = i };
		struct look *look;

		harness_ok(look_open(s, names[i], &look));
		ck_assert_msg(look_each(look, visit, &fresh) == 0, "%s: %s", names[i], shmreg_error());
		look_close(look);
		ck_assert_int_eq(look_each(following[i], visit, &visitors[i]), 0);
		n_seen[i] += fresh.n;
	}
}

static bool something_was_seen(void *segment)
{
	look_at_all(segment);
	for (unsigned int i = 0; i < N_OBJECTS; i++)
		if (n_seen[i] == 0)
			return false;
	return true;
}

static bool all_are_there(void *segment)
{
	for (unsigned int i = 0; i < N_OBJECTS; i++)
		if (shmreg_dir_find(shmreg_segment_dir(segment), names[i], &(struct shmreg_dir_object){ 0 },
				    NULL) < 0)
			return false;
	return true;
}

static struct shmreg_segment *begin(struct shmreg_connection **ret)
{
	const struct shmreg_segment_params params = {
		.size = sizeof(params), .bytes = 1 << 20, .lifetime = SHMREG_UNTIL_REMOVED,
	};
	struct shmreg_segment *s;

	*ret = harness_connect();
	harness_ok(shmreg_segment_create(*ret, NULL, LOOK_SEGMENT, &params));
	for (unsigned int i = 0; i < LOOK_WRITERS; i++)
		writers[i] = look_writer_start((uint64_t)(i + 1) << 56);
	harness_ok(shmreg_segment_open(*ret, &s, LOOK_SEGMENT, SHMREG_ACCESS_READ));
	harness_wait(all_are_there, s, "the writers to have made all objects");
	return s;
}

static void end(struct shmreg_connection *c, struct shmreg_segment *s)
{
	for (unsigned int i = 0; i < LOOK_WRITERS; i++)
		torture_kill(writers[i]);
	harness_ok(shmreg_segment_remove(c, LOOK_SEGMENT));
	shmreg_segment_close(s);
	shmreg_disconnect(c);
}

START_TEST(looks)
{
	const uint64_t n_kills = torture_scaled(KILLS);
	struct shmreg_connection *c;
	struct random_state random;
	struct shmreg_segment *s = begin(&c);

	torture_begin(&random, 0);
	for (unsigned int i = 0; i < N_OBJECTS; i++) {
		harness_ok(look_open(s, names[i], &following[i]));
		visitors[i] = (struct visitor){ .object = i, .follows = look_has_order(following[i]) };
	}
	for (uint64_t kill = 1; kill <= n_kills; kill++) {
		const unsigned int victim = (unsigned int)random_below(&random, LOOK_WRITERS);

		for (uint64_t n = random_below(&random, 2 * LOOKS_A_KILL); n > 0; n--)
			look_at_all(s);
		torture_kill(writers[victim]);
		look_at_all(s);
		writers[victim] = look_writer_start((uint64_t)(victim + 1) << 56 | kill << 40);
	}
	harness_wait(something_was_seen, s, "something in each object");
	for (unsigned int i = 0; i < N_OBJECTS; i++) {
		printf("%s %llu, ", names[i], (unsigned long long)n_seen[i]);
		look_close(following[i]);
	}
	puts("elements seen");
	end(c, s);
}
END_TEST

struct states {
	unsigned int n_there, n_being_written;
};

static int count_states(void *context, const struct look_item *item)
{
	struct states *ret = context;

	if (item->data)
		ret->n_there++;
	else if (item->state && strcmp(item->state, "being written") == 0)
		ret->n_being_written++;
	return 0;
}

static void expect_states(struct shmreg_segment *s, unsigned int n_there, unsigned int n_being_written)
{
	struct states states = { 0, 0 };
	struct look *look;

	harness_ok(look_open(s, names[QUEUE], &look));
	harness_ok(look_each(look, count_states, &states));
	look_close(look);
	ck_assert_uint_eq(states.n_there, n_there);
	ck_assert_uint_eq(states.n_being_written, n_being_written);
}

/* Of a batch without its leader nothing is shown, whatever stands in the others' slots; behind it all is. */
START_TEST(unpublished)
{
	const struct shmreg_segment_params params = { .size = sizeof(params), .bytes = 1 << 20 };
	struct shmreg_connection *c = harness_connect();
	struct item_queue *queue = NULL, *other = NULL;
	struct shmreg_segment *s;
	struct shmreg_queue *q;
	struct item item;
	uint64_t first;

	harness_ok(shmreg_segment_create(c, &s, LOOK_SEGMENT, &params));
	harness_ok(item_queue_open_or_create(s, &queue, names[QUEUE], 16, 0));
	harness_ok(item_queue_open_or_create(s, &other, names[QUEUE], 16, 0));
	q = item_queue_untyped(queue);
	look_fill(&item, 1);
	harness_ok(item_queue_push(queue, &item));
	ck_assert_int_eq(shmreg_queue_claim_push(q, 3, 3, &first), 3);
	for (uint64_t i = 2; i > 0; i--)
		shmreg_store_release(shmreg_queue_word_(shmreg_queue_slot_(
					     q, first + (i << SHMREG_QUEUE_POS_SHIFT), q->stride)),
				     (first & q->lap_mask) | SHMREG_QUEUE_READY);
	expect_states(s, 1, 3);
	/* recorded */
	harness_ok(item_queue_push(other, &item));
	expect_states(s, 2, 3);
	shmreg_store_release(shmreg_queue_word_(shmreg_queue_slot_(q, first, q->stride)),
			     (first & q->lap_mask) | SHMREG_QUEUE_READY);
	expect_states(s, 5, 0);
	harness_ok(item_queue_close(queue));
	harness_ok(item_queue_close(other));
	shmreg_segment_close(s);
	shmreg_disconnect(c);
}
END_TEST

/* --- the programs -------------------------------------------------------------------- */

static int status_of(FILE *f)
{
	const int status = pclose(f);

	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* A line "NUMBER HEX": the words are all the same. */
static void check_line(const char *line, const char *object)
{
	const char *hex = strchr(line, ' ');
	const size_t digits = 2 * sizeof(uint64_t);
	size_t n;

	ck_assert_ptr_nonnull(hex);
	n = strcspn(++hex, "\n");
	ck_assert_uint_gt(n, 0);
	ck_assert_uint_eq(n % digits, 0);
	ck_assert_msg(memcmp(hex, hex + digits, n - digits) == 0, "dump: of %s this is torn: %s", object, line);
}

static void run_dump(void)
{
	FILE *f = popen(SHMREGCTL " dump " LOOK_SEGMENT, "r");
	char line[2048], object[64] = "";
	uint64_t n = 0;
	unsigned long long said = UINT64_MAX;
	bool torn = false;

	ck_assert_ptr_nonnull(f);
	ck_assert_ptr_nonnull(fgets(line, sizeof(line), f));
	ck_assert_int_eq(strcmp(line, "shmreg-dump 1\n"), 0);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "{\"object\": \"%63[^\"]", object) == 1) {
			torn = strcmp(object, names[ARRAY]) == 0;
			continue;
		}
		if (sscanf(line, "end %llu", &said) == 1)
			continue;
		n++;
		if (!torn)
			check_line(line, object);
	}
	ck_assert_int_eq(status_of(f), 0);
	ck_assert_uint_eq(said, n);
}

static void run_peek(const char *object)
{
	char command[512], line[4096];
	uint64_t bytes = 0;
	FILE *f;

	snprintf(command, sizeof(command), SHMREGCTL " peek " LOOK_SEGMENT " %s", object);
	f = popen(command, "r");
	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f))
		bytes += strlen(line);
	ck_assert_msg(status_of(f) == 0, "%s", command);
	/* What there is always. */
	if (strcmp(object, names[ARRAY]) == 0)
		ck_assert_uint_gt(bytes, 0);
}

START_TEST(programs)
{
	struct shmreg_connection *c;
	struct shmreg_segment *s = begin(&c);

	for (uint64_t run = 1; run <= torture_scaled(PROGRAM_RUNS); run++) {
		const unsigned int victim = (unsigned int)(run % LOOK_WRITERS);

		run_dump();
		run_peek(names[2 * run % N_OBJECTS]);
		torture_kill(writers[victim]);
		run_dump();
		run_peek(names[(2 * run + 1) % N_OBJECTS]);
		writers[victim] = look_writer_start((uint64_t)(victim + 1) << 56 | run << 40);
	}
	end(c, s);
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
	Suite *s = suite_create("look-torture");
	TCase *c = harness_case(s, "look-torture");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, unpublished);
	tcase_add_test(c, looks);
	tcase_add_test(c, programs);
	return s;
}

int main(void)
{
	return harness_main(suite());
}
