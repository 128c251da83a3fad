/* SPDX-License-Identifier: MIT */
#ifndef SHMREGD_JANITOR_H
#define SHMREGD_JANITOR_H

/*
 * janitor.h - the process that gives memory back, so that the daemon need not wait for it
 *
 * A GiB takes some hundred milliseconds; and whoever has a data area open for writing can
 * keep the kernel's lock of that file for as long as he likes (a write(2) from memory that
 * he serves himself), in which fallocate(2) waits and cannot even be killed. So the daemon
 * calls nothing that takes the lock of a file that a client can write. What does:
 *
 *	fallocate, a punched hole	janitors only
 *	lseek SEEK_DATA, SEEK_HOLE	reapers and the one that copies at a death only
 *	write, ftruncate, fchmod,	of files that no client has yet, or has read-only
 *	F_ADD_SEALS
 *
 * and what does not: fstat, F_GET_SEALS, flock, mmap, msync, opening it again by
 * /proc/self/fd, read, the last close of a file that nobody else has. A store through a mapping
 * does not either; but if its page is not there it waits while a client punches it, which
 * takes the client as long as it takes to free that range: a second for a few GiB.
 *
 * It is the daemon's own program, started by spawn.h as JANITOR_NAME, with a SOCK_SEQPACKET
 * as descriptor JANITOR_FD. It gets one janitor_job after the other, each with the descriptor
 * of a data area, which it closes before it answers with an int32_t: 0 or -errno.
 */

#include <stdbool.h>
#include <stdint.h>

#define JANITOR_NAME "shmregd-janitor"
#define JANITOR_FD 3
#define JANITOR_RANGES_MAX 64

struct janitor_range {
	uint64_t offset, bytes;
};

struct janitor_job {
	/*
	 * Of a segment with reservation or huge pages of a pool the memory stays: zeroes are written.
	 * Else a hole is punched.
	 */
	uint32_t keep;
	uint32_t n;
	struct janitor_range range[JANITOR_RANGES_MAX];
};

/* Were we started as one? */
bool janitor_is(char *const argv[]);
_Noreturn void janitor_run(void);

#endif /* SHMREGD_JANITOR_H */
