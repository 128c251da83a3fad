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

static inline struct shmreg_attach_reply opened(const struct caller *c, const char *name,
						uint32_t access)
{
	struct shmreg_attach_reply reply;

	ck_assert_int_eq(fixture_open(r, c, name, access, &reply), 0);
	return reply;
}

static inline int create(const struct shmreg_create *in)
{
	struct shmreg_attach_reply reply;
	struct segment *s;

	return registry_create(r, &alice, in, &reply, &s, fixture_error);
}

static inline struct shmreg_attach_reply made(const struct caller *c, const char *name,
					      uint32_t mode)
{
	struct shmreg_attach_reply reply;

	ck_assert_int_eq(fixture_create(r, c, name, 65536, mode, SHMREG_UNTIL_REMOVED, &reply), 0);
	return reply;
}

static inline struct shmreg_attach_reply made_to_last(const struct caller *c, const char *name,
						      uint32_t lifetime)
{
	struct shmreg_attach_reply reply;

	ck_assert_int_eq(fixture_create(r, c, name, 65536, 0666, lifetime, &reply), 0);
	return reply;
}

static inline void remove_segment(uint64_t id)
{
	ck_assert_int_eq(registry_remove(r, &root, &(struct shmreg_target){ .segment = id },
					 fixture_error), 0);
}

static inline void restart(void)
{
	r = fixture_restart(r, &config, &notes);
	registry_verify(r);
}

static inline int name_is_there(const char *name)
{
	struct shmreg_segment_info info;
	struct segment *s;
	struct shmreg_target target = { 0 };

	strcpy(target.name, name);
	return registry_describe(r, &root, &target, &info, &s, fixture_error) == 0;
}

static inline uint64_t used(uint32_t uid, enum shmreg_resource what)
{
	struct shmreg_usage usage[SHMREG_N_RESOURCES];

	ck_assert_int_eq(registry_usage(r, &root, uid, usage, fixture_error), 0);
	return usage[what].used;
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
