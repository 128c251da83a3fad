/* SPDX-License-Identifier: MIT */
/*
 * resident.c - a client that lives on while the registry is killed, restarted and replaced
 *
 *	resident SEGMENT make		creates it, until-removed, with an object of each kind used here
 *	resident SEGMENT check		what is in it is what make wrote
 *	resident SEGMENT busy		pushes and pops all the time, and counts its longest gap;
 *					a line on standard input is a control request; prints the
 *					answer; at its end the numbers
 *	resident SEGMENT hold		has borrowed an element, and waits to be killed
 *	resident SEGMENT pop|any|watch|object|segment
 *					sleeps until it happens, once
 *	resident SEGMENT wake		makes it happen, for each of them
 *
 * Each says a word when it has begun ("busy", "holding", "sleeps"), and sleepers "woke" after.
 * Exits with 1 and a sentence if anything is not as it must be.
 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <shmreg.h>

SHMREG_DEFINE_QUEUE(word_queue, uint64_t);
SHMREG_DEFINE_ARRAY(word_array, uint64_t);

#define CAPACITY 64
#define N_WORDS 1000

/* Whoever sleeps by one of these has a queue of its own. */
static const char *const sleepers[] = { "pop", "any", "watch" };

static struct shmreg_connection *connection;
static struct shmreg_segment *segment;
static const char *segment_name;

static void fail(const char *what)
{
	fprintf(stderr, "resident: %s: %s\n", what, shmreg_error());
	exit(1);
}

static void ok(int r, const char *what)
{
	if (r < 0)
		fail(what);
}

static void say(const char *word)
{
	puts(word);
	fflush(stdout);
}

static void open_segment(void)
{
	ok(shmreg_connect(&connection, NULL), "connect");
	ok(shmreg_segment_open(connection, &segment, segment_name, SHMREG_ACCESS_WRITE), "open");
}

static struct word_queue *open_queue(const char *name)
{
	struct word_queue *q;

	ok(word_queue_open(segment, &q, name), name);
	return q;
}

static void make(void)
{
	const struct shmreg_segment_params params = {
		.size = sizeof(params), .bytes = 1 << 20, .mode = 0640,
		.lifetime = SHMREG_UNTIL_REMOVED,
	};
	struct word_array *words;
	struct word_queue *q;

	ok(shmreg_connect(&connection, NULL), "connect");
	ok(shmreg_segment_create(connection, &segment, segment_name, &params), "create");
	ok(word_array_create(segment, &words, "words", N_WORDS), "words");
	for (uint64_t i = 0; i < N_WORDS; i++)
		word_array_data(words)[i] = i * i;
	ok(word_queue_create(segment, &q, "busy", CAPACITY, 0), "busy");
	ok(word_queue_create(segment, &q, "hold", CAPACITY, SHMREG_QUEUE_REDELIVER), "hold");
	ok(word_queue_push(q, &(uint64_t){ 7 }), "push");
	ok(word_queue_create(segment, &q, "never", CAPACITY, 0), "never");
	for (size_t i = 0; i < sizeof(sleepers) / sizeof(*sleepers); i++)
		ok(word_queue_create(segment, &q, sleepers[i], CAPACITY, 0), sleepers[i]);
}

static void check(void)
{
	struct word_array *words;

	open_segment();
	ok(word_array_open(segment, &words, "words", N_WORDS), "words");
	for (uint64_t i = 0; i < N_WORDS; i++) {
		if (word_array_data(words)[i] != i * i) {
			fprintf(stderr, "resident: word %" PRIu64 " is another\n", i);
			exit(1);
		}
	}
	say("intact");
}

/* What the pump has done, for who reads it at its end. */
static struct word_queue *pumped;
static atomic_bool over;
static uint64_t n_pumped, longest_ns;

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void *pump(void *unused)
{
	uint64_t last = now_ns(), now, got;

	(void)unused;
	while (!atomic_load_explicit(&over, memory_order_relaxed)) {
		if (word_queue_push(pumped, &n_pumped) < 0 || word_queue_pop(pumped, &got) < 0 ||
		    got != n_pumped) {
			fprintf(stderr, "resident: element %" PRIu64 " is not what came back\n", n_pumped);
			exit(1);
		}
		n_pumped++;
		now = now_ns();
		if (now - last > longest_ns)
			longest_ns = now - last;
		last = now;
		/* Two processors are not many. */
		if (n_pumped % 64 == 0)
			usleep(100);
	}
	return NULL;
}

