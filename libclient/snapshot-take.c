/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include <shmreg/snapshot.h>

#include "error.h"
#include "segment.h"
#include "snapshot-copy.h"

int shmreg_snapshot_write(struct shmreg_segment *segment, int fd)
{
	struct shmreg_snapshot_head head;
	struct snapshot_copy copy;
	struct stat st;
	int r;

	r = segment_usable(segment);
	if (r < 0)
		return r;
	if (segment->data_fd < 0)
		return error_set(-EOPNOTSUPP, "segment '%s' was not opened with "
				 "shmreg_segment_open_extents(), so that it is not known where it has "
				 "memory", segment->name);
	if (fstat(fd, &st) < 0)
		return error_set(-errno, "a snapshot cannot be written there: %s", strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_size != 0)
		return error_set(-EINVAL, "a snapshot is written into a regular file that is empty");
	snapshot_begin(&head);
	r = snapshot_copy(&copy, segment->dir, segment->data, segment->data_fd,
			  segment->participant);
	if (r < 0)
		return error_set(r, "there is no memory for a copy of segment '%s': %s", segment->name,
				 strerror(-r));
	r = snapshot_write(&copy, fd, &head);
	snapshot_copy_free(&copy);
	return r < 0 ? error_set(r, "the snapshot of segment '%s' cannot be written: %s",
				 segment->name, strerror(-r)) : 0;
}
