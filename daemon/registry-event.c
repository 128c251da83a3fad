/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <string.h>

#include "probe.h"
#include "registry-internal.h"

/* What tracers see is what subscribers are told. */
static void probe(const struct shmreg_event *e)
{
	switch (e->kind) {
	case SHMREG_EVENT_CREATED:
		PROBE4(create, e->segment, e->segment_name, e->pid, e->uid);
		break;
	case SHMREG_EVENT_REMOVED:
		PROBE4(remove, e->segment, e->segment_name, e->pid, e->uid);
		break;
	case SHMREG_EVENT_ATTACHED:
		PROBE5(attach, e->segment, e->participant, e->pid, e->uid, e->client_name);
		break;
	case SHMREG_EVENT_DETACHED:
		PROBE5(detach, e->segment, e->participant, e->pid, e->uid, e->client_name);
		break;
	case SHMREG_EVENT_DIED:
		PROBE5(death, e->segment, e->participant, e->pid, e->uid, e->client_name);
		break;
	case SHMREG_EVENT_REPAIRED:
		PROBE5(repair, e->segment, e->n_repaired, e->n_freed, e->n_requeued, e->n_gave_up);
		break;
	case SHMREG_EVENT_QUARANTINED:
		PROBE1(quarantine, e->segment);
		break;
	case SHMREG_EVENT_OBJECT_CREATED:
		PROBE4(object_create, e->segment, e->object, e->object_name, e->pid);
		break;
	case SHMREG_EVENT_OBJECT_REMOVED:
		PROBE4(object_remove, e->segment, e->object, e->object_name, e->pid);
		break;
	default:
		break;
	}
}

void registry_emit_event(struct registry *r, struct shmreg_event *event)
{
	probe(event);
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
