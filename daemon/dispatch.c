/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "dispatch.h"
#include "log.h"
#include "quota.h"
#include "refuse.h"
#include "server.h"

struct call {
	struct server *server;
	struct registry *registry;
	struct peer *peer;
	const struct shmreg_request *in;
	struct answer a;
	struct store_entry *wait_for;
	char error[SHMREG_ERROR_MAX + 1];
};

static void log_call(const struct call *c, int level, enum message_id message, const char *did,
		     const char *name, uint64_t id, const char *more)
{
	const struct caller *who = &c->peer->caller;
	const struct log_about about = {
		.segment = name, .segment_id = id, .uid = who->uid, .pid = who->process.pid,
		.message = message,
	};

	log_client(level, &about, "uid %" PRIu32 " pid %" PRIu32 "%s%s%s %s segment '%s' (%" PRIu64
		   ")%s", who->uid, who->process.pid, *who->name ? " (" : "", who->name,
		   *who->name ? ")" : "", did, name, id, more);
}

static int call_hello(struct call *c)
{
	struct shmreg_hello_reply *out = &c->a.reply.u.hello;
	struct peer *p = c->peer;
	const struct log_about about = { .uid = p->caller.uid, .pid = p->caller.process.pid };
	int r;

	r = peer_greet(p, &c->in->u.hello, c->error);
	if (r < 0)
		return r;
	if (p->token) {
		c->a.fds[0] = token_steal_gift(p->token);
		c->a.n_fds = 1;
	}
	out->registry = registry_id(c->registry);
	out->uid = p->caller.uid;
	out->pid = p->caller.process.pid;
	snprintf(out->version, sizeof(out->version), "%s", PACKAGE_VERSION);
	log_client(LOG_DEBUG, &about, "uid %" PRIu32 " pid %" PRIu32 " says hello as '%s', libshmreg %s",
		   out->uid, out->pid, p->caller.name, c->in->u.hello.version);
	return 0;
}

/* Whoever attaches must be one whose exec() would be noticed (token.h). */
static int check_attacher(struct call *c)
{
	struct peer *p = c->peer;

	if (p->observer)
		return refuse(c->error, EINVAL,
			      "an observer cannot attach to segments; say HELLO without OBSERVER");
	if (!client_confirm(p->client, p->token))
		return refuse(c->error, EINVAL,
			      "the token that came with HELLO is not mapped; map it shared "
			      "before the first attach and for as long as a segment is");
	return 0;
}

static void add_fd(struct answer *a, int fd, bool lent)
{
	a->lent |= (unsigned int)lent << a->n_fds;
	a->fds[a->n_fds++] = fd;
}

/* Descriptors of an attachment. If they cannot be had, there is none. */
static int add_descriptors(struct call *c, struct segment *s)
{
	const struct shmreg_attach_reply out = c->a.reply.u.attach;
	char ignored[SHMREG_ERROR_MAX + 1];
	int dir, data = -EMFILE;

	/* A repeated request may be answered with an attachment from before a restart. */
	client_prove(c->peer->client, out.segment, out.participant);
	/* Who creates many is not to push out those that are opened. */
	dir = out.created ? segment_open_dir_ro(s) : segment_dir_ro(s);
	if (dir >= 0)
		data = out.access & SHMREG_ACCESS_WRITE ? segment_data_fd(s) :
							  segment_open_data_ro(s);
	if (dir >= 0)
		add_fd(&c->a, dir, !out.created);
	if (data >= 0) {
		add_fd(&c->a, data, out.access & SHMREG_ACCESS_WRITE);
		return 0;
	}
	registry_detach(c->registry, &c->peer->caller,
			&(struct shmreg_attachment){ .segment = out.segment,
						     .participant = out.participant }, ignored);
	if (out.created)
		registry_remove(c->registry, &c->peer->caller,
				&(struct shmreg_target){ .segment = out.segment }, ignored);
	return refuse_descriptor(c->error, dir < 0 ? dir : data);
}

static int call_create(struct call *c)
{
	const struct shmreg_create *in = &c->in->u.create;
	struct shmreg_attach_reply *out = &c->a.reply.u.attach;
	const bool attach = !(in->flags & SHMREG_CREATE_DETACHED);
	struct segment *s = NULL;
	char more[64];
	int r;

	r = attach ? check_attacher(c) : 0;
	if (r == 0)
		r = server_prepare(c->server, c->error);
	if (r == 0)
		r = registry_create(c->registry, &c->peer->caller, in, out, &s, c->error);
	if (r < 0)
		return r;
	c->wait_for = server_store_entry(s);
	snprintf(more, sizeof(more), ", %" PRIu64 " bytes, mode %04o", out->data_bytes, in->mode);
	if (out->created)
		log_call(c, LOG_INFO, MESSAGE_SEGMENT_CREATED, "created", in->name, out->segment,
			 more);
	else
		log_call(c, LOG_DEBUG, MESSAGE_NONE, "opened", in->name, out->segment, "");
	return attach ? add_descriptors(c, s) : 0;
}

