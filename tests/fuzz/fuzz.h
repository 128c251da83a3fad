/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

/*
 * fuzz.h - what libFuzzer's bytes are made into, and what each target says of itself
 *
 * A target is a file with a struct fuzz_target; it links fuzz.c. An input that has run
 * out goes on as zeros, so that every prefix of an input is one, too.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fuzz_input {
	const uint8_t *at;
	size_t n;		/* bytes left */
};

struct fuzz_target {
	void (*setup)(void);	/* once; may be NULL */
	void (*run)(struct fuzz_input *in);
	/* What a corpus begins with: calls fuzz_seed() some times. */
	void (*seeds)(void);
};
extern const struct fuzz_target fuzz_target;

void fuzz_seed(const void *bytes, size_t n);
void fuzz_seed_text(const char *text);

static inline bool fuzz_ended(const struct fuzz_input *in)
{
	return in->n == 0;
}

void fuzz_take(struct fuzz_input *in, void *ret, size_t n);
uint8_t fuzz_u8(struct fuzz_input *in);
uint16_t fuzz_u16(struct fuzz_input *in);
uint32_t fuzz_u32(struct fuzz_input *in);
uint64_t fuzz_u64(struct fuzz_input *in);
/* Below @n, by as few bytes as that takes. */
uint64_t fuzz_below(struct fuzz_input *in, uint64_t n);
/*
 * A number as programs have them, by a byte or a few: small; all ones; a power of two,
 * or next to one; or any.
 */
uint64_t fuzz_number(struct fuzz_input *in);
/* Writes a number, of 1, 2, 4 or 8 bytes, somewhere into @p. */
void fuzz_poke(struct fuzz_input *in, void *p, size_t bytes);

void fuzz_fail(const char *what, const char *file, int line) __attribute__((noreturn));
#define MUST(what)                                                                                 \
	do {                                                                                       \
		if (!(what))                                                                       \
			fuzz_fail(#what, __FILE__, __LINE__);                                      \
	} while (0)

#endif /* TESTS_FUZZ_H */
