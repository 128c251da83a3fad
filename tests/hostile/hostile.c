/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <shmreg/handle.h>

#include "hostile.h"
#include "repair.h"

struct hostile_count hostile_count;

void hostile_fail(const char *what, long long value, const char *file, int line)
{
	fflush(stdout);
	fprintf(stderr, "%s:%d: %s (%lld)\n", file, line, what, value);
	abort();
}

long long hostile_result(const struct shmreg_handle *handle, long long result, const char *call,
			 const int *errors, const char *file, int line)
{
	if (handle->base == NULL && result != -ECHILD)
		hostile_fail(call, result, file, line);
	if (result >= 0)
		hostile_count.n_done++;
	else
		hostile_count.n_refused++;
	if (result >= 0 || (handle->base == NULL && result == -ECHILD))
		return result;
	for (; *errors != 0; errors++)
		if (result == *errors || ((*errors == -EAGAIN || *errors == -ENODATA) &&
					  (result == -ESTALE || result == -ENOTRECOVERABLE)))
			return result;
	hostile_fail(call, result, file, line);
}

bool hostile_opened(int result, const char *call, const char *file, int line)
{
	if (result < 0 && result != -EBUSY && result != -EUCLEAN && result != -ENOTRECOVERABLE)
		hostile_fail(call, result, file, line);
	return result == 0;
}

bool hostile_inside(const struct shmreg_handle *handle, const void *p, uint64_t bytes,
		    uint64_t align)
{
	const uintptr_t start = (uintptr_t)handle->base, at = (uintptr_t)p;
	uint64_t size, unused;

	return shmreg_shape_bytes(&handle->shape, &size, &unused, NULL) == 0 && at >= start &&
	       at - start <= size && bytes <= size - (at - start) && at % align == 0;
}

static void *buffers[HOSTILE_BUFFERS];

void *hostile_buffer(unsigned int number, size_t bytes)
{
	free(buffers[number]);
	/* Of no bytes at all it is one that nobody may touch, either. */
	buffers[number] = malloc(bytes);
	if (buffers[number] == NULL)
		hostile_fail("malloc", (long long)bytes, __FILE__, __LINE__);
	memset(buffers[number], 0x5a, bytes);
	return buffers[number];
}

void hostile_free_buffers(void)
{
	for (unsigned int i = 0; i < HOSTILE_BUFFERS; i++) {
		free(buffers[i]);
		buffers[i] = NULL;
	}
}

void hostile_repair(const struct hostile_object *o)
{
	const uint64_t users = shmreg_kind_users(o->shape->kind);
	struct shmreg_reaper_report report = { 0 };
	uint64_t dead[64] = { 0 };

	dead[HOSTILE_DEAD / 64] = ((UINT64_C(1) << HOSTILE_N_DEAD) - 1) << HOSTILE_DEAD % 64;
	/* Else it would pass the object over most of the time. */
	if (users != 0)
		shmreg_fetch_or_acq_rel((uint64_t *)(void *)(o->base + users) + HOSTILE_DEAD / 64,
					dead[HOSTILE_DEAD / 64]);
	if (o->row != NULL && o->row->repair != NULL)
		EXPECT(o->row->repair(o, dead, &report) == 0);
	else
		EXPECT(shmreg_repair_object(o->shape, o->base, NULL, dead, &report) == 0);
	EXPECT(report.status == 0 || report.status == -EUCLEAN);
	EXPECT(report.n_seats <= HOSTILE_N_DEAD);
	EXPECT(report.n_gave_up == 0 || report.status == -EUCLEAN);
}

/*
 * Words as a structure might have them, or nearly: what is there, moved by a little in some
 * field or other; what is or was elsewhere; small numbers, which are seats and states.
 */
static uint64_t word(const uint64_t *words, uint64_t n, uint64_t at, struct random_state *r)
{
	static const unsigned int shifts[] = { 0, 2, 3, 4, 6, 12, 15, 16, 18, 21, 24, 32, 38 };
	const uint64_t w = shmreg_load_relaxed(&words[at]);
	const uint64_t other = shmreg_load_relaxed(
		&words[random_below(r, random_below(r, 2) && n > 128 ? 128 : n)]);

	switch (random_below(r, 10)) {
	case 0:
		return random_next(r);
	case 1:
		return random_below(r, 2) ? 0 : UINT64_MAX;
	case 2:
		return w ^ UINT64_C(1) << random_below(r, 64);
	case 3:
		return random_below(r, HOSTILE_DEAD + HOSTILE_N_DEAD + 2);
	case 4:
		/* a seat in one of the fields that hold one */
		return (w & ~(UINT64_C(0xfff) << 2)) |
		       (HOSTILE_DEAD + random_below(r, HOSTILE_N_DEAD)) << (2 + random_below(r, 3));
	case 5:
	case 6:
		return other;
	default:
		return w + ((random_below(r, 9) - 4) << shifts[random_below(r, 13)]);
	}
}

void hostile_scribble(const struct hostile_object *o, struct random_state *r)
{
	uint64_t *const words = (uint64_t *)(void *)o->base;
	const uint64_t n = o->bytes / sizeof(*words);
	/* Counters and roles are at the beginning. */
	const uint64_t at = random_below(r, random_below(r, 2) && n > 160 ? 160 : n);
	uint64_t end;

	switch (random_below(r, 64)) {
	case 0:
		end = at + random_below(r, 64);
		if (end > n)
			end = n;
		memset(&words[at], random_below(r, 2) ? 0 : (int)random_below(r, 256),
		       (size_t)(end - at) * sizeof(*words));
		break;
	case 1:
		if (random_below(r, 64) == 0)
			random_fill(r, o->base, (size_t)o->bytes);
		else if (random_below(r, 8) == 0)
			memset(o->base, 0, (size_t)o->bytes);
		break;
	case 2:
		shmreg_store_relaxed((uint32_t *)(void *)&words[at] + random_below(r, 2),
				     (uint32_t)random_next(r));
		break;
	case 3:
		shmreg_store_relaxed(o->base + at * sizeof(*words) + random_below(r, 8),
				     (unsigned char)random_next(r));
		break;
	default:
		shmreg_store_relaxed(&words[at], word(words, n, at, r));
	}
}
