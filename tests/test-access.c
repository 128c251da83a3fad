/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * Who may attach, read, write and administer, between real users; and that
 * read-only is read-only, whatever one tries with the descriptors.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actor.h"
#include "raw.h"

static const struct identity anna = { .uid = 20001, .gid = 20001 };
static const struct identity bert = { .uid = 20002, .gid = 20002 };
/* In anna's group, by supplementary and by primary group. */
static const struct identity carl = { .uid = 20003, .gid = 20003, .groups = { 20009, 20001 },
				      .n_groups = 2 };
static const struct identity dora = { .uid = 20004, .gid = 20001 };

static struct harness h;
static struct process owner, other;

static void setup(void)
{
	harness_start(&h, NULL);
}

static void teardown(void)
{
	harness_stop(&h);
}

#define R SHMREG_ACCESS_READ
#define W SHMREG_ACCESS_WRITE

/* What @who gets of a segment of anna's with @mode: 0, R or R and W. */
static void may(const struct identity *who, int mode, uint32_t allowed)
{
	actor_start_as(&owner, &anna);
	actor_ok(&owner, deed_create_mode, mode);
	actor_start_as(&other, who);
	actor_expect(&other, deed_open, R, allowed ? 0 : -EACCES);
	if (allowed)
		actor_ok(&other, deed_close, 0);
	else
		actor_says(&other, ACTOR_SEGMENT);
	actor_expect(&other, deed_open, W, allowed == W ? 0 : -EACCES);
	if (allowed != W)
		actor_says(&other, "for writing");
	actor_ok(&owner, deed_remove, 0);
	process_finish(&owner);
	process_finish(&other);
}

START_TEST(test_owner)
{
	if (harness_need_root())
		return;
	may(&anna, 0600, W);
	may(&anna, 0400, R);
	may(&anna, 0066, 0);	/* as with files: the first class that fits decides */
}
END_TEST

START_TEST(test_group)
{
	if (harness_need_root())
		return;
	may(&dora, 0640, R);
	may(&dora, 0660, W);
	may(&dora, 0606, 0);
	may(&carl, 0640, R);
	may(&carl, 0660, W);
	may(&carl, 0600, 0);
}
END_TEST

START_TEST(test_others)
{
	if (harness_need_root())
		return;
	may(&bert, 0660, 0);
	may(&bert, 0664, R);
	may(&bert, 0666, W);
	may(&bert, 0602, W);	/* to write is to read */
	may(NULL, 0600, W);	/* root */
}
END_TEST

/* --- what one learns of a segment that one may not read ------------------------------ */

static int check_info(void *data, const struct shmreg_segment_info *info)
{
	struct shmreg_segment_info nothing = { .segment = info->segment };

	++*(int *)data;
	memcpy(nothing.name, info->name, sizeof(nothing.name));
	return memcmp(info, &nothing, sizeof(nothing)) == 0 ? 0 : -EBADMSG;
}

static int64_t deed_look(struct actor *a, int64_t unused)
{
	const struct shmreg_dir *dir = NULL;
	struct shmreg_segment_info info;
	int r, n = 0;

	(void)unused;
	if (deed_connect(a, 0) < 0)
		return -1;
	r = shmreg_segment_list(a->connection, check_info, &n);
	if (r < 0 || n != 1)
		return -2;
	r = shmreg_segment_describe(a->connection, ACTOR_SEGMENT, &info, &dir);
	if (r == 0 && (dir || check_info(&n, &info) < 0))
		return -3;
	return r == 0 || r == -EACCES ? 0 : -4;
}

static int64_t deed_describe(struct actor *a, int64_t unused)
{
	const struct shmreg_dir *dir = NULL;
	struct shmreg_segment_info info;
	int r;

	(void)unused;
	if (deed_connect(a, 0) < 0)
		return -1;
	r = shmreg_segment_describe(a->connection, ACTOR_SEGMENT, &info, &dir);
	if (r < 0 || !dir)
		return -2;
	r = strcmp(dir->name, ACTOR_SEGMENT) == 0 && info.owner_uid == anna.uid &&
	    info.n_objects == 1 && info.mode == 0640;
	shmreg_dir_unmap(dir);
	return r ? 0 : -3;
}

static int64_t deed_subscribe(struct actor *a, int64_t unused)
{
	(void)unused;
	return deed_connect(a, 0) < 0 ? -1 : shmreg_subscribe(a->connection, NULL, 0);
}

