/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "registry-internal.h"

/* An attachment, and an object of its segment that is LIVE or REMOVED. */
static int find(struct registry *r, const struct caller *c, const struct shmreg_attachment *at,
		uint64_t object, struct participant **ret_participant, struct registry_object *ret,
		char *error)
{
	struct participant *p;
	int64_t index;
	int e;

	e = registry_attached(r, c, at, &p, error);
	/* The epoch that came along may free what it says nobody needs. */
	registry_settle(r);
	if (e < 0)
		return e;
	index = segment_find_object(p->segment, object);
	if (index < 0 && object < p->segment->next_object)
		return refuse(error, ESTALE, "object %" PRIu64 " of segment \"%s\" was removed",
			      object, segment_name(p->segment));
	if (index < 0)
		return refuse(error, ENOENT, "segment \"%s\" has no object %" PRIu64,
			      segment_name(p->segment), object);
	*ret_participant = p;
	*ret = (struct registry_object){ .segment = p->segment, .index = (uint32_t)index };
	return 0;
}

static int check_events(const struct shmreg_dir_object *o, uint32_t events, char *error)
{
	static const struct {
		uint32_t event;
		const char *what;
	} known[] = {
		{ SHMREG_WAIT_ITEMS, "items (SHMREG_WAIT_ITEMS)" },
		{ SHMREG_WAIT_SPACE, "space (SHMREG_WAIT_SPACE)" },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if ((events & known[i].event) &&
		    shmreg_kind_eventcount(o->shape.kind, known[i].event) == 0)
			return refuse(error, EINVAL,
				      "object \"%s\" is %s, and there is no waiting for %s of one",
				      o->name, shmreg_kind_name(o->shape.kind), known[i].what);
	return 0;
}

int registry_watch(struct registry *r, const struct caller *c,
		   const struct shmreg_watch_request *in, struct registry_object *ret, char *error)
{
	const struct shmreg_dir_object *o;
	struct registry_object object;
	struct participant *p;
	int e;

	e = find(r, c, &in->at, in->object, &p, &object, error);
	if (e < 0)
		return e;
	o = segment_object(object.segment, object.index);
	if (o->state != SHMREG_ENTRY_LIVE)
		return refuse(error, ESTALE, "object \"%s\" of segment \"%s\" was removed", o->name,
			      segment_name(object.segment));
	e = check_events(o, in->events, error);
	if (e < 0)
		return e;
	if (!p->read_only && !(in->flags & SHMREG_WATCH_DESCRIPTOR))
		return refuse(error, EINVAL,
			      "segment \"%s\" is attached for writing: who can write says by himself "
			      "that he sleeps, and asks for a DESCRIPTOR only",
			      segment_name(object.segment));
	if (p->read_only) {
		e = segment_watch(object.segment, p, object.index, in->events);
		if (e < 0)
			return refuse(error, e,
				      "object \"%s\" cannot be marked as watched: %s", o->name,
				      strerror(-e));
	}
	*ret = object;
	registry_debug_verify(r);
	return 0;
}

int registry_notify(struct registry *r, const struct caller *c, const struct shmreg_notify *in,
		    struct registry_object *ret, char *error)
{
	struct registry_object object;
	struct participant *p;
	int e;

	e = find(r, c, &in->at, in->object, &p, &object, error);
	if (e < 0)
		return e;
	if (p->read_only)
		return refuse(error, EROFS,
			      "segment \"%s\" is attached read-only, so nothing can be made to happen "
			      "in it", segment_name(object.segment));
	e = check_events(segment_object(object.segment, object.index), in->events, error);
	if (e < 0)
		return e;
	*ret = object;
	return 0;
}

void registry_watch_changed(const struct registry_object *object, uint64_t id)
{
	/* Its entry may be another's by now, or nobody's. */
	if (object->segment->object_ids[object->index] == id)
		directory_raise_watch_generation(&object->segment->directory, object->index);
}

uint32_t registry_watch_generation(const struct registry_object *object)
{
	return shmreg_load_relaxed(
		&segment_object(object->segment, object->index)->watch_generation);
}
