/* SPDX-License-Identifier: MIT */
#include <config.h>

#include "soak.h"

/* Array and atomic: a store or an addition has happened or not, and that is all. */

static struct shmreg_array *array;
static struct shmreg_atomic *word;
static uint64_t seen;

static const struct shmreg_array_params array_params = { .size = sizeof(array_params),
							 .length = LANES,
							 .elem_bytes = 8,
							 .elem_align = 8 };
static const struct shmreg_atomic_params atomic_params = { .size = sizeof(atomic_params),
							   .bytes = 8 };

/* A lane's number, of 16 bits each. */
static uint32_t field(uint64_t value, uint32_t lane)
{
	return (uint32_t)(value >> (16 * lane) & 0xffff);
}

#define POKE (UINT64_C(1) << 48)

static void see(struct client *c, uint64_t value)
{
	for (uint32_t lane = 0; lane < LANES; lane++)
		if (field(value, lane) < field(seen, lane))
			complain("%s: lane %u went back from %u to %u", c->stage->name, lane,
				 field(seen, lane), field(value, lane));
	seen = value;
	c->me->knows = value;
	atomic_fetch_add(&c->books->n_ops, 1);
}

/* It is at the last number that is certain, or as many further as were begun and not ended. */
static void judge_lane(const struct stage *stage, const struct books *b, uint32_t lane,
		       uint64_t value, bool adds, struct row *row)
{
	const uint32_t last = atomic_load(&b->last[lane]);
	uint64_t uncertain, least = n_certain(b, lane, &uncertain);
	uint64_t most = least + uncertain;

	if (!adds) {
		most = last;
		for (least = last; least > 0 && b->state[lane][least] != CERTAIN; least--)
			;
	}
	if (value >= least && value <= most)
		return;
	complain("%s: lane %u is at %llu, not %llu to %llu", stage->name, lane,
		 (unsigned long long)value, (unsigned long long)least, (unsigned long long)most);
	row->lost++;
}

void array_create(const struct stage *stage, struct shmreg_segment *segment)
{
	(void)stage;
	must(shmreg_array_create(segment, &array, "a", &array_params));
}

bool array_is_empty(const struct stage *stage)
{
	(void)stage;
	return true;
}

void array_poke(const struct stage *stage, struct shmreg_segment *segment)
{
	(void)stage, (void)segment;
}

void array_open(struct client *c)
{
	must(shmreg_array_open(c->segment, &array, "a", &array_params));
}

void array_close(struct client *c)
{
	(void)c;
	must(shmreg_array_close(array));
}

void array_produce(struct client *c)
{
	uint64_t *const elem = shmreg_array_at(array, c->lane);
	const uint32_t seq = lane_take(c, 1);

	if (seq == 0)
		return;
	__atomic_store_n(elem, seq, __ATOMIC_RELEASE);
	lane_certain(c, seq, 1);
}

void array_consume(struct client *c)
{
	const uint64_t *const elem = shmreg_array_data(array);
	uint64_t value = 0;

	for (uint32_t lane = 0; lane < LANES; lane++)
		value |= __atomic_load_n(&elem[lane], __ATOMIC_ACQUIRE) << (16 * lane);
	see(c, value);
	nap(200);
}

void array_judge(const struct stage *stage, struct books *b, struct row *row)
{
	const uint64_t *const elem = shmreg_array_data(array);

	for (uint32_t lane = 0; lane < LANES; lane++)
		judge_lane(stage, b, lane, elem[lane], false, row);
	must(shmreg_array_close(array));
}

void atomic_create(const struct stage *stage, struct shmreg_segment *segment)
{
	(void)stage;
	must(shmreg_atomic_create(segment, &word, "w", &atomic_params));
}

bool atomic_is_empty(const struct stage *stage)
{
	return all_know(stage, shmreg_atomic64_load(shmreg_atomic64_cell(word)));
}

void atomic_poke(const struct stage *stage, struct shmreg_segment *segment)
{
	(void)stage, (void)segment;
	shmreg_atomic64_fetch_add(shmreg_atomic64_cell(word), POKE);
	shmreg_atomic_notify_all(word);
}

void atomic_open(struct client *c)
{
	must(shmreg_atomic_open(c->segment, &word, "w", &atomic_params));
}

void atomic_close(struct client *c)
{
	(void)c;
	must(shmreg_atomic_close(word));
}

void atomic_produce(struct client *c)
{
	const uint32_t seq = lane_take(c, 1);

	if (seq == 0)
		return;
	shmreg_atomic64_fetch_add(shmreg_atomic64_cell(word), UINT64_C(1) << (16 * c->lane));
	shmreg_atomic_notify_all(word);
	lane_certain(c, seq, 1);
}

void atomic_consume(struct client *c)
{
	uint64_t value = 0;

	if (random_below(&c->random, 4) == 0) {
		watch_wait(c, &word->handle, SHMREG_WAIT_ITEMS);
		value = shmreg_atomic64_load(shmreg_atomic64_cell(word));
	} else {
		must(shmreg_atomic64_wait(word, seen, &value, NULL));
	}
	see(c, value);
	atomic_fetch_add(&c->books->n_waits, 1);
}

void atomic_judge(const struct stage *stage, struct books *b, struct row *row)
{
	const uint64_t value = shmreg_atomic64_load(shmreg_atomic64_cell(word));

	for (uint32_t lane = 0; lane < LANES; lane++)
		judge_lane(stage, b, lane, field(value, lane), true, row);
	must(shmreg_atomic_close(word));
}
