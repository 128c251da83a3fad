/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "source.h"

struct source {
	char *file;				/* NULL: a segment of the daemon's */
	struct shmreg_connection *connection;
	bool owns_connection;
	bool keeps_extents;
	struct shmreg_segment_info info;	/* as it was last described */
	const struct shmreg_dir *dir;
	struct shmreg_segment *segment;		/* NULL: not attached */
	int error;				/* why not, */
	char why_not[SHMREG_ERROR_MAX + 1];	/* in a sentence */
	char why[SHMREG_ERROR_MAX + 1];		/* the last look failed */
};

bool source_is_file(const char *name)
{
	return name[0] == '/' || strncmp(name, "./", 2) == 0 || strncmp(name, "../", 3) == 0;
}

static int open_file(struct source *source, const char *path)
{
	int r;

	source->file = strdup(path);
	if (!source->file)
		return -ENOMEM;
	r = shmreg_snapshot_open(&source->segment, path);
	if (r < 0)
		return r;
	source->info = shmreg_snapshot_head(source->segment)->info;
	source->dir = shmreg_segment_dir(source->segment);
	return 0;
}

int source_open_on(struct shmreg_connection *connection, const char *name, struct source **ret,
		   const char **ret_why)
{
	struct source *source = calloc(1, sizeof(*source));
	int r = -ENOMEM;

	if (source) {
		source->connection = connection;
		/* Before attaching, so that we are not in what we show. */
		r = source_is_file(name) ? open_file(source, name) :
		    shmreg_segment_describe(connection, name, &source->info, &source->dir);
	}
	if (r < 0) {
		*ret_why = r == -ENOMEM ? "no memory is left" : shmreg_error();
		source_close(source);
		return r;
	}
	*ret = source;
	return 0;
}

int source_open(const struct ctl *ctl, const char *command, const char *name, struct source **ret)
{
	struct shmreg_connection *connection = NULL;
	const char *why;
	int r = 0;

	*ret = NULL;
	if (!source_is_file(name)) {
		r = ctl_check_name(command, name);
		if (r == 0)
			r = ctl_connect(ctl, &connection, 0);
	}
	if (r)
		return r;
	r = source_open_on(connection, name, ret, &why);
	if (r < 0) {
		r = ctl_fail("%s", why);
		shmreg_disconnect(connection);
		return r;
	}
	(*ret)->owns_connection = true;
	return 0;
}

struct source *source_close(struct source *source)
{
	if (!source)
		return NULL;
	if (source->segment)
		shmreg_segment_close(source->segment);
	/* A file's is the segment's own. */
	if (source->dir && !source->file)
		shmreg_dir_unmap(source->dir);
	if (source->owns_connection)
		shmreg_disconnect(source->connection);
	free(source->file);
	free(source);
	return NULL;
}

const char *source_name(const struct source *source)
{
	return source->file ? source->file : source->info.name;
}

const struct shmreg_snapshot_head *source_head(const struct source *source)
{
	return source->file ? shmreg_snapshot_head(source->segment) : NULL;
}

bool source_attached(const struct source *source)
{
	return source->segment && !source->file;
}

const struct shmreg_segment *source_file(const struct source *source)
{
	return source->file ? source->segment : NULL;
}

const struct shmreg_dir *source_dir(const struct source *source)
{
	return source->dir;
}

void source_keep_extents(struct source *source)
{
	source->keeps_extents = true;
}

/* Tried once: who was refused is not to ask at every look. */
static void attach(struct source *source)
{
	if (source->keeps_extents)
		source->error = shmreg_segment_open_extents(source->connection, &source->segment,
							    source->info.name);
	else
		source->error = shmreg_segment_open(source->connection, &source->segment,
						    source->info.name, SHMREG_ACCESS_READ);
	if (source->error < 0) {
		snprintf(source->why_not, sizeof(source->why_not), "%s", shmreg_error());
	} else if (shmreg_segment_dir(source->segment)->segment != source->dir->segment) {
		source->segment = shmreg_segment_close(source->segment);
		source->error = -ESTALE;
		snprintf(source->why_not, sizeof(source->why_not),
			 "it has just been replaced by another");
	}
}

int source_segment(struct source *source, struct shmreg_segment **ret, const char **ret_why)
{
	if (!source->segment && !source->error)
		attach(source);
	*ret = source->segment;
	*ret_why = source->why_not;
	return source->error;
}

/* What the daemon alone knows may have changed. */
static int describe(struct source *source, const char **ret_why)
{
	struct shmreg_segment_info info;
	int r;

	if (source->file)
		return 0;
	r = shmreg_segment_describe(source->connection, source->info.name, &info, NULL);
	if (r < 0) {
		snprintf(source->why, sizeof(source->why), "%s", shmreg_error());
		*ret_why = source->why;
		return r;
	}
	if (info.segment != source->info.segment) {
		*ret_why = "it was removed, and another has its name";
		return -ENOENT;
	}
	info.n_participants -= source->segment && info.n_participants;	/* this one */
	source->info = info;
	return 0;
}

int source_look(struct source *source, struct snapshot **ret, const char **ret_why)
{
	return source_look_at(source, &(struct snapshot_choice){ .object = NULL }, ret, ret_why);
}

int source_look_at(struct source *source, const struct snapshot_choice *choice,
		   struct snapshot **ret, const char **ret_why)
{
	const uint64_t own = source->segment ? shmreg_segment_participant(source->segment) : 0;
	struct shmreg_segment *segment;
	struct snapshot *s;
	const char *why;
	int r;

	r = describe(source, ret_why);
	if (r < 0)
		return r;
	s = snapshot_new(&source->info, source->dir, own);
	if (s && source_segment(source, &segment, &why) < 0)
		snprintf(s->why_not, sizeof(s->why_not), "%s", why);
	else if (s && snapshot_read(s, segment, choice) < 0)
		s = snapshot_free(s);
	if (!s) {
		*ret_why = "no memory is left";
		return -ENOMEM;
	}
	*ret = s;
	return 0;
}
