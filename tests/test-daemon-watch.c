/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * WATCH, UNWATCH and NOTIFY: what is refused, what NOTIFY rings and hands out, how the
 * generation moves, and the words of those who cannot write.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "watch-fixture.h"

static void setup(void)
{
	watch_setup(NULL);
}

#define refused(call, error, text)                                                                 \
	do {                                                                                       \
		ck_assert_int_eq(call, error);                                                     \
		ck_assert_int_eq(c.n_fds, 0);                                                      \
		raw_says(&c, text);                                                                \
	} while (0)

START_TEST(refusals)
{
	const uint64_t array = raw_object(&c, &s, "array", SHMREG_KIND_ARRAY);
	const uint64_t gone = raw_object(&c, &s, "gone", SHMREG_KIND_QUEUE);
	struct raw_segment other, reader;
	struct raw early;

	ck_assert_int_eq(raw_remove_object(&c, &s, gone), 0);
	refused(raw_watch(&c, &s, 99, BOTH, BELL), -ENOENT, "has no object 99");
	refused(raw_watch(&c, &s, gone, BOTH, BELL), -ESTALE, "was removed");
	refused(raw_watch(&c, &s, cell, BOTH, BELL), -EINVAL, "\"cell\" is cell");
	refused(raw_watch(&c, &s, cell, SHMREG_WAIT_SPACE, BELL), -EINVAL, "SHMREG_WAIT_SPACE");
	refused(raw_watch(&c, &s, array, SHMREG_WAIT_ITEMS, BELL), -EINVAL, "SHMREG_WAIT_ITEMS");
	refused(raw_watch(&c, &s, queue, BOTH, 0), -EINVAL, "asks for a DESCRIPTOR only");
	refused(raw_watch(&c, &s, queue, 4, BELL), -EINVAL, "ITEMS, SPACE or both");
	refused(raw_notify(&c, &s, 99, 0, 0), -ENOENT, "has no object 99");
	refused(raw_notify(&c, &s, cell, 0, SHMREG_WAIT_SPACE), -EINVAL, "SHMREG_WAIT_SPACE");
	refused(raw_unwatch(&c, 1), -ENOENT, "no watch 1");

	open_again(&other, SHMREG_ACCESS_WRITE);
	detach(&other);
	refused(raw_watch(&c, &other, queue, BOTH, BELL), -ESTALE, "attach anew");
	refused(raw_notify(&c, &other, queue, 0, 0), -ESTALE, "attach anew");
	open_again(&reader, SHMREG_ACCESS_READ);
	refused(raw_notify(&c, &reader, queue, 0, 0), -EROFS, "read-only");
	detach(&reader);
	ck_assert_uint_eq(n_watches(), 0);
	ck_assert_uint_eq(raw_entry(&s, queue)->watch_generation, 0);
	ck_assert_uint_eq(raw_entry(&s, queue)->watch_events, 0);

	raw_connect(&early, h.socket_path);
	ck_assert_int_eq(raw_watch(&early, &s, queue, BOTH, BELL), -EPROTO);
	raw_says(&early, "HELLO");
	raw_close(&early);
}
END_TEST

static uid_t own_uid;

static void speak_for_it(const struct mouth *mouth, void *arg)
{
	const uint32_t *flags = arg;
	struct raw other;

	(void)mouth;
	raw_connect(&other, h.socket_path);
	ck_assert_int_eq(raw_hello(&other, *flags), 0);
	if (!(*flags & SHMREG_HELLO_OBSERVER))
		raw_map_token(&other);
	/* Who may not read the segment is not told either that it has such a participant. */
	if (geteuid() == own_uid) {
		ck_assert_int_eq(raw_watch(&other, &s, queue, BOTH, BELL), -EPERM);
		raw_says(&other, "another process");
		ck_assert_int_eq(raw_notify(&other, &s, queue, 0, BOTH), -EPERM);
		raw_says(&other, "another process");
	} else {
		ck_assert_int_eq(raw_watch(&other, &s, queue, BOTH, BELL), -ESTALE);
		ck_assert_int_eq(raw_notify(&other, &s, queue, 0, BOTH), -ESTALE);
	}
	raw_close(&other);
}

