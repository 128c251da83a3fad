/* SPDX-License-Identifier: MIT */
#include <config.h>

/* The daemon hangs up in the middle, or is another one when it comes back. */

#include <errno.h>
#include <string.h>

#include <shmreg/handle.h>

#include "script.h"
#include "suite.h"

START_TEST(repeated_with_its_nonce)
{
	struct shmreg_connection *c = connected();
	struct shmreg_segment *s;

	shmreg_store_release(&script.n_hang_ups, 2);
	script.hang_up_on = SHMREG_PACKET_CREATE;
	s = attached(c);
	ck_assert_uint_eq(script.n[SHMREG_PACKET_CREATE], 3);
	ck_assert_uint_eq(script.n[SHMREG_PACKET_HELLO], 3);
	ck_assert_uint_ne(script.nonce[0], 0);
	ck_assert_uint_eq(script.nonce[0], script.nonce[1]);
	ck_assert_uint_eq(script.nonce[0], script.nonce[2]);
	ck_assert_uint_lt(script.serial[0], script.serial[1]);
	shmreg_segment_close(s);
	ck_assert_uint_eq(script.n[SHMREG_PACKET_DETACH], 1);
	s = attached(c);
	ck_assert_uint_ne(script.nonce[3], script.nonce[0]);
	shmreg_disconnect(c);
	ck_assert_uint_eq(script.n[SHMREG_PACKET_DETACH], 2);
	ck_assert_uint_eq(script.n[SHMREG_PACKET_REATTACH], 0);
}
END_TEST

START_TEST(dies_on_every_request)
{
	struct shmreg_connection *c = connected();
	struct shmreg_stats_reply stats;

	shmreg_store_release(&script.n_hang_ups, 1000);
	ck_assert_int_eq(shmreg_stats(c, 0, &stats), -ECONNRESET);
	says("16 times in a row");
	shmreg_store_release(&script.n_hang_ups, 0);
	ck_assert_int_eq(shmreg_stats(c, 0, &stats), 0);
	shmreg_disconnect(c);
}
END_TEST

START_TEST(goes_away)
{
	struct shmreg_connection *c = connected();
	struct shmreg_segment *s = attached(c);
	struct shmreg_stats_reply stats;
	const uint64_t *data = shmreg_segment_data(s);

	fake_stop(fake);
	ck_assert_int_eq(shmreg_stats(c, 0, &stats), -ENOENT);
	says("shmregctl run");
	ck_assert_uint_eq(data[0], 0); /* the data plane goes on */
	ck_assert_uint_eq(shmreg_segment_participant(s), 7);
	shmreg_disconnect(c);
	fake = fake_start(script_serve, &script);
}
END_TEST

START_TEST(registry_without_our_segments)
{
	struct shmreg_connection *c = connected();
	struct shmreg_segment *s = attached(c);
	struct shmreg_stats_reply stats;

	script.registry = REGISTRY + 1;
	shmreg_store_release(&script.n_hang_ups, 1);
	ck_assert_int_eq(shmreg_stats(c, 0, &stats), 0);
	ck_assert_uint_eq(script.n[SHMREG_PACKET_REATTACH], 0);
	shmreg_dir_objects(script.segment.dir)[0] = (struct shmreg_dir_object){
		.state = SHMREG_ENTRY_LIVE, .id = 1, .bytes = 128, .name = "a",
		.shape = { SHMREG_KIND_ATOMIC, SHMREG_ATOMIC_LAYOUT, 0, 8, 8, 1, { 0 } },
	};
	shmreg_dir_buckets(script.segment.dir)[shmreg_name_hash("a") & 15] = 1;
	ck_assert_int_eq(shmreg_object_remove(s, "a"), -ESTALE);
	says("segment 'seg'");
	says("goes on working");
	ck_assert_uint_eq(script.n[SHMREG_PACKET_REMOVE_OBJECT], 0);
	ck_assert_uint_eq(shmreg_segment_dir(s)->segment, 3);
	shmreg_segment_close(s);
	ck_assert_uint_eq(script.n[SHMREG_PACKET_DETACH], 0);
	shmreg_disconnect(c);
}
END_TEST

static enum fake_action unknown_attachment(struct script *s, const struct shmreg_request *request,
					   struct fake_answer *answer)
{
	if (request->header.type == SHMREG_PACKET_REATTACH)
		return fake_error(answer, -ENOENT, "there is no participant 7");
	s->serve = NULL;
	s->n[request->header.type]--;
	script_serve(s, request, answer);
	s->serve = unknown_attachment;
	return FAKE_ANSWER;
}

