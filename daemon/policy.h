/* SPDX-License-Identifier: MIT */
#ifndef SHMREGD_POLICY_H
#define SHMREGD_POLICY_H

/*
 * policy.h - who may do what to a segment
 *
 * Modes work as a file's: the first of owner, group, others that fits the
 * caller decides, even if a later one would allow more. r = attach read-only,
 * w = attach read-write, which implies reading. Root and the daemon's own uid
 * may do everything, the owner may always administer.
 */

#include <stdbool.h>
#include <stdint.h>

struct caller;

#define POLICY_MODE_MASK UINT32_C(0666)

static inline uint64_t policy_owner(uint32_t uid, uint32_t gid)
{
	return uid | (uint64_t)gid << 32;
}

static inline uint32_t policy_owner_uid(uint64_t owner)
{
	return (uint32_t)owner;
}

static inline uint32_t policy_owner_gid(uint64_t owner)
{
	return (uint32_t)(owner >> 32);
}

/* SHMREG_ACCESS_... that @c has; 0 = none. */
uint32_t policy_access(const struct caller *c, uint64_t owner, uint32_t mode);
bool policy_may_administer(const struct caller *c, uint64_t owner);
/* May @c, who may administer, make @to the owner? As chown(2): groups one is in. */
bool policy_may_give(const struct caller *c, uint64_t owner, uint64_t to);
bool policy_in_group(const struct caller *c, uint32_t gid);

#endif /* SHMREGD_POLICY_H */
