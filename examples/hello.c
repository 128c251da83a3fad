/* SPDX-License-Identifier: MIT */

/*
 * hello.c - two processes, one counter and one queue
 *
 *	cc -o hello hello.c $(pkg-config --cflags --libs shmreg)
 *	shmregctl run -- ./hello
 */

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <shmreg.h>

struct greeting {
	int from;
	char text[32];
};

SHMREG_DEFINE_ATOMIC(counter, uint64_t);
SHMREG_DEFINE_QUEUE(greeting_queue, struct greeting);

static int fail(const char *who)
{
	fprintf(stderr, "%s: %s\n", who, shmreg_error());
	return EXIT_FAILURE;
}

static int child(void)
{
	struct shmreg_connection *connection;
	struct shmreg_segment *segment;
	struct greeting_queue *queue;
	struct counter *n;
	struct greeting hello = { (int)getpid(), "hello, shared world" };

	if (shmreg_connect(&connection, NULL) < 0 ||
	    shmreg_segment_open(connection, &segment, "hello", SHMREG_ACCESS_WRITE) < 0 ||
	    greeting_queue_open(segment, &queue, "greetings") < 0 ||
	    counter_open(segment, &n, "sent") < 0)
		return fail("child");
	if (greeting_queue_push(queue, &hello) < 0)
		return EXIT_FAILURE;
	counter_fetch_add(n, 1);
	shmreg_disconnect(connection);
	return EXIT_SUCCESS;
}

int main(void)
{
	const struct shmreg_segment_params params = { .size = sizeof(params), .bytes = 1 << 16 };
	struct shmreg_connection *connection;
	struct shmreg_segment *segment;
	struct greeting_queue *queue;
	struct counter *n;
	struct greeting got;
	pid_t pid;

	if (shmreg_connect(&connection, NULL) < 0 ||
	    shmreg_segment_create(connection, &segment, "hello", &params) < 0 ||
	    greeting_queue_create(segment, &queue, "greetings", 16, 0) < 0 ||
	    counter_create(segment, &n, "sent") < 0)
		return fail("hello");

	pid = fork();
	if (pid == 0)
		_exit(child());	/* uses a connection of its own */
	waitpid(pid, NULL, 0);

	if (greeting_queue_pop(queue, &got) < 0)
		return EXIT_FAILURE;
	printf("%s, says %s; %llu sent\n", got.text, got.from == (int)pid ? "my child" : "a stranger",
	       (unsigned long long)counter_load(n));
	shmreg_disconnect(connection);	/* and the segment is gone, as nobody uses it any more */
	return EXIT_SUCCESS;
}
