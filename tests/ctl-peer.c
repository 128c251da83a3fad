/* SPDX-License-Identifier: MIT */
/*
 * ctl-peer.c - a participant for tests/ctl.sh to look at
 *
 * Attaches to the segment argv[1], makes a queue, an array and an atomic in it, pushes 5
 * elements, borrows two of them, says "ready", and ends when standard input ends.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>

#include <shmreg.h>

struct event {
	uint64_t a, b;
};

static void ok(int r)
{
	if (r == 0)
		return;
	fprintf(stderr, "ctl-peer: %s\n", shmreg_error());
	exit(1);
}

int main(int argc, char **argv)
{
	const struct shmreg_connect_params connect = { .size = sizeof(connect), .name = "a \"peer\"" };
	const struct shmreg_queue_params queue_params = {
		.size = sizeof(queue_params),
		.capacity = 8,
		.elem_bytes = sizeof(struct event),
		.elem_align = 8,
		.flags = SHMREG_QUEUE_REDELIVER,
		.type_name = "struct event",
	};
	const struct shmreg_array_params array_params = {
		.size = sizeof(array_params),
		.length = 1000,
		.elem_bytes = 4,
		.elem_align = 4,
		.type_name = "std::pair<int, int>",
	};
	const struct shmreg_atomic_params atomic_params = { .size = sizeof(atomic_params), .bytes = 8 };
	struct shmreg_connection *c;
	struct shmreg_segment *s;
	struct shmreg_queue *queue;
	struct shmreg_array *array;
	struct shmreg_atomic *atomic;
	struct shmreg_queue_lease lease[2];

	if (argc != 2)
		return 2;
	ok(shmreg_connect(&c, &connect));
	ok(shmreg_segment_open(c, &s, argv[1], SHMREG_ACCESS_WRITE));
	ok(shmreg_queue_open_or_create(s, &queue, "events", &queue_params));
	ok(shmreg_array_open_or_create(s, &array, "numbers/all", &array_params));
	ok(shmreg_atomic_open_or_create(s, &atomic, "counter", &atomic_params));
	shmreg_atomic64_store(shmreg_atomic64_cell(atomic), 42);
	for (uint64_t i = 0; i < 5; i++)
		ok(shmreg_queue_push(queue, &(struct event){ i, i }));
	ok(shmreg_queue_acquire(queue, &lease[0]));
	ok(shmreg_queue_acquire(queue, &lease[1]));
	puts("ready");
	fflush(stdout);
	while (getchar() != EOF)
		;
	ok(shmreg_queue_release(queue, &lease[0]));
	ok(shmreg_queue_refuse(queue, &lease[1]));
	shmreg_disconnect(c);
	return 0;
}
