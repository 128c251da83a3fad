/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>

#include "asleep.h"
#include "readers.h"
#include "segment.h"

struct shmreg_segment *readers_segment;
static struct harness h;
static struct shmreg_connection *c;

void readers_setup(void)
{
	harness_start_segment(&h, 8, &c, &readers_segment);
}

void readers_teardown(void)
{
	c = shmreg_disconnect(c);
	harness_stop(&h);
}

struct shmreg_segment *readers_attach(uint32_t access)
{
	struct shmreg_connection *connection = harness_connect();
	struct shmreg_segment *segment = NULL;

	harness_ok(shmreg_segment_open(connection, &segment, "seg", access));
	return segment;
}

static void attend(const struct mouth *mouth, void *unused)
{
	(void)unused;
	readers_attach(SHMREG_ACCESS_WRITE);
	tell(mouth, 0);
	hear(mouth);
}

void start(struct process *p, process_fn run, void *arg)
{
	process_start(p, run, arg);
	process_expect(p, 0);
}

void start_asleep(struct process *p, process_fn run, void *arg)
{
	start(p, run, arg);
	asleep_await(p->pid, p->pid);
}

static void expect(struct process *reader, int64_t word)
{
	process_expect(reader, word);
	process_finish(reader);
}

START_TEST(all_are_told)
{
	void *how = subject.begin(_i);
	struct process p[3];
	int i;

	for (i = 0; i < 3; i++)
		start_asleep(&p[i], subject.read, how);
	subject.put(5);
	for (i = 0; i < 3; i++)
		expect(&p[i], 5);
}
END_TEST

static void write_half(struct process *p, struct process *reader, int run)
{
	void *how = subject.begin(run);

	start(p, subject.write_half, NULL);
	start_asleep(reader, subject.read, how);
	process_tell(p, 0);
	process_expect(p, 0);
}

/* It is there, but nobody was woken; who notices the death wakes them. */
START_TEST(writer_dies_before_it_wakes)
{
	struct process p, reader;

	write_half(&p, &reader, _i);
	ck_assert(!process_speaks(&reader));
	process_kill(&p);
	expect(&reader, 55);
	/* all as it must be for those who come after it */
	subject.put(6);
}
END_TEST

/* The same while there is no daemon, that is: when one has come back. */
START_TEST(writer_dies_without_a_daemon)
{
	struct process p, reader;

	write_half(&p, &reader, _i);
	harness_kill_daemon(&h);
	process_kill(&p);
	ck_assert(!process_speaks(&reader));
	harness_restart_daemon(&h);
	expect(&reader, 55);
}
END_TEST

START_TEST(daemon_restarts)
{
	struct process reader;

	start_asleep(&reader, subject.read, subject.begin(_i));
	harness_kill_daemon(&h);
	harness_restart_daemon(&h);
	asleep_await(reader.pid, reader.pid);
	subject.put(5);
	expect(&reader, 5);
}
END_TEST

START_TEST(daemon_is_not_there)
{
	struct process reader;

	start_asleep(&reader, subject.read, subject.begin(_i));
	harness_kill_daemon(&h);
	subject.put(5);
	process_expect(&reader, 5);
	harness_restart_daemon(&h);
	process_finish(&reader);
}
END_TEST

static uint32_t death;

static bool death_moved(void *unused)
{
	(void)unused;
	return shmreg_load_acquire(&readers_segment->dir->death) != death;
}

/* Somebody dies with whom the object has nothing to do. */
START_TEST(woken_for_nothing)
{
	void *how = subject.begin(_i);
	struct process reader, stranger;
	uint64_t naps;

	start(&stranger, attend, NULL);
	start_asleep(&reader, subject.read, how);
	naps = asleep_naps(reader.pid, reader.pid);
	death = shmreg_load_acquire(&readers_segment->dir->death);
	process_kill(&stranger);
	harness_wait(death_moved, NULL, "death");
	asleep_await_after(reader.pid, reader.pid, naps);
	ck_assert(!process_speaks(&reader));
	subject.put(5);
	expect(&reader, 5);
}
END_TEST

START_TEST(reader_dies_asleep)
{
	void *how = subject.begin(_i);
	struct process dead, reader;

	start_asleep(&dead, subject.read, how);
	start_asleep(&reader, subject.read, how);
	process_kill(&dead);
	subject.put(5);
	expect(&reader, 5);
}
END_TEST

START_TEST(removed)
{
	struct process reader;

	start_asleep(&reader, subject.read, subject.begin(_i));
	harness_ok(shmreg_object_remove(readers_segment, subject.object));
	expect(&reader, -ESTALE);
}
END_TEST

/* Of another user, who may read and not write. */
START_TEST(another_user)
{
	const struct identity nobody = { .uid = 65534, .gid = 65534 };
	const struct shmreg_set mode = { .what = SHMREG_SET_MODE, .mode = 0644 };
	struct process reader;

	if (harness_need_root())
		return;
	harness_ok(shmreg_segment_set(c, "seg", &mode));
	process_start_as(&reader, &nobody, subject.read, subject.begin(subject.n_runs - 1));
	process_expect(&reader, 0);
	asleep_await(reader.pid, reader.pid);
	subject.put(5);
	expect(&reader, 5);
}
END_TEST

void readers_add_tests(TCase *t)
{
	tcase_add_loop_test(t, all_are_told, 0, subject.n_runs);
	tcase_add_loop_test(t, writer_dies_before_it_wakes, 0, subject.n_runs);
	tcase_add_loop_test(t, writer_dies_without_a_daemon, 0, subject.n_runs);
	tcase_add_loop_test(t, daemon_restarts, 0, subject.n_runs);
	tcase_add_loop_test(t, daemon_is_not_there, 0, subject.n_runs);
	tcase_add_loop_test(t, woken_for_nothing, 0, subject.n_runs);
	tcase_add_loop_test(t, reader_dies_asleep, 0, subject.n_runs);
	tcase_add_loop_test(t, removed, 0, subject.n_runs);
	tcase_add_test(t, another_user);
}
