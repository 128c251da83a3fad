/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"
#include "raw.h"

static struct harness h;

static void setup(void)
{
	harness_start(&h, NULL);
}

static void teardown(void)
{
	harness_stop(&h);
}

static void again(void)
{
	harness_kill_daemon(&h);
	harness_restart_daemon(&h);
}

static struct shmreg_stats_reply stats_now(void)
{
	struct shmreg_request in;
	struct raw c;

	raw_connect(&c, h.socket_path);
	ck_assert_int_eq(raw_hello(&c, SHMREG_HELLO_OBSERVER), 0);
	raw_request(&in, SHMREG_PACKET_STATS);
	in.u.stats.uid = UINT32_MAX;
	ck_assert_int_eq(raw_call(&c, &in), 0);
	raw_close(&c);
	return c.reply.u.stats;
}

static uint64_t used(enum shmreg_resource what)
{
	return stats_now().usage[what].used;
}

static struct shmreg_dir *map_dir(const struct raw *c)
{
	struct shmreg_dir *dir;

	dir = mmap(NULL, c->reply.u.attach.dir_bytes, PROT_READ, MAP_SHARED, c->fds[0], 0);
	ck_assert_ptr_ne(dir, MAP_FAILED);
	return dir;
}

/* Segments, participants and seats are back; whoever was attached still is. */
START_TEST(everything_is_back)
{
	struct shmreg_attach_reply a;
	struct shmreg_request in;
	struct shmreg_dir *dir;
	uint64_t registry;
	struct raw c;
	int i;

	raw_open(&c, h.socket_path);
	registry = c.reply.u.hello.registry;
	ck_assert_int_eq(raw_create(&c, "s", 1, 0), 0);
	a = c.reply.u.attach;
	dir = map_dir(&c);
	ck_assert_int_eq(harness_n_stored(&h), 2);
	raw_request(&in, SHMREG_PACKET_CREATE_OBJECT);
	in.u.create_object.at.segment = a.segment;
	in.u.create_object.at.participant = a.participant;
	in.u.create_object.nonce = 5;
	in.u.create_object.shape = (struct shmreg_shape){
		.kind = SHMREG_KIND_ARRAY, .layout = 1, .elem_align = 8, .elem_bytes = 8, .capacity = 9,
	};
	snprintf(in.u.create_object.name, sizeof(in.u.create_object.name), "numbers");
	ck_assert_int_eq(raw_call(&c, &in), 0);

	for (i = 0; i < 5; i++) {
		struct raw next;

		again();
		ck_assert_uint_eq(used(SHMREG_RESOURCE_SEGMENTS), 1);
		ck_assert_uint_eq(used(SHMREG_RESOURCE_PARTICIPANTS), 1);
		ck_assert_uint_eq(used(SHMREG_RESOURCE_SEATS), 2);
		ck_assert_uint_eq(used(SHMREG_RESOURCE_OBJECTS), 1);
		ck_assert_uint_eq(stats_now().n_restarts, (uint64_t)i + 1);
		ck_assert_int_eq(harness_n_stored(&h), 2);
		/* The old connection is over; the process is known again. */
		ck_assert_int_eq(raw_target(&c, SHMREG_PACKET_DESCRIBE, "s"), -ESHUTDOWN);
		raw_open(&next, h.socket_path);
		ck_assert_uint_eq(next.reply.u.hello.registry, registry);
		ck_assert_int_eq(raw_attachment(&next, SHMREG_PACKET_REATTACH, a.segment,
						a.participant), 0);
		ck_assert_uint_eq(next.reply.u.attach.participant, a.participant);
		raw_close(&c);
		c = next;
		/* A repeated request is answered as it was. */
		ck_assert_int_eq(raw_create(&c, "s", 1, 0), 0);
		ck_assert_uint_eq(c.reply.u.attach.participant, a.participant);
		ck_assert_uint_eq(dir->flags & SHMREG_DIR_ORPHANED, 0);
	}
	ck_assert_int_eq(raw_attachment(&c, SHMREG_PACKET_DETACH, a.segment, a.participant), 0);
	munmap(dir, dir->dir_bytes);
	raw_close(&c);
}
END_TEST

