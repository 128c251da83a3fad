/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * How segments, participants, seats and ranges end.
 */

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "memfd.h"
#include "registry-world.h"

static uint64_t seat_word(uint64_t segment, uint32_t seat)
{
	return shmreg_dir_seats(segment_dir(registry_find(r, segment)))[seat];
}

static uint32_t death_word(uint64_t segment)
{
	return segment_dir(registry_find(r, segment))->death;
}

START_TEST(while_attached)
{
	const struct shmreg_attach_reply a = made_to_last(&alice, "s", SHMREG_WHILE_ATTACHED);
	const struct shmreg_attach_reply b = opened(&bob, "s", SHMREG_ACCESS_READ);

	/* The creator is nobody special; a reader keeps it. */
	ck_assert_int_eq(fixture_detach(r, &alice, &a), 0);
	fixture_repair(r, notes.repair);
	ck_assert(name_is_there("s"));
	ck_assert_int_eq(fixture_detach(r, &bob, &b), 0);
	ck_assert(!name_is_there("s"));
	ck_assert_uint_eq(notes.n_disposed, 1);
	ck_assert_uint_eq(notes.n_events[SHMREG_EVENT_REMOVED], 1);
	ck_assert_uint_eq(notes.n_events[SHMREG_EVENT_DISPOSED], 1);
	ck_assert_uint_eq(notes.n_events[SHMREG_EVENT_DETACHED], 2);
}
END_TEST

START_TEST(while_attached_all_die)
{
	const uint64_t id = made_to_last(&alice, "s", SHMREG_WHILE_ATTACHED).segment;

	opened(&alice2, "s", SHMREG_ACCESS_WRITE);
	registry_process_died(r, &alice.process);
	ck_assert_uint_eq(segment_dir(registry_find(r, id))->n_deaths, 1);
	registry_repair_begin(r, notes.repair);
	/* The last one dies during the repair: there is nothing left to repair for. */
	registry_process_died(r, &alice2.process);
	ck_assert_uint_eq(notes.n_disposed, 1);
	ck_assert_ptr_null(registry_find(r, id));
	ck_assert_ptr_null(notes.repair);
}
END_TEST

START_TEST(until_removed)
{
	const struct shmreg_attach_reply a = made_to_last(&alice, "s", SHMREG_UNTIL_REMOVED);
	struct shmreg_attach_reply b;

	ck_assert_int_eq(fixture_detach(r, &alice, &a), 0);
	fixture_repair(r, notes.repair);
	ck_assert(name_is_there("s"));
	b = opened(&bob, "s", SHMREG_ACCESS_WRITE);
	ck_assert_uint_eq(b.segment, a.segment);
	remove_segment(a.segment);
	ck_assert(!name_is_there("s"));
	/* Who has it goes on with it, also to make objects. */
	ck_assert_int_eq(fixture_object(r, &bob, &b, "o", 100,
					&(struct shmreg_create_object_reply){ 0 }), 0);
	registry_process_died(r, &bob.process);
	ck_assert_uint_eq(notes.n_disposed, 1);
}
END_TEST

START_TEST(with_creator)
{
	const struct shmreg_attach_reply a = made_to_last(&alice, "s", SHMREG_WITH_CREATOR);
	const struct shmreg_attach_reply b = opened(&bob, "s", SHMREG_ACCESS_WRITE);
	/* Another attachment of the creating process does not count. */
	const struct shmreg_attach_reply again = opened(&alice, "s", SHMREG_ACCESS_WRITE);

	ck_assert_int_eq(fixture_detach(r, &alice, &again), 0);
	ck_assert(name_is_there("s"));
	ck_assert_int_eq(fixture_detach(r, &alice, &a), 0);
	ck_assert(!name_is_there("s"));
	ck_assert_uint_eq(notes.n_disposed, 0);
	ck_assert_int_eq(fixture_detach(r, &bob, &b), 0);
	ck_assert_uint_eq(notes.n_disposed, 1);
}
END_TEST

