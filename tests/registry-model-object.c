/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "registry-model.h"

void check_pattern(const struct m_segment *m, const struct m_object *o, uint8_t pattern)
{
	struct segment *s = registry_find(r, m->id);
	uint8_t *bytes = malloc(o->bytes);

	ck_assert_ptr_nonnull(s);
	ck_assert_ptr_nonnull(bytes);
	ck_assert_int_eq(pread(segment_data_fd(s), bytes, o->bytes, (off_t)o->offset),
			 (ssize_t)o->bytes);
	/* Not an assertion a byte: Check writes a record of each. */
	for (uint64_t i = 0; i < o->bytes; i++)
		if (bytes[i] != pattern)
			ck_abort_msg("round %lu, %s: object %s byte %u is %u not %u",
			      round_now, step, o->name, (unsigned)i, bytes[i], pattern);
	free(bytes);
}

static void write_pattern(const struct m_segment *m, const struct m_object *o)
{
	uint8_t *bytes = malloc(o->bytes);

	ck_assert_ptr_nonnull(bytes);
	memset(bytes, o->pattern, o->bytes);
	ck_assert_int_eq(pwrite(segment_data_fd(registry_find(r, m->id)), bytes, o->bytes,
				(off_t)o->offset), (ssize_t)o->bytes);
	free(bytes);
}

void do_create_object(void)
{
	struct m_segment *m = pick_segment(true);
	struct shmreg_create_object in = { .nonce = random_next(&rnd) | 1 };
	struct shmreg_create_object_reply reply, again;
	const struct shmreg_dir_object *entry;
	const uint64_t bytes = below(3) ? 1 + below(9000) : 1 + below(DATA_BYTES + 5000);
	struct m_object *o = NULL;
	int process, want, n = 0, got;
	struct m_participant *p = pick_participant(m, &in.at, &process);

	snprintf(in.name, sizeof(in.name), "o%u", (unsigned)below(N_ENTRIES + 2));
	snprintf(in.type_name, sizeof(in.type_name), "char");
	in.shape = below(3) ? fixture_array(bytes) : fixture_object_queue(77);
	in.flags = (uint32_t)below(2);
	if (below(8) == 0) {
		in.at.participant = 0;
		want = !m->used ? -ENOENT : predict_admin(m, &processes[process]);
	} else {
		want = predict_attached(m, p, &in.at, process);
		if (want == 0 && p->read_only)
			want = -EROFS;
	}
	if (m->used)
		settle(m);
	if (want == 0) {
		for (int i = 0; i < N_ENTRIES; i++) {
			n += m->objects[i].used;
			if (m->objects[i].used && !m->objects[i].removed &&
			    strcmp(m->objects[i].name, in.name) == 0)
				o = &m->objects[i];
		}
		if (o && !(in.flags & SHMREG_OBJECT_OPEN))
			want = -EEXIST;
		else if (o && below(2))
			in.shape.capacity = 0;		/* any */
		else if (o)
			want = -EMEDIUMTYPE;
		else if (m->quarantined)
			want = -ENOTRECOVERABLE;
		else if (n == N_ENTRIES || in.shape.capacity > DATA_BYTES - bytes_used(m))
			want = -ENOSPC;
	}
	if (o && want == 0 && o->queue != (in.shape.kind == SHMREG_KIND_QUEUE))
		want = -EMEDIUMTYPE;
	if (o && want == -EMEDIUMTYPE &&
	    memcmp(&shmreg_dir_objects(segment_dir(registry_find(r, m->id)))[o->index].shape,
		   &in.shape, sizeof(in.shape)) == 0)
		want = 0;
	got = registry_create_object(r, &processes[process], &in, &reply, fixture_error);
	/* Fragments, and rounding, the model leaves to the allocator. */
	if (want == 0 && !o && got == -ENOSPC) {
		ck_assert_msg(strstr(fixture_error, "missing in") != NULL, "%s", fixture_error);
		return;
	}
	EXPECT(got, want);
	if (want < 0)
		return;
	EXPECT(registry_create_object(r, &processes[process], &in, &again, fixture_error), 0);
	ck_assert_int_eq(memcmp(&reply, &again, sizeof(reply)), 0);
	ck_assert_uint_eq(reply.created, o == NULL);
	if (o) {
		ck_assert_uint_eq(reply.object, o->id);
		return;
	}
	for (int i = 0; i < N_ENTRIES; i++)
		ck_assert_uint_lt(m->objects[i].id, reply.object);
	o = &m->objects[reply.index];
	ck_assert(!o->used);
	entry = &shmreg_dir_objects(segment_dir(registry_find(r, m->id)))[reply.index];
	*o = (struct m_object){
		.used = true,
		.id = reply.object,
		.offset = entry->offset,
		.bytes = entry->bytes,
		.queue = in.shape.kind == SHMREG_KIND_QUEUE,
		.index = reply.index,
		.pattern = (uint8_t)(1 + below(255)),
	};
	memcpy(o->name, in.name, sizeof(o->name));
	check_pattern(m, o, 0);
	write_pattern(m, o);
}

void do_remove_object(void)
{
	struct m_segment *m = pick_segment(true);
	struct shmreg_remove_object in = { 0 };
	struct m_object *o = &m->objects[below(N_ENTRIES)];
	int process, want;
	struct m_participant *p = pick_participant(m, &in.at, &process);

	want = predict_attached(m, p, &in.at, process);
	if (want == 0 && p->read_only)
		want = -EROFS;
	if (below(2))
		in.object = o->id ? o->id : 77777;
	snprintf(in.name, sizeof(in.name), "%s", o->name[0] ? o->name : "nothing");
	if (want == 0 && (!o->used || o->removed)) {
		want = -ENOENT;
		for (int i = 0; i < N_ENTRIES && !in.object; i++)
			if (m->objects[i].used && !m->objects[i].removed &&
			    strcmp(m->objects[i].name, in.name) == 0) {
				o = &m->objects[i];
				want = 0;
			}
	}
	EXPECT(registry_remove_object(r, &processes[process], &in, fixture_error), want);
	if (want == 0) {
		o->removed = true;
		o->epoch = ++m->removal_epoch;
	}
	if (m->used)
		settle(m);
}
