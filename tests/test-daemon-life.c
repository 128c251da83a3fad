/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alone.h"
#include "harness.h"
#include "raw.h"

static struct alone d;

static void setup(void)
{
	alone_init(&d);
}

static void teardown(void)
{
	alone_deinit(&d);
}

static const char *const *with(const char *a, const char *b)
{
	static const char *options[3];

	options[0] = a;
	options[1] = b;
	return options;
}

static void stop(void)
{
	ck_assert_int_eq(alone_end(&d, SIGTERM), 0);
	ck_assert_int_eq(access(d.socket_path, F_OK), -1);
}

static mode_t mode_of_socket(void)
{
	struct stat st;

	ck_assert_int_eq(stat(d.socket_path, &st), 0);
	return st.st_mode & 0777;
}

START_TEST(starts_and_ends)
{
	struct raw c;

	umask(077);
	alone_start(&d, NULL);
	ck_assert_uint_eq(mode_of_socket(), 0600);
	raw_open(&c, d.socket_path);
	ck_assert_int_eq(raw_create(&c, "s", 1, 0), 0);
	stop();
	/* In order: the client is hung up on, and its directory says why nobody answers. */
	ck_assert_int_eq(raw_hello(&c, 0), -ESHUTDOWN);
	raw_close(&c);
	alone_start(&d, with("--system", NULL));
	ck_assert_uint_eq(mode_of_socket(), 0666);
	ck_assert_int_eq(alone_end(&d, SIGINT), 0);
	alone_start(&d, with("--socket-mode=0620", NULL));
	ck_assert_uint_eq(mode_of_socket(), 0620);
	stop();
}
END_TEST

START_TEST(orphaned_directory)
{
	struct shmreg_dir *dir;
	struct raw c;

	alone_start(&d, NULL);
	raw_open(&c, d.socket_path);
	ck_assert_int_eq(raw_create(&c, "s", 1, 0), 0);
	dir = mmap(NULL, c.reply.u.attach.dir_bytes, PROT_READ, MAP_SHARED, c.fds[0], 0);
	ck_assert_ptr_ne(dir, MAP_FAILED);
	ck_assert_uint_eq(dir->flags & SHMREG_DIR_ORPHANED, 0);
	stop();
	ck_assert_uint_ne(dir->flags & SHMREG_DIR_ORPHANED, 0);
	munmap(dir, dir->dir_bytes);
	raw_close(&c);
}
END_TEST

START_TEST(second_instance)
{
	char who[64];

	alone_start(&d, NULL);
	ck_assert_int_eq(alone_fails(&d, NULL), 1);
	snprintf(who, sizeof(who), "shmregd " PACKAGE_VERSION ", pid %d, is already there", (int)d.pid);
	ck_assert(alone_logged(&d, who));
	stop();
}
END_TEST

START_TEST(old_files)
{
	int fd;

	/* A daemon that was killed leaves a socket, which the next one replaces. */
	alone_start(&d, NULL);
	alone_end(&d, SIGKILL);
	ck_assert_int_eq(access(d.socket_path, F_OK), 0);
	alone_start(&d, NULL);
	stop();
	/* What is no socket is not touched. */
	fd = open(d.socket_path, O_WRONLY | O_CREAT, 0600);
	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_int_eq(alone_fails(&d, NULL), 1);
	ck_assert(alone_logged(&d, "no socket; remove it"));
	ck_assert_int_eq(unlink(d.socket_path), 0);
}
END_TEST

START_TEST(bad_surroundings)
{
	ck_assert_int_eq(alone_fails(&d, with("--socket=/nowhere/at/all", NULL)), 1);
	ck_assert(alone_logged(&d, "cannot make the directory '/nowhere/at'"));
	ck_assert_int_eq(alone_fails(&d, with("--max-segments=x", NULL)), 1);
	ck_assert(alone_logged(&d, "max-segments is 'x'"));
	ck_assert_int_eq(alone_fails(&d, with("--config=/nowhere/x", NULL)), 1);
	ck_assert(alone_logged(&d, "'/nowhere/x'") || alone_logged(&d, "/nowhere/x:"));
}
END_TEST

START_TEST(reload)
{
	char config[96], option[112];
	struct raw c;

	snprintf(config, sizeof(config), "%s/conf", d.dir);
	snprintf(option, sizeof(option), "--config=%s", config);
	harness_write(config, "max-segments = 1\n");
	alone_start(&d, with(option, NULL));
	raw_open(&c, d.socket_path);
	ck_assert_int_eq(raw_create(&c, "one", 1, 0), 0);
	ck_assert_int_lt(raw_create(&c, "two", 2, 0), 0);
	raw_says(&c, "max-segments");
	harness_write(config, "max-segments = x\n");
	ck_assert_int_eq(kill(d.pid, SIGHUP), 0);
	alone_wait_log(&d, "is not read anew");
	harness_write(config, "max-segments = 2\n");
	ck_assert_int_eq(kill(d.pid, SIGHUP), 0);
	alone_wait_log(&d, "were read anew");
	ck_assert_int_eq(raw_create(&c, "two", 3, 0), 0);
	raw_close(&c);
	unlink(config);
	stop();
}
END_TEST

