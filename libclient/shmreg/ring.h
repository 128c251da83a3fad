/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_RING_H
#define SHMREG_RING_H

/*
 * shmreg/ring.h - a bounded stream of fixed-size elements, one to one
 *
 * Callers	At any time at most one producer and one consumer, counting all
 *		processes: opening takes the role, for the handle, until it is
 *		closed or its process has died; who comes second gets -EBUSY. A
 *		handle is used by one thread at a time and may move between
 *		threads with a happens-before. A signal handler counts as
 *		another thread. Any number may look (struct shmreg_ring).
 *
 * Progress	Wait-free: every call takes a bounded number of its own steps,
 *		whatever the peer does, stopping and dying included, and never
 *		allocates or sleeps (but create, open, close, ..._wait), nor enters
 *		the kernel, unless to wake a peer that waits.
 *
 * Ordering	First in, first out. What the producer wrote before push() or
 *		commit() is visible to the consumer that is given that element
 *		(release/acquire), and what the consumer did before pop(), skip()
 *		or consume() returned to the producer that next fills that slot.
 *
 * Crashes	A process killed at any instruction of a call:
 *		 push, push_bulk, commit
 *				all elements of the call are there whole, or none
 *		 reserve, and while it fills what it reserved
 *				nothing was pushed
 *		 pop, pop_bulk, consume, skip, clear, and while it looks at
 *		 what it peeked at or viewed
 *				all elements of the call were passed, or none: then
 *				the next consumer is given them again (at least
 *				once; number them if that matters)
 *		Nothing is ever lost and there is nothing to repair but the role,
 *		which the reaper takes from the dead; open waits for it. The
 *		successor goes on where the dead one was. A holder that is only
 *		stopped keeps its role.
 *
 * Trust	A peer with write access can garble, lose or repeat elements, make
 *		the ring look empty, full or broken (-EUCLEAN), and cost each call
 *		the time to wake somebody. It cannot make a call read or write
 *		outside of the ring or loop. Geometry comes from the directory.
 *		What is viewed in place stays in shared memory: copy once, check
 *		the copy, use the copy.
 *
 * Waiting	The functions whose names end in _wait, see <shmreg/wait.h>: the
 *		consumer for elements, the producer for room. Each push and each
 *		commit wakes the consumer, each pop, consume, skip and clear the
 *		producer. The peer may die meanwhile, or not have come yet: the
 *		wait goes on, until a successor has done something, or the
 *		deadline has passed. One who dies asleep leaves its role to the
 *		next, as elsewhere. All other functions never wait. read-only may:
 *		open_const, length, space, capacity, stat; anything else is
 *		-EROFS, or does not compile.
 *
 * Units	Elements; counts are 64-bit, of everything since the creation.
 *
 * Cost		push and pop: a comparison, the copy, one store and one load; a typed
 *		wrapper's copy is an assignment. A bulk call is one or two memcpy()
 *		and one store. A side reads the other's counter only when it
 *		knows of no more room or elements, so the counters' cache lines
 *		change hands once a batch. Slots touch each other: a run of them
 *		is a plain array.
 *		In a stream pop() lets a batch gather: while its looks for more bring
 *		several elements, but fewer than 256 and than a quarter of the ring,
 *		and do so faster than one in 10 to 50 ns, the next look waits for
 *		longer and longer, for 64 pauses of the processor at most, which are
 *		0.2 to 3 us. A look that brings one element ends that, so what is
 *		answered before the next is sent is never delayed. The other calls
 *		do not do so.
 *
 * Bytes: <shmreg/abi/ring.h>. Why it is correct: <shmreg/ring-inline.h>.
 * Records of any size: <shmreg/records.h>.
 */

#include <time.h>

#include <shmreg/abi/ring.h>
#include <shmreg/handle.h>

SHMREG_BEGIN_DECLS

struct shmreg_ring_params {
	size_t size;		/* sizeof(struct shmreg_ring_params) */
	uint64_t capacity;	/* a power of two, 2 .. 2^40; opening: 0 = any */
	uint64_t elem_bytes;	/* 1 .. 64 MiB, a multiple of elem_align; opening: 0 = any */
	uint32_t elem_align;	/* a power of two, 1 .. 128 */
	uint32_t flags;		/* none yet: 0 */
	const char *type_name;	/* see shmreg/abi/name.h; NULL = none, opening: any */
};

