/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_ABI_TOPIC_H
#define SHMREG_ABI_TOPIC_H

/*
 * shmreg/abi/topic.h - the bytes of a topic
 *
 * A message is written into a *chunk* that nobody is told of, and then published by
 * one change of a slot's word, from the message of the lap before to this one. The
 * chunk that the slot held until then is the publisher's, for its next message:
 * there are capacity chunks in the slots and one with each publisher, at every moment.
 *
 * A slot's word:
 *
 *	63        24 23            0
 *	+-----------+---------------+
 *	| turn   40 | chunk      24 |
 *	+-----------+---------------+
 *
 * Turn: 0 never published; else the lap of the position that is there, plus 1. Slot
 * i holds position (turn - 1) * capacity + i, modulo 2^40 laps. Chunk: its number
 * exclusive-or that of the slot, so that all-zero puts chunk i into slot i. A
 * publisher's spare is numbered likewise, by capacity + its own number.
 *
 * Position p can be published only where p - capacity is: the positions that were
 * published are all those before the first that was not. `tail` is never ahead of it,
 * and may be behind: whoever wants to know walks on from there.
 *
 * A publisher's spare:
 *
 *	63           24 23            0
 *	+--------------+---------------+
 *	| sequence  40 | chunk      24 |
 *	+--------------+---------------+
 *
 * A publication is *settled* when the publisher's spare has been changed from
 * (sequence, the chunk that was published) to (sequence + 1, the chunk that was
 * displaced). The chunk's header says all that is needed to do that: publisher,
 * sequence, displaced chunk. Done by the publisher as its next step; by whoever is about
 * to displace the message, before that; by the reaper, for the dead, who finds
 * where to look in `want`. So of each publisher at most one publication is not
 * settled, and it is still in its slot.
 *
 * Cursors: a subscriber's place. Reliable: publishers do not go further than
 * capacity beyond any ACTIVE cursor. Lossy: for information only, and not everyone
 * who reads has one.
 *
 *	63                16 15      4 3     0
 *	+-------------------+---------+-------+
 *	| position       48 | seat 12 | state |
 *	+-------------------+---------+-------+
 *
 *	EMPTY ---> ACTIVE	the subscriber, joining, by compare-and-swap
 *	ACTIVE --> ACTIVE	the subscriber, moving on
 *	ACTIVE --> EVICTED	a publisher (reliable, with a limit of lag)
 *	EVICTED -> ACTIVE	the subscriber, joining again
 *	any -----> EMPTY	the subscriber, leaving; the reaper, if the seat is dead
 *
 *	0		struct shmreg_topic_shm
 *			struct shmreg_topic_publisher [param[0]]
 *			struct shmreg_topic_cursor [param[1]]
 *			uint64_t slot[capacity]
 *			chunks: capacity + param[0], stride bytes each
 */

#include <shmreg/abi/eventcount.h>
#include <shmreg/abi/object.h>
#include <shmreg/compiler.h>

SHMREG_BEGIN_DECLS

#define SHMREG_TOPIC_CHUNK_MASK UINT64_C(0xffffff)
#define SHMREG_TOPIC_TURN_SHIFT 24
#define SHMREG_TOPIC_SEQUENCE_SHIFT 24

#define SHMREG_TOPIC_EMPTY UINT64_C(0)
#define SHMREG_TOPIC_ACTIVE UINT64_C(1)
#define SHMREG_TOPIC_EVICTED UINT64_C(2)
#define SHMREG_TOPIC_STATE_MASK UINT64_C(0xf)
#define SHMREG_TOPIC_SEAT_SHIFT 4
#define SHMREG_TOPIC_SEAT_MASK (UINT64_C(0xfff) << 4)
#define SHMREG_TOPIC_POSITION_SHIFT 16

/* Which chunk a word says, numbered from @home; not below their number: nonsense. */
SHMREG_FORCE_INLINE uint64_t shmreg_topic_chunk_number(uint64_t word, uint64_t home)
{
	return (word & SHMREG_TOPIC_CHUNK_MASK) ^ home;
}

