/* SPDX-License-Identifier: MIT */
#ifndef LIBSHMREG_ROOT_H
#define LIBSHMREG_ROOT_H

/* root.h - the registry's words to sleep on, mapped once a connection */

#include <stdbool.h>

#include <shmreg/abi/root.h>

struct shmreg_connection;

/* Those of earlier registries stay mapped: somebody may be asleep on them. */
struct root {
	struct root *next;
	const struct shmreg_root *map;
};

/*
 * root_get() - the root of the registry that answered last; a request the first time
 *
 * Return: 0; -EBADMSG, -EPROTONOSUPPORT, -ENOMEM; as connection_call(); with a sentence.
 */
int root_get(struct shmreg_connection *c, const struct shmreg_root **ret);

/* Is it still that registry's? */
bool root_is_current(struct shmreg_connection *c, const struct shmreg_root *root);

/* Nobody sleeps any more. */
void root_unmap_all(struct shmreg_connection *c);

#endif /* LIBSHMREG_ROOT_H */
