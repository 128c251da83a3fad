/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "hash.h"

#define HASH_BUCKETS_MIN 64

/* Keys are counters and pids: multiply, and use the high bits, which depend on all. */
static size_t hash_bucket(uint64_t key, size_t n_buckets)
{
	key ^= key >> 32;
	key *= UINT64_C(0x9e3779b97f4a7c15);
	return (size_t)(key >> 32) & (n_buckets - 1);
}

int hash_init(struct hash *h)
{
	struct hash_node **buckets = calloc(HASH_BUCKETS_MIN, sizeof(*buckets));

	if (!buckets)
		return -ENOMEM;
	*h = (struct hash){ .buckets = buckets, .n_buckets = HASH_BUCKETS_MIN };
	return 0;
}

void hash_deinit(struct hash *h)
{
	assert(h->n == 0);
	free(h->buckets);
	*h = (struct hash){ 0 };
}

static void hash_grow(struct hash *h)
{
	const size_t n_buckets = h->n_buckets * 2;
	struct hash_node **buckets = calloc(n_buckets, sizeof(*buckets));

	if (!buckets)
		return;
	for (size_t i = 0; i < h->n_buckets; i++) {
		struct hash_node *node = h->buckets[i], *next;

		for (; node; node = next) {
			const size_t b = hash_bucket(node->key, n_buckets);

			next = node->next;
			node->next = buckets[b];
			buckets[b] = node;
		}
	}
	free(h->buckets);
	h->buckets = buckets;
	h->n_buckets = n_buckets;
}

void hash_add(struct hash *h, struct hash_node *node, uint64_t key)
{
	size_t b;

	if (h->n >= h->n_buckets)
		hash_grow(h);
	b = hash_bucket(key, h->n_buckets);
	node->key = key;
	node->next = h->buckets[b];
	h->buckets[b] = node;
	h->n++;
}

void hash_remove(struct hash *h, struct hash_node *node)
{
	struct hash_node **p = &h->buckets[hash_bucket(node->key, h->n_buckets)];

	while (*p && *p != node)
		p = &(*p)->next;
	assert(*p == node);
	*p = node->next;
	node->next = NULL;
	h->n--;
}

static struct hash_node *hash_skip(struct hash_node *node, uint64_t key)
{
	while (node && node->key != key)
		node = node->next;
	return node;
}

struct hash_node *hash_first(const struct hash *h, uint64_t key)
{
	return hash_skip(h->buckets[hash_bucket(key, h->n_buckets)], key);
}

struct hash_node *hash_next(const struct hash_node *node)
{
	return hash_skip(node->next, node->key);
}

void hash_visit(const struct hash *h, void (*visit)(void *data, struct hash_node *node),
		void *data)
{
	for (size_t i = 0; i < h->n_buckets; i++)
		for (struct hash_node *node = h->buckets[i]; node; node = node->next)
			visit(data, node);
}
