/* SPDX-License-Identifier: MIT */
#include <config.h>

/* Reapers that are started in advance: how many, which is taken, and what if one is killed. */

#include <dirent.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "restart-fixture.h"

#define SPARES 2
#define CHILDREN_MAX 16

/* What this process has made. */
static struct shmreg_attachment s;

struct child {
	pid_t pid;
	unsigned long long start;
	char state;
};

static bool read_child(const char *pid, struct child *ret)
{
	char path[64], text[1024], *p;
	size_t n;
	int parent;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%.16s/stat", pid);
	f = fopen(path, "re");
	if (!f)
		return false;
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	p = strstr(text, "(shmreg-reaper) ");
	ret->pid = (pid_t)atoi(pid);
	return p && sscanf(p + strlen("(shmreg-reaper) "),
			   "%c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d "
			   "%*d %llu", &ret->state, &parent, &ret->start) == 3 &&
	       parent == harness_daemon(&h) && ret->state != 'Z';
}

static int compare(const void *a, const void *b)
{
	const struct child *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->pid < y->pid ? -1 : 1;
}

/* The daemon's reapers, the oldest first. */
static int children(struct child ret[CHILDREN_MAX])
{
	DIR *const d = opendir("/proc");
	const struct dirent *entry;
	int n = 0;

	ck_assert_ptr_nonnull(d);
	while ((entry = readdir(d)) && n < CHILDREN_MAX)
		n += entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
		     read_child(entry->d_name, &ret[n]);
	closedir(d);
	qsort(ret, (size_t)n, sizeof(*ret), compare);
	return n;
}

/* As many as there are to be, which wait: they sleep. */
static bool all_ready(void *arg)
{
	struct child *const found = arg;
	int n = children(found);

	if (n != SPARES)
		return false;
	while (n-- > 0)
		if (found[n].state != 'S')
			return false;
	return true;
}

static void await_spares(struct child ret[CHILDREN_MAX])
{
	harness_wait(all_ready, ret, "two reapers in advance");
}

static bool gone(void *arg)
{
	struct child found[CHILDREN_MAX];
	int n = children(found);

	while (n-- > 0)
		if (found[n].pid == *(const pid_t *)arg)
			return false;
	return true;
}

static void kill_child(pid_t pid)
{
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	harness_wait(gone, &pid, "a reaper to end");
}

static void make_s(struct raw *c)
{
	raw_open(c, h.socket_path);
	ck_assert_int_eq(raw_create(c, "s", 1, 0), 0);
	s = (struct shmreg_attachment){ .segment = c->reply.u.attach.segment,
					.participant = c->reply.u.attach.participant };
}

static void leave(struct raw *c)
{
	ck_assert_int_eq(raw_attachment(c, SHMREG_PACKET_DETACH, s.segment, s.participant), 0);
	raw_close(c);
}

static void start_victim(struct process *p)
{
	process_start(p, attach_and_wait, NULL);
	process_expect(p, 1);
}

static void die_and_be_repaired(void)
{
	struct process p;

	start_victim(&p);
	process_kill(&p);
	harness_wait(one_participant, NULL, "the dead to be settled");
}

/* The oldest does the next job, and is replaced. */
START_TEST(oldest_first)
{
	struct child before[CHILDREN_MAX], after[CHILDREN_MAX];
	struct raw c;

	make_s(&c);
	await_spares(before);
	/* Who is asked does nothing. */
	ck_assert_int_eq(kill(before[1].pid, SIGSTOP), 0);
	die_and_be_repaired();
	ck_assert_int_eq(kill(before[1].pid, SIGCONT), 0);
	harness_wait(gone, &before[0].pid, "who had the job to end");
	await_spares(after);
	ck_assert_int_eq(after[0].pid, before[1].pid);
	ck_assert_int_ne(after[1].pid, before[0].pid);
	ck_assert_uint_eq(stats_now().n_reaper_failures, 0);
	leave(&c);
}
END_TEST

static bool all_noticed(void *n)
{
	return harness_n_logged(&h, "a reaper ended before it had a job") == *(const int *)n;
}

/* One of them, all of them. Nobody starts one anew before there was something to repair. */
START_TEST(killed)
{
	struct child found[CHILDREN_MAX];
	struct raw c;
	int n_ended = 0;

	make_s(&c);
	for (int n = 1; n <= SPARES; n++) {
		await_spares(found);
		for (int i = 0; i < n; i++)
			kill_child(found[i].pid);
		n_ended += n;
		harness_wait(all_noticed, &n_ended, "the daemon to notice");
		die_and_be_repaired();
	}
	await_spares(found);
	ck_assert_uint_eq(stats_now().n_repairs, SPARES);
	leave(&c);
}
END_TEST

static bool is_at_it(void *arg)
{
	struct child found[CHILDREN_MAX];

	(void)arg;
	/* A job is sent, so another one takes its place. */
	return children(found) == SPARES + 1;
}

