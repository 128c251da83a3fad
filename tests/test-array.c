/* SPDX-License-Identifier: MIT */
/* at(), get() and set() are to check, however this is compiled. */
#undef SHMREG_DEBUG
#define SHMREG_DEBUG 1
#include <config.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

struct event {
	uint64_t at;
	uint32_t kind;
	uint32_t value;
};
struct wider {
	uint64_t at;
	uint64_t kind;
	uint64_t value;
};
SHMREG_DEFINE_ARRAY(events, struct event);
SHMREG_DEFINE_ARRAY(wide, struct wider);
SHMREG_DEFINE_ARRAY(numbers, uint32_t);

static struct harness h;
static struct shmreg_connection *c;
static struct shmreg_segment *s;

static void setup(void)
{
	harness_start_segment(&h, 0, &c, &s);
}

static void teardown(void)
{
	c = shmreg_disconnect(c);
	harness_stop(&h);
}

START_TEST(write_and_read)
{
	const struct event e = { 1, 2, 3 };
	const struct events *reader = NULL;
	struct events *writer = NULL;
	struct event *data;
	uint64_t i;

	harness_ok(events_create(s, &writer, "log", 1000));
	ck_assert_uint_eq(events_length(writer), 1000);
	ck_assert_uint_eq((uintptr_t)events_data(writer) % 128, 0);
	harness_ok(events_open_const(s, &reader, "log", 0));
	ck_assert_uint_eq(events_length(reader), 1000);
	data = events_data(writer);
	for (i = 0; i < 1000; i++) {
		ck_assert_uint_eq(events_get(reader, i).at, 0); /* all-zero at first */
		data[i].at = i;
	}
	for (i = 0; i < 1000; i++)
		ck_assert_uint_eq(events_at_const(reader, i)->at, i);
	events_set(writer, 999, e);
	ck_assert_uint_eq(events_get(reader, 999).value, 3);
	ck_assert_ptr_eq(shmreg_array_at(&writer->array, 7), events_at(writer, 7));
	ck_assert_ptr_eq(shmreg_array_at_const(&writer->array, 7), events_at(writer, 7));
	ck_assert_ptr_eq(shmreg_array_data(&writer->array), data);
	ck_assert_uint_eq(shmreg_array_length(&reader->array), 1000);
	harness_ok(events_close(reader));
	harness_ok(events_close(writer));
	harness_ok(shmreg_array_close(NULL));
	/* the array stays */
	harness_ok(events_open(s, &writer, "log", 1000));
	ck_assert_uint_eq(events_get(writer, 5).at, 5);
	harness_ok(events_open_or_create(s, &writer, "log", 1000));
}
END_TEST

START_TEST(type_is_checked)
{
	struct events *log = NULL;
	struct wide *other = NULL;
	struct numbers *n = NULL;

	harness_ok(events_create(s, &log, "log", 10));
	harness_result(wide_open(s, &other, "log", 0), -EMEDIUMTYPE);
	harness_sentence("'struct event' (16 bytes, aligned to 8)");
	harness_sentence("'struct wider' (24 bytes, aligned to 8)");
	harness_result(numbers_open(s, &n, "log", 0), -EMEDIUMTYPE);
	harness_result(events_open(s, &log, "log", 11), -EMEDIUMTYPE);
	harness_sentence("array of 10 x");
	harness_sentence("array of 11 x");
	harness_result(events_create(s, &log, "log", 10), -EEXIST);
	harness_result(events_open(s, &log, "gol", 10), -ENOENT);
}
END_TEST

START_TEST(bad_parameters)
{
	struct shmreg_array_params p = { .size = sizeof(p), .length = 4, .elem_bytes = 24,
					 .elem_align = 8 };
	struct shmreg_array *a = NULL, *b = NULL;
	struct events *log = NULL;

	harness_result(events_create(s, &log, "log", 0), -EINVAL);
	harness_sentence("capacity 0");
	harness_result(events_create(s, &log, "log", UINT64_MAX), -EOVERFLOW);
	harness_result(events_create(s, &log, "log", 1 << 20), -ENOSPC);
	harness_ok(shmreg_array_create(s, &a, "any", &p));
	ck_assert_uint_eq(shmreg_array_length(a), 4);
	p.elem_bytes = 0;
	p.length = 0;
	p.elem_align = 77; /* ignored */
	harness_ok(shmreg_array_open(s, &b, "any", &p));
	ck_assert_ptr_eq(shmreg_array_data(a), shmreg_array_data(b));
	ck_assert_ptr_eq(shmreg_array_at(b, 3), (char *)shmreg_array_data(a) + 72);
	harness_ok(shmreg_array_open_or_create(s, &b, "any", &p));
	harness_result(shmreg_array_create(s, &b, "new", &p), -EINVAL);
	harness_ok(shmreg_array_open(s, &b, "any", NULL)); /* whatever it is */
	p.reserved = 1;
	harness_result(shmreg_array_open(s, &b, "any", &p), -EINVAL);
	p.size = 3;
	harness_result(shmreg_array_open(s, &b, "any", &p), -EINVAL);
	harness_result(shmreg_array_open(NULL, &b, "any", NULL), -EINVAL);
}
END_TEST

