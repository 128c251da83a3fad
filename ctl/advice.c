/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <shmreg/abi/packet.h>

#include "advice.h"
#include "kind.h"
#include "placement.h"
#include "text.h"

#define SIZE_STEP (UINT64_C(64) * 1024)		/* sizes of segments are rounded up to it */
#define COUNT_STEP 16
/* Less than this is not worth a person's time. */
#define SAVING_MIN (UINT64_C(1) << 20)

/* By its name in JSON; 0 if its kind knows no such fact. */
static uint64_t value(const struct snapshot_object *o, const char *name)
{
	const struct snapshot_fact *facts = kind_of(o)->facts;

	for (size_t i = 0; facts[i].name; i++)
		if (strcmp(facts[i].name, name) == 0)
			return o->value[i];
	return 0;
}

static uint64_t max_of(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t power_of_two(uint64_t n)
{
	uint64_t power = 1;

	while (power < n && power < UINT64_C(1) << 62)
		power *= 2;
	return power;
}

static uint64_t round_up(uint64_t n, uint64_t step)
{
	return (n + step - 1) / step * step;
}

/* What was needed at most, of what is never refused: with half as much to spare. */
static uint64_t with_room(uint64_t high_water)
{
	return high_water + high_water / 2 + 1;
}

/* --- what each kind says ---------------------------------------------------------------------- */

/* They set high_water and n_short. Return: was it used? And what it takes. */
static bool of_queue(struct advice_object *a, uint64_t *ret)
{
	const struct snapshot_object *o = a->object;

	a->high_water = value(o, "high_water");
	/* A queue does not count how often it was full, but knows that it was. */
	a->n_short = a->high_water >= o->entry.shape.capacity;
	*ret = with_room(a->high_water);
	return value(o, "n_claimed") != 0 || a->high_water != 0;
}

static bool of_ring(struct advice_object *a, uint64_t *ret)
{
	const struct snapshot_object *o = a->object;
	const bool records = o->entry.shape.flags & SHMREG_RING_RECORDS;

	a->high_water = value(o, "high_water");
	a->n_short = value(o, "n_full");
	/* A record may be half of the ring at most, and one that large may have been there. */
	*ret = records ? 2 * a->high_water + 16 : with_room(a->high_water);
	if (records)
		*ret = max_of(*ret, SHMREG_RING_BYTES_MIN);
	return value(o, "n_written") != 0;
}

static bool of_topic(struct advice_object *a, uint64_t *ret)
{
	const struct snapshot_object *o = a->object;
	const bool reliable = o->entry.shape.flags & SHMREG_TOPIC_RELIABLE;

	a->high_water = max_of(value(o, "lag"), value(o, "lag_high_water"));
	a->n_short = reliable ? value(o, "n_full") + value(o, "n_evicted") : value(o, "n_lost");
	*ret = with_room(a->high_water);
	/* Publishers of a lossy topic do not look how far others are: a small mark says nothing. */
	if (!reliable && a->high_water < o->entry.shape.capacity)
		*ret = max_of(*ret, o->entry.shape.capacity);
	return value(o, "n_published") != 0;
}

static bool of_pool(struct advice_object *a, uint64_t *ret)
{
	const struct snapshot_object *o = a->object;

	a->high_water = value(o, "high_water");
	a->n_short = value(o, "n_exhausted");
	*ret = round_up(with_room(a->high_water), COUNT_STEP);
	return a->high_water != 0;
}

/* --- of one object ---------------------------------------------------------------------------- */

static uint64_t bytes_of(const struct snapshot_object *o, uint64_t capacity)
{
	struct shmreg_shape shape = o->entry.shape;
	uint64_t bytes, align;

	shape.capacity = capacity;
	return shmreg_shape_bytes(&shape, &bytes, &align, NULL) == 0 ? bytes : 0;
}

static void keep(struct advice_object *a, enum advice_verdict verdict)
{
	a->verdict = verdict;
	a->capacity = a->object->entry.shape.capacity;
	a->bytes = a->object->entry.bytes;
}

static void judge(struct advice_object *a, uint64_t needed)
{
	const struct snapshot_object *o = a->object;
	const uint64_t capacity = o->entry.shape.capacity;

	if (a->n_short)
		needed = max_of(needed, 2 * capacity);
	if (o->entry.shape.kind != SHMREG_KIND_POOL)
		needed = power_of_two(max_of(needed, 2));
	/* There is a largest one: what is beyond it stays as it is. */
	a->bytes = bytes_of(o, needed);
	a->capacity = needed;
	if (a->bytes == 0)
		keep(a, ADVICE_FITS);
	else if (needed > capacity && a->n_short)
		a->verdict = ADVICE_LARGER;
	else if (needed <= capacity / 2)
		a->verdict = ADVICE_SMALLER;
	else
		keep(a, ADVICE_FITS);
}

static void advise(struct advice_object *a, const struct snapshot_object *o)
{
	uint64_t needed = 0;
	bool used;

	*a = (struct advice_object){ .object = o, .high_water = UINT64_MAX };
	keep(a, ADVICE_NONE);
	if (!o->read || o->entry.state != SHMREG_ENTRY_LIVE)
		return;
	switch (o->entry.shape.kind) {
	case SHMREG_KIND_QUEUE:
		used = of_queue(a, &needed);
		break;
	case SHMREG_KIND_RING:
		used = of_ring(a, &needed);
		break;
	case SHMREG_KIND_TOPIC:
		used = of_topic(a, &needed);
		break;
	case SHMREG_KIND_POOL:
		used = of_pool(a, &needed);
		break;
	default:
		return;
	}
	/* Somebody who may write can have written anything there. */
	if (a->high_water > o->entry.shape.capacity && o->entry.shape.kind != SHMREG_KIND_TOPIC)
		a->high_water = o->entry.shape.capacity;
	if (needed > UINT64_C(1) << 48)
		keep(a, ADVICE_FITS);
	else if (!used)
		keep(a, ADVICE_UNUSED);
	else
		judge(a, needed);
}

/* --- of the segment --------------------------------------------------------------------------- */

/* One behind the other, each where it may lie, and an eighth to spare. */
static uint64_t segment_bytes(const struct advice *a)
{
	uint64_t end = 0;

	for (size_t i = 0; i < a->n_objects; i++) {
		const uint64_t bytes = a->objects[i].bytes;

		if (a->objects[i].object->entry.state == SHMREG_ENTRY_LIVE)
			end = round_up(end, bytes >= 4096 ? 4096 : SHMREG_BLOCK) + bytes;
	}
	end += end / 8;
	return end < SHMREG_DATA_BYTES_MAX ? max_of(round_up(end, SIZE_STEP), SIZE_STEP) :
					     a->snapshot->header.data_bytes;
}

static uint32_t count(size_t n, uint32_t max)
{
	const uint64_t with = round_up(n + n / 2 + 1, COUNT_STEP);

	return with < max ? (uint32_t)with : max;
}

struct advice *advice_new(const struct snapshot *s)
{
	struct advice *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->objects = calloc(s->n_objects + 1, sizeof(*a->objects));
	if (!a->objects)
		return advice_free(a);
	a->snapshot = s;
	for (size_t i = 0; i < s->n_objects; i++)
		advise(&a->objects[a->n_objects++], &s->objects[i]);
	a->data_bytes = segment_bytes(a);
	a->max_objects = count(s->n_objects, SHMREG_OBJECTS_MAX);
	a->max_participants = count(s->n_participants, SHMREG_PARTICIPANTS_MAX);
	return a;
}

struct advice *advice_free(struct advice *a)
{
	if (!a)
		return NULL;
	free(a->objects);
	free(a);
	return NULL;
}

const char *advice_verdict(enum advice_verdict verdict)
{
	static const char *const verdicts[] = {
	    [ADVICE_NONE] = "none",	[ADVICE_UNUSED] = "unused",   [ADVICE_FITS] = "fits",
	    [ADVICE_LARGER] = "larger", [ADVICE_SMALLER] = "smaller",
	};

	return verdicts[verdict];
}

/* --- in words --------------------------------------------------------------------------------- */

static void topic_code(const struct advice_object *a, char *ret, size_t size)
{
	const struct shmreg_shape *s = &a->object->entry.shape;
	char lag[48] = "";

	if (s->param[2])
		snprintf(lag, sizeof(lag), ", .lag_max = %" PRIu32, s->param[2]);
	snprintf(ret, size, "const struct shmreg_topic_params params = { .capacity = %" PRIu64
		 ", .publishers = %" PRIu32 ", .subscribers = %" PRIu32 "%s%s };", a->capacity,
		 s->param[0], s->param[1],
		 s->flags & SHMREG_TOPIC_RELIABLE ? ", .flags = SHMREG_TOPIC_RELIABLE" : "", lag);
}

void advice_code(const struct advice_object *a, char *ret, size_t size)
{
	const struct shmreg_dir_object *e = &a->object->entry;
	const char *redeliver =
	    e->shape.flags & SHMREG_QUEUE_REDELIVER ? "SHMREG_QUEUE_REDELIVER" : "0";

	switch (e->shape.kind) {
	case SHMREG_KIND_QUEUE:
		snprintf(ret, size, "X_open_or_create(segment, &queue, \"%s\", %s%" PRIu64 ", %s);",
			 e->name, shmreg_shape_is_object_queue(&e->shape) ? "pool, " : "",
			 a->capacity, redeliver);
		break;
	case SHMREG_KIND_RING:
		if (e->shape.flags & SHMREG_RING_RECORDS)
			snprintf(ret, size, "const struct shmreg_record_params params = { .size = "
				 "sizeof(params), .capacity = %" PRIu64 " };", a->capacity);
		else
			snprintf(ret, size,
				 "X_producer_open_or_create(segment, &producer, \"%s\", %" PRIu64
				 ");",
				 e->name, a->capacity);
		break;
	case SHMREG_KIND_TOPIC:
		topic_code(a, ret, size);
		break;
	case SHMREG_KIND_POOL:
		snprintf(ret, size, "X_open_or_create(segment, &pool, \"%s\", %" PRIu64 ");",
			 e->name, a->capacity);
		break;
	default:
		*ret = '\0';
	}
}

void advice_create(const struct advice *a, char *ret, size_t size)
{
	const struct snapshot *s = a->snapshot;
	char buf[TEXT_MAX], placement[PLACEMENT_OPTIONS_MAX];

	/* In the units that it is read in, if they say it exactly. */
	if (a->data_bytes % (1 << 20) == 0)
		snprintf(buf, sizeof(buf), "%" PRIu64 "M", a->data_bytes >> 20);
	else
		snprintf(buf, sizeof(buf), "%" PRIu64 "K", a->data_bytes >> 10);
	snprintf(ret, size,
		 "shmregctl create %s --size %s --mode 0%03" PRIo32 " --max-objects %" PRIu32
		 " --max-participants %" PRIu32 "%s%s",
		 s->header.name, buf, s->info.mode, a->max_objects, a->max_participants,
		 s->header.create_flags & SHMREG_CREATE_RESERVE ? " --reserve" : "",
		 placement_options(placement, &s->header.placement));
}

void advice_short(const struct advice_object *a, char *ret, size_t size)
{
	const struct shmreg_shape *shape = &a->object->entry.shape;
	const bool lossy =
	    shape->kind == SHMREG_KIND_TOPIC && !(shape->flags & SHMREG_TOPIC_RELIABLE);

	if (!a->n_short)
		snprintf(ret, size, "-");
	else if (shape->kind == SHMREG_KIND_QUEUE)
		snprintf(ret, size, "was full");
	else
		snprintf(ret, size, "%" PRIu64 " %s", a->n_short,
			 lossy			       ? "messages lost" :
			 shape->kind == SHMREG_KIND_POOL ? "times exhausted" :
							   "times full");
}

void advice_findings(const struct advice *a, struct findings *f)
{
	char code[512], how[64], x[TEXT_MAX], y[TEXT_MAX];

	for (size_t i = 0; i < a->n_objects; i++) {
		const struct advice_object *o = &a->objects[i];
		const struct shmreg_dir_object *e = &o->object->entry;

		f->object = e->name;
		advice_short(o, how, sizeof(how));
		if (o->verdict == ADVICE_LARGER)
			finding_add(f, FINDING_NOTE, "object.small",
				    "it is too small (%s): a capacity of %" PRIu64
				    " instead of %" PRIu64 " would take %s instead of %s",
				    how, o->capacity, e->shape.capacity, text_bytes(x, o->bytes),
				    text_bytes(y, e->bytes));
		else if (o->verdict == ADVICE_SMALLER && e->bytes - o->bytes >= SAVING_MIN)
			finding_add(f, FINDING_NOTE, "object.large",
				    "at most %" PRIu64 " of %" PRIu64
				    " were ever needed: a capacity of %" PRIu64
				    " would take %s instead of %s",
				    o->high_water, e->shape.capacity, o->capacity,
				    text_bytes(x, o->bytes), text_bytes(y, e->bytes));
		else
			continue;
		advice_code(o, code, sizeof(code));
		finding_type(f, "%s", code);
	}
	f->object = NULL;
}
