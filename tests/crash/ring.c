/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "ring-account.h"

/* ring.c - a ring of elements: each call is done whole or not, and nothing else is seen of it */

#define CAPACITY 4

struct elem {
	uint64_t word[3];
};
SHMREG_DEFINE_RING(elem_ring, struct elem);

struct actor {
	struct elem_ring_producer p;
	struct elem_ring_consumer c;
	uint32_t seat;
	struct shmreg_ring_shm *shm;
	struct ring_log log;
	struct elem elem[TAKE_MAX];	/* what it was given, or gives */
};

struct image {
	SHMREG_ALIGNAS(SHMREG_BLOCK) struct shmreg_ring_shm shm;
	struct elem slots[CAPACITY];
	SHMREG_ALIGNAS(SHMREG_BLOCK) struct actor actor[N_ACTORS];
};

static const struct shmreg_shape shape = {
	.kind = SHMREG_KIND_RING, .layout = SHMREG_RING_LAYOUT,
	.elem_align = 8, .elem_bytes = sizeof(struct elem), .capacity = CAPACITY,
};

struct start {
	uint64_t position;
	uint32_t n;		/* elements that are there */
	bool asleep;		/* both sides, see ring-account.h */
};

static void number(struct elem *e, uint64_t n)
{
	e->word[0] = n;
	e->word[1] = ~n;
	e->word[2] = n * 3;
}

static bool is_number(const struct elem *e, uint64_t n)
{
	return e->word[0] == n && e->word[1] == ~n && e->word[2] == n * 3;
}

static bool produce(struct actor *a)
{
	unsigned int i;

	note(&a->log.started, 1);
	if (!role_try(&a->shm->producer, a->seat))
		return no_role(&a->log);
	ring_producer_prepare(&a->p.producer);
	for (i = 0; i < 3; i++)
		number(&a->elem[i], a->p.producer.tail + i);
	note(&a->log.first, a->p.producer.tail);
	note(&a->log.has_role, 1);
	return true;
}

static bool consume(struct actor *a)
{
	note(&a->log.started, 1);
	if (!role_try(&a->shm->consumer, a->seat))
		return no_role(&a->log);
	ring_consumer_prepare(&a->c.consumer);
	note(&a->log.first, shmreg_ring_head_(&a->c.consumer));
	note(&a->log.has_role, 1);
	return true;
}

static int64_t reserve_and_commit(struct actor *a)
{
	struct elem *room;
	const int64_t n = elem_ring_reserve(&a->p, &room, 2);

	if (n <= 0)
		return n;
	memcpy(room, a->elem, (size_t)n * sizeof(*room));
	return elem_ring_commit(&a->p, (uint64_t)n) == 0 ? n : -EINVAL;
}

static int64_t view_and_consume(struct actor *a)
{
	const struct elem *seen;
	const int64_t n = elem_ring_view(&a->c, &seen, 2);

	if (n <= 0)
		return n;
	memcpy(a->elem, seen, (size_t)n * sizeof(*seen));
	return elem_ring_consume(&a->c, (uint64_t)n) == 0 ? n : -EINVAL;
}

OPERATION(push, produce, producer, ONE(shmreg_ring_push(&a->p.producer, a->elem)))
OPERATION(typed_push, produce, producer, ONE(elem_ring_push(&a->p, a->elem)))
OPERATION(push_bulk, produce, producer, shmreg_ring_push_bulk(&a->p.producer, a->elem, 3, 1))
OPERATION(push_all, produce, producer, elem_ring_push_bulk(&a->p, a->elem, 3, 3))
OPERATION(reserve, produce, producer, reserve_and_commit(a))
OPERATION(pop, consume, consumer, ONE(shmreg_ring_pop(&a->c.consumer, a->elem)))
OPERATION(typed_pop, consume, consumer, ONE(elem_ring_pop(&a->c, a->elem)))
OPERATION(pop_bulk, consume, consumer, elem_ring_pop_bulk(&a->c, a->elem, 3))
OPERATION(peek, consume, consumer, elem_ring_peek(&a->c, 1, a->elem))
OPERATION(view, consume, consumer, view_and_consume(a))
OPERATION(skip, consume, consumer, shmreg_ring_skip(&a->c.consumer, 2))
OPERATION(clear, consume, consumer, shmreg_ring_clear(&a->c.consumer))

