/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_QUEUE_H
#define SHMREG_QUEUE_H

/*
 * shmreg/queue.h - a bounded queue of fixed-size elements, many to many
 *
 * Callers	Any number of processes push and pop at a time, each thread
 *		through a handle of its own (open the queue once a thread). A
 *		handle pushes and pops; it is used by one thread at a time and
 *		may move between threads with a happens-before. A signal handler
 *		counts as another thread.
 *
 * Progress	Lock-free: no call waits for a live process, enters the kernel,
 *		allocates or sleeps. A producer or consumer that is *stopped*
 *		between claiming a slot and finishing it keeps that slot: behind
 *		it the queue looks empty to consumers, and full to producers one
 *		lap later, until it goes on; one that *died* does so until the
 *		reaper has repaired the queue. Who loses a race against others
 *		stands back before the next try, for SHMREG_QUEUE_PAUSE_MAX pause
 *		instructions at most (one takes 10 to 140 cycles), so that they get
 *		on. So does, once a call, who finds it empty, or full, if two or more
 *		came since it last did, at first for one pause: never with one request
 *		under way at a time, for fewer than 2n pauses with n, and soon no more
 *		if nothing comes meanwhile. Retries are bounded: -EBUSY after
 *		SHMREG_QUEUE_TRIES lost races in one call, with nothing taken or
 *		given.
 *
 * Ordering	First in, first out: elements are handed out in the order in
 *		which their positions were claimed, so in the order of each
 *		producer; a redelivered or refused element comes later. What
 *		a producer wrote before push() or commit() is visible to who pops
 *		that element (release/acquire), and what a consumer did before
 *		pop() returned or before release() to who next fills that slot.
 *		Empty and full may be reported while another call is under way.
 *
 * Crashes	A process killed at any instruction of a call:
 *		 push, commit	the element is there whole, or not at all
 *		 push_batch	all elements of the call, or none
 *		 reserve	nothing was pushed; nor if killed while it holds
 *				the lease
 *		 pop, acquire, release, and while it holds a lease
 *				each element claimed and not yet given back is
 *				lost (default), or handed to exactly one other
 *				consumer (SHMREG_QUEUE_REDELIVER); pop claims
 *				1, pop_batch up to 63 of them
 *		 refuse		it is handed out again, or as for a lease
 *		Never is an element handed out twice otherwise, and no element
 *		of a live process is touched. n_aborted, n_dropped and
 *		n_redelivered count the cost (short by one for each reaper that
 *		was itself killed in the act). A pop() that had finished when its
 *		caller died counts as consumed: to be told of work that was
 *		popped and not done, acquire() and release() when it is.
 *
 * Trust	A peer with write access can garble what is queued and make the
 *		queue look empty, full or in use (-EUCLEAN, -EBUSY). It cannot
 *		make a call read or write outside of the queue or loop without
 *		bound. Geometry comes from the directory. A leased element stays
 *		in shared memory: copy once, check the copy, use the copy.
 *
 * Waiting	The functions whose names end in _wait, see <shmreg/wait.h>: consumers
 *		for elements, producers for room. One is woken for each element pushed,
 *		and for each slot given back; they are not served in the order in
 *		which they came. All others never wait. read-only may: open_const, length,
 *		capacity, stat, holders; anything else is -EROFS, or does not compile.
 *
 * Units	Elements; positions are numbers modulo 2^43, the first is 0.
 *
 * Cost		push and pop: one compare-and-swap and one store besides the
 *		copy; a typed wrapper's copy is an assignment. A batch has one
 *		compare-and-swap in all. A slot is a word and an element, at
 *		least 16 bytes: elem_align of 64 or 128 gives each its own cache
 *		lines. After a death or a refusal each handle that pops looks
 *		once through all slots.
 *
 * Bytes: <shmreg/abi/queue.h>. Why it is correct: <shmreg/queue-inline.h>.
 */

#include <time.h>

#include <shmreg/abi/queue.h>
#include <shmreg/handle.h>

SHMREG_BEGIN_DECLS

#define SHMREG_QUEUE_TRIES (UINT32_C(1) << 16)
#define SHMREG_QUEUE_PAUSE_MAX UINT32_C(64)

struct shmreg_queue_params {
	size_t size;		/* sizeof(struct shmreg_queue_params) */
	uint64_t capacity;	/* a power of two, 2 .. 2^30; opening: 0 = any */
	uint64_t elem_bytes;	/* 1 .. 64 MiB; opening: 0 = any */
	uint32_t elem_align;	/* a power of two, 1 .. 128 */
	uint32_t flags;		/* SHMREG_QUEUE_REDELIVER */
	const char *type_name;	/* see shmreg/abi/name.h; NULL = none, opening: any */
};

