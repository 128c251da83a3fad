/* SPDX-License-Identifier: MIT */

/* What happens to segments, as signals; as many as a bus may be asked to bear. */

#include <config.h>

#include <string.h>

#include "bus-internal.h"
#include "server.h"

#define REFILL_SEC 0.5

static const char *const members[] = {
	[SHMREG_EVENT_CREATED] = "Created",
	[SHMREG_EVENT_REMOVED] = "Removed",
	[SHMREG_EVENT_DISPOSED] = "Disposed",
	[SHMREG_EVENT_ATTACHED] = "Attached",
	[SHMREG_EVENT_DETACHED] = "Detached",
	[SHMREG_EVENT_DIED] = "Died",
	[SHMREG_EVENT_REPAIRED] = "Repaired",
	[SHMREG_EVENT_QUARANTINED] = "Quarantined",
	[SHMREG_EVENT_OBJECT_CREATED] = "ObjectCreated",
	[SHMREG_EVENT_OBJECT_REMOVED] = "ObjectRemoved",
	[SHMREG_EVENT_CHANGED] = "Changed",
};

/*
 * A signal is for everybody on the bus. That there is a name, or no more, everybody may know;
 * the rest is said aloud only of segments that everybody may read.
 */
static bool is_public(const struct bus *bus, const struct shmreg_event *e)
{
	const struct caller anybody = { .uid = UINT32_MAX, .gid = UINT32_MAX };

	return e->kind == SHMREG_EVENT_CREATED || e->kind == SHMREG_EVENT_REMOVED ||
	       registry_may_read(bus->server->registry, &anybody, e->segment);
}

static void emit(struct bus *bus, const struct shmreg_event *e)
{
	const bool public = is_public(bus, e);
	const char *const path = public ? BUS_PATH : BUS_PATH_PRIVATE, *const member = members[e->kind];
	const char *const interface = public ? BUS_INTERFACE : BUS_INTERFACE_PRIVATE;
	sd_bus *sd = bus->sd;

	switch (e->kind) {
	case SHMREG_EVENT_ATTACHED:
	case SHMREG_EVENT_DETACHED:
	case SHMREG_EVENT_DIED:
		sd_bus_emit_signal(sd, path, interface, member, "tstuus", e->segment,
				   e->segment_name, e->participant, e->uid, e->pid, e->client_name);
		break;
	case SHMREG_EVENT_REPAIRED:
		sd_bus_emit_signal(sd, path, interface, member, "tstttt", e->segment,
				   e->segment_name, e->n_repaired, e->n_freed, e->n_requeued,
				   e->n_gave_up);
		break;
	case SHMREG_EVENT_OBJECT_CREATED:
	case SHMREG_EVENT_OBJECT_REMOVED:
		sd_bus_emit_signal(sd, path, interface, member, "tsts", e->segment,
				   e->segment_name, e->object, e->object_name);
		break;
	default:
		sd_bus_emit_signal(sd, path, interface, member, "ts", e->segment, e->segment_name);
		break;
	}
}

static bool take_token(struct bus *bus, double least)
{
	const ev_tstamp now = ev_now(bus->loop);

	/* The clock may have been set back. */
	if (now > bus->tokens_at)
		bus->tokens += (now - bus->tokens_at) * BUS_SIGNALS_A_SEC;
	if (bus->tokens > BUS_SIGNALS_AT_ONCE)
		bus->tokens = BUS_SIGNALS_AT_ONCE;
	bus->tokens_at = now;
	if (bus->tokens < least || bus_n_queued(bus) >= BUS_QUEUE_MAX)
		return false;
	bus->tokens -= 1.;
	return true;
}

void bus_event(struct bus *bus, const struct shmreg_event *e)
{
	if (!bus->sd || !bus->named || e->kind >= sizeof(members) / sizeof(*members) ||
	    !members[e->kind])
		return;
	/* What comes after some that were lost is lost, too, until that was said. */
	if (bus->n_lost == 0 && take_token(bus, 1.)) {
		emit(bus, e);
		return;
	}
	bus->n_lost++;
	if (!ev_is_active(&bus->refill))
		ev_timer_again(bus->loop, &bus->refill);
}

static void on_refill(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct bus *bus = w->data;

	(void)revents;
	/* So many that Lost does not become every second signal. */
	if (!take_token(bus, REFILL_SEC * BUS_SIGNALS_A_SEC)) {
		ev_timer_again(loop, w);
		return;
	}
	ev_timer_stop(loop, w);
	sd_bus_emit_signal(bus->sd, BUS_PATH, BUS_INTERFACE, "Lost", "t", bus->n_lost);
	bus->n_lost = 0;
}

void bus_events_init(struct bus *bus)
{
	ev_init(&bus->refill, on_refill);
	bus->refill.repeat = REFILL_SEC;
	bus->refill.data = bus;
	bus->tokens = BUS_SIGNALS_AT_ONCE;
	bus->tokens_at = ev_now(bus->loop);
}

void bus_events_stop(struct bus *bus)
{
	ev_timer_stop(bus->loop, &bus->refill);
	bus->n_lost = 0;
}
