/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "access-visit.h"

#define R SHMREG_ACCESS_READ
#define W SHMREG_ACCESS_WRITE

struct harness h;
uint64_t next_nonce = 1;

static int attach(struct visit *v, uint32_t access, struct shmreg_attachment *ret)
{
	const int r = raw_attach(&v->c, "seg", access, ++next_nonce);

	*ret = (struct shmreg_attachment){ 0 };
	if (r == 0) {
		ck_assert_int_eq(v->c.n_fds, 2);
		ret->segment = v->c.reply.u.attach.segment;
		ret->participant = v->c.reply.u.attach.participant;
	} else {
		ck_assert_int_eq(v->c.n_fds, 0);
	}
	return r;
}

static int open_read(struct visit *v)
{
	return attach(v, R, &v->reader);
}

static int open_write(struct visit *v)
{
	return attach(v, R | W, &v->writer);
}

/* Nothing but name and id may be there without access. */
static int seen(const struct shmreg_segment_info *info)
{
	struct shmreg_segment_info nothing = { .segment = info->segment };

	memcpy(nothing.name, info->name, sizeof(nothing.name));
	if (memcmp(info, &nothing, sizeof(nothing)) == 0)
		return -EACCES;
	ck_assert_uint_ne(info->access, 0);
	ck_assert_uint_eq(info->owner_uid, OWNER);
	return 0;
}

static int list(struct visit *v)
{
	struct shmreg_request in;

	raw_request(&in, SHMREG_PACKET_LIST);
	in.u.list.after = v->segment - 1;
	ck_assert_int_eq(raw_call(&v->c, &in), 0);
	ck_assert_uint_ge(v->c.reply.u.list.n, 1);
	ck_assert_str_eq(v->c.reply.u.list.info[0].name, "seg");
	return seen(&v->c.reply.u.list.info[0]);
}

static int describe(struct visit *v)
{
	int r;

	ck_assert_int_eq(raw_target(&v->c, SHMREG_PACKET_DESCRIBE, "seg"), 0);
	r = seen(&v->c.reply.u.describe);
	ck_assert_int_eq(v->c.n_fds, r == 0 ? 1 : 0);
	return r;
}

static int stats(struct visit *v, uint32_t uid)
{
	struct shmreg_request in;

	raw_request(&in, SHMREG_PACKET_STATS);
	in.u.stats.uid = uid;
	return raw_call(&v->c, &in);
}

static int stats_own(struct visit *v)
{
	return stats(v, getuid());
}

static int stats_owner(struct visit *v)
{
	return stats(v, OWNER);
}

static int stats_sum(struct visit *v)
{
	ck_assert_int_eq(stats(v, UINT32_MAX), 0);
	for (int i = 1; i < SHMREG_N_RESOURCES; i++)
		ck_assert((v->c.reply.u.stats.usage[i].used == SHMREG_USAGE_UNKNOWN) ==
			  (v->c.reply.u.stats.n_deaths == SHMREG_USAGE_UNKNOWN));
	return v->c.reply.u.stats.n_deaths == SHMREG_USAGE_UNKNOWN ? -EACCES : 0;
}

static int subscribe(struct visit *v)
{
	struct shmreg_request in;
	struct raw events;
	int r;

	(void)v;
	raw_connect(&events, h.socket_path);
	ck_assert_int_eq(raw_hello(&events, SHMREG_HELLO_OBSERVER), 0);
	raw_request(&in, SHMREG_PACKET_SUBSCRIBE);
	snprintf(in.u.subscribe.name, sizeof(in.u.subscribe.name), "seg");
	r = raw_call(&events, &in);
	raw_close(&events);
	return r;
}

static int create_object(struct visit *v, const struct shmreg_attachment *at)
{
	struct shmreg_request in;

	raw_request(&in, SHMREG_PACKET_CREATE_OBJECT);
	in.u.create_object.at = *at;
	in.u.create_object.nonce = ++next_nonce;
	in.u.create_object.shape = (struct shmreg_shape){
		.kind = SHMREG_KIND_ARRAY, .layout = 1, .elem_bytes = 8, .elem_align = 8,
		.capacity = 8,
	};
	snprintf(in.u.create_object.name, sizeof(in.u.create_object.name), "mine");
	return raw_call(&v->c, &in);
}

