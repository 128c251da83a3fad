/* SPDX-License-Identifier: MIT */

/* arguments - what is typed after shmregctl: sizes, numbers, intervals, modes, owners */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <shmreg/abi/directory.h>

#include "fuzz.h"
#include "parse.h"

static void check_answer(int r, const char *why)
{
	MUST(r == 0 || r == -EINVAL);
	MUST(r == 0 || (why && *why));
}

static void check_bytes(const char *text)
{
	const size_t digits = strspn(text, "0123456789");
	uint64_t bytes = 77;
	const char *why = NULL;
	const int r = parse_bytes(text, &bytes, &why);

	check_answer(r, why);
	if (r < 0) {
		MUST(bytes == 77);
		return;
	}
	MUST(bytes > 0 && bytes <= SHMREG_DATA_BYTES_MAX);
	MUST(digits > 0 && (!text[digits] || strchr("KMGT", text[digits])));
	if (!text[digits])
		MUST(bytes == strtoull(text, NULL, 10));
}

static void check_numbers(const char *text)
{
	uint32_t number = 0;
	uint64_t ns = 0;
	const char *why = NULL;
	int r;

	r = parse_count(text, 65536, &number, &why);
	check_answer(r, why);
	MUST(r < 0 || (number >= 1 && number <= 65536 && strspn(text, "0123456789") == strlen(text)));
	r = parse_seconds(text, &ns, &why);
	check_answer(r, why);
	MUST(r < 0 || (ns >= 1000000 && ns <= UINT64_C(86400000000000)));
	r = parse_mode(text, &number, &why);
	check_answer(r, why);
	MUST(r < 0 || (number <= 0666 && !(number & 0111)));
	r = parse_lifetime(text, &number, &why);
	check_answer(r, why);
	MUST(r < 0 || number <= SHMREG_WITH_CREATOR);
}

static void check_owner(const char *text)
{
	uint32_t uid = UINT32_MAX, gid = UINT32_MAX;
	const char *why = NULL;
	const int r = parse_owner(text, &uid, &gid, &why);

	check_answer(r, why);
	MUST(r == 0 || (uid == UINT32_MAX && gid == UINT32_MAX));
	MUST(r < 0 || uid != UINT32_MAX || gid != UINT32_MAX);
}

static void run(struct fuzz_input *in)
{
	char text[301];

	fuzz_take(in, text, sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	check_bytes(text);
	check_numbers(text);
	check_owner(text);
}

static void seeds(void)
{
	static const char *const texts[] = {
		"4096", "64K", "64MiB", "1G", "2T", "18446744073709551616", "0.5", "1", "86400.0009",
		"0660", "777", "until-removed", "while-attached", "with-creator", "root:root",
		":daemon", "1000:", "4294967295", "-1", " 7", "+7",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		fuzz_seed_text(texts[i]);
}

const struct fuzz_target fuzz_target = { NULL, run, seeds };
