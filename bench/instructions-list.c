/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "instructions-list.h"

#define COLUMNS_MAX 8
#define ROWS_MAX 256
#define WORD_MAX 40
#define HEAD_MAX 4096
#define SKIPPED 77
#define SPACE " \t\n"
#define UNKNOWN "-"

#define STRING_(x) #x
#define STRING(x) STRING_(x)
#if defined(__x86_64__)
# define ARCH "x86_64"
#elif defined(__aarch64__)
# define ARCH "aarch64"
#else
# define ARCH "unknown"
#endif
#if defined(__clang__)
# define COMPILER ARCH "-clang-" STRING(__clang_major__)
#else
# define COMPILER ARCH "-gcc-" STRING(__GNUC__)
#endif

struct row {
	char name[WORD_MAX];
	char count[COLUMNS_MAX][WORD_MAX];
};

struct list {
	char head[HEAD_MAX];	/* the lines of comment */
	char compilers[COLUMNS_MAX][WORD_MAX];
	size_t n_compilers;
	struct row rows[ROWS_MAX];
	size_t n_rows;
};

bool instructions_comparable(void)
{
	char flags[] = BUILD_CFLAGS, *save = NULL;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	puts("skipped: built with a sanitizer");
	return false;
#endif
	for (char *word = strtok_r(flags, SPACE, &save); word; word = strtok_r(NULL, SPACE, &save)) {
		if (strcmp(word, "-g") == 0 || strcmp(word, "-O2") == 0)
			continue;
		printf("skipped: built with '%s'; the figures are of CFLAGS='-g -O2'\n", word);
		return false;
	}
#ifndef __OPTIMIZE__
	puts("skipped: built without optimization");
	return false;
#endif
	return true;
}

static size_t split(char *line, char words[][WORD_MAX], size_t max)
{
	char *save = NULL;
	size_t n = 0;

	for (char *word = strtok_r(line, SPACE, &save); word && n < max;
	     word = strtok_r(NULL, SPACE, &save))
		snprintf(words[n++], WORD_MAX, "%s", word);
	return n;
}

static void add_line(struct list *list, char *line)
{
	char words[COLUMNS_MAX + 1][WORD_MAX];
	size_t n;

	if (line[0] == '#') {
		if (strlen(list->head) + strlen(line) < HEAD_MAX)
			strcat(list->head, line);
		return;
	}
	n = split(line, words, COLUMNS_MAX + 1);
	if (n == 0)
		return;
	if (strcmp(words[0], "operation") == 0) {
		list->n_compilers = n - 1;
		memcpy(list->compilers, words[1], (n - 1) * WORD_MAX);
	} else if (list->n_rows < ROWS_MAX) {
		struct row *row = &list->rows[list->n_rows++];

		memcpy(row->name, words[0], WORD_MAX);
		memcpy(row->count, words[1], (n - 1) * WORD_MAX);
	}
}

static struct list *list_read(const char *path)
{
	struct list *list = calloc(1, sizeof(*list));
	FILE *file = fopen(path, "re");
	char line[1024];

	if (!list || !file)
		err(1, "%s", path);
	while (fgets(line, sizeof(line), file))
		add_line(list, line);
	fclose(file);
	return list;
}

/* Return: COLUMNS_MAX, if there is none. */
static size_t own_column(const struct list *list)
{
	for (size_t i = 0; i < list->n_compilers; i++)
		if (strcmp(list->compilers[i], COMPILER) == 0)
			return i;
	return COLUMNS_MAX;
}

static struct row *find_row(struct list *list, const char *name)
{
	for (size_t i = 0; i < list->n_rows; i++)
		if (strcmp(list->rows[i].name, name) == 0)
			return &list->rows[i];
	return NULL;
}

static void print_count(char buf[WORD_MAX], unsigned int sixteenths)
{
	snprintf(buf, WORD_MAX, "%.4g", sixteenths / 16.0);
}

int instructions_check(const char *path, const struct instructions_count *found, size_t n)
{
	struct list *list = list_read(path);
	const size_t column = own_column(list);
	size_t n_wrong = 0, n_unknown = 0;

	if (column == COLUMNS_MAX) {
		printf("skipped: %s has no figures of %s\n", path, COMPILER);
		free(list);
		return SKIPPED;
	}
	for (size_t i = 0; i < n; i++) {
		const struct row *row = find_row(list, found[i].name);
		char count[WORD_MAX];

		print_count(count, found[i].sixteenths);
		if (row && strcmp(row->count[column], count) == 0)
			continue;
		if (row && strcmp(row->count[column], UNKNOWN) == 0) {
			n_unknown++;
			continue;
		}
		printf("%s: %s instructions, not %s as %s has it for %s\n", found[i].name, count,
		       row ? row->count[column] : "known", path, COMPILER);
		n_wrong++;
	}
	if (list->n_rows != n) {
		printf("%s has %zu operations, there are %zu\n", path, list->n_rows, n);
		n_wrong++;
	}
	if (n_wrong)
		puts("If that is meant, \"make update-instructions\" and say why in the commit.");
	else
		printf("%zu operations, each with the instructions that it had (%s); those of %zu are "
		       "not known\n", n, COMPILER, n_unknown);
	free(list);
	return n_wrong != 0;
}

/*
 * What the first column's compiler makes otherwise, others do, too: their old figures would be
 * wrong, and new ones may not be had where that compiler is.
 */
static void forget_others(struct row *row, const char *count)
{
	if (strcmp(row->count[0], count) == 0)
		return;
	for (size_t k = 1; k < COLUMNS_MAX; k++)
		memcpy(row->count[k], UNKNOWN, sizeof(UNKNOWN));
}

int instructions_update(const char *path, const struct instructions_count *found, size_t n)
{
	struct list *list = list_read(path);
	size_t column = own_column(list);
	FILE *file;

	if (column == COLUMNS_MAX) {
		if (list->n_compilers == COLUMNS_MAX)
			errx(1, "%s has no room for another compiler", path);
		column = list->n_compilers++;
		snprintf(list->compilers[column], WORD_MAX, "%s", COMPILER);
	}
	file = fopen(path, "we");
	if (!file)
		err(1, "%s", path);
	fprintf(file, "%s%-28s", list->head, "operation");
	for (size_t k = 0; k < list->n_compilers; k++)
		fprintf(file, " %16s", list->compilers[k]);
	for (size_t i = 0; i < n; i++) {
		struct row *row = find_row(list, found[i].name);
		char own[WORD_MAX];

		print_count(own, found[i].sixteenths);
		if (row && column == 0)
			forget_others(row, own);
		fprintf(file, "\n%-28s", found[i].name);
		for (size_t k = 0; k < list->n_compilers; k++) {
			const char *count = UNKNOWN;

			if (k == column)
				count = own;
			else if (row && row->count[k][0])
				count = row->count[k];
			fprintf(file, " %16s", count);
		}
	}
	fputc('\n', file);
	free(list);
	return fclose(file) == 0 ? 0 : 1;
}
