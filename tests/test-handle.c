/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "harness.h"

static struct harness h;
static struct shmreg_connection *c;
static struct shmreg_segment *s;

#define CREATE SHMREG_OBJECT_CREATE
#define ATTACH SHMREG_OBJECT_ATTACH
#define SEAT SHMREG_OBJECT_SEAT

/* A queue is the kind with most to disagree about; only its bytes are used here. */
static const struct shmreg_shape queue = {
	.kind = SHMREG_KIND_QUEUE, .layout = SHMREG_QUEUE_LAYOUT,
	.elem_align = 8, .elem_bytes = 48, .capacity = 64,
};
static const struct shmreg_shape any_queue = {
	.kind = SHMREG_KIND_QUEUE, .layout = SHMREG_QUEUE_LAYOUT,
};

static int open_shape(struct shmreg_handle **ret, uint32_t how, const char *name,
		      const struct shmreg_shape *shape, const char *type)
{
	return shmreg_object_open(s, ret, how, name, shape, type, sizeof(struct shmreg_handle));
}

static void setup(void)
{
	const struct shmreg_segment_params params = { .size = sizeof(params), .bytes = 1 << 20,
						      .max_objects = 8 };

	harness_start(&h, NULL);
	c = harness_connect();
	harness_ok(shmreg_segment_create(c, &s, "seg", &params));
}

static void teardown(void)
{
	c = shmreg_disconnect(c);
	harness_stop(&h);
}

START_TEST(create_open_close)
{
	struct shmreg_handle *a = NULL, *b = NULL;

	harness_ok(open_shape(&a, CREATE | SEAT, "jobs", &queue, "struct job"));
	ck_assert_uint_eq(a->shape.capacity, 64);
	ck_assert_uint_eq(a->shape.elem_bytes, 48);
	ck_assert_uint_eq((uintptr_t)a % SHMREG_BLOCK, 64); /* arena.h says why */
	ck_assert_uint_eq((uintptr_t)a->base % SHMREG_BLOCK, 0);
	ck_assert_str_eq(a->entry->name, "jobs");
	ck_assert_uint_ne(a->seat, 0);
	ck_assert_int_eq(shmreg_handle_trouble(a), 0);
	harness_ok(open_shape(&b, ATTACH | SEAT, "jobs", &queue, "struct job"));
	ck_assert_ptr_eq(a->base, b->base);
	ck_assert_uint_ne(a->seat, b->seat);
	ck_assert_int_ge(labs((long)((uintptr_t)a - (uintptr_t)b)), SHMREG_BLOCK);
	harness_ok(shmreg_object_close(b));
	harness_ok(open_shape(&b, ATTACH, "jobs", &queue, "struct job"));
	ck_assert_uint_eq(b->seat, 0); /* not asked for */
	harness_ok(shmreg_object_close(b));
	harness_ok(open_shape(&b, CREATE | ATTACH, "jobs", &queue, "struct job"));
	harness_ok(shmreg_object_close(b));
	harness_result(open_shape(&b, CREATE, "jobs", &queue, "struct job"), -EEXIST);
	harness_sentence("'jobs'");
	harness_sentence("64 x 'struct job'");
	a->n_leases = 2;
	harness_result(shmreg_object_close(a), -EBUSY);
	harness_sentence("2 slots");
	a->n_leases = 0;
	harness_ok(shmreg_object_close(a));
	harness_ok(shmreg_object_close(NULL));
	harness_result(open_shape(&a, ATTACH, "nope", &queue, NULL), -ENOENT);
	harness_sentence("'nope'");
}
END_TEST

