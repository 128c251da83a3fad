/* SPDX-License-Identifier: MIT */
#ifndef LIBSHMREG_TRANSPORT_H
#define LIBSHMREG_TRANSPORT_H

/*
 * transport.h - packets to and from the daemon's socket
 *
 * Functions set the error's sentence, but for a hang-up: -ECONNRESET is the
 * caller's to explain or to mend.
 */

#include <shmreg/abi/packet.h>

#define TRANSPORT_FDS_MAX 4	/* descriptors that a reply brings at most */

/*
 * transport_socket_path() - where the daemon listens
 * @socket:	what the application asks for; NULL: see shmreg/connection.h
 * @ret:	@size bytes
 *
 * Return: 0; -ENAMETOOLONG.
 */
int transport_socket_path(char *ret, size_t size, const char *socket);

/*
 * transport_keep_off() - @fd, or a copy of it if it is 0, 1 or 2
 *
 * Who has closed his standard streams may use them all the same, and not what we have opened.
 */
int transport_keep_off(int fd);

/*
 * transport_identity() - which socket it is
 *
 * An application may close descriptors that it does not know, and what it opens gets their
 * numbers. A socket of ours is used, or closed, only if it is still the one that it was.
 *
 * Return: what no other socket that is open says; 0: it is none. Async-signal-safe.
 */
uint64_t transport_identity(int fd);

/* Return: a descriptor; or -errno, with a sentence that says how to start a daemon. */
int transport_connect(const char *path);

/* Return: 0; -ECONNRESET the daemon hung up; other -errno. */
int transport_send(int fd, const struct shmreg_request *request);

/*
 * transport_receive() - one packet and the descriptors that came with it
 * @fds:	*ret_n_fds are set, close-on-exec, the caller's to close
 * @flags:	0 or MSG_DONTWAIT
 *
 * Return: bytes; -ECONNRESET; -EAGAIN; -EBADMSG it was longer than a packet.
 */
int transport_receive(int fd, struct shmreg_reply *ret, int fds[TRANSPORT_FDS_MAX],
		      unsigned int *ret_n_fds, int flags);

/*
 * transport_receive_quietly() - the same without a sentence; async-signal-safe
 *
 * A packet whose descriptors found no room in this process is received without them.
 */
int transport_receive_quietly(int fd, struct shmreg_reply *ret, int fds[TRANSPORT_FDS_MAX],
			      unsigned int *ret_n_fds, int flags);

#endif /* LIBSHMREG_TRANSPORT_H */
