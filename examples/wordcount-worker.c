/* SPDX-License-Identifier: MIT */

/* wordcount-worker.c - the producer and the worker: all use of the shared structures */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "wordcount.h"

struct shared {
	struct shmreg_connection *connection;
	struct shmreg_segment *segment;
	struct text_array *text;
	struct job_queue *jobs;
	struct result_array *results;
	struct stop_flag *stop;
	struct begun_count *begun;
};

/*
 * Every process makes a connection of its own: what its parent had is of no use
 * after fork(). Element type and length are checked against what was created.
 */
static int shared_open(struct shared *s, const struct plan *plan, const char *name)
{
	const struct shmreg_connect_params params = { .size = sizeof(params), .name = name };
	int r;

	r = shmreg_connect(&s->connection, &params);
	if (r < 0)
		return r;
	r = shmreg_segment_open(s->connection, &s->segment, plan->segment, SHMREG_ACCESS_WRITE);
	if (r < 0)
		return r;
	r = text_array_open(s->segment, &s->text, "text", plan->text.n_bytes);
	if (r < 0)
		return r;
	r = job_queue_open(s->segment, &s->jobs, "jobs");
	if (r < 0)
		return r;
	r = result_array_open(s->segment, &s->results, "results", plan->n_jobs);
	if (r < 0)
		return r;
	r = stop_flag_open(s->segment, &s->stop, "stop");
	if (r < 0)
		return r;
	return begun_count_open(s->segment, &s->begun, "begun");
}

/* Full, empty, or too many races lost: worth another try, after a moment. */
static bool try_again(int r)
{
	if (r != -EAGAIN && r != -EBUSY)
		return false;
	nanosleep(&(struct timespec){ .tv_nsec = 50000 }, NULL);
	return true;
}

/* --- the producer --------------------------------------------------------------------- */

/* Reads a file into @to, which has room for @n bytes; what is missing becomes blank. */
static int read_file(const char *path, char *to, uint64_t n)
{
	FILE *in = fopen(path, "re");
	size_t got;

	if (!in)
		return -errno;
	got = fread(to, 1, n, in);
	fclose(in);
	memset(to + got, '\n', n - got);
	return 0;
}

static int push(struct job_queue *jobs, uint64_t job)
{
	int r;

	do
		r = job_queue_push(jobs, &job);
	while (try_again(r));
	return r;
}

/*
 * The first round's chunks are pushed as soon as their bytes are there: what was
 * written before a push is visible after the pop that returned it.
 */
int producer_main(const struct plan *plan)
{
	const struct text *text = &plan->text;
	uint64_t filled = 0, job = 0;
	struct shared s = { 0 };
	char *bytes;
	size_t i;
	int r;

	r = shared_open(&s, plan, "producer");
	if (r < 0)
		return complain("the producer cannot join", r);
	bytes = text_array_data(s.text);
	for (i = 0; i < text->n_files; i++) {
		r = read_file(text->file[i], bytes + filled, text->file_bytes[i]);
		if (r < 0) {
			fprintf(stderr, "wordcount: %s: %s\n", text->file[i], strerror(-r));
			return EXIT_FAILURE;
		}
		filled += text->file_bytes[i];
		bytes[filled++] = '\n';		/* no word goes on in the next file */
		for (; (job + 1) * CHUNK_BYTES <= filled; job++) {
			r = push(s.jobs, job);
			if (r < 0)
				return complain("push", r);
		}
	}
	for (; job < plan->n_jobs; job++) {
		r = push(s.jobs, job);
		if (r < 0)
			return complain("push", r);
	}
	shmreg_disconnect(s.connection);
	return EXIT_SUCCESS;
}

/* --- the worker ------------------------------------------------------------------------- */

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/*
 * Words that begin in chunk @chunk, as wc(1) counts them: runs of non-space with
 * at least one byte that makes a word, counted where the first such byte is. So a
 * chunk's border may lie anywhere: whether a word has begun before it is seen by
 * looking back.
 */
static uint32_t count_words(const struct text *text, const char *bytes, uint64_t chunk)
{
	const uint64_t begin = chunk * CHUNK_BYTES;
	const uint64_t rest = text->n_bytes - begin;
	const char *p = bytes + begin, *end = p + (rest < CHUNK_BYTES ? rest : CHUNK_BYTES);
	const char *back;
	bool in_word = false;
	uint32_t words = 0;

	for (back = p; back > bytes && !is_space(back[-1]) && !in_word; back--)
		in_word = text->word_byte[(unsigned char)back[-1]];
	for (; p < end; p++) {
		if (is_space(*p)) {
			in_word = false;
		} else if (!in_word && text->word_byte[(unsigned char)*p]) {
			in_word = true;
			words++;
		}
	}
	return words;
}

/*
 * The job is taken with acquire() and given back with release() when its result
 * is stored. A worker that is killed in between had it on loan, which stands in
 * the queue's slot: the daemon's reaper finds it there and the queue hands the job
 * to somebody else.
 */
int worker_main(const struct plan *plan)
{
	struct job_queue_lease lease;
	struct shared s = { 0 };
	const char *bytes;
	int r;

	r = shared_open(&s, plan, "worker");
	if (r < 0)
		return complain("a worker cannot join", r);
	bytes = text_array_data_const(s.text);
	for (;;) {
		uint64_t job;

		r = job_queue_acquire(s.jobs, &lease);
		if (r == -EAGAIN && stop_flag_load(s.stop))
			break;
		if (try_again(r))
			continue;
		if (r < 0)
			return complain("acquire", r);
		job = *lease.elem;
		if (job >= plan->n_jobs) {
			fprintf(stderr, "wordcount: there is no job %llu\n",
				(unsigned long long)job);
			return EXIT_FAILURE;
		}
		begun_count_fetch_add(s.begun, 1);
		shmreg_store_release(result_array_at(s.results, job),
				     1 + count_words(&plan->text, bytes,
						     job % plan->text.n_chunks));
		r = job_queue_release(s.jobs, &lease);
		if (r < 0)
			return complain("release", r);
	}
	shmreg_disconnect(s.connection);
	return EXIT_SUCCESS;
}
