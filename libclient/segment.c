/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bells.h"
#include "error.h"
#include "object.h"
#include "params.h"
#include "reserve.h"
#include "segment.h"

#define DEFAULT_MODE 0600
#define DEFAULT_SEATS 4
#define MORE_SEATS 8	/* asked for at once when they have run out */

int segment_usable(struct shmreg_segment *s)
{
	if (s == NULL)
		return error_set(-EINVAL, "the segment is NULL; shmreg_segment_open() and _create() "
				 "make one");
	return connection_usable(s->connection);
}

void segment_attachment(struct shmreg_segment *s, struct shmreg_attachment *ret)
{
	ret->segment = s->id;
	ret->participant = s->participant;
	pthread_mutex_lock(&s->mutex);
	ret->epoch = object_epoch(s);
	pthread_mutex_unlock(&s->mutex);
}

static void reported(struct shmreg_segment *s, uint64_t epoch)
{
	pthread_mutex_lock(&s->mutex);
	if (epoch > s->reported)
		shmreg_store_relaxed(&s->reported, epoch); /* relaxed: see segment_quiesce() */
	pthread_mutex_unlock(&s->mutex);
}

int segment_call(struct shmreg_segment *s, struct connection_call *call)
{
	int r;

	r = segment_usable(s);
	if (r < 0)
		return r;
	call->segment = s;
	segment_attachment(s, &call->request.u.attachment);
	r = connection_call(s->connection, call);
	if (r == 0)
		reported(s, call->request.u.attachment.epoch);
	return r;
}

/* The directory is right about which seats are ours, whatever became of the answers. */
static void read_seats(struct shmreg_segment *s)
{
	const uint64_t *seats = shmreg_dir_seats(s->dir);
	const uint64_t ours = s->participant << SHMREG_SEAT_PARTICIPANT_SHIFT | SHMREG_SEAT_LIVE;
	unsigned int seat;

	pthread_mutex_lock(&s->mutex);
	for (seat = 1; seat < SHMREG_SEATS; seat++)
		/* relaxed: the word is all there is to read, and REATTACH's answer came after it */
		if (shmreg_load_relaxed(&seats[seat]) == ours)
			s->seats[seat / 64] |= UINT64_C(1) << seat % 64;
	pthread_mutex_unlock(&s->mutex);
}

void segment_reattached(struct shmreg_segment *s, uint64_t epoch)
{
	reported(s, epoch);
	if (!s->read_only)
		read_seats(s);
}

void segment_lost(struct shmreg_segment *s, int error, const char *why)
{
	snprintf(s->lost_why, sizeof(s->lost_why), "%s", why);
	/* release, pairs with the acquire of those who look without the connection's mutex */
	shmreg_store_release(&s->lost, error);
}

static int add_seats(struct shmreg_segment *s, const uint16_t *seat, uint32_t n)
{
	uint32_t i;

	if (n > SHMREG_SEATS_A_REPLY)
		return -EBADMSG;
	for (i = 0; i < n; i++)
		if (seat[i] == 0 || seat[i] >= SHMREG_SEATS)
			return -EBADMSG;
	pthread_mutex_lock(&s->mutex);
	for (i = 0; i < n; i++)
		s->seats[seat[i] / 64] |= UINT64_C(1) << seat[i] % 64;
	pthread_mutex_unlock(&s->mutex);
	return 0;
}

static unsigned int count_seats(struct shmreg_segment *s)
{
	unsigned int i, n = 0;

	pthread_mutex_lock(&s->mutex);
	for (i = 0; i < SHMREG_SEATS / 64; i++)
		n += (unsigned int)__builtin_popcountll(s->seats[i]);
	pthread_mutex_unlock(&s->mutex);
	return n;
}

/* The answer was lost; reattaching has read the directory: are there more than before? */
static bool seats_settled(struct connection_call *call)
{
	return count_seats(call->segment) > *(unsigned int *)call->settled_data;
}

