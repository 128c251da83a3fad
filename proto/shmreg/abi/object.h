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

#include <shmreg/compiler.h>

SHMREG_BEGIN_DECLS

enum shmreg_kind {
	SHMREG_KIND_NONE = 0,
	SHMREG_KIND_ARRAY = 1,
	SHMREG_KIND_ATOMIC = 2,
	SHMREG_KIND_QUEUE = 3,
	SHMREG_KIND_MAX = 3,
};

/* Layout version of each kind; checked at open, both sides are named. */
#define SHMREG_ARRAY_LAYOUT 1
#define SHMREG_ATOMIC_LAYOUT 1
#define SHMREG_QUEUE_LAYOUT 1

/* Flags of an object; which kinds know which is said in the kind's header. */
#define SHMREG_QUEUE_REDELIVER UINT32_C(1)	/* else drop, see shmreg/queue.h */

struct shmreg_shape {
	uint32_t kind;		/*  0: enum shmreg_kind */
	uint32_t layout;	/*  4: SHMREG_..._LAYOUT of the kind */
	uint32_t flags;		/*  8 */
	uint32_t elem_align;	/* 12: a power of two, bytes */
	uint64_t elem_bytes;	/* 16: sizeof an element */
	uint64_t capacity;	/* 24: elements */
	uint32_t param[4];	/* 32: what else a kind needs; 0 in all kinds of today */
};
SHMREG_STATIC_ASSERT(sizeof(struct shmreg_shape) == 48, "frozen");

/* What an element may be at most; -EINVAL beyond. */
#define SHMREG_ARRAY_ALIGN_MAX 4096
#define SHMREG_QUEUE_ALIGN_MAX 128
#define SHMREG_QUEUE_ELEM_MAX (UINT64_C(1) << 26)
#define SHMREG_QUEUE_CAPACITY_MIN 2
#define SHMREG_QUEUE_CAPACITY_MAX (UINT64_C(1) << 30)

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

SHMREG_END_DECLS

#endif /* SHMREG_ABI_OBJECT_H */
