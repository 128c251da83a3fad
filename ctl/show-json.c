/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <stdio.h>

#include "file.h"
#include "info.h"
#include "kind.h"
#include "placement.h"
#include "show-json.h"

const char *participant_state(const struct shmreg_dir_participant *p)
{
	if (p->state == SHMREG_ENTRY_LIVE)
		return "live";
	return p->flags & SHMREG_PARTICIPANT_LEFT ? "left, to be repaired"
						  : "dead, to be repaired";
}

static void rates(struct json *j, const struct snapshot *s, const struct snapshot *before,
		  const struct snapshot_object *o)
{
	const struct snapshot_fact *facts = kind_of(o)->facts;
	double rate;

	json_open_object(j, "rates");
	for (size_t i = 0; facts[i].name; i++)
		if (snapshot_rate(before, s, o, &facts[i], i, &rate))
			json_decimal(j, facts[i].rate, rate);
	json_close(j);
}

static void object(struct json *j, const struct snapshot *s, const struct snapshot *before,
		   const struct snapshot_object *o)
{
	const struct shmreg_dir_object *e = &o->entry;
	const struct kind *kind = kind_of(o);

	json_open_object(j, NULL);
	json_string(j, "name", e->name);
	json_number(j, "object", e->id);
	json_string(j, "kind", shmreg_kind_name(e->shape.kind));
	json_string(j, "type", e->type_name[0] ? e->type_name : NULL);
	json_string(j, "state", e->state == SHMREG_ENTRY_REMOVED ? "removed" : "live");
	json_number(j, "layout", e->shape.layout);
	json_number(j, "elem_bytes", e->shape.elem_bytes);
	json_number(j, "elem_align", e->shape.elem_align);
	json_number(j, "capacity", e->shape.capacity);
	json_number(j, "offset", e->offset);
	json_number(j, "bytes", e->bytes);
	json_number(j, "creator", e->creator);
	json_number(j, "created_ns", e->created_ns);
	if (kind->json_manner)
		kind->json_manner(j, s, &e->shape);
	for (size_t i = 0; o->read && kind->facts[i].name; i++)
		json_number(j, kind->facts[i].name, o->value[i]);
	if (before)
		rates(j, s, before, o);
	json_close(j);
}

static void participant(struct json *j, const struct snapshot *s,
			const struct shmreg_dir_participant *p)
{
	json_open_object(j, NULL);
	json_number(j, "participant", p->id);
	json_number(j, "pid", p->pid);
	json_string(j, "client", p->name);
	json_number(j, "uid", p->uid);
	json_number(j, "gid", p->gid);
	json_string(j, "access", p->flags & SHMREG_PARTICIPANT_READ_ONLY ? "read" : "write");
	json_string(j, "state", p->state == SHMREG_ENTRY_LIVE	    ? "live"
				: p->flags & SHMREG_PARTICIPANT_LEFT ? "left"
								    : "dead");
	json_number(j, "attached_ns", p->attached_ns);
	json_open_array(j, "seats");
	for (uint32_t i = 1; i < SHMREG_SEATS; i++)
		if (s->seats[i] >> SHMREG_SEAT_PARTICIPANT_SHIFT == p->id &&
		    (s->seats[i] & SHMREG_SEAT_STATE_MASK) != SHMREG_SEAT_FREE)
			json_number(j, NULL, i);
	json_close(j);
	json_close(j);
}

static void holder(struct json *j, const struct snapshot *s, const struct snapshot_holder *h)
{
	const struct shmreg_dir_participant *p = snapshot_seat(s, h->seat);

	json_open_object(j, NULL);
	json_string(j, "object", s->objects[h->object].entry.name);
	json_string(j, "role", h->role);
	for (size_t i = 0; h->facts[i].name; i++)
		json_number(j, h->facts[i].name, h->value[i]);
	if (h->queue)
		json_string(j, "queue", h->queue);
	if (h->seat)
		json_number(j, "seat", h->seat);
	else
		json_null(j, "seat");
	if (p) {
		json_number(j, "participant", p->id);
		json_number(j, "pid", p->pid);
		json_string(j, "client", p->name);
	}
	json_close(j);
}

void show_json(const struct snapshot *s, const struct snapshot *before,
	       const struct shmreg_segment *file, const struct pages *pages)
{
	struct json j;

	json_init(&j, stdout);
	json_open_object(&j, NULL);
	info_json(&j, &s->info);
	if (file)
		file_json(&j, file);
	json_number(&j, "dir_bytes", s->header.dir_bytes);
	json_number(&j, "max_objects", s->header.max_objects);
	json_number(&j, "max_participants", s->header.max_participants);
	json_number(&j, "max_seats", SHMREG_SEATS - 1);
	placement_json(&s->header, pages, &j);
	if (before)
		json_number(&j, "interval_ns", s->read_ns - before->read_ns);
	json_open_array(&j, "objects");
	for (size_t i = 0; i < s->n_objects; i++)
		object(&j, s, before, &s->objects[i]);
	json_close(&j);
	json_open_array(&j, "participants");
	for (size_t i = 0; i < s->n_participants; i++)
		participant(&j, s, &s->participants[i]);
	json_close(&j);
	if (s->attached) {
		json_open_array(&j, "holders");
		for (size_t i = 0; i < s->n_holders; i++)
			holder(&j, s, &s->holders[i]);
		json_close(&j);
	} else {
		json_null(&j, "holders");
		json_string(&j, "occupancy_error", s->why_not);
	}
	json_close(&j);
	json_end(&j);
}
