/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "janitor.h"
#include "log.h"
#include "options.h"
#include "server.h"

/* A subscriber's queue, and all that is larger, goes back to the system when it is freed. */
#define MMAP_THRESHOLD_BYTES (32 * 1024)

/* What is opened later must not become somebody's stdin or stderr. */
static void open_standard_streams(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

struct scheduling {
	uint32_t bytes, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t slice_ns, deadline_ns, period_ns;
};
#define RESET_ON_FORK 1U	/* linux/sched.h */
#define SLICE_NS 100000		/* the kernel's least */

/*
 * Somebody waits whenever the daemon is woken, and it is seldom at it for longer than this: with a
 * shorter slice than others it is let in at once where one of them is at work, also a reaper that
 * it has just started, instead of when his slice, milliseconds, is over. Not what it starts.
 * Since Linux 6.12; before, or where it is forbidden, it is as it was.
 */
static void take_short_turns(void)
{
	struct scheduling s = { .bytes = sizeof(s) };

	if (syscall(SYS_sched_getattr, 0, &s, sizeof(s), 0) < 0 || s.policy != SCHED_OTHER || s.nice < 0)
		return;		/* somebody knows better */
	s.flags = RESET_ON_FORK;
	s.slice_ns = SLICE_NS;
	syscall(SYS_sched_setattr, 0, &s, 0);
}

static int show(const struct options *options, enum options_action action)
{
	switch (action) {
	case OPTIONS_HELP:
		options_print_help(stdout);
		break;
	case OPTIONS_CHECK_CONFIG:	/* to have read it was enough */
		break;
	case OPTIONS_VERSION:
		puts("shmregd " PACKAGE_VERSION);
		break;
	default:
		options_print(options, stdout);
		break;
	}
	return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char *argv[])
{
	char error[OPTIONS_ERROR_MAX + 1];
	enum options_action action;
	struct options options;
	int result;

	if (janitor_is(argv))
		janitor_run();
	mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD_BYTES);
	open_standard_streams();
	log_init();
	if (options_parse(&options, &action, argc, argv, error) < 0) {
		log_message(LOG_ERR, CONFIG_REFUSED, "%s", error);
		return EXIT_FAILURE;
	}
	if (action != OPTIONS_RUN) {
		result = show(&options, action);
		options_deinit(&options);
		return result;
	}
	log_set_level((int)options.log_level);
	signal(SIGPIPE, SIG_IGN);
	/* Of a segment that is larger than a file may be: that is refused. */
	signal(SIGXFSZ, SIG_IGN);
	take_short_turns();
	return server_run(&options, argc, argv);
}
