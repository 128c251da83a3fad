/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <string.h>

#include <shmreg/compiler.h>

#include "families.h"
#include "loops.h"

/*
 * bare-lines.c - what the machine takes to bring so many cache lines to another CPU and back
 *
 * An element of 8 bytes and what says that it is there fit a line; one of 64 bytes takes two.
 */

struct ball {
	_Alignas(SHMREG_BLOCK) unsigned char payload[64];	/* the other line, if there are two */
	uint64_t serial;
	uint64_t word;
};
_Static_assert(offsetof(struct ball, serial) == 64, "lines");

static int create(struct bench_arena *arena, const struct bench_row *row, void **ret)
{
	(void)row;
	*ret = bench_alloc(arena, 2 * sizeof(struct ball), SHMREG_BLOCK);
	return 0;
}

static inline int hit(struct ball *ball, uint64_t serial, const uint64_t *payload, int two_lines)
{
	if (two_lines)
		memcpy(ball->payload, payload, sizeof(ball->payload));
	else
		shmreg_store_relaxed(&ball->word, payload[0]);
	shmreg_store_release(&ball->serial, serial);
	return 1;
}

static inline int take(struct ball *ball, uint64_t serial, uint64_t *payload, int two_lines)
{
	if (shmreg_load_acquire(&ball->serial) != serial)
		return 0;
	if (two_lines)
		memcpy(payload, ball->payload, sizeof(ball->payload));
	else
		payload[0] = shmreg_load_relaxed(&ball->word);
	return 1;
}

/* Of each worker: how often the balls were hit in all. */
static int open_(struct bench_worker *w)
{
	static uint64_t serial;

	serial = 0;
	w->own = &serial;
	return 0;
}

static inline uint64_t ping(struct bench_worker *w, uint64_t n, int two_lines)
{
	struct ball *const there = w->shared, *const back = there + 1;
	uint64_t *const serial = w->own, payload[8] = { 0 }, i, wrong = 0;
	const int first = bench_is_producer(w);
	uint32_t spins = 0;

	for (i = 0; i < n; i++) {
		++*serial;
		if (first) {
			payload[0] = i;
			hit(there, *serial, payload, two_lines);
		}
		while (!take(first ? back : there, *serial, payload, two_lines))
			bench_relax(&spins);
		if (!first)
			hit(back, *serial, payload, two_lines);
		bench_escape(payload);
		wrong |= payload[0] ^ i;
	}
	return wrong;
}

static uint64_t ping_one(struct bench_worker *w, uint64_t n)
{
	return ping(w, n, 0);
}

static uint64_t ping_two(struct bench_worker *w, uint64_t n)
{
	return ping(w, n, 1);
}

#define LINES(measure, bytes, work)                                                                \
	{ measure, "bare cache lines", BENCH_LIMIT, bytes, create, open_, work, NULL, NULL }

static const struct bench_contestant contestants[] = {
	LINES("queue/ping", 8, ping_one),
	LINES("queue/ping", 64, ping_two),
	LINES("ring/ping", 8, ping_one),
	LINES("ring/ping", 64, ping_two),
};
const struct bench_peer bench_lines = { "bare cache lines", contestants, BENCH_N(contestants) };
