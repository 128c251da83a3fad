/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "token.h"

#ifndef MFD_NOEXEC_SEAL
# define MFD_NOEXEC_SEAL 8U /* Linux 6.3 */
#endif

static int make(void)
{
	int fd, r;

	fd = memfd_create("shmreg-token", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("shmreg-token", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	if (fchmod(fd, 0600) < 0 || ftruncate(fd, sysconf(_SC_PAGESIZE)) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

int token_new(struct token **ret, uint32_t uid)
{
	struct token *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->uid = uid;
	t->open = true;
	t->fd = make();
	if (t->fd < 0) {
		const int r = t->fd;

		free(t);
		return r;
	}
	*ret = t;
	return 0;
}

struct token *token_free(struct token *t)
{
	if (t)
		close(t->fd);
	free(t);
	return NULL;
}

bool token_is_mapped(const struct token *t)
{
	/*
	 * Without its page first: the kernel would wait up to 150 ms for a page
	 * that somebody has pinned, and so could a client make us wait.
	 */
	fallocate(t->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, sysconf(_SC_PAGESIZE));
	/* Only success is proof: a client may have forbidden further seals. */
	return fcntl(t->fd, F_ADD_SEALS, F_SEAL_WRITE) < 0;
}
