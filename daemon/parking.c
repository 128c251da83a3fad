/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <stdlib.h>

#include "dispatch.h"
#include "parking.h"
#include "peer.h"

#define LOOK_SEC 1.

/* Return: false if it waits on. */
static bool carry_out(struct parking *p, struct parked *parked, bool final)
{
	struct peer *peer = parked->peer;

	if (peer->doomed) {
		peer->parked = parked_free(p, parked);
		return true;
	}
	p->retried = parked;
	p->final = final;
	p->again = false;
	dispatch(peer, &parked->request, sizeof(parked->request));
	p->retried = NULL;
	if (p->again)
		return false;
	peer->parked = parked_free(p, parked);
	peer_wake(peer);
	return true;
}

void parking_retry(struct parking *p, uint32_t uid)
{
	struct parked *parked, *next;

	for (parked = TAILQ_FIRST(&p->all); parked; parked = next) {
		next = TAILQ_NEXT(parked, link);
		if (parked->uid == uid && !carry_out(p, parked, false))
			return;
	}
}

static void on_patience(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct parking *p = w->data;
	struct parked *parked;

	(void)revents;
	while ((parked = TAILQ_FIRST(&p->all)) && parked->since + PARKING_SEC <= ev_now(loop))
		carry_out(p, parked, true);
	if (!parked)
		ev_timer_stop(loop, w);
}

bool parking_park(struct parking *p, struct peer *peer, const struct shmreg_request *request,
		  uint32_t uid)
{
	struct parked *parked;

	if (p->retried) {
		p->again = !p->final;
		return p->again;
	}
	parked = malloc(sizeof(*parked));
	if (!parked)
		return false;
	*parked = (struct parked){
		.peer = peer, .uid = uid, .since = ev_now(p->loop), .request = *request,
	};
	TAILQ_INSERT_TAIL(&p->all, parked, link);
	peer->parked = parked;
	if (!ev_is_active(&p->patience))
		ev_timer_again(p->loop, &p->patience);
	return true;
}

struct parked *parked_free(struct parking *p, struct parked *parked)
{
	if (parked)
		TAILQ_REMOVE(&p->all, parked, link);
	free(parked);
	return NULL;
}

void parking_init(struct parking *p, struct ev_loop *loop)
{
	*p = (struct parking){ .loop = loop };
	TAILQ_INIT(&p->all);
	ev_timer_init(&p->patience, on_patience, 0., LOOK_SEC);
	p->patience.data = p;
}

void parking_deinit(struct parking *p)
{
	if (p->loop)
		ev_timer_stop(p->loop, &p->patience);
}
