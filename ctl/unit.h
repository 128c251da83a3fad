/* SPDX-License-Identifier: MIT */
#ifndef SHMREGCTL_UNIT_H
#define SHMREGCTL_UNIT_H

/* unit.h - what the service manager says of shmregd.service and shmregd.socket, for doctor */

#include "findings.h"

#define UNIT_UNKNOWN UINT64_MAX

struct unit_properties {
	char load[24];		/* "loaded", "not-found", "masked", ... */
	char active[24];	/* "active", "inactive", "failed", ... */
	char enabled[24];	/* "enabled", "disabled", "" */
	char result[32];	/* "success", ... */
	char drop_ins[512];	/* paths */
	bool reload_needed;	/* files changed since they were read */
	/* of a service */
	char restart[24], kill_mode[24], preserve[24], user[64], notify_access[24];
	uint64_t fd_store_max, n_fd_store, limit_files, n_restarts;
	uint64_t memory_max;	/* bytes; UNKNOWN: no limit */
	bool watchdog;
	/* of a socket */
	char socket_mode[8];
	char listen[256];
};

struct unit {
	bool user;			/* of the user's manager */
	struct unit_properties service, socket;
	bool answers;			/* a daemon does, whoever started it */
	uint64_t max_segments;		/* of the configuration; 0: unknown */
	uint64_t n_segments;		/* that there are; UNKNOWN */
};

/* Lines "Name=value", as systemctl show prints them; what is not there is unknown. */
void unit_parse(const char *text, struct unit_properties *ret);
void unit_judge(const struct unit *u, struct findings *f);

#endif /* SHMREGCTL_UNIT_H */
