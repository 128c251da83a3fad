/* SPDX-License-Identifier: MIT */
/*
 * crash-NAME - kill a process at every instruction of every operation of a structure
 *
 *	crash-NAME			the default sweep
 *	crash-NAME --full		all settings, pairs and stops; the queue's: about an hour on
 *					two processors
 *	crash-NAME --self-test		planted bugs, each of which must be found
 *	crash-NAME --only OPERATION	one operation
 *	crash-NAME --jobs N		workers at once; default: one a processor
 *
 * A table, one line an operation: its instructions, in how many cases somebody was killed
 * (by mode, and together), in how many there was something to repair, what was lost and
 * what came twice as the contract allows, and how often it was wedged, which is never. Last
 * line: wedged N, leaked N, lost N, duplicated N, cases N, all beyond the contract.
 * Exit 0: nothing was beyond the contract; 1: something; 77: cannot be run here.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <shmreg/compiler.h>

#include "sweep.h"
#include "tracer.h"

#define MAX_OPERATIONS 64

static const char *const modes[TALLY_MODES] = {
	[MODE_ALONE] = "alone",	    [MODE_RESUME] = "resumed", [MODE_NESTED] = "nested",
	[MODE_TWO_DEAD] = "two dead", [MODE_RACE] = "raced",   [MODE_SLOW] = "slow rep.",
};

static bool is_peer(const struct operation *op)
{
	for (unsigned int i = 0; i < subject.n_peers; i++)
		if (subject.peers[i] == op)
			return true;
	return false;
}

/* What is done in a setting by default, or with --full. */
static void sweep_setting(struct tally *t, const struct operation *op, const struct setting *setting)
{
	const bool pair = setting->flags & SETTING_PAIR;
	const bool resume = pair || ((setting->flags & SETTING_RESUME) &&
				     (op->flags & OPERATION_RESUME));
	const bool race = setting->flags & SETTING_RACE;
	const unsigned int beside = setting->flags & SETTING_SECOND_PEER ? 1 : 0;
	struct scenario s = { setting, op, NULL, NULL,
			      (setting->flags & SETTING_KILL) && (op->flags & OPERATION_PAIR) };

	sweep_alone(t, &s);
	s.killed = false;
	if (pair || sweep_full)
		sweep_nested(t, &s);
	for (unsigned int j = 0; j < subject.n_peers; j++) {
		s.peer = subject.peers[j];
		sweep_alone(t, &s);
		if (sweep_full || (resume && j == beside))
			sweep_resume(t, &s);
		if (sweep_full ? pair : race && is_peer(op))
			sweep_slow(t, &s);
	}
	s.peer = NULL;
	for (unsigned int j = 0; j < subject.n_operations; j++) {
		const struct operation *second = &subject.operations[j];
		const bool both = op->flags & second->flags & OPERATION_PAIR;

		s.second = second;
		if (sweep_full || (pair && both))
			sweep_two_dead(t, &s);
		if (!pair || !both)
			continue;
		if (!sweep_full && !(race && (op->flags & second->flags & OPERATION_RACE)))
			continue;
		sweep_race(t, &s);
		if (sweep_full || second == op)
			sweep_two_dead_nested(t, &s);
	}
}

static void sweep_operation(struct tally *t, const struct operation *op)
{
	for (unsigned int i = 0; i < subject.n_settings; i++)
		sweep_setting(t, op, &subject.settings[i]);
}

/*
 * Single steps are what it costs, and they need no more than a processor each: one worker for
 * each, which takes the next operation until there is none.
 */
static struct {
	unsigned int next;
	struct tally tally[MAX_OPERATIONS];
} *shared;

static void work(unsigned int worker, const char *only)
{
	unsigned int i;

	tracer_pin(worker);
	sweep_init();
	while ((i = shmreg_fetch_add_relaxed(&shared->next, 1)) < subject.n_operations) {
		const struct operation *op = &subject.operations[i];

		if (only && strcmp(only, op->name) != 0)
			continue;
		sweep_operation(&shared->tally[i], op);
		tally_print(op->name, &shared->tally[i]);
	}
}

static int sweep_all(const char *only, unsigned int n_workers)
{
	struct tally sum = { 0 };
	int status, failed = 0;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (shared == MAP_FAILED || subject.n_operations > MAX_OPERATIONS) {
		fprintf(stderr, "crash: no memory for the tallies\n");
		return 99;
	}
	tally_print_head(subject.name, modes);
	fflush(stdout);
	for (unsigned int w = 0; w < n_workers; w++) {
		const pid_t pid = fork();

		if (pid < 0) {
			perror("fork");
			return 99;
		}
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			work(w, only);
			exit(0);
		}
	}
	while (wait(&status) > 0)
		failed |= status != 0;
	for (unsigned int i = 0; i < subject.n_operations; i++)
		tally_add(&sum, &shared->tally[i]);
	tally_print_sum(&sum);
	return failed || tally_bad(&sum) != 0 || tally_cases(&sum) == 0;
}

static int self_test(void)
{
	unsigned int n_found = 0;

	tally_silent = true;
	for (unsigned int i = 0; i < subject.n_planted; i++) {
		struct tally t = { 0 };

		sweep_planted(&t, &subject.planted[i]);
		printf("%-40s %s: ", subject.planted[i].name, tally_bad(&t) ? "found" : "NOT FOUND");
		tally_print_sum(&t);
		n_found += tally_bad(&t) > 0;
	}
	printf("planted bugs: %u of %u found\n", n_found, subject.n_planted);
	return n_found != subject.n_planted;
}

int main(int argc, char **argv)
{
	const char *const unusable = tracer_unusable();
	const char *only = NULL;
	unsigned int n_workers = 0;
	bool selftest = false;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--full") == 0) {
			sweep_full = true;
		} else if (strcmp(argv[i], "--self-test") == 0) {
			selftest = true;
		} else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc) {
			only = argv[++i];
		} else if (strcmp(argv[i], "--jobs") == 0 && i + 1 < argc) {
			n_workers = (unsigned int)strtoul(argv[++i], NULL, 10);
		} else {
			fprintf(stderr, "usage: %s [--full] [--self-test] [--only NAME] [--jobs N]\n",
				argv[0]);
			return 2;
		}
	}
	if (unusable) {
		printf("skipped: %s\n", unusable);
		return 77;
	}
	if (selftest) {
		tracer_pin(0);
		sweep_init();
		return self_test();
	}
	return sweep_all(only, n_workers ? n_workers : tracer_n_cpus());
}