/* Neither another process nor another user, be it as an observer. */
START_TEST(others_may_not)
{
	const struct identity anna = { .uid = 20001, .gid = 20001 };
	uint32_t flags[] = { 0, SHMREG_HELLO_OBSERVER };
	struct process p;

	own_uid = geteuid();
	for (int i = 0; i < 2; i++) {
		process_start(&p, speak_for_it, &flags[i]);
		process_finish(&p);
		if (geteuid() != 0)
			continue;
		process_start_as(&p, &anna, speak_for_it, &flags[i]);
		process_finish(&p);
	}
	ck_assert_uint_eq(n_watches(), 0);
}
END_TEST

/* One byte at first, one for each NOTIFY of what it waits for. */
START_TEST(rings)
{
	const int items = raw_bell(&c, &s, queue, SHMREG_WAIT_ITEMS, NULL);
	const int space = raw_bell(&c, &s, queue, SHMREG_WAIT_SPACE, NULL);
	const int change = raw_bell(&c, &s, cell, SHMREG_WAIT_ITEMS, NULL);

	ck_assert_int_eq(bell_drain(items), 1);
	ck_assert_int_eq(bell_drain(space), 1);
	ck_assert_int_eq(bell_drain(change), 1);
	ck_assert(!bell_rings(items));

	ck_assert_int_eq(raw_notify(&c, &s, queue, 0, SHMREG_WAIT_ITEMS), 0);
	ck_assert_int_eq(bell_drain(items), 1);
	ck_assert(!bell_rings(space) && !bell_rings(change));
	ck_assert_int_eq(raw_notify(&c, &s, queue, 0, BOTH), 0);
	ck_assert_int_eq(bell_drain(items), 1);
	ck_assert_int_eq(bell_drain(space), 1);
	ck_assert_int_eq(raw_notify(&c, &s, queue, 0, 0), 0);
	ck_assert_int_eq(raw_notify(&c, &s, cell, 0, SHMREG_WAIT_ITEMS), 0);
	ck_assert(!bell_rings(items) && !bell_rings(space));
	ck_assert_int_eq(bell_drain(change), 1);
	close(items), close(space), close(change);
}
END_TEST

/* NOTIFY's other ends: whose, in which order, in how many answers; and they ring. */
START_TEST(hands_out)
{
	enum { N = 2 * SHMREG_NOTIFY_MAX + 1 };
	const struct shmreg_notify_reply *r = &c.reply.u.notify;
	int bell[N], stranger, seen = 0;
	uint64_t id[N], after = 0;
	struct stat st;

	stranger = raw_bell(&c, &s, cell, SHMREG_WAIT_ITEMS, NULL);
	ck_assert_int_eq(raw_notify(&c, &s, queue, 0, 0), 0);
	ck_assert_uint_eq(r->n, 0);
	ck_assert_uint_eq(r->more, 0);
	for (int i = 0; i < N; i++) {
		bell[i] = raw_bell(&c, &s, queue, i % 2 ? BOTH : SHMREG_WAIT_ITEMS, &id[i]);
		ck_assert_int_eq(bell_drain(bell[i]), 1);
	}
	for (int round = 0; round < 3; round++) {
		ck_assert_int_eq(raw_notify(&c, &s, queue, after, 0), 0);
		ck_assert_uint_eq(r->generation, raw_entry(&s, queue)->watch_generation);
		ck_assert_uint_eq(r->n, round < 2 ? SHMREG_NOTIFY_MAX : 1);
		ck_assert_uint_eq(r->more, round < 2);
		for (uint32_t i = 0; i < r->n; i++, seen++) {
			ck_assert_uint_eq(r->watch[i], id[seen]);
			ck_assert_uint_eq(r->events[i], seen % 2 ? BOTH : SHMREG_WAIT_ITEMS);
			ck_assert_int_eq(fstat(c.fds[i], &st), 0);
			ck_assert(S_ISSOCK(st.st_mode));
			ck_assert_int_eq(send(c.fds[i], "", 1, MSG_DONTWAIT | MSG_NOSIGNAL), 1);
			ck_assert_int_eq(bell_drain(bell[seen]), 1);
			after = r->watch[i];
		}
	}
	ck_assert_int_eq(raw_notify(&c, &s, queue, after, 0), 0);
	ck_assert_uint_eq(r->n, 0);
	/* The end of some, by hand. */
	for (int i = 0; i < N; i += 2)
		ck_assert_int_eq(raw_unwatch(&c, id[i]), 0);
	ck_assert_int_eq(raw_notify(&c, &s, queue, 0, 0), 0);
	ck_assert_uint_eq(r->n, SHMREG_NOTIFY_MAX);
	ck_assert_uint_eq(r->more, 0);
	for (uint32_t i = 0; i < r->n; i++)
		ck_assert_uint_eq(r->watch[i], id[2 * i + 1]);
	for (int i = 0; i < N; i++)
		close(bell[i]);
	close(stranger);
}
END_TEST