/* After its job was sent: what it was at is done by another. */
START_TEST(killed_with_a_job)
{
	struct child found[CHILDREN_MAX];
	struct process p;
	struct raw c;

	make_s(&c);
	await_spares(found);
	ck_assert_int_eq(kill(found[0].pid, SIGSTOP), 0);
	start_victim(&p);
	process_kill(&p);
	harness_wait(is_at_it, NULL, "the job to be sent");
	ck_assert_uint_eq(used(SHMREG_RESOURCE_PARTICIPANTS), 2);
	kill_child(found[0].pid);
	harness_wait(one_participant, NULL, "the dead to be settled");
	ck_assert_uint_eq(stats_now().n_reaper_failures, 1);
	ck_assert_uint_eq(stats_now().n_quarantined, 0);
	await_spares(found);
	leave(&c);
}
END_TEST

static void attach_twice(const struct mouth *mouth, void *arg)
{
	struct raw c;

	(void)arg;
	raw_open(&c, h.socket_path);
	ck_assert_int_eq(raw_attach(&c, "s", SHMREG_ACCESS_WRITE, 1), 0);
	ck_assert_int_eq(raw_create(&c, "t", 2, 0), 0);
	tell(mouth, 1);
	hear(mouth);
}

static void attach_to_t(const struct mouth *mouth, void *arg)
{
	struct raw c;

	(void)arg;
	raw_open(&c, h.socket_path);
	ck_assert_int_eq(raw_attach(&c, "t", SHMREG_ACCESS_WRITE, 4), 0);
	tell(mouth, 1);
	hear(mouth);
}

static bool is_repaired(void *arg)
{
	return stats_now().n_repairs >= *(const uint64_t *)arg;
}

/* A death in two segments, in one of which another lives: both are done, with what was ready. */
START_TEST(two_at_once)
{
	struct child before[CHILDREN_MAX], after[CHILDREN_MAX];
	const uint64_t both = 2;
	struct process p, q;
	struct raw c;

	make_s(&c);
	process_start(&p, attach_twice, NULL);
	process_expect(&p, 1);
	process_start(&q, attach_to_t, NULL);
	process_expect(&q, 1);
	await_spares(before);
	process_kill(&p);
	harness_wait(is_repaired, (void *)(uintptr_t)&both, "both repairs");
	for (int i = 0; i < SPARES; i++)
		harness_wait(gone, &before[i].pid, "those who had the jobs to end");
	await_spares(after);
	for (int i = 0; i < SPARES; i++)
		for (int k = 0; k < SPARES; k++)
			ck_assert_int_ne(after[i].pid, before[k].pid);
	process_kill(&q);
	leave(&c);
}
END_TEST

static bool all_gone(void *arg)
{
	const struct child *const found = arg;

	for (int i = 0; i < SPARES; i++)
		if (kill(found[i].pid, 0) == 0)
			return false;
	return true;
}

START_TEST(daemon_killed)
{
	struct child found[CHILDREN_MAX];

	await_spares(found);
	harness_kill_daemon(&h);
	harness_wait(all_gone, found, "the spare reapers to end");
	harness_restart_daemon(&h);
	await_spares(found);
}
END_TEST

struct scheduling {
	uint32_t bytes, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t slice_ns, deadline_ns, period_ns;
};

static uint64_t slice_of(pid_t pid)
{
	struct scheduling is = { .bytes = sizeof(is) };

	return syscall(SYS_sched_getattr, pid, &is, sizeof(is), 0) == 0 ? is.slice_ns : 0;
}

/* The daemon is let in while they are started. */
START_TEST(short_slices)
{
	struct scheduling is = { .bytes = sizeof(is), .slice_ns = 100000 };
	struct child found[CHILDREN_MAX];

	/* Who is let in last, or first, by another rule is left alone. */
	if (sched_getscheduler(0) != SCHED_OTHER || getpriority(PRIO_PROCESS, 0) < 0 ||
	    slice_of(0) == is.slice_ns || syscall(SYS_sched_setattr, 0, &is, 0) < 0 ||
	    slice_of(0) != is.slice_ns) {
		harness_skip("slices have the length that the kernel chooses");
		return;
	}
	await_spares(found);
	ck_assert_uint_eq(slice_of(harness_daemon(&h)), is.slice_ns);
	for (int i = 0; i < SPARES; i++)
		ck_assert_uint_ne(slice_of(found[i].pid), is.slice_ns);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("daemon-spares");
	TCase *tc = harness_case(suite, "spares");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, oldest_first);
	tcase_add_test(tc, killed);
	tcase_add_test(tc, killed_with_a_job);
	tcase_add_test(tc, two_at_once);
	tcase_add_test(tc, daemon_killed);
	tcase_add_test(tc, short_slices);
	return harness_main(suite);
}