START_TEST(lifetime_changes)
{
	const struct shmreg_attach_reply a = made_to_last(&alice, "s", SHMREG_UNTIL_REMOVED);
	struct shmreg_set in = { .target = { .name = "s" }, .what = SHMREG_SET_LIFETIME,
				 .lifetime = SHMREG_WITH_CREATOR };

	ck_assert_int_eq(registry_set(r, &alice, &in, fixture_error), 0);
	in.lifetime = SHMREG_UNTIL_REMOVED;
	ck_assert_int_eq(registry_set(r, &alice, &in, fixture_error), 0);
	ck_assert_int_eq(fixture_detach(r, &alice, &a), 0);
	in.lifetime = SHMREG_WITH_CREATOR;
	ck_assert_int_eq(registry_set(r, &alice, &in, fixture_error), -EINVAL);
	ck_assert(name_is_there("s"));
	in.lifetime = SHMREG_WHILE_ATTACHED;
	ck_assert_int_eq(registry_set(r, &alice, &in, fixture_error), 0);
	ck_assert(!name_is_there("s"));
	ck_assert_uint_eq(notes.n_disposed, 1);
}
END_TEST

START_TEST(life_of_a_seat)
{
	const struct shmreg_attach_reply a = made_to_last(&alice, "s", SHMREG_UNTIL_REMOVED);
	const struct shmreg_attach_reply b = opened(&bob, "s", SHMREG_ACCESS_WRITE);
	const uint64_t id = a.segment;
	uint32_t death = death_word(id);
	struct shmreg_attach_reply c;

	registry_process_died(r, &bob.process);
	ck_assert_uint_eq(seat_word(id, b.seat[0]), b.participant << 8 | SHMREG_SEAT_DEAD);
	ck_assert_uint_ne(death_word(id), death);
	ck_assert_uint_eq(notes.n_repair, 1);
	ck_assert_uint_eq(notes.n_events[SHMREG_EVENT_DIED], 1);
	registry_repair_begin(r, notes.repair);
	/* Not given to anybody before the repair is over. */
	c = opened(&alice2, "s", SHMREG_ACCESS_WRITE);
	ck_assert_uint_ne(c.seat[0], b.seat[0]);
	/* One more dies meanwhile: its seats were not repaired. */
	registry_process_died(r, &alice2.process);
	ck_assert_uint_eq(notes.n_repair, 1);
	death = death_word(id);
	registry_repair_end(r, notes.repair, true, NULL);
	ck_assert_uint_ne(death_word(id), death);
	ck_assert_uint_eq(seat_word(id, b.seat[0]), SHMREG_SEAT_FREE);
	ck_assert_uint_eq(seat_word(id, c.seat[0]), c.participant << 8 | SHMREG_SEAT_DEAD);
	ck_assert_uint_eq(notes.n_repair, 2);
	fixture_repair(r, notes.repair);
	ck_assert_uint_eq(notes.last.kind, SHMREG_EVENT_REPAIRED);
	ck_assert_uint_eq(notes.last.n_repaired, 3);
	ck_assert_uint_eq(notes.last.n_freed, 2);
	ck_assert_uint_eq(notes.last.n_requeued, 1);
	ck_assert_uint_eq(segment_dir(registry_find(r, id))->n_repairs, 2);
	ck_assert_uint_eq(segment_dir(registry_find(r, id))->n_deaths, 2);
	c = opened(&bob, "s", SHMREG_ACCESS_WRITE);
	ck_assert_uint_eq(c.seat[0], b.seat[0]);
	ck_assert_uint_gt(c.participant, b.participant);
}
END_TEST

