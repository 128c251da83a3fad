/* SPDX-License-Identifier: MIT */
#ifndef TEST_HARNESS_H
#define TEST_HARNESS_H

/*
 * harness.h - a private daemon for a test, and nothing left of it afterwards
 *
 *	static struct harness h;
 *	static void setup(void) { harness_start(&h, NULL); }
 *	static void teardown(void) { harness_stop(&h); }
 *	...
 *	tcase_add_checked_fixture(tc, setup, teardown);
 *	int main(void) { return harness_main(suite()); }
 *
 * The daemon and its reaper come from the build tree. It runs as under systemd:
 * socket activation, readiness and fd store are played by keeper.h, so that it
 * can be killed and started again. Its socket is in $SHMREG_SOCKET as long as
 * the harness runs, so that shmreg_connect(&c, NULL) finds it.
 *
 * harness_stop() fails the test if there is left over, compared with the time
 * before harness_start(): a descriptor, a mapped memfd or a child of the test or
 * of the daemon, a segment, a stored descriptor, a file in the private
 * directory, or if the daemon does not exit with 0. What goes
 * with a delay after a death is waited for.
 *
 * Everything fails the test by itself; there are no results to check.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <check.h>

#include <shmreg.h>

#include "census.h"
#include "keeper.h"
#include "process.h"

/*
 * Put at the end of a wait: a test that waits this long has found a bug.
 * $SHMREG_TEST_HARNESS_PATIENCE is another.
 */
#define HARNESS_PATIENCE_SEC 60

struct harness {
	char dir[64];
	char socket_path[80];
	struct keeper keeper;
	struct census self_before, daemon_before;
	char *argv[32];
	/* As root: the daemon has this uid; 0: the test's. Set it before harness_start(). */
	uid_t daemon_uid;
};

/* @options: further arguments of the daemon, ends with NULL; or NULL */
void harness_start(struct harness *h, const char *const *options);
void harness_stop(struct harness *h);
/* And a connection, and the segment @name; teardown disconnects. */
void harness_start_made(struct harness *h, const char *name,
			const struct shmreg_segment_params *params, struct shmreg_connection **ret,
			struct shmreg_segment **ret_segment);
/* The same with "seg" of 1 MiB with @max_objects. */
void harness_start_segment(struct harness *h, uint32_t max_objects,
			   struct shmreg_connection **ret, struct shmreg_segment **ret_segment);

static inline pid_t harness_daemon(const struct harness *h)
{
	return h->keeper.daemon;
}

void harness_kill_daemon(struct harness *h);	/* SIGKILL; gone when this returns */
void harness_restart_daemon(struct harness *h);	/* with what it had stored; ready when this returns */
/* SIGTERM, must exit with 0; what was stored is forgotten. harness_stop() or restart may follow. */
void harness_stop_daemon(struct harness *h);
int harness_n_stored(struct harness *h);

struct shmreg_connection *harness_connect(void);

/*
 * Subscribe before the cause, wait after it; events of other kinds or segments
 * (@segment NULL: any) are passed over. @ret may be NULL.
 */
struct shmreg_connection *harness_subscribe(void);
void harness_wait_event(struct shmreg_connection *events, uint32_t kind, const char *segment,
			struct shmreg_event *ret);

/* Waits until the daemon has logged a line that contains @text. */
void harness_wait_log(struct harness *h, const char *text);
bool harness_logged(struct harness *h, const char *text);
int harness_n_logged(struct harness *h, const char *text);	/* lines */

/* Until @done says true; polls. For conditions that no event announces. */
void harness_wait(bool (*done)(void *arg), void *arg, const char *what);

int harness_n_segments(void);

/* A file that says this, and nothing else. */
void harness_write(const char *path, const char *text);

/* 0 or a negative errno is as @expected, else fails with the library's sentence. */
#define harness_result(call, expected) harness_check_result(call, expected, #call)
#define harness_ok(call) harness_check_result(call, 0, #call)
void harness_check_result(int result, int expected, const char *call);
/* The last refusal's sentence contains @text. */
void harness_sentence(const char *text);

/* Say it in the log and return from the test: if (harness_need_root()) return; */
bool harness_need_root(void);
void harness_skip(const char *reason);

/* Runs it with Check's defaults, a limit of time that only a hang reaches; for main(). */
int harness_main(Suite *suite);
TCase *harness_case(Suite *suite, const char *name);

#endif /* TEST_HARNESS_H */
