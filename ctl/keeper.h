/* SPDX-License-Identifier: MIT */
#ifndef SHMREGCTL_KEEPER_H
#define SHMREGCTL_KEEPER_H

/*
 * keeper.h - systemd's part, for a private daemon
 *
 * A process of its own between shmregctl run and the daemon. It holds the
 * listening socket and the fd store, starts the daemon with them, and again
 * whenever it dies. It has no other children, and adopts the daemon's: so it can
 * tell when the reapers of a dead daemon are gone (shmreg/abi/reaper.h), which
 * among the command's descendants it could not.
 *
 * A socketpair ties it to shmregctl run: when its other end is closed, in whatever
 * way, it stops the daemon, removes the directory and exits.
 */

struct keeper {
	int link_fd;		/* all four are the keeper's own */
	int dir_fd;
	int listen_fd;
	int notify_fd;
	const char *dir;
	const char *notify_path;
	char **argv;		/* the daemon */
};

/* What it says on the link: when the daemon is ready, or has failed to become so. */
struct keeper_news {
	int ready;
	int status;		/* if not ready: the daemon's, as waitpid(2) says it */
};

/* In the keeper's process. */
_Noreturn void keeper_run(const struct keeper *config);
/* Also for who has lost its keeper. */
void keeper_remove_dir(int dir_fd, const char *dir);

#endif /* SHMREGCTL_KEEPER_H */
