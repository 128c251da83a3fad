/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>

#include "queue-manners.h"
#include "suite.h"

/* How long a handle keeps off lines that others write to: bounded, and soon not at all. */

#define AT(position) ((uint64_t)(position) << SHMREG_QUEUE_POS_SHIFT | 0x1234)
#define CAPACITY 1024

/* An end @n positions after the last one. Return: the pauses. */
static uint32_t end(struct shmreg_queue_manners *m, uint64_t n, uint64_t capacity, bool again)
{
	const uint64_t c = m->ended + (n << SHMREG_QUEUE_POS_SHIFT);
	const uint64_t since = manners_end(m, c);

	ck_assert_uint_eq(since, n);
	ck_assert_uint_eq(m->ended, c);
	return manners_look(m, since, capacity, again);
}

START_TEST(races)
{
	struct shmreg_queue_manners m = { 0 };
	uint32_t i, pause, last = 0;

	/* who never lost one waits for nobody */
	ck_assert_uint_eq(manners_enter(&m), 0);
	for (i = 0; i < 100; i++) {
		pause = manners_lost_race(&m);
		ck_assert_uint_le(pause, SHMREG_QUEUE_PAUSE_MAX);
		ck_assert(pause > last || pause == SHMREG_QUEUE_PAUSE_MAX);
		last = pause;
	}
	ck_assert_uint_eq(last, SHMREG_QUEUE_PAUSE_MAX);
	/* remembered, and forgotten */
	ck_assert_uint_eq(manners_enter(&m), SHMREG_QUEUE_PAUSE_MAX);
	for (i = 0; i < 30; i++) {
		pause = manners_enter(&m);
		ck_assert(pause < last || pause == 0);
		last = pause;
	}
	ck_assert_uint_eq(manners_enter(&m), 0);
}
END_TEST

START_TEST(request_and_reply)
{
	struct shmreg_queue_manners m = { .ended = AT(7) };
	uint32_t i;

	for (i = 0; i < 1000; i++)
		ck_assert_uint_eq(end(&m, i % 3 == 0 ? 1 : 0, CAPACITY, false), 0);
	/* also if there was a stream before */
	m.look_pause = SHMREG_QUEUE_PAUSE_MAX;
	for (i = 0; i < 1000; i++)
		ck_assert_uint_eq(end(&m, i % 2, CAPACITY, false), 0);
}
END_TEST

/* So many wait for their answers, each sends the next request when it has one, and all come in time. */
START_TEST(requests_and_replies)
{
	struct shmreg_queue_manners m = { .ended = AT(0) };
	const uint32_t n = (uint32_t)_i;
	uint32_t i;

	m.look_pause = SHMREG_QUEUE_PAUSE_MAX;
	for (i = 0; i < 10; i++)
		end(&m, n, CAPACITY, false);
	for (i = 0; i < 100; i++)
		ck_assert_uint_lt(end(&m, n, CAPACITY, false), 2 * n);
}
END_TEST

START_TEST(stream)
{
	struct shmreg_queue_manners m = { .ended = AT((UINT64_C(1) << 43) - 5) };	/* wraps */
	uint32_t i, pause = 0;

	for (i = 0; i < 100; i++) {
		const uint32_t next = end(&m, 255, CAPACITY, false);

		ck_assert_uint_le(next, SHMREG_QUEUE_PAUSE_MAX);
		ck_assert(next > pause || next == SHMREG_QUEUE_PAUSE_MAX);
		pause = next;
	}
	/* so many came meanwhile that it was too long */
	ck_assert_uint_lt(end(&m, 300, CAPACITY, false), pause);
	ck_assert_uint_lt(end(&m, 300, CAPACITY, false), pause / 2);
	/* which is less for a small queue */
	m.look_pause = 2;
	ck_assert_uint_lt(end(&m, 4, 8, false), 2);
	m.look_pause = 2;
	ck_assert_uint_gt(end(&m, 3, 8, false), 2);
	for (i = 0; i < 10; i++)
		pause = end(&m, 2, 2, false);
	ck_assert_uint_eq(pause, 0);
}
END_TEST

START_TEST(in_vain)
{
	struct shmreg_queue_manners m = { .ended = AT(0), .look_pause = SHMREG_QUEUE_PAUSE_MAX };
	uint32_t i;

	/* one pause a call, whatever has come by then */
	ck_assert_uint_eq(end(&m, 0, CAPACITY, true), 0);
	ck_assert_uint_eq(end(&m, 5, CAPACITY, true), 0);
	for (i = 0; i < 10; i++)
		end(&m, 0, CAPACITY, true);
	ck_assert_uint_eq(m.look_pause, 0);
	/* who drains it from time to time and finds no more after the pause: it becomes short */
	m.look_pause = SHMREG_QUEUE_PAUSE_MAX;
	for (i = 0; i < 100; i++) {
		ck_assert_uint_le(end(&m, 200, CAPACITY, false), i < 10 ? SHMREG_QUEUE_PAUSE_MAX : 3);
		ck_assert_uint_eq(end(&m, 0, CAPACITY, true), 0);
	}
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("queue-manners");

	tcase_add_test(c, races);
	tcase_add_test(c, request_and_reply);
	tcase_add_loop_test(c, requests_and_replies, 2, 32);
	tcase_add_test(c, stream);
	tcase_add_test(c, in_vain);
	return run_case("queue-manners", c);
}
