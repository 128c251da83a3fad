/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <string.h>

#include <shmreg/abi/packet.h>

#include "memfd.h"
#include "placement.h"
#include "refuse.h"

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
	int fd = -1;

	if (shmreg_huge_bytes(head->placement.huge))
		fd = make_huge(head);
	if (fd < 0)
		fd = memfd_new("shmreg:data", head->data_bytes);
	if (fd < 0)
		return refuse(error, fd, "the data area cannot be made: %s", memfd_refused(fd));
	return fd;
}

uint64_t placement_kept_bytes(const struct shmreg_dir *dir)
{
	return dir->create_flags & SHMREG_CREATE_RESERVE || dir->page_bytes ? dir->data_bytes : 0;
}
