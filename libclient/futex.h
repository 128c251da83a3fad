/* SPDX-License-Identifier: MIT */
#ifndef LIBSHMREG_FUTEX_H
#define LIBSHMREG_FUTEX_H

/*
 * futex.h - the kernel's part of waiting, between processes
 *
 * Words lie in mappings that several processes share, maybe read-only here.
 */

#include <stdint.h>
#include <time.h>

#define FUTEX_WAIT_MAX 128	/* the kernel's limit */

struct futex_word {
	const uint32_t *word;
	uint32_t value;
};

/*
 * futex_wait_any() - sleep while every word has its value
 * @deadline:	CLOCK_MONOTONIC; NULL: none
 *
 * Where the kernel has no futex_waitv (or no memory for it now): sleeps on the last word only,
 * 20 ms at most, and returns 0.
 *
 * Return: 0 woken, or a word differs; -ETIMEDOUT; -EINTR.
 */
int futex_wait_any(const struct futex_word *words, unsigned int n,
		   const struct timespec *deadline);

/* futex_wake() - wake up to @n. Return: how many. */
unsigned int futex_wake(uint32_t *word, uint32_t n);

/*
 * futex_clear_and_wake() - take a bit out of a word and wake all who sleep on it
 * @bit:	number, 0 .. 31
 *
 * In one step with respect to those who are falling asleep on it.
 */
void futex_clear_and_wake(uint32_t *word, unsigned int bit);

#endif /* LIBSHMREG_FUTEX_H */
