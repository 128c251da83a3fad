/* SPDX-License-Identifier: MIT */
#ifndef LIBSHMREG_SEGMENT_H
#define LIBSHMREG_SEGMENT_H

/* segment.h - an attachment: mappings, seats, and what the daemon was told of them */

#include <shmreg/handle.h>
#include <shmreg/segment.h>
#include <shmreg/snapshot.h>

#include "connection.h"

struct bells;
struct object_node;

struct shmreg_segment {
	/* constant */
	struct shmreg_connection *connection;
	const struct shmreg_dir *dir;
	unsigned char *data;
	uint64_t id;
	uint64_t participant;
	uint64_t registry;
	bool read_only;
	bool apart;			/* in a file: without a daemon */
	int data_fd;			/* -1: not kept */
	int huge_error, prefault_error, lock_error;	/* see place.h; 0, or a negative errno */
	struct shmreg_snapshot_head head;	/* apart */
	struct shmreg_snapshot_note *notes;
	uint32_t participant_index;	/* of its entry in the directory */
	/*
	 * The descriptors of others, see bells.h; and being woken without the right to write,
	 * see waiter.c. By pointer, so that the structures can be linked without a segment.
	 */
	int (*ring)(const struct shmreg_handle *handle, uint32_t events);
	int (*watch)(const struct shmreg_handle *handle, const union shmreg_eventcount *event);
	char name[SHMREG_SEGMENT_NAME_MAX + 1];

	/* under connection->mutex */
	struct shmreg_segment *next;
	/*
	 * 0, or why the daemon does not know this attachment any more: a negative
	 * errno, set once, after lost_why.
	 */
	int lost;
	char lost_why[SHMREG_ERROR_MAX + 1];

	uint32_t acquires;	/* 1: has had a pool's handle with a seat */

	/* under mutex */
	pthread_mutex_t mutex;
	uint64_t reported;	/* removal epoch that the daemon surely knows of */
	uint64_t refused;	/* newest one that was sent by itself and not taken */
	uint64_t seats[SHMREG_SEATS / 64];	/* a bit for each seat that is ours */
	struct object_node *nodes;		/* open handles */
	struct object_node **by_index;		/* the same, by entry of the directory */
	struct arena arena;			/* handles */

	/* under connection->line.mutex */
	struct bells *bells;	/* by entry of the directory; NULL: never rang */
};

/*
 * segment_call() - a request about an attachment
 *
 * Fills in request.u.attachment, with which all such requests begin, and keeps
 * account of the epoch that it carries.
 *
 * Return: as connection_call(); -ESTALE the registry has lost the segment.
 */
int segment_call(struct shmreg_segment *s, struct connection_call *call);

/* For reconnecting, which holds connection->mutex: what REATTACH is to say. */
void segment_attachment(struct shmreg_segment *s, struct shmreg_attachment *ret);
/* It succeeded: the daemon knows @epoch, and the directory which seats are ours. */
void segment_reattached(struct shmreg_segment *s, uint64_t epoch);
/* It failed for good, or there is nothing to reattach to. */
void segment_lost(struct shmreg_segment *s, int error, const char *why);

/* Granted in an answer. Return: 0; -EBADMSG there are no such seats. */
int segment_add_seats(struct shmreg_segment *s, const uint16_t *seat, uint32_t n);
/* segment_more_seats() - ask for some. Return: 0 there is one more at least; -EUSERS, ... */
int segment_more_seats(struct shmreg_segment *s);

/*
 * segment_quiesce() - tell the daemon, if there is news, what removed objects are not in use
 *
 * See object.c for the argument. Failure is not an error: every later request
 * carries the same news. So it never waits for a daemon that is not there: opening
 * and closing what exists go on without one.
 */
void segment_quiesce(struct shmreg_segment *s);

/* Everything but the connection and the mappings. Return: 0; -ENOMEM; with a sentence. */
int segment_new_empty(struct shmreg_segment **ret, const char *name);
/* The mappings are there: what depends on their size. Return: the same. */
int segment_prepare(struct shmreg_segment *s);
/* Whatever of it is there. */
void segment_free(struct shmreg_segment *s);
/* Tell the daemon, and not for long if it has @orphaned the segment. @idle: SHMREG_DETACH_IDLE */
void segment_detach(struct shmreg_connection *c, const struct shmreg_attachment *at, bool idle,
		    bool orphaned);

/*
 * segment_new_apart() - one without a daemon, read-only; the mappings are the caller's to make
 *
 * Return: 0; -ENOMEM, ...; with a sentence.
 */
int segment_new_apart(struct shmreg_segment **ret, const char *name);
/* NULL is fine. Return: NULL. */
struct shmreg_segment *segment_free_apart(struct shmreg_segment *s);

/*
 * segment_map() - map what the daemon sent; not for forked children
 * @bytes:	as the daemon says; the file is asked, for what lies beyond its end would be SIGBUS
 * @align:	of the address, a power of two; 0: a page's
 * @what:	for the sentence
 *
 * Return: 0; -EBADMSG; -errno of mmap(); with a sentence.
 */
int segment_map(void **ret, int fd, uint64_t bytes, uint64_t align, int protection,
		const char *what);

/* Return: 0; -EINVAL NULL; -ECHILD; with a sentence. */
int segment_usable(struct shmreg_segment *s);

#endif /* LIBSHMREG_SEGMENT_H */
