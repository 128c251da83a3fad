/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include "syscalls.h"

void (*syscalls_before)(long number);
void (*syscalls_behind)(long number);

static void call(void (*hook)(long number), long number)
{
	const int error = errno;

	if (hook != NULL)
		hook(number);
	errno = error;
}

/* Instead of libc's. */
long syscall(long number, ...)
{
	static long (*real_syscall)(long number, ...);
	long a[6], r;
	va_list args;
	int i;

	va_start(args, number);
	for (i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	if (real_syscall == NULL)
		*(void **)&real_syscall = dlsym(RTLD_NEXT, "syscall");
	call(syscalls_before, number);
	r = real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
	call(syscalls_behind, number);
	return r;
}
