/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stepper.h"

static void stepper_child(const struct stepper *s)
{
	int r;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
		_exit(111);
	raise(SIGSTOP);
	r = s->run(s->data);
	raise(SIGSTOP);
	_exit(r == 0 ? 0 : 1);
}

static long stepper_loop(const struct stepper *s, pid_t child)
{
	int status, step_signal = 0;
	long n = 0;

	for (;;) {
		if (ptrace(PTRACE_SINGLESTEP, child, NULL, step_signal) < 0)
			return -errno;
		if (waitpid(child, &status, 0) < 0)
			return -errno;
		if (!WIFSTOPPED(status))
			return -ECHILD;
		if (WSTOPSIG(status) == SIGSTOP)
			return n;
		/* A fault is the child's own: let it have it and die. */
		step_signal = WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);
		n++;
		if (step_signal == 0)
			s->stepped(s->data, child);
	}
}

long stepper_run(const struct stepper *s)
{
	pid_t child;
	int status;
	long n;

#ifdef __aarch64__
	/* Each step ends an exclusive access, which is tried until it succeeds. */
	if ((getauxval(AT_HWCAP) & HWCAP_ATOMICS) == 0)
		return -EPERM;
#endif
	fflush(NULL);
	child = fork();
	if (child < 0)
		return -errno;
	if (child == 0)
		stepper_child(s);
	if (waitpid(child, &status, 0) < 0)
		return -errno;
	if (!WIFSTOPPED(status))
		return WIFEXITED(status) && WEXITSTATUS(status) == 111 ? -EPERM : -ECHILD;
	n = stepper_loop(s, child);
	if (n < 0) {
		kill(child, SIGKILL);
		waitpid(child, &status, 0);
		return n;
	}
	if (ptrace(PTRACE_CONT, child, NULL, 0) < 0 || waitpid(child, &status, 0) < 0)
		return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? n : -ECHILD;
}
