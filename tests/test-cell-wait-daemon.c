/* SPDX-License-Identifier: MIT */
#include <config.h>

/* Waits for cells in a real segment, and the daemon's part in them: deaths, removal, restart. */

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "asleep.h"
#include "harness.h"
#include "segment.h"

SHMREG_DEFINE_CELL(words, uint64_t);

static struct harness h;
static struct shmreg_connection *c;
static struct shmreg_segment *s;
static struct words_writer *writer;

static void setup(void)
{
	harness_start_segment(&h, 8, &c, &s);
	harness_ok(words_writer_create(s, &writer, "cell", 2, 4));
}

static void teardown(void)
{
	c = shmreg_disconnect(c);
	harness_stop(&h);
}

static struct shmreg_segment *attach(uint32_t access)
{
	struct shmreg_connection *connection = harness_connect();
	struct shmreg_segment *segment = NULL;

	harness_ok(shmreg_segment_open(connection, &segment, "seg", access));
	return segment;
}

struct reader {
	uint32_t access;
	bool reads;	/* else it waits for the change, and reads then */
	uint64_t since;
};

/* Another process: it says that it is ready, and then what came of its wait. */
static void read_one(const struct mouth *mouth, void *arg)
{
	const struct reader *how = arg;
	struct shmreg_segment *segment = attach(how->access);
	const struct words *cell = NULL;
	uint64_t word = 0, version = 0;
	int r;

	harness_ok(words_open(segment, &cell, "cell"));
	tell(mouth, 0);
	if (how->reads) {
		r = words_read_wait(cell, how->since, &word, &version, NULL);
	} else {
		r = words_changed_wait(cell, how->since, NULL);
		if (r == 1)
			r = words_read(cell, &word, &version);
	}
	ck_assert(r < 0 || version > how->since);
	tell(mouth, r < 0 ? r : (int64_t)word);
	hear(mouth);
}

/* It publishes a value, and stops before it wakes anybody. */
static void write_half(const struct mouth *mouth, void *unused)
{
	struct shmreg_segment *segment = attach(SHMREG_ACCESS_WRITE);
	struct words_writer *half = NULL;
	struct shmreg_cell_writer *w;
	const uint64_t value = 55;
	uint64_t *latest, word;

	(void)unused;
	harness_ok(words_writer_open(segment, &half, "cell"));
	w = words_writer_untyped(half);
	latest = &shmreg_cell_shm_(&w->cell)->latest;
	tell(mouth, 0);
	hear(mouth);
	shmreg_cell_open_slot_(w->next);
	memcpy(w->next + w->cell.elem_offset, &value, sizeof(value));
	word = shmreg_cell_next_(shmreg_load_acquire(latest)) |
	       (uint64_t)w->writer << SHMREG_CELL_WRITER_SHIFT | w->slot;
	shmreg_store_relaxed(shmreg_cell_word_(w->next), word);
	shmreg_store_release(latest, word);
	tell(mouth, 0);
	hear(mouth);
}

static void attend(const struct mouth *mouth, void *unused)
{
	(void)unused;
	attach(SHMREG_ACCESS_WRITE);
	tell(mouth, 0);
	hear(mouth);
}

static void start(struct process *p, process_fn run, void *arg)
{
	process_start(p, run, arg);
	process_expect(p, 0);
}

static void start_asleep(struct process *p, process_fn run, void *arg)
{
	start(p, run, arg);
	asleep_await(p->pid, p->pid);
}

