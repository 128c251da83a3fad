/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memfd.h"
#include "registry-internal.h"

static int check_data(const struct directory *d, int data_fd, char *error)
{
	uint64_t bytes;
	int e;

	e = memfd_check(data_fd, &bytes);
	if (e < 0)
		return refuse(error, e, "the data area is not a sealed memfd");
	if (bytes != d->map->data_bytes)
		return refuse(error, EBADMSG,
			      "the data area has %" PRIu64 " bytes, its directory says %" PRIu64,
			      bytes, d->map->data_bytes);
	return 0;
}

static int check_place(struct registry *r, const struct directory *d, char *error)
{
	const struct shmreg_dir *m = d->map;

	if (r->last_segment && m->registry != r->id)
		return refuse(error, EBADMSG, "segment \"%s\" is of another registry", m->name);
	if (registry_find(r, m->segment))
		return refuse(error, EEXIST, "segment %" PRIu64 " is there already", m->segment);
	if (m->state == SHMREG_DIR_LIVE && registry_find_name(r, m->name))
		return refuse(error, EEXIST, "segment \"%s\" is there already", m->name);
	return 0;
}

static void take_ids(struct registry *r, const struct shmreg_dir *m)
{
	r->id = m->registry;
	if (r->last_segment < m->segment)
		r->last_segment = m->segment;
	if (r->last_segment < m->last_segment)
		r->last_segment = m->last_segment;
}

/* Processes of the participants that are LIVE. */
static int join_all(struct registry *r, struct segment *s)
{
	struct process **spares;
	struct participant *p;
	size_t n = 0, i = 0;

	/* All memory first, so that nothing has to be undone. */
	spares = calloc(s->n_live + 1, sizeof(struct process *));
	if (!spares)
		return -ENOMEM;
	for (; n < s->n_live; n++) {
		spares[n] = process_new(&(struct process_id){ 0 });
		if (!spares[n])
			break;
	}
	if (n < s->n_live) {
		while (n > 0)
			free(spares[--n]);
		free(spares);
		return -ENOMEM;
	}
	LIST_FOREACH(p, &s->participants, of_segment) {
		const struct shmreg_dir_participant *e = participant_entry(p);
		const struct process_id id = {
			.pid = e->pid,
			.pidfd_inode = e->pidfd_inode,
			.start_time = e->start_time,
		};

		registry_add_participant(r, p);
		if (e->state != SHMREG_ENTRY_LIVE)
			continue;
		spares[i]->id = id;
		registry_join(r, p, &id, spares[i]);
		i++;
	}
	free(spares);
	return 0;
}

/* Nobody is attached, and it is not one that lives on without. */
static bool is_over(const struct segment *s)
{
	return s->n_live == 0 && (segment_state(s) == SHMREG_DIR_REMOVED ||
				  directory_lifetime(&s->directory) != SHMREG_UNTIL_REMOVED);
}

static void forget_participants(struct segment *s)
{
	struct participant *p;

	while ((p = LIST_FIRST(&s->participants))) {
		LIST_REMOVE(p, of_segment);
		free(p);
	}
}

/* What a dead daemon had begun to dispose of, or would have. */
static void finish_disposal(struct registry *r, struct segment *s)
{
	directory_remove(&s->directory);
	forget_participants(s);
	registry_discard(r, s);
}

/*
 * Half of what fits: numbers that rise by one do not get there in this world, and
 * those that are still to be given must fit, too.
 */
static int check_numbers(const struct directory *d, char *error)
{
	const struct shmreg_dir *m = d->map;
	uint64_t participant = m->creator, number = m->segment;

	for (uint32_t i = 0; i < m->max_participants; i++)
		if (shmreg_dir_participants(m)[i].id > participant)
			participant = shmreg_dir_participants(m)[i].id;
	for (uint32_t i = 0; i < m->max_objects; i++)
		if (shmreg_dir_objects(m)[i].id > number)
			number = shmreg_dir_objects(m)[i].id;
	if (m->last_segment > number)
		number = m->last_segment;
	if (m->removal_epoch > number)
		number = m->removal_epoch;
	if (participant >= UINT64_C(1) << 55 || number >= UINT64_C(1) << 63)
		return refuse(error, EBADMSG, "the directory's numbers are beyond all reason");
	return 0;
}

static int load(struct registry *r, struct directory *d, int data_fd, struct segment **ret,
		char *error)
{
	int e;

	e = directory_check(d, error);
	if (e == 0)
		e = check_numbers(d, error);
	if (e == 0)
		e = check_data(d, data_fd, error);
	if (e == 0)
		e = check_place(r, d, error);
	if (e < 0)
		return e;
	e = directory_recover(d);
	if (e < 0)
		return refuse(error, e, "shmregd is out of memory");
	return segment_new(ret, d, data_fd, error);
}

int registry_restore(struct registry *r, int dir_fd, int data_fd, struct segment **ret,
		     char *error)
{
	struct directory d = DIRECTORY_INIT;
	struct segment *s = NULL;
	int e;

	e = directory_open(&d, dir_fd, error);
	if (e < 0) {
		close(dir_fd);
		close(data_fd);
		return e;
	}
	e = load(r, &d, data_fd, &s, error);
	if (e < 0) {
		directory_deinit(&d);
		close(data_fd);
		return e;
	}
	take_ids(r, s->directory.map);
	segment_recover_watch(s);
	if (is_over(s)) {
		refuse(error, ENOENT, "segment \"%s\" had ended", segment_name(s));
		finish_disposal(r, s);
		registry_keep_last_segment(r, NULL);
		return -ENOENT;
	}
	e = registry_charge_segment(r, s);
	if (e == 0)
		e = join_all(r, s);
	if (e < 0) {
		refuse(error, e, "segment \"%s\" cannot be kept: %s", segment_name(s),
		       strerror(-e));
		registry_uncharge_segment(r, s);
		forget_participants(s);
		segment_free(s);
		return e;
	}
	registry_insert(r, s);
	registry_keep_last_segment(r, NULL);
	*ret = s;
	registry_unsettle(r, s);
	registry_settle(r);
	return 0;
}
