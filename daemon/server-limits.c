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
 * two in an answer that waits, and as many again on their way to a client that
 * does not read (which the kernel counts against the same limit).
 */
#define FDS_A_CONNECTION 7
#define FDS_OTHER 256	/* loop, log, reapers, jobs */

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

/*
 * What the store does not take is closed with a line in the journal only. systemd
 * says how much that is from 254 on; before, the unit must go with max-segments.
 */
static void heed_store_limit(struct server *server)
{
	const char *text = getenv("FDSTORE");
	const uint64_t n = text ? strtoull(text, NULL, 10) / 2 : UINT64_MAX;

	if (n >= server->options.max_segments || n == 0)
		return;
	log_warning("max-segments is %" PRIu64 ", but the service manager keeps two descriptors of "
		    "%" PRIu64 " segments only; raise FileDescriptorStoreMax=, until then max-segments "
		    "is %" PRIu64, server->options.max_segments, n, n);
	server->options.max_segments = n;
}

int server_set_limits(struct server *server)
{
	const struct options *o = &server->options;
	struct rlimit files;
	uint64_t fixed, n;

	heed_store_limit(server);
	fixed = 2 * o->max_segments + FDS_OTHER;
	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return -errno;
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		return -errno;
	n = files.rlim_cur < fixed ? 0 : (files.rlim_cur - fixed) / FDS_A_CONNECTION;
	if (n < (o->max_connections ? o->max_connections : 16)) {
		log_error("max-segments %" PRIu64 " and max-connections %" PRIu64 " may need %" PRIu64
			  " descriptors, but only %" PRIu64 " are allowed; raise LimitNOFILE= (ulimit "
			  "-Hn), or lower them", o->max_segments, o->max_connections,
			  fixed + FDS_A_CONNECTION * (o->max_connections ? o->max_connections : 16),
			  (uint64_t)files.rlim_cur);
		return -EMFILE;
	}
	if (n > OPTIONS_CONNECTIONS_MAX)
		n = OPTIONS_CONNECTIONS_MAX;
	server->max_connections = o->max_connections ? o->max_connections : n;
	return 0;
}

void server_make_config(const struct server *server, struct registry_config *ret)
{
	const struct options *o = &server->options;

	*ret = (struct registry_config){
		.admin_uid = geteuid(),
		.max_segments = (uint32_t)o->max_segments,
		.reserve_budget = o->reserve_budget,
		.max_seats_participant = (uint32_t)o->max_seats_per_participant,
		.reserved_seats = (uint32_t)o->reserved_seats,
	};
	memcpy(ret->limit, o->limit, sizeof(ret->limit));
}
