/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actor.h"
#include "asleep.h"
#include "failing.h"

/*
 * Processes that wait at a queue for each other, by the real daemon: woken, or told why not, when
 * those die on whom they wait, when they die themselves, and when queue or daemon go away.
 */

static struct harness h;
static struct process waker, sleeper, other;
static struct process *const all[] = { &waker, &sleeper, &other };

static void start(const char *const *options)
{
	harness_start(&h, options);
	for (int i = 0; i < 3; i++)
		actor_start(all[i]);
}

static void setup(void)
{
	start(NULL);
}

static void teardown(void)
{
	for (int i = 0; i < 3; i++)
		if (all[i]->pid)
			process_finish(all[i]);
	harness_stop(&h);
}

static void all_attach(uint32_t flags)
{
	for (int i = 0; i < 3; i++) {
		if (i == 0) {
			actor_ok(all[i], deed_create, SHMREG_WHILE_ATTACHED);
			actor_ok(all[i], deed_queue_create, flags);
		} else {
			actor_ok(all[i], deed_open, SHMREG_ACCESS_WRITE);
			actor_ok(all[i], deed_queue_open, 0);
		}
	}
}

static int64_t deed_pop_wait(struct actor *a, int64_t unused)
{
	uint64_t word;
	const int r = word_queue_pop_wait(a->queue, &word, NULL);

	(void)unused;
	return r < 0 ? r : (int64_t)word;
}

static int64_t deed_pop_until(struct actor *a, int64_t ns)
{
	const struct timespec deadline = shmreg_deadline((uint64_t)ns);
	uint64_t word;
	const int r = word_queue_pop_wait(a->queue, &word, &deadline);

	return r < 0 ? r : (int64_t)word;
}

static int64_t deed_pop_batch_wait(struct actor *a, int64_t n)
{
	uint64_t words[8] = { 0 };
	const int r = word_queue_pop_batch_wait(a->queue, words, (uint32_t)n, NULL);

	return r < 0 ? r : (int64_t)words[0];
}

static int64_t deed_acquire_wait(struct actor *a, int64_t unused)
{
	const int r = word_queue_acquire_wait(a->queue, &a->lease[a->n_leases], NULL);

	(void)unused;
	return r < 0 ? r : (int64_t)*a->lease[a->n_leases++].elem;
}

static int64_t deed_push_wait(struct actor *a, int64_t word)
{
	return word_queue_push_wait(a->queue, &(uint64_t){ (uint64_t)word }, NULL);
}

static int64_t deed_push_batch_wait(struct actor *a, int64_t word)
{
	const uint64_t words[2] = { (uint64_t)word, (uint64_t)word };
	const int r = word_queue_push_batch_wait(a->queue, words, 2, 2, NULL);

	return r == 2 ? 0 : r;
}

static int64_t deed_reserve_wait(struct actor *a, int64_t word)
{
	const int r = word_queue_reserve_wait(a->queue, &a->lease[a->n_leases], NULL);

	if (r < 0)
		return r;
	*a->lease[a->n_leases].elem = (uint64_t)word;
	return word_queue_commit(a->queue, &a->lease[a->n_leases]);
}

static int64_t deed_fill(struct actor *a, int64_t n)
{
	int64_t r = 0;

	for (int64_t i = 0; i < n && r == 0; i++)
		r = deed_push(a, i);
	return r;
}

static int64_t deed_remove_queue(struct actor *a, int64_t unused)
{
	(void)unused;
	return shmreg_object_remove(a->segment, "queue");
}

static void falls_asleep(struct process *p, deed_fn deed, int64_t arg)
{
	actor_begin(p, deed, arg);
	asleep_await(p->pid, p->pid);
}

static const deed_fn pops[] = { deed_pop_wait, deed_pop_batch_wait, deed_acquire_wait };
static const deed_fn pushes[] = { deed_push_wait, deed_push_batch_wait, deed_reserve_wait };

/* --- woken ------------------------------------------------------------------------------ */

START_TEST(test_element)
{
	all_attach(0);
	falls_asleep(&sleeper, pops[_i], 3);
	actor_ok(&waker, deed_push, 41);
	process_expect(&sleeper, 41);
	/* What is there is had without a sleep. */
	actor_ok(&waker, deed_push, 42);
	actor_expect(&sleeper, pops[_i], 3, 42);
}
END_TEST

