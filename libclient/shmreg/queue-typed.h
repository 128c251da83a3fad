/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_QUEUE_TYPED_H
#define SHMREG_QUEUE_TYPED_H

/*
 * shmreg/queue-typed.h - a queue of one C type
 *
 * SHMREG_DEFINE_QUEUE(event_queue, struct event) makes a type struct event_queue
 * and functions event_queue_push() and so on, as in <shmreg/queue.h>, which take
 * and give struct event and cost what an assignment of one costs. Queues of
 * different types are different types, so mixing them up does not compile; between
 * processes, name, size and alignment of the element are compared at open.
 *
 *	create, open, open_or_create (segment, &q, "name", capacity, flags)
 *	open (segment, &q, "name")
 *	close (q), length (q), capacity (q)
 *	push (q, &event), pop (q, &event)
 *	push_batch (q, events, n, min), pop_batch (q, events, n)
 *	push_wait, pop_wait (q, &event, deadline)
 *	push_batch_wait (q, events, n, min, deadline), pop_batch_wait (q, events, n, deadline)
 *	reserve_wait, acquire_wait (q, &lease, deadline)
 *	reserve, acquire (q, &lease); commit, abort, release, refuse (q, &lease)
 *		with struct event_queue_lease, whose elem is a struct event *
 *	untyped (q), for what is not listed here
 *
 * Write the macro at file scope, with a semicolon.
 */

#include <shmreg/queue.h>

SHMREG_BEGIN_DECLS

/* Size, offset and stride as constants; the handle's are equal, open has compared them. */
#define SHMREG_QUEUE_CONSTANTS_(type)                                                              \
	sizeof(type), (size_t)shmreg_queue_elem_offset(SHMREG_ALIGNOF(type)),                      \
		(size_t)shmreg_queue_stride(sizeof(type), SHMREG_ALIGNOF(type))
#define SHMREG_QUEUE_PLACE_(type)                                                                  \
	(size_t)shmreg_queue_elem_offset(SHMREG_ALIGNOF(type)),                                    \
		(size_t)shmreg_queue_stride(sizeof(type), SHMREG_ALIGNOF(type))

