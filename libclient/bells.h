/* SPDX-License-Identifier: MIT */
#ifndef LIBSHMREG_BELLS_H
#define LIBSHMREG_BELLS_H

/*
 * bells.h - to ring those who watch an object
 *
 * Of each object of which an event was to be told of, this process keeps the write ends of
 * the bells, as of a generation (shmreg_dir_object.watch_generation). If that has moved, the
 * daemon is asked to ring (NOTIFY), and its answer brings the ends for the next time.
 */

#include <shmreg/handle.h>

#include "connection.h"

struct bells;

/*
 * bells_ring() - an event has happened to the object
 *
 * Never blocks. Async-signal-safe.
 *
 * Return: 0 all who watch were rung, or the daemon was asked to; -errno some may not have been.
 */
int bells_ring(const struct shmreg_handle *handle, uint32_t events);

/* An answer to NOTIFY, or one that came without its descriptors: @n_fds. Consumes them. */
void bells_answered(struct shmreg_connection *c, const struct shmreg_reply *reply, const int *fds,
		    unsigned int n_fds);

/* The memory for ends goes; there is none any more. */
void bells_deinit(struct line *line);

/* The segment is closed; with no mutex held but those before the line's. */
void bells_forget(struct shmreg_segment *s);
/* No handle of the object with this index is left. */
void bells_forget_object(struct shmreg_segment *s, uint32_t index);

#endif /* LIBSHMREG_BELLS_H */
