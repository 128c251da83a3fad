/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <string.h>

#include "soak.h"

/* Topics, lossy and reliable: the variant is the flags. */
static const struct shmreg_topic *topics[N_STAGES];	/* the director's */
static uint64_t n_poked[N_STAGES];
static struct shmreg_publisher *pub;
static struct shmreg_subscriber *sub;
static uint64_t next_position;
static bool has_read;
static uint32_t last_seq[LANES];

static struct shmreg_topic_params params_of(const struct stage *stage)
{
	return (struct shmreg_topic_params){ .size = sizeof(struct shmreg_topic_params),
					     .capacity = 32,
					     .message_bytes = sizeof(struct item),
					     .message_align = 8,
					     .publishers = LANES + 1,
					     .flags = stage->variant };
}

void topic_create(const struct stage *stage, struct shmreg_segment *segment)
{
	const struct shmreg_topic_params params = params_of(stage);
	struct shmreg_publisher *p;

	n_poked[stage_number(stage)] = 0;
	must(shmreg_publisher_create(segment, &p, "t", &params));
	must(shmreg_publisher_close(p));
	must(shmreg_topic_open_const(segment, &topics[stage_number(stage)], "t", NULL));
}

static int add_lag(void *data, const struct shmreg_topic_subscriber_info *info)
{
	*(uint64_t *)data += info->lag;
	return 0;
}

bool topic_is_empty(const struct stage *stage)
{
	uint64_t lag = 0;

	must(shmreg_topic_subscribers(topics[stage_number(stage)], add_lag, &lag));
	return lag == 0;
}

void topic_poke(const struct stage *stage, struct shmreg_segment *segment)
{
	const struct item stop = item_make(NO_LANE, 0);
	struct shmreg_publisher *p;
	int r;

	must(shmreg_publisher_open(segment, &p, "t", NULL));
	r = shmreg_publisher_publish(p, &stop, sizeof(stop));
	if (r == 0)
		n_poked[stage_number(stage)]++;
	else if (r != -EAGAIN)
		must(r);
	must(shmreg_publisher_close(p));
}

void topic_open(struct client *c)
{
	const struct shmreg_topic_params params = params_of(c->stage);

	if (c->produces)
		must(shmreg_publisher_open(c->segment, &pub, "t", &params));
	else
		must(shmreg_subscriber_open(c->segment, &sub, "t", &params));
}

void topic_close(struct client *c)
{
	must(c->produces ? shmreg_publisher_close(pub) : shmreg_subscriber_close(sub));
}

void topic_produce(struct client *c)
{
	const uint32_t seq = lane_take(c, 1);
	const struct item item = item_make(c->lane, seq);
	const struct timespec soon = shmreg_deadline(500000);
	void *room = NULL;
	int r;

	if (seq == 0)
		return;
	switch (random_below(&c->random, 4)) {
	case 0:
		must(shmreg_publisher_reserve(pub, &room));
		memcpy(room, &item, sizeof(item));
		sudden_while_held(c);
		must(shmreg_publisher_publish_reserved_wait(pub, sizeof(item), NULL));
		break;
	case 1:
		while ((r = shmreg_publisher_publish_wait(pub, &item, sizeof(item), &soon)) ==
		       -ETIMEDOUT)
			watch_wait(c, &pub->topic.handle, SHMREG_WAIT_SPACE);
		must(r);
		break;
	default:
		must(shmreg_publisher_publish_wait(pub, &item, sizeof(item), NULL));
	}
	lane_certain(c, seq, 1);
	atomic_fetch_add(&c->books->n_waits, 1);
}

