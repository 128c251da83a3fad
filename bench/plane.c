/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <shmreg.h>

#include "control.h"
#include "death.h"
#include "families.h"
#include "plane-daemon.h"

/*
 * plane.c - how the daemon's requests become dearer with what there is
 *
 * The same question of 1, 10, 100, 500 and 1,000 segments, or of as many connections, each of a
 * daemon of the worker's own. That a row's time does not grow with its number is what is wanted.
 */

/*
 * Descriptors, of this process and of the daemon: two or three of each segment; a half more than
 * one of each connection, for the daemon keeps a part for other things.
 */
#define FILES 4096
#define CONNECTION_FILES(n) ((unsigned int)((n) + (n) / 2))
#define CONNECTIONS_A_PROCESS 1000

#define ROW(what, n, title, n_max, ...)                                                            \
	{                                                                                          \
		"plane-" what "-" #n, "plane/" what, title, 0, 1, 0, BENCH_NS, { __VA_ARGS__ },    \
			8, n_max, n                                                                \
	}
#define ROWS(what, title, n_max, ...)                                                              \
	ROW(what, 1, title "; of 1 segment", n_max, __VA_ARGS__),                                  \
	ROW(what, 10, title "; of 10 segments", n_max, { NULL, 0, 0, 0 }),                         \
	ROW(what, 100, title "; of 100 segments", n_max, { NULL, 0, 0, 0 }),                       \
	ROW(what, 500, title "; of 500 segments", n_max, __VA_ARGS__),                             \
	ROW(what, 1000, title "; of 1,000 segments", n_max, { NULL, 0, 0, 0 })

static const struct bench_row rows[] = {
	ROWS("create", "create a segment", 64, { NULL, 0, 80000, 0.5 }),
	ROWS("open", "open, map, first push", 64, { NULL, 0, 60000, 0.5 }),
	ROWS("attach-detach", "attach and detach", 64, { NULL, 0, 0, 0 }),
	ROWS("object", "create an object", 64, { NULL, 0, 0, 0 }),
	ROWS("object-open", "open and close an object", 256, { NULL, 0, 0, 0 }),
	ROWS("death", "from SIGKILL to repaired", 8, { NULL, 0, 300000, 0.5 },
	     { NULL, 0, 1000000, 0.99 }),
	ROW("connect", 1, "connect and disconnect; one is connected", 64, { NULL, 0, 0, 0 }),
	ROW("connect", 100, "connect and disconnect; 100 are connected", 64, { NULL, 0, 0, 0 }),
	ROW("connect", 1000, "connect and disconnect; 1,000 are connected", 64, { NULL, 0, 0, 0 }),
	/* 10,000 with the row's own three and one that comes and goes. */
	ROW("connect", 9996, "connect and disconnect; 10,000 are connected", 64, { NULL, 0, 0, 0 }),
};
const struct bench_family bench_plane = { "plane", rows, BENCH_N(rows) };

SHMREG_DEFINE_QUEUE(plane_queue, uint64_t);
SHMREG_DEFINE_ATOMIC(plane_atomic, uint64_t);

/* All but the row's own segment. */
static uint64_t n_fillers(const struct bench_worker *w)
{
	return w->row->param - 1;
}

static int open_segments(struct bench_worker *w)
{
	const int r = plane_daemon_start(FILES);

	return r < 0 ? r : control_open(w, n_fillers(w));
}

static void close_segments(struct bench_worker *w)
{
	control_close(w, n_fillers(w));
	plane_daemon_stop();
}

static uint64_t attach_detach(struct bench_worker *w, uint64_t n)
{
	struct control *const d = w->own;
	struct shmreg_segment *s;
	uint64_t i, begin;
	char name[64];

	control_name(w, "target", 0, name);
	for (i = 0; i < n; i++) {
		begin = bench_now();
		/* Without seats: what they cost after they are given back is the reaper's. */
		bench_ok(shmreg_segment_open(d->other, &s, name, SHMREG_ACCESS_READ), "open");
		shmreg_segment_close(s);
		bench_record(w, (double)(bench_now() - begin));
	}
	return 0;
}

