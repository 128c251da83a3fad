/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kill-operations.h"

#define DATA_BYTES KILL_DATA_BYTES

struct registry_config kill_config;
static struct notes notes;
struct registry *kill_registry;
static struct caller alice, alice2, bob, root;
/* Attachments of the scenario: WHO_SEGMENT. */
static struct shmreg_attach_reply alice_main, alice2_main, bob_main;
static struct shmreg_attach_reply bob_side, alice_side;
static struct shmreg_attach_reply alice_solo, alice2_last, alice_last;
static uint64_t the_queue;

void kill_fail(const char *format, ...)
{
	va_list ap;

	fflush(stdout);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fprintf(stderr, "\n");
	exit(1);
}

static void must(int got, const char *what)
{
	if (got < 0)
		kill_fail("%s: %d, %s", what, got, fixture_error);
}

/* The scenario. */

static void make_segment(const struct caller *c, const char *name, uint32_t lifetime, uint32_t flags,
			 struct shmreg_attach_reply *ret)
{
	struct shmreg_create in = fixture_create_request(name, DATA_BYTES);
	struct segment *s;

	in.mode = 0666;
	in.lifetime = lifetime;
	in.flags = flags;
	in.max_participants = 5;
	in.max_objects = 6;
	in.n_seats = 3;
	must(registry_create(kill_registry, c, &in, ret, &s, fixture_error), name);
}

static void make_object(const struct caller *c, const struct shmreg_attach_reply *at,
			const char *name, uint64_t bytes)
{
	const struct shmreg_dir_object *o;
	struct shmreg_create_object_reply reply;
	struct segment *s = registry_find(kill_registry, at->segment);
	char pattern[DATA_BYTES];

	must(fixture_object(kill_registry, c, at, name, bytes, &reply), name);
	o = &shmreg_dir_objects(segment_dir(s))[reply.index];
	memset(pattern, 0x55, sizeof(pattern));
	if (pwrite(segment_data_fd(s), pattern, o->bytes, (off_t)o->offset) < 0)
		kill_fail("pwrite: %s", strerror(errno));
}

static void make_queue(const struct caller *c, const struct shmreg_attach_reply *at,
		       const char *name)
{
	struct shmreg_create_object in = {
		.at = { at->segment, at->participant, 0 },
		.shape = { .kind = SHMREG_KIND_QUEUE, .layout = SHMREG_QUEUE_LAYOUT,
			   .elem_align = 8, .elem_bytes = 8, .capacity = 4 },
	};
	struct shmreg_create_object_reply reply;

	snprintf(in.name, sizeof(in.name), "%s", name);
	must(registry_create_object(kill_registry, c, &in, &reply, fixture_error), name);
	the_queue = reply.object;
}

void kill_setup(void)
{
	struct shmreg_attach_reply lone;

	kill_config = fixture_config();
	notes = (struct notes){ 0 };
	kill_registry = fixture_registry(&kill_config, &notes);
	alice = fixture_caller(1000, 11);
	alice2 = fixture_caller(1000, 12);
	bob = fixture_caller(2000, 21);
	root = fixture_caller(0, 1);

	/* "main": three participants, one read-only; "gone" is removed, and alice2 may hold it. */
	make_segment(&alice, "main", SHMREG_WHILE_ATTACHED, 0, &alice_main);
	must(fixture_open(kill_registry, &alice2, "main", SHMREG_ACCESS_WRITE, &alice2_main), "open");
	must(fixture_open(kill_registry, &bob, "main", SHMREG_ACCESS_READ, &bob_main), "open");
	make_object(&alice, &alice_main, "gone", 9000);
	make_object(&alice, &alice_main, "a", 4096);
	make_object(&alice2, &alice2_main, "b", 1000);
	make_object(&alice, &alice_main, "c", 5000);
	must(fixture_remove_object(kill_registry, &alice, &alice_main, "gone"), "remove");
	must(fixture_quiesce(kill_registry, &alice, &alice_main, 1), "quiesce");
	must(fixture_quiesce(kill_registry, &bob, &bob_main, 1), "quiesce");
	make_queue(&alice, &alice_main, "q");
	/* "side" outlives all. "lone" has nobody, and one object. */
	make_segment(&bob, "side", SHMREG_UNTIL_REMOVED, 0, &bob_side);
	must(fixture_open(kill_registry, &alice, "side", SHMREG_ACCESS_WRITE, &alice_side), "open");
	make_object(&bob, &bob_side, "x", 300);
	make_segment(&bob, "lone", SHMREG_UNTIL_REMOVED, SHMREG_CREATE_DETACHED, &lone);
	make_object(&bob, &lone, "y", 5000);
	/* "solo" and "last" end with alice and alice2; "last" has the largest id. */
	make_segment(&alice, "solo", SHMREG_WHILE_ATTACHED, SHMREG_CREATE_RESERVE, &alice_solo);
	make_segment(&alice2, "last", SHMREG_WITH_CREATOR, 0, &alice2_last);
	must(fixture_open(kill_registry, &alice, "last", SHMREG_ACCESS_WRITE, &alice_last), "open");
	registry_verify(kill_registry);
}

