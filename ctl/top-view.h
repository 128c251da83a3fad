/* SPDX-License-Identifier: MIT */
#ifndef SHMREGCTL_TOP_VIEW_H
#define SHMREGCTL_TOP_VIEW_H

/*
 * top-view.h - what top shows: a few lines, and a table
 *
 * Made from what was found at one look, and then independent of it: no terminal, no daemon.
 */

#include "snapshot.h"
#include "top-table.h"

enum top_page { TOP_SEGMENTS, TOP_OBJECTS, TOP_PARTICIPANTS, TOP_OBJECT, TOP_PARTICIPANT };

#define TOP_NAME_MAX 1024

/* What is looked at. */
struct top_place {
	enum top_page page;
	char segment[TOP_NAME_MAX];	/* or a snapshot's file */
	char object[SHMREG_OBJECT_NAME_MAX + 1];
	uint64_t participant;
};

bool top_same_place(const struct top_place *a, const struct top_place *b);
/* In JSON, and for people. */
const char *top_page_name(enum top_page page);

/* Of the table of segments: what is known of one. */
struct top_segment {
	struct shmreg_segment_info info;	/* without ourselves */
	double operations;	/* a second, of all objects; NAN: not known */
	double fullest;		/* percent, of the object that is; NAN: not known */
	char fullest_name[SHMREG_OBJECT_NAME_MAX + 1];
	unsigned int n_waited_for;	/* objects for which somebody may be asleep */
	bool looked;		/* that is known */
};

struct top_overview {
	struct top_segment *segments;
	size_t n;
	bool have_stats;
	struct shmreg_stats_reply stats;
};

/* Fills in what the objects in @now tell. @before: may be NULL. */
void top_segment_sum(struct top_segment *ret, const struct snapshot *before,
		     const struct snapshot *now);

struct top_line {
	char *text;
	double percent;		/* a bar before it; NAN: none */
};
#define TOP_LINES_MAX 6

struct top_view {
	struct top_place place;
	uint64_t time_ns;	/* CLOCK_REALTIME, of the look */
	uint64_t interval_ns;	/* between the two looks of which the rates are; 0: there are none */
	bool gone;		/* there is no such thing, as said in why */
	bool away;		/* there is no daemon, as said in why */
	char why[SHMREG_ERROR_MAX + 128];	/* what could not be looked at; or "" */
	struct top_line lines[TOP_LINES_MAX];
	unsigned int n_lines;
	struct top_table table;
};

struct top_view *top_view_new(const struct top_place *place);
struct top_view *top_view_free(struct top_view *v);

/* Each fills in lines and table. @before: the look before, or NULL. */
void top_view_segments(struct top_view *v, const struct top_overview *overview);
void top_view_segment(struct top_view *v, const struct snapshot *before,
		      const struct snapshot *now);

/* For those who fill in: a line, of which @percent may be NAN. */
void top_view_line(struct top_view *v, double percent, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The tables of holders: top-holders.c */
void top_view_object(struct top_view *v, const struct snapshot *before, const struct snapshot *now);
void top_view_participant(struct top_view *v, const struct snapshot *before,
			  const struct snapshot *now);
/* The largest lag of what @participant reads; NAN: of nothing. Fills in how much it holds. */
double top_holdings(const struct snapshot *s, uint64_t participant, unsigned int *ret_n);

#endif /* SHMREGCTL_TOP_VIEW_H */
