/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * Random bytes in a directory: restoring refuses it with a sentence, or takes it, and
 * then it bears use. Nothing crashes.
 */

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memfd.h"
#include "random.h"
#include "registry-fixture.h"
#include "suite.h"

static char why[SHMREG_ERROR_MAX + 1];

static struct registry *wreck_registry(const struct registry_config *config, struct notes *notes)
{
	const struct caller alice = fixture_caller(1000, 11), bob = fixture_caller(2000, 21);
	const struct caller carol = fixture_caller(3000, 31);
	struct shmreg_create in = fixture_create_request("victim", 65536);
	struct shmreg_attach_reply a, b, c;
	struct shmreg_create_object_reply o;
	struct registry *r = fixture_registry(config, notes);
	struct segment *s;
	char name[8];

	in.mode = 0666;
	in.max_participants = 6;
	in.max_objects = 6;
	ck_assert_int_eq(registry_create(r, &alice, &in, &a, &s, fixture_error), 0);
	ck_assert_int_eq(fixture_open(r, &bob, "victim", SHMREG_ACCESS_WRITE, &b), 0);
	ck_assert_int_eq(fixture_open(r, &carol, "victim", SHMREG_ACCESS_READ, &c), 0);
	for (int i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "o%d", i);
		ck_assert_int_eq(fixture_object(r, &alice, &a, name, 1000 * (uint64_t)(i + 1), &o), 0);
	}
	ck_assert_int_eq(fixture_remove_object(r, &alice, &a, "o1"), 0);
	registry_process_died(r, &bob.process);
	return r;
}

static int damaged_copy(struct random_state *rnd, const char *bytes, size_t n)
{
	const struct shmreg_dir *m = (const struct shmreg_dir *)bytes;
	char *copy = malloc(n);
	size_t from, length;
	int fd;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, bytes, n);
	/* Where it hurts: not always among 4,000 free seats. */
	switch (random_below(rnd, 6)) {
	case 0:
		from = 0;
		length = sizeof(*m);
		break;
	case 1:
		from = m->seats_offset;
		length = 10 * sizeof(uint64_t);
		break;
	case 2:
		from = m->participants_offset;
		length = m->max_participants * sizeof(struct shmreg_dir_participant);
		break;
	case 3:
		from = m->objects_offset;
		length = m->max_objects * sizeof(struct shmreg_dir_object);
		break;
	case 4:
		from = m->buckets_offset;
		length = m->n_buckets * sizeof(uint32_t);
		break;
	default:
		from = 0;
		length = n;
		break;
	}
	random_mutate(rnd, copy + from, length);
	fd = memfd_new("damaged", n);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, copy, n, 0), (ssize_t)n);
	free(copy);
	return fd;
}

/* What passed must bear use. */
static void use(struct registry *r, struct segment *s, const struct caller *admin)
{
	const struct caller alice = fixture_caller(1000, 11);
	struct shmreg_target target = { .segment = segment_id(s) };
	struct shmreg_list_reply list;
	struct shmreg_attach_reply at;
	struct shmreg_create_object_reply o;

	registry_verify(r);
	ck_assert_int_eq(registry_list(r, admin, &(struct shmreg_list){ 0 }, &list), 0);
	if (fixture_open(r, admin, segment_name(s), SHMREG_ACCESS_WRITE, &at) == 0) {
		registry_verify(r);
		if (fixture_object(r, admin, &at, "fresh", 500, &o) == 0)
			registry_verify(r);
		ck_assert_int_eq(fixture_quiesce(r, admin, &at, UINT64_MAX), 0);
	}
	registry_verify(r);
	registry_process_died(r, &alice.process);
	registry_verify(r);
	if (registry_find(r, target.segment)) {
		ck_assert_int_eq(registry_remove(r, admin, &target, fixture_error), 0);
		registry_verify(r);
	}
}

START_TEST(random_bytes)
{
	const unsigned long rounds = random_rounds(10000);
	const struct registry_config config = fixture_config();
	const struct caller admin = fixture_caller(0, 1);
	struct notes notes = { 0 };
	struct registry *r = wreck_registry(&config, &notes);
	const size_t n = segment_dir(registry_first(r))->dir_bytes;
	const uint64_t data_bytes = segment_dir(registry_first(r))->data_bytes;
	unsigned long n_passed = 0, n_refused = 0;
	struct random_state rnd;
	char *bytes = malloc(n);

	random_seed(&rnd);
	ck_assert_ptr_nonnull(bytes);
	memcpy(bytes, segment_dir(registry_first(r)), n);
	registry_free(r);
	for (unsigned long i = 0; i < rounds; i++) {
		struct segment *s;
		int e;

		notes = (struct notes){ 0 };
		r = fixture_registry(&config, &notes);
		why[0] = 0;
		e = registry_restore(r, damaged_copy(&rnd, bytes, n),
				     memfd_new("data", data_bytes), &s, why);
		if (e == 0) {
			n_passed++;
			use(r, s, &admin);
		} else {
			n_refused++;
			if (e != -EBADMSG && e != -ENOENT && e != -EPROTONOSUPPORT)
				ck_abort_msg("round %lu: %d, %s", i, e, why);
			if (!why[0])
				ck_abort_msg("round %lu: %d without a sentence", i, e);
			registry_verify(r);
		}
		registry_free(r);
	}
	printf("directory: %lu damaged, %lu refused, %lu passed and used\n", rounds, n_refused,
	       n_passed);
	ck_assert(n_refused > 0 && n_passed > 0);
	free(bytes);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { random_bytes };

	return RUN_SUITE("directory-random", tests, NULL, NULL, 300);
}