static void reattach_as_another(const struct mouth *mouth, void *arg)
{
	const struct shmreg_attach_reply *a = arg;
	struct raw c;

	(void)mouth;
	raw_open(&c, h.socket_path);
	ck_assert_int_lt(raw_attachment(&c, SHMREG_PACKET_REATTACH, a->segment, a->participant), 0);
	ck_assert_int_lt(raw_attachment(&c, SHMREG_PACKET_DETACH, a->segment, a->participant), 0);
	raw_close(&c);
}

START_TEST(only_the_same_process)
{
	struct shmreg_attach_reply a;
	struct process p;
	struct raw c;

	raw_open(&c, h.socket_path);
	ck_assert_int_eq(raw_create(&c, "s", 1, 0), 0);
	a = c.reply.u.attach;
	again();
	process_start(&p, reattach_as_another, &a);
	process_finish(&p);
	ck_assert_uint_eq(used(SHMREG_RESOURCE_PARTICIPANTS), 1);
	raw_close(&c);
	raw_open(&c, h.socket_path);
	ck_assert_int_eq(raw_attachment(&c, SHMREG_PACKET_DETACH, a.segment, a.participant), 0);
	raw_close(&c);
}
END_TEST

static void attach_and_wait(const struct mouth *mouth, void *arg)
{
	struct raw c;

	(void)arg;
	raw_open(&c, h.socket_path);
	ck_assert_int_eq(raw_attach(&c, "s", SHMREG_ACCESS_WRITE, 1), 0);
	tell(mouth, 1);
	hear(mouth);
	raw_close(&c);
}

static bool one_participant(void *arg)
{
	(void)arg;
	return used(SHMREG_RESOURCE_PARTICIPANTS) == 1 && used(SHMREG_RESOURCE_SEATS) == 2;
}

static bool no_segment(void *arg)
{
	(void)arg;
	return used(SHMREG_RESOURCE_SEGMENTS) == 0 && harness_n_stored(&h) == 0;
}

/* Those who died while nobody looked are repaired; those who live are kept. */
START_TEST(died_meanwhile)
{
	struct process p[3];
	struct raw c;
	int i;

	raw_open(&c, h.socket_path);
	ck_assert_int_eq(raw_create(&c, "s", 1, 0), 0);
	for (i = 0; i < 3; i++) {
		process_start(&p[i], attach_and_wait, NULL);
		process_expect(&p[i], 1);
	}
	harness_kill_daemon(&h);
	process_kill(&p[0]);
	process_kill(&p[1]);
	harness_restart_daemon(&h);
	harness_wait_log(&h, "died; it was participant");
	/* This process and the third one; then that dies, too, without a connection. */
	ck_assert_uint_ge(used(SHMREG_RESOURCE_PARTICIPANTS), 2);
	process_kill(&p[2]);
	harness_wait(one_participant, NULL, "the dead to be settled");
	ck_assert_uint_eq(stats_now().n_deaths, 3);
	ck_assert_uint_gt(stats_now().n_repairs, 0);
	raw_attachment(&c, SHMREG_PACKET_DETACH, 1, 1);
	raw_close(&c);
	raw_open(&c, h.socket_path);
	ck_assert_int_eq(raw_create(&c, "s", 1, 0), 0);
	ck_assert_int_eq(raw_attachment(&c, SHMREG_PACKET_DETACH, c.reply.u.attach.segment,
					c.reply.u.attach.participant), 0);
	raw_close(&c);
}
END_TEST

/* All who were attached died while nobody looked: so does the segment. */
START_TEST(all_died_meanwhile)
{
	struct process p;
	struct raw c;

	raw_open(&c, h.socket_path);
	ck_assert_int_eq(raw_create(&c, "s", 1, 0), 0);
	process_start(&p, attach_and_wait, NULL);
	process_expect(&p, 1);
	ck_assert_int_eq(raw_attachment(&c, SHMREG_PACKET_DETACH, c.reply.u.attach.segment,
					c.reply.u.attach.participant), 0);
	raw_close(&c);
	harness_kill_daemon(&h);
	process_kill(&p);
	harness_restart_daemon(&h);
	harness_wait(no_segment, NULL, "the segment to go");
}
END_TEST

static void take_away(const char *name)
{
	struct raw c;

	raw_connect(&c, h.socket_path);
	ck_assert_int_eq(raw_hello(&c, SHMREG_HELLO_OBSERVER), 0);
	ck_assert_int_eq(raw_target(&c, SHMREG_PACKET_REMOVE, name), 0);
	raw_close(&c);
}

