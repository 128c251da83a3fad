/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * What outlives the daemon, and what a new one refuses.
 */

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "memfd.h"
#include "registry-world.h"

START_TEST(ids_are_never_reused)
{
	const uint64_t registry = registry_id(r);
	uint64_t last;

	ck_assert_uint_ne(registry, 0);
	made_to_last(&alice, "keep", SHMREG_UNTIL_REMOVED);
	for (int i = 0; i < 5; i++) {
		const struct shmreg_attach_reply a = made_to_last(&alice, "gone", SHMREG_WHILE_ATTACHED);

		last = a.segment;
		ck_assert_int_eq(fixture_detach(r, &alice, &a), 0);
		ck_assert(!name_is_there("gone"));
		/* The largest id went with its segment, but "keep" remembers. */
		restart();
		ck_assert_uint_eq(registry_id(r), registry);
		ck_assert_uint_gt(made_to_last(&alice, "next", SHMREG_UNTIL_REMOVED).segment, last);
		remove_segment(last + 1);
	}
}
END_TEST

START_TEST(ids_of_participants_and_objects)
{
	const struct shmreg_attach_reply a = made_to_last(&alice, "s", SHMREG_UNTIL_REMOVED);
	struct shmreg_create_object_reply o;
	uint64_t participant = a.participant, object = 0;

	for (int i = 0; i < 5; i++) {
		struct shmreg_attach_reply b = opened(&bob, "s", SHMREG_ACCESS_READ);

		ck_assert_uint_gt(b.participant, participant);
		participant = b.participant;
		ck_assert_int_eq(fixture_object(r, &alice, &a, "o", 100, &o), 0);
		ck_assert_uint_gt(o.object, object);
		object = o.object;
		ck_assert_int_eq(fixture_detach(r, &bob, &b), 0);
		ck_assert_int_eq(fixture_remove_object(r, &alice, &a, "o"), 0);
		ck_assert_int_eq(fixture_quiesce(r, &alice, &a, UINT64_MAX), 0);
		restart();
	}
}
END_TEST

START_TEST(restart_keeps_everything)
{
	const struct shmreg_attach_reply a = made_to_last(&alice, "s", SHMREG_WHILE_ATTACHED);
	const struct shmreg_attach_reply b = opened(&bob, "s", SHMREG_ACCESS_WRITE);
	struct shmreg_create_object_reply o, again;
	struct shmreg_usage before[SHMREG_N_RESOURCES], after[SHMREG_N_RESOURCES];
	struct shmreg_attach_reply same;

	ck_assert_int_eq(fixture_object(r, &alice, &a, "o", 2 * fixture_page(), &o), 0);
	fixture_touch(r, a.segment, o.index);
	ck_assert_int_eq(registry_usage(r, &root, UINT32_MAX, before, fixture_error), 0);
	registry_orphan(r);
	ck_assert_uint_eq(segment_dir(registry_find(r, a.segment))->flags, SHMREG_DIR_ORPHANED);
	restart();
	ck_assert_uint_eq(segment_dir(registry_find(r, a.segment))->flags, 0);
	ck_assert_uint_eq(notes.n_created, 0);
	ck_assert_uint_eq(notes.n_watch, 2);
	ck_assert(registry_process_attached(r, &alice.process));
	ck_assert(registry_process_attached(r, &bob.process));
	ck_assert(!registry_process_attached(r, &alice2.process));
	ck_assert_int_eq(registry_usage(r, &root, UINT32_MAX, after, fixture_error), 0);
	ck_assert_int_eq(memcmp(before, after, sizeof(before)), 0);
	ck_assert_int_eq(registry_reattach(r, &bob,
					   &(struct shmreg_attachment){ b.segment, b.participant, 0 },
					   &same, fixture_error), 0);
	ck_assert_int_eq(memcmp(same.seat, b.seat, sizeof(same.seat)), 0);
	ck_assert_int_eq(fixture_object(r, &alice, &a, "o", 2 * fixture_page(), &again), -EEXIST);
	ck_assert_uint_eq(fixture_resident(r, a.segment), fixture_page());
	/* bob died while no daemon looked; the shell finds out and says so. */
	registry_process_died(r, &bob.process);
	ck_assert_uint_eq(notes.n_repair, 1);
	/* A restart in the middle of the repair: it is asked for again. */
	registry_repair_begin(r, notes.repair);
	restart();
	ck_assert_uint_eq(notes.n_repair, 1);
	ck_assert_uint_eq(notes.n_watch, 1);
	fixture_repair(r, notes.repair);
	registry_process_died(r, &alice.process);
	ck_assert_uint_eq(notes.n_disposed, 1);
}
END_TEST

