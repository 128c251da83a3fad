/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * instructions - how many instructions each fast path takes
 *
 *	shmregctl run -- ./instructions			print them
 *	shmregctl run -- ./instructions --check FILE	compare them with those in FILE
 *	shmregctl run -- ./instructions --update FILE	write them there
 *
 * What a machine does not repeat is time; what it does repeat is instructions. A child makes
 * the calls and stops before and after; between, this process lets it go on one instruction at
 * a time and counts those that are the program's or libshmreg's: libc's (memcpy()) are chosen
 * by the processor. Each operation is counted once for a few calls and once for CALLS more of
 * them; what is around the calls cancels out.
 *
 * FILE has a column for each compiler, since each makes its own code. Exit status: 0; 1 they
 * differ, or it could not be done; 77 there are no figures for this compiler or these
 * compiler flags, or no single-stepping here.
 */

#include <elf.h>
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "instructions.h"
#include "instructions-list.h"

#define CALLS 16
#define BEFORE 2	/* calls that are counted twice, so that a loop has been entered */
#define SKIPPED 77

static void stop(void)
{
	raise(SIGSTOP);
}

/* The child: every operation, with a stop on each side of what is to be counted. */
static void make_calls(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
		_exit(SKIPPED);
	instructions_open();
	for (const struct instructions_op *op = instructions_ops; op->name; op++) {
		/* Once without counting: what is resolved or fetched by a first call. */
		for (unsigned int round = 0; round < 3; round++) {
			const unsigned int n = round == 2 ? BEFORE + CALLS : BEFORE;
			int r = 0;

			if (op->prepare)
				op->prepare(n);
			if (round > 0)
				stop();
			for (unsigned int i = 0; i < n; i++)
				r |= op->one();
			if (round > 0)
				stop();
			if (r)
				errx(1, "%s failed", op->name);
		}
	}
	instructions_close();
	exit(0);
}

struct range {
	uintptr_t start, end;
};

/* Where the child has the code of the program and of libshmreg. */
static size_t code_ranges(pid_t child, struct range *ranges, size_t max)
{
	char path[64], line[512];
	size_t n = 0;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)child);
	maps = fopen(path, "re");
	if (!maps)
		err(1, "%s", path);
	while (n < max && fgets(line, sizeof(line), maps)) {
		uintptr_t start, end;
		char rights[8];

		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %7s", &start, &end, rights) == 3 &&
		    rights[2] == 'x' && (strstr(line, "libshmreg") || strstr(line, "instructions")))
			ranges[n++] = (struct range){ start, end };
	}
	fclose(maps);
	return n;
}

static uintptr_t program_counter(pid_t child)
{
	struct user_regs_struct regs;
	struct iovec io = { &regs, sizeof(regs) };

	if (ptrace(PTRACE_GETREGSET, child, (void *)NT_PRSTATUS, &io) < 0)
		err(1, "registers");
#if defined(__x86_64__)
	return regs.rip;
#elif defined(__aarch64__)
	return regs.pc;
#else
	return 0;
#endif
}

static bool counts(uintptr_t pc, const struct range *ranges, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (pc >= ranges[i].start && pc < ranges[i].end)
			return true;
	return false;
}

/* Return: as waitpid() says it; exits if the child has ended otherwise than with 0. */
static int await_stop(pid_t child)
{
	int status;

	if (waitpid(child, &status, 0) < 0)
		err(1, "waitpid");
	if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED) {
		puts("skipped: ptrace is not allowed here");
		exit(SKIPPED);
	}
	if (WIFSIGNALED(status) || (WIFEXITED(status) && WEXITSTATUS(status)))
		errx(1, "the process that is counted ended too soon");
	return status;
}

static void go_on(pid_t child)
{
	if (ptrace(PTRACE_CONT, child, NULL, 0) < 0)
		err(1, "ptrace");
}

/* From this stop to the next. */
static unsigned int count_steps(pid_t child)
{
	struct range ranges[16];
	const size_t n = code_ranges(child, ranges, sizeof(ranges) / sizeof(*ranges));
	unsigned int steps = 0;

	for (;;) {
		int status;

		/* Where it stands is the instruction that it makes now. */
		steps += counts(program_counter(child), ranges, n);
		if (ptrace(PTRACE_SINGLESTEP, child, NULL, 0) < 0)
			err(1, "ptrace");
		status = await_stop(child);
		if (!WIFSTOPPED(status))
			errx(1, "the process that is counted ended too soon");
		if (WSTOPSIG(status) == SIGSTOP)
			return steps;
		if (WSTOPSIG(status) != SIGTRAP)
			errx(1, "the process that is counted has got signal %d", WSTOPSIG(status));
	}
}

static void count_all(struct instructions_count *ret)
{
	const pid_t child = fork();

	if (child < 0)
		err(1, "fork");
	if (child == 0)
		make_calls();
	for (size_t i = 0; instructions_ops[i].name; i++) {
		unsigned int steps[2];

		for (size_t k = 0; k < 2; k++) {
			/* to the stop before the calls */
			if (!WIFSTOPPED(await_stop(child)))
				errx(1, "the process that is counted ended too soon");
			steps[k] = count_steps(child);
			go_on(child);
		}
		ret[i].name = instructions_ops[i].name;
		ret[i].sixteenths = steps[1] - steps[0];
	}
	await_stop(child);
}

int main(int argc, char **argv)
{
	const bool check = argc == 3 && strcmp(argv[1], "--check") == 0;
	const bool update = argc == 3 && strcmp(argv[1], "--update") == 0;
	struct instructions_count *found;
	size_t n = 0;

	if (argc != 1 && !check && !update) {
		fputs("usage: instructions [--check FILE | --update FILE]\n", stderr);
		return 2;
	}
#if !defined(__x86_64__) && !defined(__aarch64__)
	puts("skipped: it is not known here how this processor is single-stepped");
	return SKIPPED;
#endif
#ifdef __aarch64__
	/* Each step ends an exclusive access, which is tried until it succeeds. */
	if ((getauxval(AT_HWCAP) & HWCAP_ATOMICS) == 0) {
		puts("skipped: without atomic instructions steps would never end here");
		return SKIPPED;
	}
#endif
	if ((check || update) && !instructions_comparable())
		return SKIPPED;
	while (instructions_ops[n].name)
		n++;
	found = calloc(n, sizeof(*found));
	if (!found)
		err(1, "memory");
	count_all(found);
	if (check)
		return instructions_check(argv[2], found, n);
	if (update)
		return instructions_update(argv[2], found, n);
	for (size_t i = 0; i < n; i++)
		printf("%-28s %7.2f\n", found[i].name, found[i].sixteenths / 16.0);
	return 0;
}
