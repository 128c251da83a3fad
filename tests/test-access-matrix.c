/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * Every kind of user, every mode, every request: who may is said once more here, as
 * shmregd(8) says it, and nobody may more or less. With a daemon that is root and one that has
 * a uid of its own.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "own-uid.h"
#include "raw.h"

#define R SHMREG_ACCESS_READ
#define W SHMREG_ACCESS_WRITE

#define OWNER 20001
#define OWNERS_OTHER_GROUP 20008
#define STRANGE_GROUP 20010

static const struct identity users[] = {
	{ .uid = OWNER, .gid = 20001, .groups = { OWNERS_OTHER_GROUP }, .n_groups = 1 },
	{ .uid = OWNER, .gid = 20005 },		/* the same, after newgrp(1) */
	{ .uid = 20004, .gid = 20001 },
	{ .uid = 20003, .gid = 20003, .groups = { 20009, 20001 }, .n_groups = 2 },
	{ .uid = 20002, .gid = 20002, .groups = { 20009 }, .n_groups = 1 },
	{ .uid = OWN_UID, .gid = OWN_UID },	/* the daemon's, where it has one */
	{ .uid = 0, .gid = 0 },
};
#define N_USERS (int)(sizeof(users) / sizeof(users[0]))
#define N_MODES 64

static struct harness h;

/* --- the rule ---------------------------------------------------------------------------- */

/* What one must be allowed. */
enum need { ALWAYS, READ, WRITE, ADMINISTER, BE_ROOT, GIVE_GROUP, NEVER };

struct rights {
	bool read, write, administer, root, in_other_group;
};

static bool in_group(const struct identity *who, gid_t gid)
{
	for (int i = 0; i < who->n_groups; i++)
		if (who->groups[i] == gid)
			return true;
	return who->gid == gid;
}

static struct rights rights_of(const struct identity *who, int mode)
{
	struct rights r = { .root = who->uid == 0 || who->uid == h.daemon_uid };
	int digit;

	/* The first of the three that fits decides; root may all. */
	if (who->uid == OWNER)
		digit = mode / 64;
	else if (in_group(who, 20001))
		digit = mode / 8 % 8;
	else
		digit = mode % 8;
	if (r.root)
		digit = 6;
	r.write = digit == 2 || digit == 6;
	r.read = digit != 0;	/* to write is to read */
	r.administer = r.root || who->uid == OWNER;
	r.in_other_group = r.root || (who->uid == OWNER && in_group(who, OWNERS_OTHER_GROUP));
	return r;
}

static bool allows(const struct rights *r, enum need need)
{
	switch (need) {
	case ALWAYS:
		return true;
	case READ:
		return r->read;
	case WRITE:
		return r->write;
	case ADMINISTER:
		return r->administer;
	case BE_ROOT:
		return r->root;
	case GIVE_GROUP:
		return r->in_other_group;
	case NEVER:
		return false;
	}
	return false;
}

/* --- the requests, as one of the users --------------------------------------------------- */

struct visit {
	struct raw c;
	uint64_t segment, object, doomed;	/* ids */
	int mode;
	struct shmreg_attachment reader, writer;	/* participant 0: none */
};

static uint64_t next_nonce = 1;

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

static int set(struct visit *v, uint64_t segment, const struct shmreg_set *what)
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

static int give(struct visit *v, uint64_t segment, uint32_t uid, uint32_t gid)
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

