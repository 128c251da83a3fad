/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "connection.h"
#include "error.h"
#include "params.h"
#include "root.h"
#include "segment.h"
#include "waiter.h"

bool connection_inherited(const struct shmreg_connection *c)
{
	/* relaxed: it was stored before the fork, or the kernel zeroed it in the fork */
	return shmreg_load_relaxed(c->mine) == 0;
}

int connection_usable(struct shmreg_connection *c)
{
	if (c == NULL)
		return error_set(-EINVAL, "the connection is NULL; shmreg_connect() makes one");
	if (!connection_inherited(c))
		return 0;
	/* Without the mutex, which another thread of the parent may have held in the fork. */
	connection_hang_up(c);
	line_forsake(&c->line);
	return error_set(-ECHILD, "this connection was made before fork(); a child must make its "
			 "own with shmreg_connect() and open the segments again");
}

uint64_t connection_nonce(struct shmreg_connection *c)
{
	uint64_t nonce;

	do
		nonce = shmreg_fetch_add_relaxed(&c->nonce, 1) + 1;
	while (nonce == 0);
	return nonce;
}

void connection_call_done(struct connection_call *call)
{
	while (call->n_fds > 0)
		close(call->fds[--call->n_fds]);
}

void connection_hang_up(struct shmreg_connection *c)
{
	/* First the field, then the descriptor: a child forked in between closes nothing wrong. */
	const int fd = shmreg_exchange_acq_rel(&c->fd, -1);

	if (fd >= 0 && transport_identity(fd) == c->identity)
		close(fd);
}

void connection_check(struct shmreg_connection *c)
{
	if (c->fd >= 0 && transport_identity(c->fd) != c->identity)
		shmreg_exchange_acq_rel(&c->fd, -1);
}

static bool printable(char ch)
{
	return ch >= ' ' && ch <= '~';
}

static int take_name(struct shmreg_connection *c, const char *name)
{
	size_t i;

	if (name == NULL) {
		snprintf(c->name, sizeof(c->name), "%s", program_invocation_short_name);
		for (i = 0; c->name[i] != '\0'; i++)
			if (!printable(c->name[i]))
				c->name[i] = '?';
		return 0;
	}
	if (strlen(name) > SHMREG_CLIENT_NAME_MAX)
		return error_set(-ENAMETOOLONG, "the client's name '%s' has %zu bytes; at most %d are "
				 "possible", name, strlen(name), SHMREG_CLIENT_NAME_MAX);
	for (i = 0; name[i] != '\0'; i++)
		if (!printable(name[i]))
			return error_set(-EINVAL, "byte %zu of the client's name is not printable "
					 "ASCII", i + 1);
	memcpy(c->name, name, strlen(name) + 1);
	return 0;
}

/*
 * Before the first attach returns: a sleeper makes the fence of
 * whoever may wake it, in every process that could.
 */
static int register_membarrier(void)
{
	const int r = waiter_register();

	if (r < 0)
		return error_set(-ENOSYS, "membarrier(REGISTER_GLOBAL_EXPEDITED) does not work here "
				 "(%s): Linux 4.16 or newer is needed, and no seccomp filter that "
				 "forbids it", strerror(-r));
	return 0;
}

static struct shmreg_connection *connection_free(struct shmreg_connection *c)
{
	connection_hang_up(c);
	line_deinit(c);
	connection_forget_tokens(c);
	root_unmap_all(c);
	arena_deinit(&c->arena);
	pthread_mutex_destroy(&c->mutex);
	free(c);
	return NULL;
}

static int connection_new(struct shmreg_connection **ret)
{
	struct shmreg_connection *c = calloc(1, sizeof(*c));
	void *mine;
	int r;

	if (c == NULL)
		return error_set(-ENOMEM, "no memory is left");
	pthread_mutex_init(&c->mutex, NULL);
	c->fd = -1;
	line_init(&c->line);
	r = arena_alloc(&c->arena, &mine, sizeof(uint32_t));
	if (r < 0) {
		connection_free(c);
		return error_set(r, "cannot have memory that is wiped on fork: %s", strerror(-r));
	}
	*(uint32_t *)mine = 1;
	c->mine = mine;
	if (getrandom(&c->nonce, sizeof(c->nonce), 0) != (ssize_t)sizeof(c->nonce)) {
		connection_free(c);
		return error_set(-ENOSYS, "getrandom() does not work here");
	}
	*ret = c;
	return 0;
}

int connection_new_apart(struct shmreg_connection **ret)
{
	const int r = connection_new(ret);

	if (r == 0)
		(*ret)->apart = true;
	return r;
}

void connection_free_apart(struct shmreg_connection *c)
{
	if (c != NULL)
		connection_free(c);
}

/* So that it is the same after chdir(); as it was if there is no room. */
static void make_absolute(char *path, size_t size)
{
	char whole[PATH_MAX];
	size_t n;

	if (path[0] == '/' || getcwd(whole, sizeof(whole)) == NULL)
		return;
	n = strlen(whole);
	if (whole[0] != '/' || n + 1 + strlen(path) >= size)
		return;
	memmove(path + n + 1, path, strlen(path) + 1);
	memcpy(path, whole, n);
	path[n] = '/';
}

int shmreg_connect(struct shmreg_connection **ret, const struct shmreg_connect_params *params)
{
	struct shmreg_connect_params p = { .size = sizeof(p) };
	struct shmreg_connection *c = NULL;
	int r;

	r = params_copy(&p, sizeof(p), params, "shmreg_connect_params");
	if (r < 0)
		return r;
	if ((p.flags & ~SHMREG_CONNECT_OBSERVER) != 0)
		return error_set(-EINVAL, "shmreg_connect_params.flags is %#x; SHMREG_CONNECT_OBSERVER "
				 "(%#x) is the only flag", p.flags, SHMREG_CONNECT_OBSERVER);
	r = connection_new(&c);
	if (r < 0)
		return r;
	c->flags = p.flags;
	r = transport_socket_path(c->path, sizeof(c->path), p.socket);
	if (r == 0)
		make_absolute(c->path, sizeof(c->path));
	if (r == 0)
		r = take_name(c, p.name);
	if (r == 0 && (p.flags & SHMREG_CONNECT_OBSERVER) == 0)
		r = register_membarrier();
	if (r == 0)
		r = connection_begin(c);
	if (r < 0) {
		connection_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

int shmreg_socket_path(const char *socket, char *ret, size_t size)
{
	return transport_socket_path(ret, size, socket);
}

struct shmreg_connection *shmreg_disconnect(struct shmreg_connection *connection)
{
	/*
	 * A forked child loses only the socket: its copy of the lists may be half-changed,
	 * and where the parent's mappings were, it may have mappings of its own.
	 */
	if (connection == NULL || connection_usable(connection) < 0)
		return NULL;
	while (connection->segments != NULL)
		shmreg_segment_close(connection->segments);
	return connection_free(connection);
}
