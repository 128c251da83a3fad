/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <langinfo.h>
#include <locale.h>
#include <math.h>
#include <ncurses.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl.h"
#include "text.h"
#include "top-screen.h"

#define BAR 10			/* cells of a bar, as in TOP_BAR_WIDTH */
#define ESCAPE_MS 25		/* so long may the rest of a function key take */

enum { PAIR_DIM = 1, PAIR_WARN, PAIR_ALARM, PAIR_BAR, PAIR_TITLE };

static SCREEN *screen;
static bool utf8, colour;

int top_screen_begin(void)
{
	/* Nothing else: numbers are written in the same way everywhere. */
	setlocale(LC_CTYPE, "");
	utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	screen = newterm(NULL, stdout, stdin);
	if (!screen)
		return ctl_fail("top: the terminal '%s' is unknown; set TERM to one that is there, "
				"such as xterm, or use --once", getenv("TERM") ? getenv("TERM") : "");
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(ESCAPE_MS);
	curs_set(0);
	colour = has_colors() && !(getenv("NO_COLOR") && *getenv("NO_COLOR"));
	if (colour) {
		start_color();
		use_default_colors();
		init_pair(PAIR_DIM, COLOR_BLUE, -1);
		init_pair(PAIR_WARN, COLOR_YELLOW, -1);
		init_pair(PAIR_ALARM, COLOR_RED, -1);
		init_pair(PAIR_BAR, COLOR_GREEN, -1);
		init_pair(PAIR_TITLE, COLOR_CYAN, -1);
	}
	return 0;
}

void top_screen_end(void)
{
	if (!screen)
		return;
	endwin();
	delscreen(screen);
	screen = NULL;
}

static attr_t pair(int n, attr_t otherwise)
{
	return colour ? (attr_t)COLOR_PAIR(n) : otherwise;
}

/* The macros take an int, which the attributes are not. */
static void on(attr_t how)
{
	attr_on(how, NULL);
}

static void off(attr_t how)
{
	attr_off(how, NULL);
}

static attr_t attribute(enum top_mark mark)
{
	switch (mark) {
	case TOP_DIM:
		return pair(PAIR_DIM, A_DIM);
	case TOP_WARN:
		return pair(PAIR_WARN, A_BOLD) | A_BOLD;
	case TOP_ALARM:
		return pair(PAIR_ALARM, A_BOLD | A_UNDERLINE) | A_BOLD;
	default:
		return A_NORMAL;
	}
}

/* --- parts -------------------------------------------------------------------------------- */

/* @text at @x, cut where @width ends; the rest of that is blank. */
static void put(int y, int x, int width, const char *text, bool right)
{
	const int n = (int)strlen(text), pad = right && n < width ? width - n : 0;

	mvprintw(y, x, "%*s%-*.*s", pad, "", width - pad, width - pad, text);
}

/* BAR cells, and a blank. */
static void put_bar(int y, int x, double percent)
{
	static const char *const eighths[] = { "", "\u258f", "\u258e", "\u258d", "\u258c", "\u258b",
					       "\u258a", "\u2589" };
	const int cells = utf8 ? BAR : BAR - 2, steps = utf8 ? 8 : 1;
	int n = (int)(percent / 100 * cells * steps + 0.5);

	/* What is not empty is seen, and what is not full, too. */
	if (n == 0 && percent > 0)
		n = 1;
	if (n == cells * steps && percent < 100)
		n--;
	move(y, x);
	if (!utf8)
		addch('[');
	for (int i = 0; i < cells; i++) {
		const int part = n - i * steps;

		if (part >= steps)
			addstr(utf8 ? "\u2588" : "#");
		else if (part > 0)
			addstr(eighths[part]);
		else
			addch(' ');
	}
	addstr(utf8 ? " " : "] ");
}

static void put_line(int y, const struct top_line *line)
{
	char text[16];

	if (isnan(line->percent)) {
		put(y, 0, COLS, line->text, false);
		return;
	}
	on(pair(PAIR_BAR, A_NORMAL));
	put_bar(y, 0, line->percent);
	off(pair(PAIR_BAR, A_NORMAL));
	snprintf(text, sizeof(text), "%3.0f%%", line->percent);
	put(y, BAR + 1, 5, text, false);
	put(y, TOP_BAR_WIDTH + 1, COLS - TOP_BAR_WIDTH - 1, line->text, false);
}

static const char *clock_of(char buf[TEXT_MAX], uint64_t ns)
{
	const char *space = strchr(text_time(buf, ns), ' ');

	return space ? space + 1 : buf;
}

