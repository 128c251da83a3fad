/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
# include <emmintrin.h>
#endif

#include <shmreg/compiler.h>

#include "copy-long.h"

#define LINE 64u
/* So long before, in bytes: as many lines as a core waits for at a time, or a few less. */
#define AHEAD_WRITING 1024u
#define AHEAD_READING 512u

/* Half a line: one register, or two. */
typedef unsigned char half __attribute__((vector_size(LINE / 2)));

SHMREG_FORCE_INLINE void copy_line(unsigned char *to, const unsigned char *from)
{
	half a, b;

	memcpy(&a, from, sizeof(a));
	memcpy(&b, from + sizeof(a), sizeof(b));
	memcpy(to, &a, sizeof(a));
	memcpy(to + sizeof(a), &b, sizeof(b));
}

/* How far it is from @p to the next line. */
static size_t rest_of_line(const void *p, size_t n)
{
	const size_t rest = (size_t)(-(uintptr_t)p % LINE);

	return rest < n ? rest : n;
}

/* Whole lines, of @to if it is that which is to be fetched before, else of @from. */
SHMREG_FORCE_INLINE void lines(unsigned char *to, const unsigned char *from, size_t n, bool writing)
{
	const size_t ahead = writing ? AHEAD_WRITING : AHEAD_READING;
	size_t i = 0;

	/* Not beyond the end: there the other side may be writing. */
	for (; i + ahead < n; i += LINE) {
		if (writing)
			shmreg_prefetch_write(to + i + ahead);
		else
			shmreg_prefetch(from + i + ahead);
		copy_line(to + i, from + i);
	}
	for (; i < n; i += LINE)
		copy_line(to + i, from + i);
}

typedef void copy_lines(unsigned char *to, const unsigned char *from, size_t n);

static void lines_ahead(unsigned char *to, const unsigned char *from, size_t n)
{
	lines(to, from, n, true);
}

static void lines_fresh(unsigned char *to, const unsigned char *from, size_t n)
{
	lines(to, from, n, false);
}

#if defined(__x86_64__)
__attribute__((target("avx"))) static void lines_ahead_avx(unsigned char *to,
							   const unsigned char *from, size_t n)
{
	lines(to, from, n, true);
}

__attribute__((target("avx"))) static void lines_fresh_avx(unsigned char *to,
							   const unsigned char *from, size_t n)
{
	lines(to, from, n, false);
}

static void lines_around(unsigned char *to, const unsigned char *from, size_t n)
{
	size_t i;

	for (i = 0; i < n; i += sizeof(__m128i))
		_mm_stream_si128((__m128i *)(void *)(to + i),
				 _mm_loadu_si128((const __m128i *)(const void *)(from + i)));
	_mm_sfence();	/* these stores keep no order, nor does what is stored behind them */
}

# define BEST(copy) (__builtin_cpu_supports("avx") ? copy##_avx : copy)
#else
# define BEST(copy) copy
#endif

/* @first: bytes before the lines that @middle copies. */
SHMREG_FORCE_INLINE void copy(unsigned char *to, const unsigned char *from, size_t n, size_t first,
			      copy_lines *middle)
{
	const size_t whole = (n - first) / LINE * LINE;

	memcpy(to, from, first);
	middle(to + first, from + first, whole);
	memcpy(to + first + whole, from + first + whole, n - first - whole);
}

void copy_ahead(void *to, const void *from, size_t n)
{
	copy(to, from, n, rest_of_line(to, n), BEST(lines_ahead));
}

void copy_around(void *to, const void *from, size_t n)
{
#if COPY_AROUND
	copy(to, from, n, rest_of_line(to, n), lines_around);
#else
	copy_ahead(to, from, n);
#endif
}

void copy_fresh(void *to, const void *from, size_t n)
{
	copy(to, from, n, rest_of_line(from, n), BEST(lines_fresh));
}
