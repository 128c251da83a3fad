/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "random.h"
#include "raw.h"
#include "send-fds.h"

static struct harness h;
static struct raw good;	/* must be served whatever the others do */

static void setup(void)
{
	harness_start(&h, NULL);
	raw_open(&good, h.socket_path);
	ck_assert_int_eq(raw_create(&good, "good", 1, 0), 0);
}

static void teardown(void)
{
	raw_close(&good);
	harness_stop(&h);
}

static void good_is_served(void)
{
	struct shmreg_request in;

	raw_request(&in, SHMREG_PACKET_LIST);
	ck_assert_int_eq(raw_call(&good, &in), 0);
	ck_assert_uint_ge(good.reply.u.list.n, 1);
	ck_assert_int_eq(raw_target(&good, SHMREG_PACKET_DESCRIBE, "good"), 0);
	ck_assert_int_eq(good.n_fds, 1);
}

static int daemon_fds(void)
{
	char path[32];
	DIR *dir;
	int n = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)harness_daemon(&h));
	dir = opendir(path);
	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* Its own copy of what it has sent is closed a moment after that has arrived. */
static bool has_at_most(void *arg)
{
	return daemon_fds() <= *(int *)arg;
}

/* It waits for something; one that goes round and round never does. */
static bool is_asleep(void *arg)
{
	char path[32], state = 0;
	FILE *f;

	(void)arg;
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)harness_daemon(&h));
	f = fopen(path, "re");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%*d %*s %c", &state), 1);
	fclose(f);
	return state == 'S';
}

START_TEST(hello_first)
{
	struct raw c;

	raw_connect(&c, h.socket_path);
	ck_assert_int_eq(raw_create(&c, "x", 1, 0), -EPROTO);
	raw_says(&c, "HELLO");
	ck_assert_int_eq(raw_hello(&c, 0), 0);
	ck_assert_uint_eq(c.reply.u.hello.pid, (uint32_t)getpid());
	ck_assert_uint_eq(c.reply.u.hello.uid, getuid());
	ck_assert_uint_ne(c.reply.u.hello.registry, 0);
	ck_assert_str_eq(c.reply.u.hello.version, PACKAGE_VERSION);
	ck_assert_int_eq(c.n_fds, 1);
	ck_assert_int_eq(raw_hello(&c, 0), -EINVAL);
	raw_says(&c, "once");
	raw_close(&c);
}
END_TEST

START_TEST(token_and_observer)
{
	struct raw c;

	raw_connect(&c, h.socket_path);
	ck_assert_int_eq(raw_hello(&c, 0), 0);
	/* It must be mapped before the first attach, or at least be there. */
	close(c.fds[--c.n_fds]);
	ck_assert_int_eq(raw_create(&c, "x", 1, 0), -EINVAL);
	raw_says(&c, "token");
	raw_close(&c);

	raw_connect(&c, h.socket_path);
	ck_assert_int_eq(raw_hello(&c, SHMREG_HELLO_OBSERVER), 0);
	ck_assert_int_eq(c.n_fds, 0);
	ck_assert_int_eq(raw_create(&c, "x", 1, 0), -EINVAL);
	raw_says(&c, "observer");
	ck_assert_int_eq(raw_attach(&c, "good", SHMREG_ACCESS_READ, 1), -EINVAL);
	ck_assert_int_eq(raw_create(&c, "detached", 1, SHMREG_CREATE_DETACHED), 0);
	ck_assert_int_eq(c.n_fds, 0);
	ck_assert_int_eq(raw_target(&c, SHMREG_PACKET_REMOVE, "detached"), 0);
	ck_assert_int_eq(raw_target(&c, SHMREG_PACKET_REMOVE, "detached"), -ENOENT);
	raw_close(&c);
}
END_TEST

