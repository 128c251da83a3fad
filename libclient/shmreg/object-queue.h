/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_OBJECT_QUEUE_H
#define SHMREG_OBJECT_QUEUE_H

/*
 * shmreg/object-queue.h - a queue through which objects of a pool travel
 *
 * An object that is sent belongs to the queue, and then to whoever receives it: it is
 * not copied, and at every instruction it is one participant's, or the queue's, or free.
 *
 * Callers	As <shmreg/queue.h>. A handle is opened with a handle of the pool, in whose
 *		name it sends and receives, and which is used by the same thread or
 *		not at all meanwhile; the pool's handle cannot be closed before it.
 *
 * Progress	As <shmreg/queue.h>.
 *
 * Ordering	First in, first out, as <shmreg/queue.h>. What was done with an object
 *		before it was sent is visible to who receives it, and what who received it
 *		did before he released it to who acquires it (release/acquire).
 *
 * Crashes	A process killed at any instruction of a call:
 *		 send		the object is in the queue, or still held by it, and so
 *				free after repair
 *		 receive	the object is still the queue's and handed to exactly one
 *				other receiver (SHMREG_QUEUE_REDELIVER) or free after
 *				repair (default); or it is held by it, and free after
 *				repair: its contents are lost with it, as those of any object
 *				that the dead held. To be told of objects that were received
 *				and not dealt with, acquire() and release() when they are.
 *		 acquire, release, refuse, and while it holds a lease
 *				handed to exactly one other receiver, or free, likewise;
 *				release: or done
 *		 keep		as receive
 *		Never is an object lost to its pool, held by two, or handed out twice
 *		otherwise. n_aborted, n_dropped and n_redelivered are as the queue's:
 *		sends that never happened, objects that were freed instead of
 *		received, and those handed out again.
 *		When the queue is removed, what is in it is free once everybody has
 *		closed it, every other participant of the segment has opened or
 *		closed something since, too, or made a request, or ended (that is how
 *		the daemon learns that it does not have the queue open), and the reaper
 *		has been there. When the pool is removed, those who have both open go on.
 *
 * Trust	As <shmreg/queue.h> and <shmreg/pool.h>: a peer with write access can make
 *		what travels disappear (-EUCLEAN) until the queue is removed, but no
 *		call touches what is outside of queue and pool. An object's contents
 *		are in shared memory still: copy once, check the copy, use the copy.
 *
 * Waiting	The functions whose names end in _wait, see <shmreg/wait.h>: receivers for
 *		objects, senders for room, as <shmreg/queue.h>. release() also wakes who waits
 *		for a free object of the pool. All others never wait. read-only may: nothing here; shmreg_queue_open_const() opens an
 *		object queue, too (with capacity 0), and looks at it.
 *
 * Units	Objects, by reference (shmreg_pool_ref). Capacity 2 .. 2^20.
 *
 * Cost		send and receive: that of push and pop of 8 bytes and one compare-and-swap
 *		each on the object's word, whatever the object's size.
 *
 * Bytes: <shmreg/abi/queue.h>, <shmreg/abi/pool.h>. Why it is correct:
 * <shmreg/object-queue-inline.h>.
 */

#include <shmreg/pool.h>
#include <shmreg/queue.h>

SHMREG_BEGIN_DECLS

struct shmreg_object_queue_params {
	size_t size;		/* sizeof(struct shmreg_object_queue_params) */
	uint64_t capacity;	/* a power of two, 2 .. 2^20; opening: 0 = any */
	uint32_t flags;		/* SHMREG_QUEUE_REDELIVER */
	uint32_t reserved;	/* 0 */
};

/* A view of an object queue, in the name of a pool's handle. Fields are the library's own. */
struct shmreg_object_queue {
	struct shmreg_queue queue;
	struct shmreg_pool *pool;
	uint64_t *owner;	/* the pool's words */
	uint64_t capacity;	/* the pool's; 0 in a forked child */
	uint64_t claim;		/* HELD and the seat of the pool's handle */
	unsigned char *elems;
	size_t elem_stride;
	uint32_t index;		/* of the queue's entry in the directory */
};

