/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * failing-reaper HOW FILE REAPER - a reaper that fails at its job, for a while
 *
 * Waits for a job, as reapers do. If FILE is not empty, it takes one byte off its end and
 * fails in the way of HOW; else it becomes REAPER, which finds the job where it was.
 */

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <shmreg/abi/reaper.h>

static int fail(const char *how)
{
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

	if (argc != 4)
		return 2;
	if (poll(&job, 1, -1) != 1)
		return 3;
	if (job.revents & POLLIN && !(job.revents & POLLHUP) && stat(argv[2], &st) == 0 &&
	    st.st_size > 0 && truncate(argv[2], st.st_size - 1) == 0)
		return fail(argv[1]);
	execl(argv[3], argv[3], (char *)NULL);
	return 4;
}