static void check_descriptors(const struct raw *c, bool writable)
{
	const struct shmreg_attach_reply *a = &c->reply.u.attach;
	void *p;

	ck_assert_int_eq(c->n_fds, 2);
	p = mmap(NULL, a->dir_bytes, PROT_READ, MAP_SHARED, c->fds[0], 0);
	ck_assert_ptr_ne(p, MAP_FAILED);
	ck_assert_int_eq(shmreg_dir_check(p, a->dir_bytes), 0);
	munmap(p, a->dir_bytes);
	ck_assert_ptr_eq(mmap(NULL, a->dir_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, c->fds[0], 0),
			 MAP_FAILED);
	p = mmap(NULL, a->data_bytes, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, c->fds[1],
		 0);
	ck_assert_ptr_ne(p, MAP_FAILED);
	munmap(p, a->data_bytes);
	if (!writable)
		ck_assert_ptr_eq(mmap(NULL, a->data_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
				      c->fds[1], 0), MAP_FAILED);
	ck_assert_int_eq(ftruncate(c->fds[1], 0), -1);
}

START_TEST(every_request)
{
	struct shmreg_attach_reply a, b;
	struct shmreg_request in;
	struct raw c;

	raw_open(&c, h.socket_path);
	ck_assert_int_eq(raw_create(&c, "a/b", 77, 0), 0);
	a = c.reply.u.attach;
	ck_assert_uint_eq(a.created, 1);
	ck_assert_uint_eq(a.n_seats, 2);
	check_descriptors(&c, true);
	/* The same nonce gets the same answer, another one none. */
	ck_assert_int_eq(raw_create(&c, "a/b", 77, 0), 0);
	ck_assert_uint_eq(c.reply.u.attach.participant, a.participant);
	check_descriptors(&c, true);
	ck_assert_int_eq(raw_create(&c, "a/b", 78, 0), -EEXIST);

	ck_assert_int_eq(raw_attach(&c, "a/b", SHMREG_ACCESS_READ, 79), 0);
	b = c.reply.u.attach;
	check_descriptors(&c, false);
	ck_assert_int_eq(raw_attachment(&c, SHMREG_PACKET_REATTACH, b.segment, b.participant), 0);
	ck_assert_int_eq(raw_attachment(&c, SHMREG_PACKET_QUIESCE, b.segment, b.participant), 0);
	ck_assert_int_eq(raw_attachment(&c, SHMREG_PACKET_DETACH, b.segment, b.participant), 0);
	ck_assert_int_lt(raw_attachment(&c, SHMREG_PACKET_DETACH, b.segment, b.participant), 0);

	raw_request(&in, SHMREG_PACKET_SEATS);
	in.u.seats.at.segment = a.segment;
	in.u.seats.at.participant = a.participant;
	in.u.seats.n_seats = 5;
	ck_assert_int_eq(raw_call(&c, &in), 0);
	ck_assert_uint_eq(c.reply.u.seats.n_seats, 5);

	raw_request(&in, SHMREG_PACKET_CREATE_OBJECT);
	in.u.create_object.at.segment = a.segment;
	in.u.create_object.at.participant = a.participant;
	in.u.create_object.nonce = 5;
	in.u.create_object.shape = (struct shmreg_shape){
		.kind = SHMREG_KIND_ARRAY, .layout = 1, .elem_align = 8, .elem_bytes = 8, .capacity = 9,
	};
	snprintf(in.u.create_object.name, sizeof(in.u.create_object.name), "numbers");
	ck_assert_int_eq(raw_call(&c, &in), 0);
	ck_assert_uint_eq(c.reply.u.create_object.created, 1);
	raw_request(&in, SHMREG_PACKET_REMOVE_OBJECT);
	in.u.remove_object.at.segment = a.segment;
	in.u.remove_object.at.participant = a.participant;
	in.u.remove_object.object = c.reply.u.create_object.object;
	ck_assert_int_eq(raw_call(&c, &in), 0);

	raw_request(&in, SHMREG_PACKET_SET);
	snprintf(in.u.set.target.name, sizeof(in.u.set.target.name), "a/b");
	in.u.set.what = SHMREG_SET_MODE;
	in.u.set.mode = 0600;
	ck_assert_int_eq(raw_call(&c, &in), 0);
	ck_assert_int_eq(raw_target(&c, SHMREG_PACKET_DESCRIBE, "a/b"), 0);
	ck_assert_uint_eq(c.reply.u.describe.mode, 0600);
	raw_request(&in, SHMREG_PACKET_STATS);
	in.u.stats.uid = getuid();
	ck_assert_int_eq(raw_call(&c, &in), 0);
	ck_assert_uint_eq(c.reply.u.stats.usage[SHMREG_RESOURCE_SEGMENTS].used, 2);
	ck_assert_uint_eq(c.reply.u.stats.pid, (uint32_t)harness_daemon(&h));
	ck_assert_int_eq(raw_target(&c, SHMREG_PACKET_REMOVE, "a/b"), 0);
	ck_assert_int_eq(raw_target(&c, SHMREG_PACKET_DESCRIBE, "a/b"), -ENOENT);
	raw_close(&c);
}
END_TEST