static int remove_object(struct visit *v, const struct shmreg_attachment *at, const char *name)
{
	struct shmreg_request in;

	raw_request(&in, SHMREG_PACKET_REMOVE_OBJECT);
	in.u.remove_object.at = *at;
	snprintf(in.u.remove_object.name, sizeof(in.u.remove_object.name), "%s", name);
	return raw_call(&v->c, &in);
}

/* Who was not let in has nothing to ask with: as if he were refused. */
static int as_reader(struct visit *v, int (*request)(struct visit *, const struct shmreg_attachment *))
{
	return v->reader.participant ? request(v, &v->reader) : -EROFS;
}

static int create_as_reader(struct visit *v)
{
	return as_reader(v, create_object);
}

static int remove_as_reader(struct visit *v)
{
	return v->reader.participant ? remove_object(v, &v->reader, "object") : -EROFS;
}

static int create_as_writer(struct visit *v)
{
	return v->writer.participant ? create_object(v, &v->writer) : -EACCES;
}

static int remove_as_writer(struct visit *v)
{
	return v->writer.participant ? remove_object(v, &v->writer, "mine") : -EACCES;
}

static int create_unattached(struct visit *v)
{
	return create_object(v, &(struct shmreg_attachment){ .segment = v->segment });
}

static int remove_unattached(struct visit *v)
{
	return remove_object(v, &(struct shmreg_attachment){ .segment = v->segment }, "mine");
}

static int watch(struct visit *v, const struct shmreg_attachment *at, uint32_t flags)
{
	struct shmreg_request in;

	if (!at->participant)
		return -EACCES;
	raw_request(&in, SHMREG_PACKET_WATCH);
	in.u.watch.at = *at;
	in.u.watch.object = v->object;
	in.u.watch.events = SHMREG_WAIT_ITEMS;
	in.u.watch.flags = flags;
	return raw_call(&v->c, &in);
}

static int watch_as_reader(struct visit *v)
{
	return watch(v, &v->reader, 0);
}

static int bell_as_reader(struct visit *v)
{
	return watch(v, &v->reader, SHMREG_WATCH_DESCRIPTOR);
}

static int bell_as_writer(struct visit *v)
{
	return watch(v, &v->writer, SHMREG_WATCH_DESCRIPTOR);
}

static int notify(struct visit *v, const struct shmreg_attachment *at)
{
	struct shmreg_request in;

	raw_request(&in, SHMREG_PACKET_NOTIFY);
	in.u.notify.at = *at;
	in.u.notify.object = v->object;
	in.u.notify.events = SHMREG_WAIT_ITEMS;
	return raw_call(&v->c, &in);
}

static int notify_as_reader(struct visit *v)
{
	return as_reader(v, notify);
}

static int notify_as_writer(struct visit *v)
{
	return v->writer.participant ? notify(v, &v->writer) : -EACCES;
}

int set(struct visit *v, uint64_t segment, const struct shmreg_set *what)
{
	struct shmreg_request in;

	raw_request(&in, SHMREG_PACKET_SET);
	in.u.set = *what;
	in.u.set.target.segment = segment;
	return raw_call(&v->c, &in);
}

static int set_mode(struct visit *v)
{
	return set(v, v->segment, &(struct shmreg_set){ .what = SHMREG_SET_MODE,
							.mode = (uint32_t)v->mode });
}

static int set_lifetime(struct visit *v)
{
	return set(v, v->segment, &(struct shmreg_set){ .what = SHMREG_SET_LIFETIME,
							.lifetime = SHMREG_UNTIL_REMOVED });
}

int give(struct visit *v, uint64_t segment, uint32_t uid, uint32_t gid)
{
	return set(v, segment, &(struct shmreg_set){ .what = SHMREG_SET_OWNER, .uid = uid,
						     .gid = gid });
}

static int set_owner_same(struct visit *v)
{
	return give(v, v->segment, OWNER, 20001);
}

static int set_group_strange(struct visit *v)
{
	return give(v, v->doomed, OWNER, STRANGE_GROUP);
}

static int set_group_own(struct visit *v)
{
	return give(v, v->doomed, OWNER, OWNERS_OTHER_GROUP);
}

/* To oneself: what a thief would do. Back again by who could. */
static int set_owner_self(struct visit *v)
{
	const int r = give(v, v->doomed, 20077, 20001);

	if (r == 0)
		ck_assert_int_eq(give(v, v->doomed, OWNER, 20001), 0);
	return r;
}

