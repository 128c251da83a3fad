/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_CELL_INLINE_H
#define SHMREG_CELL_INLINE_H

/*
 * shmreg/cell-inline.h - why the cell is correct, and its hot path
 *
 * Words are those of <shmreg/abi/cell.h>. A slot is *named* while latest is (v, s) for
 * it. A writer w is the handle that has place w, and after it its successors.
 *
 *   (I1) Only writer w changes the slots of w, and only w makes latest name one. So whether
 *	  a slot of one's own is named can change to yes only by one's own doing.
 *   (I2) A writer never touches a named slot. It goes through its slots in turn, starting
 *	  behind the named one, if latest names one of its own when it takes the place, and
 *	  stepping on only when it has published or was superseded. If latest names one of
 *	  w's, it is the last that w published, and w has stepped past it by one since: had it
 *	  been superseded later on, latest would be another's, for good. abort() does not
 *	  step, else with two slots it would come round to the named one.
 *   (I3) latest changes to a version later than before, each time, by the only writer's
 *	  store or by compare-and-swap from the version before. So no word ever recurs in
 *	  latest (but after 2^47 versions, within one stalled read), and reads never go back.
 *   (I4) A slot that was named with word x holds x, and x's whole value, until its
 *	  writer stores 0 in it for the value after; and x never comes back to it,
 *	  for every version its writer publishes afterwards is later (I3).
 *
 *   P: release of latest, by store or RMW  pairs with  P': acquire of latest. The slot's
 *	word and value are visible, and what the writer did before.
 *   F: fence, release, between 0 and the value's bytes  pairs with  F': fence, acquire,
 *	between the copy and the second look at the slot's word. Who has copied a byte of a
 *	later value finds that the word is gone.
 *   V: release of 0 in a slot, after the P that left it  pairs with  V': acquire of
 *	a slot's word. Who finds the word gone finds that latest has moved on. (If it finds
 *	a later word than 0, F does the same.)
 *
 * A read. x is loaded (P'): its slot holds x by then. Bytes of a later value can only come
 * with F, F' and the word gone: so if the word is still x, the copy is x's value, whole. To
 * look at the word before the copy as well would add nothing. If it is gone, latest
 * has moved on (V, V'), and the retry is paid for by a writer's progress; if latest has not,
 * no correct process wrote this: -EUCLEAN.
 *
 * A small value is first copied out of the slot where the last one was found. Nothing above
 * depends on how a slot was found, for a word is only in the slot that it names: if x is there,
 * that is the slot. So the processor need not wait for x before it reads what is mostly where it
 * was. If another word is there, the slot that x names is copied. Threads that share a handle may
 * change c->found under each other: each of its values is a slot.
 *
 * Whatever x says, what is read lies in the cell: x less one place, of which only the place's
 * bits are looked at, is not beyond c->limit, the last slot's; and "none" becomes the largest that
 * these bits can say, which no slot's is. c->found was such a slot; NULL until one was, and in a
 * forked child.
 *
 * Waiting. P is that of wake.h, too: `change`, and all are woken. Who is superseded wakes as
 * well: it cannot know whether the other has got so far.
 *
 * Death. Of a write's stores, P comes last: before it the dead have changed only a slot that
 * nobody is told of. Its word may already be (v, s) with the very version that the
 * successor publishes next, in the same slot, even. A reader that is told of (v, s) has
 * loaded the successor's P, so it sees in the slot what the successor stored before it, or
 * later, but never the predecessor's. The dead's place is freed by the reaper; nothing else is
 * to be done, and the successor reads latest after that (see R in role.h), so (I2) holds.
 *
 * Several writers. A compare-and-swap that fails means that another's value was published
 * since latest was loaded, hence during this write: this one counts as published right
 * before it, and was the latest for no time. The load may not be older than the call: F, or
 * the caller's own begin(), comes before it.
 */

#include <errno.h>
#include <string.h>

#include <shmreg/cell.h>
#include <shmreg/copy.h>
#include <shmreg/wake.h>

SHMREG_BEGIN_DECLS

/*
 * Out of line: a read, whatever there is to do. @seen: the word whose slot was tried; 0: none was.
 */
SHMREG_API int shmreg_cell_read_again(const struct shmreg_cell *c, void *elem,
				      uint64_t *ret_version, uint64_t seen);

