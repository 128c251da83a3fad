/* SPDX-License-Identifier: MIT */
#ifndef TEST_KEEPER_H
#define TEST_KEEPER_H

/*
 * keeper.h - plays systemd's part for the daemon of a test
 *
 * A process between test and daemon: it holds the listening socket and the fd
 * store (FDSTORE, FDSTOREREMOVE, BARRIER), starts the daemon with LISTEN_FDS and
 * NOTIFY_SOCKET, waits for READY=1, reaps it, and starts it again when told to.
 * It outlives a test that fails or is killed, and then ends the daemon and
 * removes the private directory.
 */

#include <sys/types.h>

#define KEEPER_STORE_MAX 2048

struct keeper {
	pid_t pid;
	int fd;
	pid_t daemon;		/* 0: not running */
};

/*
 * If this is in the environment the store takes so many descriptors, and the daemon is not told,
 * as by systemd before 254; else KEEPER_STORE_MAX, and it is.
 */
#define KEEPER_STORE_ENV "SHMREG_TEST_STORE_MAX"

/* @argv, from the daemon's program on, is started by each keeper_daemon_start(). */
void keeper_start(struct keeper *k, const char *dir, const char *socket_path,
		  char *const argv[]);
/* As root: the daemon has this uid and gid, and the directory. 0 is the caller's own. */
void keeper_start_as(struct keeper *k, uid_t uid, const char *dir, const char *socket_path,
		     char *const argv[]);
/* 0 once the daemon is ready, else its status as waitpid() gives it */
int keeper_daemon_start(struct keeper *k);
/* Sends @signal, waits for the end of the daemon, and returns its status. */
int keeper_daemon_end(struct keeper *k, int signal);
/* But for the daemon's root, which is always there. */
int keeper_n_stored(struct keeper *k);
/* Forget all that is stored, as systemd does when a service is stopped. */
void keeper_forget(struct keeper *k);
/* The daemon must have been ended. Removes the directory. */
void keeper_end(struct keeper *k);

#endif /* TEST_KEEPER_H */