/* A child that attaches and says so; then does what it is told. */
static void attach_and_wait(const struct mouth *mouth, void *arg)
{
	struct raw c;

	(void)arg;
	raw_open(&c, d.socket_path);
	ck_assert_int_eq(raw_attach(&c, "s", SHMREG_ACCESS_WRITE, 1), 0);
	tell(mouth, (int64_t)c.reply.u.attach.participant);
	if (hear(mouth) == 1)
		execlp("sleep", "sleep", "1000", (char *)NULL);
	raw_close(&c);
}

static uint64_t n_deaths(struct raw *c)
{
	struct shmreg_request in;

	raw_request(&in, SHMREG_PACKET_STATS);
	in.u.stats.uid = UINT32_MAX;
	ck_assert_int_eq(raw_call(c, &in), 0);
	return c->reply.u.stats.n_deaths;
}

static uint64_t n_participants(struct raw *c)
{
	n_deaths(c);
	return c->reply.u.stats.usage[SHMREG_RESOURCE_PARTICIPANTS].used;
}

static bool one_participant(void *arg)
{
	return n_participants(arg) == 1;
}

/* A process that lives, but has exec'd, has its segments mapped no more. */
START_TEST(exec_is_noticed)
{
	struct process p;
	struct raw c;

	alone_start(&d, NULL);
	raw_open(&c, d.socket_path);
	ck_assert_int_eq(raw_create(&c, "s", 1, 0), 0);
	process_start(&p, attach_and_wait, NULL);
	process_hear(&p);
	ck_assert_uint_eq(n_participants(&c), 2);
	process_tell(&p, 1);
	harness_wait(one_participant, &c, "the exec to be noticed");
	ck_assert_uint_eq(n_deaths(&c), 1);
	ck_assert_int_eq(kill(p.pid, 0), 0);
	process_kill(&p);
	raw_close(&c);
	stop();
}
END_TEST

/* Attaches through a connection that a child of its own keeps open. */
static void leave_a_child(const struct mouth *mouth, void *arg)
{
	struct raw c;
	pid_t child;

	(void)arg;
	raw_open(&c, d.socket_path);
	ck_assert_int_eq(raw_attach(&c, "s", SHMREG_ACCESS_WRITE, 1), 0);
	child = fork();
	if (child == 0) {
		/* It must not go on in its parent's name. */
		hear(mouth);
		while (raw_target(&c, SHMREG_PACKET_DESCRIBE, "s") == 0)
			;
		tell(mouth, 2);
		_exit(0);
	}
	tell(mouth, 1);
	pause();
}

START_TEST(inherited_connection)
{
	struct process p;
	struct raw c;

	alone_start(&d, NULL);
	raw_open(&c, d.socket_path);
	ck_assert_int_eq(raw_create(&c, "s", 1, 0), 0);
	process_start(&p, leave_a_child, NULL);
	process_expect(&p, 1);
	ck_assert_int_eq(kill(p.pid, SIGKILL), 0);
	harness_wait(one_participant, &c, "the death to be noticed");
	process_tell(&p, 0);
	process_expect(&p, 2);
	process_kill(&p);
	raw_close(&c);
	stop();
}
END_TEST

static void quarantine(const char *reaper, const char *timeout, const char *why)
{
	char option[128];
	struct process p;
	struct raw c;

	snprintf(option, sizeof(option), "--reaper=%s", reaper);
	alone_start(&d, with(option, timeout));
	raw_open(&c, d.socket_path);
	ck_assert_int_eq(raw_create(&c, "s", 1, 0), 0);
	process_start(&p, attach_and_wait, NULL);
	process_hear(&p);
	process_kill(&p);
	alone_wait_log(&d, "segment 's' (1) is quarantined: its repair failed 3 times in a row");
	ck_assert(alone_logged(&d, why));
	ck_assert(alone_logged(&d, "failed, 1 of 3"));
	ck_assert_int_eq(raw_attach(&c, "s", SHMREG_ACCESS_WRITE, 7), -ENOTRECOVERABLE);
	raw_says(&c, "quarantine");
	/* Others are not touched, and this one can be removed. */
	ck_assert_int_eq(raw_create(&c, "t", 8, 0), 0);
	ck_assert_int_eq(raw_target(&c, SHMREG_PACKET_REMOVE, "s"), 0);
	raw_close(&c);
	stop();
}

START_TEST(reaper_fails)
{
	quarantine("/bin/false", NULL, "it exited with 1 before it was done");
}
END_TEST