/* Of a ring of elements; of records, capacity, length, n_written, n_read and high are bytes. */
struct shmreg_ring_stats {
	size_t size;		/* sizeof(struct shmreg_ring_stats), set by the caller */
	uint64_t capacity;
	uint64_t length;	/* as shmreg_ring_length() */
	uint64_t n_written;	/* ever */
	uint64_t n_read;	/* ever: popped, consumed, skipped, cleared */
	uint64_t n_records_written;	/* rings of records only, else 0 */
	uint64_t n_records_read;
	/*
	 * Elements or records skipped or cleared. Short by those of one call if
	 * its caller was killed in the middle of it.
	 */
	uint64_t n_skipped;
	uint64_t n_full;	/* at so many positions the producer found no room at first */
	/*
	 * The longest backlog that was ever seen, no more than there really was. Each
	 * side looks only when it has run out of room or elements that it knew of:
	 * the capacity means that it was full, less that it was at least so long.
	 */
	uint64_t high;
	uint32_t producer;	/* seat of who has the role; 0 = nobody */
	uint32_t consumer;
};

/* A private view of a ring, of elements or of records. Fields are the library's own. */
struct shmreg_ring {
	struct shmreg_handle handle;
};

struct shmreg_ring_producer {
	struct shmreg_ring ring;	/* &producer->ring: to look at it */
	uint64_t tail;		/* own count; the one in shared memory is for the others */
	uint64_t limit;		/* the tail at which push() stops to think: known, or before */
	uint64_t mask;		/* capacity - 1 */
	size_t elem_bytes;
	uint64_t high;		/* longest backlog seen */
	uint64_t known;		/* the tail at which there is no room that we know of */
	uint64_t full_at;	/* the tail when there was no room last */
	uint64_t reserved;	/* elements lent out by reserve(), */
	uint64_t reserved_at;	/* when the tail was this */
	uint32_t per_line;	/* about as many slots as a line has, a power of two; 0: one, or less */
	uint32_t lags;		/* the consumer, when last looked at */
};

struct shmreg_ring_consumer {
	struct shmreg_ring ring;	/* &consumer->ring: to look at it */
	uint64_t limit;		/* the tail when last seen */
	uint64_t left;		/* elements before it that were not passed: the head is limit - left */
	uint64_t mask;
	size_t elem_bytes;
	uint64_t high;
	uint64_t viewed;	/* elements lent out by view(), */
	uint64_t viewed_at;	/* when the head was this */
	uint32_t patience;	/* pauses before pop()'s next look at the tail */
	struct shmreg_ring_shm *eager;	/* where pop() looks for just one first, or NULL */
};

/*
 * Not for applications: what create, open and the like below come to, with the
 * layout version and the handle that the application was compiled with.
 */
SHMREG_API SHMREG_CHECK int
shmreg_ring_producer_open_layout(struct shmreg_segment *segment, struct shmreg_ring_producer **ret,
				 uint32_t how, const char *name,
				 const struct shmreg_ring_params *params, uint32_t layout,
				 size_t handle_bytes);
SHMREG_API SHMREG_CHECK int
shmreg_ring_consumer_open_layout(struct shmreg_segment *segment, struct shmreg_ring_consumer **ret,
				 uint32_t how, const char *name,
				 const struct shmreg_ring_params *params, uint32_t layout,
				 size_t handle_bytes);
SHMREG_API SHMREG_CHECK int
shmreg_ring_open_const_layout(struct shmreg_segment *segment, const struct shmreg_ring **ret,
			      const char *name, const struct shmreg_ring_params *params,
			      uint32_t layout, size_t handle_bytes);

/*
 * shmreg_ring_producer_create() - make a ring, which is empty, and become its producer
 * shmreg_ring_producer_open() - become the producer of one that exists
 * shmreg_ring_producer_open_or_create() - whichever it takes
 *
 * A predecessor that has died is waited for the daemon to notice and the reaper
 * to have taken its role, for some seconds at most.
 *
 * Return: 0, or as shmreg_object_open(); -EBUSY there is a producer, alive; the
 * sentence says who; or a dead one was not repaired in time; -EMEDIUMTYPE also if it
 * is a ring of records; -EROFS also if the segment is attached read-only; -EUCLEAN
 * somebody wrote over its roles; -ENOTRECOVERABLE. After -EBUSY of create the ring
 * was made, and somebody else was faster to become its producer.
 */
