/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ctl.h"
#include "parse.h"
#include "source.h"
#include "top-print.h"
#include "top-screen.h"
#include "top-watcher.h"

#define INTERVAL_DEFAULT UINT64_C(1000000000)
#define SILENCE_NS UINT64_C(2000000000)	/* a look that takes longer: the daemon does not answer */
#define TICK_MS 1000			/* so often that is found out */

static const struct timespec tick = { .tv_sec = TICK_MS / 1000 };

struct options {
	struct top_place place;
	uint64_t interval_ns;
	bool once;
	const char *sort, *filter;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* --- once --------------------------------------------------------------------------------- */

static int refused(const struct top_view *v)
{
	if (v->away || v->place.page == TOP_SEGMENTS)
		return ctl_fail("%s", v->why);
	return ctl_fail("top: %s: %s", v->place.segment, v->why);
}

/* Return: 0 with *ret; or what ctl_fail() and ctl_usage() say. */
static int look(struct top_looker *looker, const struct top_request *request, struct top_ui *ui,
		const struct options *options, struct top_view **ret)
{
	struct top_view *v = top_look(looker, request);
	int r = 0;

	if (!v)
		return ctl_fail("no memory is left");
	if (v->away || v->gone)
		r = refused(v);
	else if (options->sort && !top_ui_sort_by(ui, v, options->sort))
		r = ctl_usage("top: '%s' is no column of this table; they are what --once prints",
			      options->sort);
	if (r)
		top_view_free(v);
	else
		*ret = v;
	return r;
}

static int once(const struct ctl *ctl, struct top_looker *looker, struct top_request *request,
		struct top_ui *ui, const struct options *options)
{
	struct timespec left = { .tv_sec = (time_t)(options->interval_ns / 1000000000),
				 .tv_nsec = (long)(options->interval_ns % 1000000000) };
	struct top_view *v;
	int r;

	request->all = true;
	r = look(looker, request, ui, options, &v);
	if (r)
		return r;
	top_view_free(v);
	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
	r = look(looker, request, ui, options, &v);
	if (r)
		return r;
	top_ui_arrange(ui, v, 0);
	if (ctl->json)
		top_print_json(v, stdout);
	else if (top_print_text(v, stdout) < 0)
		r = ctl_fail("no memory is left");
	top_view_free(v);
	return ctl_flush() || r;
}

/* --- live --------------------------------------------------------------------------------- */

static volatile sig_atomic_t ended;

static void end(int signal)
{
	(void)signal;
	ended = 1;
}

/* Signals come only while one waits. */
static void catch_signals(sigset_t *ret_before)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	const struct sigaction action = { .sa_handler = end };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGWINCH);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		sigaction(signals[i], &action, NULL);
		sigaddset(&set, signals[i]);
	}
	sigprocmask(SIG_BLOCK, &set, ret_before);
}

/* The segments that are on the screen. Return: whether one of them was not before. */
static bool set_visible(struct top_request *request, const struct top_ui *ui,
			const struct top_view *v)
{
	const struct top_table *t = v && v->place.page == TOP_SEGMENTS ? &v->table : NULL;
	const unsigned int n_rows = top_screen_rows(ui, v);
	static char before[TOP_VISIBLE_MAX][SHMREG_SEGMENT_NAME_MAX + 1];
	const unsigned int n_before = request->n_visible;
	bool fresh = false;

	memcpy(before, request->visible, n_before * sizeof(before[0]));
	request->n_visible = 0;
	/* Of a look that failed there are no columns. */
	request->all = t && t->n_columns && t->columns[ui->sort[TOP_SEGMENTS]].lazy;
	for (size_t i = ui->first; t && i < t->n_shown && i - ui->first < n_rows &&
	     request->n_visible < TOP_VISIBLE_MAX; i++) {
		char *name = request->visible[request->n_visible++];
		unsigned int k = 0;

		snprintf(name, sizeof(before[0]), "%s", t->rows[i].key);
		while (k < n_before && strcmp(before[k], name) != 0)
			k++;
		fresh |= k == n_before;
	}
	return fresh;
}

struct live {
	struct top_ui *ui;
	struct top_request *request;
	struct top_watcher *watcher;
	struct top_view *view;
};

static void read_keys(struct live *live)
{
	struct top_ui *ui = live->ui;
	int key;

	while (!ui->quit && (key = top_screen_key()) != TOP_KEY_NONE) {
		const unsigned int n_rows = top_screen_rows(ui, live->view);

		top_ui_key(ui, live->view, key, n_rows);
		if (live->view && top_same_place(&live->view->place, &ui->place))
			top_ui_arrange(ui, live->view, n_rows);
	}
}

static void take(struct live *live)
{
	struct top_view *v = top_watcher_take(live->watcher);

	if (!v)
		return;
	live->view = top_ui_take(live->ui, live->view, v);
	if (live->view && top_same_place(&live->view->place, &live->ui->place))
		top_ui_arrange(live->ui, live->view, top_screen_rows(live->ui, live->view));
}

static void ask(struct live *live, bool may_look)
{
	struct top_ui *ui = live->ui;
	const bool fresh = set_visible(live->request, ui, live->view);

	live->request->place = ui->place;
	top_watcher_ask(live->watcher, live->request, ui->paused ? 0 : ui->interval_ns,
			ui->look || (may_look && fresh));
	ui->look = false;
}

