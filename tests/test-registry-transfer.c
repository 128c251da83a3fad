/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * Queues of a pool's objects, removed: their entries are not used again before a
 * reaper has given back what was on its way.
 */

#include <check.h>
#include <string.h>

#include "registry-world.h"

static struct shmreg_attach_reply a;

static struct segment *segment(void)
{
	return registry_find(r, a.segment);
}

static void make_segment(void)
{
	ck_assert_int_eq(fixture_create(r, &alice, "s", 65536, 0666, SHMREG_UNTIL_REMOVED, &a), 0);
}

static uint32_t make_queue(const struct caller *c, const struct shmreg_attach_reply *at,
			   const char *name)
{
	struct shmreg_create_object in = {
		.at = { at->segment, at->participant, 0 },
		.shape = fixture_object_queue(7),
	};
	struct shmreg_create_object_reply reply;

	strcpy(in.name, name);
	ck_assert_int_eq(registry_create_object(r, c, &in, &reply, fixture_error), 0);
	return reply.index;
}

static uint32_t entry_state(uint32_t index)
{
	return shmreg_dir_objects(segment_dir(segment()))[index].state;
}

static void remove_queue(const char *name)
{
	ck_assert_int_eq(fixture_remove_object(r, &alice, &a, name), 0);
}

START_TEST(swept_before_its_entry_is_free)
{
	struct shmreg_create_object_reply o;
	uint32_t queue, other;

	queue = make_queue(&alice, &a, "q");
	ck_assert_int_eq(fixture_object(r, &alice, &a, "o", 64, &o), 0);
	remove_queue("q");
	/* Somebody may have it open: nothing is wanted yet. */
	ck_assert_uint_eq(notes.n_repair, 0);
	ck_assert_uint_eq(segment_quiesced_epoch(segment()), 0);
	ck_assert_int_eq(fixture_quiesce(r, &alice, &a, 1), 0);
	ck_assert_uint_eq(segment_quiesced_epoch(segment()), 1);
	/* Nobody is dead, and a reaper is wanted all the same; once. */
	ck_assert_uint_eq(notes.n_repair, 1);
	ck_assert_ptr_eq(notes.repair, segment());
	ck_assert_uint_eq(entry_state(queue), SHMREG_ENTRY_REMOVED);
	ck_assert_int_eq(fixture_quiesce(r, &alice, &a, 1), 0);
	ck_assert_uint_eq(notes.n_repair, 1);
	/* Another object does not get its entry. */
	other = make_queue(&alice, &a, "q");
	ck_assert_uint_ne(other, queue);
	registry_repair_begin(r, segment());
	ck_assert_uint_eq(entry_state(queue), SHMREG_ENTRY_REMOVED);
	registry_repair_end(r, segment(), true, NULL);
	ck_assert_uint_eq(entry_state(queue), SHMREG_ENTRY_FREE);
	ck_assert_uint_eq(entry_state(other), SHMREG_ENTRY_LIVE);
	ck_assert_uint_eq(notes.n_repair, 1);
	ck_assert_uint_eq(make_queue(&alice, &a, "r"), queue);
}
END_TEST

START_TEST(not_by_a_repair_that_began_before)
{
	const struct shmreg_attach_reply b = opened(&bob, "s", SHMREG_ACCESS_WRITE);
	uint32_t queue;

	queue = make_queue(&alice, &a, "q");
	remove_queue("q");
	ck_assert_int_eq(fixture_quiesce(r, &alice, &a, 1), 0);
	/* Bob dies with it open: that repair finds what he did, and he still counts. */
	registry_process_died(r, &bob.process);
	ck_assert_uint_eq(notes.n_repair, 1);
	registry_repair_begin(r, segment());
	ck_assert_uint_eq(segment_quiesced_epoch(segment()), 0);
	registry_repair_end(r, segment(), true, NULL);
	ck_assert_uint_eq(entry_state(queue), SHMREG_ENTRY_REMOVED);
	/* His end is the queue's: the next one sweeps. */
	ck_assert_uint_eq(notes.n_repair, 2);
	ck_assert_uint_eq(segment_quiesced_epoch(segment()), 1);
	fixture_repair(r, segment());
	ck_assert_uint_eq(entry_state(queue), SHMREG_ENTRY_FREE);
	(void)b;
}
END_TEST

