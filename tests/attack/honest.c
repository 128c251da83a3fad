/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "honest.h"
#include "raw-watch.h"

struct honest {
	struct stage *stage;
	struct samples *samples;
	struct raw c;
	struct raw_segment victim, arena;
	int bell;
	uint64_t bell_id;
};

static double now_usec(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static void note(struct honest *h, double since)
{
	const uint32_t n = atomic_load(&h->samples->n);

	if (n < SAMPLES_MAX) {
		h->samples->usec[n] = (uint32_t)(now_usec() - since);
		atomic_store(&h->samples->n, n + 1);
	}
	atomic_fetch_add(&h->stage->n_answers, 1);
}

static void call(struct honest *h, struct shmreg_request *in)
{
	const double since = now_usec();
	const int r = raw_call(&h->c, in);

	ck_assert_msg(r == 0, "the honest client's request %u: %d %s", in->header.type, r,
		      h->c.reply.u.error);
	note(h, since);
}

static void create(struct honest *h, const char *name, uint32_t mode, uint64_t nonce)
{
	struct shmreg_request in;

	raw_request(&in, SHMREG_PACKET_CREATE);
	snprintf(in.u.create.name, sizeof(in.u.create.name), "%s", name);
	in.u.create.nonce = nonce;
	in.u.create.data_bytes = 65536;
	in.u.create.mode = mode;
	in.u.create.max_participants = 1024;
	in.u.create.n_seats = 2;
	call(h, &in);
}

static void begin(struct honest *h)
{
	struct stage *stage = h->stage;

	raw_open(&h->c, stage->path);
	create(h, "private", 0600, PRIVATE_NONCE);
	create(h, "victim", 0644, 2);
	raw_segment_take(&h->victim, &h->c);
	stage->victim = (struct shmreg_attachment){ .segment = h->victim.segment,
						    .participant = h->victim.participant };
	stage->victim_object = raw_object(&h->c, &h->victim, "queue", SHMREG_KIND_QUEUE);
	close(raw_bell(&h->c, &h->victim, stage->victim_object, SHMREG_WAIT_ITEMS,
		       &stage->victim_watch));
	create(h, "arena", 0666, 3);
	raw_segment_take(&h->arena, &h->c);
	stage->arena_object = raw_object(&h->c, &h->arena, "queue", SHMREG_KIND_QUEUE);
	h->bell = raw_bell(&h->c, &h->arena, stage->arena_object, SHMREG_WAIT_ITEMS, &h->bell_id);
}

/* Those that no other process of the same uid can spoil by using up a quota. */
static void ask(struct honest *h, unsigned int i)
{
	struct shmreg_request in;

	switch (i % 3) {
	case 0:
		raw_request(&in, SHMREG_PACKET_LIST);
		break;
	case 1:
		raw_request(&in, SHMREG_PACKET_DESCRIBE);
		snprintf(in.u.target.name, sizeof(in.u.target.name), "victim");
		break;
	default:
		raw_request(&in, SHMREG_PACKET_STATS);
		in.u.stats.uid = UINT32_MAX;
		break;
	}
	call(h, &in);
}

static void ask_for_more(struct honest *h, unsigned int i)
{
	struct shmreg_request in;
	struct raw fresh;
	double since;

	raw_request(&in, SHMREG_PACKET_OPEN);
	snprintf(in.u.open.name, sizeof(in.u.open.name), "private");
	in.u.open.nonce = 1000 + i;
	in.u.open.access = SHMREG_ACCESS_READ;
	call(h, &in);
	raw_request(&in, SHMREG_PACKET_DETACH);
	in.u.attachment.segment = h->c.reply.u.attach.segment;
	in.u.attachment.participant = h->c.reply.u.attach.participant;
	call(h, &in);
	/* Nobody attaches: else it would wait for a repair, and its quota with it. */
	raw_request(&in, SHMREG_PACKET_CREATE);
	snprintf(in.u.create.name, sizeof(in.u.create.name), "short-lived");
	in.u.create.nonce = 1000000 + i;
	in.u.create.data_bytes = 4096;
	in.u.create.mode = 0600;
	in.u.create.flags = SHMREG_CREATE_DETACHED;
	in.u.create.lifetime = SHMREG_UNTIL_REMOVED;
	call(h, &in);
	raw_request(&in, SHMREG_PACKET_REMOVE);
	in.u.target.segment = h->c.reply.u.attach.segment;
	call(h, &in);
	since = now_usec();
	raw_connect(&fresh, h->stage->path);
	ck_assert_msg(raw_hello(&fresh, 0) == 0, "%s", fresh.reply.u.error);
	note(h, since);
	raw_close(&fresh);
}

/* What a bell is worth when others may write to it: its reader is never made to wait. */
static void look_at_bell(struct honest *h)
{
	char bytes[256];
	const ssize_t n = recv(h->bell, bytes, sizeof(bytes), MSG_DONTWAIT);

	ck_assert(n >= 0 || errno == EAGAIN);
	if (n != 0)
		return;
	/* Shut by somebody: watch anew. */
	close(h->bell);
	ck_assert_int_eq(raw_unwatch(&h->c, h->bell_id), 0);
	h->bell = raw_bell(&h->c, &h->arena, h->stage->arena_object, SHMREG_WAIT_ITEMS,
			   &h->bell_id);
}

static void run(const struct mouth *mouth, void *arg)
{
	struct honest *h = arg;

	begin(h);
	tell(mouth, 1);
	for (unsigned int i = 0; !atomic_load(&h->stage->honest_stop); i++) {
		ask(h, i);
		if (h->stage->apart && i % 8 == 0)
			ask_for_more(h, i);
		if (h->stage->apart)
			look_at_bell(h);
	}
	close(h->bell);
	raw_segment_drop(&h->victim);
	raw_segment_drop(&h->arena);
	raw_close(&h->c);
	hear(mouth);
}

void honest_start(struct process *p, const struct identity *who, struct stage *stage,
		  struct samples *samples)
{
	struct honest h = { .stage = stage, .samples = samples };

	process_start_as(p, who, run, &h);
}

static int compare(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

void samples_sort(struct samples *s)
{
	qsort(s->usec, s->n, sizeof(s->usec[0]), compare);
}

double samples_at(const struct samples *s, double share)
{
	return s->n ? s->usec[(size_t)(share * (s->n - 1))] : 0;
}