static int call_open(struct call *c)
{
	struct segment *s = NULL;
	int r;

	r = check_attacher(c);
	if (r == 0)
		r = registry_open(c->registry, &c->peer->caller, &c->in->u.open,
				  &c->a.reply.u.attach, &s, c->error);
	if (r < 0)
		return r;
	c->wait_for = server_store_entry(s);
	log_call(c, LOG_DEBUG, MESSAGE_NONE, "opened", c->in->u.open.name,
		 c->a.reply.u.attach.segment, "");
	return add_descriptors(c, s);
}

static int call_reattach(struct call *c)
{
	const struct shmreg_attachment *in = &c->in->u.attachment;
	int r;

	r = check_attacher(c);
	if (r == 0)
		r = registry_reattach(c->registry, &c->peer->caller, in, &c->a.reply.u.attach,
				      c->error);
	if (r == 0)
		client_prove(c->peer->client, in->segment, in->participant);
	return r;
}

static int call_detach(struct call *c)
{
	const struct shmreg_attachment *in = &c->in->u.detach.at;
	struct client *client = c->peer->client;
	int r;

	if (c->in->u.detach.flags & SHMREG_DETACH_IDLE)
		r = registry_detach_idle(c->registry, &c->peer->caller, in, c->error);
	else
		r = registry_detach(c->registry, &c->peer->caller, in, c->error);
	if (r == 0 && client)
		client_prove(client, in->segment, in->participant);
	return r;
}

static int call_quiesce(struct call *c)
{
	return registry_quiesce(c->registry, &c->peer->caller, &c->in->u.attachment, c->error);
}

static int call_seats(struct call *c)
{
	return registry_seats(c->registry, &c->peer->caller, &c->in->u.seats, &c->a.reply.u.seats,
			      c->error);
}

static int call_remove(struct call *c)
{
	const struct shmreg_target *in = &c->in->u.target;
	struct shmreg_segment_info info;
	struct segment *ignored;
	int r;

	/* For the log: afterwards neither name nor id can be told from the other. */
	r = registry_describe(c->registry, &c->peer->caller, in, &info, &ignored, c->error);
	if (r == 0)
		r = registry_remove(c->registry, &c->peer->caller, in, c->error);
	if (r == 0)
		log_call(c, LOG_INFO, MESSAGE_SEGMENT_REMOVED, "removed", info.name, info.segment,
			 "");
	return r;
}

static int call_create_object(struct call *c)
{
	return registry_create_object(c->registry, &c->peer->caller, &c->in->u.create_object,
				      &c->a.reply.u.create_object, c->error);
}

static int call_remove_object(struct call *c)
{
	return registry_remove_object(c->registry, &c->peer->caller, &c->in->u.remove_object,
				      c->error);
}

static int call_list(struct call *c)
{
	return registry_list(c->registry, &c->peer->caller, &c->in->u.list, &c->a.reply.u.list);
}

static int call_describe(struct call *c)
{
	struct segment *s = NULL;
	int r;

	r = registry_describe(c->registry, &c->peer->caller, &c->in->u.target,
			      &c->a.reply.u.describe, &s, c->error);
	if (r < 0 || !s)
		return r;
	r = segment_open_dir_ro(s);
	if (r < 0)
		return refuse_descriptor(c->error, r);
	c->a.fds[c->a.n_fds++] = r;
	return 0;
}

static int call_stats(struct call *c)
{
	struct shmreg_stats_reply *out = &c->a.reply.u.stats;

	*out = c->server->stats;
	if (!c->peer->caller.admin)
		out->n_deaths = out->n_repairs = out->n_repaired = out->n_freed =
			out->n_requeued = out->n_gave_up = out->n_reaper_failures =
				out->n_quarantined = SHMREG_USAGE_UNKNOWN;
	return registry_usage(c->registry, &c->peer->caller, c->in->u.stats.uid, out->usage,
			      c->error);
}

