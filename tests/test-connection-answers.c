/* SPDX-License-Identifier: MIT */
#include <config.h>

/* A daemon that answers nonsense, and one that tells of events. */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "script.h"
#include "suite.h"

static int nonsense_kind;
static enum fake_action nonsense(struct script *s, const struct shmreg_request *request,
				 struct fake_answer *answer)
{
	unsigned int i;

	if (request->header.type == SHMREG_PACKET_HELLO)
		return fake_hello(request, answer, s->registry, NULL);
	switch (nonsense_kind) {
	case 0:
		answer->bytes = 7;
		break;
	case 1:
		answer->reply.header.serial++;
		break;
	case 2:
		answer->reply.header.magic = 0;
		break;
	case 3:
		answer->reply.header.type ^= 1;
		break;
	case 4:
		answer->reply.header.status = -EACCES;
		memset(answer->reply.u.error, 'x', sizeof(answer->reply.u.error));
		break;
	case 5: /* more descriptors than a reply may have */
		for (i = 0; i < 5; i++)
			answer->fds[i] = dup(s->segment.dir_fd);
		answer->n_fds = 5;
		break;
	case 6: /* descriptors where none are due: fine, but they are not kept */
		answer->fds[0] = dup(s->segment.dir_fd);
		answer->n_fds = 1;
		break;
	case 7:
		answer->reply.header.status = 3;
		break;
	}
	return FAKE_ANSWER;
}

START_TEST(nonsense_answers)
{
	struct shmreg_connection *c = connected();
	struct shmreg_stats_reply stats;
	const unsigned int before = open_descriptors();

	script.serve = nonsense;
	for (nonsense_kind = 0; nonsense_kind < 8; nonsense_kind++) {
		const int r = shmreg_stats(c, 0, &stats);

		ck_assert_int_eq(r, nonsense_kind == 6 ? 0 : -EBADMSG);
	}
	/* The fake has closed its copies once it has answered another request. */
	script.serve = NULL;
	ck_assert_int_eq(shmreg_stats(c, 0, &stats), 0);
	ck_assert_uint_le(open_descriptors(), before);
	shmreg_disconnect(c);
}
END_TEST

static int attached_to_nobody;
static enum fake_action nobody(struct script *s, const struct shmreg_request *request,
			       struct fake_answer *answer)
{
	if (request->header.type == SHMREG_PACKET_HELLO)
		return fake_hello(request, answer, s->registry, NULL);
	/* Without an attachment there is nothing to detach from. */
	ck_assert_int_ne(request->header.type, SHMREG_PACKET_DETACH);
	if (!attached_to_nobody)
		return fake_error(answer, -EMFILE, "shmregd has no descriptor left");
	fake_attach(&s->segment, answer);
	answer->reply.u.attach.participant = 0;
	return FAKE_ANSWER;
}

START_TEST(no_attachment)
{
	struct shmreg_segment_params params = { .size = sizeof(params), .bytes = 4096 };
	struct shmreg_connection *c = connected();
	const unsigned int before = open_descriptors();
	struct shmreg_segment *s = NULL;

	script.serve = nobody;
	attached_to_nobody = 0;
	ck_assert_int_eq(shmreg_segment_create(c, &s, "seg", &params), -EMFILE);
	/* The sentence is not taken for an attachment. */
	ck_assert_str_eq(shmreg_error(), "shmregd has no descriptor left");
	attached_to_nobody = 1;
	ck_assert_int_eq(shmreg_segment_create(c, &s, "seg", &params), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(shmreg_error(), "to nobody"));
	ck_assert_ptr_null(s);
	script.serve = NULL;
	ck_assert_int_eq(shmreg_segment_create(c, &s, "seg", &params), 0);
	s = shmreg_segment_close(s);
	ck_assert_uint_le(open_descriptors(), before);
	shmreg_disconnect(c);
}
END_TEST

static enum fake_action stream(struct script *s, const struct shmreg_request *request,
			       struct fake_answer *answer)
{
	if (request->header.type == SHMREG_PACKET_HELLO)
		return fake_hello(request, answer, s->registry, NULL);
	ck_assert_uint_eq(request->u.subscribe.mask, 1 << SHMREG_EVENT_DIED);
	ck_assert_str_eq(request->u.subscribe.name, "seg");
	return FAKE_ANSWER;
}

START_TEST(events)
{
	struct shmreg_connection *c = connected();
	struct shmreg_stats_reply stats;
	struct shmreg_event event;
	struct shmreg_segment *s;

	ck_assert_int_eq(shmreg_next_event(c, &event, 1), -EINVAL);
	says("shmreg_subscribe()");
	ck_assert_int_eq(shmreg_subscribe(c, "no//name", 0), -EINVAL);
	s = attached(c);
	ck_assert_int_eq(shmreg_subscribe(c, "seg", 0), -EBUSY);
	shmreg_segment_close(s);
	script.serve = stream;
	ck_assert_int_eq(shmreg_subscribe(c, "seg", 1 << SHMREG_EVENT_DIED), 0);
	ck_assert_int_ge(shmreg_event_fd(c), 0);
	ck_assert_int_eq(shmreg_next_event(c, &event, 1), -EAGAIN);
	ck_assert_int_eq(shmreg_stats(c, 0, &stats), -EBUSY);
	fake_stop(fake);
	ck_assert_int_eq(shmreg_next_event(c, &event, 0), -ECONNRESET);
	shmreg_disconnect(c);
	fake = fake_start(script_serve, &script);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		nonsense_answers,
		no_attachment,
		events,
	};

	return RUN_SUITE("connection-answers", tests, script_setup, script_teardown, 120);
}
