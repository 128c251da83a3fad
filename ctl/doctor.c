/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor.h"
#include "source.h"

#define PAUSE_NS UINT64_C(100000000)

static struct findings *findings(struct doctor *d)
{
	return &d->findings;
}

/* --- all segments ----------------------------------------------------------------------------- */

struct names {
	struct doctor *doctor;
	char (*name)[SHMREG_SEGMENT_NAME_MAX + 1];
	size_t n;
	uint64_t n_hidden;
};

static int visit(void *data, const struct shmreg_segment_info *info)
{
	struct names *names = data;

	names->doctor->n_segments++;
	names->doctor->resident_bytes += info->resident_bytes;
	if (!info->access) {
		names->n_hidden++;
		return 0;
	}
	if (!(names->n & (names->n - 1))) {
		void *more =
		    reallocarray(names->name, names->n ? names->n * 2 : 1, sizeof(*names->name));

		if (!more) {
			names->doctor->findings.failed = true;
			return 1;
		}
		names->name = more;
	}
	memcpy(names->name[names->n++], info->name, sizeof(*names->name));
	return 0;
}

static void look_at_segments(struct doctor *d, const struct names *names)
{
	struct findings *f = findings(d);
	struct source *source;
	const char *why;

	for (size_t i = 0; i < names->n; i++) {
		const int r = source_open_on(d->connection, names->name[i], &source, &why);

		if (r < 0) {
			/* Gone since, which is no fault of its. */
			f->segment = names->name[i];
			finding_add(f, FINDING_OK, "segment.access", "it cannot be looked at: %s",
				    why);
			f->segment = NULL;
			continue;
		}
		doctor_segment(d, source);
		source_close(source);
	}
	if (names->n_hidden)
		finding_add(f, FINDING_OK, "segment.hidden",
			    "%" PRIu64 " segments are not for this user to read", names->n_hidden);
}

static void everything(struct doctor *d)
{
	struct names names = { .doctor = d };

	doctor_socket(d);
	doctor_config(d);
	doctor_registry(d);
	if (d->connection && shmreg_segment_list(d->connection, visit, &names) < 0)
		finding_add(findings(d), FINDING_ERROR, "registry.list", "%s", shmreg_error());
	doctor_machine(d);
	doctor_service(d);
	doctor_files(d);
	look_at_segments(d, &names);
	free(names.name);
}

/* --- the command ------------------------------------------------------------------------------ */

static void print_json(const struct doctor *d)
{
	struct json j;

	json_init(&j, stdout);
	json_open_object(&j, NULL);
	findings_json(&d->findings, &j);
	json_close(&j);
	json_end(&j);
}

static void print_count(const char *separator, size_t n, const char *word)
{
	printf("%s%zu %s%s", separator, n, word, n == 1 ? "" : "s");
}

static void print_text(const struct doctor *d, bool verbose)
{
	const size_t *count = d->findings.count;

	findings_print(&d->findings, verbose, stdout);
	if (!count[FINDING_ERROR] && !count[FINDING_WARNING])
		fputs("all is well: ", stdout);
	print_count("", count[FINDING_ERROR], "error");
	print_count(", ", count[FINDING_WARNING], "warning");
	print_count(", ", count[FINDING_NOTE], "note");
	printf("; %zu %s fine%s\n", count[FINDING_OK],
	       count[FINDING_OK] == 1 ? "check is" : "checks are",
	       verbose ? "" : " (--verbose shows them)");
}

static int finish(struct doctor *d, bool verbose)
{
	int r = 0;

	if (d->findings.failed)
		r = ctl_fail("doctor: no memory is left, not all was looked at");
	if (d->ctl->json)
		print_json(d);
	else
		print_text(d, verbose);
	if (d->findings.count[FINDING_ERROR])
		r = 1;
	shmreg_disconnect(d->connection);
	findings_deinit(&d->findings);
	return ctl_flush() || r;
}

static int one(struct doctor *d, const char *name)
{
	struct source *source;
	int r;

	r = source_open(d->ctl, "doctor", name, &source);
	if (r)
		return r;
	/* To tell whether the pids in it are ours. */
	if (!source_head(source) && shmreg_connect(&d->connection, &(struct shmreg_connect_params){
			.size = sizeof(struct shmreg_connect_params), .socket = d->ctl->socket,
			.name = "shmregctl", .flags = SHMREG_CONNECT_OBSERVER }) == 0)
		d->has_stats = shmreg_stats(d->connection, UINT32_MAX, &d->stats) == 0;
	doctor_segment(d, source);
	source_close(source);
	return 0;
}

int ctl_doctor(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {
		CTL_OPTIONS,
		{ "verbose", no_argument, NULL, 'v' },
		{ "root", required_argument, NULL, 'r' },
		{ "daemon", required_argument, NULL, 'd' },
		{ NULL, 0, NULL, 0 },
	};
	struct doctor d = {
	    .ctl = ctl, .root = "", .daemon = BINDIR "/shmregd", .pause_ns = PAUSE_NS};
	bool verbose = false;
	int option, r;

	while ((option = getopt_long(argc, argv, ":js:v", options, NULL)) != -1) {
		if (option == 'v')
			verbose = true;
		else if (option == 'r')
			d.root = optarg;
		else if (option == 'd')
			d.daemon = optarg;
		else if (!ctl_common(ctl, option))
			return ctl_bad_option(option, argv, "doctor");
	}
	if (argc - optind > 1)
		return ctl_usage(
		    "doctor: one segment is enough, got '%s' too; without a name all are "
		    "looked at",
		    argv[optind + 1]);
	if (optind < argc) {
		r = one(&d, argv[optind]);
		if (r)
			return r;
	} else {
		everything(&d);
	}
	return finish(&d, verbose);
}
