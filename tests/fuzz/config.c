/* SPDX-License-Identifier: MIT */

/* config - shmregd's command line, and the file that it names */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "options.h"

#define ARGUMENTS_MAX 8
#define PATH_BYTES_MAX 150

static int file;
static char file_path[64], argument[80];

static void setup(void)
{
	file = memfd_create("shmregd.conf", MFD_CLOEXEC);
	MUST(file >= 0);
	snprintf(file_path, sizeof(file_path), "/proc/self/fd/%d", file);
	snprintf(argument, sizeof(argument), "--config=%s", file_path);
}

static void check_refusal(int r, const char *error)
{
	MUST(r == -EINVAL || r == -ENOENT || r == -ENOTDIR || r == -EACCES || r == -EISDIR ||
	     r == -ENAMETOOLONG || r == -ELOOP || r == -ENXIO);
	MUST(strnlen(error, OPTIONS_ERROR_MAX + 1) <= OPTIONS_ERROR_MAX);
	MUST(*error);
}

/* What is printed is a file that means the same. */
static void check_print(const struct options *o)
{
	char printed[2][16384], error[OPTIONS_ERROR_MAX + 1];
	struct options again;
	FILE *out;

	/* Paths that are longer than a line of the file. */
	if (strlen(o->reaper) > PATH_BYTES_MAX || (o->socket && strlen(o->socket) > PATH_BYTES_MAX))
		return;
	out = fmemopen(printed[0], sizeof(printed[0]), "w");
	MUST(out != NULL);
	options_print(o, out);
	MUST(fclose(out) == 0);
	MUST(options_init(&again) == 0);
	MUST(ftruncate(file, 0) == 0);
	MUST(pwrite(file, printed[0], strlen(printed[0]), 0) == (ssize_t)strlen(printed[0]));
	if (options_read_file(&again, file_path, true, error) < 0) {
		fprintf(stderr, "%s\n%s\n", error, printed[0]);
		MUST(!"what --print-config prints can be read again");
	}
	out = fmemopen(printed[1], sizeof(printed[1]), "w");
	MUST(out != NULL);
	options_print(&again, out);
	MUST(fclose(out) == 0);
	MUST(strcmp(printed[0], printed[1]) == 0);
	options_deinit(&again);
}

/* Arguments, a line each, up to an empty line; behind it the file. */
static int make_arguments(char *text, char *argv[ARGUMENTS_MAX + 3])
{
	int argc = 0;

	argv[argc++] = (char *)"shmregd";
	argv[argc++] = argument;
	while (*text && argc < ARGUMENTS_MAX) {
		char *end = strchrnul(text, '\n');

		argv[argc++] = text;
		if (*end)
			*end++ = '\0';
		text = end;
	}
	argv[argc] = NULL;
	return argc;
}

static void run(struct fuzz_input *in)
{
	char error[OPTIONS_ERROR_MAX + 1] = "", *argv[ARGUMENTS_MAX + 3], *text;
	enum options_action action;
	const uint8_t *blank;
	struct options o;
	size_t bytes;
	int r;

	blank = in->n ? memmem(in->at, in->n, "\n\n", 2) : NULL;
	bytes = blank ? (size_t)(blank - in->at) : 0;
	text = calloc(1, bytes + 1);
	MUST(text != NULL);
	fuzz_take(in, text, bytes);
	MUST(ftruncate(file, 0) == 0);
	MUST(in->n == 0 || pwrite(file, in->at, in->n, 0) == (ssize_t)in->n);
	r = options_parse(&o, &action, make_arguments(text, argv), argv, error);
	if (r < 0) {
		check_refusal(r, error);
	} else {
		if (action == OPTIONS_RUN || action == OPTIONS_PRINT_CONFIG)
			check_print(&o);
		options_deinit(&o);
	}
	free(text);
}

static void seeds(void)
{
	static char preset[16384];
	struct options o;
	FILE *out;

	fuzz_seed_text("--max-segments=100\n--system\n\n[shmregd]\nmax-connections = 50\n");
	fuzz_seed_text("--print-config\n--socket\n/run/x\n\nsocket-mode = 0660 ; comment\n"
		       "reserve-budget = 64M\n  log-level = debug\n# another\n");
	fuzz_seed_text("--help\n\n[other]\nx = y\n");
	fuzz_seed_text("-V\n--max-segments\n7\n--repair-timeout=10\n\nsystem = maybe\n");
	MUST(options_init(&o) == 0);
	preset[0] = preset[1] = '\n';
	out = fmemopen(preset + 2, sizeof(preset) - 2, "w");
	MUST(out != NULL);
	options_print(&o, out);
	fclose(out);
	options_deinit(&o);
	fuzz_seed_text(preset);
}

const struct fuzz_target fuzz_target = { setup, run, seeds };
