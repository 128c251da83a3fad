/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_ABI_SNAPSHOT_H
#define SHMREG_ABI_SNAPSHOT_H

/*
 * shmreg/abi/snapshot.h - the bytes of a snapshot's file
 *
 *	0		struct shmreg_snapshot_head
 *	dir_offset	the directory, dir_bytes; in its index the objects that are there
 *	notes_offset	struct shmreg_snapshot_note [n_notes]
 *	data_offset	the data area, data_bytes: the end of the file
 *
 * The three begin at multiples of SHMREG_SNAPSHOT_ALIGN. Pages of the data area without memory
 * are holes in the file. Numbers are those of the machine that wrote it, as they are in memory.
 *
 * Sums find damage, not malice: a file is to be checked as one that comes from anywhere.
 */

#include <stdint.h>

#include <shmreg/abi/directory.h>
#include <shmreg/abi/packet.h>
#include <shmreg/compiler.h>

SHMREG_BEGIN_DECLS

#define SHMREG_SNAPSHOT_MAGIC UINT64_C(0x31504e53474d4853)	/* "SHMGSNP1" */
#define SHMREG_SNAPSHOT_LAYOUT 1
#define SHMREG_SNAPSHOT_ALIGN UINT64_C(65536)
#define SHMREG_SNAPSHOT_PAGE UINT64_C(4096)

/* Why it was taken. */
#define SHMREG_SNAPSHOT_ASKED UINT32_C(0)
#define SHMREG_SNAPSHOT_DEATH UINT32_C(1)

/* What could not be had as one would wish; see shmreg/snapshot.h. */
enum shmreg_snapshot_what {
	SHMREG_SNAPSHOT_LOST = 1,	/* n messages of a topic changed as often as they were read */
	SHMREG_SNAPSHOT_NOVALUE = 2,	/* a cell's value did, and the cell is shown empty */
	SHMREG_SNAPSHOT_NOCOUNT = 3,	/* a ring's count of records did, and is shown as 0 */
	SHMREG_SNAPSHOT_GONE = 4,	/* removed while it was copied, and left out */
	SHMREG_SNAPSHOT_BROKEN = 5,	/* no correct program wrote this: copied as it is */
	SHMREG_SNAPSHOT_WHAT_MAX = 5,
};

struct shmreg_snapshot_note {
	uint64_t object;	/* id */
	uint32_t what;
	uint32_t reserved;
	uint64_t n;
};

struct shmreg_snapshot_head {
	uint64_t magic;			/*   0 */
	uint32_t layout;		/*   8 */
	uint32_t head_bytes;		/*  12: sizeof(struct shmreg_snapshot_head) */
	uint64_t dir_offset;		/*  16 */
	uint64_t dir_bytes;		/*  24 */
	uint64_t notes_offset;		/*  32 */
	uint64_t n_notes;		/*  40 */
	uint64_t data_offset;		/*  48 */
	uint64_t data_bytes;		/*  56 */
	uint64_t data_sum;		/*  64: see shmreg_snapshot_sum_page() */
	uint64_t dir_sum;		/*  72: of directory and notes */
	uint64_t taken_ns;		/*  80: CLOCK_REALTIME, when it was begun */
	uint64_t took_ns;		/*  88: that long it took to copy */
	uint32_t taker_pid;		/*  96 */
	uint32_t taker_uid;		/* 100 */
	uint32_t reason;		/* 104: SHMREG_SNAPSHOT_ASKED, ... */
	uint32_t dead_pid;		/* 108: DEATH: whose */
	uint64_t dead;			/* 112: DEATH: the participant's id */
	char version[32];		/* 120: of libshmreg */
	char host[72];			/* 152 */
	struct shmreg_segment_info info;	/* 224 */
	uint64_t reserved[7];
	uint64_t head_sum;		/* 504: of all before it */
};
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_snapshot_head, info) == 224, "frozen");
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_snapshot_head, head_sum) == 504, "frozen");
SHMREG_STATIC_ASSERT(sizeof(struct shmreg_snapshot_head) == 512, "frozen");
SHMREG_STATIC_ASSERT(sizeof(struct shmreg_snapshot_note) == 24, "frozen");

/* Of @bytes bytes, a multiple of 8, behind those of which the sum is @sum; begins with 0. */
static inline uint64_t shmreg_snapshot_sum(uint64_t sum, const void *data, size_t bytes)
{
	const uint64_t *word = (const uint64_t *)data;
	size_t i;

	for (i = 0; i < bytes / 8; i++) {
		sum = (sum ^ word[i]) * UINT64_C(0x9e3779b97f4a7c15);
		sum ^= sum >> 29;
	}
	return sum;
}

/*
 * What a page of the data area that is not all zero adds to data_sum, a sum modulo 2^64: so it is
 * the same whether what is zero is a hole or not.
 */
static inline uint64_t shmreg_snapshot_sum_page(uint64_t number, const void *page)
{
	return shmreg_snapshot_sum(number + 1, page, SHMREG_SNAPSHOT_PAGE);
}

static inline uint64_t shmreg_snapshot_round(uint64_t bytes)
{
	return (bytes + SHMREG_SNAPSHOT_ALIGN - 1) & ~(SHMREG_SNAPSHOT_ALIGN - 1);
}

SHMREG_END_DECLS

#endif /* SHMREG_ABI_SNAPSHOT_H */
