/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_NAME_WORDS_H
#define SHMREG_NAME_WORDS_H

/*
 * name-words.h - a name as words, zeros behind it, as it lies in a directory's entry
 *
 * For look-ups, so without a call, and in registers: what memcpy() has stored in pieces cannot be
 * loaded as words before it has left the processor's store buffer.
 */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Those that hold a name of @n bytes and the zero behind it. */
static inline size_t name_n_words(size_t n)
{
	return n / sizeof(uint64_t) + 1;
}

/* The first and the last @bits bits of @n bytes, which they cover, as they lie in a word. */
static inline uint64_t name_join(uint64_t first, uint64_t last, size_t bits, size_t n)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return first | last << (8 * n - bits);
#else
	return first << (64 - bits) | last << (64 - 8 * n);
#endif
}

static inline uint64_t name_few_bytes(const char *name, size_t n)
{
	uint32_t first, last;
	uint16_t a, z;

	if (n >= sizeof(first)) {
		memcpy(&first, name, sizeof(first));
		memcpy(&last, name + n - sizeof(last), sizeof(last));
		return name_join(first, last, 32, n);
	}
	if (n >= sizeof(a)) {
		memcpy(&a, name, sizeof(a));
		memcpy(&z, name + n - sizeof(z), sizeof(z));
		return name_join(a, z, 16, n);
	}
	return n == 0 ? 0 : name_join((unsigned char)*name, 0, 8, 1);
}

/* n % 8 bytes of the name. Nothing behind it is read. */
static inline uint64_t name_last_word(const char *name, size_t n)
{
	const size_t rest = n % sizeof(uint64_t);
	uint64_t word;

	if (rest == 0)
		return 0;
	if (n < sizeof(word))
		return name_few_bytes(name, n);
	memcpy(&word, name + n - sizeof(word), sizeof(word));
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return word >> 8 * (sizeof(word) - rest);
#else
	return word << 8 * (sizeof(word) - rest);
#endif
}

/* @ret: name_n_words(@n) */
static inline void name_to_words(uint64_t *ret, const char *name, size_t n)
{
	const size_t n_whole = n / sizeof(uint64_t);

	for (size_t i = 0; i < n_whole; i++)
		memcpy(&ret[i], name + i * sizeof(uint64_t), sizeof(uint64_t));
	ret[n_whole] = name_last_word(name, n);
}

/* A word of the name goes in; odd constant: 2^64 divided by the golden ratio. */
static inline uint64_t name_mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 32;
}

/* Of the words of a name: see shmreg_name_hash(). */
static inline uint32_t name_hash_words(const uint64_t *words, size_t n_words)
{
	uint64_t hash = 0;

	for (size_t i = 0; i < n_words; i++)
		hash = name_mix(hash, words[i]);
	/* Once more: the last byte of a word has reached only the upper half's top. */
	return (uint32_t)name_mix(hash, n_words);
}

#endif /* SHMREG_NAME_WORDS_H */
