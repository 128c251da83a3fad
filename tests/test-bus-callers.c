/* SPDX-License-Identifier: MIT */
#include <config.h>

/* Who calls over D-Bus: asked once, remembered; as many as there are, none is crowded out. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fake-bus.h"
#include "harness.h"

/* As daemon/bus-internal.h has them. */
#define ASKED_MAX 512
#define CALLS_A_SENDER 16
#define KNOWN_MAX 512
#define ANNA 1001
#define BERT 1002

static struct harness h;
static struct fake_bus bus;

/* What the daemon has asked, not answered yet. */
static sd_bus_message *questions[ASKED_MAX + 8];
static unsigned int n_questions, n_asked;
/* What callers were answered. */
static unsigned int n_answers, n_refused, n_denied;
static uint64_t last_cookie;

static int on_message(struct fake_bus *b, sd_bus_message *m)
{
	const sd_bus_error *e = sd_bus_message_get_error(m);

	(void)b;
	if (sd_bus_message_is_method_call(m, "org.freedesktop.DBus", "GetConnectionCredentials")) {
		ck_assert_uint_lt(n_questions, sizeof(questions) / sizeof(questions[0]));
		questions[n_questions++] = sd_bus_message_ref(m);
		n_asked++;
		return 1;
	}
	if (e && strcmp(e->name, SD_BUS_ERROR_LIMITS_EXCEEDED) == 0) {
		ck_assert_msg(strstr(e->message, "wait for answers") != NULL, "%s", e->message);
		n_refused++;
	} else if (e) {
		ck_assert_str_eq(e->name, "org.shmreg.Registry1.Error.AccessDenied");
		n_denied++;
	} else if (sd_bus_message_is_method_error(m, NULL) == 0 &&
		   sd_bus_message_get_reply_cookie(m, &last_cookie) >= 0) {
		n_answers++;
	}
	return 1;
}

static bool reached(unsigned int *count, unsigned int n)
{
	for (int i = 0; *count < n && i < 60000; i++) {
		fake_bus_process(&bus);
		usleep(*count < n ? 1000 : 0);
	}
	return *count == n;
}

