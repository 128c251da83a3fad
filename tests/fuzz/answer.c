/* SPDX-License-Identifier: MIT */
#include <config.h>

#include "answer.h"
#include "send-fds.h"

struct answer answer_to(const struct shmreg_request *request)
{
	struct answer a = { .bytes = sizeof(a.reply) };

	a.reply.header = request->header;
	a.reply.header.type |= SHMREG_PACKET_REPLY;
	if (request->header.type == SHMREG_PACKET_HELLO) {
		a.reply.u.hello.registry = 1;
		strcpy(a.reply.u.hello.version, "fuzz");
	}
	return a;
}

void answer_refuse(struct answer *a, struct fuzz_input *in)
{
	memset(&a->reply.u, 0, sizeof(a->reply.u));
	a->reply.header.status = -(int32_t)fuzz_below(in, 140);
	fuzz_take(in, a->reply.u.error, fuzz_below(in, 80));
}

void answer_cut(struct answer *a, struct fuzz_input *in)
{
	a->bytes = (size_t)fuzz_below(in, 1200);
}

int answer_send(const struct answer *a, int to)
{
	uint8_t bytes[1280] = { 0 };
	ssize_t r;

	memcpy(bytes, &a->reply, sizeof(a->reply));
	r = send_fds(to, NULL, bytes, a->bytes, a->fds, a->n_fds, MSG_DONTWAIT | MSG_NOSIGNAL);
	return r < 0 ? (int)r : 0;
}
