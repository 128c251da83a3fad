/* SPDX-License-Identifier: MIT */
#ifndef TEST_RAW_WATCH_H
#define TEST_RAW_WATCH_H

/*
 * raw-watch.h - WATCH, UNWATCH and NOTIFY by raw.h, and bells
 *
 * What a reply brings is in the raw's reply and fds, as ever.
 */

#include <stdbool.h>

#include "raw.h"

/* An attachment, with its directory mapped. */
struct raw_segment {
	uint64_t segment, participant;
	struct shmreg_dir *dir;
	int data_fd;
};

/* After raw_create() or raw_attach(). */
void raw_segment_take(struct raw_segment *ret, struct raw *c);
void raw_segment_drop(struct raw_segment *s);

/* A queue, cell or array of this name, small. Return: its id. */
uint64_t raw_object(struct raw *c, const struct raw_segment *s, const char *name, uint32_t kind);
int raw_remove_object(struct raw *c, const struct raw_segment *s, uint64_t object);
/* Its entry, LIVE or not; fails the test if there is none. */
struct shmreg_dir_object *raw_entry(const struct raw_segment *s, uint64_t object);

int raw_watch(struct raw *c, const struct raw_segment *s, uint64_t object, uint32_t events,
	      uint32_t flags);
/* With DESCRIPTOR, which must succeed. Return: the bell; *ret_id may be NULL. */
int raw_bell(struct raw *c, const struct raw_segment *s, uint64_t object, uint32_t events,
	     uint64_t *ret_id);
int raw_unwatch(struct raw *c, uint64_t watch);
int raw_notify(struct raw *c, const struct raw_segment *s, uint64_t object, uint64_t after,
	       uint32_t events);

/* Bytes read away now; -1: it is the end of the stream, and nothing was there. */
int bell_drain(int bell);
/* Would poll() return at once? */
bool bell_rings(int bell);

#endif /* TEST_RAW_WATCH_H */
