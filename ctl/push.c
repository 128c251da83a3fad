/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "access.h"
#include "sink.h"
#include "stream.h"

/* push, which takes what comes, and load, which looks first whether it all fits. */

static int no_room(const struct access *a, const struct sink *s, int r, uint64_t n)
{
	if (patience_interrupted())
		return ctl_fail("%s: interrupted; %" PRIu64 " elements were put into '%s'", a->command, n,
				a->object);
	if (r == -ETIMEDOUT)
		return ctl_fail("%s: '%s' is full%s; %" PRIu64 " elements were put into it%s", a->command,
				a->object, s->pool ? ", or no object of its pool is free" : "", n,
				a->timeout_ns ? "" : ". --wait waits for room");
	return ctl_fail("%s: '%s': %s; %" PRIu64 " elements were put into it", a->command, a->object,
			access_trouble(r), n);
}

static int bad_input(const struct access *a, const struct stream_in *in, int r, uint64_t n)
{
	if (r == -EINTR && patience_interrupted())
		return ctl_fail("%s: interrupted; %" PRIu64 " elements were put into '%s'", a->command, n,
				a->object);
	return ctl_fail("%s: %s; %" PRIu64 " elements were put into '%s' before", a->command, in->why, n,
			a->object);
}

static int open_sink(struct access *a, struct shmreg_segment *segment, struct sink **ret)
{
	struct shmreg_dir_object entry;
	int r;

	r = access_find(a, segment, &entry);
	if (r)
		return r;
	r = sink_open(segment, &entry, ret);
	if (r == -EOPNOTSUPP)
		return ctl_fail("%s: '%s' is a %s: nothing can be put into that%s", a->command, a->object,
				shmreg_kind_name(entry.shape.kind),
				entry.shape.kind == SHMREG_KIND_POOL ?
				"; what is acquired is held only by who lives. Push into a queue of its "
				"objects" : "");
	if (r == -ENXIO)
		return ctl_fail("%s: '%s' is a queue of objects, and their pool was removed", a->command,
				a->object);
	if (r < 0)
		return ctl_failed(r);
	r = access_use_format(a, entry.type_name, (*ret)->bytes, (*ret)->vary,
			      entry.shape.kind == SHMREG_KIND_ATOMIC);
	if (r)
		*ret = sink_close(*ret);
	return r;
}

static int push(struct access *a, struct sink *s)
{
	struct stream_in in;
	void *data = malloc(s->bytes ? s->bytes : 1);
	uint64_t n = 0, bytes;
	int r, status = 0;

	if (!data)
		return ctl_failed(-ENOMEM);
	stream_in_init(&in, stdin, "standard input", &a->format, a->style, s->vary, s->bytes);
	while (status == 0 && n < a->count) {
		r = stream_in_next(&in, data, &bytes);
		if (r == 0)
			break;
		if (r < 0) {
			status = bad_input(a, &in, r, n);
			break;
		}
		r = sink_put(s, data, bytes, a->timeout_ns);
		if (r < 0)
			status = no_room(a, s, r, n);
		else
			n++;
	}
	if (status == 0 && a->count != UINT64_MAX && n < a->count)
		status = ctl_fail("push: standard input ended after %" PRIu64 " of %" PRIu64
				  " elements; they were put into '%s'", n, a->count, a->object);
	stream_in_deinit(&in);
	free(data);
	return status;
}

int ctl_push(struct ctl *ctl, int argc, char **argv)
{
	struct shmreg_connection *connection;
	struct shmreg_segment *segment;
	struct sink *sink = NULL;
	struct access a;
	int r = access_parse(&a, ctl, ACCESS_FORMAT | ACCESS_COUNT | ACCESS_WAIT, 2, 2, "SEGMENT OBJECT",
			     argc, argv);

	if (r)
		return r;
	patience_catch();
	r = access_attach(&a, ctl, &connection, &segment);
	if (r == 0) {
		r = open_sink(&a, segment, &sink);
		if (r == 0 && sink->places)
			r = ctl_fail("push: '%s' is a %s, into which nothing is pushed; set and load change "
				     "it", a.object, shmreg_kind_name(sink->entry.shape.kind));
		if (r == 0)
			r = push(&a, sink);
		sink_close(sink);
		shmreg_disconnect(connection);
	}
	access_free(&a);
	patience_end();
	return r;
}

/* --- load --------------------------------------------------------------------------------------------- */

/* All there is, before anything of it is put anywhere. */
struct loaded {
	unsigned char *data;
	uint64_t *end;		/* of each element */
	uint64_t n, room, bytes, room_bytes;
};

