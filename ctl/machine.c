/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <inttypes.h>
#include <string.h>

#include "machine.h"
#include "text.h"

/* machine.c - what is thought of it; machine-gather.c knows how it is asked */

static void judge_feature(struct findings *f, int error, enum severity severity, const char *check,
			  const char *good, const char *bad, const char *type)
{
	if (!error) {
		finding_add(f, FINDING_OK, check, "%s", good);
		return;
	}
	finding_add(f, severity, check, "%s (%s)", bad, strerror(error));
	finding_type(f, "%s", type);
}

#define TYPE_KERNEL                                                                                \
	"uname -r   # and install a newer kernel, or allow the system call in the container"

static void judge_kernel(const struct machine *m, struct findings *f)
{
	const unsigned int version = m->kernel[0] * 1000 + m->kernel[1];

	if (version < 5010) {
		finding_add(f, FINDING_ERROR, "machine.kernel",
			    "the kernel is Linux %s; 5.10 is needed", m->release);
		finding_type(f, TYPE_KERNEL);
	} else {
		finding_add(f, FINDING_OK, "machine.kernel", "the kernel is Linux %s", m->release);
	}
	judge_feature(f, m->memfd, FINDING_ERROR, "machine.memfd", "memfds can be made and sealed",
		      "no memfd can be made and sealed: there can be no segment", TYPE_KERNEL);
	judge_feature(
	    f, m->reopen, FINDING_ERROR, "machine.proc",
	    "a memfd can be opened again read-only, through /proc",
	    "a memfd cannot be opened again read-only: /proc is not mounted, or not for us",
	    "mount -t proc proc /proc");
	judge_feature(f, m->pidfd, FINDING_ERROR, "machine.pidfd", "there are pidfds",
		      "there are no pidfds: deaths cannot be noticed", TYPE_KERNEL);
	judge_feature(f, m->membarrier, FINDING_ERROR, "machine.membarrier",
		      "membarrier can reach all processes",
		      "membarrier cannot reach all processes: no program can connect", TYPE_KERNEL);
	judge_feature(f, m->wipeonfork, FINDING_ERROR, "machine.wipeonfork",
		      "there is MADV_WIPEONFORK",
		      "there is no MADV_WIPEONFORK: no program can connect", TYPE_KERNEL);
	judge_feature(
	    f, m->seqpacket, FINDING_ERROR, "machine.seqpacket",
	    "there are sockets of packets (SOCK_SEQPACKET)",
	    "there are no sockets of packets (SOCK_SEQPACKET): nobody can talk to shmregd",
	    TYPE_KERNEL);
	judge_feature(
	    f, m->futex_waitv, FINDING_WARNING, "machine.futex-waitv", "there is futex_waitv",
	    "there is no futex_waitv (Linux 5.16): who waits looks 50 times a second whether "
	    "somebody died, instead of sleeping",
	    TYPE_KERNEL);
	judge_feature(
	    f, m->peerpidfd, FINDING_NOTE, "machine.peerpidfd", "there is SO_PEERPIDFD",
	    "there is no SO_PEERPIDFD (Linux 6.5): a process that dies at once after it has "
	    "connected could be taken for another",
	    TYPE_KERNEL);
	judge_feature(
	    f, m->pidfs, FINDING_NOTE, "machine.pidfs", "pidfds have inodes of their own",
	    "pidfds have no inodes of their own (Linux 6.9): after a restart shmregd knows "
	    "processes by pid and start time",
	    TYPE_KERNEL);
}

/* Each segment is two descriptors and two mappings of who uses it. */
static void judge_limits(const struct machine *m, struct findings *f)
{
	char a[TEXT_MAX];

	if (m->files_soft < 256) {
		finding_add(f, FINDING_WARNING, "machine.files",
			    "a process may have %" PRIu64
			    " descriptors: programs that attach to many segments or watch objects "
			    "run out of "
			    "them",
			    m->files_soft);
		finding_type(f, "ulimit -n %" PRIu64, m->files_hard < 4096 ? m->files_hard : 4096);
	} else {
		finding_add(f, FINDING_OK, "machine.files",
			    "a process may have %" PRIu64 " descriptors", m->files_soft);
	}
	if (m->file_max != MACHINE_UNKNOWN && m->file_used != MACHINE_UNKNOWN &&
	    m->file_used > m->file_max / 10 * 9) {
		finding_add(f, FINDING_ERROR, "machine.file-max",
			    "%" PRIu64 " of the %" PRIu64
			    " files that this machine can have open are",
			    m->file_used, m->file_max);
		finding_type(f, "sysctl -w fs.file-max=%" PRIu64, m->file_max * 2);
	}
	if (m->max_map_count == MACHINE_UNKNOWN)
		finding_add(f, FINDING_NOTE, "machine.max-map-count",
			    "how many mappings a process may have cannot be read");
	else if (m->max_map_count < 4 * m->n_segments + 4096) {
		finding_add(f, FINDING_WARNING, "machine.max-map-count",
			    "a process may have %" PRIu64 " mappings: too few for %" PRIu64
			    " segments beside what else it maps", m->max_map_count, m->n_segments);
		finding_type(f, "sysctl -w vm.max_map_count=65530");
	} else {
		finding_add(f, FINDING_OK, "machine.max-map-count",
			    "a process may have %" PRIu64 " mappings", m->max_map_count);
	}
	if (m->address_space != MACHINE_UNKNOWN) {
		finding_add(f, FINDING_WARNING, "machine.address-space",
			    "a process may map only %s: a segment "
			    "that is larger cannot be attached, touched or not",
			    text_bytes(a, m->address_space));
		finding_type(f, "ulimit -v unlimited");
	}
	finding_add(f, FINDING_OK, "machine.memlock",
		    "a process may lock %s of memory; shmregd needs none",
		    m->memlock == MACHINE_UNKNOWN ? "all" : text_bytes(a, m->memlock));
}

