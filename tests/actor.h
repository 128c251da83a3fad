/* SPDX-License-Identifier: MIT */
#ifndef TEST_ACTOR_H
#define TEST_ACTOR_H

/*
 * actor.h - a client process that does one deed after the other, as it is told
 *
 * A deed is a function of the test program; the actor was forked from it, so its
 * address is good there too. The test goes on when the deed is done, so that what
 * several processes do is written down in one sequence:
 *
 *	actor_start(&a);
 *	actor_ok(&a, deed_create, SHMREG_UNTIL_REMOVED);
 *	process_kill(&a);
 *
 * It ends by process_finish() (having disconnected), process_kill() and so on.
 */

#include "harness.h"

#define ACTOR_SEGMENT "stage"

SHMREG_DEFINE_QUEUE(word_queue, uint64_t);
SHMREG_DEFINE_ATOMIC(word_atomic, uint64_t);
SHMREG_DEFINE_ARRAY(word_array, uint64_t);

struct actor {
	struct shmreg_connection *connection;
	struct shmreg_segment *segment;
	struct word_queue *queue;
	struct word_queue_lease lease[16];
	unsigned n_leases;
	struct word_atomic *atomic;
	const struct word_atomic *atomic_const;
	struct word_array *array;
};

typedef int64_t (*deed_fn)(struct actor *a, int64_t arg);

void actor_start(struct process *p);
void actor_start_as(struct process *p, const struct identity *who);
int64_t actor_do(struct process *p, deed_fn deed, int64_t arg);
/* Does not wait for it: process_hear() or process_expect() does. */
void actor_begin(struct process *p, deed_fn deed, int64_t arg);
#define actor_ok(p, deed, arg) actor_expect(p, deed, arg, 0)
#define actor_expect(p, deed, arg, expected)                                                      \
	do {                                                                                      \
		const int64_t did_ = actor_do(p, deed, (int64_t)(arg));                           \
		ck_assert_msg(did_ == (int64_t)(expected),                                        \
			      #deed "(" #arg ") = %lld instead of " #expected ": %s",             \
			      (long long)did_, actor_sentence(p));                                \
	} while (0)
/* What the library said to the actor about its last failed deed; until the next call. */
const char *actor_sentence(struct process *p);
void actor_says(struct process *p, const char *text);	/* the sentence contains @text */

/* All return 0 or -errno, if not told otherwise. They connect first where that was not done. */
int64_t deed_connect(struct actor *a, int64_t unused);
int64_t deed_disconnect(struct actor *a, int64_t unused);
int64_t deed_create(struct actor *a, int64_t lifetime);		/* ACTOR_SEGMENT, mode 0600 */
int64_t deed_create_mode(struct actor *a, int64_t mode);	/* until-removed */
int64_t deed_open(struct actor *a, int64_t access);
int64_t deed_close(struct actor *a, int64_t unused);		/* the segment */
int64_t deed_remove(struct actor *a, int64_t unused);		/* the segment */
int64_t deed_queue_create(struct actor *a, int64_t flags);	/* "queue", of capacity 8 */
int64_t deed_queue_open(struct actor *a, int64_t unused);
int64_t deed_push(struct actor *a, int64_t word);
int64_t deed_pop(struct actor *a, int64_t unused);		/* the word */
int64_t deed_reserve(struct actor *a, int64_t word);		/* fills it in; no commit */
int64_t deed_commit(struct actor *a, int64_t lease);
int64_t deed_acquire(struct actor *a, int64_t unused);		/* the word; no release */
int64_t deed_release(struct actor *a, int64_t lease);
int64_t deed_atomic_create(struct actor *a, int64_t value);	/* "atomic" */
int64_t deed_atomic_open(struct actor *a, int64_t unused);
int64_t deed_atomic_open_const(struct actor *a, int64_t unused);
int64_t deed_atomic_add(struct actor *a, int64_t n);		/* what it was before */
int64_t deed_atomic_load(struct actor *a, int64_t unused);	/* of either handle */

#endif /* TEST_ACTOR_H */
