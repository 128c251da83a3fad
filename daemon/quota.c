/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quota.h"
#include "refuse.h"

struct account {
	struct hash_node node;
	uint32_t uid;
	uint64_t used[SHMREG_N_RESOURCES];
};

static const struct {
	const char *noun;
	const char *key;
	const char *name;	/* for shmregctl */
} resources[SHMREG_N_RESOURCES] = {
	[SHMREG_RESOURCE_SEGMENTS] = { "segments", "max-segments-per-uid", "segments" },
	[SHMREG_RESOURCE_BYTES] = { "bytes", "max-bytes-per-uid", "bytes" },
	[SHMREG_RESOURCE_RESERVED_BYTES] = { "reserved bytes", "max-reserved-bytes-per-uid",
					     "reserved_bytes" },
	[SHMREG_RESOURCE_OBJECTS] = { "objects", "max-objects-per-uid", "objects" },
	[SHMREG_RESOURCE_PARTICIPANTS] = { "participants", "max-participants-per-uid",
					   "participants" },
	[SHMREG_RESOURCE_SEATS] = { "seats", "max-seats-per-uid", "seats" },
	[SHMREG_RESOURCE_CONNECTIONS] = { "connections", "max-connections-per-uid", "connections" },
	[SHMREG_RESOURCE_SUBSCRIPTIONS] = { "subscriptions and watches", "max-subscriptions-per-uid",
					    "subscriptions" },
};

const char *quota_key(enum shmreg_resource what)
{
	return resources[what].key;
}

int quota_init(struct quota *q, const uint64_t limit[SHMREG_N_RESOURCES])
{
	struct quota quota = { 0 };
	int r;

	r = hash_init(&quota.accounts);
	if (r < 0)
		return r;
	*q = quota;
	quota_set_limits(q, limit);
	return 0;
}

void quota_deinit(struct quota *q)
{
	hash_deinit(&q->accounts);
}

void quota_set_limits(struct quota *q, const uint64_t limit[SHMREG_N_RESOURCES])
{
	memcpy(q->limit, limit, sizeof(q->limit));
}

void quota_set_uid_limits(struct quota *q, const struct uid_limits *configured,
			  const struct uid_limits *set)
{
	q->configured = configured;
	q->set = set;
}

static struct account *quota_find(const struct quota *q, uint32_t uid)
{
	struct hash_node *node = hash_first(&q->accounts, uid);

	return node ? container_of(node, struct account, node) : NULL;
}

static struct account *quota_ref(struct quota *q, uint32_t uid)
{
	struct account *a = quota_find(q, uid);

	if (a)
		return a;
	a = calloc(1, sizeof(*a));
	if (!a)
		return NULL;
	a->uid = uid;
	hash_add(&q->accounts, &a->node, uid);
	return a;
}

static void quota_drop_if_empty(struct quota *q, struct account *a)
{
	for (size_t i = 0; i < SHMREG_N_RESOURCES; i++)
		if (a->used[i])
			return;
	hash_remove(&q->accounts, &a->node);
	free(a);
}

uint64_t quota_used(const struct quota *q, uint32_t uid, enum shmreg_resource what)
{
	const struct account *a = quota_find(q, uid);

	return a ? a->used[what] : 0;
}

uint64_t quota_limit(const struct quota *q, uint32_t uid, enum shmreg_resource what)
{
	uint64_t limit;

	if (uid == 0)
		return UINT64_MAX;
	if (uid_limits_get(q->set, uid, what, &limit) ||
	    uid_limits_get(q->configured, uid, what, &limit))
		return limit;
	return q->limit[what];
}

uint64_t quota_room(const struct quota *q, uint32_t uid, enum shmreg_resource what)
{
	const uint64_t used = quota_used(q, uid, what), limit = quota_limit(q, uid, what);
	uint64_t room = limit > used ? limit - used : 0;

	/* The total must not wrap either, also for those without a limit. */
	if (room > UINT64_MAX - q->total[what])
		room = UINT64_MAX - q->total[what];
	return room;
}

