/* SPDX-License-Identifier: MIT */
#ifndef SHMREGD_ROOT_H
#define SHMREGD_ROOT_H

/*
 * root.h - the one writer of the registry's root, see <shmreg/abi/root.h>
 *
 * Words to sleep on: nothing in it is a promise, so a writer that was killed left nothing
 * half-done. Whoever might sleep on what it had not raised yet is woken by root_raise()
 * for each segment that the next one finds.
 */

#include <shmreg/abi/root.h>

struct root {
	int fd;
	struct shmreg_root *map;
};
#define ROOT_INIT { .fd = -1 }

/* A new one. Return: 0; as memfd_create(2), fallocate(2), mmap(2). */
int root_new(struct root *ret);
/*
 * root_open() - one that was kept; takes @fd only on success
 *
 * Return: 0; -EPROTONOSUPPORT layout; -EBADMSG; as mmap(2).
 */
int root_open(struct root *ret, int fd);
/* Of another layout: nobody sleeps on it any more. */
void root_retire(int fd);
/* Half-built is fine. */
void root_deinit(struct root *root);

/* A daemon begins to serve @registry. */
void root_begin(struct root *root, uint64_t registry);
/* It was stopped in order. */
void root_orphan(struct root *root);
/* The segment @name can be opened, maybe by somebody who could not before. */
void root_raise(struct root *root, const char *name);

int root_open_ro(const struct root *root);	/* fd or -errno */

#endif /* SHMREGD_ROOT_H */
