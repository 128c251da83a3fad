/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cell-plain.h"
#include "cell-repair.h"	/* before the variables whose names it has for arguments */
#include "suite.h"
#include "waiter.h"
#include "waits.h"

/* Every wait for a cell, without a daemon. Who waits is a child, and the test writes. */

struct value {
	uint64_t n, check;
};
SHMREG_DEFINE_CELL(value_cell, struct value);

static struct shmreg_shape shape;
static void *base;
static struct value_cell_writer writer, second;
static struct value_cell cell;
static uint64_t seen, written;	/* versions */

struct waiting {
	const char *name;
	int (*wait)(const struct timespec *deadline);	/* 0, and `seen` is the version */
};
static const struct waiting *op;

static int judge(int r, const struct value *value, uint64_t version)
{
	if (r < 0) {
		ck_assert_uint_eq(version, 99);
		return r;
	}
	ck_assert_int_eq(r, 0);
	ck_assert_uint_ne(version, seen);
	ck_assert_uint_eq(value->n, version);
	ck_assert_uint_eq(value->check, ~version);
	seen = version;
	return 0;
}

static int read_wait(const struct timespec *deadline)
{
	struct value value = { 0, 0 };
	uint64_t version = 99;
	const int r = shmreg_cell_read_wait(&cell.cell, seen, &value, &version, deadline);

	return judge(r, &value, version);
}

static int typed_read_wait(const struct timespec *deadline)
{
	struct value value = { 0, 0 };
	uint64_t version = 99;
	const int r = value_cell_read_wait(&cell, seen, &value, &version, deadline);

	return judge(r, &value, version);
}

static int judge_changed(int r)
{
	struct value value;
	uint64_t version;

	if (r < 0)
		return r;
	ck_assert_int_eq(r, 1);
	ck_assert_int_eq(value_cell_read(&cell, &value, &version), 0);
	return judge(0, &value, version);
}

static int changed_wait(const struct timespec *deadline)
{
	return judge_changed(shmreg_cell_changed_wait(&cell.cell, seen, deadline));
}

static int typed_changed_wait(const struct timespec *deadline)
{
	return judge_changed(value_cell_changed_wait(&cell, seen, deadline));
}

static const struct waiting waitings[] = {
	{ "read_wait", read_wait },
	{ "typed read_wait", typed_read_wait },
	{ "changed_wait", changed_wait },
	{ "typed changed_wait", typed_changed_wait },
};
#define N_WAITINGS ((int)(sizeof(waitings) / sizeof(waitings[0])))
/* Each of them: never written, and written; one writer, and several. */
#define N_RUNS (4 * N_WAITINGS)

static union shmreg_eventcount *event(void)
{
	return &((struct shmreg_cell_shm *)base)->change;
}

static struct value next(void)
{
	written++;
	return (struct value){ written, ~written };
}

static void write_one(void)
{
	const struct value value = next();

	ck_assert_int_eq(value_cell_write(&writer, &value), 0);
}

static void untyped_write(void)
{
	const struct value value = next();

	ck_assert_int_eq(shmreg_cell_write(&writer.writer, &value), 0);
}

static void commit(void)
{
	struct value *place;

	ck_assert_int_eq(value_cell_begin(&writer, &place), 0);
	*place = next();
	ck_assert_int_eq(value_cell_commit(&writer), 0);
}

static void abort_one(void)
{
	struct value *place;

	ck_assert_int_eq(value_cell_begin(&writer, &place), 0);
	ck_assert_int_eq(value_cell_abort(&writer), 0);
}

static int64_t wait_in_op(const struct timespec *deadline)
{
	return op->wait(deadline);
}

static void begin(int run)
{
	op = &waitings[run % N_WAITINGS];
	printf("%s\n", op->name);
	ck_assert_int_eq(waiter_register(), 0);
	shape = cell_shape(sizeof(struct value), SHMREG_ALIGNOF(struct value),
			   run / N_WAITINGS % 2 ? 3 : 1, 4);
	base = plain_map(&shape);
	ck_assert_ptr_nonnull(base);
	ck_assert(cell_writer_bind(&writer.writer, base, &shape, 3));
	cell_bind(&cell.cell, base, &shape);
	waits.wait = wait_in_op;
	waits.event = event();
	seen = written = 0;
	if (run / N_WAITINGS / 2 == 0)
		return;
	write_one();
	ck_assert_int_eq(op->wait(NULL), 0);	/* seen */
}