START_TEST(repair_fails)
{
	const struct shmreg_attach_reply a = made_to_last(&alice, "s", SHMREG_UNTIL_REMOVED);
	struct shmreg_attach_reply b = opened(&bob, "s", SHMREG_ACCESS_WRITE), c;
	struct segment *s = registry_find(r, a.segment);
	struct shmreg_create_object_reply o;
	uint32_t death;

	registry_process_died(r, &bob.process);
	for (int i = 0; i < 3; i++) {
		registry_repair_begin(r, s);
		registry_repair_end(r, s, false, NULL);
		registry_verify(r);
	}
	ck_assert_uint_eq(notes.n_repair, 1);
	ck_assert_uint_eq(seat_word(a.segment, b.seat[0]) & 0xff, SHMREG_SEAT_DEAD);
	death = death_word(a.segment);
	registry_quarantine(r, s);
	ck_assert_uint_ne(death_word(a.segment), death);
	ck_assert_uint_eq(notes.n_events[SHMREG_EVENT_QUARANTINED], 1);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(fixture_open(r, &bob, "s", SHMREG_ACCESS_READ, &c),
				 -ENOTRECOVERABLE);
		ck_assert_int_eq(fixture_object(r, &alice, &a, "o", 100, &o), -ENOTRECOVERABLE);
		ck_assert_int_eq(registry_seats(r, &alice,
						&(struct shmreg_seats){
							{ a.segment, a.participant, 0 }, 1, 0 },
						&(struct shmreg_seats_reply){ 0 }, fixture_error),
				 -ENOTRECOVERABLE);
		/* And after a restart. */
		restart();
		ck_assert_uint_eq(notes.n_repair, 0);
	}
	/* Its end is ordinary. */
	ck_assert_int_eq(fixture_detach(r, &alice, &a), 0);
	remove_segment(a.segment);
	ck_assert_uint_eq(notes.n_disposed, 1);
}
END_TEST

START_TEST(removed_objects)
{
	const struct shmreg_attach_reply a = made_to_last(&alice, "s", SHMREG_UNTIL_REMOVED);
	const struct shmreg_attach_reply b = opened(&bob, "s", SHMREG_ACCESS_READ);
	const struct shmreg_attach_reply c = opened(&alice2, "s", SHMREG_ACCESS_WRITE);
	struct shmreg_create_object_reply o, p;
	struct shmreg_attach_reply late;

	ck_assert_int_eq(fixture_object(r, &alice, &a, "o", 2 * fixture_page(), &o), 0);
	fixture_touch(r, a.segment, o.index);
	ck_assert_int_eq(fixture_remove_object(r, &alice, &a, "o"), 0);
	/* Its name is free at once, its range is not: three may have it open, one of them reading. */
	ck_assert_int_eq(fixture_object(r, &alice, &a, "o", 2 * fixture_page(), &p), 0);
	ck_assert_uint_gt(p.object, o.object);
	ck_assert_uint_eq(fixture_resident(r, a.segment), fixture_page());
	/* Who comes later cannot have it. */
	late = opened(&root, "s", SHMREG_ACCESS_WRITE);
	ck_assert_uint_ne(late.participant, 0);
	ck_assert_int_eq(fixture_quiesce(r, &alice, &a, 1), 0);
	ck_assert_int_eq(fixture_detach(r, &bob, &b), 0);
	ck_assert_uint_eq(fixture_resident(r, a.segment), fixture_page());
	/* One that left may be in the middle of something: only its repair ends it. */
	ck_assert_int_eq(fixture_detach(r, &alice2, &c), 0);
	ck_assert_uint_eq(fixture_resident(r, a.segment), fixture_page());
	registry_repair_begin(r, notes.repair);
	ck_assert_uint_eq(fixture_resident(r, a.segment), fixture_page());
	registry_repair_end(r, notes.repair, true, NULL);
	ck_assert_uint_eq(fixture_resident(r, a.segment), 0);
	/* An epoch that is yet to come is not believed. */
	ck_assert_int_eq(fixture_quiesce(r, &alice, &a, UINT64_MAX), 0);
	ck_assert_int_eq(fixture_quiesce(r, &root, &late, UINT64_MAX), 0);
	fixture_touch(r, a.segment, p.index);
	ck_assert_int_eq(fixture_remove_object(r, &alice, &a, "o"), 0);
	ck_assert_uint_eq(fixture_resident(r, a.segment), fixture_page());
}
END_TEST

