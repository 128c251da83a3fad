/* SPDX-License-Identifier: MIT */

/* Statistics as properties, and a signal when they have changed: once a second at most. */

#include <config.h>

#include <stddef.h>
#include <string.h>

#include "bus-internal.h"
#include "server.h"

#define TELL_SEC 1.

/* What each property shows; those in bus_vtable that change. */
static const struct {
	const char *name;
	size_t offset;
} properties[] = {
#define PROPERTY(name, field) { name, offsetof(struct bus_stats, field) }
	PROPERTY("Requests", requests),
	PROPERTY("Refused", refused),
	PROPERTY("Deaths", deaths),
	PROPERTY("Repairs", repairs),
	PROPERTY("ItemsRepaired", repaired),
	PROPERTY("ItemsFreed", freed),
	PROPERTY("ItemsRequeued", requeued),
	PROPERTY("ItemsGivenUp", gave_up),
	PROPERTY("ReaperFailures", reaper_failures),
	PROPERTY("QuarantinedSegments", quarantined),
	PROPERTY("Segments", used[SHMREG_RESOURCE_SEGMENTS]),
	PROPERTY("Bytes", used[SHMREG_RESOURCE_BYTES]),
	PROPERTY("ReservedBytes", used[SHMREG_RESOURCE_RESERVED_BYTES]),
	PROPERTY("Objects", used[SHMREG_RESOURCE_OBJECTS]),
	PROPERTY("Participants", used[SHMREG_RESOURCE_PARTICIPANTS]),
	PROPERTY("Seats", used[SHMREG_RESOURCE_SEATS]),
	PROPERTY("Connections", used[SHMREG_RESOURCE_CONNECTIONS]),
	PROPERTY("Subscriptions", used[SHMREG_RESOURCE_SUBSCRIPTIONS]),
	PROPERTY("MaxSegments", max_segments),
	PROPERTY("ReserveBudget", reserve_budget),
#undef PROPERTY
};
#define N_PROPERTIES (sizeof(properties) / sizeof(properties[0]))

void bus_stats_refresh(struct bus *bus)
{
	const struct shmreg_stats_reply *s = &bus->server->stats;
	struct shmreg_usage usage[SHMREG_N_RESOURCES];

	/* Of the whole registry: for everybody, and never refused. */
	registry_usage(bus->server->registry, NULL, UINT32_MAX, usage, NULL);
	bus->stats = (struct bus_stats){
		.pid = s->pid,
		.started_usec = s->started_ns / 1000,
		.requests = s->n_requests,
		.refused = s->n_refused,
		.deaths = s->n_deaths,
		.repairs = s->n_repairs,
		.repaired = s->n_repaired,
		.freed = s->n_freed,
		.requeued = s->n_requeued,
		.gave_up = s->n_gave_up,
		.reaper_failures = s->n_reaper_failures,
		.quarantined = s->n_quarantined,
		.restarts = s->n_restarts,
		.max_segments = usage[SHMREG_RESOURCE_SEGMENTS].limit,
		.reserve_budget = usage[SHMREG_RESOURCE_RESERVED_BYTES].limit,
	};
	for (int i = 0; i < SHMREG_N_RESOURCES; i++)
		bus->stats.used[i] = usage[i].used;
}

static uint64_t value(const struct bus_stats *s, size_t i)
{
	uint64_t v;

	memcpy(&v, (const char *)s + properties[i].offset, sizeof(v));
	return v;
}

static void on_tell(struct ev_loop *loop, ev_timer *w, int revents)
{
	char *changed[N_PROPERTIES + 1];
	struct bus *bus = w->data;
	size_t n = 0;

	(void)revents;
	bus_stats_refresh(bus);
	/* What the bus does not take would only be old when it does. */
	if (bus_n_queued(bus) > 0) {
		ev_timer_again(loop, w);
		return;
	}
	ev_timer_stop(loop, w);
	for (size_t i = 0; i < N_PROPERTIES; i++)
		if (value(&bus->stats, i) != value(&bus->told, i))
			changed[n++] = (char *)properties[i].name;
	changed[n] = NULL;
	bus->told = bus->stats;
	if (n > 0)
		sd_bus_emit_properties_changed_strv(bus->sd, BUS_PATH, BUS_INTERFACE, changed);
}

void bus_stats_tell(struct bus *bus)
{
	if (ev_is_active(&bus->tell))
		return;
	bus_stats_refresh(bus);
	if (memcmp(&bus->stats, &bus->told, sizeof(bus->stats)) != 0)
		ev_timer_again(bus->loop, &bus->tell);
}

void bus_stats_init(struct bus *bus)
{
	ev_init(&bus->tell, on_tell);
	bus->tell.repeat = TELL_SEC;
	bus->tell.data = bus;
}

void bus_stats_stop(struct bus *bus)
{
	ev_timer_stop(bus->loop, &bus->tell);
}