static void end(void)
{
	ck_assert(cell_is_sound(base, &shape));
	plain_unmap(base, &shape);
}

START_TEST(deadlines)
{
	const struct timespec past = { 0, 0 };

	begin(_i);
	waits_in_vain();
	write_one();
	ck_assert_int_eq(op->wait(&past), 0);
	ck_assert_int_eq(op->wait(&past), -ETIMEDOUT);
	/* the latest; those between are not waited for */
	write_one();
	write_one();
	ck_assert_int_eq(op->wait(&past), 0);
	ck_assert_uint_eq(seen, written);
	ck_assert_int_eq(op->wait(&past), -ETIMEDOUT);
	end();
}
END_TEST

/* A version that was never there differs, too, but of a cell never written there is no value. */
START_TEST(strange_versions)
{
	struct value value = { 0, 0 };
	uint64_t version = 99;
	const struct timespec past = { 0, 0 };

	begin(_i);
	ck_assert_int_eq(shmreg_cell_changed_wait(&cell.cell, 5, &past), 1);
	ck_assert_int_eq(shmreg_cell_read_wait(&cell.cell, 5, &value, &version, &past), -ETIMEDOUT);
	ck_assert_int_eq(value_cell_read_wait(&cell, 5, &value, &version, &past), -ETIMEDOUT);
	ck_assert_uint_eq(version, 99);
	write_one();
	ck_assert_int_eq(shmreg_cell_read_wait(&cell.cell, 5, &value, NULL, &past), 0);
	ck_assert_uint_eq(value.n, 1);
	end();
}
END_TEST

START_TEST(does_not_wait_if_it_need_not)
{
	begin(_i);
	write_one();
	ck_assert_int_eq(op->wait(NULL), 0);
	/* nobody was told of anything: not one call of the kernel */
	ck_assert_uint_eq(waits.event->both, 0);
	end();
}
END_TEST

START_TEST(woken)
{
	struct sleeper s;

	begin(_i);
	sleeper_fork(&s, _i % 2 ? wait_an_hour : wait_for_ever, NULL);
	sleeper_await(&s);
	asleep_await_flags(waits.event, SHMREG_EVENTCOUNT_ASLEEP);
	write_one();
	ck_assert_int_eq(sleeper_result(&s), 0);
	ck_assert_uint_eq(waits_count(), 2);		/* by the sleeper and by who woke it */
	end();
}
END_TEST

START_TEST(all_are_woken)
{
	begin(_i);
	waits_all_are_woken(write_one);
	end();
}
END_TEST

START_TEST(woken_for_nothing)
{
	struct sleeper s;

	begin(_i);
	waits_on(&s);
	write_one();
	ck_assert_int_eq(sleeper_result(&s), 0);
	end();
}
END_TEST

START_TEST(signals)
{
	begin(_i);
	waits_through_a_signal();
	ck_assert_int_eq(shmreg_handle_set_waiting(&cell.cell.handle, 0,
						   SHMREG_WAIT_INTERRUPTIBLE), 0);
	waits_for_a_signal();
	end();
}
END_TEST

START_TEST(dies_asleep)
{
	struct sleeper s, other;

	begin(_i);
	sleeper_fork(&s, wait_for_ever, NULL);
	sleeper_await(&s);
	sleeper_fork(&other, wait_for_ever, NULL);
	sleeper_await(&other);
	sleeper_kill(&s);
	write_one();
	ck_assert_int_eq(sleeper_result(&other), 0);
	end();
}
END_TEST

START_TEST(forked)
{
	begin(_i);
	memset(&cell, 0, sizeof(cell));
	waits_as_a_stranger();
	end();
}
END_TEST

/* Somebody seems to sleep: afterwards the sequence is raised, or is not. */
static bool raises(void (*act)(void))
{
	const uint32_t before = waits_count();

	shmreg_fetch_or_acq_rel(waits_word(), SHMREG_EVENTCOUNT_ASLEEP);
	act();
	if (((waits_count() ^ before) & SHMREG_EVENTCOUNT_SEQUENCE) == 0)
		return false;
	ck_assert_uint_eq(waits_count() & SHMREG_EVENTCOUNT_ASLEEP, 0);
	return true;
}

START_TEST(wakers)
{
	begin(_i * N_WAITINGS);
	ck_assert(raises(write_one));
	ck_assert(raises(untyped_write));
	ck_assert(raises(commit));
	ck_assert(!raises(abort_one));
	end();
}
END_TEST

