/* SPDX-License-Identifier: MIT */
#ifndef SHMREGCTL_SINK_H
#define SHMREGCTL_SINK_H

/*
 * sink.h - an object of any kind but a pool, to put elements into
 *
 * queue, ring, records, topic	appended; the producer's or publisher's role is the sink's meanwhile
 * queue of objects		each is acquired from its pool, filled in and sent
 * array			from an index on; as a writer like any other, so others may see half
 * cell, atomic			each replaces the one before
 *
 * Whoever is killed in put() has put the element or not, and never half of it (arrays may).
 */

#include "patience.h"

#include <shmreg/segment.h>

struct sink {
	const struct sink_kind *kind;
	struct shmreg_segment *segment;
	struct shmreg_dir_object entry;
	bool vary;
	uint64_t bytes;			/* of an element, or the most */
	bool places;			/* elements have places: array, cell and atomic; not a stream */
	void *handle, *pool;
	uint64_t ref;			/* an object that was acquired and not sent yet; 0: none */
	uint64_t at;			/* array: where the next one goes */
};

/* Return: 0; or a negative errno, with the sentence in shmreg_error(); -EOPNOTSUPP: of this kind there is none. */
int sink_open(struct shmreg_segment *segment, const struct shmreg_dir_object *entry,
	      struct sink **ret);
struct sink *sink_close(struct sink *sink);

/*
 * sink_put() - one element
 *
 * Return: 0; -ETIMEDOUT there is no room (and it was waited for in vain); -EINTR; -ERANGE beyond the
 * array's end; and as access_trouble().
 */
int sink_put(struct sink *sink, const void *data, uint64_t bytes, uint64_t timeout_ns);
/* Elements that fit now; UINT64_MAX: not known, or as many as one likes. */
uint64_t sink_room(const struct sink *sink);

struct sink_kind {
	bool places;
	int (*open)(struct sink *s);
	int (*put)(struct sink *s, const void *data, uint64_t bytes, const struct timespec *deadline);
	uint64_t (*room)(const struct sink *s);
	int (*close)(struct sink *s);
};
extern const struct sink_kind sink_array, sink_atomic, sink_cell;

#endif /* SHMREGCTL_SINK_H */
