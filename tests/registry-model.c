/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "registry-model.h"

struct random_state rnd;
struct registry_config config;
struct notes notes;
struct registry *r;
struct caller processes[N_PROCESSES];
uint32_t next_pid = 100;
struct m_segment model[N_SEGMENTS];
uint64_t last_segment;
const char *step;		/* what is going on, for messages */
unsigned long round_now;

uint64_t below(uint64_t n)
{
	return random_below(&rnd, n);
}

void new_process(int i)
{
	static const uint32_t uids[] = { 0, 1000, 1000, 2000, 3000 };
	static const uint32_t shared_group[] = { 500 };

	processes[i] = fixture_caller(uids[below(5)], next_pid++);
	if (below(2)) {
		processes[i].groups = shared_group;
		processes[i].n_groups = 1;
	}
}

/* The model's own idea of who may what. */
bool administers(const struct m_segment *m, const struct caller *c)
{
	return c->uid == 0 || c->uid == m->uid;
}

int predict_admin(const struct m_segment *m, const struct caller *c)
{
	if (administers(m, c))
		return 0;
	return m->named || access_bits(m, c) ? -EACCES : -ENOENT;
}

uint32_t access_bits(const struct m_segment *m, const struct caller *c)
{
	uint32_t shift = 0;

	if (c->uid == 0)
		return 6;
	if (c->uid == m->uid)
		shift = 6;
	else if (c->gid == m->gid || (c->n_groups && c->groups[0] == m->gid))
		shift = 3;
	return m->mode >> shift & 6;
}

struct m_segment *pick_segment(bool any)
{
	for (int i = 0; i < 20; i++) {
		struct m_segment *m = &model[below(N_SEGMENTS)];

		if (m->used || any)
			return m;
	}
	return &model[0];
}

struct m_segment *find_name(const char *name)
{
	for (int i = 0; i < N_SEGMENTS; i++)
		if (model[i].used && model[i].named && strcmp(model[i].name, name) == 0)
			return &model[i];
	return NULL;
}

uint32_t seats_used(const struct m_segment *m)
{
	uint32_t n = 0;

	for (int i = 0; i < N_ENTRIES; i++)
		n += m->participants[i].used ? m->participants[i].n_seats : 0;
	return n;
}

uint64_t bytes_used(const struct m_segment *m)
{
	uint64_t n = 0;

	for (int i = 0; i < N_ENTRIES; i++)
		n += m->objects[i].used ? m->objects[i].bytes : 0;
	return n;
}

int n_live(const struct m_segment *m)
{
	int n = 0;

	for (int i = 0; i < N_ENTRIES; i++)
		n += m->participants[i].used && !m->participants[i].dead;
	return n;
}

bool creator_lives(const struct m_segment *m)
{
	for (int i = 0; i < N_ENTRIES; i++)
		if (m->participants[i].used && m->participants[i].id == m->creator)
			return !m->participants[i].dead;
	return false;
}

static bool is_over(const struct m_object *o, uint64_t epoch)
{
	return o->used && o->removed && o->epoch <= epoch;
}

void settle(struct m_segment *m)
{
	uint64_t epoch = UINT64_MAX;
	bool dead = false, sweep = false, needs_repair;

	for (int i = 0; i < N_ENTRIES; i++) {
		if (m->participants[i].used && m->participants[i].epoch < epoch)
			epoch = m->participants[i].epoch;
		dead |= m->participants[i].used && m->participants[i].dead;
	}
	for (int i = 0; i < N_ENTRIES; i++)
		sweep |= is_over(&m->objects[i], epoch) && m->objects[i].queue &&
			 m->objects[i].epoch > m->swept_epoch;
	needs_repair = !m->quarantined && (dead || sweep);
	for (int i = 0; i < N_ENTRIES && !m->wanted && !needs_repair; i++)
		if (is_over(&m->objects[i], epoch) &&
		    !(m->objects[i].queue && m->objects[i].epoch > m->swept_epoch))
			m->objects[i].used = false;
	if (m->lifetime == SHMREG_WITH_CREATOR && !creator_lives(m))
		m->named = false;
	if (n_live(m) == 0 && (!m->named || m->lifetime == SHMREG_WHILE_ATTACHED)) {
		m->used = false;
		return;
	}
	m->wanted |= needs_repair;
}

void end_participant(struct m_participant *p)
{
	if (p->n_seats)
		p->dead = true;
	else
		p->used = false;
}

int predict_open(const struct m_segment *m, const struct caller *c, bool write,
		 uint32_t *n_seats)
{
	const uint32_t free_seats = 4095 - seats_used(m);
	const bool privileged = administers(m, c);
	int n = 0;

	if (write ? !(access_bits(m, c) & 2) : !access_bits(m, c))
		return -EACCES;
	if (m->quarantined)
		return -ENOTRECOVERABLE;
	for (int i = 0; i < N_ENTRIES; i++)
		n += m->participants[i].used;
	if (n == N_ENTRIES)
		return -ENOSPC;
	if (!write) {
		*n_seats = 0;
		return 0;
	}
	if (!privileged && free_seats <= RESERVED_SEATS)
		return -EUSERS;
	if (!privileged && *n_seats > free_seats - RESERVED_SEATS)
		*n_seats = free_seats - RESERVED_SEATS;
	if (!privileged && *n_seats > MAX_SEATS)
		*n_seats = MAX_SEATS;
	return 0;
}

/* Sometimes an attachment that is none. */
struct m_participant *pick_participant(struct m_segment *m, struct shmreg_attachment *ret,
				       int *ret_process)
{
	struct m_participant *p = &m->participants[below(N_ENTRIES)];

	for (int i = 0; i < 6 && !p->used; i++)
		p = &m->participants[below(N_ENTRIES)];
	ret->segment = m->id;
	ret->participant = p->id ? p->id : 1000000;
	ret->epoch = below(2) ? 0 : m->removal_epoch + below(3) - 1;
	if (ret->epoch == UINT64_MAX)
		ret->epoch = 0;
	*ret_process = p->process >= 0 && below(8) ? p->process : (int)below(N_PROCESSES);
	return p;
}

/* What any request of this attachment would get; takes in the epoch if it is 0. */
int predict_attached(const struct m_segment *m, struct m_participant *p,
		     const struct shmreg_attachment *at, int process)
{
	if (!m->used || !p->used)
		return -ESTALE;
	if (process != p->process)
		return access_bits(m, &processes[process]) ? -EPERM : -ESTALE;
	if (p->dead)
		return -ESTALE;
	if (at->epoch > p->epoch)
		p->epoch = at->epoch < m->removal_epoch ? at->epoch : m->removal_epoch;
	return 0;
}