START_TEST(readers_hold_ranges)
{
	const struct shmreg_attach_reply a = made_to_last(&alice, "s", SHMREG_UNTIL_REMOVED);
	const struct shmreg_attach_reply b = opened(&bob, "s", SHMREG_ACCESS_READ);
	struct shmreg_create_object_reply o;

	ck_assert_int_eq(fixture_object(r, &alice, &a, "o", 2 * fixture_page(), &o), 0);
	fixture_touch(r, a.segment, o.index);
	ck_assert_int_eq(fixture_remove_object(r, &alice, &a, "o"), 0);
	ck_assert_int_eq(fixture_quiesce(r, &alice, &a, 1), 0);
	ck_assert_uint_eq(fixture_resident(r, a.segment), fixture_page());
	ck_assert_int_eq(fixture_quiesce(r, &bob, &b, 1), 0);
	ck_assert_uint_eq(fixture_resident(r, a.segment), 0);
}
END_TEST

START_TEST(no_range_is_freed_during_repair)
{
	const struct shmreg_attach_reply a = made_to_last(&alice, "s", SHMREG_UNTIL_REMOVED);
	const struct shmreg_attach_reply b = opened(&bob, "s", SHMREG_ACCESS_WRITE);
	struct shmreg_create_object_reply o;

	ck_assert_int_eq(fixture_object(r, &alice, &a, "o", 2 * fixture_page(), &o), 0);
	fixture_touch(r, a.segment, o.index);
	ck_assert_int_eq(fixture_remove_object(r, &alice, &a, "o"), 0);
	ck_assert_int_eq(fixture_quiesce(r, &bob, &b, 1), 0);
	registry_process_died(r, &bob.process);
	registry_repair_begin(r, notes.repair);
	/* alice was the last to hold it, but the reaper may be looking at it. */
	ck_assert_int_eq(fixture_quiesce(r, &alice, &a, 1), 0);
	ck_assert_uint_eq(fixture_resident(r, a.segment), fixture_page());
	/* Another reaper is about to come. */
	registry_repair_end(r, notes.repair, false, NULL);
	ck_assert_uint_eq(fixture_resident(r, a.segment), fixture_page());
	fixture_repair(r, notes.repair);
	ck_assert_uint_eq(fixture_resident(r, a.segment), 0);
}
END_TEST

/* The other way round: who dies meanwhile is repaired after it. */
START_TEST(no_repair_while_a_range_is_freed)
{
	struct shmreg_create_object_reply o;
	struct shmreg_attach_reply a, b;
	struct segment *s;

	registry_free(r);
	r = fixture_registry_with_free(&config, &notes);
	a = made(&alice, "s", 0666);
	for (int success = 0; success < 2; success++) {
		b = opened(&bob, "s", SHMREG_ACCESS_WRITE);
		ck_assert_int_eq(fixture_object(r, &alice, &a, "o", 4096, &o), 0);
		notes.free = NULL;
		ck_assert_int_eq(fixture_remove_object(r, &alice, &a, "o"), 0);
		ck_assert_int_eq(fixture_quiesce(r, &alice, &a, UINT64_MAX), 0);
		ck_assert_ptr_null(notes.free);
		ck_assert_int_eq(fixture_quiesce(r, &bob, &b, UINT64_MAX), 0);
		s = notes.free;
		ck_assert_ptr_nonnull(s);
		registry_verify(r);
		notes.free = NULL;
		registry_process_died(r, &bob.process);
		registry_verify(r);
		ck_assert_ptr_null(notes.free);
		ck_assert_uint_eq(notes.n_repair, (uint32_t)success);
		registry_freed(r, s, success);
		registry_verify(r);
		ck_assert_ptr_null(notes.free);
		ck_assert_uint_eq(notes.n_repair, (uint32_t)success + 1);
		fixture_repair(r, s);
		if (!success)
			registry_freed(r, notes.free, true);
		registry_verify(r);
	}
}
END_TEST

START_TEST(disposal_frees_memory)
{
	const struct shmreg_attach_reply a = made_to_last(&alice, "s", SHMREG_WHILE_ATTACHED);
	const int fd = fcntl(segment_data_fd(registry_find(r, a.segment)), F_DUPFD_CLOEXEC, 3);

	ck_assert_int_eq(pwrite(fd, "full", 4, 0), 4);
	ck_assert_int_eq(fixture_detach(r, &alice, &a), 0);
	/* Somebody kept it, and it costs nothing. */
	ck_assert_uint_eq(memfd_resident(fd), 0);
	close(fd);
}
END_TEST

