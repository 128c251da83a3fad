/* SPDX-License-Identifier: MIT */
#include <config.h>

#include "policy.h"
#include "registry.h"

bool policy_in_group(const struct caller *c, uint32_t gid)
{
	if (c->gid == gid)
		return true;
	for (size_t i = 0; i < c->n_groups; i++)
		if (c->groups[i] == gid)
			return true;
	return false;
}

uint32_t policy_access(const struct caller *c, uint64_t owner, uint32_t mode)
{
	uint32_t bits;

	if (c->admin)
		return SHMREG_ACCESS_READ | SHMREG_ACCESS_WRITE;
	if (c->uid == policy_owner_uid(owner))
		bits = mode >> 6;
	else if (policy_in_group(c, policy_owner_gid(owner)))
		bits = mode >> 3;
	else
		bits = mode;
	if (bits & 2)
		return SHMREG_ACCESS_READ | SHMREG_ACCESS_WRITE;
	return bits & 4 ? SHMREG_ACCESS_READ : 0;
}

bool policy_may_administer(const struct caller *c, uint64_t owner)
{
	return c->admin || c->uid == policy_owner_uid(owner);
}

bool policy_may_give(const struct caller *c, uint64_t owner, uint64_t to)
{
	if (c->admin)
		return true;
	if (policy_owner_uid(to) != policy_owner_uid(owner))
		return false;
	return policy_owner_gid(to) == policy_owner_gid(owner) ||
	       policy_in_group(c, policy_owner_gid(to));
}