static const struct operation operations[] = {
	{ "push", run_push, 0, GIVES(1, 1) },
	{ "typed push", run_typed_push, 0, GIVES(1, 1) },
	{ "push_bulk of 1 to 3", run_push_bulk, OPERATION_BOTH, GIVES(1, 3) },
	{ "push_bulk of 3", run_push_all, 0, GIVES(3, 3) },
	{ "reserve, commit", run_reserve, 0, GIVES(1, 2) },
	{ "pop", run_pop, OPERATION_BOTH, TAKES(1, 1) },
	{ "typed pop", run_typed_pop, 0, TAKES(1, 1) },
	{ "pop_bulk of 3", run_pop_bulk, 0, TAKES(1, 3) },
	{ "peek", run_peek, 0, LOOKS },
	{ "view, consume", run_view, 0, TAKES(1, 2) },
	{ "skip", run_skip, 0, PASSES(1, 2) },
	{ "clear", run_clear, 0, PASSES(1, 4) },
};
static const struct operation *const peers[] = { &operations[2], &operations[7] };

static const struct setting settings[] = {
	{ "two there", SETTING_EVERYWHERE, &(const struct start){ 5, 2, false } },
	{ "new", 0, &(const struct start){ 0, 0, false } },
	{ "full", 0, &(const struct start){ 3, 4, false } },
	{ "about to wrap", 0, &(const struct start){ UINT64_MAX - 1, 1, false } },
	{ "one there, both asleep", SETTING_KILL, &(const struct start){ 5, 1, true } },
	{ "full, asleep", 0, &(const struct start){ 3, 4, true } },
};

static void setup(void *memory, const struct setting *setting)
{
	const struct start *start = setting->data;
	struct image *image = memory;
	unsigned int i;

	image->shm.head = start->position;
	image->shm.tail = start->position + start->n;
	for (i = 0; i < start->n; i++)
		number(&image->slots[(start->position + i) % CAPACITY], start->position + i);
	if (start->asleep)
		fall_asleep(&image->shm);
	for (i = 0; i < N_ACTORS; i++) {
		struct actor *a = &image->actor[i];

		a->seat = actor_seat(i);
		a->shm = &image->shm;
		ring_bind_const(&a->p.producer.ring, &image->shm, &shape);
		ring_bind_const(&a->c.consumer.ring, &image->shm, &shape);
	}
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

	return is_number(&image->actor[i].elem[j], n);
}

static void judge(void *memory, const struct cast *cast, struct judgement *ret)
{
	const struct ring_log *logs[N_ACTORS];
	const struct start *start = cast->setting->data;
	struct image *image = memory;
	const struct ring_numbers numbers = {
		.first = start->position,
		.passed = image->shm.head, .pushed = image->shm.tail,
	};
	struct elem_ring_producer p;
	struct elem_ring_consumer c;
	uint64_t n, first;
	struct elem e;
	unsigned int i;

	for (i = 0; i < N_ACTORS; i++)
		logs[i] = &image->actor[i].log;
	if (judge_calls(cast, logs, &image->shm, &numbers, start->n, start->asleep, image, was_given,
			ret) != OUTCOME_GOOD)
		return;

	if (!ring_producer_bind(&p.producer, &image->shm, &shape, actor_seat(CHECKER)) ||
	    !ring_consumer_bind(&c.consumer, &image->shm, &shape, actor_seat(CHECKER))) {
		judgement_bad(ret, OUTCOME_LEAKED, "a role cannot be taken");
		return;
	}
	for (n = image->shm.tail - image->shm.head; n > 0; n--) {
		first = shmreg_ring_head_(&c.consumer);
		if (elem_ring_pop(&c, &e) != 0 || !is_number(&e, first)) {
			judgement_bad(ret, OUTCOME_LOST, "torn, or not there");
			return;
		}
	}
	for (i = 0; i < 2 * CAPACITY; i++) {
		number(&e, p.producer.tail);
		if (elem_ring_push(&p, &e) != (i < CAPACITY ? 0 : -EAGAIN)) {
			judgement_bad(ret, OUTCOME_WEDGED, "does not take %u", i);
			return;
		}
	}
	for (i = 0; i < CAPACITY; i++) {
		first = shmreg_ring_head_(&c.consumer);
		if (elem_ring_pop(&c, &e) != 0 || !is_number(&e, first)) {
			judgement_bad(ret, OUTCOME_WEDGED, "does not give %u", i);
			return;
		}
	}
	if (elem_ring_pop(&c, &e) != -EAGAIN)
		judgement_bad(ret, OUTCOME_WEDGED, "is not empty");
}