static bool speaks(const struct process *p)
{
	char byte;

	return recv(p->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

static void put(uint64_t word)
{
	ck_assert_int_eq(words_write(writer, &word), 0);
}

static struct reader runs[] = {
	{ SHMREG_ACCESS_WRITE, true, 0 }, { SHMREG_ACCESS_WRITE, false, 0 },
	{ SHMREG_ACCESS_WRITE, true, 1 }, { SHMREG_ACCESS_WRITE, false, 1 },
	{ SHMREG_ACCESS_READ, true, 0 },  { SHMREG_ACCESS_READ, false, 0 },
	{ SHMREG_ACCESS_READ, true, 1 },  { SHMREG_ACCESS_READ, false, 1 },
};
#define N_RUNS ((int)(sizeof(runs) / sizeof(runs[0])))

/* The version that the readers have seen. */
static struct reader *begin(int run)
{
	if (runs[run].since == 1)
		put(1);
	return &runs[run];
}

START_TEST(change)
{
	struct reader *how = begin(_i);
	struct process p[3];
	int i;

	for (i = 0; i < 3; i++)
		start_asleep(&p[i], read_one, how);
	put(5);
	for (i = 0; i < 3; i++) {
		process_expect(&p[i], 5);
		process_finish(&p[i]);
	}
}
END_TEST

/* It is there, but nobody was woken; who notices the death wakes them. */
START_TEST(writer_dies_before_it_wakes)
{
	struct reader *how = begin(_i);
	struct process p, reader;

	start(&p, write_half, NULL);
	start_asleep(&reader, read_one, how);
	process_tell(&p, 0);
	process_expect(&p, 0);
	ck_assert(!speaks(&reader));
	process_kill(&p);
	process_expect(&reader, 55);
	process_finish(&reader);
	put(6);
}
END_TEST

/* The same while there is no daemon, that is: when one has come back. */
START_TEST(writer_dies_without_a_daemon)
{
	struct reader *how = begin(_i);
	struct process p, reader;

	start(&p, write_half, NULL);
	start_asleep(&reader, read_one, how);
	process_tell(&p, 0);
	process_expect(&p, 0);
	harness_kill_daemon(&h);
	process_kill(&p);
	ck_assert(!speaks(&reader));
	harness_restart_daemon(&h);
	process_expect(&reader, 55);
	process_finish(&reader);
}
END_TEST

/* The daemon is killed meanwhile; and comes back before, or after. */
START_TEST(daemon_restarts)
{
	struct reader *how = begin(_i % N_RUNS);
	struct process reader;

	start_asleep(&reader, read_one, how);
	harness_kill_daemon(&h);
	if (_i < N_RUNS) {
		harness_restart_daemon(&h);
		asleep_await(reader.pid, reader.pid);
	}
	put(5);
	process_expect(&reader, 5);
	if (_i >= N_RUNS)
		harness_restart_daemon(&h);
	process_finish(&reader);
}
END_TEST

static uint32_t death;

static bool death_moved(void *unused)
{
	(void)unused;
	return shmreg_load_acquire(&s->dir->death) != death;
}

/* Somebody dies with whom the cell has nothing to do. */
START_TEST(woken_for_nothing)
{
	struct reader *how = begin(_i);
	struct process reader, stranger;
	uint64_t naps;

	start(&stranger, attend, NULL);
	start_asleep(&reader, read_one, how);
	naps = asleep_naps(reader.pid, reader.pid);
	death = shmreg_load_acquire(&s->dir->death);
	process_kill(&stranger);
	harness_wait(death_moved, NULL, "death");
	asleep_await_after(reader.pid, reader.pid, naps);
	ck_assert(!speaks(&reader));
	put(5);
	process_expect(&reader, 5);
	process_finish(&reader);
}
END_TEST

START_TEST(reader_dies_asleep)
{
	struct reader *how = begin(_i);
	struct process dead, reader;

	start_asleep(&dead, read_one, how);
	start_asleep(&reader, read_one, how);
	process_kill(&dead);
	put(5);
	process_expect(&reader, 5);
	process_finish(&reader);
}
END_TEST

START_TEST(removed)
{
	struct reader *how = begin(_i);
	struct process reader;

	start_asleep(&reader, read_one, how);
	harness_ok(shmreg_object_remove(s, "cell"));
	process_expect(&reader, -ESTALE);
	process_finish(&reader);
}
END_TEST

/* What was written before it was removed, and is new to the reader, is still read. */
START_TEST(removed_after_a_change)
{
	const struct timespec past = { 0, 0 };
	const struct words *cell = NULL;
	uint64_t word = 0, version = 0;

	harness_ok(words_open(s, &cell, "cell"));
	put(5);
	harness_ok(shmreg_object_remove(s, "cell"));
	ck_assert_int_eq(words_read_wait(cell, 0, &word, &version, NULL), 0);
	ck_assert_uint_eq(word, 5);
	ck_assert_int_eq(words_read_wait(cell, version, &word, &version, NULL), -ESTALE);
	ck_assert_int_eq(words_changed_wait(cell, version, &past), -ESTALE);
}
END_TEST

static void use_inherited(const struct mouth *mouth, void *arg)
{
	const struct words *cell = arg;
	const struct timespec past = { 0, 0 };
	uint64_t word, version;

	ck_assert_int_eq(words_read_wait(cell, 0, &word, &version, NULL), -ECHILD);
	ck_assert_int_eq(words_changed_wait(cell, 0, &past), -ECHILD);
	tell(mouth, 0);
}

START_TEST(forked)
{
	const struct words *cell = NULL;
	struct process child;

	harness_ok(words_open(s, &cell, "cell"));
	process_start(&child, use_inherited, (void *)(uintptr_t)cell);
	process_expect(&child, 0);
	ck_assert_int_eq(process_wait(&child), 0);
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
	process_start_as(&reader, &nobody, read_one, begin(N_RUNS - 1));
	process_expect(&reader, 0);
	asleep_await(reader.pid, reader.pid);
	put(5);
	process_expect(&reader, 5);
	process_finish(&reader);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cell-wait-daemon");
	TCase *t = harness_case(suite, "cell");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, change, 0, N_RUNS);
	tcase_add_loop_test(t, writer_dies_before_it_wakes, 0, N_RUNS);
	tcase_add_loop_test(t, writer_dies_without_a_daemon, 0, N_RUNS);
	tcase_add_loop_test(t, daemon_restarts, 0, 2 * N_RUNS);
	tcase_add_loop_test(t, woken_for_nothing, 0, N_RUNS);
	tcase_add_loop_test(t, reader_dies_asleep, 0, N_RUNS);
	tcase_add_loop_test(t, removed, 0, N_RUNS);
	tcase_add_test(t, removed_after_a_change);
	tcase_add_test(t, forked);
	tcase_add_test(t, another_user);
	return harness_main(suite);
}