static int call_subscribe(struct call *c)
{
	const struct shmreg_subscribe *in = &c->in->u.subscribe;
	struct shmreg_target target = { 0 };
	struct shmreg_segment_info info;
	struct peer *p = c->peer;
	struct segment *s = NULL;
	int r;

	memcpy(target.name, in->name, sizeof(target.name));
	if (*target.name &&
	    registry_describe(c->registry, &p->caller, &target, &info, &s, c->error) == 0 && !s)
		return refuse(c->error, EACCES,
			      "you may not read segment '%s', so not see its events either; its "
			      "owner can change its mode", target.name);
	r = registry_charge(c->registry, p->caller.uid, SHMREG_RESOURCE_SUBSCRIPTIONS, 1, c->error);
	if (r < 0)
		return r;
	r = subscriber_new(&p->subscriber, &c->server->subscribers, p, in);
	if (r < 0) {
		registry_uncharge(c->registry, p->caller.uid, SHMREG_RESOURCE_SUBSCRIPTIONS, 1);
		return refuse(c->error, r, "shmregd is out of memory");
	}
	return 0;
}

static int call_set(struct call *c)
{
	const struct shmreg_set *in = &c->in->u.set;
	struct shmreg_segment_info info;
	struct segment *ignored;
	char more[128] = "";
	size_t n = 0;
	int r;

	r = registry_set(c->registry, &c->peer->caller, in, c->error);
	if (r < 0)
		return r;
	if (registry_describe(c->registry, &c->peer->caller, &in->target, &info, &ignored,
			      c->error) < 0)
		return 0;
	if (in->what & SHMREG_SET_OWNER)
		n += (size_t)snprintf(more + n, sizeof(more) - n, ", owner %" PRIu32 ":%" PRIu32,
				      in->uid, in->gid);
	if (in->what & SHMREG_SET_MODE)
		n += (size_t)snprintf(more + n, sizeof(more) - n, ", mode %04o", in->mode);
	if (in->what & SHMREG_SET_LIFETIME)
		snprintf(more + n, sizeof(more) - n, ", lifetime %" PRIu32, in->lifetime);
	log_call(c, LOG_INFO, MESSAGE_SEGMENT_CHANGED, "changed", info.name, info.segment, more);
	return 0;
}

static int call_watch(struct call *c)
{
	const struct shmreg_watch_request *in = &c->in->u.watch;
	int bell, r;

	r = server_watch(c->server, c->peer, in, &c->a.reply.u.watch.watch, &bell, c->error);
	if (r == 0 && bell >= 0)
		c->a.fds[c->a.n_fds++] = bell;
	return r;
}

static int call_unwatch(struct call *c)
{
	return server_unwatch(c->server, c->peer, c->in->u.unwatch.watch, c->error);
}

static int call_notify(struct call *c)
{
	struct shmreg_notify_reply *out = &c->a.reply.u.notify;
	int r;

	r = server_notify(c->server, c->peer, &c->in->u.notify, out, c->a.fds, c->error);
	if (r == 0)
		c->a.n_fds = out->n;
	return r;
}

static int call_root(struct call *c)
{
	int r;

	r = root_open_ro(&c->server->root);
	if (r < 0)
		return refuse_descriptor(c->error, r);
	c->a.fds[c->a.n_fds++] = r;
	c->a.reply.u.root.bytes = sizeof(struct shmreg_root);
	c->wait_for = &c->server->root_stored;
	return 0;
}

static int call_set_limit(struct call *c)
{
	const struct shmreg_set_limit *in = &c->in->u.set_limit;
	const struct caller *who = &c->peer->caller;
	const struct log_about about = { .uid = who->uid, .pid = who->process.pid,
					 .message = MESSAGE_LIMIT_SET };
	int r;

	r = server_limit_user(c->server, who, in, c->error);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < SHMREG_N_RESOURCES; i++) {
		const char *key = quota_key((enum shmreg_resource)i);

		if (in->unset & UINT32_C(1) << i)
			log_client(LOG_NOTICE, &about, "uid %" PRIu32 " pid %" PRIu32 " set %s of uid %"
				   PRIu32 " back to what is configured", who->uid, who->process.pid, key,
				   in->uid);
		else if (in->what & UINT32_C(1) << i)
			log_client(LOG_NOTICE, &about, "uid %" PRIu32 " pid %" PRIu32 " set %s of uid %"
				   PRIu32 " to %" PRIu64, who->uid, who->process.pid, key, in->uid,
				   in->limit[i]);
	}
	return 0;
}

