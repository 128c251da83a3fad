/* SPDX-License-Identifier: MIT */
#ifndef SHMREGD_HASH_H
#define SHMREGD_HASH_H

/*
 * hash.h - an intrusive hash table from 64-bit keys
 *
 * Several nodes may have one key: hash_first() and hash_next() visit them, the
 * caller compares what the key was made from. Adding cannot fail: a table that
 * finds no memory to grow goes on with longer chains.
 */

#include <stddef.h>
#include <stdint.h>

#define container_of(p, type, member) ((type *)((uintptr_t)(p) - offsetof(type, member)))

struct hash_node {
	struct hash_node *next;
	uint64_t key;
};

struct hash {
	struct hash_node **buckets;
	size_t n_buckets;	/* a power of two */
	size_t n;
};

/* Return: 0; -ENOMEM. */
int hash_init(struct hash *h);
/* Asserts that it is empty. */
void hash_deinit(struct hash *h);

void hash_add(struct hash *h, struct hash_node *node, uint64_t key);
void hash_remove(struct hash *h, struct hash_node *node);
struct hash_node *hash_first(const struct hash *h, uint64_t key);
struct hash_node *hash_next(const struct hash_node *node);

/* Calls @visit for each node, in no order; it must not add or remove. */
void hash_visit(const struct hash *h, void (*visit)(void *data, struct hash_node *node),
		void *data);

#endif /* SHMREGD_HASH_H */
