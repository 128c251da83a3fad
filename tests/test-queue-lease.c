/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "queue-fixture.h"
#include "suite.h"

/* Slots lent out, refused, or left half-way by somebody who is stopped. */

struct item {
	uint64_t n;
	uint64_t check;
};
START_TEST(test_zero_copy)
{
	const struct shmreg_shape shape = shape_of(4, sizeof(struct item), 8);
	struct shmreg_queue_lease l[5], copy;
	struct shmreg_queue a, b;
	void *base = map(&shape);
	struct item x;
	int i;

	queue_seed(base, &shape, starts[_i]);
	queue_bind(&a, base, &shape, 1);
	queue_bind(&b, base, &shape, 2);

	/* several out of one handle, finished in another order */
	for (i = 0; i < 4; i++) {
		ck_assert_int_eq(shmreg_queue_reserve(&a, &l[i]), 0);
		ck_assert_uint_eq(l[i].position,
				  (starts[_i] + (uint64_t)i) & ((UINT64_C(1) << 43) - 1));
		((struct item *)l[i].elem)->n = (uint64_t)i;
	}
	ck_assert_uint_eq(a.handle.n_leases, 4);
	ck_assert_int_eq(shmreg_queue_reserve(&a, &l[4]), -EAGAIN);
	ck_assert_int_eq(shmreg_queue_reserve(&b, &l[4]), -EAGAIN);
	copy = l[2];
	ck_assert_int_eq(shmreg_queue_commit(&a, &l[2]), 0);
	ck_assert_ptr_null(l[2].elem);
	ck_assert_int_eq(shmreg_queue_pop(&b, &x), -EAGAIN);	/* behind one not committed */
	ck_assert_int_eq(shmreg_queue_commit(&a, &copy), -EINVAL);	/* twice */
	ck_assert_int_eq(shmreg_queue_abort(&a, &copy), -EINVAL);
	ck_assert_int_eq(shmreg_queue_commit(&a, &l[2]), -EINVAL);
	ck_assert_int_eq(shmreg_queue_commit(&b, &l[1]), -EPERM);	/* another handle's */
	ck_assert_int_eq(shmreg_queue_release(&a, &l[1]), -EINVAL);	/* was reserved */
	copy = l[1];
	ck_assert_int_eq(shmreg_queue_abort(&a, &l[1]), 0);
	ck_assert_int_eq(shmreg_queue_commit(&a, &copy), -EINVAL);	/* after abort */
	ck_assert_int_eq(shmreg_queue_commit(&a, &l[0]), 0);
	ck_assert_int_eq(shmreg_queue_commit(&a, &l[3]), 0);
	ck_assert_uint_eq(a.handle.n_leases, 0);

	ck_assert_int_eq(shmreg_queue_acquire(&b, &l[0]), 0);
	ck_assert_uint_eq(((struct item *)l[0].elem)->n, 0);
	ck_assert_int_eq(shmreg_queue_acquire(&b, &l[1]), 0);	/* passes the aborted one */
	ck_assert_uint_eq(((struct item *)l[1].elem)->n, 2);
	ck_assert_int_eq(shmreg_queue_acquire(&a, &l[2]), 0);
	ck_assert_uint_eq(((struct item *)l[2].elem)->n, 3);
	ck_assert_int_eq(shmreg_queue_acquire(&a, &l[3]), -EAGAIN);
	copy = l[1];
	ck_assert_int_eq(shmreg_queue_release(&b, &l[1]), 0);
	ck_assert_int_eq(shmreg_queue_release(&b, &copy), -EINVAL);
	ck_assert_int_eq(shmreg_queue_refuse(&b, &copy), -EINVAL);
	ck_assert_int_eq(shmreg_queue_release(&b, &l[2]), -EPERM);
	ck_assert_int_eq(shmreg_queue_commit(&b, &l[0]), -EINVAL);

	/* a refused one comes again, once, whoever asks */
	ck_assert_int_eq(shmreg_queue_refuse(&b, &l[0]), 0);
	ck_assert_int_eq(shmreg_queue_pop(&a, &x), 0);
	ck_assert_uint_eq(x.n, 0);
	ck_assert_int_eq(shmreg_queue_pop(&b, &x), -EAGAIN);
	ck_assert_int_eq(shmreg_queue_refuse(&a, &l[2]), 0);
	ck_assert_int_eq(shmreg_queue_acquire(&a, &l[2]), 0);
	ck_assert_uint_eq(((struct item *)l[2].elem)->n, 3);
	ck_assert_int_eq(shmreg_queue_pop(&a, &x), -EAGAIN);
	ck_assert_int_eq(shmreg_queue_release(&a, &l[2]), 0);
	ck_assert(queue_is_clean(base, &shape));
	plain_unmap(base, &shape);
}
END_TEST

