/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "advice.h"
#include "doctor.h"
#include "inspect.h"
#include "source.h"

/* Looks that must not like it. Together with the pauses: a push takes far less. */
#define N_LOOKS 4

static void pause_for(uint64_t ns)
{
	struct timespec left = {.tv_sec = (time_t)(ns / 1000000000),
				.tv_nsec = (long)(ns % 1000000000)};

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

/* --- processes -------------------------------------------------------------------------------- */

/* 'T', 'S', ...; '\0': it is not there, or not to be seen. */
static char process_state(uint32_t pid)
{
	char path[64], line[512];
	const char *end;
	char state = '\0';
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/stat", pid);
	file = fopen(path, "re");
	if (!file)
		return '\0';
	/* Behind the name, which may have any characters in it. */
	if (fgets(line, sizeof(line), file) && (end = strrchr(line, ')')) && end[1] == ' ')
		state = end[2];
	fclose(file);
	return state;
}

static bool is_stopped(uint32_t pid)
{
	const char state = process_state(pid);

	return state == 'T' || state == 't';
}

/* Are the pids in the directory ours? They are the daemon's, which is one of them itself. */
static bool sees_processes(const struct doctor *d)
{
	return d->has_stats && kill((pid_t)d->stats.pid, 0) == 0 &&
	       process_state(d->stats.pid) != '\0';
}

static bool is_gone(uint32_t pid)
{
	return kill((pid_t)pid, 0) < 0 && errno == ESRCH;
}

static void look_at_processes(struct doctor *d, const struct shmreg_dir *dir, uint64_t own)
{
	struct findings *f = &d->findings;
	struct shmreg_dir_participant p, again;

	for (uint32_t i = 0; i < dir->max_participants; i++) {
		if (shmreg_dir_read_participant(dir, i, &p) < 0 || p.state != SHMREG_ENTRY_LIVE ||
		    p.id == own || !p.pid)
			continue;
		if (is_stopped(p.pid)) {
			finding_add(f, FINDING_NOTE, "segment.stopped",
				    "participant %" PRIu64 " (pid %" PRIu32
				    ", '%s') is stopped: what it holds "
				    "it keeps, for it is not dead",
				    p.id, p.pid, p.name);
			finding_type(f, "kill -CONT %" PRIu32, p.pid);
			continue;
		}
		if (!is_gone(p.pid))
			continue;
		/* The daemon is told by the kernel: at once, but not before. */
		for (int k = 0; k < N_LOOKS; k++) {
			pause_for(d->pause_ns);
			if (shmreg_dir_read_participant(dir, i, &again) < 0 || again.id != p.id ||
			    again.state != SHMREG_ENTRY_LIVE)
				break;
			if (k + 1 < N_LOOKS)
				continue;
			finding_add(f, FINDING_ERROR, "segment.ghost",
				    "participant %" PRIu64 " (pid %" PRIu32
				    ", '%s') is said to live, and that "
				    "process is not there: shmregd has not noticed its end",
				    p.id, p.pid, p.name);
			finding_type(f, "systemctl restart shmregd");
		}
	}
}

/* --- what lies in it -------------------------------------------------------------------------- */

/* The advice, with names and pids in their places. */
static void type_advice(struct findings *f, const char *advice, const char *segment,
			uint32_t pid)
{
	char line[512], number[16];
	size_t n = 0;

	snprintf(number, sizeof(number), "%" PRIu32, pid);
	for (; *advice && n + 1 < sizeof(line); advice++) {
		const char *word = NULL;

		if (*advice == '%' && advice[1] == 's')
			word = segment;
		else if (*advice == '%' && advice[1] == 'f')
			word = f->segment;
		else if (*advice == '%' && advice[1] == 'p')
			word = number;
		if (!word) {
			line[n++] = *advice;
			continue;
		}
		advice++;
		n += (size_t)snprintf(line + n, sizeof(line) - n, "%s", word);
		n = n < sizeof(line) ? n : sizeof(line) - 1;
	}
	line[n] = '\0';
	finding_type(f, "%s", line);
}

static void report(struct doctor *d, const struct suspicion *s, const struct shmreg_dir *dir,
		   bool here)
{
	struct findings *f = &d->findings;
	const int64_t index = inspect_participant(dir, s->seat);
	struct shmreg_dir_participant p = { 0 };
	struct shmreg_dir_object o = { 0 };
	char more[64] = "";

	if (s->object != INSPECT_NO_OBJECT && shmreg_dir_read_object(dir, s->object, &o) == 0)
		f->object = o.name;
	if (s->n_more)
		snprintf(more, sizeof(more), " (and %" PRIu64 " more of that kind)", s->n_more);
	if (index < 0 || shmreg_dir_read_participant(dir, (uint32_t)index, &p) < 0 || !p.pid) {
		finding_add(f, s->severity, s->check, "%s%s", s->text, more);
		/* Nothing can be typed about a process that is not known. */
		if (s->advice && !strstr(s->advice, "%p"))
			type_advice(f, s->advice, dir->name, 0);
	} else if (here && is_stopped(p.pid)) {
		finding_add(f, FINDING_WARNING, s->check,
			    "%s: participant %" PRIu64 " (pid %" PRIu32 ", '%s') is stopped%s",
			    s->text, p.id, p.pid, p.name, more);
		finding_type(f, "kill -CONT %" PRIu32, p.pid);
	} else {
		finding_add(f, s->severity, s->check,
			    "%s: it is participant %" PRIu64 " (pid %" PRIu32 ", '%s')%s", s->text,
			    p.id, p.pid, p.name, more);
		if (s->advice && (here || !strstr(s->advice, "%p")))
			type_advice(f, s->advice, dir->name, p.pid);
	}
	f->object = NULL;
}

static void look(struct doctor *d, const struct shmreg_dir *dir, const void *data,
		 bool here, struct inspection *x)
{
	struct findings *f = &d->findings;
	size_t n = 0;

	for (unsigned int i = 0; i < (here ? N_LOOKS : 1); i++) {
		if (i > 0)
			pause_for(d->pause_ns);
		n = inspect_look(x, dir, data);
		if (n == 0)
			break;
	}
	for (size_t i = 0; i < n; i++)
		report(d, &x->list[i], dir, here);
	if (x->failed)
		f->failed = true;
	else if (n == 0)
		finding_add(f, FINDING_OK, "segment.contents",
			    "directory and %" PRIu64
			    " words of its objects are as they should be%s",
			    x->n_words, data ? "" : "; the data area was not looked at");
}

/* --- its sizes -------------------------------------------------------------------------------- */

static void look_at_sizes(struct doctor *d, struct source *source, const struct inspection *x)
{
	struct findings *f = &d->findings;
	struct snapshot *s;
	struct advice *a;
	const char *why;

	if (source_look(source, &s, &why) < 0)
		return;		/* gone meanwhile */
	/* What was written over says nothing of sizes. */
	for (size_t i = 0; i < s->n_objects; i++)
		s->objects[i].read =
		    s->objects[i].read && !inspection_has_error(x, s->objects[i].index);
	a = advice_new(s);
	if (!a)
		f->failed = true;
	else
		advice_findings(a, f);
	advice_free(a);
	snapshot_free(s);
}

void doctor_segment(struct doctor *d, struct source *source)
{
	const struct shmreg_dir *dir = source_dir(source);
	const bool here = source_head(source) == NULL;
	struct findings *f = &d->findings;
	struct shmreg_segment *segment = NULL;
	struct inspection x = { .is_copy = !here };
	const char *why;

	f->segment = source_name(source);
	if (source_segment(source, &segment, &why) < 0) {
		finding_add(f, FINDING_NOTE, "segment.access",
			    "its contents cannot be looked at: %s", why);
		finding_type(f, "shmregctl ls   # owner and mode say who may");
		segment = NULL;
	}
	look(d, dir, segment ? shmreg_segment_data(segment) : NULL, here, &x);
	if (here && sees_processes(d))
		look_at_processes(d, dir, segment ? shmreg_segment_participant(segment) : 0);
	if (segment)
		look_at_sizes(d, source, &x);
	inspection_deinit(&x);
	f->segment = NULL;
}
