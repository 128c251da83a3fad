/* SPDX-License-Identifier: MIT */

/* How a process comes by a segment: create and open. */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <shmreg/abi/verify.h>

#include "error.h"
#include "params.h"
#include "place.h"
#include "reserve.h"
#include "segment.h"

#define DEFAULT_MODE 0600
#define TRANSPARENT_BYTES (UINT64_C(2) << 20)	/* of a huge page: address and offset agree */
#define DEFAULT_SEATS 4

static int map_both(struct shmreg_segment *s, const struct connection_call *call)
{
	const struct shmreg_attach_reply *a = &call->reply.u.attach;
	void *memory;
	int r;

	if (call->n_fds != 2)
		return error_set(-EBADMSG, "shmregd attached segment '%s' without its descriptors",
				 s->name);
	r = segment_map(&memory, call->fds[0], a->dir_bytes, 0, PROT_READ, "directory");
	if (r < 0)
		return r;
	r = shmreg_dir_check(memory, a->dir_bytes);
	if (r == 0 && (((const struct shmreg_dir *)memory)->dir_bytes != a->dir_bytes ||
		       ((const struct shmreg_dir *)memory)->data_bytes != a->data_bytes ||
		       ((const struct shmreg_dir *)memory)->segment != a->segment ||
		       a->participant_index >= ((const struct shmreg_dir *)memory)->max_participants))
		r = -EBADMSG;
	if (r < 0) {
		if (r == -EPROTONOSUPPORT)
			r = error_set(r, "the directory of segment '%s' has layout %u, libshmreg %s "
				      "knows layout %d", s->name,
				      ((const struct shmreg_dir *)memory)->layout, shmreg_version(),
				      SHMREG_DIR_LAYOUT);
		else
			r = error_set(r, "the directory of segment '%s' makes no sense", s->name);
		munmap(memory, a->dir_bytes);
		return r;
	}
	s->dir = memory;
	r = segment_map(&memory, call->fds[1], a->data_bytes,
		s->dir->placement.huge == SHMREG_HUGE_TRANSPARENT ? TRANSPARENT_BYTES : 0,
		s->read_only ? PROT_READ : PROT_READ | PROT_WRITE, "data area");
	if (r < 0)
		return r;
	s->data = memory;
	return 0;
}

