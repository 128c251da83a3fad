/* SPDX-License-Identifier: MIT */

/*
 * sleeper.c - a consumer that sleeps until there is something, for hours if need be
 *
 *	cc -o sleeper sleeper.c $(pkg-config --cflags --libs shmreg)
 *	shmregctl run -- sh
 *	$ ./sleeper &			sleeps; says what it has cost so far whenever it is woken
 *	$ ./sleeper hello world		wakes it, once for each word
 *	$ kill -INT %1			ends it
 *
 * While it sleeps it does not run at all: from hour to hour neither the time in /proc/PID/stat
 * (top, pidstat) nor the number of switches in /proc/PID/status grows, and strace shows one
 * futex_waitv() that does not return. Whoever pushes pays for waking it, and only while it sleeps.
 * The daemon may be restarted meanwhile.
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include <shmreg.h>

struct word {
	char text[64];
};

SHMREG_DEFINE_QUEUE(word_queue, struct word);

static volatile sig_atomic_t done;

static void on_interrupt(int signal)
{
	(void)signal;
	done = 1;
}

static int fail(void)
{
	fprintf(stderr, "sleeper: %s\n", shmreg_error());
	return EXIT_FAILURE;
}

struct cost {
	double wall, cpu;	/* seconds */
	long n_switches;	/* how often it went to sleep */
};

static struct cost cost(void)
{
	struct timespec t;
	struct rusage u;

	clock_gettime(CLOCK_MONOTONIC, &t);
	getrusage(RUSAGE_SELF, &u);
	return (struct cost){
		.wall = (double)t.tv_sec + (double)t.tv_nsec / 1e9,
		.cpu = (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
		       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6,
		.n_switches = u.ru_nvcsw,
	};
}

static void say(const char *what, const struct cost *since)
{
	const struct cost now = cost();
	const double cpu = now.cpu - since->cpu, wall = now.wall - since->wall;

	printf("%-12s %.6f s of CPU in %.3f s: %.6f %%; slept %ld times\n", what, cpu, wall,
	       100 * cpu / wall, now.n_switches - since->n_switches);
	fflush(stdout);
}

static int consume(struct shmreg_segment *segment)
{
	struct sigaction interrupt = { .sa_handler = on_interrupt };	/* no SA_RESTART: -EINTR */
	struct word_queue *queue;
	struct cost since;
	struct word word;
	int r = 0;

	if (word_queue_open_or_create(segment, &queue, "words", 64, 0) < 0 ||
	    shmreg_handle_set_waiting(&queue->queue.handle, SHMREG_SPIN_DEFAULT_NS,
				      SHMREG_WAIT_INTERRUPTIBLE) < 0)
		return fail();
	sigaction(SIGINT, &interrupt, NULL);
	since = cost();
	while (!done && r != -EINTR) {
		r = word_queue_pop_wait(queue, &word, NULL);
		if (r == 0)
			say(word.text, &since);
		else if (r != -EINTR)
			return EXIT_FAILURE;
	}
	say("the end", &since);
	return EXIT_SUCCESS;
}

/* Who is first waits for the consumer, likewise asleep. */
static int produce(struct shmreg_segment *segment, char **words)
{
	struct word_queue *queue;
	struct word word;

	if (shmreg_object_wait(segment, "words", 0, NULL) < 0 ||
	    word_queue_open(segment, &queue, "words") < 0)
		return fail();
	for (; *words != NULL; words++) {
		snprintf(word.text, sizeof(word.text), "%s", *words);
		if (word_queue_push_wait(queue, &word, NULL) < 0)
			return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	const struct shmreg_segment_params params = { .size = sizeof(params), .bytes = 1 << 16 };
	struct shmreg_connection *connection;
	struct shmreg_segment *segment;
	int status;

	if (shmreg_connect(&connection, NULL) < 0)
		return fail();
	if (argc > 1) {
		if (shmreg_segment_open_wait(connection, &segment, "sleeper", SHMREG_ACCESS_WRITE, 0,
					     NULL) < 0)
			return fail();
		status = produce(segment, argv + 1);
	} else {
		if (shmreg_segment_create(connection, &segment, "sleeper", &params) < 0)
			return fail();
		status = consume(segment);
	}
	shmreg_disconnect(connection);
	return status;
}
