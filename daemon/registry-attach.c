/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "registry-internal.h"

void registry_fill_attach_reply(struct segment *s, const struct participant *p, bool created,
				struct shmreg_attach_reply *ret)
{
	*ret = (struct shmreg_attach_reply){
		.segment = segment_id(s),
		.dir_bytes = s->directory.map->dir_bytes,
		.data_bytes = s->directory.map->data_bytes,
		.created = created,
	};
	if (!p)
		return;
	ret->participant = p->id;
	ret->participant_index = p->index;
	ret->access = p->read_only ? SHMREG_ACCESS_READ : SHMREG_ACCESS_WRITE;
	ret->n_seats = segment_seats_of(s, p, ret->seat, SHMREG_SEATS_A_REPLY);
}

/*
 * The attachment that an earlier copy of the same request made; by nonce alone, for
 * its segment's name may have been removed since, and given to another one.
 */
static struct participant *find_nonce(const struct registry *r, const struct caller *c,
				      const char *name, uint64_t nonce)
{
	struct process *process = registry_find_process(r, &c->process);
	struct participant *p;

	if (!process || nonce == 0)
		return NULL;
	LIST_FOREACH(p, &process->participants, of_process)
		if (participant_entry(p)->nonce == nonce &&
		    strcmp(segment_name(p->segment), name) == 0)
			return p;
	return NULL;
}

bool registry_repeated(const struct registry *r, const struct caller *c, const char *name,
		       uint64_t nonce, uint32_t access, struct shmreg_attach_reply *ret,
		       struct segment **ret_segment)
{
	const struct participant *p = find_nonce(r, c, name, nonce);

	if (!p || p->read_only != !(access & SHMREG_ACCESS_WRITE))
		return false;
	registry_fill_attach_reply(p->segment, p, p->id == p->segment->directory.map->creator, ret);
	*ret_segment = p->segment;
	return true;
}

static void fill_participant(struct shmreg_dir_participant *ret, const struct caller *c,
			     const struct segment *s, uint64_t nonce, bool read_only)
{
	*ret = (struct shmreg_dir_participant){
		.flags = read_only ? SHMREG_PARTICIPANT_READ_ONLY : 0,
		.id = s->next_participant,
		.pid = c->process.pid,
		.uid = c->uid,
		.gid = c->gid,
		.pidfd_inode = c->process.pidfd_inode,
		.start_time = c->process.start_time,
		.nonce = nonce,
		.epoch = s->directory.map->removal_epoch,
		.attached_ns = now_ns(),
	};
	directory_copy_name(ret->name, c->name, sizeof(ret->name));
}

int registry_attach(struct registry *r, const struct caller *c, struct segment *s, uint32_t index,
		    const uint16_t *seats, uint32_t n_seats, uint64_t nonce, bool read_only,
		    struct participant **ret)
{
	struct participant *p = calloc(1, sizeof(*p));
	struct process *spare = process_new(&c->process);
	struct shmreg_dir_participant entry;

	if (!p || !spare) {
		free(p);
		free(spare);
		return -ENOMEM;
	}
	fill_participant(&entry, c, s, nonce, read_only);
	p->index = index;
	p->n_seats = n_seats;
	p->charged = true;
	segment_attach(s, p, &entry, seats);
	registry_add_participant(r, p);
	registry_join(r, p, &c->process, spare);
	*ret = p;
	return 0;
}

int registry_open_segment(struct registry *r, const struct caller *c, struct segment *s,
			  uint32_t access, uint32_t n_seats, uint64_t nonce,
			  struct shmreg_attach_reply *ret, char *error)
{
	const bool read_only = !(access & SHMREG_ACCESS_WRITE);
	const uint32_t mode = directory_mode(&s->directory);
	uint64_t charge[SHMREG_N_RESOURCES] = { [SHMREG_RESOURCE_PARTICIPANTS] = 1 };
	uint16_t seats[SHMREG_SEATS_A_REPLY];
	struct participant *p;
	int64_t index;
	int n = 0, e;

	if (registry_access(c, s) == 0)
		return refuse(error, EACCES,
			      "uid %u may not attach to segment \"%s\"%s; its owner can change its mode",
			      c->uid, segment_name(s), read_only ? "" : " for writing");
	if ((registry_access(c, s) & access) != access)
		return refuse(error, EACCES,
			      "segment \"%s\" belongs to uid %u and gid %u and has mode %04o: "
			      "uid %u may not attach %s",
			      segment_name(s), policy_owner_uid(segment_owner(s)),
			      policy_owner_gid(segment_owner(s)), mode, c->uid,
			      read_only ? "to it" : "to it for writing");
	if (segment_has_flag(s, SHMREG_DIR_QUARANTINED))
		return refuse(error, ENOTRECOVERABLE,
			      "segment \"%s\" is quarantined: its repair failed; remove it and "
			      "create it anew", segment_name(s));
	index = segment_pick_participant(s);
	if (index < 0)
		return refuse(error, ENOSPC,
			      "segment \"%s\" has %u participants, the most it was created for "
			      "(max_participants)",
			      segment_name(s), s->directory.map->max_participants);
	if (!read_only) {
		n = registry_pick_seats(r, c, s, NULL, seats, n_seats ? n_seats : 1, error);
		if (n < 0)
			return n;
		charge[SHMREG_RESOURCE_SEATS] = (uint64_t)n;
	}
	e = quota_charge(&r->quota, c->uid, charge, error);
	if (e < 0)
		return e;
	e = registry_attach(r, c, s, (uint32_t)index, seats, (uint32_t)n, nonce, read_only, &p);
	if (e < 0) {
		quota_uncharge(&r->quota, c->uid, charge);
		return refuse(error, e, "shmregd is out of memory");
	}
	registry_emit(r, SHMREG_EVENT_ATTACHED, s, p, NULL);
	registry_hurry(r, s);
	registry_settle(r);
	registry_fill_attach_reply(s, p, false, ret);
	return 0;
}

