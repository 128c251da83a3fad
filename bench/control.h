/* SPDX-License-Identifier: MIT */
#ifndef BENCH_CONTROL_H
#define BENCH_CONTROL_H

/*
 * control.h - requests of a daemon, of the one at $SHMREG_SOCKET
 *
 * control.c's rows ask the daemon that the benchmark runs under; plane.c's one of their own.
 */

#include <stdint.h>

#include "bench.h"

struct shmreg_connection;

/* A contestant, which has no peers. */
#define CONTROL_OURS(measure, open, work, close)                                                   \
	{ measure, "shmreg", BENCH_OURS, 0, NULL, open, work, close, NULL }

struct control {
	struct shmreg_connection *owner, *other;
	struct shmreg_segment *segment;		/* with a queue */
	uint64_t serial;
};

struct shmreg_connection *control_connection(void);
/* Of this crew, so that what a failed one left is not met. */
void control_name(const struct bench_worker *w, const char *what, uint64_t n, char ret[64]);

/* Sets w->own to a struct control; makes @n_fillers segments first. */
int control_open(struct bench_worker *w, uint64_t n_fillers);
void control_close(struct bench_worker *w, uint64_t n_fillers);
uint64_t control_connect(struct bench_worker *w, uint64_t n);
uint64_t control_create(struct bench_worker *w, uint64_t n);
/* Open, map, first push. */
uint64_t control_open_first(struct bench_worker *w, uint64_t n);

#endif /* BENCH_CONTROL_H */
