/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include <shmreg/abi/directory.h>

#include "parse.h"

/* The kernel's "nobody in particular" cannot own anything. */
#define ID_MAX (UINT32_MAX - 1)

static int refuse(const char **ret_why, const char *why)
{
	*ret_why = why;
	return -EINVAL;
}

/* strtoull() alone would take " 7", "+7" and "-7". */
static int number(const char *text, int base, uint64_t *ret, const char **ret_end)
{
	unsigned long long value;
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	value = strtoull(text, &end, base);
	if (errno)
		return -ERANGE;
	*ret = value;
	*ret_end = end;
	return 0;
}

int parse_bytes(const char *text, uint64_t *ret, const char **ret_why)
{
	static const char units[] = "KMGT";
	const char *end, *unit;
	uint64_t value;
	unsigned int shift = 0;
	int r;

	r = number(text, 10, &value, &end);
	if (r == -EINVAL)
		return refuse(ret_why, "is not a size; sizes look like 4096, 64K, 64M or 1G");
	if (r == 0 && *end && (unit = strchr(units, *end))) {
		shift = 10 * (unsigned int)(unit - units + 1);
		end++;
		if (strcmp(end, "iB") == 0)
			end += 2;
	}
	if (r == 0 && *end)
		return refuse(ret_why, "is not a size; sizes look like 4096, 64K, 64M or 1G");
	if (r < 0 || (value << shift) >> shift != value || value << shift > SHMREG_DATA_BYTES_MAX)
		return refuse(ret_why, "is too large; 64T is the most a segment can have");
	if (!value)
		return refuse(ret_why, "is too small; a segment has at least 1 byte");
	*ret = value << shift;
	return 0;
}

int parse_limit(const char *text, bool bytes, uint64_t *ret, const char **ret_why)
{
	const char *end;
	uint64_t value;

	if (strcmp(text, "none") == 0) {
		*ret = UINT64_MAX;
		return 0;
	}
	if (number(text, 10, &value, &end) == 0 && !*end) {
		*ret = value;
		return 0;
	}
	if (!bytes)
		return refuse(ret_why, "has no number such as 100; none and default are limits, too");
	if (parse_bytes(text, ret, ret_why) < 0)
		return refuse(ret_why, "has no size such as 4096, 64M or 1G (64T at most); none and "
				       "default are limits, too");
	return 0;
}

int parse_count(const char *text, uint32_t max, uint32_t *ret, const char **ret_why)
{
	const char *end;
	uint64_t value;

	if (number(text, 10, &value, &end) < 0 || *end || !value || value > max)
		return refuse(ret_why, max == 65536 ? "is not a number from 1 to 65536"
						    : "is not a number in the allowed range");
	*ret = (uint32_t)value;
	return 0;
}

int parse_seconds(const char *text, uint64_t *ret_ns, const char **ret_why)
{
	static const char why[] = "is not an interval; intervals look like 1 or 0.5, in seconds, "
				  "0.001 to 86400";
	uint64_t seconds, ms = 0, unit = 100;
	const char *end;

	if (number(text, 10, &seconds, &end) < 0 || seconds > 86400)
		return refuse(ret_why, why);
	if (*end == '.')
		for (end++; *end >= '0' && *end <= '9' && unit; end++, unit /= 10)
			ms += (uint64_t)(*end - '0') * unit;
	ms += seconds * 1000;
	if (*end || !ms || ms > 86400000)
		return refuse(ret_why, why);
	*ret_ns = ms * 1000000;
	return 0;
}

int parse_mode(const char *text, uint32_t *ret, const char **ret_why)
{
	const char *end;
	uint64_t value;

	if (number(text, 8, &value, &end) < 0 || *end || value > 0777 || value & 0111)
		return refuse(ret_why, "is not a mode; modes are octal and made of r (4: attach "
				       "read-only) and w (2: attach read-write) for owner, group "
				       "and others, such as 0660");
	*ret = (uint32_t)value;
	return 0;
}

int parse_lifetime(const char *text, uint32_t *ret, const char **ret_why)
{
	static const char *const names[] = {
		[SHMREG_WHILE_ATTACHED] = "while-attached",
		[SHMREG_UNTIL_REMOVED] = "until-removed",
		[SHMREG_WITH_CREATOR] = "with-creator",
	};

	for (uint32_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(text, names[i]) == 0) {
			*ret = i;
			return 0;
		}
	return refuse(ret_why, "is not a lifetime; there are while-attached, until-removed and "
			       "with-creator");
}

int parse_user(const char *text, uint32_t *ret, const char **ret_why)
{
	const struct passwd *pw = getpwnam(text);
	const char *end;
	uint64_t value;

	if (pw) {
		*ret = pw->pw_uid;
		return 0;
	}
	if (number(text, 10, &value, &end) < 0 || *end || value > ID_MAX)
		return refuse(ret_why, "is neither a user's name nor a uid");
	*ret = (uint32_t)value;
	return 0;
}

static int parse_group(const char *text, uint32_t *ret, const char **ret_why)
{
	const struct group *gr = getgrnam(text);
	const char *end;
	uint64_t value;

	if (gr) {
		*ret = gr->gr_gid;
		return 0;
	}
	if (number(text, 10, &value, &end) < 0 || *end || value > ID_MAX)
		return refuse(ret_why, "does not have a group's name or a gid behind its colon");
	*ret = (uint32_t)value;
	return 0;
}

int parse_owner(const char *text, uint32_t *uid, uint32_t *gid, const char **ret_why)
{
	const char *colon = strchr(text, ':');
	uint32_t new_uid = *uid, new_gid = *gid;
	char user[256];
	int r = 0;

	if (!colon)
		return parse_user(text, uid, ret_why);
	if ((size_t)(colon - text) >= sizeof(user) || (colon == text && !colon[1]))
		return refuse(ret_why, "is not an owner; owners look like alice, alice:users or "
				       ":users");
	memcpy(user, text, (size_t)(colon - text));
	user[colon - text] = '\0';
	if (*user)
		r = parse_user(user, &new_uid, ret_why);
	if (r == 0 && colon[1])
		r = parse_group(colon + 1, &new_gid, ret_why);
	if (r < 0)
		return r;
	*uid = new_uid;
	*gid = new_gid;
	return 0;
}