int segment_more_seats(struct shmreg_segment *s)
{
	unsigned int before = count_seats(s);
	struct connection_call call = {
		.request.header.type = SHMREG_PACKET_SEATS,
		.request.u.seats.n_seats = MORE_SEATS,
		.settled = seats_settled,
		.settled_data = &before,
	};
	int r;

	r = segment_call(s, &call);
	if (r < 0)
		return r;
	connection_call_done(&call);
	if (add_seats(s, call.reply.u.seats.seat, call.reply.u.seats.n_seats) < 0 ||
	    count_seats(s) == before)
		return error_set(-EBADMSG, "shmregd granted no seat of segment '%s' and said that it "
				 "did", s->name);
	return 0;
}

void segment_quiesce(struct shmreg_segment *s)
{
	struct connection_call call = {
		.request.header.type = SHMREG_PACKET_QUIESCE,
		.only_connected = true,
	};
	uint64_t epoch;
	bool news;
	int r;

	/* relaxed: only whether it moved; object_epoch() reads it again, with acquire */
	if (shmreg_load_acquire(&s->lost) < 0 ||
	    shmreg_load_relaxed(&s->dir->removal_epoch) == shmreg_load_relaxed(&s->reported))
		return;
	pthread_mutex_lock(&s->mutex);
	epoch = object_epoch(s);
	news = epoch > s->reported && epoch > s->refused;
	pthread_mutex_unlock(&s->mutex);
	if (!news)
		return;
	r = segment_call(s, &call);
	if (r == 0) {
		connection_call_done(&call);
	} else if (r != -ENOTCONN) {
		pthread_mutex_lock(&s->mutex);
		s->refused = epoch;
		pthread_mutex_unlock(&s->mutex);
	}
}

/*
 * Of a participant that cannot write: events are made known to it since the watch half is not 0,
 * and as long as the directory says that it has asked, wherever. Costs a request once.
 */
static int watch_read_only(const struct shmreg_handle *handle,
			   const union shmreg_eventcount *event)
{
	struct connection_call call = { .request.header.type = SHMREG_PACKET_WATCH };
	struct shmreg_segment *s = handle->segment;
	const uint32_t *flags = &shmreg_dir_participants(s->dir)[s->participant_index].flags;
	const uint64_t offset = (uint64_t)((const unsigned char *)event - handle->base);
	int r;

	/* acquire: the half was set before the flag, and is cleared after the flag has gone */
	if ((shmreg_load_acquire(flags) & SHMREG_PARTICIPANT_WATCHES) != 0 &&
	    shmreg_load_acquire(&event->half[SHMREG_EVENTCOUNT_WATCH]) != 0)
		return 0;
	call.request.u.watch.object = handle->object;
	call.request.u.watch.events =
		offset == shmreg_kind_eventcount(handle->shape.kind, SHMREG_WAIT_ITEMS)
			? SHMREG_WAIT_ITEMS : SHMREG_WAIT_SPACE;
	r = segment_call(s, &call);
	if (r == 0)
		connection_call_done(&call);
	return r == -ENOENT ? -ESTALE : r;
}

void segment_free(struct shmreg_segment *s)
{
	if (s->connection != NULL)
		bells_forget(s);
	if (s->data != NULL)
		munmap(s->data, s->dir->data_bytes);
	if (s->dir != NULL)
		munmap((void *)(uintptr_t)s->dir, s->dir->dir_bytes);
	if (s->data_fd >= 0)
		close(s->data_fd);
	arena_deinit(&s->arena);
	free(s->notes);
	free(s->by_index);
	pthread_mutex_destroy(&s->mutex);
	free(s);
}

