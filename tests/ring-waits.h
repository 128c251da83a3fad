/* SPDX-License-Identifier: MIT */
#ifndef TEST_RING_WAITS_H
#define TEST_RING_WAITS_H

/*
 * ring-waits.h - what is true of every wait for a ring, of elements or of records
 *
 * A program is ring-waits.c, which has main(), and one `subject`. Its ring lies in memory that
 * all processes share; each process has copies of both handles, and uses one of them: whoever
 * waits is a child, and the test is its peer. What is pushed is numbered.
 */

#include <check.h>
#include <stdint.h>
#include <time.h>

#include <shmreg/ring.h>

/* A function that waits, and checks what it is given, and that an error has written nothing. */
struct waiting {
	const char *name;
	uint32_t event;		/* SHMREG_WAIT_ITEMS or _SPACE: what it waits for */
	unsigned int needs;	/* so many, or room for so many, at once */
	int64_t (*wait)(const struct timespec *deadline);
};

/* Anything that makes one of them, or room for one. */
struct waking {
	const char *name;
	uint32_t event;
	void (*wake)(void);
};

struct subject {
	const char *name;
	void (*begin)(void);	/* an empty ring, both roles taken */
	void (*fill)(void);	/* until there is no room for one */
	/* Take the role anew, of who waited for @event and has died. */
	void (*succeed)(uint32_t event);
	struct shmreg_ring *(*ring)(uint32_t event);	/* the handle of who waits for it */
	const struct waiting *waitings;
	const struct waking *wakings;		/* the first of each event is the plainest */
	int n_waitings, n_wakings;
	void (*add_tests)(TCase *t);		/* its own */
};
extern const struct subject subject;

#define SUBJECT_WAITINGS(table) .waitings = table, .n_waitings = sizeof(table) / sizeof((table)[0])
#define SUBJECT_WAKINGS(table) .wakings = table, .n_wakings = sizeof(table) / sizeof((table)[0])

#endif /* TEST_RING_WAITS_H */