/* The connection is over: the next request is not answered. */
static void is_hung_up(struct raw *c)
{
	struct shmreg_request in;

	raw_request(&in, SHMREG_PACKET_LIST);
	ck_assert_int_eq(raw_call(c, &in), -ESHUTDOWN);
	raw_close(c);
	good_is_served();
}

/* One answer with a sentence, then the end. */
static void is_refused(struct shmreg_request *in, int status, const char *sentence)
{
	struct raw c;

	raw_open(&c, h.socket_path);
	if (!in->header.serial)
		in->header.serial = 2;
	ck_assert_int_eq(send(c.fd, in, sizeof(*in), MSG_NOSIGNAL), sizeof(*in));
	ck_assert_int_eq(raw_receive(&c), status);
	raw_says(&c, sentence);
	is_hung_up(&c);
}

START_TEST(malformed)
{
	struct shmreg_request in;
	struct raw c;

	raw_request(&in, SHMREG_PACKET_LIST);
	in.header.magic ^= 1;
	is_refused(&in, -EBADMSG, "magic");
	raw_request(&in, SHMREG_PACKET_LIST);
	in.header.protocol = SHMREG_PROTOCOL + 1;
	is_refused(&in, -EPROTONOSUPPORT, "version");
	raw_request(&in, SHMREG_PACKET_LIST);
	in.header.reserved = 1;
	is_refused(&in, -EBADMSG, "must be zero");
	raw_request(&in, SHMREG_PACKET_LIST);
	in.header.status = -1;
	is_refused(&in, -EBADMSG, "must be zero");
	raw_request(&in, SHMREG_PACKET_LIST);
	in.u.bytes[sizeof(in.u.bytes) - 1] = 1;
	is_refused(&in, -EBADMSG, "unused bytes");

	/* What is a packet, but asks for nonsense, is answered, and the connection lives. */
	raw_open(&c, h.socket_path);
	raw_request(&in, 99);
	ck_assert_int_eq(raw_call(&c, &in), -EOPNOTSUPP);
	raw_request(&in, SHMREG_PACKET_EVENT);
	ck_assert_int_eq(raw_call(&c, &in), -EOPNOTSUPP);
	raw_request(&in, SHMREG_PACKET_REMOVE);
	memset(in.u.target.name, 'a', sizeof(in.u.target.name));
	ck_assert_int_eq(raw_call(&c, &in), -EINVAL);
	ck_assert_int_eq(raw_create(&c, "../etc", 1, 0), -EINVAL);
	ck_assert_int_eq(raw_create(&c, "x", 0, 0), -EINVAL);
	raw_says(&c, "nonce");
	ck_assert_int_eq(raw_attachment(&c, SHMREG_PACKET_DETACH, 12345, 1), -ESTALE);
	raw_close(&c);
}
END_TEST

