/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "topic-plain.h"
#include "topic-repair.h"
#include "torture.h"
#include "waiter.h"

/*
 * Processes that publish and subscribe at random while the parent kills and stops them, repairs,
 * and gives their roles and seats to new ones; also the repair is killed. Each message has a
 * publisher, a number and a checksum. Outside of the topic is written down which message each
 * position has, by all who read it: they must agree, no message may be at two positions,
 * and the numbers of a publisher rise with the positions. In the end
 *
 *	positions = messages that publish() returned for + those that the killed had in hand and
 *		that were published, at most one each
 *
 * and every chunk is in one place. Losses that a subscriber is told fit together with positions;
 * of a reliable topic there are none. While one publisher is stopped, the others publish laps.
 *
 * In some runs they wait, for ever: then the parent does what the daemon does after a death, and
 * wakes all. Who is not woken otherwise stays asleep, and nothing is published any more. In the
 * end signals get them out.
 *
 * $SHMREG_TEST_SEED, printed, and $SHMREG_TEST_SCALE, a factor for the number of kills.
 */

#define PUBLISHERS 3
#define SUBSCRIBERS 3
#define N (PUBLISHERS + SUBSCRIBERS)
#define POSITIONS (UINT64_C(1) << 22)	/* written down; nobody publishes beyond */
#define SEAT(w) (1 + 800 * (uint32_t)(w))

enum mode { KILL = 1, RELIABLE = 2, EVICT = 4, ONE = 8, WAIT = 16 };

/* @call, or the same that waits. */
#define CALL(call, ...) (mode & WAIT ? call##_wait(__VA_ARGS__, NULL) : call(__VA_ARGS__))

/* Large, so that a kill finds many of them half copied. */
struct item {
	uint64_t publisher, n;
	uint64_t fill[508];
	uint64_t check;
};

/* Written by one publisher at a time, read by its successor and the parent. */
struct account {
	SHMREG_ALIGNAS(128) uint64_t next;	/* first number that was not begun */
	uint64_t sure;				/* messages for which publish() returned 0 */
	uint64_t in_hand;			/* publishing, or told of it and not yet entered */
	uint64_t n_read, n_lost, n_evicted;	/* a subscriber's */
};

struct oracle {
	struct account account[N];
	uint64_t stop, n_wrong;
	char what[200];
	uint64_t message[POSITIONS];	/* publisher and number, plus 1; 0: nobody has read it */
};

static struct oracle *o;
static struct shmreg_shape shape;
static void *base;
static uint64_t start;
static int mode;

static void wrong(const char *what, uint64_t number)
{
	if (shmreg_fetch_add_relaxed(&o->n_wrong, 1) == 0)
		snprintf(o->what, sizeof(o->what), "%s, number %llu", what,
			 (unsigned long long)number);
}

static void fill(struct item *item, uint64_t publisher, uint64_t n)
{
	item->publisher = publisher;
	item->n = n;
	item->fill[0] = item->fill[250] = item->fill[507] = ~n;
	item->check = mix(publisher, n);
}

static void enter(const struct item *item, const struct shmreg_topic_message *m)
{
	const uint64_t i = m->position - start, id = item->publisher << 40 | (item->n + 1);
	uint64_t was = 0;

	if (m->bytes != sizeof(*item) || item->publisher != m->publisher ||
	    item->publisher >= PUBLISHERS || item->check != mix(item->publisher, item->n) ||
	    item->fill[0] != ~item->n || item->fill[250] != ~item->n || item->fill[507] != ~item->n) {
		wrong("torn", m->position);
		return;
	}
	if (i >= POSITIONS)
		wrong("a position that there is not", m->position);
	else if (!shmreg_cas_acq_rel(&o->message[i], &was, id) && was != id)
		wrong("two messages at a position", m->position);
}

static bool used_up(const struct shmreg_topic *t)
{
	return shmreg_load_relaxed(&shmreg_topic_shm_(t)->tail) - start > POSITIONS / 16 * 15;
}

