/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <shmreg/abi/directory.h>

#include "log.h"
#include "options-internal.h"

#define KIB UINT64_C(1024)
#define MIB (KIB * 1024)
#define GIB (MIB * 1024)

#define AT(field) offsetof(struct options, field)
#define LIMIT(r) AT(limit) + sizeof(uint64_t) * SHMREG_RESOURCE_##r

/* A preset of 0 for bytes: a part of the machine's memory, see options_init(). */
static const struct setting settings[] = {
	{ "system", SWITCH, AT(system), 0, 1, 0,
	  "the system's instance: socket /run/shmregd/control, for everybody" },
	{ "socket", PATH, AT(socket), 0, 0, 0, "where to listen" },
	{ "socket-mode", MODE, AT(socket_mode), 0, 0666, OPTIONS_MODE_UNSET,
	  "mode of the socket; default 0666 with --system, else 0600" },
	{ "reaper", PATH, AT(reaper), 0, 0, 0, "the program that repairs after a death" },
	{ "bus", BUS, AT(bus), 0, 0, OPTIONS_BUS_AUTO,
	  "administration over D-Bus: no, auto (not for private instances) or yes" },
	{ "log-level", LEVEL, AT(log_level), 0, 0, LOG_INFO,
	  "error, warning, notice, info or debug" },
	{ "max-segments", COUNT, AT(max_segments), 1, OPTIONS_SEGMENTS_MAX, 500,
	  "segments in all" },
	{ "max-connections", COUNT, AT(max_connections), 0, OPTIONS_CONNECTIONS_MAX, 0,
	  "connections in all; 0: as many as there are descriptors for" },
	{ "reserve-budget", BYTES, AT(reserve_budget), 0, SHMREG_DATA_BYTES_MAX, 0,
	  "memory that may be reserved in all; default a quarter of the machine's" },
	{ "max-seats-per-participant", COUNT, AT(max_seats_per_participant), 1, 4095, 1024,
	  "of one segment" },
	{ "reserved-seats", COUNT, AT(reserved_seats), 0, 4094, 64,
	  "of each segment, kept for its owner and for root" },
	{ "max-reapers", COUNT, AT(max_reapers), 1, OPTIONS_REAPERS_MAX, 4,
	  "repairs at the same time" },
	{ "repair-timeout", SECONDS, AT(repair_timeout), 1, 3600, 30,
	  "seconds after which a repair counts as failed" },
	{ "snapshot-on-death", PATH, AT(snapshot_on_death), 0, 0, 0,
	  "folder for copies of segments in which a participant has died; default none" },
	{ "snapshot-keep", COUNT, AT(snapshot_keep), 1, 10000, 16,
	  "copies in the folder; the oldest go" },
	{ "snapshot-bytes", BYTES, AT(snapshot_bytes), 1, SHMREG_DATA_BYTES_MAX, 64 * MIB,
	  "memory that a segment may have to be copied" },
	{ "snapshot-interval", SECONDS, AT(snapshot_interval), 0, 86400, 10,
	  "seconds from one copy to the next" },
	{ "snapshot-program", PATH, AT(snapshot_program), 0, 0, 0, "the program that copies" },
	{ "max-segments-per-uid", COUNT, LIMIT(SEGMENTS), 0, UINT64_MAX, 128, "segments" },
	{ "max-bytes-per-uid", BYTES, LIMIT(BYTES), 0, UINT64_MAX, 256 * GIB,
	  "sizes of segments, touched or not" },
	{ "max-reserved-bytes-per-uid", BYTES, LIMIT(RESERVED_BYTES), 0, UINT64_MAX, 0,
	  "of those created with RESERVE; default an eighth of the machine's memory" },
	{ "max-objects-per-uid", COUNT, LIMIT(OBJECTS), 0, UINT64_MAX, 65536, "objects" },
	{ "max-participants-per-uid", COUNT, LIMIT(PARTICIPANTS), 0, UINT64_MAX, 4096,
	  "attachments" },
	{ "max-seats-per-uid", COUNT, LIMIT(SEATS), 0, UINT64_MAX, 16384, "seats" },
	{ "max-connections-per-uid", COUNT, LIMIT(CONNECTIONS), 0, UINT64_MAX, 1024,
	  "connections" },
	{ "max-subscriptions-per-uid", COUNT, LIMIT(SUBSCRIPTIONS), 0, UINT64_MAX, 256,
	  "streams of events, and objects watched by descriptors" },
};
#define N_SETTINGS (sizeof(settings) / sizeof(settings[0]))

