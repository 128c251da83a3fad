/* SPDX-License-Identifier: MIT */

/* What the methods do: decode, call, encode. */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bus-args.h"
#include "bus-internal.h"
#include "log.h"
#include "refuse.h"
#include "segment.h"
#include "server.h"

static void log_did(const struct bus *bus, const struct caller *c, enum message_id message,
		    const char *did, const struct shmreg_segment_info *s, const char *more)
{
	const struct log_about about = {
		.segment = s->name, .segment_id = s->segment, .uid = c->uid, .pid = c->process.pid,
		.message = message,
	};

	log_client(LOG_INFO, &about, "uid %" PRIu32 " pid %" PRIu32 " (%s on the %s) %s segment '%s' (%"
		   PRIu64 ")%s", c->uid, c->process.pid, c->name, bus_kind_name(bus->kind), did, s->name,
		   s->segment, more);
}

/* Encode. */

static int append_property(sd_bus_message *m, const char *name, const char *type, ...)
{
	va_list ap;
	int r;

	r = sd_bus_message_open_container(m, 'e', "sv");
	if (r >= 0)
		r = sd_bus_message_append(m, "s", name);
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'v', type);
	va_start(ap, type);
	if (r >= 0)
		r = sd_bus_message_appendv(m, type, ap);
	va_end(ap);
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

/* Of what memory it is made: what was asked for, and what was obtained. */
static int append_placement(sd_bus_message *m, const struct shmreg_dir *dir)
{
	const struct shmreg_placement *p = &dir->placement;
	int r = 0;

#define APPEND(name, type, value) r = r < 0 ? r : append_property(m, name, type, value)
	APPEND("PageBytes", "t", dir->page_bytes ? dir->page_bytes : (uint64_t)sysconf(_SC_PAGESIZE));
	APPEND("Huge", "s", bus_huge_name(p->huge));
	APPEND("HugeErrno", "u", dir->huge_error);
	APPEND("Numa", "s", bus_numa_name(p->numa));
	APPEND("NumaNodes", "t", p->nodes);
	APPEND("Reserve", "b", (dir->create_flags & SHMREG_CREATE_RESERVE) != 0);
	APPEND("Prefault", "b", (p->flags & SHMREG_PLACE_PREFAULT) != 0);
	APPEND("Lock", "b", (p->flags & SHMREG_PLACE_LOCK) != 0);
#undef APPEND
	return r;
}

/* As a{sv}; who may not read the segment sees id, name and that. */
static int append_info(struct bus *bus, sd_bus_message *m, const struct shmreg_segment_info *s)
{
	int r;

	r = sd_bus_message_open_container(m, 'a', "{sv}");
#define APPEND(name, type, value) r = r < 0 ? r : append_property(m, name, type, value)
	APPEND("Id", "t", s->segment);
	APPEND("Name", "s", s->name);
	APPEND("Access", "s", bus_access_name(s->access));
	if (s->access) {
		APPEND("State", "s", bus_state_name(s->state, s->flags));
		APPEND("Owner", "u", s->owner_uid);
		APPEND("Group", "u", s->owner_gid);
		APPEND("Mode", "u", s->mode);
		APPEND("Lifetime", "s", bus_lifetime_name(s->lifetime));
		APPEND("Participants", "u", s->n_participants);
		APPEND("Objects", "u", s->n_objects);
		APPEND("Seats", "u", s->n_seats);
		APPEND("DataBytes", "t", s->data_bytes);
		APPEND("UsedBytes", "t", s->used_bytes);
		APPEND("ResidentBytes", "t", s->resident_bytes);
		APPEND("Deaths", "t", s->n_deaths);
		APPEND("Repairs", "t", s->n_repairs);
		APPEND("CreatedUSec", "t", s->created_ns / 1000);
		r = r < 0 ? r : append_placement(m, registry_find(bus->server->registry,
								  s->segment)->directory.map);
	}
#undef APPEND
	return r < 0 ? r : sd_bus_message_close_container(m);
}

/* What is built with it is sent; NULL after a failure. Consumes @reply. */
static int send_reply(sd_bus_message *reply, int r, char *error)
{
	if (r >= 0)
		r = sd_bus_send(NULL, reply, NULL);
	sd_bus_message_unref(reply);
	return r < 0 ? refuse(error, r, "the answer cannot be made: %s", strerror(-r)) : 0;
}

/* List() */

