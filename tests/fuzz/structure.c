/* SPDX-License-Identifier: MIT */

/*
 * structure - the operations and the repair of a structure over bytes that a peer chose
 *
 * One program a row of tests/hostile, which says what each call may answer; FUZZ_ROW is its name.
 */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "plain.h"
#include "rows.h"

#define STEPS_MAX 256
#define SHAPES_MAX 16

static struct hostile_object objects[SHAPES_MAX];

static void setup(void)
{
	MUST(FUZZ_ROW.n_shapes <= SHAPES_MAX);
	for (unsigned int i = 0; i < FUZZ_ROW.n_shapes; i++) {
		struct hostile_object *o = &objects[i];
		uint64_t align;

		o->row = &FUZZ_ROW;
		o->shape = &FUZZ_ROW.shapes[i];
		MUST(shmreg_shape_bytes(o->shape, &o->bytes, &align, NULL) == 0);
		o->base = plain_map(o->shape);
		MUST(o->base != NULL);
		o->state = calloc(1, FUZZ_ROW.state_bytes);
		MUST(o->state != NULL);
		FUZZ_ROW.bind(o->state, o->base, o->shape);
	}
}

static const struct hostile_object *companion(const struct hostile_object *o)
{
	return FUZZ_ROW.companion ? FUZZ_ROW.companion(o->state) : NULL;
}

static void poke(const struct hostile_object *o, struct fuzz_input *in)
{
	/* Counters and roles are at the beginning. */
	fuzz_poke(in, o->base, (size_t)(fuzz_u8(in) % 2 && o->bytes > 1024 ? 1024 : o->bytes));
}

static void fill(const struct hostile_object *o, struct fuzz_input *in)
{
	const size_t n = (size_t)fuzz_below(in, 512);

	fuzz_take(in, o->base, n < o->bytes ? n : (size_t)o->bytes);
}

static void step(struct hostile_object *o, struct random_state *r)
{
	const struct hostile_object *second = companion(o);
	const uint8_t what = fuzz_u8(r->in);
	const struct hostile_object *victim = second && what & 0x80 ? second : o;

	switch (what & 15) {
	case 0:
	case 1:
		hostile_scribble(victim, r);
		break;
	case 2:
	case 3:
		poke(victim, r->in);
		break;
	case 4:
		hostile_repair(victim);
		break;
	case 5:
		FUZZ_ROW.bind(o->state, o->base, o->shape);
		break;
	case 6:
		fill(victim, r->in);
		break;
	default:
		FUZZ_ROW.act(o->state, r);
	}
}

static void run(struct fuzz_input *in)
{
	struct hostile_object *o = &objects[fuzz_below(in, FUZZ_ROW.n_shapes)];
	struct random_state r = { in };
	const struct hostile_object *second = companion(o);

	memset(o->base, 0, (size_t)o->bytes);
	if (second)
		memset(second->base, 0, (size_t)second->bytes);
	if (fuzz_u8(in) % 4 == 1)
		fill(o, in);
	FUZZ_ROW.bind(o->state, o->base, o->shape);
	for (unsigned int i = 0; i < STEPS_MAX && !fuzz_ended(in); i++)
		step(o, &r);
}

/* Calls in turn, with and without attacks and repairs. */
static void seeds(void)
{
	uint8_t bytes[192];

	for (unsigned int shape = 0; shape < FUZZ_ROW.n_shapes; shape++)
		for (unsigned int kind = 0; kind < 3; kind++) {
			uint64_t x = shape * 3 + kind + 1;

			for (size_t i = 0; i < sizeof(bytes); i++) {
				x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
				bytes[i] = (uint8_t)(x >> 56);
				if (kind < 2)
					bytes[i] %= 16;
				if (kind == 0 && bytes[i] < 7)
					bytes[i] = (uint8_t)(bytes[i] + 8);
			}
			bytes[0] = (uint8_t)shape;
			bytes[1] = 0;
			fuzz_seed(bytes, sizeof(bytes));
		}
}

const struct fuzz_target fuzz_target = { setup, run, seeds };
