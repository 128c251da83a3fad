/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * Memory that is given back, and whoever keeps it from being: nobody but those who want just
 * that memory notices.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "actor.h"
#include "daemon-child.h"
#include "file-lock.h"
#include "raw-watch.h"

#define BYTES (UINT64_C(4) << 20)
#define N_WORDS (BYTES / 8)

static const struct identity villain_id = { .uid = 20001, .gid = 20001 };

static struct harness h;
static struct process villain, other;

static void setup(void)
{
	harness_start(&h, (const char *[]){ "--max-segments-per-uid=1", NULL });
	actor_start(&other);
}

static void teardown(void)
{
	if (villain.pid)
		process_finish(&villain);
	if (other.pid)
		process_finish(&other);
	harness_stop(&h);
}

static pid_t janitor(char state)
{
	return daemon_child(&h, "shmregd-janitor", state);
}

static void stop_janitor(void)
{
	kill(janitor('S'), SIGSTOP);
	janitor('T');
}

/* --- deeds ---------------------------------------------------------------------------- */

static int64_t deed_make(struct actor *a, int64_t lifetime)
{
	const struct shmreg_segment_params params = {
		.size = sizeof(params), .bytes = BYTES, .lifetime = (uint32_t)lifetime,
	};

	return deed_connect(a, 0) < 0 ? -EIO : shmreg_segment_create(a->connection, &a->segment,
								   ACTOR_SEGMENT, &params);
}

static int64_t deed_make_large(struct actor *a, int64_t bytes)
{
	const struct shmreg_segment_params params = { .size = sizeof(params), .bytes = (uint64_t)bytes };

	return deed_connect(a, 0) < 0 ? -EIO : shmreg_segment_create(a->connection, &a->segment,
								   ACTOR_SEGMENT, &params);
}

/* It takes all there is. */
static int64_t deed_fill(struct actor *a, int64_t unused)
{
	const int64_t r = word_array_create(a->segment, &a->array, "array", N_WORDS);

	(void)unused;
	for (uint64_t i = 0; r == 0 && i < N_WORDS; i += 512) {
		if (word_array_data(a->array)[i] != 0)
			return -EBADMSG;
		word_array_data(a->array)[i] = i + 1;
	}
	return r;
}

static int64_t deed_drop(struct actor *a, int64_t unused)
{
	(void)unused;
	(void)word_array_close(a->array);
	return shmreg_object_remove(a->segment, "array");
}

/* Again and again all that its quota allows: none is refused. */
static int64_t deed_churn(struct actor *a, int64_t n)
{
	int64_t r = 0;

	for (int64_t i = 0; i < n && r == 0; i++) {
		r = deed_make(a, SHMREG_WHILE_ATTACHED);
		if (r == 0)
			r = deed_fill(a, 0);
		if (r == 0 && i % 2)
			r = deed_drop(a, 0);
		if (r == 0)
			r = deed_close(a, 0);
	}
	return r;
}

/* --- who keeps a file's lock ------------------------------------------------------------- */

/* Another user, who can keep locks. Return: 0; -errno: not here. */
static int become_villain(void)
{
	const int r = file_lock_init();

	if (r == 0 && (setresgid(villain_id.gid, villain_id.gid, villain_id.gid) < 0 ||
		       setresuid(villain_id.uid, villain_id.uid, villain_id.uid) < 0))
		return -errno;
	return r;
}

/* A segment whose data area's lock is kept for as long as this process lives. */
static void run_villain(const struct mouth *mouth, void *arg)
{
	struct raw_segment writes, reads;
	uint64_t queue;
	struct raw c;
	int r;

	(void)arg;
	r = become_villain();
	if (r == 0) {
		raw_open(&c, h.socket_path);
		ck_assert_int_eq(raw_create_bytes(&c, "evil", 1, 0, BYTES), 0);
		raw_segment_take(&writes, &c);
		queue = raw_object(&c, &writes, "queue", SHMREG_KIND_QUEUE);
		ck_assert_int_eq(raw_attach(&c, "evil", SHMREG_ACCESS_READ, 2), 0);
		raw_segment_take(&reads, &c);
		/* More than the daemon frees by itself. */
		ck_assert_int_eq(fallocate(writes.data_fd, 0, 0, BYTES), 0);
		file_lock_keep(writes.data_fd);
		/* The daemon stores a word for that. */
		ck_assert_int_eq(raw_watch(&c, &reads, queue, SHMREG_WAIT_ITEMS, 0), 0);
		ck_assert_int_eq(raw_attachment(&c, SHMREG_PACKET_DETACH, reads.segment,
						reads.participant), 0);
		ck_assert_int_eq(raw_attachment(&c, SHMREG_PACKET_DETACH, writes.segment,
						writes.participant), 0);
	}
	tell(mouth, r);
	hear(mouth);
	_exit(0);
}

