/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "text.h"
#include "top-ui.h"

#define INTERVAL_MIN UINT64_C(100000000)
#define INTERVAL_MAX UINT64_C(60000000000)

void top_ui_init(struct top_ui *ui, const struct top_place *place, uint64_t interval_ns)
{
	*ui = (struct top_ui){ .place = *place, .interval_ns = interval_ns };
}

/* --- from place to place ------------------------------------------------------------------ */

static void go(struct top_ui *ui, const struct top_place *place, const char *selected)
{
	ui->place = *place;
	snprintf(ui->selected, sizeof(ui->selected), "%s", selected);
	ui->index = ui->first = 0;
	ui->filter[0] = '\0';
	ui->trouble[0] = '\0';
	ui->trouble_since = 0;
	ui->look = true;
}

static void deeper(struct top_ui *ui, const struct top_place *place)
{
	if (ui->n_history == TOP_HISTORY) {
		memmove(ui->history, ui->history + 1, sizeof(ui->history) - sizeof(*ui->history));
		ui->n_history--;
	}
	ui->history[ui->n_history].place = ui->place;
	memcpy(ui->history[ui->n_history].selected, ui->selected, sizeof(ui->selected));
	ui->n_history++;
	go(ui, place, "");
}

static void back(struct top_ui *ui)
{
	static const enum top_page parent[TOP_PAGES] = {
		[TOP_SEGMENTS] = TOP_SEGMENTS,	  [TOP_OBJECTS] = TOP_SEGMENTS,
		[TOP_PARTICIPANTS] = TOP_SEGMENTS, [TOP_OBJECT] = TOP_OBJECTS,
		[TOP_PARTICIPANT] = TOP_PARTICIPANTS,
	};
	struct top_place place = ui->place;

	if (ui->n_history) {
		ui->n_history--;
		go(ui, &ui->history[ui->n_history].place, ui->history[ui->n_history].selected);
	} else if (ui->place.page != TOP_SEGMENTS) {
		place.page = parent[ui->place.page];
		go(ui, &place, place.page == TOP_SEGMENTS ? place.segment
			       : place.page == TOP_OBJECTS ? place.object : "");
	}
}

static void open_selected(struct top_ui *ui, const struct top_view *v)
{
	struct top_place place = ui->place;
	const struct top_row *row;

	if (!v || ui->index >= v->table.n_shown)
		return;
	row = &v->table.rows[ui->index];
	switch (ui->place.page) {
	case TOP_SEGMENTS:
		place.page = TOP_OBJECTS;
		snprintf(place.segment, sizeof(place.segment), "%s", row->key);
		break;
	case TOP_OBJECTS:
		place.page = TOP_OBJECT;
		snprintf(place.object, sizeof(place.object), "%s", row->key);
		break;
	case TOP_PARTICIPANT:
		place.page = TOP_OBJECT;
		snprintf(place.object, sizeof(place.object), "%s",
			 row->cell[0].text ? row->cell[0].text : "");
		break;
	default:
		if (!row->link)
			return;		/* nobody's */
		place.page = TOP_PARTICIPANT;
		place.participant = row->link;
	}
	deeper(ui, &place);
}

/* To and fro between a segment's objects and its participants. */
static void other(struct top_ui *ui, enum top_page page)
{
	struct top_place place = ui->place;

	if (ui->place.page == TOP_SEGMENTS || ui->place.page == page)
		return;
	place.page = page;
	/* Where one came from is the same from both. */
	if (ui->place.page == TOP_OBJECT || ui->place.page == TOP_PARTICIPANT)
		deeper(ui, &place);
	else
		go(ui, &place, "");
}

/* --- keys --------------------------------------------------------------------------------- */

static void type(struct top_ui *ui, int key)
{
	const size_t n = strlen(ui->filter);

	/* If the selected row is no longer there, the first one is. */
	ui->index = 0;
	if (key == TOP_KEY_ENTER) {
		ui->typing = false;
	} else if (key == TOP_KEY_ESCAPE) {
		ui->typing = false;
		ui->filter[0] = '\0';
	} else if (key == TOP_KEY_ERASE) {
		if (n)
			ui->filter[n - 1] = '\0';
		else
			ui->typing = false;
	} else if (key >= ' ' && key <= '~' && n + 1 < sizeof(ui->filter)) {
		ui->filter[n] = (char)key;
		ui->filter[n + 1] = '\0';
	}
}

static void move_to(struct top_ui *ui, const struct top_view *v, size_t index)
{
	if (!v || !v->table.n_shown)
		return;
	if (index >= v->table.n_shown)
		index = v->table.n_shown - 1;
	ui->index = index;
	snprintf(ui->selected, sizeof(ui->selected), "%s", v->table.rows[index].key);
}

static void move(struct top_ui *ui, const struct top_view *v, int key, unsigned int n_rows)
{
	const size_t page = n_rows ? n_rows : 1, i = ui->index;

	switch (key) {
	case TOP_KEY_UP:
		move_to(ui, v, i ? i - 1 : 0);
		break;
	case TOP_KEY_DOWN:
		move_to(ui, v, i + 1);
		break;
	case TOP_KEY_PAGE_UP:
		move_to(ui, v, i > page ? i - page : 0);
		break;
	case TOP_KEY_PAGE_DOWN:
		move_to(ui, v, i + page);
		break;
	case TOP_KEY_HOME:
		move_to(ui, v, 0);
		break;
	default:
		move_to(ui, v, SIZE_MAX);
	}
}

