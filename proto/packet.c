/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <shmreg/abi/directory.h>
#include <shmreg/abi/packet.h>
#include <shmreg/abi/verify.h>

static int refuse(int error, const char **ret_why, const char *why)
{
	if (ret_why)
		*ret_why = why;
	return error;
}

static int malformed(const char **ret_why, const char *why)
{
	return refuse(-EBADMSG, ret_why, why);
}

/* A sentence's end, as name.c says it, with its beginning. */
static int named(int r, const char **ret_why, const char *what, const char *why)
{
	static _Thread_local char sentence[SHMREG_ERROR_MAX + 1];

	if (r < 0 && ret_why) {
		snprintf(sentence, sizeof(sentence), "%s %s", what, why);
		*ret_why = sentence;
	}
	return r;
}

static int segment_name_check(const char field[static SHMREG_SEGMENT_NAME_MAX + 1],
			      const char **ret_why)
{
	const char *why = NULL;
	const int r = shmreg_name_field_check(field, SHMREG_SEGMENT_NAME_MAX + 1, &why);

	return named(r, ret_why, "the segment's name", why);
}

static int object_name_check(const char field[static SHMREG_OBJECT_NAME_MAX + 1],
			     const char **ret_why)
{
	const char *why = NULL;
	const int r = shmreg_name_field_check(field, SHMREG_OBJECT_NAME_MAX + 1, &why);

	return named(r, ret_why, "the object's name", why);
}

static bool is_zero(const void *p, size_t n)
{
	const uint8_t *b = p;

	return n == 0 || (b[0] == 0 && memcmp(b, b + 1, n - 1) == 0);
}

/* Bytes of each request's body; what is behind them must be zero. */
static size_t body_bytes(uint16_t type)
{
	switch (type) {
	case SHMREG_PACKET_HELLO:
		return sizeof(struct shmreg_hello);
	case SHMREG_PACKET_CREATE:
		return sizeof(struct shmreg_create);
	case SHMREG_PACKET_OPEN:
		return sizeof(struct shmreg_open);
	case SHMREG_PACKET_REATTACH:
	case SHMREG_PACKET_QUIESCE:
		return sizeof(struct shmreg_attachment);
	case SHMREG_PACKET_DETACH:
		return sizeof(struct shmreg_detach);
	case SHMREG_PACKET_SEATS:
		return sizeof(struct shmreg_seats);
	case SHMREG_PACKET_REMOVE:
	case SHMREG_PACKET_DESCRIBE:
		return sizeof(struct shmreg_target);
	case SHMREG_PACKET_CREATE_OBJECT:
		return sizeof(struct shmreg_create_object);
	case SHMREG_PACKET_REMOVE_OBJECT:
		return sizeof(struct shmreg_remove_object);
	case SHMREG_PACKET_LIST:
		return sizeof(struct shmreg_list);
	case SHMREG_PACKET_STATS:
		return sizeof(struct shmreg_stats);
	case SHMREG_PACKET_SUBSCRIBE:
		return sizeof(struct shmreg_subscribe);
	case SHMREG_PACKET_SET:
		return sizeof(struct shmreg_set);
	case SHMREG_PACKET_WATCH:
		return sizeof(struct shmreg_watch_request);
	case SHMREG_PACKET_UNWATCH:
		return sizeof(struct shmreg_unwatch);
	case SHMREG_PACKET_NOTIFY:
		return sizeof(struct shmreg_notify);
	case SHMREG_PACKET_ROOT:
		return sizeof(struct shmreg_root_request);
	case SHMREG_PACKET_SET_LIMIT:
		return sizeof(struct shmreg_set_limit);
	default:
		return 0;
	}
}

static int mode_check(uint32_t mode, const char **ret_why)
{
	if (mode > 0777 || mode & 0111)
		return refuse(-EINVAL, ret_why,
			      "the mode must be made of r (attach read-only) and w (attach "
			      "read-write) for owner, group and others, such as 0660");
	return 0;
}

