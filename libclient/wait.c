/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <shmreg/wait.h>

#include "deadline.h"
#include "error.h"
#include "wait-check.h"

struct timespec shmreg_deadline(uint64_t ns)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += (time_t)(ns / NS_PER_S);
	t.tv_nsec += (long)(ns % NS_PER_S);
	if (t.tv_nsec >= NS_PER_S) {
		t.tv_nsec -= NS_PER_S;
		t.tv_sec++;
	}
	return t;
}

static int check_flags(uint32_t flags)
{
	if ((flags & ~SHMREG_WAIT_INTERRUPTIBLE) != 0)
		return error_set(-EINVAL, "flags %#" PRIx32 " of waiting; SHMREG_WAIT_INTERRUPTIBLE "
				 "(%#" PRIx32 ") is the only one", flags, SHMREG_WAIT_INTERRUPTIBLE);
	return 0;
}

int wait_check(uint32_t flags, const struct timespec *deadline)
{
	if (!deadline_is_one(deadline))
		return error_set(-EINVAL, "the deadline's tv_nsec is %ld; 0 to 999999999 is possible, "
				 "shmreg_deadline() makes one", deadline->tv_nsec);
	return check_flags(flags);
}

int wait_interrupted(int error)
{
	return error_set(error, "waiting was ended: %s", strerror(-error));
}

int shmreg_handle_set_waiting(const struct shmreg_handle *handle, uint32_t spin_ns, uint32_t flags)
{
	/* const is about the object: the handle itself is the library's, and can be written. */
	struct shmreg_handle *h = (struct shmreg_handle *)(uintptr_t)handle;
	int r;

	if (h == NULL || h->base == NULL)
		return error_set(-ECHILD, "this handle was inherited by fork(), or is closed already");
	if (spin_ns > NS_PER_S)
		return error_set(-EINVAL, "a wait is to spin for %" PRIu32 " ns; at most one second "
				 "is possible, set a deadline to give up", spin_ns);
	r = check_flags(flags);
	if (r < 0)
		return r;
	h->spin_ns = spin_ns;
	h->wait_flags = flags;
	return 0;
}
