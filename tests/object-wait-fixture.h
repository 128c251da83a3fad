/* SPDX-License-Identifier: MIT */
#ifndef TEST_OBJECT_WAIT_FIXTURE_H
#define TEST_OBJECT_WAIT_FIXTURE_H

/* object-wait-fixture.h - a sleeper who waits for "queue" in the maker's segment */

#include "exist-fixture.h"

static inline int64_t deed_wait(struct actor *a, int64_t flags)
{
	return shmreg_object_wait(a->segment, "queue", (uint32_t)flags, NULL);
}

static inline void fall_asleep(int64_t access, int64_t flags)
{
	fall_asleep_in(deed_open, access, deed_wait, flags);
}

static const int64_t both[] = { SHMREG_ACCESS_READ, SHMREG_ACCESS_WRITE };

static inline void setup(void)
{
	start(NULL);
	actor_ok(&maker, deed_create, SHMREG_WHILE_ATTACHED);
}

#endif /* TEST_OBJECT_WAIT_FIXTURE_H */