static void send_create(struct raw *c, const char *name, uint64_t nonce)
{
	struct shmreg_request in;

	raw_request(&in, SHMREG_PACKET_CREATE);
	snprintf(in.u.create.name, sizeof(in.u.create.name), "%s", name);
	in.u.create.nonce = nonce;
	in.u.create.data_bytes = 4096;
	in.u.create.n_seats = 1;
	ck_assert_int_eq(raw_send(c, &in), 0);
}

static int create_kept(const char *name)
{
	const struct shmreg_segment_params params = {
		.size = sizeof(params), .bytes = 4096, .mode = 0600,
		.lifetime = SHMREG_UNTIL_REMOVED, .flags = 0,
	};
	struct shmreg_connection *c = harness_connect();
	struct shmreg_segment *s;
	const int r = shmreg_segment_create(c, &s, name, &params);

	if (r == 0)
		shmreg_segment_close(s);
	shmreg_disconnect(c);
	return r;
}

static void setup_small_store(void)
{
	setenv(KEEPER_STORE_ENV, "6", 1);
	harness_start(&h, NULL);
}

static void teardown_small_store(void)
{
	harness_stop(&h);
	unsetenv(KEEPER_STORE_ENV);
}

/*
 * The root, two segments, and one descriptor that shows that there was room: the third segment is
 * refused, then without asking; what was there before is there after a restart, and what was
 * refused is not.
 */
START_TEST(full_store)
{
	struct raw c;

	harness_ok(create_kept("one"));
	harness_ok(create_kept("two"));
	harness_result(create_kept("three"), -ENOSPC);
	harness_sentence("FileDescriptorStoreMax=");
	harness_result(create_kept("three"), -ENOSPC);
	harness_sentence("max-segments");
	ck_assert_uint_eq(used(SHMREG_RESOURCE_SEGMENTS), 2);
	again();
	ck_assert_uint_eq(used(SHMREG_RESOURCE_SEGMENTS), 2);
	/* The new one finds out by itself. */
	harness_result(create_kept("three"), -ENOSPC);
	harness_sentence("FileDescriptorStoreMax=");
	raw_connect(&c, h.socket_path);
	ck_assert_int_eq(raw_hello(&c, SHMREG_HELLO_OBSERVER), 0);
	ck_assert_int_eq(raw_target(&c, SHMREG_PACKET_DESCRIBE, "three"), -ENOENT);
	raw_close(&c);
	take_away("one");
	harness_ok(create_kept("three"));
	again();
	ck_assert_uint_eq(used(SHMREG_RESOURCE_SEGMENTS), 2);
	take_away("two");
	take_away("three");
}
END_TEST

/* Several at once of which one would fit: none is lost, and one by one it fits. */
START_TEST(full_at_once)
{
	enum { N = 5 };
	struct raw c[N];
	char name[8];
	int i;

	harness_ok(create_kept("one"));
	for (i = 0; i < N; i++)
		raw_open(&c[i], h.socket_path);
	ck_assert_int_eq(kill(h.keeper.pid, SIGSTOP), 0);
	for (i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		send_create(&c[i], name, 1);
	}
	ck_assert_int_eq(kill(h.keeper.pid, SIGCONT), 0);
	for (i = 0; i < N; i++) {
		if (raw_receive(&c[i]) == 0)
			ck_assert_int_eq(raw_attachment(&c[i], SHMREG_PACKET_DETACH,
							c[i].reply.u.attach.segment,
							c[i].reply.u.attach.participant), 0);
		else
			ck_assert_int_eq(c[i].reply.header.status, -ENOSPC);
		raw_close(&c[i]);
	}
	/* As soon as they are gone. */
	while (create_kept("two") < 0)
		ck_assert_uint_ge(used(SHMREG_RESOURCE_SEGMENTS), 1);
	again();
	ck_assert_uint_eq(used(SHMREG_RESOURCE_SEGMENTS), 2);
	take_away("one");
	take_away("two");
}
END_TEST

static bool is_answered(const struct raw *c)
{
	return poll(&(struct pollfd){ .fd = c->fd, .events = POLLIN }, 1, 0) == 1;
}

/*
 * CREATE is answered once the manager has the descriptors; nobody else waits for
 * that, though the manager's queue is long full.
 */