#define EXPECT(count, n) \
	ck_assert_msg(reached(&(count), (n)), #count " is %u, not %u", (count), (unsigned int)(n))

static bool is_named(void *arg)
{
	(void)arg;
	fake_bus_process(&bus);
	return bus.named;
}

static void count_anew(void)
{
	n_answers = n_refused = n_denied = n_asked = 0;
}

static void setup(void)
{
	static const char *const options[] = { "--bus=yes", NULL };

	bus = (struct fake_bus){ .message = on_message };
	ck_assert_int_eq(fake_bus_listen(&bus), 0);
	setenv("DBUS_SESSION_BUS_ADDRESS", bus.address, 1);
	harness_start(&h, options);
	harness_wait(is_named, NULL, "the daemon to ask for its name");
	count_anew();
}

static void forget_questions(void)
{
	while (n_questions > 0)
		sd_bus_message_unref(questions[--n_questions]);
}

static void teardown(void)
{
	forget_questions();
	/* It comes again, and has as many descriptors as at its start. */
	fake_bus_hang_up(&bus);
	harness_stop(&h);
	fake_bus_close(&bus);
}

/* Sender number @n calls, @times times. */
static void call(unsigned int n, unsigned int times)
{
	char sender[16];

	snprintf(sender, sizeof(sender), ":1.%u", n + 1);
	for (unsigned int i = 0; i < times; i++)
		ck_assert_uint_ne(fake_bus_call(&bus, sender, "List", ""), 0);
	fake_bus_process(&bus);
}

/* The question that was asked last, or first. */
static void answer(bool last, uint32_t uid)
{
	const unsigned int which = last ? n_questions - 1 : 0;

	ck_assert_uint_gt(n_questions, 0);
	ck_assert_int_ge(fake_bus_say_who(questions[which], uid), 0);
	sd_bus_message_unref(questions[which]);
	memmove(&questions[which], &questions[which + 1], (--n_questions - which) * sizeof(*questions));
}

START_TEST(crowd)
{
	const unsigned int n = 256;	/* as many connections as a bus lets one user have */

	for (unsigned int i = 0; i < n; i++)
		call(i, CALLS_A_SENDER + 1);
	EXPECT(n_refused, n);
	EXPECT(n_asked, n);
	ck_assert_uint_eq(n_answers, 0);
	/* While all of them wait. */
	call(n, 1);
	EXPECT(n_asked, n + 1);
	answer(true, BERT);
	EXPECT(n_answers, 1);
	while (n_questions > 0)
		answer(false, ANNA);
	EXPECT(n_answers, 1 + n * CALLS_A_SENDER);
	ck_assert_uint_eq(n_refused, n);
}
END_TEST

START_TEST(too_many)
{
	for (unsigned int i = 0; i < ASKED_MAX; i++)
		call(i, 1);
	EXPECT(n_asked, ASKED_MAX);
	call(ASKED_MAX, 1);
	EXPECT(n_refused, 1);
	answer(false, ANNA);
	EXPECT(n_answers, 1);
	call(ASKED_MAX, 1);
	EXPECT(n_asked, ASKED_MAX + 1);
	while (n_questions > 0)
		answer(false, BERT);
	EXPECT(n_answers, ASKED_MAX + 1);
	ck_assert_uint_eq(n_refused, 1);
}
END_TEST

START_TEST(remembered)
{
	call(0, 1);
	EXPECT(n_asked, 1);
	answer(true, ANNA);
	EXPECT(n_answers, 1);
	call(0, 100);
	EXPECT(n_answers, 101);
	ck_assert_uint_eq(n_asked, 1);
	/* So many others have called since. */
	for (unsigned int i = 1; i <= KNOWN_MAX; i++) {
		call(i, 1);
		EXPECT(n_asked, 1 + i);
		answer(true, BERT);
	}
	EXPECT(n_answers, 101 + KNOWN_MAX);
	call(KNOWN_MAX, 1);
	EXPECT(n_answers, 102 + KNOWN_MAX);
	ck_assert_uint_eq(n_asked, 1 + KNOWN_MAX);
	call(0, 1);
	EXPECT(n_asked, 2 + KNOWN_MAX);
	answer(true, ANNA);
	EXPECT(n_answers, 103 + KNOWN_MAX);
}
END_TEST

START_TEST(unknown)
{
	call(0, 3);
	EXPECT(n_asked, 1);
	ck_assert_int_ge(sd_bus_reply_method_errorf(questions[0], SD_BUS_ERROR_NAME_HAS_NO_OWNER, "gone"),
			 0);
	forget_questions();
	EXPECT(n_denied, 3);
	/* The next time it may be said. */
	call(0, 1);
	EXPECT(n_asked, 2);
	answer(true, ANNA);
	EXPECT(n_answers, 1);
	ck_assert_uint_eq(n_refused, 0);
}
END_TEST

/* Another bus has the same names for others. */
START_TEST(other_bus)
{
	call(0, 1);
	EXPECT(n_asked, 1);
	answer(true, ANNA);
	EXPECT(n_answers, 1);
	call(1, 2);
	EXPECT(n_asked, 2);
	forget_questions();
	fake_bus_hang_up(&bus);
	harness_wait(is_named, NULL, "the daemon to come again");
	call(0, 1);
	EXPECT(n_asked, 3);
	answer(true, BERT);
	EXPECT(n_answers, 2);
	ck_assert_uint_eq(n_refused + n_denied, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("bus-callers");
	TCase *tc = harness_case(s, "bus-callers");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, crowd);
	tcase_add_test(tc, too_many);
	tcase_add_test(tc, remembered);
	tcase_add_test(tc, unknown);
	tcase_add_test(tc, other_bus);
	return harness_main(s);
}
