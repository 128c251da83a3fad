/* SPDX-License-Identifier: MIT */
#ifndef TEST_ATTACK_H
#define TEST_ATTACK_H

/*
 * attack.h - hostile clients of the control socket
 *
 * An attack is done in rounds by processes of their own, until the honest client
 * (honest.h) has had all its requests answered. A round ends with everything closed,
 * and takes no more than a fraction of a second by itself. What the daemon must answer,
 * and how, a round checks by ck_assert: the process then fails the test.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "random.h"
#include "raw-watch.h"

#define ATTACKERS_MAX 32

/* Shared by the test, the honest client and the attackers. */
struct stage {
	char path[108];			/* of the socket */
	_Atomic bool stop;		/* attackers */
	_Atomic bool honest_stop;	/* after them */
	_Atomic uint64_t n_answers;	/* of the honest client */
	_Atomic uint64_t rounds[ATTACKERS_MAX];
	bool apart;			/* attackers have other uids than the honest client */
	/* The honest client's, for who wants to forge: in "victim", which others may read. */
	struct shmreg_attachment victim;
	uint64_t victim_object, victim_watch;
	uint64_t reserve_bytes;		/* the quota of those to be reserved */
	uint64_t arena_object;		/* a queue in "arena", which others may write */
};

#define PRIVATE_NONCE 4711		/* with which the honest client made "private" */

struct attacker {
	struct stage *stage;
	unsigned int number;		/* among all of them, from 0 */
	struct random_state dice;
	uint64_t n_rounds;
};

struct attack {
	const char *name;
	uint64_t min_rounds;		/* of each attacker: then it has tried all it can */
	void (*round)(struct attacker *me);
};

extern const struct attack attacks[];
extern const int n_attacks;

/* While the honest client gets @n more answers, as long as that matters. For who just holds. */
void hold(const struct attacker *me, uint64_t n);
bool goes_on(const struct attacker *me);

/* Of this attacker alone. */
void own_name(char ret[32], const struct attacker *me, unsigned int n);
/*
 * A connection and HELLO. Return: 0; -EDQUOT, -EUSERS the quota is full; -ESHUTDOWN; not
 * connected then.
 */
int knock(struct raw *c, const struct attacker *me, uint32_t flags);
/* As raw_send(), but never waits: -EAGAIN. */
int throw_packet(struct raw *c, struct shmreg_request *request);
/* The bytes as they are; never waits. Return: 0; -errno. */
int throw_bytes(const struct raw *c, const void *bytes, size_t n);
/* All that has arrived; descriptors are closed. Return: packets; -ESHUTDOWN. */
int drain(struct raw *c);
/* Attached for writing to "arena". Return: false if the quota does not allow it now. */
bool enter_arena(struct raw *c, struct raw_segment *s, struct attacker *me);
void leave_arena(struct raw *c, struct raw_segment *s);
/* @n copies of @fd go with the packet. Return: 0; -errno. */
int send_with_fds(int socket, const void *bytes, size_t n_bytes, int fd, int n);

void attack_malformed(struct attacker *me);
void attack_sizes(struct attacker *me);
void attack_names(struct attacker *me);
void attack_flood_valid(struct attacker *me);
void attack_flood_invalid(struct attacker *me);
void attack_loris(struct attacker *me);
void attack_unread(struct attacker *me);
void attack_stuffing(struct attacker *me);
void attack_linger(struct attacker *me);
void attack_bell_linger(struct attacker *me);
void attack_exhaustion(struct attacker *me);
void attack_segments(struct attacker *me);
void attack_openings(struct attacker *me);
void attack_objects(struct attacker *me);
void attack_watches(struct attacker *me);
void attack_bells(struct attacker *me);
void attack_events(struct attacker *me);
void attack_forgery(struct attacker *me);
void attack_reserve(struct attacker *me);
void attack_deaths(struct attacker *me);

#endif /* TEST_ATTACK_H */