static uint64_t create_object(struct bench_worker *w, uint64_t n)
{
	struct control *const d = w->own;
	struct plane_atomic *a;
	uint64_t i, begin;
	char name[64];

	for (i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "object-%" PRIu64, d->serial++);
		begin = bench_now();
		bench_ok(plane_atomic_create(d->segment, &a, name), "an object");
		bench_record(w, (double)(bench_now() - begin));
		plane_atomic_close(a);
		bench_ok(shmreg_object_remove(d->segment, name), "remove");
	}
	return 0;
}

static uint64_t open_object(struct bench_worker *w, uint64_t n)
{
	struct control *const d = w->own;
	struct plane_queue *q;
	uint64_t i, begin;

	for (i = 0; i < n; i++) {
		begin = bench_now();
		bench_ok(plane_queue_open(d->segment, &q, "queue"), "open");
		plane_queue_close(q);
		bench_record(w, (double)(bench_now() - begin));
	}
	return 0;
}

static struct control fillers_owner;

static int open_deaths(struct bench_worker *w)
{
	const struct shmreg_segment_params stays = { .size = sizeof(stays), .bytes = 4096,
						     .lifetime = SHMREG_UNTIL_REMOVED };
	const int r = plane_daemon_start(FILES);
	char name[64];
	uint64_t i;

	if (r < 0)
		return r;
	fillers_owner.owner = control_connection();
	for (i = 0; i < n_fillers(w); i++) {
		control_name(w, "filler", i, name);
		bench_ok(shmreg_segment_create(fillers_owner.owner, NULL, name, &stays), "a segment");
	}
	return death_open(w);
}

static void close_deaths(struct bench_worker *w)
{
	(void)w;
	plane_daemon_stop();
}

static pid_t connected[10000 / CONNECTIONS_A_PROCESS + 1];
static unsigned int n_connected;

/* Until it is killed. */
static void stay_connected(uint64_t n, int ready) __attribute__((noreturn));
static void stay_connected(uint64_t n, int ready)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (n-- > 0)
		control_connection();
	bench_check(write(ready, "", 1) == 1, "write");
	for (;;)
		pause();
}

/* By other processes, for so they are in the world. */
static void connect_many(uint64_t n)
{
	uint64_t some;
	int ready[2];
	char byte;
	pid_t pid;

	for (; n > 0; n -= some) {
		some = n < CONNECTIONS_A_PROCESS ? n : CONNECTIONS_A_PROCESS;
		bench_check(pipe(ready) == 0, "pipe");
		pid = fork();
		bench_check(pid >= 0, "fork");
		if (pid == 0)
			stay_connected(some, ready[1]);
		close(ready[1]);
		connected[n_connected++] = pid;
		bench_check(read(ready[0], &byte, 1) == 1, "those who are to be connected are not");
		close(ready[0]);
	}
}

static int open_connections(struct bench_worker *w)
{
	const int r = plane_daemon_start(FILES + CONNECTION_FILES(w->row->param));

	if (r < 0)
		return r;
	connect_many(w->row->param);
	return control_open(w, 0);
}

static void close_connections(struct bench_worker *w)
{
	while (n_connected > 0) {
		kill(connected[--n_connected], SIGKILL);
		waitpid(connected[n_connected], NULL, 0);
	}
	control_close(w, 0);
	plane_daemon_stop();
}

static const struct bench_contestant contestants[] = {
	CONTROL_OURS("plane/create", open_segments, control_create, close_segments),
	CONTROL_OURS("plane/open", open_segments, control_open_first, close_segments),
	CONTROL_OURS("plane/attach-detach", open_segments, attach_detach, close_segments),
	CONTROL_OURS("plane/object", open_segments, create_object, close_segments),
	CONTROL_OURS("plane/object-open", open_segments, open_object, close_segments),
	CONTROL_OURS("plane/death", open_deaths, death_repaired, close_deaths),
	CONTROL_OURS("plane/connect", open_connections, control_connect, close_connections),
};
const struct bench_peer bench_shmreg_plane = { "shmreg", contestants, BENCH_N(contestants) };
