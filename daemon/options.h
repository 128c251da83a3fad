/* SPDX-License-Identifier: MIT */
#ifndef SHMREGD_OPTIONS_H
#define SHMREGD_OPTIONS_H

/*
 * options.h - what the daemon is told, by its command line and its file
 *
 * Both know the same options: "--max-segments=100" there is "max-segments = 100"
 * here. The command line wins. Every refusal is a sentence that says where
 * (file and line), what was wrong and what would be right.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <shmreg/abi/packet.h>

#include "uid-limits.h"

#define OPTIONS_ERROR_MAX 511

#define OPTIONS_SEGMENTS_MAX 2000	/* systemd compares a new stored descriptor with each */
#define OPTIONS_CONNECTIONS_MAX 10000
#define OPTIONS_REAPERS_MAX 64
#define OPTIONS_MODE_UNSET UINT64_MAX

enum options_bus {
	OPTIONS_BUS_NO,
	OPTIONS_BUS_AUTO,		/* for the system's instance and a user's own */
	OPTIONS_BUS_YES,		/* for a private one, too */
};

struct options {
	bool system;
	char *socket;			/* NULL: by rule, see listener.h */
	uint64_t socket_mode;		/* or OPTIONS_MODE_UNSET */
	char *reaper;
	uint64_t bus;			/* enum options_bus */
	uint64_t log_level;		/* <syslog.h> */

	uint64_t max_segments;
	uint64_t max_connections;	/* 0: as many as there are descriptors for */
	uint64_t reserve_budget;
	uint64_t max_seats_per_participant;
	uint64_t reserved_seats;
	uint64_t max_reapers;
	uint64_t repair_timeout;	/* seconds */
	char *snapshot_on_death;	/* folder; NULL: none are taken */
	char *snapshot_program;
	uint64_t snapshot_keep;		/* files */
	uint64_t snapshot_bytes;	/* of memory, of a segment */
	uint64_t snapshot_interval;	/* seconds */
	uint64_t limit[SHMREG_N_RESOURCES];	/* per uid */
	struct uid_limits uids;		/* of single ones instead */
};

enum options_action {
	OPTIONS_RUN,
	OPTIONS_HELP,
	OPTIONS_VERSION,
	OPTIONS_PRINT_CONFIG,
	OPTIONS_CHECK_CONFIG,
};

/* The defaults; must be undone. Return: 0; -ENOMEM. */
int options_init(struct options *o);
void options_deinit(struct options *o);

/* Return: 0; -EINVAL and a sentence; -ENOMEM. @error: OPTIONS_ERROR_MAX + 1 bytes. */
int options_set(struct options *o, const char *name, const char *value, char *error);
/* A file that does not exist is fine unless @required. Return: the same; -errno of fopen(). */
int options_read_file(struct options *o, const char *path, bool required, char *error);
/* Command line and the file it names, or the default one. @o is initialised or untouched. */
int options_parse(struct options *ret, enum options_action *ret_action, int argc,
		  char *const argv[], char *error);

void options_print(const struct options *o, FILE *out);
void options_print_help(FILE *out);

#endif /* SHMREGD_OPTIONS_H */
