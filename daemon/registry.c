/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "registry-internal.h"

bool process_id_equal(const struct process_id *a, const struct process_id *b)
{
	if (a->pid != b->pid)
		return false;
	if (a->pidfd_inode && b->pidfd_inode && a->pidfd_inode != b->pidfd_inode)
		return false;
	return !a->start_time || !b->start_time || a->start_time == b->start_time;
}

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static int registry_init_tables(struct registry *r)
{
	int e;

	e = quota_init(&r->quota, r->config.limit);
	if (e == 0) {
		quota_set_uid_limits(&r->quota, r->config.uid_limits_configured,
				     r->config.uid_limits_set);
		e = hash_init(&r->by_id);
	}
	if (e == 0)
		e = hash_init(&r->by_name);
	if (e == 0)
		e = hash_init(&r->processes);
	if (e == 0)
		e = hash_init(&r->participants);
	return e;
}

int registry_new(struct registry **ret, const struct registry_config *config,
		 const struct registry_ops *ops, void *data)
{
	struct registry *r = calloc(1, sizeof(*r));
	int e;

	if (!r)
		return -ENOMEM;
	r->config = *config;
	r->ops = *ops;
	r->data = data;
	TAILQ_INIT(&r->segments);
	LIST_INIT(&r->unsettled);
	LIST_INIT(&r->discarding);
	e = registry_init_tables(r);
	/* Random, so that a client can tell a registry that lost its segments; 0 means none. */
	while (e == 0 && r->id == 0)
		if (getrandom(&r->id, sizeof(r->id), 0) != (ssize_t)sizeof(r->id))
			e = -errno;
	if (e < 0) {
		registry_free(r);
		return e;
	}
	*ret = r;
	return 0;
}

static void segment_charge(const struct segment *s, uint64_t ret[SHMREG_N_RESOURCES])
{
	ret[SHMREG_RESOURCE_SEGMENTS] = 1;
	ret[SHMREG_RESOURCE_BYTES] = segment_bytes(s);
	ret[SHMREG_RESOURCE_RESERVED_BYTES] = s->reserved_bytes;
	ret[SHMREG_RESOURCE_OBJECTS] = s->object_entries.n_set;
}

static void participant_charge(const struct participant *p, uint64_t ret[SHMREG_N_RESOURCES])
{
	ret[SHMREG_RESOURCE_PARTICIPANTS] = 1;
	ret[SHMREG_RESOURCE_SEATS] = p->n_seats;
}

int registry_charge_segment(struct registry *r, struct segment *s)
{
	uint64_t charge[SHMREG_N_RESOURCES] = { 0 };
	struct participant *p;
	int e;

	segment_charge(s, charge);
	e = quota_force(&r->quota, s->directory.map->charged_uid, charge);
	s->charged = e == 0;
	LIST_FOREACH(p, &s->participants, of_segment) {
		uint64_t each[SHMREG_N_RESOURCES] = { 0 };

		if (e < 0)
			break;
		participant_charge(p, each);
		e = quota_force(&r->quota, p->uid, each);
		p->charged = e == 0;
	}
	if (e < 0)
		registry_uncharge_segment(r, s);
	return e;
}

void registry_uncharge_participant(struct registry *r, struct participant *p)
{
	uint64_t charge[SHMREG_N_RESOURCES] = { 0 };

	if (!p->charged)
		return;
	participant_charge(p, charge);
	quota_uncharge(&r->quota, p->uid, charge);
	p->charged = false;
}

void registry_uncharge_segment(struct registry *r, struct segment *s)
{
	uint64_t charge[SHMREG_N_RESOURCES] = { 0 };
	struct participant *p;

	LIST_FOREACH(p, &s->participants, of_segment)
		registry_uncharge_participant(r, p);
	if (!s->charged)
		return;
	segment_charge(s, charge);
	quota_uncharge(&r->quota, s->directory.map->charged_uid, charge);
	s->charged = false;
}

/* As if it had never been: the directory stays as it is. */
static void registry_forget(struct registry *r, struct segment *s)
{
	struct participant *p;

	registry_uncharge_segment(r, s);
	while ((p = LIST_FIRST(&s->participants))) {
		if (p->process) {
			LIST_REMOVE(p, of_process);
			if (LIST_EMPTY(&p->process->participants)) {
				hash_remove(&r->processes, &p->process->node);
				free(p->process);
			}
		}
		hash_remove(&r->participants, &p->node);
		LIST_REMOVE(p, of_segment);
		free(p);
	}
	if (s->unsettled) {
		LIST_REMOVE(s, unsettled_list);
		s->unsettled = false;
	}
	if (s->named) {
		hash_remove(&r->by_name, &s->by_name);
		s->named = false;
	}
	hash_remove(&r->by_id, &s->by_id);
	TAILQ_REMOVE(&r->segments, s, of_registry);
	r->n_segments--;
	segment_free(s);
}

struct registry *registry_free(struct registry *r)
{
	struct segment *s;

	if (!r)
		return NULL;
	while ((s = TAILQ_FIRST(&r->segments)))
		registry_forget(r, s);
	while ((s = LIST_FIRST(&r->discarding)))
		registry_discarded(r, s);
	hash_deinit(&r->participants);
	hash_deinit(&r->processes);
	hash_deinit(&r->by_name);
	hash_deinit(&r->by_id);
	quota_deinit(&r->quota);
	free(r);
	return NULL;
}

void registry_reconfigure(struct registry *r, const struct registry_config *config)
{
	r->config = *config;
	quota_set_limits(&r->quota, config->limit);
	quota_set_uid_limits(&r->quota, config->uid_limits_configured, config->uid_limits_set);
}

