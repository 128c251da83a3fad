/* SPDX-License-Identifier: MIT */

/*
 * wordcount.c - count words in shared memory while the counters are being killed
 *
 * A producer puts text into a shared array and chunk numbers into a queue. Workers
 * take chunk numbers, count the words in place and store each chunk's count. All
 * the time one or another of them gets a SIGKILL, wherever it may be, and a new one
 * joins. The total must be what "wc -w" says, in each round. See wordcount.h.
 *
 *	cc -o wordcount wordcount*.c $(pkg-config --cflags --libs shmreg)
 *	shmregctl run -- ./wordcount
 */

#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "wordcount.h"

#define UNREPAIRED_MAX 64
#define DEFAULT_TEXT_BYTES (UINT64_C(12) << 20)

struct job {
	struct plan plan;
	struct shmreg_connection *connection;
	struct shmreg_connection *events;
	struct shmreg_segment *segment;
	struct result_array *results;
	struct stop_flag *stop;
	struct begun_count *begun;
	struct crew crew;
	uint64_t n_done;	/* jobs, all up to here */
	/* what the daemon said of our segment */
	uint64_t n_deaths, n_repair_jobs, n_repaired, n_redelivered;
	unsigned n_unrepaired;		/* deaths since the last repair */
	bool events_lost;
	bool disposed;
};

static int usage(FILE *out)
{
	fprintf(out,
		"Usage: wordcount [OPTION]... [FILE|DIRECTORY]...\n"
		"Counts words in shared memory while its workers are being killed, and compares the\n"
		"total with wc -w. Without names: text that every Debian has.\n\n"
		"  --workers N       processes that count (1 .. %d; 4)\n"
		"  --kill-every MS   kill one about this often, 0 = never (8)\n"
		"  --rounds N        count everything so many times (1 .. 100000; 300)\n"
		"  --help\n\n"
		"Needs a running shmregd; for a private one: shmregctl run -- wordcount\n",
		N_WORKERS_MAX);
	return out == stdout ? EXIT_SUCCESS : EXIT_FAILURE;
}

int complain(const char *what, int error)
{
	const char *sentence = shmreg_error();

	fprintf(stderr, "wordcount: %s: %s\n", what, *sentence ? sentence : strerror(-error));
	return EXIT_FAILURE;
}

static int parse_number(const char *text, const char *what, uint64_t min, uint64_t max,
			uint64_t *ret)
{
	char *end;
	uint64_t n;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || n < min || n > max) {
		fprintf(stderr, "wordcount: --%s %s: it must be a number from %" PRIu64
			" to %" PRIu64 "\n", what, text, min, max);
		return -EINVAL;
	}
	*ret = n;
	return 0;
}

/* 0: go on; else *ret_exit is set. */
static int parse(struct plan *plan, int argc, char **argv, int *ret_exit)
{
	static const struct option options[] = { { "workers", required_argument, NULL, 'w' },
						 { "kill-every", required_argument, NULL, 'k' },
						 { "rounds", required_argument, NULL, 'r' },
						 { "help", no_argument, NULL, 'h' },
						 { 0 } };
	uint64_t workers = 4, kill_every = 8, rounds = 300;
	int c, r = 0;

	while (r == 0 && (c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'w':
			r = parse_number(optarg, "workers", 1, N_WORKERS_MAX, &workers);
			break;
		case 'k':
			r = parse_number(optarg, "kill-every", 0, 1000000, &kill_every);
			break;
		case 'r':
			r = parse_number(optarg, "rounds", 1, 100000, &rounds);
			break;
		default:
			*ret_exit = usage(c == 'h' ? stdout : stderr);
			return 1;
		}
	}
	*ret_exit = EXIT_FAILURE;
	if (r < 0 || text_find(&plan->text, argv + optind, argc - optind, DEFAULT_TEXT_BYTES) < 0)
		return 1;
	plan->n_workers = (unsigned)workers;
	plan->kill_every_ms = (unsigned)kill_every;
	plan->n_rounds = rounds;
	plan->n_jobs = rounds * plan->text.n_chunks;
	snprintf(plan->segment, sizeof(plan->segment), "wordcount-%d", (int)getpid());
	return 0;
}

static int subscribe(struct job *job)
{
	const struct shmreg_connect_params observer = { .size = sizeof(observer),
							.name = "wordcount's eye",
							.flags = SHMREG_CONNECT_OBSERVER };
	int r;

	job->events = shmreg_disconnect(job->events);
	r = shmreg_connect(&job->events, &observer);
	if (r == 0)
		r = shmreg_subscribe(job->events, job->plan.segment, 0);
	return r < 0 ? complain("no events", r) : 0;
}

