/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_ATOMIC_H
#define SHMREG_ATOMIC_H

/*
 * shmreg/atomic.h - a named integer of 8, 16, 32 or 64 bits, operated on atomically
 *
 * Callers	Any number of threads and processes at a time, through as many
 *		handles or as few as they like. A signal handler may use it too.
 *
 * Progress	All operations are wait-free where the CPU has the instruction
 *		(x86, ARM with LSE), else lock-free. They never sleep, allocate,
 *		or enter the kernel; except for wait() and, when somebody waits,
 *		notify_...().
 *
 * Ordering	wait() loads with acquire: what was done before a change with release
 *		is visible to who returns with the value that it left. Else
 *		as in C11: load(), store(), exchange(), compare_exchange() and
 *		fetch_...() are sequentially consistent, those with _relaxed,
 *		_acquire, _release and _acq_rel say so. There is one order of
 *		all changes to one atomic.
 *
 * Crashes	Each operation is one instruction that changes memory: it has
 *		happened or it has not. Nothing is ever to repair, so a handle
 *		takes no seat. What the value *means* after a death (a count of
 *		processes, a lock made by hand) is the application's business.
 *
 * Trust	Whoever is attached read-write may store anything at any time.
 *		The size comes from the directory, which no client can write.
 *
 * Waiting	wait(), see <shmreg/wait.h>: until the value is not what the caller
 *		says it was, as C++'s atomic wait(). Whoever changes it calls
 *		notify_one() or notify_all() behind the change, of whatever order,
 *		by cell or by handle; a change of which nobody is notified is
 *		noticed sometime or never. One who dies between the two loses no
 *		wake-up: his death wakes. notify_one() wakes one of those who wait,
 *		whichever: it is for when all wait for the same. A value that has changed
 *		and is back before the sleeper looks is not a change.
 *		read-only may: open_const, cell_const, load, wait; anything else is
 *		-EROFS, or does not compile.
 *
 * Units	Plain unsigned integers; arithmetic wraps. A new atomic is 0.
 *
 * Cost		That of the CPU's instruction. Operations on the cell compile to
 *		the same code as C11's on an _Atomic; those of a typed wrapper,
 *		which takes its handle, load the cell's address before, each time:
 *		to the compiler every atomic operation may have changed the
 *		handle. That is a load from the nearest cache, a few hundredths of
 *		what the operation takes; in a loop that does little else, ask
 *		cell() before it.
 *		notify_...(): a load, a comparison and a branch when nobody waits. Each
 *		atomic has 128 bytes to itself, so two never share a line.
 *
 * fork: a cell's address that was taken before is unmapped in the child and
 * faults; cell() of an inherited handle is NULL there, and wait() -ECHILD.
 *
 * Bytes: <shmreg/abi/atomic.h>.
 */

#include <errno.h>
#include <time.h>

#include <shmreg/abi/atomic.h>
#include <shmreg/handle.h>
#include <shmreg/wake.h>

SHMREG_BEGIN_DECLS

struct shmreg_atomic {
	struct shmreg_handle handle;
};

struct shmreg_atomic_params {
	size_t size;		/* sizeof(struct shmreg_atomic_params) */
	uint64_t bytes;		/* 1, 2, 4 or 8; opening: 0 = any */
	const char *type_name;	/* see shmreg/abi/name.h; NULL = none, opening: any */
};

/*
 * Not for applications: what create, open and the like below come to, with the
 * layout version that the application was compiled with.
 */
SHMREG_API SHMREG_CHECK int shmreg_atomic_open_layout(struct shmreg_segment *segment,
						      struct shmreg_atomic **ret, uint32_t how,
						      const char *name,
						      const struct shmreg_atomic_params *params,
						      uint32_t layout);
SHMREG_API SHMREG_CHECK int
shmreg_atomic_open_const_layout(struct shmreg_segment *segment, const struct shmreg_atomic **ret,
				const char *name, const struct shmreg_atomic_params *params,
				uint32_t layout);

