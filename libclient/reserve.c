/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"
#include "reserve.h"

/*
 * In pieces: a signal that has a handler makes the kernel undo the piece that it is at, so
 * that with one each 10 ms (a profiler's) a large one would never be done.
 */
#define PIECE (UINT64_C(4) << 20)

#define CGROUPS "/sys/fs/cgroup"

static int read_file(const char *path, char *ret, size_t size)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, ret, size - 1);
	close(fd);
	if (n < 0)
		return -EIO;
	ret[n] = '\0';
	return 0;
}

/* The number after @key, which begins a line; 0 if there is none. */
static uint64_t number_of(const char *text, const char *key)
{
	const size_t n = strlen(key);
	const char *line = text;

	while (line) {
		if (strncmp(line, key, n) == 0)
			return strtoull(line + n, NULL, 10);
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	return 0;
}

/* A file with one number, or "max", or not there. */
static uint64_t cgroup_number(const char *group, const char *file)
{
	char path[600], text[64];

	snprintf(path, sizeof(path), CGROUPS "%.500s/%s", group, file);
	if (read_file(path, text, sizeof(text)) < 0 || strncmp(text, "max", 3) == 0)
		return UINT64_MAX;
	return strtoull(text, NULL, 10);
}

static uint64_t left_of(uint64_t limit, uint64_t used)
{
	return limit > used ? limit - used : 0;
}

/* What one group may still have, taken that the files it has cached give way. */
static uint64_t cgroup_room(const char *group, uint64_t free_swap)
{
	const uint64_t limit = cgroup_number(group, "memory.max");
	const uint64_t used = cgroup_number(group, "memory.current");
	uint64_t cached, swap, room;
	char path[600], text[4096];

	if (limit == UINT64_MAX || used == UINT64_MAX)
		return UINT64_MAX;
	snprintf(path, sizeof(path), CGROUPS "%.500s/memory.stat", group);
	if (read_file(path, text, sizeof(text)) < 0)
		return UINT64_MAX;
	cached = left_of(number_of(text, "file "), number_of(text, "shmem "));
	room = left_of(limit, left_of(used, cached));
	swap = left_of(cgroup_number(group, "memory.swap.max"),
		       cgroup_number(group, "memory.swap.current"));
	return room + (swap < free_swap ? swap : free_swap);
}

/* Of the machine and of every control group that this process is in; an estimate. */
static uint64_t memory_room(bool *ret_cgroup)
{
	uint64_t room = UINT64_MAX, swap = 0, mine;
	char text[4096], group[500];
	const char *line;
	char *slash;

	*ret_cgroup = false;
	if (read_file("/proc/meminfo", text, sizeof(text)) == 0 && strstr(text, "MemAvailable:")) {
		swap = number_of(text, "SwapFree:") * 1024;
		room = number_of(text, "MemAvailable:") * 1024 + swap;
	}
	if (read_file("/proc/self/cgroup", text, sizeof(text)) < 0)
		return room;
	/* The unified hierarchy's line. */
	line = strstr(text, "0::/");
	if (!line)
		return room;
	snprintf(group, sizeof(group), "%.*s", (int)strcspn(line + 3, "\n"), line + 3);
	for (;;) {
		mine = cgroup_room(group, swap);
		if (mine < room) {
			room = mine;
			*ret_cgroup = true;
		}
		slash = strrchr(group, '/');
		if (!slash || group[1] == '\0')
			return room;
		/* The parent of "/a" is "/". */
		slash[slash == group] = '\0';
	}
}

int reserve_data(int fd, uint64_t bytes, bool pool, const char *name)
{
	uint64_t at, n, there, room;
	struct stat st;
	bool cgroup = false;
	int r;

	if (fstat(fd, &st) < 0)
		return error_set(-errno, "cannot look at the data area of segment '%s': %s", name,
				 strerror(errno));
	there = (uint64_t)st.st_blocks * 512;
	if (there >= bytes)
		return 0;
	/* Huge pages are there already. */
	room = pool ? UINT64_MAX : memory_room(&cgroup);
	if (bytes - there > room)
		return error_set(-ENOMEM, "%" PRIu64 " bytes cannot be reserved for segment '%s': %s has "
				 "room for %" PRIu64 ". Reserve less, or create without reserving",
				 bytes - there, name,
				 cgroup ? "the memory limit of this process's control group"
					: "the machine's memory", room);
	for (at = 0; at < bytes; at += n) {
		n = bytes - at < PIECE ? bytes - at : PIECE;
		do
			r = fallocate(fd, 0, (off_t)at, (off_t)n) < 0 ? -errno : 0;
		while (r == -EINTR);
		if (r < 0)
			return error_set(r == -ENOSPC ? -ENOMEM : r, "%" PRIu64 " bytes cannot be reserved "
					 "for segment '%s': %s after %" PRIu64, bytes, name, strerror(-r), at);
	}
	return 0;
}
