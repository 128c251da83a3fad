/* SPDX-License-Identifier: MIT */
#include <config.h>

/* Tokens: who holds one, how many files they are, and what somebody can do to others'. */

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "suite.h"
#include "token.h"

#define UID 1000
#define A_SHEET 64
#define N (3 * A_SHEET + 1)

static struct token *new_token(struct sheets *sheets, uint32_t uid)
{
	struct token *t = NULL;

	ck_assert_int_eq(token_new(&t, sheets, uid), 0);
	return t;
}

START_TEST(test_held)
{
	struct sheets sheets = { .n = 0 };
	struct token *const t = new_token(&sheets, UID), *const other = new_token(&sheets, UID);
	const int fd = token_steal_gift(t);
	void *p;

	ck_assert_int_eq(token_steal_gift(t), -1);
	ck_assert(token_is_held(t));
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ck_assert_ptr_ne(p, MAP_FAILED);
	close(fd);
	ck_assert(token_is_held(t));
	munmap(p, 4096);
	ck_assert(!token_is_held(t));
	/* For good: nobody else can have it any more. */
	ck_assert(!token_is_held(t));
	/* One that has not been given away yet. */
	ck_assert(token_is_held(other));
	ck_assert_uint_eq(sheets.n, 1);
	token_free(t);
	token_free(other);
	ck_assert_ptr_null(token_free(NULL));
	ck_assert_uint_eq(sheets.n, 0);
}
END_TEST

/* Each by itself; as many files as are needed, and no more when some have gone and come again. */
START_TEST(test_many)
{
	struct sheets sheets = { .n = 0 };
	struct token *t[N], *other;

	for (int i = 0; i < N; i++) {
		t[i] = new_token(&sheets, UID);
		ck_assert_uint_eq(sheets.n, (unsigned int)i / A_SHEET + 1);
	}
	other = new_token(&sheets, UID + 1);
	ck_assert_uint_eq(sheets.n, 5);
	for (int i = 0; i < N; i += 2)
		close(token_steal_gift(t[i]));
	for (int i = 0; i < N; i++)
		ck_assert(token_is_held(t[i]) == (i % 2 == 1));
	for (int i = 0; i < N; i += 2) {
		token_free(t[i]);
		t[i] = new_token(&sheets, UID);
		ck_assert_uint_le(sheets.n, 5);
	}
	for (int i = 0; i < N; i++) {
		ck_assert(token_is_held(t[i]));
		token_free(t[i]);
	}
	ck_assert_uint_eq(sheets.n, 1);
	ck_assert(token_is_held(other));
	token_free(other);
	ck_assert_uint_eq(sheets.n, 0);
}
END_TEST

/* Whose connection is over may keep its byte: it is not taken for another's. */
START_TEST(test_kept)
{
	struct sheets sheets = { .n = 0 };
	struct token *const first = new_token(&sheets, UID);
	int kept[A_SHEET];
	struct token *t;

	for (int i = 0; i < A_SHEET; i++) {
		t = new_token(&sheets, UID);
		kept[i] = token_steal_gift(t);
		token_free(t);
	}
	t = new_token(&sheets, UID);
	ck_assert(token_is_held(t));
	close(token_steal_gift(t));
	ck_assert(!token_is_held(t));
	token_free(t);
	for (int i = 0; i < A_SHEET; i++)
		close(kept[i]);
	close(token_steal_gift(first));
	ck_assert(!token_is_held(first));
	token_free(first);
	ck_assert_uint_eq(sheets.n, 0);
}
END_TEST

/* Who locks all that he can keeps nobody from having tokens; each is then a file at worst. */
START_TEST(test_greedy)
{
	struct flock all = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 1 };
	struct sheets sheets = { .n = 0 };
	struct token *const greedy = new_token(&sheets, UID);
	struct token *t[A_SHEET], *other;
	const int fd = token_steal_gift(greedy);

	ck_assert_int_eq(fcntl(fd, F_OFD_SETLK, &all), 0);
	for (int i = 0; i < A_SHEET; i++)
		t[i] = new_token(&sheets, UID);
	other = new_token(&sheets, UID + 1);
	for (int i = 0; i < A_SHEET; i++) {
		close(token_steal_gift(t[i]));
		ck_assert(!token_is_held(t[i]));
	}
	ck_assert_uint_le(sheets.n, A_SHEET + 2);
	close(token_steal_gift(other));
	ck_assert(!token_is_held(other));
	close(fd);
	ck_assert(!token_is_held(greedy));
	for (int i = 0; i < A_SHEET; i++)
		token_free(t[i]);
	token_free(other);
	token_free(greedy);
	ck_assert_uint_eq(sheets.n, 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		test_held,
		test_many,
		test_kept,
		test_greedy,
	};

	return RUN_SUITE("token", tests, NULL, NULL, 60);
}
