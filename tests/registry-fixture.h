/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_TESTS_REGISTRY_FIXTURE_H
#define SHMREG_TESTS_REGISTRY_FIXTURE_H

/*
 * registry-fixture.h - a registry whose ops take notes, and short ways to ask it things
 */

#include <shmreg/abi/packet.h>

#include "registry.h"

struct notes {
	uint32_t n_created, n_disposed, n_repair, n_rest, n_watch, n_unwatch;
	struct segment *repair;			/* the last that wanted it */
	struct segment *rest;			/* the last that may wait for it */
	struct segment *free;			/* the last of which something is to be freed */
	uint32_t n_events[SHMREG_EVENT_LOST + 1];
	struct shmreg_event last;
};

extern char fixture_error[SHMREG_ERROR_MAX + 1];	/* of the last call below */

struct registry_config fixture_config(void);
struct registry *fixture_registry(const struct registry_config *config, struct notes *notes);
/* One that does not free by itself, but waits for registry_freed(). */
struct registry *fixture_registry_with_free(const struct registry_config *config,
					    struct notes *notes);

/* Process @pid of @uid, in the group of the same number. */
struct caller fixture_caller(uint32_t uid, uint32_t pid);

struct shmreg_create fixture_create_request(const char *name, uint64_t data_bytes);
struct shmreg_shape fixture_array(uint64_t bytes);
struct shmreg_shape fixture_object_queue(uint32_t pool);

/* Short forms; each sets fixture_error on failure. */
int fixture_create(struct registry *r, const struct caller *c, const char *name,
		   uint64_t data_bytes, uint32_t mode, uint32_t lifetime,
		   struct shmreg_attach_reply *ret);
int fixture_open(struct registry *r, const struct caller *c, const char *name, uint32_t access,
		 struct shmreg_attach_reply *ret);
int fixture_detach(struct registry *r, const struct caller *c,
		   const struct shmreg_attach_reply *at);
int fixture_object(struct registry *r, const struct caller *c,
		   const struct shmreg_attach_reply *at, const char *name, uint64_t bytes,
		   struct shmreg_create_object_reply *ret);
int fixture_remove_object(struct registry *r, const struct caller *c,
			  const struct shmreg_attach_reply *at, const char *name);
int fixture_quiesce(struct registry *r, const struct caller *c,
		    const struct shmreg_attach_reply *at, uint64_t epoch);
/* As the shell with a reaper that succeeds. */
void fixture_repair(struct registry *r, struct segment *s);

/* The kernel's pages; an object of two has at least one whole one, and less is not given back. */
uint64_t fixture_page(void);
/* Make a whole page of an object resident. */
void fixture_touch(struct registry *r, uint64_t segment, uint64_t object_index);
/* Bytes of the data area. */
uint64_t fixture_resident(struct registry *r, uint64_t segment);

/* A copy of a memfd's bytes in another that is sealed alike. */
int fixture_copy_memfd(int fd);
/* A new registry from dup'd descriptors of all segments of @r, which is freed. */
struct registry *fixture_restart(struct registry *r, const struct registry_config *config,
				 struct notes *notes);

#endif /* SHMREG_TESTS_REGISTRY_FIXTURE_H */