/* A slot lent out by reserve() or acquire(). */
struct shmreg_queue_lease {
	void *elem;		/* the slot's element, in place; NULL: given back */
	uint64_t position;
};

struct shmreg_queue_stats {
	size_t size;		/* sizeof(struct shmreg_queue_stats), set by the caller */
	uint64_t capacity;
	uint64_t length;	/* as shmreg_queue_length() */
	uint64_t n_claimed;	/* positions claimed by producers so far, modulo 2^43 */
	uint64_t n_passed;	/* by consumers */
	uint64_t n_aborted;	/* what deaths have cost: pushes that never happened, */
	uint64_t n_dropped;	/* elements lost, */
	uint64_t n_redelivered;	/* elements handed out again */
	uint64_t high_water;	/* sampled: the largest length that producers have met */
};

/* What a slot is held for, see shmreg_queue_holders(). */
struct shmreg_queue_holder {
	uint64_t position;	/* of the first slot */
	uint32_t n;		/* slots claimed together */
	uint32_t seat;		/* of the holder; 0 = nobody: waits to be redelivered */
	uint32_t state;		/* SHMREG_QUEUE_WRITING, _READING or _REDEL */
};

/* Of a handle, at one end: when it keeps off lines that others write to. The library's own. */
struct shmreg_queue_manners {
	uint64_t ended;		/* the counter when there was last no more */
	uint32_t look_pause;	/* how long it then waited before it looked again, */
	uint32_t race_pause;	/* or after a race that it lost: in pauses of the processor */
};

/* A private view of a queue, bound to a seat. Fields are the library's own. */
struct shmreg_queue {
	struct shmreg_handle handle;
	uint64_t claim;		/* one position, n = 1, the seat; 0: no seat, or a forked child */
	uint64_t pushed;	/* the tail as one's last claim left it, if that was of one; or 0 */
	uint64_t popped;	/* the head, likewise */
	uint64_t mask;		/* capacity - 1 */
	uint64_t stride_mask;	/* mask * stride, where the stride is a power of two */
	uint64_t lap_mask;	/* of a slot word's lap */
	uint64_t lap;		/* one lap: capacity positions */
	uint64_t sampled;	/* the tail when the length was last looked at */
	uint64_t redel_seen;	/* no slot was REDEL when redel had this value */
	uint64_t redel_next;	/* slot at which to look for the next */
	uint64_t redel_turn;	/* redel when the turn over the slots began that is under way */
	uint64_t redel_done;	/* slots that it has looked at */
	size_t stride;
	size_t elem_offset;
	size_t elem_bytes;
	uint32_t batch_max;	/* min(63, capacity) */
	struct shmreg_queue_manners push_manners, pop_manners;
};

/*
 * Not for applications: what create, open and the like below come to, with the
 * layout version and the handle that the application was compiled with.
 */
SHMREG_API SHMREG_CHECK int
shmreg_queue_open_layout(struct shmreg_segment *segment, struct shmreg_queue **ret, uint32_t how,
			 const char *name, const struct shmreg_queue_params *params,
			 uint32_t layout, size_t handle_bytes);
SHMREG_API SHMREG_CHECK int
shmreg_queue_open_const_layout(struct shmreg_segment *segment, const struct shmreg_queue **ret,
			       const char *name, const struct shmreg_queue_params *params,
			       uint32_t layout, size_t handle_bytes);

/*
 * shmreg_queue_create() - make a queue, which is empty
 * shmreg_queue_open() - open one that exists, to push and pop
 * shmreg_queue_open_or_create() - whichever it takes
 * shmreg_queue_open_const() - open one that exists, to look at it; takes no seat
 *
 * Return: 0, or as shmreg_object_open(); -EROFS also if the segment is attached
 * read-only and the queue is not opened by open_const.
 */
static inline SHMREG_CHECK int shmreg_queue_create(struct shmreg_segment *segment,
						   struct shmreg_queue **ret, const char *name,
						   const struct shmreg_queue_params *params)
{
	return shmreg_queue_open_layout(segment, ret, SHMREG_OBJECT_CREATE, name, params,
					SHMREG_QUEUE_LAYOUT, sizeof(struct shmreg_queue));
}

static inline SHMREG_CHECK int shmreg_queue_open(struct shmreg_segment *segment,
						 struct shmreg_queue **ret, const char *name,
						 const struct shmreg_queue_params *params)
{
	return shmreg_queue_open_layout(segment, ret, SHMREG_OBJECT_ATTACH, name, params,
					SHMREG_QUEUE_LAYOUT, sizeof(struct shmreg_queue));
}

