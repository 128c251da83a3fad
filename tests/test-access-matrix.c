/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * Every kind of user, every mode, every request: who may is said once more here, as
 * shmregd(8) says it, and nobody may more or less. With a daemon that is root and one that has
 * a uid of its own.
 */

#include <stdio.h>
#include <string.h>

#include "access-visit.h"
#include "own-uid.h"

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

/* --- the rule ---------------------------------------------------------------------------- */

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

/* --- a user's visit ----------------------------------------------------------------------- */

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
		for (int i = 0; i < n_requests; i++) {
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
