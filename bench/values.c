/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <string.h>

#include <shmreg.h>

#include "families.h"
#include "loops.h"

/* values.c - cells and topics: the newest value, and messages to many */

#define CAPACITY 1024	/* messages of a topic */
#define SUBSCRIBERS 8

#define READ(kind, bytes)                                                                          \
	{                                                                                          \
		kind "-read-" #bytes, kind "/read", "read, nobody writes, " #bytes " bytes", bytes, 1, \
			0, BENCH_NS, { { "memcpy", 1.5, 0, 0 } }, CAPACITY / 2, 0, 0               \
	}
#define PUBLISH(bytes)                                                                             \
	{                                                                                          \
		"topic-publish-" #bytes, "topic/publish",                                          \
			"publish to subscribers in this process, " #bytes " bytes", bytes, 1, 0,   \
			BENCH_NS, { { "shmreg topic, 1 subscriber", 1.05, 0, 0 } }, 0, 0, 0        \
	}
#define STREAM(suffix, n, bytes)                                                                   \
	{                                                                                          \
		"topic-" suffix "-" #bytes, "topic/stream",                                        \
			"reliable, 1 publisher, " #n " who read, " #bytes " bytes", bytes, 1, n,   \
			BENCH_RATE, { { NULL, 0, 0, 0 } }, 0, 0, 0                                 \
	}
static const struct bench_row rows[] = {
	READ("cell", 64), READ("cell", 1024), READ("topic", 64), READ("topic", 1024),
	PUBLISH(64),	  PUBLISH(1024),      STREAM("1to1", 1, 64), STREAM("1to3", 3, 64),
	STREAM("1to7", 7, 64),
};
const struct bench_family bench_values = { "values", rows, BENCH_N(rows) };

struct bench_elem_1024 {
	uint64_t word[128];
};

static const struct shmreg_topic_params lossy = { .capacity = CAPACITY, .publishers = 1,
						  .subscribers = 16 };
static const struct shmreg_topic_params reliable = { .capacity = CAPACITY, .publishers = 1,
						     .subscribers = 16,
						     .flags = SHMREG_TOPIC_RELIABLE };

