/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "memfd.h"
#include "registry-internal.h"

void registry_count(const struct registry *r, uint64_t *ret_segments, uint64_t *ret_participants)
{
	const struct segment *s;
	uint64_t n = 0;

	TAILQ_FOREACH(s, &r->segments, of_registry)
		n += s->n_live;
	*ret_segments = r->n_segments;
	*ret_participants = n;
}

uint32_t registry_access(const struct caller *c, const struct segment *s)
{
	return policy_access(c, segment_owner(s), directory_mode(&s->directory));
}

bool registry_knows(const struct caller *c, const struct segment *s)
{
	return s->named || registry_access(c, s) != 0 || policy_may_administer(c, segment_owner(s));
}

int registry_check_admin(const struct caller *c, const struct segment *s, const char *what,
			 char *error)
{
	if (policy_may_administer(c, segment_owner(s)))
		return 0;
	if (registry_access(c, s) == 0)
		return refuse(error, EACCES, "only its owner and root may %s segment \"%s\", and uid %u is "
			      "neither", what, segment_name(s), c->uid);
	return refuse(error, EACCES, "only uid %u, who owns segment \"%s\", and root may %s it",
		      policy_owner_uid(segment_owner(s)), segment_name(s), what);
}

int registry_remove(struct registry *r, const struct caller *c, const struct shmreg_target *in,
		    char *error)
{
	struct segment *s;
	int e;

	e = registry_find_target(r, c, in, &s, error);
	if (e < 0)
		return e;
	e = registry_check_admin(c, s, "remove", error);
	if (e < 0)
		return e;
	/* Else this is a copy of a request that was carried out. */
	if (s->named)
		registry_unname(r, s);
	registry_unsettle(r, s);
	registry_settle(r);
	return 0;
}

static void fill_info(const struct caller *c, const struct segment *s,
		      struct shmreg_segment_info *ret)
{
	const struct shmreg_dir *m = s->directory.map;

	*ret = (struct shmreg_segment_info){
		.segment = segment_id(s),
		.access = registry_access(c, s),
	};
	memcpy(ret->name, m->name, sizeof(ret->name));
	if (ret->access == 0)
		return;
	ret->state = segment_state(s);
	ret->flags = shmreg_load_relaxed(&m->flags);
	ret->mode = directory_mode(&s->directory);
	ret->lifetime = directory_lifetime(&s->directory);
	ret->owner_uid = policy_owner_uid(segment_owner(s));
	ret->owner_gid = policy_owner_gid(segment_owner(s));
	ret->n_participants = s->n_live;
	ret->n_objects = segment_n_objects(s);
	ret->n_seats = segment_n_seats(s);
	ret->data_bytes = m->data_bytes;
	/* Who wants what is being freed waits for it: it can be had. */
	ret->used_bytes = segment_used_bytes(s) - segment_freeing_bytes(s);
	ret->resident_bytes = memfd_resident(s->directory.fd) + memfd_resident(s->data_fd);
	ret->n_deaths = m->n_deaths;
	ret->n_repairs = m->n_repairs;
	ret->created_ns = m->created_ns;
}

/* The first segment from @s on that @c may see. */
static struct segment *list_next(const struct caller *c, struct segment *s)
{
	while (s && !registry_knows(c, s))
		s = TAILQ_NEXT(s, of_registry);
	return s;
}

int registry_list(struct registry *r, const struct caller *c, const struct shmreg_list *in,
		  struct shmreg_list_reply *ret)
{
	struct segment *s = in->after ? registry_find(r, in->after) : NULL;
	struct shmreg_list_reply reply = { 0 };

	if (s)
		s = TAILQ_NEXT(s, of_registry);
	else
		/* From the first, or behind one that has gone meanwhile. */
		for (s = TAILQ_FIRST(&r->segments); s && segment_id(s) <= in->after;)
			s = TAILQ_NEXT(s, of_registry);
	for (s = list_next(c, s); s && reply.n < SHMREG_LIST_MAX;
	     s = list_next(c, TAILQ_NEXT(s, of_registry)))
		fill_info(c, s, &reply.info[reply.n++]);
	reply.more = s != NULL;
	*ret = reply;
	return 0;
}

