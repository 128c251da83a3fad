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

#include "registry-model.h"
#include "suite.h"

static void do_detach(void)
{
	struct m_segment *m = pick_segment(true);
	struct shmreg_attachment at;
	int process, want;
	struct m_participant *p = pick_participant(m, &at, &process);

	at.epoch = 0;
	want = predict_attached(m, p, &at, process);
	if (want == -ESTALE && m->used && p->used && process == p->process)
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

/* Of which removals nobody holds anything. */
static uint64_t quiesced_epoch(const struct m_segment *m)
{
	uint64_t epoch = m->removal_epoch;

	for (int i = 0; i < N_ENTRIES; i++)
		if (m->participants[i].used && m->participants[i].epoch < epoch)
			epoch = m->participants[i].epoch;
	return epoch;
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
		m->sweeping_epoch = quiesced_epoch(m);
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
		m->swept_epoch = m->sweeping_epoch;
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
		model[i].swept_epoch = 0;
		model[i].wanted = false;
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
	TCase *tc = tcase_create("registry-model");

	tcase_set_timeout(tc, 600);
	tcase_add_test(tc, random_walk);
	return run_case("registry-model", tc);
}

