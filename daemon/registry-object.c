/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "registry-internal.h"

int registry_writer(struct registry *r, const struct caller *c,
		    const struct shmreg_attachment *at, struct segment **ret_segment,
		    struct participant **ret, char *error)
{
	struct participant *p = NULL;
	struct segment *s;
	int e;

	if (at->participant == 0) {
		s = registry_find(r, at->segment);
		if (!s || !registry_knows(c, s))
			return refuse(error, ENOENT, "there is no segment %" PRIu64, at->segment);
		e = registry_check_admin(c, s, "without an attachment change objects of", error);
		if (e < 0)
			return e;
	} else {
		e = registry_attached(r, c, at, &p, error);
		if (e < 0)
			return e;
		s = p->segment;
		if (p->read_only)
			return refuse(error, EROFS,
				      "segment \"%s\" is attached read-only; attach for writing to "
				      "create or remove objects", segment_name(s));
	}
	*ret_segment = s;
	*ret = p;
	return 0;
}

/* "a queue of 16 elements, struct event with 64 bytes aligned to 8, flags 0" */
static int mismatch(const struct shmreg_dir_object *o, const struct shmreg_create_object *in,
		    char *error)
{
	const struct shmreg_shape *is = &o->shape, *want = &in->shape;

	if (is->kind == want->kind && is->layout != want->layout)
		return refuse(error, EPROTONOSUPPORT,
			      "object \"%s\" is %s layout %u, the caller knows layout %u", o->name,
			      shmreg_kind_name(is->kind), is->layout, want->layout);
	return refuse(error, EMEDIUMTYPE,
		      "object \"%s\" is %s of %" PRIu64 " x %.31s (%" PRIu64
		      " bytes, align %u, flags %u), not %s of %" PRIu64 " x %.31s (%" PRIu64
		      " bytes, align %u, flags %u)",
		      o->name, shmreg_kind_name(is->kind), is->capacity, o->type_name,
		      is->elem_bytes, is->elem_align, is->flags, shmreg_kind_name(want->kind),
		      want->capacity, in->type_name, want->elem_bytes, want->elem_align,
		      want->flags);
}

static bool fits(const struct shmreg_dir_object *o, const struct shmreg_create_object *in)
{
	const struct shmreg_shape *is = &o->shape, *want = &in->shape;

	return is->kind == want->kind && is->layout == want->layout &&
	       is->flags == want->flags && is->elem_align == want->elem_align &&
	       is->elem_bytes == want->elem_bytes &&
	       (want->capacity == 0 || is->capacity == want->capacity) &&
	       memcmp(is->param, want->param, sizeof(is->param)) == 0 &&
	       strcmp(o->type_name, in->type_name) == 0;
}

static int create_existing(const struct segment *s, const struct participant *p, uint32_t index,
			   const struct shmreg_create_object *in,
			   struct shmreg_create_object_reply *ret, char *error)
{
	const struct shmreg_dir_object *o = segment_object(s, index);
	const bool ours = in->nonce && o->nonce == in->nonce && o->creator == (p ? p->id : 0);

	if (!ours && !(in->flags & SHMREG_OBJECT_OPEN))
		return refuse(error, EEXIST,
			      "segment \"%s\" has an object \"%s\" already, which is %s",
			      segment_name(s), o->name, shmreg_kind_name(o->shape.kind));
	if (!fits(o, in))
		return mismatch(o, in, error);
	*ret = (struct shmreg_create_object_reply){
		.object = o->id,
		.index = index,
		.created = ours,
	};
	return 0;
}

static int no_room(const struct segment *s, uint64_t bytes, uint64_t align, char *error)
{
	const uint64_t n_free = s->extents.free_bytes;
	const uint64_t largest = extents_largest(&s->extents, align);
	const char *wait = s->n_removed ? "; removed objects are still held open" : "";

	if (bytes > n_free)
		return refuse(error, ENOSPC,
			      "segment \"%s\" has %" PRIu64 " of %" PRIu64 " bytes free and the "
			      "object takes %" PRIu64 ": %" PRIu64 " are missing in all%s",
			      segment_name(s), n_free, s->extents.total, bytes, bytes - n_free, wait);
	return refuse(error, ENOSPC,
		      "segment \"%s\" has %" PRIu64 " bytes free, at most %" PRIu64
		      " of them in one piece, and the object takes %" PRIu64 ": %" PRIu64
		      " are missing in one piece%s",
		      segment_name(s), n_free, largest, bytes, bytes - largest, wait);
}

/* Objects are charged to whoever made the segment, whose account is not everybody's to see. */
static int charge_object(struct registry *r, const struct caller *c, const struct segment *s,
			 char *error)
{
	const uint32_t uid = s->directory.map->charged_uid;
	char theirs[SHMREG_ERROR_MAX + 1];
	int e;

	e = quota_charge_one(&r->quota, uid, SHMREG_RESOURCE_OBJECTS, 1, theirs);
	if (e == -EDQUOT && c->uid != uid && !c->admin)
		return refuse(error, e,
			      "segment \"%s\" is charged to uid %" PRIu32 ", who has as many objects as it "
			      "may (%s); remove some", segment_name(s), uid,
			      quota_key(SHMREG_RESOURCE_OBJECTS));
	return e < 0 ? refuse(error, e, "%s", theirs) : 0;
}

