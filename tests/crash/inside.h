/* SPDX-License-Identifier: MIT */
#ifndef CRASH_INSIDE_H
#define CRASH_INSIDE_H

/*
 * inside.h - step something in this process itself, which costs a signal a step
 *
 * Shared memory is all that a killed process leaves: so to look at it at an instruction, and
 * put it back, is as good as to kill there. What is stepped must not mind that: it keeps nothing
 * but in that memory and on its stack.
 */

#include <stdbool.h>
#include <stddef.h>

/* Whether that is not known of this processor; says so, as a test does that is skipped. */
bool inside_unusable(void);

/* Calls @run; @visit before its first instruction, and behind each. Not to be nested. */
void inside_step(void (*run)(void *arg), void *arg, void (*visit)(void *data), void *data);

/*
 * inside_stores() - the same, behind those instructions only that stored to a memory, or tried to
 * @memory:	whole pages; writable again afterwards, and while @visit is called, which may change
 *		it. Between two stores it does not change: so this shows all that a kill can leave
 *
 * Not before the first.
 */
void inside_stores(void *memory, size_t bytes, void (*run)(void *arg), void *arg,
		   void (*visit)(void *data), void *data);

/* Likewise, but before each: what it has loaded to decide it may be old. The memory is read-only. */
void inside_before_stores(void *memory, size_t bytes, void (*run)(void *arg), void *arg,
			  void (*visit)(void *data), void *data);

/*
 * inside_accesses() - before each instruction that loads or stores there, until @visit says false
 *
 * From then on @run does as it likes, also call the kernel with an address in the memory,
 * which it cannot before. Others get at it by another mapping.
 */
void inside_accesses(void *memory, size_t bytes, void (*run)(void *arg), void *arg,
		     bool (*visit)(void *data), void *data);

#endif /* CRASH_INSIDE_H */
