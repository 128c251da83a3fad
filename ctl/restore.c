/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <shmreg/handle.h>

#include "access.h"
#include "dump.h"
#include "sink.h"

struct restore {
	const struct access *access;
	const char *name;		/* of the file */
	FILE *file;
	struct shmreg_segment *segment;	/* NULL: the file is only checked */
	struct format fields;		/* of struct dump_object */
	char *line;
	size_t room;
	uint64_t n_line;
	struct dump_object object;	/* the last one's header */
	struct shmreg_shape shape;
	bool any;
	struct sink *sink;		/* of that; NULL: it has no elements */
	unsigned char *data;		/* one element */
	uint64_t data_bytes;
	uint64_t next;			/* number that the next element has at least */
	uint64_t n_elements, n_objects;
};

static int bad(const struct restore *d, const char *what)
{
	return ctl_fail("restore: %s, line %" PRIu64 ", %s%s", d->name, d->n_line, what,
			d->segment && d->n_objects ? "; what is before it was restored" : "");
}

/* Return: 1; 0 the end; -1 said. Without its end. */
static int read_line(struct restore *d)
{
	ssize_t n;

	errno = 0;
	n = getline(&d->line, &d->room, d->file);
	if (n < 0 && (ferror(d->file) || errno == ENOMEM)) {
		ctl_fail("restore: %s cannot be read: %s", d->name, strerror(errno));
		return -1;
	}
	if (n < 0)
		return 0;
	d->n_line++;
	if (memchr(d->line, '\0', (size_t)n)) {
		bad(d, "has a zero byte: it is no dump's");
		return -1;
	}
	if (n > 0 && d->line[n - 1] == '\n')
		d->line[n - 1] = '\0';
	return 1;
}

/* --- objects ------------------------------------------------------------------------------------------ */

static uint32_t kind_by_name(const char *name)
{
	for (uint32_t kind = 1; kind <= SHMREG_KIND_MAX; kind++)
		if (strcmp(shmreg_kind_name(kind), name) == 0)
			return kind;
	return SHMREG_KIND_NONE;
}

static uint32_t layout_of(uint32_t kind)
{
	static const uint32_t layouts[SHMREG_KIND_MAX + 1] = {
		[SHMREG_KIND_ARRAY] = SHMREG_ARRAY_LAYOUT, [SHMREG_KIND_ATOMIC] = SHMREG_ATOMIC_LAYOUT,
		[SHMREG_KIND_QUEUE] = SHMREG_QUEUE_LAYOUT, [SHMREG_KIND_RING] = SHMREG_RING_LAYOUT,
		[SHMREG_KIND_TOPIC] = SHMREG_TOPIC_LAYOUT, [SHMREG_KIND_POOL] = SHMREG_POOL_LAYOUT,
		[SHMREG_KIND_CELL] = SHMREG_CELL_LAYOUT,
	};

	return layouts[kind];
}

static int check_object(struct restore *d)
{
	struct dump_object *o = &d->object;
	const char *why;
	uint64_t bytes, align;

	/* As strings they may be full to the brim, and then have no zero. */
	if (o->object[63] || o->kind[15] || o->type[63] || o->pool[63] || o->byte_order[7])
		return bad(d, "has a name that is too long");
	if (shmreg_name_check(o->object, SHMREG_OBJECT_NAME_MAX, &why) < 0)
		return bad(d, "has an object's name that cannot be one");
	d->shape = (struct shmreg_shape){
		.kind = kind_by_name(o->kind),
		.flags = o->flags,
		.elem_align = o->elem_align,
		.elem_bytes = o->elem_bytes,
		.capacity = o->capacity,
	};
	if (d->shape.kind == SHMREG_KIND_NONE)
		return bad(d, "has a kind of object that this version does not know");
	if (strcmp(o->byte_order, DUMP_BYTE_ORDER) != 0)
		return bad(d, "has elements of a machine with another byte order");
	d->shape.layout = layout_of(d->shape.kind);
	memcpy(d->shape.param, o->param, sizeof(d->shape.param));
	/* Any pool will do, until it is known which. */
	if (shmreg_shape_is_object_queue(&d->shape))
		d->shape.param[0] = 1;
	if (shmreg_shape_bytes(&d->shape, &bytes, &align, &why) < 0) {
		char text[FORMAT_WHY_MAX];

		format_refuse(text, "describes an object that %s", why);
		return bad(d, text);
	}
	return 0;
}

