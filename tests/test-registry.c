/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * What may be asked of the registry, and what it answers: each refusal has its
 * number and a sentence that says what would be right.
 */

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "registry-world.h"

START_TEST(create_refusals)
{
	const struct shmreg_create good = fixture_create_request("good", 4096);
	struct shmreg_create in;

#define BAD(change, code, says)                                                                    \
	do {                                                                                       \
		in = good;                                                                         \
		change;                                                                            \
		REFUSED(create(&in), code, says);                                                  \
	} while (0)
	BAD(in.data_bytes = 0, -EINVAL, "1 to ");
	BAD(in.data_bytes = SHMREG_DATA_BYTES_MAX + 1, -EINVAL, "impossible");
	BAD(in.data_bytes = UINT64_MAX, -EINVAL, "impossible");
	BAD(in.mode = 0700, -EINVAL, "x must not be set");
	BAD(in.mode = 04600, -EINVAL, "mode 4600");
	BAD(in.lifetime = 3, -EINVAL, "lifetime 3");
	BAD(strcpy(in.name, "a/../b"), -EINVAL, "\"a/../b\"");
	BAD(in.name[0] = 0, -EINVAL, "name");
	BAD(in.max_participants = 65537, -EINVAL, "65536");
	BAD(in.max_objects = UINT32_MAX, -EINVAL, "65536");
	BAD((in.flags = SHMREG_CREATE_DETACHED, in.lifetime = SHMREG_WHILE_ATTACHED), -EINVAL,
	    "until-removed");
#undef BAD
	ck_assert_int_eq(create(&good), 0);
	in = good;
	in.nonce++;
	REFUSED(create(&in), -EEXIST, "\"good\" exists");
	ck_assert_uint_eq(used(1000, SHMREG_RESOURCE_SEGMENTS), 1);
	config.max_segments = 1;
	registry_reconfigure(r, &config);
	in = fixture_create_request("second", 4096);
	REFUSED(create(&in), -ENOSPC, "max-segments");
}
END_TEST

START_TEST(largest_segment)
{
	struct shmreg_create in = fixture_create_request("large", SHMREG_DATA_BYTES_MAX);

	in.max_participants = SHMREG_PARTICIPANTS_MAX;
	in.max_objects = SHMREG_OBJECTS_MAX;
	ck_assert_int_eq(create(&in), 0);
	/* Sparse: nothing of it is there. */
	in = fixture_create_request("huge-sum", SHMREG_DATA_BYTES_MAX);
	ck_assert_int_eq(create(&in), 0);
	ck_assert_uint_gt(used(1000, SHMREG_RESOURCE_BYTES), 2 * SHMREG_DATA_BYTES_MAX);
}
END_TEST

START_TEST(defaults_and_reply)
{
	struct shmreg_create in = fixture_create_request("d", 1);
	struct shmreg_attach_reply reply;
	struct segment *s = NULL;

	in.max_participants = in.max_objects = 0;
	in.n_seats = 64;
	ck_assert_int_eq(registry_create(r, &alice, &in, &reply, &s, fixture_error), 0);
	ck_assert_ptr_nonnull(s);
	ck_assert_uint_eq(segment_dir(s)->max_participants, 256);
	ck_assert_uint_eq(segment_dir(s)->max_objects, 256);
	ck_assert_uint_eq(segment_dir(s)->creator, reply.participant);
	ck_assert_uint_eq(reply.data_bytes, 4096);
	ck_assert_uint_eq(reply.dir_bytes, segment_dir(s)->dir_bytes);
	ck_assert_uint_eq(reply.access, SHMREG_ACCESS_WRITE);
	ck_assert_uint_eq(reply.n_seats, 64);
	for (uint32_t i = 0; i < 64; i++)
		ck_assert_uint_eq(shmreg_dir_seats(segment_dir(s))[reply.seat[i]],
				  reply.participant << 8 | SHMREG_SEAT_LIVE);
	ck_assert_uint_eq(notes.n_created, 1);
	ck_assert_uint_eq(notes.n_watch, 1);
	ck_assert_uint_eq(notes.n_events[SHMREG_EVENT_CREATED], 1);
	ck_assert_uint_eq(notes.n_events[SHMREG_EVENT_ATTACHED], 1);
	ck_assert_str_eq(notes.last.client_name, "client-11");
	ck_assert_str_eq(notes.last.segment_name, "d");
	ck_assert_uint_eq(notes.last.pid, 11);
	ck_assert_uint_eq(notes.last.uid, 1000);
	ck_assert_uint_eq(notes.last.participant, reply.participant);
	opened(&alice, "d", SHMREG_ACCESS_READ);
	ck_assert_uint_eq(notes.n_watch, 1);
}
END_TEST

