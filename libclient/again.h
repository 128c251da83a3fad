/* SPDX-License-Identifier: MIT */
#ifndef LIBSHMREG_AGAIN_H
#define LIBSHMREG_AGAIN_H

/* again.h - nothing there, or no room: is that all? */

#include <errno.h>

#include <shmreg/handle.h>

/* Return: -EAGAIN, or why trying again is in vain: as shmreg_handle_trouble(). */
static inline int handle_again(const struct shmreg_handle *handle)
{
	/* Without an entry: bound by a test, which has no segment. */
	const int r = handle->entry ? shmreg_handle_trouble(handle) : 0;

	return r < 0 ? r : -EAGAIN;
}

/* Why a handle without a claim cannot be used. Return: -ECHILD, -EROFS. */
static inline int handle_unusable(const struct shmreg_handle *handle)
{
	return handle->base == NULL ? -ECHILD : -EROFS;
}

#endif /* LIBSHMREG_AGAIN_H */
