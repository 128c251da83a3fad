/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FUZZ_ANSWER_H
#define TESTS_FUZZ_ANSWER_H

/* answer.h - the answer of a target that is the daemon, and how it goes wrong */

#include <stdbool.h>

#include <shmreg/abi/packet.h>

#include "fuzz.h"

struct answer {
	struct shmreg_reply reply;
	size_t bytes;		/* of it that are sent; more are zeros */
	int fds[8];
	unsigned int n_fds;
};

/* To this request, so far with nothing in it but what a HELLO's has. */
struct answer answer_to(const struct shmreg_request *request);
/*
 * answer_spoil() - as the input says: leave it, refuse, cut it off, change what it says or carries
 * @drop_fds:	none is left in it
 * @other_fds:	others than those, fewer or more
 *
 * Return: false: there is to be none, hang up instead.
 */
bool answer_spoil(struct answer *a, struct fuzz_input *in, void (*drop_fds)(struct answer *a),
		  void (*other_fds)(struct answer *a));
/* Return: 0; -errno, such as -EPIPE: whoever asked has hung up. */
int answer_send(const struct answer *a, int to);

#endif /* TESTS_FUZZ_ANSWER_H */