/* Where its pool is here. */
static int find_pool(struct restore *d)
{
	struct shmreg_dir_object pool;
	uint32_t index;

	if (shmreg_dir_find(shmreg_segment_dir(d->segment), d->object.pool, &pool, &index) < 0 ||
	    pool.shape.kind != SHMREG_KIND_POOL)
		return ctl_fail("restore: '%s' is a queue of objects of the pool '%s', and that is not in '%s'",
				d->object.object, d->object.pool, d->access->words[0]);
	d->shape.param[0] = (uint32_t)pool.id;
	d->shape.param[1] = (uint32_t)(pool.id >> 32);
	d->shape.param[2] = index;
	return 0;
}

/* Every kind is made from its shape. */
static int create_object(struct restore *d)
{
	const uint32_t how = SHMREG_OBJECT_CREATE | (d->access->existing ? SHMREG_OBJECT_ATTACH : 0);
	struct shmreg_handle *handle;
	struct shmreg_dir_object entry;
	int r;

	if (shmreg_shape_is_object_queue(&d->shape)) {
		r = find_pool(d);
		if (r)
			return r;
	}
	r = shmreg_object_open(d->segment, &handle, how, d->object.object, &d->shape, d->object.type,
			       sizeof(*handle));
	if (r == -EEXIST)
		return ctl_fail("restore: '%s' is in '%s' already; --existing puts the elements into it",
				d->object.object, d->access->words[0]);
	if (r < 0)
		return ctl_failed(r);
	entry = *handle->entry;
	shmreg_object_close(handle);
	d->n_objects++;
	if (d->shape.kind == SHMREG_KIND_POOL)
		return 0;
	r = sink_open(d->segment, &entry, &d->sink);
	return r < 0 ? ctl_failed(r) : 0;
}

/* Of an array that was there, what is not in the dump is zero. */
static int finish_object(struct restore *d)
{
	if (d->sink && d->access->existing && d->shape.kind == SHMREG_KIND_ARRAY && d->data) {
		memset(d->data, 0, d->shape.elem_bytes);
		while (sink_put(d->sink, d->data, d->shape.elem_bytes, 0) == 0)
			;
	}
	d->sink = sink_close(d->sink);
	return 0;
}

static int take_object(struct restore *d)
{
	char text[FORMAT_WHY_MAX], why[FORMAT_WHY_MAX];
	const char *at = d->line;
	uint64_t n;
	int r;

	finish_object(d);
	r = format_scan(&d->fields, FORMAT_STYLE_JSON, false, &at, &d->object, sizeof(d->object), &n, why);
	if (r == -ENOMEM)
		return ctl_failed(r);
	if (r < 0 || *at) {
		format_refuse(text, "describes no object: it %.200s", r < 0 ? why : "has more than one");
		return bad(d, text);
	}
	d->any = true;
	d->next = 0;
	r = check_object(d);
	if (r == 0 && d->segment)
		r = create_object(d);
	/* Of a queue of objects, what they have is the pool's to say, and known when it is there. */
	if (r == 0)
		d->data_bytes = d->sink ? d->sink->bytes : d->shape.elem_bytes;
	if (r == 0 && d->data_bytes) {
		free(d->data);
		d->data = malloc(d->data_bytes);
		if (!d->data)
			r = ctl_failed(-ENOMEM);
	}
	return r;
}

/* --- elements ----------------------------------------------------------------------------------------- */

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Is an element's size its own affair? */
static bool varies(const struct restore *d)
{
	return d->shape.kind == SHMREG_KIND_TOPIC ||
	       (d->shape.kind == SHMREG_KIND_RING && d->shape.flags & SHMREG_RING_RECORDS);
}

static int put_element(struct restore *d, uint64_t number, uint64_t bytes)
{
	int r;

	if (d->shape.kind == SHMREG_KIND_ARRAY) {
		if (d->access->existing) {
			unsigned char *zero = calloc(1, bytes);

			while (zero && d->sink->at < number && sink_put(d->sink, zero, bytes, 0) == 0)
				;
			free(zero);
		}
		d->sink->at = number;
	}
	r = sink_put(d->sink, d->data, bytes, 0);
	if (r == -ETIMEDOUT)
		return ctl_fail("restore: '%s' is full; what is before line %" PRIu64 " was restored",
				d->object.object, d->n_line);
	if (r < 0)
		return ctl_fail("restore: '%s': %s; what is before line %" PRIu64 " was restored",
				d->object.object, access_trouble(r), d->n_line);
	return 0;
}

