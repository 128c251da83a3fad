/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "access.h"
#include "parse.h"
#include "source.h"

#define DESCRIPTION_MAX (1 << 20)

static const struct option all_options[] = {
	CTL_OPTIONS,
	{ "format", required_argument, NULL, 'f' },
	{ "struct", required_argument, NULL, 'S' },
	{ "csv", no_argument, NULL, 'c' },
	{ "count", required_argument, NULL, 'n' },
	{ "follow", no_argument, NULL, 'F' },
	{ "interval", required_argument, NULL, 'i' },
	{ "bare", no_argument, NULL, 'b' },
	{ "all", no_argument, NULL, 'a' },
	{ "wait", no_argument, NULL, 'w' },
	{ "timeout", required_argument, NULL, 't' },
	{ "history", required_argument, NULL, 'H' },
	{ "existing", no_argument, NULL, 'e' },
	{ NULL, 0, NULL, 0 },
};

static const struct {
	unsigned int group;
	const char *letters;
} groups[] = {
	{ ACCESS_FORMAT, "fSc" }, { ACCESS_COUNT, "n" },   { ACCESS_FOLLOW, "Fi" },
	{ ACCESS_BARE, "ba" },	  { ACCESS_WAIT, "wt" },   { ACCESS_HISTORY, "H" },
	{ ACCESS_EXISTING, "e" },
};

/* --- words and options ------------------------------------------------------------------------------ */

static bool is_option(const char *word)
{
	return word[0] == '-' && word[1] && !(word[1] >= '0' && word[1] <= '9') && word[1] != '.';
}

/* Does its value stand in the next word? */
static bool wants_next(const char *word)
{
	const size_t n = strcspn(word + 2, "=");

	if (strncmp(word, "--", 2) != 0)
		return (word[1] == 'n' || word[1] == 's') && !word[2];
	if (word[2 + n])
		return false;
	for (const struct option *o = all_options; o->name; o++)
		if (strncmp(o->name, word + 2, n) == 0)
			return o->has_arg == required_argument;
	return false;
}

/*
 * As getopt() would, options before words; but what looks like a negative number is a word. The
 * name of the command stays first.
 *
 * Return: how many come before the words.
 */
static int sort_words(int argc, char **argv, char **sorted, int *ret_words)
{
	int n = 1, n_words = 0;
	char **words = malloc((size_t)argc * sizeof(*words));

	if (!words)
		return -ENOMEM;
	sorted[0] = argv[0];
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--") == 0) {
			while (++i < argc)
				words[n_words++] = argv[i];
		} else if (!is_option(argv[i])) {
			words[n_words++] = argv[i];
		} else {
			sorted[n++] = argv[i];
			if (wants_next(argv[i]) && i + 1 < argc)
				sorted[n++] = argv[++i];
		}
	}
	memcpy(sorted + n, words, (size_t)n_words * sizeof(*words));
	free(words);
	*ret_words = n_words;
	return n;
}

int access_count_words(int argc, char **argv)
{
	char **sorted = malloc(((size_t)argc + 1) * sizeof(*sorted));
	int n_words = 0;

	if (sorted)
		sort_words(argc, argv, sorted, &n_words);
	free(sorted);
	return n_words;
}

static bool is_allowed(int option, unsigned int options)
{
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (strchr(groups[i].letters, option))
			return options & groups[i].group;
	return false;
}

/* --- values of options -------------------------------------------------------------------------------- */

static int parse_u64(const char *text, uint64_t *ret)
{
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	*ret = strtoull(text, &end, 10);
	return errno || *end ? -EINVAL : 0;
}

/* The caller frees it; NULL: said why. */
static char *read_description(const struct access *a, const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = malloc(DESCRIPTION_MAX + 1);
	size_t n;

	if (!file || !text) {
		ctl_fail("%s: --struct '@%s' cannot be read: %s", a->command, path, strerror(errno));
		free(text);
		if (file)
			fclose(file);
		return NULL;
	}
	n = fread(text, 1, DESCRIPTION_MAX, file);
	text[n] = '\0';
	if (ferror(file) || n == DESCRIPTION_MAX || memchr(text, '\0', n)) {
		ctl_fail("%s: --struct '@%s' is no description of a struct: %s", a->command, path,
			 ferror(file) ? "it cannot be read" : "it has a zero byte, or more than 1M");
		free(text);
		text = NULL;
	}
	fclose(file);
	return text;
}

static int take_format(struct access *a, int option, const char *value)
{
	char why[FORMAT_WHY_MAX], *text = NULL;
	int r;

	if (a->has_format)
		return ctl_usage("%s: one format is enough; --struct is one, too", a->command);
	if (option == 'f') {
		r = format_parse(&a->format, value, why);
	} else if (value[0] == '@') {
		text = read_description(a, value + 1);
		if (!text)
			return 1;
		r = format_parse_struct(&a->format, text, why);
		free(text);
	} else {
		r = format_parse_struct(&a->format, value, why);
	}
	if (r == -EINVAL)
		return ctl_usage("%s: --%s '%.160s' %s", a->command, option == 'f' ? "format" : "struct",
				 value, why);
	if (r < 0)
		return ctl_failed(r);
	a->has_format = true;
	return 0;
}

