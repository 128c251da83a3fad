/* SPDX-License-Identifier: MIT */
#include <config.h>

#include "watch-fixture.h"

struct harness h;

struct raw c;
struct raw_segment s;
uint64_t queue, cell;

void watch_setup(const char *const *options)
{
	harness_start(&h, options);
	raw_open(&c, h.socket_path);
	ck_assert_int_eq(raw_create(&c, "s", 1, 0), 0);
	raw_segment_take(&s, &c);
	queue = raw_object(&c, &s, "queue", SHMREG_KIND_QUEUE);
	cell = raw_object(&c, &s, "cell", SHMREG_KIND_CELL);
}

void watch_teardown(void)
{
	raw_segment_drop(&s);
	ck_assert_int_eq(raw_attachment(&c, SHMREG_PACKET_DETACH, s.segment, s.participant), 0);
	raw_close(&c);
	harness_stop(&h);
}

uint64_t n_watches(void)
{
	struct shmreg_request in;
	struct raw o;

	raw_connect(&o, h.socket_path);
	ck_assert_int_eq(raw_hello(&o, SHMREG_HELLO_OBSERVER), 0);
	raw_request(&in, SHMREG_PACKET_STATS);
	in.u.stats.uid = UINT32_MAX;
	ck_assert_int_eq(raw_call(&o, &in), 0);
	raw_close(&o);
	return o.reply.u.stats.usage[SHMREG_RESOURCE_SUBSCRIPTIONS].used;
}

static bool has_watches(void *n)
{
	return n_watches() == *(const uint64_t *)n;
}

void await_watches(uint64_t n)
{
	harness_wait(has_watches, &n, "the watches to be as many as they should");
}

void open_again(struct raw_segment *ret, uint32_t access)
{
	static uint64_t nonce = 1000;

	ck_assert_int_eq(raw_attach(&c, "s", access, ++nonce), 0);
	raw_segment_take(ret, &c);
}

void detach(struct raw_segment *t)
{
	ck_assert_int_eq(raw_attachment(&c, SHMREG_PACKET_DETACH, t->segment, t->participant), 0);
	raw_segment_drop(t);
}
