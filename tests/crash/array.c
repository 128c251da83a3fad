/* SPDX-License-Identifier: MIT */
#include <string.h>

#include <shmreg/array.h>

#include "rig.h"

/*
 * array.c - an array: aligned stores of at most 8 bytes are whole, longer ones may be torn
 *
 * All bytes of what one writes have one value, the writer's. An element of at most 8
 * bytes, and each word of a longer one, must have bytes of one value only, unless
 * somebody writes it by memset(), which may go byte by byte: what was there, or that of
 * somebody who writes there. It is what was there only if no writer of it has
 * finished; and what nobody writes stays.
 */

#define LENGTH 4
#define MAX_WORDS 3		/* of an element */
#define OLD 0x01

struct record {
	uint64_t word[MAX_WORDS];
};
SHMREG_DEFINE_ARRAY(array8, uint8_t);
SHMREG_DEFINE_ARRAY(array16, uint16_t);
SHMREG_DEFINE_ARRAY(array32, uint32_t);
SHMREG_DEFINE_ARRAY(array64, uint64_t);
SHMREG_DEFINE_ARRAY(records, struct record);

struct actor {
	struct shmreg_array array;
	unsigned char byte;	/* of all that it writes */
	struct {
		uint32_t started;
		uint32_t finished;
		struct record returned;
	} log;
};

struct image {
	struct actor actor[N_ACTORS];
	SHMREG_ALIGNAS(SHMREG_BLOCK) unsigned char bytes[SHMREG_BLOCK];
};
SHMREG_STATIC_ASSERT(LENGTH * sizeof(struct record) <= SHMREG_BLOCK, "fits");

static void begin(struct actor *a)
{
	shmreg_store_release(&a->log.started, 1);
}

static void finish(struct actor *a)
{
	shmreg_store_release(&a->log.finished, 1);
}

static void set(struct actor *a, uint64_t index)
{
	const uint64_t word = UINT64_C(0x0101010101010101) * a->byte;
	struct shmreg_array *array = &a->array;

	switch (array->handle.shape.elem_bytes) {
	case 1:
		array8_set((struct array8 *)array, index, (uint8_t)word);
		break;
	case 2:
		array16_set((struct array16 *)array, index, (uint16_t)word);
		break;
	case 4:
		array32_set((struct array32 *)array, index, (uint32_t)word);
		break;
	case 8:
		array64_set((struct array64 *)array, index, word);
		break;
	default:
		records_set((struct records *)array, index,
			    (struct record){ { word, word, word } });
	}
}

static void run_get(void *arg)
{
	struct actor *a = arg;
	struct shmreg_array *array = &a->array;
	struct record r = { { 0 } };

	begin(a);
	switch (array->handle.shape.elem_bytes) {
	case 1:
		memset(&r, array8_get((const struct array8 *)array, 1), 1);
		break;
	case 2:
		memcpy(&r, &(uint16_t){ array16_get((const struct array16 *)array, 1) }, 2);
		break;
	case 4:
		memcpy(&r, &(uint32_t){ array32_get((const struct array32 *)array, 1) }, 4);
		break;
	case 8:
		r.word[0] = array64_get((const struct array64 *)array, 1);
		break;
	default:
		r = records_get((const struct records *)array, 1);
	}
	a->log.returned = r;
	finish(a);
}

static void run_set(void *arg)
{
	begin(arg);
	set(arg, 1);
	finish(arg);
}

static void run_set_next(void *arg)
{
	begin(arg);
	set(arg, 2);
	finish(arg);
}

static void run_set_all(void *arg)
{
	struct actor *a = arg;

	begin(a);
	for (uint64_t i = 0; i < shmreg_array_length(&a->array); i++)
		set(a, i);
	finish(a);
}

static void run_fill(void *arg)
{
	struct actor *a = arg;

	begin(a);
	memset(shmreg_array_data(&a->array), a->byte,
	       (size_t)(shmreg_array_length(&a->array) * a->array.handle.shape.elem_bytes));
	finish(a);
}