static void put_title(const struct top_ui *ui, const struct top_view *v)
{
	const struct top_place *p = &ui->place;
	char left[TOP_NAME_MAX + 96], right[128], when[TEXT_MAX], period[32];
	int n;

	switch (p->page) {
	case TOP_SEGMENTS:
		snprintf(left, sizeof(left), "shmregctl top: segments");
		break;
	case TOP_OBJECT:
		snprintf(left, sizeof(left), "%s: object %s", p->segment, p->object);
		break;
	case TOP_PARTICIPANT:
		snprintf(left, sizeof(left), "%s: participant %llu", p->segment,
			 (unsigned long long)p->participant);
		break;
	default:
		snprintf(left, sizeof(left), "%s: %s", p->segment, top_page_name(p->page));
	}
	snprintf(period, sizeof(period), "every %.4gs", (double)ui->interval_ns / 1e9);
	snprintf(right, sizeof(right), "%zu of %zu  %s  %s", v ? v->table.n_shown : 0,
		 v ? v->table.n_rows : 0, ui->paused ? "paused" : period,
		 v ? clock_of(when, v->time_ns) : "");
	n = (int)strlen(right);
	on(pair(PAIR_TITLE, A_NORMAL) | A_BOLD);
	put(0, 0, COLS, left, false);
	if ((int)strlen(left) + n + 2 <= COLS)
		put(0, COLS - n, n, right, false);
	off(pair(PAIR_TITLE, A_NORMAL) | A_BOLD);
}

static void put_keys(const struct top_ui *ui)
{
	static const char *const words[TOP_PAGES] = {
		[TOP_SEGMENTS] = "q quit  ? help  / filter  < > sort  r reverse  Enter open  Space pause",
		[TOP_OBJECTS] = "q quit  ? help  / filter  < > sort  Enter open  p participants  Esc back",
		[TOP_PARTICIPANTS] = "q quit  ? help  / filter  < > sort  Enter open  o objects  Esc back",
		[TOP_OBJECT] = "q quit  ? help  < > sort  Enter participant  o objects  Esc back",
		[TOP_PARTICIPANT] = "q quit  ? help  < > sort  Enter object  p participants  Esc back",
	};
	char text[128];

	if (ui->typing)
		snprintf(text, sizeof(text), "filter: %s_", ui->filter);
	else if (ui->filter[0])
		snprintf(text, sizeof(text), "filter: %s  (Esc: all)  q quit  ? help", ui->filter);
	else
		snprintf(text, sizeof(text), "%s", words[ui->place.page]);
	on(A_REVERSE);
	put(LINES - 1, 0, COLS, text, false);
	off(A_REVERSE);
}

/* --- the table ---------------------------------------------------------------------------- */

static void put_head(int y, const struct top_ui *ui, const struct top_table *t,
		     const unsigned int *width)
{
	int x = 0;

	on(A_UNDERLINE);
	put(y, 0, COLS, "", false);
	for (unsigned int c = 0; c < t->n_columns; c++) {
		const bool sorted = c == ui->sort[ui->place.page];

		if (!width[c])
			continue;
		on(sorted ? A_BOLD | A_REVERSE : A_NORMAL);
		put(y, x, (int)width[c], t->columns[c].title,
		    t->columns[c].type != TOP_TEXT && t->columns[c].type != TOP_PERCENT);
		off(sorted ? A_BOLD | A_REVERSE : A_NORMAL);
		x += (int)width[c] + 1;
	}
	off(A_UNDERLINE);
}

static void put_row(int y, const struct top_table *t, const struct top_row *row,
		    const unsigned int *width, bool selected)
{
	const attr_t how = attribute(row->mark) | (selected ? A_REVERSE : 0);
	int x = 0;

	on(how);
	put(y, 0, COLS, "", false);
	for (unsigned int c = 0; c < t->n_columns; c++) {
		const struct top_cell *cell = &row->cell[c];
		const char *text = cell->text && *cell->text ? cell->text : "-";
		const bool bar = t->columns[c].type == TOP_PERCENT;

		if (!width[c])
			continue;
		if (bar && !isnan(cell->number)) {
			put_bar(y, x, cell->number);
			put(y, x + BAR + 1, TOP_BAR_WIDTH - BAR - 1, text, true);
		} else {
			put(y, x, (int)width[c], text, !bar && t->columns[c].type != TOP_TEXT);
		}
		x += (int)width[c] + 1;
	}
	off(how);
}

/* Of the lines above the table: where there is little room the table matters more. */
static unsigned int lines_shown(const struct top_view *v)
{
	const unsigned int room = LINES > 9 ? (unsigned int)(LINES - 7) / 2 : 1;

	return !v ? 0 : v->n_lines < room ? v->n_lines : room;
}

unsigned int top_screen_rows(const struct top_ui *ui, const struct top_view *v)
{
	const int taken = 1 + (int)lines_shown(v) + 1 + 1 + 1;	/* title, trouble, head, keys */

	(void)ui;
	return COLS < TOP_WIDTH_MIN || LINES < TOP_HEIGHT_MIN || LINES <= taken ?
		       0 : (unsigned int)(LINES - taken);
}

