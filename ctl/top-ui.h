/* SPDX-License-Identifier: MIT */
#ifndef SHMREGCTL_TOP_UI_H
#define SHMREGCTL_TOP_UI_H

/*
 * top-ui.h - what keys do
 *
 * Pure: keys come in, and what is to be seen comes out. The terminal is top-screen.h's.
 */

#include "top-view.h"

#define TOP_PAGES 5
#define TOP_HISTORY 8
#define TOP_KEY_MAX TOP_NAME_MAX	/* bytes of a row's key */

/* Printable characters are themselves. */
enum top_key {
	TOP_KEY_NONE = 0,
	TOP_KEY_UP = 0x100,
	TOP_KEY_DOWN,
	TOP_KEY_PAGE_UP,
	TOP_KEY_PAGE_DOWN,
	TOP_KEY_HOME,
	TOP_KEY_END,
	TOP_KEY_LEFT,
	TOP_KEY_RIGHT,
	TOP_KEY_ENTER,
	TOP_KEY_ESCAPE,
	TOP_KEY_ERASE,
	TOP_KEY_TAB,
	TOP_KEY_REDRAW,		/* also: the terminal has another size */
};

struct top_step {
	struct top_place place;
	char selected[TOP_KEY_MAX];
};

struct top_ui {
	struct top_place place;
	char selected[TOP_KEY_MAX];	/* its row's key; */
	size_t index;			/* where that is, or was */
	size_t first;			/* the row that is uppermost on the screen */
	struct top_step history[TOP_HISTORY];	/* where Escape leads */
	unsigned int n_history;
	unsigned int sort[TOP_PAGES];	/* column, by page */
	bool reversed[TOP_PAGES];
	char filter[64];
	bool typing;			/* the filter */
	bool help, paused, quit;
	uint64_t interval_ns;
	bool look;			/* is wanted at once; who looks takes it away */
	char trouble[SHMREG_ERROR_MAX + 256];	/* of the last look; "" */
	uint64_t trouble_since;		/* CLOCK_REALTIME; 0: there is none */
};

void top_ui_init(struct top_ui *ui, const struct top_place *place, uint64_t interval_ns);

/* @v: what is seen, and has been arranged; may be NULL. @n_rows: so many fit on the screen. */
void top_ui_key(struct top_ui *ui, const struct top_view *v, int key, unsigned int n_rows);

/*
 * top_ui_take() - a look has been made
 * @old:	what was seen so far; freed, or returned. May be NULL.
 *
 * If there was nothing to see, what was seen of the same place stays, and trouble says why.
 */
struct top_view *top_ui_take(struct top_ui *ui, struct top_view *old, struct top_view *new);

/* Sorts and filters, and finds the selected row again, or one near to where it was. */
void top_ui_arrange(struct top_ui *ui, struct top_view *v, unsigned int n_rows);

/* The sort column by its title or key, whatever the case. Return: false: the page has none such. */
bool top_ui_sort_by(struct top_ui *ui, const struct top_view *v, const char *name);

#endif /* SHMREGCTL_TOP_UI_H */