/* Untouched memory of a segment costs nothing, so its size may be generous. */
static int make_segment(struct job *job)
{
	const struct plan *plan = &job->plan;
	const struct shmreg_segment_params params = {
		.size = sizeof(params),
		.bytes = plan->text.n_bytes + 4 * plan->n_jobs + (1 << 20),
		.lifetime = SHMREG_WHILE_ATTACHED,
	};
	struct text_array *text;
	struct job_queue *jobs;
	int r;

	r = shmreg_connect(&job->connection, NULL);
	if (r < 0)
		return complain("no connection", r);
	r = subscribe(job);
	if (r != 0)
		return r;
	r = shmreg_segment_create(job->connection, &job->segment, plan->segment, &params);
	if (r < 0)
		return complain("no segment", r);
	r = text_array_create(job->segment, &text, "text", plan->text.n_bytes);
	if (r == 0)
		r = result_array_create(job->segment, &job->results, "results", plan->n_jobs);
	if (r == 0)
		r = job_queue_create(job->segment, &jobs, "jobs", QUEUE_CAPACITY,
				     SHMREG_QUEUE_REDELIVER);
	if (r == 0)
		r = stop_flag_create(job->segment, &job->stop, "stop");
	if (r == 0)
		r = begun_count_create(job->segment, &job->begun, "begun");
	return r < 0 ? complain("an object", r) : 0;
}

/* 0: an event was taken; 1: there is none, or (after a restart of the daemon) a new stream. */
static int take_event(struct job *job, int nonblock)
{
	struct shmreg_event event;
	const int r = shmreg_next_event(job->events, &event, nonblock);

	if (r == -EAGAIN)
		return 1;
	if (r == -ECONNRESET) {
		job->events_lost = true;
		job->n_unrepaired = 0;
		return subscribe(job) == 0 ? 1 : -ECONNRESET;
	}
	if (r < 0) {
		complain("events", r);
		return r;
	}
	if (event.kind == SHMREG_EVENT_DIED) {
		job->n_deaths++;
		job->n_unrepaired++;
	} else if (event.kind == SHMREG_EVENT_REPAIRED) {
		job->n_repair_jobs++;
		job->n_unrepaired = 0;
		job->n_repaired += event.n_repaired;
		job->n_redelivered += event.n_requeued;
	}
	job->events_lost |= event.kind == SHMREG_EVENT_LOST;
	job->disposed |= event.kind == SHMREG_EVENT_DISPOSED;
	return 0;
}

static void show_progress(const struct job *job, uint64_t started_ns)
{
	static uint64_t shown_ns;
	const bool terminal = isatty(STDERR_FILENO);
	const uint64_t now = now_ns();

	if (now - shown_ns < (terminal ? UINT64_C(100000000) : UINT64_C(1000000000)))
		return;
	shown_ns = now;
	fprintf(stderr, "%s%3" PRIu64 "%% of %" PRIu64 " chunks counted, %" PRIu64
		" workers killed, %" PRIu64 " chunks handed out again, %.1f s%s",
		terminal ? "\r" : "", job->n_done * 100 / job->plan.n_jobs, job->plan.n_jobs,
		job->crew.n_killed, job->n_redelivered, (double)(now - started_ns) / 1e9,
		terminal ? "\033[K" : "\n");
}

