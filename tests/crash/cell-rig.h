/* SPDX-License-Identifier: MIT */
#ifndef CRASH_CELL_RIG_H
#define CRASH_CELL_RIG_H

/*
 * cell-rig.h - the cell's subject: its image, and what operations and oracle share
 *
 * Each value says whose it is and which of his.
 */

#include <shmreg/cell.h>

#include "rig.h"

#define WRITERS_MAX 3
#define SLOTS_MAX 3
#define LAST_VERSION ((UINT64_C(1) << 47) - 1)
#define SETUP_ID 1000

struct item {
	uint64_t id;
	uint64_t rest[4];
};
SHMREG_DEFINE_CELL(item_cell, struct item);

struct actor {
	struct item_cell_writer cell;
	uint64_t first_id;
	uint32_t has_place;
	struct {
		uint32_t begun, done;		/* values */
		uint32_t n_read, n_bad;
		uint64_t read_id, read_version;
	} log;
};

struct image {
	struct actor actor[N_ACTORS];
	struct shmreg_shape shape;
	SHMREG_ALIGNAS(SHMREG_BLOCK)
	unsigned char cell[sizeof(struct shmreg_cell_shm) + (WRITERS_MAX * SLOTS_MAX + 1) * 64];
};

struct start {
	uint32_t writers, slots;
	uint64_t version;	/* 0: never written */
	uint32_t slot;		/* of writer 0, in which it is */
	uint32_t places;	/* mask of the actors that have one */
	bool asleep;		/* readers: COUNT_ASLEEP */
};

static inline struct item item_of(uint64_t id)
{
	struct item item = { .id = id };

	for (uint64_t i = 0; i < 4; i++)
		item.rest[i] = id * (i + 3);
	return item;
}

static inline bool is_whole(const struct item *item)
{
	for (uint64_t i = 0; i < 4; i++)
		if (item->rest[i] != item->id * (i + 3))
			return false;
	return true;
}

/* cell.c: a place as a writer, if there is one; back; and the next value. */
void cell_take(struct actor *a);
void cell_leave(struct actor *a);
void cell_put(struct actor *a);

/* cell-oracle.c */
void cell_judge(void *image, const struct cast *cast, struct judgement *ret);

#endif /* CRASH_CELL_RIG_H */
