/* SPDX-License-Identifier: MIT */
#ifndef TEST_RESTART_FIXTURE_H
#define TEST_RESTART_FIXTURE_H

/* restart-fixture.h - a daemon that is killed and started again, and a segment "s" of raw clients */

#include "harness.h"
#include "raw.h"

extern struct harness h;

void setup(void);
void teardown(void);

/* Killed, and started with what is stored. */
void again(void);

/* Of all users. */
struct shmreg_stats_reply stats_now(void);
uint64_t used(enum shmreg_resource what);

/* The directory, of an answer that attached. */
struct shmreg_dir *map_dir(const struct raw *c);

/* A process: attaches to "s", says 1, and stays attached until it hears something. */
void attach_and_wait(const struct mouth *mouth, void *arg);
/* This one alone is left of "s". */
bool one_participant(void *arg);
/* This process, which has made "s" by nonce 1, detaches over a new connection. */
void leave_s(void);

#endif /* TEST_RESTART_FIXTURE_H */
