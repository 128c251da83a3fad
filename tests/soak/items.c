/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <string.h>

#include "soak.h"

const char *soak_plant;

struct item item_make(uint32_t lane, uint32_t seq)
{
	struct random_state r = { (uint64_t)lane << 32 | seq };
	struct item item = { .lane = lane, .seq = seq };

	for (int i = 0; i < 3; i++)
		item.check[i] = random_next(&r);
	return item;
}

bool item_is_good(const struct item *item)
{
	const struct item right = item_make(item->lane, item->seq);

	if (memcmp(item, &right, sizeof(right)) != 0)
		return false;
	return item->lane == NO_LANE ||
	       (item->lane < LANES && item->seq > 0 && item->seq <= LANE_MAX);
}

uint32_t lane_take(struct client *c, uint32_t n)
{
	const uint32_t first = atomic_load(&c->books->last[c->lane]) + 1;

	if (first + n > LANE_MAX) {
		nap(1000);
		return 0;
	}
	for (uint32_t i = 0; i < n; i++)
		lane_begin(c->books, c->lane, first + i);
	return first;
}

void lane_begin(struct books *b, uint32_t lane, uint32_t seq)
{
	if (b->state[lane][seq] == 0)
		b->state[lane][seq] = INTENDED;
	/* Behind the state: what follows may be seen by others. */
	atomic_store(&b->last[lane], seq);
}

void lane_certain(struct client *c, uint32_t seq, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		c->books->state[c->lane][seq + i] = CERTAIN;
	atomic_fetch_add(&c->books->n_ops, n);
}

void item_seen(struct client *c, const struct item *item)
{
	if (!item_is_good(item))
		complain("%s: an item is torn: lane %u number %u", c->stage->name, item->lane,
			 item->seq);
	atomic_fetch_add(&c->books->n_ops, 1);
	/* Planted, for the test of this test: some are not noted, or twice. */
	if (item->lane != NO_LANE && (!soak_plant || item->seq % 50))
		atomic_fetch_add(&c->books->seen[item->lane][item->seq], 1);
	else if (item->lane != NO_LANE && strcmp(soak_plant, "twice") == 0)
		atomic_fetch_add(&c->books->seen[item->lane][item->seq], 2);
}

void hands_begin(struct client *c, enum doing doing)
{
	memset(c->me->hand, 0, sizeof(c->me->hand));
	atomic_store(&c->me->doing, doing);
}

void hands_end(struct client *c)
{
	atomic_store(&c->me->doing, DOING_NOTHING);
}

void hands_reckon(struct books *b, struct worker *w)
{
	const uint32_t doing = atomic_load(&w->doing);
	uint32_t n = 0;

	for (int i = 0; doing != DOING_NOTHING && i < HAND; i++) {
		const struct item *item = &w->hand[i];

		if (!item_is_good(item) || item->lane == NO_LANE)
			continue;
		n++;
		if (doing == DOING_LEASE)
			b->may_repeat[item->lane][item->seq]++;
		else
			b->may_lack[item->lane][item->seq] = 1;
	}
	if (doing == DOING_RECEIVE && n == 0)
		b->n_unknown++;
	atomic_store(&w->doing, DOING_NOTHING);
}

uint64_t judge_items(struct books *b, uint64_t n_excused)
{
	uint64_t lack = 0, wrong = 0;

	for (uint32_t lane = 0; lane < LANES; lane++)
		for (uint32_t seq = 1; seq <= atomic_load(&b->last[lane]); seq++) {
			const uint32_t seen = atomic_load(&b->seen[lane][seq]);

			if (seen == 0)
				lack += b->state[lane][seq] == CERTAIN && !b->may_lack[lane][seq];
			else
				b->n_repeated += seen - 1;
			if (seen > 1u + b->may_repeat[lane][seq]) {
				complain("lane %u number %u was handed out %u times", lane, seq,
					 seen);
				wrong++;
			}
		}
	return wrong + (lack > n_excused ? lack - n_excused : 0);
}

uint64_t n_certain(const struct books *b, uint32_t lane, uint64_t *ret_uncertain)
{
	uint64_t n = 0, uncertain = 0;

	for (uint32_t seq = 1; seq <= atomic_load(&b->last[lane]); seq++) {
		n += b->state[lane][seq] == CERTAIN;
		uncertain += b->state[lane][seq] == INTENDED;
	}
	*ret_uncertain = uncertain;
	return n;
}
