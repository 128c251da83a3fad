/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "peer.h"
#include "subscribers.h"

int subscriber_new(struct subscriber **ret, struct subscribers *all, struct peer *peer,
		   const struct shmreg_subscribe *in)
{
	struct subscriber *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->peer = peer;
	s->mask = in->mask ? in->mask : UINT32_MAX;
	memcpy(s->name, in->name, sizeof(s->name));
	LIST_INSERT_HEAD(all, s, link);
	*ret = s;
	return 0;
}

struct subscriber *subscriber_free(struct subscriber *s)
{
	if (s)
		LIST_REMOVE(s, link);
	free(s);
	return NULL;
}

static bool concerns(const struct subscriber *s, struct registry *r,
		     const struct shmreg_event *event)
{
	return s->mask & UINT32_C(1) << event->kind &&
	       (!*s->name || strcmp(s->name, event->segment_name) == 0) &&
	       registry_may_read(r, &s->peer->caller, event->segment);
}

void subscribers_emit(struct subscribers *all, struct registry *r,
		      const struct shmreg_event *event)
{
	struct subscriber *s;

	LIST_FOREACH(s, all, link) {
		if (!concerns(s, r, event))
			continue;
		if (s->n_lost > 0 || s->n == SUBSCRIBER_QUEUE)
			s->n_lost++;
		else
			s->queue[(s->head + s->n++) % SUBSCRIBER_QUEUE] = *event;
		peer_wake(s->peer);
	}
}

bool subscriber_peek(const struct subscriber *s, struct shmreg_event *ret)
{
	struct timespec ts;

	if (s->n > 0) {
		*ret = s->queue[s->head];
		return true;
	}
	if (s->n_lost == 0)
		return false;
	clock_gettime(CLOCK_REALTIME, &ts);
	*ret = (struct shmreg_event){
		.kind = SHMREG_EVENT_LOST,
		.time_ns = (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec,
		.n_lost = s->n_lost,
	};
	return true;
}

void subscriber_pop(struct subscriber *s)
{
	if (s->n == 0) {
		s->n_lost = 0;
		return;
	}
	s->head = (s->head + 1) % SUBSCRIBER_QUEUE;
	s->n--;
}
