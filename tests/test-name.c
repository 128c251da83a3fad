/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <shmreg/abi/name.h>

#include "name-words.h"
#include "random.h"
#include "suite.h"

static int check(const char *name, const char **ret_why)
{
	*ret_why = NULL;
	return shmreg_name_check(name, SHMREG_SEGMENT_NAME_MAX, ret_why);
}

START_TEST(test_good)
{
	static const char *const good[] = {
		"a", "A", "0", ".a", "..a", "...", "a.", "-", "_", "a/b", "a/b/c/d", "a.b-c_d/E9",
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		const char *why;

		ck_assert_msg(check(good[i], &why) == 0, "%s refused: %s", good[i], why);
		ck_assert_ptr_null(why);
	}
}
END_TEST

START_TEST(test_bad)
{
	static const struct {
		const char *name;
		const char *says;
	} bad[] = {
		{ "", "empty" },
		{ "/", "empty component" },
		{ "/a", "empty component" },
		{ "a/", "empty component" },
		{ "a//b", "empty component" },
		{ ".", "\"..\"" },
		{ "..", "\"..\"" },
		{ "../etc", "\"..\"" },
		{ "a/..", "\"..\"" },
		{ "a/./b", "\".\"" },
		{ "a b", "character" },
		{ "a\n", "character" },
		{ "a*", "character" },
		{ "\xc3\xa4", "character" },
		{ "a\\b", "character" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *why;

		ck_assert_int_eq(check(bad[i].name, &why), -EINVAL);
		ck_assert_ptr_nonnull(why);
		ck_assert_msg(strstr(why, bad[i].says) != NULL, "%s: %s", bad[i].name, why);
		ck_assert_int_eq(shmreg_name_check(bad[i].name, SHMREG_SEGMENT_NAME_MAX, NULL),
				 -EINVAL);
	}
}
END_TEST

START_TEST(test_length)
{
	char name[SHMREG_SEGMENT_NAME_MAX + 2];
	const char *why;

	memset(name, 'x', sizeof(name));
	name[SHMREG_SEGMENT_NAME_MAX + 1] = '\0';
	ck_assert_int_eq(check(name, &why), -ENAMETOOLONG);
	ck_assert_ptr_nonnull(strstr(why, "127"));
	name[SHMREG_SEGMENT_NAME_MAX] = '\0';
	ck_assert_int_eq(check(name, &why), 0);
	ck_assert_int_eq(shmreg_name_check(name, SHMREG_OBJECT_NAME_MAX, &why), -ENAMETOOLONG);
	ck_assert_ptr_nonnull(strstr(why, "63"));
	name[SHMREG_OBJECT_NAME_MAX] = '\0';
	ck_assert_int_eq(shmreg_name_check(name, SHMREG_OBJECT_NAME_MAX, &why), 0);
}
END_TEST

START_TEST(test_type_name)
{
	char name[SHMREG_TYPE_NAME_MAX + 2];
	const char *why = NULL;

	ck_assert_int_eq(shmreg_type_name_check("struct event", &why), 0);
	ck_assert_int_eq(shmreg_type_name_check("std::pair<int, char (*)[4]>", &why), 0);
	ck_assert_int_eq(shmreg_type_name_check("", &why), -EINVAL);
	ck_assert_int_eq(shmreg_type_name_check("a\tb", &why), -EINVAL);
	ck_assert_ptr_nonnull(strstr(why, "character"));
	ck_assert_int_eq(shmreg_type_name_check("a\"b", NULL), -EINVAL);
	memset(name, 'x', sizeof(name));
	name[SHMREG_TYPE_NAME_MAX + 1] = '\0';
	ck_assert_int_eq(shmreg_type_name_check(name, &why), -ENAMETOOLONG);
	name[SHMREG_TYPE_NAME_MAX] = '\0';
	ck_assert_int_eq(shmreg_type_name_check(name, &why), 0);
}
END_TEST

START_TEST(test_field)
{
	char field[16] = "a/b";
	const char *why = NULL;

	ck_assert_int_eq(shmreg_name_field_check(field, sizeof(field), &why), 0);
	field[15] = 'x';
	ck_assert_int_eq(shmreg_name_field_check(field, sizeof(field), &why), -EINVAL);
	ck_assert_ptr_nonnull(strstr(why, "zero"));
	memset(field, 'x', sizeof(field));
	ck_assert_int_eq(shmreg_name_field_check(field, sizeof(field), &why), -EINVAL);
	ck_assert_ptr_nonnull(strstr(why, "terminated"));
	memset(field, 0, sizeof(field));
	ck_assert_int_eq(shmreg_name_field_check(field, sizeof(field), &why), -EINVAL);
	ck_assert_int_eq(shmreg_type_name_field_check(field, sizeof(field), &why), 0);
	ck_assert_int_eq(shmreg_text_field_check(field, sizeof(field), &why), 0);
	strcpy(field, "wc (worker 3)");
	ck_assert_int_eq(shmreg_text_field_check(field, sizeof(field), &why), 0);
	field[1] = 7;
	ck_assert_int_eq(shmreg_text_field_check(field, sizeof(field), &why), -EINVAL);
	field[1] = (char)0x80;
	ck_assert_int_eq(shmreg_text_field_check(field, sizeof(field), &why), -EINVAL);
}
END_TEST

/*
 * Names as people make them fall into as many buckets as if they were thrown: of n in n buckets
 * 1 - 1/e stay empty or nearly. Any pattern that the hash does not break would show here.
 */
START_TEST(test_hash_spreads)
{
	static const char *const patterns[] = {
		"%u", "s%u", "sensor-%u", "sensor/%08u", "%u-price", "%06u.a", "orders/%u/book/bids",
		"a/rather/long/name/of/which/only/the/end/differs/%u",
	};
	enum { N = 4096 };

	for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns); i++) {
		static uint8_t used[N];
		unsigned int n_used = 0;

		memset(used, 0, sizeof(used));
		for (unsigned int k = 0; k < N; k++) {
			char name[128];
			uint8_t *bucket;

			snprintf(name, sizeof(name), patterns[i], k);
			bucket = &used[shmreg_name_hash(name) % N];
			n_used += *bucket == 0;
			*bucket = 1;
		}
		ck_assert_msg(n_used > N * 60 / 100, "%s: %u of %d", patterns[i], n_used, N);
	}
}
END_TEST

