/* SPDX-License-Identifier: MIT */

/*
 * directory - a directory with numbers changed, as clients read it and as a daemon that
 * was restarted takes it over
 *
 * What passes the daemon's check must bear all that comes: requests, deaths, repairs, one
 * more restart; all invariants are looked at after each step.
 */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "registry-fixture.h"
#include "request.h"
#include "segment.h"

#define POKES_MAX 8
#define STEPS_MAX 8

/* As a daemon left it: participants of each kind and state, objects, one of them removed. */
static int model_dir = -1, model_data = -1;
static struct shmreg_dir geometry;
static struct registry_config config;
static struct caller alice, bob, root;

static void object(struct registry *r, const struct shmreg_attach_reply *at, const char *name,
		   struct shmreg_shape shape)
{
	static uint64_t nonce = 100;
	struct shmreg_create_object in = {
		.at = { .segment = at->segment, .participant = at->participant },
		.nonce = ++nonce,
		.shape = shape,
	};
	struct shmreg_create_object_reply out;

	snprintf(in.name, sizeof(in.name), "%s", name);
	MUST(registry_create_object(r, &alice, &in, &out, fixture_error) == 0);
}

static void setup(void)
{
	static const struct shmreg_shape pool = { SHMREG_KIND_POOL, SHMREG_POOL_LAYOUT, 0, 8, 8, 8,
						  { 0 } };
	static const struct shmreg_shape cell = { SHMREG_KIND_CELL, SHMREG_CELL_LAYOUT, 0, 8, 64, 1,
						  { 3, 0, 0, 0 } };
	struct shmreg_attach_reply at, at_bob, at_root;
	struct notes notes = { 0 };
	struct registry *r;

	config = fixture_config();
	alice = fixture_caller(1000, 11);
	bob = fixture_caller(2000, 21);
	root = fixture_caller(0, 1);
	r = fixture_registry(&config, &notes);
	MUST(fixture_create(r, &alice, "s0", 1 << 16, 0666, SHMREG_UNTIL_REMOVED, &at) == 0);
	MUST(fixture_open(r, &bob, "s0", SHMREG_ACCESS_READ, &at_bob) == 0);
	MUST(fixture_open(r, &root, "s0", SHMREG_ACCESS_WRITE, &at_root) == 0);
	object(r, &at, "o1", pool);
	object(r, &at, "o2", fixture_object_queue(1));
	object(r, &at, "o3", fixture_array(5000));
	object(r, &at, "o4", cell);
	MUST(fixture_remove_object(r, &alice, &at, "o3") == 0);
	registry_process_died(r, &root.process);
	registry_verify(r);
	model_dir = fixture_copy_memfd(segment_dir_fd(registry_first(r)));
	model_data = fixture_copy_memfd(segment_data_fd(registry_first(r)));
	MUST(pread(model_dir, &geometry, sizeof(geometry), 0) == sizeof(geometry));
	registry_free(r);
}

/* In the head, or in some entry of some table, mostly of those in use. */
static void poke(struct fuzz_input *in, uint8_t *bytes)
{
	switch (fuzz_u8(in) % 6) {
	case 0:
		fuzz_poke(in, bytes, sizeof(struct shmreg_dir));
		break;
	case 1:
		fuzz_poke(in, bytes + geometry.seats_offset, 8 * sizeof(uint64_t));
		break;
	case 2:
		fuzz_poke(in, bytes + geometry.participants_offset +
			      fuzz_below(in, 4) * sizeof(struct shmreg_dir_participant),
			  sizeof(struct shmreg_dir_participant));
		break;
	case 3:
		fuzz_poke(in, bytes + geometry.objects_offset +
			      fuzz_below(in, 5) * sizeof(struct shmreg_dir_object),
			  sizeof(struct shmreg_dir_object));
		break;
	case 4:
		fuzz_poke(in, bytes + geometry.buckets_offset,
			  geometry.n_buckets * sizeof(uint32_t));
		break;
	default:
		fuzz_poke(in, bytes, (size_t)geometry.dir_bytes);
	}
}

static void read_all(const struct shmreg_dir *dir, size_t bytes)
{
	struct shmreg_dir_participant p;
	struct shmreg_dir_object o, found;
	uint32_t index = 0;

	if (shmreg_dir_check(dir, bytes) < 0)
		return;
	for (uint32_t i = 0; i <= dir->max_participants; i++)
		if (shmreg_dir_read_participant(dir, i, &p) == 0)
			MUST(strlen(p.name) <= SHMREG_CLIENT_NAME_MAX);
	for (uint32_t i = 0; i <= dir->max_objects; i++) {
		if (shmreg_dir_read_object(dir, i, &o) < 0)
			continue;
		MUST(strlen(o.name) <= SHMREG_OBJECT_NAME_MAX);
		MUST(strlen(o.type_name) <= SHMREG_TYPE_NAME_MAX);
		if (shmreg_dir_find(dir, o.name, &found, &index) == 0)
			MUST(index < dir->max_objects && strcmp(found.name, o.name) == 0);
	}
	MUST(shmreg_dir_find(dir, "nobody", &found, NULL) != 0);
}

