/* SPDX-License-Identifier: MIT */
#include <config.h>

/* Watches, bells and events: made by the hundred, never read, shut, filled, stuffed. */

#include <check.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "attack.h"
#include "raw-watch.h"

#define TIMES 128
#define BELLS 24
#define SUBSCRIBERS 16

bool enter_arena(struct raw *c, struct raw_segment *s, struct attacker *me)
{
	if (knock(c, me, 0) < 0)
		return false;
	if (raw_attach(c, "arena", SHMREG_ACCESS_WRITE, me->n_rounds + 1) < 0) {
		raw_close(c);
		return false;
	}
	raw_segment_take(s, c);
	return true;
}

void leave_arena(struct raw *c, struct raw_segment *s)
{
	raw_attachment(c, SHMREG_PACKET_DETACH, s->segment, s->participant);
	raw_segment_drop(s);
	raw_close(c);
}

static int watch(struct raw *c, const struct raw_segment *s, struct attacker *me)
{
	const int r = raw_watch(c, s, me->stage->arena_object, SHMREG_WAIT_ITEMS | SHMREG_WAIT_SPACE,
				SHMREG_WATCH_DESCRIPTOR);

	ck_assert_msg(r == 0 || r == -EDQUOT || r == -EUSERS, "%d: %s", r, c->reply.u.error);
	return r;
}

void attack_watches(struct attacker *me)
{
	struct raw_segment s;
	struct raw c;

	if (!enter_arena(&c, &s, me))
		return;
	for (int i = 0; i < TIMES && goes_on(me); i++) {
		/* One in eight is left; its bell is never read, and closed. */
		if (watch(&c, &s, me) == 0 && i % 8)
			ck_assert_int_eq(raw_unwatch(&c, c.reply.u.watch.watch), 0);
		ck_assert_int_eq(raw_notify(&c, &s, me->stage->arena_object, 0, SHMREG_WAIT_ITEMS), 0);
	}
	leave_arena(&c, &s);
}

/* What may be done to the end of another's bell. */
static void abuse(int end, unsigned int how)
{
	static char bytes[4096];

	switch (how % 4) {
	case 0:
		while (send(end, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
			;
		break;
	case 1:
		shutdown(end, SHUT_RDWR);
		break;
	case 2:
		while (send_with_fds(end, bytes, 1, end, 253) == 0)
			;
		break;
	default:
		break;
	}
}

/* Own bells that nobody reads, kept; those of others, the honest client's among them, spoilt. */
void attack_bells(struct attacker *me)
{
	int bells[BELLS], n = 0, r;
	struct raw_segment s;
	struct raw c;
	uint64_t after = 0;

	if (!enter_arena(&c, &s, me))
		return;
	while (n < BELLS && watch(&c, &s, me) == 0) {
		bells[n++] = c.fds[0];
		c.n_fds = 0;
	}
	do {
		r = raw_notify(&c, &s, me->stage->arena_object, after, SHMREG_WAIT_ITEMS);
		ck_assert_msg(r == 0 || r == -ETOOMANYREFS, "%d: %s", r, c.reply.u.error);
		for (int i = 0; i < c.n_fds; i++)
			abuse(c.fds[i], (unsigned int)random_below(&me->dice, 4));
		if (r == 0 && c.reply.u.notify.n > 0)
			after = c.reply.u.notify.watch[c.reply.u.notify.n - 1];
	} while (r == 0 && c.reply.u.notify.more && goes_on(me));
	/* Rung and rung, without a look at the answers. */
	for (int i = 0; i < TIMES && goes_on(me); i++) {
		struct shmreg_request in;

		raw_request(&in, SHMREG_PACKET_NOTIFY);
		in.u.notify.at.segment = s.segment;
		in.u.notify.at.participant = s.participant;
		in.u.notify.object = me->stage->arena_object;
		in.u.notify.events = SHMREG_WAIT_ITEMS;
		throw_packet(&c, &in);
	}
	while (n > 0)
		close(bells[--n]);
	/* With unread answers in it. */
	raw_segment_drop(&s);
	raw_close(&c);
}

/* Nobody reads what happens, while much does. */
void attack_events(struct attacker *me)
{
	struct raw c[SUBSCRIBERS], busy;
	struct shmreg_request in;
	int n, r;

	raw_request(&in, SHMREG_PACKET_SUBSCRIBE);
	for (n = 0; n < SUBSCRIBERS; n++) {
		if (knock(&c[n], me, SHMREG_HELLO_OBSERVER) < 0)
			break;
		r = raw_call(&c[n], &in);
		ck_assert_msg(r == 0 || r == -EDQUOT, "%d: %s", r, c[n].reply.u.error);
	}
	if (knock(&busy, me, 0) == 0) {
		for (int i = 0; i < TIMES && goes_on(me); i++) {
			r = raw_attach(&busy, "victim", SHMREG_ACCESS_READ, (uint64_t)i + 1);
			ck_assert_msg(r == 0 || r == -EDQUOT || r == -ENOSPC, "%d: %s", r,
				      busy.reply.u.error);
			if (r == 0)
				raw_attachment(&busy, SHMREG_PACKET_DETACH,
					       busy.reply.u.attach.segment,
					       busy.reply.u.attach.participant);
		}
		raw_close(&busy);
	}
	while (n > 0)
		raw_close(&c[--n]);
}
