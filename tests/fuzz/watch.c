/* SPDX-License-Identifier: MIT */

/*
 * watch - the library's second connection, for watches and bells, while a daemon answers what it likes
 *
 * The target is the daemon, and peers that spoil bells: answers as they should be, late, changed,
 * refused, cut off, with other descriptors, or none; hang-ups; a socket where nobody listens. Nothing
 * waits but an opening, requests are well-formed, and no descriptor is left but those that are not to
 * be closed (own-bell.h).
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <shmreg.h>

#include "answer.h"
#include "bells.h"
#include "connection.h"
#include "fuzz.h"
#include "segment.h"
#include "send-fds.h"

#define STEPS_MAX 40
#define N_WATCHES 4
#define N_BELLS 8
#define N_HANDLES 2
#define POLLS_MAX 24

int __wrap_connect(int fd, const struct sockaddr *address, socklen_t bytes);
int __wrap_poll(struct pollfd *p, nfds_t n, int ms);

static const uint32_t mine = 1;
static struct shmreg_connection c;
static struct shmreg_segment s;
static struct shmreg_handle handles[N_HANDLES];
static struct shmreg_watch *watches[N_WATCHES];
static uint8_t *dir;
static _Alignas(128) unsigned char data[N_HANDLES][4096];
static struct shmreg_dir geometry;
static struct fuzz_input *input;
static int other_end = -1;	/* of the line */
static int refuse;		/* errno of who connects; 0: he is let in */
static int bells[N_BELLS];	/* ends that ring; -1 */
static unsigned int n_polls;
static uint64_t last_watch;

static void setup(void)
{
	MUST(shmreg_dir_layout(&geometry, 16, 16) == 0);
	dir = aligned_alloc(4096, ((size_t)geometry.dir_bytes + 4095) / 4096 * 4096);
	MUST(dir != NULL);
}

static void hang_up(void)
{
	if (other_end >= 0)
		close(other_end);
	other_end = -1;
}

