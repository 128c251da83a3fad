/* SPDX-License-Identifier: MIT */
#ifndef SHMREGCTL_JSON_H
#define SHMREGCTL_JSON_H

/*
 * json.h - writes JSON, on one line
 *
 * Values go to a stream as they come; commas and quotes are the writer's. A key
 * is given for members of an object, and is NULL for elements of an array and for
 * the outermost value. Begins and ends must match: asserted.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define JSON_DEPTH_MAX 32

struct json {
	FILE *stream;
	unsigned int depth;
	char closer[JSON_DEPTH_MAX];	/* of what is open: '}' or ']' */
	bool first;			/* nothing was written yet at this depth */
};

void json_init(struct json *j, FILE *stream);
/* The outermost value is complete; ends the line. */
void json_end(struct json *j);

void json_open_object(struct json *j, const char *key);
void json_open_array(struct json *j, const char *key);
void json_close(struct json *j);

/* Bytes that are not UTF-8 become U+FFFD. NULL: null. */
void json_string(struct json *j, const char *key, const char *value);
void json_number(struct json *j, const char *key, uint64_t value);
/* With three decimals; @value is finite. */
void json_decimal(struct json *j, const char *key, double value);
void json_bool(struct json *j, const char *key, bool value);
void json_null(struct json *j, const char *key);

/*
 * Bytes of the character at @s, which ends at a zero byte sometime, that are valid UTF-8; 0 if they
 * are not: no overlong forms, no surrogates, nothing beyond U+10FFFF.
 */
unsigned int json_utf8_length(const unsigned char *s);

#endif /* SHMREGCTL_JSON_H */