/*
 * shmreg_atomic_create() - make an atomic, which is 0
 * shmreg_atomic_open() - open one that exists, to read and write it
 * shmreg_atomic_open_or_create() - whichever it takes
 * shmreg_atomic_open_const() - open one that exists, to read it
 *
 * Return: 0, or as shmreg_object_open(); -EROFS also if the segment is attached
 * read-only and the atomic is not opened by open_const.
 */
static inline SHMREG_CHECK int shmreg_atomic_create(struct shmreg_segment *segment,
						    struct shmreg_atomic **ret, const char *name,
						    const struct shmreg_atomic_params *params)
{
	return shmreg_atomic_open_layout(segment, ret, SHMREG_OBJECT_CREATE, name, params,
					 SHMREG_ATOMIC_LAYOUT);
}

static inline SHMREG_CHECK int shmreg_atomic_open(struct shmreg_segment *segment,
						  struct shmreg_atomic **ret, const char *name,
						  const struct shmreg_atomic_params *params)
{
	return shmreg_atomic_open_layout(segment, ret, SHMREG_OBJECT_ATTACH, name, params,
					 SHMREG_ATOMIC_LAYOUT);
}

static inline SHMREG_CHECK int
shmreg_atomic_open_or_create(struct shmreg_segment *segment, struct shmreg_atomic **ret,
			     const char *name, const struct shmreg_atomic_params *params)
{
	return shmreg_atomic_open_layout(segment, ret, SHMREG_OBJECT_CREATE | SHMREG_OBJECT_ATTACH,
					 name, params, SHMREG_ATOMIC_LAYOUT);
}

static inline SHMREG_CHECK int
shmreg_atomic_open_const(struct shmreg_segment *segment, const struct shmreg_atomic **ret,
			 const char *name, const struct shmreg_atomic_params *params)
{
	return shmreg_atomic_open_const_layout(segment, ret, name, params, SHMREG_ATOMIC_LAYOUT);
}

/* shmreg_atomic_close() - see shmreg_object_close(); NULL is fine. The atomic stays. */
SHMREG_API int shmreg_atomic_close(const struct shmreg_atomic *atomic);

/*
 * shmreg_atomic_notify_one() - the value has changed: wake one of those who wait
 * shmreg_atomic_notify_all()
 *
 * Async-signal-safe. Not for an inherited handle.
 */
SHMREG_API SHMREG_HOT void shmreg_atomic_notify_one(struct shmreg_atomic *atomic);
SHMREG_API SHMREG_HOT void shmreg_atomic_notify_all(struct shmreg_atomic *atomic);

SHMREG_HOT void shmreg_atomic_notify_one(struct shmreg_atomic *atomic)
{
	shmreg_wake_(&atomic->handle, atomic->handle.base,
		     offsetof(struct shmreg_atomic_shm, change), 1);
}

SHMREG_HOT void shmreg_atomic_notify_all(struct shmreg_atomic *atomic)
{
	shmreg_wake_(&atomic->handle, atomic->handle.base,
		     offsetof(struct shmreg_atomic_shm, change), SHMREG_WAKE_ALL);
}

/*
 * Not for applications: shmreg_atomic64_wait() and the like, for an atomic of @bytes; of @expected
 * as many count.
 */
SHMREG_API SHMREG_CHECK int shmreg_atomic_wait_sized(const struct shmreg_atomic *atomic,
						     size_t bytes, uint64_t expected,
						     uint64_t *ret,
						     const struct timespec *deadline);

/*
 * The operations, for a @scope (linkage) and a @prefix, on a @type that @cell
 * finds in a @self. One use for each order: the suffix, the order, and the order
 * of a compare_exchange() that fails.
 */
