/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "queue-sweep.h"
#include "tracer.h"

#define MAX_IMAGES 128
/* No operation and no repair of a small queue is longer, unless it does not end. */
#define MAX_STEPS 100000

bool sweep_full;

/* Of those stops that are sampled unless sweep_full: every so many instructions. */
#define RESUME_STRIDE 5
#define RACE_STRIDE 8
#define SLOW_STRIDE 16

static uint64_t stride(uint64_t sampled)
{
	return sweep_full ? 1 : sampled;
}

static void *new_image(void)
{
	void *image = malloc(rig_bytes());

	if (!image) {
		perror("malloc");
		exit(99);
	}
	return image;
}

/* Distinct images, in the order in which a victim went through them. */
struct images {
	void *image[MAX_IMAGES];
	unsigned int n;
};

static void images_take(struct images *i)
{
	if (i->n > 0 && rig_equal(i->image[i->n - 1]))
		return;
	if (i->n == MAX_IMAGES) {
		fprintf(stderr, "queue-sweep: more than %d images\n", MAX_IMAGES);
		exit(99);
	}
	i->image[i->n] = new_image();
	rig_save(i->image[i->n++]);
}

static void images_free(struct images *i)
{
	while (i->n > 0)
		free(i->image[--i->n]);
}

static void begin(struct tracee *t, const struct operation *op, enum actor_number number)
{
	tracee_start(t, op->run, NULL, rig_actor(number));
}

static void run_here(const struct operation *op, enum actor_number number)
{
	if (op)
		op->run(rig_actor(number));
}

static void run_repair(void *arg)
{
	rig_repair(*(const uint32_t *)arg);
}

/*
 * Until its first look at a counter it changes nothing, so that a repair killed before
 * was none at all: that is the case without one.
 */
static void start_repair(struct tracee *t, uint32_t *dead)
{
	tracee_start(t, run_repair, NULL, dead);
	if (!rig_broken_repair)
		tracee_until_access(t, &rig_queue()->tail);
}

/* One step further, or an end to it all: an operation that does not end is a wedge by itself. */
static bool step(struct tracee *t)
{
	if (t->n_steps == MAX_STEPS) {
		fprintf(stderr, "queue-sweep: %d instructions and no end\n", MAX_STEPS);
		exit(99);
	}
	return tracee_step(t);
}

/* What a judgement says, kept to be repeated for an equal image. */
struct verdict {
	void *image;	/* NULL: none yet */
	bool valid;
	enum outcome outcome;
	bool repaired;
	uint64_t n_allowed;
	char why[200];
};

static uint64_t lost_before;

/* The moment of death, before anybody repairs. */
static void note_death(void)
{
	oracle_look();
	lost_before = rig_queue()->n_aborted + rig_queue()->n_dropped;
}

/* Repairs, and judges. */
static void settle(struct verdict *v, const struct cast *cast, bool exact, bool repaired)
{
	const char *why;

	if (!repaired)
		v->repaired = rig_repair(cast->dead).n_repaired > 0;
	v->n_allowed = rig_queue()->n_aborted + rig_queue()->n_dropped - lost_before;
	v->outcome = oracle_judge(cast, exact, &why);
	snprintf(v->why, sizeof(v->why), "%s", why);
}

/* The same from an image, which is there again afterwards; not done twice for an equal one. */
static void settle_image(struct verdict *v, const struct cast *cast, bool exact, bool dead_now)
{
	if (v->valid && rig_equal(v->image))
		return;
	if (!v->image)
		v->image = new_image();
	rig_save(v->image);
	if (dead_now)
		note_death();
	settle(v, cast, exact, false);
	rig_restore(v->image);
	v->valid = true;
}

static void forget(struct verdict *v)
{
	free(v->image);
	*v = (struct verdict){ 0 };
}

static void count(struct tally *t, enum mode mode, const struct verdict *v,
		  const struct scenario *s, const char *a, uint64_t k, const char *b, uint64_t j)
{
	t->n_repaired += v->repaired;
	t->n_allowed += v->n_allowed;
	tally_case(t, mode, v->outcome,
		   "%s%s%s%s%s; %s, %s; %s %llu, %s %llu: %s", s->victim->name,
		   s->second ? " and " : "", s->second ? s->second->name : "",
		   s->peer ? ", beside it " : "", s->peer ? s->peer->name : "", s->setting->name,
		   s->flags ? "redeliver" : "drop", a, (unsigned long long)k, b,
		   (unsigned long long)j, v->why);
}

static void note_length(struct tally *t, const struct tracee *victim)
{
	if (victim->finished && victim->n_steps > t->n_instructions)
		t->n_instructions = victim->n_steps;
}