static int lifetime_check(uint32_t lifetime, const char **ret_why)
{
	if (lifetime > SHMREG_WITH_CREATOR)
		return refuse(-EINVAL, ret_why,
			      "the lifetime is unknown; there are while-attached, until-removed "
			      "and with-creator");
	return 0;
}

static int hello_check(const struct shmreg_hello *in, const char **ret_why)
{
	if (in->reserved)
		return malformed(ret_why, "HELLO has a reserved field that is not zero");
	if (in->flags & ~SHMREG_HELLO_OBSERVER)
		return refuse(-EINVAL, ret_why, "HELLO has unknown flags; OBSERVER is known");
	if (shmreg_text_field_check(in->name, sizeof(in->name), NULL) < 0)
		return refuse(-EINVAL, ret_why,
			      "the client's name must be at most 31 printable ASCII characters");
	if (shmreg_text_field_check(in->version, sizeof(in->version), NULL) < 0)
		return refuse(-EINVAL, ret_why,
			      "the library's version must be at most 31 printable ASCII "
			      "characters");
	return 0;
}

static int create_check(const struct shmreg_create *in, const char **ret_why)
{
	int r;

	r = segment_name_check(in->name, ret_why);
	if (r < 0)
		return r;
	if (!in->nonce)
		return refuse(-EINVAL, ret_why,
			      "CREATE has nonce 0; it must be a number that tells it from other "
			      "requests");
	if (!in->data_bytes)
		return refuse(-EINVAL, ret_why,
			      "the segment's size is 0; it must be at least 1 byte");
	if (in->data_bytes > SHMREG_DATA_BYTES_MAX)
		return refuse(-EINVAL, ret_why,
			      "the segment's size is too large; it may be 64 TiB (2^46 bytes) at "
			      "most");
	if (in->flags & ~(SHMREG_CREATE_RESERVE | SHMREG_CREATE_OPEN | SHMREG_CREATE_DETACHED))
		return refuse(-EINVAL, ret_why,
			      "CREATE has unknown flags; RESERVE, OPEN and DETACHED are known");
	r = mode_check(in->mode, ret_why);
	if (r < 0)
		return r;
	r = lifetime_check(in->lifetime, ret_why);
	if (r < 0)
		return r;
	if (in->max_participants > SHMREG_PARTICIPANTS_MAX)
		return refuse(-EINVAL, ret_why,
			      "max_participants is too large; it may be 65536 at most");
	if (in->max_objects > SHMREG_OBJECTS_MAX)
		return refuse(-EINVAL, ret_why,
			      "max_objects is too large; it may be 65536 at most");
	r = shmreg_placement_check(&in->placement, in->flags, ret_why);
	if (r < 0)
		return r;
	if (!(in->flags & SHMREG_CREATE_DETACHED)) {
		if (!in->n_seats || in->n_seats > SHMREG_SEATS_A_REPLY)
			return refuse(-EINVAL, ret_why,
				      "the number of seats is out of range; 1 to 64 can be had at "
				      "once");
		return 0;
	}
	if (in->flags & SHMREG_CREATE_OPEN)
		return refuse(-EINVAL, ret_why,
			      "CREATE cannot be both DETACHED and OPEN: opening is attaching");
	if (in->lifetime != SHMREG_UNTIL_REMOVED)
		return refuse(-EINVAL, ret_why,
			      "a segment that nobody is attached to must have the lifetime "
			      "until-removed, or it would be gone at once");
	if (in->n_seats)
		return refuse(-EINVAL, ret_why,
			      "CREATE is DETACHED and asks for seats; it must ask for 0");
	return 0;
}

