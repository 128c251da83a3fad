/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "format-type.h"

static const struct type {
	const char *name;
	enum format_base base;
	uint32_t bytes;
} types[] = {
	{ "u8", FORMAT_UNSIGNED, 1 },
	{ "u16", FORMAT_UNSIGNED, 2 },
	{ "u32", FORMAT_UNSIGNED, 4 },
	{ "u64", FORMAT_UNSIGNED, 8 },
	{ "i8", FORMAT_SIGNED, 1 },
	{ "i16", FORMAT_SIGNED, 2 },
	{ "i32", FORMAT_SIGNED, 4 },
	{ "i64", FORMAT_SIGNED, 8 },
	{ "x8", FORMAT_HEXADECIMAL, 1 },
	{ "x16", FORMAT_HEXADECIMAL, 2 },
	{ "x32", FORMAT_HEXADECIMAL, 4 },
	{ "x64", FORMAT_HEXADECIMAL, 8 },
	{ "f32", FORMAT_FLOAT, 4 },
	{ "f64", FORMAT_FLOAT, 8 },
	{ "bool", FORMAT_BOOL, 1 },
	{ "_Bool", FORMAT_BOOL, 1 },
	{ "char", FORMAT_CHAR, 1 },
	{ "uint8_t", FORMAT_UNSIGNED, 1 },
	{ "uint16_t", FORMAT_UNSIGNED, 2 },
	{ "uint32_t", FORMAT_UNSIGNED, 4 },
	{ "uint64_t", FORMAT_UNSIGNED, 8 },
	{ "int8_t", FORMAT_SIGNED, 1 },
	{ "int16_t", FORMAT_SIGNED, 2 },
	{ "int32_t", FORMAT_SIGNED, 4 },
	{ "int64_t", FORMAT_SIGNED, 8 },
	{ "float", FORMAT_FLOAT, sizeof(float) },
	{ "double", FORMAT_FLOAT, sizeof(double) },
	{ "signed char", FORMAT_SIGNED, 1 },
	{ "unsigned char", FORMAT_UNSIGNED, 1 },
	{ "short", FORMAT_SIGNED, sizeof(short) },
	{ "unsigned short", FORMAT_UNSIGNED, sizeof(short) },
	{ "int", FORMAT_SIGNED, sizeof(int) },
	{ "unsigned int", FORMAT_UNSIGNED, sizeof(int) },
	{ "unsigned", FORMAT_UNSIGNED, sizeof(int) },
	{ "long", FORMAT_SIGNED, sizeof(long) },
	{ "unsigned long", FORMAT_UNSIGNED, sizeof(long) },
	{ "long long", FORMAT_SIGNED, sizeof(long long) },
	{ "unsigned long long", FORMAT_UNSIGNED, sizeof(long long) },
	{ "size_t", FORMAT_UNSIGNED, sizeof(size_t) },
	{ "ssize_t", FORMAT_SIGNED, sizeof(size_t) },
	{ "intptr_t", FORMAT_SIGNED, sizeof(intptr_t) },
	{ "uintptr_t", FORMAT_HEXADECIMAL, sizeof(uintptr_t) },
};

int format_refuse(char why[FORMAT_WHY_MAX], const char *text, ...)
{
	va_list args;

	va_start(args, text);
	vsnprintf(why, FORMAT_WHY_MAX, text, args);
	va_end(args);
	return -EINVAL;
}

const char *format_of(const struct format_field *field, char buf[FORMAT_NAME_MAX + 8])
{
	if (!field->name[0])
		return "";
	snprintf(buf, FORMAT_NAME_MAX + 8, " of '%s'", field->name);
	return buf;
}

bool format_type(const char *name, size_t n, struct format_field *ret)
{
	const bool little = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
	const bool be = n > 2 && strncmp(name + n - 2, "be", 2) == 0;
	const bool le = n > 2 && strncmp(name + n - 2, "le", 2) == 0;

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		const size_t length = strlen(types[i].name);

		/* An order is said of what has several bytes and is named by their number. */
		if (n < length || strncmp(name, types[i].name, length) != 0 ||
		    (n != length && !((be || le) && n == length + 2 && length < 4 &&
				      types[i].bytes > 1)))
			continue;
		*ret = (struct format_field){
			.base = types[i].base,
			.bytes = types[i].bytes,
			.align = types[i].bytes,
			.count = 1,
			.swapped = n != length && be == little,
		};
		return true;
	}
	return false;
}

static int make(struct format *ret, enum format_kind kind, const struct format_field *whole)
{
	struct format format = { .kind = kind };

	if (whole) {
		format.fields = malloc(sizeof(*format.fields));
		if (!format.fields)
			return -ENOMEM;
		format.fields[0] = *whole;
		format.fields[0].end = 1;
		format.n_fields = 1;
	}
	*ret = format;
	return 0;
}

