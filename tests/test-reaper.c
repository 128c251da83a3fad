/* SPDX-License-Identifier: MIT */
#include <config.h>

/* The real shmreg-reaper: what it repairs, what it refuses, and that it comes to an end. */

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "random.h"
#include "reaper-world.h"
#include "suite.h"

static void check_repaired(struct world *w)
{
	static const struct {
		uint32_t index, slot;
		uint64_t state, position;
	} want[] = {
		{ DROP, 0, SHMREG_QUEUE_FREE, CAPACITY },
		{ DROP, 2, SHMREG_QUEUE_FREE, CAPACITY },
		{ DROP, 3, SHMREG_QUEUE_READY, 0 },
		{ DROP, 4, SHMREG_QUEUE_TOMB, 0 },
		{ DROP, 5, SHMREG_QUEUE_TOMB, 0 },
		{ REDELIVER, 0, SHMREG_QUEUE_REDEL, 0 },
		{ REDELIVER, 2, SHMREG_QUEUE_REDEL, 0 },
		{ REDELIVER, 4, SHMREG_QUEUE_TOMB, 0 },
		{ REDELIVER, 5, SHMREG_QUEUE_TOMB, 0 },
		{ REMOVED, 0, SHMREG_QUEUE_REDEL, 0 },
		{ REMOVED, 5, SHMREG_QUEUE_TOMB, 0 },
		{ UNUSED, 4, SHMREG_QUEUE_WRITING, 0 },
	};

	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		const uint64_t is = *slot(w, want[i].index, want[i].slot);

		ck_assert_msg((is & SHMREG_QUEUE_STATE_MASK) == want[i].state &&
				      is >> SHMREG_QUEUE_POS_SHIFT == want[i].position,
			      "object %u slot %u is %llx", want[i].index, want[i].slot,
			      (unsigned long long)is);
	}
	for (uint32_t i = DROP; i <= REMOVED; i++) {
		ck_assert_uint_eq(*slot(w, i, 1), word(0, 1, ALIVE, SHMREG_QUEUE_READING));
		ck_assert_uint_eq(*slot(w, i, 6), word(0, 1, ALIVE, SHMREG_QUEUE_WRITING));
		ck_assert_uint_eq(*slot(w, i, 7), 0);
	}
	for (size_t i = 0; i < CAPACITY * 8; i++)
		ck_assert_uint_eq(w->data[shmreg_dir_objects(w->dir)[ARRAY].offset + i], 0xa5);
}

START_TEST(test_repair)
{
	struct shmreg_reaper_report reports[N_OBJECTS], done;
	struct world w;
	struct reaper r;
	size_t n;

	world_new(&w);
	r = reaper_spawn();
	send_world(&r, &w);
	done = reaper_collect(&r, reports, &n);
	ck_assert_int_eq(done.status, 0);
	ck_assert_uint_eq(done.segment, SEGMENT);
	ck_assert_uint_eq(done.n_seats, 2);
	check_repaired(&w);
	ck_assert_uint_eq(n, 3);
	for (size_t i = 0; i < n; i++) {
		static const uint64_t objects[] = { DROP + 1, REDELIVER + 1, REMOVED + 1 };

		ck_assert_uint_eq(reports[i].segment, SEGMENT);
		ck_assert_uint_eq(reports[i].object, objects[i]);
		ck_assert_int_eq(reports[i].status, 0);
		ck_assert_uint_gt(reports[i].n_repaired, 0);
		ck_assert_uint_eq(reports[i].n_gave_up, 0);
		if (i == 0) {
			ck_assert_uint_eq(reports[i].n_freed, 4);
			ck_assert_uint_eq(reports[i].n_requeued, 0);
		} else {
			ck_assert_uint_eq(reports[i].n_freed, 2);
			ck_assert_uint_eq(reports[i].n_requeued, 2);
		}
	}

	/* Again: nothing is left to do. */
	r = reaper_spawn();
	send_world(&r, &w);
	done = reaper_collect(&r, reports, &n);
	ck_assert_int_eq(done.status, 0);
	for (size_t i = 0; i < n; i++)
		ck_assert_uint_eq(reports[i].n_freed + reports[i].n_requeued, 0);
	check_repaired(&w);
	world_free(&w);
}
END_TEST

/* No dead seat: nothing is touched, whatever the data look like. */
START_TEST(test_nobody_dead)
{
	struct shmreg_reaper_report reports[N_OBJECTS], done;
	struct world w;
	struct reaper r;
	size_t n;

	world_new(&w);
	shmreg_dir_seats(w.dir)[DEAD] = shmreg_dir_seats(w.dir)[DEAD_TOO] = SHMREG_SEAT_FREE;
	r = reaper_spawn();
	send_world(&r, &w);
	done = reaper_collect(&r, reports, &n);
	ck_assert_int_eq(done.status, 0);
	ck_assert_uint_eq(done.n_seats, 0);
	ck_assert_uint_eq(n, 0);
	ck_assert_uint_eq(*slot(&w, DROP, 4), word(0, 2, DEAD, SHMREG_QUEUE_WRITING));
	world_free(&w);
}
END_TEST

