/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <shmreg/cell.h>

#include "again.h"

/* See the argument in shmreg/cell-inline.h, to which labels refer. */

int shmreg_cell_read_again(const struct shmreg_cell *c, void *elem, uint64_t *ret_version,
			   uint64_t seen)
{
	unsigned char *slot;
	uint32_t tries;
	uint64_t x;

	if (c->handle.base == NULL)
		return -ECHILD;
	for (tries = seen != 0; tries < SHMREG_CELL_TRIES; tries++) {
		x = shmreg_load_acquire(&shmreg_cell_shm_(c)->latest);			/* P' */
		slot = shmreg_cell_slot_(c, x, c->stride);
		if (slot == NULL)
			return shmreg_cell_unreadable(c, x);
		if (x == seen)
			return -EUCLEAN;	/* the word went, and latest did not: V, V' */
		if (shmreg_cell_copy_(elem, slot, x, c->elem_bytes, c->word_offset)) {
			shmreg_cell_found_(c, slot);
			if (ret_version != NULL)
				*ret_version = x >> SHMREG_CELL_VERSION_SHIFT;
			return 0;
		}
		seen = x;
	}
	return -EBUSY;
}

int shmreg_cell_unreadable(const struct shmreg_cell *c, uint64_t word)
{
	int r;

	if (word != 0)
		return -EUCLEAN;
	r = handle_again(&c->handle);
	return r == -EAGAIN ? -ENODATA : r;
}

int shmreg_cell_same(const struct shmreg_cell *c)
{
	const int r = handle_again(&c->handle);

	return r == -EAGAIN ? 0 : r;
}

extern inline int shmreg_cell_write(struct shmreg_cell_writer *w, const void *elem);
extern inline int shmreg_cell_begin(struct shmreg_cell_writer *w, void **ret);
extern inline int shmreg_cell_commit(struct shmreg_cell_writer *w);
extern inline int shmreg_cell_abort(struct shmreg_cell_writer *w);
extern inline int shmreg_cell_read(const struct shmreg_cell *c, void *elem, uint64_t *ret_version);
extern inline int shmreg_cell_peek(const struct shmreg_cell *c, struct shmreg_cell_view *ret);
extern inline int shmreg_cell_validate(const struct shmreg_cell *c,
				       const struct shmreg_cell_view *view);
extern inline uint64_t shmreg_cell_version(const struct shmreg_cell *c);
extern inline int shmreg_cell_changed(const struct shmreg_cell *c, uint64_t since);
