/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <shmreg.h>

#include "death.h"

SHMREG_DEFINE_POOL(numbers_pool, uint64_t);

static struct {
	struct shmreg_connection *owner, *events;
	struct shmreg_segment *segment;
	char name[64];
	char victim[4096];
} deaths;

/*
 * A program of its own, as small as one can be: the kernel takes a fork of this one, with
 * all that it compares with, apart for longer than all the rest takes. It lies where we do, or
 * above libtool's folder.
 */
static void find_victim(void)
{
	ssize_t n = readlink("/proc/self/exe", deaths.victim, sizeof(deaths.victim) - 32);
	char *slash;

	bench_check(n > 0, "/proc/self/exe");
	for (int i = 0; i < 2; i++) {
		deaths.victim[n] = '\0';
		slash = strrchr(deaths.victim, '/');
		bench_check(slash != NULL, "there is no shmreg-bench-victim beside shmreg-bench");
		n = slash - deaths.victim;
		strcpy(slash, "/shmreg-bench-victim");
		if (access(deaths.victim, X_OK) == 0)
			return;
	}
	bench_fail("there is no '%s'", deaths.victim);
}

int death_open(struct bench_worker *w)
{
	static const struct shmreg_segment_params small = { .size = sizeof(small), .bytes = 1 << 16,
							   .max_participants = 4095 };
	struct numbers_pool *pool;

	if (deaths.owner)
		return 0;
	find_victim();
	deaths.owner = control_connection();
	deaths.events = control_connection();
	control_name(w, "deaths", 0, deaths.name);
	bench_ok(shmreg_segment_create(deaths.owner, &deaths.segment, deaths.name, &small),
		 "the segment");
	bench_ok(numbers_pool_create(deaths.segment, &pool, "pool", 64), "a pool");
	bench_ok(shmreg_subscribe(deaths.events, deaths.name, UINT32_C(1) << SHMREG_EVENT_REPAIRED),
		 "subscribe");
	return 0;
}

/* Return: one that holds an object of the pool. */
static pid_t start_victim(void)
{
	int ready[2];
	char fd[16], byte;
	pid_t pid;

	bench_check(pipe(ready) == 0, "pipe");
	snprintf(fd, sizeof(fd), "%d", ready[1]);
	pid = vfork();
	if (pid == 0) {
		execl(deaths.victim, deaths.victim, deaths.name, fd, (char *)NULL);
		_exit(127);
	}
	bench_check(pid > 0, "vfork");
	close(ready[1]);
	bench_check(read(ready[0], &byte, 1) == 1, "the victim has ended too early");
	close(ready[0]);
	return pid;
}

static void await_repair(void)
{
	struct shmreg_event event;

	bench_ok(shmreg_next_event(deaths.events, &event, 0), "event");
	bench_check(event.n_freed + event.n_repaired > 0, "nothing was repaired");
}

uint64_t death_repaired(struct bench_worker *w, uint64_t n)
{
	uint64_t i, begin;
	pid_t pid;

	for (i = 0; i < n; i++) {
		pid = start_victim();
		begin = bench_now();
		kill(pid, SIGKILL);
		await_repair();
		bench_record(w, (double)(bench_now() - begin));
		waitpid(pid, NULL, 0);
	}
	return 0;
}

uint64_t death_noticed(struct bench_worker *w, uint64_t n)
{
	uint64_t i, begin;
	struct pollfd p = { .events = POLLIN };
	pid_t pid;

	for (i = 0; i < n; i++) {
		pid = start_victim();
		p.fd = (int)syscall(SYS_pidfd_open, pid, 0);
		bench_check(p.fd >= 0, "pidfd_open");
		begin = bench_now();
		kill(pid, SIGKILL);
		while (poll(&p, 1, -1) < 0 && errno == EINTR)
			;
		bench_record(w, (double)(bench_now() - begin));
		close(p.fd);
		await_repair();
		waitpid(pid, NULL, 0);
	}
	return 0;
}