uint64_t registry_n_restarts(const struct registry *r)
{
	const struct segment *s;
	uint64_t n = 0;

	TAILQ_FOREACH(s, &r->segments, of_registry)
		if (s->directory.map->n_restarts > n)
			n = s->directory.map->n_restarts;
	return n;
}

uint64_t registry_id(const struct registry *r)
{
	return r->id;
}

void registry_insert(struct registry *r, struct segment *s)
{
	struct segment *before = TAILQ_LAST(&r->segments, segment_queue);

	while (before && segment_id(before) > segment_id(s))
		before = TAILQ_PREV(before, segment_queue, of_registry);
	if (before)
		TAILQ_INSERT_AFTER(&r->segments, before, s, of_registry);
	else
		TAILQ_INSERT_HEAD(&r->segments, s, of_registry);
	hash_add(&r->by_id, &s->by_id, segment_id(s));
	if (segment_state(s) == SHMREG_DIR_LIVE) {
		hash_add(&r->by_name, &s->by_name, shmreg_name_hash(segment_name(s)));
		s->named = true;
	}
	r->n_segments++;
}

bool registry_could_write(const struct registry *r, uint64_t segment, uint64_t participant)
{
	const struct participant *p = registry_find_participant(r, segment, participant);

	return !p || !p->read_only;
}

struct segment *registry_find(struct registry *r, uint64_t id)
{
	struct hash_node *node = hash_first(&r->by_id, id);

	return node ? container_of(node, struct segment, by_id) : NULL;
}

struct segment *registry_find_name(const struct registry *r, const char *name)
{
	struct hash_node *node = hash_first(&r->by_name, shmreg_name_hash(name));

	for (; node; node = hash_next(node)) {
		struct segment *s = container_of(node, struct segment, by_name);

		if (strcmp(segment_name(s), name) == 0)
			return s;
	}
	return NULL;
}

int registry_find_target(struct registry *r, const struct caller *c,
			 const struct shmreg_target *target, struct segment **ret, char *error)
{
	struct segment *s;

	if (target->segment) {
		s = registry_find(r, target->segment);
		if (!s || !registry_knows(c, s))
			return refuse(error, ENOENT, "there is no segment %" PRIu64,
				      target->segment);
	} else {
		s = registry_find_name(r, target->name);
		if (!s)
			return refuse(error, ENOENT,
				      "there is no segment \"%s\"; \"shmregctl ls\" shows which there are",
				      target->name);
	}
	*ret = s;
	return 0;
}

struct segment *registry_first(struct registry *r)
{
	return TAILQ_FIRST(&r->segments);
}

struct segment *registry_next(struct registry *r, const struct segment *s)
{
	(void)r;
	return TAILQ_NEXT(s, of_registry);
}

void registry_keep_last_segment(struct registry *r, const struct segment *without)
{
	struct segment *s = TAILQ_LAST(&r->segments, segment_queue);

	if (s && s == without)
		s = TAILQ_PREV(s, segment_queue, of_registry);
	if (s && segment_id(s) < r->last_segment &&
	    s->directory.map->last_segment < r->last_segment)
		directory_set_last_segment(&s->directory, r->last_segment);
}

static uint64_t participant_key(uint64_t segment, uint64_t id)
{
	return segment * UINT64_C(0x9e3779b97f4a7c15) + id;
}

struct participant *registry_find_participant(const struct registry *r, uint64_t segment,
					      uint64_t id)
{
	struct hash_node *node = hash_first(&r->participants, participant_key(segment, id));

	for (; node; node = hash_next(node)) {
		struct participant *p = container_of(node, struct participant, node);

		if (p->id == id && segment_id(p->segment) == segment)
			return p;
	}
	return NULL;
}

void registry_add_participant(struct registry *r, struct participant *p)
{
	hash_add(&r->participants, &p->node, participant_key(segment_id(p->segment), p->id));
}

struct process *registry_find_process(const struct registry *r, const struct process_id *id)
{
	struct hash_node *node = hash_first(&r->processes, id->pid);

	for (; node; node = hash_next(node)) {
		struct process *process = container_of(node, struct process, node);

		if (process_id_equal(&process->id, id))
			return process;
	}
	return NULL;
}

struct process *process_new(const struct process_id *id)
{
	struct process *process = calloc(1, sizeof(*process));

	if (!process)
		return NULL;
	process->id = *id;
	LIST_INIT(&process->participants);
	return process;
}

void registry_join(struct registry *r, struct participant *p, const struct process_id *id,
		   struct process *spare)
{
	struct process *process = registry_find_process(r, id);

	if (process) {
		free(spare);
	} else {
		process = spare;
		hash_add(&r->processes, &process->node, id->pid);
	}
	p->process = process;
	LIST_INSERT_HEAD(&process->participants, p, of_process);
	if (process == spare)
		r->ops.watch(r->data, &process->id);
}

void registry_leave(struct registry *r, struct participant *p)
{
	struct process *process = p->process;

	LIST_REMOVE(p, of_process);
	p->process = NULL;
	if (LIST_EMPTY(&process->participants)) {
		hash_remove(&r->processes, &process->node);
		r->ops.unwatch(r->data, &process->id);
		free(process);
	}
}

bool registry_process_attached(const struct registry *r, const struct process_id *process)
{
	return registry_find_process(r, process) != NULL;
}

int registry_charge(struct registry *r, uint32_t uid, enum shmreg_resource what, uint64_t n,
		    char *error)
{
	return quota_charge_one(&r->quota, uid, what, n, error);
}

void registry_uncharge(struct registry *r, uint32_t uid, enum shmreg_resource what, uint64_t n)
{
	quota_uncharge_one(&r->quota, uid, what, n);
}
