/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "case.h"
#include "inside.h"

/* sweep.c - one dies, alone or resumed, two do, the repair does; races are in sweep-race.c */

bool sweep_full;

/*
 * Of those stops that are sampled unless sweep_full: every so many instructions, and of a long
 * operation so many stops.
 */
#define RESUME_STRIDE 5
#define RESUME_STOPS 24

static uint64_t stride(uint64_t sampled)
{
	return sweep_full ? 1 : sampled;
}

void sweep_init(void)
{
	image_init();
	case_init();
}

static void note_length(struct tally *t, uint64_t n_steps)
{
	/* Less what ends it. */
	if (n_steps - 1 > t->n_instructions)
		t->n_instructions = n_steps - 1;
}

/* One child for each instruction, and a real SIGKILL. */
static void alone_killed(struct tally *t, const struct scenario *s)
{
	const struct cast cast = case_cast(s, 1 << VICTIM);
	pid_t pid = 1;

	fflush(NULL);
	for (uint64_t k = 0; pid > 0; k++) {
		struct verdict v = { 0 };

		if (k == MAX_STEPS)
			case_endless();
		image_reset();
		pid = case_stopped_at(s->victim->run, image_actor(VICTIM), k, false);
		if (pid == 0)
			note_length(t, k);
		case_run_here(s->peer, PEER);
		if (pid > 0 && (kill(pid, SIGKILL) < 0 || waitpid(pid, NULL, 0) != pid)) {
			perror("sweep: kill");
			exit(99);
		}
		case_died();
		case_repair_and_judge(&v, &cast);
		case_count(t, MODE_ALONE, &v, s, "killed at", k, "", 0);
	}
}

/* A walk of one through its call; what is looked at where. */
struct walk {
	struct tally *tally;
	const struct scenario *scenario;
	const struct cast *cast;
	uint64_t n_steps;
	uint64_t stop;			/* here it was stopped: RESUME, TWO_DEAD */
	struct verdict verdict;
};

/* Steps so far, of which there are not more than MAX_STEPS. */
static uint64_t walked(struct walk *w)
{
	if (w->n_steps == MAX_STEPS)
		case_endless();
	return w->n_steps++;
}

static void walk(struct walk *w, const struct operation *op, enum actor_number number,
		 void (*visit)(void *walk))
{
	inside_step(op->run, image_actor(number), visit, w);
	case_forget(&w->verdict);
}

static void dead_here(void *arg)
{
	struct walk *w = arg;
	const uint64_t k = walked(w);

	if (!w->verdict.valid || !image_equal(w->verdict.image)) {
		if (!w->verdict.image)
			w->verdict.image = image_new();
		image_save(w->verdict.image);
		case_run_here(w->scenario->peer, PEER);
		case_died();
		case_repair_and_judge(&w->verdict, w->cast);
		w->verdict.valid = true;
		image_restore(w->verdict.image);
	}
	case_count(w->tally, MODE_ALONE, &w->verdict, w->scenario, "dead at", k, "", 0);
}

/* Judged where it stands; its image is put back and it goes on. */
static void alone_imaged(struct tally *t, const struct scenario *s)
{
	const struct cast cast = case_cast(s, 1 << VICTIM);
	struct walk w = { .tally = t, .scenario = s, .cast = &cast };

	image_reset();
	walk(&w, s->victim, VICTIM, dead_here);
	note_length(t, w.n_steps);
}

void sweep_alone(struct tally *t, const struct scenario *s)
{
	image_setup(s->setting);
	if (s->killed || sweep_full)
		alone_killed(t, s);
	else
		alone_imaged(t, s);
}

static void resumed_here(void *arg)
{
	struct walk *w = arg;
	const uint64_t k = walked(w);

	if (k < w->stop)
		return;
	if (k == w->stop)
		case_run_here(w->scenario->peer, PEER);
	case_settle(&w->verdict, w->cast, true);
	case_count(w->tally, MODE_RESUME, &w->verdict, w->scenario, "stopped at", w->stop, "dead at", k);
}

void sweep_resume(struct tally *t, const struct scenario *s)
{
	const struct cast cast = case_cast(s, 1 << VICTIM);
	const uint64_t sampled = t->n_instructions / RESUME_STOPS;

	image_setup(s->setting);
	for (uint64_t k = 0, n = 1; k < n; k += stride(sampled > RESUME_STRIDE ? sampled
									      : RESUME_STRIDE)) {
		struct walk w = { .tally = t, .scenario = s, .cast = &cast, .stop = k };

		image_reset();
		walk(&w, s->victim, VICTIM, resumed_here);
		n = w.n_steps;
	}
}

/* One that dies behind each of its stores. */
struct dying {
	struct tally *tally;
	const struct scenario *scenario;
	const struct cast *cast;
	enum mode mode;
	uint64_t dead_at, n_stores;
	struct verdict verdict;
};

