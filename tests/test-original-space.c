/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * What the library that this project descends from got wrong about space and about who is there:
 * creation never checked that there is room, room was never given back, and the count of
 * participants was wrong after a crash.
 *
 * $SHMREG_TEST_SCALE is a factor for the numbers of rounds; $SHMREG_TEST_SEED.
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "actor.h"
#include "layouts.h"
#include "random.h"

#define BYTES (UINT64_C(1) << 20)
#define ROUNDS 200

SHMREG_DEFINE_ARRAY(bytes, uint8_t);

static struct harness h;
static struct shmreg_connection *c;
static struct shmreg_segment *s;

static void setup(void)
{
	const struct shmreg_segment_params params = { .size = sizeof(params), .bytes = BYTES };

	harness_start_made(&h, ACTOR_SEGMENT, &params, &c, &s);
}

static void teardown(void)
{
	c = shmreg_disconnect(c);
	harness_stop(&h);
}

static struct shmreg_segment_info describe(const char *name)
{
	struct shmreg_segment_info info;

	harness_ok(shmreg_segment_describe(c, name, &info, NULL));
	return info;
}

/* --- creation checks that there is room ------------------------------------------------------ */

START_TEST(test_too_large)
{
	struct bytes *first = NULL, *rest = NULL;
	struct word_queue *queue = NULL;
	uint64_t i;

	harness_ok(bytes_create(s, &first, "first", BYTES / 2));
	memset(bytes_data(first), 7, BYTES / 2);
	/* One byte more than there is: how much is missing is said. */
	harness_result(bytes_create(s, &rest, "rest", BYTES / 2 + 1), -ENOSPC);
	harness_sentence("128 are missing");
	harness_result(word_queue_create(s, &queue, "queue", 1 << 20, 0), -ENOSPC);
	harness_sentence("missing");
	/* What was refused is not there, and took nothing. */
	harness_result(bytes_open(s, &rest, "rest", 0), -ENOENT);
	harness_result(word_queue_open(s, &queue, "queue"), -ENOENT);
	ck_assert_uint_eq(describe(ACTOR_SEGMENT).used_bytes, BYTES / 2);
	ck_assert_uint_eq(describe(ACTOR_SEGMENT).n_objects, 1);
	/* And all that is left can be had. */
	harness_ok(bytes_create(s, &rest, "rest", BYTES / 2));
	memset(bytes_data(rest), 8, BYTES / 2);
	for (i = 0; i < BYTES / 2; i++)
		if (bytes_get(first, i) != 7 || bytes_get(rest, i) != 8)
			ck_abort_msg("the arrays overlap at byte %llu", (unsigned long long)i);
	ck_assert_uint_eq(describe(ACTOR_SEGMENT).used_bytes, BYTES);
}
END_TEST

/* What was removed is given back by another process. */
static bool has_room(void *unused)
{
	(void)unused;
	return describe(ACTOR_SEGMENT).used_bytes == 0;
}

/* Products that do not fit 64 bits must not come out small. */
START_TEST(test_sizes_that_overflow)
{
	struct shmreg_shape shape = { 0 };
	struct shmreg_handle *handle = NULL;
	uint64_t n_refused = 0, bits, elem;
	uint32_t kind;
	bool good;
	int r;

	for (kind = SHMREG_KIND_ARRAY; kind <= SHMREG_KIND_MAX; kind++)
		for (bits = 16; bits < 64; bits++)
			for (elem = 3; elem < 64; elem++) {
				shape.kind = kind;
				shape.layout = layout_of(kind);
				shape.elem_align = 1;
				shape.elem_bytes = UINT64_C(1) << elem;
				shape.capacity = UINT64_C(1) << bits;
				shape.param[0] = kind == SHMREG_KIND_TOPIC ? 1 :
						 kind == SHMREG_KIND_CELL  ? 2 :
									     0;
				r = shmreg_object_open(s, &handle, SHMREG_OBJECT_CREATE, "huge",
						       &shape, NULL, sizeof(*handle));
				/* It is larger than the data area, whatever its kind needs besides. */
				good = r == -EOVERFLOW || r == -EINVAL ||
				       (r == -ENOSPC && elem + bits < 48);
				if (r == 0 && elem + bits <= 20) {
					good = handle->entry->bytes >= UINT64_C(1) << (elem + bits) &&
					       shmreg_object_close(handle) == 0 &&
					       shmreg_object_remove(s, "huge") == 0;
				}
				if (!good)
					ck_abort_msg("%s of 2^%d elements of 2^%d bytes: %d, %s",
						     shmreg_kind_name(kind), (int)bits, (int)elem, r,
						     shmreg_error());
				n_refused += r < 0;
			}
	ck_assert_uint_gt(n_refused, 0);
	harness_wait(has_room, NULL, "the removed objects' room");
}
END_TEST