static int open_check(const struct shmreg_open *in, const char **ret_why)
{
	int r;

	r = segment_name_check(in->name, ret_why);
	if (r < 0)
		return r;
	if (!in->nonce)
		return refuse(-EINVAL, ret_why,
			      "OPEN has nonce 0; it must be a number that tells it from other "
			      "requests");
	if (!in->access || in->access & ~(SHMREG_ACCESS_READ | SHMREG_ACCESS_WRITE))
		return refuse(-EINVAL, ret_why, "the access must be READ or WRITE");
	if (in->access == SHMREG_ACCESS_READ) {
		if (in->n_seats)
			return refuse(-EINVAL, ret_why,
				      "a read-only attachment has no seats; it must ask for 0");
		return 0;
	}
	if (!in->n_seats || in->n_seats > SHMREG_SEATS_A_REPLY)
		return refuse(-EINVAL, ret_why,
			      "the number of seats is out of range; 1 to 64 can be had at once");
	return 0;
}

static int attachment_check(const struct shmreg_attachment *in, const char **ret_why)
{
	if (!in->segment)
		return refuse(-EINVAL, ret_why, "the segment's id is 0; ids begin with 1");
	if (!in->participant)
		return refuse(-EINVAL, ret_why, "the participant's id is 0; ids begin with 1");
	if (in->participant >> 56)
		return refuse(-EINVAL, ret_why,
			      "the participant's id is too large; ids are below 2^56");
	return 0;
}

static int detach_check(const struct shmreg_detach *in, const char **ret_why)
{
	if (in->reserved)
		return malformed(ret_why, "DETACH has a reserved field that is not zero");
	if (in->flags & ~SHMREG_DETACH_IDLE)
		return refuse(-EINVAL, ret_why, "DETACH has unknown flags; IDLE is known");
	return attachment_check(&in->at, ret_why);
}

/* An administrator speaks of a segment without being attached: participant 0. */
static int maybe_attachment_check(const struct shmreg_attachment *in, const char **ret_why)
{
	struct shmreg_attachment at = *in;

	if (!at.participant)
		at.participant = 1;
	return attachment_check(&at, ret_why);
}

static int seats_check(const struct shmreg_seats *in, const char **ret_why)
{
	int r;

	if (in->reserved)
		return malformed(ret_why, "SEATS has a reserved field that is not zero");
	r = attachment_check(&in->at, ret_why);
	if (r < 0)
		return r;
	if (!in->n_seats || in->n_seats > SHMREG_SEATS_A_REPLY)
		return refuse(-EINVAL, ret_why,
			      "the number of seats is out of range; 1 to 64 can be had at once");
	return 0;
}

static int target_check(const struct shmreg_target *in, const char **ret_why)
{
	if (!in->segment)
		return segment_name_check(in->name, ret_why);
	if (!is_zero(in->name, sizeof(in->name)))
		return refuse(-EINVAL, ret_why,
			      "the segment is given by id and by name; it must be one of them");
	return 0;
}

static int create_object_check(const struct shmreg_create_object *in, const char **ret_why)
{
	const char *why = NULL;
	int r;

	if (in->reserved)
		return malformed(ret_why, "CREATE_OBJECT has a reserved field that is not zero");
	r = maybe_attachment_check(&in->at, ret_why);
	if (r < 0)
		return r;
	if (!in->nonce)
		return refuse(-EINVAL, ret_why,
			      "CREATE_OBJECT has nonce 0; it must be a number that tells it from "
			      "other requests");
	if (in->flags & ~SHMREG_OBJECT_OPEN)
		return refuse(-EINVAL, ret_why, "CREATE_OBJECT has unknown flags; OPEN is known");
	r = object_name_check(in->name, ret_why);
	if (r < 0)
		return r;
	r = shmreg_type_name_field_check(in->type_name, sizeof(in->type_name), &why);
	return named(r, ret_why, "the type's name", why);
}

static int remove_object_check(const struct shmreg_remove_object *in, const char **ret_why)
{
	int r;

	r = maybe_attachment_check(&in->at, ret_why);
	if (r < 0)
		return r;
	if (!in->object)
		return object_name_check(in->name, ret_why);
	if (!is_zero(in->name, sizeof(in->name)))
		return refuse(-EINVAL, ret_why,
			      "the object is given by id and by name; it must be one of them");
	return 0;
}

