/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * shmreg-bench-victim SEGMENT FD - takes an object of the segment's "pool", writes a byte, waits
 *
 * See death.c, by which it is started and killed.
 */

#include <err.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <shmreg.h>

SHMREG_DEFINE_POOL(numbers_pool, uint64_t);

static void ok(int r, const char *what)
{
	if (r < 0)
		errx(1, "%s: %s", what, shmreg_error());
}

int main(int argc, char **argv)
{
	struct shmreg_connection *c;
	struct numbers_pool *pool;
	struct shmreg_segment *s;
	shmreg_pool_ref ref;

	if (argc != 3)
		errx(2, "this is started by shmreg-bench");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	ok(shmreg_connect(&c, NULL), "connect");
	ok(shmreg_segment_open(c, &s, argv[1], SHMREG_ACCESS_WRITE), "open");
	ok(numbers_pool_open(s, &pool, "pool"), "open");
	ok(numbers_pool_acquire(pool, &ref), "acquire");
	if (write(atoi(argv[2]), "", 1) != 1)
		err(1, "write");
	for (;;)
		pause();
}
