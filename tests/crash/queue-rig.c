/* SPDX-License-Identifier: MIT */
#include "queue-repair.h"
#include "queue-rig.h"
#include "queue-start.h"

static const struct setting settings[] = {
	SETTING("capacity 4, first lap", 0, SETTING_KILL, 4, 0, 2, PEER, false, false, NOBODY_SLEEPS),
	SETTING("capacity 4, own claims before", PAIR, 0, 4, 5, 2, VICTIM, false, false, NOBODY_SLEEPS),
	SETTING("capacity 2, own claims before", 0, 0, 2, 5, 1, VICTIM, false, false, NOBODY_SLEEPS),
	SETTING("capacity 2", 0, PAIR | SETTING_RACE, 2, 4, 1, PEER, false, false, NOBODY_SLEEPS),
	SETTING("capacity 2, empty", SETTING_RESUME, 0, 2, 7, 0, PEER, false, false, NOBODY_SLEEPS),
	SETTING("capacity 2, full", 0, SETTING_RESUME, 2, 7, 2, VICTIM, false, false, NOBODY_SLEEPS),
	SETTING("capacity 4, positions wrap", 0, 0, 4, WRAP - 4, 2, PEER, false, false, NOBODY_SLEEPS),
	SETTING("capacity 4, its length is sampled", 0, 0, 4, 256, 2, PEER, false, false, NOBODY_SLEEPS),
	SETTING("capacity 4, tombstone ahead", 0, 0, 4, 6, 1, PEER, true, false, NOBODY_SLEEPS),
	SETTING("capacity 4, refused element", 0, 0, 4, 6, 1, PEER, false, true, NOBODY_SLEEPS),
	{ "capacity 2, empty, two asleep, drop", SETTING_RESUME,
	  &(const struct start){ 2, 7, 0, PEER, false, false, TWO_SLEEP, 0 } },
	{ "capacity 2, full, two asleep, redeliver", SETTING_RESUME | SETTING_SECOND_PEER,
	  &(const struct start){ 2, 7, 2, PEER, false, false, TWO_SLEEP, SHMREG_QUEUE_REDELIVER } },
	SETTING("capacity 4, full, one asleep for two", 0, SETTING_RESUME, 4, 7, 4, PEER, false, false,
		ONE_FOR_TWO),
	/* It looks again behind its own claim, and meanwhile something comes. */
	{ "capacity 2, empty, own claims before", SETTING_RESUME,
	  &(const struct start){ 2, 7, 0, VICTIM, false, false, NOBODY_SLEEPS, 0 } },
};
#define EMPTY (&settings[8])
#define ASLEEP (&settings[20])
#define DROP (&settings[0])
#define REDELIVER (&settings[1])

/* Both sides say that somebody sleeps; who cannot go on does. */
static void fall_asleep(struct image *image, const struct start *start)
{
	struct shmreg_queue_shm *shm = image_queue(image);
	const enum side side = start->n_queued == 0 ? ITEMS : SPACE;

	if (start->sleep == NOBODY_SLEEPS)
		return;
	shm->items.half[SHMREG_EVENTCOUNT_COUNT] = COUNT_ASLEEP;
	shm->space.half[SHMREG_EVENTCOUNT_COUNT] = COUNT_ASLEEP;
	image->bed[side][PLAIN] = image->bed[side][MAYBE_CHOOSY] = ASLEEP_IN_BED;
	if (start->sleep == ONE_FOR_TWO)
		queue_event(image, side)->half[SHMREG_EVENTCOUNT_COUNT] |= SHMREG_EVENTCOUNT_MIXED;
}

static void setup(void *memory, const struct setting *setting)
{
	const struct start *start = setting->data;
	struct image *image = memory;
	struct shmreg_queue *by = &image->actor[start->by].queue;
	struct shmreg_queue_lease lease, refused;
	uint64_t value = SETUP_VALUE;
	struct item item;

	image->shape = (struct shmreg_shape){ .kind = SHMREG_KIND_QUEUE,
					      .layout = SHMREG_QUEUE_LAYOUT,
					      .flags = start->flags,
					      .elem_align = 8,
					      .elem_bytes = sizeof(struct item),
					      .capacity = start->capacity };
	must_fit(&image->shape, sizeof(image->queue));
	for (unsigned int i = 0; i < N_ACTORS; i++) {
		queue_bind(&image->actor[i].queue, image->queue, &image->shape, actor_seat(i));
		image->actor[i].first_value = 100 * (i + 1);
	}
	queue_age(by, start->first);

	/* Both counters have an owner. */
	item = item_of(1);
	must(shmreg_queue_push(by, &item));
	must(shmreg_queue_pop(by, &item));
	/* Behind those who lend a slot comes somebody's push. */
	if (start->tomb)
		must(shmreg_queue_reserve(by, &lease));
	if (start->refused) {
		item = item_of(value++);
		must(shmreg_queue_push(by, &item));
	}
	for (uint32_t i = 0; i < start->n_queued; i++) {
		item = item_of(value++);
		must(shmreg_queue_push(by, &item));
	}
	if (start->tomb)
		must(shmreg_queue_abort(by, &lease));
	if (start->refused) {
		must(shmreg_queue_acquire(by, &refused));
		must(shmreg_queue_refuse(by, &refused));
	}
	image->n_queued = (uint32_t)(value - SETUP_VALUE);
	fall_asleep(image, start);
}

