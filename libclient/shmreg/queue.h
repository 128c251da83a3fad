/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_QUEUE_H
#define SHMREG_QUEUE_H

#include <shmreg/abi/queue.h>
#include <shmreg/handle.h>

SHMREG_BEGIN_DECLS

struct shmreg_queue;

struct shmreg_queue_params {
	size_t size;		/* sizeof(struct shmreg_queue_params) */
	uint64_t capacity;	/* a power of two, 2 .. 2^30; opening: 0 = any */
	uint64_t elem_bytes;	/* 1 .. 64 MiB; opening: 0 = any */
	uint32_t elem_align;	/* a power of two, 1 .. 128 */
	uint32_t flags;		/* SHMREG_QUEUE_REDELIVER */
	const char *type_name;
};

/* create, open, open_or_create: static inline, see shmreg_object_open() */
/* int shmreg_queue_create(segment, struct shmreg_queue **ret, name, params); ... */
/* int shmreg_queue_close(queue); */

struct shmreg_queue_lease {
	void *elem;		/* the slot's element, in place */
	uint64_t position;
};

/*
 * int shmreg_queue_push(struct shmreg_queue *q, const void *elem);	0, -EAGAIN full, -EROFS, -ECHILD, -EUCLEAN
 * int shmreg_queue_pop(struct shmreg_queue *q, void *elem);		0, -EAGAIN empty, ...
 * int shmreg_queue_push_batch(q, const void *elems, uint32_t n, uint32_t min);	number pushed (min..n), or -EAGAIN
 * int shmreg_queue_pop_batch(q, void *elems, uint32_t n);			number popped, or -EAGAIN
 * int shmreg_queue_reserve(q, struct shmreg_queue_lease *ret);
 * int shmreg_queue_commit(q, struct shmreg_queue_lease *lease);
 * int shmreg_queue_abort(q, lease);
 * int shmreg_queue_acquire(q, lease *ret);
 * int shmreg_queue_release(q, lease);		done: consumed
 * int shmreg_queue_refuse(q, lease);		hand it to another consumer
 * uint64_t shmreg_queue_length(q), shmreg_queue_capacity(q);
 * SHMREG_DEFINE_QUEUE(name, type)
 */

SHMREG_END_DECLS

#endif /* SHMREG_QUEUE_H */
