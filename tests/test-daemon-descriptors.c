/* SPDX-License-Identifier: MIT */
#include <config.h>

/* What a daemon does with few descriptors, or small files. */

#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "restart-fixture.h"

/*
 * server-limits.c: 2 of the segment, 256 others, 50 for answers that wait; of the other 92, after
 * 3 for each of 16 connections, a quarter for watches.
 */
#define FILES 400
#define CONNECTION_FILES (FILES - 2 - 256 - FILES / 8 - (FILES - 2 - 256 - FILES / 8 - 3 * 16) / 4)
#define ANSWER_FILES (FILES / 8)
#define A_SHEET 64

static void setup_few(void)
{
	static const char *const options[] = { "--max-segments=1", "--max-subscriptions-per-uid=100",
					       NULL };
	const struct rlimit files = { FILES, FILES };

	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
	harness_start(&h, options);
}

/* A token of each, but not a descriptor of each; and the last is told why. */
START_TEST(connections)
{
	struct raw c[FILES];
	int n = 0, r = 0;

	while (r == 0) {
		ck_assert_int_lt(n, CONNECTION_FILES);
		raw_connect(&c[n], h.socket_path);
		r = raw_hello(&c[n], 0);
		n++;
	}
	ck_assert_int_eq(r, -EUSERS);
	raw_says(&c[n - 1], "LimitNOFILE=");
	/* All but a pidfd, the sheets, and what the next one might need. */
	ck_assert_int_ge(n, CONNECTION_FILES - 1 - (CONNECTION_FILES / A_SHEET + 1) - 3);
	raw_close(&c[--n]);
	raw_close(&c[--n]);
	raw_open(&c[n], h.socket_path);
	raw_close(&c[n]);
	while (n > 0)
		raw_close(&c[--n]);
}
END_TEST

static void send_root(struct raw *c)
{
	struct shmreg_request in;

	raw_request(&in, SHMREG_PACKET_ROOT);
	ck_assert_int_eq(raw_send(c, &in), 0);
}

/* The first is on its way, the second waits with its descriptor, but not for all of one user. */
START_TEST(answers)
{
	static struct raw c[40];
	const int n = sizeof(c) / sizeof(*c);
	int n_kept = 0;

	for (int i = 0; i < n; i++) {
		raw_connect(&c[i], h.socket_path);
		ck_assert_int_eq(raw_hello(&c[i], SHMREG_HELLO_OBSERVER), 0);
	}
	for (int twice = 0; twice < 2; twice++) {
		uint64_t before = stats_now().n_requests;

		n_kept = 0;
		for (int i = 0; i < n; i++) {
			send_root(&c[i]);
			send_root(&c[i]);
		}
		/* All is in its queues before this is; a connection's second is for the next turn. */
		while (stats_now().n_requests < ++before + (uint64_t)n * 2)
			;
		for (int i = 0; i < n; i++) {
			int r;

			ck_assert_int_eq(raw_receive(&c[i]), 0);
			ck_assert_int_eq(c[i].n_fds, 1);
			r = raw_receive(&c[i]);
			ck_assert(r == 0 || r == -ETOOMANYREFS);
			if (r < 0)
				raw_says(&c[i], "LimitNOFILE=");
			n_kept += r == 0;
		}
		ck_assert_int_eq(n_kept, ANSWER_FILES / 2);
	}
	for (int i = 0; i < n; i++)
		raw_close(&c[i]);
}
END_TEST

static void setup_many(void)
{
	harness_start(&h, NULL);
}

static void send_open(struct raw *c, const char *name, uint64_t nonce)
{
	struct shmreg_request in;

	raw_request(&in, SHMREG_PACKET_OPEN);
	snprintf(in.u.open.name, sizeof(in.u.open.name), "%s", name);
	in.u.open.nonce = nonce;
	in.u.open.access = SHMREG_ACCESS_READ | SHMREG_ACCESS_WRITE;
	in.u.open.n_seats = 1;
	ck_assert_int_eq(raw_send(c, &in), 0);
}

static ino_t inode(int fd)
{
	struct stat st;

	ck_assert_int_eq(fstat(fd, &st), 0);
	return st.st_ino;
}

/* Nor may it have one for an answer that has to wait, if others took all: that is another reason. */
START_TEST(no_descriptor)
{
	const struct rlimit none = { 4, FILES };	/* not one above the standard three */
	const struct rlimit all = { FILES, FILES };
	struct shmreg_request in;
	struct raw slow, other;

	raw_open(&slow, h.socket_path);
	ck_assert_int_eq(raw_create(&slow, "slow", 1, 0), 0);
	/* From here on the daemon has both open, and lends them. */
	ck_assert_int_eq(raw_attach(&slow, "slow", SHMREG_ACCESS_WRITE, 2), 0);
	raw_connect(&other, h.socket_path);
	ck_assert_int_eq(raw_hello(&other, SHMREG_HELLO_OBSERVER), 0);
	ck_assert_int_eq(prlimit(harness_daemon(&h), RLIMIT_NOFILE, &none, NULL), 0);
	send_open(&slow, "slow", 3);
	send_open(&slow, "slow", 4);
	/* Asked behind both: a connection's second is for the next turn. */
	raw_request(&in, SHMREG_PACKET_STATS);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(raw_call(&other, &in), 0);
	ck_assert_int_eq(raw_receive(&slow), 0);
	ck_assert_int_eq(slow.n_fds, 2);
	ck_assert_int_eq(raw_receive(&slow), -EMFILE);
	raw_says(&slow, "shmregd has no descriptor left");
	ck_assert_int_eq(raw_attach(&slow, "slow", SHMREG_ACCESS_WRITE, 5), 0);
	ck_assert_int_eq(prlimit(harness_daemon(&h), RLIMIT_NOFILE, &all, NULL), 0);
	raw_close(&slow);
	raw_close(&other);
}
END_TEST

