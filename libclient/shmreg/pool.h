/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_POOL_H
#define SHMREG_POOL_H

/*
 * shmreg/pool.h - objects of one size, each held by one participant at a time
 *
 * Callers	Any number of processes acquire and release at a time, each thread
 *		through a handle of its own. An object is acquired for the
 *		participant: any of its handles of the pool may use and release it.
 *		A handle is used by one thread at a time and may move between
 *		threads with a happens-before; a signal handler counts as another
 *		thread. One thread at a time gives one reference back, or sends it: two at
 *		once is a mistake that can cost others what they hold by then.
 *
 * Progress	Wait-free: no call but those that wait, waits, retries, allocates or sleeps, nor enters
 *		the kernel, but for one or two membarriers where nothing is free but what
 *		other handles keep, see Cost. (Who may not call membarrier does not get that.)
 *		A search passes each object twice at most. What others do, or where they
 *		were stopped, makes it longer and never wrong.
 *
 * Ordering	What was done with an object before it was released is visible to
 *		who acquires it next (release/acquire). Its contents are as the last
 *		holder left them, zero if there was none. Which object one gets is
 *		not said.
 *
 * Crashes	A process killed at any instruction, in a call or between two: each
 *		object is free, or held by it, or by somebody else, never two of
 *		them and never none. What the dead held is free after repair,
 *		its contents as they were; n_reclaimed counts them (short by
 *		one for each reaper that was itself killed in the act). What travels
 *		through a queue is that queue's to repair. The same when a
 *		participant leaves by closing the segment. Kernel I/O into an object
 *		may still be under way when its holder is dead and the object
 *		somebody else's: do not let the kernel write there unasked
 *		(io_uring, O_DIRECT), or do not share the pool with who does.
 *
 * Trust	A peer with write access can garble contents, make objects seem held
 *		(-EAGAIN), or take away or double what one holds. It cannot make a
 *		call read or write outside of the pool or loop without bound.
 *		Geometry comes from the directory. Contents stay in shared memory:
 *		copy once, check the copy, use the copy.
 *
 * Waiting	The functions whose names end in _wait, see <shmreg/wait.h>: for objects to
 *		become free. For each that is released one sleeper is woken, whichever; while
 *		one of them wants several at once, all. What another call took and gave
 *		back again counts as released. What comes back by repair, of the dead or of
 *		a queue that was removed, wakes all. read-only may: open_const, capacity,
 *		owner, stat, holders; anything else is -EROFS, or does not compile.
 *
 * Units	Objects. A reference is good for one acquisition: once given back it fits
 *		no more (but after 2^26 - 1 further acquisitions of the same object).
 *
 * Cost		A handle that acquires keeps one of the objects that it releases: release of
 *		that, and acquire, are plain loads and stores, no atomic operation.
 *		Else acquire is one compare-and-swap, and a look at a few words more,
 *		most often of two cache lines that the handle has to itself; release is
 *		one compare-and-swap and three loads, and one or two more atomic
 *		operations if others have found the pool full thereabouts. What is kept
 *		is free: others get it when there is nothing else, for a membarrier (1 to
 *		10 microseconds, in which other processors are interrupted), and its
 *		handle keeps nothing for a while. A search skips what is known to
 *		be full: in an exhausted pool it reads one word for 4096 objects, and a
 *		cache line for each handle that keeps, 64 at most.
 *		An object takes a word (8 bytes) besides itself, and each eight take 128
 *		bytes more, up to 8 KiB in all; elem_align of 64 or 128 gives each its
 *		own cache lines. After a death the hints by which searches skip are
 *		found anew.
 *
 * Bytes: <shmreg/abi/pool.h>. Why it is correct: <shmreg/pool-inline.h>.
 */

#include <time.h>

#include <shmreg/abi/pool.h>
#include <shmreg/handle.h>

SHMREG_BEGIN_DECLS

/* One acquisition of one object. May be copied, stored and sent anywhere, as a number. */
typedef uint64_t shmreg_pool_ref;
#define SHMREG_POOL_NONE UINT64_C(0)

