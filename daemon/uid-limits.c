/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "uid-limits.h"

void uid_limits_deinit(struct uid_limits *l)
{
	free(l->entries);
	*l = (struct uid_limits){ 0 };
}

/* The first entry whose uid is not below. */
static size_t place(const struct uid_limits *l, uint32_t uid)
{
	size_t low = 0, high = l->n;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (l->entries[middle].uid < uid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int uid_limits_set(struct uid_limits *l, uint32_t uid, enum shmreg_resource what, uint64_t limit)
{
	const size_t i = place(l, uid);
	struct uid_limit *grown;

	if (i == l->n || l->entries[i].uid != uid) {
		grown = realloc(l->entries, (l->n + 1) * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		memmove(&grown[i + 1], &grown[i], (l->n - i) * sizeof(*grown));
		grown[i] = (struct uid_limit){ .uid = uid };
		l->entries = grown;
		l->n++;
	}
	l->entries[i].set |= UINT32_C(1) << what;
	l->entries[i].limit[what] = limit;
	return 0;
}

void uid_limits_unset(struct uid_limits *l, uint32_t uid, enum shmreg_resource what)
{
	const size_t i = place(l, uid);

	if (i == l->n || l->entries[i].uid != uid)
		return;
	l->entries[i].set &= ~(UINT32_C(1) << what);
	if (l->entries[i].set)
		return;
	l->n--;
	memmove(&l->entries[i], &l->entries[i + 1], (l->n - i) * sizeof(*l->entries));
}

bool uid_limits_get(const struct uid_limits *l, uint32_t uid, enum shmreg_resource what,
		    uint64_t *ret)
{
	size_t i;

	if (!l)
		return false;
	i = place(l, uid);
	if (i == l->n || l->entries[i].uid != uid || !(l->entries[i].set & UINT32_C(1) << what))
		return false;
	*ret = l->entries[i].limit[what];
	return true;
}
