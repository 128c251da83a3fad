/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include <shmreg/abi/packet.h>
#include <shmreg/abi/verify.h>

int shmreg_placement_check(const struct shmreg_placement *in, uint32_t create_flags,
			   const char **ret_why)
{
	const char *why = NULL;

	if (in->huge > SHMREG_HUGE_1G)
		why = "the kind of huge pages is none; 0 to 3 are";
	else if (in->numa > SHMREG_NUMA_INTERLEAVE)
		why = "the NUMA policy is none; 0 to 2 are";
	else if (in->flags & ~(SHMREG_PLACE_PREFAULT | SHMREG_PLACE_LOCK))
		why = "the placement has unknown flags; PREFAULT and LOCK are known";
	else if (in->reserved)
		why = "the placement has a reserved field that is not zero";
	else if (in->numa == SHMREG_NUMA_BIND && !in->nodes)
		why = "binding memory needs the nodes to bind it to; none is named";
	else if (in->numa == SHMREG_NUMA_DEFAULT && in->nodes)
		why = "NUMA nodes are named, but not what for: bind or interleave";
	else if (in->flags && !(create_flags & SHMREG_CREATE_RESERVE))
		why = "PREFAULT and LOCK need RESERVE, too";
	else if (in->numa && shmreg_huge_bytes(in->huge) && !(create_flags & SHMREG_CREATE_RESERVE))
		why = "huge pages of a pool on certain NUMA nodes need RESERVE, too: they are placed "
		      "by who allocates them";
	if (why && ret_why)
		*ret_why = why;
	return why ? -EINVAL : 0;
}
