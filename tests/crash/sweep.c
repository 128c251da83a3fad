/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <shmreg/handle.h>

#include "sweep.h"
#include "tracer.h"

#define MAX_IMAGES 512
/* No operation and no repair of something small is longer, unless it does not end. */
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

/* In which the case happens; and as it was when it began. */
static void *image;
static void *start;
/* What a repair in a process of its own reported. */
static struct shmreg_reaper_report *report;

static void (*repair)(void *image, uint32_t dead, struct shmreg_reaper_report *ret);

/* The library's asks the segment; there is none here, and nothing is wrong with it. */
int shmreg_handle_trouble(const struct shmreg_handle *handle)
{
	(void)handle;
	return 0;
}

void actor_seats(uint32_t actors, uint64_t ret[64])
{
	memset(ret, 0, 64 * sizeof(*ret));
	for (unsigned int i = 0; i < N_ACTORS; i++)
		if (actors >> i & 1)
			ret[actor_seat(i) / 64] |= UINT64_C(1) << actor_seat(i) % 64;
}

enum outcome judgement_bad(struct judgement *j, enum outcome outcome, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(j->why, sizeof(j->why), format, args);
	va_end(args);
	j->outcome = outcome;
	return outcome;
}

static void *new_image(void)
{
	void *memory = malloc(subject.image_bytes);

	if (!memory) {
		perror("malloc");
		exit(99);
	}
	return memory;
}

static void *shared_memory(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED) {
		perror("mmap");
		exit(99);
	}
	return memory;
}

void sweep_init(void)
{
	image = shared_memory(subject.image_bytes);
	report = shared_memory(sizeof(*report));
	start = new_image();
	repair = subject.repair;
}

static void save(void *to)
{
	memcpy(to, image, subject.image_bytes);
}

static void restore(const void *from)
{
	memcpy(image, from, subject.image_bytes);
}

static bool equal(const void *with)
{
	return memcmp(image, with, subject.image_bytes) == 0;
}

static void setup(const struct setting *setting)
{
	memset(image, 0, subject.image_bytes);
	subject.setup(image, setting);
	save(start);
}

static void reset(void)
{
	restore(start);
}

static bool repair_now(uint32_t dead)
{
	memset(report, 0, sizeof(*report));
	repair(image, dead, report);
	return report->n_repaired > 0;
}

/* Distinct images, in the order in which a victim went through them. */
struct images {
	void *image[MAX_IMAGES];
	unsigned int n;
};

static void images_take(struct images *i)
{
	if (i->n > 0 && equal(i->image[i->n - 1]))
		return;
	if (i->n == MAX_IMAGES) {
		fprintf(stderr, "sweep: more than %d images\n", MAX_IMAGES);
		exit(99);
	}
	i->image[i->n] = new_image();
	save(i->image[i->n++]);
}

static void images_free(struct images *i)
{
	while (i->n > 0)
		free(i->image[--i->n]);
}

static void begin(struct tracee *t, const struct operation *op, enum actor_number number)
{
	tracee_start(t, op->run, NULL, subject.actor(image, number));
}

static void run_here(const struct operation *op, enum actor_number number)
{
	if (op)
		op->run(subject.actor(image, number));
}

static void run_repair(void *arg)
{
	repair(image, *(const uint32_t *)arg, report);
}

/* A repair killed before it has changed anything was none at all: that is the case without one. */
static void start_repair(struct tracee *t, uint32_t *dead)
{
	memset(report, 0, sizeof(*report));
	tracee_start(t, run_repair, NULL, dead);
	if (subject.repair_begins)
		tracee_until_access(t, subject.repair_begins(image));
}

/* One step further, or an end to it all: an operation that does not end is a wedge by itself. */
static bool step(struct tracee *t)
{
	if (t->n_steps == MAX_STEPS) {
		fprintf(stderr, "sweep: %d instructions and no end\n", MAX_STEPS);
		exit(99);
	}
	return tracee_step(t);
}

/* What a judgement says, kept to be repeated for an equal image. */
struct verdict {
	void *image;	/* NULL: none yet */
	bool valid;
	bool repaired;
	struct judgement judgement;
};

/* The moment of death, before anybody repairs. */
static void note_death(void)
{
	if (subject.look)
		subject.look(image);
}

static void judge(struct verdict *v, const struct cast *cast)
{
	v->judgement.outcome = OUTCOME_GOOD;
	v->judgement.n_lost = 0;
	v->judgement.n_duplicated = 0;
	v->judgement.why[0] = 0;
	subject.judge(image, cast, &v->judgement);
}

static void repair_and_judge(struct verdict *v, const struct cast *cast)
{
	v->repaired = repair_now(cast->dead);
	judge(v, cast);
}