/* The operations. Each may be run again on a registry restored in the middle of it. */

static struct shmreg_attachment attachment(const struct shmreg_attach_reply *at, uint64_t epoch)
{
	return (struct shmreg_attachment){ at->segment, at->participant, epoch };
}

static int create(struct registry *reg, uint32_t flags, uint32_t lifetime, const char *name)
{
	struct shmreg_create in = fixture_create_request(name, DATA_BYTES);
	struct shmreg_attach_reply reply;
	struct segment *s;

	in.nonce = 77;
	in.flags = flags;
	in.mode = 0666;
	in.lifetime = lifetime;
	in.max_participants = 3;
	in.max_objects = 3;
	return registry_create(reg, &alice, &in, &reply, &s, fixture_error);
}

static int op_create(struct registry *reg)
{
	return create(reg, 0, SHMREG_WHILE_ATTACHED, "new");
}

static int op_create_until_removed(struct registry *reg)
{
	return create(reg, 0, SHMREG_UNTIL_REMOVED, "new");
}

static int op_create_detached(struct registry *reg)
{
	return create(reg, SHMREG_CREATE_DETACHED | SHMREG_CREATE_RESERVE, SHMREG_UNTIL_REMOVED,
		      "new");
}

static int op_create_or_open(struct registry *reg)
{
	return create(reg, SHMREG_CREATE_OPEN, SHMREG_WHILE_ATTACHED, "side");
}

static int open_side(struct registry *reg, uint32_t access)
{
	struct shmreg_open in = { .name = "side", .nonce = 78, .access = access };
	struct shmreg_attach_reply reply;
	struct segment *s;

	in.n_seats = access == SHMREG_ACCESS_WRITE ? 5 : 0;
	return registry_open(reg, &alice2, &in, &reply, &s, fixture_error);
}

static int op_open_write(struct registry *reg)
{
	return open_side(reg, SHMREG_ACCESS_WRITE);
}

static int op_open_read(struct registry *reg)
{
	return open_side(reg, SHMREG_ACCESS_READ);
}

static int op_seats(struct registry *reg)
{
	const struct shmreg_seats in = { .at = attachment(&alice_main, 0), .n_seats = 6 };
	struct shmreg_seats_reply reply;

	return registry_seats(reg, &alice, &in, &reply, fixture_error);
}

static int op_create_object(struct registry *reg)
{
	struct shmreg_create_object in = {
		.at = attachment(&alice_main, 0),
		.nonce = 79,
		.name = "new",
		.type_name = "char",
		.shape = fixture_array(6000),
	};
	struct shmreg_create_object_reply reply;

	return registry_create_object(reg, &alice, &in, &reply, fixture_error);
}

static int remove_object(struct registry *reg, const struct caller *c,
			 const struct shmreg_attachment *at, const char *name)
{
	struct shmreg_remove_object in = { .at = *at };

	snprintf(in.name, sizeof(in.name), "%s", name);
	return registry_remove_object(reg, c, &in, fixture_error);
}

static int op_remove_object(struct registry *reg)
{
	const struct shmreg_attachment at = attachment(&alice_main, 0);

	return remove_object(reg, &alice, &at, "b");
}

/* Nobody is attached: its range is free at once. */
static int op_remove_object_at_once(struct registry *reg)
{
	struct shmreg_attachment at = { 0 };

	for (struct segment *s = registry_first(reg); s; s = registry_next(reg, s))
		if (strcmp(segment_name(s), "lone") == 0)
			at.segment = segment_id(s);
	return remove_object(reg, &root, &at, "y");
}