/* A writer that is stopped before it wakes anybody: the next one wakes for both. */
START_TEST(writer_is_stopped)
{
	struct shmreg_cell_writer *w = &writer.writer;
	struct value value;
	struct sleeper s;
	uint64_t naps, word;

	begin(N_WAITINGS + _i);		/* several */
	ck_assert(cell_writer_bind(&second.writer, base, &shape, 4));
	sleeper_fork(&s, wait_for_ever, NULL);
	sleeper_await(&s);
	naps = sleeper_naps(&s);
	value = next();
	shmreg_cell_open_slot_(w->next, w->cell.word_offset);
	memcpy(w->next, &value, sizeof(value));
	word = shmreg_cell_next_(0) | shmreg_cell_place_(w);
	shmreg_store_relaxed(shmreg_cell_word_(w->next, w->cell.word_offset), word);
	shmreg_store_release(&((struct shmreg_cell_shm *)base)->latest, word);
	ck_assert_uint_eq(sleeper_naps(&s), naps);
	value = next();
	ck_assert_int_eq(value_cell_write(&second, &value), 0);
	ck_assert_int_eq(sleeper_result(&s), 0);
	end();
}
END_TEST

/*
 * Thousands of values by turns: each process waits for the other's answer, so that one wake-up
 * that is lost is the end of it. Two watch, of whom nobody takes notice.
 */
#define ROUNDS 3000

static struct value_cell answers;
static struct value_cell_writer answerer;

static int answer(void *unused)
{
	struct value value = { 0, 0 };
	uint64_t version = 0;

	(void)unused;
	while (value.n < ROUNDS) {
		if (value_cell_read_wait(&cell, version, &value, &version, NULL) != 0 ||
		    value_cell_write(&answerer, &value) != 0)
			return -1;
	}
	return 0;
}

static int watch(void *unused)
{
	struct value value = { 0, 0 };
	uint64_t version = 0, before = 0;

	(void)unused;
	while (value.n < ROUNDS) {
		if (value_cell_read_wait(&cell, version, &value, &version, NULL) != 0 ||
		    version <= before || value.n != version || value.check != ~version)
			return -1;
		before = version;
	}
	return 0;
}

START_TEST(thousands)
{
	const char *patience = getenv("SHMREG_TEST_PATIENCE");
	const uint64_t s_max = patience != NULL ? (uint64_t)atoi(patience) : ASLEEP_PATIENCE_S;
	struct timespec deadline;
	struct sleeper s[3];
	struct value value = { 0, 0 };
	uint64_t version = 0;
	void *other;
	int i;

	begin(_i * N_WAITINGS);
	other = plain_map(&shape);
	ck_assert_ptr_nonnull(other);
	ck_assert(cell_writer_bind(&answerer.writer, other, &shape, 3));
	cell_bind(&answers.cell, other, &shape);
	for (i = 0; i < 3; i++)
		sleeper_fork(&s[i], i == 0 ? answer : watch, NULL);
	while (written < ROUNDS) {
		write_one();
		deadline = shmreg_deadline(s_max * 1000000000);
		ck_assert_int_eq(value_cell_read_wait(&answers, version, &value, &version,
						      &deadline), 0);
		ck_assert_uint_eq(value.n, written);
	}
	for (i = 0; i < 3; i++)
		ck_assert_int_eq(sleeper_result(&s[i]), 0);
	ck_assert(cell_is_sound(other, &shape));
	plain_unmap(other, &shape);
	end();
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("cell-wait");

	tcase_set_timeout(t, 300);
	tcase_add_loop_test(t, deadlines, 0, N_RUNS);
	tcase_add_loop_test(t, strange_versions, 0, 2);
	tcase_add_loop_test(t, does_not_wait_if_it_need_not, 0, N_RUNS);
	tcase_add_loop_test(t, woken, 0, N_RUNS);
	tcase_add_loop_test(t, all_are_woken, 0, N_RUNS);
	tcase_add_loop_test(t, woken_for_nothing, 0, N_RUNS);
	tcase_add_loop_test(t, signals, 0, N_WAITINGS);
	tcase_add_loop_test(t, dies_asleep, 0, N_WAITINGS);
	tcase_add_loop_test(t, forked, 0, N_WAITINGS);
	tcase_add_loop_test(t, wakers, 0, 2);
	tcase_add_loop_test(t, writer_is_stopped, 0, N_WAITINGS);
	tcase_add_loop_test(t, thousands, 0, 2);
	return run_case("cell-wait", t);
}