/* Before each message, in its chunk; written by the publisher before it publishes. */
struct shmreg_topic_chunk {
	uint64_t sequence;	/* of the publisher's spare */
	uint32_t publisher;
	uint32_t displaced;	/* chunk, as in the spare's word */
	uint64_t bytes;		/* of the message */
	uint64_t time_ns;	/* CLOCK_MONOTONIC, if the publisher said; else 0 */
};

struct shmreg_topic_publisher {
	SHMREG_ALIGNAS(128) uint64_t owner;	/* seat; as a ring's roles */
	uint64_t spare;
	uint64_t want;		/* position at which it is trying to publish */
	uint64_t n_published;	/* for information; short by one for each that died in the act */
	uint64_t n_full;	/* positions at which it found no room (reliable) */
	uint64_t n_evicted;	/* subscribers that it evicted */
	uint64_t high;		/* largest lag of a subscriber that it saw */
};

struct shmreg_topic_cursor {
	SHMREG_ALIGNAS(128) uint64_t word;
	uint64_t n_lost;	/* messages, by its present owner; for information */
	uint64_t first;		/* position at which that one began: what it has not lost since, it read */
};

struct shmreg_topic_shm {
	/* written by publishers */
	SHMREG_ALIGNAS(128) uint64_t tail;
	/* written by sleepers and those who wake them */
	SHMREG_ALIGNAS(128) union shmreg_eventcount message;
	union shmreg_eventcount space;
	/* written by the reaper */
	SHMREG_ALIGNAS(128) uint64_t n_settled;	/* publications settled for the dead */
	uint64_t reserved[15];
};
SHMREG_STATIC_ASSERT(sizeof(struct shmreg_topic_chunk) == 32, "frozen");
SHMREG_STATIC_ASSERT(sizeof(struct shmreg_topic_publisher) == 128, "frozen");
SHMREG_STATIC_ASSERT(sizeof(struct shmreg_topic_cursor) == 128, "frozen");
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_topic_shm, message) == 128, "frozen");
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_topic_shm, n_settled) == 256, "frozen");
SHMREG_STATIC_ASSERT(sizeof(struct shmreg_topic_shm) == 384, "frozen");

/* Where things lie in a topic of a shape; no overflow within SHMREG_TOPIC_..._MAX. */
struct shmreg_topic_geometry {
	uint64_t n_chunks;
	uint64_t publishers_offset;
	uint64_t cursors_offset;
	uint64_t slots_offset;
	uint64_t chunks_offset;
	uint64_t elem_offset;	/* in a chunk */
	uint64_t stride;	/* from chunk to chunk */
};

static inline struct shmreg_topic_geometry shmreg_topic_geometry(const struct shmreg_shape *shape)
{
	const uint64_t align = shape->elem_align > 64 ? shape->elem_align : 64;
	struct shmreg_topic_geometry g;

	g.n_chunks = shape->capacity + shape->param[0];
	g.publishers_offset = sizeof(struct shmreg_topic_shm);
	g.cursors_offset =
		g.publishers_offset + shape->param[0] * sizeof(struct shmreg_topic_publisher);
	g.slots_offset = g.cursors_offset + shape->param[1] * sizeof(struct shmreg_topic_cursor);
	g.chunks_offset = (g.slots_offset + shape->capacity * 8 + SHMREG_BLOCK - 1) &
			  ~(uint64_t)(SHMREG_BLOCK - 1);
	g.elem_offset = shape->elem_align > sizeof(struct shmreg_topic_chunk)
				? shape->elem_align
				: sizeof(struct shmreg_topic_chunk);
	g.stride = (g.elem_offset + shape->elem_bytes + align - 1) & ~(align - 1);
	return g;
}

SHMREG_END_DECLS

#endif /* SHMREG_ABI_TOPIC_H */
