/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_ABI_OBJECT_H
#define SHMREG_ABI_OBJECT_H

/*
 * shmreg/abi/object.h - what an object is made from, whatever its kind
 *
 * A client asks for an object by its *shape*. The daemon computes from it how
 * many bytes of the data area the object takes, and publishes the shape in
 * the directory. Clients take the geometry from there and from nowhere else.
 * All-zero bytes are a valid empty object of every kind.
 */

#include <stdbool.h>

#include <shmreg/compiler.h>

SHMREG_BEGIN_DECLS

enum shmreg_kind {
	SHMREG_KIND_NONE = 0,
	SHMREG_KIND_ARRAY = 1,
	SHMREG_KIND_ATOMIC = 2,
	SHMREG_KIND_QUEUE = 3,
	SHMREG_KIND_RING = 4,
	SHMREG_KIND_TOPIC = 5,
	SHMREG_KIND_POOL = 6,
	SHMREG_KIND_CELL = 7,
	SHMREG_KIND_MAX = 7,
};

/* Layout version of each kind; checked at open, both sides are named. */
#define SHMREG_ARRAY_LAYOUT 1
#define SHMREG_ATOMIC_LAYOUT 1
#define SHMREG_QUEUE_LAYOUT 1
#define SHMREG_RING_LAYOUT 1
#define SHMREG_TOPIC_LAYOUT 3
#define SHMREG_POOL_LAYOUT 2
#define SHMREG_CELL_LAYOUT 2

/* Flags of an object; which kinds know which is said in the kind's header. */
#define SHMREG_QUEUE_REDELIVER UINT32_C(1)	/* else drop, see shmreg/queue.h */
#define SHMREG_QUEUE_OBJECTS UINT32_C(2)	/* of a pool's objects, see shmreg/object-queue.h */
#define SHMREG_RING_RECORDS UINT32_C(1)		/* of bytes, in records of any size */
#define SHMREG_TOPIC_RELIABLE UINT32_C(1)	/* else lossy: publishers never wait */

struct shmreg_shape {
	uint32_t kind;		/*  0: enum shmreg_kind */
	uint32_t layout;	/*  4: SHMREG_..._LAYOUT of the kind */
	uint32_t flags;		/*  8 */
	uint32_t elem_align;	/* 12: a power of two, bytes */
	uint64_t elem_bytes;	/* 16: sizeof an element */
	uint64_t capacity;	/* 24: elements */
	/*
	 * 32: what else a kind needs, the rest is 0:
	 *	topic	publishers and subscribers at a time; reliable: the lag in
	 *		messages at which a subscriber is evicted, 0 = never
	 *	cell	slots a writer
	 *	queue	with SHMREG_QUEUE_OBJECTS: the pool's object id (low half, high half)
	 *		and the index of its entry in the directory
	 */
	uint32_t param[4];
};
SHMREG_STATIC_ASSERT(sizeof(struct shmreg_shape) == 48, "frozen");

/* What an element may be at most; -EINVAL beyond. */
#define SHMREG_ARRAY_ALIGN_MAX 4096
#define SHMREG_QUEUE_ALIGN_MAX 128
#define SHMREG_QUEUE_ELEM_MAX (UINT64_C(1) << 26)
#define SHMREG_QUEUE_CAPACITY_MIN 2
#define SHMREG_QUEUE_CAPACITY_MAX (UINT64_C(1) << 30)
#define SHMREG_QUEUE_OBJECTS_MAX (UINT64_C(1) << 20)	/* with SHMREG_QUEUE_OBJECTS */
#define SHMREG_RING_ALIGN_MAX 128
#define SHMREG_RING_ELEM_MAX (UINT64_C(1) << 26)
#define SHMREG_RING_CAPACITY_MIN 2
#define SHMREG_RING_CAPACITY_MAX (UINT64_C(1) << 40)
#define SHMREG_RING_BYTES_MIN 64		/* of a ring of records */
#define SHMREG_TOPIC_ALIGN_MAX 128
#define SHMREG_TOPIC_ELEM_MAX (UINT64_C(1) << 26)
#define SHMREG_TOPIC_CAPACITY_MIN 2
#define SHMREG_TOPIC_CAPACITY_MAX (UINT64_C(1) << 22)
#define SHMREG_TOPIC_PUBLISHERS_MAX 64
#define SHMREG_TOPIC_SUBSCRIBERS_MAX 4095
#define SHMREG_POOL_ALIGN_MAX 4096
#define SHMREG_POOL_ELEM_MAX (UINT64_C(1) << 40)
#define SHMREG_POOL_CAPACITY_MAX (UINT64_C(1) << 30)
#define SHMREG_CELL_ALIGN_MAX 128
#define SHMREG_CELL_ELEM_MAX (UINT64_C(1) << 30)
#define SHMREG_CELL_WRITERS_MAX 64
#define SHMREG_CELL_SLOTS_MIN 2
#define SHMREG_CELL_SLOTS_MAX 64

/*
 * shmreg_shape_bytes() - bytes an object of this shape takes in a data area
 * @ret_bytes:	bytes, a multiple of SHMREG_BLOCK
 * @ret_align:	alignment its offset must have: SHMREG_BLOCK, or 4096 for
 *		objects of a page and more
 * @ret_why:	if not NULL and the shape is refused: what is wrong with it and
 *		what would be right, as a sentence's end; static storage
 *
 * The one place where a shape is validated: used by the daemon before it
 * creates, and by clients and the reaper before they use what the directory
 * says.
 *
 * Return: 0; -EINVAL kind, flags, alignment, size or capacity out of range;
 * -EOVERFLOW the size does not fit 2^47 bytes; -EPROTONOSUPPORT layout unknown.
 */
SHMREG_API int shmreg_shape_bytes(const struct shmreg_shape *shape, uint64_t *ret_bytes,
		       uint64_t *ret_align, const char **ret_why);

SHMREG_API const char *shmreg_kind_name(uint32_t kind);	/* "array", ...; "unknown" */

static inline bool shmreg_shape_is_object_queue(const struct shmreg_shape *shape)
{
	return shape->kind == SHMREG_KIND_QUEUE && (shape->flags & SHMREG_QUEUE_OBJECTS) != 0;
}

/* The pool whose objects travel through an object queue: its id. */
static inline uint64_t shmreg_shape_pool(const struct shmreg_shape *shape)
{
	return shape->param[0] | (uint64_t)shape->param[1] << 32;
}

/*
 * shmreg_kind_users() - where a kind keeps its bitmap of the seats that use it
 *
 * Kinds in which a claim can lie anywhere keep one (64 words), so that the reaper
 * passes over objects in which no dead seat has a bit. Where a seat is named in a
 * few words only (array and atomic: none; ring, topic, cell: roles) there is none.
 *
 * Return: bytes from the object's start; 0: none.
 */
uint64_t shmreg_kind_users(uint32_t kind);

SHMREG_END_DECLS

#endif /* SHMREG_ABI_OBJECT_H */
