/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * What shmregctl top costs those whom it watches: not an instruction, not a page fault, not a
 * wake-up, once it has attached. It runs at a terminal of its own, ten times a second. And what
 * shmregctl metrics does, which attaches each time.
 */

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "asleep.h"
#include "harness.h"

SHMREG_DEFINE_QUEUE(word_queue, uint64_t);
SHMREG_DEFINE_CELL(word_cell, uint64_t);

#define LOOKS 10	/* that top must have made meanwhile */
#define SLOTS 8		/* of the queue, and operations a round */
#define NO_PTRACE 97

static struct harness h;
static struct shmreg_connection *connection;
static struct shmreg_segment *segment;
static struct word_queue *queue;
static struct word_cell_writer *cell;
static pid_t top;
static int terminal;

static void setup(void)
{
	harness_start_segment(&h, 16, &connection, &segment);
	harness_ok(word_queue_create(segment, &queue, "queue", SLOTS, 0));
	harness_ok(word_cell_writer_create(segment, &cell, "cell", 1, 0));
}

static void teardown(void)
{
	shmreg_disconnect(connection);
	harness_stop(&h);
}

/* --- top ---------------------------------------------------------------------------------- */

static void run_top(const char *name)
{
	const struct winsize size = { .ws_row = 24, .ws_col = 80 };

	if (setsid() < 0 || dup2(open(name, O_RDWR), STDIN_FILENO) < 0 ||
	    ioctl(STDIN_FILENO, TIOCSCTTY, 0) < 0 || ioctl(STDIN_FILENO, TIOCSWINSZ, &size) < 0 ||
	    dup2(STDIN_FILENO, STDOUT_FILENO) < 0)
		_exit(99);
	setenv("TERM", "xterm", 1);
	execl(SHMREGCTL, "shmregctl", "top", "--interval", "0.1", "seg", NULL);
	_exit(98);
}

static void begin_top(void)
{
	char name[64];

	terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	ck_assert_int_ge(terminal, 0);
	ck_assert_int_eq(grantpt(terminal), 0);
	ck_assert_int_eq(unlockpt(terminal), 0);
	ck_assert_int_eq(ptsname_r(terminal, name, sizeof(name)), 0);
	top = fork();
	ck_assert_int_ge(top, 0);
	if (top == 0)
		run_top(name);
}

/* What it draws nobody looks at; but who draws must not wait. */
static void drain(void)
{
	char text[4096];

	while (read(terminal, text, sizeof(text)) > 0)
		;
}

static bool has_ended(void *arg)
{
	drain();
	return waitpid(top, arg, WNOHANG) == top;
}

static void end_top(void)
{
	int status = -1;

	ck_assert_int_eq(kill(top, SIGTERM), 0);
	harness_wait(has_ended, &status, "top's end");
	ck_assert_int_eq(status, 0);
	close(terminal);
}

static uint64_t n_requests(void)
{
	struct shmreg_stats_reply stats;

	harness_ok(shmreg_stats(connection, UINT32_MAX, &stats));
	return stats.n_requests;
}

/* A look is two requests at least; ours, in between, are counted too. */
struct looks {
	uint64_t first;
	uint64_t own;
};

static bool has_looked(void *arg)
{
	struct looks *looks = arg;

	drain();
	looks->own++;
	return n_requests() - looks->first >= looks->own + 2 * LOOKS;
}

static void await_looks(void)
{
	struct looks looks = { .first = n_requests() };

	harness_wait(has_looked, &looks, "looks of top");
}

/* --- who is watched ----------------------------------------------------------------------- */

/* In a child, with a connection of its own. */
static void open_all(void)
{
	struct shmreg_connection *mine;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	mine = harness_connect();
	harness_ok(shmreg_segment_open(mine, &segment, "seg", SHMREG_ACCESS_WRITE));
	harness_ok(word_queue_open(segment, &queue, "queue"));
}

/* Stops before and after each round, each of which ends where it began: the queue's slots. */
static void run_worker(void)
{
	uint64_t word = 0;

	open_all();
	harness_ok(word_cell_writer_open(segment, &cell, "cell"));
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
		_exit(NO_PTRACE);
	for (;;) {
		raise(SIGSTOP);
		for (int i = 0; i < SLOTS; i++) {
			harness_ok(word_queue_push(queue, &word));
			harness_ok(word_queue_pop(queue, &word));
			harness_ok(word_cell_write(cell, &word));
		}
	}
}

static void run_sleeper(void)
{
	uint64_t word;

	open_all();
	harness_ok(word_queue_pop_wait(queue, &word, NULL));
	_exit(word == 5 ? 0 : 1);
}

static pid_t start(void (*run)(void))
{
	const pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		run();
	return pid;
}

static uint64_t n_faults(pid_t pid)
{
	unsigned long long minor, major;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %llu %*u %llu", &minor,
				&major), 2);
	fclose(f);
	return minor + major;
}