static void repair(void *memory, uint32_t dead, struct shmreg_reaper_report *ret)
{
	struct image *image = memory;
	uint64_t seats[64];

	actor_seats(dead, seats);
	must(queue_repair(&image->shape, image->queue, seats, ret));
}

static const void *repair_begins(void *memory)
{
	return &image_queue(memory)->tail;
}

/* Planted bugs: each must be seen. */
static void repair_slots_only(void *memory, uint32_t dead,
				struct shmreg_reaper_report *ret)
{
	struct shmreg_queue_shm *shm = image_queue(memory);
	const uint64_t tail = shm->tail & SHMREG_QUEUE_OWNER_MASK;
	const uint64_t head = shm->head & SHMREG_QUEUE_OWNER_MASK;

	shm->tail &= ~SHMREG_QUEUE_OWNER_MASK;
	shm->head &= ~SHMREG_QUEUE_OWNER_MASK;
	repair(memory, dead, ret);
	shm->tail |= tail;
	shm->head |= head;
}

static void repair_unannounced(void *memory, uint32_t dead,
				struct shmreg_reaper_report *ret)
{
	const uint64_t redel = image_queue(memory)->redel;

	repair(memory, dead, ret);
	image_queue(memory)->redel = redel;
}

static void repair_one_too_many(void *memory, uint32_t dead,
				struct shmreg_reaper_report *ret)
{
	repair(memory, dead | 1 << SECOND, ret);
}

static void repair_counters_only(void *memory, uint32_t dead,
				struct shmreg_reaper_report *ret)
{
	struct image *image = memory;
	struct shmreg_queue *q = &image->actor[CHECKER].queue;
	uint64_t words[8];

	/* Hides what the slots say. */
	for (uint64_t i = 0; i < image->shape.capacity; i++) {
		uint64_t *w = shmreg_queue_word_(
			shmreg_queue_slot_(q, i << SHMREG_QUEUE_POS_SHIFT, q->stride));

		words[i] = *w;
		if (*w & SHMREG_QUEUE_OWNER_MASK)
			*w = SHMREG_QUEUE_STATE_MASK;
	}
	repair(memory, dead, ret);
	for (uint64_t i = 0; i < image->shape.capacity; i++) {
		uint64_t *w = shmreg_queue_word_(
			shmreg_queue_slot_(q, i << SHMREG_QUEUE_POS_SHIFT, q->stride));

		if (*w == SHMREG_QUEUE_STATE_MASK)
			*w = words[i];
	}
}

static const struct planted planted[] = {
	{ "repair does nothing: push", repair_nothing, MODE_ALONE, DROP, &queue_operations[PUSH],
	  NULL, NULL },
	{ "repair does nothing: pop", repair_nothing, MODE_ALONE, DROP, &queue_operations[POP],
	  NULL, NULL },
	{ "repair forgets the counters: push", repair_slots_only, MODE_ALONE, DROP,
	  &queue_operations[PUSH], NULL, NULL },
	{ "repair forgets the counters: pop", repair_slots_only, MODE_ALONE, REDELIVER,
	  &queue_operations[POP], NULL, NULL },
	{ "repair forgets the slots: reserve", repair_counters_only, MODE_ALONE, DROP,
	  &queue_operations[RESERVE_COMMIT], NULL, NULL },
	{ "repair does not raise redel", repair_unannounced, MODE_ALONE, REDELIVER,
	  &queue_operations[POP], NULL, NULL },
	{ "repair also of one who lives", repair_one_too_many, MODE_RACE, DROP,
	  &queue_operations[PUSH], &queue_operations[POP], NULL },
	{ "push does not record", NULL, MODE_TWO_DEAD, DROP, &queue_operations[PUSH],
	  &careless_push, NULL },
	{ "push does not record; it lives", NULL, MODE_RACE, DROP, &queue_operations[PUSH],
	  &careless_push, NULL },
	{ "batch publishes its leader first", NULL, MODE_ALONE, DROP, &hasty_batch, NULL, NULL },
	{ "acquire does not mark its slot", NULL, MODE_ALONE, DROP, &careless_acquire, NULL, NULL },
	{ "push wakes nobody", NULL, MODE_ALONE, ASLEEP, &silent_push, NULL, NULL },
	{ "a wait sleeps without having tried", NULL, MODE_RESUME, EMPTY, &hasty_wait, NULL,
	  &queue_operations[PUSH] },
	{ "a wait keeps the wake-up of another", NULL, MODE_RESUME, ASLEEP, &selfish_wait, NULL,
	  &queue_operations[PUSH] },
};

static const struct operation *const peers[] = { &queue_operations[PUSH], &queue_operations[POP] };

const struct subject subject = {
	.name = "queue",
	SUBJECT_PARTS,
	.operations = queue_operations,
	.n_operations = N_QUEUE_OPERATIONS,
	.look = queue_look,
	.judge = queue_judge,
};
