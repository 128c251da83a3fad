/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "object.h"
#include "params.h"
#include "segment.h"

int object_refuse_read_only(struct shmreg_segment *s, const char *name, const char *instead)
{
	int r;

	r = segment_usable(s);
	if (r < 0)
		return r;
	if (s->read_only)
		return error_set(-EROFS, "object '%s' could be written through this handle, and segment "
				 "'%s' is attached read-only: %s opens it for reading",
				 name != NULL ? name : "", s->name, instead);
	return 0;
}

/* "queue of 64 x 'struct job' (48 bytes, aligned to 8), layout 1" */
static const char *describe(char *buffer, size_t size, const struct shmreg_shape *shape,
			    const char *type_name)
{
	char n[32] = "any number", bytes[64] = "any size";

	if (shape->capacity != 0)
		snprintf(n, sizeof(n), "%" PRIu64, shape->capacity);
	if (shape->elem_bytes != 0)
		snprintf(bytes, sizeof(bytes), "%" PRIu64 " bytes, aligned to %u", shape->elem_bytes,
			 shape->elem_align);
	if (shmreg_shape_is_object_queue(shape))
		snprintf(bytes, sizeof(bytes), "objects of pool %" PRIu64, shmreg_shape_pool(shape));
	snprintf(buffer, size, "%s of %s x '%s' (%s), flags %#x", shmreg_kind_name(shape->kind), n,
		 type_name != NULL && *type_name != '\0' ? type_name : "(no type)", bytes,
		 shape->flags);
	return buffer;
}

static bool same_type(const char *recorded, const char *wanted)
{
	return wanted == NULL || *wanted == '\0' || strcmp(recorded, wanted) == 0;
}

/*
 * A queue of a pool's objects is no other kind of queue, except for those who only look: they
 * bring no seat.
 */
static bool same_purpose(const struct shmreg_shape *is, const struct shmreg_shape *shape,
			 uint32_t how)
{
	if (!shmreg_shape_is_object_queue(is) && !shmreg_shape_is_object_queue(shape))
		return true;
	if ((how & SHMREG_OBJECT_SEAT) == 0)
		return true;
	return shmreg_shape_is_object_queue(is) && shmreg_shape_is_object_queue(shape) &&
	       memcmp(is->param, shape->param, sizeof(is->param)) == 0;
}

/* Is what is there what the application was compiled for? */
static int check_match(const struct shmreg_segment *s, const struct shmreg_dir_object *entry,
		       uint32_t how, const struct shmreg_shape *shape, const char *type_name)
{
	const struct shmreg_shape *is = &entry->shape;
	char there[192], wanted[192];

	if (is->kind == shape->kind && is->layout != shape->layout)
		return error_set(-EPROTONOSUPPORT, "%s '%s' in segment '%s' has layout %u, the program "
				 "was compiled for layout %u: compile both sides with headers of one "
				 "version", shmreg_kind_name(is->kind), entry->name, s->name,
				 is->layout, shape->layout);
	if (is->kind == shape->kind && same_type(entry->type_name, type_name) &&
	    same_purpose(is, shape, how) &&
	    (shape->elem_bytes == 0 ||
	     (is->elem_bytes == shape->elem_bytes && is->elem_align == shape->elem_align)) &&
	    (shape->capacity == 0 ||
	     (is->capacity == shape->capacity && is->flags == shape->flags &&
	      memcmp(is->param, shape->param, sizeof(is->param)) == 0)))
		return 0;
	return error_set(-EMEDIUMTYPE, "object '%s' in segment '%s' is: %s; the program wants: %s",
			 entry->name, s->name, describe(there, sizeof(there), is, entry->type_name),
			 describe(wanted, sizeof(wanted), shape, type_name));
}

int object_check_name(struct shmreg_segment *s, const char *name)
{
	const int r = segment_usable(s);

	return r < 0 ? r : params_check_object_name(name);
}

static int check_arguments(struct shmreg_segment *s, uint32_t how, const char *name,
			   const struct shmreg_shape *shape, const char *type_name,
			   size_t handle_bytes)
{
	const char *why;
	int r;

	r = object_check_name(s, name);
	if (r < 0)
		return r;
	if (type_name != NULL && *type_name != '\0') {
		r = shmreg_type_name_check(type_name, &why);
		if (r < 0)
			return error_set(r, "the type's name '%.160s' %s", type_name, why);
	}
	if (shape->kind == SHMREG_KIND_NONE || shape->kind > SHMREG_KIND_MAX ||
	    (how & (SHMREG_OBJECT_CREATE | SHMREG_OBJECT_ATTACH)) == 0 ||
	    handle_bytes < sizeof(struct shmreg_handle) || handle_bytes > ARENA_SLOT_MAX)
		return error_set(-EINVAL, "shmreg_object_open() of kind %u, how %#x, with a handle of "
				 "%zu bytes: a bug in the inline wrapper", shape->kind, how,
				 handle_bytes);
	/* acquire: only so that the sentence is not older than the flag's cause */
	if ((shmreg_load_acquire(&s->dir->flags) & SHMREG_DIR_QUARANTINED) != 0)
		return error_set(-ENOTRECOVERABLE, "segment '%s' is quarantined: its repair failed "
				 "repeatedly, see shmregd's log; remove it and create it again",
				 s->name);
	return 0;
}

