/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <string.h>

#include <shmreg/atomic.h>

#include "rig.h"

/*
 * atomic.c - an atomic: each operation has happened, or it has not
 *
 * The oracle is the definition: some order of the operations that were done, those of
 * the dead among them or not, explains the value and all that was returned.
 */

struct actor {
	struct shmreg_atomic atomic;
	uint64_t operand;
	struct {
		uint32_t started;
		uint32_t finished;
		uint64_t returned;
	} log;
};

struct image {
	struct actor actor[N_ACTORS];
	SHMREG_ALIGNAS(SHMREG_BLOCK) uint64_t cell[SHMREG_BLOCK / sizeof(uint64_t)];
};

struct start {
	uint32_t bits;
	uint64_t value;
};

/* One of the shape's width, whatever that is. */
#define OPERATION(name, call)                                                                     \
	static void run_##name(void *arg)                                                         \
	{                                                                                         \
		struct actor *a = arg;                                                            \
		uint64_t returned = 0;                                                            \
                                                                                                  \
		shmreg_store_release(&a->log.started, 1);                                         \
		switch (a->atomic.handle.shape.elem_bytes) {                                      \
		case 1: call(8); break;                                                           \
		case 2: call(16); break;                                                          \
		case 4: call(32); break;                                                          \
		default: call(64); break;                                                         \
		}                                                                                 \
		shmreg_store_release(&a->log.returned, returned);                                 \
		shmreg_store_release(&a->log.finished, 1);                                        \
	}
#define CELL(bits) shmreg_atomic##bits##_cell(&a->atomic)
#define OPERAND(bits) (uint##bits##_t)a->operand
#define DO_LOAD(bits) returned = shmreg_atomic##bits##_load(CELL(bits))
#define DO_STORE(bits) shmreg_atomic##bits##_store(CELL(bits), OPERAND(bits))
#define DO_EXCHANGE(bits) returned = shmreg_atomic##bits##_exchange(CELL(bits), OPERAND(bits))
#define DO_COMPARE(bits)                                                                          \
	do {                                                                                      \
		uint##bits##_t expected = START_OF_COMPARE;                                       \
                                                                                                  \
		shmreg_atomic##bits##_compare_exchange(CELL(bits), &expected, OPERAND(bits));     \
		returned = expected;                                                              \
	} while (0)
#define DO_ADD(bits) returned = shmreg_atomic##bits##_fetch_add(CELL(bits), OPERAND(bits))
#define DO_SUB(bits) returned = shmreg_atomic##bits##_fetch_sub(CELL(bits), OPERAND(bits))
#define DO_AND(bits) returned = shmreg_atomic##bits##_fetch_and(CELL(bits), OPERAND(bits))
#define DO_OR(bits) returned = shmreg_atomic##bits##_fetch_or(CELL(bits), OPERAND(bits))
#define DO_XOR(bits) returned = shmreg_atomic##bits##_fetch_xor(CELL(bits), OPERAND(bits))

#define START_OF_COMPARE 0x7e

OPERATION(load, DO_LOAD)
OPERATION(store, DO_STORE)
OPERATION(exchange, DO_EXCHANGE)
OPERATION(compare_exchange, DO_COMPARE)
OPERATION(fetch_add, DO_ADD)
OPERATION(fetch_sub, DO_SUB)
OPERATION(fetch_and, DO_AND)
OPERATION(fetch_or, DO_OR)
OPERATION(fetch_xor, DO_XOR)

/* What they say they do. */
typedef uint64_t (*change_fn)(uint64_t value, uint64_t operand);
struct meaning {
	change_fn change;
	bool returns;		/* what was there before */
};
#define MEANING(name, returns, expression)                                                        \
	static uint64_t change_##name(uint64_t value, uint64_t operand)                           \
	{                                                                                         \
		(void)operand;                                                                    \
		return expression;                                                                \
	}                                                                                         \
	static const struct meaning meaning_##name = { change_##name, returns };
MEANING(load, true, value)
MEANING(store, false, ((void)value, operand))
MEANING(exchange, true, ((void)value, operand))
MEANING(compare_exchange, true, value == START_OF_COMPARE ? operand : value)
MEANING(fetch_add, true, value + operand)
MEANING(fetch_sub, true, value - operand)
MEANING(fetch_and, true, value & operand)
MEANING(fetch_or, true, value | operand)
MEANING(fetch_xor, true, value ^ operand)

static const struct operation operations[] = {
	{ "load", run_load, OPERATION_BOTH, &meaning_load },
	{ "store", run_store, OPERATION_BOTH, &meaning_store },
	{ "exchange", run_exchange, OPERATION_BOTH, &meaning_exchange },
	{ "compare_exchange", run_compare_exchange, OPERATION_BOTH, &meaning_compare_exchange },
	{ "fetch_add", run_fetch_add, OPERATION_BOTH, &meaning_fetch_add },
	{ "fetch_sub", run_fetch_sub, OPERATION_BOTH, &meaning_fetch_sub },
	{ "fetch_and", run_fetch_and, OPERATION_BOTH, &meaning_fetch_and },
	{ "fetch_or", run_fetch_or, OPERATION_BOTH, &meaning_fetch_or },
	{ "fetch_xor", run_fetch_xor, OPERATION_BOTH, &meaning_fetch_xor },
};
static const struct operation *const peers[] = { &operations[2], &operations[4] };

static const struct setting settings[] = {
	{ "64 bits", SETTING_EVERYWHERE, &(const struct start){ 64, START_OF_COMPARE } },
	{ "64 bits, about to wrap", 0, &(const struct start){ 64, UINT64_MAX } },
	{ "32 bits", 0, &(const struct start){ 32, START_OF_COMPARE } },
	{ "16 bits", 0, &(const struct start){ 16, START_OF_COMPARE } },
	{ "8 bits", SETTING_PAIR, &(const struct start){ 8, START_OF_COMPARE } },
};