static void got(struct client *c, const struct item *item, const struct shmreg_topic_message *m)
{
	const uint64_t mine = (uint64_t)item->lane << 32 | item->seq;
	uint64_t other = 0;

	if (!item_is_good(item) || m->bytes != sizeof(*item))
		complain("%s: a message is torn", c->stage->name);
	if (has_read && next_position + m->n_lost != m->position)
		complain("%s: position %llu, not %llu, and %llu told to be lost", c->stage->name,
			 (unsigned long long)m->position, (unsigned long long)next_position,
			 (unsigned long long)m->n_lost);
	if (m->n_lost > 0 && c->stage->variant == SHMREG_TOPIC_RELIABLE)
		complain("%s: %llu lost", c->stage->name, (unsigned long long)m->n_lost);
	if (m->position >= POSITIONS)
		complain("%s: position %llu", c->stage->name, (unsigned long long)m->position);
	atomic_fetch_add(&c->books->n_told_lost, m->n_lost);
	if (!atomic_compare_exchange_strong(&c->books->at[m->position], &other, mine) &&
	    other != mine)
		complain("%s: two saw different messages at one position", c->stage->name);
	if (item->lane < LANES) {
		if (item->seq <= last_seq[item->lane])
			complain("%s: lane %u went back to %u", c->stage->name, item->lane,
				 item->seq);
		last_seq[item->lane] = item->seq;
	}
	next_position = m->position + 1;
	has_read = true;
	atomic_fetch_add(&c->books->n_ops, 1);
}

void topic_consume(struct client *c)
{
	struct shmreg_topic_message m;
	struct item item;
	const void *lent = NULL;
	int r;

	switch (random_below(&c->random, 4)) {
	case 0:
		must(shmreg_subscriber_peek_wait(sub, &lent, &m, NULL));
		memcpy(&item, lent, sizeof(item));
		sudden_while_held(c);
		r = shmreg_subscriber_consume(sub);
		if (r == 0)
			got(c, &item, &m);
		else if (r != -EPIPE || c->stage->variant == SHMREG_TOPIC_RELIABLE)
			must(r);
		break;
	case 1:
		watch_wait(c, &sub->topic.handle, SHMREG_WAIT_ITEMS);
		/* Fall through. */
	default:
		must(shmreg_subscriber_read_wait(sub, &item, sizeof(item), &m, NULL));
		got(c, &item, &m);
	}
	atomic_fetch_add(&c->books->n_waits, 1);
}

/* Certain messages that are missing between two that subscribers saw in a row. */
static uint64_t gaps(const struct books *b, uint64_t n_published)
{
	uint32_t last[LANES] = { 0 };
	uint64_t missing = 0;

	for (uint64_t i = 0; i < n_published && i < POSITIONS; i++) {
		const uint64_t at = atomic_load(&b->at[i]);
		const uint32_t lane = (uint32_t)(at >> 32), seq = (uint32_t)at;

		if (at == 0)
			memset(last, 0, sizeof(last));
		if (at == 0 || lane >= LANES)
			continue;
		for (uint32_t s = last[lane] + 1; last[lane] && s < seq; s++)
			missing += b->state[lane][s] == CERTAIN;
		last[lane] = seq;
	}
	return missing;
}

void topic_judge(const struct stage *stage, struct books *b, struct row *row)
{
	const struct shmreg_topic *topic = topics[stage_number(stage)];
	struct shmreg_topic_stats stats = { .size = sizeof(stats) };
	uint64_t certain = n_poked[stage_number(stage)], uncertain = 0, u;

	must(shmreg_topic_stat(topic, &stats));
	for (uint32_t lane = 0; lane < LANES; lane++) {
		certain += n_certain(b, lane, &u);
		uncertain += u;
	}
	if (stats.n_published < certain || stats.n_published > certain + uncertain)
		complain("%s: %llu published, not %llu or up to %llu more", stage->name,
			 (unsigned long long)stats.n_published, (unsigned long long)certain,
			 (unsigned long long)uncertain);
	if (stats.n_publishers || stats.n_subscribers)
		complain("%s: %u publishers, %u subscribers are left", stage->name,
			 stats.n_publishers, stats.n_subscribers);
	row->lost += gaps(b, stats.n_published);
	row->repaired += stats.n_settled;
	row->dropped += b->n_told_lost;
	must(shmreg_topic_close(topic));
}
