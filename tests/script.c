/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "script.h"

enum fake_action script_serve(void *data, const struct shmreg_request *request,
			      struct fake_answer *answer)
{
	struct script *s = data;
	const uint16_t type = request->header.type;
	const char *why = NULL;

	if (shmreg_request_check(request, sizeof(*request), &why) < 0) {
		fprintf(stderr, "libshmreg sent what it should not: %s\n", why);
		abort();
	}
	s->n[type]++;
	if (type == SHMREG_PACKET_CREATE && s->n[type] <= 4) {
		s->nonce[s->n[type] - 1] = request->u.create.nonce;
		s->serial[s->n[type] - 1] = request->header.serial;
	}
	if (type != SHMREG_PACKET_HELLO && shmreg_load_acquire(&s->n_hang_ups) > 0 &&
	    (s->hang_up_on == 0 || s->hang_up_on == type)) {
		shmreg_store_release(&s->n_hang_ups, shmreg_load_acquire(&s->n_hang_ups) - 1);
		return FAKE_HANG_UP;
	}
	if (s->serve != NULL)
		return s->serve(s, request, answer);
	switch (type) {
	case SHMREG_PACKET_HELLO:
		return fake_hello(request, answer, s->registry, s->token == 0 ? &s->token : NULL);
	case SHMREG_PACKET_CREATE:
	case SHMREG_PACKET_OPEN:
	case SHMREG_PACKET_REATTACH:
		fake_attach(&s->segment, answer);
		if (type == SHMREG_PACKET_REATTACH)
			while (answer->n_fds > 0)
				close(answer->fds[--answer->n_fds]);
		return FAKE_ANSWER;
	default:
		return FAKE_ANSWER;
	}
}

struct script script;
struct fake *fake;
static unsigned int descriptors;

void script_setup(void)
{
	memset(&script, 0, sizeof(script));
	script.registry = REGISTRY;
	descriptors = open_descriptors();
	fake_segment_new(&script.segment, "seg");
	fake = fake_start(script_serve, &script);
}

void script_teardown(void)
{
	fake_stop(fake);
	fake_segment_free(&script.segment);
	if (script.token > 0)
		close(script.token);
	ck_assert_uint_eq(open_descriptors(), descriptors);
}

struct shmreg_connection *connected(void)
{
	const struct shmreg_connect_params params = { .size = sizeof(params),
						      .socket = fake_socket(fake) };
	struct shmreg_connection *c = NULL;
	const int r = shmreg_connect(&c, &params);

	ck_assert_msg(r == 0, "%s", shmreg_error());
	return c;
}

struct shmreg_segment *attached(struct shmreg_connection *c)
{
	const struct shmreg_segment_params params = { .size = sizeof(params), .bytes = 65536 };
	struct shmreg_segment *s = NULL;
	const int r = shmreg_segment_create(c, &s, "seg", &params);

	ck_assert_msg(r == 0, "%s", shmreg_error());
	return s;
}

void says(const char *text)
{
	ck_assert_msg(strstr(shmreg_error(), text) != NULL, "'%s' does not say '%s'", shmreg_error(),
		      text);
}
