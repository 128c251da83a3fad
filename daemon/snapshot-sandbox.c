/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "snapshot-sandbox.h"

/* A backstop for a loop without end; the daemon has a limit of its own. */
#define CPU_SEC 120
#define DESCRIPTORS 16

static int limit(int resource, rlim_t n)
{
	return setrlimit((__rlimit_resource_t)resource, &(struct rlimit){ n, n }) < 0 ? -errno : 0;
}

static int filter(void)
{
	static const int allowed[] = {
		SCMP_SYS(sendto),	/* reports */
		SCMP_SYS(memfd_create), SCMP_SYS(ftruncate), SCMP_SYS(lseek),	/* the copy, */
		SCMP_SYS(munmap), SCMP_SYS(madvise), SCMP_SYS(mremap), SCMP_SYS(brk),
		SCMP_SYS(uname), SCMP_SYS(getpid), SCMP_SYS(getuid), SCMP_SYS(geteuid),
		SCMP_SYS(clock_gettime),
		SCMP_SYS(openat), SCMP_SYS(newfstatat), SCMP_SYS(fstat),	/* and its file */
		SCMP_SYS(getdents64), SCMP_SYS(unlinkat), SCMP_SYS(renameat), SCMP_SYS(fcntl),
		SCMP_SYS(pwrite64), SCMP_SYS(fsync), SCMP_SYS(fchown), SCMP_SYS(close),
		SCMP_SYS(exit_group), SCMP_SYS(exit), SCMP_SYS(futex), SCMP_SYS(getrandom),
		SCMP_SYS(rt_sigreturn), SCMP_SYS(restart_syscall),
	};
	scmp_filter_ctx ctx;
	int r = 0;

	ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (!ctx)
		return -ENOSYS;		/* where the kernel has none; memory there is */
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]) && r == 0; i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, allowed[i], 0);
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
				     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (r == 0)
		r = seccomp_load(ctx);
	seccomp_release(ctx);
	return r;
}

int snapshot_sandbox_enter(const char **ret_what)
{
	int r;

	*ret_what = "limit its resources";
	r = limit(RLIMIT_CORE, 0);
	if (r == 0)
		r = limit(RLIMIT_NOFILE, DESCRIPTORS);
	if (r == 0)
		r = limit(RLIMIT_NPROC, 0);
	if (r == 0)
		r = limit(RLIMIT_CPU, CPU_SEC);
	if (r < 0)
		return r;
	*ret_what = "give up new privileges";
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	*ret_what = "give up system calls (seccomp)";
	return filter();
}
