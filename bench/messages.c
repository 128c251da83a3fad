/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <shmreg.h>

#include "families.h"
#include "messages.h"

/* messages.c - records of any size, and the waking of who sleeps: the rows, and ours in them */

/* The capacity of everybody's ring of bytes. */
#define RING_BYTES (UINT64_C(1) << 19)

#define STREAM(bytes, most)                                                                        \
	{                                                                                          \
		"messages-" #bytes, "messages/stream",                                             \
			"a stream of records of " #bytes " bytes", bytes, 1, 1, BENCH_BYTES,       \
			{ { BENCH_BEST_PEER, 1.2, 0, 0 } }, 16, most, 0                            \
	}
static const struct bench_row rows[] = {
	STREAM(64, 0),
	STREAM(1024, 0),
	STREAM(65536, 0),
	{ "messages-in-place-65536", "messages/in-place",
	  "records of 65536 bytes, made in the ring and copied out of it", 65536, 1, 1, BENCH_BYTES,
	  { { "memcpy of fresh lines", 0.8, 0, 0 } }, 16, 0, 0 },
	{ "wake", "messages/wake", "a round trip between two who sleep", 8, 1, 1, BENCH_NS,
	  { { "bare futex", 1.1, 0, 0 } }, 16, BENCH_LATENCIES, 0 },
};
const struct bench_family bench_messages = { "messages", rows, BENCH_N(rows) };

/* --- ours: the ring of records ------------------------------------------------------------ */

static int open_records(struct bench_worker *w)
{
	static struct shmreg_record_producer *out;
	static struct shmreg_record_consumer *in;
	const struct shmreg_record_params params = { .size = sizeof(params), .capacity = RING_BYTES };

	if (bench_is_producer(w))
		bench_ok(shmreg_record_producer_open_or_create(bench_segment(w), &out,
							       w->row->measure + 9, &params),
			 "a ring of records");
	else
		bench_ok(shmreg_record_consumer_open_or_create(bench_segment(w), &in,
							       w->row->measure + 9, &params),
			 "a ring of records");
	w->own = bench_is_producer(w) ? (void *)out : (void *)in;
	return 0;
}

static inline void records_send(void *own, int lane, const void *data, size_t bytes)
{
	uint32_t spins = 0;

	(void)lane;
	while (shmreg_record_push(own, data, bytes) != 0)
		bench_relax(&spins);
}

static inline void records_receive(void *own, int lane, void *data, size_t bytes)
{
	uint32_t spins = 0;
	size_t got;

	(void)lane;
	while (shmreg_record_pop(own, data, bytes, &got) != 0)
		bench_relax(&spins);
}
BENCH_MESSAGES_STREAM(records, records_send, records_receive)

/* What is sent is made there by one, and the other takes it. */
static uint64_t records_in_place(struct bench_worker *w, uint64_t n)
{
	static uint64_t to[BENCH_MESSAGE_MAX / sizeof(uint64_t)];
	uint64_t i, sum = 0;
	uint32_t spins = 0;
	size_t bytes;
	void *place;

	for (i = 0; i < n; i++) {
		if (bench_is_producer(w)) {
			while (shmreg_record_reserve(w->own, &place, sizeof(to)) != 0)
				bench_relax(&spins);
			memset(place, (int)(i % 256), sizeof(to));
			bench_check(shmreg_record_commit(w->own, sizeof(to)) == 0, "commit");
			sum += i % 256 * 2;
		} else {
			while (shmreg_record_pop(w->own, to, sizeof(to), &bytes) != 0)
				bench_relax(&spins);
			bench_escape(to);
			sum -= to[0] % 256 + to[BENCH_N(to) - 1] % 256;
		}
	}
	return sum;
}

/* --- what the two can do with each other's lines: no ring, in turns; one of them is timed ----- */

struct fresh {
	_Alignas(SHMREG_BLOCK) uint64_t turn;
	_Alignas(SHMREG_BLOCK) uint64_t words[BENCH_MESSAGE_MAX / sizeof(uint64_t)];
};

static int create_fresh(struct bench_arena *arena, const struct bench_row *row, void **ret)
{
	(void)row;
	*ret = bench_alloc(arena, sizeof(struct fresh), SHMREG_BLOCK);
	return 0;
}

static int open_shared(struct bench_worker *w)
{
	w->own = w->shared;
	return 0;
}

