/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * The directory's writer and its checks: entries, index, wreckage, nonsense.
 */

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "directory.h"
#include "memfd.h"
#include "registry-fixture.h"
#include "suite.h"

#define MAX_PARTICIPANTS 8
#define MAX_OBJECTS 8

static struct directory d;
static char why[SHMREG_ERROR_MAX + 1];

static void setup(void)
{
	struct shmreg_dir head = {
		.segment = 7,
		.registry = 9,
		.data_bytes = 65536,
		.max_participants = MAX_PARTICIPANTS,
		.max_objects = MAX_OBJECTS,
		.mode_lifetime = 0644 | SHMREG_UNTIL_REMOVED << 16,
		.name = "directory/test",
	};

	d = (struct directory)DIRECTORY_INIT;
	ck_assert_int_eq(directory_create(&d, &head), 0);
	directory_publish(&d);
}

static void teardown(void)
{
	directory_deinit(&d);
}

static void attach(uint32_t index, uint64_t id, const uint16_t *seats, uint32_t n)
{
	const struct shmreg_dir_participant p = {
		.id = id, .pid = 100, .uid = 1000, .name = "client",
	};

	directory_attach(&d, index, &p, seats, n);
}

static void add_object(uint32_t index, uint64_t id, const char *name, uint64_t offset)
{
	struct shmreg_dir_object o = {
		.id = id,
		.shape = fixture_array(1000),
		.offset = offset,
		.bytes = 1024,
		.type_name = "char",
	};

	directory_copy_name(o.name, name, sizeof(o.name));
	directory_add_object(&d, index, &o);
}

static struct shmreg_dir_object *object(uint32_t index)
{
	return &shmreg_dir_objects(d.map)[index];
}

static struct shmreg_dir_participant *participant(uint32_t index)
{
	return &shmreg_dir_participants(d.map)[index];
}

/* A second name in the bucket of @name. */
static void find_collision(const char *name, char *ret, size_t size)
{
	for (int i = 0;; i++) {
		snprintf(ret, size, "n%d", i);
		if (strcmp(ret, name) && directory_bucket(d.map, ret) == directory_bucket(d.map, name))
			return;
	}
}

START_TEST(entries)
{
	const uint16_t seats[] = { 3, 4095 };
	struct shmreg_dir_participant copy;
	const uint32_t death = d.map->death;

	attach(2, 1, seats, 2);
	ck_assert_int_eq(shmreg_dir_read_participant(d.map, 2, &copy), 0);
	ck_assert_uint_eq(copy.id, 1);
	ck_assert_str_eq(copy.name, "client");
	ck_assert_uint_eq(shmreg_dir_seats(d.map)[3], 1 << 8 | SHMREG_SEAT_LIVE);
	ck_assert_int_eq(directory_check(&d, why), 0);
	directory_end_participant(&d, 2, true);
	ck_assert_uint_eq(participant(2)->state, SHMREG_ENTRY_DEAD);
	ck_assert_uint_eq(participant(2)->flags, SHMREG_PARTICIPANT_LEFT);
	ck_assert_uint_eq(shmreg_dir_seats(d.map)[4095], 1 << 8 | SHMREG_SEAT_DEAD);
	ck_assert_uint_eq(d.map->death, death + 1);
	ck_assert_int_eq(directory_check(&d, why), 0);
	directory_free_seat(&d, 3);
	directory_free_seat(&d, 4095);
	directory_free_participant(&d, 2);
	ck_assert_int_eq(shmreg_dir_read_participant(d.map, 2, &copy), -ENOENT);
	ck_assert_int_eq(directory_check(&d, why), 0);
}
END_TEST

