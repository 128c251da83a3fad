/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_RECORDS_H
#define SHMREG_RECORDS_H

/*
 * shmreg/records.h - a bounded stream of records of any size, one to one
 *
 * Callers	At any time at most one producer and one consumer, counting all
 *		processes: opening takes the role, for the handle, until it is
 *		closed or its process has died; who comes second gets -EBUSY. A
 *		handle is used by one thread at a time and may move between
 *		threads with a happens-before. A signal handler counts as
 *		another thread. Any number may look (struct shmreg_ring).
 *
 * Progress	Wait-free: every call takes a bounded number of its own steps,
 *		whatever the peer does, stopping and dying included: peek and skip
 *		one a record that they pass, push_bulk one a record, never more
 *		than capacity / 8. No call allocates or sleeps (but create, open,
 *		close, ..._wait), nor enters the kernel, unless to wake a peer that
 *		waits.
 *
 * Ordering	First in, first out. What the producer wrote before push() or
 *		commit() is visible to the consumer that is given that record
 *		(release/acquire), and what the consumer did before pop(), skip()
 *		or consume() returned to the producer that next fills its bytes.
 *
 * Crashes	A process killed at any instruction of a call:
 *		 push, push_bulk, commit
 *				all records of the call are there whole, or none
 *		 reserve, and while it fills what it reserved
 *				nothing was pushed
 *		 pop, consume, skip, clear, and while it looks at what it peeked
 *		 at or viewed
 *				all records of the call were passed, or none: then
 *				the next consumer is given them again (at least
 *				once; number them if that matters)
 *		The counts of records and of bytes change with the records, by
 *		the same store. Nothing is ever lost and there is nothing to repair
 *		but the role, which the reaper takes from the dead; open waits for
 *		it. The successor goes on where the dead one was. A holder that
 *		is only stopped keeps its role.
 *
 * Trust	A peer with write access can garble, lose or repeat records, make
 *		the ring look empty, full or broken (-EUCLEAN), and cost each call
 *		the time to wake somebody. It cannot make a call read or write
 *		outside of the ring or the caller's buffer, or loop. A record's
 *		length is read once, and checked. What is viewed in place stays in
 *		shared memory: copy once, check the copy, use the copy.
 *
 * Waiting	The functions whose names end in _wait, as in <shmreg/ring.h>: the
 *		consumer for records, the producer for room. All others never
 *		wait. read-only may: shmreg_ring_open_const, and what
 *		<shmreg/ring.h> has for such a handle; anything else is -EROFS, or
 *		does not compile.
 *
 * Units	Bytes; counts are 64-bit, of everything since the creation. A record
 *		takes 8 bytes and its own, rounded up to 8; where less than that is
 *		left before the ring's memory ends, the rest of it too. It may be
 *		empty, of 0 bytes.
 *
 * Cost		push and pop: a few comparisons, the copy, two stores and one load. A side
 *		reads the other's counter only when it knows of no more room or
 *		records. A record lies in one piece, aligned to 8. One of more than
 *		2048 bytes is copied line by line, each line being fetched before
 *		it is needed; where the two run far apart, which trials tell, push
 *		writes around the cache, which is several times as fast there: on
 *		x86-64, where it times them by the processor's counter (rdtsc). What
 *		is reserved is written as the caller does it: that may take longer
 *		than to make a record elsewhere and push it.
 *
 * Bytes: <shmreg/abi/ring.h>. Why it is correct: <shmreg/records-inline.h>.
 * Elements of one size: <shmreg/ring.h>.
 */

#include <shmreg/ring.h>

SHMREG_BEGIN_DECLS

#define SHMREG_RECORD_MAX UINT64_C(0xfffffff0)	/* bytes, of any ring's records */

struct shmreg_record_params {
	size_t size;		/* sizeof(struct shmreg_record_params) */
	uint64_t capacity;	/* bytes, a power of two, 64 .. 2^40; opening: 0 = any */
	const char *type_name;	/* see shmreg/abi/name.h; NULL = none, opening: any */
};

/* A record to be pushed by push_bulk(). */
struct shmreg_record {
	const void *data;	/* not NULL */
	size_t bytes;
};

/* By which way a producer's long records go, and when it tries the other. */
struct shmreg_record_way {
	uint64_t cost;		/* of the first half of a trial */
	uint32_t around;	/* the cache */
	uint32_t left;		/* long records before the second half of a trial; 0: it is this one */
	uint32_t rest;		/* between two trials */
	uint32_t votes;		/* for the other way, in a row */
};