/* An object lent out by acquire(): the queue's still, and for this handle alone to use. */
struct shmreg_object_lease {
	void *object;		/* in place; NULL: given back */
	shmreg_pool_ref ref;
	uint64_t position;
};

SHMREG_API SHMREG_CHECK int
shmreg_object_queue_open_layout(struct shmreg_segment *segment, struct shmreg_object_queue **ret,
				uint32_t how, const char *name, struct shmreg_pool *pool,
				const struct shmreg_object_queue_params *params, uint32_t layout,
				size_t handle_bytes);

/*
 * shmreg_object_queue_create() - make a queue for objects of @pool, which is empty
 * shmreg_object_queue_open() - open one that exists
 * shmreg_object_queue_open_or_create() - whichever it takes
 * @pool:	in whose name this handle sends and receives
 *
 * Return: 0, or as shmreg_object_open(); -EMEDIUMTYPE also if it is a queue of
 * something else, or of another pool's objects; -EINVAL also if @pool is of another segment
 * or cannot acquire; -EROFS the segment is attached read-only; -ECHILD.
 */
static inline SHMREG_CHECK int
shmreg_object_queue_create(struct shmreg_segment *segment, struct shmreg_object_queue **ret,
			   const char *name, struct shmreg_pool *pool,
			   const struct shmreg_object_queue_params *params)
{
	return shmreg_object_queue_open_layout(segment, ret, SHMREG_OBJECT_CREATE, name, pool,
					       params, SHMREG_QUEUE_LAYOUT,
					       sizeof(struct shmreg_object_queue));
}

static inline SHMREG_CHECK int
shmreg_object_queue_open(struct shmreg_segment *segment, struct shmreg_object_queue **ret,
			 const char *name, struct shmreg_pool *pool,
			 const struct shmreg_object_queue_params *params)
{
	return shmreg_object_queue_open_layout(segment, ret, SHMREG_OBJECT_ATTACH, name, pool,
					       params, SHMREG_QUEUE_LAYOUT,
					       sizeof(struct shmreg_object_queue));
}

static inline SHMREG_CHECK int
shmreg_object_queue_open_or_create(struct shmreg_segment *segment,
				   struct shmreg_object_queue **ret, const char *name,
				   struct shmreg_pool *pool,
				   const struct shmreg_object_queue_params *params)
{
	return shmreg_object_queue_open_layout(segment, ret,
					       SHMREG_OBJECT_CREATE | SHMREG_OBJECT_ATTACH, name,
					       pool, params, SHMREG_QUEUE_LAYOUT,
					       sizeof(struct shmreg_object_queue));
}

/*
 * shmreg_object_queue_close() - give the handle back; NULL is fine. Queue and pool stay.
 *
 * Return: 0; -EBUSY objects are lent out by it, it stays open; -ECHILD.
 */
SHMREG_API int shmreg_object_queue_close(struct shmreg_object_queue *q);

/*
 * All functions below may also return
 *	-ECHILD		the handle was inherited by fork()
 *	-EUCLEAN	the queue holds what no correct process writes: remove it
 *	-EBUSY		SHMREG_QUEUE_TRIES races were lost; nothing was done
 * and, only in place of -EAGAIN,
 *	-ESTALE		the queue was removed (until it is empty or full it works on)
 *	-ENOTRECOVERABLE	its segment was quarantined
 */

/*
 * shmreg_object_queue_send() - give an object away
 * @ref:	of an object that this participant holds. Once sent it does not, and the
 *		reference and pointers into the object are not its to use any more
 *
 * Return: 0; -EAGAIN full; and as <shmreg/pool.h> of a reference that is not good:
 * -EINVAL, -ESTALE, -EPERM, -EBUSY (it travels already), -EUCLEAN. Unless it
 * returns 0 nothing was sent, and who held the object holds it.
 */