static inline SHMREG_CHECK int
shmreg_queue_open_or_create(struct shmreg_segment *segment, struct shmreg_queue **ret,
			    const char *name, const struct shmreg_queue_params *params)
{
	return shmreg_queue_open_layout(segment, ret, SHMREG_OBJECT_CREATE | SHMREG_OBJECT_ATTACH,
					name, params, SHMREG_QUEUE_LAYOUT,
					sizeof(struct shmreg_queue));
}

static inline SHMREG_CHECK int
shmreg_queue_open_const(struct shmreg_segment *segment, const struct shmreg_queue **ret,
			const char *name, const struct shmreg_queue_params *params)
{
	return shmreg_queue_open_const_layout(segment, ret, name, params, SHMREG_QUEUE_LAYOUT,
					      sizeof(struct shmreg_queue));
}

/*
 * shmreg_queue_close() - give the handle back; NULL is fine. The queue stays.
 *
 * Return: 0; -EBUSY slots are lent out by it, it stays open; -ECHILD.
 */
SHMREG_API int shmreg_queue_close(const struct shmreg_queue *queue);

/*
 * All functions below may also return
 *	-EROFS		a handle from open_const
 *	-ECHILD		the handle was inherited by fork()
 *	-EUCLEAN	the queue holds what no correct process writes: remove it
 *	-EBUSY		SHMREG_QUEUE_TRIES races were lost; nothing was done
 * and, only in place of -EAGAIN,
 *	-ESTALE		the queue was removed (until it is empty or full it works on)
 *	-ENOTRECOVERABLE	its segment was quarantined
 */

/*
 * shmreg_queue_push() - append one element
 * @elem:	elem_bytes bytes, not referenced after the call
 *
 * Return: 0; -EAGAIN full.
 */
SHMREG_API SHMREG_CHECK SHMREG_HOT int shmreg_queue_push(struct shmreg_queue *q, const void *elem);

/*
 * shmreg_queue_pop() - take the oldest element
 * @elem:	elem_bytes bytes, written only if 0 is returned
 *
 * Return: 0; -EAGAIN empty.
 */
SHMREG_API SHMREG_CHECK SHMREG_HOT int shmreg_queue_pop(struct shmreg_queue *q, void *elem);

/*
 * shmreg_queue_push_batch() - append several elements at once
 * @elems:	@n elements
 * @n:		at most so many are pushed, and never more than min(63, capacity)
 *		by one call
 * @min:	or none if not so many fit; 0 is taken as 1; @min = @n: all or none
 *
 * They get consecutive positions and become visible together: nobody ever sees
 * some of them while others can still fail to come.
 *
 * Return: how many were pushed, @min .. @n (0 only if @n is 0); -EAGAIN too full;
 * -EINVAL @min is beyond @n, 63 or the capacity, so it could never succeed.
 */
SHMREG_API SHMREG_CHECK SHMREG_HOT int shmreg_queue_push_batch(struct shmreg_queue *q,
							       const void *elems, uint32_t n,
							       uint32_t min);

/*
 * shmreg_queue_pop_batch() - take up to @n of the oldest elements
 *
 * Return: how many, 1 .. min(@n, 63, capacity) (0 only if @n is 0); -EAGAIN empty.
 */
SHMREG_API SHMREG_CHECK SHMREG_HOT int shmreg_queue_pop_batch(struct shmreg_queue *q, void *elems,
							      uint32_t n);

/*
 * shmreg_queue_reserve() - borrow the next slot, to fill it in place
 * shmreg_queue_commit() - push what was filled in
 * shmreg_queue_abort() - push nothing
 *
 * The slot's contents are undefined until filled. Its place in the order is that
 * of reserve(): consumers find the queue empty from there on until commit() or
 * abort(). A handle may have several slots lent out, and finish them in any order.
 *
 * Return: 0; reserve: -EAGAIN full; commit, abort: -EINVAL the lease was given
 * back before, or is not one of reserve(), or is another queue's; -EPERM it is
 * another handle's. On success lease->elem becomes NULL.
 */
SHMREG_API SHMREG_CHECK SHMREG_HOT int shmreg_queue_reserve(struct shmreg_queue *q,
							    struct shmreg_queue_lease *ret);
SHMREG_API SHMREG_HOT int shmreg_queue_commit(struct shmreg_queue *q,
					      struct shmreg_queue_lease *lease);
SHMREG_API SHMREG_HOT int shmreg_queue_abort(struct shmreg_queue *q,
					     struct shmreg_queue_lease *lease);

