/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <shmreg/abi/packet.h>
#include <shmreg/abi/verify.h>

#define MODE_MASK UINT32_C(0666)
#define PARTICIPANT_ID_MAX ((UINT64_C(1) << 56) - 1)
#define NUMBER_MAX (UINT64_MAX - 1)

__attribute__((format(printf, 3, 4), cold)) static int refuse(char *error, int code,
							       const char *format, ...)
{
	va_list ap;

	if (error) {
		va_start(ap, format);
		vsnprintf(error, SHMREG_ERROR_MAX + 1, format, ap);
		va_end(ap);
	}
	return -code;
}

static int compare_members(const void *a, const void *b)
{
	const struct shmreg_dir_member *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

int shmreg_dir_members(const struct shmreg_dir *dir, struct shmreg_dir_members *ret)
{
	const struct shmreg_dir_participant *p = shmreg_dir_participants(dir);
	struct shmreg_dir_members m = { 0 };
	size_t n = 0;

	for (uint32_t i = 0; i < dir->max_participants; i++)
		n += p[i].state != SHMREG_ENTRY_FREE;
	m.members = calloc(n + 1, sizeof(*m.members));
	if (!m.members)
		return -ENOMEM;
	for (uint32_t i = 0; i < dir->max_participants; i++)
		if (p[i].state != SHMREG_ENTRY_FREE)
			m.members[m.n++] = (struct shmreg_dir_member){ .id = p[i].id, .index = i };
	qsort(m.members, m.n, sizeof(*m.members), compare_members);
	*ret = m;
	return 0;
}

struct shmreg_dir_member *shmreg_dir_member_find(const struct shmreg_dir_members *m, uint64_t id)
{
	const struct shmreg_dir_member key = { .id = id };

	return bsearch(&key, m->members, m->n, sizeof(key), compare_members);
}

static bool terminated(const char *field, size_t size)
{
	return memchr(field, 0, size) != NULL;
}

static bool mode_lifetime_valid(uint32_t word)
{
	return !(word & 0xffff & ~MODE_MASK) && word >> 16 <= SHMREG_WITH_CREATOR;
}

static int check_head(const struct shmreg_dir *m, char *error)
{
	const char *why = "is not terminated";

	if (m->segment == 0 || m->registry == 0)
		return refuse(error, EBADMSG, "the directory has no segment or registry id");
	if (m->last_segment > NUMBER_MAX || m->segment > NUMBER_MAX)
		return refuse(error, EBADMSG, "the directory's segment id is beyond all");
	if (!terminated(m->name, sizeof(m->name)) ||
	    shmreg_name_check(m->name, SHMREG_SEGMENT_NAME_MAX, &why) < 0)
		return refuse(error, EBADMSG, "the directory's segment name %s", why);
	if (m->data_bytes == 0 || m->data_bytes > SHMREG_DATA_BYTES_MAX || m->data_bytes % 4096)
		return refuse(error, EBADMSG, "the directory's data area has %" PRIu64 " bytes",
			      m->data_bytes);
	if (m->state != SHMREG_DIR_LIVE && m->state != SHMREG_DIR_REMOVED)
		return refuse(error, EBADMSG, "the directory's state is %u", m->state);
	if (m->flags & ~(SHMREG_DIR_ORPHANED | SHMREG_DIR_QUARANTINED))
		return refuse(error, EBADMSG, "the directory's flags are %#x", m->flags);
	if (!mode_lifetime_valid(m->mode_lifetime) || m->set_pending > 1 ||
	    (m->set_pending && !mode_lifetime_valid(m->set_mode_lifetime)))
		return refuse(error, EBADMSG, "the directory's mode or lifetime is none");
	if (m->create_flags & ~(SHMREG_CREATE_RESERVE | SHMREG_CREATE_OPEN |
				SHMREG_CREATE_DETACHED))
		return refuse(error, EBADMSG, "the directory's create_flags are %#x",
			      m->create_flags);
	if (shmreg_placement_check(&m->placement, m->create_flags, &why) < 0)
		return refuse(error, EBADMSG, "the directory's placement cannot be: %s", why);
	if (m->page_bytes && (m->page_bytes != shmreg_huge_bytes(m->placement.huge) || m->huge_error ||
			      m->data_bytes % m->page_bytes))
		return refuse(error, EBADMSG, "the directory's pages of %u bytes cannot be",
			      m->page_bytes);
	if (m->creator > PARTICIPANT_ID_MAX)
		return refuse(error, EBADMSG, "the directory's creator is no participant");
	/* One removal may have raised an entry's number and not yet this one. */
	if (m->removal_epoch >= NUMBER_MAX)
		return refuse(error, EBADMSG, "the directory's removal epoch is beyond all");
	return 0;
}

static int check_participants(const struct shmreg_dir *dir, const struct shmreg_dir_members *members,
			      char *error)
{
	const struct shmreg_dir_participant *p = shmreg_dir_participants(dir);

	for (uint32_t i = 0; i < dir->max_participants; i++) {
		if (p[i].id > PARTICIPANT_ID_MAX || p[i].state > SHMREG_ENTRY_DEAD)
			return refuse(error, EBADMSG, "participant entry %u makes no sense", i);
		if (p[i].state == SHMREG_ENTRY_FREE)
			continue;
		if (p[i].id == 0 || (p[i].pid == 0 && p[i].pidfd_inode == 0) ||
		    !terminated(p[i].name, sizeof(p[i].name)) ||
		    p[i].epoch > dir->removal_epoch ||
		    (p[i].flags & ~(SHMREG_PARTICIPANT_READ_ONLY | SHMREG_PARTICIPANT_LEFT |
				    SHMREG_PARTICIPANT_WATCHES)) ||
		    ((p[i].flags & SHMREG_PARTICIPANT_WATCHES) &&
		     !(p[i].flags & SHMREG_PARTICIPANT_READ_ONLY)))
			return refuse(error, EBADMSG, "participant entry %u makes no sense", i);
	}
	for (size_t i = 1; i < members->n; i++)
		if (members->members[i].id == members->members[i - 1].id)
			return refuse(error, EBADMSG, "participant %" PRIu64 " is there twice",
				      members->members[i].id);
	return 0;
}

static int check_seats(const struct shmreg_dir *dir, const struct shmreg_dir_members *members,
		       char *error)
{
	const struct shmreg_dir_participant *p = shmreg_dir_participants(dir);
	const uint64_t *seats = shmreg_dir_seats(dir);

	for (uint32_t i = 0; i < SHMREG_SEATS; i++) {
		const uint64_t state = (seats[i] & SHMREG_SEAT_STATE_MASK);
		const struct shmreg_dir_member *m;

		if (seats[i] == SHMREG_SEAT_FREE)
			continue;
		if (i == 0 || (state != SHMREG_SEAT_LIVE && state != SHMREG_SEAT_DEAD) ||
		    seats[i] >> SHMREG_SEAT_PARTICIPANT_SHIFT == 0)
			return refuse(error, EBADMSG, "seat %u makes no sense", i);
		m = shmreg_dir_member_find(members, seats[i] >> SHMREG_SEAT_PARTICIPANT_SHIFT);
		if (!m && state == SHMREG_SEAT_LIVE)
			continue;	/* of an attachment that was never committed */
		if (!m || (p[m->index].flags & SHMREG_PARTICIPANT_READ_ONLY) ||
		    (state == SHMREG_SEAT_DEAD && p[m->index].state == SHMREG_ENTRY_LIVE))
			return refuse(error, EBADMSG, "seat %u contradicts its participant", i);
	}
	return 0;
}

static bool watch_events_valid(const struct shmreg_dir_object *o)
{
	uint32_t left = o->watch_events;

	if (shmreg_kind_eventcount(o->shape.kind, SHMREG_WAIT_ITEMS))
		left &= ~SHMREG_WAIT_ITEMS;
	if (shmreg_kind_eventcount(o->shape.kind, SHMREG_WAIT_SPACE))
		left &= ~SHMREG_WAIT_SPACE;
	return left == 0;
}

static int check_object(const struct shmreg_dir *m, const struct shmreg_dir_object *o,
			uint32_t index, char *error)
{
	const char *why = "is not terminated";
	uint64_t bytes, align;

	if (o->state > SHMREG_ENTRY_REMOVED || o->id > NUMBER_MAX)
		return refuse(error, EBADMSG, "object entry %u makes no sense", index);
	if (o->state == SHMREG_ENTRY_FREE)
		return 0;
	if (o->id == 0 || o->creator > PARTICIPANT_ID_MAX ||
	    o->removed_epoch > m->removal_epoch + 1 ||
	    (o->state == SHMREG_ENTRY_REMOVED && o->removed_epoch == 0))
		return refuse(error, EBADMSG, "object entry %u makes no sense", index);
	if (!terminated(o->name, sizeof(o->name)) ||
	    shmreg_name_check(o->name, SHMREG_OBJECT_NAME_MAX, &why) < 0)
		return refuse(error, EBADMSG, "object entry %u: the name %s", index, why);
	if (!terminated(o->type_name, sizeof(o->type_name)) ||
	    (o->type_name[0] && shmreg_type_name_check(o->type_name, &why) < 0))
		return refuse(error, EBADMSG, "object entry %u: the type name %s", index, why);
	if (shmreg_shape_bytes(&o->shape, &bytes, &align, &why) < 0)
		return refuse(error, EBADMSG, "object entry %u %s", index, why);
	if (o->bytes != bytes || o->offset % align || bytes > m->data_bytes ||
	    o->offset > m->data_bytes - bytes)
		return refuse(error, EBADMSG, "object entry %u does not lie in the data area", index);
	if (!watch_events_valid(o))
		return refuse(error, EBADMSG, "object entry %u is watched for what it has not",
			      index);
	return 0;
}

static int compare_object_ids(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static int check_objects(const struct shmreg_dir *dir, char *error)
{
	const struct shmreg_dir_object *objects = shmreg_dir_objects(dir);
	uint64_t *ids;
	size_t n = 0;
	int r = 0;

	ids = calloc(dir->max_objects, sizeof(*ids));
	if (!ids)
		return refuse(error, ENOMEM, "no memory is left");
	for (uint32_t i = 0; i < dir->max_objects && r == 0; i++) {
		r = check_object(dir, &objects[i], i, error);
		if (objects[i].state != SHMREG_ENTRY_FREE)
			ids[n++] = objects[i].id;
	}
	qsort(ids, n, sizeof(*ids), compare_object_ids);
	for (size_t i = 1; i < n && r == 0; i++)
		if (ids[i] == ids[i - 1])
			r = refuse(error, EBADMSG, "object %" PRIu64 " is there twice", ids[i]);
	free(ids);
	return r;
}

static uint32_t bucket_of(const struct shmreg_dir *dir, const char *name)
{
	return shmreg_name_hash(name) & (dir->n_buckets - 1);
}

/* In a bucket whose chain was seen to end, or to lead to the object looked for. */
static int64_t find(const struct shmreg_dir *dir, const char *name)
{
	const struct shmreg_dir_object *objects = shmreg_dir_objects(dir);
	uint32_t link = shmreg_dir_buckets(dir)[bucket_of(dir, name)];

	for (; link; link = objects[link - 1].next)
		if (objects[link - 1].state == SHMREG_ENTRY_LIVE &&
		    strcmp(objects[link - 1].name, name) == 0)
			return link - 1;
	return -1;
}

/* Chains end, stay in their bucket, and hold nothing that is FREE; names are unique. */
static int check_index(const struct shmreg_dir *dir, bool *linked, char *error)
{
	const struct shmreg_dir_object *objects = shmreg_dir_objects(dir);
	const uint32_t *buckets = shmreg_dir_buckets(dir);

	for (uint32_t b = 0; b < dir->n_buckets; b++) {
		for (uint32_t link = buckets[b]; link; link = objects[link - 1].next) {
			const struct shmreg_dir_object *o;

			if (link > dir->max_objects || linked[link - 1])
				return refuse(error, EBADMSG, "bucket %u does not end", b);
			o = &objects[link - 1];
			linked[link - 1] = true;
			if (o->state == SHMREG_ENTRY_FREE ||
			    bucket_of(dir, o->name) != b)
				return refuse(error, EBADMSG, "bucket %u holds a stranger", b);
			if (o->state == SHMREG_ENTRY_LIVE &&
			    find(dir, o->name) != (int64_t)link - 1)
				return refuse(error, EBADMSG, "object \"%s\" is there twice",
					      o->name);
		}
	}
	/* At most one can have been committed and not yet linked. */
	for (uint32_t i = 0, n_unlinked = 0; i < dir->max_objects; i++)
		if (objects[i].state == SHMREG_ENTRY_LIVE && !linked[i] &&
		    (n_unlinked++ || find(dir, objects[i].name) >= 0))
			return refuse(error, EBADMSG, "object \"%s\" is not in the index",
				      objects[i].name);
	return 0;
}

int shmreg_dir_verify(const struct shmreg_dir *dir, char *error)
{
	struct shmreg_dir_members members;
	bool *linked;
	int r;

	r = check_head(dir, error);
	if (r < 0)
		return r;
	if (shmreg_dir_members(dir, &members) < 0)
		return refuse(error, ENOMEM, "no memory is left");
	r = check_participants(dir, &members, error);
	if (r == 0)
		r = check_seats(dir, &members, error);
	free(members.members);
	if (r == 0)
		r = check_objects(dir, error);
	if (r < 0)
		return r;
	linked = calloc(dir->max_objects, sizeof(*linked));
	if (!linked)
		return refuse(error, ENOMEM, "no memory is left");
	r = check_index(dir, linked, error);
	free(linked);
	return r;
}