/* A private view of a ring of records, bound to a seat. Fields are the library's own. */
struct shmreg_record_producer {
	struct shmreg_ring ring;	/* &producer->ring: to look at it */
	uint64_t tail;		/* own count of bytes */
	uint64_t limit;		/* the tail at which there is no room that we know of */
	uint64_t mask;		/* capacity - 1 */
	uint64_t record_max;	/* bytes */
	uint64_t flip;		/* of the tail: which count of records belongs to it */
	uint64_t n_written;	/* records */
	uint64_t high;		/* longest backlog seen */
	uint64_t full_at;	/* the tail when there was no room last */
	uint64_t reserved;	/* bytes lent out by reserve(), and 1; 0: none */
	uint64_t reserved_at;	/* when the tail was this */
	uint64_t reserved_place;	/* position of their record */
	uint64_t short_max;	/* bytes; what is longer is copied otherwise */
	struct shmreg_record_way way;
};

struct shmreg_record_consumer {
	struct shmreg_ring ring;	/* &consumer->ring: to look at it */
	uint64_t head;		/* own count of bytes */
	uint64_t limit;		/* the tail when last seen */
	uint64_t mask;
	uint64_t record_max;
	uint64_t flip;
	uint64_t n_read;	/* records */
	uint64_t high;
	uint64_t viewed;	/* bytes to the end of what view() lent out; 0: nothing */
	uint64_t viewed_at;	/* when the head was this */
	uint64_t short_max;
};

/*
 * Not for applications: what create, open and the like below come to, with the
 * layout version and the handle that the application was compiled with.
 */
SHMREG_API SHMREG_CHECK int
shmreg_record_producer_open_layout(struct shmreg_segment *segment,
				   struct shmreg_record_producer **ret, uint32_t how,
				   const char *name, const struct shmreg_record_params *params,
				   uint32_t layout, size_t handle_bytes);
SHMREG_API SHMREG_CHECK int
shmreg_record_consumer_open_layout(struct shmreg_segment *segment,
				   struct shmreg_record_consumer **ret, uint32_t how,
				   const char *name, const struct shmreg_record_params *params,
				   uint32_t layout, size_t handle_bytes);

/*
 * shmreg_record_producer_create() - make a ring of records, which is empty, and become
 *				its producer
 * shmreg_record_producer_open() - become the producer of one that exists
 * shmreg_record_producer_open_or_create() - whichever it takes
 *
 * Return: 0, or as shmreg_ring_producer_create(); -EMEDIUMTYPE also if it is a ring of
 * elements.
 */
static inline SHMREG_CHECK int
shmreg_record_producer_create(struct shmreg_segment *segment, struct shmreg_record_producer **ret,
			      const char *name, const struct shmreg_record_params *params)
{
	return shmreg_record_producer_open_layout(segment, ret, SHMREG_OBJECT_CREATE, name, params,
						  SHMREG_RING_LAYOUT,
						  sizeof(struct shmreg_record_producer));
}

static inline SHMREG_CHECK int
shmreg_record_producer_open(struct shmreg_segment *segment, struct shmreg_record_producer **ret,
			    const char *name, const struct shmreg_record_params *params)
{
	return shmreg_record_producer_open_layout(segment, ret, SHMREG_OBJECT_ATTACH, name, params,
						  SHMREG_RING_LAYOUT,
						  sizeof(struct shmreg_record_producer));
}

static inline SHMREG_CHECK int
shmreg_record_producer_open_or_create(struct shmreg_segment *segment,
				      struct shmreg_record_producer **ret, const char *name,
				      const struct shmreg_record_params *params)
{
	return shmreg_record_producer_open_layout(
		segment, ret, SHMREG_OBJECT_CREATE | SHMREG_OBJECT_ATTACH, name, params,
		SHMREG_RING_LAYOUT, sizeof(struct shmreg_record_producer));
}

/*
 * shmreg_record_consumer_create() - the same for the consumer
 * shmreg_record_consumer_open()
 * shmreg_record_consumer_open_or_create()
 *
 * Return: as for the producer.
 */
static inline SHMREG_CHECK int
shmreg_record_consumer_create(struct shmreg_segment *segment, struct shmreg_record_consumer **ret,
			      const char *name, const struct shmreg_record_params *params)
{
	return shmreg_record_consumer_open_layout(segment, ret, SHMREG_OBJECT_CREATE, name, params,
						  SHMREG_RING_LAYOUT,
						  sizeof(struct shmreg_record_consumer));
}

