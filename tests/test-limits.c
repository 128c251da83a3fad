/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * Each quota: how much one gets, the sentence that refuses more, and that all of
 * it comes back, by an orderly end and by SIGKILL.
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "actor.h"

/* Root is not limited, so as root the test's clients are somebody else. */
static const struct identity anna = { .uid = 20001, .gid = 20001 };

static struct harness h;

/* --- deeds: take the next one of something ----------------------------------------- */

static int64_t take_segment(struct actor *a, int64_t i, uint64_t bytes, uint32_t flags)
{
	const struct shmreg_segment_params params = { .size = sizeof(params), .bytes = bytes,
						      .flags = flags };
	char name[32];

	if (deed_connect(a, 0) < 0)
		return -1;
	snprintf(name, sizeof(name), "segment-%d", (int)i);
	return shmreg_segment_create(a->connection, &a->segment, name, &params);
}

static int64_t deed_take_segment(struct actor *a, int64_t i)
{
	return take_segment(a, i, 4096, 0);
}

static int64_t deed_take_bytes(struct actor *a, int64_t i)
{
	return take_segment(a, i, 1 << 20, 0);
}

static int64_t deed_take_reserved(struct actor *a, int64_t i)
{
	return take_segment(a, i, 1 << 20, SHMREG_CREATE_RESERVE);
}

static int64_t deed_take_object(struct actor *a, int64_t i)
{
	struct word_atomic *atomic;
	char name[32];
	int64_t r = 0;

	if (!a->segment)
		r = take_segment(a, 0, 1 << 20, 0);
	if (r < 0)
		return r;
	snprintf(name, sizeof(name), "object-%d", (int)i);
	return word_atomic_create(a->segment, &atomic, name);
}

static int64_t deed_take_participant(struct actor *a, int64_t i)
{
	struct shmreg_segment *again;

	return i == 0 ? deed_create(a, SHMREG_WHILE_ATTACHED) :
			shmreg_segment_open(a->connection, &again, ACTOR_SEGMENT,
					    SHMREG_ACCESS_READ);
}

/* Attaching takes some seats, as many as there are of those it would like. */
static int64_t deed_take_seats(struct actor *a, int64_t i)
{
	struct shmreg_segment *again;

	return i == 0 ? deed_create(a, SHMREG_WHILE_ATTACHED) :
			shmreg_segment_open(a->connection, &again, ACTOR_SEGMENT,
					    SHMREG_ACCESS_WRITE);
}

static struct shmreg_connection *taken[16];

static int64_t deed_take_connection(struct actor *a, int64_t i)
{
	(void)a;
	return shmreg_connect(&taken[i], NULL);
}

static int64_t deed_take_subscription(struct actor *a, int64_t i)
{
	const int64_t r = deed_take_connection(a, i);

	return r < 0 ? r : shmreg_subscribe(taken[i], NULL, 0);
}

static int64_t deed_end_connections(struct actor *a, int64_t unused)
{
	(void)a, (void)unused;
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		taken[i] = shmreg_disconnect(taken[i]);
	return 0;
}

/* --- one test, with each ---------------------------------------------------------------- */

static const struct {
	const char *option;
	const char *key;
	deed_fn take;
	int n;			/* how often it succeeds */
} quotas[] = {
	{ "--max-segments-per-uid=3", "max-segments-per-uid", deed_take_segment, 3 },
	{ "--max-bytes-per-uid=4194304", "max-bytes-per-uid", deed_take_bytes, 3 },
	{ "--max-reserved-bytes-per-uid=3145728", "max-reserved-bytes-per-uid",
	  deed_take_reserved, 3 },
	{ "--max-objects-per-uid=3", "max-objects-per-uid", deed_take_object, 3 },
	{ "--max-participants-per-uid=3", "max-participants-per-uid", deed_take_participant, 3 },
	{ "--max-seats-per-uid=3", "max-seats-per-uid", deed_take_seats, 1 },
	{ "--max-connections-per-uid=3", "max-connections-per-uid", deed_take_connection, 3 },
	{ "--max-subscriptions-per-uid=3", "max-subscriptions-per-uid", deed_take_subscription,
	  3 },
};
#define N_QUOTAS (int)(sizeof(quotas) / sizeof(quotas[0]))

/* Taking the first one succeeds as soon as the dead one's are back. */
struct attempt {
	struct process *p;
	int quota;
	int i;
};

static bool taken_again(void *arg)
{
	const struct attempt *attempt = arg;
	const int64_t r = actor_do(attempt->p, quotas[attempt->quota].take, attempt->i);

	ck_assert_msg(r == 0 || r == -EDQUOT || r == -EEXIST, "%s", actor_sentence(attempt->p));
	return r == 0;
}

