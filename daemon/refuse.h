/* SPDX-License-Identifier: MIT */
#ifndef SHMREGD_REFUSE_H
#define SHMREGD_REFUSE_H

/*
 * refuse.h - an error number and its sentence, in one statement
 */

/*
 * @error:	SHMREG_ERROR_MAX + 1 bytes, or NULL
 * @code:	an errno, positive or negative
 *
 * Return: -errno.
 */
__attribute__((format(printf, 3, 4), cold))
int refuse(char *error, int code, const char *format, ...);

#endif /* SHMREGD_REFUSE_H */