static const char *const bus_words[] = {
	[OPTIONS_BUS_NO] = "no",
	[OPTIONS_BUS_AUTO] = "auto",
	[OPTIONS_BUS_YES] = "yes",
};

static void *field(struct options *o, const struct setting *s)
{
	return (char *)o + s->offset;
}

static const void *field_const(const struct options *o, const struct setting *s)
{
	return (const char *)o + s->offset;
}

int options_refuse(char *error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error, OPTIONS_ERROR_MAX + 1, format, args);
	va_end(args);
	return -EINVAL;
}

int options_init(struct options *o)
{
	const uint64_t memory = (uint64_t)sysconf(_SC_PHYS_PAGES) *
				(uint64_t)sysconf(_SC_PAGESIZE) / MIB * MIB;

	*o = (struct options){ 0 };
	for (size_t i = 0; i < N_SETTINGS; i++)
		if (settings[i].kind != PATH && settings[i].kind != SWITCH)
			*(uint64_t *)field(o, &settings[i]) = settings[i].preset;
	o->reserve_budget = memory / 4;
	o->limit[SHMREG_RESOURCE_RESERVED_BYTES] = memory / 8;
	o->reaper = strdup(PKGLIBEXECDIR "/shmreg-reaper");
	o->snapshot_program = strdup(PKGLIBEXECDIR "/shmreg-snapshot");
	return o->reaper && o->snapshot_program ? 0 : -ENOMEM;
}

void options_deinit(struct options *o)
{
	free(o->socket);
	free(o->reaper);
	free(o->snapshot_on_death);
	free(o->snapshot_program);
	o->socket = o->reaper = o->snapshot_on_death = o->snapshot_program = NULL;
	uid_limits_deinit(&o->uids);
}

static size_t min3(size_t a, size_t b, size_t c)
{
	const size_t ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* Letters to change, add or leave out; names here have fewer than 64. */
static size_t distance(const char *a, const char *b)
{
	size_t row[64], n = strlen(b);

	if (n >= 64)
		return SIZE_MAX;
	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 0; a[i]; i++) {
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (size_t j = 1; j <= n; j++) {
			const size_t here = diagonal + (a[i] != b[j - 1]);

			diagonal = row[j];
			row[j] = min3(here, row[j] + 1, row[j - 1] + 1);
		}
	}
	return row[n];
}

const struct setting *setting_find(const char *name)
{
	for (size_t i = 0; i < N_SETTINGS; i++)
		if (strcmp(settings[i].name, name) == 0)
			return &settings[i];
	return NULL;
}

int setting_resource(const struct setting *s)
{
	const size_t first = AT(limit);

	if (s->offset < first || s->offset >= first + sizeof(((struct options *)NULL)->limit))
		return -1;
	return (int)((s->offset - first) / sizeof(uint64_t));
}

const struct setting *setting_next(const struct setting *s)
{
	s = s ? s + 1 : settings;
	return s < settings + N_SETTINGS ? s : NULL;
}

int options_refuse_unknown(const char *name, char *error)
{
	const char *nearest = NULL;
	/* A name is not meant by what has no letter of it. */
	size_t best = strlen(name) < 4 ? strlen(name) : 4;

	for (size_t i = 0; i < N_SETTINGS; i++) {
		const size_t d = distance(name, settings[i].name);

		if (d < best) {
			best = d;
			nearest = settings[i].name;
		}
	}
	if (nearest)
		return options_refuse(error, "there is no option '%.64s'; '%s' may be meant", name, nearest);
	return options_refuse(error, "there is no option '%.64s'; 'shmregd --help' lists those there are",
		      name);
}