static void sort(struct top_ui *ui, const struct top_view *v, int step)
{
	unsigned int *column = &ui->sort[ui->place.page];

	if (!v || !v->table.n_columns)
		return;
	*column = (*column + v->table.n_columns + (unsigned int)step) % v->table.n_columns;
	ui->reversed[ui->place.page] = false;
	ui->first = 0;
	/* What has not been looked at is looked at now. */
	ui->look = v->table.columns[*column].lazy;
}

static void set_interval(struct top_ui *ui, uint64_t ns)
{
	ui->interval_ns = ns < INTERVAL_MIN ? INTERVAL_MIN : ns > INTERVAL_MAX ? INTERVAL_MAX : ns;
	ui->look = true;
}

static void command(struct top_ui *ui, const struct top_view *v, int key)
{
	switch (key) {
	case 'q':
		ui->quit = true;
		break;
	case '?':
	case 'h':
		ui->help = true;
		break;
	case '/':
		ui->typing = true;
		break;
	case '>':
	case 's':
		sort(ui, v, 1);
		break;
	case '<':
		sort(ui, v, -1);
		break;
	case 'r':
		ui->reversed[ui->place.page] = !ui->reversed[ui->place.page];
		break;
	case 'p':
		other(ui, TOP_PARTICIPANTS);
		break;
	case 'o':
		other(ui, TOP_OBJECTS);
		break;
	case TOP_KEY_TAB:
		other(ui, ui->place.page == TOP_OBJECTS ? TOP_PARTICIPANTS : TOP_OBJECTS);
		break;
	case ' ':
		ui->paused = !ui->paused;
		ui->look = !ui->paused;
		break;
	case '+':
	case '=':
		set_interval(ui, ui->interval_ns / 2);
		break;
	case '-':
		set_interval(ui, ui->interval_ns * 2);
		break;
	case TOP_KEY_ENTER:
	case TOP_KEY_RIGHT:
		open_selected(ui, v);
		break;
	case TOP_KEY_ESCAPE:
		if (ui->filter[0]) {
			ui->filter[0] = '\0';
			break;
		}
		/* fallthrough */
	case TOP_KEY_LEFT:
	case TOP_KEY_ERASE:
		back(ui);
		break;
	}
}

void top_ui_key(struct top_ui *ui, const struct top_view *v, int key, unsigned int n_rows)
{
	/* What is still there of another place is not what keys are about. */
	if (v && !top_same_place(&v->place, &ui->place))
		v = NULL;
	if (key == TOP_KEY_NONE || key == TOP_KEY_REDRAW)
		return;
	if (ui->help) {
		ui->help = false;
		ui->quit = key == 'q';
	} else if (ui->typing && (key < TOP_KEY_UP || key > TOP_KEY_END)) {
		type(ui, key);
	} else if (key >= TOP_KEY_UP && key <= TOP_KEY_END) {
		move(ui, v, key, n_rows);
	} else if (key == 'j' || key == 'k') {
		move(ui, v, key == 'j' ? TOP_KEY_DOWN : TOP_KEY_UP, n_rows);
	} else {
		command(ui, v, key);
	}
}

/* --- looks -------------------------------------------------------------------------------- */

static void set_trouble(struct top_ui *ui, const struct top_view *v)
{
	char when[TEXT_MAX];

	if (!v->away && !v->gone) {
		ui->trouble_since = 0;
		snprintf(ui->trouble, sizeof(ui->trouble), "%s", v->why);
		return;
	}
	if (!ui->trouble_since)
		ui->trouble_since = v->time_ns;
	text_time(when, ui->trouble_since);
	snprintf(ui->trouble, sizeof(ui->trouble), "%s since %s: %s",
		 v->away ? "shmregd is away" : "gone",
		 strchr(when, ' ') ? strchr(when, ' ') + 1 : when, v->why);
}

struct top_view *top_ui_take(struct top_ui *ui, struct top_view *old, struct top_view *new)
{
	if (!top_same_place(&new->place, &ui->place)) {
		top_view_free(new);	/* it was begun before one went on */
		return old;
	}
	set_trouble(ui, new);
	if ((new->away || new->gone) && old && top_same_place(&old->place, &new->place)) {
		top_view_free(new);
		return old;
	}
	top_view_free(old);
	return new;
}

void top_ui_arrange(struct top_ui *ui, struct top_view *v, unsigned int n_rows)
{
	struct top_table *t = &v->table;
	size_t at;

	top_table_sort(t, ui->sort[v->place.page], ui->reversed[v->place.page]);
	top_table_filter(t, ui->filter);
	if (!t->n_shown) {
		ui->index = ui->first = 0;
		return;
	}
	at = top_table_find(t, ui->selected);
	if (at < t->n_shown)
		ui->index = at;
	else
		move_to(ui, v, ui->index);
	if (!n_rows)
		return;
	if (ui->first > ui->index)
		ui->first = ui->index;
	if (ui->index - ui->first >= n_rows)
		ui->first = ui->index - n_rows + 1;
	if (ui->first + n_rows > t->n_shown)
		ui->first = t->n_shown > n_rows ? t->n_shown - n_rows : 0;
}

bool top_ui_sort_by(struct top_ui *ui, const struct top_view *v, const char *name)
{
	for (unsigned int i = 0; i < v->table.n_columns; i++)
		if (strcasecmp(v->table.columns[i].title, name) == 0 ||
		    strcasecmp(v->table.columns[i].key, name) == 0) {
			ui->sort[v->place.page] = i;
			return true;
		}
	return false;
}
