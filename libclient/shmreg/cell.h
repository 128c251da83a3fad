/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_CELL_H
#define SHMREG_CELL_H

/*
 * shmreg/cell.h - the latest value of something, of any size
 *
 * Callers	At most `writers` handles at a time, counting all processes, are
 *		writers (1 by default: the fast flavour); each is used by one thread
 *		at a time. Any number of processes read; reading changes nothing, and
 *		of the handle a hint, so threads may share one for reading. A signal
 *		handler counts as another thread. A writer's place is free when its
 *		handle is closed; who opens one finds that of a dead writer free,
 *		once the reaper has been there, for which open waits.
 *
 * Progress	Writers are wait-free: they wait for no reader and no other writer,
 *		whatever those do, including stopping or dying half-way. Readers
 *		are lock-free and wait for nobody, in particular not for a writer
 *		that stopped or died in the middle: they get the value before. A
 *		read starts again only if, during it, the writer whose value it was
 *		copying has written slots - 1 further values and begun another. That
 *		SHMREG_CELL_TRIES times in one call is -EBUSY: it takes a writer that
 *		never pauses and a value that takes longer to copy than slots - 1
 *		values take to write; more slots or a shorter copy help. Nobody
 *		allocates, or sleeps but to wait for a change; nobody enters the kernel but
 *		for that, and a writer if somebody does.
 *
 * Ordering	Linearizable: a read gives a value that was the latest at some
 *		moment of the call, and the reads of a thread never go back. Versions
 *		are those of the cell, not of a writer: each published value has the
 *		next one. A value that another writer's supersedes while it is being
 *		published was the latest for no time: its version is not given, its
 *		write has succeeded, n_superseded counts it. What a writer did before
 *		write() or commit() is visible to who reads that value
 *		(release/acquire).
 *
 * Crashes	Killed at any instruction of write(), or between begin() and the end
 *		of commit(), abort(): the value is there whole, or the value before is.
 *		Never a torn one, never none where one was. Killed in a read: nothing.
 *		All that is repaired is that the writer's place is free again.
 *
 * Trust	A peer with write access can garble the value, the version and whose
 *		place is whose, make reads fail (-EUCLEAN, -EBUSY, -ENODATA), and have
 *		those who wait wake for nothing, or sleep on. It cannot make a call
 *		read or write outside of the cell, or loop for more than
 *		SHMREG_CELL_TRIES copies. Geometry comes from the directory. What peek()
 *		lends stays in shared memory and may change at any time.
 *
 * Waiting	changed_wait() and read_wait(), see <shmreg/wait.h>: until there is another
 *		value than one already seen; each value that is published wakes all. Who
 *		wakes late finds the latest, and not those between. All others never
 *		wait. read-only may: open, read, peek, validate, version, changed, stat, seat,
 *		and wait; the rest is -EROFS or does not compile.
 *
 * Units	Bytes; versions are numbers from 1 to 2^47 - 1, then 1 again; 0: never
 *		written.
 *
 * Cost		read: the copy, and two words. write: the copy, and three words, and a
 *		load of a fourth, whether anybody is to be woken; with
 *		several writers one compare-and-swap. A typed wrapper's copy is an
 *		assignment. Memory: 1280 bytes, and for each writer `slots` times the
 *		value and its word in lines of their own.
 *
 * Bytes: <shmreg/abi/cell.h>. Why it is correct: <shmreg/cell-inline.h>.
 */

#include <time.h>

#include <shmreg/abi/cell.h>
#include <shmreg/handle.h>

SHMREG_BEGIN_DECLS

#define SHMREG_CELL_TRIES UINT32_C(1024)
#define SHMREG_CELL_SLOTS_DEFAULT 4

struct shmreg_cell_params {
	size_t size;		/* sizeof(struct shmreg_cell_params) */
	uint64_t elem_bytes;	/* of the value, 1 .. 1 GiB; opening: 0 = any */
	uint32_t elem_align;	/* a power of two, 1 .. 128 */
	uint32_t writers;	/* at a time, 1 .. 64; 0 = 1; opening: 0 = any */
	uint32_t slots;		/* a writer, 2 .. 64; 0 = 4; opening: any if writers is 0 */
	const char *type_name;	/* see shmreg/abi/name.h; NULL = none, opening: any */
};

