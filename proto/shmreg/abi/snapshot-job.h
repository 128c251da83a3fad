/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_ABI_SNAPSHOT_JOB_H
#define SHMREG_ABI_SNAPSHOT_JOB_H

/*
 * shmreg/abi/snapshot-job.h - what the daemon and shmreg-snapshot say to each other
 *
 * Started as a reaper is (shmreg/abi/reaper.h), for one job:
 *
 *	daemon -> it	shmreg_snapshot_job, with two descriptors, both read-only: the
 *			directory, the data area
 *	it -> daemon	shmreg_snapshot_report of type COPIED: from now on the segment may be repaired;
 *			then one of type DONE
 *
 * A job that fails is DONE with a status below 0. Not installed.
 */

#include <shmreg/abi/name.h>
#include <shmreg/compiler.h>

#define SHMREG_SNAPSHOT_JOB_MAGIC UINT32_C(0x4e534d53)
#define SHMREG_SNAPSHOT_SUFFIX ".shmsnap"

struct shmreg_snapshot_job {
	uint32_t magic;
	uint32_t dead_pid;
	uint64_t segment;
	uint64_t dead;			/* participant */
	uint64_t dir_bytes;
	uint64_t data_bytes;
	uint64_t bytes_max;		/* of memory that the segment may have */
	uint64_t keep;			/* files in the folder, this one included */
	char folder[1024];
	char file[256];			/* in it */
};

#define SHMREG_SNAPSHOT_COPIED UINT32_C(1)
#define SHMREG_SNAPSHOT_DONE UINT32_C(2)
struct shmreg_snapshot_report {
	uint32_t magic;
	uint32_t type;
	int32_t status;
	uint32_t reserved;
};

#endif /* SHMREG_ABI_SNAPSHOT_JOB_H */