/* alice2 was the last that might hold "gone". */
static int op_quiesce(struct registry *reg)
{
	const struct shmreg_attachment at = attachment(&alice2_main, 1);

	return registry_quiesce(reg, &alice2, &at, fixture_error);
}

static int detach(struct registry *reg, const struct caller *c,
		  const struct shmreg_attach_reply *reply)
{
	const struct shmreg_attachment at = attachment(reply, 0);

	return registry_detach(reg, c, &at, fixture_error);
}

static int op_detach(struct registry *reg)
{
	return detach(reg, &alice, &alice_main);
}

static int op_detach_read_only(struct registry *reg)
{
	return detach(reg, &bob, &bob_main);
}

static int watch(struct registry *reg, uint32_t events)
{
	const struct shmreg_watch_request in = {
		.at = attachment(&bob_main, 0), .object = the_queue, .events = events,
	};
	struct registry_object object;

	return registry_watch(reg, &bob, &in, &object, fixture_error);
}

static int op_watch(struct registry *reg)
{
	return watch(reg, SHMREG_WAIT_ITEMS | SHMREG_WAIT_SPACE);
}

static void prepare_watch_items(void)
{
	must(watch(kill_registry, SHMREG_WAIT_ITEMS), "watch");
}

static void prepare_watch(void)
{
	must(op_watch(kill_registry), "watch");
}

/* The segment goes, and "last" has the largest id. */
static int op_detach_last(struct registry *reg)
{
	return detach(reg, &alice, &alice_solo);
}

static int op_detach_creator(struct registry *reg)
{
	return detach(reg, &alice2, &alice2_last);
}

static void prepare_lonely_creator(void)
{
	must(detach(kill_registry, &alice, &alice_last), "detach");
	fixture_repair(kill_registry, registry_find(kill_registry, alice_last.segment));
}

static int op_death(struct registry *reg)
{
	registry_process_died(reg, &alice.process);
	return 0;
}

static void prepare_repair(void)
{
	registry_process_died(kill_registry, &alice2.process);
}

/* "main" has dead seats, and "gone" can be freed afterwards. */
static int op_repair(struct registry *reg)
{
	struct segment *s = registry_find(reg, alice_main.segment);

	for (uint32_t i = 0; i < SHMREG_SEATS; i++)
		if ((shmreg_dir_seats(segment_dir(s))[i] & 0xff) == SHMREG_SEAT_DEAD) {
			fixture_repair(reg, s);
			break;
		}
	return 0;
}

static int op_quarantine(struct registry *reg)
{
	registry_quarantine(reg, registry_find(reg, alice_main.segment));
	return 0;
}

static int remove_segment(struct registry *reg, const char *name)
{
	struct shmreg_target in = { 0 };

	snprintf(in.name, sizeof(in.name), "%s", name);
	return registry_remove(reg, &root, &in, fixture_error);
}

static int op_remove(struct registry *reg)
{
	return remove_segment(reg, "side");
}

static int op_remove_at_once(struct registry *reg)
{
	return remove_segment(reg, "lone");
}

static int set_segment(struct registry *reg, const char *name, uint32_t what)
{
	struct shmreg_set in = {
		.what = what,
		.uid = 3000,
		.gid = 4000,
		.mode = 0640,
		.lifetime = SHMREG_WHILE_ATTACHED,
	};

	snprintf(in.target.name, sizeof(in.target.name), "%s", name);
	return registry_set(reg, &root, &in, fixture_error);
}

static int op_set(struct registry *reg)
{
	return set_segment(reg, "side",
			   SHMREG_SET_OWNER | SHMREG_SET_MODE | SHMREG_SET_LIFETIME);
}

/* A lifetime that is over. */
static int op_set_lifetime(struct registry *reg)
{
	return set_segment(reg, "lone", SHMREG_SET_LIFETIME);
}

/*
 * Restoring itself, of a directory on which everything was left half-done at once. The
 * wreck is planted; no snapshot is repeated, each is restored anyway.
 */
