/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "memfd.h"
#include "token.h"

static int make(struct token *t)
{
	const int gift = memfd_new("shmreg-token", (uint64_t)sysconf(_SC_PAGESIZE));
	int fd;

	if (gift < 0)
		return gift;
	fd = flock(gift, LOCK_EX | LOCK_NB) < 0 ? -errno : memfd_reopen_ro(gift);
	if (fd < 0) {
		close(gift);
		return fd;
	}
	t->gift = gift;
	t->fd = fd;
	return 0;
}

int token_new(struct token **ret, uint32_t uid)
{
	struct token *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return -ENOMEM;
	t->uid = uid;
	t->open = true;
	r = make(t);
	if (r < 0) {
		free(t);
		return r;
	}
	*ret = t;
	return 0;
}

struct token *token_free(struct token *t)
{
	if (!t)
		return NULL;
	if (t->gift >= 0)
		close(t->gift);
	close(t->fd);
	free(t);
	return NULL;
}

int token_steal_gift(struct token *t)
{
	const int fd = t->gift;

	t->gift = -1;
	return fd;
}

bool token_is_held(const struct token *t)
{
	/* Only success is proof: "cannot tell" is held. */
	return flock(t->fd, LOCK_EX | LOCK_NB) < 0;
}
