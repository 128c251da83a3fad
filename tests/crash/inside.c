/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "inside.h"

#ifdef __x86_64__

#define TRAP_FLAG 0x100	/* of EFLAGS: SIGTRAP behind the next instruction */

bool inside_unusable(void)
{
	return false;
}

static struct {
	unsigned char *memory;
	size_t bytes;
	void (*visit)(void *data);
	void *data;
	bool before;		/* the store, not behind it */
} watch;

static void protect(int protection)
{
	if (mprotect(watch.memory, watch.bytes, protection) < 0) {
		perror("mprotect");
		exit(99);
	}
}

static greg_t *flags_of(void *context)
{
	return &((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL];
}

static void install(int signal, void (*handler)(int, siginfo_t *, void *), struct sigaction *old)
{
	const struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };

	if (sigaction(signal, &action, old) < 0) {
		perror("sigaction");
		exit(99);
	}
}

static void on_fault(int signal, siginfo_t *info, void *context)
{
	const uintptr_t at = (uintptr_t)info->si_addr - (uintptr_t)watch.memory;

	(void)signal;
	if (at >= watch.bytes) {
		/* A fault like any other: again, and this time it kills. */
		sigaction(SIGSEGV, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
		return;
	}
	if (watch.before)
		watch.visit(watch.data);
	protect(PROT_READ | PROT_WRITE);
	*flags_of(context) |= TRAP_FLAG;
}

static void on_stored(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)info;
	*flags_of(context) &= ~TRAP_FLAG;
	if (!watch.before)
		watch.visit(watch.data);
	protect(PROT_READ);
}

static void run_watched(void *memory, size_t bytes, void (*run)(void *arg), void *arg,
			void (*visit)(void *data), void *data, bool before)
{
	struct sigaction old_fault, old_trap;

	watch.memory = memory;
	watch.bytes = bytes;
	watch.visit = visit;
	watch.data = data;
	watch.before = before;
	install(SIGSEGV, on_fault, &old_fault);
	install(SIGTRAP, on_stored, &old_trap);
	protect(PROT_READ);
	run(arg);
	protect(PROT_READ | PROT_WRITE);
	sigaction(SIGSEGV, &old_fault, NULL);
	sigaction(SIGTRAP, &old_trap, NULL);
}

void inside_stores(void *memory, size_t bytes, void (*run)(void *arg), void *arg,
		   void (*visit)(void *data), void *data)
{
	run_watched(memory, bytes, run, arg, visit, data, false);
}

void inside_before_stores(void *memory, size_t bytes, void (*run)(void *arg), void *arg,
			  void (*visit)(void *data), void *data)
{
	run_watched(memory, bytes, run, arg, visit, data, true);
}

static struct {
	unsigned char *memory;
	size_t bytes;
	bool (*visit)(void *data);
	void *data;
} accesses;

static void on_access(int signal, siginfo_t *info, void *context)
{
	const uintptr_t at = (uintptr_t)info->si_addr - (uintptr_t)accesses.memory;

	(void)signal;
	if (at >= accesses.bytes) {
		sigaction(SIGSEGV, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
		return;
	}
	if (accesses.visit(accesses.data))
		*flags_of(context) |= TRAP_FLAG;
	if (mprotect(accesses.memory, accesses.bytes, PROT_READ | PROT_WRITE) < 0)
		exit(99);
}

static void on_accessed(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)info;
	*flags_of(context) &= ~TRAP_FLAG;
	if (mprotect(accesses.memory, accesses.bytes, PROT_NONE) < 0)
		exit(99);
}

void inside_accesses(void *memory, size_t bytes, void (*run)(void *arg), void *arg,
		     bool (*visit)(void *data), void *data)
{
	struct sigaction old_fault, old_trap;

	accesses.memory = memory;
	accesses.bytes = bytes;
	accesses.visit = visit;
	accesses.data = data;
	install(SIGSEGV, on_access, &old_fault);
	install(SIGTRAP, on_accessed, &old_trap);
	if (mprotect(memory, bytes, PROT_NONE) < 0)
		exit(99);
	run(arg);
	if (mprotect(memory, bytes, PROT_READ | PROT_WRITE) < 0)
		exit(99);
	sigaction(SIGSEGV, &old_fault, NULL);
	sigaction(SIGTRAP, &old_trap, NULL);
}

/* The breakpoint instruction, whose si_code is SI_KERNEL, begins and ends it. */
#define MARK() __asm__ volatile("int3" ::: "memory")

static void on_step(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	if (info->si_code == SI_KERNEL)
		*flags_of(context) ^= TRAP_FLAG;
	if (*flags_of(context) & TRAP_FLAG)
		watch.visit(watch.data);
}

void inside_step(void (*run)(void *arg), void *arg, void (*visit)(void *data), void *data)
{
	struct sigaction old;

	watch.visit = visit;
	watch.data = data;
	install(SIGTRAP, on_step, &old);
	MARK();
	run(arg);
	MARK();
	sigaction(SIGTRAP, &old, NULL);
}

#else

bool inside_unusable(void)
{
	printf("skipped: single-stepping is implemented for x86-64 only\n");
	return true;
}

void inside_accesses(void *memory, size_t bytes, void (*run)(void *arg), void *arg,
		     bool (*visit)(void *data), void *data)
{
	(void)memory, (void)bytes, (void)run, (void)arg, (void)visit, (void)data;
	abort();
}

void inside_before_stores(void *memory, size_t bytes, void (*run)(void *arg), void *arg,
			  void (*visit)(void *data), void *data)
{
	(void)memory, (void)bytes, (void)run, (void)arg, (void)visit, (void)data;
	abort();
}

/* tracer_unusable() or inside_unusable() has said so before anybody comes here. */
void inside_stores(void *memory, size_t bytes, void (*run)(void *arg), void *arg,
		   void (*visit)(void *data), void *data)
{
	(void)memory, (void)bytes, (void)run, (void)arg, (void)visit, (void)data;
	abort();
}

void inside_step(void (*run)(void *arg), void *arg, void (*visit)(void *data), void *data)
{
	(void)run, (void)arg, (void)visit, (void)data;
	abort();
}

#endif