/* Of the owner, and of oneself; back to what is configured, which it is. */
static int set_limit(struct visit *v)
{
	struct shmreg_request in;
	int r, again;

	raw_request(&in, SHMREG_PACKET_SET_LIMIT);
	in.u.set_limit.uid = OWNER;
	in.u.set_limit.what = in.u.set_limit.unset = (UINT32_C(1) << SHMREG_N_RESOURCES) - 1;
	r = raw_call(&v->c, &in);
	in.u.set_limit.uid = getuid() ? getuid() : OWNER;
	again = raw_call(&v->c, &in);
	ck_assert_int_eq(r, again);
	return r;
}

static int seats(struct visit *v, const struct shmreg_attachment *at)
{
	struct shmreg_request in;

	raw_request(&in, SHMREG_PACKET_SEATS);
	in.u.seats.at = *at;
	in.u.seats.n_seats = 1;
	return raw_call(&v->c, &in);
}

static int seats_as_reader(struct visit *v)
{
	return as_reader(v, seats);
}

static int seats_as_writer(struct visit *v)
{
	return v->writer.participant ? seats(v, &v->writer) : -EACCES;
}

static int quiesce_as_reader(struct visit *v)
{
	return v->reader.participant ? raw_attachment(&v->c, SHMREG_PACKET_QUIESCE, v->reader.segment,
						      v->reader.participant) : -EACCES;
}

/* Everybody's to sleep on; nobody's to write to. */
static int root(struct visit *v)
{
	struct shmreg_request in;
	int r;

	raw_request(&in, SHMREG_PACKET_ROOT);
	r = raw_call(&v->c, &in);
	ck_assert_int_eq(v->c.n_fds, r == 0 ? 1 : 0);
	if (r == 0)
		ck_assert_int_eq(fcntl(v->c.fds[0], F_GETFL) & O_ACCMODE, O_RDONLY);
	return r;
}

/* By id and by name; and what is denied by one is by the other. */
static int remove_segment(struct visit *v)
{
	struct shmreg_request in;
	int r;

	raw_request(&in, SHMREG_PACKET_REMOVE);
	in.u.target.segment = v->doomed;
	r = raw_call(&v->c, &in);
	if (r < 0)
		ck_assert_int_eq(raw_target(&v->c, SHMREG_PACKET_REMOVE, "doomed"), r);
	return r;
}

const struct request requests[] = {
#define REQUEST(ask, need, refusal) { #ask, ask, need, refusal }
	REQUEST(open_read, READ, -EACCES),
	REQUEST(open_write, WRITE, -EACCES),
	REQUEST(list, READ, -EACCES),
	REQUEST(describe, READ, -EACCES),
	REQUEST(root, ALWAYS, 0),
	REQUEST(stats_own, ALWAYS, 0),
	REQUEST(stats_owner, ADMINISTER, -EACCES),
	REQUEST(stats_sum, BE_ROOT, -EACCES),
	REQUEST(subscribe, READ, -EACCES),
	REQUEST(create_as_reader, NEVER, -EROFS),
	REQUEST(remove_as_reader, NEVER, -EROFS),
	REQUEST(create_as_writer, WRITE, -EACCES),
	REQUEST(remove_as_writer, WRITE, -EACCES),
	REQUEST(create_unattached, ADMINISTER, -EACCES),
	REQUEST(remove_unattached, ADMINISTER, -EACCES),
	REQUEST(seats_as_reader, NEVER, -EROFS),
	REQUEST(seats_as_writer, WRITE, -EACCES),
	REQUEST(quiesce_as_reader, READ, -EACCES),
	REQUEST(watch_as_reader, READ, -EACCES),
	REQUEST(bell_as_reader, READ, -EACCES),
	REQUEST(bell_as_writer, WRITE, -EACCES),
	REQUEST(notify_as_reader, NEVER, -EROFS),
	REQUEST(notify_as_writer, WRITE, -EACCES),
	REQUEST(set_mode, ADMINISTER, -EACCES),
	REQUEST(set_lifetime, ADMINISTER, -EACCES),
	REQUEST(set_owner_same, ADMINISTER, -EACCES),
	REQUEST(set_owner_self, BE_ROOT, -EACCES),
	REQUEST(set_group_strange, BE_ROOT, -EACCES),
	REQUEST(set_group_own, GIVE_GROUP, -EACCES),
	REQUEST(set_limit, BE_ROOT, -EACCES),
	REQUEST(remove_segment, ADMINISTER, -EACCES),
};
const int n_requests = (int)(sizeof(requests) / sizeof(requests[0]));
