/* SPDX-License-Identifier: MIT */
#ifndef TEST_WATCH_FIXTURE_H
#define TEST_WATCH_FIXTURE_H

/* watch-fixture.h - a daemon, and segment "s" with a queue and a cell, by raw packets */

#include "harness.h"
#include "raw-watch.h"

#define BOTH (SHMREG_WAIT_ITEMS | SHMREG_WAIT_SPACE)
#define BELL SHMREG_WATCH_DESCRIPTOR

extern struct harness h;
extern struct raw c;			/* attached for writing */
extern struct raw_segment s;
extern uint64_t queue, cell;		/* ids */

void watch_setup(const char *const *options);
void watch_teardown(void);

/* What is charged for them, of all uids. */
uint64_t n_watches(void);
void await_watches(uint64_t n);

/* One more attachment of this process. */
void open_again(struct raw_segment *ret, uint32_t access);
void detach(struct raw_segment *t);

#endif /* TEST_WATCH_FIXTURE_H */
