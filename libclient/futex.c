/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <shmreg/compiler.h>

#include "futex.h"

#define SLICE_NS 20000000

/* Layout of struct __kernel_timespec, whatever time_t is. */
struct kernel_time {
	int64_t s, ns;
};

/* Is it true that this process cannot? Found out once; a race finds the same. */
static bool no_waitv;

static int wait_all_words(const struct futex_word *words, unsigned int n,
			  const struct timespec *deadline)
{
	struct futex_waitv waiters[FUTEX_WAIT_MAX];
	struct kernel_time until = { 0 };
	unsigned int i;

	memset(waiters, 0, n * sizeof(*waiters));
	for (i = 0; i < n; i++) {
		waiters[i].uaddr = (uintptr_t)words[i].word;
		waiters[i].val = words[i].value;
		waiters[i].flags = FUTEX_32;
	}
	if (deadline != NULL) {
		until.s = deadline->tv_sec;
		until.ns = deadline->tv_nsec;
	}
	if (syscall(SYS_futex_waitv, waiters, n, 0, deadline != NULL ? &until : NULL,
		    CLOCK_MONOTONIC) >= 0)
		return 0;
	return errno == EAGAIN ? 0 : -errno;
}

static int64_t ns_of(const struct timespec *t)
{
	return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

/* FUTEX_WAIT's time is relative. */
static int wait_slice(const struct futex_word *word, const struct timespec *deadline)
{
	struct timespec t, slice = { .tv_nsec = SLICE_NS };
	int64_t left;

	if (deadline != NULL) {
		clock_gettime(CLOCK_MONOTONIC, &t);
		if (deadline->tv_sec - t.tv_sec < 2) {
			left = ns_of(deadline) - ns_of(&t);
			if (left <= 0)
				return -ETIMEDOUT;
			if (left < SLICE_NS)
				slice.tv_nsec = (long)left;
		}
	}
	if (syscall(SYS_futex, word->word, FUTEX_WAIT, word->value, &slice, NULL, 0) < 0 &&
	    errno == EINTR)
		return -EINTR;
	return 0;
}

int futex_wait_any(const struct futex_word *words, unsigned int n,
		   const struct timespec *deadline)
{
	int r;

	/* relaxed: see there */
	if (!shmreg_load_relaxed(&no_waitv)) {
		r = wait_all_words(words, n, deadline);
		if (r == 0 || r == -ETIMEDOUT || r == -EINTR)
			return r;
		/* -ENOSYS, or what a seccomp filter says in its place */
		if (r != -ENOMEM)
			shmreg_store_relaxed(&no_waitv, true);
	}
	return wait_slice(&words[n - 1], deadline);
}

unsigned int futex_wake(uint32_t *word, uint32_t n)
{
	const long r = syscall(SYS_futex, word, FUTEX_WAKE, n < INT_MAX ? n : INT_MAX, NULL, NULL, 0);

	return r > 0 ? (unsigned int)r : 0;
}

void futex_clear_and_wake(uint32_t *word, unsigned int bit)
{
	const uint32_t operation =
		(uint32_t)(FUTEX_OP_ANDN | FUTEX_OP_OPARG_SHIFT) << 28 | bit << 12;

	/* All that sleep on it are woken as the first word's; of the second's none more. */
	syscall(SYS_futex, word, FUTEX_WAKE_OP, INT_MAX, 0L, word, operation);
}
