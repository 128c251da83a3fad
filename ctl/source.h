/* SPDX-License-Identifier: MIT */
#ifndef SHMREGCTL_SOURCE_H
#define SHMREGCTL_SOURCE_H

/*
 * source.h - where a command that only looks gets what it shows
 *
 * A segment of the daemon's, or a snapshot's file. A segment is described first and attached, read-only, only when what is
 * in the data area is wanted; the attachment lasts until the source is closed, so that who looks
 * often disturbs nobody but once. Others see a participant named "shmregctl"; our own look at the
 * participants leaves it out. A file needs no daemon, and does not change.
 */

#include <shmreg/snapshot.h>

#include "snapshot.h"

struct source;

/* Is it meant to be a file? It begins with "/", "./" or "../", as no segment's name does. */
bool source_is_file(const char *name);

/*
 * source_open() - @name as the user typed it, for @command
 *
 * Return: 0; or what ctl_usage() or ctl_failed() says, and *ret is NULL.
 */
int source_open(const struct ctl *ctl, const char *command, const char *name, struct source **ret);
/*
 * source_open_on() - the same for who asks for many: over a connection that outlives the source
 *
 * @connection may be NULL, if it is a file.
 *
 * Return: 0; or a negative errno, and then *ret_why is a sentence. Nothing is printed.
 */
int source_open_on(struct shmreg_connection *connection, const char *name, struct source **ret,
		   const char **ret_why);
struct source *source_close(struct source *source);

/* The segment's, or the file's. */
const char *source_name(const struct source *source);
/* Of a file: when it was taken, and by whom; else NULL. */
const struct shmreg_snapshot_head *source_head(const struct source *source);
/* Are we a participant of it? */
bool source_attached(const struct source *source);
/* The segment of a file, see file.h; NULL: it is the daemon's. */
const struct shmreg_segment *source_file(const struct source *source);
/* Its directory; as long as the source is open, also after the segment was removed. */
const struct shmreg_dir *source_dir(const struct source *source);

/* For who will ask for extents, see shmreg/snapshot.h; before anything is read. */
void source_keep_extents(struct source *source);

/*
 * source_segment() - the read-only attachment, made if it is not there yet
 *
 * Return: 0; or a negative errno, and then *ret_why is a sentence: it may not be read, it has been
 * replaced by another segment of this name, ...
 */
int source_segment(struct source *source, struct shmreg_segment **ret, const char **ret_why);

/*
 * source_look() - all that is known of it now; as often as one likes
 *
 * Return: 0, with *ret to be freed by snapshot_free(); or a negative errno, and then *ret_why is
 * a sentence: -ENOMEM; -ENOENT it is no more; ...
 */
int source_look(struct source *source, struct snapshot **ret, const char **ret_why);
/* The same, with only what is chosen of the data area. */
int source_look_at(struct source *source, const struct snapshot_choice *choice,
		   struct snapshot **ret, const char **ret_why);

#endif /* SHMREGCTL_SOURCE_H */
