/* SPDX-License-Identifier: MIT */
/*
 * loops.h - the measuring loops of queues and rings, to be included once a contestant and size
 *
 * So all are measured by the same loops, with their operations inline and no call between. Before:
 *
 *	#define LOOP ck_mpmc_8			what the functions' names begin with
 *	#define LOOP_BYTES 8			of an element, which is struct bench_elem_8
 *	#define LOOP_OUT(own, lane)		what to push into, LOOP_IN: what to pop from
 *	#define LOOP_PUSH(out, e)		true if done, false if full
 *	#define LOOP_POP(in, e)
 *	#define LOOP_PUSH_BULK(out, e, n)	how many were pushed, 0 .. n; leave out if there is none
 *	#define LOOP_POP_BULK(in, e, n)
 *
 * own is the worker's ->own. Lane 0 goes from producers to consumers, lane 1 back. What OUT and IN
 * give is kept in variables, as a program would. All LOOP_ macros are undefined afterwards.
 */

#ifndef BENCH_LOOPS_H
#define BENCH_LOOPS_H

#include "bench.h"

struct bench_elem_8 {
	uint64_t word[1];
};
struct bench_elem_64 {
	uint64_t word[8];
};

#define BENCH_BULK 32
#define BENCH_CAPACITY 1024	/* of every queue and ring here */

#define BENCH_ELEM_(bytes) struct bench_elem_##bytes
#define BENCH_ELEM(bytes) BENCH_ELEM_(bytes)

#ifdef __cplusplus
#define BENCH_AUTO auto
#else
#define BENCH_AUTO __auto_type
#endif

#define BENCH_LOOP_NAME_(prefix, name) prefix##_##name
#define BENCH_LOOP_NAME(prefix, name) BENCH_LOOP_NAME_(prefix, name)

