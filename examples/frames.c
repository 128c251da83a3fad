/* SPDX-License-Identifier: MIT */

/*
 * frames.c - a camera hands its frames to workers, without copying one
 *
 *	cc -o frames frames.c $(pkg-config --cflags --libs shmreg)
 *	shmregctl run -- ./frames
 *
 * Frames are objects of a pool, and travel through a queue. A worker borrows a frame, looks at
 * it, and releases it when it has. Now and then one of them is killed: the frame that it had
 * goes to another, so that each is looked at, and in the end every frame is free again.
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <shmreg.h>

#define N_FRAMES 300
#define IN_POOL 8
#define WORKERS 3
#define KILL_EVERY 25

struct frame {
	uint64_t number;
	unsigned char pixels[256 * 1024];
};

SHMREG_DEFINE_POOL(frames, struct frame);
SHMREG_DEFINE_OBJECT_QUEUE(shots, frames);
SHMREG_DEFINE_ATOMIC(counter, uint64_t);

static int fail(const char *who)
{
	fprintf(stderr, "%s: %s\n", who, shmreg_error());
	return EXIT_FAILURE;
}

/* There is nothing to do but to wait for somebody else. */
static void pause_a_little(void)
{
	const struct timespec a_little = { 0, 100000 };

	nanosleep(&a_little, NULL);
}

/* Is it the frame that its number says, whole? */
static int look_at(const struct frame *frame)
{
	const unsigned char pixel = (unsigned char)frame->number;
	size_t i;

	for (i = 0; i < sizeof(frame->pixels); i++)
		if (frame->pixels[i] != pixel)
			return 0;
	return 1;
}

static int worker(pid_t camera)
{
	struct shmreg_connection *connection;
	struct shmreg_segment *segment;
	struct frames *pool;
	struct shots *queue;
	struct counter *looked, *over;
	struct shots_lease lease;

	if (shmreg_connect(&connection, NULL) < 0 ||
	    shmreg_segment_open(connection, &segment, "camera", SHMREG_ACCESS_WRITE) < 0 ||
	    frames_open(segment, &pool, "frames") < 0 ||
	    shots_open(segment, &queue, "shots", pool) < 0 ||
	    counter_open(segment, &looked, "looked") < 0 ||
	    counter_open(segment, &over, "over") < 0)
		return fail("worker");
	while (counter_load(over) == 0 && getppid() == camera) {
		if (shots_acquire(queue, &lease) < 0) {
			pause_a_little();
			continue;
		}
		if (!look_at(lease.object)) {
			fprintf(stderr, "worker: a frame is torn\n");
			return EXIT_FAILURE;
		}
		counter_fetch_add(looked, 1);
		shots_release(queue, &lease);
	}
	shmreg_disconnect(connection);
	return EXIT_SUCCESS;
}

static pid_t hire(void)
{
	const pid_t camera = getpid();
	const pid_t pid = fork();

	if (pid == 0)
		_exit(worker(camera));	/* uses a connection of its own */
	return pid;
}

/* Take a picture, in place, and give it away. */
static int shoot(struct frames *pool, struct shots *queue, uint64_t number)
{
	shmreg_pool_ref ref;
	struct frame *frame;
	int r;

	while (frames_acquire(pool, &ref) < 0)
		pause_a_little();
	frame = frames_get(pool, ref);
	frame->number = number;
	memset(frame->pixels, (unsigned char)number, sizeof(frame->pixels));
	/* Full: somebody works on the frame of a lap ago, or has died with it. */
	while ((r = shots_send(queue, ref)) == -EAGAIN)
		pause_a_little();
	return r;
}

static uint64_t n_free(struct frames *pool)
{
	struct shmreg_pool_stats stat = { .size = sizeof(stat) };

	return shmreg_pool_stat(frames_untyped(pool), &stat) == 0 ? stat.n_free : 0;
}

int main(void)
{
	const struct shmreg_segment_params params = {
		.size = sizeof(params),
		.bytes = 2 * IN_POOL * sizeof(struct frame),
	};
	struct shmreg_connection *connection;
	struct shmreg_segment *segment;
	struct frames *pool;
	struct shots *queue;
	struct counter *looked, *over;
	pid_t crew[WORKERS];
	uint64_t i, n_killed = 0, n_looked;
	int status, good = 1;

	if (shmreg_connect(&connection, NULL) < 0 ||
	    shmreg_segment_create(connection, &segment, "camera", &params) < 0 ||
	    frames_create(segment, &pool, "frames", IN_POOL) < 0 ||
	    shots_create(segment, &queue, "shots", pool, IN_POOL, SHMREG_QUEUE_REDELIVER) < 0 ||
	    counter_create(segment, &looked, "looked") < 0 ||
	    counter_create(segment, &over, "over") < 0)
		return fail("camera");
	for (i = 0; i < WORKERS; i++)
		crew[i] = hire();

	for (i = 0; i < N_FRAMES; i++) {
		if (shoot(pool, queue, i) < 0)
			return fail("camera");
		if (i % KILL_EVERY == KILL_EVERY - 1) {
			pid_t *one = &crew[n_killed++ % WORKERS];

			kill(*one, SIGKILL);
			waitpid(*one, &status, 0);
			good &= WIFSIGNALED(status);
			*one = hire();
		}
	}
	/* Whatever the dead had comes back by itself. */
	while (n_free(pool) < IN_POOL)
		pause_a_little();
	counter_store(over, 1);
	for (i = 0; i < WORKERS; i++) {
		waitpid(crew[i], &status, 0);
		good &= status == 0;
	}

	/* Once each; twice, if it was counted by one who died before he had released it. */
	n_looked = counter_load(looked);
	good &= n_looked >= N_FRAMES && n_looked <= N_FRAMES + n_killed;
	printf("%d frames of %zu KiB, in a pool of %d; %llu workers killed; looked at %llu times; all "
	       "%d are free again\n",
	       N_FRAMES, sizeof(struct frame) / 1024, IN_POOL, (unsigned long long)n_killed,
	       (unsigned long long)n_looked, IN_POOL);
	shmreg_disconnect(connection);
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