static void run_at(void *arg)
{
	struct actor *a = arg;

	begin(a);
	memset(shmreg_array_at(&a->array, 1), a->byte, (size_t)a->array.handle.shape.elem_bytes);
	finish(a);
}

/* Of an operation. */
struct effect {
	uint32_t elements;	/* that it writes, a bit each */
	bool by_byte;		/* and maybe so */
};
#define WRITES(elements) (&(const struct effect){ elements, false })
#define WRITES_BYTES(elements) (&(const struct effect){ elements, true })
#define ALL ((1u << LENGTH) - 1)
enum { GET, SET, SET_NEXT, SET_ALL, FILL, AT, N_OPERATIONS };
static const struct operation operations[N_OPERATIONS] = {
	[GET] = { "get", run_get, OPERATION_BOTH, WRITES(0) },
	[SET] = { "set", run_set, OPERATION_BOTH, WRITES(1 << 1) },
	[SET_NEXT] = { "set, the next", run_set_next, OPERATION_BOTH, WRITES(1 << 2) },
	[SET_ALL] = { "set, all", run_set_all, OPERATION_BOTH, WRITES(ALL) },
	[FILL] = { "data, memset", run_fill, OPERATION_BOTH, WRITES_BYTES(ALL) },
	[AT] = { "at, memset", run_at, OPERATION_BOTH, WRITES_BYTES(1 << 1) },
};
static const struct operation *const peers[] = { &operations[SET], &operations[FILL] };

#define BYTES(n) (&(const uint32_t){ n })
static const struct setting settings[] = {
	{ "24 bytes", SETTING_KILL | SETTING_PAIR | SETTING_RACE, BYTES(sizeof(struct record)) },
	{ "8 bytes", SETTING_PAIR | SETTING_SECOND_PEER, BYTES(8) },
	{ "4 bytes", 0, BYTES(4) },
	{ "2 bytes", 0, BYTES(2) },
	{ "1 byte", 0, BYTES(1) },
};

static uint32_t elem_bytes(const struct setting *setting)
{
	return *(const uint32_t *)setting->data;
}

/* So many bytes are never torn. */
static uint32_t word_bytes(const struct setting *setting)
{
	return elem_bytes(setting) < 8 ? elem_bytes(setting) : 8;
}

static void setup(void *memory, const struct setting *setting)
{
	struct image *image = memory;

	memset(image->bytes, OLD, LENGTH * elem_bytes(setting));
	for (unsigned int i = 0; i < N_ACTORS; i++) {
		struct shmreg_handle *handle = &image->actor[i].array.handle;

		handle->base = image->bytes;
		handle->shape = (struct shmreg_shape){ .kind = SHMREG_KIND_ARRAY,
						       .layout = SHMREG_ARRAY_LAYOUT,
						       .elem_align = word_bytes(setting),
						       .elem_bytes = elem_bytes(setting),
						       .capacity = LENGTH };
		image->actor[i].byte = (unsigned char)(0x10 * (i + 1));
	}
}

static void repair(void *memory, uint32_t dead, struct shmreg_reaper_report *ret)
{
	struct image *image = memory;

	repair_object(&image->actor[CHECKER].array.handle.shape, image->bytes, dead, ret);
}

static const struct effect *writer(const struct cast *cast, unsigned int actor, unsigned int element)
{
	const struct operation *op = cast->operation[actor];
	const struct effect *effect = op ? op->data : NULL;

	return effect && (effect->elements >> element & 1) ? effect : NULL;
}

/* May a byte of @element be this? @settled: all who live are done, so that it stays so. */
static bool byte_explained(const struct image *image, const struct cast *cast, unsigned int element,
			   unsigned char byte, bool settled)
{
	bool may_be_old = true;

	for (unsigned int a = 0; a < N_ACTORS; a++) {
		if (!writer(cast, a, element))
			continue;
		if (image->actor[a].byte == byte)
			return true;
		may_be_old = may_be_old && !(settled && image->actor[a].log.finished);
	}
	return may_be_old && byte == OLD;
}