/* A private view of a cell, to read it. Fields are the library's own. */
struct shmreg_cell {
	struct shmreg_handle handle;
	uint32_t writers;
	uint32_t slots;		/* of each */
	uint32_t limit;		/* place of the last slot, less that of the first */
	uint32_t reserved;
	size_t stride;
	size_t word_offset;	/* in a slot */
	size_t elem_bytes;
	unsigned char *found;	/* where the last value was; NULL: nowhere, or forked */
};

/* One that writes: it has one of the writers' places. Fields are the library's own. */
struct shmreg_cell_writer {
	struct shmreg_cell cell;	/* for all that reads; see shmreg_cell_of() */
	unsigned char *next;	/* the slot to be written next; NULL: lent out, or a forked child */
	unsigned char *lent;	/* by begin(); NULL: none */
	uint64_t last;		/* the only writer's last word; else unused */
	uint32_t writer;	/* which one */
	uint32_t slot;		/* the index of next, or lent */
	uint32_t first_place;	/* of slot 0, as in a word */
	uint32_t reserved;
};

/* A value lent out by peek(). */
struct shmreg_cell_view {
	const void *elem;	/* in place */
	uint64_t version;
	uint64_t word;		/* the library's own */
};

struct shmreg_cell_stats {
	size_t size;		/* sizeof(struct shmreg_cell_stats), set by the caller */
	uint64_t version;	/* as shmreg_cell_version(); so many values were published */
	uint64_t n_superseded;	/* values that were the latest for no time */
	uint64_t elem_bytes;
	uint32_t writers;	/* places for them */
	uint32_t n_writers;	/* of which so many are taken */
	uint32_t slots;
	uint32_t last_writer;	/* whose value is the latest; meaningless if version is 0 */
};

/*
 * Not for applications: what create, open and the like below come to, with the
 * layout version and the handle that the application was compiled with.
 */
SHMREG_API SHMREG_CHECK int
shmreg_cell_open_layout(struct shmreg_segment *segment, const struct shmreg_cell **ret,
			uint32_t how, const char *name, const struct shmreg_cell_params *params,
			uint32_t layout, size_t handle_bytes);
SHMREG_API SHMREG_CHECK int
shmreg_cell_writer_open_layout(struct shmreg_segment *segment, struct shmreg_cell_writer **ret,
			       uint32_t how, const char *name,
			       const struct shmreg_cell_params *params, uint32_t layout,
			       size_t handle_bytes);

/*
 * shmreg_cell_create() - make a cell, never written, and open it for reading
 * shmreg_cell_open() - open one that exists for reading; takes no seat
 * shmreg_cell_open_or_create() - whichever it takes
 *
 * Return: 0, or as shmreg_object_open().
 */
static inline SHMREG_CHECK int shmreg_cell_create(struct shmreg_segment *segment,
						  const struct shmreg_cell **ret, const char *name,
						  const struct shmreg_cell_params *params)
{
	return shmreg_cell_open_layout(segment, ret, SHMREG_OBJECT_CREATE, name, params,
				       SHMREG_CELL_LAYOUT, sizeof(struct shmreg_cell));
}

static inline SHMREG_CHECK int shmreg_cell_open(struct shmreg_segment *segment,
						const struct shmreg_cell **ret, const char *name,
						const struct shmreg_cell_params *params)
{
	return shmreg_cell_open_layout(segment, ret, SHMREG_OBJECT_ATTACH, name, params,
				       SHMREG_CELL_LAYOUT, sizeof(struct shmreg_cell));
}

static inline SHMREG_CHECK int
shmreg_cell_open_or_create(struct shmreg_segment *segment, const struct shmreg_cell **ret,
			   const char *name, const struct shmreg_cell_params *params)
{
	return shmreg_cell_open_layout(segment, ret, SHMREG_OBJECT_CREATE | SHMREG_OBJECT_ATTACH,
				       name, params, SHMREG_CELL_LAYOUT,
				       sizeof(struct shmreg_cell));
}

