/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <string.h>

#include <shmreg/array.h>
#include <shmreg/atomic.h>
#include <shmreg/cell.h>

#include "sink.h"

/* --- array ------------------------------------------------------------------------------------------ */

static int open_array(struct sink *s)
{
	const struct shmreg_array_params params = { .size = sizeof(params) };
	struct shmreg_array *array;
	const int r = shmreg_array_open(s->segment, &array, s->entry.name, &params);

	if (r == 0)
		s->handle = array;
	return r;
}

/*
 * Numbers that are one machine word are stored as one: nobody sees half of them, though C knows
 * nothing of that when it copies.
 */
static void store_element(unsigned char *to, const void *data, uint64_t bytes)
{
	uint64_t word64;
	uint32_t word32;
	uint16_t word16;

	if ((uintptr_t)to % bytes == 0 && bytes == sizeof(word64)) {
		memcpy(&word64, data, bytes);
		__atomic_store_n((uint64_t *)(void *)to, word64, __ATOMIC_RELEASE);
	} else if ((uintptr_t)to % bytes == 0 && bytes == sizeof(word32)) {
		memcpy(&word32, data, bytes);
		__atomic_store_n((uint32_t *)(void *)to, word32, __ATOMIC_RELEASE);
	} else if ((uintptr_t)to % bytes == 0 && bytes == sizeof(word16)) {
		memcpy(&word16, data, bytes);
		__atomic_store_n((uint16_t *)(void *)to, word16, __ATOMIC_RELEASE);
	} else {
		memcpy(to, data, bytes);
	}
}

static int put_array(struct sink *s, const void *data, uint64_t bytes, const struct timespec *deadline)
{
	(void)deadline;
	if (s->at >= shmreg_array_length(s->handle))
		return -ERANGE;
	store_element(shmreg_array_at(s->handle, s->at++), data, bytes);
	return 0;
}

static uint64_t room_of_array(const struct sink *s)
{
	const uint64_t length = shmreg_array_length(s->handle);

	return length > s->at ? length - s->at : 0;
}

static int close_array(struct sink *s)
{
	return shmreg_array_close(s->handle);
}

const struct sink_kind sink_array = { true, open_array, put_array, room_of_array, close_array };

/* --- atomic ----------------------------------------------------------------------------------------- */

static int open_atomic(struct sink *s)
{
	const struct shmreg_atomic_params params = { .size = sizeof(params) };
	struct shmreg_atomic *atomic;
	const int r = shmreg_atomic_open(s->segment, &atomic, s->entry.name, &params);

	if (r == 0)
		s->handle = atomic;
	return r;
}

/* And whoever waits for a change is told, as is proper. */
static int put_atomic(struct sink *s, const void *data, uint64_t bytes, const struct timespec *deadline)
{
	struct shmreg_atomic *atomic = s->handle;
	uint64_t word64;
	uint32_t word32;
	uint16_t word16;

	(void)deadline;
	switch (bytes) {
	case 1:
		shmreg_atomic8_store(shmreg_atomic8_cell(atomic), *(const uint8_t *)data);
		break;
	case 2:
		memcpy(&word16, data, bytes);
		shmreg_atomic16_store(shmreg_atomic16_cell(atomic), word16);
		break;
	case 4:
		memcpy(&word32, data, bytes);
		shmreg_atomic32_store(shmreg_atomic32_cell(atomic), word32);
		break;
	default:
		memcpy(&word64, data, bytes);
		shmreg_atomic64_store(shmreg_atomic64_cell(atomic), word64);
	}
	shmreg_atomic_notify_all(atomic);
	return 0;
}

static uint64_t room_of_one(const struct sink *s)
{
	(void)s;
	return 1;
}

static int close_atomic(struct sink *s)
{
	return shmreg_atomic_close(s->handle);
}

const struct sink_kind sink_atomic = { true, open_atomic, put_atomic, room_of_one, close_atomic };

/* --- cell ------------------------------------------------------------------------------------------- */

static int open_cell(struct sink *s)
{
	const struct shmreg_cell_params params = { .size = sizeof(params) };
	struct shmreg_cell_writer *writer;
	const int r = shmreg_cell_writer_open(s->segment, &writer, s->entry.name, &params);

	if (r == 0)
		s->handle = writer;
	return r;
}

static int put_cell(struct sink *s, const void *data, uint64_t bytes, const struct timespec *deadline)
{
	(void)bytes, (void)deadline;
	return shmreg_cell_write(s->handle, data);
}

static int close_cell(struct sink *s)
{
	return shmreg_cell_writer_close(s->handle);
}

const struct sink_kind sink_cell = { true, open_cell, put_cell, room_of_one, close_cell };