START_TEST(wrong_sizes)
{
	static const size_t sizes[] = { 0, 1, 4, 8, 23, 24, 100, 1023, 1025, 2048, 60000 };
	static char bytes[60000];
	struct shmreg_request in;
	struct raw c;
	size_t i;

	raw_request(&in, SHMREG_PACKET_LIST);
	in.header.serial = 2;
	memcpy(bytes, &in, sizeof(in));
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		raw_open(&c, h.socket_path);
		ck_assert_int_eq(send(c.fd, bytes, sizes[i], MSG_NOSIGNAL), (ssize_t)sizes[i]);
		/* Too short: a sentence; too long or empty: not even that. */
		if (sizes[i] > 0 && sizes[i] < sizeof(in)) {
			ck_assert_int_eq(raw_receive(&c), -EBADMSG);
			raw_says(&c, "1024 bytes");
			ck_assert_uint_ne(c.reply.header.type & SHMREG_PACKET_REPLY, 0);
		}
		ck_assert_int_eq(raw_receive(&c), -ESHUTDOWN);
		is_hung_up(&c);
	}
}
END_TEST

START_TEST(random_bytes)
{
	const unsigned int rounds = 3000;
	struct random_state dice;
	struct shmreg_request in;
	struct raw c = { .fd = -1 };
	unsigned int i;

	random_seed(&dice);
	for (i = 0; i < rounds; i++) {
		uint8_t *b = (uint8_t *)&in;
		size_t j;

		if (c.fd < 0)
			raw_open(&c, h.socket_path);
		for (j = 0; j < sizeof(in); j++)
			b[j] = (uint8_t)random_next(&dice);
		if (i % 8) {
			/* Near enough to be looked at closely. */
			raw_request(&in, (uint16_t)(random_next(&dice) % (SHMREG_PACKET_MAX + 4)));
			for (j = random_next(&dice) % 200; j > 0; j--)
				in.u.bytes[random_next(&dice) % 256] = (uint8_t)random_next(&dice);
		}
		in.header.serial = ++c.serial;
		if (send(c.fd, &in, sizeof(in), MSG_NOSIGNAL) < 0 || raw_receive(&c) == -ESHUTDOWN ||
		    c.reply.header.status == -EBADMSG || c.reply.header.status == -EPROTONOSUPPORT ||
		    c.reply.header.type == (SHMREG_PACKET_SUBSCRIBE | SHMREG_PACKET_REPLY))
			raw_close(&c);
		if (i % 100 == 0)
			good_is_served();
	}
	raw_close(&c);
	good_is_served();
}
END_TEST

/* Descriptors sent to the daemon are not received, so not kept, not even for a moment. */
START_TEST(stuffing)
{
	static const int fds[SEND_FDS_MAX];	/* standard input */
	struct shmreg_request in;
	int round, before;
	struct raw c;
	ssize_t r;

	raw_request(&in, SHMREG_PACKET_LIST);
	in.header.serial = 2;
	good_is_served();
	before = daemon_fds();
	for (round = 0; round < 50; round++) {
		raw_open(&c, h.socket_path);
		/* Since Linux 6.16 they cannot even be sent. */
		r = send_fds(c.fd, NULL, &in, sizeof(in), fds, SEND_FDS_MAX, MSG_NOSIGNAL);
		if (r < 0)
			ck_assert_int_eq(r, -EPERM);
		else
			ck_assert_int_eq(raw_receive(&c), -ESHUTDOWN);
		raw_close(&c);
	}
	good_is_served();
	harness_wait(has_at_most, &before, "the descriptors to be as few as before");
}
END_TEST

