/* SPDX-License-Identifier: MIT */
#include "object-queue-bind.h"
#include "object-queue-rig.h"
#include "pool-bind.h"
#include "pool-repair.h"
#include "queue-repair.h"
#include "queue-start.h"

static const struct setting settings[] = {
	SETTING("capacity 4, first lap", SETTING_KILL, 0, 4, 0, 2, PEER, false, false, false),
	SETTING("capacity 2", 0, PAIR, 2, 4, 1, PEER, false, false, false),
	SETTING("capacity 2, no object free", 0, 0, 2, 6, 1, PEER, true, true, false),
	SETTING("capacity 2, somebody waits for all", 0, 0, 2, 6, 1, PEER, true, false, true),
	SETTING("capacity 4, positions wrap, own claims before", 0, 0, 4, WRAP - 4, 2, VICTIM, false, false, false),
};
#define DROP (&settings[0])
#define REDELIVER (&settings[1])

static shmreg_pool_ref filled(struct actor *a, uint64_t value)
{
	const struct item item = item_of(value);
	shmreg_pool_ref ref = 0;

	must(shmreg_pool_acquire_init(&a->pool, &ref, &item));
	return ref;
}

static void setup(void *memory, const struct setting *setting)
{
	const struct start *start = setting->data;
	struct image *image = memory;
	struct actor *by = &image->actor[start->by];
	shmreg_pool_ref ref = 0;

	image->pool_first = start->pool_first;
	image->n_queued = start->n_queued;
	image->pool_shape = (struct shmreg_shape){ .kind = SHMREG_KIND_POOL,
						   .layout = SHMREG_POOL_LAYOUT,
						   .elem_align = 8,
						   .elem_bytes = sizeof(struct item),
						   .capacity = RIG_OBJECTS };
	image->queue_shape = object_queue_shape(start->capacity, start->flags, 1, 0);
	must_fit(&image->pool_shape, sizeof(image->pool));
	must_fit(&image->queue_shape, sizeof(image->queue));
	for (unsigned int i = 0; i < N_ACTORS; i++) {
		struct actor *a = &image->actor[i];

		pool_bind(&a->pool, image->pool, &image->pool_shape, actor_seat(i));
		object_queue_bind(&a->queue, image->queue, &image->queue_shape, actor_seat(i),
				  RIG_INDEX, &a->pool);
		a->first_value = 100 * (i + 1);
	}
	queue_age(&by->queue.queue, start->first);
	/* Both counters have an owner, and the slot a reference of the lap before. */
	must(shmreg_object_queue_send(&by->queue, filled(by, 1)));
	must(shmreg_object_queue_receive(&by->queue, &ref));
	must(shmreg_pool_release(&by->pool, ref));
	for (unsigned int i = 0; i < CHECKER; i++)
		for (unsigned int j = 0; j < RIG_OWN; j++)
			image->actor[i].own[j] =
				filled(&image->actor[i], image->actor[i].first_value + j);
	for (uint32_t i = 0; i < start->n_queued; i++)
		must(shmreg_object_queue_send(&by->queue, filled(by, SETUP_VALUE + i)));
	while (start->exhausted && shmreg_pool_acquire(&image->actor[CHECKER].pool,
						       &image->spare[image->n_spare]) == 0)
		image->n_spare++;
	if (start->asleep) {
		image_pool(image)->space.half[SHMREG_EVENTCOUNT_COUNT] = SHMREG_EVENTCOUNT_ASLEEP;
		image_queue(image)->items.half[SHMREG_EVENTCOUNT_COUNT] = SHMREG_EVENTCOUNT_ASLEEP;
		image_queue(image)->space.half[SHMREG_EVENTCOUNT_COUNT] = SHMREG_EVENTCOUNT_ASLEEP;
	}
}

static const void *repair_begins(void *memory)
{
	struct image *image = memory;

	return image->pool_first ? (void *)image->actor[CHECKER].pool.owner
				 : (void *)&image_queue(image)->tail;
}

static void repair_both(struct image *image, const uint64_t seats[64], bool queue, bool pool,
			struct shmreg_reaper_report *ret)
{
	const struct queue_repair_pool p = {
		.shape = &image->pool_shape, .base = image->pool, .queue = RIG_INDEX,
	};
	struct shmreg_reaper_report report = { 0 };

	if (pool && image->pool_first)
		must(pool_repair(&image->pool_shape, image->pool, NULL, seats, &report));
	if (queue)
		must(queue_repair_objects(&image->queue_shape, image->queue, NULL, &p, seats, ret));
	if (pool && !image->pool_first)
		must(pool_repair(&image->pool_shape, image->pool, NULL, seats, &report));
	ret->n_repaired += report.n_repaired;
	ret->n_freed += report.n_freed;
	ret->n_gave_up += report.n_gave_up;
}

static void repair(void *memory, uint32_t dead, struct shmreg_reaper_report *ret)
{
	uint64_t seats[64];

	actor_seats(dead, seats);
	repair_both(memory, seats, true, true, ret);
}

/* Planted bugs: each must be seen. */
static void repair_pool_only(void *memory, uint32_t dead, struct shmreg_reaper_report *ret)
{
	uint64_t seats[64];

	actor_seats(dead, seats);
	repair_both(memory, seats, false, true, ret);
}

static void repair_queue_only(void *memory, uint32_t dead, struct shmreg_reaper_report *ret)
{
	uint64_t seats[64];

	actor_seats(dead, seats);
	repair_both(memory, seats, true, false, ret);
}

/* As if its elements were nobody's but the queue's. */
static void repair_as_plain(void *memory, uint32_t dead, struct shmreg_reaper_report *ret)
{
	struct shmreg_reaper_report report = { 0 };
	struct image *image = memory;
	uint64_t seats[64];

	actor_seats(dead, seats);
	must(queue_repair(&image->queue_shape, image->queue, seats, ret));
	must(pool_repair(&image->pool_shape, image->pool, NULL, seats, &report));
}

static const struct planted planted[] = {
	{ "repair forgets the queue: send", repair_pool_only, MODE_ALONE, DROP,
	  &object_queue_operations[SEND], NULL, NULL },
	{ "repair forgets the queue: receive", repair_pool_only, MODE_ALONE, REDELIVER,
	  &object_queue_operations[RECEIVE], NULL, NULL },
	{ "repair forgets the pool", repair_queue_only, MODE_ALONE, DROP,
	  &object_queue_operations[RECEIVE], NULL, NULL },
	{ "a plain queue's repair: send", repair_as_plain, MODE_ALONE, DROP,
	  &object_queue_operations[SEND], NULL, NULL },
	{ "a plain queue's repair: receive", repair_as_plain, MODE_ALONE, DROP,
	  &object_queue_operations[RECEIVE], NULL, NULL },
	{ "a plain queue's repair: receive, redeliver", repair_as_plain, MODE_ALONE, REDELIVER,
	  &object_queue_operations[RECEIVE], NULL, NULL },
	{ "ready before it is sent", NULL, MODE_ALONE, DROP, &hasty_send, NULL, NULL },
	{ "free before it is held", NULL, MODE_ALONE, DROP, &hasty_receive, NULL, NULL },
};

static const struct operation *const peers[] = { &object_queue_operations[SEND],
						 &object_queue_operations[RECEIVE_RELEASE] };

const struct subject subject = {
	.name = "object queue",
	SUBJECT_PARTS,
	.operations = object_queue_operations,
	.n_operations = N_OBJECT_QUEUE_OPERATIONS,
	.look = object_queue_look,
	.judge = object_queue_judge,
};