/*
 * The kernel may take pages away from anybody at any time, so one look at which there was no fault is
 * enough: with one of ours in each look there would be none.
 */
static bool is_without_fault(pid_t pid, void (*meanwhile)(pid_t pid))
{
	for (int i = 0; i < 20; i++) {
		const uint64_t faults = n_faults(pid);

		meanwhile(pid);
		if (n_faults(pid) == faults)
			return true;
	}
	return false;
}

/* Instructions until it stops by itself; a system call is one. */
static long step_round(pid_t pid)
{
	long n = 0;
	int status;

	do {
		ck_assert_int_eq(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert(WIFSTOPPED(status));
		n++;
	} while (WSTOPSIG(status) == SIGTRAP);
	ck_assert_int_eq(WSTOPSIG(status), SIGSTOP);
	return n;
}

static void kill_child(pid_t pid)
{
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

static long round_instructions;

static void work_while_watched(pid_t pid)
{
	struct looks looks = { .first = n_requests() };

	while (!has_looked(&looks))
		ck_assert_int_eq(step_round(pid), round_instructions);
}

static void sleep_while_watched(pid_t pid)
{
	(void)pid;
	await_looks();
}

/* --- what it costs them --------------------------------------------------------------------- */

START_TEST(not_an_instruction)
{
	pid_t pid;
	int status;

	/* The only writer of the cell is the child. */
	word_cell_writer_close(cell);
	pid = start(run_worker);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == NO_PTRACE) {
		harness_skip("ptrace is not allowed here");
		return;
	}
	ck_assert(WIFSTOPPED(status));
	/* Memory and high-water marks are touched, functions found. */
	for (int i = 0; i < 3; i++)
		step_round(pid);
	round_instructions = step_round(pid);
	ck_assert_int_eq(step_round(pid), round_instructions);
	begin_top();
	await_looks();
	ck_assert(is_without_fault(pid, work_while_watched));
	printf("a round of %d has %ld instructions, watched or not\n", SLOTS, round_instructions);
	end_top();
	kill_child(pid);
}
END_TEST

START_TEST(not_a_wakeup)
{
	const uint64_t word = 5;
	uint64_t naps;
	int status;
	pid_t pid;

	if (!asleep_is_sound()) {
		harness_skip("there is no futex_waitv: sleepers look again by themselves");
		return;
	}
	pid = start(run_sleeper);
	asleep_await(pid, pid);
	begin_top();
	await_looks();
	asleep_await(pid, pid);
	naps = asleep_naps(pid, pid);
	ck_assert(is_without_fault(pid, sleep_while_watched));
	await_looks();
	ck_assert_uint_eq(asleep_naps(pid, pid), naps);
	end_top();
	/* And top, that has gone, has left it as it was. */
	harness_ok(word_queue_push(queue, &word));
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

/* It comes and goes, which top does not. */
START_TEST(nor_one_by_metrics)
{
	const uint64_t word = 5;
	uint64_t naps;
	int status;
	pid_t pid;

	if (!asleep_is_sound()) {
		harness_skip("there is no futex_waitv: sleepers look again by themselves");
		return;
	}
	pid = start(run_sleeper);
	asleep_await(pid, pid);
	naps = asleep_naps(pid, pid);
	for (int i = 0; i < 10; i++) {
		const pid_t metrics = fork();

		ck_assert_int_ge(metrics, 0);
		if (metrics == 0) {
			dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDOUT_FILENO);
			execl(SHMREGCTL, "shmregctl", "metrics", NULL);
			_exit(98);
		}
		ck_assert_int_eq(waitpid(metrics, &status, 0), metrics);
		ck_assert_int_eq(status, 0);
	}
	asleep_await(pid, pid);
	ck_assert_uint_eq(asleep_naps(pid, pid), naps);
	harness_ok(word_queue_push(queue, &word));
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

/* What top itself costs: printed, for it is the machine's. */
START_TEST(its_own)
{
	struct rusage usage;
	struct looks looks;

	begin_top();
	await_looks();
	looks = (struct looks){ .first = n_requests() };
	harness_wait(has_looked, &looks, "looks of top");
	end_top();
	getrusage(RUSAGE_CHILDREN, &usage);
	printf("top's own, of all its looks: %ld.%06ld s user, %ld.%06ld s system\n",
	       (long)usage.ru_utime.tv_sec, (long)usage.ru_utime.tv_usec,
	       (long)usage.ru_stime.tv_sec, (long)usage.ru_stime.tv_usec);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("top-cost");
	TCase *tcase = harness_case(suite, "cost");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, not_an_instruction);
	tcase_add_test(tcase, not_a_wakeup);
	tcase_add_test(tcase, nor_one_by_metrics);
	tcase_add_test(tcase, its_own);
	return harness_main(suite);
}