static void ask(struct registry *r, const struct caller *c, const struct shmreg_request *in)
{
	char error[SHMREG_ERROR_MAX + 1] = "";
	struct shmreg_reply out;
	struct segment *s;

	if (in->header.type == SHMREG_PACKET_OPEN)
		registry_open(r, c, &in->u.open, &out.u.attach, &s, error);
	else if (in->header.type == SHMREG_PACKET_CREATE)
		registry_create(r, c, &in->u.create, &out.u.attach, &s, error);
	else if (in->header.type == SHMREG_PACKET_CREATE_OBJECT)
		registry_create_object(r, c, &in->u.create_object, &out.u.create_object, error);
	else if (in->header.type == SHMREG_PACKET_REMOVE_OBJECT)
		registry_remove_object(r, c, &in->u.remove_object, error);
	else if (in->header.type == SHMREG_PACKET_DETACH)
		registry_detach(r, c, &in->u.attachment, error);
	else if (in->header.type == SHMREG_PACKET_QUIESCE)
		registry_quiesce(r, c, &in->u.attachment, error);
	else if (in->header.type == SHMREG_PACKET_SEATS)
		registry_seats(r, c, &in->u.seats, &out.u.seats, error);
	else if (in->header.type == SHMREG_PACKET_SET)
		registry_set(r, c, &in->u.set, error);
	else if (in->header.type == SHMREG_PACKET_REMOVE)
		registry_remove(r, c, &in->u.target, error);
	else
		registry_list(r, c, &in->u.list, &out.u.list);
}

static void repair(struct registry *r)
{
	struct segment *s = registry_first(r);

	if (s && s->repair_wanted)
		fixture_repair(r, s);
}

static void go_on(struct registry **r, struct notes *notes, struct fuzz_input *in)
{
	const struct caller *const callers[] = { &alice, &bob, &root };
	const struct caller *c = callers[fuzz_below(in, 3)];
	const uint8_t what = fuzz_u8(in) % 8;
	struct shmreg_request packet;

	if (what == 0)
		registry_process_died(*r, &c->process);
	else if (what == 1)
		repair(*r);
	else if (what == 2)
		*r = fixture_restart(*r, &config, notes);
	else {
		fuzz_request(in, &packet);
		if (shmreg_request_check(&packet, sizeof(packet), NULL) == 0)
			ask(*r, c, &packet);
	}
	registry_verify(*r);
}

static void restore(int dir, int data, struct fuzz_input *in)
{
	struct notes notes = { 0 };
	struct registry *r = fixture_registry(&config, &notes);
	struct segment *s = NULL;
	int e;

	fixture_error[0] = 0;
	e = registry_restore(r, dir, data, &s, fixture_error);
	MUST(e <= 0 && (e < 0 || s));
	registry_verify(r);
	for (unsigned int i = 0; e == 0 && i < STEPS_MAX && !fuzz_ended(in); i++)
		go_on(&r, &notes, in);
	r = registry_free(r);
}

static void run(struct fuzz_input *in)
{
	const int dir = fixture_copy_memfd(model_dir), data = fixture_copy_memfd(model_data);
	const size_t bytes = (size_t)geometry.dir_bytes;
	uint8_t *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, dir, 0);

	MUST(map != MAP_FAILED);
	for (uint8_t n = fuzz_u8(in) % (POKES_MAX + 1); n; n--)
		poke(in, map);
	read_all((const struct shmreg_dir *)(const void *)map, bytes);
	munmap(map, bytes);
	restore(dir, data, in);
}

static void seeds(void)
{
	/* Nothing changed, and then requests; and one number in each table. */
	static const uint8_t calm[] = { 0, 1, 3, 1, 0, 1, 2, 0, 1, 3, 0, 2, 0, 0, 2, 1, 3, 9, 0, 9, 1 };
	uint8_t bytes[24] = { 1 };

	fuzz_seed(calm, sizeof(calm));
	for (uint8_t table = 0; table < 6; table++)
		for (uint8_t width = 0; width < 4; width++) {
			bytes[1] = table;
			bytes[2] = table == 2 || table == 3 ? 1 : width;
			bytes[3] = width;
			bytes[4] = (uint8_t)(table * 8 + width);
			bytes[5] = 1;
			fuzz_seed(bytes, sizeof(bytes));
		}
}

const struct fuzz_target fuzz_target = { setup, run, seeds };