static struct cast cast_of(const struct scenario *s, uint32_t dead)
{
	return (struct cast){ .operation = { [VICTIM] = s->victim,
					     [SECOND] = s->second,
					     [PEER] = s->peer },
			      .dead = dead };
}

/* One child for each instruction, and a real SIGKILL. */
static void alone_killed(struct tally *t, const struct scenario *s)
{
	const struct cast cast = cast_of(s, 1 << VICTIM);
	bool finished = false;

	for (uint64_t k = 0; !finished; k++) {
		struct verdict v = { 0 };
		struct tracee victim;

		rig_reset();
		begin(&victim, s->victim, VICTIM);
		while (victim.n_steps < k && step(&victim))
			;
		finished = victim.finished;
		note_length(t, &victim);
		run_here(s->peer, PEER);
		tracee_kill(&victim);
		note_death();
		settle(&v, &cast, true, false);
		count(t, MODE_ALONE, &v, s, "killed at", k, "", 0);
	}
}

/* One child, judged where it stands; its image is put back and it goes on. */
static void alone_imaged(struct tally *t, const struct scenario *s)
{
	const struct cast cast = cast_of(s, 1 << VICTIM);
	void *image = new_image();
	struct verdict v = { 0 };
	struct tracee victim;

	rig_reset();
	begin(&victim, s->victim, VICTIM);
	do {
		rig_save(image);
		if (!v.valid || !rig_equal(v.image)) {
			if (!v.image)
				v.image = new_image();
			rig_save(v.image);
			run_here(s->peer, PEER);
			note_death();
			settle(&v, &cast, true, false);
			v.valid = true;
		}
		rig_restore(image);
		count(t, MODE_ALONE, &v, s, "dead at", victim.n_steps, "", 0);
	} while (step(&victim));
	note_length(t, &victim);
	tracee_kill(&victim);
	forget(&v);
	free(image);
}

void sweep_alone(struct tally *t, const struct scenario *s)
{
	rig_setup(s->setting, s->flags);
	if (s->killed || sweep_full)
		alone_killed(t, s);
	else
		alone_imaged(t, s);
}

void sweep_resume(struct tally *t, const struct scenario *s)
{
	const struct cast cast = cast_of(s, 1 << VICTIM);
	bool finished = false;

	rig_setup(s->setting, s->flags);
	for (uint64_t k = 0; !finished; k += stride(RESUME_STRIDE)) {
		struct verdict v = { 0 };
		struct tracee victim;

		rig_reset();
		begin(&victim, s->victim, VICTIM);
		while (victim.n_steps < k && step(&victim))
			;
		finished = victim.finished;
		run_here(s->peer, PEER);
		do {
			settle_image(&v, &cast, true, true);
			count(t, MODE_RESUME, &v, s, "stopped at", k, "dead at",
			      victim.n_steps);
		} while (step(&victim));
		tracee_kill(&victim);
		forget(&v);
	}
}

/* The image of the death is in memory: the repair dies at each of its instructions. */
static void repair_dying(struct tally *t, const struct scenario *s, const struct cast *cast,
			 enum mode mode, uint64_t k)
{
	uint32_t dead = cast->dead;
	struct verdict v = { 0 };
	struct tracee repair;

	note_death();
	start_repair(&repair, &dead);
	do {
		settle_image(&v, cast, false, false);
		count(t, mode, &v, s, "dead at", k, "repair killed at", repair.n_steps);
	} while (step(&repair));
	tracee_kill(&repair);
	forget(&v);
}

void sweep_nested(struct tally *t, const struct scenario *s)
{
	const struct cast cast = cast_of(s, 1 << VICTIM);
	void *image = new_image();
	struct tracee victim;
	bool first = true;

	rig_setup(s->setting, s->flags);
	rig_reset();
	begin(&victim, s->victim, VICTIM);
	do {
		if (!first && rig_equal(image))
			continue;
		first = false;
		rig_save(image);
		repair_dying(t, s, &cast, MODE_NESTED, victim.n_steps);
		rig_restore(image);
	} while (step(&victim));
	tracee_kill(&victim);
	free(image);
}

static void two_dead(struct tally *t, const struct scenario *s, bool nested)
{
	const struct cast cast = cast_of(s, 1 << VICTIM | 1 << SECOND);
	void *image = new_image(), *image2 = new_image();
	struct tracee victim, second;
	bool first = true;

	rig_setup(s->setting, s->flags);
	rig_reset();
	begin(&victim, s->victim, VICTIM);
	do {
		struct verdict v = { 0 };
		uint64_t n_steps;

		if (!first && rig_equal(image))
			continue;
		first = false;
		rig_save(image);
		begin(&second, s->second, SECOND);
		n_steps = 0;
		do {
			if (!nested) {
				settle_image(&v, &cast, true, true);
				count(t, MODE_TWO_DEAD, &v, s, "dead at", victim.n_steps,
				      "the other at", second.n_steps);
			} else if (n_steps == 0 || !rig_equal(image2)) {
				rig_save(image2);
				repair_dying(t, s, &cast, MODE_NESTED, victim.n_steps);
				rig_restore(image2);
			}
			n_steps++;
		} while (step(&second));
		tracee_kill(&second);
		forget(&v);
		rig_restore(image);
	} while (step(&victim));
	tracee_kill(&victim);
	free(image);
	free(image2);
}

