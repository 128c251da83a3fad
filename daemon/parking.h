/* SPDX-License-Identifier: MIT */
#ifndef SHMREGD_PARKING_H
#define SHMREGD_PARKING_H

/*
 * parking.h - requests that want memory which is being given back
 *
 * What a client removed is charged to it until its memory is free (chores.h). Who asks for
 * as much right after that is not refused for it: the request is kept, nothing else is read
 * from its connection, and it is carried out when some of the uid's memory has become free,
 * the oldest first. After PARKING_SEC it is refused as it would have been: somebody may
 * keep the kernel from freeing it for as long as he likes.
 */

#include <stdbool.h>
#include <sys/queue.h>

#include <ev.h>

#include <shmreg/abi/packet.h>

#define PARKING_SEC 10.

struct peer;

struct parked {
	TAILQ_ENTRY(parked) link;
	struct peer *peer;
	uint32_t uid;		/* whose memory it waits for */
	ev_tstamp since;
	struct shmreg_request request;
};

struct parking {
	TAILQ_HEAD(, parked) all;	/* oldest first */
	struct ev_loop *loop;
	ev_timer patience;
	struct parked *retried;		/* being carried out again: keeps its place */
	bool final;			/* and for the last time */
	bool again;			/* it was parked again */
};

void parking_init(struct parking *p, struct ev_loop *loop);
void parking_deinit(struct parking *p);
/*
 * parking_park() - keep the request that was just refused
 *
 * Return: false if it is to be refused after all.
 */
bool parking_park(struct parking *p, struct peer *peer, const struct shmreg_request *request,
		  uint32_t uid);
/* The peer is about to go. */
struct parked *parked_free(struct parking *p, struct parked *parked);
/* Some memory of this uid has become free. */
void parking_retry(struct parking *p, uint32_t uid);

#endif /* SHMREGD_PARKING_H */
