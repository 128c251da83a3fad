/* SPDX-License-Identifier: MIT */

/*
 * registry - sequences of requests by four processes of three users, deaths, repairs that
 * succeed or do not, restarts of the daemon; all invariants are looked at after each step
 *
 * Without the shell, so that who asks can be anybody: see dispatch.c for the other half.
 */

#include <config.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "registry-fixture.h"
#include "request.h"
#include "segment.h"

#define STEPS_MAX 48
#define N_CALLERS 4

static struct registry_config config;
static struct notes notes;
static struct registry *r;
static struct caller callers[N_CALLERS];

/* Does what is refused say why, and only that? */
static void check_answer(int result, const char *error)
{
	MUST(result <= 0);
	MUST((result < 0) == (*error != 0));
	MUST(strnlen(error, SHMREG_ERROR_MAX + 1) <= SHMREG_ERROR_MAX);
}

static void usage(const struct caller *c, const struct shmreg_request *in, char *error)
{
	struct shmreg_usage u[SHMREG_N_RESOURCES];

	check_answer(registry_usage(r, c, in->u.stats.uid, u, error), error);
}

static void request(const struct caller *c, const struct shmreg_request *in)
{
	char error[SHMREG_ERROR_MAX + 1] = "";
	struct shmreg_reply out = { 0 };
	struct segment *s = NULL;
	struct registry_object object;
	int e = 0;

	switch (in->header.type) {
	case SHMREG_PACKET_CREATE:
		e = registry_create(r, c, &in->u.create, &out.u.attach, &s, error);
		MUST(e < 0 || s);
		break;
	case SHMREG_PACKET_OPEN:
		e = registry_open(r, c, &in->u.open, &out.u.attach, &s, error);
		MUST(e < 0 || s);
		break;
	case SHMREG_PACKET_REATTACH:
		e = registry_reattach(r, c, &in->u.attachment, &out.u.attach, error);
		break;
	case SHMREG_PACKET_DETACH:
		if (in->u.detach.flags & SHMREG_DETACH_IDLE)
			e = registry_detach_idle(r, c, &in->u.detach.at, error);
		else
			e = registry_detach(r, c, &in->u.detach.at, error);
		break;
	case SHMREG_PACKET_QUIESCE:
		e = registry_quiesce(r, c, &in->u.attachment, error);
		break;
	case SHMREG_PACKET_SEATS:
		e = registry_seats(r, c, &in->u.seats, &out.u.seats, error);
		break;
	case SHMREG_PACKET_REMOVE:
		e = registry_remove(r, c, &in->u.target, error);
		break;
	case SHMREG_PACKET_CREATE_OBJECT:
		e = registry_create_object(r, c, &in->u.create_object, &out.u.create_object, error);
		break;
	case SHMREG_PACKET_REMOVE_OBJECT:
		e = registry_remove_object(r, c, &in->u.remove_object, error);
		break;
	case SHMREG_PACKET_LIST:
		e = registry_list(r, c, &in->u.list, &out.u.list);
		break;
	case SHMREG_PACKET_DESCRIBE:
		e = registry_describe(r, c, &in->u.target, &out.u.describe, &s, error);
		break;
	case SHMREG_PACKET_STATS:
		usage(c, in, error);
		return;
	case SHMREG_PACKET_SET:
		e = registry_set(r, c, &in->u.set, error);
		break;
	case SHMREG_PACKET_WATCH:
		e = registry_watch(r, c, &in->u.watch, &object, error);
		break;
	case SHMREG_PACKET_NOTIFY:
		e = registry_notify(r, c, &in->u.notify, &object, error);
		break;
	default:
		return;
	}
	check_answer(e, error);
	if (e < 0)
		return;
	/* What is answered must be an answer to the library, too. */
	out.header = in->header;
	out.header.type |= SHMREG_PACKET_REPLY;
	if (in->header.type != SHMREG_PACKET_WATCH && in->header.type != SHMREG_PACKET_NOTIFY)
		MUST(shmreg_reply_check(&out, sizeof(out), in->header.type, in->header.serial) == 0);
}

static void ask(struct fuzz_input *in)
{
	const struct caller *c = &callers[fuzz_below(in, N_CALLERS)];
	struct shmreg_request packet;
	const char *why = NULL;
	int e;

	fuzz_request(in, &packet);
	e = shmreg_request_check(&packet, sizeof(packet), &why);
	MUST(e == 0 || (why && *why));
	if (e == 0)
		request(c, &packet);
}