/* Copies of a segment's memfds, and then the segment is gone from @r. */
static void take_out(uint64_t id, int *ret_dir, int *ret_data)
{
	*ret_dir = fixture_copy_memfd(segment_dir_fd(registry_find(r, id)));
	*ret_data = fixture_copy_memfd(segment_data_fd(registry_find(r, id)));
}

static int restore(int dir_fd, int data_fd)
{
	struct segment *s;

	fixture_error[0] = 0;
	return registry_restore(r, dir_fd, data_fd, &s, fixture_error);
}

START_TEST(restore_refuses)
{
	const struct shmreg_attach_reply a = made_to_last(&alice, "a", SHMREG_UNTIL_REMOVED);
	const struct shmreg_attach_reply b = made_to_last(&alice, "b", SHMREG_UNTIL_REMOVED);
	struct shmreg_dir *map;
	int dir, data, other;

	/* The same once more. */
	take_out(a.segment, &dir, &data);
	ck_assert_int_eq(restore(dir, data), -EEXIST);
	ck_assert_ptr_nonnull(strstr(fixture_error, "segment 1 is there"));
	ck_assert_int_eq(fcntl(dir, F_GETFD), -1);
	ck_assert_int_eq(fcntl(data, F_GETFD), -1);
	/* The other way round, and something else altogether. */
	take_out(b.segment, &dir, &data);
	ck_assert_int_eq(restore(data, dir), -ENOENT);
	dir = open("/dev/null", O_RDWR | O_CLOEXEC);
	data = open("/dev/null", O_RDWR | O_CLOEXEC);
	ck_assert_int_eq(restore(dir, data), -EBADMSG);
	/* A data area of another size, or one that could still shrink. */
	remove_segment(b.segment);
	take_out(a.segment, &dir, &data);
	remove_segment(a.segment);
	registry_process_died(r, &alice.process);
	other = memfd_new("small", 4096);
	ck_assert_int_eq(restore(fixture_copy_memfd(dir), other), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(fixture_error, "4096 bytes"));
	other = memfd_create("unsealed", MFD_CLOEXEC);
	ck_assert_int_eq(ftruncate(other, 65536), 0);
	ck_assert_int_eq(restore(fixture_copy_memfd(dir), other), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(fixture_error, "sealed"));
	/* Of another registry. */
	other = fixture_copy_memfd(dir);
	map = mmap(NULL, sizeof(*map), PROT_READ | PROT_WRITE, MAP_SHARED, other, 0);
	map->registry++;
	ck_assert_int_eq(restore(other, fixture_copy_memfd(data)), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(fixture_error, "another registry"));
	munmap(map, sizeof(*map));
	/* Never finished. */
	other = fixture_copy_memfd(dir);
	map = mmap(NULL, sizeof(*map), PROT_READ | PROT_WRITE, MAP_SHARED, other, 0);
	map->state = SHMREG_DIR_CREATING;
	ck_assert_int_eq(restore(other, fixture_copy_memfd(data)), -ENOENT);
	munmap(map, sizeof(*map));
	ck_assert_int_eq(restore(dir, data), 0);
}
END_TEST

/* What the daemon was about to dispose of when it died. */
START_TEST(restore_disposes)
{
	const struct shmreg_attach_reply a = made_to_last(&alice, "a", SHMREG_UNTIL_REMOVED);
	struct registry *fresh;
	struct shmreg_dir *map;
	int dir, data, kept;

	take_out(a.segment, &dir, &data);
	map = mmap(NULL, segment_dir(registry_find(r, a.segment))->dir_bytes,
		   PROT_READ | PROT_WRITE, MAP_SHARED, dir, 0);
	shmreg_dir_participants(map)[0].state = SHMREG_ENTRY_FREE;
	map->state = SHMREG_DIR_REMOVED;
	kept = fcntl(data, F_DUPFD_CLOEXEC, 3);
	ck_assert_int_eq(pwrite(kept, "full", 4, 0), 4);
	fresh = r;
	notes = (struct notes){ 0 };
	r = fixture_registry(&config, &notes);
	ck_assert_int_eq(restore(dir, data), -ENOENT);
	ck_assert_ptr_nonnull(strstr(fixture_error, "\"a\" had ended"));
	ck_assert_uint_eq(memfd_resident(kept), 0);
	ck_assert_uint_eq(notes.n_disposed + notes.n_created, 0);
	/* Its id is remembered all the same. */
	ck_assert_uint_gt(made_to_last(&alice, "b", SHMREG_UNTIL_REMOVED).segment, a.segment);
	close(kept);
	munmap(map, segment_dir(registry_find(fresh, a.segment))->dir_bytes);
	registry_free(fresh);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		ids_are_never_reused, ids_of_participants_and_objects, restart_keeps_everything,
		restore_refuses,      restore_disposes,
	};

	return RUN_SUITE("registry-restart", tests, setup, teardown, 60);
}