START_TEST(attachment_refused)
{
	struct shmreg_connection *c = connected();
	struct shmreg_segment *s = attached(c);
	struct shmreg_stats_reply stats;
	struct shmreg_handle *h;
	const struct shmreg_shape shape = { SHMREG_KIND_ATOMIC, SHMREG_ATOMIC_LAYOUT, 0, 8, 8, 1, { 0 } };

	script.serve = unknown_attachment;
	shmreg_store_release(&script.n_hang_ups, 1);
	ck_assert_int_eq(shmreg_stats(c, 0, &stats), 0);
	ck_assert_uint_eq(script.n[SHMREG_PACKET_REATTACH], 1);
	ck_assert_int_eq(shmreg_object_open(s, &h, SHMREG_OBJECT_CREATE, "a", &shape, NULL,
					    sizeof(*h)), -ESTALE);
	says("there is no participant 7");
	shmreg_disconnect(c);
}
END_TEST

/* The answer to SEATS is lost; the seats were granted and are found in the directory. */
static enum fake_action seats_lost(struct script *s, const struct shmreg_request *request,
				   struct fake_answer *answer)
{
	if (request->header.type == SHMREG_PACKET_SEATS) {
		shmreg_store_release(&shmreg_dir_seats(s->segment.dir)[11],
				     7 << SHMREG_SEAT_PARTICIPANT_SHIFT | SHMREG_SEAT_LIVE);
		return FAKE_HANG_UP;
	}
	s->serve = NULL;
	s->n[request->header.type]--;
	script_serve(s, request, answer);
	s->serve = seats_lost;
	return FAKE_ANSWER;
}

START_TEST(seats_answer_lost)
{
	const struct shmreg_shape any = { SHMREG_KIND_QUEUE, SHMREG_QUEUE_LAYOUT, 0, 0, 0, 0, { 0 } };
	struct shmreg_connection *c = connected();
	struct shmreg_segment *s = attached(c);
	struct shmreg_handle *h[3];
	unsigned int i;

	shmreg_dir_objects(script.segment.dir)[0] = (struct shmreg_dir_object){
		.state = SHMREG_ENTRY_LIVE, .id = 1, .bytes = 1024 + 2 * 16, .name = "q",
		.shape = { SHMREG_KIND_QUEUE, SHMREG_QUEUE_LAYOUT, 0, 8, 8, 2, { 0 } },
	};
	shmreg_dir_objects(script.segment.dir)[0].bytes = 1152;
	shmreg_dir_buckets(script.segment.dir)[shmreg_name_hash("q") & 15] = 1;
	script.serve = seats_lost;
	for (i = 0; i < 3; i++)
		ck_assert_msg(shmreg_object_open(s, &h[i], SHMREG_OBJECT_ATTACH | SHMREG_OBJECT_SEAT,
						 "q", &any, NULL, sizeof(*h[i])) == 0, "%s",
			      shmreg_error());
	ck_assert_uint_eq(h[0]->seat, 5);
	ck_assert_uint_eq(h[1]->seat, 9);
	ck_assert_uint_eq(h[2]->seat, 11);
	ck_assert_uint_eq(script.n[SHMREG_PACKET_SEATS], 1);
	ck_assert_uint_eq(script.n[SHMREG_PACKET_REATTACH], 1);
	/* two handles of one object never share, and a closed one's seat is free again */
	ck_assert_int_eq(shmreg_object_close(h[1]), 0);
	ck_assert_int_eq(shmreg_object_open(s, &h[1], SHMREG_OBJECT_ATTACH | SHMREG_OBJECT_SEAT, "q",
					    &any, NULL, sizeof(*h[1])), 0);
	ck_assert_uint_eq(h[1]->seat, 9);
	shmreg_disconnect(c);
}
END_TEST

static enum fake_action removed_before_the_answer(struct script *s,
						  const struct shmreg_request *request,
						  struct fake_answer *answer)
{
	switch (request->header.type) {
	case SHMREG_PACKET_HELLO:
		return fake_hello(request, answer, s->registry, NULL);
	case SHMREG_PACKET_DESCRIBE:
		answer->reply.u.describe.segment = 42;
		return FAKE_ANSWER;
	case SHMREG_PACKET_REMOVE:
		ck_assert_uint_eq(request->u.target.segment, 42);
		ck_assert_str_eq(request->u.target.name, "");
		return s->n[SHMREG_PACKET_REMOVE] == 1 ?
			       FAKE_HANG_UP :
			       fake_error(answer, -ENOENT, "there is no segment 42");
	default:
		return FAKE_HANG_UP;
	}
}

START_TEST(removed_exactly_once)
{
	struct shmreg_connection *c = connected();

	script.serve = removed_before_the_answer;
	ck_assert_msg(shmreg_segment_remove(c, "seg") == 0, "%s", shmreg_error());
	ck_assert_uint_eq(script.n[SHMREG_PACKET_REMOVE], 2);
	/* an answer that was not lost is believed */
	ck_assert_int_eq(shmreg_segment_remove(c, "seg"), -ENOENT);
	shmreg_disconnect(c);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		repeated_with_its_nonce,
		dies_on_every_request,
		goes_away,
		registry_without_our_segments,
		attachment_refused,
		seats_answer_lost,
		removed_exactly_once,
	};

	return RUN_SUITE("connection-lost", tests, script_setup, script_teardown, 120);
}
