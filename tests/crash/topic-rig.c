/* SPDX-License-Identifier: MIT */
#include "topic-rig.h"

#define TURNS_WRAP(capacity) ((capacity) << 40)
#define RELIABLE SHMREG_TOPIC_RELIABLE
static const struct setting settings[] = {
	{ "three publishers, first lap", 0,
	  &(const struct start){ 4, 0, 3, 0, 0, 2, PEER, false } },
	{ "two slots, all used", SETTING_PAIR | SETTING_RACE,
	  &(const struct start){ 2, 2, 3, 0, 0, 3, SECOND, false } },
	{ "own message displaced", 0, &(const struct start){ 2, 2, 3, 0, 0, 2, VICTIM, false } },
	{ "turns wrap", 0,
	  &(const struct start){ 2, TURNS_WRAP(UINT64_C(2)) - 3, 3, 0, 0, 2, PEER, false } },
	{ "one publisher", SETTING_KILL, &(const struct start){ 4, 0, 1, 0, 0, 1, VICTIM, false } },
	{ "one publisher, all used", 0, &(const struct start){ 2, 5, 1, 0, 0, 2, VICTIM, false } },
	{ "reliable", 0, &(const struct start){ 4, 9, 3, RELIABLE, 0, 2, PEER, false } },
	{ "reliable, full", 0, &(const struct start){ 4, 9, 3, RELIABLE, 0, 4, PEER, false } },
	{ "reliable, one publisher", 0,
	  &(const struct start){ 4, 9, 1, RELIABLE, 0, 3, VICTIM, false } },
	{ "evicting", 0, &(const struct start){ 4, 9, 3, RELIABLE, 2, 2, PEER, false } },
	{ "all asleep", SETTING_KILL,
	  &(const struct start){ 4, 9, 3, RELIABLE, 0, 2, PEER, true } },
	{ "all asleep, one publisher", 0,
	  &(const struct start){ 4, 9, 1, RELIABLE, 0, 2, VICTIM, true } },
};
#define FIRST_LAP (&settings[0])
#define ALL_USED (&settings[1])

/* As it is after @first messages of role 0, whose sequence is about to wrap. */
static void age(struct image *image, uint64_t first)
{
	const struct shmreg_topic *t = &image->actor[CHECKER].sub.topic;

	for (uint32_t i = 0; i < image->shape.param[0]; i++)
		image_role(image, i)->spare = ((UINT64_C(1) << 40) - 2) << 24;
	for (uint64_t p = first < t->mask + 1 ? 0 : first - t->mask - 1; p != first; p++) {
		*shmreg_topic_slot_(t, p) = shmreg_topic_turn_(t, p);
		shmreg_topic_header_(shmreg_topic_chunk_(t, (uint32_t)(p & t->mask), t->stride))
			->sequence = (UINT64_C(1) << 40) - 3;
	}
	shmreg_topic_shm_(t)->tail = first;
}

static void setup(void *memory, const struct setting *setting)
{
	const struct start *start = setting->data;
	struct image *image = memory;
	struct shmreg_topic_shm *shm;

	image->shape = (struct shmreg_shape){ .kind = SHMREG_KIND_TOPIC,
					      .layout = SHMREG_TOPIC_LAYOUT,
					      .flags = start->flags,
					      .elem_align = 8,
					      .elem_bytes = sizeof(struct item),
					      .capacity = start->capacity,
					      .param = { start->publishers, CURSORS, start->lag_max } };
	must_fit(&image->shape, sizeof(image->topic));
	topic_bind(&image->actor[CHECKER].sub.topic, image->topic, &image->shape, 0, NULL);
	age(image, start->first);
	image->first = start->first;
	for (uint32_t i = 0; i < N_ACTORS; i++) {
		struct actor *a = &image->actor[i];

		a->number = i;
		a->first_value = 100 * (i + 1);
		if (i < start->publishers)
			must(publisher_bind(&a->pub, image->topic, &image->shape, actor_seat(i),
					    NULL, i));
		if (i != CHECKER)
			must(subscriber_bind(&a->sub, image->topic, &image->shape, actor_seat(i),
					     NULL, 0));
		a->joined = a->sub.next;
	}
	for (uint32_t i = 0; i < start->n_before; i++) {
		const struct item item = item_of(SETUP_VALUE + i);

		must(shmreg_publisher_publish(&image->actor[start->by].pub, &item, sizeof(item)));
	}
	if (start->asleep) {
		shm = shmreg_topic_shm_(&image->actor[CHECKER].sub.topic);
		shm->message.half[SHMREG_EVENTCOUNT_COUNT] = COUNT_ASLEEP;
		shm->space.half[SHMREG_EVENTCOUNT_COUNT] = COUNT_ASLEEP;
	}
}

static void repair(void *memory, uint32_t dead, struct shmreg_reaper_report *ret)
{
	struct image *image = memory;

	repair_object(&image->shape, image->topic, dead, ret);
}

static const void *repair_begins(void *memory)
{
	return &image_role(memory, 0)->owner;
}

/* Frees the roles of the dead, and settles nothing. */
static void repair_roles_only(void *memory, uint32_t dead, struct shmreg_reaper_report *ret)
{
	struct image *image = memory;

	for (uint32_t i = 0; i < image->shape.param[0]; i++)
		for (uint32_t a = 0; a < N_ACTORS; a++)
			if ((dead >> a & 1) != 0 && image_role(image, i)->owner == actor_seat(a))
				image_role(image, i)->owner = 0;
	repair(memory, dead, ret);
}

#define HAND(name) &name##_publish
static const struct planted planted[] = {
	{ "repair does nothing", repair_nothing, MODE_ALONE, FIRST_LAP, &topic_operations[PUBLISH],
	  NULL, NULL },
	{ "repair settles nothing", repair_roles_only, MODE_ALONE, FIRST_LAP,
	  &topic_operations[PUBLISH], NULL, NULL },
	{ "publisher changes its spare first", NULL, MODE_ALONE, FIRST_LAP, HAND(hasty), NULL, NULL },
	{ "displacer does not settle", NULL, MODE_RESUME, ALL_USED, &topic_operations[PUBLISH], NULL,
	  HAND(careless) },
	{ "publisher does not compare", NULL, MODE_RESUME, ALL_USED, HAND(rude), NULL,
	  &topic_operations[PUBLISH] },
};

static const struct operation *const peers[] = { &publish_laps };

const struct subject subject = {
	.name = "topic",
	SUBJECT_PARTS,
	.operations = topic_operations,
	.n_operations = N_TOPIC_OPERATIONS,
	.judge = topic_judge,
};
