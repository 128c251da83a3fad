/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_OBJECT_QUEUE_TYPED_H
#define SHMREG_OBJECT_QUEUE_TYPED_H

/*
 * shmreg/object-queue-typed.h - a queue for objects of one typed pool
 *
 * After SHMREG_DEFINE_POOL(frames, struct frame), SHMREG_DEFINE_OBJECT_QUEUE(shots, frames)
 * makes a type struct shots and functions shots_send() and so on, as in
 * <shmreg/object-queue.h>, which take a struct frames * for the pool.
 *
 *	create, open_or_create (segment, &q, "name", pool, capacity, flags)
 *	open (segment, &q, "name", pool)
 *	close (q), length (q), capacity (q)
 *	send (q, ref), receive (q, &ref)
 *	send_wait (q, ref, deadline), receive_wait (q, &ref, deadline)
 *	acquire_wait (q, &lease, deadline), acquire (q, &lease); release, keep, refuse (q, &lease)
 *		with struct shots_lease, whose object is a struct frame *
 *	untyped (q), for what is not listed here
 *
 * Write the macro at file scope, with a semicolon.
 */

#include <shmreg/object-queue.h>

SHMREG_BEGIN_DECLS

#define SHMREG_OBJECT_QUEUE_SETTLE_(name, op, check)                                               \
	SHMREG_WRAPPER check int name##_##op(struct name *q, struct name##_lease *lease)           \
	{                                                                                          \
		struct shmreg_object_lease untyped;                                                \
		int r;                                                                             \
		untyped.object = lease->object;                                                    \
		untyped.ref = lease->ref;                                                          \
		untyped.position = lease->position;                                                \
		r = shmreg_object_queue_##op(&q->queue, &untyped);                                 \
		if (untyped.object == NULL)                                                        \
			lease->object = NULL;                                                      \
		return r;                                                                          \
	}

