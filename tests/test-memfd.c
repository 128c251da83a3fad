/* SPDX-License-Identifier: MIT */
#include <config.h>

/* What the kernel promises of memfds, and the daemon leans on. */

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "memfd.h"
#include "suite.h"

#define BYTES 65536

static int fd;

static void setup(void)
{
	fd = memfd_new("test", BYTES);
	ck_assert_int_ge(fd, 0);
}

static void teardown(void)
{
	close(fd);
}

START_TEST(born_sealed_and_private)
{
	uint64_t bytes;
	struct stat st;

	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(memfd_check(fd, &bytes), 0);
	ck_assert_uint_eq(bytes, BYTES);
	ck_assert_int_eq(ftruncate(fd, 100), -1);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_int_eq(ftruncate(fd, BYTES * 2), -1);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
	ck_assert_int_eq(errno, EPERM);
}
END_TEST

START_TEST(check_refuses_others)
{
	const int other = memfd_create("other", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	uint64_t bytes = 77;

	ck_assert_int_eq(memfd_check(other, &bytes), -EBADMSG);
	ck_assert_int_eq(memfd_check(STDIN_FILENO, &bytes), -EBADMSG);
	ck_assert_int_eq(memfd_check(-1, &bytes), -EBADF);
	ck_assert_uint_eq(bytes, 77);
	close(other);
}
END_TEST

START_TEST(too_large)
{
	ck_assert_int_eq(memfd_new("huge", UINT64_MAX), -EFBIG);
	/* Sparse: size alone costs nothing. */
	close(fd);
	fd = memfd_new("large", UINT64_C(1) << 46);
	ck_assert_int_ge(fd, 0);
	ck_assert_uint_eq(memfd_resident(fd), 0);
}
END_TEST

START_TEST(reserve_and_punch)
{
	char bytes[200], zeros[200] = { 0 };

	ck_assert_int_eq(memfd_reserve(fd, 0, BYTES), 0);
	ck_assert_uint_eq(memfd_resident(fd), BYTES);
	memset(bytes, 1, sizeof(bytes));
	ck_assert_int_eq(pwrite(fd, bytes, sizeof(bytes), 5000), sizeof(bytes));
	/* Not whole pages: zeroed all the same. */
	ck_assert_int_eq(memfd_punch(fd, 5050, 100), 0);
	ck_assert_int_eq(pread(fd, bytes, sizeof(bytes), 5000), sizeof(bytes));
	ck_assert_int_eq(bytes[49], 1);
	ck_assert_int_eq(memcmp(bytes + 50, zeros, 100), 0);
	ck_assert_int_eq(bytes[150], 1);
	ck_assert_int_eq(memfd_punch(fd, 0, BYTES), 0);
	ck_assert_uint_eq(memfd_resident(fd), 0);
	ck_assert_int_eq(memfd_punch(-1, 0, BYTES), -EBADF);
}
END_TEST

START_TEST(read_only_is)
{
	const int ro = memfd_reopen_ro(fd);
	char path[32], byte = 1;

	ck_assert_int_ge(ro, 0);
	ck_assert_int_eq(write(ro, &byte, 1), -1);
	ck_assert_int_eq(errno, EBADF);
	ck_assert_ptr_eq(mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, ro, 0), MAP_FAILED);
	ck_assert_int_eq(errno, EACCES);
	ck_assert_int_eq(memfd_punch(ro, 0, BYTES), -EBADF);
	/* Another uid cannot open it anew for writing. */
	if (getuid() == 0) {
		const pid_t child = fork();
		int status;

		if (child == 0) {
			snprintf(path, sizeof(path), "/proc/self/fd/%d", ro);
			if (setgid(65534) < 0 || setuid(65534) < 0)
				_exit(2);
			_exit(open(path, O_RDWR) < 0 && errno == EACCES ? 0 : 1);
		}
		ck_assert_int_eq(waitpid(child, &status, 0), child);
		ck_assert_int_eq(status, 0);
	}
	close(ro);
	ck_assert_int_lt(memfd_reopen_ro(-1), 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { born_sealed_and_private, check_refuses_others, too_large,
				       reserve_and_punch, read_only_is };

	return RUN_SUITE("memfd", tests, setup, teardown, 0);
}
