/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <shmreg/handle.h>

#include "inside.h"
#include "sweep.h"
#include "tracer.h"

#define MAX_IMAGES 512
/* No operation and no repair of something small is longer, unless it does not end. */
#define MAX_STEPS 100000

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

/* In which the case happens, in pages of its own; and as it was when it began. */
static void *image;
static size_t image_room;
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
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);

	image_room = (subject.image_bytes + page - 1) & ~(page - 1);
	image = shared_memory(image_room);
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

/* An operation that does not end is a wedge by itself. */
static void endless(void)
{
	fprintf(stderr, "sweep: %d instructions and no end\n", MAX_STEPS);
	exit(99);
}

/* One step further, or an end to it all. */
static bool step(struct tracee *t)
{
	if (t->n_steps == MAX_STEPS)
		endless();
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

static void note_length(struct tally *t, uint64_t n_steps)
{
	/* Less what ends it. */
	if (n_steps - 1 > t->n_instructions)
		t->n_instructions = n_steps - 1;
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

/* In the child: how far it is to go, and has gone. */
struct course {
	uint64_t stop, n_steps;
};

static void stop_there(void *arg)
{
	struct course *c = arg;

	if (c->n_steps++ == c->stop)
		raise(SIGSTOP);
}

/*
 * Return: the process, stopped before its instruction @k, or its store @k; 0: it ends before
 * that, and has.
 */
static pid_t stopped_at(void (*run)(void *arg), void *arg, uint64_t k, bool store)
{
	struct course course = { k, 0 };
	int status;
	const pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (store)
			inside_before_stores(image, image_room, run, arg, stop_there, &course);
		else
			inside_step(run, arg, stop_there, &course);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, WUNTRACED) != pid ||
	    !(WIFSTOPPED(status) || (WIFEXITED(status) && WEXITSTATUS(status) == 0))) {
		fprintf(stderr, "sweep: stopped at %llu: status %#x\n", (unsigned long long)k,
			(unsigned int)status);
		exit(99);
	}
	return WIFSTOPPED(status) ? pid : 0;
}

/* It goes on, to its end. */
static void go_on(pid_t pid)
{
	int status;

	if (pid > 0 && (kill(pid, SIGCONT) < 0 || waitpid(pid, &status, 0) != pid ||
			!WIFEXITED(status) || WEXITSTATUS(status) != 0)) {
		fprintf(stderr, "sweep: one that was stopped did not go on\n");
		exit(99);
	}
}

