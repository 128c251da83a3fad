/* SPDX-License-Identifier: MIT */
#ifndef SHMREGCTL_DUMP_H
#define SHMREGCTL_DUMP_H

/*
 * dump.h - objects and their elements as lines of text
 *
 *	shmreg-dump 1
 *	{"object": "jobs", "kind": "queue", ...}	struct dump_object, in JSON
 *	0 0100ab				an element: its number, and its bytes; - has none
 *	...					the next object, pools before queues of their objects
 *	end 17					elements in all: nothing is missing
 *
 * Numbers count from 0 but for arrays, of which elements that are zero are left out.
 */

#include <stdint.h>

#include "format.h"

#define DUMP_MAGIC "shmreg-dump 1"

#define DUMP_OBJECT_FIELDS                                                                        \
	"char object[64]; char kind[16]; char type[64]; u64 elem_bytes; u32 elem_align; "         \
	"u64 capacity; u32 flags; u32 param[4]; char pool[64]; char byte_order[8]"
struct dump_object {
	char object[64];
	char kind[16];
	char type[64];
	uint64_t elem_bytes;
	uint32_t elem_align;
	uint64_t capacity;
	uint32_t flags;
	uint32_t param[4];	/* but a pool's id: that has another where it is restored */
	char pool[64];		/* of a queue of objects: whose */
	char byte_order[8];	/* of the elements: "little" or "big" */
};

#define DUMP_BYTE_ORDER (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? "little" : "big")

#endif /* SHMREGCTL_DUMP_H */
