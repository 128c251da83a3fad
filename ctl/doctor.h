/* SPDX-License-Identifier: MIT */
#ifndef SHMREGCTL_DOCTOR_H
#define SHMREGCTL_DOCTOR_H

/*
 * doctor.h - the parts of shmregctl doctor
 *
 * Each part looks at one thing, and adds findings; what it learns that others need goes into the
 * struct. Parts only look. What is gathered and what is thought of it are apart where the machine
 * that the tests run on cannot have it all: machine.h, unit.h.
 */

#include <sys/un.h>

#include "ctl.h"
#include "findings.h"

struct source;

enum doctor_instance {
	DOCTOR_SYSTEM,
	DOCTOR_USER,
	DOCTOR_PRIVATE,		/* of neither's unit */
};

struct doctor {
	struct ctl *ctl;
	struct findings findings;
	const char *root;		/* goes before the path of each file; "" */
	const char *daemon;		/* the program shmregd */
	uint64_t pause_ns;		/* between looks at a segment */
	/* doctor_socket() */
	char socket[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	enum doctor_instance instance;
	bool answers;			/* a daemon that this shmregctl can talk to */
	struct shmreg_connection *connection;	/* NULL: there is none */
	/* doctor_registry() */
	bool has_stats;
	struct shmreg_stats_reply stats;	/* of the whole registry */
	uint64_t n_segments, resident_bytes;	/* that one may see */
	/* doctor_config() */
	uint64_t max_segments;		/* 0: not known */
};

void doctor_socket(struct doctor *d);
void doctor_config(struct doctor *d);
void doctor_registry(struct doctor *d);
void doctor_machine(struct doctor *d);
void doctor_service(struct doctor *d);
void doctor_files(struct doctor *d);
/* Of one segment: what lies in it, who is attached, how its sizes fit. */
void doctor_segment(struct doctor *d, struct source *source);

/* Return: 0; -ENAMETOOLONG. @ret: @size bytes */
int doctor_path(const struct doctor *d, char *ret, size_t size, const char *path);
/* The first line of a file, without its end. Return: 0 or -errno. */
int doctor_read_line(const struct doctor *d, const char *path, char *ret, size_t size);
/* Is the machine run by it? */
bool doctor_has_systemd(const struct doctor *d);
/*
 * Runs a program without a shell, its standard error being its output too, for 20 seconds at most.
 * Return: its exit status; -errno: it could not be run, or was killed (-EINTR), or took too long
 * (-ETIMEDOUT).
 */
int doctor_run(const char *const argv[], char *ret_output, size_t size);

#endif /* SHMREGCTL_DOCTOR_H */
