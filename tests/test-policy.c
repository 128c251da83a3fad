/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>

#include "policy.h"
#include "registry.h"
#include "suite.h"

#define R SHMREG_ACCESS_READ
#define RW (SHMREG_ACCESS_READ | SHMREG_ACCESS_WRITE)

static const uint32_t groups[] = { 70, 80 };
static const struct caller caller = { .uid = 10, .gid = 60, .groups = groups, .n_groups = 2 };

START_TEST(owner_decides_first)
{
	ck_assert_uint_eq(policy_access(&caller, policy_owner(10, 60), 0600), RW);
	ck_assert_uint_eq(policy_access(&caller, policy_owner(10, 60), 0400), R);
	/* w implies reading. */
	ck_assert_uint_eq(policy_access(&caller, policy_owner(10, 60), 0200), RW);
	/* As with files: an owner without permission is not saved by the others'. */
	ck_assert_uint_eq(policy_access(&caller, policy_owner(10, 60), 0066), 0);
}
END_TEST

START_TEST(groups_second)
{
	ck_assert_uint_eq(policy_access(&caller, policy_owner(11, 60), 0060), RW);
	ck_assert_uint_eq(policy_access(&caller, policy_owner(11, 70), 0040), R);
	ck_assert_uint_eq(policy_access(&caller, policy_owner(11, 80), 0020), RW);
	ck_assert_uint_eq(policy_access(&caller, policy_owner(11, 80), 0606), 0);
}
END_TEST

START_TEST(others_last)
{
	ck_assert_uint_eq(policy_access(&caller, policy_owner(11, 90), 0004), R);
	ck_assert_uint_eq(policy_access(&caller, policy_owner(11, 90), 0006), RW);
	ck_assert_uint_eq(policy_access(&caller, policy_owner(11, 90), 0660), 0);
}
END_TEST

START_TEST(administrators)
{
	const struct caller admin = { .uid = 0, .admin = true };

	ck_assert_uint_eq(policy_access(&admin, policy_owner(11, 90), 0), RW);
	ck_assert(policy_may_administer(&admin, policy_owner(11, 90)));
	ck_assert(policy_may_administer(&caller, policy_owner(10, 90)));
	ck_assert(!policy_may_administer(&caller, policy_owner(11, 60)));
	ck_assert(policy_may_give(&admin, policy_owner(1, 1), policy_owner(2, 2)));
}
END_TEST

START_TEST(giving_away)
{
	const uint64_t mine = policy_owner(10, 60);

	ck_assert(policy_may_give(&caller, mine, policy_owner(10, 60)));
	ck_assert(policy_may_give(&caller, mine, policy_owner(10, 80)));
	ck_assert(!policy_may_give(&caller, mine, policy_owner(10, 90)));
	ck_assert(!policy_may_give(&caller, mine, policy_owner(11, 60)));
	/* A group one is not in, but which it has already. */
	ck_assert(policy_may_give(&caller, policy_owner(10, 90), policy_owner(10, 90)));
}
END_TEST

START_TEST(owner_words)
{
	const uint64_t owner = policy_owner(UINT32_MAX - 1, 7);

	ck_assert_uint_eq(policy_owner_uid(owner), UINT32_MAX - 1);
	ck_assert_uint_eq(policy_owner_gid(owner), 7);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { owner_decides_first, groups_second, others_last,
				       administrators,	    giving_away,   owner_words };

	return RUN_SUITE("policy", tests, NULL, NULL, 0);
}