#define VALUES(bytes)                                                                              \
	SHMREG_DEFINE_CELL(cell_##bytes, struct bench_elem_##bytes);                               \
	SHMREG_DEFINE_TOPIC(topic_##bytes, struct bench_elem_##bytes);                             \
	static int open_cell_##bytes(struct bench_worker *w)                                       \
	{                                                                                          \
		static struct cell_##bytes##_writer *writer;                                       \
		static const struct bench_elem_##bytes value = { .word = { 1 } };                  \
                                                                                                   \
		bench_ok(cell_##bytes##_writer_open_or_create(bench_segment(w), &writer, "cell", 1, 0), \
			 "a cell");                                                                \
		bench_ok(cell_##bytes##_write(writer, &value), "write");                           \
		w->own = (void *)(uintptr_t)cell_##bytes##_of(writer);                             \
		return 0;                                                                          \
	}                                                                                          \
	static uint64_t read_cell_##bytes(struct bench_worker *w, uint64_t n)                      \
	{                                                                                          \
		const struct cell_##bytes *const c = w->own;                                       \
		struct bench_elem_##bytes value;                                                   \
		uint64_t i, version, wrong = 0;                                                    \
                                                                                                   \
		for (i = 0; i < n; i++) {                                                          \
			bench_check(cell_##bytes##_read(c, &value, &version) == 0, "read");        \
			bench_escape(&value);                                                      \
			wrong |= value.word[0] ^ 1;                                                \
		}                                                                                  \
		return wrong;                                                                      \
	}                                                                                          \
	static int create_plain_##bytes(struct bench_arena *arena, const struct bench_row *row,    \
					void **ret)                                                \
	{                                                                                          \
		struct bench_elem_##bytes *const e =                                               \
			bench_alloc(arena, CAPACITY * sizeof(*e), SHMREG_BLOCK);                   \
		int i;                                                                             \
                                                                                                   \
		(void)row;                                                                         \
		for (i = 0; i < CAPACITY; i++)                                                     \
			e[i].word[0] = 1;                                                          \
		*ret = e;                                                                          \
		return 0;                                                                          \
	}                                                                                          \
	static uint64_t copy_one_##bytes(struct bench_worker *w, uint64_t n)                       \
	{                                                                                          \
		const struct bench_elem_##bytes *const from = w->shared;                           \
		struct bench_elem_##bytes value;                                                   \
		uint64_t i, wrong = 0;                                                             \
                                                                                                   \
		for (i = 0; i < n; i++) {                                                          \
			memcpy(&value, from, sizeof(value));                                       \
			bench_escape(&value);                                                      \
			wrong |= value.word[0] ^ 1;                                                \
		}                                                                                  \
		return wrong;                                                                      \
	}                                                                                          \
	struct topics_##bytes {                                                                    \
		struct topic_##bytes##_publisher *out;                                             \
		struct topic_##bytes##_subscriber *in[SUBSCRIBERS];                                \
	};                                                                                         \
	static void open_topic_##bytes(struct bench_worker *w, const char *name, int n)            \
	{                                                                                          \
		struct topics_##bytes *const t =                                                   \
			bench_alloc(w->arena, sizeof(*t), SHMREG_BLOCK);                           \
		int i;                                                                             \
                                                                                                   \
		bench_ok(topic_##bytes##_publisher_open_or_create(bench_segment(w), &t->out, name, \
								  &lossy),                         \
			 "a topic");                                                               \
		for (i = 0; i < n; i++)                                                            \
			bench_ok(topic_##bytes##_subscriber_open(bench_segment(w), &t->in[i], name, 0), \
				 "subscribe");                                                     \
		w->own = t;                                                                        \
	}                                                                                          \
	static int open_one_##bytes(struct bench_worker *w)                                        \
	{                                                                                          \
		open_topic_##bytes(w, "one", 1);                                                   \
		return 0;                                                                          \
	}                                                                                          \
	static int open_eight_##bytes(struct bench_worker *w)                                      \
	{                                                                                          \
		open_topic_##bytes(w, "eight", SUBSCRIBERS);                                       \
		return 0;                                                                          \
	}                                                                                          \
	static uint64_t publish_##bytes(struct bench_worker *w, uint64_t n)                        \
	{                                                                                          \
		struct topic_##bytes##_publisher *const out = ((struct topics_##bytes *)w->own)->out; \
		struct bench_elem_##bytes value = { .word = { 1 } };                               \
		uint64_t i;                                                                        \
                                                                                                   \
		for (i = 0; i < n; i++) {                                                          \
			bench_escape(&value);                                                      \
			bench_check(topic_##bytes##_publisher_publish(out, &value) == 0, "publish"); \
		}                                                                                  \
		return 0;                                                                          \
	}                                                                                          \
	/* Half of the topic is published, which is not timed, and read, which is. */              \
	static uint64_t read_topic_##bytes(struct bench_worker *w, uint64_t n)                     \
	{                                                                                          \
		struct topic_##bytes##_subscriber *const in = ((struct topics_##bytes *)w->own)->in[0]; \
		struct bench_elem_##bytes value;                                                   \
		struct shmreg_topic_message m;                                                     \
		uint64_t i, begin, wrong = 0;                                                      \
                                                                                                   \
		for (; n > 0; n -= CAPACITY / 2) {                                                 \
			publish_##bytes(w, CAPACITY / 2);                                          \
			begin = bench_now();                                                       \
			for (i = 0; i < CAPACITY / 2; i++) {                                       \
				bench_check(topic_##bytes##_subscriber_read(in, &value, &m) == 0, \
					    "read");                                               \
				bench_escape(&value);                                              \
				wrong |= (value.word[0] ^ 1) | m.n_lost;                           \
			}                                                                          \
			bench_record(w, (double)(bench_now() - begin) / (CAPACITY / 2));           \
		}                                                                                  \
		return wrong;                                                                      \
	}                                                                                          \
	/* And copied from as many places that were as freshly written. */                         \
	static uint64_t copy_many_##bytes(struct bench_worker *w, uint64_t n)                      \
	{                                                                                          \
		struct bench_elem_##bytes *const from = w->shared;                                 \
		struct bench_elem_##bytes value = { .word = { 1 } };                               \
		uint64_t i, begin, wrong = 0, at = 0;                                              \
                                                                                                   \
		for (; n > 0; n -= CAPACITY / 2) {                                                 \
			for (i = 0; i < CAPACITY / 2; i++)                                         \
				memcpy(&from[at + i], &value, sizeof(value));                      \
			bench_escape(from);                                                        \
			begin = bench_now();                                                       \
			for (i = 0; i < CAPACITY / 2; i++) {                                       \
				memcpy(&value, &from[at + i], sizeof(value));                      \
				bench_escape(&value);                                              \
				wrong |= value.word[0] ^ 1;                                        \
			}                                                                          \
			bench_record(w, (double)(bench_now() - begin) / (CAPACITY / 2));           \
			at ^= CAPACITY / 2;                                                        \
		}                                                                                  \
		return wrong;                                                                      \
	}
VALUES(64)
VALUES(1024)

/* A reliable topic: nothing is lost, so the sums agree. */
static int open_stream(struct bench_worker *w)
{
	static struct topic_64_publisher *out;
	static struct topic_64_subscriber *in;

	if (bench_is_producer(w)) {
		bench_ok(topic_64_publisher_open_or_create(bench_segment(w), &out, "stream", &reliable),
			 "a topic");
		w->own = out;
	} else {
		bench_ok(topic_64_subscriber_open_or_create(bench_segment(w), &in, "stream", &reliable),
			 "subscribe");
		w->own = in;
	}
	return 0;
}

static uint64_t stream(struct bench_worker *w, uint64_t n)
{
	const uint64_t n_readers = w->row->n_consumers;
	struct bench_elem_64 e = { { 0 } };
	struct shmreg_topic_message m;
	uint32_t spins = 0;
	uint64_t i, sum = 0;

	for (i = 0; i < n; i++) {
		if (bench_is_producer(w)) {
			e.word[0] = i;
			bench_escape(&e);
			while (topic_64_publisher_publish(w->own, &e) != 0)
				bench_relax(&spins);
			sum += i * n_readers;
		} else {
			while (topic_64_subscriber_read(w->own, &e, &m) != 0)
				bench_relax(&spins);
			bench_escape(&e);
			sum -= e.word[0];
		}
	}
	return sum;
}

#define BOTH(bytes)                                                                                \
	{ "cell/read", "shmreg cell", BENCH_OURS, bytes, NULL, open_cell_##bytes,                  \
	  read_cell_##bytes, NULL, NULL },                                                         \
	{ "cell/read", "memcpy", BENCH_LIMIT, bytes, create_plain_##bytes, bench_open_shared,      \
	  copy_one_##bytes, NULL, NULL },                                                          \
	{ "topic/read", "shmreg topic", BENCH_OURS, bytes, NULL, open_one_##bytes,                 \
	  read_topic_##bytes, NULL, NULL },                                                        \
	{ "topic/read", "memcpy", BENCH_LIMIT, bytes, create_plain_##bytes, bench_open_shared,     \
	  copy_many_##bytes, NULL, NULL },                                                         \
	{ "topic/publish", "shmreg topic, 8 subscribers", BENCH_OURS, bytes, NULL,                 \
	  open_eight_##bytes, publish_##bytes, NULL, NULL },                                       \
	{ "topic/publish", "shmreg topic, 1 subscriber", BENCH_LIMIT, bytes, NULL,                 \
	  open_one_##bytes, publish_##bytes, NULL, NULL }
static const struct bench_contestant contestants[] = {
	BOTH(64),
	BOTH(1024),
	{ "topic/stream", "shmreg topic", BENCH_OURS, 64, NULL, open_stream, stream, NULL, NULL },
};
const struct bench_peer bench_shmreg_values = { "shmreg", contestants, BENCH_N(contestants) };
