/* SPDX-License-Identifier: MIT */
#ifndef SHMREGCTL_H
#define SHMREGCTL_H

/*
 * ctl.h - what the commands of shmregctl have in common
 *
 * Each command is a function of the words behind its name, argv[0] being the name
 * itself; it returns the exit status: 0, 1 (it could not be done) or 2 (it was
 * asked wrongly). Everything that fails says a sentence on standard error.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <shmreg/connection.h>
#include <shmreg/segment.h>

struct ctl {
	const char *socket;	/* NULL: as the library finds it */
	bool json;
};

int ctl_list(struct ctl *ctl, int argc, char **argv);
int ctl_show(struct ctl *ctl, int argc, char **argv);
int ctl_create(struct ctl *ctl, int argc, char **argv);
int ctl_remove(struct ctl *ctl, int argc, char **argv);
int ctl_set(struct ctl *ctl, int argc, char **argv);
int ctl_limit(struct ctl *ctl, int argc, char **argv);
int ctl_stats(struct ctl *ctl, int argc, char **argv);
int ctl_top(struct ctl *ctl, int argc, char **argv);
int ctl_watch(struct ctl *ctl, int argc, char **argv);
int ctl_map(struct ctl *ctl, int argc, char **argv);
int ctl_snapshot(struct ctl *ctl, int argc, char **argv);
int ctl_run(struct ctl *ctl, int argc, char **argv);
int ctl_peek(struct ctl *ctl, int argc, char **argv);
int ctl_get(struct ctl *ctl, int argc, char **argv);
int ctl_add(struct ctl *ctl, int argc, char **argv);
int ctl_cas(struct ctl *ctl, int argc, char **argv);
int ctl_push(struct ctl *ctl, int argc, char **argv);
int ctl_pop(struct ctl *ctl, int argc, char **argv);
int ctl_load(struct ctl *ctl, int argc, char **argv);
int ctl_dump(struct ctl *ctl, int argc, char **argv);
int ctl_restore(struct ctl *ctl, int argc, char **argv);

/* set of an object's elements; ctl_set() decides which is meant. */
int ctl_set_elements(struct ctl *ctl, int argc, char **argv);
int ctl_doctor(struct ctl *ctl, int argc, char **argv);
int ctl_advise(struct ctl *ctl, int argc, char **argv);
int ctl_metrics(struct ctl *ctl, int argc, char **argv);

/* A resource's number by its name, @n bytes of @name; -1: there is none. */
int ctl_resource(const char *name, size_t n);
const char *ctl_resource_name(unsigned int resource);
/* As ctl_stats() prints them; UINT32_MAX: of the whole registry. Return: 0, or what ctl_failed() says. */
int ctl_show_stats(const struct ctl *ctl, struct shmreg_connection *connection, uint32_t uid);

/* Says the sentence; Return: 2. */
int ctl_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Says the sentence; Return: 1. */
int ctl_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Says the library's sentence about the call that has just failed; Return: 1. */
int ctl_failed(int error);
/*
 * The options that every command takes too, for its getopt_long() table; see
 * ctl_common(): getopt's 'j' and 's' are theirs.
 */
#define CTL_OPTIONS { "json", no_argument, NULL, 'j' }, { "socket", required_argument, NULL, 's' }
bool ctl_common(struct ctl *ctl, int option);

/* getopt_long() has met something unknown at argv[optind - 1]; Return: 2. */
int ctl_bad_option(int option, char **argv, const char *command);

/* Is @name one that a segment can have? Return: 0, or what ctl_usage() says. */
int ctl_check_name(const char *command, const char *name);

/* Return: 0, or what ctl_failed() says. @flags: SHMREG_CONNECT_... */
int ctl_connect(const struct ctl *ctl, struct shmreg_connection **ret, uint32_t flags);

/* Standard output could not be written: full disk, closed pipe. Return: 0 or 1. */
int ctl_flush(void);

#endif /* SHMREGCTL_H */
