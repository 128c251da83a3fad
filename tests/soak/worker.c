/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "soak.h"

static bool is_worker;

void complain(const char *format, ...)
{
	char what[500];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	/* What follows the first may follow from it. */
	if (atomic_fetch_add(&ledger->n_errors, 1) < 10)
		fprintf(stderr, "soak: WRONG: %s\n", what);
	if (is_worker)
		_exit(EXIT_FAILURE);
}

void check_result(int64_t result, const char *call)
{
	if (result < 0)
		complain("%s: %s (%s)", call, strerror((int)-result), shmreg_error());
}

void nap(uint64_t us)
{
	const struct timespec t = { .tv_sec = (time_t)(us / 1000000),
				    .tv_nsec = (long)(us % 1000000) * 1000 };

	nanosleep(&t, NULL);
}

bool stop_asked(const struct client *c)
{
	return atomic_load(c->produces ? &ledger->producers_stop : &ledger->consumers_stop);
}

void watch_wait(struct client *c, const struct shmreg_handle *handle, uint32_t events)
{
	struct shmreg_watch *w;
	struct pollfd p = { .events = POLLIN };
	int r;

	must(shmreg_watch_open(handle, events, &w));
	p.fd = shmreg_watch_fd(w);
	while ((r = shmreg_watch_ready(w)) == 0 && !stop_asked(c))
		if (poll(&p, 1, -1) < 0 && errno != EINTR)
			complain("poll: %s", strerror(errno));
	must(r);
	shmreg_watch_close(w);
}

/* A child that inherited everything: it may use none of it, and is a client of its own. */
static void fork_child(struct client *c)
{
	const struct shmreg_segment_params params = { .size = sizeof(params), .bytes = 4096 };
	struct shmreg_connection *own;
	struct shmreg_segment *s;
	char name[64];
	int status;
	pid_t pid;

	atomic_fetch_add(&ledger->n_forks, 1);
	pid = fork();
	if (pid < 0)
		complain("fork: %s", strerror(errno));
	if (pid > 0) {
		while (waitpid(pid, &status, 0) < 0)
			if (errno != EINTR)
				complain("waitpid: %s", strerror(errno));
		if (status != 0)
			complain("a forked child ended with status 0x%x", status);
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (shmreg_segment_remove(c->connection, "soak/nothing") != -ECHILD)
		complain("a forked child could use its parent's connection");
	must(shmreg_connect(&own, NULL));
	snprintf(name, sizeof(name), "soak/child-%d", (int)getpid());
	must(shmreg_segment_create(own, &s, name, &params));
	shmreg_disconnect(own);
	_exit(EXIT_SUCCESS);
}

/* Another program takes the process over: what it held is the registry's when that ends. */
static void become_another(void)
{
	atomic_fetch_add(&ledger->n_execs, 1);
	execl("/proc/self/exe", "soak", "--linger", (char *)NULL);
	complain("exec: %s", strerror(errno));
}

/* Return: false to leave. */
static bool now_and_then(struct client *c)
{
	if (atomic_load(&ledger->quiet))
		return true;
	switch (random_below(&c->random, 5000)) {
	case 0:
		fork_child(c);
		return true;
	case 1:
		become_another();
		return false;
	case 2:
		atomic_fetch_add(&ledger->n_left, 1);
		return false;
	default:
		/* Both sides are to meet full and empty, and all share few processors. */
		if (random_below(&c->random, 8) == 0)
			nap(random_below(&c->random, 1000));
		return true;
	}
}

void worker_run(const struct stage *stage, uint32_t slot)
{
	struct client c = { .stage = stage, .books = &ledger->books[stage_number(stage)] };
	char name[64];

	is_worker = true;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	c.me = &c.books->worker[slot];
	c.produces = slot < stage->n_producers;
	c.lane = slot < LANES ? slot : 0;
	random_seed(&c.random);
	c.random.x ^= c.me->serial * UINT64_C(0x9e3779b97f4a7c15);
	must(shmreg_connect(&c.connection, NULL));
	snprintf(name, sizeof(name), "soak/%s", stage->name);
	must(shmreg_segment_open(c.connection, &c.segment, name, SHMREG_ACCESS_WRITE));
	stage->open(&c);
	sudden_init(&c);
	do {
		sudden_before(&c);
		if (c.produces)
			stage->produce(&c);
		else
			stage->consume(&c);
	} while (!stop_asked(&c) && now_and_then(&c));
	stage->close(&c);
	shmreg_segment_close(c.segment);
	shmreg_disconnect(c.connection);
	_exit(EXIT_SUCCESS);
}