/*
 * shmreg_queue_acquire() - borrow the oldest element, to use it in place
 * shmreg_queue_release() - done with it: it is consumed
 * shmreg_queue_refuse() - hand it to another consumer, or to this one once more
 *
 * Others go on popping behind it. The slot is not available to producers until it
 * is given back, and a refused one until it was popped again: one lap later the
 * queue is full because of it, however empty it is.
 *
 * Return: 0; acquire: -EAGAIN empty; release, refuse: -EINVAL, -EPERM as above.
 */
SHMREG_API SHMREG_CHECK SHMREG_HOT int shmreg_queue_acquire(struct shmreg_queue *q,
							    struct shmreg_queue_lease *ret);
SHMREG_API SHMREG_HOT int shmreg_queue_release(struct shmreg_queue *q,
					       struct shmreg_queue_lease *lease);
SHMREG_API SHMREG_HOT int shmreg_queue_refuse(struct shmreg_queue *q,
					      struct shmreg_queue_lease *lease);

/*
 * shmreg_queue_push_wait() - the same, but wait for room, or for something to take
 * shmreg_queue_pop_wait()
 * shmreg_queue_push_batch_wait()
 * shmreg_queue_pop_batch_wait()
 * shmreg_queue_reserve_wait()
 * shmreg_queue_acquire_wait()
 * @deadline:	CLOCK_MONOTONIC; NULL: for ever
 *
 * push_batch_wait() waits until @min fit, pop_batch_wait() until there is one.
 *
 * Return: as without _wait; in place of -EAGAIN: -ETIMEDOUT, -EINVAL, -EINTR, -ESTALE,
 * -ENOTRECOVERABLE, -EHOSTDOWN as in <shmreg/wait.h>.
 */
SHMREG_API SHMREG_CHECK int shmreg_queue_push_wait(struct shmreg_queue *q, const void *elem,
						   const struct timespec *deadline);
SHMREG_API SHMREG_CHECK int shmreg_queue_pop_wait(struct shmreg_queue *q, void *elem,
						  const struct timespec *deadline);
SHMREG_API SHMREG_CHECK int shmreg_queue_push_batch_wait(struct shmreg_queue *q,
							 const void *elems, uint32_t n,
							 uint32_t min,
							 const struct timespec *deadline);
SHMREG_API SHMREG_CHECK int shmreg_queue_pop_batch_wait(struct shmreg_queue *q, void *elems,
							uint32_t n,
							const struct timespec *deadline);
SHMREG_API SHMREG_CHECK int shmreg_queue_reserve_wait(struct shmreg_queue *q,
						      struct shmreg_queue_lease *ret,
						      const struct timespec *deadline);
SHMREG_API SHMREG_CHECK int shmreg_queue_acquire_wait(struct shmreg_queue *q,
						      struct shmreg_queue_lease *ret,
						      const struct timespec *deadline);

/*
 * shmreg_queue_length() - elements pushed and not yet claimed by a consumer
 * shmreg_queue_capacity()
 *
 * A snapshot of two counters, 0 .. capacity; includes what is being pushed, and not
 * what waits to be redelivered. 0 in a forked child.
 */
SHMREG_API uint64_t shmreg_queue_length(const struct shmreg_queue *q);
SHMREG_API uint64_t shmreg_queue_capacity(const struct shmreg_queue *q);

/*
 * shmreg_queue_stat() - counters, each by itself a consistent snapshot
 * @ret:	ret->size set by the caller; so much of it is filled in
 *
 * high_water is the capacity once any push() has met no free slot. Before that it is
 * what producers have seen when they looked, which each handle does once in 256 positions
 * of the queue, or in 2048 if it pushes batches; and no less than length.
 *
 * Return: 0; -EINVAL bad size; -ECHILD.
 */
SHMREG_API SHMREG_CHECK int shmreg_queue_stat(const struct shmreg_queue *q,
					      struct shmreg_queue_stats *ret);

/*
 * shmreg_queue_holders() - visit the slots that somebody holds, as far as marked
 * @visit:	a value other than 0 ends the visit and is returned
 *
 * Reads one word of each slot that was ever used and writes nothing. Of claims
 * without a lease only those are marked that were overtaken by another process's.
 *
 * Return: 0; what @visit returned; -ECHILD.
 */
SHMREG_API SHMREG_CHECK int
shmreg_queue_holders(const struct shmreg_queue *q,
		     int (*visit)(void *data, const struct shmreg_queue_holder *holder),
		     void *data);

SHMREG_END_DECLS

#include <shmreg/queue-inline.h>
#include <shmreg/queue-typed.h>

#endif /* SHMREG_QUEUE_H */