/*
 * shmreg_cell_writer_create() - make a cell, never written, and become a writer of it
 * shmreg_cell_writer_open() - become a writer of one that exists
 * shmreg_cell_writer_open_or_create() - whichever it takes
 *
 * Return: 0, or as shmreg_object_open(); and
 *	-EBUSY		all places have live writers (the sentence names one), or a dead
 *			one was not repaired in time
 *	-EUCLEAN	a place names nobody that there is: remove the cell
 *	-EROFS		the segment is attached read-only
 */
static inline SHMREG_CHECK int
shmreg_cell_writer_create(struct shmreg_segment *segment, struct shmreg_cell_writer **ret,
			  const char *name, const struct shmreg_cell_params *params)
{
	return shmreg_cell_writer_open_layout(segment, ret, SHMREG_OBJECT_CREATE, name, params,
					      SHMREG_CELL_LAYOUT,
					      sizeof(struct shmreg_cell_writer));
}

static inline SHMREG_CHECK int
shmreg_cell_writer_open(struct shmreg_segment *segment, struct shmreg_cell_writer **ret,
			const char *name, const struct shmreg_cell_params *params)
{
	return shmreg_cell_writer_open_layout(segment, ret, SHMREG_OBJECT_ATTACH, name, params,
					      SHMREG_CELL_LAYOUT,
					      sizeof(struct shmreg_cell_writer));
}

static inline SHMREG_CHECK int
shmreg_cell_writer_open_or_create(struct shmreg_segment *segment, struct shmreg_cell_writer **ret,
				  const char *name, const struct shmreg_cell_params *params)
{
	return shmreg_cell_writer_open_layout(segment, ret,
					      SHMREG_OBJECT_CREATE | SHMREG_OBJECT_ATTACH, name,
					      params, SHMREG_CELL_LAYOUT,
					      sizeof(struct shmreg_cell_writer));
}

/*
 * shmreg_cell_close() - give a reading handle back; NULL is fine. The cell stays.
 * shmreg_cell_writer_close() - the same, and the writer's place
 *
 * Return: 0; -EBUSY writer: between begin() and commit() or abort(), it stays open;
 * -ECHILD.
 */
SHMREG_API int shmreg_cell_close(const struct shmreg_cell *cell);
SHMREG_API int shmreg_cell_writer_close(struct shmreg_cell_writer *writer);

/* What a writer reads by; good until it is closed. */
static inline const struct shmreg_cell *shmreg_cell_of(const struct shmreg_cell_writer *writer)
{
	return &writer->cell;
}

/*
 * shmreg_cell_write() - make this the latest value; wait-free
 * @elem:	elem_bytes bytes, not referenced after the call
 *
 * Return: 0; -EBUSY a value begun by begin() is not finished; -ECHILD.
 */
SHMREG_API SHMREG_HOT int shmreg_cell_write(struct shmreg_cell_writer *w, const void *elem);

/*
 * shmreg_cell_begin() - borrow a slot, to fill it in place; nobody sees it
 * shmreg_cell_commit() - make what was filled in the latest value
 * shmreg_cell_abort() - nothing happened
 *
 * The slot's contents are undefined until filled.
 *
 * Return: 0; begin: -EBUSY one is lent out; commit, abort: -EINVAL none is; all:
 * -ECHILD.
 */
SHMREG_API SHMREG_CHECK SHMREG_HOT int shmreg_cell_begin(struct shmreg_cell_writer *w, void **ret);
SHMREG_API SHMREG_HOT int shmreg_cell_commit(struct shmreg_cell_writer *w);
SHMREG_API SHMREG_HOT int shmreg_cell_abort(struct shmreg_cell_writer *w);

/*
 * All functions below that return int may also return
 *	-ECHILD		the handle was inherited by fork()
 *	-EUCLEAN	the cell holds what no correct process writes: remove it
 * and, only in place of -ENODATA and of changed()'s 0,
 *	-ESTALE		the cell was removed (what was read stays readable until close)
 *	-ENOTRECOVERABLE  its segment was quarantined
 */

