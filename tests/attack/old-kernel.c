/* SPDX-License-Identifier: MIT */
#include <config.h>

/* shmregd as on a Linux before 6.16, which has no SO_PASSRIGHTS. */

#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SO_PASSRIGHTS
# define SO_PASSRIGHTS 83
#endif

int main(int argc, char *argv[])
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

	(void)argc;
	if (!filter ||
	    seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOPROTOOPT), SCMP_SYS(setsockopt), 2,
			     SCMP_A1(SCMP_CMP_EQ, SOL_SOCKET),
			     SCMP_A2(SCMP_CMP_EQ, SO_PASSRIGHTS)) < 0 ||
	    seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOPROTOOPT), SCMP_SYS(getsockopt), 2,
			     SCMP_A1(SCMP_CMP_EQ, SOL_SOCKET),
			     SCMP_A2(SCMP_CMP_EQ, SO_PASSRIGHTS)) < 0 ||
	    seccomp_load(filter) < 0) {
		fprintf(stderr, "old-kernel: no filter of system calls can be loaded\n");
		return EXIT_FAILURE;
	}
	seccomp_release(filter);
	execv(SHMREGD, argv);
	perror(SHMREGD);
	return EXIT_FAILURE;
}