/* Until each job has a result: the end is seen by counting, not by a clock. */
static int follow(struct job *job, uint64_t started_ns)
{
	const struct timespec nap = { .tv_nsec = 500000 };
	int r;

	while (job->n_done < job->plan.n_jobs) {
		/* Pairs with the worker's store_release; the count itself is all we read. */
		while (job->n_done < job->plan.n_jobs &&
		       shmreg_load_acquire(result_array_at(job->results, job->n_done)))
			job->n_done++;
		while ((r = take_event(job, 1)) == 0)
			;
		if (r < 0)
			return r;
		show_progress(job, started_ns);
		/* Dead participants keep their places until they are repaired: not too many. */
		r = crew_torment(&job->crew, job->n_unrepaired < UNREPAIRED_MAX);
		if (r < 0)
			return r;
		nanosleep(&nap, NULL);
	}
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r\033[K");
	return 0;
}

/* Each round must have the right total. */
static int check_total(const struct job *job, uint64_t expected)
{
	const uint64_t n_chunks = job->plan.text.n_chunks;
	const uint32_t *result = result_array_data(job->results);
	uint64_t round, chunk, words;

	for (round = 0; round < job->plan.n_rounds; round++) {
		words = 0;
		for (chunk = 0; chunk < n_chunks; chunk++)
			words += result[round * n_chunks + chunk] - 1;
		if (words != expected) {
			printf("words     %" PRIu64 " in round %" PRIu64 ", but wc -w says %" PRIu64
			       ": WRONG\n", words, round, expected);
			return -EBADMSG;
		}
	}
	printf("words     %" PRIu64 " in each of %" PRIu64 " rounds; wc -w says %" PRIu64
	       ": exact\n", expected, job->plan.n_rounds, expected);
	return 0;
}

static int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

static int is_ours(void *data, const struct shmreg_segment_info *info)
{
	return strcmp(info->name, data) == 0;
}

/* The segment goes when its last participant has gone, however they went. */
static int wait_disposed(struct job *job)
{
	int r = 1;

	job->segment = shmreg_segment_close(job->segment);
	while (!job->disposed && r >= 0) {
		/* With each new stream: what happened before it shows in the list only. */
		if (r == 1 && shmreg_segment_list(job->connection, is_ours,
						  job->plan.segment) == 0)
			break;
		r = take_event(job, 0);
	}
	while (r >= 0 && take_event(job, 1) == 0)
		;
	return r < 0 ? r : 0;
}

static int check_leftovers(struct job *job, int n_fds_before)
{
	int r, n_segments, n_fds;

	r = wait_disposed(job);
	if (r < 0)
		return r;
	n_segments = shmreg_segment_list(job->connection, is_ours, job->plan.segment);
	if (n_segments < 0)
		return complain("list", n_segments);
	job->events = shmreg_disconnect(job->events);
	job->connection = shmreg_disconnect(job->connection);
	n_fds = count_fds() - n_fds_before;
	r = waitpid(-1, NULL, WNOHANG);
	printf("repaired  %" PRIu64 " deaths in %" PRIu64 " jobs: %" PRIu64
	       " words put right, %" PRIu64 " chunks handed out again%s\n", job->n_deaths,
	       job->n_repair_jobs, job->n_repaired, job->n_redelivered,
	       job->events_lost ? " (and more: events were lost)" : "");
	printf("left      %d segments, %d descriptors, %s\n", n_segments, n_fds,
	       r < 0 && errno == ECHILD ? "0 processes" : "PROCESSES");
	return n_segments == 0 && n_fds == 0 && r < 0 ? 0 : -EBUSY;
}

static int work(struct job *job, int n_fds)
{
	const struct plan *plan = &job->plan;
	uint64_t started_ns, expected, begun;
	double seconds;
	int r;

	printf("text      %zu files, %.1f MB, %" PRIu64 " chunks\n", plan->text.n_files,
	       (double)plan->text.n_bytes / 1e6, plan->text.n_chunks);
	r = text_wc(&plan->text, &expected);
	if (r == 0)
		r = make_segment(job);
	if (r != 0)
		return r;
	started_ns = now_ns();
	r = crew_start(&job->crew, plan);
	if (r == 0)
		r = follow(job, started_ns);
	if (r != 0)
		return r;
	seconds = (double)(now_ns() - started_ns) / 1e9;
	stop_flag_store(job->stop, 1);
	r = crew_wait(&job->crew);
	if (r < 0)
		return r;
	begun = begun_count_load(job->begun);
	r = check_total(job, expected);
	printf("work      %" PRIu64 " chunks in %.1f s by %u workers: %.0f MB/s; %" PRIu64
	       " were begun\n", plan->n_jobs, seconds, plan->n_workers,
	       (double)(plan->text.n_bytes * plan->n_rounds) / 1e6 / seconds, begun);
	printf("killed    %" PRIu64 " of %" PRIu64 " workers\n", job->crew.n_killed,
	       job->crew.n_started);
	if (r == 0)
		r = check_leftovers(job, n_fds);
	return r;
}

int main(int argc, char **argv)
{
	struct job job = { 0 };
	const int n_fds = count_fds();
	int exit_code;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (parse(&job.plan, argc, argv, &exit_code) == 0) {
		exit_code = work(&job, n_fds) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
		crew_abandon(&job.crew);
		shmreg_disconnect(job.events);
		shmreg_disconnect(job.connection);
	}
	text_free(&job.plan.text);
	return exit_code;
}
