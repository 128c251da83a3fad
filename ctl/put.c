/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <shmreg/atomic.h>

#include "access.h"
#include "sink.h"

/* set of an object's elements, add and cas */

/* All of @text is one element. Return: 0, or what ctl_usage() says. */
static int scan(const struct access *a, const char *text, void *data, uint64_t bytes)
{
	char why[FORMAT_WHY_MAX] = "is empty";
	const char *at = text;
	uint64_t n = 0;
	int r;

	r = format_scan(&a->format, a->style, false, &at, data, bytes, &n, why);
	if (r == 1 && n == bytes && !*at)
		return 0;
	if (r == -ENOMEM)
		return ctl_failed(r);
	if (r == 1)
		format_refuse(why, n < bytes ? "has %" PRIu64 " bytes of %" PRIu64 : "is more than one element",
			      n, bytes);
	return ctl_usage("%s: '%.80s': %s", a->command, text, why);
}

static int check_count(const struct access *a, const struct sink *s, uint64_t n, uint64_t *ret_times)
{
	const uint64_t room = sink_room(s);
	const uint64_t wanted = !a->indexed ? n : a->last == UINT64_MAX ? room : a->last - a->first + 1;

	*ret_times = 1;
	if (a->indexed && s->entry.shape.kind != SHMREG_KIND_ARRAY)
		return ctl_fail("set: '%s' is no array: its elements have no indices", a->object);
	if (a->indexed && (a->first >= s->entry.shape.capacity || wanted > room))
		return ctl_fail("set: '%s' has %" PRIu64 " elements, [0] to [%" PRIu64 "]", a->object,
				s->entry.shape.capacity, s->entry.shape.capacity - 1);
	if (n > room)
		return ctl_fail("set: '%s' has room for %" PRIu64 " values%s, got %" PRIu64, a->object, room,
				a->indexed ? " from there on" : "", n);
	/* One value fills a range; from "[3]" on several may follow. */
	if (n == 1)
		*ret_times = wanted;
	else if (a->indexed && a->first != a->last && a->last != UINT64_MAX && n != wanted)
		return ctl_fail("set: there are %" PRIu64 " values for %" PRIu64 " elements", n, wanted);
	return 0;
}

static int set(struct access *a, struct sink *s)
{
	const uint64_t n = (uint64_t)a->n_words - 2;
	unsigned char *data;
	uint64_t times;
	int r, status;

	s->at = a->first;
	/* "[3]" with several values: from there on. */
	if (a->indexed && a->first == a->last && n > 1)
		a->last = a->first + n - 1;
	status = check_count(a, s, n, &times);
	if (status)
		return status;
	data = calloc(n, s->bytes);
	if (!data)
		return ctl_failed(-ENOMEM);
	/* All of them are read before one is set. */
	for (uint64_t i = 0; status == 0 && i < n; i++)
		status = scan(a, a->words[2 + i], data + i * s->bytes, s->bytes);
	for (uint64_t i = 0; status == 0 && i < n * times; i++) {
		r = sink_put(s, data + (times > 1 ? 0 : i * s->bytes), s->bytes, 0);
		if (r < 0)
			status = ctl_fail("set: '%s': %s", a->object, access_trouble(r));
	}
	free(data);
	return status;
}

/* --- atomics ------------------------------------------------------------------------------------------ */

static uint64_t word_of(const void *data, uint64_t bytes)
{
	const unsigned char *b = data;
	uint64_t word = 0;

	/* As the machine has it. */
	for (uint64_t i = 0; i < bytes; i++)
		word |= (uint64_t)b[__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? i : bytes - 1 - i] << 8 * i;
	return word;
}

static uint64_t fetch_add(struct shmreg_atomic *atomic, uint64_t bytes, uint64_t n)
{
	switch (bytes) {
	case 1:
		return shmreg_atomic8_fetch_add(shmreg_atomic8_cell(atomic), (uint8_t)n);
	case 2:
		return shmreg_atomic16_fetch_add(shmreg_atomic16_cell(atomic), (uint16_t)n);
	case 4:
		return shmreg_atomic32_fetch_add(shmreg_atomic32_cell(atomic), (uint32_t)n);
	default:
		return shmreg_atomic64_fetch_add(shmreg_atomic64_cell(atomic), n);
	}
}

static bool compare_exchange(struct shmreg_atomic *atomic, uint64_t bytes, uint64_t *expected, uint64_t value)
{
	uint8_t e8 = (uint8_t)*expected;
	uint16_t e16 = (uint16_t)*expected;
	uint32_t e32 = (uint32_t)*expected;
	bool done;

	switch (bytes) {
	case 1:
		done = shmreg_atomic8_compare_exchange(shmreg_atomic8_cell(atomic), &e8, (uint8_t)value);
		*expected = e8;
		return done;
	case 2:
		done = shmreg_atomic16_compare_exchange(shmreg_atomic16_cell(atomic), &e16, (uint16_t)value);
		*expected = e16;
		return done;
	case 4:
		done = shmreg_atomic32_compare_exchange(shmreg_atomic32_cell(atomic), &e32, (uint32_t)value);
		*expected = e32;
		return done;
	default:
		return shmreg_atomic64_compare_exchange(shmreg_atomic64_cell(atomic), expected, value);
	}
}

