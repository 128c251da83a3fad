/* SPDX-License-Identifier: MIT */
#ifndef SHMREGD_QUOTA_H
#define SHMREGD_QUOTA_H

/*
 * quota.h - what each uid makes the daemon hold
 *
 * An account exists while it holds anything. Root is counted but not limited. A limit
 * below what is held takes nothing away: there is no room until enough was freed.
 */

#include <shmreg/abi/packet.h>

#include "hash.h"
#include "uid-limits.h"

struct quota {
	struct hash accounts;
	uint64_t limit[SHMREG_N_RESOURCES];
	const struct uid_limits *configured, *set;
	uint64_t total[SHMREG_N_RESOURCES];
};

int quota_init(struct quota *q, const uint64_t limit[SHMREG_N_RESOURCES]);
/* Asserts that nothing is charged. */
void quota_deinit(struct quota *q);
void quota_set_limits(struct quota *q, const uint64_t limit[SHMREG_N_RESOURCES]);
/*
 * Of single uids: what the configuration says, and over that what was set since. The
 * tables stay the caller's, who may change them; NULL is none.
 */
void quota_set_uid_limits(struct quota *q, const struct uid_limits *configured,
			  const struct uid_limits *set);

/*
 * quota_charge() - charge several resources, all or none
 * @n:		of each resource; 0 = none
 *
 * Return: 0; -EDQUOT; -ENOMEM. @error says which limit, and what raises it.
 */
int quota_charge(struct quota *q, uint32_t uid, const uint64_t n[SHMREG_N_RESOURCES],
		 char *error);
int quota_charge_one(struct quota *q, uint32_t uid, enum shmreg_resource what, uint64_t n,
		     char *error);
/* The same without limits: of what outlived a restart. Return: 0; -ENOMEM; -EOVERFLOW. */
int quota_force(struct quota *q, uint32_t uid, const uint64_t n[SHMREG_N_RESOURCES]);
/* Asserts that so much was charged. */
void quota_uncharge(struct quota *q, uint32_t uid, const uint64_t n[SHMREG_N_RESOURCES]);
void quota_uncharge_one(struct quota *q, uint32_t uid, enum shmreg_resource what, uint64_t n);

uint64_t quota_used(const struct quota *q, uint32_t uid, enum shmreg_resource what);
uint64_t quota_limit(const struct quota *q, uint32_t uid, enum shmreg_resource what);
/* What may still be charged. */
uint64_t quota_room(const struct quota *q, uint32_t uid, enum shmreg_resource what);
/* Asserts that totals are the sums of the accounts. */
void quota_verify(const struct quota *q);

/* The option that sets the limit: "max-segments-per-uid", ... */
const char *quota_key(enum shmreg_resource what);

#endif /* SHMREGD_QUOTA_H */