static int (*const calls[SHMREG_PACKET_MAX + 1])(struct call *c) = {
	[SHMREG_PACKET_HELLO] = call_hello,
	[SHMREG_PACKET_CREATE] = call_create,
	[SHMREG_PACKET_OPEN] = call_open,
	[SHMREG_PACKET_REATTACH] = call_reattach,
	[SHMREG_PACKET_DETACH] = call_detach,
	[SHMREG_PACKET_QUIESCE] = call_quiesce,
	[SHMREG_PACKET_SEATS] = call_seats,
	[SHMREG_PACKET_REMOVE] = call_remove,
	[SHMREG_PACKET_CREATE_OBJECT] = call_create_object,
	[SHMREG_PACKET_REMOVE_OBJECT] = call_remove_object,
	[SHMREG_PACKET_LIST] = call_list,
	[SHMREG_PACKET_DESCRIBE] = call_describe,
	[SHMREG_PACKET_STATS] = call_stats,
	[SHMREG_PACKET_SUBSCRIBE] = call_subscribe,
	[SHMREG_PACKET_SET] = call_set,
	[SHMREG_PACKET_WATCH] = call_watch,
	[SHMREG_PACKET_UNWATCH] = call_unwatch,
	[SHMREG_PACKET_NOTIFY] = call_notify,
	[SHMREG_PACKET_ROOT] = call_root,
	[SHMREG_PACKET_SET_LIMIT] = call_set_limit,
};

static int perform(struct call *c, uint16_t type)
{
	if (type > SHMREG_PACKET_MAX || !calls[type])
		return refuse(c->error, EOPNOTSUPP, "the type of request is unknown to this daemon");
	if (type != SHMREG_PACKET_HELLO && !c->peer->greeted)
		return refuse(c->error, EPROTO, "the first request must be HELLO");
	if (c->peer->subscriber)
		return refuse(c->error, EBUSY,
			      "events travel over this connection; use another one for requests");
	return calls[type](c);
}

/* Would it perhaps be granted when memory that is being given back is free? */
static bool park(struct call *c, int r)
{
	const struct shmreg_request *in = c->in;
	uint32_t uid = c->peer->caller.uid;
	const struct segment *s;

	if ((r != -EDQUOT && r != -ENOSPC && r != -ENOMEM) || c->server->stopping)
		return false;
	if (in->header.type == SHMREG_PACKET_CREATE_OBJECT) {
		s = registry_find(c->registry, in->u.create_object.at.segment);
		if (!s)
			return false;
		uid = segment_dir(s)->charged_uid;
	} else if (in->header.type != SHMREG_PACKET_CREATE) {
		return false;
	}
	return registry_is_freeing(c->registry, uid) &&
	       parking_park(&c->server->parking, c->peer, in, uid);
}

void dispatch(struct peer *p, const struct shmreg_request *request, size_t n)
{
	struct log_about about = { .uid = p->caller.uid, .pid = p->caller.process.pid };
	struct call c = {
		.server = p->server, .registry = p->server->registry, .peer = p, .in = request,
	};
	struct shmreg_packet_header *h = &c.a.reply.header;
	const char *why = "";
	int form, r;

	if (!p->parked)
		c.server->stats.n_requests++;
	form = r = shmreg_request_check(request, n, &why);
	if (form < 0)
		refuse(c.error, form, "%s", why);
	else
		r = perform(&c, request->header.type);
	if (form == 0 && park(&c, r)) {
		answer_close_fds(&c.a);
		peer_wake(p);
		return;
	}

	*h = (struct shmreg_packet_header){
		.magic = SHMREG_PACKET_MAGIC,
		.protocol = SHMREG_PROTOCOL,
		.type = SHMREG_PACKET_REPLY,
		.status = r,
	};
	if (n >= sizeof(*h)) {
		h->type |= request->header.type;
		h->serial = request->header.serial;
	}
	if (r < 0) {
		c.server->stats.n_refused++;
		answer_close_fds(&c.a);
		c.wait_for = NULL;
		memset(&c.a.reply.u, 0, sizeof(c.a.reply.u));
		memcpy(c.a.reply.u.error, c.error, sizeof(c.error));
		about.message = MESSAGE_REFUSED;
		log_client(LOG_DEBUG, &about, "uid %" PRIu32 " pid %" PRIu32 " was refused: %s",
			   p->caller.uid, p->caller.process.pid, c.error);
	}
	peer_answer(p, &c.a, c.wait_for);
	/* What is no packet of ours, and who is not let in: one sentence, then good-bye. */
	if (form == -EBADMSG || form == -EPROTONOSUPPORT ||
	    (r < 0 && !p->greeted && request->header.type == SHMREG_PACKET_HELLO)) {
		about.message = MESSAGE_HUNG_UP;
		log_client(LOG_NOTICE, &about, "hung up on uid %" PRIu32 " pid %" PRIu32 ": %s",
			   p->caller.uid, p->caller.process.pid, c.error);
		peer_doom(p);
	}
}