static void judge_memory(const struct machine *m, struct findings *f)
{
	char a[TEXT_MAX], b[TEXT_MAX];

	if (m->memory != MACHINE_UNKNOWN && m->available != MACHINE_UNKNOWN &&
	    m->available < m->memory / 20) {
		finding_add(f, FINDING_WARNING, "machine.memory",
			    "%s of %s are free: who touches a page of a "
			    "segment first may be killed for want of memory",
			    text_bytes(a, m->available), text_bytes(b, m->memory));
		finding_type(
		    f, "shmregctl ls   # what is resident\nps -eo pid,rss,args --sort -rss | head");
	} else if (m->memory != MACHINE_UNKNOWN && m->available != MACHINE_UNKNOWN) {
		finding_add(f, FINDING_OK, "machine.memory", "%s of %s of memory are free",
			    text_bytes(a, m->available), text_bytes(b, m->memory));
	}
	if (m->overcommit == 2 && m->commit_limit != MACHINE_UNKNOWN &&
	    m->committed > m->commit_limit / 10 * 9) {
		finding_add(f, FINDING_WARNING, "machine.overcommit",
			    "%s of %s are promised, and more is "
			    "refused (vm.overcommit_memory is 2): segments cannot grow",
			    text_bytes(a, m->committed), text_bytes(b, m->commit_limit));
		finding_type(f, "sysctl -w vm.overcommit_memory=0");
	}
	if (m->cgroup_max != MACHINE_UNKNOWN && m->cgroup_used != MACHINE_UNKNOWN &&
	    m->cgroup_used > m->cgroup_max / 10 * 9) {
		finding_add(f, FINDING_WARNING, "machine.cgroup",
			    "this control group uses %s of the %s that "
			    "it may: pages of segments count for who touches them first",
			    text_bytes(a, m->cgroup_used), text_bytes(b, m->cgroup_max));
		finding_type(f,
			     "systemctl set-property \"$(sed 's|.*/||' /proc/self/cgroup)\" "
			     "MemoryMax=%" PRIu64 "M",
			     m->cgroup_max >> 19);
	} else if (m->cgroup_max != MACHINE_UNKNOWN) {
		finding_add(f, FINDING_OK, "machine.cgroup",
			    "this control group may use %s of memory",
			    text_bytes(a, m->cgroup_max));
	} else {
		finding_add(f, FINDING_OK, "machine.cgroup",
			    "this control group has no limit of memory");
	}
}

/* Below that, pages of 4 KiB are as good. */
#define HUGE_WORTH (UINT64_C(1) << 30)

static void judge_huge_pages(const struct machine *m, struct findings *f)
{
	const bool never =
	    strcmp(m->shmem_enabled, "never") == 0 || strcmp(m->shmem_enabled, "deny") == 0;
	char a[TEXT_MAX];

	if (m->n_huge_free != MACHINE_UNKNOWN && m->n_huge_free) {
		finding_add(
		    f, FINDING_NOTE, "machine.hugetlb",
		    "%" PRIu64 " huge pages are set aside (hugetlb) "
		    "and free: segments cannot use these, and nobody else can use their memory",
		    m->n_huge_free);
		finding_type(f, "sysctl -w vm.nr_hugepages=%" PRIu64, m->n_huge - m->n_huge_free);
	} else {
		finding_add(f, FINDING_OK, "machine.hugetlb",
			    "no huge pages are set aside in vain");
	}
	if (!*m->shmem_enabled) {
		finding_add(f, FINDING_OK, "machine.huge-pages",
			    "the kernel knows no huge pages for shared memory");
	} else if (never && m->resident_bytes >= HUGE_WORTH) {
		finding_add(f, FINDING_NOTE, "machine.huge-pages",
			    "segments have %s in pages of 4K, for huge "
			    "pages are forbidden for shared memory; they spare large segments TLB "
			    "misses, and "
			    "may cost small ones memory",
			    text_bytes(a, m->resident_bytes));
		finding_type(
		    f, "echo within_size > /sys/kernel/mm/transparent_hugepage/shmem_enabled");
	} else {
		finding_add(f, FINDING_OK, "machine.huge-pages", "huge pages for shared memory: %s",
			    m->shmem_enabled);
	}
}

void machine_judge(const struct machine *m, struct findings *f)
{
	judge_kernel(m, f);
	judge_limits(m, f);
	judge_memory(m, f);
	judge_huge_pages(m, f);
}
