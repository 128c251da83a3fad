/* SPDX-License-Identifier: MIT */

/* wordcount-crew.c - starts the processes of the demo, and kills workers at random */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "wordcount.h"

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static pid_t start(const struct plan *plan, int (*process_main)(const struct plan *plan))
{
	const pid_t parent = getpid();
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(EXIT_FAILURE);
		_exit(process_main(plan));
	}
	if (pid < 0)
		fprintf(stderr, "wordcount: fork: %s\n", strerror(errno));
	return pid;
}

static int start_worker(struct crew *crew, unsigned i)
{
	crew->worker[i] = start(crew->plan, worker_main);
	if (crew->worker[i] < 0)
		return -EAGAIN;
	crew->n_started++;
	return 0;
}

/* Anything from nothing to twice the interval, so that it hits every instruction alike. */
static void plan_kill(struct crew *crew)
{
	const double interval = (double)crew->plan->kill_every_ms * 1e6;

	crew->next_kill_ns = crew->plan->kill_every_ms == 0 ?
				     UINT64_MAX :
				     now_ns() + (uint64_t)(2 * interval * drand48());
}

int crew_start(struct crew *crew, const struct plan *plan)
{
	unsigned i;

	memset(crew, 0, sizeof(*crew));
	crew->plan = plan;
	srand48((long)now_ns());
	crew->producer = start(plan, producer_main);
	if (crew->producer < 0)
		return -EAGAIN;
	for (i = 0; i < plan->n_workers; i++)
		if (start_worker(crew, i) < 0)
			return -EAGAIN;
	plan_kill(crew);
	return 0;
}

static int failed(const char *who, int status)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	fprintf(stderr, "wordcount: %s failed (status 0x%x)\n", who, (unsigned)status);
	return -ECHILD;
}

/* Whoever has ended has either done his work or failed: those that are killed are waited for. */
static int notice_ends(struct crew *crew)
{
	int status, r = 0;
	unsigned i;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == crew->producer) {
			crew->producer = 0;
			r = failed("the producer", status);
		}
		for (i = 0; i < crew->plan->n_workers; i++) {
			if (pid != crew->worker[i])
				continue;
			crew->worker[i] = 0;
			r = failed("a worker", status);
			if (r == 0) {
				fprintf(stderr, "wordcount: a worker went home too early\n");
				r = -ECHILD;
			}
		}
		if (r < 0)
			return r;
	}
	return 0;
}

int crew_torment(struct crew *crew, bool may_kill)
{
	unsigned victim;
	int r, status;

	r = notice_ends(crew);
	if (r < 0 || !may_kill || now_ns() < crew->next_kill_ns)
		return r;
	victim = (unsigned)(drand48() * crew->plan->n_workers);
	kill(crew->worker[victim], SIGKILL);
	waitpid(crew->worker[victim], &status, 0);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		crew->n_killed++;
	else if (failed("a worker", status) < 0)
		return -ECHILD;
	plan_kill(crew);
	return start_worker(crew, victim);
}

int crew_wait(struct crew *crew)
{
	int status, r = 0;
	unsigned i;

	for (i = 0; i < crew->plan->n_workers; i++) {
		if (crew->worker[i] <= 0)
			continue;
		waitpid(crew->worker[i], &status, 0);
		crew->worker[i] = 0;
		if (failed("a worker", status) < 0)
			r = -ECHILD;
	}
	if (crew->producer > 0) {
		waitpid(crew->producer, &status, 0);
		crew->producer = 0;
		if (failed("the producer", status) < 0)
			r = -ECHILD;
	}
	return r;
}

void crew_abandon(struct crew *crew)
{
	unsigned i;

	for (i = 0; i < N_WORKERS_MAX; i++)
		if (crew->worker[i] > 0)
			kill(crew->worker[i], SIGKILL);
	if (crew->producer > 0)
		kill(crew->producer, SIGKILL);
	while (waitpid(-1, NULL, 0) > 0)
		;
}
