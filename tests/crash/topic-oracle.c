/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>

#include "topic-rig.h"

/*
 * topic-oracle.c - is all as the contract says?
 *
 *  - Positions: as many as there were publications that returned, and at most as many
 *    more as the dead had under way. Each message that is there is whole, known, and
 *    there once; those of one publisher are in its order.
 *  - Who publishes and lives is never held up, unless the topic is reliable and full.
 *  - What a subscriber was told, positions, losses and messages, fits together and with
 *    what is there.
 *  - Whose call has returned that published, or made room, has woken those who slept; and S
 *    did not go before the sequence was raised.
 *  - Every chunk is in one place, nothing is unsettled, no role or cursor names a dead seat: else
 *    something has leaked.
 *  - Each role publishes more than a lap, of which a new subscriber reads all: else it is wedged.
 */

static struct image *image;
static struct judgement *judgement;
static const struct cast *cast;
#define bad(outcome, ...) judgement_bad(judgement, outcome, __VA_ARGS__)

static const struct effect *effect_of(unsigned int actor)
{
	return cast->operation[actor] ? cast->operation[actor]->data : NULL;
}

static const struct start *start_of(void)
{
	return cast->setting->data;
}

static uint32_t n_publish(unsigned int actor)
{
	const struct effect *e = effect_of(actor);

	if (e == NULL)
		return 0;
	return e->n_publish + (e->laps ? 2 * (uint32_t)image->shape.capacity : 0);
}

static const struct shmreg_topic *topic(void)
{
	return &image->actor[CHECKER].sub.topic;
}

static bool is_known(uint64_t value)
{
	if (value - SETUP_VALUE < start_of()->n_before)
		return true;
	for (unsigned int a = 0; a < N_ACTORS; a++)
		if (value - image->actor[a].first_value < n_publish(a))
			return true;
	return false;
}

/* What is in the slots, by position from @first on. */
static struct {
	uint64_t first, n;
	uint64_t value[MAX_CAPACITY];
} there;

static enum outcome positions(void)
{
	uint64_t newest, sure = start_of()->n_before, doubt = 0, last[N_ACTORS + 1] = { 0 };
	int r;

	r = shmreg_topic_newest(topic(), &newest);
	if (r < 0)
		return bad(OUTCOME_WEDGED, "its newest position: %d", r);
	for (unsigned int a = 0; a < N_ACTORS; a++) {
		const struct actor_log *log = &image->actor[a].log;

		sure += log->n_published;
		if (cast->operation[a] && log->finished == 0)
			doubt += n_publish(a) > log->n_published;
	}
	if (newest - image->first < sure || newest - image->first > sure + doubt)
		return bad(OUTCOME_LOST, "%" PRIu64 " positions, of %" PRIu64 " messages and %" PRIu64
			   " in doubt", newest - image->first, sure, doubt);
	there.n = newest - image->first < image->shape.capacity ? newest - image->first
								: image->shape.capacity;
	there.first = newest - there.n;
	for (uint64_t i = 0; i < there.n; i++) {
		struct shmreg_topic_message m;
		struct item item;
		uint64_t who;

		r = shmreg_topic_read_at(topic(), there.first + i, &item, sizeof(item), &m);
		if (r < 0)
			return bad(OUTCOME_LOST, "message %" PRIu64 ": %d", i, r);
		if (m.bytes != sizeof(item) || !item_whole(&item) || !is_known(item.value))
			return bad(OUTCOME_LOST, "message %" PRIu64 " is torn or unknown", i);
		there.value[i] = item.value;
		who = item.value >= SETUP_VALUE ? N_ACTORS : item.value / 100 - 1;
		if (item.value == last[who])
			return bad(OUTCOME_DUPLICATED, "message %" PRIu64 " came twice", item.value);
		if (item.value < last[who])
			return bad(OUTCOME_LOST, "message %" PRIu64 " came after %" PRIu64,
				   item.value, last[who]);
		last[who] = item.value;
	}
	return OUTCOME_GOOD;
}

static enum outcome results(void)
{
	for (unsigned int a = 0; a < N_ACTORS; a++) {
		const int r = image->actor[a].log.result;

		if (r == 0 || (r == -EAGAIN && (image->shape.flags & SHMREG_TOPIC_RELIABLE) != 0))
			continue;
		if (r == -ECHILD && a >= start_of()->publishers)
			continue;	/* it has no role */
		return bad(OUTCOME_WEDGED, "actor %u was told %d", a, r);
	}
	return OUTCOME_GOOD;
}

static enum outcome readers(void)
{
	for (unsigned int a = 0; a < N_ACTORS; a++) {
		const struct actor_log *log = &image->actor[a].log;
		uint64_t next = image->actor[a].joined;

		for (uint32_t i = 0; i < log->n_read; i++) {
			const uint64_t position = log->read[i].position, value = log->read[i].value;

			if (position != next + log->read[i].n_lost)
				return bad(OUTCOME_LOST, "actor %u: %" PRIu64 " lost before position %"
					   PRIu64 ", expected was %" PRIu64, a, log->read[i].n_lost,
					   position, next);
			next = position + 1;
			if (log->read[i].n_lost > 0 &&
			    (image->shape.flags & SHMREG_TOPIC_RELIABLE) != 0 &&
			    image->shape.param[2] == 0)
				return bad(OUTCOME_LOST, "actor %u lost some, of a reliable topic", a);
			if (!is_known(value))
				return bad(OUTCOME_LOST, "actor %u read %" PRIu64, a, value);
			if (position - image->first < start_of()->n_before &&
			    value != SETUP_VALUE + position - image->first)
				return bad(OUTCOME_LOST, "actor %u read %" PRIu64 " in place of an older "
					   "one", a, value);
			if (position - there.first < there.n &&
			    there.value[position - there.first] != value)
				return bad(OUTCOME_LOST, "actor %u read %" PRIu64 ", and there is %"
					   PRIu64, a, value, there.value[position - there.first]);
		}
	}
	return OUTCOME_GOOD;
}