static void publish_some(uint32_t me, struct random_state *r)
{
	struct account *a = &o->account[me];
	struct shmreg_publisher pub;
	struct item *place, item;
	unsigned int n = 0;
	void *p;
	int got;

	if (publisher_bind(&pub, base, &shape, SEAT(me), NULL, me) < 0) {
		wrong("a role that is not free", me);
		_exit(0);
	}
	pub.topic.handle.wait_flags = SHMREG_WAIT_INTERRUPTIBLE;
	while (!shmreg_load_acquire(&o->stop) && random_below(r, 32768) != 0) {
		if (used_up(&pub.topic)) {
			sched_yield();
			continue;
		}
		if (random_below(r, 4) == 0) {
			if (shmreg_publisher_reserve(&pub, &p) < 0) {
				wrong("reserve", 0);
				break;
			}
			place = p;
			fill(place, me, a->next);
			shmreg_store_release(&a->in_hand, 1);
			got = CALL(shmreg_publisher_publish_reserved, &pub, sizeof(*place));
		} else {
			fill(&item, me, a->next);
			shmreg_store_release(&a->in_hand, 1);
			got = CALL(shmreg_publisher_publish, &pub, &item, sizeof(item));
		}
		if (got == 0) {
			shmreg_store_release(&a->sure, a->sure + 1);
			shmreg_store_release(&a->next, a->next + 1);
		} else if (got != -EBUSY && !(got == (mode & WAIT ? -EINTR : -EAGAIN) &&
					      (mode & RELIABLE))) {
			wrong("publish", (uint64_t)-got);
		}
		shmreg_store_release(&a->in_hand, 0);
		/* Not after each: one who yields is never found half-way. */
		if ((++n & (got < 0 ? 255 : 2047)) == 0)
			sched_yield();
	}
	publisher_leave(&pub);
}

static void read_some(uint32_t me, struct random_state *r)
{
	struct account *a = &o->account[me];
	struct shmreg_subscriber sub;
	struct shmreg_topic_message m;
	const void *place;
	unsigned int n = 0;
	struct item item;
	uint64_t next;
	int got;

	/* One only looks, where that is possible. */
	got = subscriber_bind(&sub, base, &shape, me == PUBLISHERS && !(mode & RELIABLE) ? 0 : SEAT(me),
			      NULL, mode & RELIABLE ? 0 : random_below(r, 4));
	if (got < 0) {
		wrong("joining", (uint64_t)-got);
		_exit(0);
	}
	sub.topic.handle.wait_flags = SHMREG_WAIT_INTERRUPTIBLE;
	next = sub.next;
	while (!shmreg_load_acquire(&o->stop) && random_below(r, 32768) != 0) {
		if (random_below(r, 4) == 0) {
			got = CALL(shmreg_subscriber_peek, &sub, &place, &m);
			if (got == 0) {
				memcpy(&item, place, sizeof(item));
				got = shmreg_subscriber_consume(&sub);
			}
			if (got == -EPIPE)
				continue;
		} else {
			got = CALL(shmreg_subscriber_read, &sub, &item, sizeof(item), &m);
		}
		if (got == (mode & WAIT ? -EINTR : -EAGAIN) || got == -EBUSY) {
			if ((++n & 63) == 0)
				sched_yield();
			continue;
		}
		if (got < 0) {
			wrong("read", (uint64_t)-got);
			break;
		}
		if (m.first_lost != next || m.position != next + m.n_lost)
			wrong("losses do not fit", m.position);
		if (m.n_lost > 0 && (mode & RELIABLE) && !(mode & EVICT))
			wrong("lost, of a reliable topic", m.position);
		next = m.position + 1;
		/* What was there before it all began is empty. */
		if (m.position - start < POSITIONS || m.bytes != 0)
			enter(&item, &m);
		a->n_read++;
		a->n_lost += m.n_lost;
		a->n_evicted += m.flags & SHMREG_TOPIC_WAS_EVICTED;
	}
	subscriber_leave(&sub);
}

static pid_t spawn(uint32_t me, uint64_t incarnation)
{
	struct random_state r = { mix(seed, incarnation * N + me) };
	const pid_t pid = torture_fork();

	if (pid > 0)
		return pid;
	while (!shmreg_load_acquire(&o->stop)) {
		if (me < PUBLISHERS)
			publish_some(me, &r);
		else
			read_some(me, &r);
	}
	_exit(0);
}

/* One that found something wrong has ended by itself. */
static void killed(pid_t pid)
{
	const int status = torture_end(pid);

	ck_assert(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : status == 0);
}

static void repair_again(const void *dead)
{
	struct shmreg_reaper_report report;

	topic_repair(&shape, base, dead, &report);
}