int registry_describe(struct registry *r, const struct caller *c, const struct shmreg_target *in,
		      struct shmreg_segment_info *ret, struct segment **ret_segment, char *error)
{
	struct segment *s;
	int e;

	e = registry_find_target(r, c, in, &s, error);
	if (e < 0)
		return e;
	fill_info(c, s, ret);
	*ret_segment = ret->access ? s : NULL;
	return 0;
}

int registry_usage(struct registry *r, const struct caller *c, uint32_t uid,
		   struct shmreg_usage ret[SHMREG_N_RESOURCES], char *error)
{
	if (uid == UINT32_MAX) {
		for (int i = 0; i < SHMREG_N_RESOURCES; i++)
			/* Of how much segments are that one may not read: that would be the sum. */
			ret[i] = (struct shmreg_usage){
				c->admin ? r->quota.total[i] : SHMREG_USAGE_UNKNOWN, UINT64_MAX,
			};
		ret[SHMREG_RESOURCE_SEGMENTS].limit = r->config.max_segments;
		ret[SHMREG_RESOURCE_RESERVED_BYTES].limit = r->config.reserve_budget;
		return 0;
	}
	if (uid != c->uid && !c->admin)
		return refuse(error, EACCES, "uid %u may see its own account, not that of uid %u",
			      c->uid, uid);
	for (int i = 0; i < SHMREG_N_RESOURCES; i++)
		ret[i] = (struct shmreg_usage){
			quota_used(&r->quota, uid, (enum shmreg_resource)i),
			quota_limit(&r->quota, uid, (enum shmreg_resource)i),
		};
	return 0;
}

static int check_set(const struct registry *r, const struct caller *c, const struct segment *s,
		     const struct shmreg_set *in, char *error)
{
	const struct participant *creator;

	if ((in->what & SHMREG_SET_OWNER) &&
	    !policy_may_give(c, segment_owner(s), policy_owner(in->uid, in->gid)))
		return refuse(error, EACCES,
			      "only root may give segment \"%s\" to another uid or to a group "
			      "that uid %u is not in", segment_name(s), c->uid);
	if ((in->what & SHMREG_SET_OWNER) && (in->uid == UINT32_MAX || in->gid == UINT32_MAX))
		return refuse(error, EINVAL, "%u is no uid or gid", UINT32_MAX);
	if ((in->what & SHMREG_SET_MODE) && (in->mode & ~POLICY_MODE_MASK))
		return refuse(error, EINVAL, "mode %04o is none: r and w count, x must not be set",
			      in->mode);
	if (!(in->what & SHMREG_SET_LIFETIME))
		return 0;
	if (in->lifetime > SHMREG_WITH_CREATOR)
		return refuse(error, EINVAL, "lifetime %u is none: 0, 1 and 2 are", in->lifetime);
	creator = registry_find_participant(r, segment_id(s), s->directory.map->creator);
	if (in->lifetime == SHMREG_WITH_CREATOR && (!creator || !creator->process))
		return refuse(error, EINVAL,
			      "segment \"%s\" cannot live with its creator, who is not attached "
			      "(any more)", segment_name(s));
	return 0;
}

int registry_set(struct registry *r, const struct caller *c, const struct shmreg_set *in,
		 char *error)
{
	struct segment *s;
	int e;

	e = registry_find_target(r, c, &in->target, &s, error);
	if (e < 0)
		return e;
	e = registry_check_admin(c, s, "change", error);
	if (e < 0)
		return e;
	e = check_set(r, c, s, in, error);
	if (e < 0)
		return e;
	directory_set(&s->directory,
		      in->what & SHMREG_SET_OWNER ? policy_owner(in->uid, in->gid) :
						    segment_owner(s),
		      in->what & SHMREG_SET_MODE ? in->mode : directory_mode(&s->directory),
		      in->what & SHMREG_SET_LIFETIME ? in->lifetime :
						       directory_lifetime(&s->directory));
	registry_emit(r, SHMREG_EVENT_CHANGED, s, NULL, NULL);
	registry_unsettle(r, s);
	registry_settle(r);
	return 0;
}

bool registry_may_read(struct registry *r, const struct caller *c, uint64_t segment)
{
	const struct segment *s = registry_find(r, segment);

	return s ? registry_access(c, s) != 0 : c->admin;
}
