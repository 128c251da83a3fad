/* SPDX-License-Identifier: MIT */
#include <config.h>

/* What a daemon of another version has kept: used, left alone or replaced, but never lost. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <shmreg/abi/root.h>

#include "asleep.h"
#include "harness.h"
#include "raw.h"
#include "send-fds.h"

#define OTHER_LAYOUT 250

static struct harness h;

static void setup(void)
{
	harness_start(&h, NULL);
}

static void teardown(void)
{
	harness_stop(&h);
}

/* Of a directory or a root, of which we have a descriptor to read only; by the right of the owner. */
static void write_layout(int fd, uint32_t layout)
{
	char path[40];

	_Static_assert(offsetof(struct shmreg_dir, layout) == offsetof(struct shmreg_root, layout), "");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	fd = open(path, O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, &layout, sizeof(layout), offsetof(struct shmreg_root, layout)),
			 sizeof(layout));
	close(fd);
}

static void create(struct raw *c, const char *name)
{
	raw_open(c, h.socket_path);
	ck_assert_int_eq(raw_create(c, name, 1, 0), 0);
}

static void detach(const struct shmreg_attachment *at)
{
	struct raw c;

	raw_open(&c, h.socket_path);
	ck_assert_int_eq(raw_attachment(&c, SHMREG_PACKET_DETACH, at->segment, at->participant), 0);
	raw_close(&c);
}

/*
 * One of three segments has a directory that this version does not know: the daemon does not start,
 * again and again, and all three stay stored. When the other version, which we play, has made it one
 * that it knows, all are there, with those who are in them.
 */
START_TEST(directory)
{
	static const char *const names[] = { "s1", "s2", "s3" };
	struct shmreg_attachment at[3];
	struct shmreg_dir *dir;
	struct raw c[3];

	for (int i = 0; i < 3; i++) {
		create(&c[i], names[i]);
		at[i] = (struct shmreg_attachment){ c[i].reply.u.attach.segment,
						    c[i].reply.u.attach.participant, 0 };
	}
	dir = mmap(NULL, c[0].reply.u.attach.dir_bytes, PROT_READ, MAP_SHARED, c[0].fds[0], 0);
	ck_assert_ptr_ne(dir, MAP_FAILED);
	write_layout(c[1].fds[0], OTHER_LAYOUT);
	harness_kill_daemon(&h);
	for (int i = 0; i < 2; i++) {
		const int status = keeper_daemon_start(&h.keeper);

		ck_assert(WIFEXITED(status));
		ck_assert_int_eq(WEXITSTATUS(status), EXIT_FAILURE);
		ck_assert_int_eq(harness_n_stored(&h), 6);
		/* Nobody is told that it was stopped. */
		ck_assert_uint_eq(dir->flags & SHMREG_DIR_ORPHANED, 0);
	}
	write_layout(c[1].fds[0], SHMREG_DIR_LAYOUT);
	harness_restart_daemon(&h);
	for (int i = 0; i < 3; i++) {
		raw_close(&c[i]);
		detach(&at[i]);
	}
	munmap(dir, dir->dir_bytes);
}
END_TEST

static int wait_for_segment(void *arg)
{
	struct shmreg_connection *c;
	struct shmreg_segment *s;
	int r;

	(void)arg;
	if (shmreg_connect(&c, NULL) < 0)
		return 1;
	r = shmreg_segment_open_wait(c, &s, "late", SHMREG_ACCESS_WRITE, 0, NULL);
	shmreg_disconnect(c);
	return r < 0 ? 2 : 0;
}

/* Who waits for a segment goes on to do so, on the root of the next daemon. */
START_TEST(root)
{
	struct shmreg_request in;
	struct sleeper sleeper;
	struct raw c, other;

	/* Something kept: else the next daemon is another registry, which is another story. */
	create(&c, "s");
	sleeper_spawn(&sleeper, wait_for_segment, NULL);
	sleeper_await(&sleeper);
	raw_open(&other, h.socket_path);
	raw_request(&in, SHMREG_PACKET_ROOT);
	ck_assert_int_eq(raw_call(&other, &in), 0);
	write_layout(other.fds[0], OTHER_LAYOUT);
	raw_close(&other);
	harness_kill_daemon(&h);
	harness_restart_daemon(&h);
	create(&other, "late");
	ck_assert_int_eq(sleeper_result(&sleeper), 0);
	detach(&(struct shmreg_attachment){ other.reply.u.attach.segment,
					    other.reply.u.attach.participant, 0 });
	detach(&(struct shmreg_attachment){ c.reply.u.attach.segment, c.reply.u.attach.participant, 0 });
	raw_close(&other);
	raw_close(&c);
}
END_TEST

/* To the manager, as the daemon does it. */
static void notify(const char *text, int stored)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	snprintf(to.sun_path, sizeof(to.sun_path), "%s/notify", h.dir);
	ck_assert_int_eq(send_fds(fd, &to, text, strlen(text), &stored, stored >= 0, 0),
			 (ssize_t)strlen(text));
	close(fd);
}

static bool n_stored_is(void *n)
{
	return harness_n_stored(&h) == *(int *)n;
}

/* What another version stored under names of its own stays stored, whatever becomes of the rest. */
START_TEST(names)
{
	static const char *const unknown[] = { "x1", "d", "d1g", "dffffffffffffffffff" };
	struct shmreg_attachment at;
	int n = 2;
	struct raw c;
	char text[80];

	create(&c, "s");
	at = (struct shmreg_attachment){ c.reply.u.attach.segment, c.reply.u.attach.participant, 0 };
	for (size_t i = 0; i < sizeof(unknown) / sizeof(*unknown); i++) {
		snprintf(text, sizeof(text), "FDSTORE=1\nFDNAME=%s", unknown[i]);
		notify(text, c.fds[1]);
		n++;
	}
	harness_wait(n_stored_is, &n, "what was sent to be stored");
	for (int i = 0; i < 3; i++) {
		harness_kill_daemon(&h);
		harness_restart_daemon(&h);
		ck_assert_int_eq(harness_n_stored(&h), n);
	}
	/* Not before: a process whose last connection ends by its own will may have become another. */
	raw_close(&c);
	detach(&at);
	n -= 2;
	harness_wait(n_stored_is, &n, "the segment to go");
	for (size_t i = 0; i < sizeof(unknown) / sizeof(*unknown); i++) {
		snprintf(text, sizeof(text), "FDSTOREREMOVE=1\nFDNAME=%s", unknown[i]);
		notify(text, -1);
	}
	n = 0;
	harness_wait(n_stored_is, &n, "nothing to be stored");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("daemon-version");
	TCase *tc = harness_case(suite, "version");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, directory);
	tcase_add_test(tc, root);
	tcase_add_test(tc, names);
	return harness_main(suite);
}