static int subscribe_check(const struct shmreg_subscribe *in, const char **ret_why)
{
	const uint32_t known = (UINT32_C(2) << SHMREG_EVENT_LOST) - 2;

	if (in->reserved)
		return malformed(ret_why, "SUBSCRIBE has a reserved field that is not zero");
	if (in->mask & ~known)
		return refuse(-EINVAL, ret_why,
			      "SUBSCRIBE asks for unknown events; bits 1 to 12 are known, and 0 "
			      "is all");
	if (is_zero(in->name, sizeof(in->name)))
		return 0;
	return segment_name_check(in->name, ret_why);
}

static int set_check(const struct shmreg_set *in, const char **ret_why)
{
	int r;

	if (in->reserved)
		return malformed(ret_why, "SET has a reserved field that is not zero");
	r = target_check(&in->target, ret_why);
	if (r < 0)
		return r;
	if (!in->what || in->what & ~(SHMREG_SET_OWNER | SHMREG_SET_MODE | SHMREG_SET_LIFETIME))
		return refuse(-EINVAL, ret_why,
			      "SET must change some of OWNER, MODE and LIFETIME, and nothing else");
	if (in->what & SHMREG_SET_OWNER) {
		/* As for chown(2), the number means "nobody in particular". */
		if (in->uid == UINT32_MAX || in->gid == UINT32_MAX)
			return refuse(-EINVAL, ret_why,
				      "the owner's uid and gid must both be given, and be below "
				      "4294967295");
	} else if (in->uid || in->gid) {
		return malformed(ret_why, "SET has an owner but is not to change it");
	}
	if (in->what & SHMREG_SET_MODE) {
		r = mode_check(in->mode, ret_why);
		if (r < 0)
			return r;
	} else if (in->mode) {
		return malformed(ret_why, "SET has a mode but is not to change it");
	}
	if (in->what & SHMREG_SET_LIFETIME)
		return lifetime_check(in->lifetime, ret_why);
	if (in->lifetime)
		return malformed(ret_why, "SET has a lifetime but is not to change it");
	return 0;
}

static int object_id_check(uint64_t object, const char **ret_why)
{
	if (!object)
		return refuse(-EINVAL, ret_why, "the object's id is 0; ids begin with 1");
	return 0;
}

static int watch_check(const struct shmreg_watch_request *in, const char **ret_why)
{
	int r;

	r = attachment_check(&in->at, ret_why);
	if (r == 0)
		r = object_id_check(in->object, ret_why);
	if (r < 0)
		return r;
	if (!in->events || in->events & ~(SHMREG_WAIT_ITEMS | SHMREG_WAIT_SPACE))
		return refuse(-EINVAL, ret_why, "WATCH must ask for ITEMS, SPACE or both");
	if (in->flags & ~SHMREG_WATCH_DESCRIPTOR)
		return refuse(-EINVAL, ret_why, "WATCH has unknown flags; DESCRIPTOR is known");
	return 0;
}

static int notify_check(const struct shmreg_notify *in, const char **ret_why)
{
	int r;

	if (in->reserved)
		return malformed(ret_why, "NOTIFY has a reserved field that is not zero");
	r = attachment_check(&in->at, ret_why);
	if (r == 0)
		r = object_id_check(in->object, ret_why);
	if (r < 0)
		return r;
	if (in->events & ~(SHMREG_WAIT_ITEMS | SHMREG_WAIT_SPACE))
		return refuse(-EINVAL, ret_why,
			      "NOTIFY tells of unknown events; ITEMS and SPACE are known");
	return 0;
}

static int set_limit_check(const struct shmreg_set_limit *in, const char **ret_why)
{
	if (in->reserved)
		return malformed(ret_why, "SET_LIMIT has a reserved field that is not zero");
	if (in->uid == 0)
		return refuse(-EINVAL, ret_why, "root has no limits, so none can be set");
	if (in->uid == UINT32_MAX)
		return refuse(-EINVAL, ret_why, "a uid must be below 4294967295");
	if (!in->what || in->what >> SHMREG_N_RESOURCES)
		return refuse(-EINVAL, ret_why,
			      "SET_LIMIT must be of some of the resources that there are, and no others");
	if (in->unset & ~in->what)
		return malformed(ret_why, "SET_LIMIT unsets what it is not to change");
	for (uint32_t i = 0; i < SHMREG_N_RESOURCES; i++)
		if (in->limit[i] && !((in->what & ~in->unset) & UINT32_C(1) << i))
			return malformed(ret_why, "SET_LIMIT has a limit but is not to set it");
	return 0;
}