START_TEST(index_and_removal)
{
	struct shmreg_dir_object copy;
	char collision[16];
	uint32_t index;

	find_collision("one", collision, sizeof(collision));
	add_object(0, 1, "one", 0);
	add_object(5, 2, collision, 1024);
	ck_assert_int_eq(shmreg_dir_find(d.map, "one", &copy, &index), 0);
	ck_assert_uint_eq(index, 0);
	ck_assert_int_eq(shmreg_dir_find(d.map, collision, &copy, &index), 0);
	ck_assert_uint_eq(index, 5);
	directory_remove_object(&d, 0);
	ck_assert_uint_eq(d.map->removal_epoch, 1);
	ck_assert_uint_eq(object(0)->removed_epoch, 1);
	ck_assert_int_eq(shmreg_dir_find(d.map, "one", &copy, &index), -ENOENT);
	ck_assert_int_eq(shmreg_dir_find(d.map, collision, &copy, &index), 0);
	/* The name is free again while the range is not. */
	add_object(1, 3, "one", 2048);
	ck_assert_int_eq(shmreg_dir_find(d.map, "one", &copy, &index), 0);
	ck_assert_uint_eq(copy.id, 3);
	ck_assert_int_eq(directory_check(&d, why), 0);
	directory_free_object(&d, 0);
	ck_assert_int_eq(directory_check(&d, why), 0);
}
END_TEST

/* Each half-done change, planted, checked, recovered. */
static void recover(void)
{
	ck_assert_msg(directory_check(&d, why) == 0, "%s", why);
	ck_assert_int_eq(directory_recover(&d), 0);
	ck_assert_msg(directory_check(&d, why) == 0, "%s", why);
}

START_TEST(wreck_attach)
{
	participant(0)->id = 5;
	shmreg_dir_seats(d.map)[9] = 5 << 8 | SHMREG_SEAT_LIVE;
	recover();
	ck_assert_uint_eq(shmreg_dir_seats(d.map)[9], 0);
	ck_assert_uint_eq(participant(0)->state, SHMREG_ENTRY_FREE);
}
END_TEST

START_TEST(wreck_detach)
{
	const uint16_t seats[] = { 1, 2, 3 };
	const uint32_t death = d.map->death;

	attach(0, 1, seats, 1);
	attach(1, 2, seats + 1, 2);
	participant(0)->flags = SHMREG_PARTICIPANT_LEFT;
	participant(1)->flags = SHMREG_PARTICIPANT_LEFT;
	participant(1)->state = SHMREG_ENTRY_DEAD;
	shmreg_dir_seats(d.map)[2] = 2 << 8 | SHMREG_SEAT_DEAD;
	recover();
	ck_assert_uint_eq(participant(0)->flags, 0);
	ck_assert_uint_eq(participant(0)->state, SHMREG_ENTRY_LIVE);
	ck_assert_uint_eq(participant(1)->flags, SHMREG_PARTICIPANT_LEFT);
	ck_assert_uint_eq(shmreg_dir_seats(d.map)[3], 2 << 8 | SHMREG_SEAT_DEAD);
	ck_assert_uint_ne(d.map->death, death);
	/* Repair had freed all seats and not yet the entry. */
	directory_free_seat(&d, 2);
	directory_free_seat(&d, 3);
	recover();
	ck_assert_uint_eq(participant(1)->state, SHMREG_ENTRY_FREE);
}
END_TEST

START_TEST(wreck_objects)
{
	struct shmreg_dir_object copy;
	char collision[16];
	const uint64_t generation = d.map->objects_generation;

	find_collision("one", collision, sizeof(collision));
	add_object(0, 1, "one", 0);
	add_object(1, 2, collision, 1024);
	/* Committed and not linked. */
	shmreg_dir_buckets(d.map)[directory_bucket(d.map, "one")] = 1;
	recover();
	ck_assert_int_eq(shmreg_dir_find(d.map, "one", &copy, NULL), 0);
	ck_assert_int_eq(shmreg_dir_find(d.map, collision, &copy, NULL), 0);
	/* About to be removed: is not. */
	object(0)->removed_epoch = 1;
	recover();
	ck_assert_uint_eq(object(0)->removed_epoch, 0);
	/* Removed, and linked yet. */
	object(0)->removed_epoch = 1;
	object(0)->state = SHMREG_ENTRY_REMOVED;
	recover();
	ck_assert_uint_eq(d.map->removal_epoch, 1);
	ck_assert_int_eq(shmreg_dir_find(d.map, "one", &copy, NULL), -ENOENT);
	ck_assert_int_eq(shmreg_dir_find(d.map, collision, &copy, NULL), 0);
	/* Nothing but that one is in the chain: the entry may be used again. */
	ck_assert_uint_eq(shmreg_dir_buckets(d.map)[directory_bucket(d.map, "one")], 2);
	ck_assert_uint_eq(object(1)->next, 0);
	ck_assert_uint_gt(d.map->objects_generation, generation);
}
END_TEST

