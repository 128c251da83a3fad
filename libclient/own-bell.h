/* SPDX-License-Identifier: MIT */
#ifndef LIBSHMREG_OWN_BELL_H
#define LIBSHMREG_OWN_BELL_H

/*
 * own-bell.h - the end of a bell that its owner reads
 *
 * Before Linux 6.16 whoever may ring it can send descriptors through it, and such as take as long to
 * close as he likes: a TCP socket that lingers. They are closed by who reads the byte that they came
 * with, or closes the bell. So a bell with descriptors in it is given up, and left open until the
 * process ends, for then nothing lingers.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * own_bell_take() - read away bytes, @n at most
 *
 * Return: how many; -EBADMSG there are descriptors, give it up; 0, -errno there is nothing.
 */
ssize_t own_bell_take(int fd, size_t n);
/* Return: false: it has descriptors in it, and stays open. */
bool own_bell_close(int fd);

#endif /* LIBSHMREG_OWN_BELL_H */