/* The entries of a contestant's table; @kind: "queue" or "ring". */
#define BENCH_LOOPS(kind, prefix, name, role, bytes, create, open, close, destroy)                   \
	{ kind "/solo", name, role, bytes, create, open, prefix##_solo, close, destroy },             \
	{ kind "/ping", name, role, bytes, create, open, prefix##_ping, close, destroy },             \
	{ kind "/latency", name, role, bytes, create, open, prefix##_latency, close, destroy },       \
	{ kind "/stream", name, role, bytes, create, open, prefix##_stream, close, destroy }
/* And of those who can do 32 at once. */
#define BENCH_LOOPS_BULK(kind, prefix, name, role, bytes, create, open, close, destroy)              \
	{ kind "/solo-bulk", name, role, bytes, create, open, prefix##_solo_bulk, close, destroy },   \
	{ kind "/bulk", name, role, bytes, create, open, prefix##_bulk, close, destroy }

/* For contestants that are in the shared memory themselves. */
static inline int bench_open_shared(struct bench_worker *w)
{
	w->own = w->shared;
	return 0;
}

#endif /* BENCH_LOOPS_H */

#ifdef LOOP

/* One process pushes one and pops it. */
static uint64_t BENCH_LOOP_NAME(LOOP, solo)(struct bench_worker *w, uint64_t n)
{
	const BENCH_AUTO out = LOOP_OUT(w->own, 0);
	const BENCH_AUTO in = LOOP_IN(w->own, 0);
	BENCH_ELEM(LOOP_BYTES) given = { { 0 } }, got = { { 0 } };
	uint64_t i, wrong = 0;

	for (i = 0; i < n; i++) {
		given.word[0] = i;
		given.word[LOOP_BYTES / 8 - 1] = i;
		bench_escape(&given);
		bench_check(LOOP_PUSH(out, &given), "full, but it is empty");
		bench_check(LOOP_POP(in, &got), "empty, but there is one");
		bench_escape(&got);
		wrong |= (got.word[0] ^ i) | (got.word[LOOP_BYTES / 8 - 1] ^ i);
	}
	return wrong;
}

/* One process sends one, the other sends it back; operations are round trips. */
static uint64_t BENCH_LOOP_NAME(LOOP, ping)(struct bench_worker *w, uint64_t n)
{
	const int ping = bench_is_producer(w);
	const BENCH_AUTO out = LOOP_OUT(w->own, ping ? 0 : 1);
	const BENCH_AUTO in = LOOP_IN(w->own, ping ? 1 : 0);
	BENCH_ELEM(LOOP_BYTES) e = { { 0 } };
	uint32_t spins = 0;
	uint64_t i, wrong = 0;

	for (i = 0; i < n; i++) {
		if (ping) {
			e.word[0] = i;
			e.word[LOOP_BYTES / 8 - 1] = i;
			bench_escape(&e);
			while (!LOOP_PUSH(out, &e))
				bench_relax(&spins);
			while (!LOOP_POP(in, &e))
				bench_relax(&spins);
		} else {
			while (!LOOP_POP(in, &e))
				bench_relax(&spins);
			while (!LOOP_PUSH(out, &e))
				bench_relax(&spins);
		}
		bench_escape(&e);
		wrong |= (e.word[0] ^ i) | (e.word[LOOP_BYTES / 8 - 1] ^ i);
	}
	return wrong;
}

/* The same, each round trip timed. */
static uint64_t BENCH_LOOP_NAME(LOOP, latency)(struct bench_worker *w, uint64_t n)
{
	const BENCH_AUTO out = LOOP_OUT(w->own, 0);
	const BENCH_AUTO in = LOOP_IN(w->own, 1);
	uint64_t i, begin, wrong = 0;

	if (!bench_is_producer(w))
		return BENCH_LOOP_NAME(LOOP, ping)(w, n);
	for (i = 0; i < n; i++) {
		BENCH_ELEM(LOOP_BYTES) e = { { 0 } };
		uint32_t spins = 0;

		e.word[0] = i;
		e.word[LOOP_BYTES / 8 - 1] = i;
		bench_escape(&e);
		begin = bench_now();
		while (!LOOP_PUSH(out, &e))
			bench_relax(&spins);
		while (!LOOP_POP(in, &e))
			bench_relax(&spins);
		bench_escape(&e);
		bench_record(w, (double)(bench_now() - begin));
		wrong |= e.word[0] ^ i;
	}
	return wrong;
}

static uint64_t BENCH_LOOP_NAME(LOOP, stream)(struct bench_worker *w, uint64_t n)
{
	const BENCH_AUTO out = LOOP_OUT(w->own, 0);
	const BENCH_AUTO in = LOOP_IN(w->own, 0);
	BENCH_ELEM(LOOP_BYTES) e = { { 0 } };
	uint32_t spins = 0;
	uint64_t i, sum = 0;

	if (bench_is_producer(w)) {
		n /= w->row->n_producers;
		for (i = 0; i < n; i++) {
			e.word[0] = i;
			e.word[LOOP_BYTES / 8 - 1] = i;
			bench_escape(&e);
			while (!LOOP_PUSH(out, &e))
				bench_relax(&spins);
			sum += i * 2;
		}
	} else {
		n /= w->row->n_consumers;
		for (i = 0; i < n; i++) {
			while (!LOOP_POP(in, &e))
				bench_relax(&spins);
			bench_escape(&e);
			sum -= e.word[0] + e.word[LOOP_BYTES / 8 - 1];
		}
	}
	return sum;
}

#ifdef LOOP_PUSH_BULK
static uint64_t BENCH_LOOP_NAME(LOOP, solo_bulk)(struct bench_worker *w, uint64_t n)
{
	const BENCH_AUTO out = LOOP_OUT(w->own, 0);
	const BENCH_AUTO in = LOOP_IN(w->own, 0);
	BENCH_ELEM(LOOP_BYTES) given[BENCH_BULK] = { { { 0 } } }, got[BENCH_BULK] = { { { 0 } } };
	uint64_t i, wrong = 0;
	uint32_t j;

	for (i = 0; i < n; i += BENCH_BULK) {
		for (j = 0; j < BENCH_BULK; j++)
			given[j].word[0] = i + j;
		bench_escape(given);
		bench_check(LOOP_PUSH_BULK(out, given, BENCH_BULK) == BENCH_BULK,
			    "full, but it is empty");
		bench_check(LOOP_POP_BULK(in, got, BENCH_BULK) == BENCH_BULK,
			    "empty, but there are some");
		bench_escape(got);
		for (j = 0; j < BENCH_BULK; j++)
			wrong |= got[j].word[0] ^ (i + j);
	}
	return wrong;
}

static uint64_t BENCH_LOOP_NAME(LOOP, bulk)(struct bench_worker *w, uint64_t n)
{
	const BENCH_AUTO out = LOOP_OUT(w->own, 0);
	const BENCH_AUTO in = LOOP_IN(w->own, 0);
	BENCH_ELEM(LOOP_BYTES) e[BENCH_BULK] = { { { 0 } } };
	uint32_t spins = 0, done, j, part;
	uint64_t i, sum = 0;

	if (bench_is_producer(w)) {
		n /= w->row->n_producers;
		for (i = 0; i < n; i += BENCH_BULK) {
			for (j = 0; j < BENCH_BULK; j++) {
				e[j].word[0] = i + j;
				sum += i + j;
			}
			bench_escape(e);
			for (done = 0; done < BENCH_BULK; done += part) {
				part = (uint32_t)LOOP_PUSH_BULK(out, e + done, BENCH_BULK - done);
				if (part == 0)
					bench_relax(&spins);
			}
		}
	} else {
		n /= w->row->n_consumers;
		for (i = 0; i < n; i += part) {
			part = (uint32_t)(n - i < BENCH_BULK ? n - i : BENCH_BULK);
			part = (uint32_t)LOOP_POP_BULK(in, e, part);
			if (part == 0)
				bench_relax(&spins);
			bench_escape(e);
			for (j = 0; j < part; j++)
				sum -= e[j].word[0];
		}
	}
	return sum;
}
#undef LOOP_PUSH_BULK
#undef LOOP_POP_BULK
#endif

#undef LOOP
#undef LOOP_BYTES
#undef LOOP_OUT
#undef LOOP_IN
#undef LOOP_PUSH
#undef LOOP_POP
#endif