int segment_map(void **ret, int fd, uint64_t bytes, int protection, const char *what)
{
	struct stat st;
	void *memory;
	int r;

	if (fstat(fd, &st) < 0 || bytes == 0 || st.st_size < 0 || (uint64_t)st.st_size < bytes)
		return error_set(-EBADMSG, "the %s that shmregd sent is smaller than it says", what);
	memory = mmap(NULL, bytes, protection, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED) {
		r = -errno;
		return error_set(r, "cannot map the %s (%" PRIu64 " bytes): %s", what, bytes,
				 strerror(-r));
	}
	/* fork: a child must not go on writing after its parent died and was repaired. */
	madvise(memory, bytes, MADV_DONTFORK);
	*ret = memory;
	return 0;
}

static int map_both(struct shmreg_segment *s, const struct connection_call *call)
{
	const struct shmreg_attach_reply *a = &call->reply.u.attach;
	void *memory;
	int r;

	if (call->n_fds != 2)
		return error_set(-EBADMSG, "shmregd attached segment '%s' without its descriptors",
				 s->name);
	r = segment_map(&memory, call->fds[0], a->dir_bytes, PROT_READ, "directory");
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
		s->read_only ? PROT_READ : PROT_READ | PROT_WRITE, "data area");
	if (r < 0)
		return r;
	s->data = memory;
	return 0;
}

int segment_new_empty(struct shmreg_segment **ret, const char *name)
{
	struct shmreg_segment *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return error_set(-ENOMEM, "no memory is left");
	pthread_mutex_init(&s->mutex, NULL);
	s->data_fd = -1;
	s->ring = bells_ring;
	s->watch = watch_read_only;
	snprintf(s->name, sizeof(s->name), "%s", name);
	*ret = s;
	return 0;
}

