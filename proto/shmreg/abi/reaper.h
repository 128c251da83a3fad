/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_ABI_REAPER_H
#define SHMREG_ABI_REAPER_H

/*
 * shmreg/abi/reaper.h - what the daemon and its reaper say to each other
 *
 * The daemon starts shmreg-reaper with one end of a SOCK_SEQPACKET socketpair
 * as descriptor 3 and nothing else but 0, 1 and 2. A reaper does one job and
 * exits:
 *
 *	daemon -> reaper	shmreg_reaper_job, with two descriptors: the
 *				directory (read-only), the data area (read-write)
 *	reaper -> daemon	one shmreg_reaper_report an object in which it did
 *				something (type OBJECT), then one of type DONE; a
 *				packet has one, or two: the last object's and DONE
 *
 * One packet, because each wakes the daemon, and whoever has waited for the repair
 * waits for that, too. A reaper that is killed has not reported the object that it
 * repaired last: another one finds it in order.
 *
 * A job that cannot be done (a malformed one, a directory that fails its check)
 * is DONE with a status below 0, and the reaper exits with 1; else with 0. On EOF
 * before a job it exits with 0.
 *
 * Which seats are dead the reaper reads in the directory. When DONE arrives the
 * daemon frees the seats that were dead before it sent the job, and may use the entries
 * of the object queues that it named by their epoch again; others wait for the next job. EOF, a signal or a malformed report before DONE is a failure:
 * the job is run again by another process, and after three in a row the segment
 * is quarantined. Not installed.
 *
 * Two reapers never work on one segment: the daemon waits for the first to be
 * gone. When the daemon itself dies, its reapers are killed with it (PDEATHSIG);
 * the next daemon starts none at a segment that is locked on the standard input of
 * one that lives on, see daemon/lock.h.
 */

#include <shmreg/compiler.h>

#define SHMREG_REAPER_FD 3
#define SHMREG_REAPER_MAGIC UINT32_C(0x53474d53)

struct shmreg_reaper_job {
	uint32_t magic;
	uint32_t reserved;
	uint64_t segment;
	uint64_t dir_bytes;
	uint64_t data_bytes;
	/*
	 * What travels through an object queue that was removed at this epoch or before goes
	 * back to its pool: nobody can have that queue open any more.
	 */
	uint64_t quiesced_epoch;
};
SHMREG_STATIC_ASSERT(sizeof(struct shmreg_reaper_job) == 40, "frozen");

#define SHMREG_REAPER_OBJECT UINT32_C(1)
#define SHMREG_REAPER_DONE UINT32_C(2)
#define SHMREG_REAPER_REPORTS 2	/* in a packet, at most */
struct shmreg_reaper_report {
	uint32_t magic;
	uint32_t type;
	int32_t status;		/* DONE: 0 or -errno; OBJECT: 0, or -EUCLEAN: bytes that no correct peer wrote */
	uint32_t n_seats;	/* DONE: dead seats seen */
	uint64_t segment;
	uint64_t object;	/* id */
	uint64_t n_repaired;	/* words put right */
	uint64_t n_freed;	/* elements lost within the contract: aborted or dropped */
	uint64_t n_requeued;	/* elements to be delivered again */
	uint64_t n_gave_up;	/* words that make no sense, left alone */
};
SHMREG_STATIC_ASSERT(sizeof(struct shmreg_reaper_report) == 64, "frozen");

#endif /* SHMREG_ABI_REAPER_H */
