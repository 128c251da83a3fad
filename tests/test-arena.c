/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arena.h"
#include "suite.h"

static struct arena arena;

static unsigned char *slot(size_t bytes)
{
	static const unsigned char zeros[ARENA_SLOT_MAX];
	void *memory = NULL;

	ck_assert_int_eq(arena_alloc(&arena, &memory, bytes), 0);
	ck_assert_uint_eq((uintptr_t)memory % 128, ARENA_SLOT_AT);
	ck_assert_int_eq(memcmp(memory, zeros, bytes), 0);
	return memory;
}

static void teardown(void)
{
	arena_deinit(&arena);
	arena_deinit(&arena); /* an empty one is fine */
}

START_TEST(slots)
{
	unsigned char *memory[300];
	void *none = &arena;
	size_t i;

	ck_assert_int_eq(arena_alloc(&arena, &none, 0), -EINVAL);
	ck_assert_int_eq(arena_alloc(&arena, &none, ARENA_SLOT_MAX + 1), -EINVAL);
	ck_assert_ptr_eq(none, &arena);
	/* more than a chunk, of all sizes; none touches another */
	for (i = 0; i < 300; i++) {
		memory[i] = slot(i * 13 + 1);
		memset(memory[i], (int)(i % 255 + 1), i * 13 + 1);
	}
	for (i = 0; i < 300; i++) {
		ck_assert_uint_eq(memory[i][0], i % 255 + 1);
		ck_assert_uint_eq(memory[i][i * 13], i % 255 + 1);
	}
	arena_free(&arena, NULL, 1);
}
END_TEST

START_TEST(used_again)
{
	unsigned char *a = slot(200), *b = slot(200), *c;

	memset(a, 1, 200);
	memset(b, 2, 200);
	arena_free(&arena, a, 200);
	/* a closed handle is zero at once */
	for (c = a; c < a + 200; c++)
		ck_assert_uint_eq(*c, 0);
	ck_assert_ptr_ne(slot(100), a); /* another size */
	ck_assert_ptr_eq(slot(250), a); /* three blocks as well */
	ck_assert_uint_eq(b[199], 2);
	arena_free(&arena, a, 250);
	arena_free(&arena, b, 200);
	ck_assert_ptr_eq(slot(256), b);
	ck_assert_ptr_eq(slot(256), a);
	ck_assert_ptr_ne(slot(256), a);
}
END_TEST

START_TEST(child_finds_zeros)
{
	unsigned char *a = slot(1000);
	int status, i;
	pid_t pid;

	memset(a, 7, 1000);
	pid = fork();
	if (pid == 0) {
		for (i = 0; i < 1000; i++)
			if (a[i] != 0)
				_exit(1);
		/* and so does its own child, whatever it wrote */
		a[0] = 1;
		pid = fork();
		if (pid == 0)
			_exit(a[0] == 0 ? 0 : 2);
		waitpid(pid, &status, 0);
		_exit(WEXITSTATUS(status));
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_uint_eq(a[999], 7);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("arena");

	tcase_add_checked_fixture(tcase, NULL, teardown);
	tcase_add_test(tcase, slots);
	tcase_add_test(tcase, used_again);
	tcase_add_test(tcase, child_finds_zeros);
	return run_case("arena", tcase);
}
