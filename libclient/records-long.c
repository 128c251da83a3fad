/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <string.h>

#include <shmreg/records.h>

#include "copy-long.h"
#include "records-long.h"

/* See the argument in shmreg/records-inline.h, to which labels refer. */

/* Long records between two trials: (W2). */
#define REST_MIN 8
#define REST_MAX 256

/* (W2) */
#define VOTES 3

void record_way_prepare(struct shmreg_record_way *way)
{
	*way = (struct shmreg_record_way){ .left = REST_MIN, .rest = REST_MIN };
}

void record_way_judge(struct shmreg_record_way *way, uint64_t mine, uint64_t other)
{
	const bool changes = way->around ? other < mine / 4 * 3 : other <= mine / 2;	/* (W1) */

	if (!changes) {
		way->votes = 0;
		way->rest = way->rest * 2 < REST_MAX ? way->rest * 2 : REST_MAX;
		way->left = way->rest;
		return;
	}
	way->left = 1;
	if (++way->votes == VOTES) {
		way->around = !way->around;
		way->votes = 0;
		way->rest = way->left = REST_MIN;
	}
}

static void copy_in(uint32_t around, void *to, const void *from, size_t n)
{
	if (around)
		copy_around(to, from, n);
	else
		copy_ahead(to, from, n);
}

#if COPY_AROUND
/* Ticks for 65536 bytes, until they are where they belong. */
static uint64_t timed_copy(uint32_t around, void *to, const void *from, size_t n)
{
	const uint64_t begin = __builtin_ia32_rdtsc();

	copy_in(around, to, from, n);
	__builtin_ia32_mfence();
	return ((__builtin_ia32_rdtsc() - begin) << 16) / n;
}

static void copy_in_best(struct shmreg_record_way *way, void *to, const void *from, size_t n)
{
	switch (way->left) {
	case 0:
		record_way_judge(way, way->cost, timed_copy(!way->around, to, from, n));
		return;
	case 1:
		way->cost = timed_copy(way->around, to, from, n);
		break;
	default:
		copy_in(way->around, to, from, n);
	}
	way->left--;
}
#else
static void copy_in_best(struct shmreg_record_way *way, void *to, const void *from, size_t n)
{
	copy_in(way->around, to, from, n);
}
#endif

void record_fill(struct shmreg_record_producer *p, void *to, const void *from, size_t n)
{
	if (n <= p->short_max)
		memcpy(to, from, n);
	else
		copy_in_best(&p->way, to, from, n);
}

int shmreg_record_push_any(struct shmreg_record_producer *p, const void *data, size_t bytes)
{
	uint64_t at;
	const int r = shmreg_record_place_(p, bytes, &at);

	if (r < 0)
		return r;
	record_fill(p, shmreg_record_write_header_(p, at, (uint32_t)bytes), data, bytes);
	shmreg_record_publish_(p, at + shmreg_record_size_(bytes), 1);
	return 0;
}

void record_take(const struct shmreg_record_consumer *c, const struct shmreg_record_found *found,
		 void *to)
{
	const void *const from = shmreg_record_header_(&c->ring, found->at, c->mask) + 1;

	if (found->bytes <= c->short_max)
		memcpy(to, from, (size_t)found->bytes);
	else
		copy_fresh(to, from, (size_t)found->bytes);
	SHMREG_COPIED();
}

int shmreg_record_pop_any(struct shmreg_record_consumer *c, void *data, size_t size,
			  size_t *ret_bytes)
{
	struct shmreg_record_found found;
	const int r = shmreg_record_find(c, c->head, &found);

	if (r < 0)
		return r;
	*ret_bytes = (size_t)found.bytes;
	if (found.bytes > size)
		return -EMSGSIZE;
	record_take(c, &found, data);
	shmreg_record_pass_(c, found.next, 1);
	return 0;
}