int registry_open(struct registry *r, const struct caller *c, const struct shmreg_open *in,
		  struct shmreg_attach_reply *ret, struct segment **ret_segment, char *error)
{
	const uint32_t access = in->access & SHMREG_ACCESS_WRITE ?
		SHMREG_ACCESS_READ | SHMREG_ACCESS_WRITE : SHMREG_ACCESS_READ;
	struct segment *s = registry_find_name(r, in->name);
	int e;

	if (registry_repeated(r, c, in->name, in->nonce, access, ret, ret_segment))
		return 0;
	if (!s)
		return refuse(error, ENOENT,
			      "there is no segment \"%s\"; \"shmregctl ls\" shows which there are",
			      in->name);
	e = registry_open_segment(r, c, s, access, in->n_seats, in->nonce, ret, error);
	if (e < 0)
		return e;
	*ret_segment = s;
	registry_debug_verify(r);
	return 0;
}

/*
 * The uid is only asked where the kernel gave no proof: a process that was attached and
 * then dropped its privileges is still the one that has the segment mapped.
 */
static bool participant_is(const struct participant *p, const struct caller *c)
{
	const struct shmreg_dir_participant *e = participant_entry(p);
	const struct process_id id = {
		.pid = e->pid,
		.pidfd_inode = e->pidfd_inode,
		.start_time = e->start_time,
	};

	if (!process_id_equal(&id, &c->process))
		return false;
	return e->uid == c->uid || (id.pidfd_inode && c->process.pidfd_inode);
}

static void take_epoch(struct registry *r, struct participant *p, uint64_t epoch)
{
	const uint64_t newest = p->segment->directory.map->removal_epoch;

	if (epoch > newest)
		epoch = newest;
	if (epoch <= participant_entry(p)->epoch)
		return;
	directory_set_epoch(&p->segment->directory, p->index, epoch);
	registry_unsettle(r, p->segment);
}

/* @ret may be DEAD. */
static int find_attachment(struct registry *r, const struct caller *c,
			   const struct shmreg_attachment *at, struct participant **ret,
			   char *error)
{
	struct participant *p = registry_find_participant(r, at->segment, at->participant);

	/* Who may not read does not learn either who is attached. */
	if (!p || (!participant_is(p, c) && registry_access(c, p->segment) == 0))
		return refuse(error, ESTALE,
			      "segment %" PRIu64 " has no participant %" PRIu64
			      ": it has ended, or this shmregd never knew it; attach anew",
			      at->segment, at->participant);
	if (!participant_is(p, c))
		return refuse(error, EPERM,
			      "participant %" PRIu64 " of segment %" PRIu64
			      " is another process: only that one may speak for it",
			      at->participant, at->segment);
	*ret = p;
	return 0;
}

int registry_attached(struct registry *r, const struct caller *c,
		      const struct shmreg_attachment *at, struct participant **ret, char *error)
{
	struct participant *p;
	int e;

	e = find_attachment(r, c, at, &p, error);
	if (e < 0)
		return e;
	if (!p->process)
		return refuse(error, ESTALE,
			      "participant %" PRIu64 " of segment %" PRIu64
			      " has ended; attach anew", at->participant, at->segment);
	take_epoch(r, p, at->epoch);
	*ret = p;
	return 0;
}

int registry_reattach(struct registry *r, const struct caller *c,
		      const struct shmreg_attachment *in, struct shmreg_attach_reply *ret,
		      char *error)
{
	struct participant *p;
	int e;

	e = registry_attached(r, c, in, &p, error);
	if (e < 0)
		return e;
	registry_fill_attach_reply(p->segment, p, false, ret);
	registry_settle(r);
	return 0;
}

/* Until the repair they are charged: whose limits are small gets back at once what he had. */
#define PLENTY_SEATS (SHMREG_SEATS / 4)
#define PLENTY_PARTICIPANTS 64

static bool has_plenty(const struct registry *r, const struct participant *p)
{
	return quota_room(&r->quota, p->uid, SHMREG_RESOURCE_SEATS) >= PLENTY_SEATS &&
	       quota_room(&r->quota, p->uid, SHMREG_RESOURCE_PARTICIPANTS) >= PLENTY_PARTICIPANTS;
}

static int detach(struct registry *r, const struct caller *c, const struct shmreg_attachment *in,
		  bool idle, char *error)
{
	struct participant *p;
	int e;

	e = find_attachment(r, c, in, &p, error);
	if (e < 0)
		return e;
	/* Else this is a copy of a request that was carried out. */
	if (p->process)
		registry_end_participant(r, p, idle && has_plenty(r, p) ? END_IDLE : END_LEFT);
	registry_settle(r);
	return 0;
}

int registry_detach(struct registry *r, const struct caller *c,
		    const struct shmreg_attachment *in, char *error)
{
	return detach(r, c, in, false, error);
}

int registry_detach_idle(struct registry *r, const struct caller *c,
			 const struct shmreg_attachment *in, char *error)
{
	return detach(r, c, in, true, error);
}

int registry_quiesce(struct registry *r, const struct caller *c,
		     const struct shmreg_attachment *in, char *error)
{
	struct participant *p;
	int e;

	e = registry_attached(r, c, in, &p, error);
	if (e < 0)
		return e;
	registry_settle(r);
	return 0;
}
