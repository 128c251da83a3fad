/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_SNAPSHOT_H
#define SHMREG_SNAPSHOT_H

/*
 * shmreg/snapshot.h - a segment in a file, to be looked at when everybody is dead
 *
 * Callers	As in segment.h. The segment of a file is closed like any other.
 *
 * Progress	Nobody is stopped, waited for, or held up: a snapshot is what one reader sees,
 *		however fast others change it. Tries are bounded.
 *
 * Ordering	Each object is consistent in itself, and they are copied one after the other:
 *		two objects may be of different moments within the time that it took.
 *
 *		array	as it was read: an element that somebody writes just then may be torn
 *		atomic	one value
 *		cell	one version, whole
 *		queue	the elements that were in it throughout: those behind the last that was
 *			taken when the copy ended, before the first that was pushed after it
 *			began, in their order, each whole. What is being written or read is
 *			there as such, with its holder
 *		ring	the same, of elements and of records
 *		topic	the messages that a subscriber would have read, in their order, each
 *			whole, up to one of the latest; cursors are not ahead of it
 *		pool	each object free, held or sent, as a single look would find it; what its
 *			holder writes just then may be torn
 *
 *		What could not be had so is noted: shmreg_snapshot_notes().
 *
 * Crashes	Who dies while he takes a snapshot leaves a file that is none: the head is
 *		written last.
 *
 * Trust	A file may hold anything, and is checked completely when it is opened. It is read
 *		into memory, so that nobody can change or cut it under us.
 *
 * Waiting	Nothing comes any more: what would wait is -EROFS, if it is not there already.
 *
 * Units	Bytes; nanoseconds of CLOCK_REALTIME.
 *
 * Cost		Memory as much as the segment has, for as long as it is copied or the file is
 *		open. What has no memory is neither read nor written.
 */

#include <shmreg/abi/snapshot.h>
#include <shmreg/segment.h>

SHMREG_BEGIN_DECLS

/*
 * shmreg_snapshot_open() - attach to a segment that lies in a file, read-only
 * @ret:	to be closed with shmreg_segment_close()
 *
 * Everything that reads works as with a segment of a daemon, which is not needed. What would
 * write or ask it is -EROFS.
 *
 * Return: 0, or
 *	-ENOENT, -EACCES, ...	the file cannot be opened or read
 *	-EINVAL		@path is NULL; no regular file; it is no snapshot
 *	-EPROTONOSUPPORT	a layout that this library does not know
 *	-EBADMSG	it is damaged, cut short, or makes no sense; the sentence says where
 *	-ENOMEM
 */
SHMREG_API SHMREG_CHECK int shmreg_snapshot_open(struct shmreg_segment **ret, const char *path);

/* The head of an opened file; NULL: the segment is no file's. As long as it is open. */
SHMREG_API const struct shmreg_snapshot_head *
shmreg_snapshot_head(const struct shmreg_segment *segment);
/* Its notes; *ret_n: how many. */
SHMREG_API const struct shmreg_snapshot_note *
shmreg_snapshot_notes(const struct shmreg_segment *segment, size_t *ret_n);

/*
 * shmreg_segment_open_extents() - as shmreg_segment_open() to read, and keep a descriptor
 *
 * One descriptor more, without which shmreg_segment_extent() and shmreg_snapshot_write() do not
 * know where there is memory: a look at a page that has none would make some.
 */
SHMREG_API SHMREG_CHECK int shmreg_segment_open_extents(struct shmreg_connection *connection,
							struct shmreg_segment **ret,
							const char *name);

/*
 * shmreg_segment_extent() - the next part of the data area that has memory
 * @from:	where to begin
 * @ret_offset:	where it begins, @from at least
 * @ret_bytes:	of it
 *
 * Return: 0; -ENOENT there is none from there on; -EOPNOTSUPP the segment was opened without
 * extents; -ECHILD.
 */
SHMREG_API SHMREG_CHECK int shmreg_segment_extent(const struct shmreg_segment *segment,
						  uint64_t from, uint64_t *ret_offset,
						  uint64_t *ret_bytes);

/*
 * shmreg_snapshot_write() - take one
 * @segment:	opened with shmreg_segment_open_extents(), or itself of a file
 * @fd:		of a regular file that is empty, to be written
 *
 * This attachment is not in it. What is in the file is on the disk when this returns; if it
 * fails, or the caller dies, there is something in it that shmreg_snapshot_open() refuses.
 *
 * Return: 0, or
 *	-EOPNOTSUPP	@segment was opened without extents
 *	-EINVAL		@fd
 *	-ENOMEM		for the copy
 *	-ENOSPC, -EIO, ...	it cannot be written
 *	-ECHILD
 */
SHMREG_API SHMREG_CHECK int shmreg_snapshot_write(struct shmreg_segment *segment, int fd);

SHMREG_END_DECLS

#endif /* SHMREG_SNAPSHOT_H */
