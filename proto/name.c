/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <shmreg/abi/name.h>

#include "name-words.h"

/* Not <ctype.h>: the grammar must not depend on a process's locale. */
static bool is_component_char(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       c == '.' || c == '_' || c == '-';
}

static bool is_type_char(char c)
{
	return is_component_char(c) || (c && strchr("/ *:<>,()[]", c));
}

static int refuse(int error, const char **ret_why, const char *why)
{
	if (ret_why)
		*ret_why = why;
	return error;
}

static int name_check(const char *name, size_t n, const char **ret_why)
{
	size_t start = 0;

	if (n == 0)
		return refuse(-EINVAL, ret_why,
			      "is empty; a name has components of A-Z a-z 0-9 . _ - "
			      "separated by single slashes");

	for (size_t i = 0; i <= n; i++) {
		if (i < n && name[i] != '/') {
			if (!is_component_char(name[i]))
				return refuse(-EINVAL, ret_why,
					      "has a character other than A-Z a-z 0-9 . _ - /");
			continue;
		}
		if (i == start)
			return refuse(-EINVAL, ret_why,
				      "has an empty component; components of A-Z a-z 0-9 . _ - "
				      "are separated by single slashes, with none at either end");
		if (name[start] == '.' &&
		    (i - start == 1 || (i - start == 2 && name[start + 1] == '.')))
			return refuse(-EINVAL, ret_why,
				      "has a component \".\" or \"..\"; names are not paths, "
				      "each component must be an ordinary word");
		start = i + 1;
	}
	return 0;
}

int shmreg_name_check(const char *name, size_t max, const char **ret_why)
{
	const size_t n = strnlen(name, max + 1);

	if (n > max)
		return refuse(-ENAMETOOLONG, ret_why,
			      max == SHMREG_SEGMENT_NAME_MAX
				      ? "is too long; a segment's name has at most 127 bytes"
			      : max == SHMREG_OBJECT_NAME_MAX
				      ? "is too long; an object's name has at most 63 bytes"
				      : "is too long");
	return name_check(name, n, ret_why);
}

static int type_name_check(const char *name, size_t n, const char **ret_why)
{
	if (n == 0)
		return refuse(-EINVAL, ret_why, "is empty; a type name looks like \"struct event\"");
	for (size_t i = 0; i < n; i++)
		if (!is_type_char(name[i]))
			return refuse(-EINVAL, ret_why,
				      "has a character other than A-Z a-z 0-9 . _ - / space "
				      "* : < > , ( ) [ ]");
	return 0;
}

int shmreg_type_name_check(const char *name, const char **ret_why)
{
	const size_t n = strnlen(name, SHMREG_TYPE_NAME_MAX + 1);

	if (n > SHMREG_TYPE_NAME_MAX)
		return refuse(-ENAMETOOLONG, ret_why,
			      "is too long; a type's name has at most 63 bytes");
	return type_name_check(name, n, ret_why);
}

static int field_length(const char *field, size_t size, size_t *ret_n, const char **ret_why)
{
	const size_t n = strnlen(field, size);

	if (n == size)
		return refuse(-EINVAL, ret_why,
			      "is not terminated; the last byte of its field must be zero");
	for (size_t i = n; i < size; i++)
		if (field[i])
			return refuse(-EINVAL, ret_why,
				      "is followed by other bytes; the rest of its field must be "
				      "zero");
	*ret_n = n;
	return 0;
}

int shmreg_name_field_check(const char *field, size_t size, const char **ret_why)
{
	size_t n;
	int r;

	r = field_length(field, size, &n, ret_why);
	if (r < 0)
		return r;
	return name_check(field, n, ret_why);
}

int shmreg_type_name_field_check(const char *field, size_t size, const char **ret_why)
{
	size_t n;
	int r;

	r = field_length(field, size, &n, ret_why);
	if (r < 0 || n == 0)
		return r;
	return type_name_check(field, n, ret_why);
}

int shmreg_text_field_check(const char *field, size_t size, const char **ret_why)
{
	size_t n;
	int r;

	r = field_length(field, size, &n, ret_why);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		if (field[i] < ' ' || field[i] > '~')
			return refuse(-EINVAL, ret_why,
				      "has a character that is not printable ASCII");
	return 0;
}

uint32_t shmreg_name_hash(const char *name)
{
	uint64_t words[SHMREG_SEGMENT_NAME_MAX / 8 + 1];
	const size_t n = strnlen(name, SHMREG_SEGMENT_NAME_MAX);

	name_to_words(words, name, n);
	return name_hash_words(words, name_n_words(n));
}
