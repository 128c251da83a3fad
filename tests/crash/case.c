/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <shmreg/handle.h>

#include "case.h"
#include "inside.h"

struct shmreg_reaper_report *case_report;

static void (*repair)(void *image, uint32_t dead, struct shmreg_reaper_report *ret);

/* The library's asks the segment; there is none here, and nothing is wrong with it. */
int shmreg_handle_trouble(const struct shmreg_handle *handle)
{
	(void)handle;
	return 0;
}

void case_init(void)
{
	case_report = image_shared_memory(sizeof(*case_report));
	repair = subject.repair;
}

void case_repair_by(void (*by)(void *image, uint32_t dead, struct shmreg_reaper_report *ret))
{
	repair = by ? by : subject.repair;
}

bool case_repair_now(uint32_t dead)
{
	memset(case_report, 0, sizeof(*case_report));
	repair(image_now, dead, case_report);
	return case_report->n_repaired > 0;
}

void case_begin(struct tracee *t, const struct operation *op, enum actor_number number)
{
	tracee_start(t, op->run, NULL, image_actor(number));
}

void case_run_here(const struct operation *op, enum actor_number number)
{
	if (op)
		op->run(image_actor(number));
}

void case_run_repair(void *arg)
{
	repair(image_now, *(const uint32_t *)arg, case_report);
}

void case_start_repair(struct tracee *t, uint32_t *dead)
{
	memset(case_report, 0, sizeof(*case_report));
	tracee_start(t, case_run_repair, NULL, dead);
	if (subject.repair_begins)
		tracee_until_access(t, subject.repair_begins(image_now));
}

void case_endless(void)
{
	fprintf(stderr, "sweep: %d instructions and no end\n", MAX_STEPS);
	exit(99);
}

bool case_step(struct tracee *t)
{
	if (t->n_steps == MAX_STEPS)
		case_endless();
	return tracee_step(t);
}

void case_died(void)
{
	if (subject.look)
		subject.look(image_now);
}

void case_judge(struct verdict *v, const struct cast *cast)
{
	v->judgement.outcome = OUTCOME_GOOD;
	v->judgement.n_lost = 0;
	v->judgement.n_duplicated = 0;
	v->judgement.why[0] = 0;
	subject.judge(image_now, cast, &v->judgement);
}

void case_repair_and_judge(struct verdict *v, const struct cast *cast)
{
	v->repaired = case_repair_now(cast->dead);
	case_judge(v, cast);
}

void case_settle(struct verdict *v, const struct cast *cast, bool dead_now)
{
	if (v->valid && image_equal(v->image))
		return;
	if (!v->image)
		v->image = image_new();
	image_save(v->image);
	if (dead_now)
		case_died();
	case_repair_and_judge(v, cast);
	image_restore(v->image);
	v->valid = true;
}

void case_forget(struct verdict *v)
{
	free(v->image);
	*v = (struct verdict){ 0 };
}

void case_count(struct tally *t, enum mode mode, const struct verdict *v,
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

struct cast case_cast(const struct scenario *s, uint32_t dead)
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

pid_t case_stopped_at(void (*run)(void *arg), void *arg, uint64_t k, bool store)
{
	struct course course = { k, 0 };
	int status;
	const pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (store)
			inside_before_stores(image_now, image_room, run, arg, stop_there, &course);
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

void case_go_on(pid_t pid)
{
	int status;

	if (pid > 0 && (kill(pid, SIGCONT) < 0 || waitpid(pid, &status, 0) != pid ||
			!WIFEXITED(status) || WEXITSTATUS(status) != 0)) {
		fprintf(stderr, "sweep: one that was stopped did not go on\n");
		exit(99);
	}
}
