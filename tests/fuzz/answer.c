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

static void refuse(struct answer *a, struct fuzz_input *in)
{
	memset(&a->reply.u, 0, sizeof(a->reply.u));
	a->reply.header.status = -(int32_t)fuzz_below(in, 140);
	fuzz_take(in, a->reply.u.error, fuzz_below(in, 80));
}

bool answer_spoil(struct answer *a, struct fuzz_input *in, void (*drop_fds)(struct answer *a),
		  void (*other_fds)(struct answer *a))
{
	const uint8_t how = fuzz_u8(in);

	if (how < 128)
		return true;
	switch (how % 8) {
	case 0:
		return false;
	case 1:
		drop_fds(a);
		refuse(a, in);
		break;
	case 2:
		fuzz_poke(in, &a->reply.header, sizeof(a->reply.header));
		break;
	case 3:
		other_fds(a);
		break;
	case 4:
		a->bytes = (size_t)fuzz_below(in, 1200);
		break;
	default:
		for (uint8_t n = how % 3 + 1; n; n--)
			fuzz_poke(in, &a->reply.u, 256);
	}
	return true;
}

int answer_send(const struct answer *a, int to)
{
	uint8_t bytes[1280] = { 0 };
	ssize_t r;

	memcpy(bytes, &a->reply, sizeof(a->reply));
	r = send_fds(to, NULL, bytes, a->bytes, a->fds, a->n_fds, MSG_DONTWAIT | MSG_NOSIGNAL);
	return r < 0 ? (int)r : 0;
}
