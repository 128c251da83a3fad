/* SPDX-License-Identifier: MIT */
#ifndef CRASH_ITEM_H
#define CRASH_ITEM_H

/*
 * item.h - an element whose value says whose it is
 *
 * The rest of it follows from the value, so that a torn one shows.
 */

#include <stdbool.h>
#include <stdint.h>

struct item {
	uint64_t value, triple, inverse;
};
static inline struct item item_of(uint64_t value)
{
	return (struct item){ value, 3 * value, ~value };
}
static inline bool item_whole(const struct item *i)
{
	return i->triple == 3 * i->value && i->inverse == ~i->value;
}

/* Of what setup() puts there; others' are less. */
#define SETUP_VALUE UINT64_C(1000)

#endif /* CRASH_ITEM_H */
