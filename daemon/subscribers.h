/* SPDX-License-Identifier: MIT */
#ifndef SHMREGD_SUBSCRIBERS_H
#define SHMREGD_SUBSCRIBERS_H

/*
 * subscribers.h - who is told what happens
 *
 * Each has a queue of bounded length. When it is full, events are counted
 * instead, until all that is queued has gone out and one LOST(n) after it; so
 * the order is kept, and a client that does not read costs what its queue does.
 */

#include <stdbool.h>
#include <sys/queue.h>

#include "registry.h"

struct peer;

#define SUBSCRIBER_QUEUE 128	/* events */

struct subscriber {
	LIST_ENTRY(subscriber) link;
	struct peer *peer;
	uint32_t mask;
	char name[SHMREG_SEGMENT_NAME_MAX + 1];
	uint32_t head, n;
	uint64_t n_lost;
	struct shmreg_event queue[SUBSCRIBER_QUEUE];
};

LIST_HEAD(subscribers, subscriber);

/* Return: 0; -ENOMEM. */
int subscriber_new(struct subscriber **ret, struct subscribers *all, struct peer *peer,
		   const struct shmreg_subscribe *in);
struct subscriber *subscriber_free(struct subscriber *s);
/* Queue it for those whom it concerns and who may know. */
void subscribers_emit(struct subscribers *all, struct registry *r,
		      const struct shmreg_event *event);
/* The next to be sent, or false; it is taken out by subscriber_pop(). */
bool subscriber_peek(const struct subscriber *s, struct shmreg_event *ret);
void subscriber_pop(struct subscriber *s);

#endif /* SHMREGD_SUBSCRIBERS_H */