SHMREG_API SHMREG_CHECK SHMREG_HOT int shmreg_object_queue_send(struct shmreg_object_queue *q,
								shmreg_pool_ref ref);

/*
 * shmreg_object_queue_receive() - become the holder of the oldest object
 * @ret:	shmreg_pool_get() has its address
 *
 * Return: 0; -EAGAIN empty; -EUCLEAN also if what is next is no object of the pool that
 * was sent here: it was passed over.
 */
SHMREG_API SHMREG_CHECK SHMREG_HOT int shmreg_object_queue_receive(struct shmreg_object_queue *q,
								   shmreg_pool_ref *ret);

/*
 * shmreg_object_queue_acquire() - borrow the oldest object, to use it in place
 * shmreg_object_queue_release() - done with it: it is free
 * shmreg_object_queue_keep() - become its holder, as if it had been received
 * shmreg_object_queue_refuse() - hand it to another receiver, or to this one once more
 *
 * An object that is lent out is held by nobody: shmreg_pool_get() and release() answer
 * -EBUSY for it. Others go on receiving behind it. Its slot is not available to
 * senders until it is given back, and a refused one until it was received: one lap
 * later the queue is full because of it, however empty it is.
 *
 * Return: 0, lease->object is NULL then; acquire: as receive; the others: -EINVAL the lease was
 * given back before, or is another queue's; -EPERM it is another handle's; release, keep:
 * -EUCLEAN somebody wrote over the object's word; the lease is over.
 */
SHMREG_API SHMREG_CHECK SHMREG_HOT int shmreg_object_queue_acquire(struct shmreg_object_queue *q,
								   struct shmreg_object_lease *ret);
SHMREG_API SHMREG_HOT int shmreg_object_queue_release(struct shmreg_object_queue *q,
						      struct shmreg_object_lease *lease);
SHMREG_API SHMREG_CHECK SHMREG_HOT int shmreg_object_queue_keep(struct shmreg_object_queue *q,
								struct shmreg_object_lease *lease);
SHMREG_API SHMREG_HOT int shmreg_object_queue_refuse(struct shmreg_object_queue *q,
						     struct shmreg_object_lease *lease);

/*
 * shmreg_object_queue_send_wait() - the same, but wait for room, or for an object
 * shmreg_object_queue_receive_wait()
 * shmreg_object_queue_acquire_wait()
 * @deadline:	CLOCK_MONOTONIC; NULL: for ever
 *
 * Return: as without _wait; in place of -EAGAIN: -ETIMEDOUT, -EINVAL, -EINTR, -ESTALE,
 * -ENOTRECOVERABLE, -EHOSTDOWN as in <shmreg/wait.h>.
 */
SHMREG_API SHMREG_CHECK int shmreg_object_queue_send_wait(struct shmreg_object_queue *q,
							  shmreg_pool_ref ref,
							  const struct timespec *deadline);
SHMREG_API SHMREG_CHECK int shmreg_object_queue_receive_wait(struct shmreg_object_queue *q,
							     shmreg_pool_ref *ret,
							     const struct timespec *deadline);
SHMREG_API SHMREG_CHECK int shmreg_object_queue_acquire_wait(struct shmreg_object_queue *q,
							     struct shmreg_object_lease *ret,
							     const struct timespec *deadline);

/*
 * shmreg_object_queue_untyped() - for <shmreg/queue.h>'s functions that look:
 * shmreg_queue_length(), capacity(), stat() and holders()
 */
static inline const struct shmreg_queue *
shmreg_object_queue_untyped(const struct shmreg_object_queue *q)
{
	return &q->queue;
}

SHMREG_END_DECLS

#include <shmreg/object-queue-inline.h>
#include <shmreg/object-queue-typed.h>

#endif /* SHMREG_OBJECT_QUEUE_H */