START_TEST(answered_when_stored)
{
	enum { N = 40 };
	struct raw c[N], other;
	char name[8];
	int i;

	raw_open(&other, h.socket_path);
	for (i = 0; i < N; i++)
		raw_open(&c[i], h.socket_path);
	ck_assert_int_eq(kill(h.keeper.pid, SIGSTOP), 0);
	for (i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		send_create(&c[i], name, 1);
	}
	/* Each is there, so the requests were taken; none is answered. */
	for (i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		while (raw_target(&other, SHMREG_PACKET_DESCRIBE, name) == -ENOENT)
			;
	}
	for (i = 0; i < N; i++)
		ck_assert(!is_answered(&c[i]));
	ck_assert_int_eq(kill(h.keeper.pid, SIGCONT), 0);
	for (i = 0; i < N; i++) {
		ck_assert_int_eq(raw_receive(&c[i]), 0);
		ck_assert_uint_eq(c[i].reply.u.attach.created, 1);
		ck_assert_int_eq(c[i].n_fds, 2);
	}
	ck_assert_int_eq(harness_n_stored(&h), 2 * N);
	again();
	ck_assert_uint_eq(used(SHMREG_RESOURCE_SEGMENTS), N);
	for (i = 0; i < N; i++)
		raw_close(&c[i]);
	raw_close(&other);
	/* They are this process's own, which lives: it removes them by hand. */
	raw_open(&other, h.socket_path);
	for (i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		send_create(&other, name, 1);
		ck_assert_int_eq(raw_receive(&other), 0);
		ck_assert_int_eq(raw_attachment(&other, SHMREG_PACKET_DETACH,
						other.reply.u.attach.segment,
						other.reply.u.attach.participant), 0);
	}
	raw_close(&other);
}
END_TEST

/* The daemon dies before the manager has all of it: the client repeats, and has it once. */
START_TEST(killed_before_stored)
{
	struct raw c;
	pid_t daemon;

	raw_open(&c, h.socket_path);
	daemon = harness_daemon(&h);
	ck_assert_int_eq(kill(h.keeper.pid, SIGSTOP), 0);
	send_create(&c, "s", 9);
	/* Another connection is answered, so the daemon has been through its loop. */
	while (used(SHMREG_RESOURCE_SEGMENTS) == 0)
		;
	ck_assert(!is_answered(&c));
	ck_assert_int_eq(kill(daemon, SIGKILL), 0);
	ck_assert_int_eq(raw_receive(&c), -ESHUTDOWN);
	raw_close(&c);
	ck_assert_int_eq(kill(h.keeper.pid, SIGCONT), 0);
	harness_kill_daemon(&h);
	harness_restart_daemon(&h);
	raw_open(&c, h.socket_path);
	ck_assert_int_eq(raw_create(&c, "s", 9, 0), 0);
	ck_assert_uint_eq(used(SHMREG_RESOURCE_SEGMENTS), 1);
	ck_assert_int_eq(raw_attachment(&c, SHMREG_PACKET_DETACH, c.reply.u.attach.segment,
					c.reply.u.attach.participant), 0);
	raw_close(&c);
}
END_TEST

/* Connects again after a restart; with 1 it presents its attachment. Then it does as it is told. */
static void reconnect_and_exec(const struct mouth *mouth, void *arg)
{
	struct shmreg_attach_reply a;
	struct raw c, more;

	(void)arg;
	raw_open(&c, h.socket_path);
	ck_assert_int_eq(raw_attach(&c, "s", SHMREG_ACCESS_WRITE, 1), 0);
	a = c.reply.u.attach;
	tell(mouth, 1);
	if (hear(mouth) == 1) {
		raw_open(&more, h.socket_path);
		ck_assert_int_eq(raw_attachment(&more, SHMREG_PACKET_REATTACH, a.segment,
						a.participant), 0);
		tell(mouth, 2);
	} else {
		/* As another library in the same process would, which knows nothing of the first. */
		raw_open(&more, h.socket_path);
		ck_assert_int_eq(raw_attach(&more, "s", SHMREG_ACCESS_READ, 2), 0);
		ck_assert_int_eq(raw_attachment(&more, SHMREG_PACKET_DETACH, a.segment,
						more.reply.u.attach.participant), 0);
		raw_close(&more);
		tell(mouth, 2);
	}
	hear(mouth);
	execlp("sleep", "sleep", "1000", (char *)NULL);
}