/* What does not match is refused, and both sides are named. */
START_TEST(mismatches)
{
	struct shmreg_shape shape;
	struct shmreg_handle *a = NULL, *b = NULL;

	harness_ok(open_shape(&a, CREATE, "jobs", &queue, "struct job"));
#define DIFFERS(field, value, type, there, wanted) \
	do { \
		shape = queue; \
		shape.field = (value); \
		harness_result(open_shape(&b, ATTACH, "jobs", &shape, type), -EMEDIUMTYPE); \
		harness_sentence(there); \
		harness_sentence(wanted); \
		harness_result(open_shape(&b, ATTACH | CREATE, "jobs", &shape, type), \
			       -EMEDIUMTYPE); \
	} while (0)
	DIFFERS(elem_bytes, 56, "struct job", "48 bytes", "56 bytes");
	DIFFERS(elem_align, 16, "struct job", "aligned to 8", "aligned to 16");
	DIFFERS(capacity, 128, "struct job", "64 x", "128 x");
	DIFFERS(flags, SHMREG_QUEUE_REDELIVER, "struct job", "flags 0;", "flags 0x1");
	DIFFERS(kind, SHMREG_KIND_ARRAY, "struct job", "queue of", "array of");
	DIFFERS(flags, 0, "struct task", "'struct job'", "'struct task'");
	ck_assert_ptr_null(b);

	shape = queue;
	shape.layout = 2;
	harness_result(open_shape(&b, ATTACH, "jobs", &shape, "struct job"), -EPROTONOSUPPORT);
	harness_sentence("layout 1");
	harness_sentence("layout 2");

	/* what the opener leaves open */
	harness_ok(open_shape(&b, ATTACH, "jobs", &any_queue, NULL));
	ck_assert_uint_eq(b->shape.elem_bytes, 48);
	ck_assert_uint_eq(b->shape.capacity, 64);
	harness_ok(shmreg_object_close(b));
	shape = queue;
	shape.capacity = 0;
	harness_ok(open_shape(&b, ATTACH, "jobs", &shape, "struct job"));
	harness_ok(shmreg_object_close(b));
	shape.elem_bytes = 56;
	harness_result(open_shape(&b, ATTACH, "jobs", &shape, "struct job"), -EMEDIUMTYPE);
	harness_sentence("any number x");
}
END_TEST

START_TEST(bad_arguments)
{
	char long_name[SHMREG_OBJECT_NAME_MAX + 2];
	struct shmreg_shape shape;
	struct shmreg_handle *a = NULL;

	harness_result(open_shape(&a, CREATE, NULL, &queue, NULL), -EINVAL);
	harness_result(open_shape(&a, CREATE, "", &queue, NULL), -EINVAL);
	harness_result(open_shape(&a, CREATE, "a/../b", &queue, NULL), -EINVAL);
	harness_result(open_shape(&a, ATTACH, "a b", &queue, NULL), -EINVAL);
	harness_sentence("'a b'");
	memset(long_name, 'x', sizeof(long_name));
	long_name[sizeof(long_name) - 1] = '\0';
	harness_result(open_shape(&a, CREATE, long_name, &queue, NULL), -ENAMETOOLONG);
	harness_result(open_shape(&a, CREATE, "a", &queue, long_name), -ENAMETOOLONG);
	harness_result(open_shape(&a, CREATE, "a", &queue, "type;"), -EINVAL);
	harness_result(open_shape(&a, 0, "a", &queue, NULL), -EINVAL);
	harness_result(shmreg_object_open(s, &a, CREATE, "a", &queue, NULL, 8), -EINVAL);
	harness_result(shmreg_object_open(NULL, &a, CREATE, "a", &queue, NULL, sizeof(*a)), -EINVAL);
#define REFUSED(field, value, error, text) \
	do { \
		shape = queue; \
		shape.field = (value); \
		harness_result(open_shape(&a, CREATE, "a", &shape, NULL), error); \
		harness_sentence("'a'"); \
		harness_sentence(text); \
	} while (0)
	REFUSED(capacity, 0, -EINVAL, "capacity");
	REFUSED(capacity, 48, -EINVAL, "power of two");
	REFUSED(capacity, SHMREG_QUEUE_CAPACITY_MAX * 2, -EINVAL, "2^30");
	REFUSED(elem_bytes, 0, -EINVAL, "element");
	REFUSED(elem_bytes, SHMREG_QUEUE_ELEM_MAX + 1, -EINVAL, "64 MiB");
	REFUSED(elem_align, 3, -EINVAL, "power of two");
	REFUSED(flags, 0x10, -EINVAL, "flags");
	REFUSED(layout, 9, -EPROTONOSUPPORT, "layout");
	shape = queue;
	shape.kind = 77;
	harness_result(open_shape(&a, CREATE, "a", &shape, NULL), -EINVAL);
	/* sizes that overflow */
	shape = (struct shmreg_shape){
	.kind = SHMREG_KIND_ARRAY, .layout = SHMREG_ARRAY_LAYOUT,
	.elem_align = 8, .elem_bytes = UINT64_C(1) << 40, .capacity = UINT64_C(1) << 40,
	};
	harness_result(open_shape(&a, CREATE, "a", &shape, NULL), -EOVERFLOW);
	ck_assert_ptr_null(a);

	harness_result(shmreg_object_remove(s, NULL), -EINVAL);
	harness_result(shmreg_object_remove(s, "a//"), -EINVAL);
	harness_result(shmreg_object_remove(s, "nope"), -ENOENT);
	harness_result(shmreg_object_remove(NULL, "nope"), -EINVAL);
}
END_TEST