/* The lock of its token is kept, and it gives the daemon every reason to look at that. */
static void run_token_villain(const struct mouth *mouth, void *arg)
{
	struct raw c, more;
	int r, token;

	(void)arg;
	r = become_villain();
	if (r == 0) {
		raw_connect(&c, h.socket_path);
		ck_assert_int_eq(raw_hello(&c, 0), 0);
		token = dup(c.fds[0]);
		raw_map_token(&c);
		file_lock_keep(token);
		close(token);
		ck_assert_int_eq(raw_create(&c, "evil", 1, 0), 0);
		/* Another one makes it look at all that there were before. */
		raw_open(&more, h.socket_path);
		ck_assert_int_eq(raw_attach(&more, "evil", SHMREG_ACCESS_READ, 2), 0);
		raw_close(&more);
		close(c.fd);
	}
	tell(mouth, r);
	hear(mouth);
	_exit(0);
}

/* The same for an object, in a segment that stays. */
static void run_remover(const struct mouth *mouth, void *arg)
{
	struct shmreg_request in;
	struct raw_segment s;
	uint64_t queue;
	struct raw c;
	int r;

	(void)arg;
	r = become_villain();
	if (r == 0) {
		raw_open(&c, h.socket_path);
		ck_assert_int_eq(raw_create(&c, "evil", 1, 0), 0);
		raw_segment_take(&s, &c);
		queue = raw_object(&c, &s, "queue", SHMREG_KIND_QUEUE);
		file_lock_keep(s.data_fd);
		ck_assert_int_eq(raw_remove_object(&c, &s, queue), 0);
		raw_request(&in, SHMREG_PACKET_QUIESCE);
		in.u.attachment = (struct shmreg_attachment){ s.segment, s.participant, 1 };
		ck_assert_int_eq(raw_call(&c, &in), 0);
	}
	tell(mouth, r);
	hear(mouth);
	_exit(0);
}

static void attach_and_die(const struct mouth *mouth, void *arg)
{
	struct raw c;

	(void)mouth, (void)arg;
	raw_open(&c, h.socket_path);
	ck_assert_int_eq(raw_attach(&c, "evil", SHMREG_ACCESS_WRITE, 3), 0);
	_exit(0);
}

/* Somebody has died in a segment whose data area's lock is kept. */
static void run_mourner(const struct mouth *mouth, void *arg)
{
	struct raw_segment s;
	struct process p;
	struct raw c;
	int r;

	(void)arg;
	r = become_villain();
	if (r == 0) {
		raw_open(&c, h.socket_path);
		ck_assert_int_eq(raw_create(&c, "evil", 1, 0), 0);
		raw_segment_take(&s, &c);
		raw_object(&c, &s, "queue", SHMREG_KIND_QUEUE);
		file_lock_keep(s.data_fd);
		process_start(&p, attach_and_die, NULL);
		process_finish(&p);
	}
	tell(mouth, r);
	hear(mouth);
	_exit(0);
}

/* Return: false if the machine cannot. */
static bool start_villain(void (*run)(const struct mouth *mouth, void *arg))
{
	int64_t r;

	process_start(&villain, run, NULL);
	r = process_hear(&villain);
	if (r < 0)
		harness_skip("there is no userfaultfd(2)");
	return r == 0;
}

static bool keep_lock(void)
{
	if (!start_villain(run_villain))
		return false;
	janitor('D');
	return true;
}

/* --- tests ------------------------------------------------------------------------------ */

START_TEST(quota_comes_back)
{
	if (geteuid() == 0) {
		process_finish(&other);
		actor_start_as(&other, &villain_id);
	}
	actor_ok(&other, deed_churn, 50);
}
END_TEST

START_TEST(others_are_served)
{
	if (harness_need_root())
		return;
	if (!keep_lock())
		return;
	/* Of another user, whose memory comes back meanwhile. */
	actor_ok(&other, deed_churn, 10);
	actor_ok(&other, deed_make, SHMREG_WHILE_ATTACHED);
	actor_ok(&other, deed_fill, 0);
	actor_ok(&other, deed_drop, 0);
	actor_ok(&other, deed_fill, 0);
	ck_assert_int_ne(janitor('D'), 0);
}
END_TEST

START_TEST(tokens_are_looked_at)
{
	if (harness_need_root() || !start_villain(run_token_villain))
		return;
	actor_ok(&other, deed_churn, 10);
	/* It lives, and has it mapped. */
	ck_assert_int_eq(harness_n_segments(), 1);
	process_finish(&villain);
	actor_ok(&other, deed_churn, 10);
}
END_TEST

static void setup_two(void)
{
	harness_start(&h, (const char *[]){ "--max-segments-per-uid=2", NULL });
	actor_start(&other);
}

/* What is large and takes its time has one of the places, and what is small comes back meanwhile. */
START_TEST(small_beside_large)
{
	actor_ok(&other, deed_make_large, 64 << 20);
	stop_janitor();
	actor_ok(&other, deed_close, 0);
	actor_ok(&other, deed_churn, 10);
	kill(janitor('T'), SIGCONT);
}
END_TEST

static char config[32];

static void configure(const char *text)
{
	harness_write(config, text);
}