START_TEST(reaper_missing)
{
	char path[96], option[112];
	struct process p;
	struct raw c;

	snprintf(path, sizeof(path), "%s/reaper", d.dir);
	snprintf(option, sizeof(option), "--reaper=%s", path);
	alone_start(&d, with(option, NULL));
	raw_open(&c, d.socket_path);
	ck_assert_int_eq(raw_create(&c, "s", 1, 0), 0);
	process_start(&p, attach_and_wait, NULL);
	process_hear(&p);
	process_kill(&p);
	alone_wait_log(&d, "/reaper' cannot be executed (see --reaper)");
	/* That is not the segment's fault: it waits until there is one. */
	ck_assert_uint_eq(n_participants(&c), 2);
	ck_assert_int_eq(symlink(SHMREG_REAPER, path), 0);
	harness_wait(one_participant, &c, "the dead to be settled");
	ck_assert(!alone_logged(&d, "quarantined"));
	raw_close(&c);
	unlink(path);
	stop();
}
END_TEST

START_TEST(reaper_hangs)
{
	char script[96];
	FILE *f;

	snprintf(script, sizeof(script), "%s/hang", d.dir);
	f = fopen(script, "we");
	fputs("#!/bin/sh\nexec sleep 1000\n", f);
	fchmod(fileno(f), 0755);
	fclose(f);
	quarantine(script, "--repair-timeout=1", "it took too long");
	unlink(script);
}
END_TEST

/* The real one: what had died is settled, and a stranger may attach again. */
START_TEST(repair)
{
	struct process p;
	struct raw c;

	alone_start(&d, NULL);
	raw_open(&c, d.socket_path);
	ck_assert_int_eq(raw_create(&c, "s", 1, 0), 0);
	for (int i = 0; i < 10; i++) {
		process_start(&p, attach_and_wait, NULL);
		process_hear(&p);
		process_kill(&p);
	}
	harness_wait(one_participant, &c, "the dead to be settled");
	ck_assert_uint_eq(n_deaths(&c), 10);
	ck_assert_uint_gt(c.reply.u.stats.n_repairs, 0);
	ck_assert_uint_eq(c.reply.u.stats.n_reaper_failures, 0);
	raw_close(&c);
	stop();
}
END_TEST

static void connect_many(const struct mouth *mouth, void *arg)
{
	struct raw c[8], more;

	(void)arg;
	for (int i = 0; i < 8; i++)
		raw_open(&c[i], d.socket_path);
	raw_connect(&more, d.socket_path);
	ck_assert_int_lt(raw_hello(&more, 0), 0);
	raw_says(&more, "connections");
	ck_assert_int_eq(raw_hello(&more, 0), -ESHUTDOWN);
	raw_close(&more);
	/* One that goes makes room. */
	raw_close(&c[0]);
	do {
		raw_close(&more);
		raw_connect(&more, d.socket_path);
	} while (raw_hello(&more, SHMREG_HELLO_OBSERVER) < 0);
	tell(mouth, 1);
	hear(mouth);
	raw_close(&more);
	for (int i = 1; i < 8; i++)
		raw_close(&c[i]);
}

START_TEST(too_many_connections)
{
	const struct identity nobody = { .uid = 65534, .gid = 65534 };
	static const char *const options[] = {
		"--max-connections-per-uid=8", "--max-connections=20", "--socket-mode=0666", NULL,
	};
	struct raw c[20], more;
	struct process p;
	int n;

	if (harness_need_root())
		return;
	alone_start(&d, options);
	process_start_as(&p, &nobody, connect_many, NULL);
	process_expect(&p, 1);
	/* Root has no quota, but there is an end for all together. */
	for (n = 0; n < 12; n++)
		raw_open(&c[n], d.socket_path);
	raw_connect(&more, d.socket_path);
	ck_assert_int_eq(raw_hello(&more, 0), -EUSERS);
	raw_says(&more, "max-connections is 20");
	raw_close(&more);
	while (n > 0)
		raw_close(&c[--n]);
	process_finish(&p);
	stop();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("daemon-life");
	TCase *tc = harness_case(suite, "life");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, starts_and_ends);
	tcase_add_test(tc, orphaned_directory);
	tcase_add_test(tc, second_instance);
	tcase_add_test(tc, old_files);
	tcase_add_test(tc, bad_surroundings);
	tcase_add_test(tc, reload);
	tcase_add_test(tc, exec_is_noticed);
	tcase_add_test(tc, inherited_connection);
	tcase_add_test(tc, reaper_fails);
	tcase_add_test(tc, reaper_missing);
	tcase_add_test(tc, reaper_hangs);
	tcase_add_test(tc, repair);
	tcase_add_test(tc, too_many_connections);
	return harness_main(suite);
}
