/* SPDX-License-Identifier: MIT */

/* name - the grammar of names, against a second reading of it */

#include <config.h>

#include <errno.h>
#include <string.h>

#include <shmreg/abi/name.h>

#include "fuzz.h"

static bool is_plain(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       (c && strchr("._-", c));
}

static bool is_name(const char *name)
{
	for (;;) {
		size_t n = 0;

		while (is_plain(name[n]))
			n++;
		if (n == 0 || (n <= 2 && strspn(name, ".") == n))
			return false;
		if (!name[n])
			return true;
		if (name[n] != '/')
			return false;
		name += n + 1;
	}
}

static bool is_type_name(const char *name)
{
	const size_t n = strlen(name);

	for (size_t i = 0; i < n; i++)
		if (!is_plain(name[i]) && !strchr(" /*:<>,()[]", name[i]))
			return false;
	return n > 0;
}

static bool is_text(const char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			return false;
	return true;
}

/* Zeros up to the end of the field, and one at least. */
static bool fits_field(const char *field, size_t size)
{
	const size_t n = strnlen(field, size);

	for (size_t i = n; i < size; i++)
		if (field[i])
			return false;
	return n < size;
}

static void check_answer(int r, const char *why)
{
	MUST(r == 0 || r == -EINVAL || r == -ENAMETOOLONG);
	MUST(r == 0 || (why && *why && strlen(why) < 200));
}

static void check_names(const char *name, size_t max)
{
	const char *why = NULL;
	int r;

	r = shmreg_name_check(name, max, &why);
	check_answer(r, why);
	MUST((r == 0) == (strlen(name) <= max && is_name(name)));
	MUST(r == shmreg_name_check(name, max, NULL));
	why = NULL;
	r = shmreg_type_name_check(name, &why);
	check_answer(r, why);
	MUST((r == 0) == (strlen(name) <= SHMREG_TYPE_NAME_MAX && is_type_name(name)));
	shmreg_name_hash(name);
}

static void check_fields(const char *field, size_t size)
{
	const bool fits = fits_field(field, size);
	const char *why = NULL;
	int r;

	r = shmreg_name_field_check(field, size, &why);
	check_answer(r, why);
	MUST((r == 0) == (fits && is_name(field)));
	why = NULL;
	r = shmreg_type_name_field_check(field, size, &why);
	check_answer(r, why);
	MUST((r == 0) == (fits && (!*field || is_type_name(field))));
	why = NULL;
	r = shmreg_text_field_check(field, size, &why);
	check_answer(r, why);
	MUST((r == 0) == (fits && is_text(field)));
}

static void run(struct fuzz_input *in)
{
	static const size_t sizes[] = { SHMREG_OBJECT_NAME_MAX + 1, SHMREG_SEGMENT_NAME_MAX + 1 };
	const size_t size = sizes[fuzz_u8(in) % 2];
	char field[SHMREG_SEGMENT_NAME_MAX + 1], text[257];

	memset(text, 0, sizeof(text));
	memcpy(text, in->at, in->n < 256 ? in->n : 256);
	check_names(text, size - 1);
	fuzz_take(in, field, size);
	check_fields(field, size);
}

static void seeds(void)
{
	fuzz_seed_text("\1stock/ticks.v2");
	fuzz_seed_text("\1a/../b");
	fuzz_seed_text("\1.hidden/...");
	fuzz_seed_text("\1std::pair<int, char (*)[3]>");
	fuzz_seed_text("\1//");
	fuzz_seed("\0name\0behind", 12);
	fuzz_seed_text("\1aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
}

const struct fuzz_target fuzz_target = { NULL, run, seeds };