int format_parse(struct format *ret, const char *name, char why[FORMAT_WHY_MAX])
{
	struct format_field whole;

	if (strcmp(name, "hex") == 0)
		return make(ret, FORMAT_HEX, NULL);
	if (strcmp(name, "text") == 0)
		return make(ret, FORMAT_TEXT, NULL);
	if (strcmp(name, "raw") == 0)
		return make(ret, FORMAT_RAW, NULL);
	if (format_type(name, strlen(name), &whole))
		return whole.base == FORMAT_CHAR ? make(ret, FORMAT_TEXT, NULL) :
						   make(ret, FORMAT_VALUES, &whole);
	return format_refuse(why, "is not a format; there are hex, text, raw, u8 to u64, i8 to i64, "
				  "x8 to x64, f32, f64 and bool, with be or le behind (u32be), and "
				  "C's names of them");
}

int format_guess(struct format *ret, const char *type_name)
{
	struct format_field whole;

	if (format_type(type_name, strlen(type_name), &whole))
		return whole.base == FORMAT_CHAR ? make(ret, FORMAT_TEXT, NULL) :
						   make(ret, FORMAT_VALUES, &whole);
	return make(ret, FORMAT_HEX, NULL);
}

void format_free(struct format *format)
{
	free(format->fields);
	*format = (struct format){ 0 };
}

int format_fits(const struct format *format, uint64_t bytes, char why[FORMAT_WHY_MAX])
{
	const struct format_field *whole = format->fields;

	if (format->kind != FORMAT_VALUES)
		return 0;
	if (whole->base == FORMAT_STRUCT && whole->bytes != bytes)
		return format_refuse(why, "an element has %" PRIu64 " bytes, and the struct that is "
					  "described %" PRIu64 "%s",
				     bytes, whole->bytes,
				     bytes > whole->bytes ? "; 'pad[N]' stands for bytes that are not "
							    "told of" : "");
	if (whole->base != FORMAT_STRUCT && bytes % whole->bytes != 0)
		return format_refuse(why, "an element has %" PRIu64 " bytes, and that is no multiple "
					  "of the number's %" PRIu64, bytes, whole->bytes);
	return 0;
}

/* --- leaves ------------------------------------------------------------------------------------- */

struct walk {
	const struct format *format;
	int (*visit)(void *context, const char *name, const struct format_field *field,
		     uint64_t offset, uint64_t n);
	void *context;
	char path[1024];
};

static int walk_field(struct walk *w, size_t i, uint64_t offset, size_t length);

static int walk_one(struct walk *w, size_t i, uint64_t offset, size_t length)
{
	const struct format_field *field = &w->format->fields[i];
	int r = 0;

	if (field->base != FORMAT_STRUCT)
		return w->visit(w->context, w->path, field, offset, 1);
	for (size_t k = i + 1; r == 0 && k < field->end; k = w->format->fields[k].end) {
		const struct format_field *member = &w->format->fields[k];
		const int n = snprintf(w->path + length, sizeof(w->path) - length, "%s%s",
				       length ? "." : "", member->name);

		r = walk_field(w, k, offset + member->offset, length + (size_t)n);
	}
	return r;
}

/* Paths have FORMAT_DEPTH_MAX names of FORMAT_NAME_MAX bytes and 4 indices: cut short, if anything. */
static int walk_dim(struct walk *w, size_t i, unsigned int dim, uint64_t offset, size_t length)
{
	const struct format_field *field = &w->format->fields[i];
	uint64_t step = field->bytes;
	int r = 0;

	if (length > sizeof(w->path) - FORMAT_NAME_MAX - 32)
		return -EINVAL;
	if (dim == field->n_dims)
		return walk_one(w, i, offset, length);
	if (dim + 1 == field->n_dims && field->base == FORMAT_CHAR)
		return w->visit(w->context, w->path, field, offset, field->dims[dim]);
	for (unsigned int d = dim + 1; d < field->n_dims; d++)
		step *= field->dims[d];
	for (uint64_t k = 0; r == 0 && k < field->dims[dim]; k++) {
		const int n = snprintf(w->path + length, sizeof(w->path) - length, "[%" PRIu64 "]",
				       k);

		r = walk_dim(w, i, dim + 1, offset + k * step, length + (size_t)n);
		w->path[length] = '\0';
	}
	return r;
}

static int walk_field(struct walk *w, size_t i, uint64_t offset, size_t length)
{
	return walk_dim(w, i, 0, offset, length);
}

int format_leaves(const struct format *format, uint64_t bytes,
		  int (*visit)(void *context, const char *name, const struct format_field *field,
			       uint64_t offset, uint64_t n),
		  void *context)
{
	struct walk w = { .format = format, .visit = visit, .context = context };
	const uint64_t size = format->fields[0].bytes;
	int r = 0;

	if (format->fields[0].base == FORMAT_STRUCT)
		return walk_field(&w, 0, 0, 0);
	for (uint64_t i = 0; r == 0 && i < bytes / size; i++) {
		snprintf(w.path, sizeof(w.path), bytes == size ? "value" : "[%" PRIu64 "]", i);
		r = visit(context, w.path, &format->fields[0], i * size, 1);
	}
	return r;
}
