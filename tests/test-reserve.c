/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * Segments whose memory is allocated when they are created: by the process that creates, so
 * that nobody else waits for it, and whole or not at all.
 *
 * fallocate(2) and open(2) of the library are those of this program: an allocation stops, or
 * fails, where a test wants it to, and a control group has the limit that a test gives it.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actor.h"

#define BYTES (UINT64_C(16) << 20)

static struct harness h;
static struct process maker, other;

/* --- the system calls ----------------------------------------------------------- */

/* At which call of fallocate() from here on; 0: none. */
static int fails_at, stops_at, interrupted_at;
static char cgroups[128];	/* in place of /sys/fs/cgroup and /proc/self/cgroup */

static int on_fallocate(int fd, int mode, off_t offset, off_t length)
{
	if (interrupted_at > 0 && --interrupted_at == 0) {
		errno = EINTR;
		return -1;
	}
	if (stops_at > 0 && --stops_at == 0)
		raise(SIGSTOP);
	if (fails_at > 0 && --fails_at == 0) {
		errno = ENOSPC;
		return -1;
	}
	return (int)syscall(SYS_fallocate, fd, mode, offset, length);
}

/* For the library to find. */
#define EXPORTED __attribute__((visibility("default")))

EXPORTED int fallocate(int fd, int mode, off_t offset, off_t length);
EXPORTED int fallocate64(int fd, int mode, off_t offset, off_t length);

int fallocate64(int fd, int mode, off_t offset, off_t length)
{
	return on_fallocate(fd, mode, offset, length);
}

int fallocate(int fd, int mode, off_t offset, off_t length)
{
	return on_fallocate(fd, mode, offset, length);
}

