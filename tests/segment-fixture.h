/* SPDX-License-Identifier: MIT */
#ifndef TEST_SEGMENT_FIXTURE_H
#define TEST_SEGMENT_FIXTURE_H

/* segment-fixture.h - a daemon, a connection, and a segment as good as any */

#include "harness.h"

static struct harness h;
static struct shmreg_connection *c;

static const struct shmreg_segment_params plain = {
	.size = sizeof(plain),
	.bytes = 1 << 20,
};

static inline void setup(void)
{
	harness_start(&h, NULL);
	c = harness_connect();
}

static inline void teardown(void)
{
	c = shmreg_disconnect(c);
	harness_stop(&h);
}

#endif /* TEST_SEGMENT_FIXTURE_H */