#define SHMREG_ATOMIC_LOAD_(scope, prefix, self, cell, type, suffix, order)                       \
	scope type prefix##_load##suffix(const self *a)                                           \
	{                                                                                         \
		return __atomic_load_n(cell##_const(a), order);                                   \
	}
#define SHMREG_ATOMIC_STORE_(scope, prefix, self, cell, type, suffix, order)                      \
	scope void prefix##_store##suffix(self *a, type value)                                    \
	{                                                                                         \
		__atomic_store_n(cell(a), value, order);                                          \
	}
#define SHMREG_ATOMIC_FETCH_(scope, prefix, self, cell, type, suffix, order, op)                  \
	scope type prefix##_fetch_##op##suffix(self *a, type value)                               \
	{                                                                                         \
		return __atomic_fetch_##op(cell(a), value, order);                                \
	}
#define SHMREG_ATOMIC_MODIFY_(scope, prefix, self, cell, type, suffix, order, failed)             \
	scope type prefix##_exchange##suffix(self *a, type value)                                 \
	{                                                                                         \
		return __atomic_exchange_n(cell(a), value, order);                                \
	}                                                                                         \
	scope int prefix##_compare_exchange##suffix(self *a, type *expected, type value)          \
	{                                                                                         \
		return __atomic_compare_exchange_n(cell(a), expected, value, 0, order, failed);   \
	}                                                                                         \
	SHMREG_ATOMIC_FETCH_(scope, prefix, self, cell, type, suffix, order, add)                 \
	SHMREG_ATOMIC_FETCH_(scope, prefix, self, cell, type, suffix, order, sub)                 \
	SHMREG_ATOMIC_FETCH_(scope, prefix, self, cell, type, suffix, order, and)                 \
	SHMREG_ATOMIC_FETCH_(scope, prefix, self, cell, type, suffix, order, or)                  \
	SHMREG_ATOMIC_FETCH_(scope, prefix, self, cell, type, suffix, order, xor)
/* Those whose names say the order, and those that are sequentially consistent. */
#define SHMREG_ATOMIC_ORDERED_(scope, prefix, self, cell, type)                                   \
	SHMREG_ATOMIC_LOAD_(scope, prefix, self, cell, type, _relaxed, __ATOMIC_RELAXED)          \
	SHMREG_ATOMIC_LOAD_(scope, prefix, self, cell, type, _acquire, __ATOMIC_ACQUIRE)          \
	SHMREG_ATOMIC_STORE_(scope, prefix, self, cell, type, _relaxed, __ATOMIC_RELAXED)         \
	SHMREG_ATOMIC_STORE_(scope, prefix, self, cell, type, _release, __ATOMIC_RELEASE)         \
	SHMREG_ATOMIC_MODIFY_(scope, prefix, self, cell, type, _relaxed, __ATOMIC_RELAXED,        \
			      __ATOMIC_RELAXED)                                                   \
	SHMREG_ATOMIC_MODIFY_(scope, prefix, self, cell, type, _acquire, __ATOMIC_ACQUIRE,        \
			      __ATOMIC_ACQUIRE)                                                   \
	SHMREG_ATOMIC_MODIFY_(scope, prefix, self, cell, type, _release, __ATOMIC_RELEASE,        \
			      __ATOMIC_RELAXED)                                                   \
	SHMREG_ATOMIC_MODIFY_(scope, prefix, self, cell, type, _acq_rel, __ATOMIC_ACQ_REL,        \
			      __ATOMIC_ACQUIRE)
#define SHMREG_ATOMIC_SEQ_CST_(scope, prefix, self, cell, type)                                   \
	SHMREG_ATOMIC_LOAD_(scope, prefix, self, cell, type, , __ATOMIC_SEQ_CST)                  \
	SHMREG_ATOMIC_STORE_(scope, prefix, self, cell, type, , __ATOMIC_SEQ_CST)                 \
	SHMREG_ATOMIC_MODIFY_(scope, prefix, self, cell, type, , __ATOMIC_SEQ_CST,                \
			      __ATOMIC_SEQ_CST)

/*
 * shmreg_atomic64_cell() - the shared integer itself; 8, 16 and 32 alike
 *
 * Valid until the handle is closed; ask once, outside the loop.
 *
 * Return: NULL if the atomic has another size, or in a forked child.
 *
 * shmreg_atomic64_load() and so on take it: load(cell), store(cell, value),
 * exchange(cell, value), compare_exchange(cell, &expected, value), which is
 * strong and returns whether it stored, else sets expected to what it found;
 * fetch_add, _sub, _and, _or, _xor(cell, value), which return what was there
 * before; all with the suffixes _relaxed, _acquire, _release, _acq_rel where C11
 * has that order.
 */
#define SHMREG_ATOMIC_CELL_(bits)                                                                 \
	SHMREG_API SHMREG_HOT uint##bits##_t *shmreg_atomic##bits##_cell(                         \
		struct shmreg_atomic *atomic);                                                    \
	SHMREG_API SHMREG_HOT const uint##bits##_t *shmreg_atomic##bits##_cell_const(             \
		const struct shmreg_atomic *atomic);                                              \
	SHMREG_HOT uint##bits##_t *shmreg_atomic##bits##_cell(struct shmreg_atomic *atomic)       \
	{                                                                                         \
		if (SHMREG_UNLIKELY(atomic->handle.shape.elem_bytes != bits / 8))                 \
			return NULL;                                                              \
		return (uint##bits##_t *)(void *)atomic->handle.base;                             \
	}                                                                                         \
	SHMREG_HOT const uint##bits##_t *shmreg_atomic##bits##_cell_const(                        \
		const struct shmreg_atomic *atomic)                                               \
	{                                                                                         \
		if (SHMREG_UNLIKELY(atomic->handle.shape.elem_bytes != bits / 8))                 \
			return NULL;                                                              \
		return (const uint##bits##_t *)(const void *)atomic->handle.base;                 \
	}
#define SHMREG_ATOMIC_DECLARE_(scope, bits)                                                       \
	scope uint##bits##_t shmreg_atomic##bits##_load(const uint##bits##_t *);                  \
	scope void shmreg_atomic##bits##_store(uint##bits##_t *, uint##bits##_t);                 \
	scope uint##bits##_t shmreg_atomic##bits##_exchange(uint##bits##_t *, uint##bits##_t);    \
	scope int shmreg_atomic##bits##_compare_exchange(uint##bits##_t *, uint##bits##_t *,      \
							 uint##bits##_t);                         \
	scope uint##bits##_t shmreg_atomic##bits##_fetch_add(uint##bits##_t *, uint##bits##_t);   \
	scope uint##bits##_t shmreg_atomic##bits##_fetch_sub(uint##bits##_t *, uint##bits##_t);   \
	scope uint##bits##_t shmreg_atomic##bits##_fetch_and(uint##bits##_t *, uint##bits##_t);   \
	scope uint##bits##_t shmreg_atomic##bits##_fetch_or(uint##bits##_t *, uint##bits##_t);    \
	scope uint##bits##_t shmreg_atomic##bits##_fetch_xor(uint##bits##_t *, uint##bits##_t)

/*
 * shmreg_atomic64_wait() - wait until the value is not @expected; 8, 16 and 32 alike
 * @ret:	what it is instead
 * @deadline:	CLOCK_MONOTONIC; NULL: for ever
 *
 * Return: 0; -EINVAL the atomic has another size; -ECHILD; -ETIMEDOUT, -EINVAL, -EINTR,
 * -ESTALE, -ENOTRECOVERABLE, -EHOSTDOWN as in <shmreg/wait.h>: only while the value is
 * @expected.
 */
#define SHMREG_ATOMIC_WAIT_(scope, name, self, handle, cell, type)                                \
	scope SHMREG_CHECK int name(const self *a, type expected, type *ret,                      \
				    const struct timespec *deadline)                              \
	{                                                                                         \
		const type *const at = cell(a);                                                   \
		const type value = SHMREG_LIKELY(at != NULL) ?                                    \
					   __atomic_load_n(at, __ATOMIC_ACQUIRE) : expected;      \
		uint64_t changed = 0;                                                             \
		int r;                                                                            \
		/* The first try costs what a load costs. */                                      \
		if (value != expected) {                                                          \
			*ret = value;                                                             \
			return 0;                                                                 \
		}                                                                                 \
		r = shmreg_atomic_wait_sized(handle(a), sizeof(type), (uint64_t)expected,         \
					     &changed, deadline);                                 \
		if (r >= 0)                                                                       \
			*ret = (type)changed;                                                     \
		return r;                                                                         \
	}

#define shmreg_atomic_itself_(a) (a)
#define shmreg_atomic_itself__const(a) (a)
/* In C a function's symbol is in the library for the sequentially consistent ones only. */
#define SHMREG_ATOMIC_WIDTH_(bits)                                                                \
	SHMREG_ATOMIC_CELL_(bits)                                                                 \
	SHMREG_ATOMIC_DECLARE_(SHMREG_API SHMREG_HOT, bits);                                      \
	SHMREG_ATOMIC_SEQ_CST_(SHMREG_HOT, shmreg_atomic##bits, uint##bits##_t,                   \
			       shmreg_atomic_itself_, uint##bits##_t)                             \
	SHMREG_ATOMIC_ORDERED_(static SHMREG_FORCE_INLINE, shmreg_atomic##bits, uint##bits##_t,   \
			       shmreg_atomic_itself_, uint##bits##_t)                             \
	SHMREG_ATOMIC_WAIT_(static SHMREG_FORCE_INLINE, shmreg_atomic##bits##_wait,               \
			    struct shmreg_atomic, shmreg_atomic_itself_,                          \
			    shmreg_atomic##bits##_cell_const, uint##bits##_t)

SHMREG_ATOMIC_WIDTH_(8)
SHMREG_ATOMIC_WIDTH_(16)
SHMREG_ATOMIC_WIDTH_(32)
SHMREG_ATOMIC_WIDTH_(64)

/*
 * SHMREG_DEFINE_ATOMIC() - struct name and functions name_...() for an integer @type
 *
 * create, open, open_or_create, open_const (segment, &handle, object's name);
 * close(handle); cell(handle) and cell_const(handle), a @type *; wait(handle, expected,
 * &value, deadline), notify_one(handle), notify_all(handle); and every
 * operation listed above, on the handle. @type is recorded as the atomic's type
 * name, with its size: a program compiled with another one is refused at open.
 */
#define SHMREG_DEFINE_ATOMIC(name, type)                                                          \
	SHMREG_STATIC_ASSERT(sizeof(type) == 1 || sizeof(type) == 2 || sizeof(type) == 4 ||       \
				     sizeof(type) == 8,                                           \
			     "an atomic has 1, 2, 4 or 8 bytes");                                 \
	SHMREG_STATIC_ASSERT((type)0.5 == (type)0,                                                \
			     "an atomic is an integer; in place of bool take uint8_t");           \
	struct name {                                                                             \
		struct shmreg_atomic atomic;                                                      \
	};                                                                                        \
	SHMREG_WRAPPER struct shmreg_atomic_params name##_params(void)                            \
	{                                                                                         \
		struct shmreg_atomic_params params;                                               \
		params.size = sizeof(params);                                                     \
		params.bytes = sizeof(type);                                                      \
		params.type_name = #type;                                                         \
		return params;                                                                    \
	}                                                                                         \
	SHMREG_WRAPPER SHMREG_CHECK int name##_open_how(struct shmreg_segment *segment,           \
						       struct name **ret, uint32_t how,           \
						       const char *object)                        \
	{                                                                                         \
		const struct shmreg_atomic_params params = name##_params();                       \
		struct shmreg_atomic *atomic;                                                     \
		const int r = shmreg_atomic_open_layout(segment, &atomic, how, object, &params,   \
							SHMREG_ATOMIC_LAYOUT);                    \
		if (r >= 0)                                                                       \
			*ret = (struct name *)atomic;                                             \
		return r;                                                                         \
	}                                                                                         \
	SHMREG_WRAPPER SHMREG_CHECK int name##_create(struct shmreg_segment *segment,             \
						     struct name **ret, const char *object)       \
	{                                                                                         \
		return name##_open_how(segment, ret, SHMREG_OBJECT_CREATE, object);               \
	}                                                                                         \
	SHMREG_WRAPPER SHMREG_CHECK int name##_open(struct shmreg_segment *segment,               \
						   struct name **ret, const char *object)         \
	{                                                                                         \
		return name##_open_how(segment, ret, SHMREG_OBJECT_ATTACH, object);               \
	}                                                                                         \
	SHMREG_WRAPPER SHMREG_CHECK int name##_open_or_create(struct shmreg_segment *segment,     \
							     struct name **ret,                   \
							     const char *object)                  \
	{                                                                                         \
		return name##_open_how(segment, ret,                                              \
				       SHMREG_OBJECT_CREATE | SHMREG_OBJECT_ATTACH, object);      \
	}                                                                                         \
	SHMREG_WRAPPER SHMREG_CHECK int name##_open_const(struct shmreg_segment *segment,         \
							 const struct name **ret,                 \
							 const char *object)                      \
	{                                                                                         \
		const struct shmreg_atomic_params params = name##_params();                       \
		const struct shmreg_atomic *atomic;                                               \
		const int r = shmreg_atomic_open_const(segment, &atomic, object, &params);        \
		if (r >= 0)                                                                       \
			*ret = (const struct name *)atomic;                                       \
		return r;                                                                         \
	}                                                                                         \
	SHMREG_WRAPPER int name##_close(const struct name *a)                                     \
	{                                                                                         \
		return shmreg_atomic_close((const struct shmreg_atomic *)a);                      \
	}                                                                                         \
	SHMREG_WRAPPER type *name##_cell(struct name *a)                                          \
	{                                                                                         \
		return (type *)(void *)a->atomic.handle.base;                                     \
	}                                                                                         \
	SHMREG_WRAPPER const type *name##_cell_const(const struct name *a)                        \
	{                                                                                         \
		return (const type *)(const void *)a->atomic.handle.base;                         \
	}                                                                                         \
	SHMREG_ATOMIC_SEQ_CST_(SHMREG_WRAPPER, name, struct name, name##_cell, type)                    \
	SHMREG_ATOMIC_ORDERED_(SHMREG_WRAPPER, name, struct name, name##_cell, type)                    \
	SHMREG_WRAPPER const struct shmreg_atomic *name##_untyped_const_(const struct name *a)    \
	{                                                                                         \
		return &a->atomic;                                                                \
	}                                                                                         \
	SHMREG_ATOMIC_WAIT_(SHMREG_WRAPPER, name##_wait, struct name, name##_untyped_const_,      \
			    name##_cell_const, type)                                              \
	SHMREG_WRAPPER void name##_notify_one(struct name *a)                                     \
	{                                                                                         \
		shmreg_atomic_notify_one(&a->atomic);                                             \
	}                                                                                         \
	SHMREG_WRAPPER void name##_notify_all(struct name *a)                                     \
	{                                                                                         \
		shmreg_atomic_notify_all(&a->atomic);                                             \
	}                                                                                         \
	struct name /* so that the macro's use ends in a semicolon */

SHMREG_END_DECLS

#endif /* SHMREG_ATOMIC_H */
