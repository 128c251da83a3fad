/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "soak.h"

#define STAGE(prefix, title, producers, consumers, flavour)                                       \
	{                                                                                         \
		.name = title, .n_producers = producers, .n_consumers = consumers,                \
		.variant = flavour, .create = prefix##_create, .is_empty = prefix##_is_empty,     \
		.poke = prefix##_poke, .judge = prefix##_judge, .open = prefix##_open,            \
		.produce = prefix##_produce, .consume = prefix##_consume,                         \
		.close = prefix##_close                                                           \
	}
const struct stage stages[N_STAGES] = {
	STAGE(array, "array", 2, 1, 0),
	STAGE(atomic, "atomic", 2, 2, 0),
	STAGE(queue, "queue", 2, 2, 0),
	STAGE(queue, "queue-redeliver", 2, 2, SHMREG_QUEUE_REDELIVER),
	STAGE(ring, "ring", 1, 1, 0),
	STAGE(record, "records", 1, 1, 1),
	STAGE(topic, "topic-lossy", 2, 2, 0),
	STAGE(topic, "topic-reliable", 2, 2, SHMREG_TOPIC_RELIABLE),
	STAGE(object, "pool-and-queue", 2, 2, 0),
	STAGE(cell, "cell", 2, 2, 0),
};

struct ledger *ledger;

static struct row rows[N_STAGES];
static struct shmreg_connection *connection;
static struct shmreg_segment *segments[N_STAGES];
static struct random_state plan;
static uint64_t serial, n_stops, n_rounds, n_workers;

uint32_t stage_number(const struct stage *stage)
{
	return (uint32_t)(stage - stages);
}

double now_sec(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double patience(void)
{
	const char *s = getenv("SHMREG_TEST_PATIENCE");

	return s ? atof(s) : 120;
}

static struct worker *worker_of(uint32_t stage, uint32_t slot)
{
	return &ledger->books[stage].worker[slot];
}

static uint32_t n_slots(uint32_t stage)
{
	return stages[stage].n_producers + stages[stage].n_consumers;
}

bool all_know(const struct stage *stage, uint64_t value)
{
	const uint32_t n = stage_number(stage);

	for (uint32_t slot = stage->n_producers; slot < n_slots(n); slot++)
		if (worker_of(n, slot)->pid > 0 &&
		    atomic_load(&worker_of(n, slot)->knows) != value)
			return false;
	return true;
}

static void spawn(uint32_t stage, uint32_t slot)
{
	struct worker *w = worker_of(stage, slot);
	pid_t pid;

	w->serial = ++serial;
	w->stopped = w->sudden = false;
	atomic_store(&w->knows, 0);
	/* The books are the child's, too. */
	pid = fork();
	if (pid == 0)
		worker_run(&stages[stage], slot);
	if (pid < 0)
		complain("fork: %s", strerror(errno));
	w->pid = pid > 0 ? pid : 0;
	n_workers++;
}

static void go_on(struct worker *w)
{
	w->stopped = false;
	kill(w->pid, SIGCONT);
}

/* By itself, or by us some time ago. */
static void stopped(struct worker *w)
{
	n_stops += !w->stopped;
	w->stopped = true;
	if (atomic_load(&ledger->quiet))
		go_on(w);
}

/* What has ended is written off and, if @producers or it is a consumer and @consumers, replaced. */
static void reap(bool producers, bool consumers)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0)
		for (uint32_t s = 0; s < N_STAGES; s++)
			for (uint32_t slot = 0; slot < n_slots(s); slot++) {
				struct worker *w = worker_of(s, slot);

				if (w->pid != pid)
					continue;
				if (WIFSTOPPED(status)) {
					stopped(w);
					continue;
				}
				w->pid = 0;
				if (WIFSIGNALED(status)) {
					rows[s].kills++;
					rows[s].sudden += w->sudden;
				}
				if (!(WIFEXITED(status) && WEXITSTATUS(status) == 0) &&
				    !(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL))
					complain("a worker of %s ended with status 0x%x",
						 stages[s].name, status);
				hands_reckon(&ledger->books[s], w);
				if (slot < stages[s].n_producers ? producers : consumers)
					spawn(s, slot);
			}
}

static bool lives(uint32_t stage, bool producers)
{
	for (uint32_t slot = 0; slot < n_slots(stage); slot++)
		if (worker_of(stage, slot)->pid > 0 &&
		    (slot < stages[stage].n_producers) == producers)
			return true;
	return false;
}

/* Waits that never come back: they are counted, and ended. */
static void give_up(uint32_t stage, bool producers)
{
	for (uint32_t slot = 0; slot < n_slots(stage); slot++) {
		struct worker *w = worker_of(stage, slot);

		if (w->pid <= 0 || (slot < stages[stage].n_producers) != producers)
			continue;
		complain("%s: %s %d never came back", stages[stage].name,
			 producers ? "producer" : "consumer", (int)w->pid);
		rows[stage].hung++;
		kill(w->pid, SIGKILL);
	}
}