int quota_force(struct quota *q, uint32_t uid, const uint64_t n[SHMREG_N_RESOURCES])
{
	struct account *a;

	for (int i = 0; i < SHMREG_N_RESOURCES; i++)
		if (n[i] > UINT64_MAX - q->total[i])
			return -EOVERFLOW;
	a = quota_ref(q, uid);
	if (!a)
		return -ENOMEM;
	for (int i = 0; i < SHMREG_N_RESOURCES; i++) {
		a->used[i] += n[i];
		q->total[i] += n[i];
	}
	quota_drop_if_empty(q, a);
	return 0;
}

/* Where the limit comes from, there it can be raised. */
static int refuse_more(const struct quota *q, uint32_t uid, enum shmreg_resource what, uint64_t n,
		       char *error)
{
	const uint64_t used = quota_used(q, uid, what);
	char how[96];
	uint64_t limit;

	if (uid_limits_get(q->set, uid, what, &limit))
		snprintf(how, sizeof(how), "let root raise it: shmregctl limit %" PRIu32 " %s=N", uid,
			 resources[what].name);
	else if (uid_limits_get(q->configured, uid, what, &limit))
		snprintf(how, sizeof(how), "raise %s under [uid %" PRIu32 "] in shmregd's configuration",
			 resources[what].key, uid);
	else
		snprintf(how, sizeof(how), "raise %s in shmregd's configuration",
			 resources[what].key);
	return refuse(error, EDQUOT,
		      "uid %" PRIu32 " has %" PRIu64 " of at most %" PRIu64 " %s and asked for %" PRIu64
		      " more; free some, or %s",
		      uid, used, quota_limit(q, uid, what), resources[what].noun, n, how);
}

int quota_charge(struct quota *q, uint32_t uid, const uint64_t n[SHMREG_N_RESOURCES],
		 char *error)
{
	for (int i = 0; i < SHMREG_N_RESOURCES; i++)
		if (n[i] > quota_room(q, uid, (enum shmreg_resource)i))
			return refuse_more(q, uid, (enum shmreg_resource)i, n[i], error);
	if (quota_force(q, uid, n) < 0)
		return refuse(error, ENOMEM, "shmregd is out of memory");
	return 0;
}

int quota_charge_one(struct quota *q, uint32_t uid, enum shmreg_resource what, uint64_t n,
		     char *error)
{
	uint64_t all[SHMREG_N_RESOURCES] = { 0 };

	all[what] = n;
	return quota_charge(q, uid, all, error);
}

void quota_uncharge(struct quota *q, uint32_t uid, const uint64_t n[SHMREG_N_RESOURCES])
{
	struct account *a = quota_find(q, uid);

	for (int i = 0; i < SHMREG_N_RESOURCES; i++) {
		if (n[i] == 0)
			continue;
		assert(a && a->used[i] >= n[i] && q->total[i] >= n[i]);
		a->used[i] -= n[i];
		q->total[i] -= n[i];
	}
	if (a)
		quota_drop_if_empty(q, a);
}

void quota_uncharge_one(struct quota *q, uint32_t uid, enum shmreg_resource what, uint64_t n)
{
	uint64_t all[SHMREG_N_RESOURCES] = { 0 };

	all[what] = n;
	quota_uncharge(q, uid, all);
}

static void quota_sum(void *data, struct hash_node *node)
{
	const struct account *a = container_of(node, struct account, node);
	uint64_t *sum = data;

	for (int i = 0; i < SHMREG_N_RESOURCES; i++)
		sum[i] += a->used[i];
}

void quota_verify(const struct quota *q)
{
	uint64_t sum[SHMREG_N_RESOURCES] = { 0 };

	hash_visit(&q->accounts, quota_sum, sum);
	assert(memcmp(sum, q->total, sizeof(sum)) == 0);
}
