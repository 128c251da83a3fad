/* SPDX-License-Identifier: MIT */

/* Who is at the other end: HELLO, credentials, the process. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "peer.h"
#include "refuse.h"
#include "server.h"

#ifndef SO_PEERPIDFD
# define SO_PEERPIDFD 77 /* Linux 6.5 */
#endif

/* Supplementary groups, as they were when it connected. */
static int read_groups(struct peer *p)
{
	socklen_t bytes = 0;
	uint32_t *groups;

	if (getsockopt(p->fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &bytes) == 0 || bytes == 0)
		return 0;
	if (errno != ERANGE)
		return -errno;
	groups = malloc(bytes);
	if (!groups)
		return -ENOMEM;
	if (getsockopt(p->fd, SOL_SOCKET, SO_PEERGROUPS, groups, &bytes) < 0) {
		const int r = -errno;

		free(groups);
		return r;
	}
	p->caller.groups = groups;
	p->caller.n_groups = bytes / sizeof(*groups);
	return 0;
}

/* SO_PEERPIDFD cannot meet a pid that was given to another; before Linux 6.5 there is the pid. */
static int open_pidfd(const struct peer *p)
{
	socklen_t bytes = sizeof(int);
	int fd;

	if (getsockopt(p->fd, SOL_SOCKET, SO_PEERPIDFD, &fd, &bytes) == 0) {
		fcntl(fd, F_SETFD, FD_CLOEXEC);
		return fd;
	}
	if (errno != ENOPROTOOPT)
		return -errno;
	fd = (int)syscall(SYS_pidfd_open, p->caller.process.pid, 0);
	return fd < 0 ? -errno : fd;
}

static int need_pidfd(const struct peer *p, char *error)
{
	int pidfd;

	if (p->caller.process.pid == 0)
		return refuse(error, EPERM,
			      "your process is in a pid namespace that shmregd cannot see, so that "
			      "its death could not be noticed; start a shmregd inside, or share the "
			      "namespace");
	pidfd = open_pidfd(p);
	if (pidfd < 0)
		return refuse(error, pidfd, "no pidfd of your process %" PRIu32 " can be had: %s",
			      p->caller.process.pid, strerror(-pidfd));
	return pidfd;
}

int peer_identify(struct peer *p, char *error)
{
	int pidfd, r;

	if (p->identified)
		return 0;
	pidfd = need_pidfd(p, error);
	if (pidfd < 0)
		return pidfd;
	r = clients_identify(pidfd, p->caller.process.pid, &p->caller.process);
	close(pidfd);
	if (r < 0)
		return refuse(error, r, "your process %" PRIu32 " has ended", p->caller.process.pid);
	p->identified = true;
	return 0;
}

/* A client that wants to attach: its process must be one that can be watched. */
static int greet_client(struct peer *p, char *error)
{
	int pidfd, r;

	/* The pidfd and the token; its own is the third. */
	r = server_check_descriptors(p->server, 2, error);
	if (r < 0)
		return r;
	pidfd = need_pidfd(p, error);
	if (pidfd < 0)
		return pidfd;
	r = clients_get(p->server->clients, pidfd, p->caller.process.pid, &p->client);
	if (r < 0)
		return refuse(error, r, "your process %" PRIu32 " cannot be watched: %s",
			      p->caller.process.pid, strerror(-r));
	LIST_INSERT_HEAD(&p->client->peers, p, of_client);
	p->caller.process = p->client->id;
	p->identified = true;
	r = client_add_token(p->client, p->caller.uid, &p->token);
	if (r < 0)
		return refuse(error, r, "no token can be made: %s", strerror(-r));
	return 0;
}

int peer_greet(struct peer *p, const struct shmreg_hello *hello, char *error)
{
	int r;

	if (p->greeted)
		return refuse(error, EINVAL, "HELLO comes once, as the first request");
	if (!p->charged) {
		r = server_charge_connection(p->server, p->caller.uid, error);
		if (r < 0)
			return r;
		p->charged = true;
		p->server->n_uncharged--;
	}
	if (!p->caller.groups) {
		r = read_groups(p);
		if (r < 0)
			return refuse(error, r, "your groups cannot be read: %s", strerror(-r));
	}
	memcpy(p->caller.name, hello->name, sizeof(p->caller.name));
	p->observer = hello->flags & SHMREG_HELLO_OBSERVER;
	if (!p->observer && !p->client) {
		r = greet_client(p, error);
		if (r < 0)
			return r;
	}
	p->greeted = true;
	return 0;
}
