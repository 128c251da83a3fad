/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * Descriptors in one's bell, where the kernel does not refuse them: they are not closed by who watches,
 * who might have to wait for that, and the watch goes on.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "raw-watch.h"
#include "send-fds.h"
#include "watcher.h"

static struct raw peer;
static struct raw_segment peer_seg;

static void setup_old(void)
{
	setenv("SHMREG_TEST_DAEMON", OLD_KERNEL, 1);
	setup();
	raw_open(&peer, h.socket_path);
	ck_assert_int_eq(raw_attach(&peer, ACTOR_SEGMENT, SHMREG_ACCESS_WRITE, 1), 0);
	raw_segment_take(&peer_seg, &peer);
}

static void teardown_old(void)
{
	raw_segment_drop(&peer_seg);
	raw_close(&peer);
	teardown();
	unsetenv("SHMREG_TEST_DAEMON");
}

static int send_one(int to, int fd)
{
	const ssize_t r = send_fds(to, NULL, "", 1, &fd, 1, MSG_DONTWAIT | MSG_NOSIGNAL);

	return r < 0 ? (int)r : 0;
}

/* Into all bells of the queue. Return: what tells whether the descriptor was closed. */
static int spoil(void)
{
	int ends[2], n_sent = 0;

	ck_assert_int_eq(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	ck_assert_int_eq(raw_notify(&peer, &peer_seg, handle_of(que)->object, 0, 0), 0);
	ck_assert_int_gt(peer.n_fds, 0);
	for (int i = 0; i < peer.n_fds; i++)
		n_sent += send_one(peer.fds[i], ends[1]) == 0;
	ck_assert_int_eq(n_sent, peer.n_fds);
	close(ends[1]);
	return ends[0];
}

static bool is_closed(int end)
{
	struct pollfd p = { .fd = end, .events = POLLIN };

	return poll(&p, 1, 0) == 1 && (p.revents & POLLHUP);
}

/* What was left open; the harness would take it for a leak. Return: how many. */
static int close_spoilt(void)
{
	char byte;
	struct iovec iov = { &byte, 1 };
	int n = 0, type;

	for (int fd = 3; fd < 256; fd++) {
		struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

		socklen_t bytes = sizeof(type);

		/* A bell, and not a connection with answers in it. */
		if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &bytes) < 0 || type != SOCK_STREAM)
			continue;
		if (recvmsg(fd, &msg, MSG_PEEK | MSG_DONTWAIT) == 1 && (msg.msg_flags & MSG_CTRUNC)) {
			close(fd);
			n++;
		}
	}
	return n;
}

static void check_left_open(int end)
{
	ck_assert(!is_closed(end));
	ck_assert_int_eq(close_spoilt(), 1);
	ck_assert(is_closed(end));
	close(end);
}

static bool has_empty_bell(void *arg)
{
	struct shmreg_watch *w = arg;

	expect_nothing(w, 0);
	return w->bell >= 0;
}

/* So that there is room in it. */
static void settle(struct shmreg_watch *w)
{
	harness_wait(has_empty_bell, w, "a bell");
}

START_TEST(goes_on)
{
	struct shmreg_watch *w = watch(handle_of(que), SHMREG_WAIT_ITEMS);
	int end;

	settle(w);
	end = spoil();
	await_readable(shmreg_watch_fd(w));
	expect_nothing(w, 0);
	/* With a bell that was not spoilt. */
	harness_ok(word_queue_push(que, &(uint64_t){ 7 }));
	await_ready(w, ITEMS);
	ck_assert_uint_eq(pop(), 7);
	shmreg_watch_close(w);
	check_left_open(end);
}
END_TEST

/* Bytes before it, which are read; by a close, too. */
START_TEST(behind_bytes)
{
	struct shmreg_watch *w = watch(handle_of(que), SHMREG_WAIT_ITEMS);
	int end;

	settle(w);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(raw_notify(&peer, &peer_seg, handle_of(que)->object, 0, ITEMS), 0);
	end = spoil();
	if (_i == 0)
		expect_nothing(w, 0);
	shmreg_watch_close(w);
	check_left_open(end);
}
END_TEST

/* It costs a descriptor each time, so not for ever. */
START_TEST(again_and_again)
{
	struct shmreg_watch *w = watch(handle_of(que), SHMREG_WAIT_ITEMS);
	int ends[17], n = 0, r = 0;

	while (r == 0) {
		ck_assert_int_lt(n, 17);
		settle(w);
		ends[n++] = spoil();
		await_readable(shmreg_watch_fd(w));
		for (int i = 0; i < 100 && r == 0 && is_readable(shmreg_watch_fd(w)); i++)
			r = shmreg_watch_ready(w);
	}
	ck_assert_int_eq(r, -EBADMSG);
	ck_assert_int_eq(n, 16);
	expect_nothing(w, -EBADMSG);
	ck_assert_int_eq(shmreg_watch_open(handle_of(que), ITEMS, &(struct shmreg_watch *){ NULL }),
			 -EBADMSG);
	ck_assert_ptr_nonnull(strstr(shmreg_error(), "again and again"));
	shmreg_watch_close(w);
	ck_assert_int_eq(close_spoilt(), 16);
	while (n > 0)
		close(ends[--n]);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("watch-spoilt");
	TCase *tc = harness_case(s, "watch-spoilt");

	tcase_add_checked_fixture(tc, setup_old, teardown_old);
	tcase_add_test(tc, goes_on);
	tcase_add_loop_test(tc, behind_bytes, 0, 2);
	tcase_add_test(tc, again_and_again);
	return harness_main(s);
}
