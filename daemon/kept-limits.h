/* SPDX-License-Identifier: MIT */
#ifndef SHMREGD_KEPT_LIMITS_H
#define SHMREGD_KEPT_LIMITS_H

/*
 * kept-limits.h - limits of single users that root has set since, and their file
 *
 * They outlive the daemon like the segments do, and no boot: "SOCKET.limits", beside the
 * socket, in the form of the configuration. Who wants more says it there.
 */

#include "uid-limits.h"

struct kept_limits {
	struct uid_limits table;
	char path[128];		/* "": they are not kept */
};

/*
 * Those that another daemon at this socket has set. A file that is not this uid's is left alone, one
 * that makes no sense is renamed to *.refused; that is logged, and it counts as none.
 */
void kept_limits_read(struct kept_limits *l, const char *socket);
void kept_limits_deinit(struct kept_limits *l);
/* All or nothing. Return: 0; -ENOMEM; as open(2), write(2), rename(2): cannot be kept. */
int kept_limits_set(struct kept_limits *l, const struct shmreg_set_limit *in);

#endif /* SHMREGD_KEPT_LIMITS_H */