static bool is_repaired(void *unused)
{
	(void)unused;
	return shmreg_load_relaxed(&s.dir->n_repairs) == 1;
}

/* The generation moves before the answer with each beginning and end. */
START_TEST(generation)
{
	const struct shmreg_dir_object *o = raw_entry(&s, queue);
	struct raw_segment other;
	struct raw line;
	uint64_t id;
	int bell[4];

	ck_assert_uint_eq(o->watch_generation, 0);
	bell[0] = raw_bell(&c, &s, queue, BOTH, &id);
	ck_assert_uint_eq(o->watch_generation, 1);
	ck_assert_int_eq(raw_unwatch(&c, id), 0);
	ck_assert_uint_eq(o->watch_generation, 2);
	ck_assert_int_eq(raw_unwatch(&c, id), -ENOENT);
	ck_assert_int_eq(bell_drain(bell[0]), 1);
	ck_assert_int_eq(bell_drain(bell[0]), -1);

	/* Of an attachment that ends. */
	open_again(&other, SHMREG_ACCESS_WRITE);
	bell[1] = raw_bell(&c, &other, queue, BOTH, NULL);
	ck_assert_uint_eq(o->watch_generation, 3);
	detach(&other);
	ck_assert_uint_eq(o->watch_generation, 4);
	ck_assert_int_eq(bell_drain(bell[1]), 1);
	ck_assert_int_eq(bell_drain(bell[1]), -1);
	/* Its repair rings, too: before the daemon hears what comes below. */
	harness_wait(is_repaired, NULL, "the repair of the attachment that ended");

	/* Of a connection that hangs up: an observer's, of this process. */
	raw_connect(&line, h.socket_path);
	ck_assert_int_eq(raw_hello(&line, SHMREG_HELLO_OBSERVER), 0);
	bell[2] = raw_bell(&line, &s, queue, BOTH, &id);
	ck_assert_int_eq(raw_unwatch(&c, id), -ENOENT);
	raw_says(&c, "another's");
	bell[3] = raw_bell(&line, &s, cell, SHMREG_WAIT_ITEMS, NULL);
	ck_assert_uint_eq(o->watch_generation, 5);
	ck_assert_uint_eq(n_watches(), 2);
	ck_assert_int_eq(raw_notify(&line, &s, queue, 0, BOTH), 0);
	ck_assert_int_eq(bell_drain(bell[2]), 2);
	raw_close(&line);
	await_watches(0);
	ck_assert_uint_eq(o->watch_generation, 6);
	ck_assert_uint_eq(raw_entry(&s, cell)->watch_generation, 2);
	ck_assert_int_eq(bell_drain(bell[2]), -1);
	for (int i = 0; i < 4; i++)
		close(bell[i]);
}
END_TEST

static uint32_t half(const struct raw_segment *t, uint64_t object, uint32_t event)
{
	const struct shmreg_dir_object *o = raw_entry(t, object);
	uint32_t value = 77;

	ck_assert_int_eq(pread(t->data_fd, &value, sizeof(value),
			       (off_t)(o->offset + shmreg_kind_eventcount(o->shape.kind, event) + 4)),
			 sizeof(value));
	return value;
}

static void again(void)
{
	harness_kill_daemon(&h);
	/* Not before: to unmap the token is to have exec'd. */
	raw_close(&c);
	harness_restart_daemon(&h);
	raw_open(&c, h.socket_path);
}

