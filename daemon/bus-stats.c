/* SPDX-License-Identifier: MIT */

/* Statistics as properties, and a signal when they have changed: once a second at most. */

#include <config.h>

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "bus-internal.h"
#include "server.h"

#define TELL_SEC 1.

/* What each property that changes shows. */
static const struct property {
	const char *name;
	size_t offset;
	bool private;
} properties[] = {
#define PUBLIC(name, field) { name, offsetof(struct bus_stats, field), false }
#define PRIVATE(name, field) { name, offsetof(struct bus_stats, field), true }
	BUS_PUBLIC_STATISTICS(PUBLIC),
	BUS_PRIVATE_STATISTICS(PRIVATE),
#undef PUBLIC
#undef PRIVATE
};
#define N_PROPERTIES (sizeof(properties) / sizeof(properties[0]))

void bus_stats_refresh(struct bus *bus)
{
	const struct shmreg_stats_reply *s = &bus->server->stats;
	const struct caller all_seeing = { .admin = true };
	struct shmreg_usage usage[SHMREG_N_RESOURCES];

	registry_usage(bus->server->registry, &all_seeing, UINT32_MAX, usage, NULL);
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

static void tell(struct bus *bus, bool private)
{
	char *changed[N_PROPERTIES + 1];
	size_t n = 0;

	for (size_t i = 0; i < N_PROPERTIES; i++)
		if (properties[i].private == private && value(&bus->stats, i) != value(&bus->told, i))
			changed[n++] = (char *)properties[i].name;
	changed[n] = NULL;
	if (n > 0)
		sd_bus_emit_properties_changed_strv(bus->sd, private ? BUS_PATH_PRIVATE : BUS_PATH,
						    private ? BUS_INTERFACE_PRIVATE : BUS_INTERFACE,
						    changed);
}

static void on_tell(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct bus *bus = w->data;

	(void)revents;
	bus_stats_refresh(bus);
	/* What the bus does not take would only be old when it does. */
	if (bus_n_queued(bus) > 0) {
		ev_timer_again(loop, w);
		return;
	}
	ev_timer_stop(loop, w);
	tell(bus, false);
	tell(bus, true);
	bus->told = bus->stats;
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