static void reconnect(int64_t how, uint64_t n_left)
{
	struct process p;
	struct raw c;

	raw_open(&c, h.socket_path);
	ck_assert_int_eq(raw_create(&c, "s", 1, 0), 0);
	process_start(&p, reconnect_and_exec, NULL);
	process_expect(&p, 1);
	again();
	process_tell(&p, how);
	process_expect(&p, 2);
	ck_assert_uint_eq(used(SHMREG_RESOURCE_PARTICIPANTS), 2);
	if (n_left == 1) {
		process_tell(&p, 0);
		harness_wait(one_participant, NULL, "the exec to be noticed");
		ck_assert_int_eq(kill(p.pid, 0), 0);
	}
	ck_assert_uint_eq(used(SHMREG_RESOURCE_PARTICIPANTS), n_left);
	process_kill(&p);
	harness_wait(one_participant, NULL, "the dead to be settled");
	raw_close(&c);
	raw_open(&c, h.socket_path);
	ck_assert_int_eq(raw_create(&c, "s", 1, 0), 0);
	ck_assert_int_eq(raw_attachment(&c, SHMREG_PACKET_DETACH, c.reply.u.attach.segment,
					c.reply.u.attach.participant), 0);
	raw_close(&c);
}

START_TEST(exec_after_restart)
{
	reconnect(1, 1);
}
END_TEST

/* What is known after a restart is no proof that the process has nothing mapped. */
START_TEST(no_exec_after_restart)
{
	reconnect(2, 2);
}
END_TEST

static char script[64], go[96], started[96], children[96];

/*
 * A reaper that hangs until it may go on as the real one. Its child dies neither with
 * it nor with the daemon, and has its standard input, which is the daemon's lock.
 */
static void setup_script(void)
{
	const char *const options[] = { "--reaper", script, "--max-reapers=1", NULL };
	FILE *f;

	snprintf(script, sizeof(script), "/tmp/shmreg-reaper-%d", (int)getpid());
	snprintf(go, sizeof(go), "%s.go", script);
	snprintf(started, sizeof(started), "%s.started", script);
	snprintf(children, sizeof(children), "%s.children", script);
	f = fopen(script, "we");
	ck_assert_ptr_nonnull(f);
	fprintf(f, "#!/bin/sh\n"
		   "[ -e %s ] && exec %s\n"
		   "echo $PPID >>%s\n"
		   "exec 5<&0\n"
		   "sh -c 'echo $$ >>%s; exec sleep 100' <&5 3<&- &\n"
		   "wait\n", go, SHMREG_REAPER, started, children);
	fchmod(fileno(f), 0755);
	fclose(f);
	harness_start(&h, options);
}

static void teardown_script(void)
{
	harness_stop(&h);
	unlink(script);
	unlink(go);
	unlink(started);
	unlink(children);
}

/* How often does the file have this number? With 0, any. */
static int count(const char *path, int number)
{
	FILE *f = fopen(path, "re");
	int n = 0, i;

	if (!f)
		return 0;
	while (fscanf(f, "%d", &i) == 1)
		n += !number || i == number;
	fclose(f);
	return n;
}

static bool has_child(void *arg)
{
	(void)arg;
	return count(children, 0) > 0;
}

static bool ended_and_settled(void *arg)
{
	FILE *f = fopen(children, "re");
	int pid;

	ck_assert_ptr_nonnull(f);
	while (fscanf(f, "%d", &pid) == 1)
		kill(pid, SIGKILL);
	fclose(f);
	return one_participant(arg);
}

/* While anything of an earlier daemon's reapers lives, none is started. */
START_TEST(old_reaper_first)
{
	const struct timespec moment = { .tv_nsec = 300000000 };
	struct process p;
	struct raw c;

	/* The one that was started in advance is as good as one at work. */
	harness_wait(has_child, NULL, "the first reaper");
	ck_assert_int_gt(count(started, (int)harness_daemon(&h)), 0);
	raw_open(&c, h.socket_path);
	ck_assert_int_eq(raw_create(&c, "s", 1, 0), 0);
	process_start(&p, attach_and_wait, NULL);
	process_expect(&p, 1);
	process_kill(&p);
	again();
	/* Cannot fail by being too slow, only miss something. */
	nanosleep(&moment, NULL);
	ck_assert_int_eq(count(started, (int)harness_daemon(&h)), 0);
	ck_assert_uint_eq(used(SHMREG_RESOURCE_PARTICIPANTS), 2);
	close(open(go, O_WRONLY | O_CREAT, 0600));
	harness_wait(ended_and_settled, NULL, "the dead to be settled");
	raw_close(&c);
	raw_open(&c, h.socket_path);
	ck_assert_int_eq(raw_create(&c, "s", 1, 0), 0);
	ck_assert_int_eq(raw_attachment(&c, SHMREG_PACKET_DETACH, c.reply.u.attach.segment,
					c.reply.u.attach.participant), 0);
	raw_close(&c);
}
END_TEST