START_TEST(access)
{
	struct shmreg_attach_reply reply;

	made(&alice, "private", 0600);
	made(&alice, "readable", 0644);
	made(&alice, "writable", 0606);
	REFUSED(fixture_open(r, &bob, "private", SHMREG_ACCESS_READ, &reply), -EACCES,
		"uid 2000 may not attach to segment \"private\"");
	REFUSED(fixture_open(r, &bob, "readable", SHMREG_ACCESS_WRITE, &reply), -EACCES, "writing");
	REFUSED(fixture_open(r, &bob, "absent", SHMREG_ACCESS_READ, &reply), -ENOENT, "\"absent\"");
	reply = opened(&bob, "readable", SHMREG_ACCESS_READ);
	ck_assert_uint_eq(reply.access, SHMREG_ACCESS_READ);
	ck_assert_uint_eq(reply.n_seats, 0);
	opened(&bob, "writable", SHMREG_ACCESS_WRITE);
	opened(&root, "private", SHMREG_ACCESS_WRITE);
	opened(&alice2, "private", SHMREG_ACCESS_WRITE);
}
END_TEST

START_TEST(nonces)
{
	struct shmreg_create in = fixture_create_request("n", 4096);
	struct shmreg_open open_in = { .name = "n", .nonce = 5, .access = 2, .n_seats = 3 };
	struct shmreg_create_object object_in = { .nonce = 6, .name = "o", .type_name = "char" };
	struct shmreg_create_object_reply o1, o2;
	struct shmreg_attach_reply a1, a2;
	struct segment *s;

	object_in.shape = fixture_array(100);
	for (int restarts = 0; restarts < 2; restarts++) {
		ck_assert_int_eq(registry_create(r, &alice, &in, &a1, &s, fixture_error), 0);
		ck_assert_int_eq(registry_create(r, &alice, &in, &a2, &s, fixture_error), 0);
		ck_assert_int_eq(memcmp(&a1, &a2, sizeof(a1)), 0);
		ck_assert_uint_eq(a1.created, 1);
		object_in.at = (struct shmreg_attachment){ a1.segment, a1.participant, 0 };
		ck_assert_int_eq(registry_open(r, &alice2, &open_in, &a1, &s, fixture_error), 0);
		ck_assert_int_eq(registry_open(r, &alice2, &open_in, &a2, &s, fixture_error), 0);
		ck_assert_int_eq(memcmp(&a1, &a2, sizeof(a1)), 0);
		ck_assert_int_eq(registry_create_object(r, &alice, &object_in, &o1, fixture_error),
				 0);
		ck_assert_int_eq(registry_create_object(r, &alice, &object_in, &o2, fixture_error),
				 0);
		ck_assert_int_eq(memcmp(&o1, &o2, sizeof(o1)), 0);
		ck_assert_uint_eq(o1.created, 1);
		/* All of it also after the daemon was restarted. */
		r = fixture_restart(r, &config, &notes);
	}
	/* The nonce is that process's own. */
	REFUSED(registry_create(r, &alice2, &in, &a2, &s, fixture_error), -EEXIST, "exists");
	ck_assert_int_eq(registry_open(r, &root, &open_in, &a2, &s, fixture_error), 0);
	ck_assert_uint_ne(a1.participant, a2.participant);
	ck_assert_uint_eq(used(1000, SHMREG_RESOURCE_PARTICIPANTS), 2);

	in = fixture_create_request("detached", 4096);
	in.flags = SHMREG_CREATE_DETACHED;
	ck_assert_int_eq(registry_create(r, &alice, &in, &a1, &s, fixture_error), 0);
	ck_assert_int_eq(registry_create(r, &alice, &in, &a2, &s, fixture_error), 0);
	ck_assert_int_eq(memcmp(&a1, &a2, sizeof(a1)), 0);
	ck_assert_uint_eq(a1.participant, 0);
	ck_assert_uint_eq(a1.access, 0);
	REFUSED(registry_create(r, &alice2, &in, &a2, &s, fixture_error), -EEXIST, "exists");
}
END_TEST

START_TEST(create_or_open)
{
	struct shmreg_create in = fixture_create_request("co", 4096);
	struct shmreg_attach_reply a, b;
	struct segment *s;

	in.flags = SHMREG_CREATE_OPEN;
	in.mode = 0644;
	ck_assert_int_eq(registry_create(r, &alice, &in, &a, &s, fixture_error), 0);
	ck_assert_uint_eq(a.created, 1);
	in.nonce++;
	ck_assert_int_eq(registry_create(r, &alice2, &in, &b, &s, fixture_error), 0);
	ck_assert_uint_eq(b.created, 0);
	ck_assert_uint_eq(b.access, SHMREG_ACCESS_WRITE);
	in.nonce++;
	REFUSED(registry_create(r, &bob, &in, &b, &s, fixture_error), -EACCES, "writing");
}
END_TEST

