/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_POOL_TYPED_H
#define SHMREG_POOL_TYPED_H

/*
 * shmreg/pool-typed.h - a pool of objects of one C type
 *
 * SHMREG_DEFINE_POOL(frame_pool, struct frame) makes a type struct frame_pool and
 * functions frame_pool_acquire() and so on, as in <shmreg/pool.h>, which take and give
 * struct frame; filling one in costs what an assignment costs. Pools of different types are
 * different types, so mixing them up does not compile; between processes, name, size
 * and alignment are compared at open.
 *
 *	create, open_or_create (segment, &pool, "name", capacity)
 *	open (segment, &pool, "name")
 *	close (pool), capacity (pool)
 *	acquire (pool, &ref), make (pool, &ref, &frame), get (pool, ref)
 *	release (pool, ref), check (pool, ref)
 *	acquire_batch (pool, refs, n, min), release_batch (pool, refs, n)
 *	acquire_wait (pool, &ref, deadline), make_wait (pool, &ref, &frame, deadline)
 *	acquire_batch_wait (pool, refs, n, min, deadline)
 *	untyped (pool), for what is not listed here
 *
 * Write the macro at file scope, with a semicolon.
 */

#include <shmreg/pool.h>

SHMREG_BEGIN_DECLS

/* As shmreg_pool_geometry() has it, of a type whose size is a multiple of its alignment. */
#define SHMREG_DEFINE_POOL(name, type)                                                             \
	struct name {                                                                              \
		struct shmreg_pool pool;                                                           \
	};                                                                                         \
	typedef type name##_object;                                                                \
	SHMREG_WRAPPER SHMREG_CHECK int name##_open_how(struct shmreg_segment *segment,            \
							struct name **ret, uint32_t how,           \
							const char *object, uint64_t capacity)     \
	{                                                                                          \
		struct shmreg_pool_params params;                                                  \
		struct shmreg_pool *pool;                                                          \
		int r;                                                                             \
		memset(&params, 0, sizeof(params));                                                \
		params.size = sizeof(params);                                                      \
		params.capacity = capacity;                                                        \
		params.elem_bytes = sizeof(type);                                                  \
		params.elem_align = (uint32_t)SHMREG_ALIGNOF(type);                                \
		params.type_name = #type;                                                          \
		r = shmreg_pool_open_layout(segment, &pool, how, object, &params,                  \
					    SHMREG_POOL_LAYOUT, sizeof(struct name));              \
		if (r >= 0)                                                                        \
			*ret = (struct name *)pool;                                                \
		return r;                                                                          \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int name##_create(struct shmreg_segment *segment,              \
						      struct name **ret, const char *object,       \
						      uint64_t capacity)                           \
	{                                                                                          \
		return name##_open_how(segment, ret, SHMREG_OBJECT_CREATE, object, capacity);      \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int name##_open(struct shmreg_segment *segment,                \
						    struct name **ret, const char *object)         \
	{                                                                                          \
		return name##_open_how(segment, ret, SHMREG_OBJECT_ATTACH, object, 0);             \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int name##_open_or_create(struct shmreg_segment *segment,      \
							      struct name **ret,                   \
							      const char *object,                  \
							      uint64_t capacity)                   \
	{                                                                                          \
		return name##_open_how(segment, ret, SHMREG_OBJECT_CREATE | SHMREG_OBJECT_ATTACH,  \
				       object, capacity);                                          \
	}                                                                                          \
	SHMREG_WRAPPER int name##_close(struct name *pool)                                         \
	{                                                                                          \
		return shmreg_pool_close((struct shmreg_pool *)pool);                              \
	}                                                                                          \
	SHMREG_WRAPPER struct shmreg_pool *name##_untyped(struct name *pool)                       \
	{                                                                                          \
		return &pool->pool;                                                                \
	}                                                                                          \
	SHMREG_WRAPPER uint64_t name##_capacity(const struct name *pool)                           \
	{                                                                                          \
		return shmreg_pool_capacity(&pool->pool);                                          \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int name##_acquire(struct name *pool, shmreg_pool_ref *ret)    \
	{                                                                                          \
		return shmreg_pool_acquire(&pool->pool, ret);                                      \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int name##_make(struct name *pool, shmreg_pool_ref *ret,       \
						    const type *value)                             \
	{                                                                                          \
		return shmreg_pool_acquire_init_sized(&pool->pool, ret, value, sizeof(type),       \
						      sizeof(type));                               \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK type *name##_get(struct name *pool, shmreg_pool_ref ref)       \
	{                                                                                          \
		return (type *)shmreg_pool_get_sized(&pool->pool, ref, sizeof(type));              \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int name##_check(struct name *pool, shmreg_pool_ref ref)       \
	{                                                                                          \
		return shmreg_pool_check(&pool->pool, ref);                                        \
	}                                                                                          \
	SHMREG_WRAPPER int name##_release(struct name *pool, shmreg_pool_ref ref)                  \
	{                                                                                          \
		return shmreg_pool_release(&pool->pool, ref);                                      \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int name##_acquire_batch(                                      \
		struct name *pool, shmreg_pool_ref *refs, uint32_t n, uint32_t min)                \
	{                                                                                          \
		return shmreg_pool_acquire_batch(&pool->pool, refs, n, min);                       \
	}                                                                                          \
	SHMREG_WRAPPER int name##_release_batch(struct name *pool, const shmreg_pool_ref *refs,    \
						uint32_t n)                                        \
	{                                                                                          \
		return shmreg_pool_release_batch(&pool->pool, refs, n);                            \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int name##_acquire_wait(struct name *pool,                     \
							    shmreg_pool_ref *ret,                  \
							    const struct timespec *deadline)       \
	{                                                                                          \
		return shmreg_pool_acquire_wait(&pool->pool, ret, deadline);                       \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int name##_make_wait(struct name *pool, shmreg_pool_ref *ret,  \
							 const type *value,                        \
							 const struct timespec *deadline)          \
	{                                                                                          \
		return shmreg_pool_acquire_init_wait_sized(&pool->pool, ret, value, deadline,      \
							   sizeof(type), sizeof(type));            \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int name##_acquire_batch_wait(                                 \
		struct name *pool, shmreg_pool_ref *refs, uint32_t n, uint32_t min,                \
		const struct timespec *deadline)                                                   \
	{                                                                                          \
		return shmreg_pool_acquire_batch_wait(&pool->pool, refs, n, min, deadline);        \
	}                                                                                          \
	struct name /* so that the macro's use ends in a semicolon */

SHMREG_END_DECLS

#endif /* SHMREG_POOL_TYPED_H */