int segment_prepare(struct shmreg_segment *s)
{
	s->by_index = calloc(s->dir->max_objects, sizeof(*s->by_index));
	if (s->by_index == NULL)
		return error_set(-ENOMEM, "no memory is left");
	/* Nobody reports what is in a file. */
	if (s->apart)
		s->reported = s->dir->removal_epoch;
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
	if (r == 0 && add_seats(s, a->seat, a->n_seats) < 0)
		r = error_set(-EBADMSG, "shmregd granted seats of segment '%s' that there are not",
			      name);
	if (r < 0) {
		segment_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

/*
 * When the daemon has been stopped in order, its socket may be held by a manager that does
 * not start it again; who closes a segment then is not to wait for ever.
 */
#define PATIENCE_MS 5000

static void detach(struct shmreg_connection *c, const struct shmreg_attachment *at, bool orphaned)
{
	struct connection_call call = {
		.request.header.type = SHMREG_PACKET_DETACH,
		.patience_ms = orphaned ? PATIENCE_MS : 0,
	};

	call.request.u.attachment = *at;
	/* That it is not known any more is as good. A daemon that is not there sees us end. */
	if (connection_call(c, &call) == 0)
		connection_call_done(&call);
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

static int attach(struct shmreg_connection *c, struct shmreg_segment **ret,
		  struct connection_call *call, const char *name, bool extents)
{
	const uint32_t type = call->request.header.type;
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
	/* Also one that another has made, and may still be reserving. */
	if (r == 0 && type == SHMREG_PACKET_CREATE &&
	    (s->dir->create_flags & SHMREG_CREATE_RESERVE) != 0) {
		r = reserve_data(call->fds[1], s->dir->data_bytes, name);
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
		detach(c, &at, false);
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

static int check_name(const char *name)
{
	const char *why;
	int r;

	if (name == NULL)
		return error_set(-EINVAL, "the segment's name is NULL");
	r = shmreg_name_check(name, SHMREG_SEGMENT_NAME_MAX, &why);
	if (r < 0)
		return error_set(r, "the segment's name '%.160s' %s", name, why);
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
	return check_name(name);
}

/* Attached, all of it allocated, and then what was asked for: lifetime, and nobody attached. */
static int create_reserved(struct shmreg_connection *c, struct shmreg_segment **ret,
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
	if (a->created && p->lifetime == SHMREG_UNTIL_REMOVED) {
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

static int create(struct shmreg_connection *c, struct shmreg_segment **ret, const char *name,
		  const struct shmreg_segment_params *params, uint32_t flags, int *ret_created)
{
	struct shmreg_segment_params p = { .size = sizeof(p) };
	struct connection_call call = { .request.header.type = SHMREG_PACKET_CREATE };
	struct shmreg_create *in = &call.request.u.create;
	bool reserve;
	int r;

	r = connection_usable(c);
	if (r == 0)
		r = params_copy(&p, sizeof(p), params, "shmreg_segment_params");
	reserve = (p.flags & SHMREG_CREATE_RESERVE) != 0;
	/* Who reserves is attached meanwhile. */
	if (r == 0)
		r = ret != NULL || reserve ? check_attaching(c, name) : check_name(name);
	if (r < 0)
		return r;
	if ((p.flags & ~SHMREG_CREATE_RESERVE) != 0)
		return error_set(-EINVAL, "shmreg_segment_params.flags is %#x; SHMREG_CREATE_RESERVE "
				 "(%#x) is the only flag", p.flags, SHMREG_CREATE_RESERVE);
	snprintf(in->name, sizeof(in->name), "%s", name);
	in->nonce = connection_nonce(c);
	in->data_bytes = p.bytes;
	in->flags = p.flags | flags | (ret == NULL && !reserve ? SHMREG_CREATE_DETACHED : 0);
	in->mode = p.mode != 0 ? p.mode : DEFAULT_MODE;
	/* Who dies while he reserves leaves nothing. */
	in->lifetime = reserve && p.lifetime == SHMREG_UNTIL_REMOVED ? SHMREG_WHILE_ATTACHED : p.lifetime;
	in->max_participants = p.max_participants;
	in->max_objects = p.max_objects;
	in->n_seats = p.n_seats != 0 ? p.n_seats : DEFAULT_SEATS;
	if (in->n_seats >= SHMREG_SEATS)
		return error_set(-EINVAL, "%u seats are wanted; a segment has %d in all", p.n_seats,
				 SHMREG_SEATS - 1);
	if (in->n_seats > SHMREG_SEATS_A_REPLY)
		in->n_seats = SHMREG_SEATS_A_REPLY;
	if (reserve) {
		r = create_reserved(c, ret, &call, &p);
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

struct shmreg_segment *shmreg_segment_close(struct shmreg_segment *segment)
{
	struct shmreg_connection *c;
	struct shmreg_attachment at;
	struct shmreg_segment **link;
	bool lost, orphaned;

	if (segment == NULL || connection_usable(segment->connection) < 0)
		return NULL;
	if (segment->apart)
		return segment_free_apart(segment);
	c = segment->connection;
	pthread_mutex_lock(&c->mutex);
	for (link = &c->segments; *link != NULL && *link != segment; link = &(*link)->next)
		;
	if (*link != NULL)
		*link = segment->next;
	lost = shmreg_load_relaxed(&segment->lost) < 0; /* relaxed: written under the mutex */
	pthread_mutex_unlock(&c->mutex);
	object_close_all(segment);
	segment_attachment(segment, &at);
	/* relaxed: a hint */
	orphaned = (shmreg_load_relaxed(&segment->dir->flags) & SHMREG_DIR_ORPHANED) != 0;
	/* Unmapped before it is said: once it is, others may be given what was ours. */
	segment_free(segment);
	if (!lost)
		detach(c, &at, orphaned);
	return NULL;
}

const struct shmreg_dir *shmreg_segment_dir(const struct shmreg_segment *segment)
{
	return connection_inherited(segment->connection) ? NULL : segment->dir;
}

uint64_t shmreg_segment_participant(const struct shmreg_segment *segment)
{
	return connection_inherited(segment->connection) ? 0 : segment->participant;
}

const void *shmreg_segment_data(const struct shmreg_segment *segment)
{
	return connection_inherited(segment->connection) ? NULL : segment->data;
}
