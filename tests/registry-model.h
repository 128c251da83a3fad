/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_TESTS_REGISTRY_MODEL_H
#define SHMREG_TESTS_REGISTRY_MODEL_H

/*
 * registry-model.h - what the registry ought to hold and to answer, by other means
 *
 * Shares no code with it. Tables are small, so that they fill up.
 */

#include <check.h>
#include <stdbool.h>

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
	bool used, removed, queue;	/* queue: of a pool's objects */
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
	uint64_t id, creator, removal_epoch, sweeping_epoch, swept_epoch;
	uint32_t uid, gid, mode, lifetime;
	struct m_object objects[N_ENTRIES];
	struct m_participant participants[N_ENTRIES];
};

extern struct random_state rnd;
extern struct registry_config config;
extern struct notes notes;
extern struct registry *r;
extern struct caller processes[N_PROCESSES];
extern uint32_t next_pid;
extern struct m_segment model[N_SEGMENTS];
extern uint64_t last_segment;
extern const char *step;		/* what is going on, for messages */
extern unsigned long round_now;

#define EXPECT(got, want)                                                                          \
	do {                                                                                       \
		const int got_ = (got), want_ = (want);                                            \
		ck_assert_msg(got_ == want_, "round %lu, %s: got %d (%s), expected %d", round_now, \
			      step, got_, got_ < 0 ? fixture_error : "", want_);                   \
	} while (0)

/* Of the same random numbers each time. */
uint64_t below(uint64_t n);
void new_process(int i);
/* Who may what. */
bool administers(const struct m_segment *m, const struct caller *c);
uint32_t access_bits(const struct m_segment *m, const struct caller *c);
/* 0, or what is said to those who do not. */
int predict_admin(const struct m_segment *m, const struct caller *c);
/* Of the model; @any: perhaps an unused one. */
struct m_segment *pick_segment(bool any);
struct m_segment *find_name(const char *name);
uint32_t seats_used(const struct m_segment *m);
uint64_t bytes_used(const struct m_segment *m);
int n_live(const struct m_segment *m);
bool creator_lives(const struct m_segment *m);
/* After something ended: ranges, lifetime, repair. */
void settle(struct m_segment *m);
void end_participant(struct m_participant *p);
/* The error, or 0 and how many of *n_seats are granted. */
int predict_open(const struct m_segment *m, const struct caller *c, bool write,
		 uint32_t *n_seats);
/* Sometimes an attachment that is none. */
struct m_participant *pick_participant(struct m_segment *m, struct shmreg_attachment *ret,
				       int *ret_process);
/* What any request of this attachment would get; takes in the epoch if it is 0. */
int predict_attached(const struct m_segment *m, struct m_participant *p,
		     const struct shmreg_attachment *at, int process);

/* All bytes of the object, as its pattern or zero. */
void check_pattern(const struct m_segment *m, const struct m_object *o, uint8_t pattern);
void do_create(void);
void do_open(void);
void do_remove(void);
void do_set(void);
void do_create_object(void);
void do_remove_object(void);

#endif /* SHMREG_TESTS_REGISTRY_MODEL_H */
