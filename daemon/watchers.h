/* SPDX-License-Identifier: MIT */
#ifndef SHMREGD_WATCHERS_H
#define SHMREGD_WATCHERS_H

/*
 * watchers.h - bells: sockets that tell processes that something happens to an object
 *
 * A bell is a pair of stream sockets. Its owner has the one end, to read from. The other is
 * ours, and duplicates of it are given to those who make the events happen (NOTIFY), so that
 * they can ring without us.
 *
 * These are not to be trusted with it, but what they can do to it hurts its owner alone,
 * whose object they could garble as well. They can fill it: we never wait (MSG_DONTWAIT,
 * whatever they make of O_NONBLOCK, which is shared), and what is full is readable.
 * They can shut it down: then we ring in vain, and its owner, who reads the end of the
 * stream, watches anew. They can send no descriptors where the kernel can refuse them (rights.h);
 * else these lie in the owner's queue, and what happens with them there is his affair
 * (libclient/bells.c). For that it must be his alone: before the daemon has sent him his end, and
 * closed its own, nobody else is given ours. They can keep it after the watch has ended: it is their
 * descriptor then, and nobody's bell.
 * Nothing is ever read from our end, and it is shut for reading.
 */

#include <sys/queue.h>

#include "registry.h"

struct peer;

struct watch {
	TAILQ_ENTRY(watch) of_segment;
	LIST_ENTRY(watch) of_peer;
	struct registry_object object;
	struct peer *peer;
	uint64_t object_id;
	uint64_t participant;
	uint64_t id;
	uint32_t events;
	uint32_t uid;		/* charged */
	int fd;			/* our end */
	bool given;		/* its owner has been sent his end */
};

TAILQ_HEAD(watch_queue, watch);	/* of a segment, by id */
LIST_HEAD(watch_list, watch);	/* of a connection */

/*
 * watch_new() - one in no list, with one byte in its bell
 * @ret_bell:	the owner's end
 *
 * Return: 0; -ENOMEM; as socketpair(2).
 */
int watch_new(struct watch **ret, int *ret_bell);
struct watch *watch_free(struct watch *w);
void watch_ring(const struct watch *w);
/* Of one object, or of all if @object_id is 0; that wait for any of @events. */
void watches_ring(const struct watch_queue *all, uint64_t object_id, uint32_t events);

#endif /* SHMREGD_WATCHERS_H */