/* Only CREATED and the like of segments that one may read; else nothing at all. */
static int64_t deed_next_event(struct actor *a, int64_t nonblock)
{
	struct shmreg_event event;
	const int r = shmreg_next_event(a->connection, &event, (int)nonblock);

	return r < 0 ? r : (int64_t)event.kind;
}

static int64_t deed_stats(struct actor *a, int64_t uid)
{
	struct shmreg_stats_reply stats;

	return deed_connect(a, 0) < 0 ? -1 : shmreg_stats(a->connection, (uint32_t)uid, &stats);
}

static int64_t deed_set_mode(struct actor *a, int64_t mode)
{
	const struct shmreg_set set = { .what = SHMREG_SET_MODE, .mode = (uint32_t)mode };

	return deed_connect(a, 0) < 0 ? -1 :
					shmreg_segment_set(a->connection, ACTOR_SEGMENT, &set);
}

static int64_t deed_set_owner(struct actor *a, int64_t uid)
{
	const struct shmreg_set set = { .what = SHMREG_SET_OWNER, .uid = (uint32_t)uid,
					.gid = (uint32_t)uid };

	return deed_connect(a, 0) < 0 ? -1 :
					shmreg_segment_set(a->connection, ACTOR_SEGMENT, &set);
}

START_TEST(test_strangers_learn_names_only)
{
	struct process listener;

	if (harness_need_root())
		return;
	actor_start_as(&owner, &anna);
	actor_start_as(&other, &bert);
	actor_start_as(&listener, &bert);
	actor_ok(&listener, deed_subscribe, 0);
	actor_ok(&owner, deed_create_mode, 0600);
	actor_ok(&owner, deed_atomic_create, 1);
	actor_ok(&other, deed_look, 0);
	actor_expect(&other, deed_remove, 0, -EACCES);
	actor_expect(&other, deed_set_mode, 0666, -EACCES);
	actor_ok(&other, deed_stats, bert.uid);
	actor_expect(&other, deed_stats, anna.uid, -EACCES);
	actor_expect(&listener, deed_next_event, 1, -EAGAIN);
	/* Of a segment that is opened to him, he hears. */
	actor_ok(&owner, deed_set_mode, 0640);
	actor_expect(&listener, deed_next_event, 1, -EAGAIN);
	actor_ok(&owner, deed_set_mode, 0644);
	actor_expect(&listener, deed_next_event, 0, SHMREG_EVENT_CHANGED);
	actor_ok(&owner, deed_remove, 0);
	process_finish(&owner);
	process_finish(&other);
	process_finish(&listener);
}
END_TEST

START_TEST(test_administration)
{
	struct process root;

	if (harness_need_root())
		return;
	actor_start_as(&owner, &anna);
	actor_start_as(&other, &carl);
	actor_start(&root);
	actor_ok(&owner, deed_create_mode, 0600);
	actor_ok(&owner, deed_atomic_create, 1);
	actor_expect(&other, deed_describe, 0, -2);
	actor_ok(&owner, deed_set_mode, 0640);
	actor_ok(&other, deed_describe, 0);
	actor_ok(&root, deed_describe, 0);
	/* Who may write is not who may administer, and none but root gives away. */
	actor_ok(&owner, deed_set_mode, 0660);
	actor_ok(&other, deed_open, W);
	actor_expect(&other, deed_remove, 0, -EACCES);
	actor_says(&other, "20001");
	actor_expect(&owner, deed_set_owner, carl.uid, -EACCES);
	actor_ok(&root, deed_set_owner, carl.uid);
	actor_expect(&owner, deed_remove, 0, -EACCES);
	actor_ok(&other, deed_remove, 0);
	process_finish(&owner);
	process_finish(&other);
	process_finish(&root);
}
END_TEST

/* --- read-only ------------------------------------------------------------------------- */

START_TEST(test_read_only_attachment)
{
	if (harness_need_root())
		return;
	actor_start_as(&owner, &anna);
	actor_start_as(&other, &bert);
	actor_ok(&owner, deed_create_mode, 0644);
	actor_ok(&owner, deed_atomic_create, 5);
	actor_ok(&owner, deed_queue_create, 0);
	actor_ok(&other, deed_open, R);
	actor_ok(&other, deed_atomic_open_const, 0);
	actor_expect(&other, deed_atomic_load, 0, 5);
	actor_expect(&owner, deed_atomic_add, 1, 5);
	actor_expect(&other, deed_atomic_load, 0, 6);
	actor_expect(&other, deed_atomic_open, 0, -EROFS);
	actor_says(&other, "read-only");
	actor_expect(&other, deed_queue_open, 0, -EROFS);
	actor_expect(&other, deed_queue_create, 0, -EROFS);
	actor_ok(&owner, deed_remove, 0);
	process_finish(&owner);
	process_finish(&other);
}
END_TEST

