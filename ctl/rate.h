/* SPDX-License-Identifier: MIT */
#ifndef SHMREGCTL_RATE_H
#define SHMREGCTL_RATE_H

/* rate.h - of counters that begin again */

#include <stdint.h>

/*
 * By how much a counter rose from @before to @after.
 * @modulus:	it begins again when it has risen so far; 0: 2^64. It may also be the sum of
 *		several that each begin again by themselves.
 *
 * Return: the least that is possible.
 */
uint64_t rate_risen(uint64_t before, uint64_t after, uint64_t modulus);

/* A second; @elapsed_ns is not 0. */
double rate_per_second(uint64_t risen, uint64_t elapsed_ns);

#endif /* SHMREGCTL_RATE_H */
