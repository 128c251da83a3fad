/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "registry-fixture.h"

static struct registry_config config;
static struct notes notes;
static struct registry *r;
static struct caller alice, alice2, bob, root;

static void setup(void)
{
	config = fixture_config();
	notes = (struct notes){ 0 };
	r = fixture_registry(&config, &notes);
	alice = fixture_caller(1000, 11);
	alice2 = fixture_caller(1000, 12);
	bob = fixture_caller(2000, 21);
	root = fixture_caller(0, 1);
}

static void teardown(void)
{
	registry_verify(r);
	r = registry_free(r);
}

static struct registry *restart(void)
{
	return fixture_restart(r, &config, &notes);
}

START_TEST(create_attach_detach)
{
	struct shmreg_attach_reply a, b;
	struct segment *s;

	ck_assert_int_eq(fixture_create(r, &alice, "one", 5000, 0600, SHMREG_WHILE_ATTACHED, &a), 0);
	ck_assert_uint_eq(a.created, 1);
	ck_assert_uint_eq(a.n_seats, 2);
	ck_assert_uint_eq(a.data_bytes, 8192);
	ck_assert_uint_eq(notes.n_created, 1);
	ck_assert_uint_eq(notes.n_watch, 1);
	ck_assert_int_eq(fixture_create(r, &alice, "one", 5000, 0600, 0, &b), -EEXIST);
	ck_assert_int_eq(fixture_open(r, &alice2, "one", SHMREG_ACCESS_WRITE, &b), 0);
	ck_assert_uint_eq(b.created, 0);
	ck_assert_uint_ne(b.participant, a.participant);
	ck_assert_int_eq(fixture_open(r, &bob, "one", SHMREG_ACCESS_READ, &b), -EACCES);
	s = registry_find(r, a.segment);
	ck_assert_ptr_nonnull(s);
	registry_verify(r);

	ck_assert_int_eq(fixture_detach(r, &alice, &a), 0);
	ck_assert_uint_eq(notes.n_repair, 1);
	ck_assert_uint_eq(notes.n_unwatch, 1);
	fixture_repair(r, s);
	ck_assert_uint_eq(notes.n_events[SHMREG_EVENT_REPAIRED], 1);
	registry_verify(r);
	registry_process_died(r, &alice2.process);
	ck_assert_uint_eq(notes.n_disposed, 1);
	ck_assert_ptr_null(registry_find(r, a.segment));
	ck_assert_uint_eq(notes.n_events[SHMREG_EVENT_DIED], 1);
	ck_assert_uint_eq(notes.n_events[SHMREG_EVENT_DISPOSED], 1);
}
END_TEST

START_TEST(restart_keeps_everything)
{
	struct shmreg_attach_reply a;
	struct shmreg_create_object_reply o, again;
	const uint64_t id = registry_id(r);

	ck_assert_int_eq(fixture_create(r, &alice, "x", 65536, 0600, SHMREG_WHILE_ATTACHED, &a), 0);
	ck_assert_int_eq(fixture_object(r, &alice, &a, "q", 4096, &o), 0);
	r = restart();
	ck_assert_uint_eq(registry_id(r), id);
	ck_assert_int_eq(fixture_object(r, &alice, &a, "q", 4096, &again), -EEXIST);
	ck_assert_int_eq(fixture_detach(r, &alice, &a), 0);
	ck_assert_uint_eq(notes.n_disposed, 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("registry");
	TCase *tc = tcase_create("registry");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, create_attach_detach);
	tcase_add_test(tc, restart_keeps_everything);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
