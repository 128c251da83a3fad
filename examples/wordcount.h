/* SPDX-License-Identifier: MIT */
#ifndef WORDCOUNT_H
#define WORDCOUNT_H

/*
 * wordcount.h - what the processes of the demo share, and who does what
 *
 *	wordcount.c		options; makes the segment; follows the work; the result
 *	wordcount-crew.c	starts the processes, and kills workers at random
 *	wordcount-worker.c	producer and worker: all use of the shared structures
 *	wordcount-text.c	which files; what wc(1) says of them
 *
 * In the segment:
 *	"text"		array of bytes: all files, one after the other
 *	"jobs"		queue of chunk numbers, to be delivered again if a worker dies
 *	"results"	array, one a job: words in its chunk, plus 1; 0 = not counted yet
 *	"stop"		atomic: 1 = workers may go home
 *	"begun"		atomic: how often a job was begun, with those that were begun again
 *
 * A job is a chunk in a round: job = round * n_chunks + chunk. Counting is
 * idempotent: who gets a job that a dead worker had begun, counts the chunk again
 * and stores the same result again. So it does not matter at which instruction
 * a worker is killed.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <shmreg.h>

#define CHUNK_BYTES 16384
#define QUEUE_CAPACITY 256
#define N_WORKERS_MAX 64

SHMREG_DEFINE_ARRAY(text_array, char);
SHMREG_DEFINE_ARRAY(result_array, uint32_t);
SHMREG_DEFINE_ATOMIC(stop_flag, uint32_t);
SHMREG_DEFINE_ATOMIC(begun_count, uint64_t);
SHMREG_DEFINE_QUEUE(job_queue, uint64_t);

struct text {
	char **file;
	uint64_t *file_bytes;
	size_t n_files;
	uint64_t n_bytes;	/* of all files, and a line's end behind each */
	uint64_t n_chunks;
	bool word_byte[256];	/* bytes that make a run of non-space a word, for this wc(1) */
};

/* Everything that is known before the first process starts. */
struct plan {
	struct text text;
	uint64_t n_rounds;
	uint64_t n_jobs;
	unsigned n_workers;
	unsigned kill_every_ms;	/* 0: never */
	char segment[64];
};

/* --- wordcount-text.c --- */

/* Directories are walked. With no paths: text that every Debian has. Says what it refuses. */
int text_find(struct text *text, char *const *paths, int n_paths, uint64_t limit_bytes);
int text_wc(const struct text *text, uint64_t *ret_words);	/* runs wc -w */
void text_free(struct text *text);

/* --- wordcount-worker.c: each is the main function of a process --- */

int producer_main(const struct plan *plan);
int worker_main(const struct plan *plan);

/* --- wordcount-crew.c --- */

struct crew {
	const struct plan *plan;
	pid_t worker[N_WORKERS_MAX];
	pid_t producer;		/* 0: has done its work */
	uint64_t n_started;
	uint64_t n_killed;
	uint64_t next_kill_ns;
};
int crew_start(struct crew *crew, const struct plan *plan);
/* Kills a worker if it may and it is time, starts another; notices who ended. Negative: one failed. */
int crew_torment(struct crew *crew, bool may_kill);
int crew_wait(struct crew *crew);	/* for all to go home */
void crew_abandon(struct crew *crew);	/* after a failure: kill all that is left */

/* Says what failed with the library's sentence; returns EXIT_FAILURE. */
int complain(const char *what, int error);
uint64_t now_ns(void);

#endif /* WORDCOUNT_H */
