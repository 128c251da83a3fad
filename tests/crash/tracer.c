/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tracer.h"

/*
 * Where its function begins and ends. Signals of two kinds, so that no other question than
 * waitpid() need be asked of a stop.
 */
#ifdef __x86_64__
#define BEGIN() __asm__ volatile("int3" ::: "memory")
#define END() __asm__ volatile("ud2" ::: "memory")
#else
#define BEGIN() raise(SIGTRAP)
#define END() raise(SIGILL)
#endif

static void die(const char *what)
{
	fprintf(stderr, "tracer: %s: %s\n", what, strerror(errno));
	exit(99);
}

#ifdef __has_feature
# if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#  define HAVE_SANITIZER 1
# endif
#endif

/* The processors that this process was given. */
static cpu_set_t allowed;

unsigned int tracer_n_cpus(void)
{
	if (CPU_COUNT(&allowed) == 0 && sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		die("sched_getaffinity");
	return (unsigned int)CPU_COUNT(&allowed);
}

void tracer_pin(unsigned int cpu)
{
	const unsigned int n = tracer_n_cpus();
	unsigned int nth = 0;
	cpu_set_t one;

	for (unsigned int i = 0; i < CPU_SETSIZE; i++) {
		if (!CPU_ISSET(i, &allowed) || nth++ != cpu % n)
			continue;
		CPU_ZERO(&one);
		CPU_SET(i, &one);
		/* Only speed hangs on it. */
		(void)!sched_setaffinity(0, sizeof(one), &one);
		return;
	}
}

const char *tracer_unusable(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(HAVE_SANITIZER)
	return "a sanitizer's code would be stepped, not ours";
#elif !defined(__x86_64__)
	/* A single step clears AArch64's exclusive monitor: LL/SC loops would never end. */
	return "single-stepping is implemented for x86-64 only";
#else
	int status;
	const pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid == 0)
		_exit(ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0);
	if (waitpid(pid, &status, 0) < 0)
		die("waitpid");
	return status == 0 ? NULL : "ptrace is not permitted";
#endif
}

/* Waits for the next stop. */
static void wait_stop(struct tracee *t)
{
	int status;

	for (;;) {
		if (waitpid(t->pid, &status, 0) == t->pid)
			break;
		if (errno != EINTR)
			die("waitpid");
	}
	if (!WIFSTOPPED(status)) {
		fprintf(stderr, "tracer: the child ended by itself, status %#x\n",
			(unsigned int)status);
		exit(99);
	}
	if (WSTOPSIG(status) == (SIGTRAP | 0x80))
		return;		/* of PTRACE_SYSCALL, by PTRACE_O_TRACESYSGOOD */
	t->finished = WSTOPSIG(status) == SIGILL;
	if (WSTOPSIG(status) != SIGTRAP && !t->finished) {
		fprintf(stderr, "tracer: the child got signal %d (%s) after %llu steps\n",
			WSTOPSIG(status), strsignal(WSTOPSIG(status)),
			(unsigned long long)t->n_steps);
		exit(99);
	}
}

void tracee_start(struct tracee *t, void (*run)(void *arg), void (*prepare)(void *arg), void *arg)
{
	*t = (struct tracee){ 0 };
	fflush(NULL);
	t->pid = fork();
	if (t->pid < 0)
		die("fork");
	if (t->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (prepare)
			prepare(arg);
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
			_exit(1);
		BEGIN();
		run(arg);
		END();
		_exit(0);
	}
	wait_stop(t);
	if (ptrace(PTRACE_SETOPTIONS, t->pid, NULL,
		   (void *)(PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD)) < 0)
		die("PTRACE_SETOPTIONS");
}

bool tracee_step(struct tracee *t)
{
	if (t->finished)
		return false;
	if (ptrace(PTRACE_SINGLESTEP, t->pid, NULL, NULL) < 0)
		die("PTRACE_SINGLESTEP");
	t->n_steps++;
	wait_stop(t);
	return true;
}

bool tracee_at_syscall(const struct tracee *t)
{
#ifdef __x86_64__
	struct user_regs_struct regs;
	long word;

	if (ptrace(PTRACE_GETREGS, t->pid, NULL, &regs) < 0)
		die("PTRACE_GETREGS");
	errno = 0;
	word = ptrace(PTRACE_PEEKTEXT, t->pid, (void *)regs.rip, NULL);
	return errno == 0 && (word & 0xffff) == 0x050f;	/* syscall */
#else
	(void)t;
	return true;
#endif
}

bool tracee_syscalls(struct tracee *t, uint64_t n)
{
	/* Each stops twice, before and behind. */
	for (uint64_t i = 0; i < 2 * n && !t->finished; i++) {
		if (ptrace(PTRACE_SYSCALL, t->pid, NULL, NULL) < 0)
			die("PTRACE_SYSCALL");
		wait_stop(t);
	}
	return !t->finished;
}

#ifdef __x86_64__
static bool set_debug_register(struct tracee *t, size_t number, unsigned long value)
{
	return ptrace(PTRACE_POKEUSER, t->pid,
		      (void *)(offsetof(struct user, u_debugreg) +
			       number * sizeof(unsigned long)),
		      (void *)value) == 0;
}
#endif

bool tracee_until_access(struct tracee *t, const void *word)
{
#ifdef __x86_64__
	/* Enabled, for reads and writes, 8 bytes. */
	const unsigned long control = 1 | 3UL << 16 | 2UL << 18;

	if (t->finished || !set_debug_register(t, 0, (unsigned long)(uintptr_t)word) ||
	    !set_debug_register(t, 7, control))
		return false;
	if (ptrace(PTRACE_CONT, t->pid, NULL, NULL) < 0)
		die("PTRACE_CONT");
	wait_stop(t);
	if (!set_debug_register(t, 7, 0))
		die("PTRACE_POKEUSER");
	return true;
#else
	(void)t;
	(void)word;
	return false;
#endif
}

void tracee_finish(struct tracee *t)
{
	if (t->finished)
		return;
	if (ptrace(PTRACE_CONT, t->pid, NULL, NULL) < 0)
		die("PTRACE_CONT");
	wait_stop(t);
}

void tracee_kill(struct tracee *t)
{
	int status;

	if (t->pid == 0)
		return;
	if (kill(t->pid, SIGKILL) < 0)
		die("kill");
	/* A last stop may still be on its way. */
	do {
		if (waitpid(t->pid, &status, 0) < 0)
			die("waitpid");
	} while (!WIFSIGNALED(status) && !WIFEXITED(status));
	t->pid = 0;
}