START_TEST(no_room)
{
	struct shmreg_shape shape = {
	.kind = SHMREG_KIND_ARRAY, .layout = SHMREG_ARRAY_LAYOUT,
	.elem_align = 1, .elem_bytes = 1, .capacity = 3 << 20,
	};
	struct shmreg_handle *a = NULL, *b = NULL;
	char name[8];
	int i;

	harness_result(open_shape(&a, CREATE, "big", &shape, NULL), -ENOSPC);
	harness_sentence("missing");
	harness_sentence("2097152"); /* by how much */

	shape.capacity = 100;
	for (i = 0; i < 8; i++) {
		snprintf(name, sizeof(name), "%d", i);
		harness_ok(open_shape(&a, CREATE, name, &shape, NULL));
		harness_ok(shmreg_object_close(a));
	}
	harness_result(open_shape(&b, CREATE, "ninth", &shape, NULL), -ENOSPC);
	harness_sentence("8 objects");
	harness_ok(shmreg_object_remove(s, "3"));
	harness_ok(open_shape(&b, CREATE, "ninth", &shape, NULL));
}
END_TEST

START_TEST(read_only_attachment)
{
	struct shmreg_handle *a = NULL, *b = NULL;
	struct shmreg_segment *writable = s;
	const uint64_t *users;

	harness_ok(open_shape(&a, CREATE, "jobs", &queue, NULL));
	harness_ok(shmreg_segment_open(c, &s, "seg", SHMREG_ACCESS_READ));
	harness_ok(open_shape(&b, ATTACH | SEAT, "jobs", &queue, NULL));
	ck_assert_uint_eq(b->seat, 0);
	users = (const uint64_t *)(const void *)(a->base + offsetof(struct shmreg_queue_shm, users));
	ck_assert_uint_eq(users[0], 0);
	harness_result(open_shape(&a, CREATE | ATTACH, "new", &queue, NULL), -EROFS);
	harness_sentence("read-only");
	harness_result(shmreg_object_remove(s, "jobs"), -EROFS);
	harness_ok(shmreg_object_close(b));
	shmreg_segment_close(s);
	s = writable;
}
END_TEST

