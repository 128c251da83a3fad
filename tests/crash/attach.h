/* SPDX-License-Identifier: MIT */
#ifndef CRASH_ATTACH_H
#define CRASH_ATTACH_H

/* attach.h - what crash-attach's victim does, in and out */

#include <stdbool.h>

#include <shmreg.h>

#define ATTACH_SEGMENT "crash/segment"
#define ATTACH_FRESH_SEGMENT "crash/fresh"
#define ATTACH_QUEUE "queue"
#define ATTACH_FRESH_QUEUE "fresh"

extern const struct shmreg_segment_params attach_segment_params;
extern const struct shmreg_queue_params attach_queue_params;

struct way {
	const char *name;
	void (*prepare)(void *arg);
	void (*run)(void *arg);
	bool stays;	/* attached, if it lives: the registry must know */
};
extern const struct way attach_ways[];
extern const unsigned int attach_n_ways;

#endif /* CRASH_ATTACH_H */
