/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * failing-reaper HOW FILE CONFIG REAPER - a reaper that fails at its job, for a while
 *
 * Waits for a job, as reapers do. If FILE is not empty, it takes one byte off its end and
 * fails in the way of HOW; else it becomes REAPER, which finds the job where it was. Before it
 * hangs for the last time it empties CONFIG, the daemon's configuration, and has it read anew.
 * When it is to "hold" the job, it does so until somebody else has emptied CONFIG.
 */

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <shmreg/abi/reaper.h>

static int fail(const char *how, bool last, const char *config)
{
	struct stat st;

	if (strcmp(how, "hang") == 0 && last &&
	    (truncate(config, 0) < 0 || kill(getppid(), SIGHUP) < 0))
		return 5;
	if (strcmp(how, "hold") == 0)
		while (stat(config, &st) == 0 && st.st_size > 0)
			nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	if (strcmp(how, "exit-0") == 0)
		return 0;
	if (strcmp(how, "kill") == 0)
		raise(SIGKILL);
	if (strcmp(how, "crash") == 0)
		raise(SIGSEGV);
	if (strcmp(how, "nonsense") == 0)
		send(SHMREG_REAPER_FD, "nonsense", 8, MSG_NOSIGNAL);
	if (strcmp(how, "nonsense") == 0 || strcmp(how, "hang") == 0)
		for (;;)
			pause();
	return 1;
}

int main(int argc, char **argv)
{
	struct pollfd job = { .fd = SHMREG_REAPER_FD, .events = POLLIN };
	struct stat st;

	if (argc != 5)
		return 2;
	if (poll(&job, 1, -1) != 1)
		return 3;
	if (job.revents & POLLIN && !(job.revents & POLLHUP) && stat(argv[2], &st) == 0 &&
	    st.st_size > 0 && truncate(argv[2], st.st_size - 1) == 0)
		return fail(argv[1], st.st_size == 1, argv[3]);
	execl(argv[4], argv[4], (char *)NULL);
	return 4;
}
