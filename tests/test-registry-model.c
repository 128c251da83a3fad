/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * Tens of thousands of random requests, deaths, repairs and restarts, each
 * predicted by a model that shares no code with the registry. After each,
 * registry_verify(), and now and then a comparison of everything.
 *
 * The model fills every object with a pattern: a new object must be all zeros,
 * and a removed one must keep its bytes for as long as somebody may hold it.
 */

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "random.h"
#include "registry-fixture.h"

#define N_PROCESSES 12
#define N_NAMES 8
#define N_SEGMENTS 24
#define N_ENTRIES 6		/* participants and objects of a segment */
#define DATA_BYTES 65536
#define MAX_SEGMENTS 12
#define RESERVED_SEATS 4060	/* so that others than the owner run out */
#define MAX_SEATS 40

struct m_object {
	bool used, removed;
	char name[8];
	uint64_t id, offset, bytes, epoch, nonce, creator;
	uint32_t index;
	uint8_t pattern;
};

struct m_participant {
	bool used, dead, read_only, noted;
	uint64_t id, epoch;
	int process;
	uint32_t n_seats;
};

struct m_segment {
	bool used, named, quarantined, wanted, repairing;
	char name[8];
	uint64_t id, creator, removal_epoch;
	uint32_t uid, gid, mode, lifetime;
	struct m_object objects[N_ENTRIES];
	struct m_participant participants[N_ENTRIES];
};

static struct random_state rnd;
static struct registry_config config;
static struct notes notes;
static struct registry *r;
static struct caller processes[N_PROCESSES];
static uint32_t next_pid = 100;
static struct m_segment model[N_SEGMENTS];
static uint64_t last_segment;
static const char *step;		/* what is going on, for messages */
static unsigned long round_now;

#define EXPECT(got, want)                                                                          \
	do {                                                                                       \
		const int got_ = (got), want_ = (want);                                            \
		ck_assert_msg(got_ == want_, "round %lu, %s: got %d (%s), expected %d", round_now, \
			      step, got_, got_ < 0 ? fixture_error : "", want_);                   \
	} while (0)

static uint64_t below(uint64_t n)
{
	return random_below(&rnd, n);
}

static void new_process(int i)
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
static bool administers(const struct m_segment *m, const struct caller *c)
{
	return c->uid == 0 || c->uid == m->uid;
}

static uint32_t access_bits(const struct m_segment *m, const struct caller *c)
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

static struct m_segment *pick_segment(bool any)
{
	for (int i = 0; i < 20; i++) {
		struct m_segment *m = &model[below(N_SEGMENTS)];

		if (m->used || any)
			return m;
	}
	return &model[0];
}

static struct m_segment *find_name(const char *name)
{
	for (int i = 0; i < N_SEGMENTS; i++)
		if (model[i].used && model[i].named && strcmp(model[i].name, name) == 0)
			return &model[i];
	return NULL;
}

static uint32_t seats_used(const struct m_segment *m)
{
	uint32_t n = 0;

	for (int i = 0; i < N_ENTRIES; i++)
		n += m->participants[i].used ? m->participants[i].n_seats : 0;
	return n;
}

static uint64_t bytes_used(const struct m_segment *m)
{
	uint64_t n = 0;

	for (int i = 0; i < N_ENTRIES; i++)
		n += m->objects[i].used ? m->objects[i].bytes : 0;
	return n;
}

static int n_live(const struct m_segment *m)
{
	int n = 0;

	for (int i = 0; i < N_ENTRIES; i++)
		n += m->participants[i].used && !m->participants[i].dead;
	return n;
}

static bool creator_lives(const struct m_segment *m)
{
	for (int i = 0; i < N_ENTRIES; i++)
		if (m->participants[i].used && m->participants[i].id == m->creator)
			return !m->participants[i].dead;
	return false;
}

