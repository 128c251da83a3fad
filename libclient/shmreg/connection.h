/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_CONNECTION_H
#define SHMREG_CONNECTION_H

/*
 * shmreg/connection.h - a session with shmregd
 *
 * Callers	Any thread may use a connection; calls are serialised by a mutex
 *		inside. There are no globals: a process may have several
 *		connections, also to several daemons. A signal handler may use
 *		none of this.
 *
 * Progress	Each control call is one request and its answer. When the daemon
 *		was restarted meanwhile, the call reconnects, presents the
 *		attachments of this connection again, and repeats the request
 *		(exactly-once by nonce or id): the caller notices nothing. After
 *		16 daemons in a row that accepted the connection and hung up it
 *		is -ECONNRESET.
 *
 * Ordering	What a call did is visible, in the directories too, to whoever
 *		learns that it returned.
 *
 * Crashes	The process may die anywhere. The daemon sees it by pidfd, not
 *		by the socket. A daemon may die anywhere: what is mapped goes on
 *		working. One that comes back without the segments (it was not
 *		under systemd or shmregctl run) is found out: control calls about
 *		what was attached before say -ESTALE.
 *
 * Trust	The daemon is trusted as far as its answers make sense; what
 *		does not is -EBADMSG. Other clients cannot reach a connection.
 *
 * Waiting	A control call waits for its answer, and for a daemon that is
 *		being restarted if its socket is kept (systemd, shmregctl run).
 *		If nobody listens it does not wait. An interrupted call goes on.
 *		read-only may: everything here; it is attachments that are
 *		read-only, see segment.h.
 *
 * Units	Sizes are bytes.
 *
 * Cost		10 to 40 microseconds a request; two more to connect.
 *
 * fork: the child must not use its parent's connection, segments or handles: every
 * call answers -ECHILD, mappings are absent, plain array pointers fault. It makes
 * a connection of its own; the parent's socket is closed in the child by the first
 * call that meets it, or by exec.
 *
 * Descriptors: all are close-on-exec. A process that closes what it does not know (closefrom(3))
 * may do so: the next call connects again, and what it opens is let alone, whatever number it gets.
 * Watches and streams of events are to be opened after that.
 *
 * Signals: no handler is installed, no thread started, SIGPIPE never raised.
 *
 * Errors: 0 or -errno. The sentence that belongs to a thread's last failed call is
 * shmreg_error().
 */

#include <shmreg/compiler.h>

SHMREG_BEGIN_DECLS

struct shmreg_connection;

struct shmreg_connect_params {
	size_t size;		/* sizeof(struct shmreg_connect_params) */
	const char *socket;	/* NULL: $SHMREG_SOCKET, else $XDG_RUNTIME_DIR/shmregd/control
				 * if it exists, else /run/shmregd/control; a relative path is
				 * one of where the process is when it connects */
	const char *name;	/* shown by shmregctl, at most 31 bytes; NULL: the program's name */
	uint32_t flags;		/* SHMREG_CONNECT_... */
};
#define SHMREG_CONNECT_OBSERVER UINT32_C(1)	/* administration only: will attach to nothing */

/*
 * shmreg_connect() - begin a session
 * @params:	NULL = all defaults
 *
 * Return: 0, or
 *	-ECONNREFUSED, -ENOENT	no daemon there; the sentence says how to start one
 *	-EPROTONOSUPPORT	a daemon of another protocol version; both are named
 *	-EDQUOT			this uid's connections are used up
 *	-EINVAL, -ENAMETOOLONG	bad parameters
 *	-ENOSYS			the kernel lacks membarrier, MADV_WIPEONFORK or pidfds
 *	-ECONNRESET, -EBADMSG	see Progress and Trust
 *	-ENOMEM, -EMFILE, -EACCES	as socket(2) and connect(2)
 */
SHMREG_API SHMREG_CHECK int shmreg_connect(struct shmreg_connection **ret,
					   const struct shmreg_connect_params *params);

/*
 * shmreg_disconnect() - detach all segments and end the session
 * @connection:	NULL is fine. All its segments and handles become invalid.
 *
 * Return: NULL.
 */
SHMREG_API struct shmreg_connection *shmreg_disconnect(struct shmreg_connection *connection);

/*
 * shmreg_socket_path() - where shmreg_connect() connects to; no request
 * @socket:	as in struct shmreg_connect_params; NULL: by the rule that is said there
 * @ret:	@size bytes
 *
 * Return: 0; -ENAMETOOLONG.
 */
SHMREG_API SHMREG_CHECK int shmreg_socket_path(const char *socket, char *ret, size_t size);

/*
 * shmreg_error() - a sentence about this thread's last failed call
 *
 * Of functions that may talk to the daemon or open an object; fast paths
 * (push, pop, ...) do not set it. Valid until the thread's next such call.
 *
 * Return: never NULL; "" if there was no failure.
 */
SHMREG_API const char *shmreg_error(void);

SHMREG_API const char *shmreg_version(void); /* "0.1.0" */

SHMREG_END_DECLS

#endif /* SHMREG_CONNECTION_H */
