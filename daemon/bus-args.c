/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bus-args.h"
#include "refuse.h"

static const char *const lifetimes[] = {
	[SHMREG_WHILE_ATTACHED] = "while-attached",
	[SHMREG_UNTIL_REMOVED] = "until-removed",
	[SHMREG_WITH_CREATOR] = "with-creator",
};
#define N_LIFETIMES (sizeof(lifetimes) / sizeof(lifetimes[0]))

/* As the options call them, without "max-" and "-per-uid". */
static const char *const resources[] = {
	[SHMREG_RESOURCE_SEGMENTS] = "segments",
	[SHMREG_RESOURCE_BYTES] = "bytes",
	[SHMREG_RESOURCE_RESERVED_BYTES] = "reserved-bytes",
	[SHMREG_RESOURCE_OBJECTS] = "objects",
	[SHMREG_RESOURCE_PARTICIPANTS] = "participants",
	[SHMREG_RESOURCE_SEATS] = "seats",
	[SHMREG_RESOURCE_CONNECTIONS] = "connections",
	[SHMREG_RESOURCE_SUBSCRIPTIONS] = "subscriptions",
};
_Static_assert(sizeof(resources) / sizeof(resources[0]) == SHMREG_N_RESOURCES, "a name each");

static int parse_id(uint64_t *ret, const char *text, char *error)
{
	uint64_t id;
	char *end;

	errno = 0;
	id = *text >= '1' && *text <= '9' ? strtoull(text, &end, 10) : 0;
	if (id == 0 || errno || *end)
		return refuse(error, EINVAL, "\"#%.64s\" is no segment's id; that is '#' and a number "
			      "from 1 on, such as \"#17\"", text);
	*ret = id;
	return 0;
}

int bus_parse_target(struct shmreg_target *ret, const char *text, char *error)
{
	struct shmreg_target target = { 0 };
	const char *why;
	int r;

	if (*text == '#') {
		r = parse_id(&target.segment, text + 1, error);
		if (r < 0)
			return r;
	} else {
		r = shmreg_name_check(text, SHMREG_SEGMENT_NAME_MAX, &why);
		if (r < 0)
			return refuse(error, r, "\"%.127s\" is no segment's name, it %s; an id is written "
				      "\"#17\"", text, why);
		memcpy(target.name, text, strlen(text));
	}
	*ret = target;
	return 0;
}

int bus_parse_lifetime(uint32_t *ret, const char *text, char *error)
{
	for (uint32_t i = 0; i < N_LIFETIMES; i++) {
		if (strcmp(lifetimes[i], text) == 0) {
			*ret = i;
			return 0;
		}
	}
	return refuse(error, EINVAL, "\"%.64s\" is no lifetime; there are while-attached, "
		      "until-removed and with-creator", text);
}

int bus_parse_resource(enum shmreg_resource *ret, const char *text, char *error)
{
	for (unsigned int i = 0; i < SHMREG_N_RESOURCES; i++) {
		if (strcmp(resources[i], text) == 0) {
			*ret = (enum shmreg_resource)i;
			return 0;
		}
	}
	return refuse(error, EINVAL, "\"%.64s\" is no resource; there are segments, bytes, "
		      "reserved-bytes, objects, participants, seats, connections and subscriptions",
		      text);
}

const char *bus_lifetime_name(uint32_t lifetime)
{
	return lifetime < N_LIFETIMES ? lifetimes[lifetime] : "unknown";
}

const char *bus_resource_name(enum shmreg_resource what)
{
	return resources[what];
}

const char *bus_access_name(uint32_t access)
{
	return access & SHMREG_ACCESS_WRITE ? "read-write" :
	       access & SHMREG_ACCESS_READ  ? "read" :
					      "none";
}

const char *bus_state_name(uint32_t state, uint32_t flags)
{
	if (flags & SHMREG_DIR_QUARANTINED)
		return "quarantined";
	return state == SHMREG_DIR_REMOVED ? "removed" : "live";
}

const char *bus_huge_name(uint32_t huge)
{
	return huge == SHMREG_HUGE_TRANSPARENT ? "thp" :
	       huge == SHMREG_HUGE_2M	       ? "2M" :
	       huge == SHMREG_HUGE_1G	       ? "1G" :
						 "none";
}

const char *bus_numa_name(uint32_t numa)
{
	return numa == SHMREG_NUMA_BIND	      ? "bind" :
	       numa == SHMREG_NUMA_INTERLEAVE ? "interleave" :
						"default";
}