static void settle(struct m_segment *m)
{
	uint64_t epoch = UINT64_MAX;
	bool dead = false;

	for (int i = 0; i < N_ENTRIES; i++) {
		if (m->participants[i].used && m->participants[i].epoch < epoch)
			epoch = m->participants[i].epoch;
		dead |= m->participants[i].used && m->participants[i].dead;
	}
	for (int i = 0; i < N_ENTRIES && !m->repairing; i++)
		if (m->objects[i].used && m->objects[i].removed && m->objects[i].epoch <= epoch)
			m->objects[i].used = false;
	if (m->lifetime == SHMREG_WITH_CREATOR && !creator_lives(m))
		m->named = false;
	if (n_live(m) == 0 && (!m->named || m->lifetime == SHMREG_WHILE_ATTACHED)) {
		m->used = false;
		return;
	}
	if (dead && !m->quarantined)
		m->wanted = true;
}

static void end_participant(struct m_participant *p)
{
	if (p->n_seats)
		p->dead = true;
	else
		p->used = false;
}

static int predict_open(const struct m_segment *m, const struct caller *c, bool write,
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

static void do_create(void)
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

static void do_open(void)
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

/* Sometimes an attachment that is none. */
static struct m_participant *pick_participant(struct m_segment *m, struct shmreg_attachment *ret,
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
static int predict_attached(const struct m_segment *m, struct m_participant *p,
			    const struct shmreg_attachment *at, int process)
{
	if (!m->used || !p->used)
		return -ESTALE;
	if (process != p->process)
		return -EPERM;
	if (p->dead)
		return -ESTALE;
	if (at->epoch > p->epoch)
		p->epoch = at->epoch < m->removal_epoch ? at->epoch : m->removal_epoch;
	return 0;
}

static void do_detach(void)
{
	struct m_segment *m = pick_segment(true);
	struct shmreg_attachment at;
	int process, want;
	struct m_participant *p = pick_participant(m, &at, &process);

	at.epoch = 0;
	want = predict_attached(m, p, &at, process);
	if (want == -ESTALE && m->used && p->used)
		want = 0;	/* repeated */
	EXPECT(registry_detach(r, &processes[process], &at, fixture_error), want);
	if (want < 0 || p->dead)
		return;
	end_participant(p);
	settle(m);
}

static void do_quiesce(void)
{
	struct m_segment *m = pick_segment(true);
	struct shmreg_attachment at;
	struct shmreg_attach_reply reply;
	int process, want;
	struct m_participant *p = pick_participant(m, &at, &process);

	want = predict_attached(m, p, &at, process);
	if (below(2)) {
		EXPECT(registry_quiesce(r, &processes[process], &at, fixture_error), want);
	} else {
		EXPECT(registry_reattach(r, &processes[process], &at, &reply, fixture_error), want);
		if (want == 0)
			ck_assert_uint_eq(reply.participant, p->id);
	}
	if (want == 0)
		settle(m);
}

static void do_seats(void)
{
	struct m_segment *m = pick_segment(true);
	struct shmreg_seats_reply reply;
	struct shmreg_seats in = { .n_seats = 1 + (uint32_t)below(SHMREG_SEATS_A_REPLY) };
	uint32_t n = in.n_seats, free_seats;
	int process, want;
	struct m_participant *p = pick_participant(m, &in.at, &process);

	want = predict_attached(m, p, &in.at, process);
	if (want == 0) {
		free_seats = 4095 - seats_used(m);
		if (p->read_only)
			want = -EROFS;
		else if (m->quarantined)
			want = -ENOTRECOVERABLE;
		else if (!administers(m, &processes[process]) &&
			 (p->n_seats >= MAX_SEATS || free_seats <= RESERVED_SEATS))
			want = -EUSERS;
		else if (free_seats == 0)
			want = -EUSERS;
		else if (!administers(m, &processes[process])) {
			if (n > MAX_SEATS - p->n_seats)
				n = MAX_SEATS - p->n_seats;
			if (n > free_seats - RESERVED_SEATS)
				n = free_seats - RESERVED_SEATS;
		}
		if (n > free_seats)
			n = free_seats;
	}
	EXPECT(registry_seats(r, &processes[process], &in, &reply, fixture_error), want);
	if (want == 0) {
		EXPECT((int)reply.n_seats, (int)n);
		p->n_seats += n;
	}
	if (m->used)
		settle(m);
}

static void check_pattern(const struct m_segment *m, const struct m_object *o, uint8_t pattern)
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

static void do_create_object(void)
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
	in.shape = fixture_array(bytes);
	in.flags = (uint32_t)below(2);
	if (below(8) == 0) {
		in.at.participant = 0;
		want = !m->used ? -ENOENT : administers(m, &processes[process]) ? 0 : -EACCES;
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
		else if (n == N_ENTRIES || bytes + 127 > DATA_BYTES - bytes_used(m) + 127)
			want = -ENOSPC;
	}
	if (o && want == -EMEDIUMTYPE && segment_dir(registry_find(r, m->id)) &&
	    shmreg_dir_objects(segment_dir(registry_find(r, m->id)))[o->index].shape.capacity == bytes)
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
		.index = reply.index,
		.pattern = (uint8_t)(1 + below(255)),
	};
	memcpy(o->name, in.name, sizeof(o->name));
	check_pattern(m, o, 0);
	write_pattern(m, o);
}