struct shmreg_pool_params {
	size_t size;		/* sizeof(struct shmreg_pool_params) */
	uint64_t capacity;	/* 1 .. 2^30; opening: 0 = any */
	uint64_t elem_bytes;	/* 1 .. 2^40; opening: 0 = any */
	uint32_t elem_align;	/* a power of two, 1 .. 4096 */
	uint32_t flags;		/* 0 */
	const char *type_name;	/* see shmreg/abi/name.h; NULL = none, opening: any */
};

/*
 * Numbers of objects, counted one after the other while others go on: exact when nobody does.
 */
struct shmreg_pool_stats {
	size_t size;		/* sizeof(struct shmreg_pool_stats), set by the caller */
	uint64_t capacity;	/* = n_free + n_held + n_sent */
	uint64_t n_free;
	uint64_t n_held;
	uint64_t n_sent;	/* travelling through queues */
	/*
	 * Objects that were ever held: a high-water mark, at least what was ever held at
	 * a time. Each handle has its part of the pool and takes objects of that again
	 * before it takes others, so it is at most the sum of what each handle ever held
	 * at a time, rounded up to groups of 16, as long as no more handles come.
	 */
	uint64_t n_touched;
	uint64_t n_acquired;	/* acquisitions so far, each object's modulo 2^26 - 1 */
	uint64_t n_exhausted;	/* calls that found too few, and those that then waited */
	uint64_t n_reclaimed;	/* objects of the dead that came back */
};

/* An object that is not free, see shmreg_pool_holders(). */
struct shmreg_pool_holder {
	shmreg_pool_ref ref;
	uint64_t index;		/* 0 .. capacity - 1 */
	uint32_t generation;
	uint32_t state;		/* SHMREG_POOL_HELD or _SENT */
	uint32_t seat;		/* HELD: whose */
	uint32_t queue;		/* SENT: the queue's index in the directory, */
	uint32_t slot;		/* and the slot's in the queue */
};

/* A private view of a pool, bound to a seat. Fields are the library's own. */
struct shmreg_pool {
	struct shmreg_handle handle;
	uint64_t claim;		/* HELD and the seat; 0: no seat, or a forked child */
	uint64_t mine;		/* reference to what it keeps, or may; 0: nothing */
	uint64_t *mine_word;
	struct shmreg_pool_keeper *keeper;	/* NULL: is none */
	uint64_t keeps;		/* KEPT and the tag */
	uint64_t tag;
	uint32_t kept;		/* is it, or does somebody hold it? */
	uint32_t patience;	/* searches until it may keep again */
	uint64_t capacity;
	uint64_t *owner;
	uint64_t *full;
	uint64_t *fuller;
	unsigned char *elems;
	size_t stride;
	size_t elem_bytes;
	uint64_t n_groups;
	uint64_t home;		/* the group at which its part of the pool begins, */
	uint64_t extent;	/* and how many groups it has, round the end */
	uint64_t cursor;	/* index at which its next search begins */
	uint32_t touched_shift;
	uint64_t last;		/* what it released last, did not keep, and may find free; 0: nothing */
	struct shmreg_pool_keeper *keepers;
	uint32_t n_keepers;
};

/*
 * Not for applications: what create, open and the like below come to, with the
 * layout version and the handle that the application was compiled with.
 */
SHMREG_API SHMREG_CHECK int
shmreg_pool_open_layout(struct shmreg_segment *segment, struct shmreg_pool **ret, uint32_t how,
			const char *name, const struct shmreg_pool_params *params,
			uint32_t layout, size_t handle_bytes);
SHMREG_API SHMREG_CHECK int
shmreg_pool_open_const_layout(struct shmreg_segment *segment, const struct shmreg_pool **ret,
			      const char *name, const struct shmreg_pool_params *params,
			      uint32_t layout, size_t handle_bytes);

/*
 * shmreg_pool_create() - make a pool, all of whose objects are free and zero
 * shmreg_pool_open() - open one that exists, to acquire and release
 * shmreg_pool_open_or_create() - whichever it takes
 * shmreg_pool_open_const() - open one that exists, to look at it; takes no seat
 *
 * Return: 0, or as shmreg_object_open(); -EROFS also if the segment is attached
 * read-only and the pool is not opened by open_const.
 */
