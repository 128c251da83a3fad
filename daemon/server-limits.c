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
 * Descriptors. A connection's is its socket. Of a process there is one more, its pidfd, and of 64
 * tokens of a user, or of fewer, one: at worst three for each connection. In an answer that waits
 * for its client, or for the store, there are four at most. If max-connections is given, there
 * must be room for all of that. If not, there may be more connections, of fewer processes: those
 * that are open are counted, and answers have a part for all of them.
 *
 * What is on its way to a client that does not read, four descriptors at most, the kernel
 * counts by itself, against the same number: see try_answer().
 */
#define FDS_A_CONNECTION 3
#define ANSWERS_PART 8	/* an eighth of all */
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
	r = server_check_descriptors(server, FDS_A_CONNECTION, error);
	if (r == 0)
		r = registry_charge(server->registry, uid, SHMREG_RESOURCE_CONNECTIONS, 1, error);
	if (r == 0)
		server->n_connections++;
	return r;
}

int server_check_descriptors(const struct server *server, unsigned int n, char *error)
{
	const uint64_t is = (uint64_t)server->n_connections + clients_n_fds(server->clients);

	if (is + n <= server->max_connection_fds)
		return 0;
	return refuse(error, EUSERS, "the %u connections of shmregd, and their processes, take %" PRIu64
		      " descriptors, and there are no more for them; close some, or raise its "
		      "LimitNOFILE=", server->n_connections, is);
}

static uint64_t answer_fds_of(const struct server *server, uint32_t uid)
{
	const struct peer *p;
	uint64_t n = 0;

	TAILQ_FOREACH(p, &server->peers, link)
		if (p->caller.uid == uid)
			n += p->n_kept_fds;
	return n;
}

bool server_charge_answer(struct server *server, uint32_t uid, unsigned int n)
{
	const uint64_t max = server->max_answer_fds, sum = server->n_answer_fds + n;

	/* Else all that can wait have room. */
	if (max < PEER_FDS_MAX * server->max_connections &&
	    (sum > max || (sum > max / 2 && answer_fds_of(server, uid) + n > max / 8)))
		return false;
	server->n_answer_fds = sum;
	return true;
}

void server_uncharge_answer(struct server *server, unsigned int n)
{
	server->n_answer_fds -= n;
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

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Memory is a file, too. Who may not raise it has what there is, and refuses what is larger. */
static void allow_large_files(void)
{
	const struct rlimit any = { RLIM_INFINITY, RLIM_INFINITY };
	struct rlimit bytes;

	if (setrlimit(RLIMIT_FSIZE, &any) == 0 || getrlimit(RLIMIT_FSIZE, &bytes) < 0)
		return;
	bytes.rlim_cur = bytes.rlim_max;
	setrlimit(RLIMIT_FSIZE, &bytes);
}

int server_set_limits(struct server *server)
{
	const struct options *o = &server->options;
	const uint64_t wanted = o->max_connections ? o->max_connections : CONNECTIONS_MIN;
	const uint64_t most = o->max_connections ? o->max_connections : OPTIONS_CONNECTIONS_MAX;
	struct rlimit files;
	uint64_t fixed, spare;

	heed_store_limit(server);
	allow_large_files();
	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return -errno;
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		return -errno;
	server->max_answer_fds = PEER_FDS_MAX * most;
	if (!o->max_connections)
		server->max_answer_fds = least(server->max_answer_fds, files.rlim_cur / ANSWERS_PART);
	fixed = 2 * o->max_segments + FDS_OTHER + server->max_answer_fds;
	if (files.rlim_cur < fixed + FDS_A_CONNECTION * wanted) {
		log_error("max-segments %" PRIu64 " and max-connections %" PRIu64 " may need %" PRIu64
			  " descriptors, but only %" PRIu64 " are allowed; raise LimitNOFILE= (ulimit "
			  "-Hn), or lower them", o->max_segments, o->max_connections,
			  fixed + FDS_A_CONNECTION * wanted, (uint64_t)files.rlim_cur);
		return -EMFILE;
	}
	/* Of what is left, connections that were not asked for have the larger part. */
	spare = files.rlim_cur - fixed - FDS_A_CONNECTION * wanted;
	server->max_watches = least(o->max_connections ? spare : spare / 4, WATCHES_MAX);
	server->max_connection_fds = files.rlim_cur - fixed - server->max_watches;
	server->max_connections = least(most, server->max_connection_fds);
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