static int take_element(struct restore *d)
{
	char *hex;
	uint64_t number, bytes = 0;

	errno = 0;
	number = strtoull(d->line, &hex, 10);
	if (errno || *hex != ' ')
		return bad(d, "is no element: there is no blank behind its number");
	hex++;
	if (!d->any || d->shape.kind == SHMREG_KIND_POOL)
		return bad(d, "is an element of nothing");
	if (number < d->next)
		return bad(d, "has a number that is not larger than the one before");
	if (d->shape.kind == SHMREG_KIND_ARRAY ? number >= d->shape.capacity : number != d->next)
		return bad(d, "has a number that is too large");
	if (!d->data) {
		/* Records: their size is not said; a line is as long as what it says. */
		d->data_bytes = 0;
	}
	if (strlen(hex) / 2 > d->data_bytes) {
		unsigned char *data;

		if (!varies(d) && !(shmreg_shape_is_object_queue(&d->shape) && !d->segment))
			return bad(d, "has more bytes than an element");
		data = realloc(d->data, strlen(hex) / 2);
		if (!data)
			return ctl_failed(-ENOMEM);
		d->data = data;
		d->data_bytes = strlen(hex) / 2;
	}
	if (strcmp(hex, "-") != 0)
		for (; hex[0]; hex += 2, bytes++) {
			const int high = digit(hex[0]), low = high < 0 ? -1 : digit(hex[1]);

			if (low < 0)
				return bad(d, "has bytes that are no pairs of hexadecimal digits");
			d->data[bytes] = (unsigned char)(high << 4 | low);
		}
	if (!varies(d) && !(shmreg_shape_is_object_queue(&d->shape) && !d->segment) &&
	    bytes != d->data_bytes)
		return bad(d, "has fewer bytes than an element");
	d->next = number + 1;
	d->n_elements++;
	return d->segment ? put_element(d, number, bytes) : 0;
}

static int take_end(struct restore *d, bool *ret_ended)
{
	char want[40];

	snprintf(want, sizeof(want), "end %" PRIu64, d->n_elements);
	if (strcmp(d->line, want) != 0)
		return bad(d, "says that there were other elements before: something is missing");
	*ret_ended = true;
	return 0;
}

/* One pass over the file. */
static int pass(struct restore *d)
{
	bool ended = false;
	int r, status = 0;

	d->n_line = d->n_elements = 0;
	d->any = false;
	r = read_line(d);
	if (r < 0)
		return 1;
	if (r == 0 || strcmp(d->line, DUMP_MAGIC) != 0)
		return ctl_fail("restore: %s is no dump: it does not begin with '%s'", d->name, DUMP_MAGIC);
	while (status == 0 && !ended && (r = read_line(d)) == 1) {
		if (d->line[0] == '{')
			status = take_object(d);
		else if (strncmp(d->line, "end ", 4) == 0)
			status = take_end(d, &ended);
		else if (d->line[0] >= '0' && d->line[0] <= '9')
			status = take_element(d);
		else
			status = bad(d, "is neither an object nor an element");
	}
	if (status == 0)
		finish_object(d);
	d->sink = sink_close(d->sink);
	if (status || r < 0)
		return 1;
	if (!ended)
		return ctl_fail("restore: %s has no end: something is missing%s", d->name,
				d->segment ? "; what is there was restored" : "");
	return 0;
}

/* A file is checked from end to end before anything is made of it; a pipe cannot be. */
static int restore(struct restore *d, struct ctl *ctl)
{
	struct shmreg_connection *connection;
	char why[FORMAT_WHY_MAX];
	int r;

	r = format_parse_struct(&d->fields, DUMP_OBJECT_FIELDS, why);
	if (r < 0)
		return ctl_failed(r);
	assert(d->fields.fields[0].bytes == sizeof(struct dump_object));
	if (fseeko(d->file, 0, SEEK_SET) == 0) {
		r = pass(d);
		rewind(d->file);
	}
	if (r == 0)
		r = access_attach(d->access, ctl, &connection, &d->segment);
	if (r)
		return r;
	r = pass(d);
	shmreg_disconnect(connection);
	return r;
}

int ctl_restore(struct ctl *ctl, int argc, char **argv)
{
	struct restore d = { .name = "standard input", .file = stdin };
	struct access a;
	int r = access_parse(&a, ctl, ACCESS_EXISTING, 1, 2, "SEGMENT [FILE]", argc, argv);

	if (r)
		return r;
	d.access = &a;
	if (a.n_words == 2 && strcmp(a.words[1], "-") != 0) {
		d.name = a.words[1];
		d.file = fopen(d.name, "re");
	}
	if (!d.file)
		r = ctl_fail("restore: '%s' cannot be read: %s", d.name, strerror(errno));
	else
		r = restore(&d, ctl);
	if (d.file && d.file != stdin)
		fclose(d.file);
	format_free(&d.fields);
	free(d.line);
	free(d.data);
	access_free(&a);
	return r;
}
