/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "registry-internal.h"

#define HOLDERS_MAX 3

/* "participant 7 (pid 12, uid 1000, NAME) holds 900; ..." of those who hold most */
static void describe_holders(const struct segment *s, char *ret, size_t size)
{
	const struct participant *top[HOLDERS_MAX] = { NULL }, *p;
	size_t n = 0;

	LIST_FOREACH(p, &s->participants, of_segment) {
		size_t i = HOLDERS_MAX;

		while (i > 0 && (!top[i - 1] || top[i - 1]->n_seats < p->n_seats))
			i--;
		if (i == HOLDERS_MAX)
			continue;
		memmove(&top[i + 1], &top[i], (HOLDERS_MAX - 1 - i) * sizeof(*top));
		top[i] = p;
	}
	ret[0] = 0;
	for (size_t i = 0; i < HOLDERS_MAX && top[i] && n < size; i++) {
		const struct shmreg_dir_participant *e = participant_entry(top[i]);
		const int k = snprintf(ret + n, size - n, "%spid %u (uid %u, \"%s\") holds %u%s",
				       i ? ", " : "", e->pid, e->uid, e->name, top[i]->n_seats,
				       top[i]->process ? "" : " and awaits repair");

		n += k > 0 ? (size_t)k : 0;
	}
}

int registry_pick_seats(struct registry *r, const struct caller *c, struct segment *s,
			const struct participant *p, uint16_t *ret, uint32_t want, char *error)
{
	const bool privileged = policy_may_administer(c, segment_owner(s));
	const uint32_t n_free = SHMREG_SEATS - 1 - segment_n_seats(s);
	const uint32_t kept = privileged ? 0 : r->config.reserved_seats;
	const uint32_t own_max = privileged ? SHMREG_SEATS : r->config.max_seats_participant;
	const uint32_t own = p ? p->n_seats : 0;
	const uint32_t uid = p ? p->uid : c->uid;
	const uint64_t room = quota_room(&r->quota, uid, SHMREG_RESOURCE_SEATS);
	char holders[160];

	if (want > SHMREG_SEATS_A_REPLY)
		want = SHMREG_SEATS_A_REPLY;
	if (own >= own_max)
		return refuse(error, EUSERS,
			      "this attachment of segment \"%s\" holds %u seats, its most "
			      "(max-seats-per-participant); close handles, or attach once more",
			      segment_name(s), own);
	if (n_free <= kept) {
		describe_holders(s, holders, sizeof(holders));
		return refuse(error, EUSERS, "segment \"%s\" has no seat left%s: %s",
			      segment_name(s), n_free ? " but those kept for owner and root" : "",
			      holders);
	}
	if (room == 0)	/* for the sentence */
		return quota_charge_one(&r->quota, uid, SHMREG_RESOURCE_SEATS, 1, error);
	if (want > own_max - own)
		want = own_max - own;
	if (want > n_free - kept)
		want = n_free - kept;
	if (want > room)
		want = (uint32_t)room;
	return (int)segment_pick_seats(s, ret, want);
}

int registry_seats(struct registry *r, const struct caller *c, const struct shmreg_seats *in,
		   struct shmreg_seats_reply *ret, char *error)
{
	struct shmreg_seats_reply reply = { 0 };
	struct participant *p;
	struct segment *s;
	int n;

	n = registry_attached(r, c, &in->at, &p, error);
	if (n < 0)
		return n;
	s = p->segment;
	if (p->read_only)
		n = refuse(error, EROFS,
			   "segment \"%s\" is attached read-only, and such attachments have no seats",
			   segment_name(s));
	else if (segment_has_flag(s, SHMREG_DIR_QUARANTINED))
		n = refuse(error, ENOTRECOVERABLE,
			   "segment \"%s\" is quarantined: its repair failed", segment_name(s));
	else
		n = registry_pick_seats(r, c, s, p, reply.seat, in->n_seats ? in->n_seats : 1,
					error);
	if (n > 0) {
		const int e = quota_charge_one(&r->quota, p->uid, SHMREG_RESOURCE_SEATS,
					       (uint64_t)n, error);

		if (e < 0)
			n = e;
	}
	if (n > 0) {
		segment_grant(s, p, reply.seat, (uint32_t)n);
		registry_hurry(r, s);
		reply.n_seats = (uint32_t)n;
		*ret = reply;
		n = 0;
	}
	registry_settle(r);
	return n;
}
