/* SPDX-License-Identifier: MIT */
#ifndef LIBSHMREG_ERROR_H
#define LIBSHMREG_ERROR_H

/* error.h - the sentence that belongs to a thread's last failed call */

/* Keeps the sentence for shmreg_error(). Return: @error, a negative errno. */
__attribute__((format(printf, 2, 3), cold)) int error_set(int error, const char *format, ...);

#endif /* LIBSHMREG_ERROR_H */