static void refused(struct shmreg_reaper_job job, const int *fds, size_t n_fds, int status)
{
	struct shmreg_reaper_report reports[N_OBJECTS], done;
	struct reaper r = reaper_spawn();
	size_t n;

	send_job(&r, &job, fds, n_fds);
	done = reaper_collect(&r, reports, &n);
	ck_assert_int_eq(done.status, status);
	ck_assert_uint_eq(n, 0);
}

START_TEST(test_bad_jobs)
{
	struct shmreg_reaper_job job;
	struct world w;
	int fds[2];

	world_new(&w);
	fds[0] = w.dir_ro_fd;
	fds[1] = w.data_fd;
	job = world_job(&w);
	job.magic++;
	refused(job, fds, 2, -EBADMSG);
	refused(world_job(&w), fds, 1, -EBADMSG);
	refused(world_job(&w), NULL, 0, -EBADMSG);
	job = world_job(&w);
	job.dir_bytes += 4096;
	refused(job, fds, 2, -EBADMSG);
	job = world_job(&w);
	job.dir_bytes = 512;
	refused(job, fds, 2, -EBADMSG);
	job = world_job(&w);
	job.dir_bytes = 0;
	refused(job, fds, 2, -EBADMSG);
	job = world_job(&w);
	job.data_bytes /= 2;
	refused(job, fds, 2, -EBADMSG);
	job = world_job(&w);
	job.segment++;
	refused(job, fds, 2, -EBADMSG);
	ck_assert_int_eq(ftruncate(w.data_fd, DATA_BYTES / 2), 0);
	refused(world_job(&w), fds, 2, -EBADMSG);
	w.dir->layout++;
	refused(world_job(&w), fds, 2, -EPROTONOSUPPORT);
	world_free(&w);
}
END_TEST

/* Whatever clients wrote: it comes to an end, and says what made no sense. */
START_TEST(test_garbage)
{
	struct random_state random;
	unsigned long n_gave_up = 0;
	struct world w;

	random_seed(&random);
	world_new(&w);
	for (unsigned long i = random_rounds(300); i; i--) {
		struct shmreg_reaper_report reports[N_OBJECTS], done;
		struct reaper r = reaper_spawn();
		size_t n;

		if (i % 2) {
			random_fill(&random, w.data, 65536);
		} else {
			memset(w.data, 0, 65536);
			for (uint32_t k = DROP; k <= REMOVED; k++) {
				wreck(&w, k);
				random_mutate(&random, queue(&w, k), 512);
				for (uint32_t s = 0; s < CAPACITY; s++)
					random_mutate(&random, slot(&w, k, s), 8);
			}
		}
		send_world(&r, &w);
		done = reaper_collect(&r, reports, &n);
		ck_assert_int_eq(done.status, 0);
		for (size_t k = 0; k < n; k++)
			n_gave_up += reports[k].n_gave_up;
	}
	ck_assert_uint_gt(n_gave_up, 0);
	world_free(&w);
}
END_TEST

/* Killed at random moments and run again: the result is that of one that was not. */
START_TEST(test_killed)
{
	struct random_state random;
	unsigned long n_killed = 0;

	random_seed(&random);
	for (unsigned long i = random_rounds(200); i; i--) {
		struct shmreg_reaper_report reports[N_OBJECTS];
		struct shmreg_reaper_report done;
		struct world w;
		struct reaper r;
		size_t n;
		int status;

		world_new(&w);
		r = reaper_spawn();
		send_world(&r, &w);
		if (i % 4 == 0) {
			/* In the middle: after its first report. */
			ck_assert_int_gt(recv(r.fd, &done, sizeof(done), 0), 0);
		} else {
			const struct timespec delay = {
				.tv_nsec = (long)random_below(&random, 3000000)
			};

			nanosleep(&delay, NULL);
		}
		kill(r.pid, SIGKILL);
		status = reaper_wait(&r);
		n_killed += WIFSIGNALED(status);
		r = reaper_spawn();
		send_world(&r, &w);
		done = reaper_collect(&r, reports, &n);
		ck_assert_int_eq(done.status, 0);
		ck_assert_uint_eq(done.n_seats, 2);
		check_repaired(&w);
		world_free(&w);
	}
	ck_assert_uint_gt(n_killed, 0);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		test_repair,
		test_nobody_dead,
		test_bad_jobs,
		test_garbage,
		test_killed,
	};

	return RUN_SUITE("reaper", tests, NULL, NULL, 600);
}
