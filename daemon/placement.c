/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <linux/mempolicy.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <shmreg/abi/packet.h>

#include "memfd.h"
#include "placement.h"
#include "refuse.h"

/* The kernel wants room for all that it could have. */
#define KERNEL_NODES 4096
#define WORD_BITS (8 * sizeof(unsigned long))

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

static int set_policy(int fd, uint64_t bytes, uint32_t numa, uint64_t nodes)
{
	const unsigned long mode = numa == SHMREG_NUMA_BIND ? MPOL_BIND : MPOL_INTERLEAVE;
	const unsigned long mask[2] = { nodes, 0 };
	void *p;
	int r;

	p = mmap(NULL, (size_t)bytes, PROT_NONE, MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	/* One more than there are: it has been counted differently. */
	r = syscall(SYS_mbind, p, (unsigned long)bytes, mode, mask,
		    (unsigned long)SHMREG_NUMA_NODES_MAX + 1, 0UL) < 0 ? -errno : 0;
	munmap(p, (size_t)bytes);
	return r;
}

static int apply_numa(int fd, struct shmreg_dir *head, char *error)
{
	struct shmreg_placement *p = &head->placement;
	uint64_t nodes = 1;
	int r;

	r = read_nodes(&nodes);
	/* A kernel without NUMA has one node, and so nothing to do. */
	if (r < 0 && r != -ENOSYS)
		return refuse(error, r, "the NUMA nodes cannot be read: %s", strerror(-r));
	if (p->nodes & ~nodes)
		return refuse(error, EINVAL,
			      "NUMA node %d is none that shmregd can have memory of; those are %#" PRIx64
			      ", a bit each", __builtin_ctzll(p->nodes & ~nodes), nodes);
	if (p->nodes == 0)
		p->nodes = nodes;
	if (r == -ENOSYS || head->page_bytes)
		return 0;
	r = set_policy(fd, head->data_bytes, p->numa, p->nodes);
	if (r == -EPERM)
		return refuse(error, r, "shmregd may not place memory on NUMA nodes: mbind(2) is "
			      "forbidden where it runs, by a container or by SystemCallFilter=");
	if (r < 0)
		return refuse(error, r, "the memory cannot be placed on its NUMA nodes: %s",
			      strerror(-r));
	return 0;
}

static int make_huge(struct shmreg_dir *head)
{
	const uint64_t page = shmreg_huge_bytes(head->placement.huge);
	const uint64_t bytes = (head->data_bytes + page - 1) / page * page;
	int fd;

	if (bytes > SHMREG_DATA_BYTES_MAX)
		return -EINVAL;
	fd = memfd_new_huge("shmreg:data", bytes, (unsigned int)__builtin_ctzll(page));
	if (fd >= 0) {
		head->data_bytes = bytes;
		head->page_bytes = (uint32_t)page;
	} else {
		head->huge_error = (uint32_t)-fd;
	}
	return fd;
}

int placement_make(struct shmreg_dir *head, char *error)
{
	int fd = -1, r;

	if (shmreg_huge_bytes(head->placement.huge))
		fd = make_huge(head);
	if (fd < 0)
		fd = memfd_new("shmreg:data", head->data_bytes);
	if (fd < 0)
		return refuse(error, fd, "the data area cannot be made: %s", strerror(-fd));
	r = head->placement.numa != SHMREG_NUMA_DEFAULT ? apply_numa(fd, head, error) : 0;
	if (r < 0) {
		close(fd);
		return r;
	}
	return fd;
}

uint64_t placement_kept_bytes(const struct shmreg_dir *dir)
{
	return dir->create_flags & SHMREG_CREATE_RESERVE || dir->page_bytes ? dir->data_bytes : 0;
}