START_TEST(userdata_and_walk)
{
	const uint64_t one = made_to_last(&alice, "1", SHMREG_UNTIL_REMOVED).segment;
	const uint64_t two = made_to_last(&alice, "2", SHMREG_UNTIL_REMOVED).segment;
	struct segment *s = registry_first(r);
	int fd;

	ck_assert_uint_eq(segment_id(s), one);
	ck_assert_str_eq(segment_name(s), "1");
	ck_assert_uint_eq(segment_id(registry_next(r, s)), two);
	ck_assert_ptr_null(registry_next(r, registry_next(r, s)));
	ck_assert_ptr_null(segment_userdata(s));
	segment_set_userdata(s, &notes);
	ck_assert_ptr_eq(segment_userdata(s), &notes);
	fd = segment_open_dir_ro(s);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	close(fd);
	fd = segment_open_data_ro(s);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	close(fd);
}
END_TEST

/* As many as are said to be, those that were used last, and none when its segment has gone. */
START_TEST(kept_read_only)
{
	struct shmreg_attach_reply at[SEGMENT_RO_KEPT + 1];
	struct segment *s[SEGMENT_RO_KEPT + 1];
	int fds[SEGMENT_RO_KEPT + 1];
	char name[16];

	for (int i = 0; i <= SEGMENT_RO_KEPT; i++) {
		snprintf(name, sizeof(name), "kept.%d", i);
		at[i] = made_to_last(&alice, name, SHMREG_WHILE_ATTACHED);
		s[i] = registry_find(r, at[i].segment);
	}
	for (int i = 0; i < SEGMENT_RO_KEPT; i++) {
		fds[i] = segment_dir_ro(s[i]);
		ck_assert_int_ge(fds[i], 0);
		ck_assert_int_eq(fcntl(fds[i], F_GETFL) & O_ACCMODE, O_RDONLY);
		ck_assert_int_ne(fcntl(fds[i], F_GETFD) & FD_CLOEXEC, 0);
		ck_assert_int_eq(segment_dir_ro(s[i]), fds[i]);
	}
	/* The first is used again, so that the second goes. */
	ck_assert_int_eq(segment_dir_ro(s[0]), fds[0]);
	fds[SEGMENT_RO_KEPT] = segment_dir_ro(s[SEGMENT_RO_KEPT]);
	ck_assert_int_ge(fds[SEGMENT_RO_KEPT], 0);
	ck_assert_int_lt(fcntl(fds[1], F_GETFD), 0);
	for (int i = 0; i <= SEGMENT_RO_KEPT; i++) {
		if (i == 1)
			continue;
		ck_assert_int_eq(segment_dir_ro(s[i]), fds[i]);
		ck_assert_int_eq(fixture_detach(r, &alice, &at[i]), 0);
		ck_assert_ptr_null(registry_find(r, at[i].segment));
		ck_assert_int_lt(fcntl(fds[i], F_GETFD), 0);
	}
}
END_TEST

START_TEST(process_identity)
{
	const struct process_id a = { .pid = 5, .pidfd_inode = 6, .start_time = 7 };
	const struct process_id vague = { .pid = 5 };
	struct process_id b = a;

	ck_assert(process_id_equal(&a, &b));
	ck_assert(process_id_equal(&a, &vague));
	b.pid++;
	ck_assert(!process_id_equal(&a, &b));
	b = a;
	b.pidfd_inode++;
	ck_assert(!process_id_equal(&a, &b));
	ck_assert(process_id_equal(&vague, &b));
	b = a;
	b.start_time++;
	ck_assert(!process_id_equal(&a, &b));
	b.start_time = 0;
	ck_assert(process_id_equal(&a, &b));
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		while_attached,	  while_attached_all_die, until_removed,      with_creator,
		lifetime_changes, life_of_a_seat,	  repair_fails,	      removed_objects,
		readers_hold_ranges, no_range_is_freed_during_repair,
		no_repair_while_a_range_is_freed, disposal_frees_memory,
		userdata_and_walk, kept_read_only, process_identity,
	};

	return RUN_SUITE("registry-life", tests, setup, teardown, 60);
}