static void print_word(const struct access *a, FILE *out, uint64_t word, uint64_t bytes)
{
	unsigned char data[8];

	for (uint64_t i = 0; i < bytes; i++)
		data[__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? i : bytes - 1 - i] =
			(unsigned char)(word >> 8 * i);
	format_print(&a->format, a->style, false, out, data, bytes);
}

/* What is added may be negative, whatever the atomic's type. */
static int add(const struct access *a, struct shmreg_atomic *atomic, uint64_t bytes)
{
	const struct format_field wide[] = {
		{ .base = FORMAT_SIGNED, .bytes = 8, .count = 1 },
		{ .base = FORMAT_UNSIGNED, .bytes = 8, .count = 1 },
	};
	const struct format_field *whole = a->format.fields;
	const char *at = a->words[2];
	char why[FORMAT_WHY_MAX];
	unsigned char data[8];
	uint64_t n;
	int r;

	if (a->format.kind != FORMAT_VALUES || whole->base == FORMAT_FLOAT || whole->base == FORMAT_STRUCT ||
	    whole->base == FORMAT_BOOL || whole->swapped || whole->bytes != bytes)
		return ctl_fail("add: '%s' is added to as an integer of %" PRIu64 " bytes; see --format",
				a->object, bytes);
	r = format_get_value(&at, &wide[0], data, why);
	if (r < 0) {
		at = a->words[2];
		r = format_get_value(&at, &wide[1], data, why);
	}
	if (r < 0 || *at)
		return ctl_usage("add: '%.80s' is not an integer such as 5 or -5", a->words[2]);
	n = word_of(data, 8);
	n += fetch_add(atomic, bytes, n);
	shmreg_atomic_notify_all(atomic);
	print_word(a, stdout, n, bytes);
	putchar('\n');
	return ctl_flush();
}

static int cas(const struct access *a, struct shmreg_atomic *atomic, uint64_t bytes)
{
	unsigned char expected[8], value[8];
	uint64_t found;
	char *text = NULL;
	size_t size;
	FILE *out;
	int r;

	r = scan(a, a->words[2], expected, bytes);
	if (r == 0)
		r = scan(a, a->words[3], value, bytes);
	if (r)
		return r;
	found = word_of(expected, bytes);
	if (compare_exchange(atomic, bytes, &found, word_of(value, bytes))) {
		shmreg_atomic_notify_all(atomic);
		return 0;
	}
	out = open_memstream(&text, &size);
	if (!out)
		return ctl_failed(-ENOMEM);
	print_word(a, out, found, bytes);
	fclose(out);
	r = ctl_fail("cas: '%s' is not %s but %s; it stays so", a->object, a->words[2], text ? text : "?");
	free(text);
	return r;
}

/* --- commands ----------------------------------------------------------------------------------------- */

static int run(struct access *a, struct ctl *ctl,
	       int (*change)(const struct access *, struct shmreg_atomic *, uint64_t))
{
	struct shmreg_connection *connection;
	struct shmreg_dir_object entry = { 0 };
	struct shmreg_segment *segment;
	struct sink *s = NULL;
	int r, opened;

	r = access_attach(a, ctl, &connection, &segment);
	if (r)
		return r;
	r = access_find(a, segment, &entry);
	if (r == 0 && change && entry.shape.kind != SHMREG_KIND_ATOMIC)
		r = ctl_fail("%s: '%s' is no atomic but a %s", a->command, a->object,
			     shmreg_kind_name(entry.shape.kind));
	if (r == 0 && entry.shape.kind != SHMREG_KIND_ATOMIC && entry.shape.kind != SHMREG_KIND_ARRAY &&
	    entry.shape.kind != SHMREG_KIND_CELL)
		r = ctl_fail("set: '%s' is a %s, of which nothing is set; push puts elements into it", a->object,
			     shmreg_kind_name(entry.shape.kind));
	if (r == 0) {
		opened = sink_open(segment, &entry, &s);
		r = opened < 0 ? ctl_failed(opened) :
				 access_use_format(a, entry.type_name, s->bytes, false,
						   entry.shape.kind == SHMREG_KIND_ATOMIC);
	}
	if (r == 0 && a->format.kind == FORMAT_RAW)
		r = ctl_usage("%s: raw bytes are not typed; load reads them from a file", a->command);
	if (r == 0)
		r = change ? change(a, s->handle, s->bytes) : set(a, s);
	sink_close(s);
	shmreg_disconnect(connection);
	return r;
}

int ctl_set_elements(struct ctl *ctl, int argc, char **argv)
{
	struct access a;
	int r = access_parse(&a, ctl, ACCESS_FORMAT | ACCESS_INDEX, 3, argc, "SEGMENT OBJECT[INDEX] VALUE...",
			     argc, argv);

	if (r)
		return r;
	r = run(&a, ctl, NULL);
	access_free(&a);
	return r;
}

int ctl_add(struct ctl *ctl, int argc, char **argv)
{
	struct access a;
	int r = access_parse(&a, ctl, ACCESS_FORMAT, 3, 3, "SEGMENT OBJECT NUMBER", argc, argv);

	if (r)
		return r;
	r = run(&a, ctl, add);
	access_free(&a);
	return r;
}

int ctl_cas(struct ctl *ctl, int argc, char **argv)
{
	struct access a;
	int r = access_parse(&a, ctl, ACCESS_FORMAT, 4, 4, "SEGMENT OBJECT EXPECTED VALUE", argc, argv);

	if (r)
		return r;
	r = run(&a, ctl, cas);
	access_free(&a);
	return r;
}
