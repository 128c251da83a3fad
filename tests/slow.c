/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * slow.c - a machine on which some are slow: for tests that are faster than what they test
 *
 *	make check SHMREG_TEST_SLOW="daemon reaper" TESTS="test-death test-watch"
 *
 * Is loaded before others into every program that a test starts. Those that are named (daemon,
 * reaper, janitor, ctl, test) wait before and after their system calls, now and then, for up to
 * 20 ms; every process in its own measure, which is drawn when it starts or is forked, and may be
 * none. A test that fails then says what it did not wait for, unless its time ran out: some make
 * many thousands of requests.
 */

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NAP_NS 20000000

static uint64_t state;
static unsigned int one_in;	/* system calls; 0: none */
static bool spins;

static const char *role(void)
{
	const char *name = program_invocation_short_name;

	return strcmp(name, "shmregd") == 0	  ? "daemon" :
	       strcmp(name, "shmreg-reaper") == 0 ? "reaper" :
	       strstr(name, "janitor")		  ? "janitor" :
	       strstr(name, "shmregctl")	  ? "ctl" :
	       strstr(name, "test-")		  ? "test" :
						    "somebody else";
}

/* Threads may draw the same; that does not matter. */
static uint64_t draw(void)
{
	uint64_t x = __atomic_add_fetch(&state, UINT64_C(0x9e3779b97f4a7c15), __ATOMIC_RELAXED);

	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	return x ^ (x >> 27);
}

static void begin(void)
{
	static const unsigned int measures[] = { 0, 3, 8, 30 };
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	state = (uint64_t)getpid() * UINT64_C(0x2545f4914f6cdd1d) + (uint64_t)now.tv_nsec;
	/* A reaper makes few. */
	one_in = spins ? 2 : measures[draw() % (sizeof(measures) / sizeof(*measures))];
}

__attribute__((constructor)) static void start(void)
{
	const char *slow = getenv("SHMREG_TEST_SLOW");

	if (slow == NULL || strstr(slow, role()) == NULL)
		return;
	spins = strcmp(role(), "reaper") == 0;
	begin();
	pthread_atfork(NULL, NULL, begin);
}

static void nap(void)
{
	const int e = errno;
	struct timespec begun, now, t = { .tv_sec = 0 };
	uint64_t r;

	if (one_in == 0)
		return;
	r = draw();
	if (r % one_in != 0)
		return;
	t.tv_nsec = (long)((r >> 16) % NAP_NS);
	if (!spins) {
		/* Not in a futex, in which tests see who is asleep. */
		nanosleep(&t, NULL);
	} else {
		/* Its sandbox has no call to sleep by; and who sleeps waits for a job, tests say. */
		clock_gettime(CLOCK_MONOTONIC, &begun);
		do
			clock_gettime(CLOCK_MONOTONIC, &now);
		while ((now.tv_sec - begun.tv_sec) * 1000000000L + now.tv_nsec - begun.tv_nsec < t.tv_nsec);
	}
	errno = e;
}

/* Each is found by its name, and stands before libc's. */
#define SLOW(type, name, parameters, arguments)                                                    \
	__attribute__((visibility("default"))) type name parameters;                               \
	type name parameters                                                                       \
	{                                                                                          \
		static type(*real) parameters;                                                     \
		type r;                                                                            \
                                                                                                   \
		if (real == NULL)                                                                  \
			*(void **)&real = dlsym(RTLD_NEXT, #name);                                 \
		nap();                                                                             \
		r = real arguments;                                                                \
		nap();                                                                             \
		return r;                                                                          \
	}

SLOW(ssize_t, recvmsg, (int fd, struct msghdr *m, int flags), (fd, m, flags))
SLOW(ssize_t, sendmsg, (int fd, const struct msghdr *m, int flags), (fd, m, flags))
SLOW(ssize_t, recv, (int fd, void *to, size_t n, int flags), (fd, to, n, flags))
SLOW(ssize_t, send, (int fd, const void *from, size_t n, int flags), (fd, from, n, flags))
SLOW(int, epoll_wait, (int fd, struct epoll_event *e, int n, int ms), (fd, e, n, ms))
SLOW(int, poll, (struct pollfd *p, nfds_t n, int ms), (p, n, ms))
SLOW(int, close, (int fd), (fd))
SLOW(void *, mmap, (void *at, size_t n, int prot, int flags, int fd, off_t from),
     (at, n, prot, flags, fd, from))
SLOW(int, munmap, (void *at, size_t n), (at, n))
SLOW(int, madvise, (void *at, size_t n, int advice), (at, n, advice))
SLOW(int, fallocate, (int fd, int mode, off_t from, off_t n), (fd, mode, from, n))
SLOW(int, ftruncate, (int fd, off_t n), (fd, n))
SLOW(int, memfd_create, (const char *name, unsigned int flags), (name, flags))
SLOW(int, kill, (pid_t pid, int signal), (pid, signal))
SLOW(pid_t, waitpid, (pid_t pid, int *status, int options), (pid, status, options))

/* What libc has no function for. */
__attribute__((visibility("default"))) long syscall(long number, ...)
{
	static long (*real)(long number, ...);
	long a[6], r;
	va_list list;

	va_start(list, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(list, long);
	va_end(list);
	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "syscall");
	nap();
	r = real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
	nap();
	return r;
}