void sweep_two_dead(struct tally *t, const struct scenario *s)
{
	two_dead(t, s, false);
}

void sweep_two_dead_nested(struct tally *t, const struct scenario *s)
{
	two_dead(t, s, true);
}

/* The images through which @op goes from the one that is in memory, which stays. */
static void collect(struct images *images, const struct operation *op, enum actor_number number)
{
	void *image = new_image();
	struct tracee t;

	images->n = 0;
	rig_save(image);
	begin(&t, op, number);
	do
		images_take(images);
	while (step(&t));
	tracee_kill(&t);
	rig_restore(image);
	free(image);
}

/* The second stands at k; the victim comes, dies, is repaired; the second goes on. */
static bool race_at(struct tally *t, const struct scenario *s, uint64_t k)
{
	const struct cast cast = cast_of(s, 1 << VICTIM);
	struct images images = { 0 };
	struct tracee second;
	bool finished;

	rig_reset();
	begin(&second, s->second, SECOND);
	while (second.n_steps < k && step(&second))
		;
	finished = second.finished;
	tracee_kill(&second);
	collect(&images, s->victim, VICTIM);
	for (unsigned int i = 0; i < images.n; i++) {
		struct verdict v = { 0 };

		rig_reset();
		begin(&second, s->second, SECOND);
		while (second.n_steps < k && step(&second))
			;
		rig_restore(images.image[i]);
		note_death();
		v.repaired = rig_repair(cast.dead).n_repaired > 0;
		tracee_finish(&second);
		tracee_kill(&second);
		settle(&v, &cast, true, true);
		count(t, MODE_RACE, &v, s, "dead at its change", i, "the other stopped at", k);
	}
	images_free(&images);
	return !finished;
}

/* The victim dies first; the second comes, stands at k, while the repair is done; goes on. */
static void race_after(struct tally *t, const struct scenario *s)
{
	const struct cast cast = cast_of(s, 1 << VICTIM);
	struct images images = { 0 };

	rig_reset();
	collect(&images, s->victim, VICTIM);
	for (unsigned int i = 0; i < images.n; i++) {
		bool finished = false;

		for (uint64_t k = i % stride(RACE_STRIDE); !finished; k += stride(RACE_STRIDE)) {
			struct verdict v = { 0 };
			struct tracee second;

			rig_restore(images.image[i]);
			begin(&second, s->second, SECOND);
			while (second.n_steps < k && step(&second))
				;
			finished = second.finished;
			note_death();
			v.repaired = rig_repair(cast.dead).n_repaired > 0;
			tracee_finish(&second);
			tracee_kill(&second);
			settle(&v, &cast, true, true);
			count(t, MODE_RACE, &v, s, "dead at its change", i,
			      "then the other stopped at", k);
		}
	}
	images_free(&images);
}

void sweep_race(struct tally *t, const struct scenario *s)
{
	rig_setup(s->setting, s->flags);
	for (uint64_t k = 0; race_at(t, s, k); k += stride(RACE_STRIDE))
		;
	race_after(t, s);
}

void sweep_slow(struct tally *t, const struct scenario *s)
{
	const struct cast cast = cast_of(s, 1 << VICTIM);
	struct images images = { 0 };
	uint32_t dead = cast.dead;

	rig_setup(s->setting, s->flags);
	rig_reset();
	collect(&images, s->victim, VICTIM);
	for (unsigned int i = 0; i < images.n; i++) {
		bool finished = false;

		for (uint64_t m = i % stride(SLOW_STRIDE); !finished;
		     m += stride(SLOW_STRIDE)) {
			struct verdict v = { .repaired = true };
			struct tracee repair;

			rig_restore(images.image[i]);
			note_death();
			start_repair(&repair, &dead);
			while (repair.n_steps < m && step(&repair))
				;
			finished = repair.finished;
			run_here(s->peer, PEER);
			tracee_finish(&repair);
			tracee_kill(&repair);
			settle(&v, &cast, true, true);
			count(t, MODE_SLOW, &v, s, "dead at its change", i,
			      "the repair stopped at", m);
		}
	}
	images_free(&images);
}
