/* SPDX-License-Identifier: MIT */
#ifndef BENCH_H
#define BENCH_H

/*
 * bench.h - what a row of the benchmark and a contestant in it are
 *
 * A *row* is one question ("one producer, one consumer, 8 bytes: elements a second"). A
 * *contestant* is somebody's answer to a *measure*; a row takes part with all contestants of its
 * measure and element size. So rows do not know peers, and a peer is one file that says which
 * measures it takes part in.
 *
 * To run a row the harness forks its workers, pins each to a CPU and lets each open every
 * contestant. Then it goes round: a short sample of the first contestant, one of the second, ...,
 * and again, so that whatever disturbs the machine disturbs all alike. In a sample all workers
 * begin at the same time and call work(). Between samples nobody runs. Before each sample of
 * several workers two of them play ping-pong with a bare cache line; the outcome is the sample's
 * class, and only samples of the same class are compared (a virtual machine's CPUs move).
 *
 * To add rows: a file with a struct bench_family, an entry in rows.c. To add a contestant: a file
 * with a struct bench_peer, an entry in peers.c.
 */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct shmreg_segment;
struct bench_arena;
struct bench_row;

/* A process at work for one contestant. */
struct bench_worker {
	const struct bench_row *row;
	struct bench_arena *arena;	/* shared memory at the same address in all workers */
	uint32_t index;			/* producers come first: 0 .. n_producers - 1 */
	uint32_t n_workers;
	uint64_t crew;			/* which crew of this run it belongs to */
	void *shared;			/* what create() made */
	void *own;			/* for open() to set */
	/* Latencies of single operations, if the measure is of their distribution. */
	double *latencies;
	uint64_t n_latencies;
};

enum bench_role {
	BENCH_OURS,	/* the first of a row is what targets speak of */
	BENCH_PEER,	/* what one would use instead */
	BENCH_LIMIT,	/* what the machine allows, or a bare algorithm without crash safety */
};

struct bench_contestant {
	const char *measure;	/* "queue/solo" */
	const char *name;
	enum bench_role role;
	uint32_t bytes;		/* of an element, as the row's */
	/*
	 * Once, before the workers are forked; NULL: nothing to do. What @ret is set to is
	 * every worker's ->shared. Return: 0, or -errno: skipped in this row.
	 */
	int (*create)(struct bench_arena *arena, const struct bench_row *row, void **ret);
	/* In each worker. Return: 0, or -errno: skipped in this row. */
	int (*open)(struct bench_worker *w);
	/*
	 * One sample: @n operations of the whole row, of which this worker does its part. The sum
	 * of what the workers return must be 0: producers add up what they give, consumers subtract
	 * what they get. That is how lost and repeated elements are found.
	 */
	uint64_t (*work)(struct bench_worker *w, uint64_t n);
	void (*close)(struct bench_worker *w);	/* in each worker; NULL: nothing to do */
	void (*destroy)(void *shared);		/* in the harness, when the workers are gone */
};

enum bench_unit {
	BENCH_NS,	/* nanoseconds an operation; less is better */
	BENCH_RATE,	/* millions of operations a second; more is better */
	BENCH_BYTES,	/* gigabytes a second of ->bytes an operation; more is better */
};

/* "In ours at most (BENCH_NS) or at least (others) @factor times what @against reaches." */
struct bench_target {
	const char *against;	/* a contestant's name, or BENCH_BEST_PEER; NULL: none */
	double factor;
	double most_ns;		/* or an absolute one, if not 0, */
	double quantile;	/* of single latencies; 0: of the samples' median */
};
#define BENCH_BEST_PEER "the best peer"
/*
 * As a factor: "the same", for code of the same instructions. Samples of such code differ by
 * thousandths all the same, either way, however many there are: what is within
 * BENCH_SAME_WITHIN of 1 is met.
 */
#define BENCH_SAME 0.0
#define BENCH_SAME_WITHIN 0.01
#define BENCH_TARGETS_MAX 3

struct bench_row {
	const char *name;	/* "queue-solo-8" */
	const char *measure;
	const char *title;
	uint32_t bytes;
	uint32_t n_producers;	/* workers of the first kind */
	uint32_t n_consumers;	/* and of the second; 0: no such kind */
	enum bench_unit unit;
	struct bench_target targets[BENCH_TARGETS_MAX];
	uint64_t granule;	/* operations come in multiples of so many; 0: 256 */
	uint64_t n_max;		/* most operations a sample; 0: as many as its time allows */
	uint64_t param;		/* the measure's own business */
};

struct bench_family {
	const char *name;
	const struct bench_row *rows;
	size_t n_rows;
};

struct bench_peer {
	const char *name;
	const struct bench_contestant *contestants;
	size_t n_contestants;
};

#define BENCH_N(array) (sizeof(array) / sizeof(*(array)))

/* rows.c: the families, ends with NULL. peers.c: ours, peers and limits. */
extern const struct bench_family *const bench_families[];
extern const struct bench_peer *const bench_peers[];
/* "NAME (Debian: PACKAGE)" of what was not there when this was built; ends with NULL. */
extern const char *const bench_missing_peers[];

/* For contestants */

/* Zeroed, never given back; fails by ending the process. Workers may allocate at the same time. */
void *bench_alloc(struct bench_arena *arena, size_t bytes, size_t align);

/* The segment that the workers of a crew share, through a connection of this process. */
struct shmreg_segment *bench_segment(const struct bench_worker *w);

/* Ends the row with a message. */
void bench_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
/* What a call of the library returned must not be negative; says the library's sentence. */
void bench_refused(int r, const char *what) __attribute__((noreturn));
static inline void bench_ok(int r, const char *what)
{
	if (__builtin_expect(r < 0, 0))
		bench_refused(r, what);
}

static inline void bench_check(int ok, const char *what)
{
	if (__builtin_expect(!ok, 0))
		bench_fail("%s", what);
}

/* Monotonic nanoseconds. */
uint64_t bench_now(void);

/* One latency of a sample whose distribution matters; up to BENCH_LATENCIES a sample are kept. */
#define BENCH_LATENCIES 4096
static inline void bench_record(struct bench_worker *w, double ns)
{
	if (w->n_latencies < BENCH_LATENCIES)
		w->latencies[w->n_latencies++] = ns;
}

static inline int bench_is_producer(const struct bench_worker *w)
{
	return w->index < w->row->n_producers;
}

/* In every loop that waits for another worker. With fewer CPUs than workers, lets them run. */
void bench_yield(void);
static inline void bench_relax(uint32_t *spins)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ __volatile__("isb" : : : "memory");
#endif
	if (__builtin_expect(++*spins % 2048 == 0, 0))
		bench_yield();
}

/* The compiler takes what @p points to for read and changed: nothing is left out. */
static inline void bench_escape(void *p)
{
	__asm__ __volatile__("" : : "r"(p) : "memory");
}

/* And takes @value for used, which need not be in memory for that. */
static inline void bench_use(uint64_t value)
{
	__asm__ __volatile__("" : : "r"(value));
}

#ifdef __cplusplus
}
#endif

#endif /* BENCH_H */
