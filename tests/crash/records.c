/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "ring-account.h"

/*
 * records.c - a ring of records: each call is done whole or not, and nothing else is seen of it; the
 * counts of records and of bytes change together
 */

/* How much more all takes: see long-records.c. Who dies with whom is no matter of length. */
#ifndef SCALE
# define SCALE 1u
#endif
#define LONG (SCALE > 1)
#define BOTH (LONG ? 0 : OPERATION_BOTH)
#define EVERYWHERE (LONG ? SETTING_KILL : SETTING_EVERYWHERE)

#define CAPACITY (64 * SCALE)
#define RECORD_MAX (CAPACITY / 2 - 8)

struct record {
	uint64_t bytes;
	unsigned char data[RECORD_MAX];
};

struct actor {
	struct shmreg_record_producer p;
	struct shmreg_record_consumer c;
	uint32_t seat;
	struct shmreg_ring_shm *shm;
	struct ring_log log;
	struct record record[TAKE_MAX];	/* what it was given, or gives */
};

struct image {
	SHMREG_ALIGNAS(SHMREG_BLOCK) struct shmreg_ring_shm shm;
	unsigned char bytes[CAPACITY];
	SHMREG_ALIGNAS(SHMREG_BLOCK) struct actor actor[N_ACTORS];
};

static const struct shmreg_shape shape = {
	.kind = SHMREG_KIND_RING, .layout = SHMREG_RING_LAYOUT, .flags = SHMREG_RING_RECORDS,
	.elem_align = 1, .elem_bytes = 1, .capacity = CAPACITY,
};

struct start {
	uint64_t position;
	uint32_t n;		/* records that are there */
	bool asleep;		/* both sides, see ring-account.h */
};

/* Record number n. Any two in a row take half of the ring at most; some of them wrap. */
static void number(struct record *r, uint64_t n)
{
	static const unsigned char lengths[] = { 3, 8, 0, 16, 0 };
	const uint64_t length = lengths[n % 5];

	/* With its header it takes SCALE times as much. */
	r->bytes = length + (SCALE - 1) * (shmreg_record_size_(length));
	memset(r->data, (int)n + 1, (size_t)r->bytes);
}

static bool is_number(const struct record *r, uint64_t n)
{
	struct record want;

	number(&want, n);
	return r->bytes == want.bytes && memcmp(r->data, want.data, (size_t)want.bytes) == 0;
}

static bool produce(struct actor *a)
{
	unsigned int i;

	note(&a->log.started, 1);
	if (!role_try(&a->shm->producer, a->seat))
		return no_role(&a->log);
	record_producer_prepare(&a->p);
	if (LONG) {
		a->p.short_max = 0;
		a->p.way.around = a->p.n_written % 2;
	}
	for (i = 0; i < 2; i++)
		number(&a->record[i], a->p.n_written + i);
	note(&a->log.first, a->p.n_written);
	note(&a->log.has_role, 1);
	return true;
}

static bool consume(struct actor *a)
{
	note(&a->log.started, 1);
	if (!role_try(&a->shm->consumer, a->seat))
		return no_role(&a->log);
	record_consumer_prepare(&a->c);
	if (LONG)
		a->c.short_max = 0;
	note(&a->log.first, a->c.n_read);
	note(&a->log.has_role, 1);
	return true;
}

static int push_one(struct shmreg_record_producer *p, const struct record *r)
{
	return shmreg_record_push(p, r->data, (size_t)r->bytes);
}

static int pop_one(struct shmreg_record_consumer *c, struct record *ret)
{
	size_t bytes;
	const int r = shmreg_record_pop(c, ret->data, sizeof(ret->data), &bytes);

	if (r == 0)
		ret->bytes = bytes;
	return r;
}

static int64_t push_several(struct actor *a, uint64_t min)
{
	struct shmreg_record records[2];
	unsigned int i;

	for (i = 0; i < 2; i++) {
		records[i].data = a->record[i].data;
		records[i].bytes = (size_t)a->record[i].bytes;
	}
	return shmreg_record_push_bulk(&a->p, records, 2, min);
}

static int64_t reserve_and_commit(struct actor *a)
{
	void *room;
	const int r = shmreg_record_reserve(&a->p, &room, RECORD_MAX);

	if (r < 0)
		return r;
	memcpy(room, a->record[0].data, (size_t)a->record[0].bytes);
	return ONE(shmreg_record_commit(&a->p, (size_t)a->record[0].bytes));
}

