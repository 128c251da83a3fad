/* SPDX-License-Identifier: MIT */
#include <config.h>

/* What the registry tells of segments and of who uses them, and how segments change and go. */

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "registry-world.h"

START_TEST(lists)
{
	struct shmreg_list in = { 0 };
	struct shmreg_list_reply reply;
	uint32_t n = 0, n_readable = 0;
	char name[16];

	for (int i = 0; i < 11; i++) {
		snprintf(name, sizeof(name), "l%d", i);
		made(&alice, name, i % 2 ? 0600 : 0644);
	}
	do {
		ck_assert_int_eq(registry_list(r, &bob, &in, &reply), 0);
		for (uint32_t i = 0; i < reply.n; i++, n++) {
			const struct shmreg_segment_info *info = &reply.info[i];
			struct shmreg_segment_info bare = { .segment = info->segment };

			ck_assert_uint_gt(info->segment, in.after);
			in.after = info->segment;
			snprintf(name, sizeof(name), "l%u", n);
			ck_assert_str_eq(info->name, name);
			memcpy(bare.name, info->name, sizeof(bare.name));
			if (n % 2)
				ck_assert_int_eq(memcmp(&bare, info, sizeof(bare)), 0);
			else
				ck_assert_uint_eq(info->access, SHMREG_ACCESS_READ);
			n_readable += info->access != 0;
		}
		/* The one the next page would begin after goes. */
		if (in.after == 8)
			ck_assert_int_eq(registry_remove(r, &root,
							 &(struct shmreg_target){ .segment = 8 },
							 fixture_error), 0);
	} while (reply.more);
	ck_assert_uint_eq(n, 11);
	ck_assert_uint_eq(n_readable, 6);
	in.after = UINT64_MAX;
	ck_assert_int_eq(registry_list(r, &bob, &in, &reply), 0);
	ck_assert_uint_eq(reply.n, 0);
	ck_assert_uint_eq(reply.more, 0);
}
END_TEST

START_TEST(describe_and_usage)
{
	const struct shmreg_attach_reply a = made(&alice, "d", 0640);
	const struct shmreg_target by_id = { .segment = a.segment }, by_name = { .name = "d" };
	struct shmreg_usage usage[SHMREG_N_RESOURCES];
	struct shmreg_segment_info info;
	struct segment *s = NULL;

	ck_assert_int_eq(registry_describe(r, &alice, &by_name, &info, &s, fixture_error), 0);
	ck_assert_ptr_eq(s, registry_find(r, a.segment));
	ck_assert_uint_eq(info.mode, 0640);
	ck_assert_uint_eq(info.n_participants, 1);
	ck_assert_uint_eq(info.n_seats, 2);
	ck_assert_int_eq(registry_describe(r, &bob, &by_id, &info, &s, fixture_error), 0);
	ck_assert_ptr_null(s);
	ck_assert_str_eq(info.name, "d");
	ck_assert_uint_eq(info.mode, 0);
	REFUSED(registry_describe(r, &bob, &(struct shmreg_target){ .segment = 9 }, &info, &s,
				  fixture_error), -ENOENT, "no segment 9");
	ck_assert(registry_may_read(r, &alice, a.segment));
	ck_assert(!registry_may_read(r, &bob, a.segment));
	ck_assert(!registry_may_read(r, &bob, 99));
	ck_assert(registry_may_read(r, &root, 99));

	REFUSED(registry_usage(r, &bob, 1000, usage, fixture_error), -EACCES, "its own");
	ck_assert_int_eq(registry_usage(r, &alice, 1000, usage, fixture_error), 0);
	ck_assert_uint_eq(usage[SHMREG_RESOURCE_BYTES].used, a.data_bytes + a.dir_bytes);
	ck_assert_uint_eq(usage[SHMREG_RESOURCE_BYTES].limit, UINT64_MAX);
	/* What others have in sum is for root. */
	ck_assert_int_eq(registry_usage(r, &bob, UINT32_MAX, usage, fixture_error), 0);
	for (int i = 0; i < SHMREG_N_RESOURCES; i++)
		ck_assert_uint_eq(usage[i].used, SHMREG_USAGE_UNKNOWN);
	ck_assert_int_eq(registry_usage(r, &root, UINT32_MAX, usage, fixture_error), 0);
	ck_assert_uint_eq(usage[SHMREG_RESOURCE_SEGMENTS].used, 1);
	ck_assert_uint_eq(usage[SHMREG_RESOURCE_SEGMENTS].limit, 500);
	/* Nameless, it is there for those who could read it. */
	ck_assert_int_eq(registry_remove(r, &alice, &by_id, fixture_error), 0);
	ck_assert_int_eq(registry_describe(r, &alice, &by_id, &info, &s, fixture_error), 0);
	ck_assert_uint_eq(info.state, SHMREG_DIR_REMOVED);
	REFUSED(registry_describe(r, &bob, &by_id, &info, &s, fixture_error), -ENOENT, "no segment");
	REFUSED(registry_describe(r, &alice, &by_name, &info, &s, fixture_error), -ENOENT, "\"d\"");
}
END_TEST