static inline SHMREG_CHECK int
shmreg_ring_producer_create(struct shmreg_segment *segment, struct shmreg_ring_producer **ret,
			    const char *name, const struct shmreg_ring_params *params)
{
	return shmreg_ring_producer_open_layout(segment, ret, SHMREG_OBJECT_CREATE, name, params,
						SHMREG_RING_LAYOUT,
						sizeof(struct shmreg_ring_producer));
}

static inline SHMREG_CHECK int
shmreg_ring_producer_open(struct shmreg_segment *segment, struct shmreg_ring_producer **ret,
			  const char *name, const struct shmreg_ring_params *params)
{
	return shmreg_ring_producer_open_layout(segment, ret, SHMREG_OBJECT_ATTACH, name, params,
						SHMREG_RING_LAYOUT,
						sizeof(struct shmreg_ring_producer));
}

static inline SHMREG_CHECK int
shmreg_ring_producer_open_or_create(struct shmreg_segment *segment,
				    struct shmreg_ring_producer **ret, const char *name,
				    const struct shmreg_ring_params *params)
{
	return shmreg_ring_producer_open_layout(
		segment, ret, SHMREG_OBJECT_CREATE | SHMREG_OBJECT_ATTACH, name, params,
		SHMREG_RING_LAYOUT, sizeof(struct shmreg_ring_producer));
}

/*
 * shmreg_ring_consumer_create() - the same for the consumer
 * shmreg_ring_consumer_open()
 * shmreg_ring_consumer_open_or_create()
 *
 * Return: as for the producer.
 */
static inline SHMREG_CHECK int
shmreg_ring_consumer_create(struct shmreg_segment *segment, struct shmreg_ring_consumer **ret,
			    const char *name, const struct shmreg_ring_params *params)
{
	return shmreg_ring_consumer_open_layout(segment, ret, SHMREG_OBJECT_CREATE, name, params,
						SHMREG_RING_LAYOUT,
						sizeof(struct shmreg_ring_consumer));
}

static inline SHMREG_CHECK int
shmreg_ring_consumer_open(struct shmreg_segment *segment, struct shmreg_ring_consumer **ret,
			  const char *name, const struct shmreg_ring_params *params)
{
	return shmreg_ring_consumer_open_layout(segment, ret, SHMREG_OBJECT_ATTACH, name, params,
						SHMREG_RING_LAYOUT,
						sizeof(struct shmreg_ring_consumer));
}

static inline SHMREG_CHECK int
shmreg_ring_consumer_open_or_create(struct shmreg_segment *segment,
				    struct shmreg_ring_consumer **ret, const char *name,
				    const struct shmreg_ring_params *params)
{
	return shmreg_ring_consumer_open_layout(
		segment, ret, SHMREG_OBJECT_CREATE | SHMREG_OBJECT_ATTACH, name, params,
		SHMREG_RING_LAYOUT, sizeof(struct shmreg_ring_consumer));
}

/*
 * shmreg_ring_open_const() - look at a ring that exists, of elements or of records
 *
 * Takes no role and no seat. With capacity 0, or @params NULL; a capacity is one of
 * elements.
 *
 * Return: 0, or as shmreg_object_open().
 */
static inline SHMREG_CHECK int shmreg_ring_open_const(struct shmreg_segment *segment,
						      const struct shmreg_ring **ret,
						      const char *name,
						      const struct shmreg_ring_params *params)
{
	return shmreg_ring_open_const_layout(segment, ret, name, params, SHMREG_RING_LAYOUT,
					     sizeof(struct shmreg_ring));
}

/*
 * shmreg_ring_producer_close() - give the role and the handle back; NULL is fine
 * shmreg_ring_consumer_close()
 * shmreg_ring_close() - the handle of open_const
 *
 * The ring stays, with what is in it.
 *
 * Return: 0; -ECHILD.
 */
SHMREG_API int shmreg_ring_producer_close(struct shmreg_ring_producer *producer);
SHMREG_API int shmreg_ring_consumer_close(struct shmreg_ring_consumer *consumer);
SHMREG_API int shmreg_ring_close(const struct shmreg_ring *ring);

