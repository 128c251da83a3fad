/* SPDX-License-Identifier: MIT */
#ifndef LIBSHMREG_COPY_LONG_H
#define LIBSHMREG_COPY_LONG_H

/*
 * copy-long.h - copies of kilobytes between a process's own memory and memory that another
 *		 processor reads or has written
 *
 * memcpy() is made for memory that nobody else is using. From some length on it is one
 * instruction of the processor, which reads ahead of the end, so that it takes lines that
 * the other side is just writing, and which is ten times slower where the two places differ by
 * a little more than a multiple of 4096. Here each line is touched once, and in order.
 */

#include <stdbool.h>
#include <stddef.h>

/* There are processors on which copy_around() is something else than copy_ahead(). */
#if defined(__x86_64__)
# define COPY_AROUND 1
#else
# define COPY_AROUND 0
#endif

/*
 * copy_ahead() - to shared memory, by way of the cache
 *
 * Lines are fetched to be written some time before: the other side has read them, and a store to
 * such a line, and all behind it, waits until it is told.
 */
void copy_ahead(void *to, const void *from, size_t n);

/*
 * copy_around() - to shared memory, around the cache
 *
 * The other side need not be waited for, but has to read from memory. What is stored later is seen
 * later, as with any copy.
 */
void copy_around(void *to, const void *from, size_t n);

/* copy_fresh() - from shared memory, which another processor has just written */
void copy_fresh(void *to, const void *from, size_t n);

#endif /* LIBSHMREG_COPY_LONG_H */
