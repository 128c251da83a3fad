/* SPDX-License-Identifier: MIT */
/*
 * crash-queue - kill a process at every instruction of every operation of a queue
 *
 *	crash-queue			the default sweep
 *	crash-queue --full		all settings, pairs and stops; about an hour on two processors
 *	crash-queue --self-test		planted bugs, each of which must be found
 *	crash-queue --only NAME		one operation
 *	crash-queue --jobs N		workers at once; default: one a processor
 *
 * A table, one line an operation; last line: wedged N, leaked N, lost N, cases N.
 * Exit 0: nothing wedged, leaked or lost beyond the contract; 1: something; 77: cannot be
 * run here.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "queue-operations.h"
#include "queue-sweep.h"
#include "tracer.h"

#define WRAP (UINT64_C(1) << 43)	/* of positions */

/* by: whose operations came last, so that the victim need not (VICTIM) or must record (PEER). */
static const struct setting settings[] = {
	{ "capacity 4, first lap", 4, 0, 2, PEER, false, false },
	{ "capacity 4, own claims before", 4, 5, 2, VICTIM, false, false },
	{ "capacity 2, own claims before", 2, 5, 1, VICTIM, false, false },
	{ "capacity 2", 2, 4, 1, PEER, false, false },
	{ "capacity 2, empty", 2, 7, 0, PEER, false, false },
	{ "capacity 2, full", 2, 7, 2, VICTIM, false, false },
	{ "capacity 4, positions wrap", 4, WRAP - 4, 2, PEER, false, false },
	{ "capacity 4, tombstone ahead", 4, 6, 1, PEER, true, false },
	{ "capacity 4, refused element", 4, 6, 1, PEER, false, true },
};
#define N_SETTINGS (sizeof(settings) / sizeof(settings[0]))
/* Those in which pairs of processes have most to do with each other. */
#define FIRST_PAIR_SETTING 1
#define SECOND_PAIR_SETTING 3
#define MAX_OPERATIONS 32

static const char *const modes[TALLY_MODES] = {
	[MODE_ALONE] = "alone",	    [MODE_RESUME] = "resumed", [MODE_NESTED] = "nested",
	[MODE_TWO_DEAD] = "two dead", [MODE_RACE] = "raced",   [MODE_SLOW] = "slow rep.",
};

static const uint32_t policies[] = { 0, SHMREG_QUEUE_REDELIVER };

/* The i-th setting under the p-th policy: what is done there by default, or with --full. */
static void sweep_setting(struct tally *t, const struct operation *op, unsigned int i,
			  unsigned int p)
{
	const struct operation *const peers[] = { push_operation, pop_operation };
	const bool plain = op < &operations[N_PLAIN_OPERATIONS];
	const bool pair = i == FIRST_PAIR_SETTING || i == SECOND_PAIR_SETTING;
	const bool once = i == SECOND_PAIR_SETTING && p == 1;
	struct scenario s = { &settings[i], policies[p], op, NULL, NULL, false };

	s.killed = i == 0 && p == 1;
	sweep_alone(t, &s);
	s.killed = false;
	if (pair || sweep_full)
		sweep_nested(t, &s);
	for (unsigned int j = 0; j < 2; j++) {
		s.peer = peers[j];
		sweep_alone(t, &s);
		if (sweep_full || (pair && p == j))
			sweep_resume(t, &s);
		if (once ? sweep_full || op == push_operation || op == pop_operation
			 : sweep_full && pair)
			sweep_slow(t, &s);
	}
	s.peer = NULL;
	for (unsigned int j = 0; j < (sweep_full ? n_operations : N_PLAIN_OPERATIONS); j++) {
		s.second = &operations[j];
		if (sweep_full || (pair && plain))
			sweep_two_dead(t, &s);
		if (!pair || !plain || j >= N_PLAIN_OPERATIONS)
			continue;
		if (sweep_full || (once && &operations[j] == op))
			sweep_two_dead_nested(t, &s);
		if (sweep_full || (once && op < &operations[4] && j < 4))
			sweep_race(t, &s);
	}
}

static void sweep_operation(struct tally *t, const struct operation *op)
{
	for (unsigned int i = 0; i < N_SETTINGS; i++)
		for (unsigned int p = 0; p < 2; p++)
			sweep_setting(t, op, i, p);
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
	rig_init();
	while ((i = shmreg_fetch_add_relaxed(&shared->next, 1)) < n_operations) {
		if (only && strcmp(only, operations[i].name) != 0)
			continue;
		sweep_operation(&shared->tally[i], &operations[i]);
		tally_print(operations[i].name, &shared->tally[i]);
	}
}

static int sweep_all(const char *only, unsigned int n_workers)
{
	struct tally sum = { 0 };
	int status, failed = 0;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (shared == MAP_FAILED || n_operations > MAX_OPERATIONS) {
		fprintf(stderr, "crash-queue: no memory for the tallies\n");
		return 99;
	}
	tally_print_head("queue", modes);
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
	for (unsigned int i = 0; i < n_operations; i++)
		tally_add(&sum, &shared->tally[i]);
	tally_print_sum(&sum);
	return failed || tally_bad(&sum) != 0 || tally_cases(&sum) == 0;
}

