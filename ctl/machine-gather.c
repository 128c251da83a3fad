/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/membarrier.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "doctor.h"
#include "machine.h"

/* By number: libc's headers may be older than the kernel. */
#ifndef SO_PEERPIDFD
# define SO_PEERPIDFD 77
#endif
#ifndef SYS_futex_waitv
# define SYS_futex_waitv 449
#endif
#define PIDFS_MAGIC 0x50494446

/* --- is it there? ----------------------------------------------------------------------------- */

static void try_memfd(struct machine *m)
{
	const int fd = memfd_create("shmreg-doctor", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	char path[32];
	int again;

	if (fd < 0) {
		m->memfd = m->reopen = errno;
		return;
	}
	if (ftruncate(fd, 4096) < 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0)
		m->memfd = errno;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_RDONLY | O_CLOEXEC);
	if (again < 0)
		m->reopen = errno;
	else
		close(again);
	close(fd);
}

static void try_pidfd(struct machine *m)
{
	const int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	struct statfs fs;

	if (fd < 0) {
		m->pidfd = m->pidfs = errno;
		return;
	}
	if (fstatfs(fd, &fs) < 0)
		m->pidfs = errno;
	else if (fs.f_type != PIDFS_MAGIC)
		m->pidfs = EOPNOTSUPP;
	close(fd);
}

static void try_sockets(struct machine *m)
{
	socklen_t bytes = sizeof(int);
	int fds[2], pidfd = -1;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0) {
		m->seqpacket = m->peerpidfd = errno;
		return;
	}
	if (getsockopt(fds[0], SOL_SOCKET, SO_PEERPIDFD, &pidfd, &bytes) < 0)
		m->peerpidfd = errno;
	else
		close(pidfd);
	close(fds[0]);
	close(fds[1]);
}

static void try_others(struct machine *m)
{
	long commands;
	void *page;

	/* No words to wait for: EINVAL, where there is such a call. */
	if (syscall(SYS_futex_waitv, NULL, 0, 0, NULL, 0) < 0 && errno != EINVAL)
		m->futex_waitv = errno;
	commands = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);
	if (commands < 0)
		m->membarrier = errno;
	else if (!(commands & MEMBARRIER_CMD_GLOBAL_EXPEDITED) ||
		 !(commands & MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED))
		m->membarrier = EOPNOTSUPP;
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED || madvise(page, 4096, MADV_WIPEONFORK) < 0)
		m->wipeonfork = errno;
	if (page != MAP_FAILED)
		munmap(page, 4096);
}

/* --- how much of it? -------------------------------------------------------------------------- */

static uint64_t limit_of(int resource, bool hard)
{
	struct rlimit limit;

	if (getrlimit((__rlimit_resource_t)resource, &limit) < 0)
		return MACHINE_UNKNOWN;
	limit.rlim_cur = hard ? limit.rlim_max : limit.rlim_cur;
	return limit.rlim_cur == RLIM_INFINITY ? MACHINE_UNKNOWN : limit.rlim_cur;
}

static uint64_t read_number(const struct doctor *d, const char *path)
{
	char line[128];

	/* "max" of control groups is no number, and no limit. */
	if (doctor_read_line(d, path, line, sizeof(line)) < 0 || *line < '0' || *line > '9')
		return MACHINE_UNKNOWN;
	return strtoull(line, NULL, 10);
}

/* "MemTotal:       16384000 kB", "HugePages_Free:        0" */
static uint64_t of_meminfo(FILE *file, const char *name)
{
	const size_t n = strlen(name);
	char line[128];

	rewind(file);
	while (fgets(line, sizeof(line), file))
		if (strncmp(line, name, n) == 0 && line[n] == ':')
			return strtoull(line + n + 1, NULL, 10) * (strstr(line, " kB") ? 1024 : 1);
	return MACHINE_UNKNOWN;
}