static inline SHMREG_CHECK int
shmreg_record_consumer_open(struct shmreg_segment *segment, struct shmreg_record_consumer **ret,
			    const char *name, const struct shmreg_record_params *params)
{
	return shmreg_record_consumer_open_layout(segment, ret, SHMREG_OBJECT_ATTACH, name, params,
						  SHMREG_RING_LAYOUT,
						  sizeof(struct shmreg_record_consumer));
}

static inline SHMREG_CHECK int
shmreg_record_consumer_open_or_create(struct shmreg_segment *segment,
				      struct shmreg_record_consumer **ret, const char *name,
				      const struct shmreg_record_params *params)
{
	return shmreg_record_consumer_open_layout(
		segment, ret, SHMREG_OBJECT_CREATE | SHMREG_OBJECT_ATTACH, name, params,
		SHMREG_RING_LAYOUT, sizeof(struct shmreg_record_consumer));
}

/*
 * shmreg_record_producer_close() - give the role and the handle back; NULL is fine
 * shmreg_record_consumer_close()
 *
 * The ring stays, with what is in it.
 *
 * Return: 0; -ECHILD.
 */
SHMREG_API int shmreg_record_producer_close(struct shmreg_record_producer *producer);
SHMREG_API int shmreg_record_consumer_close(struct shmreg_record_consumer *consumer);

/*
 * All functions below may also return
 *	-ECHILD		the handle was inherited by fork()
 *	-EUCLEAN	the ring holds what no correct process writes: remove it
 * and, only in place of -EAGAIN,
 *	-ESTALE		the ring was removed (until it is empty or full it works on)
 *	-ENOTRECOVERABLE	its segment was quarantined
 */

/*
 * shmreg_record_push() - append one record
 * @data:	@bytes bytes, not referenced after the call; not NULL
 *
 * Return: 0; -EAGAIN too full; -EMSGSIZE @bytes is beyond shmreg_record_max().
 */
SHMREG_API SHMREG_CHECK SHMREG_HOT int shmreg_record_push(struct shmreg_record_producer *p,
							  const void *data, size_t bytes);

/*
 * shmreg_record_push_bulk() - append several records at once
 * @n:		at most so many are pushed
 * @min:	or none if not so many fit; 0 is taken as 1; @min = @n: all or none
 *
 * They become visible together. What reserve() gave is lost, even if none is pushed.
 *
 * Return: how many were pushed, @min .. @n (0 only if @n is 0); -EAGAIN too full;
 * -EMSGSIZE one of the first @min is beyond shmreg_record_max(), or together they
 * take more than half of the capacity (see Units), so that they might never fit;
 * -EINVAL @min is beyond @n.
 */
SHMREG_API SHMREG_CHECK int64_t shmreg_record_push_bulk(struct shmreg_record_producer *p,
							const struct shmreg_record *records,
							uint64_t n, uint64_t min);

/*
 * shmreg_record_reserve() - room for a record of up to @bytes, to fill it in place
 * @ret:	aligned to 8
 *
 * What is in it is undefined until filled. Nothing is taken: who does not want it any
 * more need not say so, and each push() and reserve() begins at the same place.
 *
 * Return: 0; -EAGAIN too full; -EMSGSIZE @bytes is beyond shmreg_record_max().
 */
SHMREG_API SHMREG_CHECK SHMREG_HOT int shmreg_record_reserve(struct shmreg_record_producer *p,
							     void **ret, size_t bytes);

/*
 * shmreg_record_commit() - push the first @bytes of what reserve() gave, as one record
 *
 * Return: 0; -EINVAL nothing was pushed: @bytes is more than was given, nothing was
 * given, or something else was pushed since, or push_bulk() was called.
 */
SHMREG_API SHMREG_HOT int shmreg_record_commit(struct shmreg_record_producer *p, size_t bytes);

/*
 * shmreg_record_pop() - take the oldest record
 * @data:	room for @size bytes, not NULL; written only if 0 is returned
 * @ret_bytes:	its length; set if 0 or -EMSGSIZE is returned
 *
 * Return: 0; -EAGAIN empty; -EMSGSIZE it is longer than @size, and stays.
 */
SHMREG_API SHMREG_CHECK SHMREG_HOT int shmreg_record_pop(struct shmreg_record_consumer *c,
							 void *data, size_t size,
							 size_t *ret_bytes);