/* Why @word names no slot. Return: -ENODATA, -EUCLEAN, -ESTALE, -ENOTRECOVERABLE. */
SHMREG_API int shmreg_cell_unreadable(const struct shmreg_cell *c, uint64_t word);

/* The version is still the same: is that all? Return: 0, -ESTALE, -ENOTRECOVERABLE. */
SHMREG_API int shmreg_cell_same(const struct shmreg_cell *c);

SHMREG_FORCE_INLINE struct shmreg_cell_shm *shmreg_cell_shm_(const struct shmreg_cell *c)
{
	return (struct shmreg_cell_shm *)(void *)c->handle.base;
}

SHMREG_FORCE_INLINE unsigned char *shmreg_cell_slot_at_(const struct shmreg_cell *c,
							uint32_t writer, uint32_t slot,
							size_t stride)
{
	return c->handle.base + sizeof(struct shmreg_cell_shm) +
	       ((size_t)writer * c->slots + slot) * stride;
}

/*
 * The slot that a word names, which may be anything; NULL: none.
 * @base: the handle's, which after an acquire the compiler would have to load anew.
 */
SHMREG_FORCE_INLINE unsigned char *shmreg_cell_slot_of_(const struct shmreg_cell *c,
							unsigned char *base, uint64_t word,
							size_t stride)
{
	const uint32_t place = (uint32_t)((word - SHMREG_CELL_PLACE_ONE) & SHMREG_CELL_PLACE_MASK);

	if (SHMREG_UNLIKELY(place > c->limit))
		return NULL;
	return base + sizeof(struct shmreg_cell_shm) + place * (stride / SHMREG_CELL_PLACE_ONE);
}

SHMREG_FORCE_INLINE unsigned char *shmreg_cell_slot_(const struct shmreg_cell *c, uint64_t word,
						     size_t stride)
{
	return shmreg_cell_slot_of_(c, c->handle.base, word, stride);
}

SHMREG_FORCE_INLINE uint64_t *shmreg_cell_word_(unsigned char *slot, size_t word_offset)
{
	return (uint64_t *)(void *)(slot + word_offset);
}

/* Of w->slot, as in a word. */
SHMREG_FORCE_INLINE uint64_t shmreg_cell_place_(const struct shmreg_cell_writer *w)
{
	return w->first_place + w->slot * SHMREG_CELL_PLACE_ONE;
}

/* The next version, 0 left out; low bits clear. */
SHMREG_FORCE_INLINE uint64_t shmreg_cell_next_(uint64_t word)
{
	const uint64_t one = UINT64_C(1) << SHMREG_CELL_VERSION_SHIFT;
	const uint64_t next = (word & ~(one - 1)) + one;

	return SHMREG_LIKELY(next != 0) ? next : one;
}

/* shmreg_cell_read_again(), but that the variable where the version goes may be in a register. */
SHMREG_FORCE_INLINE int shmreg_cell_read_later_(const struct shmreg_cell *c, void *elem,
						uint64_t *ret_version, uint64_t seen)
{
	uint64_t version = 0;
	int r;

	if (ret_version == NULL)
		return shmreg_cell_read_again(c, elem, NULL, seen);
	r = shmreg_cell_read_again(c, elem, &version, seen);
	if (r >= 0)
		*ret_version = version;
	return r;
}

/* Up to so many bytes, in whole: what is copied in vain costs less than it is worth otherwise. */
#define SHMREG_CELL_SMALL_ 256

/* A hint; the handle is const because that is all that reading changes of it. */
SHMREG_FORCE_INLINE void shmreg_cell_found_(const struct shmreg_cell *c, unsigned char *slot)
{
	shmreg_store_relaxed((unsigned char **)(uintptr_t)&c->found, slot);
}

/* Return: true: it was the value of @word, whole. */
SHMREG_FORCE_INLINE int shmreg_cell_copy_(void *elem, unsigned char *slot, uint64_t word,
					  size_t elem_bytes, size_t word_offset)
{
	shmreg_copy_from_shared(elem, slot, elem_bytes);
	/* F': loads before the load that follows, which no order on that one says */
	shmreg_fence_acquire();
	return shmreg_equals_acquire(shmreg_cell_word_(slot, word_offset), word);	/* V' */
}