static int create(struct shmreg_segment *s, uint32_t how, const char *name,
		  const struct shmreg_shape *shape, const char *type_name, uint32_t *ret_index,
		  uint64_t *ret_object)
{
	struct connection_call call = { .request.header.type = SHMREG_PACKET_CREATE_OBJECT };
	struct shmreg_create_object *in = &call.request.u.create_object;
	uint64_t bytes, align;
	const char *why;
	int r;

	if (s->read_only)
		return error_set(-EROFS, "object '%s' is not in segment '%s', which is attached "
				 "read-only: attach it with SHMREG_ACCESS_WRITE to create", name,
				 s->name);
	r = shmreg_shape_bytes(shape, &bytes, &align, &why);
	if (r < 0)
		return error_set(r, "%s '%s' in segment '%s' %s", shmreg_kind_name(shape->kind), name,
				 s->name, why);
	in->nonce = connection_nonce(s->connection);
	in->flags = (how & SHMREG_OBJECT_ATTACH) != 0 ? SHMREG_OBJECT_OPEN : 0;
	in->shape = *shape;
	snprintf(in->name, sizeof(in->name), "%s", name);
	snprintf(in->type_name, sizeof(in->type_name), "%s", type_name != NULL ? type_name : "");
	r = segment_call(s, &call);
	if (r < 0)
		return r;
	connection_call_done(&call);
	if (call.reply.u.create_object.index >= s->dir->max_objects)
		return error_set(-EBADMSG, "shmregd created '%s' in an entry that there is not", name);
	*ret_index = call.reply.u.create_object.index;
	*ret_object = call.reply.u.create_object.object;
	return 0;
}

/* Look-up, check and handle in one critical section (E3 in object-handle.c). Return: as object_open(), or -EAGAIN. */
static int open_found(struct shmreg_segment *s, struct shmreg_handle **ret, uint32_t how,
		      const char *name, const struct shmreg_shape *shape, const char *type_name,
		      size_t handle_bytes, uint64_t created)
{
	struct shmreg_dir_object entry;
	char there[192];
	uint32_t index;
	int r;

	pthread_mutex_lock(&s->mutex);
	r = shmreg_dir_find(s->dir, name, &entry, &index);
	if (r == 0) {
		if ((how & SHMREG_OBJECT_ATTACH) == 0 && entry.id != created)
			r = error_set(-EEXIST, "object '%s' is in segment '%s' already: %s; open it, "
				      "remove it, or use another name", name, s->name,
				      describe(there, sizeof(there), &entry.shape, entry.type_name));
		else
			r = check_match(s, &entry, how, shape, type_name);
		if (r == 0)
			r = object_handle_new(s, ret, &entry, index, how, handle_bytes);
		if (r == -EBADMSG)
			r = error_set(r, "the directory's entry of object '%s' in segment '%s' makes no "
				      "sense", name, s->name);
		else if (r == -ENOMEM || r == -ENOSYS)
			r = error_set(r, "cannot have memory for a handle: %s", strerror(-r));
	} else if (r == -EAGAIN) {
		r = error_set(-EBUSY, "the objects of segment '%s' change faster than one can be looked "
			      "up", s->name);
	}
	pthread_mutex_unlock(&s->mutex);
	return r;
}

/*
 * An object that was created or found may be removed before it is opened, by
 * somebody else each time; this often is somebody's intent.
 */
#define REMOVED_MAX 100

int shmreg_object_open(struct shmreg_segment *segment, struct shmreg_handle **ret, uint32_t how,
		       const char *name, const struct shmreg_shape *shape, const char *type_name,
		       size_t handle_bytes)
{
	uint64_t created = 0;
	unsigned int removed = 0;
	uint32_t index;
	int r;

	r = check_arguments(segment, how, name, shape, type_name, handle_bytes);
	if (r < 0)
		return r;
	segment_quiesce(segment);
	for (;;) {
		r = open_found(segment, ret, how, name, shape, type_name, handle_bytes, created);
		if (r == -EAGAIN) {
			/* Each time round we have a seat more, or an error. */
			r = segment_more_seats(segment);
			if (r < 0)
				return r;
			continue;
		}
		if (r != -ENOENT)
			return r;
		if ((how & SHMREG_OBJECT_CREATE) == 0)
			return error_set(-ENOENT, "there is no object '%s' in segment '%s'; "
					 "'shmregctl show %s' lists what there is", name,
					 segment->name, segment->name);
		if (removed++ == REMOVED_MAX)
			return error_set(-ESTALE, "object '%s' in segment '%s' was removed as often as "
					 "it was created, %d times", name, segment->name,
					 REMOVED_MAX);
		r = create(segment, how, name, shape, type_name, &index, &created);
		/*
		 * Somebody else has just created it, differently: look again, for what we
		 * left open the daemon cannot know.
		 */
		if (r < 0 && !(r == -EMEDIUMTYPE && (how & SHMREG_OBJECT_ATTACH) != 0))
			return r;
	}
}

int shmreg_object_remove(struct shmreg_segment *segment, const char *name)
{
	struct connection_call call = { .request.header.type = SHMREG_PACKET_REMOVE_OBJECT };
	struct shmreg_dir_object entry;
	int r;

	r = object_check_name(segment, name);
	if (r < 0)
		return r;
	if (segment->read_only)
		return error_set(-EROFS, "segment '%s' is attached read-only, so object '%s' cannot be "
				 "removed through it", segment->name, name);
	/* By id: repeated after a lost answer it cannot hit a new object of the same name. */
	r = shmreg_dir_find(segment->dir, name, &entry, NULL);
	if (r == -ENOENT)
		return error_set(r, "there is no object '%s' in segment '%s'", name, segment->name);
	if (r < 0)
		return error_set(-EBUSY, "the objects of segment '%s' change faster than one can be "
				 "looked up", segment->name);
	call.request.u.remove_object.object = entry.id;
	r = segment_call(segment, &call);
	if (r == -ENOENT && call.n_lost > 0)
		r = 0; /* carried out by a daemon that could not say so any more */
	if (r < 0)
		return r;
	connection_call_done(&call);
	/* If no handle of ours is left, the daemon may as well know at once. */
	segment_quiesce(segment);
	return 0;
}