START_TEST(test_quota)
{
	const char *const options[] = { quotas[_i].option, NULL };
	struct process p;
	int round, i;

	harness_start(&h, options);
	for (round = 0; round < 3; round++) {
		actor_start_as(&p, geteuid() == 0 ? &anna : NULL);
		for (i = 0; i < quotas[_i].n; i++) {
			struct attempt attempt = { .p = &p, .quota = _i, .i = i };

			harness_wait(taken_again, &attempt, "a dead process's quota to come back");
		}
		actor_expect(&p, quotas[_i].take, quotas[_i].n, -EDQUOT);
		actor_says(&p, quotas[_i].key);
		actor_says(&p, "raise");
		if (geteuid() == 0)
			actor_says(&p, "uid 20001");
		if (round == 0) {
			process_kill(&p);
		} else {
			actor_ok(&p, deed_end_connections, 0);
			process_finish(&p);
		}
	}
	harness_stop(&h);
}
END_TEST

START_TEST(test_root_is_not_limited)
{
	const char *const options[] = { "--max-segments-per-uid=1", "--max-bytes-per-uid=1", NULL };
	struct process p;

	if (harness_need_root())
		return;
	harness_start(&h, options);
	actor_start(&p);
	actor_ok(&p, deed_take_segment, 0);
	actor_ok(&p, deed_take_segment, 1);
	process_finish(&p);
	harness_stop(&h);
}
END_TEST

START_TEST(test_registry_limits)
{
	const char *const options[] = { "--max-segments=2", "--reserve-budget=1048576", NULL };
	struct process p;

	harness_start(&h, options);
	actor_start(&p);
	actor_ok(&p, deed_take_reserved, 0);
	actor_expect(&p, deed_take_reserved, 1, -ENOMEM);
	actor_says(&p, "reserve-budget");
	actor_ok(&p, deed_take_segment, 1);
	actor_expect(&p, deed_take_segment, 2, -ENOSPC);
	actor_says(&p, "max-segments");
	process_finish(&p);
	harness_stop(&h);
}
END_TEST

/* --- limits of single users, by the configuration --------------------------------------- */

static char config[32];

static void configure(const char *text)
{
	harness_write(config, text);
}

static uint64_t limit_of(uint32_t uid, enum shmreg_resource what)
{
	struct shmreg_connection *c = harness_connect();
	struct shmreg_stats_reply stats;

	harness_ok(shmreg_stats(c, uid, &stats));
	shmreg_disconnect(c);
	return stats.usage[what].limit;
}

static bool segments_are(void *limit)
{
	return limit_of(anna.uid, SHMREG_RESOURCE_SEGMENTS) == *(uint64_t *)limit;
}

static void reload(const char *text, uint64_t segments)
{
	configure(text);
	ck_assert_int_eq(kill(harness_daemon(&h), SIGHUP), 0);
	harness_wait(segments_are, &segments, "the configuration to be read anew");
}

START_TEST(test_reload)
{
	char option[64];
	const char *const options[] = { option, NULL };
	struct process p;
	int fd;

	if (harness_need_root())
		return;
	memcpy(config, "/tmp/shmreg-limits-XXXXXX", 26);
	fd = mkstemp(config);
	ck_assert_int_ge(fd, 0);
	close(fd);
	snprintf(option, sizeof(option), "--config=%s", config);
	configure("max-segments-per-uid = 1\n[uid 20001]\nmax-segments-per-uid = 3\n");
	harness_start(&h, options);
	ck_assert_uint_eq(limit_of(anna.uid, SHMREG_RESOURCE_SEGMENTS), 3);
	ck_assert_uint_eq(limit_of(anna.uid + 1, SHMREG_RESOURCE_SEGMENTS), 1);
	actor_start_as(&p, &anna);
	for (int i = 0; i < 3; i++)
		actor_ok(&p, deed_take_segment, i);
	actor_expect(&p, deed_take_segment, 3, -EDQUOT);
	actor_says(&p, "has 3 of at most 3 segments");
	actor_says(&p, "raise max-segments-per-uid under [uid 20001]");

	/* Lowered below what is held: nothing is taken away, nothing more is had. */
	reload("max-segments-per-uid = 1\n[uid 20001]\nmax-segments-per-uid = 2\n", 2);
	ck_assert_int_eq(harness_n_segments(), 3);
	actor_expect(&p, deed_take_segment, 3, -EDQUOT);
	actor_says(&p, "has 3 of at most 2 segments");
	actor_ok(&p, deed_close, 0);
	actor_expect(&p, deed_take_segment, 3, -EDQUOT);
	actor_says(&p, "has 2 of at most 2 segments");

	/* One that is wrong changes nothing. */
	configure("max-segments-per-uid = 50\n[uid 20001]\nmax-segments = 50\n");
	ck_assert_int_eq(kill(harness_daemon(&h), SIGHUP), 0);
	harness_wait_log(&h, ":3: max-segments is not of one user");
	ck_assert_uint_eq(limit_of(anna.uid, SHMREG_RESOURCE_SEGMENTS), 2);
	ck_assert_uint_eq(limit_of(anna.uid + 1, SHMREG_RESOURCE_SEGMENTS), 1);

	/* What every uid has, again; and no limit of another's is hers. */
	reload("max-segments-per-uid = 7\n[uid 20002]\nmax-segments-per-uid = 1\n", 7);
	actor_ok(&p, deed_take_segment, 3);

	/* A daemon that is started again has read it, too. */
	configure("[uid 20001]\nmax-segments-per-uid = 3\n");
	harness_kill_daemon(&h);
	harness_restart_daemon(&h);
	ck_assert_uint_eq(limit_of(anna.uid, SHMREG_RESOURCE_SEGMENTS), 3);
	actor_expect(&p, deed_take_segment, 4, -EDQUOT);
	process_finish(&p);
	harness_stop(&h);
	unlink(config);
}
END_TEST

