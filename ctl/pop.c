/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <inttypes.h>

#include "access.h"
#include "stream.h"
#include "tap.h"

/* Return: 0; 1: said. */
static int put_out(const struct access *a, struct stream_out *out, const void *data, uint64_t bytes)
{
	char why[FORMAT_WHY_MAX];
	const int r = stream_out_put(out, data, bytes, why);

	if (r == -ENOMEM)
		return ctl_failed(r);
	if (r < 0)
		return ctl_fail("pop: of '%s' %s", a->object, why);
	return ctl_flush();
}

/* There is no more, as far as it was to be waited for. */
static int ended(const struct access *a, int r, uint64_t n)
{
	if (patience_interrupted())
		return ctl_fail("pop: interrupted; %" PRIu64 " elements were taken", n);
	if (r == -ETIMEDOUT && a->count == UINT64_MAX)
		return 0;
	if (r == -ETIMEDOUT)
		return ctl_fail("pop: '%s' is empty; %" PRIu64 " of %" PRIu64 " elements were taken%s", a->object,
				n, a->count, a->timeout_ns ? "" : ". --wait waits for more");
	return ctl_fail("pop: '%s': %s; %" PRIu64 " elements were taken", a->object, access_trouble(r), n);
}

static int pop(const struct access *a, struct tap *t)
{
	struct stream_out out = {
		.file = stdout,
		.format = &a->format,
		.style = a->style,
		.vary = t->vary,
	};
	const void *data;
	uint64_t bytes;
	int r;

	for (uint64_t n = 0; n < a->count; n++) {
		r = tap_take(t, &data, &bytes, a->timeout_ns);
		if (r < 0)
			return ended(a, r, n);
		if (t->n_lost) {
			fflush(stdout);
			fprintf(stderr, "shmregctl: pop: %" PRIu64 " messages were lost here\n", t->n_lost);
		}
		/* It is consumed when it is out of our hands, and not before. */
		if (put_out(a, &out, data, bytes)) {
			tap_give_back(t);
			return 1;
		}
		r = tap_done(t);
		if (r < 0)
			return ended(a, r, n);
	}
	return 0;
}

static int open_tap(struct access *a, struct shmreg_segment *segment, struct tap **ret)
{
	struct shmreg_dir_object entry;
	int r;

	r = access_find(a, segment, &entry);
	if (r)
		return r;
	if (entry.shape.kind != SHMREG_KIND_TOPIC && a->has_history)
		return ctl_fail("pop: '%s' is a %s; --history is for topics", a->object,
				shmreg_kind_name(entry.shape.kind));
	if (entry.shape.kind == SHMREG_KIND_TOPIC && !a->has_history && !a->timeout_ns)
		return ctl_fail("pop: '%s' is a topic: a subscription begins now, and there is nothing to read "
				"yet; give --wait, --timeout or --history", a->object);
	r = tap_open(segment, &entry, a->has_history ? a->history : 0, ret);
	if (r == -EOPNOTSUPP)
		return ctl_fail("pop: '%s' is a %s, of which nothing is taken; get and peek look at it",
				a->object, shmreg_kind_name(entry.shape.kind));
	if (r == -ENXIO)
		return ctl_fail("pop: '%s' is a queue of objects, and their pool was removed", a->object);
	if (r < 0)
		return ctl_failed(r);
	r = access_use_format(a, entry.type_name, (*ret)->bytes, (*ret)->vary, false);
	if (r)
		*ret = tap_close(*ret);
	return r;
}

int ctl_pop(struct ctl *ctl, int argc, char **argv)
{
	struct shmreg_connection *connection;
	struct shmreg_segment *segment;
	struct tap *tap;
	struct access a;
	int r = access_parse(&a, ctl, ACCESS_FORMAT | ACCESS_COUNT | ACCESS_WAIT | ACCESS_HISTORY, 2, 2,
			     "SEGMENT OBJECT", argc, argv);

	if (r)
		return r;
	patience_catch();
	r = access_attach(&a, ctl, &connection, &segment);
	if (r == 0) {
		r = open_tap(&a, segment, &tap);
		if (r == 0) {
			r = pop(&a, tap);
			tap_close(tap);
		}
		shmreg_disconnect(connection);
	}
	access_free(&a);
	patience_end();
	return r;
}
