/* SPDX-License-Identifier: MIT */
#ifndef SHMREGD_BUS_INTERNAL_H
#define SHMREGD_BUS_INTERNAL_H

/* bus-internal.h - what the bus-*.c files share */

#include <sys/queue.h>

#include <ev.h>
#include <systemd/sd-bus.h>

#include "bus-address.h"
#include "bus.h"
#include "registry.h"

#define BUS_NAME "org.shmreg.Registry1"
#define BUS_PATH "/org/shmreg/Registry1"
#define BUS_INTERFACE "org.shmreg.Registry1"
/*
 * What tells of segments that not everybody may read: an object of its own, for a bus's policy
 * knows paths, but not which properties a call asks for.
 */
#define BUS_PATH_PRIVATE BUS_PATH "/Private"
#define BUS_INTERFACE_PRIVATE BUS_INTERFACE ".Private"

/*
 * Messages that the bus has not taken yet. From here on nothing more is read, no signal sent;
 * long answers are refused from the second on.
 */
#define BUS_QUEUE_MAX 128
#define BUS_QUEUE_LONG 16

/*
 * Senders whom the bus was asked about, with the calls of each that wait for it; and those that are
 * remembered. A bus lets one user have fewer connections than that (max_connections_per_user, 256), so
 * that nobody alone can crowd out the others.
 */
#define BUS_SENDERS_ASKED 512
#define BUS_CALLS_A_SENDER 16
#define BUS_SENDERS_KNOWN 512

/* The registry's statistics. */
struct bus_stats {
	uint32_t pid;
	uint32_t reserved;
	uint64_t started_usec;
	uint64_t requests, refused;
	uint64_t deaths, repairs, repaired, freed, requeued, gave_up;
	uint64_t reaper_failures, quarantined, restarts;
	uint64_t used[SHMREG_N_RESOURCES];
	uint64_t max_segments, reserve_budget;
};

/* Statistics that are properties: the name, and the field of struct bus_stats. */
#define BUS_PUBLIC_STATISTICS(X)                                                        \
	X("Requests", requests),                                                        \
	X("Refused", refused),                                                          \
	X("MaxSegments", max_segments),                                                 \
	X("ReserveBudget", reserve_budget)
/* Only who is an administrator is told of these. */
#define BUS_PRIVATE_STATISTICS(X)                                                       \
	X("Deaths", deaths),                                                            \
	X("Repairs", repairs),                                                          \
	X("ItemsRepaired", repaired),                                                   \
	X("ItemsFreed", freed),                                                         \
	X("ItemsRequeued", requeued),                                                   \
	X("ItemsGivenUp", gave_up),                                                     \
	X("ReaperFailures", reaper_failures),                                           \
	X("QuarantinedSegments", quarantined),                                          \
	X("Segments", used[SHMREG_RESOURCE_SEGMENTS]),                                  \
	X("Bytes", used[SHMREG_RESOURCE_BYTES]),                                        \
	X("ReservedBytes", used[SHMREG_RESOURCE_RESERVED_BYTES]),                       \
	X("Objects", used[SHMREG_RESOURCE_OBJECTS]),                                    \
	X("Participants", used[SHMREG_RESOURCE_PARTICIPANTS]),                          \
	X("Seats", used[SHMREG_RESOURCE_SEATS]),                                        \
	X("Connections", used[SHMREG_RESOURCE_CONNECTIONS]),                            \
	X("Subscriptions", used[SHMREG_RESOURCE_SUBSCRIPTIONS])

/* Signals a second that a bus must bear, in a bucket as large as five seconds' */
#define BUS_SIGNALS_A_SEC 200
#define BUS_SIGNALS_AT_ONCE 1000

struct bus {
	struct server *server;
	struct ev_loop *loop;
	enum bus_kind kind;
	char *address;			/* NULL: there is to be none */
	sd_bus *sd;			/* NULL: not connected */
	bool named;
	int broken;			/* -errno: to be given up, but not from within the library */
	bool again;			/* the library may have more to do than its descriptor shows */
	bool enough;			/* for this turn of the loop */
	int told_failure;		/* what was logged last */
	ev_prepare prepare;
	ev_io io;
	ev_timer timeout;		/* the library's */
	ev_timer retry;
	double retry_sec;

	TAILQ_HEAD(bus_senders, bus_sender) senders;	/* who called last is the first */
	unsigned int n_asked, n_known;

	struct bus_stats stats;		/* now */
	struct bus_stats told;		/* as signals said */
	ev_timer tell;

	double tokens;			/* of signals, as of tokens_at */
	ev_tstamp tokens_at;
	uint64_t n_lost;
	ev_timer refill;		/* until Lost can be said */
};

/* Messages that wait for the bus to take them. */
uint64_t bus_n_queued(const struct bus *bus);

extern const sd_bus_vtable bus_vtable[];
extern const sd_bus_vtable bus_private_vtable[];

/* A call, decoded. */
struct bus_request {
	struct shmreg_set set;		/* or only its target */
	bool set_uid, set_gid, set_mode, set_lifetime;
	uint32_t uid;
	enum shmreg_resource resource;
	uint64_t limit;
	bool unset;
};

/*
 * Does what it says for @c, and answers @m.
 *
 * Return: 0 or more; -errno and a sentence, which the caller is told.
 */
typedef int bus_perform(struct bus *bus, const struct caller *c, const struct bus_request *in,
			sd_bus_message *m, char *error);

/*
 * Find out who calls, if that is not known yet; then @perform. If @r is below 0, @m was refused when it was decoded, and
 * @error says why. Return: as of a method's handler.
 */
int bus_call_begin(struct bus *bus, sd_bus_message *m, int r, const char *error,
		   const struct bus_request *in, bus_perform *perform);
/* The connection is over: nobody is to be answered. */
void bus_calls_end(struct bus *bus);

/* The methods' handlers. */
int bus_method_list(sd_bus_message *m, void *data, sd_bus_error *e);
int bus_method_describe(sd_bus_message *m, void *data, sd_bus_error *e);
int bus_method_remove(sd_bus_message *m, void *data, sd_bus_error *e);
int bus_method_set(sd_bus_message *m, void *data, sd_bus_error *e);
int bus_method_limits(sd_bus_message *m, void *data, sd_bus_error *e);
int bus_method_set_limit(sd_bus_message *m, void *data, sd_bus_error *e);
int bus_method_unset_limit(sd_bus_message *m, void *data, sd_bus_error *e);

void bus_stats_refresh(struct bus *bus);
/* Tell what has changed, soon. */
void bus_stats_tell(struct bus *bus);
void bus_stats_init(struct bus *bus);
void bus_stats_stop(struct bus *bus);

void bus_events_init(struct bus *bus);
void bus_events_stop(struct bus *bus);

#endif /* SHMREGD_BUS_INTERNAL_H */