#define STR_(x) #x
#define STR(x) STR_(x)

int shmreg_request_check(const struct shmreg_request *request, size_t n, const char **ret_why)
{
	const struct shmreg_packet_header *h = &request->header;
	size_t used;

	if (n != SHMREG_PACKET_BYTES)
		return malformed(ret_why, "a packet has " STR(SHMREG_PACKET_BYTES) " bytes");
	if (h->magic != SHMREG_PACKET_MAGIC)
		return malformed(ret_why, "not a packet of shmregd's: the magic number is wrong");
	/* Nothing that follows is known to mean the same in another version. */
	if (h->protocol != SHMREG_PROTOCOL)
		return refuse(-EPROTONOSUPPORT, ret_why,
			      "the client speaks another version of the protocol; this daemon "
			      "speaks version " STR(SHMREG_PROTOCOL)
			      ", use a libshmreg of the same release");
	if (!h->serial)
		return malformed(ret_why, "a request's serial begins with 1");
	if (h->status || h->reserved)
		return malformed(ret_why, "a request's status and reserved field must be zero");

	used = body_bytes(h->type);
	if (!used)
		return refuse(-EOPNOTSUPP, ret_why,
			      "the type of request is unknown to this daemon");
	if (!is_zero(request->u.bytes + used, sizeof(request->u.bytes) - used))
		return malformed(ret_why, "the unused bytes of a request must be zero");

	switch (h->type) {
	case SHMREG_PACKET_HELLO:
		return hello_check(&request->u.hello, ret_why);
	case SHMREG_PACKET_CREATE:
		return create_check(&request->u.create, ret_why);
	case SHMREG_PACKET_OPEN:
		return open_check(&request->u.open, ret_why);
	case SHMREG_PACKET_REATTACH:
	case SHMREG_PACKET_QUIESCE:
		return attachment_check(&request->u.attachment, ret_why);
	case SHMREG_PACKET_DETACH:
		return detach_check(&request->u.detach, ret_why);
	case SHMREG_PACKET_SEATS:
		return seats_check(&request->u.seats, ret_why);
	case SHMREG_PACKET_REMOVE:
	case SHMREG_PACKET_DESCRIBE:
		return target_check(&request->u.target, ret_why);
	case SHMREG_PACKET_CREATE_OBJECT:
		return create_object_check(&request->u.create_object, ret_why);
	case SHMREG_PACKET_REMOVE_OBJECT:
		return remove_object_check(&request->u.remove_object, ret_why);
	case SHMREG_PACKET_STATS:
		if (request->u.stats.reserved)
			return malformed(ret_why, "STATS has a reserved field that is not zero");
		return 0;
	case SHMREG_PACKET_SUBSCRIBE:
		return subscribe_check(&request->u.subscribe, ret_why);
	case SHMREG_PACKET_SET:
		return set_check(&request->u.set, ret_why);
	case SHMREG_PACKET_SET_LIMIT:
		return set_limit_check(&request->u.set_limit, ret_why);
	case SHMREG_PACKET_WATCH:
		return watch_check(&request->u.watch, ret_why);
	case SHMREG_PACKET_UNWATCH:
		if (!request->u.unwatch.watch)
			return refuse(-EINVAL, ret_why, "the watch's id is 0; ids begin with 1");
		return 0;
	case SHMREG_PACKET_NOTIFY:
		return notify_check(&request->u.notify, ret_why);
	case SHMREG_PACKET_ROOT:
		if (request->u.root.reserved)
			return malformed(ret_why, "ROOT has a reserved field that is not zero");
		return 0;
	default:
		return 0;
	}
}
