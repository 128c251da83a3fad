/* SPDX-License-Identifier: MIT */
#include <config.h>

/* A directory that no daemon wrote so: each check finds its fault, and a sound one is found well. */

#include <check.h>
#include <string.h>

#include "inspect-world.h"
#include "suite.h"

static const struct shmreg_shape array = {
	.kind = SHMREG_KIND_ARRAY, .layout = 1, .elem_align = 8, .elem_bytes = 8, .capacity = 100,
};

static void setup(void)
{
	world_setup();
	world_add(&array, "a");
	world_add(&array, "b/c");
	world_is_well();
}

static void error(const char *check)
{
	ck_assert_int_eq(world_finds(check), FINDING_ERROR);
}

START_TEST(entries)
{
	const struct shmreg_dir_object good = *world_entry(1);
	struct shmreg_dir_object *e = world_entry(1);

	strcpy(e->name, "b//c");
	ck_assert_int_eq(world_finds_among("directory.object"), FINDING_ERROR);
	*e = good;
	strcpy(e->type_name, "\x01");
	error("directory.object");
	*e = good;
	e->shape.elem_bytes = 0;
	error("directory.object");
	*e = good;
	e->bytes++;
	error("directory.object");
	*e = good;
	e->offset = WORLD_BYTES - 128;
	error("directory.object");
	*e = good;
	e->offset += 64;
	error("directory.object");
	*e = good;
	e->shape.layout = 9;		/* a version that comes later */
	ck_assert_int_eq(world_finds("directory.layout"), FINDING_NOTE);
	*e = good;
	e->id = 1;
	error("directory.twice");
	*e = good;
	e->offset = world_entry(0)->offset;
	error("directory.overlap");
	*e = good;
	world_is_well();
}
END_TEST

START_TEST(names)
{
	uint32_t *buckets = shmreg_dir_buckets(world_dir);

	for (uint32_t i = 0; i < world_dir->n_buckets; i++)
		if (buckets[i] == 2)
			buckets[i] = world_entry(1)->next;
	error("directory.index");
}
END_TEST

START_TEST(participants)
{
	struct shmreg_dir_participant *p = shmreg_dir_participants(world_dir);
	uint64_t *seats = shmreg_dir_seats(world_dir);

	p[1] = (struct shmreg_dir_participant){ .state = SHMREG_ENTRY_DEAD, .id = 2, .pid = 5 };
	ck_assert_int_eq(world_finds("segment.unrepaired"), FINDING_WARNING);
	p[1].state = 7;
	error("directory.participant");
	p[1].state = SHMREG_ENTRY_FREE;
	seats[50] = UINT64_C(2) << SHMREG_SEAT_PARTICIPANT_SHIFT | SHMREG_SEAT_LIVE;
	error("directory.seat");
	seats[50] = UINT64_C(1) << SHMREG_SEAT_PARTICIPANT_SHIFT | SHMREG_SEAT_DEAD;
	error("directory.seat");
	seats[50] = SHMREG_SEAT_FREE;
	seats[0] = seats[1];
	error("directory.seat");
	seats[0] = SHMREG_SEAT_FREE;
	world_is_well();
	ck_assert_int_eq(inspect_participant(world_dir, 1), 0);
	ck_assert_int_eq(inspect_participant(world_dir, WORLD_NOBODYS), -1);
	ck_assert_int_eq(inspect_participant(world_dir, SHMREG_SEATS), -1);
}
END_TEST

START_TEST(head)
{
	world_dir->flags = SHMREG_DIR_QUARANTINED;
	error("segment.quarantined");
	world_dir->flags = SHMREG_DIR_ORPHANED;
	error("segment.orphaned");
	world_dir->flags = 0;
	world_dir->state = SHMREG_DIR_REMOVED;
	ck_assert_int_eq(world_finds("segment.removed"), FINDING_NOTE);
	world_dir->state = SHMREG_DIR_LIVE;
	world_dir->name[0] = '\0';
	error("directory.head");
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { entries, names, participants, head };

	return RUN_SUITE("inspect-directory", tests, setup, world_teardown, 0);
}
