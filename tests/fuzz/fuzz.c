/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static const char *seeds_directory;
static unsigned int n_seeds;

void fuzz_fail(const char *what, const char *file, int line)
{
	fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
	abort();
}

void fuzz_seed(const void *bytes, size_t n)
{
	char path[4096];
	FILE *out;

	snprintf(path, sizeof(path), "%s/seed-%02u", seeds_directory, n_seeds++);
	out = fopen(path, "w");
	MUST(out != NULL);
	MUST(fwrite(bytes, 1, n, out) == n);
	MUST(fclose(out) == 0);
}

void fuzz_seed_text(const char *text)
{
	fuzz_seed(text, strlen(text));
}

void fuzz_take(struct fuzz_input *in, void *ret, size_t n)
{
	const size_t there = n < in->n ? n : in->n;

	memset(ret, 0, n);
	if (there == 0)
		return;
	memcpy(ret, in->at, there);
	in->at += there;
	in->n -= there;
}

uint8_t fuzz_u8(struct fuzz_input *in)
{
	uint8_t v;

	fuzz_take(in, &v, sizeof(v));
	return v;
}

uint16_t fuzz_u16(struct fuzz_input *in)
{
	uint16_t v;

	fuzz_take(in, &v, sizeof(v));
	return v;
}

uint32_t fuzz_u32(struct fuzz_input *in)
{
	uint32_t v;

	fuzz_take(in, &v, sizeof(v));
	return v;
}

uint64_t fuzz_u64(struct fuzz_input *in)
{
	uint64_t v;

	fuzz_take(in, &v, sizeof(v));
	return v;
}

uint64_t fuzz_below(struct fuzz_input *in, uint64_t n)
{
	if (n <= UINT8_MAX + 1)
		return fuzz_u8(in) % n;
	if (n <= UINT16_MAX + 1)
		return fuzz_u16(in) % n;
	return fuzz_u64(in) % n;
}

uint64_t fuzz_number(struct fuzz_input *in)
{
	const uint8_t how = fuzz_u8(in);

	if (how < 160)
		return how;
	if (how < 224)
		return (UINT64_C(1) << (how - 160)) - (how & 1);
	switch (how % 4) {
	case 0:
		return UINT64_MAX - how % 32 / 4;
	case 1:
		return fuzz_u16(in);
	case 2:
		return fuzz_u32(in);
	default:
		return fuzz_u64(in);
	}
}

void fuzz_poke(struct fuzz_input *in, void *p, size_t bytes)
{
	const size_t width = (size_t)1 << fuzz_u8(in) % 4;
	const size_t at = (size_t)fuzz_below(in, bytes) / width * width;
	const uint64_t v = fuzz_number(in);

	memcpy((char *)p + at, &v, width < bytes - at ? width : bytes - at);
}

/* Which descriptors are open, of the first. */
static uint64_t descriptors(void)
{
	uint64_t open = 0;

	for (int fd = 0; fd < 64; fd++)
		open |= (uint64_t)(fcntl(fd, F_GETFD) >= 0) << fd;
	return open;
}

/*
 * $FUZZ_LAST: a file that always has the input at work. libFuzzer itself saves what ends with a
 * signal that it can handle; while the library has all of them blocked it cannot.
 */
#define LAST_MAX 65536
static int last_file = -1;
static uint8_t *last;

static void keep_last_in(const char *path)
{
	last_file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	MUST(last_file >= 0 && ftruncate(last_file, LAST_MAX) == 0);
	last = mmap(NULL, LAST_MAX, PROT_READ | PROT_WRITE, MAP_SHARED, last_file, 0);
	MUST(last != MAP_FAILED);
}

static void keep_last(const uint8_t *bytes, size_t n)
{
	if (!last || n > LAST_MAX)
		return;
	memset(last, 0, LAST_MAX < n + 2048 ? LAST_MAX : n + 2048);
	memcpy(last, bytes, n);
}

/* "PROGRAM --seeds DIRECTORY" writes them there and does nothing else. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	if (fuzz_target.setup)
		fuzz_target.setup();
	if (*argc == 3 && strcmp((*argv)[1], "--seeds") == 0) {
		seeds_directory = (*argv)[2];
		fuzz_target.seeds();
		exit(EXIT_SUCCESS);
	}
	if (getenv("FUZZ_LAST"))
		keep_last_in(getenv("FUZZ_LAST"));
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct fuzz_input in = { bytes, n }, nothing = { (const uint8_t *)"", 0 };
	static bool is_warm;
	uint64_t before;

	/* What is opened once for all is open from here on. */
	if (!is_warm)
		fuzz_target.run(&nothing);
	is_warm = true;
	before = descriptors();
	if (n > 0)
		keep_last(bytes, n);
	fuzz_target.run(&in);
	/* A leak, or something closed twice. */
	if (descriptors() != before)
		fprintf(stderr, "descriptors were %#llx, are %#llx\n", (unsigned long long)before,
			(unsigned long long)descriptors());
	MUST(descriptors() == before);
	return 0;
}
