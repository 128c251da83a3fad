/* SPDX-License-Identifier: MIT */
#ifndef TEST_INSPECT_WORLD_H
#define TEST_INSPECT_WORLD_H

/* inspect-world.h - a directory and a data area in plain shared memory, to be inspected */

#include <shmreg/abi/directory.h>

#include "inspect.h"

#define WORLD_OBJECTS 16
#define WORLD_PARTICIPANTS 8
#define WORLD_BYTES (UINT64_C(256) * 1024)
#define WORLD_SEATS 40		/* 1 to 40 are those of participant 1, who lives */
#define WORLD_NOBODYS 100	/* a seat that nobody has */

extern struct shmreg_dir *world_dir;
extern unsigned char *world_data;
extern const struct shmreg_shape world_queue;	/* of eight, which redelivers */

void world_setup(void);
void world_teardown(void);

/* An object, all zero. Return: its place. */
void *world_add(const struct shmreg_shape *shape, const char *name);
struct shmreg_dir_object *world_entry(uint32_t index);

/* One look finds nothing; what it finds is said. */
void world_is_well(void);
/* As world_is_well(), but what stands still may be seen. */
void world_has_no_error(void);
/* Three looks find this, and of errors nothing else. Return: its severity. */
enum severity world_finds(const char *check);
/* The same; other errors may come of it. */
enum severity world_finds_among(const char *check);

#endif /* TEST_INSPECT_WORLD_H */
