/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

SHMREG_DEFINE_ATOMIC(counter, uint64_t);
SHMREG_DEFINE_ARRAY(numbers, uint32_t);

static struct harness h;
static struct shmreg_connection *c;
static struct shmreg_segment *s;
static struct counter *n;
static struct numbers *a;

static void setup(void)
{
	harness_start_segment(&h, 0, &c, &s);
	harness_ok(counter_create(s, &n, "n"));
	harness_ok(numbers_create(s, &a, "a", 100));
	numbers_set(a, 7, 7);
}

static void teardown(void)
{
	c = shmreg_disconnect(c);
	harness_stop(&h);
}

/* The dead, and those who left, count until the reaper has been there. */
static bool alone(void *arg)
{
	struct shmreg_stats_reply stats;

	(void)arg;
	harness_ok(shmreg_stats(c, getuid(), &stats));
	return stats.usage[SHMREG_RESOURCE_PARTICIPANTS].used == 1;
}

/* Nothing the parent has is disturbed by what children did. */
static void parent_is_well(void)
{
	struct counter *more = NULL;

	counter_fetch_add(n, 1);
	ck_assert_uint_eq(numbers_get(a, 7), 7);
	harness_ok(counter_open(s, &more, "n"));
	harness_ok(counter_close(more));
	harness_ok(counter_create(s, &more, "more"));
	harness_ok(counter_close(more));
	harness_ok(shmreg_object_remove(s, "more"));
	harness_wait(alone, NULL, "the parent to be the only participant");
}

static int none(void *data, const struct shmreg_segment_info *info)
{
	(void)data;
	(void)info;
	return 0;
}

static unsigned int sockets(void)
{
	char path[64], target[128];
	unsigned int found = 0;
	ssize_t len;
	int fd;

	for (fd = 0; fd < 256; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		len = readlink(path, target, sizeof(target) - 1);
		if (len > 0 && strncmp(target, "socket:", 7) == 0)
			found++;
	}
	return found;
}

static void everything_says_echild(const struct mouth *mouth, void *arg)
{
	const struct shmreg_segment_params params = { .size = sizeof(params), .bytes = 4096 };
	struct shmreg_segment *t = NULL;
	struct shmreg_segment_info info;
	struct shmreg_stats_reply stats;
	struct shmreg_event event;
	struct shmreg_set set = { .what = SHMREG_SET_MODE };
	struct counter *m = NULL;
	const unsigned int before = sockets();
	int created;

	(void)arg;
	ck_assert_int_eq(shmreg_event_fd(c), -ECHILD);
	ck_assert_uint_eq(sockets(), before);
	harness_result(shmreg_segment_create(c, &t, "t", &params), -ECHILD);
	harness_sentence("fork()");
	ck_assert_uint_eq(sockets(), before - 1); /* the inherited one is closed, once */
	harness_result(shmreg_segment_open(c, &t, "seg", SHMREG_ACCESS_READ), -ECHILD);
	harness_result(shmreg_segment_open_or_create(c, &t, "t", &params, &created), -ECHILD);
	harness_result(shmreg_segment_remove(c, "seg"), -ECHILD);
	harness_result(shmreg_segment_list(c, none, NULL), -ECHILD);
	harness_result(shmreg_segment_describe(c, "seg", &info, NULL), -ECHILD);
	harness_result(shmreg_segment_set(c, "seg", &set), -ECHILD);
	harness_result(shmreg_stats(c, 0, &stats), -ECHILD);
	harness_result(shmreg_subscribe(c, NULL, 0), -ECHILD);
	harness_result(shmreg_next_event(c, &event, 1), -ECHILD);
	harness_result(shmreg_object_remove(s, "n"), -ECHILD);
	harness_result(counter_create(s, &m, "m"), -ECHILD);
	harness_result(counter_open(s, &m, "n"), -ECHILD);
	harness_result(counter_close(n), -ECHILD);
	harness_result(numbers_close(a), -ECHILD);
	ck_assert_int_eq(shmreg_handle_trouble(&n->atomic.handle), -ECHILD);
	ck_assert_ptr_null(t);
	ck_assert_ptr_null(m);
	/* handles are wiped, mappings absent */
	ck_assert_ptr_null(counter_cell(n));
	ck_assert_ptr_null(numbers_data(a));
	ck_assert_uint_eq(numbers_length(a), 0);
	ck_assert_ptr_null(shmreg_segment_dir(s));
	ck_assert_ptr_null(shmreg_segment_data(s));
	ck_assert_uint_eq(shmreg_segment_participant(s), 0);
	ck_assert_ptr_null(shmreg_segment_close(s));
	ck_assert_ptr_null(shmreg_disconnect(c));
	ck_assert_uint_eq(sockets(), before - 1);
	tell(mouth, 1);
	hear(mouth);
}