START_TEST(test_room)
{
	all_attach(0);
	actor_ok(&waker, deed_fill, 8);
	falls_asleep(&sleeper, pushes[_i], 77);
	actor_expect(&waker, deed_pop, 0, 0);
	if (pushes[_i] == deed_push_batch_wait)
		actor_expect(&waker, deed_pop, 0, 1);
	process_expect(&sleeper, 0);
	for (int64_t i = pushes[_i] == deed_push_batch_wait ? 2 : 1; i < 8; i++)
		actor_expect(&waker, deed_pop, 0, i);
	actor_expect(&waker, deed_pop, 0, 77);
}
END_TEST

START_TEST(test_deadline)
{
	all_attach(0);
	actor_expect(&sleeper, deed_pop_until, 0, -ETIMEDOUT);
	actor_expect(&sleeper, deed_pop_until, 20000000, -ETIMEDOUT);
	actor_ok(&waker, deed_push, 1);
	actor_expect(&sleeper, deed_pop_until, 0, 1);
}
END_TEST

/* --- deaths ----------------------------------------------------------------------------- */

/*
 * An actor that is stopped when it is about to make its first futex call: it has done what it
 * was told, and woken nobody.
 */
static bool stops_before_it_wakes(struct process *p, deed_fn deed, int64_t arg)
{
	struct __ptrace_syscall_info info;
	int status;

	if (ptrace(PTRACE_SEIZE, p->pid, NULL, (void *)PTRACE_O_TRACESYSGOOD) != 0) {
		harness_skip("ptrace is not allowed here");
		return false;
	}
	ck_assert_int_eq(ptrace(PTRACE_INTERRUPT, p->pid, NULL, NULL), 0);
	ck_assert_int_eq(waitpid(p->pid, &status, 0), p->pid);
	actor_begin(p, deed, arg);
	do {
		ck_assert_int_eq(ptrace(PTRACE_SYSCALL, p->pid, NULL, NULL), 0);
		ck_assert_int_eq(waitpid(p->pid, &status, 0), p->pid);
		ck_assert(WIFSTOPPED(status));
		ck_assert_int_gt(ptrace(PTRACE_GET_SYSCALL_INFO, p->pid, (void *)sizeof(info),
					&info), 0);
		ck_assert_msg(info.op != PTRACE_SYSCALL_INFO_ENTRY || info.entry.nr != SYS_sendto,
			      "it did not wake anybody");
	} while (info.op != PTRACE_SYSCALL_INFO_ENTRY || info.entry.nr != SYS_futex);
	return true;
}

START_TEST(test_waker_dies)
{
	all_attach(0);
	falls_asleep(&sleeper, pops[_i], 1);
	if (!stops_before_it_wakes(&waker, deed_push, 5)) {
		actor_ok(&other, deed_push, 5);
	} else {
		ck_assert(asleep(sleeper.pid, sleeper.pid));
		process_kill(&waker);
	}
	process_expect(&sleeper, 5);
}
END_TEST

START_TEST(test_popper_dies)
{
	all_attach(0);
	actor_ok(&other, deed_fill, 8);
	falls_asleep(&sleeper, deed_push_wait, 9);
	if (!stops_before_it_wakes(&waker, deed_pop, 0))
		actor_expect(&other, deed_pop, 0, 0);
	else
		process_kill(&waker);
	process_expect(&sleeper, 0);
}
END_TEST

/* Woken, but killed before it ran on: the next one is woken in its place. */
START_TEST(test_woken_one_dies)
{
	all_attach(0);
	falls_asleep(&sleeper, deed_pop_wait, 0);
	falls_asleep(&other, deed_pop_wait, 0);
	process_stop(&sleeper);
	actor_ok(&waker, deed_push, 6);
	process_kill(&sleeper);
	process_expect(&other, 6);
}
END_TEST

/* Killed while it sleeps: nobody minds. */
START_TEST(test_sleeper_dies)
{
	all_attach(0);
	falls_asleep(&sleeper, pops[_i], 1);
	process_kill(&sleeper);
	for (int64_t i = 0; i < 20; i++) {
		actor_ok(&waker, deed_push, i);
		actor_expect(&other, pops[_i], 1, i);
		if (pops[_i] == deed_acquire_wait)
			actor_ok(&other, deed_release, i < 15 ? i : 15);
		if (i == 14)
			return;	/* an actor has as many leases */
	}
}
END_TEST