/* Both say the same, whatever lies before a name, with nothing behind it, and of the longest. */
START_TEST(test_hash_words)
{
	const size_t bytes = (size_t)sysconf(_SC_PAGESIZE);
	char *const page = mmap(NULL, 2 * bytes, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(page, MAP_FAILED);
	ck_assert_int_eq(mprotect(page + bytes, bytes, PROT_NONE), 0);
	memset(page, 'z', bytes - 1);
	for (size_t n = 1; n <= SHMREG_SEGMENT_NAME_MAX; n++) {
		uint64_t want[SHMREG_SEGMENT_NAME_MAX / 8 + 1] = { 0 };
		uint64_t words[SHMREG_SEGMENT_NAME_MAX / 8 + 2];
		char *const name = page + bytes - 1 - n;

		for (size_t i = 0; i < n; i++)
			name[i] = (char)(0x80 + i);
		memcpy(want, name, n);
		memset(words, 'x', sizeof(words));
		name_to_words(words, name, n);
		ck_assert_uint_eq(name_n_words(n), n / 8 + 1);
		ck_assert_mem_eq(words, want, 8 * name_n_words(n));
		ck_assert_uint_eq(words[name_n_words(n)], UINT64_C(0x7878787878787878));
		ck_assert_uint_eq(shmreg_name_hash(name), name_hash_words(want, n / 8 + 1));
		name[n - 1] = 'y';
		ck_assert_uint_ne(shmreg_name_hash(name), name_hash_words(want, n / 8 + 1));
	}
	munmap(page, 2 * bytes);
}
END_TEST

/* What is accepted is made of good components only, judged in another way. */
START_TEST(test_random)
{
	static const char alphabet[] = "ab./.-/_Z9 \x01\xff";
	struct random_state random;
	unsigned long n_good = 0;

	random_seed(&random);
	for (unsigned long i = random_rounds(100000); i; i--) {
		char name[12] = "", copy[12], *save = NULL;
		const size_t n = random_below(&random, sizeof(name));
		size_t rest = 0;

		for (size_t k = 0; k < n; k++)
			name[k] = alphabet[random_below(&random, sizeof(alphabet) - 1)];
		if (shmreg_name_check(name, SHMREG_SEGMENT_NAME_MAX, NULL) < 0)
			continue;
		n_good++;
		ck_assert_uint_eq(strspn(name, "ab./-_Z9"), strlen(name));
		memcpy(copy, name, sizeof(copy));
		for (char *c = strtok_r(copy, "/", &save); c; c = strtok_r(NULL, "/", &save)) {
			ck_assert_str_ne(c, ".");
			ck_assert_str_ne(c, "..");
			rest += strlen(c) + 1;
		}
		/* strtok() would have skipped empty components. */
		ck_assert_uint_eq(rest, strlen(name) + 1);
	}
	ck_assert_uint_gt(n_good, 0);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("name");

	tcase_add_test(tcase, test_good);
	tcase_add_test(tcase, test_bad);
	tcase_add_test(tcase, test_length);
	tcase_add_test(tcase, test_type_name);
	tcase_add_test(tcase, test_field);
	tcase_add_test(tcase, test_hash_spreads);
	tcase_add_test(tcase, test_hash_words);
	tcase_add_test(tcase, test_random);
	tcase_set_timeout(tcase, 300);
	return run_case("name", tcase);
}
