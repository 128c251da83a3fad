/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <string.h>

#include "registry-internal.h"

void registry_emit_event(struct registry *r, struct shmreg_event *event)
{
	event->time_ns = now_ns();
	r->ops.event(r->data, event);
}

void registry_emit(struct registry *r, enum shmreg_event_kind kind, const struct segment *s,
		   const struct participant *p, const struct shmreg_dir_object *o)
{
	struct shmreg_event event = {
		.kind = kind,
		.segment = segment_id(s),
	};

	memcpy(event.segment_name, s->directory.map->name, sizeof(event.segment_name));
	if (p) {
		const struct shmreg_dir_participant *e = participant_entry(p);

		event.participant = e->id;
		event.pid = e->pid;
		event.uid = e->uid;
		memcpy(event.client_name, e->name, sizeof(event.client_name));
	}
	if (o) {
		event.object = o->id;
		memcpy(event.object_name, o->name, sizeof(event.object_name));
	}
	registry_emit_event(r, &event);
}
