/* SPDX-License-Identifier: MIT */
#ifndef TEST_SOAK_H
#define TEST_SOAK_H

/*
 * soak.h - clients that work and die for minutes, and books that must balance
 *
 * The director forks workers, kills and stops them, and keeps the ledger: memory that they share
 * beside the registry. A round makes a segment for each stage, lets producers and consumers
 * work in it, ends them in order, and judges: the numbered items that went in against those
 * that came out. See README.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <shmreg.h>

#include "random.h"

#define LANES 2			/* producers of a stage, each with numbers of its own */
#define LANE_MAX 60000		/* items of a lane in a round; an atomic's 16 bits hold them */
#define POSITIONS (LANES * LANE_MAX + 64)
#define HAND 8			/* items in a worker's hands at most */
#define N_STAGES 10
#define WORKERS 4		/* of a stage at most: producers, then consumers */
#define NO_LANE 99		/* of an item that is to wake and means nothing */

struct item {
	uint32_t lane;
	uint32_t seq;
	uint64_t check[3];
};

/* What a worker was about when it died. */
enum doing {
	DOING_NOTHING,
	DOING_POP,	/* what is in its hands may be taken and not noted */
	DOING_LEASE,	/* what is in its hands may be noted and come again */
	DOING_RECEIVE,	/* an object may be taken that its hands do not show yet */
};

struct worker {
	pid_t pid;		/* 0: none */
	bool stopped;
	bool sudden;		/* its fate is to die in an operation, and now */
	uint64_t serial;	/* seeds its choices */
	_Atomic uint32_t doing;
	_Atomic uint64_t knows;	/* the last value or version it was given */
	struct item hand[HAND];
};

enum { INTENDED = 1, CERTAIN = 2 };

struct books {
	_Atomic uint64_t n_ops, n_waits, n_told_lost, n_repeated;
	_Atomic uint32_t last[LANES];	/* number of the last item begun; the first is 1 */
	uint8_t state[LANES][LANE_MAX + 1];
	_Atomic uint8_t seen[LANES][LANE_MAX + 1];
	uint8_t may_lack[LANES][LANE_MAX + 1];	/* was in the hands of a dead consumer */
	uint8_t may_repeat[LANES][LANE_MAX + 1];
	uint64_t n_unknown;		/* taken by the dead, unseen which */
	_Atomic uint64_t at[POSITIONS];	/* topics: what subscribers saw there */
	struct worker worker[WORKERS];
};

/* Sums of all rounds: a line of the table. */
struct row {
	uint64_t ops, waits, kills, sudden, repaired, dropped, redelivered, lost, hung;
};

struct ledger {
	_Atomic uint32_t producers_stop, consumers_stop, quiet;
	_Atomic uint64_t n_errors, n_forks, n_execs, n_left;
	struct books books[N_STAGES];
};
extern struct ledger *ledger;

/* A worker's view. */
struct client {
	struct shmreg_connection *connection;
	struct shmreg_segment *segment;
	const struct stage *stage;
	struct books *books;
	struct worker *me;
	struct random_state random;
	uint32_t lane;
	bool produces;
};

struct stage {
	const char *name;
	uint32_t n_producers, n_consumers;
	uint32_t variant;
	/* The director's: make the objects; is there nothing left for consumers; wake them all. */
	void (*create)(const struct stage *stage, struct shmreg_segment *segment);
	bool (*is_empty)(const struct stage *stage);
	void (*poke)(const struct stage *stage, struct shmreg_segment *segment);
	void (*judge)(const struct stage *stage, struct books *b, struct row *row);
	/* A worker's: once, and then again and again. */
	void (*open)(struct client *c);
	void (*produce)(struct client *c);
	void (*consume)(struct client *c);
	void (*close)(struct client *c);
};
extern const struct stage stages[N_STAGES];
uint32_t stage_number(const struct stage *stage);
/* Each consumer that lives has been given @value. */
bool all_know(const struct stage *stage, uint64_t value);

/* items.c */
struct item item_make(uint32_t lane, uint32_t seq);
bool item_is_good(const struct item *item);

/* The next @n numbers of the lane, noted as begun: the first; 0: it is used up. */
uint32_t lane_take(struct client *c, uint32_t n);
void lane_begin(struct books *b, uint32_t lane, uint32_t seq);
void lane_certain(struct client *c, uint32_t seq, uint32_t n);
extern const char *soak_plant;	/* $SOAK_PLANT: a wrong to be found, lose or twice; or NULL */
/* A consumer has got it. */
void item_seen(struct client *c, const struct item *item);
void hands_begin(struct client *c, enum doing doing);
void hands_end(struct client *c);
/* The director's: a worker has died; what was in its hands. */
void hands_reckon(struct books *b, struct worker *w);
/* Each item there once, or excused; @n_excused more may lack. Return: how many lack or repeat. */
uint64_t judge_items(struct books *b, uint64_t n_excused);
/* Numbers of certain and of uncertain items. */
uint64_t n_certain(const struct books *b, uint32_t lane, uint64_t *ret_uncertain);

/* worker.c */
void worker_run(const struct stage *stage, uint32_t slot);
bool stop_asked(const struct client *c);
void nap(uint64_t us);
/* Polls the handle's descriptor until there is something. */
void watch_wait(struct client *c, const struct shmreg_handle *handle, uint32_t events);

/* sudden.c: the worker's own fate; before an operation, and between its two halves */
void sudden_init(struct client *c);
void sudden_before(struct client *c);
void sudden_while_held(struct client *c);

/* Says it, counts it, and ends a worker; the director goes on. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
void check_result(int64_t result, const char *call);
#define must(call) check_result((int64_t)(call), #call)

/* daemon.c: what happens to the daemon, and what it takes */
struct daemon_totals {
	uint64_t kills, reaper_kills, restarts;
};
extern struct daemon_totals daemon_totals;
void daemon_watch(void);		/* before all others */
void daemon_forget(void);
void daemon_kill(void);
extern bool daemon_plant;		/* by another signal than is said */
void daemon_kill_reaper(void);		/* if there is one soon */
void daemon_restart(void);		/* by $SOAK_RESTART, a command */
/* Until it has nothing of anybody; then note its memory and descriptors. */
void daemon_sample(void);
void daemon_judge(void);
/* Nobody but the director is there, and nobody dead. */
bool segment_is_repaired(const char *name, const struct shmreg_dir *dir);

/* churn.c: segments and objects come and go, and limits are met */
void churn(struct random_state *r);
extern uint64_t n_made, n_refused;

/* main.c: seconds of CLOCK_MONOTONIC; and after how many of them something is wedged */
double now_sec(void);
double patience(void);

/* The structures. */
#define STAGE_FUNCTIONS(prefix)                                                                   \
	void prefix##_create(const struct stage *stage, struct shmreg_segment *segment);          \
	bool prefix##_is_empty(const struct stage *stage);                                        \
	void prefix##_poke(const struct stage *stage, struct shmreg_segment *segment);            \
	void prefix##_judge(const struct stage *stage, struct books *b, struct row *row);         \
	void prefix##_open(struct client *c);                                                     \
	void prefix##_produce(struct client *c);                                                  \
	void prefix##_consume(struct client *c);                                                  \
	void prefix##_close(struct client *c)
STAGE_FUNCTIONS(array);
STAGE_FUNCTIONS(atomic);
STAGE_FUNCTIONS(queue);
STAGE_FUNCTIONS(ring);
STAGE_FUNCTIONS(record);
STAGE_FUNCTIONS(topic);
STAGE_FUNCTIONS(object);
STAGE_FUNCTIONS(cell);

#endif /* TEST_SOAK_H */
