/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_RING_TYPED_H
#define SHMREG_RING_TYPED_H

/*
 * shmreg/ring-typed.h - a ring of one C type
 *
 * SHMREG_DEFINE_RING(sample_ring, struct sample) makes types struct sample_ring_producer
 * and struct sample_ring_consumer, and functions as in <shmreg/ring.h>, which take and
 * give struct sample and cost what an assignment of one costs. Rings of different types
 * are different types, so mixing them up does not compile, nor does pushing into the
 * consumer's end; between processes, name, size and alignment of the element are compared
 * at open.
 *
 *	producer_create, producer_open_or_create (segment, &p, "name", capacity)
 *	producer_open (segment, &p, "name"); producer_close (p)
 *	push (p, &sample), push_bulk (p, samples, n, min)
 *	reserve (p, &samples, n), commit (p, n), space (p)
 *	push_wait, push_bulk_wait, reserve_wait (as without _wait, deadline)
 *	producer_untyped (p), for what is not listed here
 *
 *	consumer_create, consumer_open_or_create, consumer_open, consumer_close
 *	pop (c, &sample), pop_bulk (c, samples, n), peek (c, offset, &sample)
 *	view (c, &samples, n), consume (c, n), skip (c, n), clear (c), length (c)
 *	pop_wait, pop_bulk_wait, peek_wait, view_wait, skip_wait (as without _wait, deadline)
 *	consumer_untyped (c)
 *
 * Write the macro at file scope, with a semicolon.
 */

#include <shmreg/ring.h>

SHMREG_BEGIN_DECLS

/* @role: producer or consumer */
#define SHMREG_RING_ROLE_(name, type, role)                                                        \
	struct name##_##role {                                                                     \
		struct shmreg_ring_##role role;                                                    \
	};                                                                                         \
	SHMREG_WRAPPER SHMREG_CHECK int name##_##role##_open_how(                                  \
		struct shmreg_segment *segment, struct name##_##role **ret, uint32_t how,          \
		const char *object, uint64_t capacity)                                             \
	{                                                                                          \
		struct shmreg_ring_params params;                                                  \
		struct shmreg_ring_##role *untyped;                                                \
		int r;                                                                             \
		memset(&params, 0, sizeof(params));                                                \
		params.size = sizeof(params);                                                      \
		params.capacity = capacity;                                                        \
		params.elem_bytes = sizeof(type);                                                  \
		params.elem_align = (uint32_t)SHMREG_ALIGNOF(type);                                \
		params.type_name = #type;                                                          \
		r = shmreg_ring_##role##_open_layout(segment, &untyped, how, object, &params,      \
						     SHMREG_RING_LAYOUT,                           \
						     sizeof(struct name##_##role));                \
		if (r >= 0)                                                                        \
			*ret = (struct name##_##role *)untyped;                                    \
		return r;                                                                          \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int name##_##role##_create(                                    \
		struct shmreg_segment *segment, struct name##_##role **ret, const char *object,    \
		uint64_t capacity)                                                                 \
	{                                                                                          \
		return name##_##role##_open_how(segment, ret, SHMREG_OBJECT_CREATE, object,        \
						capacity);                                         \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int name##_##role##_open(struct shmreg_segment *segment,       \
							     struct name##_##role **ret,           \
							     const char *object)                   \
	{                                                                                          \
		return name##_##role##_open_how(segment, ret, SHMREG_OBJECT_ATTACH, object, 0);    \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int name##_##role##_open_or_create(                            \
		struct shmreg_segment *segment, struct name##_##role **ret, const char *object,    \
		uint64_t capacity)                                                                 \
	{                                                                                          \
		return name##_##role##_open_how(segment, ret,                                      \
						SHMREG_OBJECT_CREATE | SHMREG_OBJECT_ATTACH,       \
						object, capacity);                                 \
	}                                                                                          \
	SHMREG_WRAPPER int name##_##role##_close(struct name##_##role *handle)                     \
	{                                                                                          \
		return shmreg_ring_##role##_close((struct shmreg_ring_##role *)handle);            \
	}                                                                                          \
	SHMREG_WRAPPER struct shmreg_ring_##role *name##_##role##_untyped(                         \
		struct name##_##role *handle)                                                      \
	{                                                                                          \
		return &handle->role;                                                              \
	}