START_TEST(attachments)
{
	const struct shmreg_attach_reply a = made(&alice, "a", 0644);
	const struct shmreg_attach_reply b = opened(&bob, "a", SHMREG_ACCESS_READ);
	struct shmreg_attachment at = { a.segment, a.participant, 0 };
	struct shmreg_attach_reply again;
	struct caller later = alice;

	ck_assert_int_eq(registry_reattach(r, &alice, &at, &again, fixture_error), 0);
	ck_assert_uint_eq(again.n_seats, a.n_seats);
	ck_assert_uint_eq(again.participant_index, a.participant_index);
	REFUSED(registry_reattach(r, &alice2, &at, &again, fixture_error), -EPERM, "another process");
	REFUSED(registry_detach(r, &bob, &at, fixture_error), -EPERM, "another process");
	REFUSED(registry_quiesce(r, &root, &at, fixture_error), -EPERM, "another process");
	/* The same pid, but a later life of it. */
	later.process.pidfd_inode++;
	REFUSED(registry_reattach(r, &later, &at, &again, fixture_error), -EPERM, "another process");
	later = alice;
	later.process.start_time++;
	REFUSED(registry_reattach(r, &later, &at, &again, fixture_error), -EPERM, "another process");
	/* What is not known of it proves nothing. */
	later.process.start_time = 0;
	later.process.pidfd_inode = 0;
	ck_assert_int_eq(registry_reattach(r, &later, &at, &again, fixture_error), 0);

	/* Nor does a uid, which is not a process: it may be dropped. */
	later = alice;
	later.uid = 4000;
	ck_assert_int_eq(registry_reattach(r, &later, &at, &again, fixture_error), 0);
	later.process.pidfd_inode = 0;
	REFUSED(registry_reattach(r, &later, &at, &again, fixture_error), -EPERM, "another process");

	at.participant = 99;
	REFUSED(registry_detach(r, &alice, &at, fixture_error), -ESTALE, "no participant 99");
	at.segment = 99;
	REFUSED(registry_detach(r, &alice, &at, fixture_error), -ESTALE, "99");
	/* Read-only ones go at once, others after repair; either may be repeated. */
	ck_assert_int_eq(fixture_detach(r, &bob, &b), 0);
	ck_assert_uint_eq(used(2000, SHMREG_RESOURCE_PARTICIPANTS), 0);
	REFUSED(fixture_detach(r, &bob, &b), -ESTALE, "has ended");
	ck_assert_int_eq(fixture_detach(r, &alice, &a), 0);
	ck_assert_int_eq(fixture_detach(r, &alice, &a), 0);
	ck_assert_uint_eq(used(1000, SHMREG_RESOURCE_PARTICIPANTS), 1);
	at = (struct shmreg_attachment){ a.segment, a.participant, 0 };
	REFUSED(registry_reattach(r, &alice, &at, &again, fixture_error), -ESTALE, "has ended");
	ck_assert_uint_eq(notes.n_repair, 1);
	fixture_repair(r, notes.repair);
	ck_assert_uint_eq(used(1000, SHMREG_RESOURCE_PARTICIPANTS), 0);
	ck_assert_uint_eq(used(1000, SHMREG_RESOURCE_SEATS), 0);
}
END_TEST