/* Of a CREATE or OPEN that succeeded: all that is left is this process's part. */
static int segment_new(struct shmreg_segment **ret, struct shmreg_connection *c,
		       const struct connection_call *call, const char *name)
{
	const struct shmreg_attach_reply *a = &call->reply.u.attach;
	struct shmreg_segment *s;
	int r;

	r = segment_new_empty(&s, name);
	if (r < 0)
		return r;
	s->connection = c;
	s->id = a->segment;
	s->participant = a->participant;
	s->participant_index = a->participant_index;
	s->read_only = (a->access & SHMREG_ACCESS_WRITE) == 0;
	r = map_both(s, call);
	if (r == 0)
		r = segment_prepare(s);
	if (r == 0 && segment_add_seats(s, a->seat, a->n_seats) < 0)
		r = error_set(-EBADMSG, "shmregd granted seats of segment '%s' that there are not",
			      name);
	if (r < 0) {
		segment_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

/* What cannot be made as it was asked for is not there. The sentence stays. */
static void take_away(struct shmreg_connection *c, const struct shmreg_attach_reply *a)
{
	struct connection_call call = { .request.header.type = SHMREG_PACKET_REMOVE };
	char why[640];

	if (!a->created)
		return;
	snprintf(why, sizeof(why), "%s", shmreg_error());
	call.request.u.target.segment = a->segment;
	if (connection_call(c, &call) == 0)
		connection_call_done(&call);
	error_set(0, "%s", why);
}

/* Before anything else is done with the mapping. */
static int place(struct shmreg_segment *s, const struct connection_call *call)
{
	const bool creates = call->request.header.type == SHMREG_PACKET_CREATE;
	int r;

	r = place_nodes(s);
	/* Who opens goes on without: others have set it for ordinary pages, as far as they could. */
	if (r < 0 && creates && (call->reply.u.attach.created || s->dir->page_bytes != 0))
		return r;
	/* Also one that another has made, and may still be reserving. */
	if (creates && (s->dir->create_flags & SHMREG_CREATE_RESERVE) != 0) {
		r = place_pool(s);
		if (r == 0)
			r = reserve_data(call->fds[1], s->dir->data_bytes, s->dir->page_bytes != 0,
					 s->name);
		if (r < 0)
			return r;
	}
	place_data(s);
	return 0;
}

static int attach(struct shmreg_connection *c, struct shmreg_segment **ret,
		  struct connection_call *call, const char *name, bool extents)
{
	struct shmreg_attachment at = { 0 };
	struct shmreg_segment *s = NULL;
	int r;

	r = connection_call(c, call);
	/* Attached, but the descriptors found no room? A refusal has a sentence in its place. */
	if (r < 0 && (r != -EMFILE || call->reply.header.status < 0 ||
		      call->reply.u.attach.participant == 0))
		return r;
	if (call->reply.u.attach.participant == 0) {
		connection_call_done(call);
		return error_set(-EBADMSG, "shmregd attached segment '%s' to nobody", name);
	}
	if (r == 0)
		r = segment_new(&s, c, call, name);
	if (r == 0) {
		r = place(s, call);
		if (r < 0)
			segment_free(s);
	}
	if (r == 0 && extents) {
		/* The data area's, the second; segment_new() has seen that there are two. */
		s->data_fd = call->fds[1];
		call->n_fds = 1;
	}
	connection_call_done(call);
	if (r < 0) {
		at.segment = call->reply.u.attach.segment;
		at.participant = call->reply.u.attach.participant;
		take_away(c, &call->reply.u.attach);
		segment_detach(c, &at, false, false);
		return r;
	}
	s->registry = call->registry;
	pthread_mutex_lock(&c->mutex);
	/* A session that began since the answer does not know this attachment: begin again. */
	if (c->session != call->session)
		connection_hang_up(c);
	s->next = c->segments;
	c->segments = s;
	pthread_mutex_unlock(&c->mutex);
	*ret = s;
	return 0;
}

static int check_attaching(struct shmreg_connection *c, const char *name)
{
	int r;

	r = connection_usable(c);
	if (r < 0)
		return r;
	if ((c->flags & SHMREG_CONNECT_OBSERVER) != 0)
		return error_set(-EINVAL, "this connection was made with SHMREG_CONNECT_OBSERVER, so it "
				 "attaches to nothing; connect without");
	return params_check_segment_name(name);
}

/* Attached, all of it placed or allocated, and then as asked for: lifetime, and nobody attached. */
static int create_prepared(struct shmreg_connection *c, struct shmreg_segment **ret,
			   struct connection_call *call, const struct shmreg_segment_params *p)
{
	const struct shmreg_attach_reply *a = &call->reply.u.attach;
	struct connection_call set = { .request.header.type = SHMREG_PACKET_SET };
	struct shmreg_segment *s;
	int r;

	if (ret == NULL && p->lifetime != SHMREG_UNTIL_REMOVED)
		return error_set(-EINVAL, "a segment to which its creator does not attach needs the "
				 "lifetime until-removed, or it would be gone at once");
	r = attach(c, &s, call, call->request.u.create.name, false);
	if (r < 0)
		return r;
	/* Whose mapping does not stay has nothing of it. */
	if (a->created && ret != NULL)
		r = place_check(s);
	if (r == 0 && a->created && p->lifetime == SHMREG_UNTIL_REMOVED) {
		set.request.u.set.target.segment = s->id;
		set.request.u.set.what = SHMREG_SET_LIFETIME;
		set.request.u.set.lifetime = SHMREG_UNTIL_REMOVED;
		r = connection_call(c, &set);
		connection_call_done(&set);
	}
	/* -ENOENT: somebody has removed it since, which he may. */
	if (r < 0 && r != -ENOENT) {
		take_away(c, a);
		shmreg_segment_close(s);
		return r;
	}
	if (ret != NULL)
		*ret = s;
	else
		shmreg_segment_close(s);
	return 0;
}

/* What is to be mapped or locked is allocated first; and a pool's pages, to be placed. */
static bool placement_reserves(const struct shmreg_placement *p)
{
	return p->flags != 0 || (p->numa != SHMREG_NUMA_DEFAULT && shmreg_huge_bytes(p->huge) != 0);
}

static int create(struct shmreg_connection *c, struct shmreg_segment **ret, const char *name,
		  const struct shmreg_segment_params *params, uint32_t flags, int *ret_created)
{
	struct shmreg_segment_params p = { .size = sizeof(p) };
	struct connection_call call = { .request.header.type = SHMREG_PACKET_CREATE };
	struct shmreg_create *in = &call.request.u.create;
	const char *why;
	bool prepare;
	int r;

	r = connection_usable(c);
	if (r == 0)
		r = params_copy(&p, sizeof(p), params, "shmreg_segment_params");
	if (placement_reserves(&p.placement))
		p.flags |= SHMREG_CREATE_RESERVE;
	prepare = (p.flags & SHMREG_CREATE_RESERVE) != 0 || p.placement.numa != SHMREG_NUMA_DEFAULT;
	/* Who places or reserves is attached meanwhile. */
	if (r == 0)
		r = ret != NULL || prepare ? check_attaching(c, name) :
					     params_check_segment_name(name);
	if (r < 0)
		return r;
	if ((p.flags & ~SHMREG_CREATE_RESERVE) != 0)
		return error_set(-EINVAL, "shmreg_segment_params.flags is %#x; SHMREG_CREATE_RESERVE "
				 "(%#x) is the only flag", p.flags, SHMREG_CREATE_RESERVE);
	r = shmreg_placement_check(&p.placement, p.flags, &why);
	if (r < 0)
		return error_set(r, "shmreg_segment_params.placement: %s", why);
	place_choose_nodes(&p.placement);
	in->placement = p.placement;
	snprintf(in->name, sizeof(in->name), "%s", name);
	in->nonce = connection_nonce(c);
	in->data_bytes = p.bytes;
	in->flags = p.flags | flags | (ret == NULL && !prepare ? SHMREG_CREATE_DETACHED : 0);
	in->mode = p.mode != 0 ? p.mode : DEFAULT_MODE;
	/* Who dies meanwhile leaves nothing. */
	in->lifetime = prepare && p.lifetime == SHMREG_UNTIL_REMOVED ? SHMREG_WHILE_ATTACHED : p.lifetime;
	in->max_participants = p.max_participants;
	in->max_objects = p.max_objects;
	in->n_seats = p.n_seats != 0 ? p.n_seats : DEFAULT_SEATS;
	if (in->n_seats >= SHMREG_SEATS)
		return error_set(-EINVAL, "%u seats are wanted; a segment has %d in all", p.n_seats,
				 SHMREG_SEATS - 1);
	if (in->n_seats > SHMREG_SEATS_A_REPLY)
		in->n_seats = SHMREG_SEATS_A_REPLY;
	if (prepare) {
		r = create_prepared(c, ret, &call, &p);
	} else if (ret == NULL) {
		in->n_seats = 0;
		r = connection_call(c, &call);
		connection_call_done(&call);
	} else {
		r = attach(c, ret, &call, name, false);
	}
	if (r == 0 && ret_created != NULL)
		*ret_created = call.reply.u.attach.created != 0;
	return r;
}

int shmreg_segment_create(struct shmreg_connection *connection, struct shmreg_segment **ret,
			  const char *name, const struct shmreg_segment_params *params)
{
	return create(connection, ret, name, params, 0, NULL);
}

int shmreg_segment_open_or_create(struct shmreg_connection *connection,
				  struct shmreg_segment **ret, const char *name,
				  const struct shmreg_segment_params *params, int *ret_created)
{
	if (ret == NULL)
		return error_set(-EINVAL, "shmreg_segment_open_or_create() needs a place for the segment");
	return create(connection, ret, name, params, SHMREG_CREATE_OPEN, ret_created);
}

static int open_segment(struct shmreg_connection *connection, struct shmreg_segment **ret,
			const char *name, uint32_t access, bool extents)
{
	struct connection_call call = { .request.header.type = SHMREG_PACKET_OPEN };
	struct shmreg_open *in = &call.request.u.open;
	int r;

	r = check_attaching(connection, name);
	if (r < 0)
		return r;
	if (access == (SHMREG_ACCESS_READ | SHMREG_ACCESS_WRITE))
		access = SHMREG_ACCESS_WRITE;
	if (access != SHMREG_ACCESS_READ && access != SHMREG_ACCESS_WRITE)
		return error_set(-EINVAL, "access %#x is neither SHMREG_ACCESS_READ nor "
				 "SHMREG_ACCESS_WRITE", access);
	snprintf(in->name, sizeof(in->name), "%s", name);
	in->nonce = connection_nonce(connection);
	in->access = access;
	in->n_seats = access == SHMREG_ACCESS_WRITE ? DEFAULT_SEATS : 0;
	return attach(connection, ret, &call, name, extents);
}

int shmreg_segment_open(struct shmreg_connection *connection, struct shmreg_segment **ret,
			const char *name, uint32_t access)
{
	return open_segment(connection, ret, name, access, false);
}

int shmreg_segment_open_extents(struct shmreg_connection *connection, struct shmreg_segment **ret,
				const char *name)
{
	return open_segment(connection, ret, name, SHMREG_ACCESS_READ, true);
}