static void judge_dying(void *arg)
{
	struct dying *d = arg;

	case_settle(&d->verdict, d->cast, false);
	case_count(d->tally, d->mode, &d->verdict, d->scenario, "dead at", d->dead_at,
	      "repair killed behind store", d->n_stores++);
}

/* The image of the death is in memory: the repair dies at each of its instructions, or stores. */
static void repair_dying(struct tally *t, const struct scenario *s, const struct cast *cast,
			 enum mode mode, uint64_t k)
{
	struct cast inexact = *cast;
	uint32_t dead = cast->dead;
	struct verdict v = { 0 };
	struct tracee reaper;

	inexact.exact = false;
	case_died();
	if (!sweep_full) {
		struct dying d = { t, s, &inexact, mode, k, 0, { 0 } };

		judge_dying(&d);
		memset(case_report, 0, sizeof(*case_report));
		inside_stores(image_now, image_room, case_run_repair, &dead, judge_dying, &d);
		case_forget(&d.verdict);
		return;
	}
	case_start_repair(&reaper, &dead);
	do {
		case_settle(&v, &inexact, false);
		case_count(t, mode, &v, s, "dead at", k, "repair killed at", reaper.n_steps);
	} while (case_step(&reaper));
	tracee_kill(&reaper);
	case_forget(&v);
}

/*
 * From the image that is in memory, in a process of its own: @visit for each image in which @op
 * can leave it, after @n_steps; the image is put back behind each.
 */
static void at_each_image(const struct operation *op, enum actor_number number,
			  void (*visit)(void *arg, uint64_t n_steps), void *arg)
{
	void *before = image_new();
	struct tracee t;
	bool first = true;

	case_begin(&t, op, number);
	do {
		if (!first && image_equal(before))
			continue;
		first = false;
		image_save(before);
		visit(arg, t.n_steps);
		image_restore(before);
	} while (case_step(&t));
	tracee_kill(&t);
	free(before);
}

static void repair_dying_here(void *arg, uint64_t n_steps)
{
	const struct walk *w = arg;

	repair_dying(w->tally, w->scenario, w->cast, MODE_NESTED, n_steps);
}

void sweep_nested(struct tally *t, const struct scenario *s)
{
	const struct cast cast = case_cast(s, 1 << VICTIM);
	struct walk w = { .tally = t, .scenario = s, .cast = &cast };

	image_setup(s->setting);
	image_reset();
	at_each_image(s->victim, VICTIM, repair_dying_here, &w);
}

static void both_dead_here(void *arg)
{
	struct walk *w = arg;
	const uint64_t k = walked(w);

	case_settle(&w->verdict, w->cast, true);
	case_count(w->tally, MODE_TWO_DEAD, &w->verdict, w->scenario, "dead at", w->stop,
		   "the other at", k);
}

static void victim_dead_here(void *arg, uint64_t n_steps)
{
	struct walk w = *(const struct walk *)arg;

	w.stop = n_steps;
	walk(&w, w.scenario->second, SECOND, both_dead_here);
}

/* The same where the repair dies, too. That takes the signal, so the second is another process. */
static void repair_of_two_dying_here(void *arg, uint64_t n_steps)
{
	const struct walk *w = arg;

	(void)n_steps;
	repair_dying(w->tally, w->scenario, w->cast, MODE_NESTED, w->stop);
}

static void victim_dead_here_nested(void *arg, uint64_t n_steps)
{
	struct walk w = *(const struct walk *)arg;

	w.stop = n_steps;
	at_each_image(w.scenario->second, SECOND, repair_of_two_dying_here, &w);
}

static void two_dead(struct tally *t, const struct scenario *s,
		     void (*visit)(void *arg, uint64_t n_steps))
{
	const struct cast cast = case_cast(s, 1 << VICTIM | 1 << SECOND);
	struct walk w = { .tally = t, .scenario = s, .cast = &cast };

	image_setup(s->setting);
	image_reset();
	at_each_image(s->victim, VICTIM, visit, &w);
}

void sweep_two_dead(struct tally *t, const struct scenario *s)
{
	two_dead(t, s, victim_dead_here);
}

void sweep_two_dead_nested(struct tally *t, const struct scenario *s)
{
	two_dead(t, s, victim_dead_here_nested);
}

void sweep_planted(struct tally *t, const struct planted *planted)
{
	static void (*const sweeps[])(struct tally *, const struct scenario *) = {
		[MODE_ALONE] = sweep_alone,	   [MODE_RESUME] = sweep_resume,
		[MODE_NESTED] = sweep_nested,	   [MODE_TWO_DEAD] = sweep_two_dead,
		[MODE_RACE] = sweep_race,	   [MODE_SLOW] = sweep_slow,
	};
	const struct scenario s = { planted->setting, planted->victim, planted->second,
				    planted->peer, false };

	case_repair_by(planted->repair);
	sweeps[planted->mode](t, &s);
	case_repair_by(NULL);
}
