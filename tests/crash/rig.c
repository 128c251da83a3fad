/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "repair.h"
#include "rig.h"

void actor_seats(uint32_t actors, uint64_t ret[64])
{
	memset(ret, 0, 64 * sizeof(*ret));
	for (unsigned int i = 0; i < N_ACTORS; i++)
		if (actors >> i & 1)
			ret[actor_seat(i) / 64] |= UINT64_C(1) << actor_seat(i) % 64;
}

enum outcome judgement_bad(struct judgement *j, enum outcome outcome, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(j->why, sizeof(j->why), format, args);
	va_end(args);
	j->outcome = outcome;
	return outcome;
}

enum outcome judge_woken(struct judgement *j, const char *what,
			 const union shmreg_eventcount *event, bool done)
{
	const uint32_t count = event->half[SHMREG_EVENTCOUNT_COUNT];

	if (count == SHMREG_EVENTCOUNT_SEQUENCE)
		return judgement_bad(j, OUTCOME_WEDGED, "%s: S went before the sequence was raised",
				     what);
	if (done && (count & SHMREG_EVENTCOUNT_ASLEEP) != 0)
		return judgement_bad(j, OUTCOME_WEDGED, "%s: nobody was woken", what);
	return OUTCOME_GOOD;
}

void must(int result)
{
	if (result < 0) {
		fprintf(stderr, "%s: a set-up failed: %d\n", subject.name, result);
		exit(99);
	}
}

void must_fit(const struct shmreg_shape *shape, size_t room)
{
	uint64_t bytes, align;

	must(shmreg_shape_bytes(shape, &bytes, &align, NULL));
	if (bytes > room) {
		fprintf(stderr, "%s: the image is too small\n", subject.name);
		exit(99);
	}
}

void repair_object(const struct shmreg_shape *shape, void *base, uint32_t dead,
		   struct shmreg_reaper_report *ret)
{
	uint64_t seats[64];

	actor_seats(dead, seats);
	shmreg_repair_object(shape, base, NULL, seats, ret);
}

void repair_nothing(void *image, uint32_t dead, struct shmreg_reaper_report *ret)
{
	(void)image;
	(void)dead;
	(void)ret;
}