int __wrap_connect(int fd, const struct sockaddr *address, socklen_t bytes)
{
	int fds[2];

	(void)address, (void)bytes;
	if (refuse) {
		errno = refuse;
		return -1;
	}
	hang_up();
	MUST(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
	MUST(dup3(fds[0], fd, O_CLOEXEC) == fd);
	close(fds[0]);
	other_end = fds[1];
	return 0;
}

/* One has the right to ring it, and more. */
static int new_bell(void)
{
	int *const kept = &bells[last_watch % N_BELLS];
	int pair[2];

	MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
	MUST(send(pair[0], "", 1, MSG_NOSIGNAL) == 1);
	if (*kept >= 0)
		close(*kept);
	*kept = pair[0];
	return pair[1];
}

static void answer_well(struct answer *a, const struct shmreg_request *request)
{
	struct shmreg_notify_reply *notify = &a->reply.u.notify;

	*a = answer_to(request);
	switch (request->header.type) {
	case SHMREG_PACKET_WATCH:
		a->reply.u.watch.watch = ++last_watch;
		a->fds[a->n_fds++] = new_bell();
		break;
	case SHMREG_PACKET_NOTIFY:
		notify->generation = shmreg_dir_objects((struct shmreg_dir *)(void *)dir)[0].watch_generation;
		for (int i = 0; i < N_BELLS && notify->n < SHMREG_NOTIFY_MAX; i++) {
			if (bells[i] < 0)
				continue;
			notify->watch[notify->n] = request->u.notify.after + notify->n + 1;
			notify->events[notify->n++] = SHMREG_WAIT_ITEMS;
			a->fds[a->n_fds++] = fcntl(bells[i], F_DUPFD_CLOEXEC, 3);
		}
		notify->more = request->u.notify.after < 16 && fuzz_u8(input) >= 192;
		break;
	default:
		break;
	}
}

static void drop_fds(struct answer *a)
{
	while (a->n_fds > 0)
		close(a->fds[--a->n_fds]);
}

/* One fewer, or some that nobody needs. */
static void other_fds(struct answer *a)
{
	uint8_t n = fuzz_u8(input) % 5;

	if (n == 0 && a->n_fds > 0)
		close(a->fds[--a->n_fds]);
	for (; n && a->n_fds < 8; n--)
		a->fds[a->n_fds++] = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
}

/* One request is answered, if there is one. */
static bool answer_one(void)
{
	struct shmreg_request request;
	struct answer a;

	if (other_end < 0 || recv(other_end, &request, sizeof(request), MSG_DONTWAIT) <= 0)
		return false;
	MUST(shmreg_request_check(&request, sizeof(request), NULL) == 0);
	answer_well(&a, &request);
	if (answer_spoil(&a, input, drop_fds, other_fds))
		answer_send(&a, other_end);
	else
		hang_up();
	drop_fds(&a);
	return true;
}

/* Who opens a watch waits here: the daemon answers, or in the end there is none. */
int __wrap_poll(struct pollfd *p, nfds_t n, int ms)
{
	(void)p, (void)n;
	MUST(ms != 0);
	if (++n_polls > POLLS_MAX) {
		hang_up();
		refuse = ECONNREFUSED;
	}
	while (answer_one())
		;
	return 0;
}

static void abuse_bell(void)
{
	const int fd = bells[fuzz_below(input, N_BELLS)];
	const uint8_t how = fuzz_u8(input) % 4;
	static const char bytes[400];

	if (fd < 0)
		return;
	if (how == 0)
		send(fd, bytes, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	else if (how == 1)
		send(fd, bytes, fuzz_below(input, sizeof(bytes)), MSG_DONTWAIT | MSG_NOSIGNAL);
	else if (how == 2)
		shutdown(fd, SHUT_RDWR);
	else
		send_fds(fd, NULL, bytes, 1, (const int[]){ STDERR_FILENO }, 1,
			 MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void check_result(int r)
{
	MUST(r <= 0 ? r >= -4095 : r == SHMREG_WAIT_ITEMS);
}

static void step(void)
{
	static const int refusals[] = { 0, 0, ECONNREFUSED, ENOENT, EAGAIN };
	const uint8_t what = fuzz_u8(input);
	struct shmreg_handle *h = &handles[what / 16 % N_HANDLES];
	struct shmreg_watch **w = &watches[what / 32 % N_WATCHES];
	struct shmreg_dir_object *o = shmreg_dir_objects((struct shmreg_dir *)(void *)dir);

	switch (what % 16) {
	case 0:
	case 1:
		n_polls = 0;
		if (!*w)
			check_result(shmreg_watch_open(h, SHMREG_WAIT_ITEMS, w));
		break;
	case 2:
	case 3:
		if (*w)
			check_result(shmreg_watch_ready(*w));
		break;
	case 4:
		*w = shmreg_watch_close(*w);
		break;
	case 5:
	case 6:
	case 7:
		check_result(bells_ring(h, SHMREG_WAIT_ITEMS));
		break;
	case 8:
	case 9:
		answer_one();
		break;
	case 10:
		hang_up();
		break;
	case 11:
		refuse = refusals[fuzz_below(input, 5)];
		break;
	case 12:
		o[h - handles].watch_generation += fuzz_u8(input) % 3;
		break;
	case 13:
		data[h - handles][fuzz_below(input, 128)]++;
		break;
	case 14:
		abuse_bell();
		break;
	default:
		if (fuzz_u8(input) % 4 == 0)
			line_forget_handle(&c, h);
		else if (fuzz_u8(input) % 2)
			bells_forget_object(&s, (uint32_t)(h - handles));
		else if (other_end >= 0)
			send(other_end, dir, fuzz_below(input, 1200), MSG_DONTWAIT | MSG_NOSIGNAL);
	}
}

static void begin(void)
{
	struct shmreg_dir *d = (struct shmreg_dir *)(void *)dir;
	struct shmreg_dir_object *o;

	memset(dir, 0, (size_t)geometry.dir_bytes);
	memset(data, 0, sizeof(data));
	*d = geometry;
	d->max_objects = 16;
	c = (struct shmreg_connection){ .mine = &mine, .fd = -1, .path = "/nonexistent/fuzz" };
	s = (struct shmreg_segment){
		.connection = &c, .dir = d, .data = data[0], .id = 3, .participant = 7, .data_fd = -1,
	};
	line_init(&c.line);
	for (uint32_t i = 0; i < N_HANDLES; i++) {
		o = &shmreg_dir_objects(d)[i];
		o->state = SHMREG_ENTRY_LIVE;
		o->id = i + 1;
		o->watch_generation = 1;
		o->shape = (struct shmreg_shape){ SHMREG_KIND_ATOMIC, SHMREG_ATOMIC_LAYOUT, 0, 8, 8, 1, { 0 } };
		handles[i] = (struct shmreg_handle){
			.base = data[i], .segment = &s, .entry = o, .object = o->id, .shape = o->shape, .seat = 1,
		};
	}
	for (int i = 0; i < N_BELLS; i++)
		bells[i] = -1;
	refuse = 0;
	last_watch = 0;
}

/* What was left open on purpose. */
static void close_spoilt(void)
{
	char byte;
	struct iovec iov = { &byte, 1 };

	for (int fd = 3; fd < 64; fd++) {
		struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

		if (recvmsg(fd, &msg, MSG_PEEK | MSG_DONTWAIT) == 1 && (msg.msg_flags & MSG_CTRUNC))
			close(fd);
	}
}

static void run(struct fuzz_input *in)
{
	bool early;

	input = in;
	begin();
	early = fuzz_u8(in) % 2;
	for (unsigned int i = 0; i < STEPS_MAX && !fuzz_ended(in); i++)
		step();
	for (int i = 0; i < N_WATCHES && early; i++)
		watches[i] = shmreg_watch_close(watches[i]);
	bells_forget(&s);
	MUST(c.line.n_ends == 0);
	line_deinit(&c);
	/* As a program that closes them last. */
	for (int i = 0; i < N_WATCHES; i++)
		watches[i] = shmreg_watch_close(watches[i]);
	hang_up();
	for (int i = 0; i < N_BELLS; i++)
		if (bells[i] >= 0)
			close(bells[i]);
	close_spoilt();
}

static void seeds(void)
{
	/* early; step (handle, watch), answers */
	fuzz_seed((const uint8_t[]){ 1, 0, 0, 0, 2, 5, 8, 0, 8, 0, 5, 2, 12, 1, 5, 8, 0, 4 }, 18);
	fuzz_seed((const uint8_t[]){ 0, 0, 0, 0, 2, 14, 1, 3, 2, 8, 0, 2, 4 }, 13);
	fuzz_seed((const uint8_t[]){ 1, 0, 0, 0, 10, 2, 11, 2, 2, 11, 0, 2, 8, 0, 8, 0, 2 }, 17);
	for (uint8_t how = 128; how; how++)
		fuzz_seed((const uint8_t[]){ 1, 0, 0, how, 3, 1, 2, 5, 8, 0, 8, how, 1, 2, 5, 2 }, 16);
}

const struct fuzz_target fuzz_target = { setup, run, seeds };