static void put_table(int y, const struct top_ui *ui, const struct top_view *v)
{
	const struct top_table *t = &v->table;
	const unsigned int n = top_screen_rows(ui, v);
	unsigned int width[TOP_COLUMNS_MAX];

	top_table_fit(t, (unsigned int)COLS, width);
	put_head(y++, ui, t, width);
	for (unsigned int i = 0; i < n && ui->first + i < t->n_shown; i++)
		put_row(y++, t, &t->rows[ui->first + i], width, ui->first + i == ui->index);
	if (!t->n_shown)
		put(y, 0, COLS, ui->filter[0] ? "nothing has that in it" :
		    ui->place.page == TOP_SEGMENTS ? "there are no segments" : "none", false);
}

/* --- all of it ---------------------------------------------------------------------------- */

static void put_help(void)
{
	static const char *const lines[] = {
		"q                 quit",
		"Up Down PgUp PgDn Home End, j k    select a row",
		"Enter, Right      look into what is selected",
		"Esc, Left         back to where one came from",
		"o p, Tab          a segment's objects, its participants",
		"< > (or s)        sort by another column; r the other way",
		"/                 show only rows with these letters; Esc: all",
		"Space             pause, go on",
		"+ -               look more often, less often",
		"",
		"OPS/s  elements in and out a second   HIGH  the most there ever was",
		"FULL   of the fullest object, percent; a topic: its slowest reader's lag",
		"WAIT(S) somebody may be asleep until there is that",
		"MEMORY really used   LAG  messages not read yet",
		"red: full, dead, quarantined; yellow: nearly full, lagging; blue: not ours, gone",
	};
	int y = 0;

	on(A_BOLD);
	put(y++, 0, COLS, "shmregctl top: keys", false);
	off(A_BOLD);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]) && y < LINES - 1; i++)
		put(y++, 0, COLS, lines[i], false);
	on(A_REVERSE);
	put(LINES - 1, 0, COLS, "any key goes back", false);
	off(A_REVERSE);
}

static void put_small(void)
{
	char text[96];

	snprintf(text, sizeof(text), "%dx%d is too small,", COLS, LINES);
	put(0, 0, COLS, text, false);
	snprintf(text, sizeof(text), "%dx%d would do", TOP_WIDTH_MIN, TOP_HEIGHT_MIN);
	if (LINES > 1)
		put(1, 0, COLS, text, false);
}

static void put_trouble(int y, const struct top_ui *ui, uint64_t silent_since)
{
	char text[sizeof(ui->trouble)], when[TEXT_MAX];

	if (silent_since)
		snprintf(text, sizeof(text), "shmregd is away since %s: it does not answer",
			 clock_of(when, silent_since));
	else
		snprintf(text, sizeof(text), "%s", ui->trouble);
	if (!*text)
		return;
	on(attribute(TOP_ALARM));
	put(y, 0, COLS, text, false);
	off(attribute(TOP_ALARM));
}

void top_screen_draw(const struct top_ui *ui, const struct top_view *v, uint64_t silent_since)
{
	const bool seen = v && top_same_place(&v->place, &ui->place);
	int y = 0;

	erase();
	if (COLS < TOP_WIDTH_MIN || LINES < TOP_HEIGHT_MIN) {
		put_small();
	} else if (ui->help) {
		put_help();
	} else {
		put_title(ui, seen ? v : NULL);
		for (unsigned int i = 0; seen && i < lines_shown(v); i++)
			put_line(++y, &v->lines[i]);
		put_trouble(++y, ui, silent_since);
		if (seen)
			put_table(++y, ui, v);
		put_keys(ui);
	}
	refresh();
}

int top_screen_key(void)
{
	static const struct {
		int curses;
		enum top_key key;
	} keys[] = {
		{ KEY_UP, TOP_KEY_UP },	      { KEY_DOWN, TOP_KEY_DOWN },
		{ KEY_PPAGE, TOP_KEY_PAGE_UP }, { KEY_NPAGE, TOP_KEY_PAGE_DOWN },
		{ KEY_HOME, TOP_KEY_HOME },   { KEY_END, TOP_KEY_END },
		{ KEY_LEFT, TOP_KEY_LEFT },   { KEY_RIGHT, TOP_KEY_RIGHT },
		{ KEY_ENTER, TOP_KEY_ENTER }, { '\r', TOP_KEY_ENTER },
		{ '\n', TOP_KEY_ENTER },      { 27, TOP_KEY_ESCAPE },
		{ KEY_BACKSPACE, TOP_KEY_ERASE }, { 127, TOP_KEY_ERASE },
		{ 8, TOP_KEY_ERASE },	      { '\t', TOP_KEY_TAB },
		{ KEY_RESIZE, TOP_KEY_REDRAW }, { 12, TOP_KEY_REDRAW },
	};
	const int c = getch();

	if (c == 12)
		clear();	/* whatever others have written there */
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (c == keys[i].curses)
			return (int)keys[i].key;
	return c == ERR ? TOP_KEY_NONE : c < 128 ? c : TOP_KEY_REDRAW;
}