static int create_new(struct registry *r, const struct caller *c, struct segment *s,
		      const struct participant *p, const struct shmreg_create_object *in,
		      struct shmreg_create_object_reply *ret, char *error)
{
	const uint32_t uid = s->directory.map->charged_uid;
	struct shmreg_dir_object o = {
		.shape = in->shape,
		.nonce = in->nonce,
		.creator = p ? p->id : 0,
		.created_ns = now_ns(),
	};
	const char *why;
	uint64_t align;
	int64_t index;
	int e;

	e = shmreg_name_check(in->name, SHMREG_OBJECT_NAME_MAX, &why);
	if (e < 0)
		return refuse(error, e, "the object name \"%s\" %s", in->name, why);
	if (in->type_name[0]) {
		e = shmreg_type_name_check(in->type_name, &why);
		if (e < 0)
			return refuse(error, e, "the type name \"%s\" %s", in->type_name, why);
	}
	e = shmreg_shape_bytes(&in->shape, &o.bytes, &align, &why);
	if (e < 0)
		return refuse(error, e, "object \"%s\" %s", in->name, why);
	index = segment_pick_object(s);
	if (index < 0)
		return refuse(error, ENOSPC,
			      "segment \"%s\" has %u objects, the most it was created for "
			      "(max_objects)%s",
			      segment_name(s), s->directory.map->max_objects,
			      s->n_removed ? ", counting removed ones that are still held open" : "");
	e = charge_object(r, c, s, error);
	if (e < 0)
		return e;
	e = extents_alloc(&s->extents, o.bytes, align, &o.offset);
	if (e < 0) {
		quota_uncharge_one(&r->quota, uid, SHMREG_RESOURCE_OBJECTS, 1);
		if (e == -ENOSPC)
			return no_room(s, o.bytes, align, error);
		return refuse(error, e, "shmregd is out of memory");
	}
	directory_copy_name(o.name, in->name, sizeof(o.name));
	directory_copy_name(o.type_name, in->type_name, sizeof(o.type_name));
	segment_add_object(s, (uint32_t)index, &o);
	registry_emit(r, SHMREG_EVENT_OBJECT_CREATED, s, p, &o);
	*ret = (struct shmreg_create_object_reply){
		.object = o.id,
		.index = (uint32_t)index,
		.created = 1,
	};
	return 0;
}

int registry_create_object(struct registry *r, const struct caller *c,
			   const struct shmreg_create_object *in,
			   struct shmreg_create_object_reply *ret, char *error)
{
	struct participant *p;
	struct segment *s;
	int64_t index;
	int e;

	e = registry_writer(r, c, &in->at, &s, &p, error);
	/* The epoch that came along may free what this request needs. */
	registry_settle(r);
	if (e < 0)
		return e;
	index = directory_find_object(&s->directory, in->name);
	if (index >= 0)
		e = create_existing(s, p, (uint32_t)index, in, ret, error);
	else if (segment_has_flag(s, SHMREG_DIR_QUARANTINED))
		e = refuse(error, ENOTRECOVERABLE,
			   "segment \"%s\" is quarantined: its repair failed", segment_name(s));
	else
		e = create_new(r, c, s, p, in, ret, error);
	registry_debug_verify(r);
	return e;
}

static int64_t find_live(const struct segment *s, uint64_t id)
{
	const int64_t i = segment_find_object(s, id);

	return i >= 0 && segment_object(s, (uint32_t)i)->state == SHMREG_ENTRY_LIVE ? i : -1;
}

int registry_remove_object(struct registry *r, const struct caller *c,
			   const struct shmreg_remove_object *in, char *error)
{
	struct participant *p;
	struct segment *s;
	int64_t index;
	int e;

	e = registry_writer(r, c, &in->at, &s, &p, error);
	registry_settle(r);
	if (e < 0)
		return e;
	index = in->object ? find_live(s, in->object) :
			     directory_find_object(&s->directory, in->name);
	if (index < 0) {
		if (in->object)
			e = refuse(error, ENOENT, "segment \"%s\" has no object %" PRIu64,
				   segment_name(s), in->object);
		else
			e = refuse(error, ENOENT, "segment \"%s\" has no object \"%s\"",
				   segment_name(s), in->name);
	} else {
		segment_remove_object(s, (uint32_t)index);
		registry_emit(r, SHMREG_EVENT_OBJECT_REMOVED, s, p,
			      segment_object(s, (uint32_t)index));
		registry_unsettle(r, s);
	}
	registry_settle(r);
	return e;
}
