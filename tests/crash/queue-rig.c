/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "queue-bind.h"
#include "queue-repair.h"
#include "queue-rig.h"

#define MAX_CAPACITY 8

static struct image {
	struct actor actor[N_ACTORS];
	SHMREG_ALIGNAS(128) unsigned char queue[sizeof(struct shmreg_queue_shm) +
						MAX_CAPACITY * 32];
} *image;

static struct image start;
static struct shmreg_shape shape;
static uint32_t n_queued;

void (*rig_broken_repair)(uint32_t dead);

#define SETUP_VALUE 1000
#define SEAT(number) (17 + 64 * (uint32_t)(number))

/* The library's asks the segment; there is none here, and nothing is wrong with it. */
int shmreg_handle_trouble(const struct shmreg_handle *handle)
{
	(void)handle;
	return 0;
}

void rig_init(void)
{
	image = mmap(NULL, sizeof(*image), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	if (image == MAP_FAILED) {
		perror("mmap");
		exit(99);
	}
}

size_t rig_bytes(void)
{
	return sizeof(*image);
}

void rig_save(void *to)
{
	memcpy(to, image, sizeof(*image));
}

void rig_restore(const void *from)
{
	memcpy(image, from, sizeof(*image));
}

bool rig_equal(const void *with)
{
	return memcmp(image, with, sizeof(*image)) == 0;
}

void rig_reset(void)
{
	rig_restore(&start);
}

struct actor *rig_actor(enum actor_number number)
{
	return &image->actor[number];
}

struct shmreg_queue_shm *rig_queue(void)
{
	return (struct shmreg_queue_shm *)(void *)image->queue;
}

const struct shmreg_shape *rig_shape(void)
{
	return &shape;
}

uint64_t rig_first_value(void)
{
	return SETUP_VALUE;
}

uint32_t rig_n_queued(void)
{
	return n_queued;
}

/* An empty queue of which everything before @first is history. */
static void age(uint64_t first)
{
	struct shmreg_queue_shm *shm = rig_queue();
	const struct shmreg_queue *q = &image->actor[PEER].queue;

	shm->tail = shm->head = first << SHMREG_QUEUE_POS_SHIFT;
	shm->lapped = first > q->mask;
	for (uint64_t p = first; p < first + shape.capacity; p++) {
		const uint64_t pos = p << SHMREG_QUEUE_POS_SHIFT;

		*shmreg_queue_word_(shmreg_queue_slot_(q, pos, q->stride)) = pos & q->lap_mask;
	}
}

static void must(int result)
{
	if (result < 0) {
		fprintf(stderr, "queue-rig: a set-up failed: %d\n", result);
		exit(99);
	}
}

void rig_setup(const struct setting *setting, uint32_t flags)
{
	struct shmreg_queue *by = &image->actor[setting->by].queue;
	struct shmreg_queue_lease lease, refused;
	uint64_t bytes, align, value = SETUP_VALUE;
	struct item item;

	memset(image, 0, sizeof(*image));
	shape = (struct shmreg_shape){ .kind = SHMREG_KIND_QUEUE,
				       .layout = SHMREG_QUEUE_LAYOUT,
				       .flags = flags,
				       .elem_align = 8,
				       .elem_bytes = sizeof(struct item),
				       .capacity = setting->capacity };
	must(shmreg_shape_bytes(&shape, &bytes, &align, NULL));
	assert(bytes <= sizeof(image->queue));
	for (unsigned int i = 0; i < N_ACTORS; i++) {
		queue_bind(&image->actor[i].queue, image->queue, &shape, SEAT(i));
		image->actor[i].first_value = 100 * (i + 1);
	}
	age(setting->first);

	/* Both counters have an owner. */
	item = item_of(1);
	must(shmreg_queue_push(by, &item));
	must(shmreg_queue_pop(by, &item));
	/* Behind those who lend a slot comes somebody's push. */
	if (setting->tomb)
		must(shmreg_queue_reserve(by, &lease));
	if (setting->refused) {
		item = item_of(value++);
		must(shmreg_queue_push(by, &item));
	}
	for (uint32_t i = 0; i < setting->n_queued; i++) {
		item = item_of(value++);
		must(shmreg_queue_push(by, &item));
	}
	if (setting->tomb)
		must(shmreg_queue_abort(by, &lease));
	if (setting->refused) {
		must(shmreg_queue_acquire(by, &refused));
		must(shmreg_queue_refuse(by, &refused));
	}
	n_queued = (uint32_t)(value - SETUP_VALUE);
	start = *image;
}

struct shmreg_reaper_report rig_repair(uint32_t dead)
{
	struct shmreg_reaper_report report = { 0 };
	uint64_t seats[QUEUE_REPAIR_SEATS] = { 0 };

	if (rig_broken_repair) {
		rig_broken_repair(dead);
		return report;
	}
	for (unsigned int i = 0; i < N_ACTORS; i++)
		if (dead >> i & 1)
			seats[SEAT(i) / 64] |= UINT64_C(1) << SEAT(i) % 64;
	must(queue_repair(&shape, image->queue, seats, &report));
	return report;
}
