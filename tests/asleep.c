/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "asleep.h"

struct sleeper_shared {
	uint32_t tid;
	uint32_t done;
	int result;
};

/* Return: bytes of /proc/PID/task/TID/@name, terminated; -errno. */
static ssize_t read_proc(pid_t pid, pid_t tid, const char *name, char *ret, size_t bytes)
{
	char path[64];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", pid, tid, name);
	f = fopen(path, "re");
	if (f == NULL)
		return -errno;
	errno = 0;
	n = fread(ret, 1, bytes - 1, f);
	if (ferror(f) && errno != 0) {
		const int r = -errno;

		fclose(f);
		return r;
	}
	fclose(f);
	ret[n] = '\0';
	return (ssize_t)n;
}

/* The letter of its state; 0 if it is not there. */
static char state_of(pid_t pid, pid_t tid)
{
	char line[512];
	const char *p;

	if (read_proc(pid, tid, "stat", line, sizeof(line)) <= 0)
		return 0;
	p = strrchr(line, ')');	/* its name may hold anything */
	return p != NULL && p[1] == ' ' ? p[2] : 0;
}

bool asleep(pid_t pid, pid_t tid)
{
	char line[256];
	ssize_t n = read_proc(pid, tid, "syscall", line, sizeof(line));
	long call;

	/* Not configured, or not to be seen: its state must do. */
	if (n == -ENOENT || n == -EPERM || n == -EACCES)
		return state_of(pid, tid) == 'S';
	if (n <= 0 || line[0] < '0' || line[0] > '9')	/* "running" */
		return false;
	call = strtol(line, NULL, 10);
	return (call == SYS_futex || call == SYS_futex_waitv) && state_of(pid, tid) == 'S';
}

static time_t seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

void asleep_until(bool (*done)(void *arg), void *arg, const char *what)
{
	const struct timespec nap = { 0, 500000 };
	const char *patience = getenv("SHMREG_TEST_PATIENCE");
	const time_t until = seconds() + (patience ? atoi(patience) : ASLEEP_PATIENCE_S);

	while (!done(arg)) {
		ck_assert_msg(seconds() <= until, "in vain: waiting until %s", what);
		nanosleep(&nap, NULL);
	}
}

struct task {
	pid_t pid, tid;
	uint64_t naps;
};

static bool is_asleep(void *arg)
{
	const struct task *t = arg;
	const char state = state_of(t->pid, t->tid);

	ck_assert_msg(state != 0 && state != 'Z' && state != 'X',
		      "thread %d of process %d is gone, and was to fall asleep", t->tid, t->pid);
	return asleep(t->pid, t->tid);
}

static bool is_asleep_again(void *arg)
{
	const struct task *t = arg;

	return is_asleep(arg) && asleep_naps(t->pid, t->tid) > t->naps;
}

void asleep_await(pid_t pid, pid_t tid)
{
	asleep_until(is_asleep, &(struct task){ pid, tid, 0 }, "it is asleep in a futex");
}

uint64_t asleep_naps(pid_t pid, pid_t tid)
{
	static const char key[] = "\nvoluntary_ctxt_switches:";
	char text[8192];
	const char *p;

	if (read_proc(pid, tid, "status", text, sizeof(text)) <= 0)
		return 0;
	p = strstr(text, key);
	return p != NULL ? strtoull(p + strlen(key), NULL, 10) : 0;
}

void asleep_await_after(pid_t pid, pid_t tid, uint64_t naps)
{
	asleep_until(is_asleep_again, &(struct task){ pid, tid, naps },
		     "it is asleep in a futex again");
}

struct flags {
	const union shmreg_eventcount *event;
	uint32_t mask, value;
};

static bool has_flags(void *arg)
{
	const struct flags *f = arg;

	return (shmreg_load_acquire(&f->event->half[SHMREG_EVENTCOUNT_COUNT]) & f->mask) ==
	       f->value;
}

void asleep_await_flags(const union shmreg_eventcount *event, uint32_t flags)
{
	asleep_until(has_flags, &(struct flags){ event, flags, flags },
		     "an event count has its flags");
}

