/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <linux/mempolicy.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "error.h"
#include "place.h"

#ifndef MADV_POPULATE_WRITE
# define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif
#ifndef MADV_COLLAPSE
# define MADV_COLLAPSE 25 /* Linux 6.1 */
#endif

/*
 * In pieces, which signals do not undo. Of any page's size, but of 1 GiB, of which there are no
 * parts.
 */
#define PIECE (UINT64_C(64) << 20)

/* The kernel wants room for all that it could have. */
#define KERNEL_NODES 4096
#define WORD_BITS (8 * sizeof(unsigned long))

#define TRIES 10	/* to put a huge page together that something else holds */

static int advise(const struct shmreg_segment *s, int advice)
{
	const uint64_t page = s->dir->page_bytes, bytes = s->dir->data_bytes;
	const uint64_t piece = page > PIECE ? page : PIECE;
	uint64_t at, n;
	int r = 0, e, tries;

	for (at = 0; at < bytes; at += n) {
		n = bytes - at < piece ? bytes - at : piece;
		tries = 0;
		do
			e = madvise(s->data + at, n, advice) < 0 ? -errno : 0;
		while (e == -EINTR || (e == -EAGAIN && ++tries < TRIES));
		if (r == 0)
			r = e;
	}
	/* Poisoned, or punched by somebody while the pool is empty. */
	return r == -EFAULT || r == -EHWPOISON ? -ENOMEM : r;
}

/* The nodes that have memory and that this process may use, of those that can be named. */
static int read_nodes(uint64_t *ret)
{
	unsigned long mask[KERNEL_NODES / WORD_BITS] = { 0 };

	if (syscall(SYS_get_mempolicy, NULL, mask, (unsigned long)KERNEL_NODES, NULL,
		    (unsigned long)MPOL_F_MEMS_ALLOWED) < 0)
		return -errno;
	*ret = mask[0];
	return 0;
}

void place_choose_nodes(struct shmreg_placement *p)
{
	/* A kernel without NUMA has one node. */
	if (p->numa != SHMREG_NUMA_DEFAULT && p->nodes == 0 && read_nodes(&p->nodes) == -ENOSYS)
		p->nodes = 1;
}

int place_nodes(const struct shmreg_segment *s)
{
	const struct shmreg_placement *p = &s->dir->placement;
	const unsigned long mode = p->numa == SHMREG_NUMA_BIND ? MPOL_BIND : MPOL_INTERLEAVE;
	const unsigned long mask[2] = { p->nodes, 0 };
	uint64_t nodes = 1;
	int r;

	if (p->numa == SHMREG_NUMA_DEFAULT)
		return 0;
	r = read_nodes(&nodes);
	/* The kernel would take those out of the policy, for everybody. */
	if ((r == 0 || r == -ENOSYS) && (p->nodes & ~nodes) != 0)
		return error_set(-EINVAL, "NUMA node %d is none that this process can have memory of; "
				 "those are %#" PRIx64 ", a bit each", __builtin_ctzll(p->nodes & ~nodes),
				 nodes);
	/* One more than there are: it has been counted differently. */
	if (r == -ENOSYS || syscall(SYS_mbind, s->data, (unsigned long)s->dir->data_bytes, mode, mask,
				    (unsigned long)SHMREG_NUMA_NODES_MAX + 1, 0UL) == 0)
		return 0;
	r = -errno;
	if (r == -EPERM)
		return error_set(r, "segment '%s' cannot be placed on NUMA nodes: mbind(2) is forbidden "
				 "to this process, by a container or by SystemCallFilter=", s->name);
	return error_set(r, "segment '%s' cannot be placed on its NUMA nodes: mbind(2) says %s", s->name,
			 strerror(-r));
}

int place_pool(const struct shmreg_segment *s)
{
	int r;

	if (s->dir->page_bytes == 0 || s->dir->placement.numa == SHMREG_NUMA_DEFAULT)
		return 0;
	r = advise(s, MADV_POPULATE_WRITE);
	if (r == -EINVAL)
		return 0;	/* before 5.14: allocated where the kernel likes */
	if (r < 0)
		return error_set(r, "the NUMA nodes of segment '%s' have too few huge pages, or cannot "
				 "give them: %s", s->name, strerror(-r));
	return 0;
}

void place_data(struct shmreg_segment *s)
{
	const struct shmreg_placement *p = &s->dir->placement;

	if (s->read_only)
		return;
	if (p->huge == SHMREG_HUGE_TRANSPARENT &&
	    madvise(s->data, s->dir->data_bytes, MADV_HUGEPAGE) < 0)
		s->huge_error = -errno;
	if ((p->flags & SHMREG_PLACE_PREFAULT) != 0) {
		s->prefault_error = advise(s, MADV_POPULATE_WRITE);
		/* Also where the administrator leaves transparent huge pages to those who ask so. */
		if (p->huge == SHMREG_HUGE_TRANSPARENT && s->huge_error == 0)
			s->huge_error = advise(s, MADV_COLLAPSE);
	}
	if ((p->flags & SHMREG_PLACE_LOCK) != 0 && mlock(s->data, s->dir->data_bytes) < 0)
		s->lock_error = -errno;
}

static int cannot_lock(const struct shmreg_segment *s)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur < s->dir->data_bytes)
		return error_set(s->lock_error, "segment '%s' cannot be locked: its %" PRIu64 " bytes are "
				 "more than the %" PRIu64 " that this process may lock; raise that "
				 "(ulimit -l, LimitMEMLOCK=), or create without SHMREG_PLACE_LOCK",
				 s->name, s->dir->data_bytes, (uint64_t)limit.rlim_cur);
	return error_set(s->lock_error, "segment '%s' cannot be locked: %s", s->name,
			 strerror(-s->lock_error));
}

int place_check(const struct shmreg_segment *s)
{
	if (s->lock_error < 0)
		return cannot_lock(s);
	if (s->prefault_error == -EINVAL)
		return error_set(-EOPNOTSUPP, "segment '%s' cannot be mapped at once: the kernel is older "
				 "than 5.14; create without SHMREG_PLACE_PREFAULT", s->name);
	if (s->prefault_error < 0)
		return error_set(s->prefault_error, "segment '%s' cannot be mapped at once: %s", s->name,
				 strerror(-s->prefault_error));
	return 0;
}

int shmreg_segment_placement(const struct shmreg_segment *segment,
			     struct shmreg_segment_placement *ret)
{
	struct shmreg_segment_placement placement = { 0 };
	const size_t size = ret->size;
	const struct shmreg_dir *dir;

	if (connection_inherited(segment->connection))
		return -ECHILD;
	if (size < sizeof(size) || size > 4096)
		return error_set(-EINVAL, "shmreg_segment_placement.size is %zu; set it to sizeof before "
				 "the call", size);
	dir = segment->dir;
	placement.size = size;
	placement.placement = dir->placement;
	placement.page_bytes = dir->page_bytes != 0 ? dir->page_bytes : (uint64_t)sysconf(_SC_PAGESIZE);
	placement.huge_error = dir->huge_error != 0 ? -(int32_t)dir->huge_error : segment->huge_error;
	placement.prefault_error = segment->prefault_error;
	placement.lock_error = segment->lock_error;
	if (size > sizeof(placement))
		memset(ret, 0, size);
	memcpy(ret, &placement, size < sizeof(placement) ? size : sizeof(placement));
	return 0;
}