static int on_open(const char *path, int flags, mode_t mode)
{
	char instead[512];

	if (*cgroups && strncmp(path, "/sys/fs/cgroup", 14) == 0) {
		snprintf(instead, sizeof(instead), "%s%s", cgroups, path + 14);
		path = instead;
	} else if (*cgroups && strcmp(path, "/proc/self/cgroup") == 0) {
		snprintf(instead, sizeof(instead), "%s/mine", cgroups);
		path = instead;
	}
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

#define OPEN(name)                                                                                 \
	EXPORTED int name(const char *path, int flags, ...);                                       \
	int name(const char *path, int flags, ...)                                                 \
	{                                                                                          \
		mode_t mode = 0;                                                                   \
		va_list args;                                                                      \
                                                                                                   \
		va_start(args, flags);                                                             \
		if (flags & O_CREAT)                                                               \
			mode = va_arg(args, mode_t);                                               \
		va_end(args);                                                                      \
		return on_open(path, flags, mode);                                                 \
	}
OPEN(open64)
#undef open
OPEN(open)

/* --- deeds ------------------------------------------------------------------------ */

static struct shmreg_segment_params reserved(int64_t lifetime)
{
	return (struct shmreg_segment_params){
		.size = sizeof(struct shmreg_segment_params), .bytes = BYTES,
		.lifetime = (uint32_t)lifetime, .flags = SHMREG_CREATE_RESERVE,
	};
}

static int64_t deed_make(struct actor *a, int64_t lifetime)
{
	const struct shmreg_segment_params params = reserved(lifetime);

	return deed_connect(a, 0) < 0 ? -EIO : shmreg_segment_create(a->connection, &a->segment,
								   ACTOR_SEGMENT, &params);
}

static int64_t deed_make_or_open(struct actor *a, int64_t lifetime)
{
	const struct shmreg_segment_params params = reserved(lifetime);
	int created;

	if (deed_connect(a, 0) < 0)
		return -EIO;
	return shmreg_segment_open_or_create(a->connection, &a->segment, ACTOR_SEGMENT, &params,
					     &created) < 0 ? -EPROTO : created;
}

static int64_t deed_make_for_others(struct actor *a, int64_t lifetime)
{
	const struct shmreg_segment_params params = reserved(lifetime);

	return deed_connect(a, 0) < 0 ? -EIO : shmreg_segment_create(a->connection, NULL,
								   ACTOR_SEGMENT, &params);
}

/* As many bytes. */
static int64_t deed_make_large(struct actor *a, int64_t bytes)
{
	struct shmreg_segment_params params = reserved(SHMREG_UNTIL_REMOVED);

	params.bytes = (uint64_t)bytes;
	return deed_connect(a, 0) < 0 ? -EIO : shmreg_segment_create(a->connection, &a->segment,
								   ACTOR_SEGMENT, &params);
}

static int64_t deed_stop_at(struct actor *a, int64_t n)
{
	(void)a;
	stops_at = (int)n;
	return 0;
}

static int64_t deed_fail_at(struct actor *a, int64_t n)
{
	(void)a;
	fails_at = (int)n;
	return 0;
}

static int64_t deed_interrupt_at(struct actor *a, int64_t n)
{
	(void)a;
	interrupted_at = (int)n;
	return 0;
}

static int64_t deed_use_cgroups(struct actor *a, int64_t unused)
{
	(void)a, (void)unused;
	snprintf(cgroups, sizeof(cgroups), "%s/cg", h.dir);
	return 0;
}

/* --- what there is ---------------------------------------------------------------- */

static struct shmreg_segment_info describe(void)
{
	struct shmreg_connection *c = harness_connect();
	struct shmreg_segment_info info = { .segment = 0 };

	if (shmreg_segment_describe(c, ACTOR_SEGMENT, &info, NULL) < 0)
		info.segment = 0;
	shmreg_disconnect(c);
	return info;
}

static void expect(uint32_t lifetime, uint32_t n_participants)
{
	const struct shmreg_segment_info info = describe();

	ck_assert_uint_ne(info.segment, 0);
	ck_assert_uint_ge(info.resident_bytes, BYTES);
	ck_assert_uint_eq(info.lifetime, lifetime);
	ck_assert_uint_eq(info.n_participants, n_participants);
}

static bool is_nothing(void *unused)
{
	(void)unused;
	return harness_n_segments() == 0;
}

static void await_stop(struct process *p)
{
	int status;

	ck_assert_int_eq(waitpid(p->pid, &status, WUNTRACED), p->pid);
	ck_assert(WIFSTOPPED(status));
}

/* The maker is in the middle of it, with some of the memory. */
static void stop_in_the_middle(deed_fn deed, int64_t lifetime)
{
	actor_ok(&maker, deed_stop_at, 3);
	actor_begin(&maker, deed, lifetime);
	await_stop(&maker);
	ck_assert_uint_ge(describe().resident_bytes, BYTES / 4);
	ck_assert_uint_lt(describe().resident_bytes, BYTES);
}

static void setup(void)
{
	harness_start(&h, (const char *[]){ "--reserve-budget=1T", NULL });
	actor_start(&maker);
	actor_start(&other);
}

static void teardown(void)
{
	if (maker.pid)
		process_finish(&maker);
	if (other.pid)
		process_finish(&other);
	harness_stop(&h);
}

/* --- tests -------------------------------------------------------------------------- */

static const uint32_t lifetimes[] = { SHMREG_WHILE_ATTACHED, SHMREG_UNTIL_REMOVED,
				      SHMREG_WITH_CREATOR };

START_TEST(all_of_it)
{
	actor_ok(&maker, deed_make, lifetimes[_i]);
	expect(lifetimes[_i], 1);
	actor_expect(&other, deed_make, lifetimes[_i], -EEXIST);
	actor_expect(&other, deed_make_or_open, lifetimes[_i], 0);
	expect(lifetimes[_i], 2);
	actor_ok(&other, deed_close, 0);
	actor_ok(&maker, deed_remove, 0);
	actor_ok(&maker, deed_close, 0);
}
END_TEST

START_TEST(for_others)
{
	actor_expect(&maker, deed_make_for_others, SHMREG_WHILE_ATTACHED, -EINVAL);
	actor_says(&maker, "until-removed");
	actor_ok(&maker, deed_make_for_others, SHMREG_UNTIL_REMOVED);
	expect(SHMREG_UNTIL_REMOVED, 0);
	actor_ok(&other, deed_open, SHMREG_ACCESS_WRITE);
	actor_ok(&other, deed_remove, 0);
}
END_TEST

START_TEST(killed_in_the_middle)
{
	stop_in_the_middle(deed_make, lifetimes[_i]);
	process_kill(&maker);
	harness_wait(is_nothing, NULL, "the end of what was not wholly reserved");
}
END_TEST

START_TEST(killed_for_others)
{
	stop_in_the_middle(deed_make_for_others, SHMREG_UNTIL_REMOVED);
	process_kill(&maker);
	harness_wait(is_nothing, NULL, "the end of what was not wholly reserved");
}
END_TEST

START_TEST(others_are_served)
{
	stop_in_the_middle(deed_make, SHMREG_UNTIL_REMOVED);
	/* The name is taken; what there is can be used. */
	actor_expect(&other, deed_make, SHMREG_UNTIL_REMOVED, -EEXIST);
	actor_ok(&other, deed_open, SHMREG_ACCESS_WRITE);
	actor_ok(&other, deed_queue_create, 0);
	actor_ok(&other, deed_push, 5);
	actor_expect(&other, deed_pop, 0, 5);
	actor_ok(&other, deed_close, 0);
	/* Who wants it reserved does it himself, and need not wait. */
	actor_expect(&other, deed_make_or_open, SHMREG_UNTIL_REMOVED, 0);
	ck_assert_uint_ge(describe().resident_bytes, BYTES);
	kill(maker.pid, SIGCONT);
	process_expect(&maker, 0);
	expect(SHMREG_UNTIL_REMOVED, 2);
	actor_ok(&maker, deed_remove, 0);
}
END_TEST

START_TEST(removed_in_the_middle)
{
	stop_in_the_middle(deed_make, SHMREG_UNTIL_REMOVED);
	actor_ok(&other, deed_open, SHMREG_ACCESS_WRITE);
	actor_ok(&other, deed_remove, 0);
	actor_ok(&other, deed_close, 0);
	kill(maker.pid, SIGCONT);
	process_expect(&maker, 0);
	/* It has what it asked for, without a name, as if it had been removed a moment later. */
	actor_ok(&maker, deed_queue_create, 0);
	actor_ok(&other, deed_make, SHMREG_WHILE_ATTACHED);
}
END_TEST

START_TEST(daemon_killed_in_the_middle)
{
	stop_in_the_middle(deed_make, SHMREG_UNTIL_REMOVED);
	harness_kill_daemon(&h);
	harness_restart_daemon(&h);
	kill(maker.pid, SIGCONT);
	process_expect(&maker, 0);
	expect(SHMREG_UNTIL_REMOVED, 1);
	actor_ok(&maker, deed_remove, 0);
}
END_TEST

START_TEST(daemon_and_maker_killed)
{
	stop_in_the_middle(deed_make, SHMREG_UNTIL_REMOVED);
	harness_kill_daemon(&h);
	process_kill(&maker);
	harness_restart_daemon(&h);
	harness_wait(is_nothing, NULL, "the end of what was not wholly reserved");
}
END_TEST

START_TEST(no_memory)
{
	static const deed_fn deeds[] = { deed_make, deed_make_or_open, deed_make_for_others };

	for (size_t i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++) {
		actor_ok(&maker, deed_fail_at, 3);
		actor_expect(&maker, deeds[i], SHMREG_UNTIL_REMOVED,
			     deeds[i] == deed_make_or_open ? -EPROTO : -ENOMEM);
		actor_says(&maker, "cannot be reserved");
		harness_wait(is_nothing, NULL, "the end of what cannot be reserved");
	}
	actor_ok(&maker, deed_make, SHMREG_WHILE_ATTACHED);
}
END_TEST

START_TEST(interrupted)
{
	actor_ok(&maker, deed_interrupt_at, 2);
	actor_ok(&maker, deed_make, SHMREG_WHILE_ATTACHED);
	expect(SHMREG_WHILE_ATTACHED, 1);
}
END_TEST

START_TEST(more_than_the_machine_has)
{
	actor_expect(&maker, deed_make_large, INT64_C(1) << 39, -ENOMEM);
	actor_says(&maker, "the machine's memory");
	harness_wait(is_nothing, NULL, "the end of what cannot be reserved");
}
END_TEST

static void write_file(const char *path, const char *text)
{
	char full[256];
	FILE *f;

	snprintf(full, sizeof(full), "%s/cg/%s", h.dir, path);
	f = fopen(full, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
}

static void make_cgroup(const char *name, const char *limit, const char *used)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/cg%s", h.dir, name);
	ck_assert_int_eq(mkdir(path, 0755), 0);
	snprintf(path, sizeof(path), "%s/memory.max", name + (*name == '/'));
	write_file(path, limit);
	snprintf(path, sizeof(path), "%s/memory.current", name + (*name == '/'));
	write_file(path, used);
	snprintf(path, sizeof(path), "%s/memory.stat", name + (*name == '/'));
	write_file(path, "anon 1000\nfile 4194304\nkernel 5\nshmem 1048576\n");
	snprintf(path, sizeof(path), "%s/memory.swap.max", name + (*name == '/'));
	write_file(path, "0\n");
}

/* The larger one's limit counts as well; what is a file's cache gives way. */
START_TEST(more_than_the_control_group_has)
{
	char command[128];

	make_cgroup("", "max\n", "0\n");
	make_cgroup("/a", "33554432\n", "20971520\n");
	make_cgroup("/a/b", "1073741824\n", "20971520\n");
	write_file("mine", "1:name=systemd:/x\n0::/a/b\n");
	actor_ok(&maker, deed_use_cgroups, 0);
	/* 32 MiB less 20 of which 3 are a cache. */
	actor_expect(&maker, deed_make, SHMREG_UNTIL_REMOVED, -ENOMEM);
	actor_says(&maker, "control group has room for 15728640");
	actor_ok(&maker, deed_make_large, 15728640);
	actor_ok(&maker, deed_remove, 0);
	snprintf(command, sizeof(command), "rm -r '%s/cg'", h.dir);
	ck_assert_int_eq(system(command), 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("reserve");
	TCase *tc = harness_case(s, "reserve");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, all_of_it, 0, 3);
	tcase_add_test(tc, for_others);
	tcase_add_loop_test(tc, killed_in_the_middle, 0, 3);
	tcase_add_test(tc, killed_for_others);
	tcase_add_test(tc, others_are_served);
	tcase_add_test(tc, removed_in_the_middle);
	tcase_add_test(tc, daemon_killed_in_the_middle);
	tcase_add_test(tc, daemon_and_maker_killed);
	tcase_add_test(tc, no_memory);
	tcase_add_test(tc, interrupted);
	tcase_add_test(tc, more_than_the_machine_has);
	tcase_add_test(tc, more_than_the_control_group_has);
	return s;
}

int main(void)
{
	return harness_main(suite());
}