/* Of some segment: the whole of a repair, its beginning, its end, the giving up. */
static void repair(struct fuzz_input *in)
{
	const struct shmreg_reaper_report sum = { .n_repaired = 1 };
	struct segment *s = registry_find(r, 1 + fuzz_below(in, 8));
	const uint8_t what = fuzz_u8(in);

	if (s && s->rest == REST_BEGUN)
		registry_rested(r, s);
	if (!s || !s->repair_wanted)
		return;
	if (!s->repairing) {
		registry_repair_begin(r, s);
		if (what % 4 == 0)
			return;
	}
	if (what % 8 == 1)
		registry_quarantine(r, s);
	else
		registry_repair_end(r, s, what % 8 != 2, &sum);
}

static void die(struct fuzz_input *in)
{
	struct caller *c = &callers[fuzz_below(in, N_CALLERS)];

	registry_process_died(r, &c->process);
	/* Its successor is another process with the same number. */
	c->process.start_time++;
	c->process.pidfd_inode += 1000;
}

static void reconfigure(struct fuzz_input *in)
{
	static const uint64_t limits[] = { UINT64_MAX, 0, 1, 3, 100, 1 << 20 };

	config.limit[fuzz_below(in, SHMREG_N_RESOURCES)] = limits[fuzz_below(in, 6)];
	config.max_segments = 1 + (uint32_t)fuzz_below(in, 8);
	registry_reconfigure(r, &config);
}

static void step(struct fuzz_input *in)
{
	const uint8_t what = fuzz_u8(in);

	if (what < 208)
		ask(in);
	else if (what < 224)
		repair(in);
	else if (what < 236)
		die(in);
	else if (what < 244)
		r = fixture_restart(r, &config, &notes);
	else if (what < 252)
		reconfigure(in);
	else
		registry_orphan(r);
	registry_verify(r);
}

static void run(struct fuzz_input *in)
{
	static const uint32_t group[] = { 1000 };

	config = fixture_config();
	notes = (struct notes){ 0 };
	r = fixture_registry(&config, &notes);
	callers[0] = fixture_caller(1000, 11);
	callers[1] = fixture_caller(1000, 12);
	callers[2] = fixture_caller(2000, 21);
	callers[2].groups = group;
	callers[2].n_groups = 1;
	callers[3] = fixture_caller(0, 1);
	for (unsigned int i = 0; i < STEPS_MAX && !fuzz_ended(in); i++)
		step(in);
	r = registry_free(r);
}

static void seeds(void)
{
	/* step, caller, type - 1, ...: a segment with a pool, opened by another, who dies */
	static const uint8_t life[] = {
		0, 0, 1, 0, 1, 4, 0, 0, 1, 1, 3, 3, 1,		/* CREATE s0 */
		0, 2, 2, 0, 2, 2, 1,				/* OPEN */
		0, 0, 8, 6, 8, 3, 0, 1,				/* CREATE_OBJECT o1 */
		0, 0, 8, 11, 8, 4, 0, 1, 0, 2,			/* a queue of its objects */
		0, 2, 16, 16, 1, 2, 0,				/* WATCH */
		224, 2, 208, 0, 3,				/* dies; repaired */
		0, 0, 9, 8, 0, 1, 0, 0, 5, 8,			/* REMOVE_OBJECT, QUIESCE */
		236, 0, 0, 10, 0, 0, 0, 11, 0, 1,		/* restart, LIST, DESCRIBE */
		0, 0, 14, 0, 0, 7, 1, 1, 255, 1, 0,		/* SET */
		0, 0, 7, 0, 0, 0, 0, 4, 8,			/* REMOVE, DETACH */
	};

	fuzz_seed(life, sizeof(life));
	for (uint8_t type = 0; type < SHMREG_PACKET_MAX; type++) {
		uint8_t bytes[40] = { 0, 0, 1, 0, 1, 4, 0, 0, 1, 1, 3, 3, 1, 0, 0, type };

		fuzz_seed(bytes, sizeof(bytes));
		bytes[14] = 2;
		bytes[15] = (uint8_t)(224 + type);
		memset(bytes + 16, 9, 24);
		fuzz_seed(bytes, sizeof(bytes));
	}
}

const struct fuzz_target fuzz_target = { NULL, run, seeds };
