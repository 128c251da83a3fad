/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <shmreg.h>

#include "arena.h"
#include "bench.h"

struct bench_arena {
	uint64_t used;
};

struct bench_arena *bench_arena_new(void)
{
	struct bench_arena *const arena =
		mmap(NULL, BENCH_ARENA_BYTES, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (arena == MAP_FAILED)
		return NULL;
	arena->used = sizeof(*arena);
	return arena;
}

struct bench_arena *bench_arena_free(struct bench_arena *arena)
{
	if (arena)
		munmap(arena, BENCH_ARENA_BYTES);
	return NULL;
}

void *bench_alloc(struct bench_arena *arena, size_t bytes, size_t align)
{
	const uint64_t begin = __atomic_fetch_add(&arena->used, bytes + align, __ATOMIC_RELAXED);
	const uint64_t at = (begin + align - 1) / align * align;

	if (at + bytes > BENCH_ARENA_BYTES)
		bench_fail("the workers' shared memory is used up");
	return (unsigned char *)arena + at;
}

void bench_fail(const char *format, ...)
{
	va_list arguments;

	fputs("shmreg-bench: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	_exit(1);
}

void bench_refused(int r, const char *what)
{
	bench_fail("%s: %s (%s)", what, strerror(-r), shmreg_error());
}

uint64_t bench_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void bench_yield(void)
{
	sched_yield();
}

/* One a process: a forked worker makes its own. */
struct shmreg_segment *bench_segment(const struct bench_worker *w)
{
	static struct shmreg_segment *segment;
	static struct shmreg_connection *connection;
	static pid_t owner;
	const struct shmreg_segment_params params = {
		.size = sizeof(params),
		.bytes = UINT64_C(1) << 29,
		.max_objects = 2000,
	};
	char name[96];

	if (owner == getpid())
		return segment;
	/* One a crew: the daemon may not have noticed yet that the last one is gone. */
	snprintf(name, sizeof(name), "bench.%d.%" PRIu64, (int)getppid(), w->crew);
	bench_ok(shmreg_connect(&connection, NULL), "no daemon (shmregctl run -- starts one)");
	bench_ok(shmreg_segment_open_or_create(connection, &segment, name, &params, NULL),
		 "the segment");
	owner = getpid();
	return segment;
}