START_TEST(wreck_set)
{
	d.map->set_owner = 5;
	d.map->set_mode_lifetime = 0600;
	recover();
	ck_assert_uint_eq(d.map->owner, 0);
	d.map->set_pending = 1;
	recover();
	ck_assert_uint_eq(d.map->owner, 5);
	ck_assert_uint_eq(d.map->mode_lifetime, 0600);
	ck_assert_uint_eq(d.map->set_pending, 0);
	directory_set_flag(&d, SHMREG_DIR_ORPHANED);
	recover();
	ck_assert_uint_eq(d.map->flags, 0);
}
END_TEST

/* What no death of the writer leaves. */
static void refused(const char *says)
{
	why[0] = 0;
	ck_assert_int_eq(directory_check(&d, why), -EBADMSG);
	ck_assert_msg(strstr(why, says) != NULL, "\"%s\" says nothing of \"%s\"", why, says);
}

#define PLANT(lvalue, value, says)                                                                 \
	do {                                                                                       \
		__typeof__(lvalue) kept_ = (lvalue);                                               \
		(lvalue) = (value);                                                                \
		refused(says);                                                                     \
		(lvalue) = kept_;                                                                  \
		ck_assert_int_eq(directory_check(&d, why), 0);                                     \
	} while (0)

START_TEST(nonsense)
{
	const uint16_t seats[] = { 1, 2 };
	char collision[16];
	uint64_t *seat = shmreg_dir_seats(d.map);
	uint32_t *bucket;

	attach(0, 1, seats, 1);
	attach(1, 2, seats + 1, 1);
	find_collision("one", collision, sizeof(collision));
	add_object(0, 1, "one", 0);
	add_object(1, 2, collision, 1024);
	bucket = &shmreg_dir_buckets(d.map)[directory_bucket(d.map, "one")];

	PLANT(d.map->name[0], '/', "name");
	PLANT(d.map->data_bytes, 100, "data area");
	PLANT(d.map->mode_lifetime, 0777, "mode");
	PLANT(d.map->mode_lifetime, 3u << 16, "mode");
	PLANT(d.map->set_pending, 2, "mode");
	PLANT(d.map->flags, 4, "flags");
	PLANT(d.map->segment, 0, "id");
	PLANT(d.map->registry, 0, "id");
	PLANT(d.map->removal_epoch, UINT64_MAX, "epoch");
	PLANT(participant(0)->state, 3, "participant entry 0");
	PLANT(participant(0)->id, 2, "twice");
	PLANT(participant(0)->id, 0, "participant entry 0");
	PLANT(participant(0)->epoch, 1, "participant entry 0");
	PLANT(participant(0)->flags, SHMREG_PARTICIPANT_READ_ONLY, "seat 1");
	PLANT(participant(0)->flags, SHMREG_PARTICIPANT_WATCHES, "participant entry 0");
	PLANT(participant(0)->flags, 8, "participant entry 0");
	PLANT(seat[0], 1 << 8 | SHMREG_SEAT_LIVE, "seat 0");
	PLANT(seat[5], 1 << 8, "seat 5");
	PLANT(seat[5], SHMREG_SEAT_DEAD, "seat 5");
	PLANT(seat[5], 1 << 8 | SHMREG_SEAT_DEAD, "seat 5");
	PLANT(seat[5], 77 << 8 | SHMREG_SEAT_DEAD, "seat 5");
	PLANT(object(0)->state, 3, "object entry 0");
	PLANT(object(0)->watch_events, SHMREG_WAIT_ITEMS, "watched");
	PLANT(object(0)->watch_events, 4, "watched");
	PLANT(object(0)->id, 2, "twice");
	PLANT(object(0)->offset, 65536, "data area");
	PLANT(object(0)->offset, UINT64_MAX - 1023, "data area");
	PLANT(object(0)->offset, 64, "data area");
	PLANT(object(0)->bytes, 2048, "data area");
	PLANT(object(0)->shape.kind, 99, "kind");
	PLANT(object(0)->removed_epoch, 2, "object entry 0");
	PLANT(object(0)->state, SHMREG_ENTRY_REMOVED, "object entry 0");
	PLANT(object(0)->state, SHMREG_ENTRY_FREE, "stranger");
	PLANT(object(0)->next, 1, "end");
	PLANT(object(0)->next, 2, "end");
	PLANT(object(0)->next, UINT32_MAX, "end");
	PLANT(*bucket, 0, "index");
	memset(object(1)->name, 0, sizeof(object(1)->name));
	strcpy(object(1)->name, "one");
	refused("twice");
	memset(object(1)->name, 'x', sizeof(object(1)->name));
	refused("not terminated");
}
END_TEST

