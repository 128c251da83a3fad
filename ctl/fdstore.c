/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fdstore.h"

#define FDS_MAX 253	/* the kernel's SCM_MAX_FD */

/* As systemd: printable, no colon, since names are listed with colons between. */
static bool name_valid(const char *name)
{
	size_t n = strlen(name);

	if (n == 0 || n > FDSTORE_NAME_MAX)
		return false;
	for (; *name; name++)
		if (*name <= ' ' || *name > '~' || *name == ':')
			return false;
	return true;
}

int fdstore_add_consume(struct fdstore *store, const char *name, int fd)
{
	struct fdstore_entry *entries;
	char *copy;

	if (store->n == FDSTORE_MAX) {
		close(fd);
		return -ENOSPC;
	}
	copy = strdup(name && name_valid(name) ? name : "stored");
	entries = reallocarray(store->entries, store->n + 1, sizeof(*entries));
	if (entries)
		store->entries = entries;
	if (!entries || !copy) {
		free(copy);
		close(fd);
		return -ENOMEM;
	}
	entries[store->n++] = (struct fdstore_entry){ .fd = fd, .name = copy };
	return 0;
}

void fdstore_remove(struct fdstore *store, const char *name)
{
	size_t n_kept = 0;

	for (size_t i = 0; i < store->n; i++) {
		if (strcmp(store->entries[i].name, name)) {
			store->entries[n_kept++] = store->entries[i];
			continue;
		}
		close(store->entries[i].fd);
		free(store->entries[i].name);
	}
	store->n = n_kept;
}

void fdstore_deinit(struct fdstore *store)
{
	for (size_t i = 0; i < store->n; i++) {
		close(store->entries[i].fd);
		free(store->entries[i].name);
	}
	free(store->entries);
	*store = (struct fdstore)FDSTORE_INIT;
}

static size_t take_fds(struct msghdr *msg, int fds[static FDS_MAX])
{
	size_t n_fds = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n_fds = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(c), n_fds * sizeof(int));
	}
	return n_fds;
}

int fdstore_receive(struct fdstore *store, int notify_fd, bool *ret_ready)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control;
	char text[4096 + 1], *save = NULL;
	struct iovec iov = { .iov_base = text, .iov_len = sizeof(text) - 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	const char *name = NULL;
	bool add = false, remove = false;
	int fds[FDS_MAX];
	size_t n_fds;
	ssize_t n;

	do
		n = recvmsg(notify_fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	n_fds = take_fds(&msg, fds);

	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (strcmp(line, "READY=1") == 0)
			*ret_ready = true;
		else if (strcmp(line, "FDSTORE=1") == 0)
			add = true;
		else if (strcmp(line, "FDSTOREREMOVE=1") == 0)
			remove = true;
		else if (strncmp(line, "FDNAME=", 7) == 0)
			name = line + 7;
	}
	if (remove && name)
		fdstore_remove(store, name);
	for (size_t i = 0; i < n_fds; i++) {
		/* Not stored: of BARRIER=1, or of what is not known here. */
		if (add && !remove)
			fdstore_add_consume(store, name, fds[i]);
		else
			close(fds[i]);
	}
	return 0;
}