/* --- limits of single users, set by root ------------------------------------------------ */

static void set_limit(uint32_t uid, enum shmreg_resource what, uint64_t limit, bool unset)
{
	struct shmreg_set_limit set = { .uid = uid, .what = UINT32_C(1) << what };
	struct shmreg_connection *c = harness_connect();

	if (unset)
		set.unset = set.what;
	else
		set.limit[what] = limit;
	harness_ok(shmreg_set_limit(c, &set));
	shmreg_disconnect(c);
}

/* For herself, and for another. */
static int64_t deed_set_limit(struct actor *a, int64_t uid)
{
	const struct shmreg_set_limit set = { .uid = (uint32_t)uid, .what = 1, .limit = { 1000 } };

	return deed_connect(a, 0) < 0 ? -1 : shmreg_set_limit(a->connection, &set);
}

static bool in_limits_file(const char *text)
{
	char path[112], all[1024] = "";
	FILE *f;

	snprintf(path, sizeof(path), "%s.limits", h.socket_path);
	f = fopen(path, "re");
	if (!f)
		return false;
	all[fread(all, 1, sizeof(all) - 1, f)] = '\0';
	fclose(f);
	return strstr(all, text) != NULL;
}

START_TEST(test_set_limit)
{
	static const char *const options[] = { "--max-segments-per-uid=2", NULL };
	struct shmreg_connection *c;
	struct process p;

	if (harness_need_root())
		return;
	harness_start(&h, options);
	actor_start_as(&p, &anna);
	actor_expect(&p, deed_set_limit, anna.uid, -EACCES);
	actor_says(&p, "only root may set limits");
	actor_expect(&p, deed_set_limit, anna.uid + 1, -EACCES);
	for (int i = 0; i < 2; i++)
		actor_ok(&p, deed_take_segment, i);
	actor_expect(&p, deed_take_segment, 2, -EDQUOT);
	actor_says(&p, "raise max-segments-per-uid in shmregd's configuration");

	set_limit(anna.uid, SHMREG_RESOURCE_SEGMENTS, 3, false);
	ck_assert_uint_eq(limit_of(anna.uid, SHMREG_RESOURCE_SEGMENTS), 3);
	ck_assert_uint_eq(limit_of(anna.uid + 1, SHMREG_RESOURCE_SEGMENTS), 2);
	actor_ok(&p, deed_take_segment, 2);
	set_limit(anna.uid, SHMREG_RESOURCE_SEGMENTS, 1, false);
	ck_assert_int_eq(harness_n_segments(), 3);
	actor_expect(&p, deed_take_segment, 3, -EDQUOT);
	actor_says(&p, "has 3 of at most 1 segments");
	actor_says(&p, "shmregctl limit 20001 segments=N");

	/* As is all else, it is there again after the daemon was killed. */
	set_limit(anna.uid, SHMREG_RESOURCE_BYTES, UINT64_MAX, false);
	ck_assert(in_limits_file("[uid 20001]"));
	harness_kill_daemon(&h);
	harness_restart_daemon(&h);
	ck_assert_uint_eq(limit_of(anna.uid, SHMREG_RESOURCE_SEGMENTS), 1);
	ck_assert_uint_eq(limit_of(anna.uid, SHMREG_RESOURCE_BYTES), UINT64_MAX);
	actor_expect(&p, deed_take_segment, 3, -EDQUOT);

	set_limit(anna.uid, SHMREG_RESOURCE_SEGMENTS, 0, true);
	ck_assert_uint_eq(limit_of(anna.uid, SHMREG_RESOURCE_SEGMENTS), 2);
	ck_assert(!in_limits_file("segments"));
	/* Without the last of them the file goes, as harness_stop() sees. */
	set_limit(anna.uid, SHMREG_RESOURCE_BYTES, 0, true);

	c = harness_connect();
	harness_result(shmreg_set_limit(c, NULL), -EINVAL);
	harness_result(shmreg_set_limit(c, &(struct shmreg_set_limit){ .what = 1 }), -EINVAL);
	harness_sentence("root has no limits");
	harness_result(shmreg_set_limit(c, &(struct shmreg_set_limit){ .uid = 1 }), -EINVAL);
	shmreg_disconnect(c);
	process_finish(&p);
	harness_stop(&h);
}
END_TEST