/* Digits, then one of @suffixes or nothing. Return: 0; -EINVAL; -ERANGE. */
static int parse_number(const char *value, const char *suffixes, uint64_t *ret)
{
	const char *suffix;
	uint64_t number;
	char *end;

	if (*value < '0' || *value > '9')
		return -EINVAL;
	errno = 0;
	number = strtoull(value, &end, 10);
	if (errno)
		return -ERANGE;
	if (*end) {
		suffix = strchr(suffixes, *end);
		if (!suffix || end[1])
			return -EINVAL;
		for (long i = suffix - suffixes; i >= 0 && suffixes[0] == 'K'; i--)
			if (__builtin_mul_overflow(number, KIB, &number))
				return -ERANGE;
	}
	*ret = number;
	return 0;
}

static int set_number(struct options *o, const struct setting *s, const char *value, char *error)
{
	const char *form = s->kind == BYTES   ? "a number of bytes such as 1048576, 1024K, 64M, 2G or 1T" :
			   s->kind == SECONDS ? "a number of seconds such as 30" :
						"a number such as 100";
	uint64_t number;
	int r;

	if (setting_resource(s) >= 0 && strcmp(value, "none") == 0) {
		*(uint64_t *)field(o, s) = UINT64_MAX;
		return 0;
	}
	r = parse_number(value, s->kind == BYTES ? "KMGT" : s->kind == SECONDS ? "s" : "", &number);
	if (r == -EINVAL)
		return options_refuse(error, "%s is '%.64s', but must be %s", s->name, value, form);
	if (r == -ERANGE || number < s->min || number > s->max)
		return options_refuse(error, "%s is %.64s, but must be %" PRIu64 " to %" PRIu64, s->name,
			      value, s->min, s->max);
	*(uint64_t *)field(o, s) = number;
	return 0;
}

static int set_mode(struct options *o, const struct setting *s, const char *value, char *error)
{
	char *end;
	unsigned long mode;

	mode = *value >= '0' && *value <= '7' ? strtoul(value, &end, 8) : ULONG_MAX;
	if (mode == ULONG_MAX || *end || mode & ~s->max)
		return options_refuse(error,
			      "%s is '%.64s', but must be an octal mode made of r and w, such as "
			      "0660",
			      s->name, value);
	*(uint64_t *)field(o, s) = mode;
	return 0;
}

static int set_level(struct options *o, const struct setting *s, const char *value, char *error)
{
	const int level = log_level_parse(value);

	if (level < 0)
		return options_refuse(error, "%s is '%.64s', but must be error, warning, notice, info or debug",
			      s->name, value);
	*(uint64_t *)field(o, s) = (uint64_t)level;
	return 0;
}

static int set_bus(struct options *o, const struct setting *s, const char *value, char *error)
{
	for (uint64_t i = 0; i < sizeof(bus_words) / sizeof(bus_words[0]); i++) {
		if (strcmp(value, bus_words[i]) == 0) {
			*(uint64_t *)field(o, s) = i;
			return 0;
		}
	}
	return options_refuse(error, "%s is '%.64s', but must be no, auto or yes", s->name, value);
}

/* As a value of the file could not have been: blanks around it, a comment behind it, control characters. */
static bool is_unsayable(const char *value)
{
	const size_t n = strlen(value);

	for (size_t i = 0; i < n; i++)
		if ((unsigned char)value[i] < ' ' || value[i] == 0x7f ||
		    (value[i] == ';' && (i == 0 || value[i - 1] == ' ')))
			return true;
	return n > 0 && (value[0] == ' ' || value[n - 1] == ' ');
}

static int set_path(struct options *o, const struct setting *s, const char *value, char *error)
{
	char **path = field(o, s);
	char *copy;

	if (!*value)
		return options_refuse(error, "%s is empty, but must be a path", s->name);
	if (is_unsayable(value))
		return options_refuse(error, "%s is '%.200s', but a path has here no control characters, "
				      "no blanks around it and none before a ';'", s->name, value);
	copy = strdup(value);
	if (!copy) {
		options_refuse(error, "no memory is left");
		return -ENOMEM;
	}
	free(*path);
	*path = copy;
	return 0;
}

static int set_switch(struct options *o, const struct setting *s, const char *value, char *error)
{
	static const char *const words[] = { "no", "yes", "false", "true", "off", "on", "0", "1" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(value, words[i]) == 0) {
			*(bool *)field(o, s) = i & 1;
			return 0;
		}
	}
	return options_refuse(error, "%s is '%.64s', but must be yes or no", s->name, value);
}

