/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "soak.h"

uint64_t n_made, n_refused;

static void refused(int r, int expected, const char *what)
{
	if (r != expected)
		complain("%s was answered with %d (%s), not %d", what, r, strerror(-r), expected);
	n_refused++;
}

static void objects(struct shmreg_segment *s, struct random_state *r)
{
	struct shmreg_queue_params params = { .size = sizeof(params),
					      .capacity = UINT64_C(2)
							  << random_below(r, 6),
					      .elem_bytes = 8,
					      .elem_align = 8 };
	struct shmreg_queue *q[2], *extra;

	must(shmreg_queue_create(s, &q[0], "first", &params));
	must(shmreg_queue_create(s, &q[1], "second", &params));
	refused(shmreg_queue_create(s, &extra, "first", &params), -EEXIST, "an object's name");
	refused(shmreg_queue_create(s, &extra, "third", &params), -ENOSPC, "the third object");
	params.capacity = 1;
	refused(shmreg_queue_create(s, &extra, "bad", &params), -EINVAL, "a capacity of 1");
	must(shmreg_queue_close(q[0]));
	must(shmreg_object_remove(s, "first"));
	refused(shmreg_object_remove(s, "first"), -ENOENT, "an object that was removed");
	n_made += 2;
	if (random_below(r, 2))
		must(shmreg_queue_close(q[1]));
}

void churn(struct random_state *r)
{
	const struct shmreg_segment_params params = { .size = sizeof(params),
						      .bytes = 65536,
						      .lifetime = SHMREG_UNTIL_REMOVED,
						      .max_participants = 2,
						      .max_objects = 2 };
	struct shmreg_segment *s, *again, *extra;
	struct shmreg_connection *c;
	char name[64];

	snprintf(name, sizeof(name), "soak/churn-%llu", (unsigned long long)n_made);
	must(shmreg_connect(&c, NULL));
	must(shmreg_segment_create(c, &s, name, &params));
	n_made++;
	refused(shmreg_segment_create(c, &extra, name, &params), -EEXIST, "a segment's name");
	refused(shmreg_segment_create(c, &extra, "soak/../x", &params), -EINVAL, "a bad name");
	must(shmreg_segment_open(c, &again, name, SHMREG_ACCESS_READ));
	refused(shmreg_segment_open(c, &extra, name, SHMREG_ACCESS_READ), -ENOSPC,
		"the third participant");
	objects(s, r);
	must(shmreg_segment_remove(c, name));
	refused(shmreg_segment_open(c, &extra, name, SHMREG_ACCESS_READ), -ENOENT,
		"a segment that was removed");
	if (random_below(r, 2)) {
		shmreg_segment_close(again);
		shmreg_segment_close(s);
	}
	shmreg_disconnect(c);
}