/* A pile of segments, killed many times while others come and go. */
START_TEST(again_and_again)
{
	struct process p;
	struct raw c;
	int i, r;

	raw_open(&c, h.socket_path);
	ck_assert_int_eq(raw_create(&c, "s", 1, 0), 0);
	for (i = 0; i < 20; i++) {
		process_start(&p, attach_and_wait, NULL);
		process_expect(&p, 1);
		if (i % 2)
			harness_kill_daemon(&h);
		process_kill(&p);
		if (i % 2 == 0)
			harness_kill_daemon(&h);
		harness_restart_daemon(&h);
	}
	harness_wait(one_participant, NULL, "the dead to be settled");
	raw_close(&c);
	raw_open(&c, h.socket_path);
	r = raw_create(&c, "s", 1, 0);
	ck_assert_int_eq(r, 0);
	ck_assert_int_eq(raw_attachment(&c, SHMREG_PACKET_DETACH, c.reply.u.attach.segment,
					c.reply.u.attach.participant), 0);
	raw_close(&c);
}
END_TEST

/* Stopped in order and started again: the same, and the mark of the end is taken back. */
START_TEST(stopped_and_started)
{
	struct shmreg_dir *dir;
	struct raw c;

	raw_open(&c, h.socket_path);
	ck_assert_int_eq(raw_create(&c, "s", 1, 0), 0);
	dir = map_dir(&c);
	ck_assert_int_eq(keeper_daemon_end(&h.keeper, SIGTERM), 0);
	ck_assert_uint_ne(dir->flags & SHMREG_DIR_ORPHANED, 0);
	harness_restart_daemon(&h);
	ck_assert_uint_eq(dir->flags & SHMREG_DIR_ORPHANED, 0);
	munmap(dir, dir->dir_bytes);
	raw_close(&c);
	raw_open(&c, h.socket_path);
	ck_assert_int_eq(raw_create(&c, "s", 1, 0), 0);
	ck_assert_int_eq(raw_attachment(&c, SHMREG_PACKET_DETACH, c.reply.u.attach.segment,
					c.reply.u.attach.participant), 0);
	raw_close(&c);
}
END_TEST

/* The manager restarts it: nobody is told that it has gone. */
START_TEST(handed_over)
{
	struct shmreg_dir *dir;
	struct raw c;

	raw_open(&c, h.socket_path);
	ck_assert_int_eq(raw_create(&c, "s", 1, 0), 0);
	dir = map_dir(&c);
	ck_assert_int_eq(keeper_daemon_end(&h.keeper, SIGUSR1), 0);
	ck_assert_uint_eq(dir->flags & SHMREG_DIR_ORPHANED, 0);
	harness_restart_daemon(&h);
	munmap(dir, dir->dir_bytes);
	raw_close(&c);
	raw_open(&c, h.socket_path);
	ck_assert_int_eq(raw_create(&c, "s", 1, 0), 0);
	ck_assert_int_eq(raw_attachment(&c, SHMREG_PACKET_DETACH, c.reply.u.attach.segment,
					c.reply.u.attach.participant), 0);
	raw_close(&c);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("daemon-restart");
	TCase *tc = harness_case(suite, "restart");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, everything_is_back);
	tcase_add_test(tc, only_the_same_process);
	tcase_add_test(tc, died_meanwhile);
	tcase_add_test(tc, all_died_meanwhile);
	tcase_add_test(tc, answered_when_stored);
	tcase_add_test(tc, killed_before_stored);
	tcase_add_test(tc, again_and_again);
	tcase_add_test(tc, stopped_and_started);
	tcase_add_test(tc, handed_over);
	tcase_add_test(tc, exec_after_restart);
	tcase_add_test(tc, no_exec_after_restart);
	tc = harness_case(suite, "store");
	tcase_add_checked_fixture(tc, setup_small_store, teardown_small_store);
	tcase_add_test(tc, full_store);
	tcase_add_test(tc, full_at_once);
	tc = harness_case(suite, "reaper");
	tcase_add_checked_fixture(tc, setup_script, teardown_script);
	tcase_add_test(tc, old_reaper_first);
	return harness_main(suite);
}
