/* SPDX-License-Identifier: MIT */
#ifndef SHMREGD_UID_LIMITS_H
#define SHMREGD_UID_LIMITS_H

/*
 * uid-limits.h - limits of single uids, in place of those that every uid has
 *
 * A sorted table; what it does not say is not changed. Root has no limits and no entry.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <shmreg/abi/packet.h>

struct uid_limit {
	uint32_t uid;
	uint32_t set;		/* 1 << enum shmreg_resource: which are */
	uint64_t limit[SHMREG_N_RESOURCES];
};

struct uid_limits {
	struct uid_limit *entries;	/* by uid */
	size_t n;
};

/* All zeros is an empty one. */
void uid_limits_deinit(struct uid_limits *l);
/* Return: 0; -ENOMEM. */
int uid_limits_set(struct uid_limits *l, uint32_t uid, enum shmreg_resource what, uint64_t limit);
/* As if it had never been set. */
void uid_limits_unset(struct uid_limits *l, uint32_t uid, enum shmreg_resource what);
/* @l may be NULL. Return: is it set? */
bool uid_limits_get(const struct uid_limits *l, uint32_t uid, enum shmreg_resource what,
		    uint64_t *ret);

#endif /* SHMREGD_UID_LIMITS_H */
