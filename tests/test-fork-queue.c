/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * fork: what a child inherits answers -ECHILD or is not there at all, does no harm to
 * the parent, and a connection of its own works.
 */

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actor.h"

static struct harness h;
static struct actor parent;

static void setup(void)
{
	harness_start(&h, NULL);
	ck_assert_int_eq(deed_create(&parent, SHMREG_WHILE_ATTACHED), 0);
	ck_assert_int_eq(deed_queue_create(&parent, SHMREG_QUEUE_REDELIVER), 0);
	ck_assert_int_eq(deed_atomic_create(&parent, 40), 0);
	ck_assert_int_eq(word_array_create(parent.segment, &parent.array, "array", 8), 0);
	ck_assert_int_eq(deed_push(&parent, 1), 0);
	ck_assert_int_eq(deed_push(&parent, 2), 0);
}

static void teardown(void)
{
	deed_disconnect(&parent, 0);
	harness_stop(&h);
}

/* The parent goes on as if nothing had happened. */
static void parent_is_well(void)
{
	ck_assert_int_eq(deed_pop(&parent, 0), 1);
	ck_assert_int_eq(deed_push(&parent, 3), 0);
	ck_assert_int_eq(deed_pop(&parent, 0), 2);
	ck_assert_int_eq(deed_pop(&parent, 0), 3);
	ck_assert_int_eq(deed_atomic_load(&parent, 0), 40);
	ck_assert_uint_eq(word_array_data(parent.array)[7], 0);
	ck_assert_int_eq(shmreg_object_remove(parent.segment, "array"), 0);
}

static void use_everything(const struct mouth *mouth, void *arg)
{
	struct shmreg_segment_info info;
	struct shmreg_segment *s;
	struct word_atomic *atomic;
	struct word_queue_lease lease;
	uint64_t word = 9, words[4] = { 0 };

	(void)arg;
	/* the data plane */
	ck_assert_int_eq(word_queue_push(parent.queue, &word), -ECHILD);
	ck_assert_int_eq(word_queue_pop(parent.queue, &word), -ECHILD);
	ck_assert_int_eq(word_queue_push_batch(parent.queue, words, 4, 1), -ECHILD);
	ck_assert_int_eq(word_queue_pop_batch(parent.queue, words, 4), -ECHILD);
	ck_assert_int_eq(word_queue_reserve(parent.queue, &lease), -ECHILD);
	ck_assert_int_eq(word_queue_acquire(parent.queue, &lease), -ECHILD);
	ck_assert_uint_eq(word_queue_length(parent.queue), 0);
	ck_assert_ptr_null(word_array_data(parent.array));
	ck_assert_uint_eq(word_array_length(parent.array), 0);
	/* the control plane, and that the sentence says what to do */
	ck_assert_int_eq(word_atomic_create(parent.segment, &atomic, "another"), -ECHILD);
	harness_sentence("fork");
	ck_assert_int_eq(shmreg_object_remove(parent.segment, "queue"), -ECHILD);
	ck_assert_int_eq(shmreg_segment_open(parent.connection, &s, ACTOR_SEGMENT,
					     SHMREG_ACCESS_WRITE), -ECHILD);
	ck_assert_int_eq(shmreg_segment_remove(parent.connection, ACTOR_SEGMENT), -ECHILD);
	ck_assert_int_eq(shmreg_segment_describe(parent.connection, ACTOR_SEGMENT, &info, NULL),
			 -ECHILD);
	/* ending what is not one's own ends nothing */
	word_queue_close(parent.queue);
	shmreg_segment_close(parent.segment);
	shmreg_disconnect(parent.connection);
	tell(mouth, 0);
}

START_TEST(test_child_uses_everything)
{
	process_try(use_everything, NULL);
	parent_is_well();
}
END_TEST

/* A pointer that was taken before faults, rather than write where nobody expects it. */
static void store_by_pointer(const struct mouth *mouth, void *arg)
{
	uint64_t *words = arg;

	signal(SIGSEGV, SIG_DFL);
	tell(mouth, 0);
	words[7] = 9;
	tell(mouth, 1);
}

START_TEST(test_pointer_faults)
{
	struct process child;

	process_start(&child, store_by_pointer, word_array_data(parent.array));
	process_expect(&child, 0);
	ck_assert_int_ne(process_wait(&child), 0);
	parent_is_well();
}
END_TEST

static void own_connection(const struct mouth *mouth, void *arg)
{
	static struct actor child;

	(void)arg;
	ck_assert_int_eq(deed_open(&child, SHMREG_ACCESS_WRITE), 0);
	ck_assert_int_eq(deed_queue_open(&child, 0), 0);
	ck_assert_int_eq(deed_pop(&child, 0), 1);
	ck_assert_int_eq(deed_acquire(&child, 0), 2);
	tell(mouth, 0);
	hear(mouth);
	shmreg_disconnect(child.connection);
}

START_TEST(test_own_connection)
{
	struct process child;

	process_start(&child, own_connection, NULL);
	process_expect(&child, 0);
	process_kill(&child);
	/* Its own seats were its own: the parent's are alive. */
	while (deed_pop(&parent, 0) != 2)
		usleep(1000);
	ck_assert_int_eq(deed_push(&parent, 1), 0);
	ck_assert_int_eq(deed_push(&parent, 2), 0);
	parent_is_well();
}
END_TEST

/* The parent's death is seen although a child has inherited its socket. */
static void fork_and_die(const struct mouth *mouth, void *arg)
{
	static struct actor a;
	pid_t pid;

	(void)arg;
	ck_assert_int_eq(deed_open(&a, SHMREG_ACCESS_WRITE), 0);
	ck_assert_int_eq(deed_queue_open(&a, 0), 0);
	ck_assert_int_eq(deed_acquire(&a, 0), 1);
	pid = fork();
	if (pid == 0) {
		for (;;)
			pause();
	}
	tell(mouth, pid);
	hear(mouth);
}

START_TEST(test_parent_dies)
{
	struct process p;
	pid_t grandchild;
	int64_t word;

	process_start(&p, fork_and_die, NULL);
	grandchild = (pid_t)process_hear(&p);
	ck_assert_int_eq(deed_pop(&parent, 0), 2);
	process_kill(&p);
	while ((word = deed_pop(&parent, 0)) == -EAGAIN)
		usleep(1000);
	ck_assert_int_eq(word, 1);
	ck_assert_int_eq(deed_push(&parent, 1), 0);
	ck_assert_int_eq(deed_push(&parent, 2), 0);
	parent_is_well();
	/* Its own parent is dead, so init reaps it. */
	ck_assert_int_eq(kill(grandchild, SIGKILL), 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("fork-queue");
	TCase *tc = harness_case(s, "fork");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_child_uses_everything);
	tcase_add_test(tc, test_pointer_faults);
	tcase_add_test(tc, test_own_connection);
	tcase_add_test(tc, test_parent_dies);
	return s;
}

int main(void)
{
	return harness_main(suite());
}