/* What the daemon does by the death word, once the death was repaired. */
static void wake_all(void)
{
	struct shmreg_topic t = { .mask = 0 };

	topic_bind(&t, base, &shape, 0, NULL);
	shmreg_wake_slow(&t.handle, offsetof(struct shmreg_topic_shm, message), SHMREG_WAKE_ALL);
	shmreg_wake_slow(&t.handle, offsetof(struct shmreg_topic_shm, space), SHMREG_WAKE_ALL);
}

/* Now and then by a process that is killed in the act. */
static void repair(const uint64_t dead[64], struct random_state *r)
{
	struct shmreg_reaper_report report;

	torture_interrupt(r, 4, 10, repair_again, dead);
	ck_assert_int_eq(topic_repair(&shape, base, dead, &report), 0);
	ck_assert_uint_eq(report.n_gave_up, 0);
	if (mode & WAIT)
		wake_all();
}

static uint64_t newest(void)
{
	struct shmreg_topic t = { .mask = 0 };
	uint64_t p;

	topic_bind(&t, base, &shape, 0, NULL);
	ck_assert_int_eq(shmreg_topic_newest(&t, &p), 0);
	return p - start;
}

static bool is_published(uint64_t n)
{
	if (newest() >= n || newest() >= POSITIONS / 16 * 15)
		return true;
	ck_assert_msg(shmreg_load_relaxed(&o->n_wrong) == 0, "%s", o->what);
	return false;
}

/* Until messages are published, laps of them. */
static void await_progress(uint64_t n)
{
	torture_await(is_published, newest() + n, "nothing is published");
}

/* Where it sleeps, it is told to look up. */
static bool has_ended(uint64_t pid)
{
	siginfo_t info = { .si_pid = 0 };

	ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT), 0);
	if (info.si_pid == 0 && (mode & WAIT))
		kill((pid_t)pid, SIGUSR1);
	return info.si_pid != 0;
}

static uint32_t n_publishers(void)
{
	return shape.param[0];
}

/* Return: publications that were in the hands of the dead. */
static uint64_t torment(uint64_t kills, struct random_state *r)
{
	uint64_t incarnation = 0, i, dead[64], in_doubt = 0;
	uint32_t w, n, stopped;
	bool gone[N];
	pid_t pid[N] = { 0 };

	for (w = 0; w < N; w++)
		if (w >= PUBLISHERS || w < n_publishers())
			pid[w] = spawn(w, 0);
	for (i = 0; i < kills && newest() < POSITIONS / 16 * 15; i++) {
		const struct timespec pause = { 0, (long)random_below(r, 1000000) };

		nanosleep(&pause, NULL);
		memset(gone, 0, sizeof(gone));
		memset(dead, 0, sizeof(dead));
		/* A stopped publisher holds up nobody, a subscriber only if the topic is reliable. */
		stopped = (uint32_t)random_below(r, 2 * N);
		if (stopped < N && pid[stopped] > 0)
			kill(pid[stopped], SIGSTOP);
		else
			stopped = N;
		for (n = mode & KILL ? 1 + (uint32_t)random_below(r, 3) : 0; n > 0; n--) {
			w = (uint32_t)random_below(r, N);
			if (pid[w] == 0 || gone[w] || w == stopped)
				continue;
			killed(pid[w]);
			gone[w] = true;
			dead[SEAT(w) / 64] |= UINT64_C(1) << SEAT(w) % 64;
		}
		repair(dead, r);
		incarnation++;
		for (w = 0; w < N; w++) {
			if (!gone[w])
				continue;
			if (o->account[w].in_hand) {
				in_doubt++;
				o->account[w].in_hand = 0;
				o->account[w].next++;
			}
			pid[w] = spawn(w, incarnation);
		}
		if (stopped < N && i % 4 == 0 && (stopped < PUBLISHERS || !(mode & RELIABLE)) &&
		    n_publishers() > 1)
			await_progress(3 * shape.capacity);
		if (stopped < N)
			kill(pid[stopped], SIGCONT);
		if (i % 16 == 0)
			await_progress(1);
	}
	shmreg_store_release(&o->stop, 1);
	for (w = 0; w < N; w++)
		if (pid[w] != 0) {
			torture_await(has_ended, (uint64_t)pid[w], "somebody does not end");
			torture_wait(pid[w]);
		}
	return in_doubt;
}