/* A death that changes nothing for it: it sleeps on. */
START_TEST(test_death_of_a_stranger)
{
	uint64_t naps;

	all_attach(0);
	falls_asleep(&sleeper, deed_pop_wait, 0);
	naps = asleep_naps(sleeper.pid, sleeper.pid);
	process_kill(&other);
	asleep_await_after(sleeper.pid, sleeper.pid, naps);
	actor_ok(&waker, deed_push, 1);
	process_expect(&sleeper, 1);
}
END_TEST

/* What the dead had in his hands comes to who waits. */
START_TEST(test_redelivered)
{
	all_attach(SHMREG_QUEUE_REDELIVER);
	actor_ok(&waker, deed_push, 3);
	actor_expect(&other, deed_acquire, 0, 3);
	falls_asleep(&sleeper, pops[_i], 1);
	process_kill(&other);
	process_expect(&sleeper, 3);
}
END_TEST

/* Behind a slot that the dead had reserved: passed, once it is repaired. */
START_TEST(test_behind_the_dead)
{
	all_attach(0);
	actor_ok(&other, deed_reserve, 1);
	actor_ok(&waker, deed_push, 2);
	falls_asleep(&sleeper, pops[_i], 1);
	process_kill(&other);
	process_expect(&sleeper, 2);
}
END_TEST

/* Room that a dead consumer held. */
START_TEST(test_room_of_the_dead)
{
	all_attach(0);
	actor_ok(&waker, deed_fill, 8);
	actor_expect(&other, deed_acquire, 0, 0);
	falls_asleep(&sleeper, deed_push_wait, 8);
	process_kill(&other);
	process_expect(&sleeper, 0);
}
END_TEST

/* --- the end of things ------------------------------------------------------------------ */

START_TEST(test_removed)
{
	all_attach(0);
	falls_asleep(&sleeper, pops[_i], 1);
	actor_ok(&waker, deed_remove_queue, 0);
	process_expect(&sleeper, -ESTALE);
	/* What is left in it can be taken. */
	actor_ok(&waker, deed_push, 7);
	actor_expect(&sleeper, pops[_i], 1, 7);
	actor_expect(&sleeper, deed_pop_until, 0, -ESTALE);
}
END_TEST

START_TEST(test_full_and_removed)
{
	all_attach(0);
	actor_ok(&waker, deed_fill, 8);
	falls_asleep(&sleeper, pushes[_i], 1);
	actor_ok(&waker, deed_remove_queue, 0);
	process_expect(&sleeper, -ESTALE);
}
END_TEST

START_TEST(test_daemon_is_stopped)
{
	all_attach(0);
	falls_asleep(&sleeper, pops[_i], 1);
	harness_stop_daemon(&h);
	process_expect(&sleeper, -EHOSTDOWN);
	/* Who need not wait goes on. */
	actor_ok(&waker, deed_push, 7);
	actor_expect(&sleeper, pops[_i], 1, 7);
	actor_expect(&sleeper, deed_pop_wait, 0, -EHOSTDOWN);
	actor_expect(&sleeper, deed_pop_until, 0, -ETIMEDOUT);
	/* Nobody is there whom they could tell that they leave. */
	for (int i = 0; i < 3; i++)
		process_kill(all[i]);
}
END_TEST

START_TEST(test_daemon_is_killed)
{
	all_attach(0);
	falls_asleep(&sleeper, pops[_i], 1);
	harness_kill_daemon(&h);
	actor_ok(&waker, deed_push, 7);
	process_expect(&sleeper, 7);
	falls_asleep(&other, deed_pop_wait, 0);
	/* A waker that dies while there is no daemon: the next one finds out. */
	if (stops_before_it_wakes(&waker, deed_push, 8)) {
		process_kill(&waker);
		harness_restart_daemon(&h);
	} else {
		harness_restart_daemon(&h);
		actor_ok(&waker, deed_push, 8);
	}
	process_expect(&other, 8);
}
END_TEST

static void setup_failing(void)
{
	start(failing_reaper("exit-1", 3));
}

static void teardown_failing(void)
{
	teardown();
	failing_reaper_remove();
}

