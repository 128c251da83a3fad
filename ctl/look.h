/* SPDX-License-Identifier: MIT */
#ifndef SHMREGCTL_LOOK_H
#define SHMREGCTL_LOOK_H

/*
 * look.h - the elements of an object of any kind, without taking them
 *
 * Reads through a read-only handle and writes nothing: nobody is held up, woken or counted.
 * What is shown was one whole element at some moment of the look:
 *
 *	queue, of objects too	the slot's word was the same before and after the copy
 *	ring, records		the consumer had not passed it after the copy
 *	topic, cell		as their readers are told
 *	atomic			one load
 *	array, and what is held of a pool: as it is; whoever writes it meanwhile may be half done
 *
 * What was passed while it was copied is left out, as if the look had come later.
 */

#include <stdbool.h>
#include <stdint.h>

#include <shmreg/segment.h>

struct look_item {
	uint64_t number;	/* array, pool: index; topic: position; queue, ring: likewise; cell: version */
	const char *state;	/* what is special of it, such as "being read"; NULL: nothing */
	uint32_t seat;		/* by whom; 0: nobody, or not known */
	const void *data;	/* NULL: there is nothing yet; else good until the visit ends */
	uint64_t bytes;
};

struct look {
	const struct look_kind *kind;
	struct shmreg_segment *segment;
	struct shmreg_dir_object entry;
	bool vary;		/* elements are of different sizes */
	uint64_t bytes;		/* of an element, or of the largest; of objects, the pool's */
	const void *handle, *pool;	/* that of its kind; of a queue of objects, also the pool's */
	unsigned char *copy;	/* of one element */
	/*
	 * Of array and pool only these are visited; the others have no indices. Of a pool those
	 * that are free are left out, unless @all.
	 */
	uint64_t first, last;
	bool all;
	/* Topics: only so many, the last. */
	uint64_t newest;
	/*
	 * Where the next look begins, if only what is new is to be seen; it has not looked yet.
	 * What went by in between is counted.
	 */
	bool again;
	uint64_t next;
	uint64_t n_missed;
};

/*
 * look_open() - @name in @segment
 * @ret:	to be closed by look_close(); first and last include all there is
 *
 * Return: 0; or a negative errno, with the sentence in shmreg_error().
 */
int look_open(struct shmreg_segment *segment, const char *name, struct look **ret);
struct look *look_close(struct look *look);

bool look_has_indices(const struct look *look);
/* Can one look again for what is new? Not of arrays and pools. */
bool look_has_order(const struct look *look);
/* Is it still there? Return: 0, -ESTALE, -ENOTRECOVERABLE */
int look_trouble(const struct look *look);

/*
 * look_each() - visit the elements, in their order
 * @visit:	not 0 ends the visit and is returned
 *
 * Return: 0; what @visit returned; -EUCLEAN it holds what no correct process writes.
 */
int look_each(struct look *look, int (*visit)(void *context, const struct look_item *item),
	      void *context);

/* One row a kind; the functions are called by the ones above. */
struct look_kind {
	bool indices, order;
	int (*open)(struct look *look);
	int (*each)(struct look *look, int (*visit)(void *context, const struct look_item *item),
		    void *context);
	int (*close)(struct look *look);
};
extern const struct look_kind look_queue, look_objects, look_ring, look_records, look_topic;

/* An object of this id: its name. Return: 0 or -ENOENT. */
int look_name(struct shmreg_segment *segment, uint64_t id, char ret[SHMREG_OBJECT_NAME_MAX + 1]);

/*
 * look_open_pool() - the pool whose objects a queue is of, to take part
 *
 * Return: as shmreg_pool_open(); also -ENXIO it is there no more.
 */
struct shmreg_pool;
int look_open_pool(struct shmreg_segment *segment, const struct shmreg_shape *queue,
		   struct shmreg_pool **ret);

#endif /* SHMREGCTL_LOOK_H */
