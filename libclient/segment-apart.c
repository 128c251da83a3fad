/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <shmreg/snapshot.h>

#include "error.h"
#include "object.h"
#include "segment.h"

/*
 * segment-apart.c - segments without a daemon
 *
 * Such a segment has a connection of its own, which is never made: so all that asks the daemon
 * goes one way, and ends in connection_call().
 */

static int watch_nobody(const struct shmreg_handle *handle, const union shmreg_eventcount *event)
{
	(void)event;
	return error_set(-EROFS, "segment '%s' is a snapshot, in which nothing happens any more: "
			 "there is nothing to wait for", handle->segment->name);
}

int segment_new_apart(struct shmreg_segment **ret, const char *name)
{
	struct shmreg_segment *s;
	int r;

	r = segment_new_empty(&s, name);
	if (r < 0)
		return r;
	r = connection_new_apart(&s->connection);
	if (r < 0) {
		segment_free_apart(s);
		return r;
	}
	s->apart = true;
	s->read_only = true;
	s->watch = watch_nobody;
	*ret = s;
	return 0;
}

struct shmreg_segment *segment_free_apart(struct shmreg_segment *s)
{
	struct shmreg_connection *c;

	if (s == NULL)
		return NULL;
	c = s->connection;
	object_close_all(s);
	segment_free(s);
	connection_free_apart(c);
	return NULL;
}

int shmreg_segment_extent(const struct shmreg_segment *segment, uint64_t from, uint64_t *ret_offset,
			  uint64_t *ret_bytes)
{
	off_t at, end;

	if (connection_inherited(segment->connection))
		return -ECHILD;
	if (segment->data_fd < 0)
		return error_set(-EOPNOTSUPP, "segment '%s' was not opened with "
				 "shmreg_segment_open_extents()", segment->name);
	if (from >= segment->dir->data_bytes)
		return -ENOENT;
	at = lseek(segment->data_fd, (off_t)from, SEEK_DATA);
	/* Somebody may give memory back in between. */
	end = at >= 0 ? lseek(segment->data_fd, at, SEEK_HOLE) : -1;
	if (at < 0 || end <= at)
		return at < 0 && errno != ENXIO ? -errno : -ENOENT;
	*ret_offset = (uint64_t)at;
	*ret_bytes = (uint64_t)(end - at);
	return 0;
}