static bool explained(const struct image *image, const struct cast *cast, unsigned int element,
		      const unsigned char *word, bool settled)
{
	bool by_byte = false;

	for (unsigned int a = 0; a < N_ACTORS; a++)
		by_byte = by_byte ||
			  (writer(cast, a, element) && writer(cast, a, element)->by_byte);
	for (uint32_t i = 0; i < word_bytes(cast->setting); i++)
		if ((word[i] != word[0] && !by_byte) ||
		    !byte_explained(image, cast, element, word[i], settled))
			return false;
	return true;
}

static void judge(void *memory, const struct cast *cast, struct judgement *ret)
{
	const uint32_t size = elem_bytes(cast->setting);
	const struct image *image = memory;

	for (uint32_t at = 0; at < LENGTH * size; at += word_bytes(cast->setting))
		if (!explained(image, cast, at / size, &image->bytes[at], true)) {
			judgement_bad(ret, OUTCOME_LOST, "byte %u, in element %u, is %#x", at,
				      at / size, image->bytes[at]);
			return;
		}
	for (uint32_t at = LENGTH * size; at < sizeof(image->bytes); at++)
		if (image->bytes[at] != 0) {
			judgement_bad(ret, OUTCOME_LOST, "byte %u, behind it, was changed", at);
			return;
		}
	for (unsigned int a = 0; a < N_ACTORS; a++) {
		const struct actor *actor = &image->actor[a];
		const unsigned char *got = (const unsigned char *)&actor->log.returned;

		if (cast->operation[a] != &operations[GET] || !actor->log.finished)
			continue;
		for (uint32_t at = 0; at < size; at += word_bytes(cast->setting))
			if (!explained(image, cast, 1, &got[at], false)) {
				judgement_bad(ret, OUTCOME_LOST, "byte %u that was got is %#x", at,
					      got[at]);
				return;
			}
	}
}

/* Which a repair of an array never looks at. */
static const void *repair_begins(void *memory)
{
	return ((struct image *)memory)->bytes;
}

/* Planted. */
static void run_torn_set(void *arg)
{
	struct actor *a = arg;
	unsigned char *at = shmreg_array_at(&a->array, 1);

	begin(a);
	for (uint64_t i = 0; i < a->array.handle.shape.elem_bytes; i++)
		shmreg_store_release(&at[i], a->byte);
	finish(a);
}
static const struct operation torn_set = { "torn set", run_torn_set, 0, WRITES(1 << 1) };

static void run_set_beyond(void *arg)
{
	struct actor *a = arg;

	begin(a);
	set(a, 1);
	shmreg_store_release(a->array.handle.base + 2 * a->array.handle.shape.elem_bytes, a->byte);
	finish(a);
}
static const struct operation set_beyond = { "set beyond", run_set_beyond, 0, WRITES(1 << 1) };

static void repair_too_much(void *memory, uint32_t dead, struct shmreg_reaper_report *ret)
{
	struct image *image = memory;

	(void)dead;
	(void)ret;
	memset(image->bytes, 0, sizeof(image->bytes));
}

static const struct planted planted[] = {
	{ "repair zeroes it", repair_too_much, MODE_ALONE, &settings[0], &operations[SET], NULL, NULL },
	{ "set byte by byte", NULL, MODE_ALONE, &settings[1], &torn_set, NULL, NULL },
	{ "set beyond the element", NULL, MODE_TWO_DEAD, &settings[1], &operations[SET], &set_beyond,
	  NULL },
};

const struct subject subject = {
	.name = "array",
	SUBJECT_PARTS,
	SUBJECT_TABLE(operations, operations),
	.judge = judge,
};
