/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "case.h"

/* sweep-race.c - one dies while another stands somewhere in its call, or the repair does */

/* The images through which @op goes from the one that is in memory, which stays. */
static void collect(struct images *images, const struct operation *op, enum actor_number number)
{
	void *before = image_new();
	struct tracee t;

	images->n = 0;
	image_save(before);
	case_begin(&t, op, number);
	do
		images_take(images);
	while (case_step(&t));
	tracee_kill(&t);
	image_restore(before);
	free(before);
}

/*
 * The places at which one who lives is stopped: before every store, which is where what it has
 * loaded can be old; every instruction, if sweep_full.
 */
static pid_t stand(const struct operation *op, enum actor_number number, uint64_t k)
{
	return case_stopped_at(op->run, image_actor(number), k, !sweep_full);
}

/* The second stands at k; the victim comes, dies, is repaired; the second goes on. */
static bool race_at(struct tally *t, const struct scenario *s, uint64_t k)
{
	const struct cast cast = case_cast(s, 1 << VICTIM);
	struct images images = { 0 };
	pid_t second;

	image_reset();
	second = stand(s->second, SECOND, k);
	collect(&images, s->victim, VICTIM);
	for (unsigned int i = 0; i < images.n; i++) {
		struct verdict v = { 0 };

		/* The same process stood there from the first on; the others do, too. */
		if (i > 0) {
			image_reset();
			second = stand(s->second, SECOND, k);
		}
		image_restore(images.image[i]);
		case_died();
		v.repaired = case_repair_now(cast.dead);
		case_go_on(second);
		case_judge(&v, &cast);
		case_count(t, MODE_RACE, &v, s, "dead at its change", i, "the other stopped at", k);
	}
	images_free(&images);
	return second > 0;
}

/* The victim dies first; the second comes, stands at k, while the repair is done; goes on. */
static void race_after(struct tally *t, const struct scenario *s)
{
	const struct cast cast = case_cast(s, 1 << VICTIM);
	struct images images = { 0 };

	image_reset();
	collect(&images, s->victim, VICTIM);
	for (unsigned int i = 0; i < images.n; i++) {
		pid_t second = 1;

		for (uint64_t k = 0; second > 0; k++) {
			struct verdict v = { 0 };

			image_restore(images.image[i]);
			second = stand(s->second, SECOND, k);
			case_died();
			v.repaired = case_repair_now(cast.dead);
			case_go_on(second);
			case_judge(&v, &cast);
			case_count(t, MODE_RACE, &v, s, "dead at its change", i,
			      "then the other stopped at", k);
		}
	}
	images_free(&images);
}

void sweep_race(struct tally *t, const struct scenario *s)
{
	image_setup(s->setting);
	for (uint64_t k = 0; race_at(t, s, k); k++)
		;
	race_after(t, s);
}

void sweep_slow(struct tally *t, const struct scenario *s)
{
	const struct cast cast = case_cast(s, 1 << VICTIM);
	struct images images = { 0 };
	uint32_t dead = cast.dead;

	image_setup(s->setting);
	image_reset();
	collect(&images, s->victim, VICTIM);
	for (unsigned int i = 0; i < images.n; i++) {
		pid_t reaper = 1;

		for (uint64_t m = 0; reaper > 0; m++) {
			struct verdict v = { 0 };

			image_restore(images.image[i]);
			case_died();
			memset(case_report, 0, sizeof(*case_report));
			reaper = case_stopped_at(case_run_repair, &dead, m, !sweep_full);
			case_run_here(s->peer, PEER);
			case_go_on(reaper);
			v.repaired = case_report->n_repaired > 0;
			case_judge(&v, &cast);
			case_count(t, MODE_SLOW, &v, s, "dead at its change", i,
			      "the repair stopped at", m);
		}
	}
	images_free(&images);
}
