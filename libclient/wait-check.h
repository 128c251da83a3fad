/* SPDX-License-Identifier: MIT */
#ifndef LIBSHMREG_WAIT_CHECK_H
#define LIBSHMREG_WAIT_CHECK_H

/* wait-check.h - what waits that explain themselves have in common */

#include <stdint.h>
#include <time.h>

/* wait_check() - Return: 0; -EINVAL flags that there are not, or no deadline, with a sentence. */
int wait_check(uint32_t flags, const struct timespec *deadline);

/* wait_interrupted() - a sentence to what futex_wait_any() returned. Return: @error. */
int wait_interrupted(int error);

#endif /* LIBSHMREG_WAIT_CHECK_H */