static int64_t view_and_consume(struct actor *a)
{
	const void *seen;
	size_t bytes;
	const int r = shmreg_record_view(&a->c, &seen, &bytes);

	if (r < 0)
		return r;
	memcpy(a->record[0].data, seen, bytes);
	a->record[0].bytes = bytes;
	return ONE(shmreg_record_consume(&a->c));
}

static int64_t peek_second(struct actor *a)
{
	size_t bytes;

	return shmreg_record_peek(&a->c, 1, a->record[0].data, RECORD_MAX, &bytes);
}

OPERATION(push, produce, producer, ONE(push_one(&a->p, a->record)))
OPERATION(push_bulk, produce, producer, push_several(a, 1))
OPERATION(push_all, produce, producer, push_several(a, 2))
OPERATION(reserve, produce, producer, reserve_and_commit(a))
OPERATION(pop, consume, consumer, ONE(pop_one(&a->c, a->record)))
OPERATION(peek, consume, consumer, peek_second(a))
OPERATION(view, consume, consumer, view_and_consume(a))
OPERATION(skip, consume, consumer, shmreg_record_skip(&a->c, 2))
OPERATION(clear, consume, consumer, shmreg_record_clear(&a->c))

static const struct operation operations[] = {
	{ "push", run_push, 0, GIVES(1, 1) },
	{ "push_bulk of 1 or 2", run_push_bulk, BOTH, GIVES(1, 2) },
	{ "push_bulk of 2", run_push_all, 0, GIVES(2, 2) },
	{ "reserve, commit", run_reserve, 0, GIVES(1, 1) },
	{ "pop", run_pop, BOTH, TAKES(1, 1) },
	{ "peek", run_peek, 0, LOOKS },
	{ "view, consume", run_view, 0, TAKES(1, 1) },
	{ "skip", run_skip, 0, PASSES(1, 2) },
	{ "clear", run_clear, 0, PASSES(1, 8) },
};
static const struct operation *const peers[] = { &operations[4] };

static const struct setting settings[] = {
	{ "two there, one to wrap", EVERYWHERE,
	  &(const struct start){ (64 * 7 + 16) * SCALE, 2, false } },
	{ "new", 0, &(const struct start){ 0, 0, false } },
	{ "nearly full", 0, &(const struct start){ 0, 3, false } },
	{ "counter about to wrap", 0, &(const struct start){ -UINT64_C(24) * SCALE, 1, false } },
	{ "both asleep", SETTING_KILL, &(const struct start){ (64 * 7 + 16) * SCALE, 2, true } },
};

static uint64_t position_of(uint64_t counter)
{
	return counter & ~SHMREG_RING_LOW_MASK;
}

static uint64_t n_written(const struct image *image)
{
	return image->shm.n_written[image->shm.tail & SHMREG_RING_FLIP];
}

static uint64_t n_read(const struct image *image)
{
	return image->shm.n_read[image->shm.head & SHMREG_RING_FLIP];
}

static void setup(void *memory, const struct setting *setting)
{
	const struct start *start = setting->data;
	struct image *image = memory;
	struct record r;
	unsigned int i;

	image->shm.head = image->shm.tail = start->position;
	for (i = 0; i < N_ACTORS; i++) {
		struct actor *a = &image->actor[i];

		a->seat = actor_seat(i);
		a->shm = &image->shm;
		ring_bind_const(&a->p.ring, &image->shm, &shape);
		ring_bind_const(&a->c.ring, &image->shm, &shape);
	}
	record_producer_prepare(&image->actor[CHECKER].p);
	for (i = 0; i < start->n; i++) {
		number(&r, i);
		if (push_one(&image->actor[CHECKER].p, &r) != 0)
			break;
	}
	if (start->asleep)
		fall_asleep(&image->shm);
}

static void repair(void *memory, uint32_t dead, struct shmreg_reaper_report *ret)
{
	repair_object(&shape, &((struct image *)memory)->shm, dead, ret);
}

static const void *repair_begins(void *memory)
{
	return &((struct image *)memory)->shm.producer;
}

static bool was_given(const void *memory, unsigned int i, uint64_t j, uint64_t n)
{
	const struct image *image = memory;

	return is_number(&image->actor[i].record[j], n);
}