/* The first try costs what it costs without _wait. */
#define SHMREG_RING_WAITS_(name, type)                                                             \
	SHMREG_WRAPPER SHMREG_CHECK int name##_push_wait(struct name##_producer *p,                \
							 const type *elem,                         \
							 const struct timespec *deadline)          \
	{                                                                                          \
		const int r = name##_push(p, elem);                                                \
		return SHMREG_LIKELY(r != -EAGAIN)                                                 \
			       ? r                                                                 \
			       : shmreg_ring_push_wait(&p->producer, elem, deadline);              \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int64_t name##_push_bulk_wait(                                 \
		struct name##_producer *p, const type *elems, uint64_t n, uint64_t min,            \
		const struct timespec *deadline)                                                   \
	{                                                                                          \
		const int64_t r = name##_push_bulk(p, elems, n, min);                              \
		return SHMREG_LIKELY(r != -EAGAIN)                                                 \
			       ? r                                                                 \
			       : shmreg_ring_push_bulk_wait(&p->producer, elems, n, min,           \
							    deadline);                             \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int64_t name##_reserve_wait(                                   \
		struct name##_producer *p, type **ret, uint64_t n,                                 \
		const struct timespec *deadline)                                                   \
	{                                                                                          \
		void *first;                                                                       \
		int64_t r = name##_reserve(p, ret, n);                                             \
		if (SHMREG_LIKELY(r != -EAGAIN))                                                   \
			return r;                                                                  \
		r = shmreg_ring_reserve_wait(&p->producer, &first, n, deadline);                   \
		if (r > 0)                                                                         \
			*ret = (type *)first;                                                      \
		return r;                                                                          \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int name##_pop_wait(struct name##_consumer *c, type *elem,     \
							const struct timespec *deadline)           \
	{                                                                                          \
		const int r = name##_pop(c, elem);                                                 \
		return SHMREG_LIKELY(r != -EAGAIN)                                                 \
			       ? r                                                                 \
			       : shmreg_ring_pop_wait(&c->consumer, elem, deadline);               \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int64_t name##_pop_bulk_wait(                                  \
		struct name##_consumer *c, type *elems, uint64_t n,                                \
		const struct timespec *deadline)                                                   \
	{                                                                                          \
		const int64_t r = name##_pop_bulk(c, elems, n);                                    \
		return SHMREG_LIKELY(r != -EAGAIN)                                                 \
			       ? r                                                                 \
			       : shmreg_ring_pop_bulk_wait(&c->consumer, elems, n, deadline);      \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int name##_peek_wait(struct name##_consumer *c,                \
							 uint64_t offset, type *elem,              \
							 const struct timespec *deadline)          \
	{                                                                                          \
		const int r = name##_peek(c, offset, elem);                                        \
		return SHMREG_LIKELY(r != -EAGAIN)                                                 \
			       ? r                                                                 \
			       : shmreg_ring_peek_wait(&c->consumer, offset, elem, deadline);      \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int64_t name##_view_wait(                                      \
		struct name##_consumer *c, const type **ret, uint64_t n,                           \
		const struct timespec *deadline)                                                   \
	{                                                                                          \
		const void *first;                                                                 \
		int64_t r = name##_view(c, ret, n);                                                \
		if (SHMREG_LIKELY(r != -EAGAIN))                                                   \
			return r;                                                                  \
		r = shmreg_ring_view_wait(&c->consumer, &first, n, deadline);                      \
		if (r > 0)                                                                         \
			*ret = (const type *)first;                                                \
		return r;                                                                          \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int64_t name##_skip_wait(                                      \
		struct name##_consumer *c, uint64_t n, const struct timespec *deadline)            \
	{                                                                                          \
		return shmreg_ring_skip_wait(&c->consumer, n, deadline);                           \
	}

#define SHMREG_DEFINE_RING(name, type)                                                             \
	SHMREG_RING_ROLE_(name, type, producer)                                                    \
	SHMREG_RING_ROLE_(name, type, consumer)                                                    \
	SHMREG_WRAPPER_HOT SHMREG_CHECK int name##_push(struct name##_producer *p,                 \
							const type *elem)                          \
	{                                                                                          \
		return shmreg_ring_push_sized(&p->producer, elem, sizeof(type));                   \
	}                                                                                          \
	SHMREG_WRAPPER_HOT SHMREG_CHECK int64_t name##_push_bulk(                                  \
		struct name##_producer *p, const type *elems, uint64_t n, uint64_t min)            \
	{                                                                                          \
		return shmreg_ring_push_bulk_sized(&p->producer, elems, n, min, sizeof(type));     \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int64_t name##_reserve(struct name##_producer *p, type **ret,  \
							   uint64_t n)                             \
	{                                                                                          \
		void *first;                                                                       \
		const int64_t r =                                                                  \
			shmreg_ring_reserve_sized(&p->producer, &first, n, sizeof(type));          \
		if (r > 0)                                                                         \
			*ret = (type *)first;                                                      \
		return r;                                                                          \
	}                                                                                          \
	SHMREG_WRAPPER int name##_commit(struct name##_producer *p, uint64_t n)                    \
	{                                                                                          \
		return shmreg_ring_commit(&p->producer, n);                                        \
	}                                                                                          \
	SHMREG_WRAPPER uint64_t name##_space(const struct name##_producer *p)                      \
	{                                                                                          \
		return shmreg_ring_space(&p->producer.ring);                                       \
	}                                                                                          \
	SHMREG_WRAPPER_HOT SHMREG_CHECK int name##_pop(struct name##_consumer *c, type *elem)      \
	{                                                                                          \
		return shmreg_ring_pop_sized(&c->consumer, elem, sizeof(type));                    \
	}                                                                                          \
	SHMREG_WRAPPER_HOT SHMREG_CHECK int64_t name##_pop_bulk(struct name##_consumer *c,         \
							    type *elems, uint64_t n)               \
	{                                                                                          \
		return shmreg_ring_pop_bulk_sized(&c->consumer, elems, n, sizeof(type));           \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int name##_peek(struct name##_consumer *c, uint64_t offset,    \
						    type *elem)                                    \
	{                                                                                          \
		return shmreg_ring_peek_sized(&c->consumer, offset, elem, sizeof(type));           \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int64_t name##_view(struct name##_consumer *c,                 \
							const type **ret, uint64_t n)              \
	{                                                                                          \
		const void *first;                                                                 \
		const int64_t r = shmreg_ring_view_sized(&c->consumer, &first, n, sizeof(type));   \
		if (r > 0)                                                                         \
			*ret = (const type *)first;                                                \
		return r;                                                                          \
	}                                                                                          \
	SHMREG_WRAPPER int name##_consume(struct name##_consumer *c, uint64_t n)                   \
	{                                                                                          \
		return shmreg_ring_consume(&c->consumer, n);                                       \
	}                                                                                          \
	SHMREG_WRAPPER int64_t name##_skip(struct name##_consumer *c, uint64_t n)                  \
	{                                                                                          \
		return shmreg_ring_skip(&c->consumer, n);                                          \
	}                                                                                          \
	SHMREG_WRAPPER int64_t name##_clear(struct name##_consumer *c)                             \
	{                                                                                          \
		return shmreg_ring_clear(&c->consumer);                                            \
	}                                                                                          \
	SHMREG_WRAPPER uint64_t name##_length(const struct name##_consumer *c)                     \
	{                                                                                          \
		return shmreg_ring_length(&c->consumer.ring);                                      \
	}                                                                                          \
	SHMREG_RING_WAITS_(name, type)                                                             \
	struct name##_producer /* so that the macro's use ends in a semicolon */

SHMREG_END_DECLS

#endif /* SHMREG_RING_TYPED_H */