START_TEST(removed_while_open)
{
	struct shmreg_handle *old = NULL, *new = NULL;

	harness_ok(open_shape(&old, CREATE, "jobs", &queue, NULL));
	old->base[0] = 1;
	harness_ok(shmreg_object_remove(s, "jobs"));
	ck_assert_int_eq(shmreg_handle_trouble(old), -ESTALE);
	harness_result(open_shape(&new, ATTACH, "jobs", &queue, NULL), -ENOENT);
	harness_ok(open_shape(&new, CREATE, "jobs", &queue, NULL));
	ck_assert_uint_ne(old->object, new->object);
	ck_assert_ptr_ne(old->base, new->base);
	ck_assert_uint_eq(old->base[0], 1); /* still there */
	ck_assert_uint_eq(new->base[0], 0);
	harness_ok(shmreg_object_close(old));
	harness_ok(shmreg_object_close(new));
	ck_assert_int_eq(shmreg_handle_trouble(NULL), -ECHILD);
}
END_TEST

START_TEST(across_a_restart)
{
	struct shmreg_handle *a = NULL, *b = NULL;

	harness_ok(open_shape(&a, CREATE | SEAT, "jobs", &queue, "t"));
	harness_kill_daemon(&h);
	harness_ok(open_shape(&b, ATTACH | SEAT, "jobs", &queue, "t")); /* needs no daemon */
	harness_restart_daemon(&h);
	harness_ok(shmreg_object_close(b));
	harness_ok(open_shape(&b, CREATE, "more", &queue, "t"));
	harness_ok(shmreg_object_remove(s, "jobs"));
	ck_assert_int_eq(shmreg_handle_trouble(a), -ESTALE);
}
END_TEST

struct racer {
	pthread_t thread;
	unsigned int n_opened;
	const char *error;
};

static void *race(void *data)
{
	struct racer *r = data;
	struct shmreg_handle *a = NULL;
	unsigned int i;
	int e;

	for (i = 0; i < 300; i++) {
		e = open_shape(&a, CREATE | ATTACH | SEAT, "jobs", &queue, "t");
		if (e == -ENOSPC)
			continue; /* eight are there, removed ones that others hold included */
		if (e < 0)
			goto failed;
		r->n_opened++;
		/* nobody's memory is punched under him */
		__atomic_store_n((uint32_t *)(void *)(a->base + 2048 + a->seat * 4), a->seat,
				 __ATOMIC_RELAXED);
		if (i % 3 == 0) {
			e = shmreg_object_remove(s, "jobs");
			if (e < 0 && e != -ENOENT)
				goto failed;
		}
		if (__atomic_load_n((uint32_t *)(void *)(a->base + 2048 + a->seat * 4),
				    __ATOMIC_RELAXED) != a->seat) {
			r->error = "the memory of an open handle was punched";
			return NULL;
		}
		shmreg_object_close(a);
	}
	return NULL;
failed:
	r->error = strdup(shmreg_error());
	return NULL;
}

/* What was removed is given back by another process. */
static bool is_given_back(void *unused)
{
	struct shmreg_segment_info info;

	(void)unused;
	harness_ok(shmreg_segment_describe(c, "seg", &info, NULL));
	return info.used_bytes == 0;
}

START_TEST(opened_and_removed_by_many)
{
	struct racer r[4] = { { .n_opened = 0 } };
	unsigned int i;

	for (i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&r[i].thread, NULL, race, &r[i]), 0);
	for (i = 0; i < 4; i++)
		pthread_join(r[i].thread, NULL);
	for (i = 0; i < 4; i++) {
		ck_assert_msg(r[i].error == NULL, "%s", r[i].error);
		ck_assert_uint_gt(r[i].n_opened, 0);
	}
	if (shmreg_object_remove(s, "jobs") < 0)
		harness_sentence("jobs");
	harness_wait(is_given_back, NULL, "all to be given back");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("handle");
	TCase *tcase = harness_case(suite, "daemon");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, create_open_close);
	tcase_add_test(tcase, mismatches);
	tcase_add_test(tcase, bad_arguments);
	tcase_add_test(tcase, no_room);
	tcase_add_test(tcase, read_only_attachment);
	tcase_add_test(tcase, removed_while_open);
	tcase_add_test(tcase, across_a_restart);
	tcase_add_test(tcase, opened_and_removed_by_many);
	return harness_main(suite);
}
