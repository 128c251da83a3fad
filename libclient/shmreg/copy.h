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
 * For the inline functions of the other headers; not for applications.
 */

#include <string.h>

#include <shmreg/compiler.h>

SHMREG_BEGIN_DECLS

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
