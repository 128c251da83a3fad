/* SPDX-License-Identifier: MIT */
#ifndef LIBSHMREG_SNAPSHOT_COPY_H
#define LIBSHMREG_SNAPSHOT_COPY_H

/*
 * snapshot-copy.h - a segment, copied while others use it
 *
 * What is promised is said in shmreg/snapshot.h, for each kind. Why it holds:
 *
 *   (S1) Pages without memory are all zero. They are not touched, for that would make
 *	  memory of them: whoever reads asks the file first where there is some. What comes to
 *	  be there afterwards was written afterwards.
 *   (S2) queue: the tail is read first, then of each slot its word and after it (acquire) its
 *	  element, then the head. A position p with head <= p < tail was claimed by its
 *	  producer before the first step and by no consumer before the last. So its word was
 *	  FREE, WRITING, READY or TOMB of p: and if READY, the element was whole and
 *	  nobody wrote to it any more, (I2) and (I3) of queue-inline.h. Any other slot
 *	  becomes FREE, unless after the head was read it still had what a consumer has
 *	  claimed: who reads, and what is to be handed out again, stays to be seen.
 *   (S3) ring: the tail first, then what is between head and tail, then the head. What is
 *	  behind the second head was there at the first step and not passed at the last: (I2)
 *	  of ring-inline.h. Both are borders of records.
 *   (S4) topic: read as a subscriber reads, each message verified by its slot's word, from
 *	  the oldest until none is left. Then none of the last capacity positions was lost: a
 *	  message is lost only to one that is capacity later, which has been passed as well.
 *	  In the copy each message lies in the chunk whose home is its slot, since a
 *	  chunk may have gone to another slot meanwhile; cursors are read last.
 *   (S5) cell: read as a reader reads.
 *   (S6) pool: each object's word is one load. `touched` is read after them, as it is written
 *	  before them.
 *   (S7) An object that is not the same afterwards (its entry is not LIVE, or has another id)
 *	  is left out: its range may have been given to another.
 *
 * Nothing here writes to the segment, and every loop is bounded.
 */

#include <stdbool.h>

#include <shmreg/abi/snapshot.h>

struct snapshot_copy {
	/* of the segment */
	const struct shmreg_dir *dir;
	const unsigned char *data;
	int data_fd;
	uint64_t own;			/* participant that is left out; 0: none */
	/* the copy */
	struct shmreg_dir *to_dir;
	unsigned char *to;
	int to_fd;
	struct shmreg_snapshot_note *notes;
	uint64_t n_notes, notes_room;
	int error;			/* -ENOMEM: a note found no room */
	/* that has memory, as far as is known */
	uint64_t there_from, there_to;
};

/*
 * snapshot_copy() - of the segment with these three
 * @ret:	to be freed with snapshot_copy_free()
 *
 * Return: 0; -ENOMEM; -errno of memfd_create(), mmap().
 */
int snapshot_copy(struct snapshot_copy *ret, const struct shmreg_dir *dir, const void *data,
		  int data_fd, uint64_t own);
void snapshot_copy_free(struct snapshot_copy *c);

/*
 * snapshot_write() - the copy, into an empty regular file
 * @head:	who took it, when and why is the caller's, the rest is filled in
 *
 * Return: 0; -errno of ftruncate(), pwrite(), fsync(); -EIO it was written in part.
 */
int snapshot_write(struct snapshot_copy *c, int fd, struct shmreg_snapshot_head *head);
/* Fills in when, who, where and with what; @reason is ASKED. Before the copy is begun. */
void snapshot_begin(struct shmreg_snapshot_head *head);

/* --- of the kinds' files: offsets are in the data area ----------------------------------------- */

/* Has the page of @offset memory? It may be touched, then. */
bool snapshot_is_there(struct snapshot_copy *c, uint64_t offset);
/* The next part of [*from, to) that has memory. Return: false: there is none. */
bool snapshot_next(struct snapshot_copy *c, uint64_t *from, uint64_t to, uint64_t *ret_to);
/* A word, by acquire; 0 where there is no memory. */
uint64_t snapshot_load(struct snapshot_copy *c, uint64_t offset);
/* Words, each by one load. Where there is no memory nothing is written. */
void snapshot_words(struct snapshot_copy *c, uint64_t offset, uint64_t bytes);
/* Bytes, wherever they are to lie. Where there is no memory there are zeros. */
void snapshot_bytes(struct snapshot_copy *c, uint64_t to, uint64_t offset, uint64_t bytes);
/* The same, to the same place; where there is no memory nothing is written. */
void snapshot_raw(struct snapshot_copy *c, uint64_t offset, uint64_t bytes);
static inline void *snapshot_at(const struct snapshot_copy *c, uint64_t offset)
{
	return c->to + offset;
}
void snapshot_note(struct snapshot_copy *c, const struct shmreg_dir_object *o, uint32_t what,
		   uint64_t n);

/* Of each kind: the range is inside of the data area. */
void snapshot_queue(struct snapshot_copy *c, const struct shmreg_dir_object *o);
void snapshot_ring(struct snapshot_copy *c, const struct shmreg_dir_object *o);
void snapshot_topic(struct snapshot_copy *c, const struct shmreg_dir_object *o);
void snapshot_pool(struct snapshot_copy *c, const struct shmreg_dir_object *o);
void snapshot_cell(struct snapshot_copy *c, const struct shmreg_dir_object *o);

#endif /* LIBSHMREG_SNAPSHOT_COPY_H */
