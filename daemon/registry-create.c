/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include <shmreg/abi/verify.h>

#include "memfd.h"
#include "placement.h"
#include "registry-internal.h"

static int create_existing(struct registry *r, const struct caller *c, struct segment *s,
			   const struct shmreg_create *in, struct shmreg_attach_reply *ret,
			   char *error)
{
	const struct shmreg_dir *m = s->directory.map;

	/* The answer to an earlier copy of this request was lost. */
	if (m->creator == 0 && in->nonce && m->nonce == in->nonce &&
	    m->creator_pid == c->process.pid && m->charged_uid == c->uid) {
		registry_fill_attach_reply(s, NULL, true, ret);
		return 0;
	}
	if (in->flags & SHMREG_CREATE_OPEN) {
		if (!(in->flags & SHMREG_CREATE_DETACHED))
			return registry_open_segment(r, c, s,
						     SHMREG_ACCESS_READ | SHMREG_ACCESS_WRITE,
						     in->n_seats, in->nonce, ret, error);
		registry_fill_attach_reply(s, NULL, false, ret);
		return 0;
	}
	return refuse(error, EEXIST,
		      "segment \"%s\" exists already; open it, remove it, or choose another name",
		      in->name);
}

static int check_create(const struct registry *r, const struct shmreg_create *in, char *error)
{
	const char *why;
	int e;

	e = shmreg_name_check(in->name, SHMREG_SEGMENT_NAME_MAX, &why);
	if (e < 0)
		return refuse(error, e, "the segment name \"%s\" %s", in->name, why);
	if (in->data_bytes == 0 || in->data_bytes > SHMREG_DATA_BYTES_MAX)
		return refuse(error, EINVAL,
			      "a segment of %" PRIu64 " bytes is impossible: 1 to %" PRIu64 " are",
			      in->data_bytes, SHMREG_DATA_BYTES_MAX);
	if (in->mode & ~POLICY_MODE_MASK)
		return refuse(error, EINVAL, "mode %04o is none: r and w count, x must not be set",
			      in->mode);
	if (in->lifetime > SHMREG_WITH_CREATOR)
		return refuse(error, EINVAL, "lifetime %u is none: 0, 1 and 2 are", in->lifetime);
	if ((in->flags & SHMREG_CREATE_DETACHED) && in->lifetime != SHMREG_UNTIL_REMOVED)
		return refuse(error, EINVAL,
			      "a segment to which its creator does not attach needs the lifetime "
			      "until-removed, or it would be gone at once");
	if (in->max_participants > SHMREG_PARTICIPANTS_MAX)
		return refuse(error, EINVAL, "max_participants is %u; at most %u are possible",
			      in->max_participants, SHMREG_PARTICIPANTS_MAX);
	if (in->max_objects > SHMREG_OBJECTS_MAX)
		return refuse(error, EINVAL, "max_objects is %u; at most %u are possible",
			      in->max_objects, SHMREG_OBJECTS_MAX);
	e = shmreg_placement_check(&in->placement, in->flags, &why);
	if (e < 0)
		return refuse(error, e, "%s", why);
	/* Those that are being discarded have a descriptor each. */
	if (r->n_segments + r->n_discarding >= r->config.max_segments)
		return refuse(error, ENOSPC,
			      "shmregd holds %u segments, its most; remove some, or raise "
			      "max-segments in its configuration", r->n_segments + r->n_discarding);
	return 0;
}

static void fill_head(struct shmreg_dir *ret, const struct registry *r, const struct caller *c,
		      const struct shmreg_create *in)
{
	const bool detached = in->flags & SHMREG_CREATE_DETACHED;

	*ret = (struct shmreg_dir){
		.segment = r->last_segment + 1,
		.registry = r->id,
		.nonce = in->nonce,
		.data_bytes = shmreg_data_bytes(in->data_bytes),
		.max_participants = in->max_participants ? in->max_participants
							 : SHMREG_PARTICIPANTS_DEFAULT,
		.max_objects = in->max_objects ? in->max_objects : SHMREG_OBJECTS_DEFAULT,
		.create_flags = in->flags,
		.placement = in->placement,
		.created_ns = now_ns(),
		.creator = detached ? 0 : 1,
		.creator_pid = c->process.pid,
		.charged_uid = c->uid,
		.mode_lifetime = in->mode | in->lifetime << 16,
		.owner = policy_owner(c->uid, c->gid),
	};
	directory_copy_name(ret->name, in->name, sizeof(ret->name));
}

/* It is allocated by who creates: that takes long, and would be charged to our control group. */
static int check_budget(const struct registry *r, uint64_t bytes, char *error)
{
	const uint64_t taken = r->quota.total[SHMREG_RESOURCE_RESERVED_BYTES];	/* with these */

	if (taken > r->config.reserve_budget)
		return refuse(error, ENOMEM,
			      "reserving %" PRIu64 " bytes more would go beyond the %" PRIu64 " that may "
			      "be reserved by all; reserve less, create without reserving, or raise "
			      "reserve-budget", bytes, r->config.reserve_budget);
	return 0;
}

