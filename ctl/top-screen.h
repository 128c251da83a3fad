/* SPDX-License-Identifier: MIT */
#ifndef SHMREGCTL_TOP_SCREEN_H
#define SHMREGCTL_TOP_SCREEN_H

/* top-screen.h - the terminal: draws what is to be seen, and reads keys */

#include "top-ui.h"

/* Less says so and shows nothing. */
#define TOP_WIDTH_MIN 30
#define TOP_HEIGHT_MIN 8

/*
 * From here to the end the terminal is ours.
 *
 * Return: 0; or what ctl_fail() says.
 */
int top_screen_begin(void);
void top_screen_end(void);

/* Rows of a table that fit below what is above it; 0: the terminal is too small. */
unsigned int top_screen_rows(const struct top_ui *ui, const struct top_view *v);

/* @v may be NULL: nothing was seen yet. @silent_since: by CLOCK_REALTIME, 0: it answers. */
void top_screen_draw(const struct top_ui *ui, const struct top_view *v, uint64_t silent_since);

/* Does not wait. Return: enum top_key; TOP_KEY_NONE: there is none. */
int top_screen_key(void);

#endif /* SHMREGCTL_TOP_SCREEN_H */
