/* SPDX-License-Identifier: MIT */

/*
 * To be loaded before others into shmregctl doctor: what it is told then is not so, for what should
 * never be.
 *
 *	DOCTOR_LIBRARY	the version that the library has
 *	DOCTOR_GONE	the pid of a process that is not there
 */

#include <config.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <shmreg/connection.h>

const char *shmreg_version(void)
{
	const char *version = getenv("DOCTOR_LIBRARY");

	return version ? version : PACKAGE_VERSION;
}

__attribute__((visibility("default"))) int kill(pid_t pid, int signal)
{
	const char *gone = getenv("DOCTOR_GONE");

	if (gone && pid == atoi(gone)) {
		errno = ESRCH;
		return -1;
	}
	return (int)syscall(SYS_kill, pid, signal);
}
