/* SPDX-License-Identifier: MIT */
#ifndef SHMREGD_TOKEN_H
#define SHMREGD_TOKEN_H

/*
 * token.h - does a process that lives still have its segments mapped?
 *
 * It need not: exec() takes the mappings away, and neither pidfd nor (if a
 * forked child has inherited it) socket says a word. So each HELLO is answered
 * with a one-page memfd that the client keeps mapped, writable and shared, for
 * as long as it has a segment mapped. F_SEAL_WRITE on a memfd fails with EBUSY
 * exactly as long as such a mapping exists (shmreg/abi/packet.h).
 *
 * Asking is final: a token that was not mapped is sealed and of no use. It is
 * asked first when the client wants to attach, and refused then.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct token {
	LIST_ENTRY(token) link;	/* of its client */
	int fd;
	uint32_t uid;		/* whose connection it is charged as */
	bool confirmed;		/* was seen mapped */
	bool open;		/* its connection is */
};

/* Return: 0; -ENOMEM; as memfd_create(2). */
int token_new(struct token **ret, uint32_t uid);
struct token *token_free(struct token *t);
bool token_is_mapped(const struct token *t);

#endif /* SHMREGD_TOKEN_H */
