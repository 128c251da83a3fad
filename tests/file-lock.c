/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "file-lock.h"
#include "harness.h"

static void *nowhere;		/* memory that nobody ever fills in */
static int kept_fd;
static pid_t writer_tid;

int file_lock_init(void)
{
	const size_t bytes = (size_t)sysconf(_SC_PAGESIZE);
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register in = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	const int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);

	if (fd < 0)
		return -errno;
	nowhere = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	in.range.start = (uintptr_t)nowhere;
	in.range.len = bytes;
	if (nowhere == MAP_FAILED || ioctl(fd, UFFDIO_API, &api) < 0 ||
	    ioctl(fd, UFFDIO_REGISTER, &in) < 0)
		return -errno;
	return 0;
}

static void *writer(void *unused)
{
	(void)unused;
	__atomic_store_n(&writer_tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	/* Does not come back. */
	return write(kept_fd, nowhere, 64) < 0 ? nowhere : NULL;
}

static bool is_blocked(void *arg)
{
	char path[64], line[64] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/wchan", *(pid_t *)arg);
	f = fopen(path, "re");
	if (f && !fgets(line, sizeof(line), f))
		*line = '\0';
	if (f)
		fclose(f);
	return strstr(line, "userfault");
}

void file_lock_keep(int fd)
{
	pthread_t thread;

	kept_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	ck_assert_int_ge(kept_fd, 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, writer, NULL), 0);
	while (!__atomic_load_n(&writer_tid, __ATOMIC_ACQUIRE))
		sched_yield();
	harness_wait(is_blocked, &writer_tid, "the writer to wait for its memory");
}