static void prepare_wreck(void)
{
	struct shmreg_dir *m = (struct shmreg_dir *)(uintptr_t)segment_dir(
		registry_find(kill_registry, alice_main.segment));
	struct shmreg_dir_object *objects = shmreg_dir_objects(m);
	uint64_t *seats = shmreg_dir_seats(m);

	for (uint32_t i = 0; i < m->max_participants; i++) {
		struct shmreg_dir_participant *p = &shmreg_dir_participants(m)[i];

		if (p->id == alice2_main.participant)
			p->state = SHMREG_ENTRY_DEAD;		/* its seats are LIVE yet */
		if (p->id == alice_main.participant)
			p->flags |= SHMREG_PARTICIPANT_LEFT;	/* about to detach */
	}
	seats[100] = UINT64_C(50) << 8 | SHMREG_SEAT_LIVE;	/* of nobody */
	for (uint32_t i = 0; i < m->max_objects; i++) {
		if (strcmp(objects[i].name, "b") == 0 && objects[i].state == SHMREG_ENTRY_LIVE) {
			objects[i].removed_epoch = m->removal_epoch + 1;
			objects[i].state = SHMREG_ENTRY_REMOVED;	/* linked yet */
		}
		if (strcmp(objects[i].name, "c") == 0) {
			uint32_t *link = &shmreg_dir_buckets(m)[shmreg_name_hash("c") &
								(m->n_buckets - 1)];

			while (*link != i + 1)
				link = &objects[*link - 1].next;
			*link = objects[i].next;		/* not linked yet */
		}
	}
	m->set_owner = UINT64_C(4000) << 32 | 3000;
	m->set_mode_lifetime = 0660 | SHMREG_UNTIL_REMOVED << 16;
	m->set_pending = 1;
	m->flags |= SHMREG_DIR_ORPHANED;
}

static int op_restore(struct registry *reg)
{
	const struct segment *wreck = registry_first(kill_registry);
	struct notes child_notes = { 0 };
	struct segment *s;

	(void)reg;
	return registry_restore(fixture_registry(&kill_config, &child_notes),
				fcntl(segment_dir_fd(wreck), F_DUPFD_CLOEXEC, 3),
				fcntl(segment_data_fd(wreck), F_DUPFD_CLOEXEC, 3), &s,
				fixture_error);
}

const struct kill_operation kill_operations[] = {
	{ .name = "create", .run = op_create, .makes_segment = true },
	{ .name = "create, until-removed", .run = op_create_until_removed, .makes_segment = true },
	{ .name = "create, detached, reserved", .run = op_create_detached, .makes_segment = true },
	{ .name = "create or open", .run = op_create_or_open },
	{ .name = "open for writing", .run = op_open_write },
	{ .name = "open for reading", .run = op_open_read },
	{ .name = "seats", .run = op_seats, .partial_seats = true },
	{ .name = "create object", .run = op_create_object },
	{ .name = "remove object", .run = op_remove_object, .again = { -ENOENT } },
	{ .name = "remove object, at once", .run = op_remove_object_at_once, .again = { -ENOENT } },
	{ .name = "quiesce, free range", .run = op_quiesce },
	{ .name = "detach", .run = op_detach, .again = { -ESTALE } },
	{ .name = "detach, read-only", .run = op_detach_read_only, .again = { -ESTALE } },
	{ .name = "watch, read-only", .run = op_watch },
	{ .name = "watch for more, read-only", .prepare = prepare_watch_items, .run = op_watch },
	{ .name = "detach, last that watches", .prepare = prepare_watch, .run = op_detach_read_only,
	  .again = { -ESTALE } },
	{ .name = "detach, last of segment", .run = op_detach_last, .again = { -ESTALE } },
	{ .name = "detach, creator", .run = op_detach_creator, .again = { -ESTALE } },
	{ .name = "detach, creator and last", .prepare = prepare_lonely_creator,
	  .run = op_detach_creator, .again = { -ESTALE } },
	{ .name = "death", .run = op_death },
	{ .name = "repair end", .prepare = prepare_repair, .run = op_repair,
	  .repairs = true },
	{ .name = "quarantine", .prepare = prepare_repair, .run = op_quarantine },
	{ .name = "remove", .run = op_remove, .again = { -ENOENT } },
	{ .name = "remove, at once", .run = op_remove_at_once, .again = { -ENOENT } },
	{ .name = "set owner, mode, lifetime", .run = op_set },
	{ .name = "set lifetime, over", .run = op_set_lifetime, .again = { -ENOENT } },
	{ .name = "restore a wreck", .prepare = prepare_wreck, .run = op_restore,
	  .again = { INT_MAX }, .repairs = true },
};
const size_t kill_n_operations = sizeof(kill_operations) / sizeof(kill_operations[0]);