/*
 * All functions below may also return
 *	-ECHILD		the handle was inherited by fork()
 *	-EUCLEAN	the ring holds what no correct process writes: remove it
 * and, only in place of -EAGAIN,
 *	-ESTALE		the ring was removed (until it is empty or full it works on)
 *	-ENOTRECOVERABLE	its segment was quarantined
 */

/*
 * shmreg_ring_push() - append one element
 * @elem:	elem_bytes bytes, not referenced after the call
 *
 * Return: 0; -EAGAIN full.
 */
SHMREG_API SHMREG_CHECK SHMREG_HOT int shmreg_ring_push(struct shmreg_ring_producer *p,
							const void *elem);

/*
 * shmreg_ring_push_bulk() - append several elements at once
 * @elems:	@n elements
 * @n:		at most so many are pushed
 * @min:	or none if not so many fit; 0 is taken as 1; @min = @n: all or none
 *
 * They become visible together.
 *
 * Return: how many were pushed, @min .. @n (0 only if @n is 0); -EAGAIN too full;
 * -EINVAL @min is beyond @n or the capacity, so it could never succeed.
 */
SHMREG_API SHMREG_CHECK SHMREG_HOT int64_t shmreg_ring_push_bulk(struct shmreg_ring_producer *p,
								 const void *elems, uint64_t n,
								 uint64_t min);

/*
 * shmreg_ring_reserve() - room for up to @n elements, to fill it in place
 * @ret:	the first of them; they are one plain array
 *
 * It ends where the ring's memory does: then fewer are given than there is room,
 * and another reserve() after commit() gives more. What is in it is undefined until
 * filled. Nothing is taken: who does not want it any more need not say so, and
 * each push() and reserve() begins at the same place.
 *
 * Return: how many, 1 .. @n (0 only if @n is 0); -EAGAIN full.
 */
SHMREG_API SHMREG_CHECK SHMREG_HOT int64_t shmreg_ring_reserve(struct shmreg_ring_producer *p,
							       void **ret, uint64_t n);

/*
 * shmreg_ring_commit() - push the first @n of those that reserve() gave
 *
 * They become visible together; the others are given back.
 *
 * Return: 0; -EINVAL nothing was pushed: @n is more than was given, or something else
 * was pushed since.
 */
SHMREG_API SHMREG_HOT int shmreg_ring_commit(struct shmreg_ring_producer *p, uint64_t n);

/*
 * shmreg_ring_pop() - take the oldest element
 * @elem:	elem_bytes bytes, written only if 0 is returned
 *
 * Return: 0; -EAGAIN empty.
 */
SHMREG_API SHMREG_CHECK SHMREG_HOT int shmreg_ring_pop(struct shmreg_ring_consumer *c, void *elem);

/*
 * shmreg_ring_pop_bulk() - take up to @n of the oldest elements
 *
 * Return: how many, 1 .. @n (0 only if @n is 0); -EAGAIN empty.
 */
SHMREG_API SHMREG_CHECK SHMREG_HOT int64_t shmreg_ring_pop_bulk(struct shmreg_ring_consumer *c,
								void *elems, uint64_t n);

/*
 * shmreg_ring_peek() - copy the element that is @offset behind the oldest; it stays
 * @elem:	elem_bytes bytes, written only if 0 is returned
 *
 * Return: 0; -EAGAIN there are not so many.
 */
SHMREG_API SHMREG_CHECK SHMREG_HOT int shmreg_ring_peek(struct shmreg_ring_consumer *c,
							uint64_t offset, void *elem);

/*
 * shmreg_ring_view() - up to @n of the oldest elements in place; they stay
 * @ret:	the first of them; they are one plain array
 *
 * It ends where the ring's memory does, as reserve().
 *
 * Return: how many, 1 .. @n (0 only if @n is 0); -EAGAIN empty.
 */
SHMREG_API SHMREG_CHECK SHMREG_HOT int64_t shmreg_ring_view(struct shmreg_ring_consumer *c,
							    const void **ret, uint64_t n);

/*
 * shmreg_ring_consume() - done with the first @n of those that view() gave
 *
 * Return: 0; -EINVAL nothing was consumed: @n is more than was given, or something
 * else was taken since.
 */
SHMREG_API SHMREG_HOT int shmreg_ring_consume(struct shmreg_ring_consumer *c, uint64_t n);

