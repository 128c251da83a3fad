/* SPDX-License-Identifier: MIT */

/* Who watches what: limits, beginning and end, and when the daemon rings. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "refuse.h"
#include "server-internal.h"

#define ALL_EVENTS UINT32_MAX

static struct watch_queue *watches_of(const struct segment *s)
{
	struct server_segment *mine = segment_userdata(s);

	return &mine->watches;
}

static int charge(struct server *server, uint32_t uid, char *error)
{
	int r;

	if (server->n_watches >= server->max_watches)
		return refuse(error, EUSERS,
			      "shmregd has %" PRIu64 " watches, as many as it has descriptors for; end "
			      "some, or raise LimitNOFILE=", server->n_watches);
	r = registry_charge(server->registry, uid, SHMREG_RESOURCE_SUBSCRIPTIONS, 1, error);
	if (r == 0)
		server->n_watches++;
	return r;
}

static void uncharge(struct server *server, uint32_t uid)
{
	registry_uncharge(server->registry, uid, SHMREG_RESOURCE_SUBSCRIPTIONS, 1);
	server->n_watches--;
}

static void end(struct server *server, struct watch *w)
{
	TAILQ_REMOVE(watches_of(w->object.segment), w, of_segment);
	LIST_REMOVE(w, of_peer);
	registry_watch_changed(&w->object, w->object_id);
	uncharge(server, w->uid);
	watch_free(w);
}

static int begin(struct server *server, struct peer *p, const struct shmreg_watch_request *in,
		 const struct registry_object *object, uint64_t *ret_id, int *ret_bell, char *error)
{
	struct watch *w;
	int r;

	r = charge(server, p->caller.uid, error);
	if (r < 0)
		return r;
	r = watch_new(&w, ret_bell);
	if (r < 0) {
		uncharge(server, p->caller.uid);
		return refuse(error, r, "shmregd can make no bell: %s", strerror(-r));
	}
	w->object = *object;
	w->peer = p;
	w->object_id = in->object;
	w->participant = in->at.participant;
	w->id = *ret_id = ++server->last_watch;
	w->events = in->events;
	w->uid = p->caller.uid;
	TAILQ_INSERT_TAIL(watches_of(object->segment), w, of_segment);
	LIST_INSERT_HEAD(&p->watches, w, of_peer);
	return 0;
}

int server_watch(struct server *server, struct peer *p, const struct shmreg_watch_request *in,
		 uint64_t *ret_id, int *ret_bell, char *error)
{
	struct registry_object object;
	int r;

	r = peer_identify(p, error);
	if (r == 0)
		r = registry_watch(server->registry, &p->caller, in, &object, error);
	if (r < 0)
		return r;
	*ret_id = 0;
	*ret_bell = -1;
	if (!(in->flags & SHMREG_WATCH_DESCRIPTOR))
		return 0;
	return begin(server, p, in, &object, ret_id, ret_bell, error);
}

static struct watch *find(struct peer *p, uint64_t id)
{
	struct watch *w;

	LIST_FOREACH(w, &p->watches, of_peer)
		if (w->id == id)
			break;
	return w;
}

void server_give_watch(struct peer *p, uint64_t id, bool given)
{
	struct watch *w = find(p, id);

	/* It may have ended while its answer waited. */
	if (!w)
		return;
	w->given = given;
	/* Before its owner can know that he watches: then all who do not know it ask anew. */
	if (given)
		registry_watch_changed(&w->object, w->object_id);
}

int server_unwatch(struct server *server, struct peer *p, uint64_t id, char *error)
{
	struct watch *w = find(p, id);

	if (w) {
		end(server, w);
		return 0;
	}
	return refuse(error, ENOENT,
		      "this connection has no watch %" PRIu64 ": it has ended, or is another's", id);
}

/* As many as fit. Return: 0; -errno, none is open. */
static int hand_out(const struct watch_queue *all, const struct shmreg_notify *in,
		    struct shmreg_notify_reply *ret, int fds[SHMREG_NOTIFY_MAX])
{
	const struct watch *w;
	int fd, r;

	TAILQ_FOREACH(w, all, of_segment) {
		if (!w->given || w->object_id != in->object || w->id <= in->after)
			continue;
		if (ret->n == SHMREG_NOTIFY_MAX) {
			ret->more = 1;
			break;
		}
		fd = fcntl(w->fd, F_DUPFD_CLOEXEC, 3);
		if (fd < 0) {
			r = -errno;
			while (ret->n > 0)
				close(fds[--ret->n]);
			return r;
		}
		ret->watch[ret->n] = w->id;
		ret->events[ret->n] = w->events;
		fds[ret->n++] = fd;
	}
	return 0;
}

int server_notify(struct server *server, struct peer *p, const struct shmreg_notify *in,
		  struct shmreg_notify_reply *ret, int fds[SHMREG_NOTIFY_MAX], char *error)
{
	struct registry_object object;
	int r;

	r = peer_identify(p, error);
	if (r == 0)
		r = registry_notify(server->registry, &p->caller, in, &object, error);
	if (r < 0)
		return r;
	/* Before all that can fail or has to wait. */
	watches_ring(watches_of(object.segment), in->object, in->events);
	*ret = (struct shmreg_notify_reply){ .generation = registry_watch_generation(&object) };
	r = hand_out(watches_of(object.segment), in, ret, fds);
	if (r < 0)
		return refuse_descriptor(error, r);
	return 0;
}

void server_end_watches(struct server *server, struct peer *p)
{
	struct watch *w;

	while ((w = LIST_FIRST(&p->watches)))
		end(server, w);
}

void server_end_watches_of_segment(struct server *server, struct segment *s)
{
	struct watch *w;

	while ((w = TAILQ_FIRST(watches_of(s))))
		end(server, w);
}

static void end_watches_of(struct server *server, struct segment *s, uint64_t participant)
{
	struct watch *w, *next;

	for (w = TAILQ_FIRST(watches_of(s)); w; w = next) {
		next = TAILQ_NEXT(w, of_segment);
		if (w->participant == participant)
			end(server, w);
	}
}

void server_ring_for_event(struct server *server, const struct shmreg_event *e)
{
	struct segment *s = registry_find(server->registry, e->segment);

	/* None while it is being restored. */
	if (!s || !segment_userdata(s))
		return;
	switch (e->kind) {
	case SHMREG_EVENT_DETACHED:
	case SHMREG_EVENT_DIED:
		end_watches_of(server, s, e->participant);
		/* Who could not write has made nothing happen, and has not owed anybody a bell. */
		if (registry_could_write(server->registry, e->segment, e->participant))
			watches_ring(watches_of(s), 0, ALL_EVENTS);
		break;
	case SHMREG_EVENT_REPAIRED:
	case SHMREG_EVENT_QUARANTINED:
		watches_ring(watches_of(s), 0, ALL_EVENTS);
		break;
	case SHMREG_EVENT_OBJECT_REMOVED:
		watches_ring(watches_of(s), e->object, ALL_EVENTS);
		break;
	default:
		break;
	}
}

void server_ring_all(struct server *server)
{
	const struct segment *s;

	for (s = registry_first(server->registry); s; s = registry_next(server->registry, s))
		if (segment_userdata(s))
			watches_ring(watches_of(s), 0, ALL_EVENTS);
}
