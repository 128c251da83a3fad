/* SPDX-License-Identifier: MIT */
#ifndef LIBSHMREG_OBJECT_H
#define LIBSHMREG_OBJECT_H

/* object.h - open handles of a segment */

#include <stdbool.h>

#include <shmreg/handle.h>

struct shmreg_segment;

/* What the library keeps of an open handle, apart from it so that scans do not touch its lines. */
struct object_node {
	struct object_node *next;	/* of all handles of the segment */
	struct object_node **link;
	struct object_node *same_next;	/* of the handles whose entry has this index */
	struct object_node **same_link;
	struct shmreg_handle *handle;
	size_t bytes;
	uint64_t object;
	uint32_t index;
	uint32_t seat;
};

/*
 * object_epoch() - the newest removal epoch of which no handle is held
 *
 * With the segment's mutex held.
 */
uint64_t object_epoch(struct shmreg_segment *s);

/*
 * object_handle_new() - a handle of @bytes bytes for the @entry that was just found at @index
 * @how:	SHMREG_OBJECT_SEAT: with a seat
 *
 * With the segment's mutex held, since the look-up (E3 in object-handle.c).
 *
 * Return: 0; -EAGAIN no seat is free; -EBADMSG the entry makes no sense; -ENOMEM; -ENOSYS.
 */
int object_handle_new(struct shmreg_segment *s, struct shmreg_handle **ret,
		      const struct shmreg_dir_object *entry, uint32_t index, uint32_t how,
		      size_t bytes);

/* The segment is closed: all handles go. Return: whether nothing is left behind, see may_leave(). */
bool object_close_all(struct shmreg_segment *s);

/*
 * object_check_name() - may an object of the segment be asked for by this name?
 *
 * Return: 0; -EINVAL, -ENAMETOOLONG, and as segment_usable(); with a sentence.
 */
int object_check_name(struct shmreg_segment *s, const char *name);

/*
 * object_refuse_read_only() - for handles through which one could write
 *
 * Return: 0; -EROFS attached read-only, with a sentence that names @instead.
 */
int object_refuse_read_only(struct shmreg_segment *s, const char *name, const char *instead);

#endif /* LIBSHMREG_OBJECT_H */