static int take_option(struct access *a, struct ctl *ctl, int option, const char *value)
{
	const char *why = NULL;

	switch (option) {
	case 'f':
	case 'S':
		return take_format(a, option, value);
	case 'c':
		a->style = FORMAT_STYLE_CSV;
		break;
	case 'n':
		if (parse_u64(value, &a->count) < 0 || !a->count)
			return ctl_usage("%s: -n '%s' is not a number of elements, 1 or more", a->command,
					 value);
		break;
	case 'F':
		a->follow = true;
		break;
	case 'i':
		if (parse_seconds(value, &a->interval_ns, &why) < 0)
			return ctl_usage("%s: --interval '%s' %s", a->command, value, why);
		break;
	case 'b':
		a->bare = true;
		break;
	case 'a':
		a->all = true;
		break;
	case 'w':
		a->timeout_ns = a->timeout_ns ? a->timeout_ns : UINT64_MAX;
		break;
	case 't':
		if (parse_seconds(value, &a->timeout_ns, &why) < 0)
			return ctl_usage("%s: --timeout '%s' %s", a->command, value, why);
		break;
	case 'H':
		a->has_history = true;
		a->history = UINT64_MAX;
		if (strcmp(value, "all") != 0 && parse_u64(value, &a->history) < 0)
			return ctl_usage("%s: --history '%s' is neither a number of messages nor all",
					 a->command, value);
		break;
	case 'e':
		a->existing = true;
		break;
	default:
		ctl_common(ctl, option);
	}
	return 0;
}

static int parse_options(struct access *a, struct ctl *ctl, unsigned int options, int argc, char **argv)
{
	int option, r = 0;

	while (r == 0 && (option = getopt_long(argc, argv, "+:js:n:", all_options, NULL)) != -1) {
		if (option == ':' || option == '?')
			return ctl_bad_option(option, argv, a->command);
		if (option != 'j' && option != 's' && !is_allowed(option, options))
			return ctl_usage("%s: option '%s' is not for this command; see shmregctl --help",
					 a->command, argv[optind - 1]);
		r = take_option(a, ctl, option, optarg);
	}
	return r;
}

/* --- the object -------------------------------------------------------------------------------------- */

/* "[3]", "[3..5]", "[3..]", "[..5]" */
static int parse_index(struct access *a, const char *text)
{
	const char *dots = strstr(text, ".."), *end = text + strlen(text) - 1;
	char first[32] = "0", last[32] = "18446744073709551615";

	if (*end != ']' || end - text > 60)
		return -EINVAL;
	if (!dots) {
		snprintf(first, sizeof(first), "%.*s", (int)(end - text - 1), text + 1);
		memcpy(last, first, sizeof(last));
	} else {
		if (dots > text + 1)
			snprintf(first, sizeof(first), "%.*s", (int)(dots - text - 1), text + 1);
		if (end > dots + 2)
			snprintf(last, sizeof(last), "%.*s", (int)(end - dots - 2), dots + 2);
	}
	a->indexed = true;
	if (parse_u64(first, &a->first) < 0 || parse_u64(last, &a->last) < 0 || a->first > a->last)
		return -EINVAL;
	return 0;
}

static int take_object(struct access *a, unsigned int options, const char *word)
{
	const size_t n = strcspn(word, "[");
	const char *why;

	if (word[n] && !(options & ACCESS_INDEX))
		return ctl_usage("%s: '%.80s': this command takes an object without an index", a->command,
				 word);
	if (word[n] && parse_index(a, word + n) < 0)
		return ctl_usage("%s: '%.80s' has no index such as [3], [3..5], [3..] or [..5]", a->command,
				 word);
	snprintf(a->object, sizeof(a->object), "%.*s", (int)n, word);
	if (n >= sizeof(a->object) ||
	    shmreg_name_check(a->object, SHMREG_OBJECT_NAME_MAX, &why) < 0)
		return ctl_usage("%s: the object's name '%.160s' %s", a->command, word,
				 n >= sizeof(a->object) ? "is too long" : why);
	return 0;
}

