/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <ini.h>

#include "options-internal.h"

/* inih tells a handler no line numbers, so that its reader counts. */
struct file {
	struct options *o;
	const char *path;
	FILE *stream;
	unsigned int line;
	int result;
	char *error;
};

static int refuse_line(struct file *f, unsigned int line, const char *sentence)
{
	char whole[OPTIONS_ERROR_MAX + 1];

	if (f->result == 0) {
		snprintf(whole, sizeof(whole), "%.200s:%u: %.280s", f->path, line, sentence);
		memcpy(f->error, whole, sizeof(whole));
		f->result = -EINVAL;
	}
	return 0;
}

static char *read_line(char *line, int size, void *user)
{
	struct file *f = user;
	size_t indent;

	if (f->result < 0 || !fgets(line, size, f->stream))
		return NULL;
	f->line++;
	if (!strchr(line, '\n') && !feof(f->stream)) {
		refuse_line(f, f->line, "the line is too long; 190 bytes are possible");
		return NULL;
	}
	/* inih takes an indented line for more of the value above. */
	indent = strspn(line, " \t");
	memmove(line, line + indent, strlen(line + indent) + 1);
	return line;
}

static int handle(void *user, const char *section, const char *name, const char *value)
{
	char sentence[OPTIONS_ERROR_MAX + 1], whole[OPTIONS_ERROR_MAX + 1];
	struct file *f = user;
	int r;

	if (f->result < 0)
		return 0;
	if (*section && strcmp(section, "shmregd") != 0) {
		r = options_set_of_uid(f->o, section, name, value, sentence);
		if (r == 0)
			return 1;
		if (r < 0)
			return refuse_line(f, f->line, sentence);
		snprintf(whole, sizeof(whole),
			 "there is no section [%.64s]; options stand in [shmregd] or in no section, "
			 "limits of one user in [uid USER]", section);
		return refuse_line(f, f->line, whole);
	}
	if (options_set(f->o, name, value, sentence) < 0)
		return refuse_line(f, f->line, sentence);
	return 1;
}

int options_read_file(struct options *o, const char *path, bool required, char *error)
{
	struct file f = { .o = o, .path = path, .error = error };
	int r;

	f.stream = fopen(path, "re");
	if (!f.stream) {
		r = -errno;
		if (r == -ENOENT && !required)
			return 0;
		options_refuse(error, "cannot read the configuration %.200s: %s", path, strerror(-r));
		return r;
	}
	r = ini_parse_stream(read_line, &f, handle, &f);
	if (ferror(f.stream))
		refuse_line(&f, f.line, "cannot be read");
	fclose(f.stream);
	if (r > 0)
		refuse_line(&f, (unsigned int)r, "is not of the form 'option = value'");
	return f.result;
}

struct command_line {
	enum options_action action;
	const char *config;	/* NULL: the default one */
};

/* One argument; *i moves past a value of its own. @o NULL: only what no file can say. */
static int parse_argument(struct command_line *c, struct options *o, int argc,
			  char *const argv[], int *i, char *error)
{
	const char *arg = argv[*i], *equals = strchr(arg, '='), *value = NULL;
	const struct setting *s;
	char name[64];

	if (strcmp(arg, "-h") == 0 || strcmp(arg, "--help") == 0) {
		c->action = OPTIONS_HELP;
		return 0;
	}
	if (strcmp(arg, "-V") == 0 || strcmp(arg, "--version") == 0) {
		c->action = OPTIONS_VERSION;
		return 0;
	}
	if (strcmp(arg, "--print-config") == 0) {
		c->action = OPTIONS_PRINT_CONFIG;
		return 0;
	}
	if (strncmp(arg, "--", 2) != 0 || !arg[2])
		return options_refuse(error,
			      "'%.64s' is no option; options begin with '--', 'shmregd --help' lists them",
			      arg);
	if (strcmp(arg, "--check-config") == 0) {
		c->action = OPTIONS_CHECK_CONFIG;
		return 0;
	}
	snprintf(name, sizeof(name), "%.*s",
		 equals ? (int)(equals - arg - 2 < 63 ? equals - arg - 2 : 63) : 63, arg + 2);
	s = setting_find(name);
	if (!s && strcmp(name, "config") != 0)
		return options_refuse_unknown(name, error);
	if (equals)
		value = equals + 1;
	else if (s && s->kind == SWITCH)
		value = "yes";
	else if (*i + 1 < argc)
		value = argv[++*i];
	else
		return options_refuse(error, "'--%s' needs a value: '--%s=VALUE'", name, name);
	if (!s)
		c->config = value;
	else if (o)
		return options_set(o, name, value, error);
	return 0;
}

static int parse_arguments(struct command_line *c, struct options *o, int argc,
			   char *const argv[], char *error)
{
	for (int i = 1; i < argc; i++) {
		const int r = parse_argument(c, o, argc, argv, &i, error);

		if (r < 0)
			return r;
	}
	return 0;
}

int options_parse(struct options *ret, enum options_action *ret_action, int argc,
		  char *const argv[], char *error)
{
	struct command_line c = { .action = OPTIONS_RUN };
	struct options o;
	int r;

	r = options_init(&o);
	if (r < 0) {
		options_refuse(error, "no memory is left");
		return r;
	}
	r = parse_arguments(&c, NULL, argc, argv, error);
	/* Help must be had even with a file that is wrong. */
	if (r == 0 && c.action != OPTIONS_HELP && c.action != OPTIONS_VERSION) {
		r = options_read_file(&o, c.config ? c.config : SYSCONFDIR "/shmregd.conf",
				      c.config != NULL, error);
		if (r == 0)
			r = parse_arguments(&c, &o, argc, argv, error);
	}
	if (r < 0) {
		options_deinit(&o);
		return r;
	}
	*ret = o;
	*ret_action = c.action;
	return 0;
}
