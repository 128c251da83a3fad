/* SPDX-License-Identifier: MIT */
#ifndef TEST_REAPER_WORLD_H
#define TEST_REAPER_WORLD_H

/*
 * reaper-world.h - a segment that is made by hand, with its dead, and the real shmreg-reaper at it
 *
 * Everything here fails the test by itself.
 */

#include <check.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <shmreg/abi/directory.h>
#include <shmreg/abi/pool.h>
#include <shmreg/abi/queue.h>
#include <shmreg/abi/reaper.h>

#define SEGMENT 3
#define DATA_BYTES (UINT64_C(1) << 20)
#define CAPACITY 8
#define DEAD 17
#define DEAD_TOO 4095
#define ALIVE 18

/* Its objects: queues of both kinds, one that none of the dead uses, and so on. */
enum { DROP, REDELIVER, UNUSED, REMOVED, ARRAY, CROOKED, POOL, OBJECTS, GONE, N_OBJECTS };

/* Indices are those above, ids are one more. */
struct world {
	int dir_fd, dir_ro_fd, data_fd;
	struct shmreg_dir *dir;
	unsigned char *data;
};

/* A word of a queue's slot, or of its ends. */
uint64_t word(uint64_t position, uint64_t n, uint64_t owner, uint64_t state);
struct shmreg_queue_shm *queue(struct world *w, uint32_t index);
uint64_t *slot(struct world *w, uint32_t index, uint32_t i);

/*
 * In each queue: positions 0 to 2 were being popped, by the dead, the living and
 * the other dead; 3 is ready; 4 and 5 were claimed together by the dead and not
 * yet written; 6 is being written by the living.
 */
void wreck(struct world *w, uint32_t index);
void world_new(struct world *w);
void world_free(struct world *w);

struct reaper {
	pid_t pid;
	int fd;
};

struct reaper reaper_spawn(void);
struct shmreg_reaper_job world_job(const struct world *w);
void send_job(const struct reaper *r, const struct shmreg_reaper_job *job, const int *fds,
	      size_t n_fds);
void send_world(const struct reaper *r, const struct world *w);
int reaper_wait(struct reaper *r);	/* its status */
/* All reports up to DONE; the reaper must then exit with 0, or with 1 if it says that it failed. */
struct shmreg_reaper_report reaper_collect(struct reaper *r,
					   struct shmreg_reaper_report *ret_objects, size_t *ret_n);

#endif /* TEST_REAPER_WORLD_H */