START_TEST(child_gets_echild)
{
	struct process p;

	process_start(&p, everything_says_echild, NULL);
	process_expect(&p, 1);
	parent_is_well();
	process_finish(&p);
	parent_is_well();
}
END_TEST

static uint32_t *pointer;
static void on_fault(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	_exit(info->si_addr == (void *)pointer ? 42 : 43);
}

static void follow_the_pointer(const struct mouth *mouth, void *arg)
{
	const struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };

	(void)arg;
	tell(mouth, 1);
	hear(mouth);
	sigaction(SIGSEGV, &action, NULL);
	*(volatile uint32_t *)pointer = 8;
	_exit(44);
}

START_TEST(plain_pointer_faults)
{
	struct process p;

	pointer = numbers_at(a, 7);
	process_start(&p, follow_the_pointer, NULL);
	process_expect(&p, 1);
	process_tell(&p, 1);
	ck_assert_int_eq(WEXITSTATUS(process_wait(&p)), 42);
	parent_is_well();
}
END_TEST

static void connect_anew(const struct mouth *mouth, void *arg)
{
	struct shmreg_connection *mine = harness_connect();
	struct shmreg_segment *seg = NULL;
	struct counter *count = NULL;
	struct process grandchild;

	harness_ok(shmreg_segment_open(mine, &seg, "seg", SHMREG_ACCESS_WRITE));
	harness_ok(counter_open(seg, &count, "n"));
	counter_fetch_add(count, 1000);
	tell(mouth, (int64_t)shmreg_segment_participant(seg));
	hear(mouth);
	if (arg != NULL) {
		/* and again, one generation on */
		process_start(&grandchild, connect_anew, NULL);
		process_hear(&grandchild);
		process_tell(&grandchild, 1);
		process_finish(&grandchild);
		ck_assert_uint_eq(counter_load(count), 2000);
	}
	shmreg_segment_close(seg);
	shmreg_disconnect(mine);
	hear(mouth);
}

START_TEST(child_with_its_own)
{
	struct process p;
	int64_t participant;

	process_start(&p, connect_anew, &p);
	participant = process_hear(&p);
	ck_assert_int_ne(participant, (int64_t)shmreg_segment_participant(s));
	process_tell(&p, 1);
	process_finish(&p);
	ck_assert_uint_eq(counter_load(n), 2000);
	parent_is_well();
}
END_TEST

/* A child that outlives its parent does not keep the parent's attachment. */
static void die_and_leave_a_child(const struct mouth *mouth, void *arg)
{
	struct shmreg_connection *mine = harness_connect();
	struct shmreg_segment *seg = NULL;

	(void)arg;
	harness_ok(shmreg_segment_open(mine, &seg, "seg", SHMREG_ACCESS_WRITE));
	if (fork() == 0) {
		hear(mouth);
		_exit(0);
	}
	tell(mouth, 1);
	hear(mouth);
	_exit(0);
}

START_TEST(child_outlives)
{
	struct shmreg_connection *events = harness_subscribe();
	struct process p;

	process_start(&p, die_and_leave_a_child, NULL);
	process_expect(&p, 1);
	ck_assert_int_eq(kill(p.pid, SIGKILL), 0);
	harness_wait_event(events, SHMREG_EVENT_DIED, "seg", NULL);
	process_wait(&p);
	shmreg_disconnect(events);
	parent_is_well();
}
END_TEST

/* fork while other threads hold the library's locks: the child takes none of them. */
static int stop;
static void *keep_busy(void *data)
{
	struct shmreg_stats_reply stats;
	struct counter *m = NULL;

	(void)data;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		if (shmreg_stats(c, getuid(), &stats) < 0 || counter_open(s, &m, "n") < 0 ||
		    counter_close(m) < 0)
			return (void *)shmreg_error();
	}
	return NULL;
}

START_TEST(fork_among_threads)
{
	struct shmreg_stats_reply stats;
	pthread_t thread[2];
	void *result;
	int i, status;
	pid_t pid;

	for (i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, keep_busy, NULL), 0);
	for (i = 0; i < 50; i++) {
		pid = fork();
		if (pid == 0) {
			if (shmreg_stats(c, 0, &stats) != -ECHILD)
				_exit(1);
			if (counter_close(n) != -ECHILD || shmreg_object_remove(s, "n") != -ECHILD)
				_exit(2);
			shmreg_segment_close(s);
			shmreg_disconnect(c);
			_exit(0);
		}
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert_int_eq(status, 0);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < 2; i++) {
		pthread_join(thread[i], &result);
		ck_assert_msg(result == NULL, "%s", (const char *)result);
	}
	parent_is_well();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fork");
	TCase *tcase = harness_case(suite, "daemon");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, child_gets_echild);
	tcase_add_test(tcase, plain_pointer_faults);
	tcase_add_test(tcase, child_with_its_own);
	tcase_add_test(tcase, child_outlives);
	tcase_add_test(tcase, fork_among_threads);
	return harness_main(suite);
}