static const struct request {
	const char *name;
	int (*ask)(struct visit *v);
	enum need need;
	int refusal;
} requests[] = {
#define REQUEST(ask, need, refusal) { #ask, ask, need, refusal }
	REQUEST(open_read, READ, -EACCES),
	REQUEST(open_write, WRITE, -EACCES),
	REQUEST(list, READ, -EACCES),
	REQUEST(describe, READ, -EACCES),
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
#define N_REQUESTS (int)(sizeof(requests) / sizeof(requests[0]))

static void detach(struct visit *v, const struct shmreg_attachment *at)
{
	if (at->participant)
		ck_assert_int_eq(raw_attachment(&v->c, SHMREG_PACKET_DETACH, at->segment,
						at->participant), 0);
}

/* All events up to the marker's. Return: was there one of "seg"? */
static bool heard(struct raw *events)
{
	bool found = false;

	for (;;) {
		ck_assert_int_eq(raw_receive(events), 0);
		ck_assert_uint_eq(events->reply.header.type, SHMREG_PACKET_EVENT);
		ck_assert_uint_ne(events->reply.u.event.kind, SHMREG_EVENT_LOST);
		if (strcmp(events->reply.u.event.segment_name, "marker") == 0)
			return found;
		found |= strcmp(events->reply.u.event.segment_name, "seg") == 0;
	}
}

/* The user @arg: mode by mode, when the stage is set. */
static void visit(const struct mouth *mouth, void *arg)
{
	const struct identity *who = arg;
	struct shmreg_request in;
	struct visit v = { 0 };
	struct raw events;

	raw_open(&v.c, h.socket_path);
	for (int mode = (int)hear(mouth); mode >= 0; mode = (int)hear(mouth)) {
		const struct rights rights = rights_of(who, mode);

		raw_connect(&events, h.socket_path);
		ck_assert_int_eq(raw_hello(&events, SHMREG_HELLO_OBSERVER), 0);
		raw_request(&in, SHMREG_PACKET_SUBSCRIBE);
		ck_assert_int_eq(raw_call(&events, &in), 0);
		tell(mouth, 0);
		v.mode = mode;
		v.segment = (uint64_t)hear(mouth);
		v.object = (uint64_t)hear(mouth);
		v.doomed = (uint64_t)hear(mouth);
		ck_assert_msg(heard(&events) == rights.read, "uid %u, mode %04o: event", who->uid,
			      mode);
		raw_close(&events);
		for (int i = 0; i < N_REQUESTS; i++) {
			const struct request *q = &requests[i];
			const int want = allows(&rights, q->need) ? 0 : q->refusal;
			const int got = q->ask(&v);

			ck_assert_msg(got == want,
				      "uid %u, gid %u, %d more groups; mode %04o: %s is %d, not %d: %s",
				      who->uid, who->gid, who->n_groups, mode, q->name, got, want,
				      got < 0 ? v.c.reply.u.error : "");
		}
		detach(&v, &v.reader);
		detach(&v, &v.writer);
		tell(mouth, 1);
	}
	raw_close(&v.c);
}

/* --- the stage, set by root --------------------------------------------------------------- */

static struct raw root;

static uint64_t make(const char *name, int mode)
{
	struct visit v = { .c = root };
	uint64_t id;

	ck_assert_int_eq(raw_create(&v.c, name, ++next_nonce, SHMREG_CREATE_DETACHED), 0);
	id = v.c.reply.u.attach.segment;
	ck_assert_int_eq(give(&v, id, OWNER, 20001), 0);
	ck_assert_int_eq(set(&v, id, &(struct shmreg_set){ .what = SHMREG_SET_MODE,
							   .mode = (uint32_t)mode }), 0);
	root = v.c;
	return id;
}

static void change_mode(uint64_t segment, int mode)
{
	struct visit v = { .c = root };

	ck_assert_int_eq(set(&v, segment, &(struct shmreg_set){ .what = SHMREG_SET_MODE,
								.mode = (uint32_t)mode }), 0);
	root = v.c;
}

static int nth_mode(int i)
{
	return i / 16 * 2 * 64 + i / 4 % 4 * 2 * 8 + i % 4 * 2;
}

static void matrix(uid_t daemon_uid)
{
	struct process p[N_USERS];
	uint64_t segment, object, marker, doomed = 0;
	struct visit v;

	own_uid_start(&h, daemon_uid, NULL);
	raw_open(&root, h.socket_path);
	segment = make("seg", 0);
	marker = make("marker", 0666);
	v = (struct visit){ .c = root, .segment = segment };
	{
		struct shmreg_request in;

		raw_request(&in, SHMREG_PACKET_CREATE_OBJECT);
		in.u.create_object.at.segment = segment;
		in.u.create_object.nonce = ++next_nonce;
		in.u.create_object.shape = (struct shmreg_shape){
			.kind = SHMREG_KIND_QUEUE, .layout = 1, .elem_bytes = 8, .elem_align = 8,
			.capacity = 8,
		};
		snprintf(in.u.create_object.name, sizeof(in.u.create_object.name), "object");
		ck_assert_msg(raw_call(&v.c, &in) == 0, "%s", v.c.reply.u.error);
		object = v.c.reply.u.create_object.object;
		root = v.c;
	}
	for (int u = 0; u < N_USERS; u++)
		process_start_as(&p[u], &users[u], visit, (void *)(uintptr_t)&users[u]);
	for (int i = 0; i < N_MODES; i++) {
		const int mode = nth_mode(i);

		for (int u = 0; u < N_USERS; u++) {
			process_tell(&p[u], mode);
			process_expect(&p[u], 0);
			if (raw_target(&root, SHMREG_PACKET_DESCRIBE, "doomed") < 0)
				doomed = make("doomed", mode);
			else
				change_mode(doomed, mode);
			change_mode(segment, mode);
			change_mode(marker, 0666);
			process_tell(&p[u], (int64_t)segment);
			process_tell(&p[u], (int64_t)object);
			process_tell(&p[u], (int64_t)doomed);
			process_expect(&p[u], 1);
		}
	}
	for (int u = 0; u < N_USERS; u++) {
		process_tell(&p[u], -1);
		ck_assert_int_eq(process_wait(&p[u]), 0);
	}
	ck_assert_int_eq(raw_target(&root, SHMREG_PACKET_REMOVE, "seg"), 0);
	ck_assert_int_eq(raw_target(&root, SHMREG_PACKET_REMOVE, "marker"), 0);
	raw_close(&root);
	own_uid_stop(&h);
}

START_TEST(test_daemon_is_root)
{
	if (!harness_need_root())
		matrix(0);
}
END_TEST

START_TEST(test_daemon_has_a_uid)
{
	if (!harness_need_root())
		matrix(OWN_UID);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("access-matrix");
	TCase *tc = harness_case(s, "access-matrix");

	tcase_add_test(tc, test_daemon_is_root);
	tcase_add_test(tc, test_daemon_has_a_uid);
	return s;
}

int main(void)
{
	return harness_main(suite());
}