static int reopen(int fd)
{
	char path[64];
	int again;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_RDWR | O_CLOEXEC);
	if (again < 0)
		return -errno;
	close(again);
	return 0;
}

/* Everything that could make a descriptor writable, or the file another. */
static void check_read_only(int fd, size_t n)
{
	void *map;

	map = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ck_assert(map == MAP_FAILED && errno == EACCES);
	map = mmap(NULL, n, PROT_READ, MAP_SHARED, fd, 0);
	ck_assert(map != MAP_FAILED);
	ck_assert_int_eq(mprotect(map, n, PROT_READ | PROT_WRITE), -1);
	ck_assert_int_eq(errno, EACCES);
	ck_assert_int_eq(munmap(map, n), 0);
	ck_assert_int_eq(pwrite(fd, "x", 1, 0), -1);
	ck_assert_int_lt(ftruncate(fd, 0), 0);
	ck_assert_int_lt(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), 0);
	ck_assert_int_lt(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
	ck_assert_int_lt(fchmod(fd, 0666), 0);
	ck_assert_int_lt(fchown(fd, getuid(), getgid()), 0);
	ck_assert_int_eq(reopen(fd), -EACCES);
}

/* As raw packets: what the daemon really hands out. */
static void open_raw(const struct mouth *mouth, void *arg)
{
	const uint32_t access = *(const uint32_t *)arg;
	struct raw raw;
	int r;

	raw_open(&raw, h.socket_path);
	r = raw_attach(&raw, ACTOR_SEGMENT, access, 1);
	ck_assert_msg(r == 0, "%s", raw.reply.u.error);
	ck_assert_int_eq(raw.n_fds, 2);
	/* The directory is read-only to everybody; the data area to those who asked so. */
	check_read_only(raw.fds[0], (size_t)raw.reply.u.attach.dir_bytes);
	if (access == R) {
		check_read_only(raw.fds[1], (size_t)raw.reply.u.attach.data_bytes);
	} else {
		ck_assert_int_lt(ftruncate(raw.fds[1], 4096), 0);
		ck_assert_int_lt(ftruncate(raw.fds[1], 1 << 30), 0);
		ck_assert_int_lt(fcntl(raw.fds[1], F_ADD_SEALS, F_SEAL_WRITE), 0);
		ck_assert_int_lt(fchmod(raw.fds[1], 0666), 0);
	}
	/* DESCRIBE gives the directory and nothing else. */
	ck_assert_int_eq(raw_target(&raw, SHMREG_PACKET_DESCRIBE, ACTOR_SEGMENT), 0);
	ck_assert_int_eq(raw.n_fds, 1);
	check_read_only(raw.fds[0], 4096);
	raw_close(&raw);
	tell(mouth, 0);
}

START_TEST(test_descriptors)
{
	uint32_t access;

	if (harness_need_root())
		return;
	actor_start_as(&owner, &anna);
	actor_ok(&owner, deed_create_mode, 0646);
	access = R;
	process_start_as(&other, &bert, open_raw, &access);
	process_expect(&other, 0);
	ck_assert_int_eq(process_wait(&other), 0);
	access = W;
	process_start_as(&other, &bert, open_raw, &access);
	process_expect(&other, 0);
	ck_assert_int_eq(process_wait(&other), 0);
	/* The owner of the segment does not own the file. */
	access = W;
	process_start_as(&other, &anna, open_raw, &access);
	process_expect(&other, 0);
	ck_assert_int_eq(process_wait(&other), 0);
	actor_ok(&owner, deed_remove, 0);
	process_finish(&owner);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("access");
	TCase *tc = harness_case(s, "access");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_owner);
	tcase_add_test(tc, test_group);
	tcase_add_test(tc, test_others);
	tcase_add_test(tc, test_strangers_learn_names_only);
	tcase_add_test(tc, test_administration);
	tcase_add_test(tc, test_read_only_attachment);
	tcase_add_test(tc, test_descriptors);
	return s;
}

int main(void)
{
	return harness_main(suite());
}