START_TEST(test_quarantined)
{
	all_attach(0);
	actor_ok(&other, deed_reserve, 1);
	falls_asleep(&sleeper, pops[_i], 1);
	process_kill(&other);
	process_expect(&sleeper, -ENOTRECOVERABLE);
	actor_ok(&waker, deed_fill, 7);
	actor_expect(&waker, deed_push_wait, 1, -ENOTRECOVERABLE);
}
END_TEST

/* --- a handle's own -------------------------------------------------------------------- */

static void on_signal(int signal)
{
	(void)signal;
}

static int64_t deed_be_interruptible(struct actor *a, int64_t flags)
{
	const struct sigaction action = { .sa_handler = on_signal };

	if (sigaction(SIGUSR1, &action, NULL) != 0)
		return -errno;
	return shmreg_handle_set_waiting(&a->queue->queue.handle, 1000, (uint32_t)flags);
}

START_TEST(test_interrupted)
{
	all_attach(0);
	actor_ok(&sleeper, deed_be_interruptible, 0);
	for (int i = 0; i < 2; i++) {
		uint64_t naps;

		falls_asleep(&sleeper, deed_pop_wait, 0);
		naps = asleep_naps(sleeper.pid, sleeper.pid);
		ck_assert_int_eq(kill(sleeper.pid, SIGUSR1), 0);
		if (i == 0) {
			asleep_await_after(sleeper.pid, sleeper.pid, naps);
			actor_ok(&waker, deed_push, 1);
			process_expect(&sleeper, 1);
			actor_ok(&sleeper, deed_be_interruptible, SHMREG_WAIT_INTERRUPTIBLE);
		} else {
			process_expect(&sleeper, -EINTR);
		}
	}
}
END_TEST

static int64_t deed_set_waiting(struct actor *a, int64_t spin_ns)
{
	return shmreg_handle_set_waiting(&a->queue->queue.handle, (uint32_t)spin_ns, 0);
}

static int64_t deed_in_a_child(struct actor *a, int64_t unused)
{
	uint64_t word;
	int status;
	pid_t pid = fork();

	(void)unused;
	if (pid == 0)
		_exit(-word_queue_pop_wait(a->queue, &word, NULL) +
		      -word_queue_push_batch_wait(a->queue, &word, 1, 1, NULL) +
		      -shmreg_handle_set_waiting(&a->queue->queue.handle, 0, 0));
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -EIO;
	return WEXITSTATUS(status);
}

START_TEST(test_handle)
{
	all_attach(0);
	actor_ok(&sleeper, deed_set_waiting, 0);
	actor_ok(&sleeper, deed_set_waiting, 1000000000);
	actor_expect(&sleeper, deed_set_waiting, 1000000001, -EINVAL);
	actor_says(&sleeper, "one second");
	actor_expect(&sleeper, deed_be_interruptible, 2, -EINVAL);
	actor_says(&sleeper, "SHMREG_WAIT_INTERRUPTIBLE");
	actor_expect(&sleeper, deed_in_a_child, 0, 3 * ECHILD);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("queue-wait");
	TCase *t = harness_case(s, "queue-wait");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, test_element, 0, 3);
	tcase_add_loop_test(t, test_room, 0, 3);
	tcase_add_test(t, test_deadline);
	tcase_add_loop_test(t, test_waker_dies, 0, 3);
	tcase_add_test(t, test_popper_dies);
	tcase_add_test(t, test_woken_one_dies);
	tcase_add_loop_test(t, test_sleeper_dies, 0, 3);
	tcase_add_test(t, test_death_of_a_stranger);
	tcase_add_loop_test(t, test_redelivered, 0, 3);
	tcase_add_loop_test(t, test_behind_the_dead, 0, 3);
	tcase_add_test(t, test_room_of_the_dead);
	tcase_add_loop_test(t, test_removed, 0, 3);
	tcase_add_loop_test(t, test_full_and_removed, 0, 3);
	tcase_add_loop_test(t, test_daemon_is_stopped, 0, 3);
	tcase_add_loop_test(t, test_daemon_is_killed, 0, 3);
	tcase_add_test(t, test_interrupted);
	tcase_add_test(t, test_handle);
	t = harness_case(s, "quarantine");
	tcase_add_checked_fixture(t, setup_failing, teardown_failing);
	tcase_add_loop_test(t, test_quarantined, 0, 3);
	return harness_main(s);
}
