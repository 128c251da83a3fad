/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "access.h"
#include "dump.h"
#include "look.h"
#include "source.h"

struct dump {
	const struct access *access;
	struct shmreg_segment *segment;
	struct format fields;		/* of struct dump_object */
	const struct look *look;	/* the object that is under way, */
	uint64_t n;			/* and how many of its elements were met */
	uint64_t n_elements;		/* in all */
};

static bool is_zero(const unsigned char *data, uint64_t bytes)
{
	return bytes == 0 || (data[0] == 0 && memcmp(data, data + 1, bytes - 1) == 0);
}

static int write_element(void *context, const struct look_item *item)
{
	static const char digits[] = "0123456789abcdef";
	struct dump *d = context;
	const bool array = d->look->entry.shape.kind == SHMREG_KIND_ARRAY;
	const unsigned char *data = item->data;

	if (!data || (array && is_zero(data, item->bytes)))
		return 0;
	printf("%" PRIu64 " ", array ? item->number : d->n);
	for (uint64_t i = 0; i < item->bytes; i++) {
		putchar(digits[data[i] >> 4]);
		putchar(digits[data[i] & 15]);
	}
	puts(item->bytes ? "" : "-");
	d->n++;
	d->n_elements++;
	return ferror(stdout);
}

static int write_header(struct dump *d, const struct shmreg_dir_object *entry)
{
	const struct shmreg_shape *shape = &entry->shape;
	struct dump_object object;
	int r;

	memset(&object, 0, sizeof(object));
	memcpy(object.object, entry->name, sizeof(object.object));
	memcpy(object.type, entry->type_name, sizeof(object.type));
	snprintf(object.kind, sizeof(object.kind), "%s", shmreg_kind_name(shape->kind));
	snprintf(object.byte_order, sizeof(object.byte_order), "%s", DUMP_BYTE_ORDER);
	object.elem_bytes = shape->elem_bytes;
	object.elem_align = shape->elem_align;
	object.capacity = shape->capacity;
	object.flags = shape->flags;
	if (shmreg_shape_is_object_queue(shape))
		look_name(d->segment, shmreg_shape_pool(shape), object.pool);
	else
		memcpy(object.param, shape->param, sizeof(object.param));
	r = format_print(&d->fields, FORMAT_STYLE_JSON, false, stdout, &object, sizeof(object));
	putchar('\n');
	return r;
}

/* Of a pool there is the shape: what is in it is somebody's, or nobody's. */
static int dump_object(struct dump *d, const struct shmreg_dir_object *entry)
{
	struct look *look;
	int r;

	r = look_open(d->segment, entry->name, &look);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r == -EOPNOTSUPP ? ctl_fail("dump: '%s' is of a kind that this version does not know",
						   entry->name) : ctl_failed(r);
	d->look = look;
	d->n = 0;
	r = write_header(d, &look->entry);
	if (r == 0 && look->entry.shape.kind != SHMREG_KIND_POOL)
		r = look_each(look, write_element, d);
	if (r < 0)
		r = ctl_fail("dump: '%s': %s", entry->name, access_trouble(r));
	look_close(look);
	return r;
}

static bool is_wanted(const struct access *a, const char *name)
{
	for (int i = 1; i < a->n_words; i++)
		if (strcmp(a->words[i], name) == 0)
			return true;
	return a->n_words == 1;
}

static int check_wanted(const struct dump *d)
{
	struct shmreg_dir_object entry;

	for (int i = 1; i < d->access->n_words; i++)
		if (shmreg_dir_find(shmreg_segment_dir(d->segment), d->access->words[i], &entry, NULL) < 0)
			return ctl_fail("dump: there is no object '%.80s' in '%s'", d->access->words[i],
					d->access->words[0]);
	return 0;
}

static int dump(struct dump *d)
{
	const struct shmreg_dir *dir = shmreg_segment_dir(d->segment);
	char why[FORMAT_WHY_MAX];
	int r = check_wanted(d);

	if (r)
		return r;
	r = format_parse_struct(&d->fields, DUMP_OBJECT_FIELDS, why);
	if (r < 0)
		return ctl_failed(r);
	assert(d->fields.fields[0].bytes == sizeof(struct dump_object));
	puts(DUMP_MAGIC);
	for (int pools = 1; r == 0 && pools >= 0; pools--)
		for (uint32_t i = 0; r == 0 && i < dir->max_objects; i++) {
			struct shmreg_dir_object entry;

			if (shmreg_dir_read_object(dir, i, &entry) == 0 &&
			    entry.state == SHMREG_ENTRY_LIVE && is_wanted(d->access, entry.name) &&
			    pools == (entry.shape.kind == SHMREG_KIND_POOL))
				r = dump_object(d, &entry);
		}
	if (r == 0)
		printf("end %" PRIu64 "\n", d->n_elements);
	format_free(&d->fields);
	return r;
}

int ctl_dump(struct ctl *ctl, int argc, char **argv)
{
	struct dump d = { 0 };
	struct access a;
	struct source *source;
	const char *why;
	int r = access_parse(&a, ctl, 0, 1, argc, "SEGMENT [OBJECT...]", argc, argv);

	if (r)
		return r;
	d.access = &a;
	r = source_open(ctl, "dump", a.words[0], &source);
	if (r == 0) {
		if (source_segment(source, &d.segment, &why) < 0)
			r = ctl_fail("dump: %s: %s", a.words[0], why);
		else
			r = dump(&d);
		source_close(source);
	}
	access_free(&a);
	return ctl_flush() || r;
}
