/* SPDX-License-Identifier: MIT */
#ifndef LIBSHMREG_RELAX_H
#define LIBSHMREG_RELAX_H

/*
 * relax.h - to do nothing for a moment, without the kernel
 *
 * One is 10 to 140 cycles, as the processor takes it: it leaves the core to its sibling, and a
 * cache line that another core is writing to where it is.
 */

#include <stdint.h>

static inline void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ __volatile__("isb");
#else
	__asm__ __volatile__("");
#endif
}

static inline void relax_for(uint32_t n)
{
	while (n-- > 0)
		relax();
}

#endif /* LIBSHMREG_RELAX_H */
