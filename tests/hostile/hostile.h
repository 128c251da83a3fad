/* SPDX-License-Identifier: MIT */
#ifndef HOSTILE_H
#define HOSTILE_H

/*
 * hostile.h - a peer writes anything anywhere, and nothing bad comes of it
 *
 * A *row* is a kind of object with all its operations. To add one: a file NAME.c with a struct
 * hostile_row, a line in rows.c, a line in local.mk.
 *
 * Whatever the bytes are, each call must return, with a value that its contract lists, and
 * touch nothing outside of the object and of the caller's buffers: unreadable pages
 * lie around each object, buffers are as large as the contract says and not more, and
 * AddressSanitizer watches. Which elements come does not matter here.
 */

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <shmreg/abi/object.h>

#include "random.h"

struct shmreg_reaper_report;
struct shmreg_segment;

/* Seats of the victim's handles, by which it is never taken for dead; those of the dead. */
#define HOSTILE_SEAT 1u		/* and the next few */
#define HOSTILE_SEATS 8u
#define HOSTILE_DEAD 20u
#define HOSTILE_N_DEAD 4u

struct hostile_object;
struct hostile_row {
	const char *name;
	const struct shmreg_shape *shapes;
	unsigned int n_shapes;
	size_t state_bytes;	/* the victim's handles, leases and so on; zero at first */
	/*
	 * Binds the victim's handles to the object, whose bytes may be anything; handles
	 * that it had before are forgotten. Those that could not be bound must be all zero, and
	 * are used like any other.
	 */
	void (*bind)(void *state, void *base, const struct shmreg_shape *shape);
	/*
	 * The same with a segment and a daemon: opens, or creates, the object of this name.
	 * Handles that cannot be had, for a reason that the contract lists, are all zero.
	 * The others go with the segment.
	 */
	void (*open)(void *state, struct shmreg_segment *segment, const char *name,
		     const struct shmreg_shape *shape);
	/* One call of whatever there is. */
	void (*act)(void *state, struct random_state *r);
	/*
	 * Of a row that needs a second object, which is attacked just so: where that is, mapped
	 * by the first bind(); and what repairs the first with it. Else NULL, both.
	 */
	const struct hostile_object *(*companion)(void *state);
	int (*repair)(const struct hostile_object *o, const uint64_t dead[64],
		      struct shmreg_reaper_report *ret);
};

extern const struct hostile_row *const hostile_rows[];
extern const unsigned int n_hostile_rows;

/* An object under attack. */
struct hostile_object {
	const struct hostile_row *row;
	const struct shmreg_shape *shape;
	unsigned char *base;
	uint64_t bytes;
	void *state;
};

/* One act of the hostile peer. By atomic stores, as the processor would see it. */
void hostile_scribble(const struct hostile_object *o, struct random_state *r);

/* Repairs the object, of the dead seats, by shmreg_repair_object(). */
void hostile_repair(const struct hostile_object *o);

/* Fails the program, with a sentence. */
void hostile_fail(const char *what, long long value, const char *file, int line)
	__attribute__((noreturn));
#define EXPECT(condition)                                                                         \
	do {                                                                                      \
		if (!(condition))                                                                 \
			hostile_fail(#condition, 0, __FILE__, __LINE__);                          \
	} while (0)

/* Of opening, when the bytes may be anything: was it opened? */
#define OPENED(call) hostile_opened((call), #call, __FILE__, __LINE__)
bool hostile_opened(int result, const char *call, const char *file, int line);

/*
 * RESULT() - the call returns 0 or more, or one of the errors listed; its value is the result
 *
 * Where -EAGAIN or -ENODATA is listed, so are those that may come in their place. Of a
 * handle that could not be bound (base is NULL) it must be -ECHILD.
 */
#define RESULT(handle, call, ...)                                                                 \
	hostile_result((handle), (long long)(call), #call, (const int[]){ __VA_ARGS__, 0 },       \
		       __FILE__, __LINE__)
struct shmreg_handle;
long long hostile_result(const struct shmreg_handle *handle, long long result, const char *call,
			 const int *errors, const char *file, int line);

/* Is it inside of the object, whole and aligned? */
#define INSIDE(handle, p, bytes, align)                                                           \
	EXPECT(hostile_inside((handle), (p), (bytes), (align)))
bool hostile_inside(const struct shmreg_handle *handle, const void *p, uint64_t bytes,
		    uint64_t align);

/*
 * Exactly @bytes bytes (never NULL), filled with something; no two at once with the same
 * @number. Freed and allocated anew each time, so that the sanitizer knows its end.
 */
#define HOSTILE_BUFFERS 2
void *hostile_buffer(unsigned int number, size_t bytes);
void hostile_free_buffers(void);

/* Of calls by RESULT(): a test all of whose calls are refused tests nothing. */
extern struct hostile_count {
	uint64_t n_done;
	uint64_t n_refused;
} hostile_count;

#endif /* HOSTILE_H */