static void busy(void)
{
	struct shmreg_segment_info info;
	pthread_t thread;
	char line[64];

	open_segment();
	pumped = open_queue("busy");
	if (pthread_create(&thread, NULL, pump, NULL) != 0)
		exit(1);
	say("busy");
	while (fgets(line, sizeof(line), stdin)) {
		ok(shmreg_segment_describe(connection, segment_name, &info, NULL), "describe");
		printf("%" PRIu32 " participants\n", info.n_participants);
		fflush(stdout);
	}
	atomic_store_explicit(&over, true, memory_order_relaxed);
	pthread_join(thread, NULL);
	printf("%" PRIu64 " elements pushed and popped, the longest gap was %.1f ms\n", n_pumped,
	       (double)longest_ns / 1e6);
}

static void hold(void)
{
	struct word_queue_lease lease;

	open_segment();
	ok(word_queue_acquire(open_queue("hold"), &lease), "acquire");
	say("holding");
	for (;;)
		pause();
}

static void sleep_any(void)
{
	struct word_queue *any = open_queue("any");
	struct shmreg_wait_item items[] = {
		{ .handle = &open_queue("never")->queue.handle, .events = SHMREG_WAIT_ITEMS },
		{ .handle = &any->queue.handle, .events = SHMREG_WAIT_ITEMS },
	};
	uint64_t got;

	say("sleeps");
	ok(shmreg_wait_any(items, 2, NULL), "wait_any");
	ok(word_queue_pop(any, &got), "pop");
}

static void sleep_watch(void)
{
	struct word_queue *q = open_queue("watch");
	struct shmreg_watch *w;
	struct pollfd p = { .events = POLLIN };
	uint64_t got;
	int r;

	ok(shmreg_watch_open(&q->queue.handle, SHMREG_WAIT_ITEMS, &w), "watch_open");
	p.fd = shmreg_watch_fd(w);
	say("sleeps");
	/* The daemon's death is an event for the descriptor, but not for the queue. */
	while ((r = shmreg_watch_ready(w)) <= 0) {
		if (r < 0 && r != -EHOSTDOWN)
			ok(r, "watch_ready");
		if (poll(&p, 1, r < 0 ? 10 : -1) < 0)
			exit(1);
	}
	ok(word_queue_pop(q, &got), "pop");
	shmreg_watch_close(w);
}

static void sleep_pop(void)
{
	struct word_queue *q = open_queue("pop");
	uint64_t got;

	say("sleeps");
	ok(word_queue_pop_wait(q, &got, NULL), "pop_wait");
}

static void sleep_object(void)
{
	say("sleeps");
	ok(shmreg_object_wait(segment, "late", 0, NULL), "object_wait");
}

static void late_name(char ret[256])
{
	snprintf(ret, 256, "%s-late", segment_name);
}

static void sleep_segment(void)
{
	struct shmreg_segment *late;
	char name[256];

	late_name(name);
	say("sleeps");
	ok(shmreg_segment_open_wait(connection, &late, name, SHMREG_ACCESS_WRITE, 0, NULL),
	   "open_wait");
	/* While attached: it goes with the last. */
	shmreg_segment_close(late);
}

static void sleep_kind(const char *kind)
{
	open_segment();
	if (strcmp(kind, "pop") == 0)
		sleep_pop();
	else if (strcmp(kind, "any") == 0)
		sleep_any();
	else if (strcmp(kind, "watch") == 0)
		sleep_watch();
	else if (strcmp(kind, "object") == 0)
		sleep_object();
	else if (strcmp(kind, "segment") == 0)
		sleep_segment();
	else
		exit(2);
	say("woke");
}

static void wake(void)
{
	const struct shmreg_segment_params params = {
		.size = sizeof(params), .bytes = 4096, .mode = 0600,
		.lifetime = SHMREG_UNTIL_REMOVED,
	};
	struct word_array *words;
	struct shmreg_segment *late;
	char name[256];

	open_segment();
	for (size_t i = 0; i < sizeof(sleepers) / sizeof(*sleepers); i++)
		ok(word_queue_push(open_queue(sleepers[i]), &(uint64_t){ i }), "push");
	ok(word_array_create(segment, &words, "late", 1), "late");
	late_name(name);
	ok(shmreg_segment_create(connection, &late, name, &params), "create late");
}

int main(int argc, char *argv[])
{
	if (argc != 3) {
		fputs("resident SEGMENT make|check|busy|hold|pop|any|watch|object|segment|wake\n", stderr);
		return 2;
	}
	segment_name = argv[1];
	if (strcmp(argv[2], "make") == 0)
		make();
	else if (strcmp(argv[2], "check") == 0)
		check();
	else if (strcmp(argv[2], "busy") == 0)
		busy();
	else if (strcmp(argv[2], "hold") == 0)
		hold();
	else if (strcmp(argv[2], "wake") == 0)
		wake();
	else
		sleep_kind(argv[2]);
	shmreg_segment_close(segment);
	shmreg_disconnect(connection);
	return 0;
}