/* Planted bugs: each must be seen. */
static void repair_nothing(uint32_t dead)
{
	(void)dead;
}

static void repair_properly(uint32_t dead)
{
	void (*const broken)(uint32_t) = rig_broken_repair;

	rig_broken_repair = NULL;
	rig_repair(dead);
	rig_broken_repair = broken;
}

static void repair_slots_only(uint32_t dead)
{
	struct shmreg_queue_shm *shm = rig_queue();
	const uint64_t tail = shm->tail & SHMREG_QUEUE_OWNER_MASK;
	const uint64_t head = shm->head & SHMREG_QUEUE_OWNER_MASK;

	shm->tail &= ~SHMREG_QUEUE_OWNER_MASK;
	shm->head &= ~SHMREG_QUEUE_OWNER_MASK;
	repair_properly(dead);
	shm->tail |= tail;
	shm->head |= head;
}

static void repair_unannounced(uint32_t dead)
{
	const uint64_t redel = rig_queue()->redel;

	repair_properly(dead);
	rig_queue()->redel = redel;
}

static void repair_one_too_many(uint32_t dead)
{
	repair_properly(dead | 1 << SECOND);
}

static void repair_counters_only(uint32_t dead)
{
	struct shmreg_queue *q = &rig_actor(CHECKER)->queue;
	uint64_t words[8];

	/* Hides what the slots say. */
	for (uint64_t i = 0; i < rig_shape()->capacity; i++) {
		uint64_t *w = shmreg_queue_word_(
			shmreg_queue_slot_(q, i << SHMREG_QUEUE_POS_SHIFT, q->stride));

		words[i] = *w;
		if (*w & SHMREG_QUEUE_OWNER_MASK)
			*w = SHMREG_QUEUE_STATE_MASK;
	}
	repair_properly(dead);
	for (uint64_t i = 0; i < rig_shape()->capacity; i++) {
		uint64_t *w = shmreg_queue_word_(
			shmreg_queue_slot_(q, i << SHMREG_QUEUE_POS_SHIFT, q->stride));

		if (*w == SHMREG_QUEUE_STATE_MASK)
			*w = words[i];
	}
}

typedef void (*sweep_fn)(struct tally *t, const struct scenario *s);

static const struct {
	const char *name;
	void (*repair)(uint32_t dead);
	sweep_fn sweep;
	struct scenario scenario;
} planted[] = {
	{ "repair does nothing: push", repair_nothing, sweep_alone,
	  { &settings[0], 0, &operations[0], NULL, NULL, false } },
	{ "repair does nothing: pop", repair_nothing, sweep_alone,
	  { &settings[0], 0, &operations[1], NULL, NULL, false } },
	{ "repair forgets the counters: push", repair_slots_only, sweep_alone,
	  { &settings[0], 0, &operations[0], NULL, NULL, false } },
	{ "repair forgets the counters: pop", repair_slots_only, sweep_alone,
	  { &settings[0], SHMREG_QUEUE_REDELIVER, &operations[1], NULL, NULL, false } },
	{ "repair forgets the slots: reserve", repair_counters_only, sweep_alone,
	  { &settings[0], 0, &operations[4], NULL, NULL, false } },
	{ "repair does not raise redel", repair_unannounced, sweep_alone,
	  { &settings[0], SHMREG_QUEUE_REDELIVER, &operations[1], NULL, NULL, false } },
	{ "repair also of one who lives", repair_one_too_many, sweep_race,
	  { &settings[0], 0, &operations[0], &operations[1], NULL, false } },
	{ "push does not record", NULL, sweep_two_dead,
	  { &settings[0], 0, &operations[0], &careless_push, NULL, false } },
	{ "push does not record; it lives", NULL, sweep_race,
	  { &settings[0], 0, &operations[0], &careless_push, NULL, false } },
	{ "batch publishes its leader first", NULL, sweep_alone,
	  { &settings[0], 0, &hasty_batch, NULL, NULL, false } },
	{ "acquire does not mark its slot", NULL, sweep_alone,
	  { &settings[0], 0, &careless_acquire, NULL, NULL, false } },
};
#define N_PLANTED (sizeof(planted) / sizeof(planted[0]))

static int self_test(void)
{
	unsigned int n_found = 0;

	tally_silent = true;
	for (unsigned int i = 0; i < N_PLANTED; i++) {
		struct tally t = { 0 };

		rig_broken_repair = planted[i].repair;
		planted[i].sweep(&t, &planted[i].scenario);
		rig_broken_repair = NULL;
		printf("%-40s %s: ", planted[i].name, tally_bad(&t) ? "found" : "NOT FOUND");
		tally_print_sum(&t);
		n_found += tally_bad(&t) > 0;
	}
	printf("planted bugs: %u of %zu found\n", n_found, N_PLANTED);
	return n_found != N_PLANTED;
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
			fprintf(stderr, "usage: crash-queue [--full] [--self-test] [--only NAME] [--jobs N]\n");
			return 2;
		}
	}
	if (unusable) {
		printf("skipped: %s\n", unusable);
		return 77;
	}
	if (selftest) {
		tracer_pin(0);
		rig_init();
		return self_test();
	}
	return sweep_all(only, n_workers ? n_workers : tracer_n_cpus());
}