/* Until all stages are; those that never come to it are given up. */
static void await(bool (*is_done)(uint32_t stage), void (*give)(uint32_t stage), bool consumers)
{
	const double until = now_sec() + patience();
	bool done = false;

	while (!done && atomic_load(&ledger->n_errors) == 0) {
		reap(false, consumers);
		done = true;
		for (uint32_t s = 0; s < N_STAGES; s++) {
			if (is_done(s))
				continue;
			done = false;
			if (now_sec() > until)
				give(s);
		}
		nap(2000);
	}
}

static bool no_producer(uint32_t stage)
{
	return !lives(stage, true);
}

static void give_up_producers(uint32_t stage)
{
	give_up(stage, true);
}

static bool nothing_left(uint32_t stage)
{
	return stages[stage].is_empty(&stages[stage]);
}

static void give_up_consumers(uint32_t stage)
{
	if (!lives(stage, false))
		complain("%s: nobody consumes", stages[stage].name);
	give_up(stage, false);
}

static bool no_consumer(uint32_t stage)
{
	if (!lives(stage, false))
		return true;
	stages[stage].poke(&stages[stage], segments[stage]);
	return false;
}

static const char *segment_name(uint32_t stage)
{
	static char name[64];

	snprintf(name, sizeof(name), "soak/%s", stages[stage].name);
	return name;
}

static bool repaired(uint32_t stage)
{
	return segment_is_repaired(segment_name(stage), shmreg_segment_dir(segments[stage]));
}

static void not_repaired(uint32_t stage)
{
	complain("%s: the dead are not repaired", stages[stage].name);
}

static void round_begin(void)
{
	struct shmreg_segment_params params = { .size = sizeof(params), .bytes = 1 << 20 };

	memset(ledger->books, 0, sizeof(ledger->books));
	ledger->producers_stop = ledger->consumers_stop = ledger->quiet = 0;
	must(shmreg_connect(&connection, NULL));
	/* Both ways to go. */
	params.lifetime = n_rounds % 2 ? SHMREG_UNTIL_REMOVED : SHMREG_WHILE_ATTACHED;
	for (uint32_t s = 0; s < N_STAGES; s++) {
		must(shmreg_segment_create(connection, &segments[s], segment_name(s), &params));
		stages[s].create(&stages[s], segments[s]);
	}
	for (uint32_t s = 0; s < N_STAGES; s++)
		for (uint32_t slot = 0; slot < n_slots(s); slot++)
			spawn(s, slot);
}

/* One deed of the plan. */
static void act(bool daemon_may_die)
{
	const uint64_t what = random_below(&plan, 100);
	const uint32_t s = (uint32_t)random_below(&plan, N_STAGES);
	const uint32_t slot = (uint32_t)random_below(&plan, n_slots(s));
	struct worker *w = worker_of(s, slot);

	if (what < 50 || (what >= 85 && what < 89)) {
		if (w->pid > 0)
			kill(w->pid, SIGKILL);
		if (what >= 85)
			daemon_kill_reaper();
	} else if (what < 70) {
		if (w->pid > 0 && !w->stopped && kill(w->pid, SIGSTOP) == 0) {
			w->stopped = true;
			n_stops++;
		} else if (w->pid > 0) {
			go_on(w);
		}
	} else if (what < 85) {
		churn(&plan);
	} else if (what < 93) {
		for (uint32_t i = 0; i < WORKERS * N_STAGES; i++) {
			struct worker *other = worker_of(i / WORKERS, i % WORKERS);

			if (other->pid > 0 && other->stopped)
				go_on(other);
		}
	} else if (daemon_may_die && what < 98) {
		daemon_kill();
	} else if (daemon_may_die) {
		daemon_restart();
	}
}

static void round_end(void)
{
	atomic_store(&ledger->quiet, 1);
	for (uint32_t i = 0; i < WORKERS * N_STAGES; i++)
		if (worker_of(i / WORKERS, i % WORKERS)->pid > 0)
			go_on(worker_of(i / WORKERS, i % WORKERS));
	atomic_store(&ledger->producers_stop, 1);
	await(no_producer, give_up_producers, true);
	/* Nobody wakes them here: what is there, they have been told of. */
	await(nothing_left, give_up_consumers, true);
	atomic_store(&ledger->consumers_stop, 1);
	await(no_consumer, give_up_consumers, false);
	await(repaired, not_repaired, false);
	for (uint32_t s = 0; s < N_STAGES && atomic_load(&ledger->n_errors) == 0; s++) {
		stages[s].judge(&stages[s], &ledger->books[s], &rows[s]);
		rows[s].ops += ledger->books[s].n_ops;
		rows[s].waits += ledger->books[s].n_waits;
		if (n_rounds % 2)
			must(shmreg_segment_remove(connection, segment_name(s)));
	}
	connection = shmreg_disconnect(connection);
}