START_TEST(test_segments_too_large)
{
	struct shmreg_segment_params params = { .size = sizeof(params) };
	struct shmreg_segment *segment = NULL;
	unsigned int bits;

	for (bits = 47; bits < 64; bits++) {
		params.bytes = UINT64_C(1) << bits;
		harness_result(shmreg_segment_create(c, &segment, "huge", &params), -EINVAL);
	}
	params.bytes = UINT64_MAX;
	harness_result(shmreg_segment_create(c, &segment, "huge", &params), -EINVAL);
	/* Memory that there is not is refused at once, not by SIGBUS later. */
	params.bytes = UINT64_C(1) << 46;
	params.flags = SHMREG_CREATE_RESERVE;
	ck_assert_int_lt(shmreg_segment_create(c, &segment, "huge", &params), 0);
	ck_assert_int_eq(harness_n_segments(), 1);
}
END_TEST

/* Filled until nothing fits any more: nobody's memory is anybody else's. */
START_TEST(test_filled_up)
{
	struct bytes *a[300] = { NULL };
	struct random_state random;
	uint64_t used = 0, length, k;
	char name[16];
	int n, i, r;

	random_seed(&random);
	for (n = 0; n < 256; n++) {
		snprintf(name, sizeof(name), "array-%d", n);
		length = 1 + random_below(&random, 16384);
		r = bytes_create(s, &a[n], name, length);
		if (r == -ENOSPC)
			break;
		ck_assert_int_eq(r, 0);
		used += length;
		memset(bytes_data(a[n]), n, length);
	}
	/* Large ones begin with a page. */
	ck_assert_uint_ge(used, BYTES * 3 / 4);
	for (i = 0; i < n; i++)
		for (k = 0; k < bytes_length(a[i]); k++)
			if (bytes_get(a[i], k) != (uint8_t)i)
				ck_abort_msg("array %d overlaps another at byte %llu", i,
					     (unsigned long long)k);
	ck_assert_uint_le(describe(ACTOR_SEGMENT).used_bytes, BYTES);
}
END_TEST

/* --- room comes back --------------------------------------------------------------------------- */

static int64_t deed_fill(struct actor *a, int64_t value)
{
	struct bytes *array = NULL;
	int r = bytes_create(a->segment, &array, "big", BYTES / 2);

	if (r < 0)
		return r;
	for (uint64_t i = 0; i < BYTES / 2; i++)
		if (bytes_get(array, i) != 0)
			return -EUCLEAN;	/* the predecessor's */
	memset(bytes_data(array), (int)value, BYTES / 2);
	return 0;	/* and keeps it open */
}

static int64_t deed_look(struct actor *a, int64_t value)
{
	struct bytes *array = NULL;
	int r = bytes_open(a->segment, &array, "big", 0);

	if (r < 0)
		return r;
	r = bytes_get(array, BYTES / 2 - 1) == (uint8_t)value ? 0 : -EUCLEAN;
	return r < 0 ? r : bytes_close(array);
}

static int64_t deed_remove_big(struct actor *a, int64_t unused)
{
	(void)unused;
	return shmreg_object_remove(a->segment, "big");
}

static int64_t deed_reopen(struct actor *a, int64_t unused)
{
	(void)unused;
	a->segment = shmreg_segment_close(a->segment);
	return shmreg_segment_open(a->connection, &a->segment, ACTOR_SEGMENT, SHMREG_ACCESS_WRITE);
}

static bool is_resident(void *arg)
{
	return describe(ACTOR_SEGMENT).resident_bytes <= *(uint64_t *)arg;
}

/*
 * Objects, removed under those who have them open; some of them let go, some detach, some are
 * killed. Of a data area there is used in all many times what it has.
 */
START_TEST(test_objects_come_and_go)
{
	const uint64_t rounds = random_scaled(ROUNDS), empty = describe(ACTOR_SEGMENT).resident_bytes;
	struct process maker, watcher;
	struct random_state random;
	struct bytes *mine = NULL;
	int64_t mark;
	uint64_t i, most;

	random_seed(&random);
	actor_start(&maker);
	actor_start(&watcher);
	actor_ok(&maker, deed_open, SHMREG_ACCESS_WRITE);
	actor_ok(&watcher, deed_open, SHMREG_ACCESS_WRITE);
	for (i = 0; i < rounds; i++) {
		mark = (int64_t)(i % 255) + 1;
		actor_ok(&maker, deed_fill, mark);
		actor_ok(&watcher, deed_look, mark);
		if (random_below(&random, 16) == 0) {
			process_kill(&maker);
			harness_ok(shmreg_object_remove(s, "big"));
			actor_start(&maker);
			actor_ok(&maker, deed_open, SHMREG_ACCESS_WRITE);
		} else {
			actor_ok(&maker, deed_remove_big, 0);
			actor_ok(&maker, deed_reopen, 0);
		}
		/* They learn of the removal when they next do something with the segment. */
		actor_expect(&watcher, deed_look, 0, -ENOENT);
		harness_result(bytes_open(s, &mine, "big", 0), -ENOENT);
		harness_wait(has_room, NULL, "the removed object's room");
	}
	/* All of the directory at most, whose pages are resident once they were used. */
	most = empty + shmreg_segment_dir(s)->dir_bytes;
	harness_wait(is_resident, &most, "the memory to be given back");
	process_finish(&maker);
	process_finish(&watcher);
}
END_TEST