static int keep(struct loaded *l, const void *data, uint64_t bytes)
{
	if (l->n == l->room) {
		const uint64_t room = l->room ? l->room * 2 : 64;
		uint64_t *end = reallocarray(l->end, room, sizeof(*end));

		if (!end)
			return -ENOMEM;
		l->end = end;
		l->room = room;
	}
	if (bytes > l->room_bytes - l->bytes) {
		const uint64_t room = (l->bytes + bytes) * 2;
		unsigned char *to = realloc(l->data, room);

		if (!to)
			return -ENOMEM;
		l->data = to;
		l->room_bytes = room;
	}
	memcpy(l->data + l->bytes, data, bytes);
	l->bytes += bytes;
	l->end[l->n++] = l->bytes;
	return 0;
}

static int read_all(struct access *a, const struct sink *s, FILE *file, const char *name, uint64_t most,
		    struct loaded *ret)
{
	struct stream_in in;
	void *data = malloc(s->bytes ? s->bytes : 1);
	uint64_t bytes;
	int r = data ? 1 : -ENOMEM, status = 0;

	stream_in_init(&in, file, name, &a->format, a->style, s->vary, s->bytes);
	while (r == 1 && ret->n <= most) {
		r = stream_in_next(&in, data, &bytes);
		if (r == -EINVAL || (r < 0 && in.why[0]))
			status = bad_input(a, &in, r, 0);
		else if (r == 1 && keep(ret, data, bytes) < 0)
			r = -ENOMEM;
	}
	if (r == -ENOMEM && !status)
		status = ctl_failed(r);
	stream_in_deinit(&in);
	free(data);
	return status;
}

static int check_size(const struct access *a, const struct sink *s, const struct loaded *l, uint64_t room)
{
	const uint64_t wanted = a->indexed && a->last != UINT64_MAX ? a->last - a->first + 1 : UINT64_MAX;

	if (l->n == 0)
		return ctl_fail("load: '%s' has no elements; '%s' is as it was", a->words[2], a->object);
	if (s->places && wanted != UINT64_MAX && l->n != wanted)
		return ctl_fail("load: '%s' has %s%" PRIu64 " elements, and %" PRIu64 " were to be set; '%s' "
				"is as it was", a->words[2], l->n > wanted ? "more than " : "",
				l->n > wanted ? wanted : l->n, wanted, a->object);
	if (l->n > room && (s->places || !a->timeout_ns))
		return ctl_fail("load: '%s' has room for %" PRIu64 " elements%s, and '%s' has more; nothing "
				"was put into it%s", a->object, room, a->indexed ? " from there on" : "",
				a->words[2], s->places ? "" : ". --wait waits for room");
	return 0;
}

static int load(struct access *a, struct sink *s, FILE *file)
{
	const uint32_t kind = s->entry.shape.kind;
	struct loaded l = { 0 };
	uint64_t room, most;
	int r = 0, status;

	if (a->indexed && kind != SHMREG_KIND_ARRAY)
		return ctl_fail("load: '%s' is no array: its elements have no indices", a->object);
	s->at = a->first;
	room = sink_room(s);
	most = s->places || !a->timeout_ns ? room : UINT64_MAX;
	status = read_all(a, s, file, a->words[2], most, &l);
	if (status == 0)
		status = check_size(a, s, &l, room);
	for (uint64_t i = 0; status == 0 && i < l.n; i++) {
		const uint64_t begin = i ? l.end[i - 1] : 0;

		r = sink_put(s, l.data + begin, l.end[i] - begin, a->timeout_ns);
		if (r < 0)
			status = no_room(a, s, r, i);
	}
	free(l.data);
	free(l.end);
	return status;
}

int ctl_load(struct ctl *ctl, int argc, char **argv)
{
	struct shmreg_connection *connection = NULL;
	struct shmreg_segment *segment;
	struct sink *sink = NULL;
	struct access a;
	FILE *file;
	int r = access_parse(&a, ctl, ACCESS_FORMAT | ACCESS_WAIT | ACCESS_INDEX, 3, 3,
			     "SEGMENT OBJECT[INDEX] FILE", argc, argv);

	if (r)
		return r;
	patience_catch();
	file = strcmp(a.words[2], "-") == 0 ? stdin : fopen(a.words[2], "re");
	if (!file)
		r = ctl_fail("load: '%s' cannot be read: %s", a.words[2], strerror(errno));
	else
		r = access_attach(&a, ctl, &connection, &segment);
	if (r == 0)
		r = open_sink(&a, segment, &sink);
	if (r == 0)
		r = load(&a, sink, file);
	sink_close(sink);
	shmreg_disconnect(connection);
	if (file && file != stdin)
		fclose(file);
	access_free(&a);
	patience_end();
	return r;
}