static void play(double seconds)
{
	const double begun = now_sec(), end = begun + seconds;

	while (now_sec() < end && atomic_load(&ledger->n_errors) == 0) {
		const double round_ends = now_sec() + (seconds < 30 ? seconds / 4 : 5);

		round_begin();
		if (daemon_plant)
			daemon_kill();
		while (now_sec() < round_ends && atomic_load(&ledger->n_errors) == 0) {
			/* In the second half one daemon lives, and its memory is to stay flat. */
			act(now_sec() < begun + seconds / 2);
			reap(true, true);
			nap(2000 + random_below(&plan, 10000));
		}
		round_end();
		if (atomic_load(&ledger->n_errors) == 0)
			daemon_sample();
		n_rounds++;
	}
}

#define N(x) ((unsigned long long)(x))

static uint64_t table(void)
{
	uint64_t bad = 0;

	printf("%-18s %10s %9s %6s %6s %8s %8s %11s %5s %5s\n", "structure", "operations", "waits",
	       "kills", "in op", "repaired", "dropped", "redelivered", "lost", "hung");
	for (uint32_t s = 0; s < N_STAGES; s++) {
		const struct row *r = &rows[s];

		printf("%-18s %10llu %9llu %6llu %6llu %8llu %8llu %11llu %5llu %5llu\n",
		       stages[s].name, N(r->ops), N(r->waits), N(r->kills), N(r->sudden), N(r->repaired), N(r->dropped),
		       N(r->redelivered), N(r->lost), N(r->hung));
		bad += r->lost + r->hung;
	}
	printf("totals: %llu rounds, %llu workers (%llu left by themselves), %llu stops, %llu forks, "
	       "%llu execs; %llu daemon kills, %llu reaper kills, %llu restarts; %llu segments "
	       "and objects made and removed, %llu refusals\n",
	       N(n_rounds), N(n_workers), N(ledger->n_left), N(n_stops), N(ledger->n_forks),
	       N(ledger->n_execs), N(daemon_totals.kills), N(daemon_totals.reaper_kills),
	       N(daemon_totals.restarts), N(n_made), N(n_refused));
	return bad;
}

static double seconds_of(int argc, char **argv)
{
	const char *minutes = getenv("SOAK_MINUTES");
	char *end = NULL;
	double s;

	if (argc == 3 && strcmp(argv[1], "--seconds") == 0)
		s = strtod(argv[2], &end);
	else if (argc == 1)
		s = minutes ? 60 * strtod(minutes, &end) : 120;
	else
		s = 0;
	if (!(s > 0) || (end && *end)) {
		fprintf(stderr, "usage: soak [--seconds N]; SOAK_MINUTES=N (now: %s) is a number "
				"above 0\n",
			minutes ? minutes : "2");
		exit(2);
	}
	return s;
}

int main(int argc, char **argv)
{
	double seconds;
	uint64_t bad;

	if (argc == 2 && strcmp(argv[1], "--linger") == 0) {
		nap(20000);
		return EXIT_SUCCESS;
	}
	seconds = seconds_of(argc, argv);
	soak_plant = getenv("SOAK_PLANT");
	if (soak_plant && strcmp(soak_plant, "crash") == 0) {
		daemon_plant = true;
		soak_plant = NULL;
	}
	if (soak_plant && strcmp(soak_plant, "lose") != 0 && strcmp(soak_plant, "twice") != 0) {
		fprintf(stderr, "soak: SOAK_PLANT=%s: lose, twice or crash is expected\n", soak_plant);
		return 2;
	}
	if (!getenv("SHMREG_TEST_SEED")) {
		char text[32];

		snprintf(text, sizeof(text), "%llu", N((uint64_t)time(NULL) << 8 ^ (uint64_t)getpid()));
		setenv("SHMREG_TEST_SEED", text, 1);
	}
	random_seed(&plan);
	printf("soak: %.0f seconds, SHMREG_TEST_SEED=%s\n", seconds, getenv("SHMREG_TEST_SEED"));
	fflush(stdout);
	/* What workers leave behind is the director's to find. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	ledger = mmap(NULL, sizeof(*ledger), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (ledger == MAP_FAILED) {
		perror("soak: mmap");
		return EXIT_FAILURE;
	}
	daemon_watch();
	play(seconds);
	bad = table();
	daemon_judge();
	daemon_forget();
	if (atomic_load(&ledger->n_errors) == 0 && (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD))
		complain("a process is left");
	if (bad || atomic_load(&ledger->n_errors)) {
		printf("soak: FAILED; again with SHMREG_TEST_SEED=%s\n", getenv("SHMREG_TEST_SEED"));
		return EXIT_FAILURE;
	}
	printf("soak: the books balance\n");
	return EXIT_SUCCESS;
}