/* The same from an image, which is there again afterwards; not done twice for an equal one. */
static void settle_image(struct verdict *v, const struct cast *cast, bool dead_now)
{
	if (v->valid && equal(v->image))
		return;
	if (!v->image)
		v->image = new_image();
	save(v->image);
	if (dead_now)
		note_death();
	repair_and_judge(v, cast);
	restore(v->image);
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
	t->n_lost += v->judgement.n_lost;
	t->n_duplicated += v->judgement.n_duplicated;
	tally_case(t, mode, v->judgement.outcome,
		   "%s%s%s%s%s; %s; %s %llu, %s %llu: %s", s->victim->name,
		   s->second ? " and " : "", s->second ? s->second->name : "",
		   s->peer ? ", beside it " : "", s->peer ? s->peer->name : "", s->setting->name,
		   a, (unsigned long long)k, b, (unsigned long long)j, v->judgement.why);
}

static void note_length(struct tally *t, const struct tracee *victim)
{
	if (victim->finished && victim->n_steps > t->n_instructions)
		t->n_instructions = victim->n_steps;
}

static struct cast cast_of(const struct scenario *s, uint32_t dead)
{
	return (struct cast){ .setting = s->setting,
			      .operation = { [VICTIM] = s->victim,
					     [SECOND] = s->second,
					     [PEER] = s->peer },
			      .dead = dead,
			      .exact = true };
}

/* One child for each instruction, and a real SIGKILL. */
static void alone_killed(struct tally *t, const struct scenario *s)
{
	const struct cast cast = cast_of(s, 1 << VICTIM);
	bool finished = false;

	for (uint64_t k = 0; !finished; k++) {
		struct verdict v = { 0 };
		struct tracee victim;

		reset();
		begin(&victim, s->victim, VICTIM);
		while (victim.n_steps < k && step(&victim))
			;
		finished = victim.finished;
		note_length(t, &victim);
		run_here(s->peer, PEER);
		tracee_kill(&victim);
		note_death();
		repair_and_judge(&v, &cast);
		count(t, MODE_ALONE, &v, s, "killed at", k, "", 0);
	}
}

/* One child, judged where it stands; its image is put back and it goes on. */
static void alone_imaged(struct tally *t, const struct scenario *s)
{
	const struct cast cast = cast_of(s, 1 << VICTIM);
	void *before = new_image();
	struct verdict v = { 0 };
	struct tracee victim;

	reset();
	begin(&victim, s->victim, VICTIM);
	do {
		save(before);
		if (!v.valid || !equal(v.image)) {
			if (!v.image)
				v.image = new_image();
			save(v.image);
			run_here(s->peer, PEER);
			note_death();
			repair_and_judge(&v, &cast);
			v.valid = true;
		}
		restore(before);
		count(t, MODE_ALONE, &v, s, "dead at", victim.n_steps, "", 0);
	} while (step(&victim));
	note_length(t, &victim);
	tracee_kill(&victim);
	forget(&v);
	free(before);
}

void sweep_alone(struct tally *t, const struct scenario *s)
{
	setup(s->setting);
	if (s->killed || sweep_full)
		alone_killed(t, s);
	else
		alone_imaged(t, s);
}

