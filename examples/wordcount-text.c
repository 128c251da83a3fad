/* SPDX-License-Identifier: MIT */

/* wordcount-text.c - which files are counted, and what wc(1) says of them */

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "wordcount.h"

static char *const default_paths[] = { (char *)"/usr/share/common-licenses",
					(char *)"/usr/include", (char *)"/usr/share/perl" };

/* nftw() hands nothing through to its callback. */
static struct {
	struct text *text;
	uint64_t limit_bytes;
	int error;
} walk;

static int add(const char *path, const struct stat *st)
{
	struct text *text = walk.text;
	uint64_t *file_bytes;
	char **file, *copy;

	if (text->n_bytes + (uint64_t)st->st_size + 1 > walk.limit_bytes)
		return 1;
	file = realloc(text->file, (text->n_files + 1) * sizeof(*file));
	if (file)
		text->file = file;
	file_bytes = realloc(text->file_bytes, (text->n_files + 1) * sizeof(*file_bytes));
	if (file_bytes)
		text->file_bytes = file_bytes;
	copy = strdup(path);
	if (!file || !file_bytes || !copy) {
		free(copy);
		walk.error = -ENOMEM;
		return 1;
	}
	text->file[text->n_files] = copy;
	text->file_bytes[text->n_files++] = (uint64_t)st->st_size;
	text->n_bytes += (uint64_t)st->st_size + 1;
	return 0;
}

static int visit(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)ftw;
	if (flag != FTW_F || !S_ISREG(st->st_mode) || st->st_size == 0 || access(path, R_OK) < 0)
		return 0;
	return add(path, st);
}

/*
 * Versions of wc(1) differ in whether a byte that is not printable makes a word
 * by itself. Ask the one that is here, with such a byte and a blank.
 */
static int learn_what_a_word_is(struct text *text);

int text_find(struct text *text, char *const *paths, int n_paths, uint64_t limit_bytes)
{
	const bool named = n_paths > 0;
	struct stat st;
	int i;

	walk.text = text;
	walk.limit_bytes = named ? UINT64_MAX : limit_bytes;
	walk.error = 0;
	if (!named) {
		paths = default_paths;
		n_paths = (int)(sizeof(default_paths) / sizeof(default_paths[0]));
	}
	for (i = 0; i < n_paths; i++) {
		if (stat(paths[i], &st) < 0 || access(paths[i], R_OK) < 0) {
			if (!named)
				continue;
			fprintf(stderr, "wordcount: %s: %s\n", paths[i], strerror(errno));
			return -errno;
		}
		if (S_ISREG(st.st_mode) && st.st_size > 0)
			add(paths[i], &st);
		else if (S_ISDIR(st.st_mode))
			nftw(paths[i], visit, 32, FTW_PHYS);
		else if (named)
			fprintf(stderr, "wordcount: %s: neither a file with something in it nor a "
				"directory; left out\n", paths[i]);
	}
	if (walk.error == 0 && text->n_files == 0) {
		fprintf(stderr, "wordcount: no text found; name some files\n");
		walk.error = -ENOENT;
	}
	if (walk.error < 0)
		return walk.error;
	text->n_chunks = (text->n_bytes + CHUNK_BYTES - 1) / CHUNK_BYTES;
	return learn_what_a_word_is(text);
}

/* What wc -w prints, last line, when it reads the file names, each ended by 0, from @names. */
static int run_wc(int names, uint64_t *ret_words)
{
	char line[4096], last[4096] = "", *end;
	int out[2], status;
	FILE *in;
	pid_t pid;

	if (pipe2(out, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		if (lseek(names, 0, SEEK_SET) != 0 || dup2(names, 0) < 0 || dup2(out[1], 1) < 0)
			_exit(126);
		setenv("LC_ALL", "C", 1);
		setenv("POSIXLY_CORRECT", "1", 1);	/* a no-break space is none */
		execlp("wc", "wc", "-w", "--files0-from=-", (char *)NULL);
		_exit(127);
	}
	close(out[1]);
	in = fdopen(out[0], "r");
	while (in && fgets(line, sizeof(line), in))
		memcpy(last, line, sizeof(line));
	if (in)
		fclose(in);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -errno;
	*ret_words = strtoull(last, &end, 10);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || end == last) {
		fprintf(stderr, "wordcount: \"wc -w\" does not do its work here\n");
		return -EIO;
	}
	return 0;
}

static int learn_what_a_word_is(struct text *text)
{
	static const char byte[] = "\001 ";
	char path[64];
	uint64_t words = 0;
	int names, file, i, r = -EIO;

	names = memfd_create("names", MFD_CLOEXEC);
	file = memfd_create("byte", 0);
	if (names < 0 || file < 0)
		return -errno;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	if (write(file, byte, 2) == 2 &&
	    write(names, path, strlen(path) + 1) == (ssize_t)strlen(path) + 1)
		r = run_wc(names, &words);
	close(file);
	close(names);
	for (i = 0; i < 256; i++)
		text->word_byte[i] = words == 1 || (i > ' ' && i < 127);
	return r;
}

int text_wc(const struct text *text, uint64_t *ret_words)
{
	const int names = memfd_create("names", MFD_CLOEXEC);
	size_t i;
	int r = 0;

	if (names < 0)
		return -errno;
	for (i = 0; i < text->n_files && r == 0; i++) {
		const size_t n = strlen(text->file[i]) + 1;

		if (write(names, text->file[i], n) != (ssize_t)n)
			r = -EIO;
	}
	if (r == 0)
		r = run_wc(names, ret_words);
	close(names);
	return r;
}

void text_free(struct text *text)
{
	size_t i;

	for (i = 0; i < text->n_files; i++)
		free(text->file[i]);
	free(text->file);
	free(text->file_bytes);
}
