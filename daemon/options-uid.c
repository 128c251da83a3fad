/* SPDX-License-Identifier: MIT */

/* Limits of single users: "[uid USER]", and below it the options that end in -per-uid. */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "options-internal.h"

static const char suffix[] = "-per-uid";

/* A number is never looked up: it may be that of a user whom this machine does not know yet. */
static int parse_uid(const char *user, uint32_t *ret, char *error)
{
	const struct passwd *entry;
	unsigned long long number;
	uint32_t uid;
	char *end;

	errno = 0;
	number = *user >= '0' && *user <= '9' ? strtoull(user, &end, 10) : 0;
	if (*user >= '0' && *user <= '9' && !*end) {
		if (errno || number >= UINT32_MAX)
			return options_refuse(error, "there is no uid %.32s; uids are below %" PRIu32,
					      user, UINT32_MAX);
		uid = (uint32_t)number;
	} else {
		entry = *user ? getpwnam(user) : NULL;
		if (!entry)
			return options_refuse(error, "there is no user '%.64s'; a section is [uid 1000] or "
					      "[uid NAME] with the name of a user", user);
		uid = entry->pw_uid;
	}
	if (uid == 0)
		return options_refuse(error, "[uid %.64s] is root, who has no limits", user);
	*ret = uid;
	return 0;
}

int options_set_of_uid(struct options *o, const char *section, const char *name, const char *value,
		       char *error)
{
	const struct setting *s;
	struct options scratch;
	uint32_t uid = 0;
	int r, what;

	if (strncmp(section, "uid", 3) != 0 || (section[3] && !strchr(" \t", section[3])))
		return 1;
	section += 3;
	section += strspn(section, " \t");
	r = parse_uid(section, &uid, error);
	if (r < 0)
		return r;
	s = setting_find(name);
	if (!s)
		return options_refuse_unknown(name, error);
	what = setting_resource(s);
	if (what < 0)
		return options_refuse(error, "%s is not of one user; in [uid %.64s] there may be options "
				      "that end in %s", name, section, suffix);
	/* As it is read elsewhere: into options, of which but the number is taken. */
	scratch = (struct options){ 0 };
	r = options_set(&scratch, name, value, error);
	if (r == 0)
		r = uid_limits_set(&o->uids, uid, (enum shmreg_resource)what, scratch.limit[what]);
	if (r == -ENOMEM)
		options_refuse(error, "no memory is left");
	return r;
}

void options_print_uids(const struct options *o, FILE *out)
{
	for (size_t i = 0; i < o->uids.n; i++) {
		const struct uid_limit *of = &o->uids.entries[i];

		fprintf(out, "\n[uid %" PRIu32 "]\n", of->uid);
		for (const struct setting *s = setting_next(NULL); s; s = setting_next(s)) {
			const int what = setting_resource(s);

			if (what < 0 || !(of->set & UINT32_C(1) << what))
				continue;
			fprintf(out, "%s = ", s->name);
			options_print_number(out, s, of->limit[what]);
			fputs("\n", out);
		}
	}
}
