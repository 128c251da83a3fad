/* SPDX-License-Identifier: MIT */
#ifndef SHMREGCTL_FORMAT_H
#define SHMREGCTL_FORMAT_H

/*
 * format.h - elements as people write them, and back
 *
 * A format says what the bytes of an element mean: nothing (hex, raw), text, numbers of one type,
 * or a struct that is described as in C and laid out as a C compiler would. Pure: no files, no
 * shared memory. What is printed is scanned to the same bytes again, but for padding, which is
 * scanned to zero, and the payloads of NaNs.
 *
 *	u8 .. u64, i8 .. i64	unsigned and signed integers; also C's names: uint32_t, int, ...
 *	x8 .. x64		unsigned, printed in hexadecimal
 *	f32, f64		also float, double
 *	bool, char		char x[16] is a string
 *	u32be, f64le, ...	of a byte order that need not be the machine's
 *
 *	u32 id; f64 bid, ask; char name[16]; struct { u8 a; u16 b; } legs[2][3]; pad[4]
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum format_kind {
	FORMAT_HEX,	/* as xxd: offsets and text beside */
	FORMAT_TEXT,	/* a line of text */
	FORMAT_RAW,	/* the bytes themselves; neither printed nor scanned here */
	FORMAT_VALUES,	/* numbers, or a struct */
};

/* How values are written. Text and JSON are both understood when either is scanned. */
enum format_style {
	FORMAT_STYLE_TEXT,	/* id=7 bid=1.5 name="abc" legs=[[{a=1 b=2}]] */
	FORMAT_STYLE_JSON,
	FORMAT_STYLE_CSV,
};

enum format_base {
	FORMAT_UNSIGNED,
	FORMAT_SIGNED,
	FORMAT_HEXADECIMAL,
	FORMAT_FLOAT,
	FORMAT_BOOL,
	FORMAT_CHAR,
	FORMAT_STRUCT,
};

#define FORMAT_NAME_MAX 63
#define FORMAT_DIMS_MAX 4
#define FORMAT_DEPTH_MAX 8			/* structs in structs */
#define FORMAT_FIELDS_MAX 4096
#define FORMAT_BYTES_MAX (UINT64_C(1) << 40)	/* no element is larger */
#define FORMAT_WHY_MAX 320

/* One field, or the whole (fields[0]). A struct's fields follow it. */
struct format_field {
	char name[FORMAT_NAME_MAX + 1];
	enum format_base base;
	bool swapped;			/* not the machine's byte order */
	uint32_t align;
	uint64_t bytes;			/* of one */
	uint64_t count;			/* in all dimensions */
	uint64_t offset;		/* in its struct */
	unsigned int n_dims;
	uint64_t dims[FORMAT_DIMS_MAX];
	size_t end;			/* index behind its last field; its own + 1, if it has none */
};

struct format {
	enum format_kind kind;
	struct format_field *fields;	/* VALUES: at least the whole; else NULL */
	size_t n_fields;
};

/*
 * format_parse() - "hex", "text", "raw" or a base type
 * format_parse_struct() - a description as above; where it begins with '@', the file's of that name
 *			is to be read by the caller
 * format_guess() - by the name of the objects' type: a base type's, as C or this file calls it; else
 *			hex
 *
 * Return: 0, with *ret to be freed by format_free(); -EINVAL, and then @why is a sentence's end;
 * -ENOMEM.
 */
int format_parse(struct format *ret, const char *name, char why[FORMAT_WHY_MAX]);
int format_parse_struct(struct format *ret, const char *description, char why[FORMAT_WHY_MAX]);
int format_guess(struct format *ret, const char *type_name);
void format_free(struct format *format);

/*
 * format_fits() - can elements of @bytes bytes be so?
 *
 * A struct must have exactly as many, numbers of one type divide them.
 *
 * Return: 0; -EINVAL, and then @why is a sentence's end.
 */
int format_fits(const struct format *format, uint64_t bytes, char why[FORMAT_WHY_MAX]);

/*
 * format_print() - write one element, without a line's end (hex: with one)
 * @data:	@bytes bytes, that fit; need not be aligned
 * @vary:	elements are of different sizes, so that of numbers of one type there may be any
 *		number
 *
 * Of CSV a row; hex and text are written in JSON as strings.
 *
 * Return: 0; -ENOMEM.
 */
int format_print(const struct format *format, enum format_style style, bool vary, FILE *out,
		 const void *data, uint64_t bytes);
/* The names of the columns of CSV. */
void format_print_header(const struct format *format, FILE *out, uint64_t bytes);

/*
 * format_scan() - read one element
 * @text:	moved behind what was read; ends at its zero byte
 * @data:	room for @bytes bytes
 * @vary:	they are as many as are found, up to @bytes; else all, and what is not given is 0
 *		only in strings
 * @ret_bytes:	how many
 *
 * Of text and CSV, and if @vary, one element is all there is; else a line may have several.
 *
 * Return: 1; 0 nothing but blanks is left (not of text); -EINVAL, and then @why is a sentence's
 * end.
 */
int format_scan(const struct format *format, enum format_style style, bool vary,
		const char **text, void *data, uint64_t bytes, uint64_t *ret_bytes,
		char why[FORMAT_WHY_MAX]);
/* Does @line consist of the names of the columns, in any case of letters and in their order? */
bool format_is_header(const struct format *format, const char *line, uint64_t bytes);

/*
 * format_leaves() - visit each number or string of an element, by the name of its column
 * @visit:	not 0 ends the visit; @n: bytes of a string, or 1
 */
int format_leaves(const struct format *format, uint64_t bytes,
		  int (*visit)(void *context, const char *name, const struct format_field *field,
			       uint64_t offset, uint64_t n),
		  void *context);

/* Return: -EINVAL, with @why filled in. */
int format_refuse(char why[FORMAT_WHY_MAX], const char *text, ...)
	__attribute__((format(printf, 2, 3)));
/* For what is said of a field: " of 'name'", or nothing. */
const char *format_of(const struct format_field *field, char buf[FORMAT_NAME_MAX + 8]);

/* In format-value.c: one number, at @at. */
void format_put_value(FILE *out, enum format_style style, const struct format_field *field,
		      const unsigned char *at);
int format_get_value(const char **text, const struct format_field *field, unsigned char *at,
		     char why[FORMAT_WHY_MAX]);

#endif /* SHMREGCTL_FORMAT_H */