/* There is nothing else that it could sleep in. */
static void wait_until_asleep(pid_t pid)
{
	char path[64], line[256], state = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	while (state != 'S') {
		FILE *f = fopen(path, "re");

		ck_assert_ptr_nonnull(f);
		ck_assert_ptr_nonnull(fgets(line, sizeof(line), f));
		fclose(f);
		state = strrchr(line, ')')[2];
		usleep(1000);
	}
}

START_TEST(death_wakes_all)
{
	struct shmreg_dir *m = d.map;
	pid_t children[2];

	for (int i = 0; i < 2; i++) {
		children[i] = fork();
		if (children[i] == 0) {
			/* Read-only, as a client's. */
			uint32_t *word = mmap(NULL, d.bytes, PROT_READ, MAP_SHARED, d.fd, 0);

			word += offsetof(struct shmreg_dir, death) / sizeof(*word);
			while (shmreg_load_acquire(word) == 0)
				syscall(SYS_futex, word, FUTEX_WAIT, 0, NULL, NULL, 0);
			_exit(0);
		}
	}
	for (int i = 0; i < 2; i++)
		wait_until_asleep(children[i]);
	directory_raise_death(&d);
	ck_assert_uint_eq(m->death, 1);
	for (int i = 0; i < 2; i++) {
		int status;

		ck_assert_int_eq(waitpid(children[i], &status, 0), children[i]);
		ck_assert_int_eq(status, 0);
	}
}
END_TEST

START_TEST(open_refuses)
{
	struct directory e = DIRECTORY_INIT;
	int fd;

	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	ck_assert_int_eq(directory_open(&e, fd, why), -EBADMSG);
	close(fd);
	fd = memfd_new("short", 100);
	ck_assert_int_eq(directory_open(&e, fd, why), -EBADMSG);
	close(fd);
	fd = memfd_new("zeros", 65536);
	ck_assert_int_eq(directory_open(&e, fd, why), -ENOENT);
	close(fd);
	d.map->layout = SHMREG_DIR_LAYOUT + 1;
	fd = fcntl(d.fd, F_DUPFD_CLOEXEC, 3);
	ck_assert_int_eq(directory_open(&e, fd, why), -EPROTONOSUPPORT);
	ck_assert_msg(strstr(why, "layout 3") && strstr(why, "knows 2"), "%s", why);
	d.map->layout = SHMREG_DIR_LAYOUT;
	ck_assert_int_eq(directory_open(&e, fd, why), 0);
	directory_deinit(&e);
	ck_assert_int_eq(e.fd, -1);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		entries,   index_and_removal, wreck_attach,   wreck_detach, wreck_objects,
		wreck_set, nonsense,	      death_wakes_all, open_refuses,
	};

	return RUN_SUITE("directory", tests, setup, teardown, 0);
}