/* Who comes meanwhile is let in later; the log hears of it once. */
START_TEST(no_descriptor_for_long)
{
	const struct rlimit none = { 4, FILES }, all = { FILES, FILES };
	struct shmreg_request in;
	struct raw first, late;

	raw_connect(&first, h.socket_path);
	ck_assert_int_eq(raw_hello(&first, SHMREG_HELLO_OBSERVER), 0);
	raw_request(&in, SHMREG_PACKET_STATS);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(prlimit(harness_daemon(&h), RLIMIT_NOFILE, &none, NULL), 0);
		raw_connect(&late, h.socket_path);
		/* Asked behind it. */
		for (int k = 0; k < 3; k++)
			ck_assert_int_eq(raw_call(&first, &in), 0);
		ck_assert_int_eq(prlimit(harness_daemon(&h), RLIMIT_NOFILE, &all, NULL), 0);
		ck_assert_int_eq(raw_hello(&late, SHMREG_HELLO_OBSERVER), 0);
		raw_close(&late);
	}
	ck_assert_int_eq(harness_n_logged(&h, "cannot accept connections"), 1);
	raw_close(&first);
}
END_TEST

#define OTHERS 20	/* more than SEGMENT_RO_KEPT */

/* While it waits, the daemon closes what it has open to open that segment again. */
START_TEST(answer_waits)
{
	struct raw slow, other;
	ino_t dir, data;
	uint64_t before;
	char name[16];

	raw_open(&slow, h.socket_path);
	ck_assert_int_eq(raw_create(&slow, "slow", 1, 0), 0);
	dir = inode(slow.fds[0]);
	data = inode(slow.fds[1]);
	raw_open(&other, h.socket_path);
	before = stats_now().n_requests;
	/* The second's answer waits until the first's has been read. */
	send_open(&slow, "slow", 2);
	send_open(&slow, "slow", 3);
	while (stats_now().n_requests < ++before + 2)
		;
	for (int i = 0; i < OTHERS; i++) {
		snprintf(name, sizeof(name), "other.%d", i);
		ck_assert_int_eq(raw_create(&other, name, 1, 0), 0);
		ck_assert_int_eq(raw_attach(&other, name, SHMREG_ACCESS_WRITE, 2), 0);
		ck_assert_int_eq(other.n_fds, 2);
	}
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(raw_receive(&slow), 0);
		ck_assert_int_eq(slow.n_fds, 2);
		ck_assert_uint_eq(inode(slow.fds[0]), dir);
		ck_assert_uint_eq(inode(slow.fds[1]), data);
	}
	raw_close(&slow);
	raw_close(&other);
}
END_TEST

#define SMALL_FILE (UINT64_C(1) << 20)

static void setup_small(void)
{
	struct rlimit bytes;

	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &bytes), 0);
	bytes.rlim_cur = SMALL_FILE;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &bytes), 0);
	harness_start(&h, NULL);
}

/* It raises what it may; and what it may not have it refuses, and lives on. */
START_TEST(large_segment)
{
	const struct rlimit small = { SMALL_FILE, SMALL_FILE };
	struct shmreg_segment_params params = { .size = sizeof(params), .bytes = 2 * SMALL_FILE };
	struct shmreg_connection *c = harness_connect();
	struct shmreg_segment *s;
	const pid_t daemon = harness_daemon(&h);

	harness_ok(shmreg_segment_create(c, &s, "raised", &params));
	ck_assert_int_eq(prlimit(daemon, RLIMIT_FSIZE, &small, NULL), 0);
	harness_result(shmreg_segment_create(c, &s, "large", &params), -EFBIG);
	harness_sentence("LimitFSIZE=");
	params.bytes = SMALL_FILE;
	harness_ok(shmreg_segment_create(c, &s, "small", &params));
	ck_assert_int_eq(harness_daemon(&h), daemon);
	shmreg_disconnect(c);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("daemon-descriptors");
	TCase *many = harness_case(suite, "many"), *tc = harness_case(suite, "descriptors");
	TCase *small = harness_case(suite, "small files");

	tcase_add_checked_fixture(tc, setup_few, teardown);
	tcase_add_test(tc, connections);
	tcase_add_test(tc, answers);
	tcase_add_test(tc, no_descriptor);
	tcase_add_test(tc, no_descriptor_for_long);
	tcase_add_checked_fixture(many, setup_many, teardown);
	tcase_add_test(many, answer_waits);
	tcase_add_checked_fixture(small, setup_small, teardown);
	tcase_add_test(small, large_segment);
	return harness_main(suite);
}
