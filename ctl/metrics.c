/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "http.h"
#include "metrics.h"
#include "parse.h"

#define OBJECTS_DEFAULT 1000
#define OBJECTS_MAX 1000000

struct request {
	struct metrics_choice choice;
	bool prometheus;
	const char *output;	/* NULL: standard output */
	bool http;
};

/* Return: the text, of *ret_n bytes, to be freed; NULL: no memory is left. */
static char *text_of(const struct metrics *m, bool prometheus, size_t *ret_n)
{
	char *text = NULL;
	FILE *stream = open_memstream(&text, ret_n);

	if (!stream)
		return NULL;
	metrics_write(m, stream, prometheus);
	if (fclose(stream) == 0)
		return text;
	free(text);
	return NULL;
}

/* --- a file ----------------------------------------------------------------------------------- */

static int write_text(int fd, const char *text, size_t n)
{
	while (n > 0) {
		const ssize_t w = write(fd, text, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return -errno;
		text += w;
		n -= (size_t)w;
	}
	return 0;
}

/* As open() would have made it. */
static int set_mode(int fd)
{
	const mode_t mask = umask(0);

	umask(mask);
	return fchmod(fd, 0644 & ~mask) < 0 ? -errno : 0;
}

/*
 * Whoever reads the file finds all of the old text or all of the new. Beside it, for a rename; and
 * hidden, and with no suffix that a collector looks for.
 */
static int replace(const char *path, const char *text, size_t n)
{
	const char *slash = strrchr(path, '/');
	const int folder = slash ? (int)(slash - path) + 1 : 0;
	char *beside;
	int fd, r;

	if (!path[folder])
		return ctl_usage("metrics: --output '%s' names no file", path);
	if (asprintf(&beside, "%.*s.%s.XXXXXX", folder, path, path + folder) < 0)
		return ctl_fail("no memory is left");
	/* A file that may not be so large is an error, and is taken away. */
	signal(SIGXFSZ, SIG_IGN);
	fd = mkstemp(beside);
	if (fd < 0) {
		r = ctl_fail("metrics: no file can be made beside %s: %s", path, strerror(errno));
		free(beside);
		return r;
	}
	r = write_text(fd, text, n);
	if (r == 0)
		r = set_mode(fd);
	close(fd);
	if (r == 0 && rename(beside, path) < 0)
		r = -errno;
	if (r < 0) {
		unlink(beside);
		r = ctl_fail("metrics: %s cannot be written: %s", path, strerror(-r));
	}
	free(beside);
	return r;
}

static int write_out(const struct request *request, const struct metrics *m)
{
	size_t n;
	char *text;
	int r;

	if (!request->output) {
		metrics_write(m, stdout, request->prometheus);
		return ctl_flush();
	}
	text = text_of(m, request->prometheus, &n);
	if (!text)
		return ctl_fail("no memory is left");
	r = replace(request->output, text, n);
	free(text);
	return r;
}

static int run(const struct ctl *ctl, const struct request *request)
{
	struct metrics *m = metrics_gather(ctl, &request->choice);
	int r;

	if (!m)
		return ctl_fail("no memory is left");
	r = write_out(request, m);
	if (!m->up)
		r = ctl_fail("%s", m->why_not);
	metrics_free(m);
	return r;
}

/* --- a scraper -------------------------------------------------------------------------------- */

static int refuse(const char *sentence, int status)
{
	const int r = http_answer(STDOUT_FILENO, status, false, "text/plain; charset=utf-8", sentence,
				  strlen(sentence));

	return r < 0 ? ctl_fail("metrics: the answer cannot be written: %s", strerror(-r)) : 0;
}

static int answer(const struct ctl *ctl, const struct request *request,
		  const struct http_request *http)
{
	struct metrics *m = metrics_gather(ctl, &request->choice);
	char *text = NULL;
	size_t n;
	int r = -ENOMEM;

	if (m)
		text = text_of(m, !http->openmetrics, &n);
	if (text)
		r = http_answer(STDOUT_FILENO, 200, http->head,
				http->openmetrics ? "application/openmetrics-text; version=1.0.0; "
						    "charset=utf-8" :
						    "text/plain; version=0.0.4; charset=utf-8",
				text, n);
	else
		refuse("no memory is left\n", 500);
	/* It was told that nobody is there; whom it tells is its affair. */
	if (m && !m->up)
		ctl_fail("%s", m->why_not);
	free(text);
	metrics_free(m);
	return r < 0 ? ctl_fail("metrics: the answer cannot be written: %s", strerror(-r)) : 0;
}

/* One request: standard input and output are a connection that was accepted for us. */
static int serve(const struct ctl *ctl, const struct request *request)
{
	struct http_request http;
	int r;

	r = http_read(STDIN_FILENO, &http);
	/* Who connects and says nothing is no failure of ours. */
	if (r == -ECONNRESET)
		return 0;
	if (r < 0)
		return ctl_fail("metrics: no request can be read: %s", strerror(-r));
	if (r == 405)
		return refuse("only GET and HEAD are answered here\n", r);
	if (r > 0)
		return refuse("this is no request of HTTP/1.1 that a scraper would make; GET /metrics "
			      "would be right\n", r);
	if (strcmp(http.path, "/metrics") != 0 && strcmp(http.path, "/") != 0)
		return refuse("there is only /metrics here\n", 404);
	return answer(ctl, request, &http);
}

/* ---------------------------------------------------------------------------------------------- */

static int parse_format(const char *text, struct request *request)
{
	request->prometheus = strcmp(text, "prometheus") == 0;
	if (request->prometheus || strcmp(text, "openmetrics") == 0)
		return 0;
	return ctl_usage("metrics: --format '%s' is not openmetrics or prometheus", text);
}

static int parse(struct ctl *ctl, int argc, char **argv, struct request *request)
{
	static const struct option options[] = {
		CTL_OPTIONS,
		{ "format", required_argument, NULL, 'f' },
		{ "output", required_argument, NULL, 'o' },
		{ "http", no_argument, NULL, 'H' },
		{ "objects", required_argument, NULL, 'O' },
		{ "no-objects", no_argument, NULL, 'N' },
		{ "max-objects", required_argument, NULL, 'M' },
		{ NULL, 0, NULL, 0 },
	};
	struct metrics_choice *choice = &request->choice;
	bool format = false;
	const char *why;
	int option;

	while ((option = getopt_long(argc, argv, ":js:", options, NULL)) != -1) {
		switch (option) {
		case 'f':
			format = true;
			if (parse_format(optarg, request))
				return 2;
			break;
		case 'o':
			request->output = optarg;
			break;
		case 'H':
			request->http = true;
			break;
		case 'O':
			choice->objects = optarg;
			break;
		case 'N':
			choice->no_objects = true;
			break;
		case 'M':
			if (parse_count(optarg, OBJECTS_MAX, &choice->max_objects, &why) < 0)
				return ctl_usage("metrics: --max-objects '%s' %s", optarg, why);
			break;
		default:
			if (!ctl_common(ctl, option))
				return ctl_bad_option(option, argv, "metrics");
		}
	}
	if (ctl->json)
		return ctl_usage("metrics are not printed as JSON; show, ls and stats have --json");
	if (choice->objects && choice->no_objects)
		return ctl_usage("metrics: --objects and --no-objects exclude each other");
	if (request->http && (request->output || format))
		return ctl_usage("metrics: --http answers as the scraper wishes; it has no --output and "
				 "no --format");
	choice->segments = argv + optind;
	choice->n_segments = (unsigned int)(argc - optind);
	return 0;
}

/* What is no pattern is a name, and may be mistyped. */
static int check_segments(const struct metrics_choice *choice)
{
	for (unsigned int i = 0; i < choice->n_segments; i++)
		if (!strpbrk(choice->segments[i], "*?[\\") &&
		    ctl_check_name("metrics", choice->segments[i]))
			return 2;
	return 0;
}

int ctl_metrics(struct ctl *ctl, int argc, char **argv)
{
	struct request request = { .choice = { .max_objects = OBJECTS_DEFAULT } };
	int r = parse(ctl, argc, argv, &request);

	if (r == 0)
		r = check_segments(&request.choice);
	if (r)
		return r;
	return request.http ? serve(ctl, &request) : run(ctl, &request);
}
