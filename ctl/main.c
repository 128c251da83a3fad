/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ctl.h"

static const struct command {
	const char *name;
	int (*run)(struct ctl *ctl, int argc, char **argv);
	const char *arguments;
	const char *what;
} commands[] = {
	{ "ls", ctl_list, "", "list the segments" },
	{ "show", ctl_show, "SEGMENT [--interval SECONDS]", "objects, occupancy, rates, who holds what" },
	{ "create", ctl_create, "SEGMENT --size BYTES [...]", "make a segment that stays until removed" },
	{ "rm", ctl_remove, "SEGMENT...", "remove segments: take their names away" },
	{ "set", ctl_set, "SEGMENT [...]", "change a segment's owner, mode or lifetime" },
	{ "peek", ctl_peek, "SEGMENT OBJECT[INDEX] [...]", "show an object's elements, and take none" },
	{ "get", ctl_get, "SEGMENT OBJECT[INDEX]", "print the value of an array, atomic or cell" },
	{ "set", ctl_set, "SEGMENT OBJECT[INDEX] VALUE...", "change it" },
	{ "add", ctl_add, "SEGMENT ATOMIC NUMBER", "add to it, and print the sum" },
	{ "cas", ctl_cas, "SEGMENT ATOMIC EXPECTED VALUE", "change it if it is what is expected" },
	{ "push", ctl_push, "SEGMENT OBJECT [...]", "put elements into a queue, ring or topic" },
	{ "pop", ctl_pop, "SEGMENT OBJECT [...]", "take elements out of it, and print them" },
	{ "load", ctl_load, "SEGMENT OBJECT[INDEX] FILE", "fill an object from a file, if it fits" },
	{ "dump", ctl_dump, "SEGMENT [OBJECT...]", "print objects with all that is in them" },
	{ "restore", ctl_restore, "SEGMENT [FILE]", "make them again, also elsewhere" },
	{ "limit", ctl_limit, "USER RESOURCE=LIMIT...", "set limits of one user" },
	{ "stats", ctl_stats, "[--user USER]", "usage, limits and counters" },
	{ "top", ctl_top, "[--once] [SEGMENT [OBJECT]]", "the same live, for people at a terminal" },
	{ "watch", ctl_watch, "[SEGMENT]", "say what happens, as it happens" },
	{ "map", ctl_map, "SEGMENT [--columns N]", "what lies where, how much of it is memory" },
	{ "snapshot", ctl_snapshot, "SEGMENT FILE [--force]", "copy a segment into a file, to be looked at" },
	{ "doctor", ctl_doctor, "[SEGMENT] [...]", "look for what is wrong, and say what to type" },
	{ "advise", ctl_advise, "SEGMENT", "suggest sizes, by what was ever needed" },
	{ "metrics", ctl_metrics, "[...] [SEGMENT...]", "print numbers for Prometheus: OpenMetrics" },
	{ "run", ctl_run, "[...] -- COMMAND [ARGUMENT...]", "run a command with a private daemon" },
};
#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void vsay(const char *format, va_list args)
{
	fflush(stdout);
	fputs("shmregctl: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
}

int ctl_usage(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsay(format, args);
	va_end(args);
	return 2;
}

int ctl_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsay(format, args);
	va_end(args);
	return 1;
}

int ctl_failed(int error)
{
	const char *sentence = shmreg_error();

	return ctl_fail("%s", *sentence ? sentence : strerror(-error));
}

bool ctl_common(struct ctl *ctl, int option)
{
	if (option == 'j')
		ctl->json = true;
	else if (option == 's')
		ctl->socket = optarg;
	else
		return false;
	return true;
}

int ctl_bad_option(int option, char **argv, const char *command)
{
	const char *word = argv[optind - 1];

	if (option == ':')
		return ctl_usage("%s: option '%s' needs a value; see shmregctl --help", command, word);
	if (optopt && strncmp(word, "--", 2) != 0)
		return ctl_usage("%s: option '-%c' is unknown; see shmregctl --help", command, optopt);
	return ctl_usage("%s: option '%s' is unknown or has a value it does not take; see "
			 "shmregctl --help", command, word);
}

int ctl_check_name(const char *command, const char *name)
{
	const char *why;

	if (shmreg_name_check(name, SHMREG_SEGMENT_NAME_MAX, &why) == 0)
		return 0;
	return ctl_usage("%s: the segment's name '%.160s' %s", command, name, why);
}

int ctl_connect(const struct ctl *ctl, struct shmreg_connection **ret, uint32_t flags)
{
	const struct shmreg_connect_params params = {
		.size = sizeof(params),
		.socket = ctl->socket,
		.name = "shmregctl",
		.flags = flags,
	};
	const int r = shmreg_connect(ret, &params);

	return r < 0 ? ctl_failed(r) : 0;
}