static inline uint64_t take_turns(struct bench_worker *w, uint64_t n, uint64_t timed)
{
	static uint64_t to[BENCH_MESSAGE_MAX / sizeof(uint64_t)];
	const uint64_t mine = bench_is_producer(w) ? 0 : 1;
	struct fresh *const f = w->own;
	uint32_t spins = 0;
	uint64_t i, begin, wrong = 0;

	for (i = 0; i < n; i++) {
		while (shmreg_load_acquire(&f->turn) % 2 != mine)
			bench_relax(&spins);
		begin = bench_now();
		if (mine == 0) {
			memset(f->words, (int)(i % 256), sizeof(f->words));
		} else {
			memcpy(to, f->words, sizeof(to));
			bench_escape(to);
		}
		if (mine == timed)
			bench_record(w, (double)(bench_now() - begin));
		if (mine != 0)
			wrong |= (to[0] ^ i) % 256 | (to[BENCH_N(to) - 1] ^ i) % 256;
		shmreg_store_release(&f->turn, shmreg_load_relaxed(&f->turn) + 1);
	}
	return wrong;
}

static uint64_t copy_fresh(struct bench_worker *w, uint64_t n)
{
	return take_turns(w, n, 1);
}

static uint64_t fill_read(struct bench_worker *w, uint64_t n)
{
	return take_turns(w, n, 0);
}

/* --- sleepers --------------------------------------------------------------------------------- */

SHMREG_DEFINE_QUEUE(sleepers_queue, uint64_t);

struct queues {
	struct sleepers_queue *lane[2];
};

static int open_queues(struct bench_worker *w)
{
	static struct queues q;
	int i;

	for (i = 0; i < 2; i++) {
		bench_ok(sleepers_queue_open_or_create(bench_segment(w), &q.lane[i],
						       i ? "wake-back" : "wake-there", 16, 0),
			 "a queue");
		bench_ok(shmreg_handle_set_waiting(&sleepers_queue_untyped(q.lane[i])->handle, 0, 0),
			 "no spinning");
	}
	w->own = &q;
	return 0;
}

static inline void queues_send(void *own, int lane, const void *data, size_t bytes)
{
	(void)bytes;
	bench_check(sleepers_queue_push(((struct queues *)own)->lane[lane], data) == 0, "push");
}

static inline void queues_receive(void *own, int lane, void *data, size_t bytes)
{
	(void)bytes;
	bench_check(sleepers_queue_pop_wait(((struct queues *)own)->lane[lane], data, NULL) == 0, "pop");
}
BENCH_MESSAGES_WAKE(queues, queues_send, queues_receive)

/* Two words on which the two sleep, and nothing else. */
struct futexes {
	_Alignas(SHMREG_BLOCK) uint32_t serial;
	uint64_t value;
};

static int create_futexes(struct bench_arena *arena, const struct bench_row *row, void **ret)
{
	(void)row;
	*ret = bench_alloc(arena, 2 * sizeof(struct futexes), SHMREG_BLOCK);
	return 0;
}

static inline void futexes_send(void *own, int lane, const void *data, size_t bytes)
{
	struct futexes *const f = (struct futexes *)own + lane;

	memcpy(&f->value, data, bytes);
	shmreg_fetch_add_acq_rel(&f->serial, 1);
	syscall(SYS_futex, &f->serial, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* One at a time is under way, so what changes the word is the answer. */
static inline void futexes_receive(void *own, int lane, void *data, size_t bytes)
{
	static uint32_t seen[2];
	struct futexes *const f = (struct futexes *)own + lane;

	while (shmreg_load_acquire(&f->serial) == seen[lane])
		syscall(SYS_futex, &f->serial, FUTEX_WAIT, seen[lane], NULL, NULL, 0);
	seen[lane]++;
	memcpy(data, &f->value, bytes);
}
BENCH_MESSAGES_WAKE(futexes, futexes_send, futexes_receive)

static const struct bench_contestant contestants[] = {
	BENCH_MESSAGES(records, "shmreg records", BENCH_OURS, NULL, open_records, NULL, NULL),
	{ "messages/in-place", "shmreg records, in place", BENCH_OURS, 65536, NULL, open_records,
	  records_in_place, NULL, NULL },
	{ "messages/in-place", "memcpy of fresh lines", BENCH_LIMIT, 65536, create_fresh, open_shared,
	  copy_fresh, NULL, NULL },
	{ "messages/in-place", "memset of lines just read", BENCH_LIMIT, 65536, create_fresh,
	  open_shared, fill_read, NULL, NULL },
	BENCH_WAKES(queues, "shmreg queue", BENCH_OURS, NULL, open_queues, NULL, NULL),
	BENCH_WAKES(futexes, "bare futex", BENCH_LIMIT, create_futexes, open_shared, NULL, NULL),
};
const struct bench_peer bench_shmreg_messages = { "shmreg", contestants, BENCH_N(contestants) };