/*
 * shmreg_record_peek() - copy the record that is @offset records behind the oldest; it stays
 * @data:	as in pop()
 *
 * Return: 0; -EAGAIN there are not so many; -EMSGSIZE it is longer than @size.
 */
SHMREG_API SHMREG_CHECK int shmreg_record_peek(struct shmreg_record_consumer *c, uint64_t offset,
					       void *data, size_t size, size_t *ret_bytes);

/*
 * shmreg_record_view() - the oldest record in place; it stays
 * @ret:	@ret_bytes bytes, aligned to 8
 *
 * Return: 0; -EAGAIN empty.
 */
SHMREG_API SHMREG_CHECK SHMREG_HOT int shmreg_record_view(struct shmreg_record_consumer *c,
							  const void **ret, size_t *ret_bytes);

/*
 * shmreg_record_consume() - done with what view() gave
 *
 * Return: 0; -EINVAL nothing was consumed: nothing was given, or something else was
 * taken since.
 */
SHMREG_API SHMREG_HOT int shmreg_record_consume(struct shmreg_record_consumer *c);

/*
 * shmreg_record_skip() - pass up to @n of the oldest records
 *
 * Return: how many, 1 .. @n (0 only if @n is 0); -EAGAIN empty.
 */
SHMREG_API int64_t shmreg_record_skip(struct shmreg_record_consumer *c, uint64_t n);

/*
 * shmreg_record_clear() - pass all that is there when it is called, and may be more
 *
 * Return: how many records, 0 .. capacity / 8.
 */
SHMREG_API int64_t shmreg_record_clear(struct shmreg_record_consumer *c);

/*
 * shmreg_record_push_wait() - the same, but wait for room, or for something to take
 * shmreg_record_push_bulk_wait()
 * shmreg_record_reserve_wait()
 * shmreg_record_pop_wait()
 * shmreg_record_peek_wait()
 * shmreg_record_view_wait()
 * shmreg_record_skip_wait()
 * @deadline:	CLOCK_MONOTONIC; NULL: for ever
 *
 * push_bulk_wait() waits until @min fit, skip_wait() until there is one, peek_wait() until
 * there are @offset and one more: a ring may be full with fewer, and then that waits in vain,
 * for nobody but the caller can make room.
 *
 * Return: as without _wait; in place of -EAGAIN: -ETIMEDOUT, -EINVAL, -EINTR, -ESTALE,
 * -ENOTRECOVERABLE, -EHOSTDOWN as in <shmreg/wait.h>. peek_wait: -EINVAL also if there can
 * never be so many, as @offset is capacity / 8 or more.
 */
SHMREG_API SHMREG_CHECK int shmreg_record_push_wait(struct shmreg_record_producer *p,
						    const void *data, size_t bytes,
						    const struct timespec *deadline);
SHMREG_API SHMREG_CHECK int64_t shmreg_record_push_bulk_wait(struct shmreg_record_producer *p,
							     const struct shmreg_record *records,
							     uint64_t n, uint64_t min,
							     const struct timespec *deadline);
SHMREG_API SHMREG_CHECK int shmreg_record_reserve_wait(struct shmreg_record_producer *p, void **ret,
						       size_t bytes,
						       const struct timespec *deadline);
SHMREG_API SHMREG_CHECK int shmreg_record_pop_wait(struct shmreg_record_consumer *c, void *data,
						   size_t size, size_t *ret_bytes,
						   const struct timespec *deadline);
SHMREG_API SHMREG_CHECK int shmreg_record_peek_wait(struct shmreg_record_consumer *c,
						    uint64_t offset, void *data, size_t size,
						    size_t *ret_bytes,
						    const struct timespec *deadline);
SHMREG_API SHMREG_CHECK int shmreg_record_view_wait(struct shmreg_record_consumer *c,
						    const void **ret, size_t *ret_bytes,
						    const struct timespec *deadline);
SHMREG_API SHMREG_CHECK int64_t shmreg_record_skip_wait(struct shmreg_record_consumer *c,
							uint64_t n,
							const struct timespec *deadline);

/*
 * shmreg_record_max() - bytes of the longest record: capacity / 2 - 8, SHMREG_RECORD_MAX at most
 *
 * One that long always fits when the ring is empty. 0 in a forked child.
 */
SHMREG_API uint64_t shmreg_record_max(const struct shmreg_ring *ring);

SHMREG_END_DECLS

#include <shmreg/records-inline.h>

#endif /* SHMREG_RECORDS_H */
