/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "segment.h"

#ifndef MADV_POPULATE_WRITE
# define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

/*
 * The daemon's half of an event count. What the directory says of it (watch_events) is
 * stored before it becomes 1 and after it has become 0, and the flag of the participant
 * that it is for last: so whatever a dead writer left, segment_recover_watch() finds every
 * half that may be 1, and knows whether anybody is there who was promised that it is.
 */

/*
 * Mapped for just this store: write(2) would wait for the file's lock, which a client can keep
 * for as long as it likes (janitor.h). Nothing is read of what is there.
 */
static int store_half(const struct segment *s, const struct shmreg_dir_object *o, uint32_t event,
		      uint32_t value)
{
	const uint64_t at = o->offset + shmreg_kind_eventcount(o->shape.kind, event) +
			    SHMREG_EVENTCOUNT_WATCH * sizeof(value);
	const uint32_t huge = s->directory.map->page_bytes;
	const uint64_t page = huge ? huge : (uint64_t)sysconf(_SC_PAGESIZE);
	unsigned char *p;
	int r = 0;

	p = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, s->data_fd,
		 (off_t)(at - at % page));
	if (p == MAP_FAILED)
		return -errno;
	/* A lack of memory is an error, not a signal. EINVAL: a kernel before 5.14. */
	if (madvise(p, page, MADV_POPULATE_WRITE) < 0 && errno != EINVAL)
		r = errno == EFAULT ? -ENOMEM : -errno;
	/* release: what the directory says of it was stored before */
	if (r == 0)
		shmreg_store_release((uint32_t *)(void *)(p + at % page), value);
	munmap(p, page);
	return r;
}

static int store_halves(const struct segment *s, const struct shmreg_dir_object *o,
			uint32_t events, uint32_t value)
{
	int r = 0;

	if (events & SHMREG_WAIT_ITEMS)
		r = store_half(s, o, SHMREG_WAIT_ITEMS, value);
	if (r == 0 && (events & SHMREG_WAIT_SPACE))
		r = store_half(s, o, SHMREG_WAIT_SPACE, value);
	return r;
}

int segment_watch(struct segment *s, struct participant *p, uint32_t index, uint32_t events)
{
	const struct shmreg_dir_object *o = segment_object(s, index);
	const uint32_t before = o->watch_events;
	int r;

	if (events & ~before)
		directory_set_watch_events(&s->directory, index, before | events);
	/* Also if it should be 1: nothing keeps those who can write from garbling it. */
	r = store_halves(s, o, events, 1);
	if (r < 0) {
		if (events & ~before)
			directory_set_watch_events(&s->directory, index, before);
		return r;
	}
	if (!p->watches) {
		directory_set_watches(&s->directory, p->index);
		p->watches = true;
		s->n_watching++;
	}
	return 0;
}

void segment_recover_watch(struct segment *s)
{
	for (int64_t i = bitmap_find_set(&s->object_entries, 0); i >= 0;
	     i = bitmap_find_set(&s->object_entries, (uint32_t)i + 1)) {
		const struct shmreg_dir_object *o = segment_object(s, (uint32_t)i);
		int r;

		if (o->watch_events == 0)
			continue;
		/*
		 * A half that cannot be made 1, for want of memory, was none of those that
		 * were promised: those have a page. One that cannot be made 0 costs vain calls.
		 */
		r = store_halves(s, o, o->watch_events, s->n_watching > 0);
		if (r == 0 && s->n_watching == 0)
			directory_set_watch_events(&s->directory, (uint32_t)i, 0);
	}
}
