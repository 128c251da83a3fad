/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>

#include "hash.h"
#include "suite.h"

#define N 20000

struct item {
	struct hash_node node;
	uint32_t value;
};
static struct hash h;
static struct item items[N];

static void count(void *data, struct hash_node *node)
{
	(void)node;
	++*(size_t *)data;
}

START_TEST(add_find_remove)
{
	size_t n = 0;

	ck_assert_int_eq(hash_init(&h), 0);
	ck_assert_ptr_null(hash_first(&h, 0));
	for (uint32_t i = 0; i < N; i++) {
		items[i].value = i;
		hash_add(&h, &items[i].node, i / 2);	/* two of each key */
	}
	ck_assert_uint_eq(h.n, N);
	ck_assert_uint_ge(h.n_buckets, N / 2);
	hash_visit(&h, count, &n);
	ck_assert_uint_eq(n, N);
	for (uint32_t i = 0; i < N; i++) {
		struct hash_node *node = hash_first(&h, i / 2);
		int seen = 0, found = 0;

		for (; node; node = hash_next(node)) {
			seen++;
			found += container_of(node, struct item, node)->value == i;
		}
		if (seen != 2 || found != 1)
			ck_abort_msg("%u: seen %d, found %d", i, seen, found);
	}
	for (uint32_t i = 0; i < N; i += 2)
		hash_remove(&h, &items[i].node);
	for (uint32_t i = 0; i < N / 2; i++) {
		struct hash_node *node = hash_first(&h, i);

		if (!node || hash_next(node) || container_of(node, struct item, node)->value != 2 * i + 1)
			ck_abort_msg("%u", i);
	}
	for (uint32_t i = 1; i < N; i += 2)
		hash_remove(&h, &items[i].node);
	hash_deinit(&h);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { add_find_remove };

	return RUN_SUITE("hash", tests, NULL, NULL, 0);
}