static void do_remove_object(void)
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

static void do_remove(void)
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
	want = administers(m, c) ? 0 : -EACCES;
	EXPECT(registry_remove(r, c, &in, fixture_error), want);
	if (want < 0)
		return;
	m->named = false;
	settle(m);
}

static void do_set(void)
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
	if (!administers(m, c))
		want = -EACCES;
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

static void do_death(void)
{
	const int process = (int)below(N_PROCESSES);

	registry_process_died(r, &processes[process].process);
	for (int i = 0; i < N_SEGMENTS; i++) {
		bool any = false;

		for (int k = 0; k < N_ENTRIES && model[i].used; k++) {
			struct m_participant *p = &model[i].participants[k];

			if (p->used && !p->dead && p->process == process) {
				end_participant(p);
				any = true;
			}
		}
		if (any)
			settle(&model[i]);
	}
	ck_assert(!registry_process_attached(r, &processes[process].process));
	new_process(process);
	/* Nobody speaks for the dead. */
	for (int i = 0; i < N_SEGMENTS; i++)
		for (int k = 0; k < N_ENTRIES; k++)
			if (model[i].participants[k].process == process)
				model[i].participants[k].process = -1;
}

static void do_repair(void)
{
	static const struct shmreg_reaper_report sum = { .n_repaired = 1 };
	struct m_segment *m = pick_segment(false);
	struct segment *s;

	if (!m->used || !m->wanted)
		return;
	s = registry_find(r, m->id);
	ck_assert_ptr_nonnull(s);
	if (!m->repairing) {
		registry_repair_begin(r, s);
		m->repairing = true;
		for (int i = 0; i < N_ENTRIES; i++)
			m->participants[i].noted = m->participants[i].used && m->participants[i].dead;
		return;
	}
	m->repairing = false;
	switch (below(20)) {
	case 0:
		m->quarantined = true;
		m->wanted = false;
		registry_quarantine(r, s);
		break;
	case 1:
	case 2:
		registry_repair_end(r, s, false, NULL);
		break;
	default:
		m->wanted = false;
		for (int i = 0; i < N_ENTRIES; i++)
			if (m->participants[i].used && m->participants[i].noted)
				m->participants[i].used = false;
		registry_repair_end(r, s, true, &sum);
		break;
	}
	settle(m);
}

static void do_restart(void)
{
	const bool empty = !registry_first(r);
	const uint64_t id = registry_id(r);

	if (below(4) == 0)
		registry_orphan(r);
	r = fixture_restart(r, &config, &notes);
	/* One that has nothing left to remember is another registry, and counts anew. */
	ck_assert(empty ? registry_id(r) != id : registry_id(r) == id);
	if (empty)
		last_segment = 0;
	for (int i = 0; i < N_SEGMENTS; i++) {
		if (!model[i].used)
			continue;
		model[i].repairing = false;
		settle(&model[i]);
	}
}

