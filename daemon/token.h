/* SPDX-License-Identifier: MIT */
#ifndef SHMREGD_TOKEN_H
#define SHMREGD_TOKEN_H

/*
 * token.h - does a process that lives still have its segments mapped?
 *
 * It need not: exec() takes the mappings away, and neither pidfd nor (if a
 * forked child has inherited it) socket says a word. So each HELLO is answered
 * with a one-page memfd that the client keeps mapped for as long as it has a
 * segment mapped (shmreg/abi/packet.h). What it is given is an open file
 * description of its own, on which a byte is locked (F_OFD_SETLK): the kernel drops that
 * lock when the last descriptor and the last mapping of this description are
 * gone, and whoever can lock the byte then through another one has the proof.
 *
 * So that a connection does not take a descriptor more, 64 tokens of a uid are one file, a
 * sheet, each a byte of it. What a client can do to the others' bytes is to keep those that are
 * free: of his own uid, whose exec() is then not noticed, or which has sheets with fewer tokens.
 * There are never more sheets than tokens.
 *
 * Nothing here waits for what a client does: the lock takes a spin
 * lock and not the lock of the file's contents. (F_SEAL_WRITE, which fails with
 * EBUSY while there is a writable mapping, takes the latter, and it can be kept
 * for ever; see janitor.h.)
 *
 * Asking is final: a token that was not held stays locked by us. It is asked
 * first when the client wants to attach, and refused then.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct sheet;

/* Those with a byte that nobody has; zero at first. */
struct sheets {
	LIST_HEAD(, sheet) list;
	unsigned int n;		/* of all, which is how many descriptors they are */
};

struct token {
	LIST_ENTRY(token) link;	/* of its client */
	struct sheet *sheet;
	unsigned int byte;
	int gift;		/* the client's; -1: given away */
	uint32_t uid;		/* whose connection it is charged as */
	bool confirmed;		/* was seen held */
	bool open;		/* its connection is */
};

/* Return: 0; -ENOMEM; as memfd_create(2), open(2). */
int token_new(struct token **ret, struct sheets *sheets, uint32_t uid);
struct token *token_free(struct token *t);
/* The client's descriptor, once; whoever calls it closes it. */
int token_steal_gift(struct token *t);
/* Is it mapped, or open, in any process but ours, or on its way? */
bool token_is_held(const struct token *t);

#endif /* SHMREGD_TOKEN_H */