/*
 * shmreg_ring_skip() - pass up to @n of the oldest elements
 *
 * Return: how many, 1 .. @n (0 only if @n is 0); -EAGAIN empty.
 */
SHMREG_API int64_t shmreg_ring_skip(struct shmreg_ring_consumer *c, uint64_t n);

/*
 * shmreg_ring_clear() - pass all that is there when it is called
 *
 * Return: how many, 0 .. capacity.
 */
SHMREG_API int64_t shmreg_ring_clear(struct shmreg_ring_consumer *c);

/*
 * shmreg_ring_push_wait() - the same, but wait for room, or for something to take
 * shmreg_ring_push_bulk_wait()
 * shmreg_ring_reserve_wait()
 * shmreg_ring_pop_wait()
 * shmreg_ring_pop_bulk_wait()
 * shmreg_ring_peek_wait()
 * shmreg_ring_view_wait()
 * shmreg_ring_skip_wait()
 * @deadline:	CLOCK_MONOTONIC; NULL: for ever
 *
 * push_bulk_wait() waits until @min fit, peek_wait() until there are @offset and one more;
 * the others take what they get, as soon as there is one. To take at least so many at once,
 * peek_wait() for the last of them first.
 *
 * Return: as without _wait; in place of -EAGAIN: -ETIMEDOUT, -EINVAL, -EINTR, -ESTALE,
 * -ENOTRECOVERABLE, -EHOSTDOWN as in <shmreg/wait.h>. peek_wait: -EINVAL also if there can
 * never be so many, as @offset is the capacity or more.
 */
SHMREG_API SHMREG_CHECK int shmreg_ring_push_wait(struct shmreg_ring_producer *p, const void *elem,
						  const struct timespec *deadline);
SHMREG_API SHMREG_CHECK int64_t shmreg_ring_push_bulk_wait(struct shmreg_ring_producer *p,
							   const void *elems, uint64_t n,
							   uint64_t min,
							   const struct timespec *deadline);
SHMREG_API SHMREG_CHECK int64_t shmreg_ring_reserve_wait(struct shmreg_ring_producer *p, void **ret,
							 uint64_t n,
							 const struct timespec *deadline);
SHMREG_API SHMREG_CHECK int shmreg_ring_pop_wait(struct shmreg_ring_consumer *c, void *elem,
						 const struct timespec *deadline);
SHMREG_API SHMREG_CHECK int64_t shmreg_ring_pop_bulk_wait(struct shmreg_ring_consumer *c,
							  void *elems, uint64_t n,
							  const struct timespec *deadline);
SHMREG_API SHMREG_CHECK int shmreg_ring_peek_wait(struct shmreg_ring_consumer *c, uint64_t offset,
						  void *elem, const struct timespec *deadline);
SHMREG_API SHMREG_CHECK int64_t shmreg_ring_view_wait(struct shmreg_ring_consumer *c,
						      const void **ret, uint64_t n,
						      const struct timespec *deadline);
SHMREG_API SHMREG_CHECK int64_t shmreg_ring_skip_wait(struct shmreg_ring_consumer *c, uint64_t n,
						      const struct timespec *deadline);

/*
 * shmreg_ring_length() - elements there; of a ring of records: bytes
 * shmreg_ring_space() - room for so many; together they are the capacity
 * shmreg_ring_capacity()
 *
 * A snapshot of two counters, 0 .. capacity. What the consumer is told of the length and
 * the producer of the space is there until it takes it itself. 0 in a forked child.
 */
SHMREG_API uint64_t shmreg_ring_length(const struct shmreg_ring *ring);
SHMREG_API uint64_t shmreg_ring_space(const struct shmreg_ring *ring);
SHMREG_API uint64_t shmreg_ring_capacity(const struct shmreg_ring *ring);

/*
 * shmreg_ring_stat() - counters, each by itself a consistent snapshot
 * @ret:	ret->size set by the caller; so much of it is filled in
 *
 * Return: 0; -EINVAL bad size; -ECHILD.
 */
SHMREG_API SHMREG_CHECK int shmreg_ring_stat(const struct shmreg_ring *ring,
					     struct shmreg_ring_stats *ret);

SHMREG_END_DECLS

#include <shmreg/ring-inline.h>
#include <shmreg/ring-typed.h>

#endif /* SHMREG_RING_H */