int options_set(struct options *o, const char *name, const char *value, char *error)
{
	const struct setting *s = setting_find(name);

	if (!s)
		return options_refuse_unknown(name, error);
	switch (s->kind) {
	case COUNT:
	case BYTES:
	case SECONDS:
		return set_number(o, s, value, error);
	case MODE:
		return set_mode(o, s, value, error);
	case LEVEL:
		return set_level(o, s, value, error);
	case BUS:
		return set_bus(o, s, value, error);
	case PATH:
		return set_path(o, s, value, error);
	case SWITCH:
		return set_switch(o, s, value, error);
	}
	return options_refuse(error, "%s has no kind", name);
}

void options_print_number(FILE *out, const struct setting *s, uint64_t n)
{
	static const char suffixes[] = "\0KMGT";
	int i = 0;

	if (n == UINT64_MAX && setting_resource(s) >= 0) {
		fputs("none", out);
		return;
	}
	for (; s->kind == BYTES && n && n % KIB == 0 && i < 4; i++)
		n /= KIB;
	fprintf(out, "%" PRIu64, n);
	if (i)
		fputc(suffixes[i], out);
}

static void print_value(FILE *out, const struct options *o, const struct setting *s)
{
	const void *value = field_const(o, s);

	switch (s->kind) {
	case COUNT:
	case SECONDS:
	case BYTES:
		options_print_number(out, s, *(const uint64_t *)value);
		break;
	case MODE:
		fprintf(out, "%04" PRIo64, *(const uint64_t *)value);
		break;
	case LEVEL:
		fputs(log_level_name((int)*(const uint64_t *)value), out);
		break;
	case BUS:
		fputs(bus_words[*(const uint64_t *)value], out);
		break;
	case PATH:
		fputs(*(char *const *)value, out);
		break;
	case SWITCH:
		fputs(*(const bool *)value ? "yes" : "no", out);
		break;
	}
}

void options_print(const struct options *o, FILE *out)
{
	for (size_t i = 0; i < N_SETTINGS; i++) {
		const struct setting *s = &settings[i];
		const bool unset =
			(s->kind == PATH && !*(char *const *)field_const(o, s)) ||
			(s->kind == MODE && *(const uint64_t *)field_const(o, s) == OPTIONS_MODE_UNSET);

		fprintf(out, "# %s\n", s->help);
		fprintf(out, "%s%s = ", unset ? "# " : "", s->name);
		if (!unset)
			print_value(out, o, s);
		fputs("\n", out);
	}
	options_print_uids(o, out);
}

void options_print_help(FILE *out)
{
	static const char *const forms[] = {
		[COUNT] = "=N",	      [BYTES] = "=BYTES", [SECONDS] = "=SECONDS", [MODE] = "=MODE",
		[LEVEL] = "=LEVEL",   [PATH] = "=PATH",	  [SWITCH] = "",
		[BUS] = "=WHEN",
	};
	char left[64];

	fputs("shmregd [OPTION]... - registry of shared memory segments\n\n"
	      "Runs in the foreground until SIGTERM or SIGINT; SIGHUP reads limits anew.\n"
	      "Listens at the socket given by socket activation, else at --socket, else at\n"
	      "/run/shmregd/control (root, --system) or $XDG_RUNTIME_DIR/shmregd/control.\n\n"
	      "  -h, --help                      this text\n"
	      "  -V, --version                   the version\n"
	      "      --check-config              say what is wrong with it, or nothing, and exit\n"
	      "      --print-config              all options as they are now, as a configuration\n"
	      "      --config=PATH               read this instead of " SYSCONFDIR "/shmregd.conf\n\n"
	      "Options, also of the configuration (\"option = value\", comments with #); BYTES may\n"
	      "end in K, M, G or T; those ending in -per-uid do not concern root:\n\n", out);
	for (size_t i = 0; i < N_SETTINGS; i++) {
		snprintf(left, sizeof(left), "--%s%s", settings[i].name, forms[settings[i].kind]);
		fprintf(out, "      %-36s %s\n", left, settings[i].help);
	}
}