static bool is_used(void *arg)
{
	const struct shmreg_stats_reply *before = arg;
	struct shmreg_stats_reply now;
	bool same = true;

	harness_ok(shmreg_stats(c, UINT32_MAX, &now));
	for (int i = 0; i < SHMREG_N_RESOURCES; i++)
		same &= before->usage[i].used == now.usage[i].used;
	return same;
}

START_TEST(test_segments_come_and_go)
{
	const uint64_t rounds = random_scaled(ROUNDS);
	const struct shmreg_segment_params params = { .size = sizeof(params), .bytes = BYTES };
	struct shmreg_stats_reply before;
	struct shmreg_segment *segment = NULL;
	struct bytes *array = NULL;
	uint64_t i;

	harness_ok(shmreg_stats(c, UINT32_MAX, &before));
	for (i = 0; i < rounds; i++) {
		harness_ok(shmreg_segment_create(c, &segment, "passing", &params));
		harness_ok(bytes_create(segment, &array, "all", BYTES));
		ck_assert_uint_eq(bytes_get(array, 4711), 0);
		memset(bytes_data(array), 1, BYTES);
		segment = shmreg_segment_close(segment);
	}
	harness_wait(is_used, &before, "all charges to come back");
	/* harness_stop() finds out whether the daemon or we kept anything of it. */
}
END_TEST

/* --- the count of participants ------------------------------------------------------------------ */

#define CROWD 8

struct count {
	uint32_t n;
	const char *segment;
};

static bool count_is(void *arg)
{
	const struct count *count = arg;

	return describe(count->segment).n_participants == count->n;
}

/* Attached all the time, through one connection or several. */
static void attend(const struct mouth *mouth, void *arg)
{
	struct shmreg_connection *mine = harness_connect();
	struct shmreg_segment *segment = NULL;

	(void)arg;
	harness_ok(shmreg_segment_open(mine, &segment, ACTOR_SEGMENT, SHMREG_ACCESS_WRITE));
	tell(mouth, 1);
	hear(mouth);
	shmreg_disconnect(mine);
}

/* Attaches and detaches as fast as it can, until it is killed. */
static void come_and_go(const struct mouth *mouth, void *arg)
{
	struct shmreg_connection *mine;
	struct shmreg_segment *segment = NULL;

	(void)arg;
	tell(mouth, 1);
	for (;;) {
		mine = harness_connect();
		harness_ok(shmreg_segment_open(mine, &segment, ACTOR_SEGMENT, SHMREG_ACCESS_READ));
		shmreg_segment_close(segment);
		shmreg_disconnect(mine);
	}
}

START_TEST(test_count_after_crashes)
{
	const uint64_t rounds = random_scaled(ROUNDS / 4);
	struct count count = { .segment = ACTOR_SEGMENT };
	struct process crowd[CROWD] = { { .pid = 0 } }, guest;
	struct random_state random;
	uint64_t i, k;

	random_seed(&random);
	for (i = 0; i < rounds; i++) {
		process_start(&guest, come_and_go, NULL);
		process_expect(&guest, 1);
		for (k = 0; k < CROWD; k++) {
			if (random_below(&random, 2) == 0)
				continue;
			if (!crowd[k].pid) {
				process_start(&crowd[k], attend, NULL);
				process_expect(&crowd[k], 1);
			} else if (random_below(&random, 4) == 0) {
				process_finish(&crowd[k]);
			} else {
				process_kill(&crowd[k]);
			}
		}
		/* Killed while it attaches, is attached, or detaches. */
		process_kill(&guest);
		count.n = 1;	/* ourselves */
		for (k = 0; k < CROWD; k++)
			count.n += crowd[k].pid != 0;
		harness_wait(count_is, &count, "the count of participants to be right");
	}
	for (k = 0; k < CROWD; k++)
		if (crowd[k].pid)
			process_kill(&crowd[k]);
	count.n = 1;
	harness_wait(count_is, &count, "the count of participants to be right");
	/* So that with the last of them the segment goes: harness_stop() waits for that. */
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("original-space");
	TCase *tcase = harness_case(suite, "daemon");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_too_large);
	tcase_add_test(tcase, test_sizes_that_overflow);
	tcase_add_test(tcase, test_segments_too_large);
	tcase_add_test(tcase, test_filled_up);
	tcase_add_test(tcase, test_objects_come_and_go);
	tcase_add_test(tcase, test_segments_come_and_go);
	tcase_add_test(tcase, test_count_after_crashes);
	return harness_main(suite);
}
