/* SPDX-License-Identifier: MIT */

/* How much of everything there may be: by options, descriptors and the store. */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "log.h"
#include "refuse.h"
#include "server-internal.h"

/*
 * Descriptors a connection may need: its socket, its process's pidfd, its token,
 * four in an answer that waits, and as many again on their way to a client that
 * does not read (which the kernel counts against the same limit).
 */
#define FDS_A_CONNECTION (3 + 2 * PEER_FDS_MAX)
#define FDS_OTHER 256	/* root, loop, log, reapers, jobs */
#define CONNECTIONS_MIN 16
#define WATCHES_MAX 4096	/* one descriptor each */

int server_charge_connection(struct server *server, uint32_t uid, char *error)
{
	int r;

	if (server->n_connections >= server->max_connections)
		return refuse(error, EUSERS, "shmregd has %u connections, and max-connections is %"
			      PRIu64 "; close some, or raise it", server->n_connections,
			      server->max_connections);
	r = registry_charge(server->registry, uid, SHMREG_RESOURCE_CONNECTIONS, 1, error);
	if (r == 0)
		server->n_connections++;
	return r;
}

void server_uncharge_connection(struct server *server, uint32_t uid)
{
	registry_uncharge(server->registry, uid, SHMREG_RESOURCE_CONNECTIONS, 1);
	server->n_connections--;
}

/* Beyond the store's room a segment would be lost with the daemon: it is refused instead. */
static void heed_store_limit(struct server *server)
{
	const uint64_t n = server->store_segments;

	if (n >= server->options.max_segments)
		return;
	log_message(LOG_WARNING, STORE_FULL,
		    "max-segments is %" PRIu64 ", but the service manager keeps the two descriptors of "
		    "%" PRIu64 " segments only; raise FileDescriptorStoreMax= of the unit, until then "
		    "max-segments is %" PRIu64, server->options.max_segments, n, n);
	server->options.max_segments = n;
}

static void on_store_full(void *data, unsigned int n)
{
	struct server *server = data;
	uint64_t n_segments, ignored;
	struct registry_config config;

	registry_count(server->registry, &n_segments, &ignored);
	if (n_segments == 0) {
		store_disable(server->store);
		log_message(LOG_WARNING, STORE_FULL,
			    "the service manager keeps no descriptors (FileDescriptorStoreMax=): no "
			    "segment will outlive this daemon");
		return;
	}
	/* Of those that came together some may have fitted: that all did not is what is known. */
	server->store_segments = n > 0 ? n_segments - 1 : n_segments;
	heed_store_limit(server);
	server_make_config(server, &config);
	registry_reconfigure(server->registry, &config);
}

const struct store_ops server_store_ops = {
	.full = on_store_full,
};

int server_set_limits(struct server *server)
{
	const struct options *o = &server->options;
	const uint64_t wanted = o->max_connections ? o->max_connections : CONNECTIONS_MIN;
	struct rlimit files;
	uint64_t fixed, spare;

	heed_store_limit(server);
	fixed = 2 * o->max_segments + FDS_OTHER;
	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return -errno;
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		return -errno;
	fixed += FDS_A_CONNECTION * wanted;
	if (files.rlim_cur < fixed) {
		log_error("max-segments %" PRIu64 " and max-connections %" PRIu64 " may need %" PRIu64
			  " descriptors, but only %" PRIu64 " are allowed; raise LimitNOFILE= (ulimit "
			  "-Hn), or lower them", o->max_segments, o->max_connections,
			  fixed, (uint64_t)files.rlim_cur);
		return -EMFILE;
	}
	/* Of what is left, connections that were not asked for have the larger part. */
	spare = files.rlim_cur - fixed;
	server->max_connections = wanted;
	server->max_watches = o->max_connections ? spare : spare / 4;
	if (server->max_watches > WATCHES_MAX)
		server->max_watches = WATCHES_MAX;
	if (!o->max_connections)
		server->max_connections += (spare - server->max_watches) / FDS_A_CONNECTION;
	if (server->max_connections > OPTIONS_CONNECTIONS_MAX)
		server->max_connections = OPTIONS_CONNECTIONS_MAX;
	return 0;
}

int server_limit_user(struct server *server, const struct caller *c,
		      const struct shmreg_set_limit *in, char *error)
{
	int r;

	if (!c->admin)
		return refuse(error, EACCES, "only root may set limits; uid %" PRIu32 " is not", c->uid);
	r = kept_limits_set(&server->limits, in);
	if (r == -ENOMEM)
		return refuse(error, r, "shmregd is out of memory");
	if (r < 0)
		return refuse(error, r, "the limits could not be kept in '%s', so are as they were: %s",
			      server->limits.path, strerror(-r));
	return 0;
}

void server_make_config(const struct server *server, struct registry_config *ret)
{
	const struct options *o = &server->options;

	*ret = (struct registry_config){
		.max_segments = (uint32_t)o->max_segments,
		.reserve_budget = o->reserve_budget,
		.max_seats_participant = (uint32_t)o->max_seats_per_participant,
		.reserved_seats = (uint32_t)o->reserved_seats,
	};
	memcpy(ret->limit, o->limit, sizeof(ret->limit));
	/* Of the options in force, whichever those are. */
	ret->uid_limits_configured = &o->uids;
	ret->uid_limits_set = &server->limits.table;
}

void server_set_uid_limit(struct server *server, enum shmreg_resource what, uint64_t limit)
{
	struct registry_config config;

	server->options.limit[what] = limit;
	server_make_config(server, &config);
	registry_reconfigure(server->registry, &config);
}
