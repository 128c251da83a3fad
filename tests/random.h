/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_TESTS_RANDOM_H
#define SHMREG_TESTS_RANDOM_H

/*
 * Random numbers that can be had again: SHMREG_TEST_SEED is the seed (default:
 * the same every time), SHMREG_TEST_ROUNDS how many rounds a test makes,
 * SHMREG_TEST_SCALE a factor for how much a test does.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

struct random_state {
	uint64_t x;
};

static inline void random_seed(struct random_state *state)
{
	const char *s = getenv("SHMREG_TEST_SEED");

	state->x = (s ? strtoull(s, NULL, 0) : 0) * 2 + UINT64_C(0x9e3779b97f4a7c15);
}

static inline uint64_t random_next(struct random_state *state)
{
	uint64_t z;

	/* splitmix64 */
	state->x += UINT64_C(0x9e3779b97f4a7c15);
	z = state->x;
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static inline uint64_t random_below(struct random_state *state, uint64_t n)
{
	return random_next(state) % n;
}

static inline void random_fill(struct random_state *state, void *p, size_t n)
{
	uint8_t *b = p;

	for (size_t i = 0; i < n; i++)
		b[i] = (uint8_t)random_next(state);
}

/* Flip bits, set bytes or words to interesting values, in 1 to 8 places. */
static inline void random_mutate(struct random_state *state, void *p, size_t n)
{
	static const uint64_t interesting[] = {
		0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff,
		INT64_MAX, UINT64_C(1) << 63, UINT64_MAX,
	};
	uint8_t *b = p;

	for (uint64_t times = 1 + random_below(state, 8); times; times--) {
		const size_t at = random_below(state, n);

		switch (random_below(state, 3)) {
		case 0:
			b[at] = (uint8_t)(b[at] ^ (1u << random_below(state, 8)));
			break;
		case 1:
			b[at] = (uint8_t)random_next(state);
			break;
		default: {
			const size_t bytes = (size_t)1 << random_below(state, 4);
			const size_t start = at / bytes * bytes;
			const uint64_t v = interesting[random_below(
				state, sizeof(interesting) / sizeof(interesting[0]))];

			for (size_t i = 0; i < bytes && start + i < n; i++)
				b[start + i] = (uint8_t)(v >> (8 * i));
		}
		}
	}
}

/*
 * Spoils a packet in round @i: all of it, or what is behind its header, at random or in a few
 * places. Of @body, places in the first @n bytes.
 */
static inline void random_spoil(struct random_state *state, unsigned long i, void *packet,
				size_t bytes, void *body, size_t body_bytes, size_t n)
{
	if (i % 4 == 0)
		random_fill(state, body, body_bytes);
	else if (i % 4 == 1)
		random_fill(state, packet, bytes);
	else if (i % 4 == 2)
		random_mutate(state, packet, bytes);
	else
		random_mutate(state, body, n);
}

static inline unsigned long random_rounds(unsigned long normal)
{
	const char *s = getenv("SHMREG_TEST_ROUNDS");

	return s ? strtoul(s, NULL, 0) : normal;
}

static inline uint64_t random_scaled(uint64_t normal)
{
	const char *s = getenv("SHMREG_TEST_SCALE");
	const double n = (double)normal * (s ? strtod(s, NULL) : 1.0);

	return n < 1 ? 1 : (uint64_t)n;
}

#endif /* SHMREG_TESTS_RANDOM_H */
