/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "registry-model.h"

static void add_participant(struct m_segment *m, int process, bool write,
			    const struct shmreg_attach_reply *reply)
{
	struct m_participant *p = &m->participants[reply->participant_index];

	ck_assert(!p->used);
	for (int i = 0; i < N_ENTRIES; i++)
		ck_assert_uint_lt(m->participants[i].id, reply->participant);
	*p = (struct m_participant){
		.used = true,
		.read_only = !write,
		.id = reply->participant,
		.epoch = m->removal_epoch,
		.process = process,
		.n_seats = reply->n_seats,
	};
	ck_assert_uint_eq(reply->access, write ? SHMREG_ACCESS_WRITE : SHMREG_ACCESS_READ);
}

static void check_same(const struct shmreg_attach_reply *a, const struct shmreg_attach_reply *b)
{
	ck_assert_msg(memcmp(a, b, sizeof(*a)) == 0, "round %lu, %s: not the same answer",
		      round_now, step);
}

void do_create(void)
{
	const int process = (int)below(N_PROCESSES);
	const struct caller *c = &processes[process];
	struct shmreg_attach_reply reply, again;
	struct shmreg_create in;
	struct m_segment *m;
	struct segment *s;
	uint32_t n_seats;
	char name[8];
	int n = 0, want;

	snprintf(name, sizeof(name), "s%u", (unsigned)below(N_NAMES));
	in = fixture_create_request(name, DATA_BYTES - below(4096));
	in.mode = (uint32_t)below(8) << 6 | (uint32_t)below(8) << 3 | (uint32_t)below(8);
	in.mode &= 0666;
	in.lifetime = (uint32_t)below(3);
	in.flags = (uint32_t)below(8);
	if (below(4))
		in.flags &= ~SHMREG_CREATE_DETACHED;
	in.max_participants = in.max_objects = N_ENTRIES;
	n_seats = in.n_seats = 1 + (uint32_t)below(SHMREG_SEATS_A_REPLY);

	m = find_name(name);
	if (m && !(in.flags & SHMREG_CREATE_OPEN)) {
		want = -EEXIST;
	} else if (m) {
		want = in.flags & SHMREG_CREATE_DETACHED ? 0 : predict_open(m, c, true, &n_seats);
	} else {
		for (int i = 0; i < N_SEGMENTS; i++)
			n += model[i].used;
		want = 0;
		if (n == MAX_SEGMENTS)
			want = -ENOSPC;
		if ((in.flags & SHMREG_CREATE_DETACHED) && in.lifetime != SHMREG_UNTIL_REMOVED)
			want = -EINVAL;
	}
	EXPECT(registry_create(r, c, &in, &reply, &s, fixture_error), want);
	if (want < 0)
		return;
	EXPECT((int)reply.created, !m);
	EXPECT(registry_create(r, c, &in, &again, &s, fixture_error), 0);
	check_same(&reply, &again);
	ck_assert_uint_eq(segment_id(s), reply.segment);
	if (!m) {
		for (m = model; m->used; m++)
			;
		*m = (struct m_segment){
			.used = true,
			.named = true,
			.id = reply.segment,
			.creator = reply.participant,
			.uid = c->uid,
			.gid = c->gid,
			.mode = in.mode,
			.lifetime = in.lifetime,
		};
		memcpy(m->name, name, sizeof(name));
		ck_assert_uint_gt(m->id, last_segment);
		last_segment = m->id;
	}
	ck_assert_uint_eq(reply.segment, m->id);
	if (in.flags & SHMREG_CREATE_DETACHED) {
		ck_assert_uint_eq(reply.participant, 0);
		return;
	}
	EXPECT((int)reply.n_seats, (int)n_seats);
	add_participant(m, process, true, &reply);
}

void do_open(void)
{
	const int process = (int)below(N_PROCESSES);
	const struct caller *c = &processes[process];
	const bool write = below(2);
	struct shmreg_attach_reply reply, again;
	struct shmreg_open in = { .nonce = random_next(&rnd) | 1 };
	struct m_segment *m;
	uint32_t n_seats = 1 + (uint32_t)below(SHMREG_SEATS_A_REPLY);
	struct segment *s;
	int want;

	snprintf(in.name, sizeof(in.name), "s%u", (unsigned)below(N_NAMES));
	in.access = write ? SHMREG_ACCESS_WRITE : SHMREG_ACCESS_READ;
	in.n_seats = write ? n_seats : 0;
	m = find_name(in.name);
	want = m ? predict_open(m, c, write, &n_seats) : -ENOENT;
	EXPECT(registry_open(r, c, &in, &reply, &s, fixture_error), want);
	if (want < 0)
		return;
	EXPECT(registry_open(r, c, &in, &again, &s, fixture_error), 0);
	check_same(&reply, &again);
	EXPECT((int)reply.n_seats, (int)n_seats);
	add_participant(m, process, write, &reply);
}

void do_remove(void)
{
	struct m_segment *m = pick_segment(false);
	const struct caller *c = &processes[below(N_PROCESSES)];
	struct shmreg_target in = { .segment = m->id };
	int want;

	if (!m->used)
		return;
	if (m->named && below(2)) {
		in.segment = 0;
		snprintf(in.name, sizeof(in.name), "%s", m->name);
	}
	want = predict_admin(m, c);
	EXPECT(registry_remove(r, c, &in, fixture_error), want);
	if (want < 0)
		return;
	m->named = false;
	settle(m);
}

void do_set(void)
{
	struct m_segment *m = pick_segment(false);
	const struct caller *c = &processes[below(N_PROCESSES)];
	struct shmreg_set in = {
		.target = { .segment = m->id },
		.what = (uint32_t)below(8),
		.uid = below(2) ? 1000 : m->uid,
		.gid = below(2) ? 500 : c->gid,
		.mode = (uint32_t)below(01000) & 0666,
		.lifetime = (uint32_t)below(3),
	};
	int want = 0;

	if (!m->used)
		return;
	want = predict_admin(m, c);
	if (want < 0)
		;
	else if ((in.what & SHMREG_SET_OWNER) && c->uid != 0 &&
		 (in.uid != m->uid || (in.gid != m->gid && in.gid != c->gid && !c->n_groups)))
		want = -EACCES;
	else if ((in.what & SHMREG_SET_LIFETIME) && in.lifetime == SHMREG_WITH_CREATOR &&
		 !creator_lives(m))
		want = -EINVAL;
	EXPECT(registry_set(r, c, &in, fixture_error), want);
	if (want < 0)
		return;
	if (in.what & SHMREG_SET_OWNER) {
		m->uid = in.uid;
		m->gid = in.gid;
	}
	if (in.what & SHMREG_SET_MODE)
		m->mode = in.mode;
	if (in.what & SHMREG_SET_LIFETIME)
		m->lifetime = in.lifetime;
	settle(m);
}