SHMREG_FORCE_INLINE int shmreg_cell_read_sized(const struct shmreg_cell *c, void *elem,
					       uint64_t *ret_version, size_t elem_bytes,
					       size_t word_offset, size_t stride)
{
	const int small = __builtin_constant_p(elem_bytes) && elem_bytes <= SHMREG_CELL_SMALL_;
	/* relaxed: any slot will do */
	unsigned char *slot = shmreg_load_relaxed(&c->found), *base;
	uint64_t x;

	if (SHMREG_UNLIKELY(slot == NULL))
		return shmreg_cell_read_later_(c, elem, ret_version, 0);
	base = c->handle.base;
	x = shmreg_load_acquire(&shmreg_cell_shm_(c)->latest);				/* P' */
	if (!small || SHMREG_UNLIKELY(!shmreg_cell_copy_(elem, slot, x, elem_bytes, word_offset))) {
		slot = shmreg_cell_slot_of_(c, base, x, stride);
		if (SHMREG_UNLIKELY(slot == NULL))
			return shmreg_cell_read_later_(c, elem, ret_version, 0);
		if (small)
			shmreg_cell_found_(c, slot);
		if (SHMREG_UNLIKELY(!shmreg_cell_copy_(elem, slot, x, elem_bytes, word_offset)))
			return shmreg_cell_read_later_(c, elem, ret_version, x);
	}
	if (ret_version != NULL)
		*ret_version = x >> SHMREG_CELL_VERSION_SHIFT;
	return 0;
}

/* Before the first byte of a value is written into a slot. */
SHMREG_FORCE_INLINE void shmreg_cell_open_slot_(unsigned char *slot, size_t word_offset)
{
	shmreg_store_release(shmreg_cell_word_(slot, word_offset), 0);			/* V */
	/* F: a store before the stores that follow, which no order on that one says */
	shmreg_fence_release();
}

/* The value in slot w->slot is whole. */
SHMREG_FORCE_INLINE void shmreg_cell_publish_(struct shmreg_cell_writer *w, unsigned char *slot,
					      size_t word_offset, size_t stride)
{
	struct shmreg_cell_shm *const shm = shmreg_cell_shm_(&w->cell);
	const uint64_t place = shmreg_cell_place_(w);
	uint64_t x, word, n;

	/* The slot's word relaxed: nobody looks for it but after P'. */
	if (w->cell.writers == 1) {
		word = shmreg_cell_next_(w->last) | place;
		shmreg_store_relaxed(shmreg_cell_word_(slot, word_offset), word);
		shmreg_store_release(&shm->latest, word);				/* P */
		w->last = word;
	} else {
		/* relaxed: a version to count from; nothing is read by it */
		x = shmreg_load_relaxed(&shm->latest);
		word = shmreg_cell_next_(x) | place;
		shmreg_store_relaxed(shmreg_cell_word_(slot, word_offset), word);
		if (SHMREG_UNLIKELY(!shmreg_cas_acq_rel(&shm->latest, &x, word))) {	/* P */
			/* relaxed: a number to look at, and one's own */
			n = shmreg_load_relaxed(&shm->n_superseded[w->writer]);
			shmreg_store_relaxed(&shm->n_superseded[w->writer], n + 1);
		}
	}
	w->slot = w->slot + 1 < w->cell.slots ? w->slot + 1 : 0;			/* (I2) */
	w->next = shmreg_cell_slot_at_(&w->cell, w->writer, w->slot, stride);
	shmreg_wake_(&w->cell.handle, shm, offsetof(struct shmreg_cell_shm, change),
		     SHMREG_WAKE_ALL);
}

SHMREG_FORCE_INLINE int shmreg_cell_write_sized(struct shmreg_cell_writer *w, const void *elem,
						size_t elem_bytes, size_t word_offset,
						size_t stride)
{
	unsigned char *const slot = w->next;

	if (SHMREG_UNLIKELY(slot == NULL))
		return w->cell.handle.base == NULL ? -ECHILD : -EBUSY;
	shmreg_cell_open_slot_(slot, word_offset);
	shmreg_copy_to_shared(slot, elem, elem_bytes);
	shmreg_cell_publish_(w, slot, word_offset, stride);
	return 0;
}

SHMREG_FORCE_INLINE int shmreg_cell_begin_sized(struct shmreg_cell_writer *w, void **ret,
						size_t word_offset)
{
	unsigned char *const slot = w->next;

	if (SHMREG_UNLIKELY(slot == NULL))
		return w->cell.handle.base == NULL ? -ECHILD : -EBUSY;
	shmreg_cell_open_slot_(slot, word_offset);
	w->next = NULL;
	w->lent = slot;
	w->cell.handle.n_leases = 1;
	*ret = slot;
	return 0;
}