static inline SHMREG_CHECK int shmreg_pool_create(struct shmreg_segment *segment,
						  struct shmreg_pool **ret, const char *name,
						  const struct shmreg_pool_params *params)
{
	return shmreg_pool_open_layout(segment, ret, SHMREG_OBJECT_CREATE, name, params,
				       SHMREG_POOL_LAYOUT, sizeof(struct shmreg_pool));
}

static inline SHMREG_CHECK int shmreg_pool_open(struct shmreg_segment *segment,
						struct shmreg_pool **ret, const char *name,
						const struct shmreg_pool_params *params)
{
	return shmreg_pool_open_layout(segment, ret, SHMREG_OBJECT_ATTACH, name, params,
				       SHMREG_POOL_LAYOUT, sizeof(struct shmreg_pool));
}

static inline SHMREG_CHECK int
shmreg_pool_open_or_create(struct shmreg_segment *segment, struct shmreg_pool **ret,
			   const char *name, const struct shmreg_pool_params *params)
{
	return shmreg_pool_open_layout(segment, ret, SHMREG_OBJECT_CREATE | SHMREG_OBJECT_ATTACH,
				       name, params, SHMREG_POOL_LAYOUT,
				       sizeof(struct shmreg_pool));
}

static inline SHMREG_CHECK int
shmreg_pool_open_const(struct shmreg_segment *segment, const struct shmreg_pool **ret,
		       const char *name, const struct shmreg_pool_params *params)
{
	return shmreg_pool_open_const_layout(segment, ret, name, params, SHMREG_POOL_LAYOUT,
					     sizeof(struct shmreg_pool));
}

/*
 * shmreg_pool_close() - give the handle back; NULL is fine. The pool stays.
 *
 * What was acquired through it stays held by the participant: another handle of it
 * may use and release that, also one that is opened later. Pointers into
 * objects are good as long as the participant has a handle of the pool.
 *
 * Return: 0; -EBUSY object queues were opened with it and are open: close them first;
 * -ECHILD.
 */
SHMREG_API int shmreg_pool_close(const struct shmreg_pool *pool);

/*
 * All functions below may also return
 *	-EROFS		a handle from open_const
 *	-ECHILD		the handle was inherited by fork()
 * and, only in place of -EAGAIN,
 *	-ESTALE		the pool was removed (as long as there are objects it works on)
 *	-ENOTRECOVERABLE	its segment was quarantined
 *
 * Where a reference is an argument, one that is not good is
 *	-EINVAL		none that this pool can have given out
 *	-ESTALE		given back: by release, or by repair of a holder who died
 *	-EPERM		of an object that another participant holds
 *	-EBUSY		of one that travels through a queue: nobody holds it
 *	-EUCLEAN	of one whose word no correct process writes: remove the pool
 */

/*
 * shmreg_pool_acquire() - become the holder of an object that is free
 * @ret:	its reference; get() has the address
 *
 * Return: 0; -EAGAIN each object was held at some time during the call (or its release, or
 * another's acquisition of it, had not returned, or was just being taken from a dead keeper).
 */
SHMREG_API SHMREG_CHECK SHMREG_HOT int shmreg_pool_acquire(struct shmreg_pool *pool,
							   shmreg_pool_ref *ret);

/*
 * shmreg_pool_acquire_init() - the same, and fill it in
 * @value:	elem_bytes bytes
 */
SHMREG_API SHMREG_CHECK SHMREG_HOT int shmreg_pool_acquire_init(struct shmreg_pool *pool,
								shmreg_pool_ref *ret,
								const void *value);

/*
 * shmreg_pool_acquire_batch() - several at once
 * @refs:	room for @n references
 * @min:	fewer than that are given back at once; 0 is taken as 1; @min = @n: all or
 *		none
 *
 * They are not acquired at one moment: who dies in the call holds those it had got.
 *
 * Return: how many, @min .. @n (0 only if @n is 0); -EAGAIN too few were found in one
 * search, and @refs are SHMREG_POOL_NONE; -EINVAL @min is beyond @n or the
 * capacity, so it could never succeed.
 */
SHMREG_API SHMREG_CHECK int shmreg_pool_acquire_batch(struct shmreg_pool *pool,
						      shmreg_pool_ref *refs, uint32_t n,
						      uint32_t min);

