/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "findings.h"

static const char *const severities[N_SEVERITIES] = {
	[FINDING_OK] = "ok",
	[FINDING_NOTE] = "note",
	[FINDING_WARNING] = "warning",
	[FINDING_ERROR] = "error",
};

const char *severity_name(enum severity severity)
{
	return severities[severity];
}

void findings_deinit(struct findings *f)
{
	for (size_t i = 0; i < f->n; i++) {
		free(f->list[i].segment);
		free(f->list[i].object);
		free(f->list[i].text);
		free(f->list[i].type);
	}
	free(f->list);
	*f = (struct findings){ 0 };
}

static bool make_room(struct findings *f)
{
	const size_t room = f->room ? f->room * 2 : 32;
	struct finding *list;

	if (f->n < f->room)
		return true;
	list = reallocarray(f->list, room, sizeof(*list));
	if (!list)
		return false;
	f->list = list;
	f->room = room;
	return true;
}

void finding_add(struct findings *f, enum severity severity, const char *check, const char *text,
		 ...)
{
	struct finding new = { .severity = severity, .check = check };
	va_list args;
	int n;

	va_start(args, text);
	n = vasprintf(&new.text, text, args);
	va_end(args);
	if (n < 0) {
		f->failed = true;
		return;
	}
	new.segment = f->segment ? strdup(f->segment) : NULL;
	new.object = f->object ? strdup(f->object) : NULL;
	if ((f->segment && !new.segment) || (f->object && !new.object) || !make_room(f)) {
		free(new.segment);
		free(new.object);
		free(new.text);
		f->failed = true;
		return;
	}
	f->list[f->n++] = new;
	f->count[severity]++;
}

void finding_type(struct findings *f, const char *format, ...)
{
	struct finding *last;
	char *line, *whole;
	va_list args;
	int n;

	if (f->failed || !f->n)
		return;
	last = &f->list[f->n - 1];
	va_start(args, format);
	n = vasprintf(&line, format, args);
	va_end(args);
	if (n < 0) {
		f->failed = true;
		return;
	}
	if (last->type) {
		n = asprintf(&whole, "%s\n%s", last->type, line);
		free(line);
		if (n < 0) {
			f->failed = true;
			return;
		}
		free(last->type);
		line = whole;
	}
	last->type = line;
}

/* What others wrote goes to a terminal: names, sentences of the daemon's, file names. */
static void print_clean(FILE *out, const char *text)
{
	for (; *text; text++)
		fputc(*text == '\n' || (*text >= ' ' && *text <= '~') ? *text : '?', out);
}

/* Each line of it, behind @indent. */
static void print_lines(FILE *out, const char *text, const char *first, const char *indent)
{
	const char *begin = first;

	while (*text) {
		const size_t n = strcspn(text, "\n");
		char *line = strndup(text, n);

		fputs(begin, out);
		if (line)
			print_clean(out, line);
		fputc('\n', out);
		free(line);
		text += n + (text[n] == '\n');
		begin = indent;
	}
}

static void print_finding(FILE *out, const struct finding *x)
{
	fprintf(out, "%-8s", severities[x->severity]);
	if (x->segment) {
		print_clean(out, x->segment);
		if (x->object) {
			fputs(", ", out);
			print_clean(out, x->object);
		}
		fputs(": ", out);
	}
	print_lines(out, x->text, "", "        ");
	if (x->type)
		print_lines(out, x->type, "        type: ", "              ");
}

int findings_print(const struct findings *f, bool verbose, FILE *out)
{
	/* What is worst is said first. */
	for (int severity = FINDING_ERROR; severity >= (verbose ? FINDING_OK : FINDING_NOTE);
	     severity--)
		for (size_t i = 0; i < f->n; i++)
			if ((int)f->list[i].severity == severity)
				print_finding(out, &f->list[i]);
	return f->failed ? -ENOMEM : 0;
}

int findings_json(const struct findings *f, struct json *j)
{
	json_open_object(j, "counts");
	for (int i = 0; i < N_SEVERITIES; i++)
		json_number(j, severities[i], f->count[i]);
	json_close(j);
	json_open_array(j, "findings");
	for (size_t i = 0; i < f->n; i++) {
		const struct finding *x = &f->list[i];

		json_open_object(j, NULL);
		json_string(j, "severity", severities[x->severity]);
		json_string(j, "check", x->check);
		json_string(j, "segment", x->segment);
		json_string(j, "object", x->object);
		json_string(j, "text", x->text);
		json_string(j, "type", x->type);
		json_close(j);
	}
	json_close(j);
	return f->failed ? -ENOMEM : 0;
}
