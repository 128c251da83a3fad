/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <string.h>
#include <sys/mman.h>

#include "inspect-world.h"

struct shmreg_dir *world_dir;
unsigned char *world_data;

const struct shmreg_shape world_queue = {
	.kind = SHMREG_KIND_QUEUE, .layout = 1, .flags = SHMREG_QUEUE_REDELIVER, .elem_align = 8,
	.elem_bytes = 16, .capacity = 8,
};

static uint64_t end;
static uint32_t n_objects;

static void *map(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(p, MAP_FAILED);
	return p;
}

void world_setup(void)
{
	struct shmreg_dir head = {
		.magic = SHMREG_DIR_MAGIC,
		.layout = SHMREG_DIR_LAYOUT,
		.segment = 7,
		.registry = 1,
		.data_bytes = WORLD_BYTES,
		.max_participants = WORLD_PARTICIPANTS,
		.max_objects = WORLD_OBJECTS,
		.name = "seg",
		.state = SHMREG_DIR_LIVE,
	};

	ck_assert_int_eq(shmreg_dir_layout(&head, WORLD_PARTICIPANTS, WORLD_OBJECTS), 0);
	world_dir = map(head.dir_bytes);
	*world_dir = head;
	world_data = map(WORLD_BYTES);
	end = 0;
	n_objects = 0;
	shmreg_dir_participants(world_dir)[0] = (struct shmreg_dir_participant){
		.state = SHMREG_ENTRY_LIVE, .id = 1, .pid = 4711, .name = "somebody" };
	for (uint32_t i = 1; i <= WORLD_SEATS; i++)
		shmreg_dir_seats(world_dir)[i] = UINT64_C(1) << SHMREG_SEAT_PARTICIPANT_SHIFT |
						 SHMREG_SEAT_LIVE;
}

void world_teardown(void)
{
	munmap(world_dir, world_dir->dir_bytes);
	munmap(world_data, WORLD_BYTES);
}

struct shmreg_dir_object *world_entry(uint32_t index)
{
	return &shmreg_dir_objects(world_dir)[index];
}

void *world_add(const struct shmreg_shape *shape, const char *name)
{
	struct shmreg_dir_object *e = world_entry(n_objects);
	uint32_t *bucket = &shmreg_dir_buckets(
		world_dir)[shmreg_name_hash(name) & (world_dir->n_buckets - 1)];
	uint64_t bytes, align;

	ck_assert_int_eq(shmreg_shape_bytes(shape, &bytes, &align, NULL), 0);
	end = (end + align - 1) & ~(align - 1);
	ck_assert_uint_le(end + bytes, WORLD_BYTES);
	*e = (struct shmreg_dir_object){ .state = SHMREG_ENTRY_LIVE, .id = n_objects + 1, .shape = *shape,
					 .offset = end, .bytes = bytes, .next = *bucket };
	strcpy(e->name, name);
	*bucket = ++n_objects;
	end += bytes;
	return world_data + e->offset;
}

static void say(const struct inspection *x, enum severity from)
{
	for (size_t i = 0; i < x->n; i++)
		if (x->list[i].severity >= from)
			ck_abort_msg("%s of object %u: %s", x->list[i].check, x->list[i].object,
				     x->list[i].text);
}

void world_is_well(void)
{
	struct inspection x = { 0 };

	inspect_look(&x, world_dir, world_data);
	say(&x, FINDING_OK);
	ck_assert(!x.failed);
	inspection_deinit(&x);
}

void world_has_no_error(void)
{
	struct inspection x = { 0 };

	inspect_look(&x, world_dir, world_data);
	say(&x, FINDING_ERROR);
	inspection_deinit(&x);
}

static enum severity find(const char *check, bool alone)
{
	struct inspection x = { 0 };
	enum severity severity = FINDING_OK;

	for (int i = 0; i < 3; i++)
		inspect_look(&x, world_dir, world_data);
	for (size_t i = 0; i < x.n; i++) {
		if (strcmp(x.list[i].check, check) == 0)
			severity = x.list[i].severity;
		else if (alone && x.list[i].severity == FINDING_ERROR)
			ck_abort_msg("instead of %s, %s: %s", check, x.list[i].check, x.list[i].text);
	}
	ck_assert_msg(severity != FINDING_OK, "%s is not found", check);
	inspection_deinit(&x);
	return severity;
}

enum severity world_finds(const char *check)
{
	return find(check, true);
}

enum severity world_finds_among(const char *check)
{
	return find(check, false);
}