#define SHMREG_DEFINE_OBJECT_QUEUE(name, pool_name)                                                \
	struct name {                                                                              \
		struct shmreg_object_queue queue;                                                  \
	};                                                                                         \
	struct name##_lease {                                                                      \
		pool_name##_object *object;                                                        \
		shmreg_pool_ref ref;                                                               \
		uint64_t position;                                                                 \
	};                                                                                         \
	SHMREG_WRAPPER SHMREG_CHECK int name##_open_how(                                           \
		struct shmreg_segment *segment, struct name **ret, uint32_t how,                   \
		const char *object, struct pool_name *pool, uint64_t capacity, uint32_t flags)     \
	{                                                                                          \
		struct shmreg_object_queue_params params;                                          \
		struct shmreg_object_queue *q;                                                     \
		int r;                                                                             \
		memset(&params, 0, sizeof(params));                                                \
		params.size = sizeof(params);                                                      \
		params.capacity = capacity;                                                        \
		params.flags = flags;                                                              \
		r = shmreg_object_queue_open_layout(segment, &q, how, object,                      \
						    pool_name##_untyped(pool), &params,            \
						    SHMREG_QUEUE_LAYOUT, sizeof(struct name));     \
		if (r >= 0)                                                                        \
			*ret = (struct name *)q;                                                   \
		return r;                                                                          \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int name##_create(                                             \
		struct shmreg_segment *segment, struct name **ret, const char *object,             \
		struct pool_name *pool, uint64_t capacity, uint32_t flags)                         \
	{                                                                                          \
		return name##_open_how(segment, ret, SHMREG_OBJECT_CREATE, object, pool, capacity, \
				       flags);                                                     \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int name##_open(struct shmreg_segment *segment,                \
						    struct name **ret, const char *object,         \
						    struct pool_name *pool)                        \
	{                                                                                          \
		return name##_open_how(segment, ret, SHMREG_OBJECT_ATTACH, object, pool, 0, 0);    \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int name##_open_or_create(                                     \
		struct shmreg_segment *segment, struct name **ret, const char *object,             \
		struct pool_name *pool, uint64_t capacity, uint32_t flags)                         \
	{                                                                                          \
		return name##_open_how(segment, ret,                                               \
				       SHMREG_OBJECT_CREATE | SHMREG_OBJECT_ATTACH, object, pool,  \
				       capacity, flags);                                           \
	}                                                                                          \
	SHMREG_WRAPPER int name##_close(struct name *q)                                            \
	{                                                                                          \
		return shmreg_object_queue_close((struct shmreg_object_queue *)q);                 \
	}                                                                                          \
	SHMREG_WRAPPER struct shmreg_object_queue *name##_untyped(struct name *q)                  \
	{                                                                                          \
		return &q->queue;                                                                  \
	}                                                                                          \
	SHMREG_WRAPPER uint64_t name##_length(const struct name *q)                                \
	{                                                                                          \
		return shmreg_queue_length(shmreg_object_queue_untyped(&q->queue));                \
	}                                                                                          \
	SHMREG_WRAPPER uint64_t name##_capacity(const struct name *q)                              \
	{                                                                                          \
		return shmreg_queue_capacity(shmreg_object_queue_untyped(&q->queue));              \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int name##_send(struct name *q, shmreg_pool_ref ref)           \
	{                                                                                          \
		return shmreg_object_queue_send(&q->queue, ref);                                   \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int name##_receive(struct name *q, shmreg_pool_ref *ret)       \
	{                                                                                          \
		return shmreg_object_queue_receive(&q->queue, ret);                                \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int name##_acquire(struct name *q, struct name##_lease *ret)   \
	{                                                                                          \
		struct shmreg_object_lease lease;                                                  \
		const int r = shmreg_object_queue_acquire(&q->queue, &lease);                      \
		if (r >= 0) {                                                                      \
			ret->object = (pool_name##_object *)lease.object;                          \
			ret->ref = lease.ref;                                                      \
			ret->position = lease.position;                                            \
		}                                                                                  \
		return r;                                                                          \
	}                                                                                          \
	/* The first try costs what it costs without _wait. */                                     \
	SHMREG_WRAPPER SHMREG_CHECK int name##_send_wait(struct name *q, shmreg_pool_ref ref,      \
							 const struct timespec *deadline)          \
	{                                                                                          \
		const int r = name##_send(q, ref);                                                 \
		return SHMREG_LIKELY(r != -EAGAIN)                                                 \
			       ? r                                                                 \
			       : shmreg_object_queue_send_wait(&q->queue, ref, deadline);          \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int name##_receive_wait(struct name *q, shmreg_pool_ref *ret,  \
							    const struct timespec *deadline)       \
	{                                                                                          \
		const int r = name##_receive(q, ret);                                              \
		return SHMREG_LIKELY(r != -EAGAIN)                                                 \
			       ? r                                                                 \
			       : shmreg_object_queue_receive_wait(&q->queue, ret, deadline);       \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int name##_acquire_wait(                                       \
		struct name *q, struct name##_lease *ret, const struct timespec *deadline)         \
	{                                                                                          \
		struct shmreg_object_lease lease;                                                  \
		int r = name##_acquire(q, ret);                                                    \
		if (SHMREG_LIKELY(r != -EAGAIN))                                                   \
			return r;                                                                  \
		r = shmreg_object_queue_acquire_wait(&q->queue, &lease, deadline);                 \
		if (r >= 0) {                                                                      \
			ret->object = (pool_name##_object *)lease.object;                          \
			ret->ref = lease.ref;                                                      \
			ret->position = lease.position;                                            \
		}                                                                                  \
		return r;                                                                          \
	}                                                                                          \
	SHMREG_OBJECT_QUEUE_SETTLE_(name, release, )                                               \
	SHMREG_OBJECT_QUEUE_SETTLE_(name, keep, SHMREG_CHECK)                                      \
	SHMREG_OBJECT_QUEUE_SETTLE_(name, refuse, )                                                \
	struct name /* so that the macro's use ends in a semicolon */

SHMREG_END_DECLS

#endif /* SHMREG_OBJECT_QUEUE_TYPED_H */