/* Those who cannot write: the word that says so lasts as long as they do. */
START_TEST(read_only)
{
	struct raw_segment reader, second;
	int bell;

	open_again(&reader, SHMREG_ACCESS_READ);
	open_again(&second, SHMREG_ACCESS_READ);
	ck_assert_int_eq(raw_watch(&c, &reader, queue, SHMREG_WAIT_SPACE, 0), 0);
	ck_assert_int_eq(c.n_fds, 0);
	ck_assert_uint_eq(c.reply.u.watch.watch, 0);
	ck_assert_uint_eq(half(&s, queue, SHMREG_WAIT_SPACE), 1);
	ck_assert_uint_eq(half(&s, queue, SHMREG_WAIT_ITEMS), 0);
	ck_assert_uint_eq(n_watches(), 0);
	again();
	ck_assert_uint_eq(half(&s, queue, SHMREG_WAIT_SPACE), 1);
	ck_assert_int_eq(raw_attachment(&c, SHMREG_PACKET_REATTACH, s.segment, s.participant), 0);
	/* DESCRIPTOR does both. */
	bell = raw_bell(&c, &second, cell, SHMREG_WAIT_ITEMS, NULL);
	ck_assert_uint_eq(half(&s, cell, SHMREG_WAIT_ITEMS), 1);
	detach(&reader);
	ck_assert_uint_eq(half(&s, queue, SHMREG_WAIT_SPACE), 1);
	again();
	ck_assert_int_gt(bell_drain(bell), 0);
	ck_assert_int_eq(bell_drain(bell), -1);
	ck_assert_uint_eq(half(&s, queue, SHMREG_WAIT_SPACE), 1);
	ck_assert_uint_eq(half(&s, cell, SHMREG_WAIT_ITEMS), 1);
	detach(&second);
	ck_assert_uint_eq(half(&s, queue, SHMREG_WAIT_SPACE), 0);
	ck_assert_uint_eq(half(&s, cell, SHMREG_WAIT_ITEMS), 0);
	ck_assert_uint_eq(raw_entry(&s, queue)->watch_events, 0);
	close(bell);
}
END_TEST

static void read_only_and_wait(const struct mouth *mouth, void *arg)
{
	struct raw_segment t;
	struct raw other;

	(void)arg;
	raw_open(&other, h.socket_path);
	ck_assert_int_eq(raw_attach(&other, "s", SHMREG_ACCESS_READ, 1), 0);
	raw_segment_take(&t, &other);
	ck_assert_int_eq(raw_watch(&other, &t, queue, BOTH, 0), 0);
	tell(mouth, 1);
	hear(mouth);
}

static bool not_watched(void *arg)
{
	(void)arg;
	return half(&s, queue, SHMREG_WAIT_ITEMS) == 0 && half(&s, queue, SHMREG_WAIT_SPACE) == 0 &&
	       raw_entry(&s, queue)->watch_events == 0;
}

START_TEST(read_only_dies)
{
	struct process p;

	process_start(&p, read_only_and_wait, NULL);
	process_expect(&p, 1);
	ck_assert(!not_watched(NULL));
	process_kill(&p);
	harness_wait(not_watched, NULL, "the queue not to be watched");
	/* And while there is no daemon. */
	process_start(&p, read_only_and_wait, NULL);
	process_expect(&p, 1);
	harness_kill_daemon(&h);
	process_kill(&p);
	ck_assert(!not_watched(NULL));
	harness_restart_daemon(&h);
	harness_wait(not_watched, NULL, "the queue not to be watched");
	raw_close(&c);
	raw_open(&c, h.socket_path);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("daemon-watch");
	TCase *tc = harness_case(suite, "watch");

	tcase_add_checked_fixture(tc, setup, watch_teardown);
	tcase_add_test(tc, refusals);
	tcase_add_test(tc, others_may_not);
	tcase_add_test(tc, rings);
	tcase_add_test(tc, hands_out);
	tcase_add_test(tc, generation);
	tcase_add_test(tc, read_only);
	tcase_add_test(tc, read_only_dies);
	return harness_main(suite);
}