/* Whoever does not read has one answer kept for him, with two descriptors. */
START_TEST(never_reads)
{
	enum { N = 20 };
	struct shmreg_request in;
	struct raw c[N];
	int before, i, received, sent[N];

	for (i = 0; i < N; i++)
		raw_open(&c[i], h.socket_path);
	good_is_served();
	before = daemon_fds();
	for (i = 0; i < N; i++) {
		raw_request(&in, SHMREG_PACKET_DESCRIBE);
		snprintf(in.u.target.name, sizeof(in.u.target.name), "good");
		for (sent[i] = 0; sent[i] < 1000; sent[i]++) {
			in.header.serial = ++c[i].serial;
			if (send(c[i].fd, &in, sizeof(in), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
				ck_assert_int_eq(errno, EAGAIN);
				break;
			}
		}
		ck_assert_int_lt(sent[i], 1000);
		good_is_served();
	}
	before += N;
	harness_wait(has_at_most, &before, "one descriptor a client to be kept");
	harness_wait(is_asleep, NULL, "the daemon to sleep while nobody reads");
	/* Nothing was lost or mixed up. */
	for (i = 0; i < N; i++) {
		for (received = 0; received < sent[i]; received++) {
			ck_assert_int_eq(raw_receive(&c[i]), 0);
			ck_assert_uint_eq(c[i].reply.header.serial, (uint64_t)received + 2);
			ck_assert_int_eq(c[i].n_fds, 1);
		}
		raw_close(&c[i]);
	}
	good_is_served();
}
END_TEST

START_TEST(events)
{
	struct shmreg_request in;
	struct raw c, other;
	uint64_t n_lost = 0, n = 0;
	int i;

	raw_connect(&c, h.socket_path);
	ck_assert_int_eq(raw_hello(&c, SHMREG_HELLO_OBSERVER), 0);
	raw_request(&in, SHMREG_PACKET_SUBSCRIBE);
	ck_assert_int_eq(raw_call(&c, &in), 0);
	raw_open(&other, h.socket_path);
	ck_assert_int_eq(raw_create(&other, "new", 1, 0), 0);
	ck_assert_int_eq(raw_receive(&c), 0);
	ck_assert_int_eq(shmreg_reply_check(&c.reply, sizeof(c.reply), SHMREG_PACKET_EVENT, 0), 0);
	ck_assert_uint_eq(c.reply.u.event.kind, SHMREG_EVENT_CREATED);
	ck_assert_str_eq(c.reply.u.event.segment_name, "new");
	ck_assert_int_eq(raw_receive(&c), 0);
	ck_assert_uint_eq(c.reply.u.event.kind, SHMREG_EVENT_ATTACHED);
	ck_assert_uint_eq(c.reply.u.event.pid, (uint32_t)getpid());

	/* Two events each, which nobody reads: those that find no room are counted. */
	for (i = 0; i < 500; i++) {
		ck_assert_int_eq(raw_attach(&other, "new", SHMREG_ACCESS_READ, (uint64_t)i + 2), 0);
		ck_assert_int_eq(raw_attachment(&other, SHMREG_PACKET_DETACH,
						other.reply.u.attach.segment,
						other.reply.u.attach.participant), 0);
	}
	good_is_served();
	while (n + n_lost < 1000) {
		ck_assert_int_eq(raw_receive(&c), 0);
		if (c.reply.u.event.kind == SHMREG_EVENT_LOST)
			n_lost += c.reply.u.event.n_lost;
		else
			n++;
	}
	ck_assert_uint_eq(n + n_lost, 1000);
	ck_assert_uint_gt(n_lost, 0);
	/* It is no connection for requests any more. */
	raw_request(&in, SHMREG_PACKET_LIST);
	ck_assert_int_eq(raw_call(&c, &in), -EBUSY);
	raw_says(&c, "another one");
	raw_close(&c);
	raw_close(&other);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("daemon-protocol");
	TCase *tc = harness_case(suite, "packets");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, hello_first);
	tcase_add_test(tc, token_and_observer);
	tcase_add_test(tc, every_request);
	tcase_add_test(tc, malformed);
	tcase_add_test(tc, wrong_sizes);
	tcase_add_test(tc, random_bytes);
	tcase_add_test(tc, stuffing);
	tcase_add_test(tc, never_reads);
	tcase_add_test(tc, events);
	return harness_main(suite);
}