int ctl_flush(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	return ctl_fail("standard output cannot be written: %s", strerror(errno));
}

static void help(void)
{
	puts("Usage: shmregctl [--socket PATH] [--json] COMMAND ...\n"
	     "\n"
	     "Look at and administer the shared-memory registry of shmregd.\n"
	     "\n"
	     "Commands:");
	for (size_t i = 0; i < N_COMMANDS; i++) {
		char left[64];

		snprintf(left, sizeof(left), "%s %s", commands[i].name, commands[i].arguments);
		printf("  %-38s %s\n", left, commands[i].what);
	}
	puts("\n"
	     "Options:\n"
	     "  --socket PATH   the daemon's socket (default: $SHMREG_SOCKET, else\n"
	     "                  $XDG_RUNTIME_DIR/shmregd/control, else /run/shmregd/control)\n"
	     "  --json          print JSON; watch prints one object a line\n"
	     "  --help, --version\n"
	     "\n"
	     "create: --size BYTES (with K, M, G, T) [--mode 0660] [--lifetime until-removed]\n"
	     "        [--max-objects N] [--max-participants N] [--reserve] [--dry-run]\n"
	     "        [--huge 2M | 1G | thp] [--numa bind:NODES | interleave:NODES]\n"
	     "        [--prefault] [--mlock]\n"
	     "set:    [--owner USER[:GROUP] | :GROUP] [--mode MODE] [--lifetime LIFETIME]\n"
	     "        lifetimes: while-attached, until-removed, with-creator\n"
	     "peek:   [--format F | --struct DESCRIPTION] [--json | --csv] [-n N] [--bare] [--all]\n"
	     "        [--follow [--interval SECONDS]]; INDEX: [3], [3..5], [3..] or [..5]\n"
	     "push, pop, load: formats as peek; [-n N] [--wait | --timeout SECONDS]\n"
	     "        pop of a topic: [--history N | all]; restore: [--existing]\n"
	     "        formats: hex, text, raw, u8 to u64, i8 to i64, x8 to x64, f32, f64, bool\n"
	     "limit:  RESOURCE as in stats, such as segments=10, bytes=64G, seats=default\n"
	     "top:    [--interval SECONDS] [--participants] [--sort COLUMN] [--filter TEXT]\n"
	     "watch:  [--events KIND[,KIND...]]\n"
	     "doctor: [--verbose] [--root DIRECTORY] [--daemon PATH]\n"
	     "metrics: [--format openmetrics|prometheus] [--output FILE | --http]\n"
	     "        [--objects PATTERN | --no-objects] [--max-objects N]; SEGMENT may be a pattern\n"
	     "run:    [--daemon PATH] [--reaper PATH] [--daemon-option OPTION]... [--verbose]\n"
	     "\n"
	     "Exit status: 0 done, 1 it could not be done, 2 it was asked wrongly; run: COMMAND's.\n"
	     "See shmregctl(1).");
}

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < N_COMMANDS; i++)
		if (strcmp(name, commands[i].name) == 0)
			return &commands[i];
	return NULL;
}

static int unknown(const char *word)
{
	char names[512] = "";
	size_t n = 0;

	for (size_t i = 0; i < N_COMMANDS && n < sizeof(names); i++) {
		/* Two lines of the help may tell of one. */
		if (find(commands[i].name) != &commands[i])
			continue;
		n += (size_t)snprintf(names + n, sizeof(names) - n, "%s%s",
				      i == 0		  ? "" :
				      i + 1 < N_COMMANDS ? ", " :
							    " and ",
				      commands[i].name);
	}
	return ctl_usage("'%s' is not a command; there are %s", word, names);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "socket", required_argument, NULL, 's' }, { "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },	    { "version", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	const struct command *command;
	struct ctl ctl = { 0 };
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "+:s:jh", options, NULL)) != -1) {
		switch (option) {
		case 's':
		case 'j':
			ctl_common(&ctl, option);
			break;
		case 'h':
			help();
			return ctl_flush();
		case 'v':
			puts("shmregctl " VERSION);
			return ctl_flush();
		case ':':
			return ctl_usage("option '%s' needs a value; see shmregctl --help",
					 argv[optind - 1]);
		default:
			return ctl_usage("option '%s' is unknown; see shmregctl --help",
					 argv[optind - 1]);
		}
	}
	if (optind == argc)
		return ctl_usage("a command is missing, such as ls; see shmregctl --help");

	argc -= optind;
	argv += optind;
	optind = 0;
	command = find(argv[0]);
	return command ? command->run(&ctl, argc, argv) : unknown(argv[0]);
}