static enum outcome leaks(void)
{
	const struct shmreg_topic *t = topic();
	unsigned char seen[MAX_CAPACITY + N_ACTORS + 1] = { 0 };
	uint32_t chunk;

	for (uint32_t i = 0; i <= t->mask; i++) {
		chunk = (uint32_t)shmreg_topic_absolute_(t, *shmreg_topic_slot_(t, i), i);
		if (seen[chunk]++ != 0)
			return bad(OUTCOME_LEAKED, "chunk %u is in two places, slot %u", chunk, i);
	}
	for (uint32_t i = 0; i < image->shape.param[0]; i++) {
		chunk = (uint32_t)shmreg_topic_absolute_(t, image_role(image, i)->spare,
							 shmreg_topic_home_(t, i));
		if (seen[chunk]++ != 0)
			return bad(OUTCOME_LEAKED, "chunk %u is in two places, role %u", chunk, i);
	}
	if (seen[t->n_chunks] != 0)
		return bad(OUTCOME_LEAKED, "a word names a chunk that there is not");
	for (unsigned int a = 0; a < N_ACTORS; a++) {
		if ((cast->dead >> a & 1) == 0)
			continue;
		for (uint32_t i = 0; i < image->shape.param[0]; i++)
			if (image_role(image, i)->owner == actor_seat(a))
				return bad(OUTCOME_LEAKED, "actor %u is dead and has role %u", a, i);
		for (uint32_t i = 0; i < CURSORS; i++)
			if ((topic_cursors(t)[i * 16] & SHMREG_TOPIC_SEAT_MASK) >>
				    SHMREG_TOPIC_SEAT_SHIFT == actor_seat(a))
				return bad(OUTCOME_LEAKED, "actor %u is dead and has cursor %u", a, i);
	}
	return OUTCOME_GOOD;
}

static enum outcome sleepers(void)
{
	const struct shmreg_topic_shm *shm = shmreg_topic_shm_(topic());
	bool published = false, moved = false;

	if (!start_of()->asleep)
		return OUTCOME_GOOD;
	for (unsigned int a = 0; a < N_ACTORS; a++) {
		const struct actor_log *log = &image->actor[a].log;

		published |= log->n_published > 0;
		moved |= log->n_read > 0 ||
			 (cast->operation[a] == &topic_operations[LEAVE] && log->finished != 0);
	}
	if (judge_woken(judgement, "messages", &shm->message, published) != OUTCOME_GOOD)
		return judgement->outcome;
	return judge_woken(judgement, "room", &shm->space, moved);
}

static enum outcome works(void)
{
	struct shmreg_publisher ours, *pub;
	struct shmreg_subscriber sub;
	struct shmreg_topic_message m;
	uint64_t value = 5000, newest;
	struct item item;
	int r;

	for (unsigned int a = 0; a < N_ACTORS; a++)
		if ((cast->dead >> a & 1) == 0)
			subscriber_leave(&image->actor[a].sub);
	r = subscriber_bind(&sub, image->topic, &image->shape, actor_seat(CHECKER), NULL, 0);
	if (r < 0)
		return bad(OUTCOME_WEDGED, "subscribing says %d", r);
	if (shmreg_topic_newest(topic(), &newest) < 0 || sub.next != newest)
		return bad(OUTCOME_WEDGED, "a new subscriber begins elsewhere");
	for (uint32_t i = 0; i < image->shape.param[0]; i++) {
		pub = &image->actor[i].pub;
		if (image_role(image, i)->owner == 0) {
			pub = &ours;
			r = publisher_bind(pub, image->topic, &image->shape, actor_seat(CHECKER),
					   NULL, i);
			if (r < 0)
				return bad(OUTCOME_WEDGED, "taking role %u says %d", i, r);
		}
		for (uint64_t n = 0; n <= image->shape.capacity; n++, value++) {
			item = item_of(value);
			r = shmreg_publisher_publish(pub, &item, sizeof(item));
			if (r < 0)
				return bad(OUTCOME_WEDGED, "publishing in role %u says %d", i, r);
			r = shmreg_subscriber_read(&sub, &item, sizeof(item), &m);
			if (r < 0)
				return bad(OUTCOME_WEDGED, "reading says %d", r);
			if (!item_whole(&item) || item.value != value || m.n_lost != 0)
				return bad(OUTCOME_LOST, "published %" PRIu64 ", read %" PRIu64,
					   value, item.value);
		}
	}
	return leaks();
}

void topic_judge(void *memory, const struct cast *of, struct judgement *ret)
{
	image = memory;
	judgement = ret;
	cast = of;
	if (results() == OUTCOME_GOOD && positions() == OUTCOME_GOOD && readers() == OUTCOME_GOOD &&
	    sleepers() == OUTCOME_GOOD && leaks() == OUTCOME_GOOD)
		works();
}