START_TEST(set_and_remove)
{
	const struct shmreg_attach_reply a = made(&alice, "s", 0600);
	struct shmreg_set in = { .target = { .name = "s" }, .what = SHMREG_SET_MODE, .mode = 0644 };
	struct shmreg_attach_reply reply;

#define SET(c) registry_set(r, c, &in, fixture_error)
	REFUSED(SET(&bob), -EACCES, "only its owner and root");
	ck_assert_int_eq(SET(&alice), 0);
	ck_assert_uint_eq(notes.last.kind, SHMREG_EVENT_CHANGED);
	opened(&bob, "s", SHMREG_ACCESS_READ);
	in.mode = 0777;
	REFUSED(SET(&alice), -EINVAL, "x must not");
	in.what = SHMREG_SET_OWNER;
	in.uid = 2000;
	in.gid = 2000;
	REFUSED(SET(&alice), -EACCES, "only root");
	in.uid = UINT32_MAX;
	REFUSED(SET(&root), -EINVAL, "no uid");
	in.uid = 2000;
	ck_assert_int_eq(SET(&root), 0);
	REFUSED(SET(&alice), -EACCES, "uid 2000, who owns");
	/* The bytes stay on the account of who made it. */
	ck_assert_uint_eq(used(1000, SHMREG_RESOURCE_SEGMENTS), 1);
	in.what = SHMREG_SET_LIFETIME;
	in.lifetime = 5;
	REFUSED(SET(&bob), -EINVAL, "lifetime 5");
	strcpy(in.target.name, "other");
	REFUSED(SET(&bob), -ENOENT, "\"other\"");
#undef SET
	REFUSED(registry_remove(r, &alice, &(struct shmreg_target){ .name = "s" }, fixture_error),
		-EACCES, "uid 2000, who owns");
	ck_assert_int_eq(registry_remove(r, &bob, &(struct shmreg_target){ .name = "s" },
					 fixture_error), 0);
	ck_assert_uint_eq(notes.n_events[SHMREG_EVENT_REMOVED], 1);
	ck_assert_uint_eq(notes.n_disposed, 0);
	REFUSED(fixture_open(r, &bob, "s", SHMREG_ACCESS_READ, &reply), -ENOENT, "\"s\"");
	/* By id it may be repeated; the name is free. */
	ck_assert_int_eq(registry_remove(r, &bob, &(struct shmreg_target){ .segment = a.segment },
					 fixture_error), 0);
	ck_assert_uint_ne(made(&alice, "s", 0600).segment, a.segment);
}
END_TEST

/* In debug builds registry_verify() looks at all of it after each call. */
#ifdef SHMREG_DEBUG
# define MANY 100
#else
# define MANY 2000
#endif

START_TEST(comfortably_many)
{
	struct caller callers[5];
	char name[16];

	config.max_segments = MANY;
	registry_reconfigure(r, &config);
	for (uint32_t i = 0; i < 5; i++)
		callers[i] = fixture_caller(1000 + i, 100 + i);
	for (int k = 0; k < MANY; k++) {
		struct shmreg_attach_reply reply;

		snprintf(name, sizeof(name), "many/%d", k);
		if (fixture_create(r, &callers[0], name, 4096, 0666, SHMREG_WHILE_ATTACHED, &reply) < 0)
			ck_abort_msg("%s: %s", name, fixture_error);
		for (int i = 1; i < 5; i++)
			if (fixture_open(r, &callers[i], name, SHMREG_ACCESS_WRITE, &reply) < 0)
				ck_abort_msg("%s: %s", name, fixture_error);
	}
	registry_verify(r);
	ck_assert_uint_eq(notes.n_watch, 5);
	registry_process_died(r, &callers[0].process);
	ck_assert_uint_eq(notes.n_repair, MANY);
	for (struct segment *s = registry_first(r); s; s = registry_next(r, s))
		fixture_repair(r, s);
	registry_verify(r);
	for (int i = 1; i < 5; i++)
		registry_process_died(r, &callers[i].process);
	ck_assert_uint_eq(notes.n_unwatch, 5);
	ck_assert_uint_eq(notes.n_disposed, MANY);
	ck_assert_ptr_null(registry_first(r));
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { lists, describe_and_usage, set_and_remove, comfortably_many };

	return RUN_SUITE("registry-admin", tests, setup, teardown, 120);
}
