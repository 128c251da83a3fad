/* SPDX-License-Identifier: MIT */
#ifndef BENCH_INSTRUCTIONS_LIST_H
#define BENCH_INSTRUCTIONS_LIST_H

/*
 * instructions-list.h - the file of instruction counts
 *
 * Lines of words, the first an operation's name, then one number for each compiler, or '-' where it is
 * not known; the line that begins with "operation" names the compilers, such as x86_64-gcc-12.
 * Lines that begin with '#' are kept as they are.
 */

#include <stdbool.h>
#include <stddef.h>

struct instructions_count {
	const char *name;
	unsigned int sixteenths;	/* of instructions a call */
};

/* Is this program built as the figures' were? Says why not. */
bool instructions_comparable(void);

/* Return: an exit status; prints a sentence for each difference. What is not known is none. */
int instructions_check(const char *path, const struct instructions_count *found, size_t n);
/*
 * Return: an exit status. Other compilers' figures stay; but where one in the first column changes,
 * they become unknown, until they are counted anew.
 */
int instructions_update(const char *path, const struct instructions_count *found, size_t n);

#endif /* BENCH_INSTRUCTIONS_LIST_H */
