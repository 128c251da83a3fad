/* SPDX-License-Identifier: MIT */
#ifndef TEST_WATCHER_H
#define TEST_WATCHER_H

/* watcher.h - a daemon, and an actor who makes things happen to ACTOR_SEGMENT's "queue" */

#include <config.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "actor.h"
#include "line.h"
#include "segment.h"

#define ITEMS SHMREG_WAIT_ITEMS
#define SPACE SHMREG_WAIT_SPACE

static struct harness h;
static struct process other;	/* has created segment and queue */
static struct shmreg_connection *con;
static struct shmreg_segment *seg;
static struct word_queue *que;

/* A test that waits this long has found a bug; mutants are found sooner. */
static inline int patience_ms(void)
{
	const char *text = getenv("SHMREG_TEST_PATIENCE");

	return (text != NULL ? atoi(text) : HARNESS_PATIENCE_SEC) * 1000;
}

static void setup_with(const char *const *options)
{
	/* For what spins. */
	alarm((unsigned int)patience_ms() / 200);
	harness_start(&h, options);
	actor_start(&other);
	actor_ok(&other, deed_create_mode, 0666);
	actor_ok(&other, deed_queue_create, 0);
	con = harness_connect();
	harness_ok(shmreg_segment_open(con, &seg, ACTOR_SEGMENT, SHMREG_ACCESS_WRITE));
	harness_ok(word_queue_open(seg, &que, "queue"));
}

static inline void setup(void)
{
	setup_with(NULL);
}

static void teardown(void)
{
	con = shmreg_disconnect(con);
	if (other.pid != 0) {
		actor_ok(&other, deed_remove, 0);
		process_finish(&other);
	}
	harness_stop(&h);
}

static inline bool is_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static inline void await_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	int r;

	do
		r = poll(&p, 1, patience_ms());
	while (r < 0 && errno == EINTR);
	ck_assert_msg(r == 1, "the descriptor is not readable");
}

static inline struct shmreg_watch *watch(const struct shmreg_handle *handle, uint32_t events)
{
	struct shmreg_watch *w;

	harness_ok(shmreg_watch_open(handle, events, &w));
	ck_assert(is_readable(shmreg_watch_fd(w)));
	return w;
}

/* What is there, after it was readable; or nothing, and it is armed: neither is the other. */
static inline void expect_ready(struct shmreg_watch *w, uint32_t events)
{
	await_readable(shmreg_watch_fd(w));
	ck_assert_int_eq(shmreg_watch_ready(w), (int)events);
	ck_assert(is_readable(shmreg_watch_fd(w)));
}

/*
 * Bells may come for nothing (the daemon's), so it is asked until it is quiet; @r: 0 or why not.
 */
static inline void expect_nothing(struct shmreg_watch *w, int r)
{
	int i;

	for (i = 0; i < 100; i++) {
		ck_assert_int_eq(shmreg_watch_ready(w), r);
		if (!is_readable(shmreg_watch_fd(w)))
			return;
	}
	ck_abort_msg("it stays readable");
}

/* Until there is something, whatever rings in vain before. */
static inline void await_ready(struct shmreg_watch *w, int events)
{
	const struct timespec until = shmreg_deadline((uint64_t)patience_ms() * 1000000);
	struct timespec now;
	int r;

	do {
		clock_gettime(CLOCK_MONOTONIC, &now);
		ck_assert_msg(now.tv_sec <= until.tv_sec, "it is readable, and nothing is there");
		await_readable(shmreg_watch_fd(w));
		r = shmreg_watch_ready(w);
	} while (r == 0);
	ck_assert_int_eq(r, events);
}

static inline uint64_t pop(void)
{
	uint64_t word = 0;

	harness_ok(word_queue_pop(que, &word));
	return word;
}

/*
 * Until this process has @n ends of bells: answers come when the daemon comes to it, and are taken
 * in by what rings next.
 */
static inline void await_ends(struct shmreg_watch *w, unsigned int n)
{
	struct shmreg_stats_reply stats;
	int i;

	for (i = 0; con->line.n_ends != n; i++) {
		ck_assert_int_lt(i, 1000);
		harness_ok(shmreg_stats(con, UINT32_MAX, &stats));
		expect_nothing(w, 0);
		harness_ok(word_queue_push(que, &(uint64_t){ 1 }));
		await_ready(w, ITEMS);
		pop();
	}
}

static inline const struct shmreg_handle *handle_of(const struct word_queue *queue)
{
	return &((const struct shmreg_queue *)(const void *)queue)->handle;
}

static inline const union shmreg_eventcount *items_of(const struct word_queue *queue)
{
	return (const union shmreg_eventcount *)(const void *)
		(handle_of(queue)->base + shmreg_kind_eventcount(SHMREG_KIND_QUEUE, ITEMS));
}

/* The count's word as it is: whether A is set, and whether anybody took the slow way. */
static inline uint32_t count_of(const struct word_queue *queue)
{
	return shmreg_load_acquire(&items_of(queue)->half[SHMREG_EVENTCOUNT_COUNT]);
}

static inline bool is_stopped(void *arg)
{
	char path[64], state = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)*(pid_t *)arg);
	f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%*d (%*[^)]) %c", &state), 1);
	fclose(f);
	return state == 'T';
}

static inline void stop(pid_t pid)
{
	kill(pid, SIGSTOP);
	harness_wait(is_stopped, &pid, "the daemon stands still");
}

#endif /* TEST_WATCHER_H */