int access_parse(struct access *ret, struct ctl *ctl, unsigned int options, int least, int most,
		 const char *what, int argc, char **argv)
{
	struct access a = {
		.command = argv[0],
		.count = UINT64_MAX,
		.last = UINT64_MAX,
		.interval_ns = 50000000,
	};
	int r, n;

	a.words = malloc(((size_t)argc + 1) * sizeof(*a.words));
	n = a.words ? sort_words(argc, argv, a.words, &a.n_words) : -ENOMEM;
	if (n < 0) {
		free(a.words);
		return ctl_failed(-ENOMEM);
	}
	r = parse_options(&a, ctl, options, n, a.words);
	/* The words of the options are done with. */
	memmove(a.words, a.words + n, (size_t)a.n_words * sizeof(*a.words));
	if (r == 0 && ctl->json && a.style == FORMAT_STYLE_CSV)
		r = ctl_usage("%s: --json and --csv are two styles; one is enough", a.command);
	if (ctl->json)
		a.style = FORMAT_STYLE_JSON;
	if (r == 0 && a.style != FORMAT_STYLE_TEXT && a.format.kind == FORMAT_RAW && a.has_format)
		r = ctl_usage("%s: raw bytes are neither JSON nor CSV", a.command);
	if (r == 0 && a.n_words < least)
		r = ctl_usage("%s: %s missing; usage: shmregctl %s %s", a.command,
			      a.n_words == 0 ? "the segment's name is" : a.n_words == 1 ?
			      "the object's name is" : "something is", a.command, what);
	if (r == 0 && a.n_words > most)
		r = ctl_usage("%s: got '%.80s' too; usage: shmregctl %s %s", a.command, a.words[most],
			      a.command, what);
	if (r == 0 && !source_is_file(a.words[0]))
		r = ctl_check_name(a.command, a.words[0]);
	if (r == 0 && least > 1)
		r = take_object(&a, options, a.words[1]);
	if (r) {
		access_free(&a);
		return r;
	}
	*ret = a;
	return 0;
}

void access_free(struct access *access)
{
	if (access->has_format)
		format_free(&access->format);
	access->has_format = false;
	free(access->words);
	access->words = NULL;
}

/* --- what follows ------------------------------------------------------------------------------------- */

/* No type is known: hex; lines of text if sizes differ; a number. */
static int guess(struct access *a, const char *type_name, uint64_t bytes, bool vary, bool numbers)
{
	char why[FORMAT_WHY_MAX], name[8];
	int r = format_guess(&a->format, type_name);

	if (r < 0)
		return r;
	if (a->format.kind == FORMAT_VALUES && !vary && format_fits(&a->format, bytes, why) < 0) {
		format_free(&a->format);
		a->format.kind = FORMAT_HEX;
	}
	if (a->format.kind == FORMAT_HEX && numbers) {
		snprintf(name, sizeof(name), "u%" PRIu64, bytes * 8);
		return format_parse(&a->format, name, why);
	}
	if (a->format.kind == FORMAT_HEX && vary)
		a->format.kind = FORMAT_TEXT;
	return 0;
}

int access_use_format(struct access *a, const char *type_name, uint64_t bytes, bool vary, bool numbers)
{
	char why[FORMAT_WHY_MAX];
	int r = 0;

	if (!a->has_format) {
		r = guess(a, type_name, bytes, vary, numbers);
		if (r < 0)
			return ctl_failed(r);
		a->has_format = true;
	} else if (!vary || (a->format.kind == FORMAT_VALUES &&
			     a->format.fields[0].base == FORMAT_STRUCT &&
			     a->format.fields[0].bytes > bytes)) {
		r = format_fits(&a->format, bytes, why);
	}
	return r < 0 ? ctl_fail("%s: of '%s' %s", a->command, a->object, why) : 0;
}

int access_attach(const struct access *access, const struct ctl *ctl,
		  struct shmreg_connection **ret_connection, struct shmreg_segment **ret_segment)
{
	int r;

	if (source_is_file(access->words[0]))
		return ctl_usage("%s: '%s' is a snapshot, and that does not change; peek, get and dump "
				 "look into it", access->command, access->words[0]);
	r = ctl_connect(ctl, ret_connection, 0);
	if (r)
		return r;
	r = shmreg_segment_open(*ret_connection, ret_segment, access->words[0], SHMREG_ACCESS_WRITE);
	if (r == 0)
		return 0;
	*ret_connection = shmreg_disconnect(*ret_connection);
	return ctl_failed(r);
}

int access_find(const struct access *access, struct shmreg_segment *segment,
		struct shmreg_dir_object *ret)
{
	if (shmreg_dir_find(shmreg_segment_dir(segment), access->object, ret, NULL) == 0)
		return 0;
	return ctl_fail("%s: there is no object '%s' in '%s'; shmregctl show %s lists them",
			access->command, access->object, access->words[0], access->words[0]);
}

const char *access_trouble(int error)
{
	switch (error) {
	case -ESTALE:
		return "it was removed";
	case -ENOTRECOVERABLE:
		return "its segment is quarantined, for a repair was given up";
	case -EUCLEAN:
		return "it holds what no correct process writes: remove it";
	case -EHOSTDOWN:
		return "the daemon was stopped";
	case -EBUSY:
		return "others were always faster; try again";
	case -EMSGSIZE:
		return "it is larger than there is ever room for";
	case -EROFS:
		return "it may not be written";
	default:
		return strerror(-error);
	}
}
