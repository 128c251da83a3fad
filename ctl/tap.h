/* SPDX-License-Identifier: MIT */
#ifndef SHMREGCTL_TAP_H
#define SHMREGCTL_TAP_H

/*
 * tap.h - a queue, ring or topic, to take elements out of
 *
 * take() copies the oldest element and leaves it where it is; done() consumes it, once it is safely
 * somewhere else. Who dies between the two:
 *
 *	ring, records, a queue that redelivers	it is handed out again: at least once
 *	another queue				it is lost, as that queue does: at most once
 *	topic					nothing happened to anybody: there done() does nothing
 */

#include "patience.h"

#include <shmreg/segment.h>

struct tap {
	const struct tap_kind *kind;
	struct shmreg_segment *segment;
	struct shmreg_dir_object entry;
	bool vary;
	uint64_t bytes;			/* of an element, or the most */
	void *handle, *pool;
	unsigned char *copy;
	uint64_t n_lost;		/* topic: messages, before the one that was taken */
	union tap_lease *lease;
};

/* @history: topic: so many of the messages that are there already; UINT64_MAX: all. Return: as sink_open(). */
int tap_open(struct shmreg_segment *segment, const struct shmreg_dir_object *entry,
	     uint64_t history, struct tap **ret);
struct tap *tap_close(struct tap *tap);

/*
 * tap_take() - the next element
 * @ret:	in the tap's memory, until the next call
 *
 * Return: 0; -ETIMEDOUT there is none; -EINTR; as access_trouble().
 */
int tap_take(struct tap *tap, const void **ret, uint64_t *ret_bytes, uint64_t timeout_ns);
/* It is consumed. Return: 0; as access_trouble(). */
int tap_done(struct tap *tap);
/* It is not: others get it, or this one again. */
void tap_give_back(struct tap *tap);

#endif /* SHMREGCTL_TAP_H */
