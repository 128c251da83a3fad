/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_TESTS_LOOK_WRITER_H
#define SHMREG_TESTS_LOOK_WRITER_H

/* look-writer.h - processes that hammer every kind of object, for those who look at them */

#include <sys/types.h>

#include <shmreg.h>

#define LOOK_SEGMENT "storm"
#define LOOK_WRITERS 3		/* at the same time, at the most */
#define LOOK_WORDS 24
#define LOOK_ARRAY_LENGTH 64

/* All words are the same number. */
struct item {
	uint64_t word[LOOK_WORDS];
};

SHMREG_DEFINE_ARRAY(item_array, struct item);
SHMREG_DEFINE_ATOMIC(item_atomic, uint64_t);
SHMREG_DEFINE_CELL(item_cell, struct item);
SHMREG_DEFINE_POOL(item_pool, struct item);
SHMREG_DEFINE_OBJECT_QUEUE(item_objects, item_pool);
SHMREG_DEFINE_QUEUE(item_queue, struct item);
SHMREG_DEFINE_RING(item_ring, struct item);
SHMREG_DEFINE_TOPIC(item_topic, struct item);

void look_fill(struct item *ret, uint64_t number);
/*
 * Writes @number, and what comes after it, into "array", "atomic", "cell", "kept", "objects", "pool",
 * "queue", "records", "ring" and "topic" of LOOK_SEGMENT, which it makes where they are not there.
 */
pid_t look_writer_start(uint64_t number);

#endif /* SHMREG_TESTS_LOOK_WRITER_H */