static void setup(void *memory, const struct setting *setting)
{
	const struct start *start = setting->data;
	struct image *image = memory;

	image->cell[0] = start->value;
	for (unsigned int i = 0; i < N_ACTORS; i++) {
		struct shmreg_handle *handle = &image->actor[i].atomic.handle;

		handle->base = (unsigned char *)image->cell;
		handle->shape = (struct shmreg_shape){ .kind = SHMREG_KIND_ATOMIC,
						       .layout = SHMREG_ATOMIC_LAYOUT,
						       .elem_align = start->bits / 8,
						       .elem_bytes = start->bits / 8,
						       .capacity = 1 };
		image->actor[i].operand = UINT64_C(0x1122334455667711) * (2 * i + 1);
	}
}

static void repair(void *memory, uint32_t dead, struct shmreg_reaper_report *ret)
{
	struct image *image = memory;

	repair_object(&image->actor[CHECKER].atomic.handle.shape, image->cell, dead, ret);
}

/* Which a repair of an atomic never looks at. */
static const void *repair_begins(void *memory)
{
	return ((struct image *)memory)->cell;
}

/* Do the operations in @order, as far as in @done, come to this image? */
static bool explains(const struct image *image, const struct cast *cast, const unsigned int *order,
		     uint32_t done)
{
	const struct start *start = cast->setting->data;
	const uint64_t mask = UINT64_MAX >> (64 - start->bits);
	uint64_t value = start->value & mask;

	for (unsigned int i = 0; i < 3; i++) {
		const struct actor *a = &image->actor[order[i]];
		const struct operation *op = cast->operation[order[i]];
		const struct meaning *meaning;

		if (!(done >> order[i] & 1))
			continue;
		meaning = op->data;
		if (a->log.finished && meaning->returns && a->log.returned != value)
			return false;
		value = meaning->change(value, a->operand & mask) & mask;
	}
	return (image->cell[0] & mask) == value;
}

static void judge(void *memory, const struct cast *cast, struct judgement *ret)
{
	static const unsigned int orders[6][3] = {
		{ VICTIM, SECOND, PEER }, { VICTIM, PEER, SECOND }, { SECOND, VICTIM, PEER },
		{ SECOND, PEER, VICTIM }, { PEER, VICTIM, SECOND }, { PEER, SECOND, VICTIM },
	};
	const struct start *start = cast->setting->data;
	const struct image *image = memory;
	uint32_t must = 0, may = 0;

	for (unsigned int i = 0; i < 3; i++) {
		if (!cast->operation[i])
			continue;
		may |= 1u << i;
		must |= (uint32_t)(image->actor[i].log.finished != 0) << i;
	}
	if ((image->cell[0] ^ start->value) & ~(UINT64_MAX >> (64 - start->bits))) {
		judgement_bad(ret, OUTCOME_LOST, "bytes behind the integer were changed");
		return;
	}
	for (unsigned int i = 1; i < sizeof(image->cell) / sizeof(image->cell[0]); i++)
		if (image->cell[i] != 0) {
			judgement_bad(ret, OUTCOME_LOST, "word %u behind it was changed", i);
			return;
		}
	for (uint32_t done = 0; done < 8; done++)
		for (unsigned int o = 0; o < 6; o++)
			if ((done & must) == must && (done & ~may) == 0 &&
			    explains(image, cast, orders[o], done))
				return;
	judgement_bad(ret, OUTCOME_LOST, "no order of what was done gives %#" PRIx64,
		      image->cell[0]);
}

/* Planted: an addition in two halves. */
static void run_torn_add(void *arg)
{
	struct actor *a = arg;
	uint32_t *half = (uint32_t *)(void *)a->atomic.handle.base;
	uint64_t value;

	shmreg_store_release(&a->log.started, 1);
	value = shmreg_atomic64_load(CELL(64));
	shmreg_store_release(&half[0], (uint32_t)(value + a->operand));
	shmreg_store_release(&half[1], (uint32_t)((value + a->operand) >> 32));
	shmreg_store_release(&a->log.returned, value);
	shmreg_store_release(&a->log.finished, 1);
}
static const struct operation torn_add = { "torn add", run_torn_add, 0, &meaning_fetch_add };

/* An addition that is not one: others in between are lost. */
static void run_slow_add(void *arg)
{
	struct actor *a = arg;
	uint64_t value;

	shmreg_store_release(&a->log.started, 1);
	value = shmreg_atomic64_load(CELL(64));
	shmreg_atomic64_store(CELL(64), value + a->operand);
	shmreg_store_release(&a->log.returned, value);
	shmreg_store_release(&a->log.finished, 1);
}
static const struct operation slow_add = { "slow add", run_slow_add, 0, &meaning_fetch_add };

static void repair_too_much(void *memory, uint32_t dead, struct shmreg_reaper_report *ret)
{
	(void)dead;
	(void)ret;
	((struct image *)memory)->cell[0] = 0;
}

static const struct planted planted[] = {
	{ "repair zeroes it", repair_too_much, MODE_ALONE, &settings[0], &operations[4], NULL, NULL },
	{ "addition in two halves", NULL, MODE_ALONE, &settings[0], &torn_add, NULL, NULL },
	{ "addition by load and store", NULL, MODE_RESUME, &settings[0], &slow_add, NULL,
	  &operations[4] },
};

const struct subject subject = {
	.name = "atomic",
	SUBJECT_PARTS,
	SUBJECT_TABLE(operations, operations),
	.judge = judge,
};
