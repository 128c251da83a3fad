/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_COPY_H
#define SHMREG_COPY_H

/*
 * shmreg/copy.h - copying what another process may be changing
 *
 * For readers who check afterwards, by a word that the writer changes first, that
 * what they copied was whole (cells, topics): until then the copy may be torn. To
 * C11 a plain copy would be a data race, whatever becomes of it; to the processor it
 * is a copy. So it is memcpy(), in place of which ThreadSanitizer is shown atomic
 * accesses. The compiler may not look at the source again once a copy was made.
 *
 * And for those who are alone with what they copy, how it is done fastest.
 * For the inline functions of the other headers; not for applications.
 */

#include <string.h>

#include <shmreg/compiler.h>

SHMREG_BEGIN_DECLS

/* The @i-th word, not to be merged with its neighbours into wider accesses by the compiler. */
SHMREG_FORCE_INLINE void shmreg_copy_word_(void *to, const void *from, size_t i)
{
	uint64_t word;

	memcpy(&word, (const unsigned char *)from + i * sizeof(word), sizeof(word));
	__asm__("" : "+r"(word));
	memcpy((unsigned char *)to + i * sizeof(word), &word, sizeof(word));
}

/*
 * Copy an element that nobody else changes meanwhile to whom it is for. He mostly looks at it field
 * by field at once, before it has reached the cache, and gets a field sooner from the store of a
 * word than from a part of a wider one. So a small one, whose size the compiler knows, is copied
 * word by word. Not the other way: into the shared memory fewer stores are better.
 */
SHMREG_FORCE_INLINE void shmreg_copy_out_(void *to, const void *from, size_t n)
{
	if (!__builtin_constant_p(n) || n % 8 != 0 || n > 64) {
		memcpy(to, from, n);
		return;
	}
	if (n > 0)
		shmreg_copy_word_(to, from, 0);
	if (n > 8)
		shmreg_copy_word_(to, from, 1);
	if (n > 16)
		shmreg_copy_word_(to, from, 2);
	if (n > 24)
		shmreg_copy_word_(to, from, 3);
	if (n > 32)
		shmreg_copy_word_(to, from, 4);
	if (n > 40)
		shmreg_copy_word_(to, from, 5);
	if (n > 48)
		shmreg_copy_word_(to, from, 6);
	if (n > 56)
		shmreg_copy_word_(to, from, 7);
}

#if SHMREG_TSAN

SHMREG_FORCE_INLINE void shmreg_copy_from_shared(void *to, const void *from, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		((unsigned char *)to)[i] =
			__atomic_load_n((const unsigned char *)from + i, __ATOMIC_RELAXED);
}

SHMREG_FORCE_INLINE void shmreg_copy_to_shared(void *to, const void *from, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		__atomic_store_n((unsigned char *)to + i, ((const unsigned char *)from)[i],
				 __ATOMIC_RELAXED);
}

#else

SHMREG_FORCE_INLINE void shmreg_copy_from_shared(void *to, const void *from, size_t n)
{
	memcpy(to, from, n);
	SHMREG_COPIED();
}

SHMREG_FORCE_INLINE void shmreg_copy_to_shared(void *to, const void *from, size_t n)
{
	memcpy(to, from, n);
}

#endif

SHMREG_END_DECLS

#endif /* SHMREG_COPY_H */