START_TEST(pages_and_alignment)
{
	const struct shmreg_array_params p = { .size = sizeof(p), .length = 3, .elem_bytes = 4096,
					       .elem_align = 4096 };
	struct shmreg_array *a = NULL, *b = NULL;
	struct numbers *n = NULL;

	harness_ok(numbers_create(s, &n, "small", 1));
	harness_ok(shmreg_array_create(s, &a, "a", &p));
	harness_ok(shmreg_array_create(s, &b, "b", &p));
	ck_assert_uint_eq((uintptr_t)shmreg_array_data(a) % 4096, 0);
	ck_assert_uint_eq((uintptr_t)shmreg_array_data(b) % 4096, 0);
	memset(shmreg_array_data(a), 1, (size_t)(3 * 4096));
	ck_assert_uint_eq(*(unsigned char *)shmreg_array_data(b), 0);
	ck_assert_uint_eq(numbers_get(n, 0), 0);
}
END_TEST

START_TEST(read_only)
{
	const struct events *reader = NULL;
	struct shmreg_segment *r = NULL;
	struct events *log = NULL;

	harness_ok(events_create(s, &log, "log", 10));
	events_at(log, 3)->at = 7;
	harness_ok(shmreg_segment_open(c, &r, "seg", SHMREG_ACCESS_READ));
	harness_result(events_open(r, &log, "log", 0), -EROFS);
	harness_sentence("shmreg_array_open_const()");
	harness_result(events_create(r, &log, "new", 1), -EROFS);
	harness_ok(events_open_const(r, &reader, "log", 0));
	ck_assert_uint_eq(events_get(reader, 3).at, 7);
	shmreg_segment_close(r);
}
END_TEST

/* A child that aborts, and what it said. */
static void aborts_with(void (*body)(void), const char *text)
{
	char said[512] = "";
	int pipe_fds[2], status;
	ssize_t n;
	pid_t pid;

	ck_assert_int_eq(pipe(pipe_fds), 0);
	pid = fork();
	if (pid == 0) {
		dup2(pipe_fds[1], STDERR_FILENO);
		signal(SIGABRT, SIG_DFL);
		body();
		_exit(0);
	}
	close(pipe_fds[1]);
	n = read(pipe_fds[0], said, sizeof(said) - 1);
	close(pipe_fds[0]);
	waitpid(pid, &status, 0);
	ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "status 0x%x", status);
	ck_assert_int_gt(n, 0);
	ck_assert_msg(strstr(said, text) != NULL, "'%s' does not say '%s'", said, text);
}

static void get_beyond(void)
{
	struct shmreg_connection *mine = harness_connect();
	struct shmreg_segment *seg = NULL;
	const struct events *log = NULL;

	harness_ok(shmreg_segment_open(mine, &seg, "seg", SHMREG_ACCESS_READ));
	harness_ok(events_open_const(seg, &log, "log", 0));
	events_get(log, 10);
}

static struct events *inherited;
static void set_inherited(void)
{
	const struct event e = { 1, 2, 3 };

	events_set(inherited, 0, e);
}

START_TEST(bounds)
{
	harness_ok(events_create(s, &inherited, "log", 10));
	aborts_with(get_beyond, "element 10 of array 'log', which has 10 (0 .. 9)");
	aborts_with(set_inherited, "inherited by fork");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("array");
	TCase *tcase = harness_case(suite, "daemon");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, write_and_read);
	tcase_add_test(tcase, type_is_checked);
	tcase_add_test(tcase, bad_parameters);
	tcase_add_test(tcase, pages_and_alignment);
	tcase_add_test(tcase, read_only);
	tcase_add_test(tcase, bounds);
	return harness_main(suite);
}
