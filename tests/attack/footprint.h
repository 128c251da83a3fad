/* SPDX-License-Identifier: MIT */
#ifndef TEST_FOOTPRINT_H
#define TEST_FOOTPRINT_H

/*
 * footprint.h - what the daemon takes, and what it may take at most
 */

#include <stdint.h>
#include <sys/types.h>

struct footprint {
	uint64_t fds;
	uint64_t threads;
	uint64_t anon_bytes;	/* memory of its own, touched: smaps_rollup, Anonymous */
	uint64_t rss_bytes;	/* and what it maps: directories */
};

/* How much of everything may be charged, to all of them together. */
struct charges {
	uint64_t connections;
	uint64_t subscriptions;		/* and watches */
	uint64_t segments;
	uint64_t participants;
	uint64_t objects;
	uint64_t reapers;
};

void footprint_take(struct footprint *ret, pid_t pid);
void footprint_raise(struct footprint *most, const struct footprint *now);
/* Sanitizers have memory of their own, and keep what is freed. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
# define FOOTPRINT_HAS_BYTES 0
#else
# define FOOTPRINT_HAS_BYTES 1
#endif

/* The most that these charges may add to @start. */
void footprint_bound(struct footprint *ret, const struct footprint *start,
		     const struct charges *c);

#endif /* TEST_FOOTPRINT_H */
