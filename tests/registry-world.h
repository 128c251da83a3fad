/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_TESTS_REGISTRY_WORLD_H
#define SHMREG_TESTS_REGISTRY_WORLD_H

/*
 * registry-world.h - one registry and four who ask it things, for each test of a program
 */

#include <check.h>
#include <string.h>

#include "registry-fixture.h"
#include "suite.h"

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

__attribute__((unused)) static struct shmreg_attach_reply
opened(const struct caller *c, const char *name, uint32_t access)
{
	struct shmreg_attach_reply reply;

	ck_assert_int_eq(fixture_open(r, c, name, access, &reply), 0);
	return reply;
}

/* The last call answered @code, with a sentence that has @says in it. */
#define REFUSED(call, code, says)                                                                  \
	do {                                                                                       \
		int e_;                                                                            \
		fixture_error[0] = 0;                                                              \
		e_ = (call);                                                                       \
		ck_assert_msg(e_ == (code), "%d: %s", e_, fixture_error);                          \
		ck_assert_msg(strstr(fixture_error, says), "\"%s\" lacks \"%s\"", fixture_error,   \
			      says);                                                               \
		registry_verify(r);                                                                \
	} while (0)

#endif /* SHMREG_TESTS_REGISTRY_WORLD_H */