static void read_memory(const struct doctor *d, struct machine *m)
{
	char path[256];
	FILE *file = NULL;

	m->memory = m->available = m->commit_limit = m->committed = MACHINE_UNKNOWN;
	m->n_huge = m->n_huge_free = MACHINE_UNKNOWN;
	if (doctor_path(d, path, sizeof(path), "/proc/meminfo") == 0)
		file = fopen(path, "re");
	if (!file)
		return;
	m->memory = of_meminfo(file, "MemTotal");
	m->available = of_meminfo(file, "MemAvailable");
	m->commit_limit = of_meminfo(file, "CommitLimit");
	m->committed = of_meminfo(file, "Committed_AS");
	m->n_huge = of_meminfo(file, "HugePages_Total");
	m->n_huge_free = of_meminfo(file, "HugePages_Free");
	fclose(file);
}

/* Of the unified hierarchy; the line "0::/path" says where in it we are. */
static void read_cgroup(const struct doctor *d, struct machine *m)
{
	char path[256], line[256], file[600];
	FILE *cgroup = NULL;

	m->cgroup_max = m->cgroup_used = MACHINE_UNKNOWN;
	if (doctor_path(d, path, sizeof(path), "/proc/self/cgroup") == 0)
		cgroup = fopen(path, "re");
	if (!cgroup)
		return;
	while (fgets(line, sizeof(line), cgroup)) {
		if (strncmp(line, "0::/", 4) != 0)
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(file, sizeof(file), "/sys/fs/cgroup%s/memory.max", line + 3);
		m->cgroup_max = read_number(d, file);
		snprintf(file, sizeof(file), "/sys/fs/cgroup%s/memory.current", line + 3);
		m->cgroup_used = read_number(d, file);
	}
	fclose(cgroup);
}

/* "always within_size advise [never] deny force": what is in brackets */
static void read_shmem_enabled(const struct doctor *d, struct machine *m)
{
	char line[128];
	const char *begin;

	if (doctor_read_line(d, "/sys/kernel/mm/transparent_hugepage/shmem_enabled", line,
			     sizeof(line)) < 0)
		return;
	begin = strchr(line, '[');
	if (begin)
		snprintf(m->shmem_enabled, sizeof(m->shmem_enabled), "%.*s",
			 (int)strcspn(begin + 1, "]"), begin + 1);
}

static void read_files(const struct doctor *d, struct machine *m)
{
	char line[128];
	uint64_t unused;

	m->file_used = m->file_max = MACHINE_UNKNOWN;
	if (doctor_read_line(d, "/proc/sys/fs/file-nr", line, sizeof(line)) == 0 &&
	    sscanf(line, "%" SCNu64 " %" SCNu64 " %" SCNu64, &m->file_used, &unused,
		   &m->file_max) != 3)
		m->file_used = m->file_max = MACHINE_UNKNOWN;
}

void machine_gather(const struct doctor *d, struct machine *ret)
{
	struct machine m = { .n_segments = d->n_segments, .resident_bytes = d->resident_bytes };
	struct utsname names;

	if (uname(&names) == 0)
		snprintf(m.release, sizeof(m.release), "%.63s", names.release);
	if (sscanf(m.release, "%u.%u", &m.kernel[0], &m.kernel[1]) != 2)
		m.kernel[0] = m.kernel[1] = 0;
	try_memfd(&m);
	try_pidfd(&m);
	try_sockets(&m);
	try_others(&m);
	m.files_soft = limit_of(RLIMIT_NOFILE, false);
	m.files_hard = limit_of(RLIMIT_NOFILE, true);
	m.memlock = limit_of(RLIMIT_MEMLOCK, false);
	m.address_space = limit_of(RLIMIT_AS, false);
	m.max_map_count = read_number(d, "/proc/sys/vm/max_map_count");
	m.overcommit = (unsigned int)read_number(d, "/proc/sys/vm/overcommit_memory");
	read_files(d, &m);
	read_memory(d, &m);
	read_cgroup(d, &m);
	read_shmem_enabled(d, &m);
	*ret = m;
}

void doctor_machine(struct doctor *d)
{
	struct machine m;

	machine_gather(d, &m);
	machine_judge(&m, &d->findings);
}