void sweep_resume(struct tally *t, const struct scenario *s)
{
	const struct cast cast = cast_of(s, 1 << VICTIM);
	bool finished = false;

	setup(s->setting);
	for (uint64_t k = 0; !finished; k += stride(RESUME_STRIDE)) {
		struct verdict v = { 0 };
		struct tracee victim;

		reset();
		begin(&victim, s->victim, VICTIM);
		while (victim.n_steps < k && step(&victim))
			;
		finished = victim.finished;
		run_here(s->peer, PEER);
		do {
			settle_image(&v, &cast, true);
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
	struct cast inexact = *cast;
	uint32_t dead = cast->dead;
	struct verdict v = { 0 };
	struct tracee reaper;

	inexact.exact = false;
	note_death();
	start_repair(&reaper, &dead);
	do {
		settle_image(&v, &inexact, false);
		count(t, mode, &v, s, "dead at", k, "repair killed at", reaper.n_steps);
	} while (step(&reaper));
	tracee_kill(&reaper);
	forget(&v);
}

void sweep_nested(struct tally *t, const struct scenario *s)
{
	const struct cast cast = cast_of(s, 1 << VICTIM);
	void *before = new_image();
	struct tracee victim;
	bool first = true;

	setup(s->setting);
	reset();
	begin(&victim, s->victim, VICTIM);
	do {
		if (!first && equal(before))
			continue;
		first = false;
		save(before);
		repair_dying(t, s, &cast, MODE_NESTED, victim.n_steps);
		restore(before);
	} while (step(&victim));
	tracee_kill(&victim);
	free(before);
}

static void two_dead(struct tally *t, const struct scenario *s, bool nested)
{
	const struct cast cast = cast_of(s, 1 << VICTIM | 1 << SECOND);
	void *before = new_image(), *between = new_image();
	struct tracee victim, second;
	bool first = true;

	setup(s->setting);
	reset();
	begin(&victim, s->victim, VICTIM);
	do {
		struct verdict v = { 0 };
		uint64_t n_steps;

		if (!first && equal(before))
			continue;
		first = false;
		save(before);
		begin(&second, s->second, SECOND);
		n_steps = 0;
		do {
			if (!nested) {
				settle_image(&v, &cast, true);
				count(t, MODE_TWO_DEAD, &v, s, "dead at", victim.n_steps,
				      "the other at", second.n_steps);
			} else if (n_steps == 0 || !equal(between)) {
				save(between);
				repair_dying(t, s, &cast, MODE_NESTED, victim.n_steps);
				restore(between);
			}
			n_steps++;
		} while (step(&second));
		tracee_kill(&second);
		forget(&v);
		restore(before);
	} while (step(&victim));
	tracee_kill(&victim);
	free(before);
	free(between);
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
	void *before = new_image();
	struct tracee t;

	images->n = 0;
	save(before);
	begin(&t, op, number);
	do
		images_take(images);
	while (step(&t));
	tracee_kill(&t);
	restore(before);
	free(before);
}

/* The second stands at k; the victim comes, dies, is repaired; the second goes on. */
static bool race_at(struct tally *t, const struct scenario *s, uint64_t k)
{
	const struct cast cast = cast_of(s, 1 << VICTIM);
	struct images images = { 0 };
	struct tracee second;
	bool finished;

	reset();
	begin(&second, s->second, SECOND);
	while (second.n_steps < k && step(&second))
		;
	finished = second.finished;
	tracee_kill(&second);
	collect(&images, s->victim, VICTIM);
	for (unsigned int i = 0; i < images.n; i++) {
		struct verdict v = { 0 };

		reset();
		begin(&second, s->second, SECOND);
		while (second.n_steps < k && step(&second))
			;
		restore(images.image[i]);
		note_death();
		v.repaired = repair_now(cast.dead);
		tracee_finish(&second);
		tracee_kill(&second);
		judge(&v, &cast);
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

	reset();
	collect(&images, s->victim, VICTIM);
	for (unsigned int i = 0; i < images.n; i++) {
		bool finished = false;

		for (uint64_t k = i % stride(RACE_STRIDE); !finished; k += stride(RACE_STRIDE)) {
			struct verdict v = { 0 };
			struct tracee second;

			restore(images.image[i]);
			begin(&second, s->second, SECOND);
			while (second.n_steps < k && step(&second))
				;
			finished = second.finished;
			note_death();
			v.repaired = repair_now(cast.dead);
			tracee_finish(&second);
			tracee_kill(&second);
			judge(&v, &cast);
			count(t, MODE_RACE, &v, s, "dead at its change", i,
			      "then the other stopped at", k);
		}
	}
	images_free(&images);
}

void sweep_race(struct tally *t, const struct scenario *s)
{
	setup(s->setting);
	for (uint64_t k = 0; race_at(t, s, k); k += stride(RACE_STRIDE))
		;
	race_after(t, s);
}

void sweep_slow(struct tally *t, const struct scenario *s)
{
	const struct cast cast = cast_of(s, 1 << VICTIM);
	struct images images = { 0 };
	uint32_t dead = cast.dead;

	setup(s->setting);
	reset();
	collect(&images, s->victim, VICTIM);
	for (unsigned int i = 0; i < images.n; i++) {
		bool finished = false;

		for (uint64_t m = i % stride(SLOW_STRIDE); !finished;
		     m += stride(SLOW_STRIDE)) {
			struct verdict v = { 0 };
			struct tracee reaper;

			restore(images.image[i]);
			note_death();
			start_repair(&reaper, &dead);
			while (reaper.n_steps < m && step(&reaper))
				;
			finished = reaper.finished;
			run_here(s->peer, PEER);
			tracee_finish(&reaper);
			v.repaired = report->n_repaired > 0;
			tracee_kill(&reaper);
			judge(&v, &cast);
			count(t, MODE_SLOW, &v, s, "dead at its change", i,
			      "the repair stopped at", m);
		}
	}
	images_free(&images);
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

	if (planted->repair)
		repair = planted->repair;
	sweeps[planted->mode](t, &s);
	repair = subject.repair;
}
