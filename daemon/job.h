/* SPDX-License-Identifier: MIT */
#ifndef SHMREGD_JOB_H
#define SHMREGD_JOB_H

/*
 * job - what a process that the daemon starts on one segment is given: a packet and two files
 *
 * For shmreg-reaper and shmreg-snapshot, whose socket is SHMREG_REAPER_FD. Nothing here believes
 * what it is given, and nothing here ends the process.
 */

#include <stddef.h>
#include <stdint.h>

#include <shmreg/abi/directory.h>

/*
 * job_receive() - wait for the job
 * @job:	@bytes long, overwritten in any case; begins with a uint32_t, @magic in a job
 * @ret_dir_fd, @ret_data_fd: the segment's two files, to be closed
 *
 * Return: 1; 0: there will be none, the daemon has closed its end; or -errno, as
 *	-EBADMSG	a packet that is no such job, whose descriptors remain open
 */
int job_receive(void *job, size_t bytes, uint32_t magic, int *ret_dir_fd, int *ret_data_fd);

/*
 * job_map() - map the first @bytes of a file that cannot shrink
 *
 * Return: 0; -EBADMSG: it is not as large as that; or -errno.
 */
int job_map(int fd, uint64_t bytes, int prot, void **ret);

/*
 * job_map_directory() - map and check the directory of @segment, read-only
 *
 * Return: 0; -EBADMSG: it is none, or of another segment; -EPROTONOSUPPORT: of another layout; or
 * -errno.
 */
int job_map_directory(int fd, uint64_t bytes, uint64_t segment, uint64_t data_bytes,
		      const struct shmreg_dir **ret);

#endif /* SHMREGD_JOB_H */