static void judge(void *memory, const struct cast *cast, struct judgement *ret)
{
	const struct ring_log *logs[N_ACTORS];
	const struct start *start = cast->setting->data;
	struct image *image = memory;
	const struct ring_numbers numbers = {
		.passed = n_read(image), .pushed = n_written(image),
	};
	struct shmreg_record_producer p;
	struct shmreg_record_consumer c;
	uint64_t n;
	struct record r;
	unsigned int i;

	for (i = 0; i < N_ACTORS; i++)
		logs[i] = &image->actor[i].log;
	if (judge_calls(cast, logs, &image->shm, &numbers, start->n, start->asleep, image, was_given,
			ret) != OUTCOME_GOOD)
		return;

	if (!record_producer_bind(&p, &image->shm, &shape, actor_seat(CHECKER)) ||
	    !record_consumer_bind(&c, &image->shm, &shape, actor_seat(CHECKER))) {
		judgement_bad(ret, OUTCOME_LEAKED, "a role cannot be taken");
		return;
	}
	/* As many as the counts say, and no byte more. */
	for (n = n_read(image); n != n_written(image); n++)
		if (pop_one(&c, &r) != 0 || !is_number(&r, n)) {
			judgement_bad(ret, OUTCOME_LOST, "torn, or not there");
			return;
		}
	if (position_of(image->shm.head) != position_of(image->shm.tail)) {
		judgement_bad(ret, OUTCOME_LOST, "there is more than was counted");
		return;
	}
	/* Twice round, each time as far as it goes; one of the longest always fits. */
	for (i = 0; i < 8; i++) {
		memset(r.data, (int)i, sizeof(r.data));
		r.bytes = RECORD_MAX;
		if (push_one(&p, &r) != 0 || (push_one(&p, &r) == 0 && push_one(&p, &r) == 0)) {
			judgement_bad(ret, OUTCOME_WEDGED, "does not take one, or takes too many");
			return;
		}
		if (pop_one(&c, &r) != 0 || r.bytes != RECORD_MAX || r.data[RECORD_MAX - 1] != i) {
			judgement_bad(ret, OUTCOME_WEDGED, "does not give one");
			return;
		}
		if (shmreg_record_clear(&c) > 1) {
			judgement_bad(ret, OUTCOME_WEDGED, "gives too many");
			return;
		}
	}
	if (pop_one(&c, &r) != -EAGAIN)
		judgement_bad(ret, OUTCOME_WEDGED, "is not empty");
}

/* Planted: the count in its place, then the counter. */
static int64_t push_count_first(struct actor *a)
{
	shmreg_store_release(&a->shm->n_written[a->p.flip], a->p.n_written + 1);
	a->p.flip ^= SHMREG_RING_FLIP;
	return ONE(push_one(&a->p, a->record));
}
OPERATION(push_count_first, produce, producer, push_count_first(a))
static const struct operation count_first = { "count first", run_push_count_first, 0, GIVES(1, 1) };

/* Planted: a bulk of singles. */
static int64_t push_in_parts(struct actor *a)
{
	int64_t n = 0;

	while (n < 2 && push_one(&a->p, &a->record[n]) == 0)
		n++;
	return n;
}
OPERATION(push_in_parts, produce, producer, push_in_parts(a))
static const struct operation parts = { "bulk in parts", run_push_in_parts, 0, GIVES(2, 2) };

/* Planted: nobody is woken. */
static int64_t push_in_silence(struct actor *a)
{
	struct shmreg_record_producer *p = &a->p;
	const uint64_t flip = p->flip ^ SHMREG_RING_FLIP;
	void *room;
	const int r = shmreg_record_reserve(p, &room, (size_t)a->record[0].bytes);

	if (r < 0)
		return r;
	memcpy(room, a->record[0].data, (size_t)a->record[0].bytes);
	shmreg_record_write_header_(p, p->reserved_place, (uint32_t)a->record[0].bytes);
	shmreg_store_release(&a->shm->n_written[flip], p->n_written + 1);
	shmreg_store_release(&a->shm->tail,
			     (p->reserved_place + shmreg_record_size_(a->record[0].bytes)) | flip);
	return 1;
}
OPERATION(push_in_silence, produce, producer, push_in_silence(a))
static const struct operation silent = { "silent push", run_push_in_silence, 0, GIVES(1, 1) };

static const struct planted planted[] = {
	{ "repair does nothing", repair_nothing, MODE_ALONE, &settings[0], &operations[0], NULL,
	  NULL },
	{ "the count before the counter", NULL, MODE_ALONE, &settings[1], &count_first, NULL, NULL },
	{ "a bulk in parts", NULL, MODE_ALONE, &settings[1], &parts, NULL, NULL },
	{ "nobody is woken", NULL, MODE_ALONE, &settings[4], &silent, NULL, NULL },
};

const struct subject subject = {
	.name = LONG ? "long records" : "records",
	SUBJECT_PARTS,
	SUBJECT_TABLE(operations, operations),
	.judge = judge,
};
