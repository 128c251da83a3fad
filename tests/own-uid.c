/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "own-uid.h"

static char dir[64], daemon_copy[96], reaper_copy[96];

static void copy(const char *from, const char *to)
{
	const int in = open(from, O_RDONLY | O_CLOEXEC);
	const int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
	ssize_t n;

	ck_assert_msg(in >= 0 && out >= 0, "%s, %s: %s", from, to, strerror(errno));
	do
		n = sendfile(out, in, NULL, 1 << 20);
	while (n > 0);
	ck_assert_int_eq(n, 0);
	ck_assert_int_eq(fchmod(out, 0755), 0);
	close(in);
	ck_assert_int_eq(close(out), 0);
}

void own_uid_start(struct harness *h, uid_t uid, const char *const *options)
{
	snprintf(dir, sizeof(dir), "/tmp/shmreg-own-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(chmod(dir, 0755), 0);
	snprintf(daemon_copy, sizeof(daemon_copy), "%s/shmregd", dir);
	snprintf(reaper_copy, sizeof(reaper_copy), "%s/shmreg-reaper", dir);
	copy(SHMREGD, daemon_copy);
	copy(SHMREG_REAPER, reaper_copy);
	setenv("SHMREG_TEST_DAEMON", daemon_copy, 1);
	setenv("SHMREG_TEST_REAPER", reaper_copy, 1);
	h->daemon_uid = uid;
	harness_start(h, options);
}

void own_uid_stop(struct harness *h)
{
	harness_stop(h);
	unsetenv("SHMREG_TEST_DAEMON");
	unsetenv("SHMREG_TEST_REAPER");
	unlink(daemon_copy);
	unlink(reaper_copy);
	ck_assert_int_eq(rmdir(dir), 0);
}