START_TEST(test_lease_of_another_queue)
{
	const struct shmreg_shape shape = shape_of(4, 8, 8);
	struct shmreg_queue_lease l, m;
	struct shmreg_queue a, b;
	void *p = map(&shape), *q = map(&shape);

	queue_bind(&a, p, &shape, 1);
	queue_bind(&b, q, &shape, 1);
	ck_assert_int_eq(shmreg_queue_reserve(&a, &l), 0);
	ck_assert_int_eq(shmreg_queue_commit(&b, &l), -EINVAL);
	ck_assert_int_eq(shmreg_queue_reserve(&b, &m), 0);	/* the same word in both */
	ck_assert_int_eq(shmreg_queue_commit(&b, &l), -EINVAL);
	ck_assert_int_eq(shmreg_queue_commit(&b, &m), 0);
	l.position += 4;
	ck_assert_int_eq(shmreg_queue_commit(&a, &l), -EINVAL);
	l.position += UINT64_C(1) << 62;
	ck_assert_int_eq(shmreg_queue_commit(&a, &l), -EINVAL);
	l.position = 1;
	ck_assert_int_eq(shmreg_queue_commit(&a, &l), -EINVAL);
	l.position = 0;
	ck_assert_int_eq(shmreg_queue_commit(&a, &l), 0);
	plain_unmap(p, &shape);
	plain_unmap(q, &shape);
}
END_TEST

/* A producer or a consumer stopped half-way is waited for by nobody, and overtaken by nobody. */
START_TEST(test_stopped_half_way)
{
	const struct shmreg_shape shape = shape_of(4, 8, 8);
	struct shmreg_queue a, b;
	void *base = map(&shape);
	uint64_t pos, x = 9;

	queue_seed(base, &shape, starts[_i]);
	queue_bind(&a, base, &shape, 1);
	queue_bind(&b, base, &shape, 2);
	ck_assert_int_eq(shmreg_queue_claim_push(&a, 1, 1, &pos), 1);
	push(&b, 1);
	push(&b, 2);
	push(&b, 3);
	ck_assert_int_eq(shmreg_queue_push(&b, &x), -EAGAIN);
	expect_empty(&b);
	/* it goes on */
	*(uint64_t *)(void *)(shmreg_queue_slot_(&a, pos, a.stride) + a.elem_offset) = 0;
	shmreg_store_release(shmreg_queue_word_(shmreg_queue_slot_(&a, pos, a.stride)),
			     (pos & a.lap_mask) | SHMREG_QUEUE_READY);

	ck_assert_int_eq(shmreg_queue_claim_pop(&a, 1, &pos), 1);
	expect(&b, 1);
	expect(&b, 2);
	expect(&b, 3);
	expect_empty(&b);	/* and not the one taken a lap ago once more */
	ck_assert_int_eq(shmreg_queue_push(&b, &x), -EAGAIN);
	shmreg_store_release(shmreg_queue_word_(shmreg_queue_slot_(&a, pos, a.stride)),
			     (pos & a.lap_mask) + a.lap);
	ck_assert(queue_is_clean(base, &shape));

	plain_unmap(base, &shape);
}
END_TEST

/* A refused slot stays in the way of producers until it was popped again. */
START_TEST(test_refused_blocks_a_lap_later)
{
	const struct shmreg_shape shape = shape_of(2, 8, 8);
	struct shmreg_queue_lease l;
	struct shmreg_queue a;
	void *base = map(&shape);
	uint64_t x = 5;

	queue_bind(&a, base, &shape, 1);
	push(&a, 1);
	ck_assert_int_eq(shmreg_queue_acquire(&a, &l), 0);
	push(&a, 2);
	ck_assert_int_eq(shmreg_queue_push(&a, &x), -EAGAIN);
	ck_assert_int_eq(shmreg_queue_refuse(&a, &l), 0);
	ck_assert_int_eq(shmreg_queue_push(&a, &x), -EAGAIN);
	expect(&a, 1);
	push(&a, 3);
	expect(&a, 2);
	expect(&a, 3);
	ck_assert(queue_is_clean(base, &shape));
	plain_unmap(base, &shape);
}
END_TEST

/* Many refused at once: each is handed out exactly once, also after the wrap of positions. */
START_TEST(test_refused_many)
{
	const struct shmreg_shape shape = shape_of(256, 8, 8);
	struct shmreg_queue_lease l[256];
	unsigned char seen[256] = { 0 };
	struct shmreg_queue a, b;
	void *base = map(&shape);
	uint64_t i, x;

	if (_i > 0)
		queue_seed(base, &shape, starts[_i]);
	queue_bind(&a, base, &shape, 1);
	queue_bind(&b, base, &shape, 2);
	for (i = 0; i < 256; i++)
		push(&a, i);
	for (i = 0; i < 256; i++)
		ck_assert_int_eq(shmreg_queue_acquire(&b, &l[i]), 0);
	for (i = 0; i < 256; i += 2)
		ck_assert_int_eq(shmreg_queue_release(&b, &l[i]), 0);
	for (i = 255; i < 256; i -= 2)
		ck_assert_int_eq(shmreg_queue_refuse(&b, &l[i]), 0);
	for (i = 0; i < 128; i++) {
		ck_assert_int_eq(shmreg_queue_pop(i & 1 ? &a : &b, &x), 0);
		ck_assert_uint_lt(x, 256);
		ck_assert_uint_eq(x & 1, 1);
		ck_assert_uint_eq(seen[x]++, 0);
	}
	expect_empty(&a);
	expect_empty(&b);
	ck_assert(queue_is_clean(base, &shape));
	plain_unmap(base, &shape);
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("queue-lease");

	tcase_add_loop_test(c, test_zero_copy, 0, N_STARTS);
	tcase_add_test(c, test_lease_of_another_queue);
	tcase_add_loop_test(c, test_stopped_half_way, 0, N_STARTS);
	tcase_add_test(c, test_refused_blocks_a_lap_later);
	tcase_add_loop_test(c, test_refused_many, 0, N_STARTS);
	tcase_set_timeout(c, 0);
	return run_case("queue-lease", c);
}
