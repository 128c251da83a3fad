/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
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
	return server_run(&options, argc, argv);
}
