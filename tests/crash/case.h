/* SPDX-License-Identifier: MIT */
#ifndef CRASH_CASE_H
#define CRASH_CASE_H

/*
 * case.h - what a case is made of: somebody runs, stops, dies, is repaired, and all is judged
 *
 * It happens in the image that is in memory: see image.h.
 */

#include <sys/types.h>

#include "image.h"
#include "sweep.h"
#include "tracer.h"

/* No operation and no repair of something small is longer, unless it does not end. */
#define MAX_STEPS 100000

/* Once in every process that sweeps. */
void case_init(void);

/* An operation that does not end is a wedge by itself. */
void case_endless(void) __attribute__((noreturn));

/* In a process of its own: not one instruction yet; one further, false: it has ended. */
void case_begin(struct tracee *t, const struct operation *op, enum actor_number number);
bool case_step(struct tracee *t);

/* In this process, to its end. @op: NULL: nothing. */
void case_run_here(const struct operation *op, enum actor_number number);

/*
 * Return: the process, stopped before its instruction @k, or its store @k; 0: it ends before
 * that, and has.
 */
pid_t case_stopped_at(void (*run)(void *arg), void *arg, uint64_t k, bool store);
/* It goes on, to its end. @pid: 0: it has come there. */
void case_go_on(pid_t pid);

/* What the repair reported last, in whichever process. */
extern struct shmreg_reaper_report *case_report;

/* How repairs are done from now on; NULL: as the subject says. */
void case_repair_by(void (*repair)(void *image, uint32_t dead, struct shmreg_reaper_report *ret));

/* @arg: a uint32_t, the dead. To be stepped; adds to case_report. */
void case_run_repair(void *arg);

/* A repair killed before it has changed anything was none at all: that is the case without one. */
void case_start_repair(struct tracee *t, uint32_t *dead);

/* Return: there was something to repair. */
bool case_repair_now(uint32_t dead);

/* The moment of death, before anybody repairs. */
void case_died(void);

/* Who takes part. */
struct cast case_cast(const struct scenario *s, uint32_t dead);

/* What a judgement says, kept to be repeated for an equal image. */
struct verdict {
	void *image;	/* NULL: none yet */
	bool valid;
	bool repaired;
	struct judgement judgement;
};

void case_judge(struct verdict *v, const struct cast *cast);
void case_repair_and_judge(struct verdict *v, const struct cast *cast);

/* The same from an image, which is there again afterwards; not done twice for an equal one. */
void case_settle(struct verdict *v, const struct cast *cast, bool dead_now);
void case_forget(struct verdict *v);

/* Into the table; "@a @k, @b @j" says where the death was. */
void case_count(struct tally *t, enum mode mode, const struct verdict *v,
		const struct scenario *s, const char *a, uint64_t k, const char *b, uint64_t j);

#endif /* CRASH_CASE_H */
