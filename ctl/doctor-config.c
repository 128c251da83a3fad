/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doctor.h"

/* The daemon's own program reads its configuration for us: what it prints is what it would do. */

#define OUTPUT_MAX 16384

/* The value of "name = value" in what it prints. Return: NULL: it is not set. */
static const char *value_of(const char *output, const char *name, char *ret, size_t size)
{
	const size_t n = strlen(name);

	for (const char *line = output; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		if (strncmp(line, name, n) != 0 || strncmp(line + n, " = ", 3) != 0)
			continue;
		snprintf(ret, size, "%.*s", (int)strcspn(line + n + 3, "\n"), line + n + 3);
		return ret;
	}
	return NULL;
}

static void look_at_reaper(struct doctor *d, const char *output)
{
	struct findings *f = &d->findings;
	char path[512], whole[1024];

	if (!value_of(output, "reaper", path, sizeof(path)) ||
	    doctor_path(d, whole, sizeof(whole), path) < 0)
		return;
	if (access(whole, X_OK) < 0) {
		finding_add(f, FINDING_ERROR, "install.reaper",
			    "the program that repairs after a death, %s, "
			    "cannot be executed: %s",
			    whole, strerror(errno));
		finding_type(f, "make install");
	} else {
		finding_add(f, FINDING_OK, "install.reaper", "the reaper is %s", whole);
	}
}

static bool look_at_version(struct doctor *d)
{
	const char *const argv[] = { d->daemon, "--version", NULL };
	struct findings *f = &d->findings;
	char output[256];
	int r;

	r = doctor_run(argv, output, sizeof(output));
	if (r < 0) {
		finding_add(f, d->answers ? FINDING_NOTE : FINDING_ERROR, "install.daemon",
			    "the program %s cannot be run: %s", d->daemon, strerror(-r));
		finding_type(f, "make install   # or: shmregctl doctor --daemon PATH");
		return false;
	}
	if (r != 0 || strncmp(output, "shmregd ", 8) != 0) {
		finding_add(f, FINDING_ERROR, "install.daemon",
			    "%s is not shmregd: it says '%.100s'", d->daemon, output);
		finding_type(f, "make install   # or: shmregctl doctor --daemon PATH");
		return false;
	}
	if (strcmp(output + 8, VERSION) != 0) {
		finding_add(f, FINDING_WARNING, "install.version",
			    "%s is version %.30s, and shmregctl %s: two "
			    "versions are installed",
			    d->daemon, output + 8, VERSION);
		finding_type(f, "type -a shmregd shmregctl");
	} else {
		finding_add(f, FINDING_OK, "install.version", "%s is version %s", d->daemon,
			    VERSION);
	}
	return true;
}

void doctor_config(struct doctor *d)
{
	char file[1024] = "", option[1040], output[OUTPUT_MAX], number[32];
	const char *argv[5] = { d->daemon, "--print-config" };
	struct findings *f = &d->findings;
	struct stat st;
	size_t n = 2;
	bool there;
	int r;

	if (!look_at_version(d))
		return;
	there = doctor_path(d, file, sizeof(file), SYSCONFDIR "/shmregd.conf") == 0 &&
		stat(file, &st) == 0;
	if (d->instance == DOCTOR_SYSTEM)
		argv[n++] = "--system";
	/* A private daemon reads none, and so it is as if it were empty. */
	if (*d->root || d->instance == DOCTOR_PRIVATE) {
		snprintf(option, sizeof(option), "--config=%s",
			 there && d->instance != DOCTOR_PRIVATE ? file : "/dev/null");
		argv[n++] = option;
	}
	r = doctor_run(argv, output, sizeof(output));
	if (r < 0) {
		finding_add(f, FINDING_ERROR, "config.file", "%s cannot be run: %s", d->daemon,
			    strerror(-r));
		return;
	}
	if (r > 0) {
		finding_add(f, FINDING_ERROR, "config.file", "the configuration is refused: %.400s",
			    output);
		finding_type(f, "%s --check-config   # until it says nothing; man shmregd.conf",
			     d->daemon);
		return;
	}
	finding_add(f, FINDING_OK, "config.file", "%s %s", *file ? file : "the configuration",
		    d->instance == DOCTOR_PRIVATE ? "is not read by this daemon" :
		    there ? "is well" : "is not there: all is as it comes");
	if (there && (st.st_mode & 022)) {
		finding_add(f, FINDING_ERROR, "config.mode", "others than its owner may write %s",
			    file);
		finding_type(f, "chmod go-w %s", file);
	}
	if (value_of(output, "max-segments", number, sizeof(number)))
		d->max_segments = strtoull(number, NULL, 10);
	/* A private one is told on its command line. */
	if (d->instance != DOCTOR_PRIVATE)
		look_at_reaper(d, output);
}
