/* SPDX-License-Identifier: MIT */
#ifndef SHMREGD_BUS_ARGS_H
#define SHMREGD_BUS_ARGS_H

/*
 * bus-args.h - words that D-Bus callers say and read, for the numbers that packets have
 *
 * Refusals come with a sentence, as everywhere: @error has SHMREG_ERROR_MAX + 1 bytes.
 */

#include <shmreg/abi/directory.h>
#include <shmreg/abi/packet.h>

/* "NAME" or "#ID". Return: 0; -EINVAL, -ENAMETOOLONG. */
int bus_parse_target(struct shmreg_target *ret, const char *text, char *error);
/* Return: 0; -EINVAL. */
int bus_parse_lifetime(uint32_t *ret, const char *text, char *error);
int bus_parse_resource(enum shmreg_resource *ret, const char *text, char *error);

const char *bus_lifetime_name(uint32_t lifetime);
const char *bus_resource_name(enum shmreg_resource what);
const char *bus_access_name(uint32_t access);
const char *bus_state_name(uint32_t state, uint32_t flags);
const char *bus_huge_name(uint32_t huge);
const char *bus_numa_name(uint32_t numa);

#endif /* SHMREGD_BUS_ARGS_H */
