/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "reaper-sandbox.h"

/* The job's two descriptors and the four that it has: see shmreg/abi/reaper.h. */
#define N_DESCRIPTORS 6
/*
 * A backstop for a loop without end; the daemon has a limit of its own. The
 * largest queue, 2^30 slots, takes about 10 s. The signal comes before the kill, so
 * that the daemon sees whose fault it was.
 */
#define CPU_SEC 120

static int limit(int resource, rlim_t soft, rlim_t hard)
{
	return setrlimit((__rlimit_resource_t)resource, &(struct rlimit){ soft, hard }) < 0 ? -errno
											      : 0;
}

static int limits(void)
{
	int r;

	r = limit(RLIMIT_CORE, 0, 0);
	if (r == 0)
		r = limit(RLIMIT_NOFILE, N_DESCRIPTORS, N_DESCRIPTORS);
	if (r == 0)
		r = limit(RLIMIT_NPROC, 0, 0);
	if (r == 0)
		r = limit(RLIMIT_FSIZE, 0, 0);
	if (r == 0)
		r = limit(RLIMIT_MEMLOCK, 0, 0);
	if (r == 0)
		r = limit(RLIMIT_CPU, CPU_SEC, CPU_SEC + 5);
	return r;
}

static int filter(void)
{
	static const int allowed[] = {
		SCMP_SYS(recvmsg), /* the job */
		SCMP_SYS(sendto),  /* reports */
		SCMP_SYS(fstat),   /* are the files as large as they should be? */
		SCMP_SYS(lseek),   /* where are their holes? */
		SCMP_SYS(munmap),
		SCMP_SYS(madvise),
		SCMP_SYS(close),
		SCMP_SYS(futex), /* wakes those who sleep on a repaired object */
		SCMP_SYS(exit_group),
	};
	scmp_filter_ctx ctx;
	int r = 0;

	ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (!ctx)
		return -ENOSYS;		/* where the kernel has none; memory there is */
	for (unsigned int i = 0; i < sizeof(allowed) / sizeof(allowed[0]) && r == 0; i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, allowed[i], 0);
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
				     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	/* What libc makes of fstat(). */
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(newfstatat), 1,
				     SCMP_A3(SCMP_CMP_EQ, AT_EMPTY_PATH, 0));
	if (r == 0)
		r = seccomp_load(ctx);
	/* Not released: free(3) may call brk(2), and the process is short-lived. */
	return r;
}

int reaper_sandbox_enter(const char **ret_what)
{
	int r;

	*ret_what = "limit its resources";
	r = limits();
	if (r < 0)
		return r;
	*ret_what = "give up new privileges";
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	*ret_what = "give up system calls (seccomp)";
	return filter();
}