/* Everything that can be seen of the registry against the model. */
static void compare(void)
{
	const struct caller admin = fixture_caller(0, 1);
	struct shmreg_list in = { 0 };
	struct shmreg_list_reply reply;
	uint32_t n = 0, n_model = 0;

	for (int i = 0; i < N_SEGMENTS; i++) {
		const struct m_segment *m = &model[i];
		struct shmreg_segment_info info;
		const struct shmreg_target target = { .segment = m->id };
		struct segment *s = NULL;
		uint32_t n_objects = 0;

		if (!m->used) {
			ck_assert_ptr_null(m->id ? registry_find(r, m->id) : NULL);
			continue;
		}
		n_model++;
		EXPECT(registry_describe(r, &admin, &target, &info, &s, fixture_error), 0);
		ck_assert_ptr_nonnull(s);
		ck_assert_str_eq(info.name, m->name);
		EXPECT((int)info.state, m->named ? SHMREG_DIR_LIVE : SHMREG_DIR_REMOVED);
		EXPECT(!!(info.flags & SHMREG_DIR_QUARANTINED), m->quarantined);
		EXPECT((int)info.mode, (int)m->mode);
		EXPECT((int)info.lifetime, (int)m->lifetime);
		EXPECT((int)info.owner_uid, (int)m->uid);
		EXPECT((int)info.owner_gid, (int)m->gid);
		EXPECT((int)info.n_participants, n_live(m));
		EXPECT((int)info.n_seats, (int)seats_used(m));
		EXPECT((int)info.used_bytes, (int)bytes_used(m));
		for (int k = 0; k < N_ENTRIES; k++) {
			if (!m->objects[k].used)
				continue;
			n_objects += !m->objects[k].removed;
			check_pattern(m, &m->objects[k], m->objects[k].pattern);
		}
		EXPECT((int)info.n_objects, (int)n_objects);
	}
	do {
		ck_assert_int_eq(registry_list(r, &admin, &in, &reply), 0);
		n += reply.n;
		for (uint32_t i = 0; i < reply.n; i++) {
			ck_assert_uint_gt(reply.info[i].segment, in.after);
			in.after = reply.info[i].segment;
		}
	} while (reply.more);
	EXPECT((int)n, (int)n_model);
}

static const struct {
	const char *name;
	void (*call)(void);
	uint32_t weight;
} steps[] = {
	{ "create", do_create, 8 },
	{ "open", do_open, 14 },
	{ "detach", do_detach, 8 },
	{ "quiesce", do_quiesce, 12 },
	{ "seats", do_seats, 8 },
	{ "create_object", do_create_object, 20 },
	{ "remove_object", do_remove_object, 10 },
	{ "remove", do_remove, 3 },
	{ "set", do_set, 4 },
	{ "death", do_death, 4 },
	{ "repair", do_repair, 14 },
	{ "restart", do_restart, 1 },
};
#define N_STEPS (sizeof(steps) / sizeof(steps[0]))

START_TEST(random_walk)
{
	const unsigned long rounds = random_rounds(50000);
	uint32_t weights = 0;
	const char *seed = getenv("SHMREG_TEST_SEED");

	printf("registry-model: %lu rounds, SHMREG_TEST_SEED=%s\n", rounds, seed ? seed : "0");
	random_seed(&rnd);
	config = fixture_config();
	config.max_segments = MAX_SEGMENTS;
	config.reserved_seats = RESERVED_SEATS;
	config.max_seats_participant = MAX_SEATS;
	r = fixture_registry(&config, &notes);
	for (int i = 0; i < N_PROCESSES; i++)
		new_process(i);
	for (size_t i = 0; i < N_STEPS; i++)
		weights += steps[i].weight;
	for (round_now = 0; round_now < rounds; round_now++) {
		uint64_t dice = below(weights);
		size_t i = 0;

		for (; dice >= steps[i].weight; i++)
			dice -= steps[i].weight;
		step = steps[i].name;
		steps[i].call();
		registry_verify(r);
		if (round_now % 64 == 0)
			compare();
	}
	for (int i = 0; i < N_PROCESSES; i++)
		registry_process_died(r, &processes[i].process);
	while (registry_first(r)) {
		const struct caller admin = fixture_caller(0, 1);
		const struct shmreg_target target = { .segment = segment_id(registry_first(r)) };

		ck_assert_int_eq(registry_remove(r, &admin, &target, fixture_error), 0);
	}
	registry_verify(r);
	r = registry_free(r);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("registry-model");
	TCase *tc = tcase_create("registry-model");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 600);
	tcase_add_test(tc, random_walk);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