START_TEST(quiesced_during_a_repair)
{
	uint32_t queue;

	opened(&bob, "s", SHMREG_ACCESS_WRITE);
	queue = make_queue(&alice, &a, "q");
	registry_process_died(r, &bob.process);
	registry_repair_begin(r, segment());
	/* Removed and forgotten while a reaper works: it does not know. */
	remove_queue("q");
	ck_assert_int_eq(fixture_quiesce(r, &alice, &a, 1), 0);
	registry_repair_end(r, segment(), true, NULL);
	ck_assert_uint_eq(entry_state(queue), SHMREG_ENTRY_REMOVED);
	ck_assert_uint_eq(notes.n_repair, 2);
	/* One that fails has swept nothing. */
	registry_repair_begin(r, segment());
	registry_repair_end(r, segment(), false, NULL);
	ck_assert_uint_eq(entry_state(queue), SHMREG_ENTRY_REMOVED);
	fixture_repair(r, segment());
	ck_assert_uint_eq(entry_state(queue), SHMREG_ENTRY_FREE);
}
END_TEST

START_TEST(each_removal_by_itself)
{
	uint32_t one, two, three;

	one = make_queue(&alice, &a, "1");
	two = make_queue(&alice, &a, "2");
	three = make_queue(&alice, &a, "3");
	remove_queue("1");
	ck_assert_int_eq(fixture_quiesce(r, &alice, &a, 1), 0);
	remove_queue("2");
	/* Alice may still have the second: the first is swept without it. */
	ck_assert_uint_eq(segment_quiesced_epoch(segment()), 1);
	fixture_repair(r, segment());
	ck_assert_uint_eq(entry_state(one), SHMREG_ENTRY_FREE);
	ck_assert_uint_eq(entry_state(two), SHMREG_ENTRY_REMOVED);
	/* Nobody is left, also in future: one that will be removed is not swept already. */
	ck_assert_int_eq(fixture_detach(r, &alice, &a), 0);
	fixture_repair(r, segment());
	fixture_repair(r, segment());
	ck_assert_uint_eq(entry_state(two), SHMREG_ENTRY_FREE);
	a = opened(&alice, "s", SHMREG_ACCESS_WRITE);
	remove_queue("3");
	ck_assert_int_eq(fixture_quiesce(r, &alice, &a, 3), 0);
	ck_assert_uint_eq(entry_state(three), SHMREG_ENTRY_REMOVED);
	fixture_repair(r, segment());
	ck_assert_uint_eq(entry_state(three), SHMREG_ENTRY_FREE);
}
END_TEST

START_TEST(restarted_and_quarantined)
{
	const uint32_t queue = make_queue(&alice, &a, "q");

	remove_queue("q");
	ck_assert_int_eq(fixture_quiesce(r, &alice, &a, 1), 0);
	registry_repair_begin(r, segment());
	/* The daemon dies with its reaper: the next one asks again. */
	notes = (struct notes){ 0 };
	r = fixture_restart(r, &config, &notes);
	registry_verify(r);
	ck_assert_uint_eq(notes.n_repair, 1);
	ck_assert_uint_eq(entry_state(queue), SHMREG_ENTRY_REMOVED);
	/* Where repair fails for good, the entry stays, and nobody attaches any more. */
	registry_repair_begin(r, segment());
	registry_quarantine(r, segment());
	ck_assert_uint_eq(entry_state(queue), SHMREG_ENTRY_REMOVED);
	ck_assert_uint_eq(notes.n_repair, 1);
}
END_TEST

START_TEST(its_segment_ends_without_ado)
{
	const uint64_t id = a.segment;

	make_queue(&alice, &a, "q");
	remove_queue("q");
	ck_assert_int_eq(fixture_quiesce(r, &alice, &a, 1), 0);
	ck_assert_int_eq(registry_remove(r, &alice, &(struct shmreg_target){ .segment = id },
					 fixture_error), 0);
	registry_process_died(r, &alice.process);
	ck_assert_ptr_null(registry_find(r, id));
}
END_TEST

static void setup_segment(void)
{
	setup();
	make_segment();
}

int main(void)
{
	const TTest *const tests[] = {
		swept_before_its_entry_is_free, not_by_a_repair_that_began_before,
		quiesced_during_a_repair, each_removal_by_itself, restarted_and_quarantined,
		its_segment_ends_without_ado,
	};

	return RUN_SUITE("registry-transfer", tests, setup_segment, teardown, 60);
}
