/* SPDX-License-Identifier: MIT */
#ifndef TEST_ALONE_H
#define TEST_ALONE_H

/*
 * alone.h - a daemon that makes its own socket, without a service manager
 *
 * In a directory of its own: the socket "control", its log "log".
 */

#include <sys/types.h>

struct alone {
	char dir[64];
	char socket_path[80];
	pid_t pid;		/* 0: not running */
};

void alone_init(struct alone *d);
/* Fails the test if a daemon is running or anything but the log is left. */
void alone_deinit(struct alone *d);
/* Starts it with --socket and these options (at most 8), and waits until it listens. */
void alone_start(struct alone *d, const char *const *options);
/* The same, but it must end: its exit status. */
int alone_fails(struct alone *d, const char *const *options);
/* Sends @signal and waits for its end. Return: as waitpid(). */
int alone_end(struct alone *d, int signal);
/* Is there a line with @text in its log? alone_wait_log() waits until there is. */
int alone_logged(const struct alone *d, const char *text);
void alone_wait_log(const struct alone *d, const char *text);

#endif /* TEST_ALONE_H */