/* Planted: the counter before the element. */
static int64_t push_before_copy(struct actor *a)
{
	struct shmreg_ring_producer *p = &a->p.producer;
	const uint64_t t = p->tail;
	const int r = shmreg_ring_look_for_room(p);

	if (r < 0)
		return r;
	shmreg_ring_publish_(p, a->shm, t + 1);
	memcpy(shmreg_ring_slot_(a->shm, t, p->mask, sizeof(struct elem)), a->elem,
	       sizeof(struct elem));
	return 1;
}
OPERATION(push_before_copy, produce, producer, push_before_copy(a))
static const struct operation early_push = { "early push", run_push_before_copy, 0, GIVES(1, 1) };

/* Planted: a bulk of singles. */
static int64_t push_in_parts(struct actor *a)
{
	int64_t n = 0;

	while (n < 3 && elem_ring_push(&a->p, &a->elem[n]) == 0)
		n++;
	return n;
}
OPERATION(push_in_parts, produce, producer, push_in_parts(a))
static const struct operation parts = { "bulk in parts", run_push_in_parts, 0, GIVES(3, 3) };

/* Planted: nobody is woken. */
static int64_t push_in_silence(struct actor *a)
{
	struct shmreg_ring_producer *p = &a->p.producer;
	const int64_t n = elem_ring_reserve(&a->p, &(struct elem *){ NULL }, 1);

	if (n < 0)
		return n;
	memcpy(shmreg_ring_slot_(a->shm, p->tail, p->mask, sizeof(struct elem)), a->elem,
	       sizeof(struct elem));
	shmreg_store_release(&a->shm->tail, ++p->tail);
	return 1;
}
OPERATION(push_in_silence, produce, producer, push_in_silence(a))
static const struct operation silent = { "silent push", run_push_in_silence, 0, GIVES(1, 1) };

static void repair_the_living(void *memory, uint32_t dead, struct shmreg_reaper_report *ret)
{
	struct image *image = memory;

	(void)dead;
	memset(ret, 0, sizeof(*ret));
	shmreg_store_release(&image->shm.tail, image->shm.head);
	image->shm.producer = image->shm.consumer = 0;
}

static const struct planted planted[] = {
	{ "repair does nothing", repair_nothing, MODE_ALONE, &settings[0], &operations[0], NULL,
	  NULL },
	{ "repair empties it", repair_the_living, MODE_ALONE, &settings[0], &operations[5], NULL,
	  NULL },
	{ "pushed before it is copied", NULL, MODE_ALONE, &settings[0], &early_push, NULL, NULL },
	{ "a bulk in parts", NULL, MODE_ALONE, &settings[1], &parts, NULL, NULL },
	{ "nobody is woken", NULL, MODE_ALONE, &settings[4], &silent, NULL, NULL },
};

const struct subject subject = {
	.name = "ring",
	SUBJECT_PARTS,
	SUBJECT_TABLE(operations, operations),
	.judge = judge,
};
