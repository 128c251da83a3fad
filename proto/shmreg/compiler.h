/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_COMPILER_H
#define SHMREG_COMPILER_H

/*
 * shmreg/compiler.h - what C11 and C++17 spell differently, and the atomics
 *
 * _Atomic is not C++, so shared words are plain integers that are only ever
 * touched through the macros below, one for each memory order; there is no
 * macro without an order in its name. Each call site names its partner.
 */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
# define SHMREG_BEGIN_DECLS extern "C" {
# define SHMREG_END_DECLS }
# define SHMREG_STATIC_ASSERT(e, s) static_assert(e, s)
# define SHMREG_ALIGNAS(n) alignas(n)
# define SHMREG_ALIGNOF(t) alignof(t)
#else
# define SHMREG_BEGIN_DECLS
# define SHMREG_END_DECLS
# define SHMREG_STATIC_ASSERT(e, s) _Static_assert(e, s)
# define SHMREG_ALIGNAS(n) _Alignas(n)
# define SHMREG_ALIGNOF(t) _Alignof(t)
#endif

#define SHMREG_API __attribute__((visibility("default")))
#define SHMREG_CHECK __attribute__((warn_unused_result))
#define SHMREG_COLD __attribute__((cold, noinline))
/* A fast path: inline here, with one "extern inline" in the matching .c. */
#define SHMREG_HOT inline
/* What a SHMREG_DEFINE_...() generates; an application need not use all of it. */
#define SHMREG_WRAPPER static inline __attribute__((unused))
/* The same of a fast path: to call it would cost as much again, so it is inline in all who do. */
#define SHMREG_WRAPPER_HOT static inline __attribute__((unused, always_inline))
#define SHMREG_FORCE_INLINE inline __attribute__((always_inline))
#define SHMREG_LIKELY(x) __builtin_expect(!!(x), 1)
#define SHMREG_UNLIKELY(x) __builtin_expect(!!(x), 0)

/*
 * Fields written by different parties lie in different blocks of this many
 * bytes: two 64-byte lines, since the adjacent-line prefetcher fetches pairs
 * (and some ARM and Apple lines are 128 bytes).
 */
#define SHMREG_BLOCK 128

#define shmreg_load_relaxed(p) __atomic_load_n((p), __ATOMIC_RELAXED)
#define shmreg_load_acquire(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define shmreg_load_seq_cst(p) __atomic_load_n((p), __ATOMIC_SEQ_CST)
#define shmreg_store_relaxed(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)
#define shmreg_store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define shmreg_store_seq_cst(p, v) __atomic_store_n((p), (v), __ATOMIC_SEQ_CST)
/* On failure *expected becomes what was found, with acquire. */
#define shmreg_cas_acq_rel(p, expected, v) \
	__atomic_compare_exchange_n((p), (expected), (v), 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)
#define shmreg_cas_relaxed(p, expected, v) \
	__atomic_compare_exchange_n((p), (expected), (v), 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED)
#define shmreg_fetch_add_relaxed(p, v) __atomic_fetch_add((p), (v), __ATOMIC_RELAXED)
#define shmreg_fetch_add_release(p, v) __atomic_fetch_add((p), (v), __ATOMIC_RELEASE)
#define shmreg_fetch_add_acq_rel(p, v) __atomic_fetch_add((p), (v), __ATOMIC_ACQ_REL)
#define shmreg_fetch_or_acq_rel(p, v) __atomic_fetch_or((p), (v), __ATOMIC_ACQ_REL)
#define shmreg_fetch_and_acq_rel(p, v) __atomic_fetch_and((p), (v), __ATOMIC_ACQ_REL)
#define shmreg_fetch_or_seq_cst(p, v) __atomic_fetch_or((p), (v), __ATOMIC_SEQ_CST)
#define shmreg_fetch_and_seq_cst(p, v) __atomic_fetch_and((p), (v), __ATOMIC_SEQ_CST)
#define shmreg_exchange_acq_rel(p, v) __atomic_exchange_n((p), (v), __ATOMIC_ACQ_REL)
/* On failure *expected becomes what was found. */
#define shmreg_cas_seq_cst(p, expected, v) \
	__atomic_compare_exchange_n((p), (expected), (v), 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)

/*
 * Fences that stand alone: only where an order on the operation itself cannot say it.
 * Each use says why. ThreadSanitizer does not know them (gcc warns of it); what they
 * order is accessed by shmreg/copy.h's functions, which are atomic for its sake.
 */
#if defined(__SANITIZE_THREAD__)
# define SHMREG_TSAN 1
#elif defined(__has_feature)
# if __has_feature(thread_sanitizer)
#  define SHMREG_TSAN 1
# endif
#endif
#ifndef SHMREG_TSAN
# define SHMREG_TSAN 0
#endif
#if SHMREG_TSAN
/* A locked instruction on a word of nobody's: a full barrier on x86, where TSan is used. */
# define shmreg_fence_(order)                                                       \
	do {                                                                       \
		uint32_t fence_ = 0;                                               \
		(void)__atomic_fetch_add(&fence_, 1, __ATOMIC_SEQ_CST);            \
		__asm__ __volatile__("" : : "r"(&fence_) : "memory");              \
	} while (0)
#else
# define shmreg_fence_(order) __atomic_thread_fence(order)
#endif
#define shmreg_fence_acquire() shmreg_fence_(__ATOMIC_ACQUIRE)
#define shmreg_fence_release() shmreg_fence_(__ATOMIC_RELEASE)
#define shmreg_fence_seq_cst() shmreg_fence_(__ATOMIC_SEQ_CST)

/*
 * Behind a copy out of shared memory. The compiler must not look up there again what was
 * copied: a hostile peer could change it between the caller's check and use.
 */
#define SHMREG_COPIED() __asm__ __volatile__("" : : : "memory")

/*
 * Is the 64-bit word at @p still @v? A load with acquire and a comparison: on x86, where every load
 * is one, in one instruction, which the compiler does not make of an atomic load.
 */
#if defined(__x86_64__) && defined(__GCC_ASM_FLAG_OUTPUTS__) && !SHMREG_TSAN
SHMREG_FORCE_INLINE int shmreg_equals_acquire(const uint64_t *p, uint64_t v)
{
	int same;

	__asm__ __volatile__("cmpq %2, %1" : "=@cce"(same) : "m"(*p), "r"(v) : "memory");
	return same;
}
#else
SHMREG_FORCE_INLINE int shmreg_equals_acquire(const uint64_t *p, uint64_t v)
{
	return shmreg_load_acquire(p) == v;
}
#endif

/* The line at @p shall come into the cache, to be read or written soon. Any address is fine. */
#define shmreg_prefetch(p) __builtin_prefetch(p)
#if defined(__x86_64__)
/* What the builtin makes of it depends on -march; a processor that has none does nothing. */
# define shmreg_prefetch_write(p) \
	__asm__ __volatile__("prefetchw %0" : : "m"(*(const char *)(const void *)(p)))
#else
# define shmreg_prefetch_write(p) __builtin_prefetch((p), 1)
#endif

#endif /* SHMREG_COMPILER_H */