static void setup_impatient(void)
{
	char option[64];
	int fd;

	snprintf(config, sizeof(config), "/tmp/shmreg-janitor-XXXXXX");
	fd = mkstemp(config);
	ck_assert_int_ge(fd, 0);
	close(fd);
	configure("repair-timeout = 1\n");
	snprintf(option, sizeof(option), "--config=%s", config);
	harness_start(&h, (const char *[]){ "--max-reapers=1", option, NULL });
	actor_start(&other);
}

static void teardown_impatient(void)
{
	teardown();
	unlink(config);
}

static void somebody_dies(void)
{
	struct process p;

	actor_start(&p);
	actor_ok(&p, deed_open, SHMREG_ACCESS_WRITE);
	actor_ok(&p, deed_queue_open, 0);
	actor_ok(&p, deed_reserve, 7);
	process_kill(&p);
}

static void await_repair(struct shmreg_connection *events)
{
	harness_wait_event(events, SHMREG_EVENT_REPAIRED, ACTOR_SEGMENT, NULL);
}

/* There is one place for reapers, and his does not end, not even by SIGKILL. */
START_TEST(others_are_repaired)
{
	struct shmreg_connection *events;

	if (harness_need_root() || !start_villain(run_mourner))
		return;
	daemon_child(&h, "shmreg-reaper", 'D');
	/* That was for his; the others' take the time they need. */
	configure("");
	ck_assert_int_eq(kill(harness_daemon(&h), SIGHUP), 0);
	harness_wait_log(&h, "the limits were read anew");
	events = harness_subscribe();
	actor_ok(&other, deed_create, SHMREG_UNTIL_REMOVED);
	actor_ok(&other, deed_queue_create, 0);
	for (int i = 0; i < 3; i++) {
		somebody_dies();
		await_repair(events);
	}
	ck_assert_int_ne(daemon_child(&h, "shmreg-reaper", 'D'), 0);
	shmreg_disconnect(events);
	actor_ok(&other, deed_remove, 0);
}
END_TEST

START_TEST(daemon_is_killed)
{
	if (harness_need_root() || !keep_lock())
		return;
	harness_kill_daemon(&h);
	harness_restart_daemon(&h);
	actor_ok(&other, deed_churn, 10);
}
END_TEST

/* The new daemon waits with this segment for the end of the old one's janitor, and with no other. */
START_TEST(old_janitor_first)
{
	if (harness_need_root() || !start_villain(run_remover))
		return;
	janitor('D');
	harness_kill_daemon(&h);
	harness_restart_daemon(&h);
	actor_ok(&other, deed_churn, 10);
	harness_wait_log(&h, "segment 'evil' (1) is not rid of what was removed from it yet: a process "
			 "of an earlier shmregd");
	janitor('S');
	daemon_has_no_child(&h, "shmregd-janitor", 'D');
	process_finish(&villain);
}
END_TEST

/* Room that is about to be free can be had: who asks for it waits. */
START_TEST(waits_for_room)
{
	actor_ok(&other, deed_make, SHMREG_WHILE_ATTACHED);
	actor_ok(&other, deed_fill, 0);
	stop_janitor();
	actor_ok(&other, deed_drop, 0);
	actor_begin(&other, deed_fill, 0);
	/* Everybody else goes on. */
	ck_assert_int_eq(harness_n_segments(), 1);
	ck_assert(!process_speaks(&other));
	kill(janitor('T'), SIGCONT);
	process_expect(&other, 0);
}
END_TEST

START_TEST(janitor_is_killed)
{
	actor_ok(&other, deed_make, SHMREG_WHILE_ATTACHED);
	actor_ok(&other, deed_fill, 0);
	stop_janitor();
	actor_ok(&other, deed_drop, 0);
	actor_begin(&other, deed_fill, 0);
	ck_assert_int_eq(harness_n_segments(), 1);
	kill(janitor('T'), SIGKILL);
	process_expect(&other, 0);
}
END_TEST

START_TEST(client_is_killed)
{
	actor_ok(&other, deed_make, SHMREG_WHILE_ATTACHED);
	actor_ok(&other, deed_fill, 0);
	stop_janitor();
	actor_ok(&other, deed_drop, 0);
	actor_begin(&other, deed_fill, 0);
	process_kill(&other);
	kill(janitor('T'), SIGCONT);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("janitor");
	TCase *tc = harness_case(s, "janitor");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, quota_comes_back);
	tcase_add_test(tc, others_are_served);
	tcase_add_test(tc, tokens_are_looked_at);
	tcase_add_test(tc, daemon_is_killed);
	tcase_add_test(tc, old_janitor_first);
	tcase_add_test(tc, waits_for_room);
	tcase_add_test(tc, janitor_is_killed);
	tcase_add_test(tc, client_is_killed);
	tc = harness_case(s, "two");
	tcase_add_checked_fixture(tc, setup_two, teardown);
	tcase_add_test(tc, small_beside_large);
	tc = harness_case(s, "impatient");
	tcase_add_checked_fixture(tc, setup_impatient, teardown_impatient);
	tcase_add_test(tc, others_are_repaired);
	return s;
}

int main(void)
{
	return harness_main(suite());
}

