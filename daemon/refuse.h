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

/* The same for a descriptor of the daemon's own that cannot be had. */
__attribute__((cold)) int refuse_descriptor(char *error, int code);

#endif /* SHMREGD_REFUSE_H */