/* One child for each instruction, and a real SIGKILL. */
static void alone_killed(struct tally *t, const struct scenario *s)
{
	const struct cast cast = cast_of(s, 1 << VICTIM);
	pid_t pid = 1;

	fflush(NULL);
	for (uint64_t k = 0; pid > 0; k++) {
		struct verdict v = { 0 };

		if (k == MAX_STEPS)
			endless();
		reset();
		pid = stopped_at(s->victim->run, subject.actor(image, VICTIM), k, false);
		if (pid == 0)
			note_length(t, k);
		run_here(s->peer, PEER);
		if (pid > 0 && (kill(pid, SIGKILL) < 0 || waitpid(pid, NULL, 0) != pid)) {
			perror("sweep: kill");
			exit(99);
		}
		note_death();
		repair_and_judge(&v, &cast);
		count(t, MODE_ALONE, &v, s, "killed at", k, "", 0);
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
		endless();
	return w->n_steps++;
}

static void walk(struct walk *w, const struct operation *op, enum actor_number number,
		 void (*visit)(void *walk))
{
	inside_step(op->run, subject.actor(image, number), visit, w);
	forget(&w->verdict);
}

static void dead_here(void *arg)
{
	struct walk *w = arg;
	const uint64_t k = walked(w);

	if (!w->verdict.valid || !equal(w->verdict.image)) {
		if (!w->verdict.image)
			w->verdict.image = new_image();
		save(w->verdict.image);
		run_here(w->scenario->peer, PEER);
		note_death();
		repair_and_judge(&w->verdict, w->cast);
		w->verdict.valid = true;
		restore(w->verdict.image);
	}
	count(w->tally, MODE_ALONE, &w->verdict, w->scenario, "dead at", k, "", 0);
}

/* Judged where it stands; its image is put back and it goes on. */
static void alone_imaged(struct tally *t, const struct scenario *s)
{
	const struct cast cast = cast_of(s, 1 << VICTIM);
	struct walk w = { .tally = t, .scenario = s, .cast = &cast };

	reset();
	walk(&w, s->victim, VICTIM, dead_here);
	note_length(t, w.n_steps);
}

void sweep_alone(struct tally *t, const struct scenario *s)
{
	setup(s->setting);
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
		run_here(w->scenario->peer, PEER);
	settle_image(&w->verdict, w->cast, true);
	count(w->tally, MODE_RESUME, &w->verdict, w->scenario, "stopped at", w->stop, "dead at", k);
}

void sweep_resume(struct tally *t, const struct scenario *s)
{
	const struct cast cast = cast_of(s, 1 << VICTIM);
	const uint64_t sampled = t->n_instructions / RESUME_STOPS;

	setup(s->setting);
	for (uint64_t k = 0, n = 1; k < n; k += stride(sampled > RESUME_STRIDE ? sampled
									      : RESUME_STRIDE)) {
		struct walk w = { .tally = t, .scenario = s, .cast = &cast, .stop = k };

		reset();
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

	settle_image(&d->verdict, d->cast, false);
	count(d->tally, d->mode, &d->verdict, d->scenario, "dead at", d->dead_at,
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
	note_death();
	if (!sweep_full) {
		struct dying d = { t, s, &inexact, mode, k, 0, { 0 } };

		judge_dying(&d);
		memset(report, 0, sizeof(*report));
		inside_stores(image, image_room, run_repair, &dead, judge_dying, &d);
		forget(&d.verdict);
		return;
	}
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

static void both_dead_here(void *arg)
{
	struct walk *w = arg;
	const uint64_t k = walked(w);

	settle_image(&w->verdict, w->cast, true);
	count(w->tally, MODE_TWO_DEAD, &w->verdict, w->scenario, "dead at", w->stop, "the other at",
	      k);
}

/* The same where the repair dies, too. That takes the signal, so the second is another process. */
static void two_dead_nested(struct walk *w)
{
	void *between = new_image();
	struct tracee second;
	bool first = true;

	begin(&second, w->scenario->second, SECOND);
	do {
		if (!first && equal(between))
			continue;
		first = false;
		save(between);
		repair_dying(w->tally, w->scenario, w->cast, MODE_NESTED, w->stop);
		restore(between);
	} while (step(&second));
	tracee_kill(&second);
	free(between);
}

static void two_dead(struct tally *t, const struct scenario *s, bool nested)
{
	const struct cast cast = cast_of(s, 1 << VICTIM | 1 << SECOND);
	void *before = new_image();
	struct tracee victim;
	bool first = true;

	setup(s->setting);
	reset();
	begin(&victim, s->victim, VICTIM);
	do {
		struct walk w = { .tally = t, .scenario = s, .cast = &cast, .stop = victim.n_steps };

		if (!first && equal(before))
			continue;
		first = false;
		save(before);
		if (nested)
			two_dead_nested(&w);
		else
			walk(&w, s->second, SECOND, both_dead_here);
		restore(before);
	} while (step(&victim));
	tracee_kill(&victim);
	free(before);
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

/*
 * The places at which one who lives is stopped: before every store, which is where what it has
 * loaded can be old; every instruction, if sweep_full.
 */
static pid_t stand(const struct operation *op, enum actor_number number, uint64_t k)
{
	return stopped_at(op->run, subject.actor(image, number), k, !sweep_full);
}

/* The second stands at k; the victim comes, dies, is repaired; the second goes on. */
static bool race_at(struct tally *t, const struct scenario *s, uint64_t k)
{
	const struct cast cast = cast_of(s, 1 << VICTIM);
	struct images images = { 0 };
	pid_t second;

	reset();
	second = stand(s->second, SECOND, k);
	collect(&images, s->victim, VICTIM);
	for (unsigned int i = 0; i < images.n; i++) {
		struct verdict v = { 0 };

		/* The same process stood there from the first on; the others do, too. */
		if (i > 0) {
			reset();
			second = stand(s->second, SECOND, k);
		}
		restore(images.image[i]);
		note_death();
		v.repaired = repair_now(cast.dead);
		go_on(second);
		judge(&v, &cast);
		count(t, MODE_RACE, &v, s, "dead at its change", i, "the other stopped at", k);
	}
	images_free(&images);
	return second > 0;
}

/* The victim dies first; the second comes, stands at k, while the repair is done; goes on. */
static void race_after(struct tally *t, const struct scenario *s)
{
	const struct cast cast = cast_of(s, 1 << VICTIM);
	struct images images = { 0 };

	reset();
	collect(&images, s->victim, VICTIM);
	for (unsigned int i = 0; i < images.n; i++) {
		pid_t second = 1;

		for (uint64_t k = 0; second > 0; k++) {
			struct verdict v = { 0 };

			restore(images.image[i]);
			second = stand(s->second, SECOND, k);
			note_death();
			v.repaired = repair_now(cast.dead);
			go_on(second);
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
	for (uint64_t k = 0; race_at(t, s, k); k++)
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
		pid_t reaper = 1;

		for (uint64_t m = 0; reaper > 0; m++) {
			struct verdict v = { 0 };

			restore(images.image[i]);
			note_death();
			memset(report, 0, sizeof(*report));
			reaper = stopped_at(run_repair, &dead, m, !sweep_full);
			run_here(s->peer, PEER);
			go_on(reaper);
			v.repaired = report->n_repaired > 0;
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