/* The directory and memory's half, in state CREATING. Takes @data_fd if it succeeds. */
static int make_segment(const struct registry *r, const struct shmreg_dir *head, int data_fd,
			struct segment **ret, char *error)
{
	struct directory directory = DIRECTORY_INIT;
	const uint64_t kept = placement_kept_bytes(head);
	int e;

	e = kept ? check_budget(r, kept, error) : 0;
	if (e < 0)
		return e;
	e = directory_create(&directory, head);
	if (e < 0)
		refuse(error, e, "the directory cannot be made: %s", memfd_refused(e));
	else
		e = segment_new(ret, &directory, data_fd, error);
	if (e < 0)
		directory_deinit(&directory);
	return e;
}

static int create_new(struct registry *r, const struct caller *c, const struct shmreg_create *in,
		      struct segment **ret, struct participant **ret_participant, char *error)
{
	const bool detached = in->flags & SHMREG_CREATE_DETACHED;
	uint64_t charge[SHMREG_N_RESOURCES] = { [SHMREG_RESOURCE_SEGMENTS] = 1 };
	uint16_t seats[SHMREG_SEATS_A_REPLY];
	struct participant *p = NULL;
	struct shmreg_dir head;
	struct segment *s;
	int data_fd, e, n = 0;

	e = check_create(r, in, error);
	if (e < 0)
		return e;
	fill_head(&head, r, c, in);
	e = shmreg_dir_layout(&head, head.max_participants, head.max_objects);
	if (e < 0)
		return refuse(error, e, "max_participants or max_objects is out of range");
	/* First: what is charged depends on the pages it has. */
	data_fd = placement_make(&head, error);
	if (data_fd < 0)
		return data_fd;
	charge[SHMREG_RESOURCE_BYTES] = head.data_bytes + head.dir_bytes;
	charge[SHMREG_RESOURCE_RESERVED_BYTES] = placement_kept_bytes(&head);
	if (!detached) {
		/* With fewer seats than wanted if the quota is nearly used up, but with one. */
		const uint64_t room = quota_room(&r->quota, c->uid, SHMREG_RESOURCE_SEATS);
		uint64_t want = in->n_seats ? in->n_seats : 1;

		if (want > SHMREG_SEATS_A_REPLY)
			want = SHMREG_SEATS_A_REPLY;
		charge[SHMREG_RESOURCE_PARTICIPANTS] = 1;
		charge[SHMREG_RESOURCE_SEATS] = room && room < want ? room : want;
	}
	e = quota_charge(&r->quota, c->uid, charge, error);
	if (e == 0) {
		e = make_segment(r, &head, data_fd, &s, error);
		if (e < 0)
			quota_uncharge(&r->quota, c->uid, charge);
	}
	if (e < 0) {
		close(data_fd);
		return e;
	}
	if (!detached) {
		n = (int)segment_pick_seats(s, seats, (uint32_t)charge[SHMREG_RESOURCE_SEATS]);
		e = registry_attach(r, c, s, 0, seats, (uint32_t)n, in->nonce, false, &p);
		if (e < 0) {
			quota_uncharge(&r->quota, c->uid, charge);
			segment_free(s);
			return refuse(error, e, "shmregd is out of memory");
		}
	}
	s->charged = true;
	r->last_segment++;
	directory_publish(&s->directory);
	registry_insert(r, s);
	*ret = s;
	*ret_participant = p;
	return 0;
}

int registry_create(struct registry *r, const struct caller *c, const struct shmreg_create *in,
		    struct shmreg_attach_reply *ret, struct segment **ret_segment, char *error)
{
	struct segment *s = registry_find_name(r, in->name);
	struct participant *p;
	int e;

	if (registry_repeated(r, c, in->name, in->nonce, SHMREG_ACCESS_READ | SHMREG_ACCESS_WRITE,
			      ret, ret_segment))
		return 0;
	if (s) {
		e = create_existing(r, c, s, in, ret, error);
		if (e < 0)
			return e;
		*ret_segment = s;
		registry_debug_verify(r);
		return 0;
	}
	e = create_new(r, c, in, &s, &p, error);
	if (e < 0)
		return e;
	r->ops.created(r->data, s);
	registry_emit(r, SHMREG_EVENT_CREATED, s, p, NULL);
	if (p)
		registry_emit(r, SHMREG_EVENT_ATTACHED, s, p, NULL);
	registry_fill_attach_reply(s, p, true, ret);
	*ret_segment = s;
	registry_debug_verify(r);
	return 0;
}
