/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * forbidding COMMAND [ARGUMENT...] - a command without the system calls that containers may forbid
 *
 * They are not needed, or there is something in their place. Some container managers have -EPERM
 * for what they do not know, as here; libc takes only ENOSYS for a reason not to use clone3().
 */

#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_futex_waitv
# define SYS_futex_waitv 449
#endif

int main(int argc, char *argv[])
{
	static const int calls[] = {
		SYS_close_range, SYS_futex_waitv, SYS_get_mempolicy, SYS_kcmp, SYS_keyctl, SYS_mbind,
		SYS_mount, SYS_pidfd_getfd, SYS_process_vm_readv, SYS_ptrace, SYS_set_mempolicy,
		SYS_setns, SYS_unshare,
	};
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

	if (argc < 2) {
		fprintf(stderr, "usage: forbidding COMMAND [ARGUMENT...]\n");
		return EXIT_FAILURE;
	}
	for (size_t i = 0; filter && i < sizeof(calls) / sizeof(*calls); i++)
		if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), calls[i], 0) < 0)
			filter = NULL;
	if (!filter || seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SYS_clone3, 0) < 0 ||
	    seccomp_load(filter) < 0) {
		fprintf(stderr, "forbidding: no filter of system calls can be loaded\n");
		return EXIT_FAILURE;
	}
	execv(argv[1], argv + 1);
	perror(argv[1]);
	return EXIT_FAILURE;
}
