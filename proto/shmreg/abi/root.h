/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_ABI_ROOT_H
#define SHMREG_ABI_ROOT_H

/*
 * shmreg/abi/root.h - words of the whole registry to sleep on
 *
 * A memfd that the daemon alone writes, that outlives its restarts if a service manager keeps
 * descriptors for it (as for segments), and that clients map read-only. It says nothing about
 * segments but that one whose name has this hash may have come into being: who waits for a
 * name sleeps until then, and asks.
 *
 * magic, layout, registry and flags are where they are in every layout. A daemon that finds a root of a
 * layout that is not its own makes another, and retires the one that it found: it stores 0 in
 * registry, then REPLACED in flags, and wakes whoever sleeps on any word of it. Who does asks
 * the daemon for its root.
 */

#include <shmreg/compiler.h>

SHMREG_BEGIN_DECLS

#define SHMREG_ROOT_MAGIC UINT64_C(0x31544f4f52474d53)
#define SHMREG_ROOT_LAYOUT 2
#define SHMREG_ROOT_BUCKETS 2048

#define SHMREG_ROOT_ORPHANED UINT32_C(1)	/* the daemon was stopped in order */
#define SHMREG_ROOT_REPLACED UINT32_C(2)	/* there is another, of another layout */

struct shmreg_root {
	uint64_t magic;			/*   0 */
	uint32_t layout;		/*   8 */
	uint32_t n_buckets;		/*  12: SHMREG_ROOT_BUCKETS */
	uint64_t registry;		/*  16: see shmreg_hello_reply; the one that is served now */
	/* Futex: SHMREG_ROOT_... flags; woken when they change. */
	uint32_t flags;			/*  24 */
	uint32_t reserved[25];		/*  28 */
	/*
	 * Futexes. Raised, by a release store, and woken after a segment can be opened
	 * whose name hashes to this bucket (shmreg_name_hash() modulo n_buckets), and after
	 * one's owner or mode has changed.
	 */
	uint32_t created[SHMREG_ROOT_BUCKETS];	/* 128 */
	uint8_t reserved1[4096 - 128];
};
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_root, registry) == 16, "frozen");
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_root, flags) == 24, "frozen");
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_root, created) == 128, "frozen");
SHMREG_STATIC_ASSERT(sizeof(struct shmreg_root) == 12288, "frozen");

SHMREG_END_DECLS

#endif /* SHMREG_ABI_ROOT_H */