static void audit(uint64_t in_doubt, uint64_t kills)
{
	uint64_t last[PUBLISHERS] = { 0 }, sure = 0, n_read = 0, n_lost = 0, n_evicted = 0, seen = 0;
	const uint64_t n = newest();
	uint64_t i, number;
	uint32_t w;

	ck_assert_msg(o->n_wrong == 0, "%s", o->what);
	for (w = 0; w < N; w++) {
		sure += o->account[w].sure;
		n_read += o->account[w].n_read;
		n_lost += o->account[w].n_lost;
		n_evicted += o->account[w].n_evicted;
	}
	for (i = 0; i < n && i < POSITIONS; i++) {
		if (o->message[i] == 0)
			continue;
		w = (uint32_t)(o->message[i] >> 40);
		number = o->message[i] & ((UINT64_C(1) << 40) - 1);
		/* Not an assertion each: Check keeps an account of all that hold. */
		if (number <= last[w])
			ck_abort_msg("publisher %u: message %llu at position %llu, behind %llu", w,
				     (unsigned long long)number, (unsigned long long)i,
				     (unsigned long long)last[w]);
		last[w] = number;
		seen++;
	}
	printf("%llu kills, %llu positions, %llu surely published, %llu in doubt, %llu settled; "
	       "%llu read, %llu lost, %llu evicted, %llu positions seen\n",
	       (unsigned long long)kills, (unsigned long long)n, (unsigned long long)sure,
	       (unsigned long long)in_doubt,
	       (unsigned long long)((struct shmreg_topic_shm *)base)->n_settled,
	       (unsigned long long)n_read, (unsigned long long)n_lost,
	       (unsigned long long)n_evicted, (unsigned long long)seen);
	ck_assert_uint_ge(n, sure);
	ck_assert_uint_le(n, sure + in_doubt);
	ck_assert_uint_gt(seen, 0);
	ck_assert(topic_is_whole(base, &shape));
	ck_assert_msg(topic_is_left(base, &shape), "a role or a cursor is taken by nobody");
}

static const struct {
	int mode;
	uint64_t capacity, start, kills;
} runs[] = {
	{ 0, 2, (UINT64_C(1) << 41) - 1000, 20 },
	{ KILL, 4, (UINT64_C(1) << 42) - 1000, 100 },
	{ KILL, 2, (UINT64_C(1) << 41) - 1000, 100 },
	{ KILL | ONE, 4, (UINT64_C(1) << 42) - 1000, 80 },
	{ KILL | RELIABLE, 8, (UINT64_C(1) << 48) - 1000, 100 },
	{ KILL | RELIABLE | ONE, 2, (UINT64_C(1) << 48) - 1000, 60 },
	{ KILL | RELIABLE | EVICT, 8, (UINT64_C(1) << 43) - 1000, 100 },
	{ KILL | WAIT, 4, (UINT64_C(1) << 42) - 1000, 80 },
	{ KILL | WAIT | ONE, 4, (UINT64_C(1) << 42) - 1000, 60 },
	{ KILL | WAIT | RELIABLE, 2, (UINT64_C(1) << 48) - 1000, 80 },
	{ KILL | WAIT | RELIABLE | ONE, 4, (UINT64_C(1) << 48) - 1000, 60 },
	{ KILL | WAIT | RELIABLE | EVICT, 8, (UINT64_C(1) << 43) - 1000, 60 },
};

static void on_signal(int signal)
{
	(void)signal;
}

START_TEST(torture)
{
	const struct sigaction action = { .sa_handler = on_signal };
	const uint64_t kills = torture_scaled(runs[_i].kills);
	struct random_state r;
	uint64_t in_doubt;

	ck_assert_int_eq(sigaction(SIGUSR1, &action, NULL), 0);
	ck_assert_int_eq(waiter_register(), 0);
	torture_begin(&r, (uint64_t)_i);
	mode = runs[_i].mode;
	start = runs[_i].start;
	shape = topic_shape(runs[_i].capacity, sizeof(struct item), 8,
			    mode & RELIABLE ? SHMREG_TOPIC_RELIABLE : 0, mode & ONE ? 1 : PUBLISHERS,
			    SUBSCRIBERS, mode & EVICT ? 5 : 0);
	base = plain_map(&shape);
	ck_assert_ptr_nonnull(base);
	o = torture_map(sizeof(*o));
	topic_seed(base, &shape, start, (UINT64_C(1) << 40) - 1000);
	in_doubt = torment(kills, &r);
	audit(in_doubt, kills);
	munmap(o, sizeof(*o));
	plain_unmap(base, &shape);
}
END_TEST

int main(void)
{
	return RUN_LOOP("topic-torture", torture, runs);
}