SHMREG_FORCE_INLINE int shmreg_cell_commit_sized(struct shmreg_cell_writer *w, size_t word_offset,
						 size_t stride)
{
	unsigned char *const slot = w->lent;

	if (SHMREG_UNLIKELY(slot == NULL))
		return w->cell.handle.base == NULL ? -ECHILD : -EINVAL;
	w->lent = NULL;
	w->cell.handle.n_leases = 0;
	shmreg_cell_publish_(w, slot, word_offset, stride);
	return 0;
}

SHMREG_HOT int shmreg_cell_read(const struct shmreg_cell *c, void *elem, uint64_t *ret_version)
{
	return shmreg_cell_read_sized(c, elem, ret_version, c->elem_bytes, c->word_offset,
				      c->stride);
}

SHMREG_HOT int shmreg_cell_write(struct shmreg_cell_writer *w, const void *elem)
{
	return shmreg_cell_write_sized(w, elem, w->cell.elem_bytes, w->cell.word_offset,
				       w->cell.stride);
}

SHMREG_HOT int shmreg_cell_begin(struct shmreg_cell_writer *w, void **ret)
{
	return shmreg_cell_begin_sized(w, ret, w->cell.word_offset);
}

SHMREG_HOT int shmreg_cell_commit(struct shmreg_cell_writer *w)
{
	return shmreg_cell_commit_sized(w, w->cell.word_offset, w->cell.stride);
}

SHMREG_HOT int shmreg_cell_abort(struct shmreg_cell_writer *w)
{
	if (SHMREG_UNLIKELY(w->lent == NULL))
		return w->cell.handle.base == NULL ? -ECHILD : -EINVAL;
	w->next = w->lent;	/* the same again: (I2) */
	w->lent = NULL;
	w->cell.handle.n_leases = 0;
	return 0;
}

SHMREG_HOT int shmreg_cell_peek(const struct shmreg_cell *c, struct shmreg_cell_view *ret)
{
	unsigned char *slot;
	uint64_t x;
	int r;

	if (SHMREG_UNLIKELY(c->handle.base == NULL))
		return -ECHILD;
	x = shmreg_load_acquire(&shmreg_cell_shm_(c)->latest);				/* P' */
	slot = shmreg_cell_slot_(c, x, c->stride);
	if (SHMREG_UNLIKELY(slot == NULL)) {
		r = shmreg_cell_unreadable(c, x);
		return r < 0 ? r : -EUCLEAN;	/* negative: the compiler sees that 0 sets ret */
	}
	ret->elem = slot;
	ret->version = x >> SHMREG_CELL_VERSION_SHIFT;
	ret->word = x;
	return 0;
}

SHMREG_HOT int shmreg_cell_validate(const struct shmreg_cell *c,
				    const struct shmreg_cell_view *view)
{
	unsigned char *slot;

	if (SHMREG_UNLIKELY(c->handle.base == NULL))
		return -ECHILD;
	slot = shmreg_cell_slot_(c, view->word, c->stride);
	if (SHMREG_UNLIKELY(slot == NULL))
		return -EUCLEAN;
	shmreg_fence_acquire();		/* F', after the caller's loads */
	if (SHMREG_LIKELY(shmreg_load_acquire(shmreg_cell_word_(slot, c->word_offset)) ==
			  view->word))							/* V' */
		return 0;
	/* relaxed: V, V' have shown that it moved on, if it did */
	return shmreg_load_relaxed(&shmreg_cell_shm_(c)->latest) == view->word ? -EUCLEAN
									       : -EAGAIN;
}

SHMREG_HOT uint64_t shmreg_cell_version(const struct shmreg_cell *c)
{
	if (SHMREG_UNLIKELY(c->handle.base == NULL))
		return 0;
	/* relaxed: a number; what it is the version of is for P' to show */
	return shmreg_load_relaxed(&shmreg_cell_shm_(c)->latest) >> SHMREG_CELL_VERSION_SHIFT;
}

SHMREG_HOT int shmreg_cell_changed(const struct shmreg_cell *c, uint64_t since)
{
	if (SHMREG_UNLIKELY(c->handle.base == NULL))
		return -ECHILD;
	return shmreg_cell_version(c) != since ? 1 : shmreg_cell_same(c);
}

SHMREG_END_DECLS

#endif /* SHMREG_CELL_INLINE_H */