/* A file that is another's, or nonsense, is not heeded; nor does it keep the daemon from serving. */
START_TEST(test_limits_file)
{
	char path[112];
	FILE *f;

	if (harness_need_root())
		return;
	harness_start(&h, NULL);
	snprintf(path, sizeof(path), "%s.limits", h.socket_path);
	for (int i = 0; i < 2; i++) {
		f = fopen(path, "we");
		ck_assert_ptr_nonnull(f);
		fputs(i ? "[uid 20001]\nmax-segments-per-uid = 5\nmax-seats-per-uid = five\n" :
			  "[uid 20001]\nmax-segments-per-uid = 5\n", f);
		ck_assert_int_eq(fclose(f), 0);
		if (i == 0)
			ck_assert_int_eq(chown(path, anna.uid, anna.gid), 0);
		harness_kill_daemon(&h);
		harness_restart_daemon(&h);
		harness_wait_log(&h, i ? ".limits:3: max-seats-per-uid is 'five'" :
					 "is not a file of uid 0's");
		ck_assert_uint_eq(limit_of(anna.uid, SHMREG_RESOURCE_SEGMENTS), 128);
		if (i == 1)
			snprintf(path, sizeof(path), "%s.limits.refused", h.socket_path);
		ck_assert_int_eq(unlink(path), 0);
	}
	harness_stop(&h);
}
END_TEST

static int64_t deed_create_small(struct actor *a, int64_t unused)
{
	const struct shmreg_segment_params params = { .size = sizeof(params), .bytes = 1 << 20,
						      .max_participants = 2, .max_objects = 2 };

	(void)unused;
	if (deed_connect(a, 0) < 0)
		return -1;
	return shmreg_segment_create(a->connection, &a->segment, ACTOR_SEGMENT, &params);
}

static int64_t deed_create_object(struct actor *a, int64_t i)
{
	struct word_atomic *atomic;
	char name[32];

	snprintf(name, sizeof(name), "object-%d", (int)i);
	return word_atomic_create(a->segment, &atomic, name);
}

static int64_t deed_create_huge(struct actor *a, int64_t unused)
{
	struct word_array *array;

	(void)unused;
	return word_array_create(a->segment, &array, "huge", 1 << 20);
}

START_TEST(test_segment_limits)
{
	struct process p;

	harness_start(&h, NULL);
	actor_start(&p);
	actor_ok(&p, deed_create_small, 0);
	actor_expect(&p, deed_create_huge, 0, -ENOSPC);
	actor_says(&p, "missing");
	actor_ok(&p, deed_take_participant, 1);
	actor_expect(&p, deed_take_participant, 2, -ENOSPC);
	actor_says(&p, "max_participants");
	actor_ok(&p, deed_create_object, 0);
	actor_ok(&p, deed_create_object, 1);
	actor_expect(&p, deed_create_object, 2, -ENOSPC);
	actor_says(&p, "max_objects");
	process_finish(&p);
	harness_stop(&h);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("limits");
	TCase *tc = harness_case(s, "limits");

	tcase_add_loop_test(tc, test_quota, 0, N_QUOTAS);
	tcase_add_test(tc, test_root_is_not_limited);
	tcase_add_test(tc, test_registry_limits);
	tcase_add_test(tc, test_reload);
	tcase_add_test(tc, test_set_limit);
	tcase_add_test(tc, test_limits_file);
	tcase_add_test(tc, test_segment_limits);
	return s;
}

int main(void)
{
	return harness_main(suite());
}
