/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "quota.h"
#include "suite.h"

static struct quota q;
static char error[SHMREG_ERROR_MAX + 1];

static void setup(void)
{
	uint64_t limit[SHMREG_N_RESOURCES];

	for (int i = 0; i < SHMREG_N_RESOURCES; i++)
		limit[i] = 10;
	ck_assert_int_eq(quota_init(&q, limit), 0);
}

static void teardown(void)
{
	quota_verify(&q);
	quota_deinit(&q);
}

START_TEST(up_to_the_limit)
{
	ck_assert_int_eq(quota_charge_one(&q, 1000, SHMREG_RESOURCE_SEATS, 10, error), 0);
	ck_assert_uint_eq(quota_room(&q, 1000, SHMREG_RESOURCE_SEATS), 0);
	ck_assert_uint_eq(quota_room(&q, 2000, SHMREG_RESOURCE_SEATS), 10);
	ck_assert_int_eq(quota_charge_one(&q, 1000, SHMREG_RESOURCE_SEATS, 1, error), -EDQUOT);
	ck_assert_str_eq(error, "uid 1000 has 10 of at most 10 seats and asked for 1 more; free some, "
				"or raise max-seats-per-uid in shmregd's configuration");
	ck_assert_uint_eq(quota_used(&q, 1000, SHMREG_RESOURCE_SEATS), 10);
	quota_uncharge_one(&q, 1000, SHMREG_RESOURCE_SEATS, 10);
}
END_TEST

START_TEST(every_limit_names_its_key)
{
	for (int i = 0; i < SHMREG_N_RESOURCES; i++) {
		ck_assert_int_eq(quota_charge_one(&q, 5, (enum shmreg_resource)i, 11, error), -EDQUOT);
		ck_assert_ptr_nonnull(strstr(error, quota_key((enum shmreg_resource)i)));
		ck_assert_ptr_nonnull(strstr(error, "uid 5 has 0 of at most 10 "));
	}
	/* Nothing is left of a uid that was refused. */
	ck_assert_uint_eq(q.accounts.n, 0);
}
END_TEST

START_TEST(all_or_nothing)
{
	uint64_t n[SHMREG_N_RESOURCES] = { 1, 2, 3, 4, 5, 6, 7, 8 };

	ck_assert_int_eq(quota_charge(&q, 1, n, error), 0);
	n[7] = 3;
	ck_assert_int_eq(quota_charge(&q, 1, n, error), -EDQUOT);
	ck_assert_uint_eq(quota_used(&q, 1, 0), 1);
	n[7] = 8;
	quota_uncharge(&q, 1, n);
	ck_assert_uint_eq(q.accounts.n, 0);
}
END_TEST

START_TEST(root_is_counted_not_limited)
{
	ck_assert_int_eq(quota_charge_one(&q, 0, SHMREG_RESOURCE_BYTES, 1000, error), 0);
	ck_assert_uint_eq(quota_used(&q, 0, SHMREG_RESOURCE_BYTES), 1000);
	ck_assert_uint_eq(quota_limit(&q, 0, SHMREG_RESOURCE_BYTES), UINT64_MAX);
	/* But sums do not wrap. */
	ck_assert_int_eq(quota_charge_one(&q, 0, SHMREG_RESOURCE_BYTES, UINT64_MAX, error), -EDQUOT);
	quota_uncharge_one(&q, 0, SHMREG_RESOURCE_BYTES, 1000);
}
END_TEST

START_TEST(force_ignores_limits)
{
	uint64_t n[SHMREG_N_RESOURCES] = { [SHMREG_RESOURCE_OBJECTS] = 100 };

	ck_assert_int_eq(quota_force(&q, 1, n), 0);
	ck_assert_uint_eq(quota_room(&q, 1, SHMREG_RESOURCE_OBJECTS), 0);
	n[SHMREG_RESOURCE_SEATS] = UINT64_MAX;
	n[SHMREG_RESOURCE_OBJECTS] = UINT64_MAX;
	ck_assert_int_eq(quota_force(&q, 1, n), -EOVERFLOW);
	quota_uncharge_one(&q, 1, SHMREG_RESOURCE_OBJECTS, 100);
}
END_TEST

START_TEST(lowered_limit)
{
	const uint64_t limit[SHMREG_N_RESOURCES] = { 3 };

	ck_assert_int_eq(quota_charge_one(&q, 1, SHMREG_RESOURCE_SEGMENTS, 5, error), 0);
	quota_set_limits(&q, limit);
	ck_assert_uint_eq(quota_room(&q, 1, SHMREG_RESOURCE_SEGMENTS), 0);
	ck_assert_int_eq(quota_charge_one(&q, 1, SHMREG_RESOURCE_SEGMENTS, 1, error), -EDQUOT);
	quota_uncharge_one(&q, 1, SHMREG_RESOURCE_SEGMENTS, 5);
}
END_TEST