static int append_list(struct bus *bus, const struct caller *c, sd_bus_message *m)
{
	struct shmreg_list_reply page = { .more = 1 };
	struct shmreg_list in = { 0 };
	int r;

	r = sd_bus_message_open_container(m, 'a', "(tsa{sv})");
	while (r >= 0 && page.more) {
		registry_list(bus->server->registry, c, &in, &page);
		for (uint32_t i = 0; i < page.n && r >= 0; i++) {
			r = sd_bus_message_open_container(m, 'r', "tsa{sv}");
			if (r >= 0)
				r = sd_bus_message_append(m, "ts", page.info[i].segment,
							  page.info[i].name);
			if (r >= 0)
				r = append_info(bus, m, &page.info[i]);
			if (r >= 0)
				r = sd_bus_message_close_container(m);
			in.after = page.info[i].segment;
		}
		if (page.n == 0)
			break;
	}
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int perform_list(struct bus *bus, const struct caller *c, const struct bus_request *in,
			sd_bus_message *m, char *error)
{
	sd_bus_message *reply = NULL;
	int r;

	(void)in;
	if (bus_n_queued(bus) >= BUS_QUEUE_LONG)
		return refuse(error, EBUSY, "the bus does not take what it was sent before; try again "
			      "later");
	/* With many segments this is long; others are served before the next message. */
	bus->enough = true;
	r = sd_bus_message_new_method_return(m, &reply);
	if (r >= 0)
		r = append_list(bus, c, reply);
	return send_reply(reply, r, error);
}

int bus_method_list(sd_bus_message *m, void *data, sd_bus_error *e)
{
	(void)e;
	return bus_call_begin(data, m, 0, NULL, &(struct bus_request){ 0 }, perform_list);
}

/* Describe(), Remove() */

static int perform_describe(struct bus *bus, const struct caller *c, const struct bus_request *in,
			    sd_bus_message *m, char *error)
{
	struct shmreg_segment_info info;
	sd_bus_message *reply = NULL;
	struct segment *ignored;
	int r;

	r = registry_describe(bus->server->registry, c, &in->set.target, &info, &ignored, error);
	if (r < 0)
		return r;
	r = sd_bus_message_new_method_return(m, &reply);
	if (r >= 0)
		r = append_info(bus, reply, &info);
	return send_reply(reply, r, error);
}

static int perform_remove(struct bus *bus, const struct caller *c, const struct bus_request *in,
			  sd_bus_message *m, char *error)
{
	struct registry *registry = bus->server->registry;
	struct shmreg_segment_info info;
	struct segment *ignored;
	int r;

	r = registry_describe(registry, c, &in->set.target, &info, &ignored, error);
	if (r == 0)
		r = registry_remove(registry, c, &in->set.target, error);
	if (r < 0)
		return r;
	log_did(bus, c, MESSAGE_SEGMENT_REMOVED, "removed", &info, "");
	return sd_bus_reply_method_return(m, NULL);
}

static int on_target(struct bus *bus, sd_bus_message *m, bus_perform *perform)
{
	char error[SHMREG_ERROR_MAX + 1];
	struct bus_request in = { 0 };
	const char *target;
	int r;

	r = sd_bus_message_read(m, "s", &target);
	if (r < 0)
		return r;
	r = bus_parse_target(&in.set.target, target, error);
	return bus_call_begin(bus, m, r, error, &in, perform);
}

int bus_method_describe(sd_bus_message *m, void *data, sd_bus_error *e)
{
	(void)e;
	return on_target(data, m, perform_describe);
}

int bus_method_remove(sd_bus_message *m, void *data, sd_bus_error *e)
{
	(void)e;
	return on_target(data, m, perform_remove);
}

/* Set() */

static int perform_set(struct bus *bus, const struct caller *c, const struct bus_request *in,
		       sd_bus_message *m, char *error)
{
	struct registry *registry = bus->server->registry;
	struct shmreg_segment_info info;
	struct shmreg_set set = in->set;
	struct segment *readable;
	char more[128] = "";
	size_t n = 0;
	int r;

	r = registry_describe(registry, c, &set.target, &info, &readable, error);
	if (r < 0)
		return r;
	/* One of the two alone; who may not read the segment is not its owner and is refused below. */
	if (!in->set_uid)
		set.uid = info.owner_uid;
	if (!in->set_gid)
		set.gid = info.owner_gid;
	r = registry_set(registry, c, &set, error);
	if (r < 0)
		return r;
	if (set.what & SHMREG_SET_OWNER)
		n += (size_t)snprintf(more + n, sizeof(more) - n, ", owner %" PRIu32 ":%" PRIu32,
				      set.uid, set.gid);
	if (set.what & SHMREG_SET_MODE)
		n += (size_t)snprintf(more + n, sizeof(more) - n, ", mode %04o", set.mode);
	if (set.what & SHMREG_SET_LIFETIME)
		snprintf(more + n, sizeof(more) - n, ", lifetime %s", bus_lifetime_name(set.lifetime));
	log_did(bus, c, MESSAGE_SEGMENT_CHANGED, "changed", &info, more);
	return sd_bus_reply_method_return(m, NULL);
}

/* What can be set, and where it goes in a request; a word or a number. */
static const struct change {
	const char *key;
	uint32_t what;
	size_t value, given;
	bool word;
} changes[] = {
#define AT(field) offsetof(struct bus_request, field)
	{ "Owner", SHMREG_SET_OWNER, AT(set.uid), AT(set_uid), false },
	{ "Group", SHMREG_SET_OWNER, AT(set.gid), AT(set_gid), false },
	{ "Mode", SHMREG_SET_MODE, AT(set.mode), AT(set_mode), false },
	{ "Lifetime", SHMREG_SET_LIFETIME, AT(set.lifetime), AT(set_lifetime), true },
#undef AT
};

static const struct change *find_change(const char *key)
{
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
		if (strcmp(changes[i].key, key) == 0)
			return &changes[i];
	return NULL;
}

static int read_change(sd_bus_message *m, const char *key, struct bus_request *in, char *error)
{
	const struct change *change = find_change(key);
	const char *word, *type;
	uint32_t *value;
	bool *given;
	int r;

	if (!change)
		return refuse(error, EINVAL, "there is no \"%.64s\" to set; there are Owner, Group, Mode "
			      "and Lifetime", key);
	value = (uint32_t *)((char *)in + change->value);
	given = (bool *)((char *)in + change->given);
	if (*given)
		return refuse(error, EINVAL, "%s is given twice", key);
	*given = true;
	in->set.what |= change->what;
	r = sd_bus_message_peek_type(m, NULL, &type);
	if (r < 0)
		return refuse(error, r, "the message is malformed");
	if (strcmp(type, change->word ? "s" : "u") != 0)
		return refuse(error, EINVAL, "%s has the type '%.32s', but must be %s", key, type,
			      change->word ? "a string 's'" : "a number 'u'");
	r = change->word ? sd_bus_message_read(m, "v", "s", &word) :
			   sd_bus_message_read(m, "v", "u", value);
	if (r < 0)
		return refuse(error, r, "the message is malformed");
	return change->word ? bus_parse_lifetime(value, word, error) : 0;
}

static int read_changes(sd_bus_message *m, struct bus_request *in, char *error)
{
	const char *key;
	int r;

	r = sd_bus_message_enter_container(m, 'a', "{sv}");
	while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
		r = sd_bus_message_read(m, "s", &key);
		if (r < 0)
			break;
		r = read_change(m, key, in, error);
		if (r < 0)
			return r;
		r = sd_bus_message_exit_container(m);
	}
	if (r < 0)
		return refuse(error, r, "the message is malformed");
	if (!in->set.what)
		return refuse(error, EINVAL, "nothing is to be changed; give Owner, Group, Mode or "
			      "Lifetime");
	return 0;
}

