/* SPDX-License-Identifier: MIT */

/* bus - the words of D-Bus callers: targets, lifetimes, resources */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bus-args.h"
#include "fuzz.h"

static void check_answer(int r, const char *error)
{
	MUST(r == 0 || r == -EINVAL || r == -ENAMETOOLONG);
	MUST((r < 0) == (*error != 0));
	MUST(strnlen(error, SHMREG_ERROR_MAX + 1) <= SHMREG_ERROR_MAX);
}

static void check_target(const char *text)
{
	char error[SHMREG_ERROR_MAX + 1] = "", again[32];
	struct shmreg_request request = {
		.header = { .magic = SHMREG_PACKET_MAGIC, .protocol = SHMREG_PROTOCOL,
			    .type = SHMREG_PACKET_DESCRIBE, .serial = 1 },
	};
	const int r = bus_parse_target(&request.u.target, text, error);

	check_answer(r, error);
	if (r < 0)
		return;
	/* What the bus takes, the socket would have taken. */
	MUST(shmreg_request_check(&request, sizeof(request), NULL) == 0);
	snprintf(again, sizeof(again), "#%" PRIu64, request.u.target.segment);
	MUST(strcmp(text, *text == '#' ? again : request.u.target.name) == 0);
}

static void check_words(const char *text)
{
	char error[SHMREG_ERROR_MAX + 1] = "";
	enum shmreg_resource resource = 0;
	uint32_t lifetime = 0;
	int r;

	r = bus_parse_lifetime(&lifetime, text, error);
	check_answer(r, error);
	MUST(r < 0 || strcmp(bus_lifetime_name(lifetime), text) == 0);
	error[0] = 0;
	r = bus_parse_resource(&resource, text, error);
	check_answer(r, error);
	MUST(r < 0 || strcmp(bus_resource_name(resource), text) == 0);
}

static void run(struct fuzz_input *in)
{
	char text[400];

	fuzz_take(in, text, sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	check_target(text);
	check_words(text);
}

static void seeds(void)
{
	fuzz_seed_text("#17");
	fuzz_seed_text("#18446744073709551615");
	fuzz_seed_text("#18446744073709551616");
	fuzz_seed_text("stock/ticks");
	fuzz_seed_text("until-removed");
	fuzz_seed_text("with-creator");
	fuzz_seed_text("reserved-bytes");
}

const struct fuzz_target fuzz_target = { NULL, run, seeds };
