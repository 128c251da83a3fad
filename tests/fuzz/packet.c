/* SPDX-License-Identifier: MIT */

/*
 * packet - the form of requests and of replies, whatever their bytes
 *
 * What passes is well-formed by the words of packet.h, and refusals are sentences. The
 * second half of a packet is seldom used: inputs are short, what is behind them is zero.
 */

#include <config.h>

#include <errno.h>
#include <string.h>

#include <shmreg/abi/packet.h>

#include "fuzz.h"

static void check_request(const struct shmreg_request *request, size_t n)
{
	const char *why = NULL;
	const int r = shmreg_request_check(request, n, &why);

	MUST(r == 0 || r == -EBADMSG || r == -EPROTONOSUPPORT || r == -EINVAL ||
	     r == -ENAMETOOLONG || r == -EOPNOTSUPP);
	MUST(r == 0 || (why && *why && strlen(why) <= SHMREG_ERROR_MAX));
	MUST(r == shmreg_request_check(request, n, NULL));
	if (r < 0)
		return;
	MUST(n == SHMREG_PACKET_BYTES && request->header.serial);
	MUST(request->header.type >= 1 && request->header.type <= SHMREG_PACKET_MAX);
	if (request->header.type == SHMREG_PACKET_CREATE)
		MUST(shmreg_name_check(request->u.create.name, SHMREG_SEGMENT_NAME_MAX, NULL) == 0);
	if (request->header.type == SHMREG_PACKET_CREATE_OBJECT)
		MUST(shmreg_name_check(request->u.create_object.name, SHMREG_OBJECT_NAME_MAX,
				       NULL) == 0);
}

static void check_reply(const struct shmreg_reply *reply, size_t n)
{
	const uint16_t type = reply->header.type & (uint16_t)~SHMREG_PACKET_REPLY;
	const int r = shmreg_reply_check(reply, n, type, reply->header.serial);

	MUST(r == 0 || r == -EBADMSG || r == -EPROTONOSUPPORT);
	if (r == 0 && reply->header.status < 0)
		MUST(memchr(reply->u.error, 0, sizeof(reply->u.error)) != NULL);
	if (r == 0 && reply->header.status == 0 && type == SHMREG_PACKET_LIST)
		MUST(reply->u.list.n <= SHMREG_LIST_MAX);
}

static void check_shape(const struct shmreg_shape *shape)
{
	const char *why = NULL;
	uint64_t bytes = 0, align = 0;
	const int r = shmreg_shape_bytes(shape, &bytes, &align, &why);

	MUST(r == 0 || r == -EINVAL || r == -EOVERFLOW || r == -EPROTONOSUPPORT);
	MUST(r == 0 || (why && *why));
	if (r == 0)
		MUST(bytes && bytes % 128 == 0 && (align == 128 || align == 4096));
	MUST(shmreg_kind_name(shape->kind) != NULL);
	MUST(r < 0 || shmreg_kind_users(shape->kind) < bytes);
}

static void run(struct fuzz_input *in)
{
	const uint8_t what = fuzz_u8(in);
	const size_t n = what & 4 ? in->n : SHMREG_PACKET_BYTES;
	union {
		struct shmreg_request request;
		struct shmreg_reply reply;
		struct shmreg_shape shape;
	} packet;

	fuzz_take(in, &packet, sizeof(packet));
	if (what & 1) {
		packet.request.header.magic = SHMREG_PACKET_MAGIC;
		packet.request.header.protocol = SHMREG_PROTOCOL;
	}
	if (what & 8)
		check_shape(&packet.shape);
	else if (what & 2)
		check_reply(&packet.reply, n);
	else
		check_request(&packet.request, n);
}

static void seeds(void)
{
	struct {
		uint8_t what;
		uint8_t bytes[24 + 216];
	} seed = { 0 };
	struct shmreg_packet_header h = { SHMREG_PACKET_MAGIC, SHMREG_PROTOCOL, 0, 1, 0, 0 };
	static const struct shmreg_shape shape = {
		SHMREG_KIND_TOPIC, SHMREG_TOPIC_LAYOUT, 0, 8, 24, 4, { 1, 3, 0, 0 },
	};

	for (uint16_t type = 1; type <= SHMREG_PACKET_MAX; type++) {
		h.type = type;
		seed.what = 0;
		memset(seed.bytes, 1, sizeof(seed.bytes));
		memcpy(seed.bytes, &h, sizeof(h));
		fuzz_seed(&seed, sizeof(seed));
		memset(seed.bytes + sizeof(h), 0, sizeof(seed.bytes) - sizeof(h));
		memcpy(seed.bytes + sizeof(h), "name", 4);
		fuzz_seed(&seed, sizeof(seed));
		seed.what = 2;
		h.type |= SHMREG_PACKET_REPLY;
		memcpy(seed.bytes, &h, sizeof(h));
		fuzz_seed(&seed, sizeof(seed));
	}
	seed.what = 8;
	memcpy(seed.bytes, &shape, sizeof(shape));
	fuzz_seed(&seed, 1 + sizeof(shape));
}

const struct fuzz_target fuzz_target = { NULL, run, seeds };
