/* SPDX-License-Identifier: MIT */
#ifndef BENCH_MESSAGES_H
#define BENCH_MESSAGES_H

/*
 * messages.h - the measuring loops of what carries messages of any size, once a contestant
 *
 * SEND(own, lane, data, bytes) and RECEIVE(own, lane, data, bytes) wait until it is done. Lane 0
 * goes to the consumer, lane 1 back. "messages/stream" is one way, as fast as it goes;
 * "messages/wake" is a round trip in which each side sleeps until the other has answered.
 */

#include <string.h>

#include "bench.h"

#define BENCH_MESSAGE_MAX 65536
/* After so long, who waits has gone to sleep. */
#define BENCH_ASLEEP_NS 30000

static inline void bench_pause(uint64_t ns)
{
	const uint64_t end = bench_now() + ns;
	uint32_t spins = 0;

	while (bench_now() < end)
		bench_relax(&spins);
}

/* Return: a worker's part of the sum. */
#define BENCH_MESSAGES_STREAM(prefix, SEND, RECEIVE)                                               \
	static uint64_t prefix##_stream(struct bench_worker *w, uint64_t n)                        \
	{                                                                                          \
		static unsigned char data[BENCH_MESSAGE_MAX] __attribute__((aligned(128)));        \
		const size_t bytes = w->row->bytes;                                                \
		uint64_t i, sum = 0, first, last;                                                  \
                                                                                                   \
		for (i = 0; i < n; i++) {                                                          \
			if (bench_is_producer(w)) {                                                \
				memcpy(data, &i, sizeof(i));                                       \
				memcpy(data + bytes - sizeof(i), &i, sizeof(i));                   \
				SEND(w->own, 0, data, bytes);                                      \
				sum += 2 * i;                                                      \
			} else {                                                                   \
				RECEIVE(w->own, 0, data, bytes);                                   \
				bench_escape(data);                                                \
				memcpy(&first, data, sizeof(first));                               \
				memcpy(&last, data + bytes - sizeof(last), sizeof(last));          \
				sum -= first + last;                                               \
			}                                                                          \
		}                                                                                  \
		return sum;                                                                        \
	}
#define BENCH_MESSAGES_WAKE(prefix, SEND, RECEIVE)                                                 \
	static uint64_t prefix##_wake(struct bench_worker *w, uint64_t n)                          \
	{                                                                                          \
		uint64_t i, begin, e, wrong = 0;                                                   \
                                                                                                   \
		for (i = 0; i < n; i++) {                                                          \
			e = i;                                                                     \
			if (bench_is_producer(w))                                                  \
				bench_pause(BENCH_ASLEEP_NS);                                      \
			begin = bench_now();                                                       \
			if (bench_is_producer(w)) {                                                \
				SEND(w->own, 0, &e, sizeof(e));                                    \
				RECEIVE(w->own, 1, &e, sizeof(e));                                 \
				bench_record(w, (double)(bench_now() - begin));                    \
			} else {                                                                   \
				RECEIVE(w->own, 0, &e, sizeof(e));                                 \
				SEND(w->own, 1, &e, sizeof(e));                                    \
			}                                                                          \
			wrong |= e ^ i;                                                            \
		}                                                                                  \
		return wrong;                                                                      \
	}

/* The entries of a contestant's table. */
#define BENCH_MESSAGES(prefix, name, role, create, open, close, destroy)                           \
	{ "messages/stream", name, role, 64, create, open, prefix##_stream, close, destroy },      \
	{ "messages/stream", name, role, 1024, create, open, prefix##_stream, close, destroy },    \
	{ "messages/stream", name, role, 65536, create, open, prefix##_stream, close, destroy }
#define BENCH_WAKES(prefix, name, role, create, open, close, destroy)                              \
	{ "messages/wake", name, role, 8, create, open, prefix##_wake, close, destroy }

#endif /* BENCH_MESSAGES_H */
