/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "torture.h"

uint64_t seed;

uint64_t mix(uint64_t a, uint64_t b)
{
	struct random_state r = { a * UINT64_C(0x9e3779b97f4a7c15) ^ b };

	return random_next(&r);
}

void torture_begin(struct random_state *ret, uint64_t run)
{
	const char *s = getenv("SHMREG_TEST_SEED");

	seed = s ? strtoull(s, NULL, 0) : (uint64_t)time(NULL) ^ (uint64_t)getpid() << 32;
	printf("SHMREG_TEST_SEED=%llu run %llu: ", (unsigned long long)seed,
	       (unsigned long long)run);
	fflush(stdout);
	ret->x = mix(seed, run);
}

uint64_t torture_scaled(uint64_t kills)
{
	const char *s = getenv("SHMREG_TEST_SCALE");

	return (uint64_t)((double)kills * (s ? strtod(s, NULL) : 1.0)) + 1;
}

void *torture_map(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	ck_assert_ptr_ne(p, MAP_FAILED);
	return p;
}

pid_t torture_fork(void)
{
	const pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

int torture_end(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}

void torture_kill(pid_t pid)
{
	const int status = torture_end(pid);

	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

void torture_wait(pid_t pid)
{
	int status;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

bool torture_interrupt(struct random_state *r, uint64_t one_of, uint64_t yields,
		       void (*act)(const void *arg), const void *arg)
{
	uint64_t spin = random_below(r, yields);
	pid_t pid;

	if (random_below(r, one_of) != 0)
		return false;
	pid = torture_fork();
	if (pid == 0)
		for (;;)
			act(arg);
	while (spin-- > 0)
		sched_yield();
	torture_kill(pid);
	return true;
}

void torture_await(bool (*done)(uint64_t arg), uint64_t arg, const char *wedged)
{
	const struct timespec pause = { 0, 100000 };
	const char *patience = getenv("SHMREG_TEST_PATIENCE");
	const time_t until = time(NULL) + (patience ? atoi(patience) : 300);

	while (!done(arg)) {
		ck_assert_msg(time(NULL) <= until, "wedged: %s", wedged);
		nanosleep(&pause, NULL);
	}
}