START_TEST(objects)
{
	const struct shmreg_attach_reply a = made(&alice, "o", 0644);
	const struct shmreg_attach_reply b = opened(&bob, "o", SHMREG_ACCESS_READ);
	struct shmreg_create_object in = { .at = { a.segment, a.participant, 0 }, .nonce = 1,
					   .name = "q", .type_name = "struct event" };
	struct shmreg_create_object_reply o, again;

	in.shape = (struct shmreg_shape){ .kind = SHMREG_KIND_QUEUE, .layout = SHMREG_QUEUE_LAYOUT,
					  .elem_align = 8, .elem_bytes = 64, .capacity = 16 };
#define CREATE(c) registry_create_object(r, c, &in, &again, fixture_error)
	ck_assert_int_eq(registry_create_object(r, &alice, &in, &o, fixture_error), 0);
	ck_assert_uint_eq(o.created, 1);
	ck_assert_uint_eq(notes.last.kind, SHMREG_EVENT_OBJECT_CREATED);
	ck_assert_uint_eq(notes.last.object, o.object);
	ck_assert_str_eq(notes.last.object_name, "q");
	in.nonce = 2;
	REFUSED(CREATE(&alice), -EEXIST, "\"q\" already, which is queue");
	in.flags = SHMREG_OBJECT_OPEN;
	ck_assert_int_eq(CREATE(&alice), 0);
	ck_assert_uint_eq(again.object, o.object);
	ck_assert_uint_eq(again.created, 0);
	in.shape.capacity = 0;
	ck_assert_int_eq(CREATE(&alice), 0);
	in.shape.capacity = 32;
	REFUSED(CREATE(&alice), -EMEDIUMTYPE, "queue of 16 x struct event");
	ck_assert_ptr_nonnull(strstr(fixture_error, "not queue of 32 x struct event"));
	in.shape.capacity = 16;
	in.shape.elem_bytes = 72;
	REFUSED(CREATE(&alice), -EMEDIUMTYPE, "(72 bytes");
	in.shape.elem_bytes = 64;
	in.shape.elem_align = 16;
	REFUSED(CREATE(&alice), -EMEDIUMTYPE, "align 16");
	in.shape.elem_align = 8;
	in.shape.flags = SHMREG_QUEUE_REDELIVER;
	REFUSED(CREATE(&alice), -EMEDIUMTYPE, "flags 1");
	in.shape.flags = 0;
	strcpy(in.type_name, "struct other");
	REFUSED(CREATE(&alice), -EMEDIUMTYPE, "struct other");
	strcpy(in.type_name, "struct event");
	in.shape.kind = SHMREG_KIND_ARRAY;
	REFUSED(CREATE(&alice), -EMEDIUMTYPE, "not array");
	in.shape.kind = SHMREG_KIND_QUEUE;
	in.shape.layout = 2;
	REFUSED(CREATE(&alice), -EPROTONOSUPPORT, "layout 1, the caller knows layout 2");

	strcpy(in.name, "fresh");
	REFUSED(CREATE(&alice), -EPROTONOSUPPORT, "layout");
	in.shape.layout = 1;
	in.shape.capacity = 0;
	REFUSED(CREATE(&alice), -EINVAL, "capacity");
	in.shape.capacity = UINT64_MAX;
	REFUSED(CREATE(&alice), -EINVAL, "capacity");
	in.shape = fixture_array(UINT64_MAX);
	REFUSED(CREATE(&alice), -EOVERFLOW, "large");
	in.shape = fixture_array(UINT64_C(1) << 47);
	REFUSED(CREATE(&alice), -ENOSPC, "missing in all");
	in.shape = fixture_array(10);
	in.shape.kind = 9;
	REFUSED(CREATE(&alice), -EINVAL, "kind");
	in.shape = fixture_array(10);
	strcpy(in.name, "..");
	REFUSED(CREATE(&alice), -EINVAL, "\"..\"");
	strcpy(in.name, "fresh");
	strcpy(in.type_name, "a;b");
	REFUSED(CREATE(&alice), -EINVAL, "type name");
	strcpy(in.type_name, "char");

	in.at.participant = b.participant;
	REFUSED(CREATE(&bob), -EROFS, "read-only");
	REFUSED(CREATE(&alice), -EPERM, "another process");
	in.at.participant = 77;
	REFUSED(CREATE(&alice), -ESTALE, "77");
	in.at.participant = 0;
	REFUSED(CREATE(&bob), -EACCES, "uid 1000, who owns");
	ck_assert_int_eq(CREATE(&root), 0);
	ck_assert_uint_eq(again.object, o.object + 1);
	in.at.segment = 77;
	REFUSED(CREATE(&root), -ENOENT, "77");
#undef CREATE
	REFUSED(fixture_remove_object(r, &bob, &b, "q"), -EROFS, "read-only");
	REFUSED(fixture_remove_object(r, &alice, &a, "none"), -ENOENT, "\"none\"");
	ck_assert_int_eq(fixture_remove_object(r, &alice, &a, "q"), 0);
	ck_assert_uint_eq(notes.last.kind, SHMREG_EVENT_OBJECT_REMOVED);
	REFUSED(fixture_remove_object(r, &alice, &a, "q"), -ENOENT, "\"q\"");
	REFUSED(registry_remove_object(r, &alice,
				       &(struct shmreg_remove_object){
					       .at = { a.segment, a.participant, 0 },
					       .object = o.object },
				       fixture_error), -ENOENT, "object 1");
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		create_refusals, largest_segment, defaults_and_reply, access,
		nonces,		 create_or_open,  attachments,	      objects,
	};

	return RUN_SUITE("registry", tests, setup, teardown, 120);
}