void asleep_await_no_flags(const union shmreg_eventcount *event, uint32_t flags)
{
	asleep_until(has_flags, &(struct flags){ event, flags, 0 },
		     "an event count has lost its flags");
}

bool asleep_is_sound(void)
{
	return syscall(SYS_futex_waitv, NULL, 0, 0, NULL, CLOCK_MONOTONIC) < 0 && errno == EINVAL;
}

unsigned int asleep_wake_for_nothing(const uint32_t *word)
{
	const long n = syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);

	ck_assert_int_ge(n, 0);
	return (unsigned int)n;
}

static void *run(void *arg)
{
	const struct sleeper *s = arg;

	shmreg_store_release(&s->shared->tid, (uint32_t)syscall(SYS_gettid));
	s->shared->result = s->wait(s->arg);
	shmreg_store_release(&s->shared->done, 1);
	return NULL;
}

static bool has_begun(void *arg)
{
	return shmreg_load_acquire(&((struct sleeper *)arg)->shared->tid) != 0;
}

static void begin(struct sleeper *s, sleeper_fn wait, void *arg, bool is_thread)
{
	*s = (struct sleeper){ .wait = wait, .arg = arg, .is_thread = is_thread };
	s->shared = mmap(NULL, sizeof(*s->shared), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(s->shared, MAP_FAILED);
}

void sleeper_fork(struct sleeper *s, sleeper_fn wait, void *arg)
{
	const pid_t parent = getpid();

	begin(s, wait, arg, false);
	fflush(NULL);
	s->pid = fork();
	ck_assert_int_ge(s->pid, 0);
	if (s->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() == parent)
			run(s);
		_exit(0);
	}
	s->tid = s->pid;
}

void sleeper_spawn(struct sleeper *s, sleeper_fn wait, void *arg)
{
	begin(s, wait, arg, true);
	s->pid = getpid();
	ck_assert_int_eq(pthread_create(&s->thread, NULL, run, s), 0);
	asleep_until(has_begun, s, "a thread has begun");
	s->tid = (pid_t)shmreg_load_acquire(&s->shared->tid);
}

bool sleeper_is_done(const struct sleeper *s)
{
	return shmreg_load_acquire(&s->shared->done) != 0;
}

/* A child that failed an assertion has said why already. */
static void expect_alive(const struct sleeper *s)
{
	const bool is_dead = !s->is_thread && state_of(s->pid, s->tid) == 'Z';

	ck_assert_msg(!is_dead || sleeper_is_done(s), "process %d ended in its wait", s->pid);
}

static void expect_undone(const struct sleeper *s)
{
	ck_assert_msg(!sleeper_is_done(s), "a wait returned %d (%s) and did not sleep",
		      s->shared->result,
		      s->shared->result < 0 ? strerror(-s->shared->result) : "-");
}

static bool sleeps(void *arg)
{
	const struct sleeper *s = arg;

	expect_alive(s);
	expect_undone(s);
	return has_begun(arg) && asleep(s->pid, s->tid);
}

void sleeper_await(const struct sleeper *s)
{
	asleep_until(sleeps, (void *)(uintptr_t)s, "a wait is asleep");
}

uint64_t sleeper_naps(const struct sleeper *s)
{
	return asleep_naps(s->pid, s->tid);
}

void sleeper_await_after(const struct sleeper *s, uint64_t naps)
{
	asleep_await_after(s->pid, s->tid, naps);
	expect_undone(s);
}

static bool is_done(void *arg)
{
	expect_alive(arg);
	return sleeper_is_done(arg);
}

static void end(struct sleeper *s)
{
	int status;

	if (s->is_thread)
		ck_assert_int_eq(pthread_join(s->thread, NULL), 0);
	else
		ck_assert_int_eq(waitpid(s->pid, &status, 0), s->pid);
	munmap(s->shared, sizeof(*s->shared));
	s->shared = NULL;
	s->is_over = true;
}

int sleeper_result(struct sleeper *s)
{
	int r;

	asleep_until(is_done, s, "a wait returns");
	r = s->shared->result;
	end(s);
	return r;
}

void sleeper_kill(struct sleeper *s)
{
	ck_assert(!s->is_thread);
	ck_assert_int_eq(kill(s->pid, SIGKILL), 0);
	end(s);
}
