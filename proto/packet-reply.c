/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <shmreg/abi/directory.h>
#include <shmreg/abi/packet.h>
#include <shmreg/abi/root.h>

static bool terminated(const char *field, size_t size)
{
	return memchr(field, '\0', size) != NULL;
}

static bool seats_ok(const uint16_t *seat, uint32_t n)
{
	if (n > SHMREG_SEATS_A_REPLY)
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (!seat[i] || seat[i] >= SHMREG_SEATS)
			return false;
	return true;
}

static bool attach_ok(const struct shmreg_attach_reply *in)
{
	return in->segment && !(in->participant >> 56) && in->data_bytes &&
	       in->data_bytes <= SHMREG_DATA_BYTES_MAX &&
	       in->dir_bytes >= sizeof(struct shmreg_dir) && in->dir_bytes <= UINT32_MAX &&
	       in->participant_index < SHMREG_PARTICIPANTS_MAX &&
	       !(in->access & ~(SHMREG_ACCESS_READ | SHMREG_ACCESS_WRITE)) && in->created <= 1 &&
	       seats_ok(in->seat, in->n_seats);
}

static bool notify_ok(const struct shmreg_notify_reply *in)
{
	uint64_t last = 0;

	/* Or the next request would be the same as this one, for ever. */
	if (in->n > SHMREG_NOTIFY_MAX || in->more > 1 || (in->more && !in->n))
		return false;
	for (uint32_t i = 0; i < in->n; i++) {
		if (in->watch[i] <= last || !in->events[i] ||
		    in->events[i] & ~(SHMREG_WAIT_ITEMS | SHMREG_WAIT_SPACE))
			return false;
		last = in->watch[i];
	}
	return true;
}

static bool body_ok(const struct shmreg_reply *reply, uint16_t type)
{
	switch (type) {
	case SHMREG_PACKET_HELLO:
		return terminated(reply->u.hello.version, sizeof(reply->u.hello.version));
	case SHMREG_PACKET_CREATE:
	case SHMREG_PACKET_OPEN:
	case SHMREG_PACKET_REATTACH:
		return attach_ok(&reply->u.attach);
	case SHMREG_PACKET_SEATS:
		return reply->u.seats.n_seats &&
		       seats_ok(reply->u.seats.seat, reply->u.seats.n_seats);
	case SHMREG_PACKET_CREATE_OBJECT:
		return reply->u.create_object.object &&
		       reply->u.create_object.index < SHMREG_OBJECTS_MAX &&
		       reply->u.create_object.created <= 1;
	case SHMREG_PACKET_LIST:
		/* Or the next request would be the same as this one, for ever. */
		if (reply->u.list.n > SHMREG_LIST_MAX || (reply->u.list.more && !reply->u.list.n))
			return false;
		for (uint32_t i = 0; i < reply->u.list.n; i++)
			if (!terminated(reply->u.list.info[i].name,
					sizeof(reply->u.list.info[i].name)))
				return false;
		return true;
	case SHMREG_PACKET_DESCRIBE:
		/* What follows is asked of the segment by its id. */
		return reply->u.describe.segment &&
		       terminated(reply->u.describe.name, sizeof(reply->u.describe.name));
	case SHMREG_PACKET_NOTIFY:
		return notify_ok(&reply->u.notify);
	case SHMREG_PACKET_ROOT:
		return reply->u.root.bytes == sizeof(struct shmreg_root);
	case SHMREG_PACKET_EVENT:
		return reply->u.event.kind >= SHMREG_EVENT_CREATED &&
		       reply->u.event.kind <= SHMREG_EVENT_LOST &&
		       terminated(reply->u.event.segment_name,
				  sizeof(reply->u.event.segment_name)) &&
		       terminated(reply->u.event.object_name,
				  sizeof(reply->u.event.object_name)) &&
		       terminated(reply->u.event.client_name,
				  sizeof(reply->u.event.client_name));
	default:
		return true;
	}
}

int shmreg_reply_check(const struct shmreg_reply *reply, size_t n, uint16_t type, uint64_t serial)
{
	const struct shmreg_packet_header *h = &reply->header;
	const bool event = type == SHMREG_PACKET_EVENT;

	if (n != SHMREG_PACKET_BYTES || h->magic != SHMREG_PACKET_MAGIC)
		return -EBADMSG;
	if (h->protocol != SHMREG_PROTOCOL)
		return -EPROTONOSUPPORT;
	if (h->type != (event ? type : (type | SHMREG_PACKET_REPLY)) || h->serial != serial ||
	    h->reserved)
		return -EBADMSG;
	/* Errnos end at 4095; and an event cannot fail. */
	if (h->status > 0 || h->status < -4095 || (event && h->status))
		return -EBADMSG;
	if (h->status < 0)
		return terminated(reply->u.error, sizeof(reply->u.error)) ? 0 : -EBADMSG;
	return body_ok(reply, type) ? 0 : -EBADMSG;
}