/* What was set goes before what was configured, and that before what every uid has. */
START_TEST(limits_of_one_uid)
{
	struct uid_limits configured = { 0 }, set = { 0 };
	const enum shmreg_resource what = SHMREG_RESOURCE_SEATS;

	ck_assert_int_eq(uid_limits_set(&configured, 1000, what, 20), 0);
	quota_set_uid_limits(&q, &configured, &set);
	ck_assert_uint_eq(quota_limit(&q, 1000, what), 20);
	ck_assert_uint_eq(quota_limit(&q, 1000, SHMREG_RESOURCE_BYTES), 10);
	ck_assert_uint_eq(quota_limit(&q, 1001, what), 10);
	ck_assert_int_eq(quota_charge_one(&q, 1000, what, 20, error), 0);
	ck_assert_int_eq(quota_charge_one(&q, 1000, what, 1, error), -EDQUOT);
	ck_assert_str_eq(error, "uid 1000 has 20 of at most 20 seats and asked for 1 more; free some, "
				"or raise max-seats-per-uid under [uid 1000] in shmregd's configuration");
	ck_assert_int_eq(uid_limits_set(&set, 1000, what, 5), 0);
	ck_assert_uint_eq(quota_used(&q, 1000, what), 20);
	ck_assert_uint_eq(quota_room(&q, 1000, what), 0);
	ck_assert_int_eq(quota_charge_one(&q, 1000, what, 1, error), -EDQUOT);
	ck_assert_str_eq(error, "uid 1000 has 20 of at most 5 seats and asked for 1 more; free some, "
				"or let root raise it: shmregctl limit 1000 seats=N");
	uid_limits_unset(&set, 1000, what);
	ck_assert_uint_eq(set.n, 0);
	ck_assert_uint_eq(quota_limit(&q, 1000, what), 20);
	/* Root has none, whatever is said. */
	ck_assert_int_eq(uid_limits_set(&set, 0, what, 1), 0);
	ck_assert_uint_eq(quota_limit(&q, 0, what), UINT64_MAX);
	quota_uncharge_one(&q, 1000, what, 20);
	quota_set_uid_limits(&q, NULL, NULL);
	uid_limits_deinit(&configured);
	uid_limits_deinit(&set);
}
END_TEST

/* Against a plain array. */
START_TEST(tables_of_uids)
{
	struct uid_limits l = { 0 };
	uint64_t expected[64] = { 0 }, limit;
	uint64_t state = 88172645463325252;

	for (int i = 0; i < 20000; i++) {
		uint32_t uid;

		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		uid = (uint32_t)(state >> 20) % 64;
		if (state & 1) {
			expected[uid] = (state >> 40) + 1;
			ck_assert_int_eq(uid_limits_set(&l, uid, SHMREG_RESOURCE_BYTES,
							expected[uid]), 0);
		} else {
			expected[uid] = 0;
			uid_limits_unset(&l, uid, SHMREG_RESOURCE_BYTES);
		}
		uid = (uint32_t)(state >> 8) % 64;
		limit = 0;
		if (uid_limits_get(&l, uid, SHMREG_RESOURCE_BYTES, &limit) != (expected[uid] != 0) ||
		    limit != expected[uid])
			ck_abort_msg("step %d, uid %u", i, uid);
		if (uid_limits_get(&l, uid, SHMREG_RESOURCE_SEATS, &limit))
			ck_abort_msg("step %d, seats of uid %u", i, uid);
	}
	uid_limits_deinit(&l);
}
END_TEST

/* The longest there can be is not cut off. */
START_TEST(sentences_fit)
{
	struct uid_limits configured = { 0 }, set = { 0 };
	const uint32_t uid = UINT32_MAX - 1;

	quota_set_uid_limits(&q, &configured, &set);
	for (int i = 0; i < SHMREG_N_RESOURCES; i++) {
		const enum shmreg_resource what = (enum shmreg_resource)i;
		const uint64_t much = UINT64_MAX / 2;

		ck_assert_int_eq(uid_limits_set(&configured, uid, what, much), 0);
		ck_assert_int_eq(quota_charge_one(&q, uid, what, much, error), 0);
		ck_assert_int_eq(quota_charge_one(&q, uid, what, much, error), -EDQUOT);
		ck_assert_ptr_nonnull(strstr(error, " in shmregd's configuration"));
		ck_assert_int_eq(uid_limits_set(&set, uid, what, much), 0);
		ck_assert_int_eq(quota_charge_one(&q, uid, what, much, error), -EDQUOT);
		ck_assert_ptr_nonnull(strstr(error, "=N"));
		quota_uncharge_one(&q, uid, what, much);
	}
	quota_set_uid_limits(&q, NULL, NULL);
	uid_limits_deinit(&configured);
	uid_limits_deinit(&set);
}
END_TEST

START_TEST(many_uids)
{
	for (uint32_t uid = 1; uid <= 5000; uid++)
		if (quota_charge_one(&q, uid, SHMREG_RESOURCE_SEATS, uid % 10, error) < 0)
			ck_abort_msg("uid %u", uid);
	ck_assert_uint_eq(q.accounts.n, 4500);
	quota_verify(&q);
	for (uint32_t uid = 1; uid <= 5000; uid++)
		quota_uncharge_one(&q, uid, SHMREG_RESOURCE_SEATS, uid % 10);
	ck_assert_uint_eq(q.accounts.n, 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		up_to_the_limit,	every_limit_names_its_key, all_or_nothing,
		root_is_counted_not_limited, force_ignores_limits, lowered_limit, many_uids,
		limits_of_one_uid,	tables_of_uids,		   sentences_fit,
	};

	return RUN_SUITE("quota", tests, setup, teardown, 0);
}
