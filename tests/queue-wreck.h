/* SPDX-License-Identifier: MIT */
#ifndef TEST_QUEUE_WRECK_H
#define TEST_QUEUE_WRECK_H

/*
 * queue-wreck.h - wreckage of a queue, built by hand word by word, and its repair
 *
 * For programs that test one thing at a time: the queue and its handles are globals.
 */

#include <check.h>
#include <errno.h>

#include "queue-plain.h"
#include "queue-repair.h"

#define D 17u	/* the dead */
#define E 4095u /* another dead */
#define L 70u	/* alive; two others: */
#define M 64u
#define CAPACITY 8u
#define WRITING SHMREG_QUEUE_WRITING
#define READY SHMREG_QUEUE_READY
#define READING SHMREG_QUEUE_READING
#define TOMB SHMREG_QUEUE_TOMB
#define REDEL SHMREG_QUEUE_REDEL

static const uint64_t starts[] = {
	0, 1, 6, (UINT64_C(1) << 31) - 3, (UINT64_C(1) << 43) - 7, (UINT64_C(1) << 43) - 2,
};
#define N_STARTS ((int)(sizeof(starts) / sizeof(*starts)))

extern struct shmreg_shape shape;
extern struct shmreg_queue d, e, l, m;
extern struct shmreg_queue_shm *shm;
extern uint64_t dead[64], start;
extern struct shmreg_reaper_report report;

void setup(uint64_t at, uint32_t flags, uint64_t capacity);
void teardown(void);
void push(struct shmreg_queue *q, uint64_t n);
void expect(struct shmreg_queue *q, uint64_t n);
uint64_t *word(uint64_t i);
uint64_t value(uint64_t i, uint64_t n, uint64_t seat, uint64_t state);
void claim(uint64_t *counter, uint64_t n, uint64_t seat);
void repair(uint64_t repaired, uint64_t freed, uint64_t requeued);
void drain(const uint64_t *list, size_t n);
void expect_any(const uint64_t *list, size_t n);

#define DRAIN(...)                                                                                 \
	do {                                                                                       \
		const uint64_t list_[] = { __VA_ARGS__ };                                          \
		drain(list_, sizeof(list_) / sizeof(*list_));                                      \
	} while (0)
#define EXPECT_ANY(...)                                                                            \
	do {                                                                                       \
		const uint64_t list_[] = { __VA_ARGS__ };                                          \
		expect_any(list_, sizeof(list_) / sizeof(*list_));                                 \
	} while (0)

#endif /* TEST_QUEUE_WRECK_H */