#define SHMREG_QUEUE_LEND_(name, op, type, state)                                                  \
	SHMREG_WRAPPER SHMREG_CHECK int name##_##op(struct name *q, struct name##_lease *ret)      \
	{                                                                                          \
		struct shmreg_queue_lease lease;                                                   \
		const int r = shmreg_queue_lend_sized(&q->queue, &lease, state,                    \
						      SHMREG_QUEUE_PLACE_(type));                  \
		if (r >= 0) {                                                                      \
			ret->elem = (type *)lease.elem;                                            \
			ret->position = lease.position;                                            \
		}                                                                                  \
		return r;                                                                          \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int name##_##op##_wait(                                        \
		struct name *q, struct name##_lease *ret, const struct timespec *deadline)         \
	{                                                                                          \
		struct shmreg_queue_lease lease;                                                   \
		const int r = shmreg_queue_##op##_wait(&q->queue, &lease, deadline);               \
		if (r >= 0) {                                                                      \
			ret->elem = (type *)lease.elem;                                            \
			ret->position = lease.position;                                            \
		}                                                                                  \
		return r;                                                                          \
	}
#define SHMREG_QUEUE_SETTLE_(name, op)                                                             \
	SHMREG_WRAPPER int name##_##op(struct name *q, struct name##_lease *lease)                 \
	{                                                                                          \
		struct shmreg_queue_lease untyped;                                                 \
		int r;                                                                             \
		untyped.elem = lease->elem;                                                        \
		untyped.position = lease->position;                                                \
		r = shmreg_queue_##op(&q->queue, &untyped);                                        \
		if (r == 0)                                                                        \
			lease->elem = NULL;                                                        \
		return r;                                                                          \
	}

#define SHMREG_DEFINE_QUEUE(name, type)                                                            \
	struct name {                                                                              \
		struct shmreg_queue queue;                                                         \
	};                                                                                         \
	struct name##_lease {                                                                      \
		type *elem;                                                                        \
		uint64_t position;                                                                 \
	};                                                                                         \
	SHMREG_WRAPPER SHMREG_CHECK int name##_open_how(                                           \
		struct shmreg_segment *segment, struct name **ret, uint32_t how,                   \
		const char *object, uint64_t capacity, uint32_t flags)                             \
	{                                                                                          \
		struct shmreg_queue_params params;                                                 \
		struct shmreg_queue *q;                                                            \
		int r;                                                                             \
		memset(&params, 0, sizeof(params));                                                \
		params.size = sizeof(params);                                                      \
		params.capacity = capacity;                                                        \
		params.elem_bytes = sizeof(type);                                                  \
		params.elem_align = (uint32_t)SHMREG_ALIGNOF(type);                                \
		params.flags = flags;                                                              \
		params.type_name = #type;                                                          \
		r = shmreg_queue_open_layout(segment, &q, how, object, &params,                    \
					     SHMREG_QUEUE_LAYOUT, sizeof(struct name));            \
		if (r >= 0)                                                                        \
			*ret = (struct name *)q;                                                   \
		return r;                                                                          \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int name##_create(struct shmreg_segment *segment,              \
						      struct name **ret, const char *object,       \
						      uint64_t capacity, uint32_t flags)           \
	{                                                                                          \
		return name##_open_how(segment, ret, SHMREG_OBJECT_CREATE, object, capacity,       \
				       flags);                                                     \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int name##_open(struct shmreg_segment *segment,                \
						    struct name **ret, const char *object)         \
	{                                                                                          \
		return name##_open_how(segment, ret, SHMREG_OBJECT_ATTACH, object, 0, 0);          \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int name##_open_or_create(                                     \
		struct shmreg_segment *segment, struct name **ret, const char *object,             \
		uint64_t capacity, uint32_t flags)                                                 \
	{                                                                                          \
		return name##_open_how(segment, ret,                                               \
				       SHMREG_OBJECT_CREATE | SHMREG_OBJECT_ATTACH, object,        \
				       capacity, flags);                                           \
	}                                                                                          \
	SHMREG_WRAPPER int name##_close(struct name *q)                                            \
	{                                                                                          \
		return shmreg_queue_close((struct shmreg_queue *)q);                               \
	}                                                                                          \
	SHMREG_WRAPPER struct shmreg_queue *name##_untyped(struct name *q)                         \
	{                                                                                          \
		return &q->queue;                                                                  \
	}                                                                                          \
	SHMREG_WRAPPER uint64_t name##_length(const struct name *q)                                \
	{                                                                                          \
		return shmreg_queue_length(&q->queue);                                             \
	}                                                                                          \
	SHMREG_WRAPPER uint64_t name##_capacity(const struct name *q)                              \
	{                                                                                          \
		return shmreg_queue_capacity(&q->queue);                                           \
	}                                                                                          \
	SHMREG_WRAPPER_HOT SHMREG_CHECK int name##_push(struct name *q, const type *elem)          \
	{                                                                                          \
		return shmreg_queue_push_sized(&q->queue, elem, SHMREG_QUEUE_CONSTANTS_(type));    \
	}                                                                                          \
	SHMREG_WRAPPER_HOT SHMREG_CHECK int name##_pop(struct name *q, type *elem)                 \
	{                                                                                          \
		return shmreg_queue_pop_sized(&q->queue, elem, SHMREG_QUEUE_CONSTANTS_(type));     \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int name##_push_batch(struct name *q, const type *elems,       \
							  uint32_t n, uint32_t min)                \
	{                                                                                          \
		return shmreg_queue_push_batch_sized(&q->queue, elems, n, min,                     \
						     SHMREG_QUEUE_CONSTANTS_(type));               \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int name##_pop_batch(struct name *q, type *elems, uint32_t n)  \
	{                                                                                          \
		return shmreg_queue_pop_batch_sized(&q->queue, elems, n,                           \
						    SHMREG_QUEUE_CONSTANTS_(type));                \
	}                                                                                          \
	/* The first try costs what it costs without _wait. */                                     \
	SHMREG_WRAPPER SHMREG_CHECK int name##_push_wait(struct name *q, const type *elem,         \
							 const struct timespec *deadline)          \
	{                                                                                          \
		const int r = name##_push(q, elem);                                                \
		return SHMREG_LIKELY(r != -EAGAIN)                                                 \
			       ? r                                                                 \
			       : shmreg_queue_push_wait(&q->queue, elem, deadline);                \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int name##_pop_wait(struct name *q, type *elem,                \
							const struct timespec *deadline)           \
	{                                                                                          \
		const int r = name##_pop(q, elem);                                                 \
		return SHMREG_LIKELY(r != -EAGAIN)                                                 \
			       ? r                                                                 \
			       : shmreg_queue_pop_wait(&q->queue, elem, deadline);                 \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int name##_push_batch_wait(                                    \
		struct name *q, const type *elems, uint32_t n, uint32_t min,                       \
		const struct timespec *deadline)                                                   \
	{                                                                                          \
		return shmreg_queue_push_batch_wait(&q->queue, elems, n, min, deadline);           \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int name##_pop_batch_wait(                                     \
		struct name *q, type *elems, uint32_t n, const struct timespec *deadline)          \
	{                                                                                          \
		return shmreg_queue_pop_batch_wait(&q->queue, elems, n, deadline);                 \
	}                                                                                          \
	SHMREG_QUEUE_LEND_(name, reserve, type, SHMREG_QUEUE_WRITING)                              \
	SHMREG_QUEUE_LEND_(name, acquire, type, SHMREG_QUEUE_READING)                              \
	SHMREG_QUEUE_SETTLE_(name, commit)                                                         \
	SHMREG_QUEUE_SETTLE_(name, abort)                                                          \
	SHMREG_QUEUE_SETTLE_(name, release)                                                        \
	SHMREG_QUEUE_SETTLE_(name, refuse)                                                         \
	struct name /* so that the macro's use ends in a semicolon */

SHMREG_END_DECLS

#endif /* SHMREG_QUEUE_TYPED_H */
