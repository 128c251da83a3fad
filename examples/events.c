/* SPDX-License-Identifier: MIT */

/*
 * events.c - a queue, a topic and an atomic in one libev loop
 *
 *	cc -o events events.c $(pkg-config --cflags --libs shmreg) -lev
 *	shmregctl run -- ./events
 *
 * The loop sleeps until one of the three has something. There is no thread and no timer, and
 * the child that makes things happen does not know that anybody watches.
 */

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ev.h>
#include <shmreg.h>

struct job {
	int number;
};
struct news {
	char text[32];
};
SHMREG_DEFINE_QUEUE(job_queue, struct job);
SHMREG_DEFINE_TOPIC(news, struct news);
SHMREG_DEFINE_ATOMIC(level, uint64_t);

#define LEVEL_OVER 100
#define N_JOBS 5

/* What the loop knows of a watch: the rest is what one does with its object. */
struct source {
	ev_io io;	/* first, so that libev's pointer is ours */
	struct shmreg_watch *watch;
	void (*take)(struct ev_loop *loop);
};

static struct job_queue *jobs;
static struct news_subscriber *subscriber;
static struct level *level;

static int fail(const char *who)
{
	fprintf(stderr, "%s: %s\n", who, shmreg_error());
	return EXIT_FAILURE;
}

static void take_jobs(struct ev_loop *loop)
{
	struct job job;

	(void)loop;
	while (job_queue_pop(jobs, &job) == 0)
		printf("job %d\n", job.number);
}

static void take_news(struct ev_loop *loop)
{
	struct news got;

	(void)loop;
	while (news_subscriber_read(subscriber, &got, NULL) == 0)
		printf("news: %s\n", got.text);
}

static void take_level(struct ev_loop *loop)
{
	const uint64_t now = level_load(level);

	printf("level %llu\n", (unsigned long long)now);
	if (now == LEVEL_OVER)
		ev_break(loop, EVBREAK_ALL);
}

static void on_readable(struct ev_loop *loop, ev_io *io, int revents)
{
	struct source *source = (struct source *)io;
	int r;

	(void)revents;
	while ((r = shmreg_watch_ready(source->watch)) > 0)
		source->take(loop);
	/* Less than 0: the object or the daemon has gone, and nothing more will come. */
	if (r < 0)
		ev_io_stop(loop, io);
}

static int listen_to(struct ev_loop *loop, struct source *source,
		     const struct shmreg_handle *handle, void (*take)(struct ev_loop *loop))
{
	if (shmreg_watch_open(handle, SHMREG_WAIT_ITEMS, &source->watch) < 0)
		return -1;
	source->take = take;
	ev_io_init(&source->io, on_readable, shmreg_watch_fd(source->watch), EV_READ);
	ev_io_start(loop, &source->io);
	return 0;
}

static int child(void)
{
	struct shmreg_connection *connection;
	struct news_publisher *publisher;
	struct shmreg_segment *segment;
	int i;

	if (shmreg_connect(&connection, NULL) < 0 ||
	    shmreg_segment_open(connection, &segment, "events", SHMREG_ACCESS_WRITE) < 0 ||
	    job_queue_open(segment, &jobs, "jobs") < 0 ||
	    news_publisher_open(segment, &publisher, "news") < 0 ||
	    level_open(segment, &level, "level") < 0)
		return fail("child");
	for (i = 1; i <= N_JOBS; i++)
		if (job_queue_push(jobs, &(struct job){ i }) < 0 ||
		    news_publisher_publish(publisher, &(struct news){ "it works" }) < 0)
			return EXIT_FAILURE;
	level_store(level, LEVEL_OVER);
	level_notify_all(level);	/* an atomic is quiet but for this */
	shmreg_disconnect(connection);
	return EXIT_SUCCESS;
}

int main(void)
{
	const struct shmreg_segment_params params = { .size = sizeof(params), .bytes = 1 << 16 };
	const struct shmreg_topic_params topic = { .size = sizeof(topic), .capacity = 16 };
	struct ev_loop *loop = EV_DEFAULT;
	struct shmreg_connection *connection;
	struct shmreg_segment *segment;
	struct source sources[3];
	pid_t pid;
	int i;

	if (shmreg_connect(&connection, NULL) < 0 ||
	    shmreg_segment_create(connection, &segment, "events", &params) < 0 ||
	    job_queue_create(segment, &jobs, "jobs", 16, 0) < 0 ||
	    news_subscriber_create(segment, &subscriber, "news", &topic) < 0 ||
	    level_create(segment, &level, "level") < 0 ||
	    listen_to(loop, &sources[0], &job_queue_untyped(jobs)->handle, take_jobs) < 0 ||
	    listen_to(loop, &sources[1], &news_subscriber_untyped(subscriber)->topic.handle,
		      take_news) < 0 ||
	    listen_to(loop, &sources[2], &level->atomic.handle, take_level) < 0)
		return fail("events");

	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(child());	/* uses a connection of its own */
	ev_run(loop, 0);
	waitpid(pid, NULL, 0);
	take_jobs(loop);	/* that came with the last level */
	take_news(loop);

	for (i = 0; i < 3; i++)
		shmreg_watch_close(sources[i].watch);
	shmreg_disconnect(connection);
	return EXIT_SUCCESS;
}