/*
 * shmreg_cell_read() - copy the latest value
 * @elem:	elem_bytes bytes; undefined if not 0 is returned
 * @ret_version: its version; may be NULL
 *
 * The bytes come from another process: check the copy before use.
 *
 * Return: 0; -ENODATA never written; -EBUSY SHMREG_CELL_TRIES copies were overtaken.
 */
SHMREG_API SHMREG_CHECK SHMREG_HOT int shmreg_cell_read(const struct shmreg_cell *c, void *elem,
							uint64_t *ret_version);

/*
 * shmreg_cell_peek() - look at the latest value in place, without a copy
 * shmreg_cell_validate() - was all that was seen of it until now one value?
 *
 * For large values of which little is wanted. What is seen may be overwritten at any
 * time (with slots - 1 further values of its writer's); before validate() has said 0,
 * use it for nothing that a torn value could break. A view needs no giving back.
 *
 * Return: 0; peek: -ENODATA never written; validate: -EAGAIN it is being overwritten,
 * or was: peek again.
 */
SHMREG_API SHMREG_CHECK SHMREG_HOT int shmreg_cell_peek(const struct shmreg_cell *c,
							struct shmreg_cell_view *ret);
SHMREG_API SHMREG_CHECK SHMREG_HOT int shmreg_cell_validate(const struct shmreg_cell *c,
							    const struct shmreg_cell_view *view);

/*
 * shmreg_cell_version() - of the latest value; 0 never written, or a forked child
 * shmreg_cell_changed() - is it another than @since?
 *
 * One load. That it is another does not make the value visible: read() does.
 *
 * Return of changed(): 1 it is; 0 it is still that.
 */
SHMREG_API SHMREG_HOT uint64_t shmreg_cell_version(const struct shmreg_cell *c);
SHMREG_API SHMREG_CHECK SHMREG_HOT int shmreg_cell_changed(const struct shmreg_cell *c,
							   uint64_t since);

/*
 * shmreg_cell_changed_wait() - wait until it is
 * shmreg_cell_read_wait() - wait likewise, and copy the latest value
 * @since:	a version already seen; 0: none, so that any value will do
 * @deadline:	CLOCK_MONOTONIC; NULL: for ever
 *
 *	while ((r = shmreg_cell_read_wait(c, version, &pose, &version, NULL)) == 0)
 *		use(&pose);
 *
 * gives each value at most once, and the latest in the end. A value is waited for, so never
 * -ENODATA.
 *
 * Return: changed_wait: 1; read_wait: as read(); if there was no change: -ETIMEDOUT, -EINVAL,
 * -EINTR, -ESTALE, -ENOTRECOVERABLE, -EHOSTDOWN as in <shmreg/wait.h>; attached read-only also
 * as <shmreg/watch.h> says.
 */
SHMREG_API SHMREG_CHECK int shmreg_cell_changed_wait(const struct shmreg_cell *c, uint64_t since,
						     const struct timespec *deadline);
SHMREG_API SHMREG_CHECK int shmreg_cell_read_wait(const struct shmreg_cell *c, uint64_t since,
						  void *elem, uint64_t *ret_version,
						  const struct timespec *deadline);

/*
 * shmreg_cell_stat() - counters, each by itself a consistent snapshot
 * @ret:	ret->size set by the caller; so much of it is filled in
 *
 * Return: 0; -EINVAL bad size; -ECHILD.
 */
SHMREG_API SHMREG_CHECK int shmreg_cell_stat(const struct shmreg_cell *c,
					     struct shmreg_cell_stats *ret);

/* shmreg_cell_seat() - the seat of writer number @writer; 0: nobody, or no such place */
SHMREG_API uint32_t shmreg_cell_seat(const struct shmreg_cell *c, uint32_t writer);

SHMREG_END_DECLS

#include <shmreg/cell-inline.h>
#include <shmreg/cell-typed.h>

#endif /* SHMREG_CELL_H */