static void run(struct live *live, const sigset_t *signals)
{
	struct pollfd p[] = {
		{ .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = top_watcher_fd(live->watcher), .events = POLLIN },
	};

	ask(live, true);
	while (!live->ui->quit && !ended) {
		const uint64_t began = top_watcher_began(live->watcher);
		const bool first = !live->view || !top_same_place(&live->view->place,
								  &live->ui->place);

		top_screen_draw(live->ui, live->view,
				began && now_ns() - began > SILENCE_NS && now_ns() > began ? began : 0);
		p[0].revents = p[1].revents = 0;
		if (ppoll(p, 2, &tick, signals) < 0 && errno != EINTR)
			break;
		/* The terminal has gone. */
		if (p[0].revents & (POLLHUP | POLLERR | POLLNVAL))
			break;
		read_keys(live);
		if (p[1].revents)
			take(live);
		ask(live, first || p[0].revents);
	}
}

static int live(struct top_looker *looker, struct top_request *request, struct top_ui *ui,
		struct top_view *view)
{
	struct live live = { .ui = ui, .request = request, .view = view };
	sigset_t signals;
	int r;

	r = top_screen_begin();
	if (r) {
		top_looker_free(looker);
		top_view_free(view);
		return r;
	}
	catch_signals(&signals);
	top_ui_arrange(ui, view, top_screen_rows(ui, view));
	set_visible(request, ui, view);
	live.watcher = top_watcher_new(looker, request, ui->interval_ns);
	if (live.watcher)
		run(&live, &signals);
	top_screen_end();
	if (!live.watcher)
		r = ctl_fail("top: no thread can be started");
	top_watcher_free(live.watcher);
	top_view_free(live.view);
	return r;
}

/* --- the command -------------------------------------------------------------------------- */

static int parse_place(struct top_place *place, int argc, char **argv)
{
	const char *why;

	if (argc > 2)
		return ctl_usage("top: a segment and an object at most, got '%s' too", argv[2]);
	if (argc && !source_is_file(argv[0]) && ctl_check_name("top", argv[0]))
		return 2;
	if (argc && strlen(argv[0]) >= sizeof(place->segment))
		return ctl_usage("top: the file's name is longer than %zu bytes",
				 sizeof(place->segment) - 1);
	if (argc)
		snprintf(place->segment, sizeof(place->segment), "%s", argv[0]);
	if (argc < 2) {
		if (!argc && place->page == TOP_PARTICIPANTS)
			return ctl_usage("top: --participants needs a segment; shmregctl ls lists them");
		if (argc && place->page == TOP_SEGMENTS)
			place->page = TOP_OBJECTS;
		return 0;
	}
	if (place->page == TOP_PARTICIPANTS)
		return ctl_usage("top: --participants are of a segment, not of object '%.80s'", argv[1]);
	if (shmreg_name_check(argv[1], SHMREG_OBJECT_NAME_MAX, &why) < 0)
		return ctl_usage("top: the object's name '%.160s' %s", argv[1], why);
	place->page = TOP_OBJECT;
	snprintf(place->object, sizeof(place->object), "%s", argv[1]);
	return 0;
}

static int parse(struct ctl *ctl, struct options *ret, int argc, char **argv)
{
	static const struct option options[] = {
		CTL_OPTIONS,
		{ "once", no_argument, NULL, 'o' },
		{ "interval", required_argument, NULL, 'i' },
		{ "participants", no_argument, NULL, 'p' },
		{ "sort", required_argument, NULL, 't' },
		{ "filter", required_argument, NULL, 'f' },
		{ NULL, 0, NULL, 0 },
	};
	const char *why;
	int option;

	while ((option = getopt_long(argc, argv, ":js:", options, NULL)) != -1) {
		if (option == 'o')
			ret->once = true;
		else if (option == 'p')
			ret->place.page = TOP_PARTICIPANTS;
		else if (option == 't')
			ret->sort = optarg;
		else if (option == 'f')
			ret->filter = optarg;
		else if (option != 'i' && !ctl_common(ctl, option))
			return ctl_bad_option(option, argv, "top");
		else if (option == 'i' && parse_seconds(optarg, &ret->interval_ns, &why) < 0)
			return ctl_usage("top: --interval '%s' %s", optarg, why);
	}
	if (ctl->json && !ret->once)
		return ctl_usage("top: --json is printed --once; watch --json goes on");
	return parse_place(&ret->place, argc - optind, argv + optind);
}

int ctl_top(struct ctl *ctl, int argc, char **argv)
{
	struct options options = { .interval_ns = INTERVAL_DEFAULT };
	struct top_request *request;
	struct top_looker *looker;
	struct top_view *view;
	struct top_ui ui;
	int r;

	r = parse(ctl, &options, argc, argv);
	if (r)
		return r;
	if (!options.once && (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)))
		return ctl_usage("top: this is no terminal; --once prints what there is now");
	request = calloc(1, sizeof(*request));
	looker = top_looker_new(ctl);
	if (!request || !looker) {
		free(request);
		top_looker_free(looker);
		return ctl_fail("no memory is left");
	}
	request->place = options.place;
	top_ui_init(&ui, &options.place, options.interval_ns);
	if (options.filter)
		snprintf(ui.filter, sizeof(ui.filter), "%s", options.filter);
	if (options.once) {
		r = once(ctl, looker, request, &ui, &options);
		top_looker_free(looker);
	} else {
		/* What is not there at the beginning is a mistake; later it is news. */
		r = look(looker, request, &ui, &options, &view);
		if (r == 0)
			r = live(looker, request, &ui, view);
		else
			top_looker_free(looker);
	}
	free(request);
	return r;
}