/*
 * shmreg_pool_acquire_wait() - the same, but wait until there are as many
 * shmreg_pool_acquire_init_wait()
 * shmreg_pool_acquire_batch_wait()
 * @deadline:	CLOCK_MONOTONIC; NULL: for ever
 *
 * acquire_batch_wait() waits until one search finds @min, and takes none before; those who
 * are satisfied with fewer may come before it again and again.
 *
 * Return: as without _wait; in place of -EAGAIN: -ETIMEDOUT, -EINVAL, -EINTR, -ESTALE,
 * -ENOTRECOVERABLE, -EHOSTDOWN as in <shmreg/wait.h>.
 */
SHMREG_API SHMREG_CHECK SHMREG_HOT int
shmreg_pool_acquire_wait(struct shmreg_pool *pool, shmreg_pool_ref *ret,
			 const struct timespec *deadline);
SHMREG_API SHMREG_CHECK SHMREG_HOT int
shmreg_pool_acquire_init_wait(struct shmreg_pool *pool, shmreg_pool_ref *ret, const void *value,
			      const struct timespec *deadline);
SHMREG_API SHMREG_CHECK int shmreg_pool_acquire_batch_wait(struct shmreg_pool *pool,
							   shmreg_pool_ref *refs, uint32_t n,
							   uint32_t min,
							   const struct timespec *deadline);

/*
 * shmreg_pool_release() - give an object back, whichever handle of this participant acquired it
 *
 * Return: 0; -EINVAL, -ESTALE, -EPERM, -EBUSY, -EUCLEAN as above: nothing was done.
 */
SHMREG_API SHMREG_HOT int shmreg_pool_release(struct shmreg_pool *pool, shmreg_pool_ref ref);

/*
 * shmreg_pool_release_batch() - give back all of @refs that can be
 *
 * Return: 0; as release(), for the first that could not.
 */
SHMREG_API int shmreg_pool_release_batch(struct shmreg_pool *pool, const shmreg_pool_ref *refs,
					 uint32_t n);

/*
 * shmreg_pool_get() - the address of an object that this participant holds
 *
 * Good until it is released, sent, or the last handle is closed.
 *
 * Return: elem_bytes bytes, aligned to elem_align; NULL it is not held by this
 * participant, or the handle cannot be used: shmreg_pool_check() says why.
 */
SHMREG_API SHMREG_CHECK SHMREG_HOT void *shmreg_pool_get(struct shmreg_pool *pool,
							 shmreg_pool_ref ref);

/*
 * shmreg_pool_check() - is the object held by this participant?
 *
 * Return: 0 it is; -EINVAL, -ESTALE, -EPERM, -EBUSY, -EUCLEAN as above.
 */
SHMREG_API SHMREG_CHECK int shmreg_pool_check(struct shmreg_pool *pool, shmreg_pool_ref ref);

/*
 * shmreg_pool_owner() - who holds it?
 *
 * Return: the seat, above 0 (its participant is in the directory); -EINVAL, -ESTALE,
 * -EBUSY, -EUCLEAN as above; -ECHILD.
 */
SHMREG_API SHMREG_CHECK int shmreg_pool_owner(const struct shmreg_pool *pool, shmreg_pool_ref ref);

/* shmreg_pool_capacity() - objects in all; 0 in a forked child */
SHMREG_API uint64_t shmreg_pool_capacity(const struct shmreg_pool *pool);

/*
 * shmreg_pool_stat() - counters
 * @ret:	ret->size set by the caller; so much of it is filled in
 *
 * Reads one word of each object that was ever searched for, and writes nothing.
 *
 * Return: 0; -EINVAL bad size; -ECHILD.
 */
SHMREG_API SHMREG_CHECK int shmreg_pool_stat(const struct shmreg_pool *pool,
					     struct shmreg_pool_stats *ret);

/*
 * shmreg_pool_holders() - visit the objects that are not free
 * @visit:	a value other than 0 ends the visit and is returned
 *
 * Reads and writes as stat().
 *
 * Return: 0; what @visit returned; -ECHILD.
 */
SHMREG_API SHMREG_CHECK int
shmreg_pool_holders(const struct shmreg_pool *pool,
		    int (*visit)(void *data, const struct shmreg_pool_holder *holder), void *data);

SHMREG_END_DECLS

#include <shmreg/pool-inline.h>
#include <shmreg/pool-typed.h>

#endif /* SHMREG_POOL_H */