int bus_method_set(sd_bus_message *m, void *data, sd_bus_error *e)
{
	char error[SHMREG_ERROR_MAX + 1];
	struct bus_request in = { 0 };
	const char *target;
	int r;

	(void)e;
	r = sd_bus_message_read(m, "s", &target);
	if (r < 0)
		return r;
	r = bus_parse_target(&in.set.target, target, error);
	if (r == 0)
		r = read_changes(m, &in, error);
	return bus_call_begin(data, m, r, error, &in, perform_set);
}

/* Limits(), SetLimit() */

static int append_limits(sd_bus_message *m, const struct shmreg_usage usage[SHMREG_N_RESOURCES])
{
	int r;

	r = sd_bus_message_open_container(m, 'a', "{s(tt)}");
	for (unsigned int i = 0; i < SHMREG_N_RESOURCES && r >= 0; i++)
		r = sd_bus_message_append(m, "{s(tt)}", bus_resource_name((enum shmreg_resource)i),
					  usage[i].used, usage[i].limit);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int perform_limits(struct bus *bus, const struct caller *c, const struct bus_request *in,
			  sd_bus_message *m, char *error)
{
	struct shmreg_usage usage[SHMREG_N_RESOURCES];
	sd_bus_message *reply = NULL;
	int r;

	r = registry_usage(bus->server->registry, c, in->uid, usage, error);
	if (r < 0)
		return r;
	r = sd_bus_message_new_method_return(m, &reply);
	if (r >= 0)
		r = append_limits(reply, usage);
	return send_reply(reply, r, error);
}

int bus_method_limits(sd_bus_message *m, void *data, sd_bus_error *e)
{
	struct bus_request in = { 0 };
	int r;

	(void)e;
	r = sd_bus_message_read(m, "u", &in.uid);
	return r < 0 ? r : bus_call_begin(data, m, 0, NULL, &in, perform_limits);
}

/* Of every uid, for which UINT32_MAX stands; that is as the configuration says after a reload. */
static int set_default_limit(struct bus *bus, const struct caller *c, const struct bus_request *in,
			     char *error)
{
	const struct log_about about = {
		.uid = c->uid, .pid = c->process.pid, .message = MESSAGE_LIMIT_SET,
	};

	if (!c->admin)
		return refuse(error, EACCES, "only root may set limits; uid %" PRIu32 " is not", c->uid);
	if (in->unset)
		return refuse(error, EINVAL, "the limit of all is as configured after a reload of shmregd; "
			      "one uid's can be unset");
	server_set_uid_limit(bus->server, in->resource, in->limit);
	log_client(LOG_NOTICE, &about, "uid %" PRIu32 " pid %" PRIu32 " (%s on the %s) set each uid's "
		   "limit of %s to %" PRIu64 ", until the configuration is read anew", c->uid,
		   c->process.pid, c->name, bus_kind_name(bus->kind), bus_resource_name(in->resource),
		   in->limit);
	return 0;
}

static int set_limit_of_user(struct bus *bus, const struct caller *c, const struct bus_request *in,
			     char *error)
{
	const struct log_about about = {
		.uid = c->uid, .pid = c->process.pid, .message = MESSAGE_LIMIT_SET,
	};
	struct shmreg_set_limit set = {
		.uid = in->uid,
		.what = UINT32_C(1) << in->resource,
		.unset = in->unset ? UINT32_C(1) << in->resource : 0,
	};
	char to[32];
	int r;

	if (in->uid == 0)
		return refuse(error, EINVAL, "root has no limits, so they cannot be set; uid 4294967295 "
			      "stands for all others");
	set.limit[in->resource] = in->limit;
	snprintf(to, sizeof(to), "to %" PRIu64, in->limit);
	if (in->unset)
		snprintf(to, sizeof(to), "back to what is configured");
	r = server_limit_user(bus->server, c, &set, error);
	if (r < 0)
		return r;
	log_client(LOG_NOTICE, &about, "uid %" PRIu32 " pid %" PRIu32 " (%s on the %s) set uid %" PRIu32
		   "'s limit of %s %s", c->uid, c->process.pid, c->name, bus_kind_name(bus->kind),
		   in->uid, bus_resource_name(in->resource), to);
	return 0;
}

static int perform_set_limit(struct bus *bus, const struct caller *c, const struct bus_request *in,
			     sd_bus_message *m, char *error)
{
	const int r = in->uid == UINT32_MAX ? set_default_limit(bus, c, in, error) :
					      set_limit_of_user(bus, c, in, error);

	return r < 0 ? r : sd_bus_reply_method_return(m, NULL);
}

static int on_limit(struct bus *bus, sd_bus_message *m, struct bus_request *in,
		    const char *resource)
{
	char error[SHMREG_ERROR_MAX + 1];
	const int r = bus_parse_resource(&in->resource, resource, error);

	return bus_call_begin(bus, m, r, error, in, perform_set_limit);
}

int bus_method_set_limit(sd_bus_message *m, void *data, sd_bus_error *e)
{
	struct bus_request in = { 0 };
	const char *resource;
	int r;

	(void)e;
	r = sd_bus_message_read(m, "ust", &in.uid, &resource, &in.limit);
	return r < 0 ? r : on_limit(data, m, &in, resource);
}

int bus_method_unset_limit(sd_bus_message *m, void *data, sd_bus_error *e)
{
	struct bus_request in = { .unset = true };
	const char *resource;
	int r;

	(void)e;
	r = sd_bus_message_read(m, "us", &in.uid, &resource);
	return r < 0 ? r : on_limit(data, m, &in, resource);
}
